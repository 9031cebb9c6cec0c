"""XPaths that are walked along the tree find what libxml2 finds, as lxml shows it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from compysition._core import _qualify_xpath
from compysition.actors import EventXMLFilter
from compysition.event import XMLEvent

NAMESPACES = {"p": "urn:p", "default": "urn:d"}


class Notebook:
    """A pattern that notes what it is tried on."""

    def __init__(self):
        self.seen = []

    def search(self, text):
        self.seen.append(text)


def found_by_filter(text, xpath):
    notebook = Notebook()
    event_filter = EventXMLFilter(xpath, None, [])
    event_filter.value_regexes.append(notebook)
    event_filter.matches(XMLEvent(data=text))
    return sorted(notebook.seen)


def found_by_lxml(text, xpath):
    root = etree.fromstring(text)
    path = _qualify_xpath(xpath) if None in root.nsmap else xpath
    result = root.xpath(path, namespaces=NAMESPACES)
    values = result if isinstance(result, list) else [result]
    return sorted(str(getattr(value, "text", value) or "") for value in values)


names = st.sampled_from(["a", "b", "c", "p:a", "p:b"])
values = st.sampled_from(["", "1", "2", "2.0", "x", " 3 ", "caf\xe9", "-1", "x1"])
attributes = st.dictionaries(st.sampled_from(["a", "k", "p:k"]), values, max_size=2)


@st.composite
def elements(draw, depth=0):
    name = draw(names)
    kinds = st.sampled_from(["text", "cdata", "comment", "element", "element"])
    children = []
    for kind in draw(st.lists(kinds, max_size=4 if depth < 3 else 0)):
        if kind == "element":
            children.append(draw(elements(depth=depth + 1)))
        else:
            form = {"text": "%s", "cdata": "<![CDATA[%s]]>", "comment": "<!--%s-->"}[kind]
            children.append(form % draw(values).replace("-", ""))
    written = "".join(f' {key}="{value}"' for key, value in draw(attributes).items())
    return f"<{name}{written}>{''.join(children)}</{name}>"


@st.composite
def documents(draw):
    default = draw(st.sampled_from(["", ' xmlns="urn:d"']))
    return f'<r xmlns:p="urn:p"{default}>{draw(elements())}{draw(elements())}</r>'


tests = st.sampled_from(["a", "b", "*", "p:a", "p:*", "r"])
ends = st.sampled_from(["@a", "@*", "@p:k", "@p:*", "text()", "@k"])
operands = st.sampled_from(["a", "@k", ".", "text()", "*", "p:b", "@p:k", "b"])
literals = st.sampled_from(["'x'", "''", '"1"', "1", "2", "2.5", ".5", "'2.0'", "1."])
predicates = st.one_of(
    st.sampled_from(
        ["[1]", "[2]", "[ 1 ]", "[0]", "[1.5]", "[@k]", "[a]", "[text()]", "[*]", "[.]"]
    ),
    st.builds(
        "[{} {}{}]".format, operands, st.sampled_from(["=", "!=", "<", "<= ", ">", ">="]), literals
    ),
)
steps = st.builds(
    lambda test, conditions: test + "".join(conditions), tests, st.lists(predicates, max_size=2)
)


@st.composite
def xpaths(draw):
    path = draw(st.sampled_from(["/", "//", "", ".//", "/r/", "//"])) + draw(steps)
    for step in draw(st.lists(steps, max_size=3)):
        path += draw(st.sampled_from(["/", "/", " / ", "//"])) + step
    if draw(st.booleans()):
        path += draw(st.sampled_from(["/", "//"])) + draw(ends)
    return path


@settings(max_examples=1000)
@given(documents(), xpaths())
def test_random_paths_on_random_documents(text, xpath):
    assert found_by_filter(text, xpath) == found_by_lxml(text, xpath)


DOCUMENT = (
    '<r xmlns:p="urn:p" k="0"><a k="1">one<b>x</b></a><a k="2">two<b>y</b><b>z</b></a>'
    "<p:a>three<a><b>w</b></a></p:a></r>"
)


@pytest.mark.parametrize(
    ("xpath", "found"),
    [
        ("//b", ["w", "x", "y", "z"]),
        (".//b", ["w", "x", "y", "z"]),
        ("a/b", ["x", "y", "z"]),
        ("/r/a[2]/b[1]", ["y"]),
        ("//a[1]/b", ["w", "x"]),
        ("//b[1]", ["w", "x", "y"]),
        ("//a[b = 'z'][@k > 1]/@k", ["2"]),
        ("//a[b][2]/text()", ["two"]),
        ("//p:a/text()", ["three"]),
        ("//@k", ["0", "1", "2"]),
        ("/r/@k", ["0"]),
        ("//*[. = 'w']", ["", "w"]),
        ("//text()", ["one", "three", "two", "w", "x", "y", "z"]),
        ("//text", []),
        ("a//b", ["x", "y", "z"]),
        ("//a[position() = 1]/b", ["w", "x"]),
        ("//a[last()]/b", ["w", "y", "z"]),
        ("//a//b", ["w", "x", "y", "z"]),
        ("/r/a[2]/preceding-sibling::a/b", ["x"]),
        ("(//b)[1]", ["x"]),
        ("//a[b/text() = 'x']/@k", ["1"]),
        ("'x'", ["x"]),
        ("/", []),
        ("//a[", []),
        ("//", []),
        ("a/", []),
        ("@", []),
        ("//a[1.2.3]", []),
        ("//a[b = 'x]", []),
        ("q:a", []),
        ("p:", []),
        ("/r" * 20, []),
        ("//a" + "[b]" * 6 + "/b", ["w", "x", "y", "z"]),
    ],
)
def test_paths(xpath, found):
    assert found_by_filter(DOCUMENT, xpath) == found
