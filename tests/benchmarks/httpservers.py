"""Servers that answer the same requests: ``python -m tests.benchmarks.httpservers NAME PORT``.

Each takes a JSON document, parses it and answers with {"data": <the document>}.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

BODY = b'{"name": "value", "list": [1, 2, 3], "nested": {"a": true}}'
ANSWER = b'{"data": ' + BODY + b"}"
NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 12000; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{ default_type application/json; return 200 '{answer}'; }}
    }}
}}
"""
NODE = """
const answer = (response, document) => {
    const body = JSON.stringify({data: document});
    response.writeHead(200, {'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body)});
    response.end(body);
};
require('http').createServer((request, response) => {
    const parts = [];
    request.on('data', part => parts.push(part));
    request.on('end', () => answer(response, JSON.parse(Buffer.concat(parts))));
}).listen(PORT, '127.0.0.1', 4096);
"""


def circle(port, *classes_and_arguments):
    """HTTP -> actors -> HTTP."""
    from compysition import Director
    from compysition.actors import HTTPServer

    director = Director(log_level="ERROR", generate_blockdiag=False)
    server = director.register_actor(HTTPServer, "http", "127.0.0.1", port, max_connections=20_000)
    first = last = None
    for number, (cls, *arguments) in enumerate(classes_and_arguments):
        actor = director.register_actor(cls, f"actor{number}", *arguments)
        if last is None:
            first = actor
        else:
            director.connect_queue(last, actor)
        last = actor
    director.connect_queue((server, "x"), first)
    director.connect_queue(last, server)
    director.connect_error_queue(last, server)
    director.start()


def python_actor(port):
    from compysition import Actor
    from compysition.event import JSONHttpEvent

    class Echo(Actor):
        input = output = JSONHttpEvent

        def consume(self, event, *args, **kwargs):
            self.send_event(event)

    circle(port, (Echo,))


def c_actors(port):
    from compysition.actors import FlowController

    circle(port, (FlowController,), (FlowController,))


def xslt_actor(port):
    from compysition.actors import XSLT
    from tests.benchmarks.xml_pipeline import SHEET

    circle(port, (XSLT, SHEET))


def gevent_bottle(port):
    import bottle
    from gevent.pywsgi import WSGIServer

    @bottle.post("/x")
    def echo():
        return {"data": bottle.request.json}

    WSGIServer(("127.0.0.1", port), bottle.default_app(), backlog=4096, log=None).serve_forever()


async def asgi(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    answer = json.dumps({"data": json.loads(body)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def uvicorn_asgi(port):
    import uvicorn

    uvicorn.run(
        asgi,
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="critical",
        access_log=False,
        backlog=4096,
    )


def wsgi(environ, start_response):
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    answer = json.dumps({"data": json.loads(body)}).encode()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    )
    return [answer]


def fastwsgi_wsgi(port):
    import fastwsgi

    fastwsgi.run(wsgi, host="127.0.0.1", port=port)


def bjoern_wsgi(port):
    import bjoern

    bjoern.run(wsgi, "127.0.0.1", port)


def nginx_constant(port):
    folder = tempfile.mkdtemp()
    config = pathlib.Path(folder, "nginx.conf")
    config.write_text(NGINX.format(folder=folder, port=port, answer=ANSWER.decode()))
    os.execvp("nginx", ["nginx", "-c", str(config), "-p", folder])


def node_http(port):
    os.execvp("node", ["node", "-e", NODE.replace("PORT", str(port))])


SERVERS = {
    function.__name__: function
    for function in (
        python_actor,
        c_actors,
        xslt_actor,
        gevent_bottle,
        uvicorn_asgi,
        fastwsgi_wsgi,
        bjoern_wsgi,
        nginx_constant,
        node_http,
    )
}


def start(name, port, core, module=__name__):
    """Start one of a module on a processor; the process."""
    return subprocess.Popen(
        ["taskset", "-c", str(core), sys.executable, "-m", module, name, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    SERVERS[sys.argv[1]](int(sys.argv[2]))
