"""What may be read stays so while lxml, which may share libxml2, parses in this process: it then has the library's hooks."""

import threading

import pytest
from lxml import etree

from compysition.actors import XSD, XSLT
from compysition.errors import InvalidEventDataModification, MalformedEventData
from compysition.event import XMLEvent, XMLParser
from tests.webserver import WebServer, response
from tests.xml.stylesheets import sheet

XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
FILES = {
    "part.xml": "<part>yes</part>",
    "rule.xsl": sheet("<part/>"),
    "a.xsd": f'<xs:schema {XS}><xs:element name="a"/></xs:schema>',
    "deep.xml": "<a>" * 300 + "</a>" * 300,
}


class Inside(etree.Resolver):
    """Calls a function while lxml parses."""

    def __init__(self, function):
        self.function = function

    def resolve(self, url, public, context):
        try:
            self.result = self.function()
        except Exception as error:
            self.result = error
        return self.resolve_string("<!ENTITY e 'x'>", context)


def inside_lxml(function):
    """What the function returns or raises in the middle of a parse."""
    resolver = Inside(function)
    parser = etree.XMLParser(load_dtd=True)
    parser.resolvers.add(resolver)
    etree.fromstring('<!DOCTYPE a SYSTEM "x.dtd"><a/>', parser)
    return resolver.result


@pytest.fixture(scope="module")
def server():
    server = WebServer(lambda request: response(FILES[request.path[1:]].encode()))
    yield server
    server.close()


@pytest.fixture(params=["files", "server"])
def place(request, server, tmp_path):
    """Where the files are, and what allows them to be read."""
    server.requests.clear()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return {
        "files": (str(tmp_path), {"allowed_paths": tmp_path}),
        "server": (server.url, {"allowed_urls": server.url}),
    }[request.param]


def transform(url, **kwargs):
    actor = XSLT("xslt", sheet(f"<r><xsl:copy-of select=\"document('{url}')\"/></r>"), **kwargs)
    source = etree.fromstring("<q/>")
    return lambda: actor.transform(source)[0].tag


def include(url, **kwargs):
    text = f'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:include href="{url}"/>'
    source = etree.fromstring("<q/>")
    return lambda: XSLT("xslt", text + "</xsl:stylesheet>", **kwargs).transform(source).tag


def include_schema(url, **kwargs):
    text = f'<xs:schema {XS}><xs:include schemaLocation="{url}"/></xs:schema>'
    return lambda: XSD("xsd", text, **kwargs).schema and "part"


def parse(url, **kwargs):
    cls = type("Parsed", (XMLEvent,), {"xml_parser": XMLParser(**kwargs)})
    text = f'<!DOCTYPE a [<!ENTITY e SYSTEM "{url}">]><a>&e;</a>'
    return lambda: cls(data=text).data[0].tag


READERS = {
    transform: ("part.xml", MalformedEventData),
    include: ("rule.xsl", etree.XSLTParseError),
    include_schema: ("a.xsd", etree.XMLSchemaParseError),
    parse: ("part.xml", InvalidEventDataModification),
}


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_SEC_1_nothing_else_is_read(place, read, tmp_path, server):
    base, _ = place
    name, error = READERS[read]
    elsewhere = tmp_path / "empty"
    elsewhere.mkdir()
    result = inside_lxml(read(f"{base}/{name}", allowed_paths=elsewhere))
    assert isinstance(result, error)
    assert f"Reading '{base}/{name}' is refused" in str(result)
    assert server.requests == []


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_what_is_allowed_is_read(place, read):
    base, allowed = place
    assert inside_lxml(read(f"{base}/{READERS[read][0]}", **allowed)) == "part"


def test_documents_keep_their_bounds(place):
    base, allowed = place
    assert "excessive depth" in str(inside_lxml(transform(f"{base}/deep.xml", **allowed)))
    assert inside_lxml(transform(f"{base}/deep.xml", huge=True, **allowed)) == "a"


def test_SEC_1_threads_that_parse_with_lxml_open_nothing(tmp_path):
    """They put the hook back that each found, which may be that of another."""
    (tmp_path / "part.xml").write_text("<part/>")
    text, done = "<a>" + "<b>x</b>" * 20_000 + "</a>", threading.Event()

    def parse_on():
        while not done.is_set():
            etree.fromstring(text)

    threads = [threading.Thread(target=parse_on) for _ in range(2)]
    actor = XSLT("xslt", sheet(f"<r><xsl:copy-of select=\"document('{tmp_path}/part.xml')\"/></r>"))
    source = etree.fromstring("<q/>")
    for thread in threads:
        thread.start()
    try:
        for _ in range(500):
            with pytest.raises(MalformedEventData, match="is refused"):
                actor.transform(source)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    with pytest.raises(MalformedEventData, match="is refused"):
        actor.transform(source)
