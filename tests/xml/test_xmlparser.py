"""XMLParser: what may be allowed for the text of events, and what is refused even then."""

import os

import pytest

from compysition.actors import XSD, XSLT
from compysition.errors import InvalidEventDataModification
from compysition.event import Event, JSONEvent, XMLEvent, XMLHttpEvent, XMLParser
from tests.xml.stylesheets import sheet


@pytest.fixture
def folder(tmp_path):
    """An allowed folder, and a secret beside it."""
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "part.xml").write_text("<part>yes</part>")
    (allowed / "order.dtd").write_text(
        '<!ENTITY % more SYSTEM "more.ent">%more;<!ENTITY e "loaded"><!ATTLIST a b CDATA "default">'
    )
    (allowed / "more.ent").write_text('<!ENTITY f "more">')
    (tmp_path / "secret.xml").write_text("<secret/>")
    (allowed / "link.xml").symlink_to(tmp_path / "secret.xml")
    return allowed


def parse(text, parser, base=XMLEvent):
    """The data_string() of an event of a class with that parser."""
    cls = type("Parsed", (base,), {"xml_parser": parser})
    return cls(data=text).data_string()


def refusal(text, parser, base=XMLEvent):
    with pytest.raises(InvalidEventDataModification) as caught:
        parse(text, parser, base)
    return caught.value.message[0]


def entity(name, content="<a>&e;</a>"):
    return f'<!DOCTYPE a [<!ENTITY e SYSTEM "{name}">]>{content}'


def nested(levels, width):
    """Entities within entities, each with `width` levels of elements."""
    entities = '<!ENTITY e0 "x">' + "".join(
        f'<!ENTITY e{i + 1} "{"<a>" * width}&e{i};{"</a>" * width}">' for i in range(levels)
    )
    return f"<!DOCTYPE a [{entities}]><a>&e{levels};</a>"


def bomb(levels, width, text="ha"):
    entities = f'<!ENTITY e0 "{text}">' + "".join(
        f'<!ENTITY e{i + 1} "{f"&e{i};" * width}">' for i in range(levels)
    )
    return f"<!DOCTYPE a [{entities}]><a>&e{levels};</a>"


# ---- the settings ----


def test_by_default_nothing_is_allowed(folder):
    assert XMLEvent.xml_parser is None
    assert XMLHttpEvent.xml_parser is None
    parser = XMLParser()
    assert (parser.allowed_paths, parser.huge) == ((), False)
    for strict in (None, parser):
        assert "External entity 'e' refused" in refusal(entity(f"{folder}/part.xml"), strict)


def test_settings(folder, tmp_path):
    assert XMLParser(folder).allowed_paths == (str(folder),)
    assert XMLParser([folder, str(tmp_path)], huge=True).allowed_paths == (
        str(folder),
        str(tmp_path),
    )
    assert XMLParser(huge=True).huge is True
    with pytest.raises(FileNotFoundError):
        XMLParser(folder / "none")
    with pytest.raises(TypeError):
        XMLParser(5)
    with pytest.raises(TypeError):
        XMLParser(folder, True)


def test_another_value_is_no_parser(folder):
    assert "xml_parser of Parsed must be an XMLParser, not str" in refusal("<a/>", str(folder))


def test_an_attribute_of_the_event_allows_nothing(folder):
    """It may have come from outside."""
    event = XMLEvent(xml_parser=XMLParser(folder))
    with pytest.raises(InvalidEventDataModification, match="External entity 'e' refused"):
        event.data = entity(f"{folder}/part.xml")


# ---- what is read ----


@pytest.mark.parametrize("base", [XMLEvent, XMLHttpEvent])
@pytest.mark.parametrize("form", ["relative", "absolute", "URL"])
def test_entities_below_the_folder_are_read(folder, base, form):
    part = folder / "part.xml"
    name = {"relative": "part.xml", "absolute": str(part), "URL": part.as_uri()}[form]
    text = entity(name)
    for data in (text, text.encode()):
        assert parse(data, XMLParser(folder), base) == "<a><part>yes</part></a>"


def test_a_folder_may_have_any_name(tmp_path):
    folder = tmp_path / "some files 100% ä"
    folder.mkdir()
    (folder / "part.xml").write_text("<part/>")
    for name in ("part.xml", (folder / "part.xml").as_uri()):
        assert parse(entity(name), XMLParser(folder)) == "<a><part/></a>"


def test_document_types_below_the_folder_are_read(folder):
    text = '<!DOCTYPE a SYSTEM "order.dtd"><a>&e;&f;</a>'
    made = parse(text, XMLParser(folder))
    assert made == '<a b="default">loadedmore</a>'
    assert "Entity 'e' not defined" in refusal(text, None)


def test_parameter_entities_below_the_folder_are_read(folder):
    text = '<!DOCTYPE a [<!ENTITY % p SYSTEM "more.ent">%p;]><a>&f;</a>'
    assert parse(text, XMLParser(folder)) == "<a>more</a>"
    assert "External entity '%p' refused" in refusal(text, None)


def test_what_was_read_leaves_nothing_behind(folder):
    cls = type("Parsed", (XMLEvent,), {"xml_parser": XMLParser(folder)})
    event = cls(data='<!DOCTYPE a SYSTEM "order.dtd"><a>&e;</a>')
    assert event.data.getroottree().docinfo.doctype == ""
    assert event.clone().convert(JSONEvent).data == {"a": {"@b": "default", "#text": "loaded"}}


def test_conversions_parse_by_the_class_they_make(folder):
    cls = type("Parsed", (XMLEvent,), {"xml_parser": XMLParser(folder)})
    event = Event(data=entity("part.xml"))
    assert event.convert(cls).data_string() == "<a><part>yes</part></a>"
    with pytest.raises(InvalidEventDataModification, match="External entity 'e' refused"):
        event.convert(XMLEvent)


def test_jobs_parse_by_the_class_they_make(folder, wrap):
    """The first event of an actor is parsed in the thread pool."""
    cls = type("Parsed", (XMLEvent,), {"xml_parser": XMLParser(folder)})
    actor = type("Own", (XSLT,), {"input": cls})("xslt", sheet('<r><xsl:copy-of select="*"/></r>'))
    wrapper = wrap(actor)
    wrapper.input = Event(data=entity("part.xml"))
    assert "<a><part>yes</part></a>" in wrapper.output.data_string()
    strict = wrap(XSLT("strict", sheet('<r><xsl:copy-of select="*"/></r>')))
    strict.input = Event(data=entity("part.xml"))
    assert "External entity 'e' refused" in str(strict.error.error)


def test_stylesheets_and_schemas_may_have_entities_below_their_paths(folder):
    head = '<!DOCTYPE x [<!ENTITY e SYSTEM "rule.ent">]>'
    xsl = 'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'
    (folder / "rule.ent").write_text(f'<xsl:template {xsl} match="/"><r/></xsl:template>')
    (folder / "sheet.xsl").write_text(
        f'{head}<xsl:stylesheet {xsl} version="1.0">&e;</xsl:stylesheet>'
    )
    actor = XSLT("xslt", folder / "sheet.xsl", allowed_paths=folder)
    assert actor.transform(XMLEvent(data="<a/>").data).tag == "r"
    assert actor.template is not None
    with pytest.raises(SyntaxError, match="External entity 'e' refused"):
        XSLT("xslt", folder / "sheet.xsl")
    xs = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
    (folder / "rule.ent").write_text(f'<xs:element {xs} name="a"/>')
    (folder / "a.xsd").write_text(f"{head}<xs:schema {xs}>&e;</xs:schema>")
    assert XSD("xsd", folder / "a.xsd", allowed_paths=folder).schema == folder / "a.xsd"
    with pytest.raises(SyntaxError, match="External entity 'e' refused"):
        XSD("xsd", folder / "a.xsd")


# ---- what is refused all the same ----


@pytest.mark.parametrize(
    "name",
    [
        "../secret.xml",
        "{outside}/secret.xml",
        "file://{outside}/secret.xml",
        "file://localhost{outside}/secret.xml",
        "{inside}/../secret.xml",
        "{inside}/%2e%2e/secret.xml",
        "link.xml",
        "{inside}-more/secret.xml",
        "/etc/passwd",
        "/dev/zero",
        "",
        ".",
        "none.xml",
        "http://127.0.0.1:9/a.xml",
        "https://127.0.0.1:9/a.xml",
        "ftp://127.0.0.1:9/a.xml",
        "//127.0.0.1/a.xml",
        "data:text/xml,part",
        "jar:file:{inside}/part.xml!/a",
    ],
)
@pytest.mark.parametrize("how", ["entity", "attribute", "parameter entity", "document type"])
def test_nothing_else_is_read(folder, name, how, capfd):
    """Each refusal says what it was, and nothing of the files."""
    name = name.format(inside=folder, outside=folder.parent)
    sibling = folder.with_name(folder.name + "-more")
    sibling.mkdir()
    (sibling / "secret.xml").write_text("<secret/>")
    text = {
        "entity": entity(name),
        "attribute": entity(name, '<a b="&e;"/>'),
        "parameter entity": f'<!DOCTYPE a [<!ENTITY % p SYSTEM "{name}">%p;]><a/>',
        "document type": f'<!DOCTYPE a SYSTEM "{name}"><a/>',
    }[how]
    message = refusal(text, XMLParser(folder))
    argument = "allowed_urls" if name.startswith("http") else "allowed_paths"
    assert f"is refused: it is not below {argument}" in message or (
        how == "attribute" and "ntity 'e'" in message
    )
    if how != "attribute" and name.endswith(".xml"):
        assert os.path.basename(name) in message
    assert "root:" not in message
    assert capfd.readouterr() == ("", "")


def test_a_pipe_does_not_keep_us(folder):
    os.mkfifo(folder / "pipe.xml")
    assert "pipe.xml' is refused" in refusal(entity("pipe.xml"), XMLParser(folder))


def test_unparsed_entities_are_refused(folder):
    text = '<!DOCTYPE a [<!NOTATION n SYSTEM "n"><!ENTITY e SYSTEM "part.xml" NDATA n>]><a>&e;</a>'
    assert "'e'" in refusal(text, XMLParser(folder))


def test_files_that_are_read_have_the_bounds_of_a_text(folder):
    (folder / "bomb.dtd").write_text(bomb(10, 10).split("[")[1].split("]")[0])
    (folder / "deep.xml").write_text("<a>" * 300 + "</a>" * 300)
    (folder / "half.xml").write_text("<a>" * 200 + "</a>" * 200)
    (folder / "loop.xml").write_text("&e;")
    (folder / "broken.xml").write_text("<part>")
    parser = XMLParser(folder)
    refusal('<!DOCTYPE a SYSTEM "bomb.dtd"><a>&e10;</a>', parser)
    assert "xcessive depth" in refusal(entity("deep.xml"), parser)
    assert "xcessive depth" in refusal(
        entity("half.xml", "<a>" * 100 + "&e;" + "</a>" * 100), parser
    )
    refusal(entity("loop.xml"), parser)
    refusal(entity("broken.xml"), parser)


@pytest.mark.parametrize("parse_as", ["xml", "text"])
def test_XInclude_stays_markup(folder, parse_as):
    text = (
        '<a xmlns:xi="http://www.w3.org/2001/XInclude">'
        f'<xi:include href="part.xml" parse="{parse_as}"/></a>'
    )
    for parser in (None, XMLParser(folder), XMLParser(folder, huge=True)):
        assert parse(text, parser) == text


def test_catalogs_named_in_a_text_are_not_asked(folder):
    (folder / "catalog.xml").write_text(
        '<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">'
        f'<system systemId="urn:x" uri="{folder.parent.as_uri()}/secret.xml"/></catalog>'
    )
    text = f'<?oasis-xml-catalog catalog="{folder.as_uri()}/catalog.xml"?>' + entity("urn:x")
    assert "'urn:x' is refused" in refusal(text, XMLParser(folder))


# ---- sizes ----


def test_depth_counts_through_entities():
    for levels, width in ((2, 200), (10, 200)):
        assert "xcessive depth" in refusal(nested(levels, width), None)
    assert parse(nested(2, 100), None).count("<a>") == 201


def test_expansion_has_no_bound_where_it_is_huge(folder):
    text = bomb(2, 400, "x" * 100)
    refusal(text, None)
    refusal(text, XMLParser(folder))
    assert len(parse(text, XMLParser(huge=True))) == 16_000_000 + 7


def test_loops_have_an_end_where_it_is_huge():
    huge = XMLParser(huge=True)
    refusal("<!DOCTYPE a [<!ENTITY e '&f;'><!ENTITY f '&e;'>]><a>&e;</a>", huge)
    refusal("<!DOCTYPE a [<!ENTITY % p '&#37;p;'>%p;]><a/>", huge)


def test_depth_has_a_bound_where_it_is_huge():
    huge = XMLParser(huge=True)
    text = "<a>" * 2048 + "</a>" * 2048
    assert parse(text, huge).count("<a") == 2048
    assert "Excessive depth in document" in refusal(f"<a>{text}</a>", huge)
    assert "Excessive depth in document" in refusal("<a>" * 1_000_000, huge)
    assert "xcessive depth" in refusal(nested(11, 200), huge)
    assert "xcessive depth" in refusal(nested(35, 2000), huge)
    small_first = nested(35, 2000).replace(
        "<a>&e35;", "<a>" + "".join(f"&e{i};" for i in range(36))
    )
    assert "xcessive depth" in refusal(small_first, huge)


def test_long_documents_may_have_a_document_type_where_it_is_huge(folder):
    text = "<!--" + "x" * 10_000_000 + "-->" + "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>"
    assert "Document type 'a' refused" in refusal(text, XMLParser(folder))
    assert parse(text, XMLParser(huge=True)) == "<a>x</a>"


def test_huge_reads_nothing(folder):
    assert "External entity 'e' refused" in refusal(
        entity(f"{folder}/part.xml"), XMLParser(huge=True)
    )
