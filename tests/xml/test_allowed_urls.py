"""allowed_urls and huge: what texts, stylesheets and schemas may read from web servers, and what is refused even then."""

import asyncio
import socket
import time

import pytest
from lxml import etree

import compysition
from compysition import Queue, _core
from compysition.actors import XSD, XSLT
from compysition.errors import InvalidEventDataModification
from compysition.event import Event, XMLEvent, XMLParser
from tests.flows import Collect, quiet_director
from tests.waiting import wait_until
from tests.webserver import WebServer, response, server_context
from tests.xml.stylesheets import sheet

XSL = 'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'
XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
TEN_MB = 10_000_000

PAGES = {
    "/a/part.xml": "<part>yes</part>",
    "/a/order.dtd": '<!ENTITY e "loaded">',
    "/a/main.xsl": f'<xsl:stylesheet {XSL} version="1.0"><xsl:include href="sub/rule.xsl"/></xsl:stylesheet>',
    "/a/sub/rule.xsl": f'<xsl:stylesheet {XSL} version="1.0"><xsl:template match="/"><r/></xsl:template></xsl:stylesheet>',
    "/a/types.xsd": f'<xs:schema {XS}><xs:include schemaLocation="sub/a.xsd"/></xs:schema>',
    "/a/sub/a.xsd": f'<xs:schema {XS}><xs:element name="a" type="xs:int"/></xs:schema>',
    "/a/deep.xml": "<a>" * 300 + "</a>" * 300,
    "/a/deeper.xml": "<a>" * 2049 + "</a>" * 2049,
    "/a/broken.xml": "<a>",
    "/a/empty.xml": "",
    "/ab/part.xml": "<secret/>",
    "/secret.xml": "<secret/>",
}
REDIRECTS = {
    "/a/moved": "/a/part.xml",
    "/a/out": "/secret.xml",
    "/a/up": "../secret.xml",
    "/a/loop": "/a/loop",
    "/a/ftp": "ftp://127.0.0.1/a/part.xml",
    "/a/file": "file:///etc/passwd",
    "/a/sub": "/a/main.xsl",
}


def answer(request):
    path = request.path.partition("?")[0]
    if path in REDIRECTS:
        return response(status="302 Found", location=REDIRECTS[path])
    if path == "/a/large.xml":
        return response(b"<a>" + b"x" * (TEN_MB - 6) + b"</a>")
    if path == "/a/slow.xml":
        return asyncio.sleep(60)
    if path in PAGES:
        return response(PAGES[path].encode(), content_type="text/xml")
    return response(status="404 Not Found")


@pytest.fixture(scope="module")
def server():
    server = WebServer(answer)
    yield server
    server.close()


@pytest.fixture
def url(server):
    """The server's; what it was asked before is forgotten."""
    server.requests.clear()
    return server.url


def fetch(url, allowed, seconds=5, huge=False):
    return _core._fetch(url, allowed, seconds, huge)


def refusal(url, allowed, **kwargs):
    """Why it is not read."""
    with pytest.raises(OSError, match=r"^Reading '") as caught:
        fetch(url, allowed, **kwargs)
    return str(caught.value)


def reading(url):
    return sheet(f"<a><xsl:copy-of select=\"document('{url}')\"/></a>")


# ---- prefixes ----


def test_what_is_below_a_prefix_is_read(url):
    part = PAGES["/a/part.xml"].encode()
    for allowed in (
        url,
        f"{url}/",
        f"{url}/a",
        f"{url}/a/",
        f"{url}/a/part.xml",
        ["http://x/", url],
    ):
        assert fetch(f"{url}/a/part.xml", allowed) == (part, f"{url}/a/part.xml")


@pytest.mark.parametrize(
    "path", ["/%61/part.xml", "/a/%70art.xml", "/b/../a/part.xml", "/a/./part.xml"]
)
def test_paths_are_compared_in_their_normal_form(url, path):
    server_has = "?" in path or "%" not in path
    if server_has:
        assert fetch(url + path, f"{url}/a/")[0] == b"<part>yes</part>"
    else:  # this server decodes nothing, but it was asked
        assert "404" in refusal(url + path, f"{url}/a/")
    assert fetch(f"{url}/a/part.xml?x=/../..", f"{url}/%61/")[0] == b"<part>yes</part>"


@pytest.mark.parametrize(
    "wanted",
    [
        "{url}/",
        "{url}/ab/part.xml",
        "{url}/a",
        "{url}/A/part.xml",
        "{url}.evil/a/part.xml",
        "{url}@evil/a/part.xml",
        "http://user@{host}/a/part.xml",
        "http://user:word@{host}/a/part.xml",
        "http://evil\\@{host}/a/part.xml",
        "http://evil#@{host}/a/part.xml",
        "https://{host}/a/part.xml",
        "http://127.0.0.1/a/part.xml",
        "http://127.0.0.1:1{port}/a/part.xml",
        "http://127.0.0.1.:{port}/a/part.xml",
        "http://[::ffff:127.0.0.1]:{port}/a/part.xml",
        "http://localhost:{port}/a/part.xml",
        "{url}/a/../secret.xml",
        "{url}/a/..",
        "{url}/a/%2e%2e/secret.xml",
        "{url}/a/.%2E/secret.xml",
        "{url}/a/..%2Fsecret.xml",
        "{url}/a/%2e%2e%2fsecret.xml",
        "{url}/a/..%5Csecret.xml",
        "{url}/a/..\\secret.xml",
        "{url}/a/..;/secret.xml",
        "{url}/a/..;x=1/secret.xml",
        "{url}/a/%2e%2e;/secret.xml",
        "{url}/a/part%00.xml",
        "{url}//a/part.xml",
        "ftp://{host}/a/part.xml",
        "file:///etc/passwd",
        "gopher://{host}/a/",
        "//{host}/a/part.xml",
        "/etc/passwd",
        "",
        "http://",
        "http:///a/",
    ],
)
def test_nothing_else_is_read(server, url, wanted):
    wanted = wanted.format(url=url, host=server.host, port=server.port)
    assert "' is refused: it is not below allowed_urls" in refusal(wanted, f"{url}/a/")
    assert server.requests == []


def test_the_case_of_schemes_and_hosts_does_not_matter(server, url):
    wanted = f"HTTP://LOCALHOST:{server.port}/a/part.xml"
    assert fetch(wanted, f"http://localhost:{server.port}/a")[0] == b"<part>yes</part>"
    assert fetch(f"http://2130706433:{server.port}/a/part.xml", url)[0] == b"<part>yes</part>"


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "/a",
        "a",
        "127.0.0.1/a",
        "ftp://host/",
        "file:///a",
        "http://",
        "http://user@host/",
        "http://host/?a",
        "http://host/#a",
        "http://host/%2e%2e/",
        "http://host:99999/",
        "http://h\u00e4st/",
        "http://host/\0",
    ],
)
def test_what_is_no_prefix_is_refused(prefix):
    for make in (
        XMLParser,
        lambda **kwargs: XSLT("xslt", reading("a"), **kwargs),
        lambda **kwargs: XSD("xsd", f"<xs:schema {XS}/>", **kwargs),
    ):
        with pytest.raises(ValueError, match="is no prefix for allowed_urls"):
            make(allowed_urls=[prefix])
        with pytest.raises(TypeError):
            make(allowed_urls=5)
        with pytest.raises(TypeError):
            make(allowed_urls=[b"http://host/"])


# ---- what servers do ----


def test_redirects_are_followed_below_the_prefixes(server, url):
    assert fetch(f"{url}/a/moved", f"{url}/a/") == (b"<part>yes</part>", f"{url}/a/part.xml")
    for path in ("out", "up", "ftp", "file"):
        server.requests.clear()
        message = refusal(f"{url}/a/{path}", f"{url}/a/")
        assert f"Reading '{url}/a/{path}' is refused: it is redirected to '" in message
        assert message.endswith("', which is not below allowed_urls")
        assert len(server.requests) == 1
    assert "redirected more than 5 times" in refusal(f"{url}/a/loop", url)


def test_what_is_too_large_is_refused(url):
    assert len(fetch(f"{url}/a/large.xml", url, huge=True)[0]) == TEN_MB + 1
    assert f"is refused: it has more than {TEN_MB} bytes, which huge=True allows" in refusal(
        f"{url}/a/large.xml", url
    )


def test_slow_servers_are_not_waited_for_long(url):
    start = time.monotonic()
    assert refusal(f"{url}/a/slow.xml", url, seconds=0.2).endswith(
        "failed: it took longer than 0.2 seconds"
    )
    assert time.monotonic() - start < 5


def test_other_answers_are_errors(url):
    assert "failed: the server answers with status 404" in refusal(f"{url}/a/none.xml", url)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "' failed: " in refusal(f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port}/")


def test_certificates_are_verified():
    server = WebServer(answer, tls=server_context())
    try:
        message = refusal(f"{server.url}/a/part.xml", server.url)
        assert "ertificate" in message
        assert server.requests == []
    finally:
        server.close()


# ---- events ----


def parse(text, parser):
    return type("Parsed", (XMLEvent,), {"xml_parser": parser})(data=text).data_string()


def test_the_settings_of_parsers(url):
    parser = XMLParser(allowed_urls=[f"{url}/a", "HTTPS://Example.org/%41/"])
    assert parser.allowed_urls == (f"{url}/a", "https://example.org:443/A/")
    assert (parser.allowed_paths, parser.huge, XMLParser().allowed_urls) == ((), False, ())


def test_entities_and_document_types_of_a_server(url):
    entity = f'<!DOCTYPE a [<!ENTITY e SYSTEM "{url}/a/part.xml">]><a>&e;</a>'
    document_type = f'<!DOCTYPE a SYSTEM "{url}/a/order.dtd"><a>&e;</a>'
    parser = XMLParser(allowed_urls=f"{url}/a/")
    assert parse(entity, parser) == "<a><part>yes</part></a>"
    assert parse(document_type, parser) == "<a>loaded</a>"
    for text in (entity.replace("/a/part", "/ab/part"), document_type.replace("/a/", "/")):
        with pytest.raises(InvalidEventDataModification, match="it is not below allowed_urls"):
            parse(text, parser)
    with pytest.raises(InvalidEventDataModification, match="it is not below allowed_paths"):
        parse('<!DOCTYPE a [<!ENTITY e SYSTEM "/etc/passwd">]><a>&e;</a>', parser)


def test_servers_alone_do_not_open_files_nor_files_servers(url, tmp_path):
    with pytest.raises(InvalidEventDataModification, match="it is not below allowed_urls"):
        parse(f'<!DOCTYPE a SYSTEM "{url}/a/order.dtd"><a/>', XMLParser(tmp_path))


def test_other_threads_run_while_a_server_is_waited_for(server, url):
    """The server itself is one."""
    assert parse(f'<!DOCTYPE a SYSTEM "{url}/a/order.dtd"><a>&e;</a>', XMLParser(allowed_urls=url))
    XSLT("xslt", sheet("<r/>", f'<xsl:import href="{url}/a/main.xsl"/>'), allowed_urls=url)
    XSD(
        "xsd",
        f'<xs:schema {XS}><xs:include schemaLocation="{url}/a/types.xsd"/></xs:schema>',
        allowed_urls=url,
    )
    assert [request.path for request in server.requests] == [
        "/a/order.dtd",
        "/a/main.xsl",
        "/a/sub/rule.xsl",
        "/a/types.xsd",
        "/a/sub/a.xsd",
    ]


# ---- stylesheets ----


def transformed(wrap, url, **kwargs):
    """The result; or the error's message."""
    actor = XSLT("xslt", reading(url), **kwargs)
    results = Queue("results")
    actor.pool.outbound.add("results", queue=results)
    actor.pool.error.add("results", queue=results)
    wrap(actor, output_queues=[], error_queues=[]).input = XMLEvent(data="<q/>")
    event = results.get(block=True, timeout=20)
    return event.data[0].tag if event.error is None else event.error.message[0]


def test_SEC_1_stylesheets_read_from_allowed_servers(server, url, wrap):
    assert transformed(wrap, f"{url}/a/part.xml", allowed_urls=f"{url}/a") == "part"
    server.requests.clear()
    for kwargs in ({}, {"allowed_paths": "/"}, {"allowed_urls": f"{url}/b"}):
        assert (
            transformed(wrap, f"{url}/a/part.xml", **kwargs)
            == f"Reading '{url}/a/part.xml' is refused: it is not below allowed_urls"
        )
    assert server.requests == []
    for path in ("out", "none.xml", "empty.xml"):
        message = transformed(wrap, f"{url}/a/{path}", allowed_urls=f"{url}/a")
        assert message.replace("'", "").startswith(f"Reading {url}/a/{path} ")


def test_relative_names_start_where_a_document_was_found(server, url):
    actor = XSLT(
        "xslt",
        f'<xsl:stylesheet {XSL} version="1.0"><xsl:include href="{url}/a/sub"/></xsl:stylesheet>',
        allowed_urls=url,
    )
    assert actor.transform(etree.fromstring("<a/>")).tag == "r"
    assert server.requests[-1].path == "/a/sub/rule.xsl"


def test_errors_of_what_a_server_has_are_those_of_the_stylesheet(url):
    """Reported through globals of libxslt, which the thread lends while it waits."""
    text = sheet("<r/>", f'<xsl:include href="{url}/a/sub/rule.xsl"/><xsl:nonsense/>')
    with pytest.raises(etree.XSLTParseError, match="nonsense"):
        XSLT("xslt", text, allowed_urls=url)
    with pytest.raises(etree.XSLTParseError, match=r"is not below allowed_urls"):
        XSLT("xslt", text, allowed_urls=f"{url}/b")


def test_the_loop_goes_on_while_a_stylesheet_waits(server, url):
    """A stop past its deadline breaks the wait off."""
    director = quiet_director(stop_timeout=0)
    slow = director.register_actor(XSLT, "slow", reading(f"{url}/a/slow.xml"), allowed_urls=url)
    end = director.register_actor(Collect, "end")
    director.connect_queue(slow, end)
    slow_inbox, end_inbox = Queue("slow"), Queue("end")
    slow.register_consumer("inbox", slow_inbox)
    end.register_consumer("other", end_inbox)
    director.start(block=False)
    slow_inbox.put(XMLEvent(data="<a/>"))
    wait_until(lambda: server.requests, pause=compysition.sleep)
    end_inbox.put(Event(data=1))
    wait_until(lambda: end.data == [1], pause=compysition.sleep)
    start = time.monotonic()
    director.stop()
    assert director.stats()["events"]["reported"] == 1
    assert time.monotonic() - start < 5


# ---- schemas ----


def test_SEC_1_schemas_read_from_allowed_servers(server, url, wrap):
    schema = f'<xs:schema {XS}><xs:include schemaLocation="{url}/a/types.xsd"/></xs:schema>'
    wrapper = wrap(XSD("xsd", schema, allowed_urls=f"{url}/a"))
    wrapper.input = XMLEvent(data="<a>5</a>")
    assert wrapper.output.data_string() == "<a>5</a>"
    wrapper.input = XMLEvent(data="<a>x</a>")
    assert "xs:int" in str(wrapper.error.error)
    server.requests.clear()
    for kwargs in ({}, {"allowed_paths": "/"}, {"allowed_urls": f"{url}/a/types.xsd/"}):
        with pytest.raises(
            etree.XMLSchemaParseError, match=r"types\.xsd' is refused: it is not below allowed_urls"
        ):
            XSD("xsd", schema, **kwargs)
    assert server.requests == []


def test_hints_of_documents_are_not_followed(server, url, wrap):
    xsi = "http://www.w3.org/2001/XMLSchema-instance"
    wrapper = wrap(XSD("xsd", PAGES["/a/sub/a.xsd"], allowed_urls=url))
    wrapper.input = XMLEvent(
        data=f'<a xmlns:i="{xsi}" i:noNamespaceSchemaLocation="{url}/a/types.xsd">1</a>'
    )
    assert wrapper.output or wrapper.error
    assert server.requests == []


# ---- sizes ----


@pytest.mark.parametrize("where", ["server", "file"])
def test_what_a_stylesheet_reads_has_bounds(url, wrap, tmp_path, where):
    for name in ("deep.xml", "deeper.xml", "broken.xml"):
        (tmp_path / name).write_text(PAGES[f"/a/{name}"])
    base, kwargs = {
        "server": (f"{url}/a", {"allowed_urls": url}),
        "file": (tmp_path, {"allowed_paths": tmp_path}),
    }[where]
    strict, huge = (
        {
            name: transformed(wrap, f"{base}/{name}.xml", huge=huge, **kwargs)
            for name in ("deep", "deeper", "broken")
        }
        for huge in (False, True)
    )
    assert strict["deep"] == (
        f"Reading {base}/deep.xml is refused: excessive depth at 'a': more than 256 levels need huge=True"
    )
    assert "excessive depth" in strict["deeper"]
    assert huge["deep"] == "a"
    assert "excessive depth at 'a'" in huge["deeper"]
    assert f"Reading {base}/broken.xml failed: " in strict["broken"]
    assert f"Reading {base}/broken.xml failed: " in huge["broken"]


def test_stylesheets_have_bounds(tmp_path):
    deep = sheet("<a>" * 300 + "</a>" * 300)
    (tmp_path / "deep.xsl").write_text(deep)
    include = sheet("<r/>", f'<xsl:include href="{tmp_path}/deep.xsl"/>')
    for text in (deep, include):
        with pytest.raises(
            etree.LxmlError, match=r"xcessive depth .*: more than 256 levels need huge=True"
        ):
            XSLT("xslt", text, allowed_paths=tmp_path)
        XSLT("xslt", text, allowed_paths=tmp_path, huge=True)
    with pytest.raises(etree.LxmlError, match="xcessive depth in document"):
        XSLT("xslt", sheet("<a>" * 2048 + "</a>" * 2048), huge=True)


def test_schemas_have_bounds(tmp_path):
    groups = "<xs:sequence>" * 300 + "</xs:sequence>" * 300
    deep = f'<xs:schema {XS}><xs:complexType name="t">{groups}</xs:complexType></xs:schema>'
    (tmp_path / "deep.xsd").write_text(deep)
    include = f'<xs:schema {XS}><xs:include schemaLocation="{tmp_path}/deep.xsd"/></xs:schema>'
    for text in (deep, include):
        with pytest.raises(
            etree.LxmlError, match=r"xcessive depth .*: more than 256 levels need huge=True"
        ):
            XSD("xsd", text, allowed_paths=tmp_path)
        XSD("xsd", text, allowed_paths=tmp_path, huge=True)
