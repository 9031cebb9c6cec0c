import logging
import os
import pickle
import threading

import pytest
from lxml import etree

from compysition import Actor, Queue
from compysition.actors import XSD, XSLT, Null, Transformer
from compysition.errors import InvalidEventDataModification, MalformedEventData
from compysition.event import Event, HttpEvent, JSONEvent, XMLEvent, XMLHttpEvent
from tests.actors.helpers import fill_outbox, logged, wait_for_log
from tests.flows import quiet_director

HEAD = (
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'
    ' xmlns:exsl="http://exslt.org/common" xmlns:str="http://exslt.org/strings"'
    ' extension-element-prefixes="exsl str">'
)


def sheet(body, top=""):
    return f'{HEAD}{top}<xsl:template match="/">{body}</xsl:template></xsl:stylesheet>'


GREET = sheet('<hello><xsl:value-of select="/who"/></hello>')


def slow(rounds):
    """Each round takes about a tenth of a millisecond."""
    return sheet(
        f"<a><xsl:for-each select=\"str:tokenize(str:padding({rounds}, 'x,'), ',')\">"
        "<b><xsl:value-of select=\"count(str:tokenize(str:padding(600, 'y,'), ','))\"/></b>"
        "</xsl:for-each></a>"
    )


SLOW = slow(1000)


def transformed(wrap, stylesheet, data="<who>Ada</who>", **kwargs):
    wrapper = wrap(XSLT("xslt", stylesheet, **kwargs))
    wrapper.input = XMLEvent(data=data)
    return wrapper.output.data_string()


def refused(wrap, stylesheet, data="<who>Ada</who>", **kwargs):
    wrapper = wrap(XSLT("xslt", stylesheet, **kwargs))
    wrapper.input = XMLEvent(data=data)
    return wrapper.error


# ---- normal events ----


def test_the_data_becomes_the_result(wrap):
    wrapper = wrap(XSLT("xslt", GREET))
    event = XMLEvent(data="<who>Zoë</who>", extra=1)
    wrapper.input = event
    result = wrapper.output
    assert result.data_string() == "<hello>Zo&#235;</hello>"
    assert (result.event_id, result.extra) == (event.event_id, 1)
    assert event.data_string() == "<who>Zo&#235;</who>"


@pytest.mark.parametrize("kind", [str, bytes, "path", "name"])
def test_a_stylesheet_is_text_or_a_file(wrap, tmp_path, kind):
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>' + sheet("<a>é</a>")
    path = tmp_path / "sheet.xsl"
    path.write_bytes(text.encode("latin-1"))
    given = {str: text, bytes: text.encode("latin-1"), "path": path, "name": str(path)}[kind]
    assert transformed(wrap, given) == "<a>&#233;</a>"


def test_html_and_other_classes_of_events(wrap):
    wrapper = wrap(XSLT("xslt", GREET))
    wrapper.input = XMLHttpEvent(data="<who>Ada</who>", status=(201, "Created"))
    event = wrapper.output
    assert (type(event), event.status) == (XMLHttpEvent, (201, "Created"))
    wrapper.input = JSONEvent(data={"who": "Ada"})
    event = wrapper.output
    assert (type(event), event.data_string()) == (XMLEvent, "<hello>Ada</hello>")


def test_an_element_changed_by_python_is_what_is_transformed(wrap):
    class Rename(Actor):
        input = output = XMLEvent

        def consume(self, event, *args, **kwargs):
            event.data.text = "Grace"
            self.send_event(event)

    results = Queue("results")
    rename, xslt = Rename("rename"), XSLT("xslt", GREET)
    rename.connect_queue("xslt", xslt)
    xslt.pool.outbound.add("results", queue=results)
    wrapper = wrap(rename, output_queues=[])
    xslt.start()
    wrapper.input = XMLEvent(data="<who>Ada</who>")
    assert results.get(block=True, timeout=5).data_string() == "<hello>Grace</hello>"
    xslt.stop()


def test_copies_of_one_event_are_transformed_apart(wrap):
    """strip-space changes the tree that is transformed."""
    strip = '<xsl:strip-space elements="*"/>'
    first = XSLT("first", sheet("<n><xsl:value-of select='count(//text())'/></n>", strip))
    second = XSLT("second", sheet("<n><xsl:value-of select='count(//text())'/></n>"))
    results = {"first": Queue("one"), "second": Queue("two")}

    class Both(Actor):
        def consume(self, event, *args, **kwargs):
            self.send_event(event)

    both = Both("both")
    for actor in (first, second):
        both.connect_queue(actor.name, actor)
        actor.pool.outbound.add("results", queue=results[actor.name])
        actor.start()
    wrapper = wrap(both, output_queues=[])
    for _ in range(50):
        wrapper.input = XMLEvent(data="<a> <b>1</b> </a>")
        assert results["first"].get(block=True, timeout=5).data_string() == "<n>1</n>"
        assert results["second"].get(block=True, timeout=5).data_string() == "<n>3</n>"
    first.stop()
    second.stop()


def test_a_parameter_without_a_value_is_refused():
    with pytest.raises(TypeError, match="parameter 'a' is None"):
        XSLT("xslt", sheet("<a/>"), parameters={"b": 1, "a": None})
    for parameters in ({"a": "b\0c"}, {"a\0b": "c"}):
        with pytest.raises(ValueError, match="holds a null character"):
            XSLT("xslt", sheet("<a/>"), parameters=parameters)


def test_parameters_are_text(wrap):
    top = '<xsl:param name="one"/><xsl:param name="two" select="2"/><xsl:param name="three" select="3"/>'
    body = '<a b="{$one}" c="{$two}" d="{$three}"/>'
    given = {"one": 'it\'s "quoted" & <so>', "two": 7}
    assert transformed(wrap, sheet(body, top), parameters=given) == (
        '<a b="it\'s &quot;quoted&quot; &amp; &lt;so&gt;" c="7" d="3"/>'
    )


def test_transform_gives_the_root_element():
    element = etree.fromstring("<who>Ada</who>")
    actor = XSLT("xslt", GREET)
    for given in (element, element.getroottree()):
        result = actor.transform(given)
        assert (result.tag, result.text) == ("hello", "Ada")
    assert etree.tostring(element) == b"<who>Ada</who>"
    with pytest.raises(TypeError):
        actor.transform("<who/>")
    with pytest.raises(MalformedEventData):
        XSLT("xslt", sheet("text")).transform(element)


def test_template_is_the_stylesheet_for_lxml():
    result = XSLT("xslt", GREET).template(etree.fromstring("<who>Ada</who>"))
    assert result.getroot().text == "Ada"


def test_SEC_1_template_may_do_no_more(tmp_path):
    """lxml by itself would read and write whatever a stylesheet names."""
    (tmp_path / "part.xsl").write_text(
        sheet("<b><xsl:copy-of select=\"document('a.xml', /)\"/></b>")
    )
    (tmp_path / "a.xml").write_text("<a/>")
    (tmp_path / "main.xsl").write_text(HEAD + '<xsl:include href="part.xsl"/></xsl:stylesheet>')
    actor = XSLT("xslt", tmp_path / "main.xsl", allowed_paths=tmp_path)
    element = etree.fromstring("<q/>", base_url=str(tmp_path / "q.xml"))
    assert str(actor.template(element)).endswith("<b><a/></b>\n")
    for body in (
        f"<xsl:copy-of select=\"document('{tmp_path}/a.xml')\"/>",
        f'<exsl:document href="{tmp_path}/out.xml"><b/></exsl:document>',
        "<xsl:copy-of select=\"document('http://127.0.0.1:9/')\"/>",
    ):
        with pytest.raises(etree.XSLTApplyError):
            XSLT("xslt", sheet(f"<r>{body}</r>")).template(element)
    assert not (tmp_path / "out.xml").exists()


def test_an_overridden_transform_is_called(wrap):
    class Twice(XSLT):
        def transform(self, element):
            return super().transform(etree.fromstring(f"<who>{2 * element.text}</who>"))

    wrapper = wrap(Twice("xslt", GREET))
    wrapper.input = XMLEvent(data="<who>ab</who>")
    assert wrapper.output.data_string() == "<hello>abab</hello>"


def test_it_logs_what_it_did(wrap):
    actor = XSLT("xslt", GREET)
    log = Queue("log")
    actor.pool.logs.add("log", queue=log)
    wrapper = wrap(actor)
    wrapper.input = XMLEvent(data="<who>A\nB</who>")
    assert wrapper.output.data_string() == "<hello>A\nB</hello>"
    lines = ["In: <who>AB</who>", "Out: <hello>AB</hello>", "Successfully transformed XML"]
    assert logged(log)[-3:] == lines


def test_a_message_that_does_not_end_it_is_logged(wrap):
    actor = XSLT("xslt", sheet("<a><xsl:message>so far so good</xsl:message></a>"))
    log = Queue("log")
    actor.pool.logs.add("log", queue=log)
    wrapper = wrap(actor)
    wrapper.input = XMLEvent(data="<a/>")
    assert wrapper.output.data_string() == "<a/>"
    assert wait_for_log(log, "Stylesheet says").message == "Stylesheet says: so far so good"


# ---- errors ----


def test_XSLT_1_a_terminating_message_is_added_to_the_data_as_text(wrap):
    actor = XSLT("xslt", sheet('<xsl:message terminate="yes">a &lt; b &amp; c</xsl:message>'))
    log = Queue("log")
    actor.pool.logs.add("log", queue=log)
    wrapper = wrap(actor)
    wrapper.input = XMLEvent(data="<who>Ada</who>")
    event = wrapper.error
    assert event.error.message == ["Malformed Request: Invalid XML"]
    assert event.data_string() == (
        "<who>Ada<transform_error>a &lt; b &amp; c</transform_error></who>"
    )
    assert logged(log, logging.ERROR) == ["Error applying transform. Error was: a < b & c"]


@pytest.mark.parametrize("body", ["text", "", "<xsl:comment>x</xsl:comment>"])
def test_XSLT_2_a_result_without_a_root_element_is_named(wrap, body):
    event = refused(wrap, sheet(body))
    assert isinstance(event.error, MalformedEventData)
    assert event.error.message == ["The result of the stylesheet has no root element"]
    assert event.data_string() == "<who>Ada</who>"


def test_XSLT_3_what_fails_downstream_is_not_called_bad_xml(wrap):
    class Broken(Queue):
        def put(self, element, *args, **kwargs):
            raise OSError("disk full")

    actor = XSLT("xslt", GREET)
    actor.pool.outbound.add("broken", queue=Broken("broken"))
    wrapper = wrap(actor, output_queues=[])
    wrapper.input = XMLEvent(data="<who>Ada</who>")
    assert isinstance(wrapper.error.error, OSError)


@pytest.mark.parametrize(
    "body", ['<a><xsl:value-of select="unknown()"/></a>', '<xsl:call-template name="again"/>']
)
def test_a_runtime_error_keeps_the_data(wrap, body, capfd):
    again = '<xsl:template name="again"><b><xsl:call-template name="again"/></b></xsl:template>'
    event = refused(wrap, sheet(body, again))
    assert event.error.message == ["Malformed Request: Invalid XML"]
    assert event.data_string() == "<who>Ada</who>"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("text", ["<who", b"<who", "<who>\ud800</who>", b"\xff\xfe"])
def test_what_is_no_xml_is_an_error(wrap, text):
    """Text is parsed in the thread pool, or, while it is being logged, in the loop's thread."""
    for level in (logging.DEBUG, logging.INFO):
        actor = XSLT("xslt", GREET)
        actor.logger.level = level
        wrapper = wrap(actor)
        wrapper.input = Event(data=text)
        event = wrapper.error
        assert isinstance(event.error, InvalidEventDataModification)
        assert (type(event), event.data) == (Event, text)
        wrapper.input = Event(data="<who>next</who>")
        assert wrapper.output.data_string() == "<hello>next</hello>"


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_text_becomes_an_xml_event(wrap, level):
    actor = XSLT("xslt", GREET)
    log = Queue("log")
    actor.pool.logs.add("log", queue=log)
    actor.logger.level = level
    wrapper = wrap(actor)
    for text in (
        "<who>Zoë</who>",
        "<?xml version='1.0' encoding='iso-8859-1'?><who>Zo\xeb</who>".encode("latin-1"),
    ):
        event = HttpEvent(data=text, extra=1, status=(201, "Created"))
        wrapper.input = event
        result = wrapper.output
        assert type(result) is XMLHttpEvent
        assert (result.event_id, result.extra, result.status) == (
            event.event_id,
            1,
            (201, "Created"),
        )
        assert result.data_string() == "<hello>Zo&#235;</hello>"
        assert wait_for_log(log, "Incoming event was of type").level == logging.WARNING


@pytest.mark.parametrize("stylesheet", [None, 5, ["<a/>"]])
def test_a_stylesheet_of_another_type_is_refused(stylesheet):
    with pytest.raises(TypeError, match=r"Invalid xslt defined.*Expected 'str'"):
        XSLT("xslt", stylesheet)


@pytest.mark.parametrize("stylesheet", ["no xml", "<a", b"\xff\xfe<"])
def test_a_stylesheet_that_is_no_xml_is_refused(stylesheet):
    with pytest.raises(etree.XMLSyntaxError):
        XSLT("xslt", stylesheet)


@pytest.mark.parametrize("make", [XSLT, XSD])
def test_a_file_that_does_not_exist_is_named(make, tmp_path):
    path = tmp_path / "none.xml"
    with pytest.raises(
        etree.XMLSyntaxError, match=f"'{path}' is no XML, and a file of that name does not exist"
    ):
        make("actor", os.fspath(path))
    with pytest.raises(FileNotFoundError, match=r"none\.xml"):
        make("actor", path)


@pytest.mark.parametrize("stylesheet", ["<a/>", sheet('<xsl:value-of select="]["/>')])
def test_a_stylesheet_that_is_no_xslt_is_refused(stylesheet, capfd):
    with pytest.raises(etree.XSLTParseError):
        XSLT("xslt", stylesheet)
    assert capfd.readouterr().err == ""


# ---- what a stylesheet may do ----


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.xml"
    path.write_text("<secret>42</secret>")
    return path


def reading(path):
    return sheet(f"<a><xsl:copy-of select=\"document('{path}')\"/></a>")


def test_SEC_1_document_reads_nothing_by_default(wrap, secret):
    event = refused(wrap, reading(secret))
    assert event.error.message == [f"Reading '{secret}' is refused: it is not below allowed_paths"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/a", "ftp://127.0.0.1:9/a", "file://host/etc/passwd"]
)
def test_SEC_1_nothing_is_read_over_a_network(wrap, url, tmp_path):
    event = refused(wrap, reading(url), allowed_paths="/")
    argument = "allowed_urls" if url.startswith("http") else "allowed_paths"
    assert event.error.message == [f"Reading '{url}' is refused: it is not below {argument}"]


def test_SEC_1_document_reads_below_allowed_paths(wrap, secret):
    other = secret.parent / "other"
    other.mkdir()
    for allowed in (secret.parent, str(secret.parent), [other, secret.parent]):
        result = transformed(wrap, reading(secret), allowed_paths=allowed)
        assert result == "<a><secret>42</secret></a>"
    for path in (secret, f"{other}/../secret.xml"):
        assert "refused" in str(refused(wrap, reading(path), allowed_paths=other).error)


def test_SEC_1_a_link_out_of_the_allowed_paths_is_not_followed(wrap, secret):
    allowed = secret.parent / "allowed"
    allowed.mkdir()
    (allowed / "link.xml").symlink_to(secret)
    assert "refused" in str(
        refused(wrap, reading(allowed / "link.xml"), allowed_paths=allowed).error
    )


def test_SEC_1_a_directory_whose_name_only_begins_alike_is_not_allowed(wrap, secret):
    allowed = secret.parent / "sec"
    allowed.mkdir()
    near = secret.parent / "second"
    near.mkdir()
    (near / "a.xml").write_text("<a/>")
    assert "refused" in str(refused(wrap, reading(near / "a.xml"), allowed_paths=allowed).error)


def test_SEC_1_an_entity_in_a_document_is_confined_too(wrap, secret, tmp_path):
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    text = f'<!DOCTYPE a [<!ENTITY e SYSTEM "{secret}">]><a>&e;</a>'
    (allowed / "a.xml").write_text(text)
    assert "refused" in str(refused(wrap, reading(allowed / "a.xml"), allowed_paths=allowed).error)


def test_SEC_1_includes_need_allowed_paths(wrap, tmp_path):
    (tmp_path / "part.xsl").write_text(
        HEAD
        + '<xsl:template match="who"><p><xsl:value-of select="."/></p></xsl:template></xsl:stylesheet>'
    )
    path = tmp_path / "main.xsl"
    path.write_text(sheet("<xsl:apply-templates/>", '<xsl:include href="part.xsl"/>'))
    with pytest.raises(etree.XSLTParseError, match=r"part\.xsl' is refused"):
        XSLT("xslt", path)
    assert transformed(wrap, path, allowed_paths=tmp_path) == "<p>Ada</p>"
    path.write_text(path.read_text().replace("include", "import"))
    assert transformed(wrap, path, allowed_paths=tmp_path) == "<p>Ada</p>"


def test_SEC_1_nothing_is_written(wrap, tmp_path):
    target = tmp_path / "out.xml"
    body = f'<a><exsl:document href="{target}"><b/></exsl:document></a>'
    event = refused(wrap, sheet(body), allowed_paths=tmp_path)
    assert event.error.message == [f"File write for {target} refused"]
    assert not target.exists()


def test_allowed_paths_must_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        XSLT("xslt", GREET, allowed_paths=tmp_path / "nowhere")


# ---- xsl:output ----

INVOICE = '<invoice id="\xe9"><line><sku>A</sku><note>one <b>two</b></note></line><line/></invoice>'


def output_of(wrap, indent):
    wrapper = wrap(XSLT("xslt", sheet(INVOICE, f"<xsl:output {indent}/>")))
    wrapper.input = XMLEvent(data="<a/>")
    return wrapper.output


def indented_by_lxml():
    transform = etree.XSLT(
        etree.fromstring(sheet(INVOICE, '<xsl:output indent="yes" omit-xml-declaration="yes"/>'))
    )
    text = str(transform(etree.fromstring("<a/>")))
    return text.replace("\xe9", "&#233;").replace(
        "&#xE9;", "&#233;"
    )  # lxml before 5 has the latter


def test_the_text_of_a_result_is_indented_as_xsl_output_says(wrap):
    expected = indented_by_lxml()
    assert expected.count("\n  ") == 5
    event = output_of(wrap, 'indent="yes"')
    assert event.data_string() == expected
    assert event.clone().data_string() == expected
    assert event.data.find("line").text is None
    assert event.data_string() == expected
    assert "\n" not in pickle.loads(pickle.dumps(event)).data_string()
    for indent in ("", 'indent="no"'):
        assert "\n" not in output_of(wrap, indent).data_string()


def test_other_data_is_not_indented(wrap):
    event = output_of(wrap, 'indent="yes"')
    event.data = etree.fromstring("<a><b/></a>")
    assert event.data_string() == "<a><b/></a>"


def test_an_imported_xsl_output_counts(tmp_path, wrap):
    (tmp_path / "base.xsl").write_text(sheet("<r/>", '<xsl:output indent="yes"/>'))
    path = tmp_path / "main.xsl"
    path.write_text(sheet("<r><s/></r>", '<xsl:import href="base.xsl"/>'))
    wrapper = wrap(XSLT("xslt", path, allowed_paths=tmp_path))
    wrapper.input = XMLEvent(data="<a/>")
    assert wrapper.output.data_string() == "<r>\n  <s/>\n</r>\n"


# ---- the thread pool ----


def test_long_transformations_leave_the_loop_free(wrap):
    """Other actors go on while one is being transformed."""
    actor, results = XSLT("slow", slow(40_000)), Queue("results")
    actor.pool.outbound.add("results", queue=results)
    slow_wrapper = wrap(actor, output_queues=[])
    quick = wrap(XSLT("quick", GREET))
    slow_wrapper.input = XMLEvent(data="<a/>")
    for _ in range(20):
        quick.input = XMLEvent(data="<who>Ada</who>")
        assert quick.output.data_string() == "<hello>Ada</hello>"
    assert results.empty()
    assert len(results.get(block=True, timeout=60).data) == 20_000


def test_order_is_kept_with_blocking_consume(wrap):
    stylesheet = sheet(
        "<a n=\"{/a/@n}\"><xsl:for-each select=\"str:tokenize(str:padding(/a/@work, 'x,'), ',')\">"
        "<xsl:value-of select=\"count(str:tokenize(str:padding(500, 'y,'), ','))\"/></xsl:for-each></a>"
    )
    actor = XSLT("xslt", stylesheet, blocking_consume=True)
    results = Queue("results")
    actor.pool.outbound.add("results", queue=results)
    wrapper = wrap(actor, output_queues=[])
    for number in range(30):
        wrapper.input = XMLEvent(data=f'<a n="{number}" work="{(30 - number) * 10}"/>')
    arrived = [results.get(block=True, timeout=60).data.get("n") for _ in range(30)]
    assert arrived == [str(number) for number in range(30)]


def test_a_full_destination_holds_events_back(wrap):
    actor = XSLT("xslt", GREET)
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(40):
        wrapper.input = XMLEvent(data=f"<who>{number}</who>")
    assert outbox.get(block=True, timeout=5).data == "in the way"
    arrived = {outbox.get(block=True, timeout=5).data.text for _ in range(40)}
    assert arrived == {str(number) for number in range(40)}


def test_a_stop_waits_for_what_is_being_transformed():
    director = quiet_director()
    xslt = director.register_actor(XSLT, "xslt", SLOW)
    end = director.register_actor(Null, "end")
    director.connect_queue(xslt, end)
    inbox = Queue("inbox")
    xslt.register_consumer("inbox", inbox)
    director.start(block=False)
    for _ in range(4):
        inbox.put(XMLEvent(data="<a/>"))
    director.stop()
    stats = director.stats()
    assert stats["actors"]["end"]["in"] == 4
    assert stats["events"]["in_flight"] == 0


def test_a_stop_past_its_deadline_reports_what_is_being_transformed():
    director = quiet_director(stop_timeout=0)
    xslt = director.register_actor(XSLT, "xslt", slow(40_000))
    end = director.register_actor(Null, "end")
    director.connect_queue(xslt, end)
    inbox = Queue("inbox")
    xslt.register_consumer("inbox", inbox)
    director.start(block=False)
    inbox.put(XMLEvent(data="<a/>"))
    inbox.wait_until_empty()
    director.stop()
    events = director.stats()["events"]
    assert events["in_flight"] == 0
    assert events["created"] == events["reported"] + events["consumed"]


def test_transformations_run_beside_each_other_in_threads(wrap):
    """The pool's threads are no Python threads."""
    before = threading.active_count()
    actor = XSLT("xslt", SLOW)
    results = Queue("results")
    actor.pool.outbound.add("results", queue=results)
    wrapper = wrap(actor, output_queues=[])
    for _ in range(4):
        wrapper.input = XMLEvent(data="<a/>")
    for _ in range(4):
        assert len(results.get(block=True, timeout=60).data) == 500
    assert threading.active_count() == before


# ---- the old name ----


def test_transformer_takes_text_or_a_path(wrap, tmp_path):
    path = tmp_path / "sheet.xsl"
    path.write_text(GREET)
    for actor in (Transformer("t", GREET), Transformer("t", xslt_path=os.fspath(path))):
        wrapper = wrap(actor)
        wrapper.input = XMLEvent(data="<who>Ada</who>")
        assert wrapper.output.data_string() == "<hello>Ada</hello>"
    with pytest.raises(TypeError):
        Transformer("t")
    with pytest.raises(FileNotFoundError):
        Transformer("t", xslt_path=tmp_path / "none.xsl")
