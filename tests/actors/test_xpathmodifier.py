import pytest
from lxml import etree

from compysition import Event
from compysition.actors import (
    HTTPXpathEventAttributeModifier,
    XpathEventAttributeModifer,
    XpathEventAttributeModifier,
)
from compysition.errors import (
    ActorInitFailure,
    InvalidEventDataModification,
    MalformedEventData,
)
from compysition.event import JSONEvent, XMLEvent, XMLHttpEvent
from tests.actors.helpers import fill_outbox, take, wait_for_log
from tests.corpora import naughty_strings

ORDER = """<order id="7" xmlns:x="u"><item sku="a">one</item><item sku="b">two<x:note/>!</item>
<empty/><x:code>404</x:code></order>"""


def found(xml, xpath):
    """What a modifier finds in XML."""
    actor = XpathEventAttributeModifer("modifier", "found", xpath)
    return actor.get_modify_value(XMLEvent(data=xml))


# ---- the value ----


@pytest.mark.parametrize(
    ("xpath", "value"),
    [
        ("item[1]", "one"),
        ("//item[1]", "one"),
        ("/order/item[2]", '<item xmlns:x="u" sku="b">two<x:note/>!</item>'),
        ("nothing", None),
        ("empty", None),
        ("@id", "7"),
        ("item/@sku", ["a", "b"]),
        ("item[1]/text()", "one"),
        ("item/text()", ["one", "two", "!"]),
        ("x:code", "404"),
        ("string(x:code)", "404"),
        ("concat(@id, '!')", "7!"),
        ("number(x:code)", 404),
        ("count(item)", 2),
        ("count(item) div 4", 0.5),
        ("count(item) = 2", True),
        ("item[1] | empty", ["one", None]),
    ],
)
def test_the_value(xpath, value):
    result = found(ORDER, xpath)
    assert result == value
    assert type(result) is type(value)


def test_strings_are_plain_str():
    """lxml's own have a parent, which would keep the tree alive."""
    assert {type(text) for text in found(ORDER, "item/@sku")} == {str}


def test_an_element_without_what_follows_it_mod_5():
    assert found("<a><b><c/></b>tail</a>", "b") == "<b><c/></b>"
    assert found("<a><b>text</b>tail</a>", "b") == "text"


def test_comments_count_as_children():
    assert found("<a><b>x<!-- y -->z</b></a>", "b") == "<b>x<!-- y -->z</b>"
    assert found("<a><!-- y --></a>", "comment()") == " y "


def test_cdata_is_text():
    assert found("<a>x<![CDATA[<y>]]></a>", ".") == "x<y>"


def test_a_default_namespace():
    xml = "<a xmlns='u'><b>1</b></a>"
    assert found(xml, "b") == found(xml, "/a/b") == found(xml, "default:b") == "1"


def test_characters_beyond_ascii():
    assert found("<a>\u00e9\U0001f600</a>", "/a") == "\u00e9\U0001f600"
    assert found("<a \u00e9='\u00e8'/>", "@\u00e9") == "\u00e8"


# ---- events ----


def test_an_attribute_is_set(modify):
    event = modify(XpathEventAttributeModifer("modifier", "a/b", "@id"), XMLHttpEvent(data=ORDER))
    assert event.a == {"b": "7"}
    assert type(event) is XMLHttpEvent
    assert event.data.get("id") == "7"


def test_the_key_is_the_data_by_default(modify):
    event = modify(XpathEventAttributeModifer("modifier", value="item[2]"), XMLEvent(data=ORDER))
    assert event.data.tag == "item"
    assert event.data_string() == '<item xmlns:x="u" sku="b">two<x:note/>!</item>'


def test_what_python_changed_is_found(modify):
    event = XMLEvent(data="<a/>")
    event.data.append(etree.fromstring("<b>1</b>"))
    assert modify(XpathEventAttributeModifer("modifier", "found", "b"), event).found == "1"


def test_finding_makes_no_element(modify):
    event = modify(XpathEventAttributeModifer("modifier", "found", "@id"), XMLEvent(data=ORDER))
    assert event.found == "7"
    assert event.data_string().startswith('<order xmlns:x="u" id="7">')


def test_text_as_xml_data_mod_1(wrap):
    wrapper = wrap(XpathEventAttributeModifer("modifier", value="@id"))
    wrapper.input = XMLEvent(data=ORDER)
    failed = wrapper.error
    assert isinstance(failed.error, MalformedEventData)
    assert isinstance(failed.error.message[0], InvalidEventDataModification)
    assert failed.data.tag == "order"
    assert wrapper.output_queues["outbox"].empty()


def test_events_of_other_types_are_converted(wrap):
    wrapper = wrap(XpathEventAttributeModifer("modifier", "found", "/a/b"))
    wrapper.input = JSONEvent(data={"a": {"b": 1}})
    event = wrapper.output
    assert (type(event), event.found) == (XMLEvent, "1")
    wrapper.input = Event(data="no xml")
    assert isinstance(wrapper.error.error, InvalidEventDataModification)


def test_where_it_cannot_be_evaluated(wrap):
    """A prefix that one document declares may be missing in the next."""
    wrapper = wrap(XpathEventAttributeModifer("modifier", "found", "p:a"))
    wrapper.input = XMLEvent(data="<r/>")
    wrapper.input = XMLEvent(data="<r xmlns:p='u'><p:a>1</p:a></r>")
    failed = wrapper.error
    assert isinstance(failed.error, MalformedEventData)
    assert failed.error.message[0].startswith("XPath 'p:a' cannot be evaluated: ")
    assert wrapper.output.found == "1"


def test_an_expression_that_takes_too_long(wrap):
    count = "count(//*[count(//*[count(//*) > 0]) > 0])"
    wrapper = wrap(XpathEventAttributeModifer("modifier", "found", count))
    wrapper.input = XMLEvent(data="<r>" + "<a/>" * 3000 + "</r>")
    assert "takes more than" in wrapper.error.error.message[0]


@pytest.mark.parametrize("xpath", ["//", "a[", "a b", ""])
def test_what_is_no_xpath(xpath):
    for cls in (XpathEventAttributeModifer, HTTPXpathEventAttributeModifier):
        with pytest.raises(ActorInitFailure, match="is not an XPath"):
            cls("modifier", value=xpath)


def test_an_xpath_holds_no_null_character():
    with pytest.raises(ValueError, match="null character"):
        XpathEventAttributeModifer("modifier", value="//a\0b")


def test_arguments():
    with pytest.raises(TypeError, match="XPath"):
        XpathEventAttributeModifer("modifier")
    with pytest.raises(TypeError, match="XPath"):
        XpathEventAttributeModifer("modifier", value=5)
    with pytest.raises(TypeError, match="value"):
        HTTPXpathEventAttributeModifier("modifier")
    actor = XpathEventAttributeModifer("modifier", "a", "b", True, ".", 7)
    assert (actor.key, actor.value, actor.log_change, actor.separator, actor.size) == (
        "a",
        "b",
        True,
        ".",
        7,
    )
    assert XpathEventAttributeModifer.input is XMLEvent
    with pytest.raises(TypeError, match="not an event"):
        actor.get_modify_value(5)


def test_a_value_that_is_changed_later():
    actor = XpathEventAttributeModifer("modifier", "found", "a")
    event = XMLEvent(data="<r><a>1</a><b>2</b></r>")
    assert actor.get_modify_value(event) == "1"
    actor.value = "b"
    assert actor.get_modify_value(event) == "2"
    actor.value = 5
    with pytest.raises(TypeError, match="XPath"):
        actor.get_modify_value(event)


def test_log_change(wrap, log):
    actor = XpathEventAttributeModifer("modifier", "found", "@id", True)
    lines = log(actor)
    wrap(actor).input = XMLEvent(data=ORDER)
    assert wait_for_log(lines, "Changed").message == "Changed event.found to 7"


def test_a_full_destination_and_a_stop(wrap):
    actor = XpathEventAttributeModifer("modifier", value="*")
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(3):
        wrapper.input = XMLEvent(data=f"<r><a><b>{number}</b></a></r>")
    assert take(outbox, 1) == ["in the way"]
    assert [data.findtext("b") for data in take(outbox, 3)] == ["0", "1", "2"]
    outbox.maxsize = 0
    for number in range(20):
        wrapper.input = XMLEvent(data=f"<r><a><b>{number}</b></a></r>")
    wrapper.stop()
    assert len(take(outbox, 20)) == 20


def test_a_subclass(wrap):
    class Length(XpathEventAttributeModifer):
        def get_modify_value(self, event):
            value = super().get_modify_value(event=event)
            if value is None:
                raise KeyError("in the middle")
            return len(value)

    wrapper = wrap(Length("modifier", "found", "a"))
    wrapper.input = XMLEvent(data="<r/>")
    wrapper.input = XMLEvent(data="<r><a>four</a></r>")
    assert wrapper.output.found == 4
    assert isinstance(wrapper.error.error, KeyError)


def test_both_spellings():
    assert XpathEventAttributeModifier is XpathEventAttributeModifer


# ---- statuses ----


@pytest.mark.parametrize("xpath", ["/r/status", "number(/r/code)", "string(/r/@status)"])
def test_http_xpath_event_attribute_modifier(modify, xpath):
    xml = "<r status='404'><status>404 Not Found</status><code>404</code></r>"
    event = modify(HTTPXpathEventAttributeModifier("modifier", xpath), XMLHttpEvent(data=xml))
    assert event.status == (404, "Not Found")


def test_a_status_that_is_missing_mod_1(wrap):
    wrapper = wrap(HTTPXpathEventAttributeModifier("modifier", "status"))
    wrapper.input = XMLHttpEvent(data="<r/>")
    failed = wrapper.error
    assert isinstance(failed.error, MalformedEventData)
    assert failed.status == (400, "Bad Request")


# ---- naughty strings ----


def test_naughty_strings_pass_unchanged():
    for string in filter(None, naughty_strings()):  # an empty text is there or not, as lxml has it
        element = etree.Element("r")
        try:
            element.text = string
            element.set("a", string)
        except ValueError:
            continue  # no text of XML
        event = XMLEvent(data=element)
        for xpath in (".", "@a", "text()"):
            actor = XpathEventAttributeModifer("modifier", "found", xpath)
            assert actor.get_modify_value(event) == string
