import re

import pytest
from lxml import etree

from compysition._core import _qualify_xpath
from compysition.actors.util import XPathLookup
from compysition.event import XMLEvent
from tests.corpora import naughty_strings

DEFAULT = '<root xmlns="urn:d"><a id="1"><b>x</b></a><some:c xmlns:some="urn:s">y</some:c></root>'
PLAIN = '<root><a id="1"><b>x</b></a><some:c xmlns:some="urn:s">y</some:c></root>'


@pytest.mark.parametrize("text", [DEFAULT, PLAIN])
@pytest.mark.parametrize(
    ("xpath", "found"),
    [
        ("//root/a/b", ["x"]),
        ("/root/a/b", ["x"]),
        ("a/b", ["x"]),  # XP-1
        ("//a/@id", ["1"]),  # XP-1
        ("//b/text()", ["x"]),  # XP-1
        ("//b/..", [None]),  # XP-1
        ("//some:c", ["y"]),  # XP-1
        ("//a[b='x']/b", ["x"]),  # XP-1
        ("//a[@id='1' and b]/b", ["x"]),  # XP-1
        ("count(//b)", 1.0),
        ("string(a/b)", "x"),
        ("boolean(//q)", False),
        ("//nothing", []),
    ],
)
def test_lookup_xp_1(text, xpath, found):
    result = XPathLookup(etree.fromstring(text)).lookup(xpath)
    if isinstance(result, list):
        result = [value if isinstance(value, str) else value.text for value in result]
    assert result == found


def test_namespaces():
    text = (
        '<a xmlns="urn:1" xmlns:x="urn:x"><!----><b xmlns:x="urn:y"/><c xmlns="urn:2">'
        '<d xmlns:z="urn:z"/></c></a>'
    )
    assert XPathLookup(etree.fromstring(text)).namespaces == {"x": "urn:x", "default": "urn:2"}
    assert XPathLookup(etree.fromstring("<a/>")).namespaces == {}


def test_results_are_those_of_the_element():
    root = etree.fromstring(DEFAULT)
    (found,) = XPathLookup(root).lookup("//b")
    found.text = "changed"
    assert root.findtext("{urn:d}a/{urn:d}b") == "changed"


def test_element_trees_xp_2():
    tree = etree.ElementTree(etree.fromstring(PLAIN))
    assert XPathLookup(tree).lookup("a/b")[0].text == "x"


def test_the_data_of_an_event():
    assert XPathLookup(XMLEvent(data=DEFAULT).data).lookup("//b")[0].text == "x"


def test_what_is_no_xpath():
    with pytest.raises(etree.XPathError):
        XPathLookup(etree.fromstring(PLAIN)).lookup("//[")
    with pytest.raises(etree.XPathError):
        XPathLookup(etree.fromstring(PLAIN)).lookup("//x:a")


def test_names_of_the_star_import():
    names = {}
    exec("from compysition.actors.util import *", names)
    assert {"XPathLookup", "etree", "re"} <= set(names)
    assert (names["etree"], names["re"]) == (etree, re)
    with pytest.raises(AttributeError, match="nothing"):
        __import__("compysition.actors.util").actors.util.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("xpath", "qualified"),
    [
        ("a", "default:a"),
        ("/a/b", "/default:a/default:b"),
        ("//a", "//default:a"),
        ("a | b", "default:a | default:b"),
        ("@id", "@id"),
        ("@ id", "@ id"),
        ("a/@id", "default:a/@id"),
        ("a/attribute::id", "default:a/attribute::id"),
        ("a/attribute :: id", "default:a/attribute :: id"),
        ("child::a", "child::default:a"),
        ("ancestor-or-self::a", "ancestor-or-self::default:a"),
        ("namespace::a", "namespace::a"),
        ("x:a/y:*", "x:a/y:*"),
        ("default:a", "default:a"),
        ("*", "*"),
        ("* * *", "* * *"),
        ("a * b", "default:a * default:b"),
        ("@* = b", "@* = default:b"),
        (".", "."),
        ("../a", "../default:a"),
        (". = a", ". = default:a"),
        ("text()", "text()"),
        ("text ()", "text ()"),
        ("processing-instruction('a')", "processing-instruction('a')"),
        ("count(a)", "count(default:a)"),
        ("id('a')/b", "id('a')/default:b"),
        ("a[b]", "default:a[default:b]"),
        ("a[1]/b[last()]", "default:a[1]/default:b[last()]"),
        ("a[b='c and d']", "default:a[default:b='c and d']"),
        ('a["b" = c]', 'default:a["b" = default:c]'),
        ("a and b", "default:a and default:b"),
        ("and and and", "default:and and default:and"),
        ("div div mod mod or", "default:div div default:mod mod default:or"),
        ("1 div a", "1 div default:a"),
        ("(a) or (b)", "(default:a) or (default:b)"),
        ("a[1] and b", "default:a[1] and default:b"),
        ("$a = b", "$a = default:b"),
        ("$ x:a and b", "$ x:a and default:b"),
        ("a-b - c", "default:a-b - default:c"),
        ("a.b", "default:a.b"),
        ("-a", "-default:a"),
        ("a<b", "default:a<default:b"),
        (".5 + a", ".5 + default:a"),
        ("\xe9l\xe8ve/_x", "default:\xe9l\xe8ve/default:_x"),
        ("", ""),
        ("'open", "'open"),
        ("a[", "default:a["),
        ("::a", "::default:a"),
    ],
)
def test_where_the_prefix_goes(xpath, qualified):
    assert _qualify_xpath(xpath) == qualified


def test_an_xpath_that_is_no_text():
    with pytest.raises(TypeError):
        _qualify_xpath(b"a")


# ---- naughty strings ----


def test_naughty_strings_are_found_unchanged():
    found = 0
    for text in (DEFAULT, PLAIN):
        for string in naughty_strings():
            root = etree.fromstring(text)
            try:
                root[0][0].text = string
                root[0].set("id", string)
            except ValueError:
                continue  # no text of XML
            lookup = XPathLookup(root).lookup
            assert lookup("string(//a/@id)") == string
            assert "".join(lookup("//b/text()")) == string
            assert [element.text or "" for element in lookup("//a/b")] == [string]
            quotes = [quote for quote in ("'", '"') if quote not in string]
            if quotes:
                literal = quotes[0] + string + quotes[0]
                assert len(lookup(f"//a[@id={literal}]/b[.={literal}]")) == 1
            found += 1
    assert found > 800


def test_naughty_strings_as_expressions():
    """A result, or an error of XPath."""
    lookup = XPathLookup(etree.fromstring(DEFAULT)).lookup
    for string in [*naughty_strings(), "\0", "a\0b", "\ud800"]:
        try:
            lookup(string)
        except (etree.XPathError, ValueError):
            pass
