"""An HTTP server on loopback for tests of clients, with as bad manners as a test needs."""

import asyncio
import functools
import gc
import inspect
import ssl
import threading
import warnings

import trustme


class Request:
    """What came: method, path, headers (by lower-case name), body; connection counts from 1."""

    def __init__(self, line, headers, body, connection):
        self.method, self.path, _ = line.split(" ", 2)
        self.headers, self.body, self.connection = headers, body, connection


def response(body=b"", status="200 OK", **headers):
    """The bytes of a response; content_type=... becomes Content-Type."""
    fields = {"Content-Length": len(body)}
    fields.update({name.replace("_", "-").title(): value for name, value in headers.items()})
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + (body if type(body) is bytes else b"")


class WebServer:
    """Answers each request with the bytes that ``answer(request)`` returns, then closes unless they say a length.

    ``answer`` may be a coroutine function, which runs in the server's own loop, and may return None to
    close at once. ``requests`` has all that came, ``most`` the most connections at once.
    """

    def __init__(self, answer, tls=None):
        self.answer, self.tls = answer, tls
        self.requests = []
        self.connections = self.open = self.most = 0
        self._loop = asyncio.new_event_loop()
        self._tasks = set()  # asyncio itself does not keep them
        self._writers = []
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls, backlog=2048)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self.host = f"{'localhost' if tls else '127.0.0.1'}:{self.port}"
        self.url = f"http{'s' if tls else ''}://{self.host}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, function):
        """Run it in the server's loop."""
        self._loop.call_soon_threadsafe(function)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(30)
        self.call(self._loop.stop)
        self._thread.join(30)
        self._loop.close()
        self._forget()

    def _forget(self):
        """asyncio gives no way to close what it is about to accept, or in the middle of a handshake."""
        self._loop = self._server = self._writers = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect(1)  # it is young

    async def _close(self):
        self._server.close()
        await self._turns()  # what was accepted last gets a transport, which can be closed
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in self._writers:  # a client may not have read everything
            writer.transport.abort()
        await self._turns()  # what was closed is closed in the loop's next turns

    async def _turns(self):
        for _ in range(5):
            await asyncio.sleep(0)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        self._writers.append(writer)
        self.connections += 1
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await self._serve_requests(reader, writer, self.connections)
        except (OSError, EOFError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()

    async def _serve_requests(self, reader, writer, connection):
        while True:
            request = await self._read(reader, connection)
            self.requests.append(request)
            answer = self.answer(request)
            if inspect.isawaitable(answer):
                answer = await answer
            if answer is None:
                return
            writer.write(answer)
            await writer.drain()
            if b"ontent-Length" not in answer and b"ransfer-Encoding" not in answer:
                return

    async def _read(self, reader, connection):
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = (line.split(":", 1) for line in lines[1:] if line)
        headers = {name.lower(): value.strip() for name, value in fields}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Request(lines[0], headers, body, connection)


@functools.cache
def authority():
    """A certificate authority of our own."""
    return trustme.CA()


def server_context(name="localhost", client_ca=None):
    """TLS of a server with a certificate for that name; with client_ca it asks for one of the client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(name).configure_cert(context)
    if client_ca is not None:
        client_ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
