"""Trees that change hands between C and lxml, whether both use one libxml2 or not."""

import ctypes
import os
import pathlib
import subprocess
import sys

import pytest
from lxml import etree

from compysition import _core
from compysition.event import JSONEvent, XMLEvent
from tests.lxmls import environment_with, other_lxml

ROOT = pathlib.Path(__file__).parents[2]
SUBPROCESS = "COMPYSITION_TEST_OTHER_LXML"


def address(library):
    function = getattr(ctypes.CDLL(library), "xmlNewDoc", None)
    return ctypes.cast(function, ctypes.c_void_p).value if function else None


def test_a_common_libxml2_is_recognised():
    assert _core._lxml_shares_trees() == (address(etree.__file__) == address(_core.__file__))


def test_the_tree_itself_changes_hands():
    made = XMLEvent(data="<a>\n<b/>\n</a>")
    assert made.data[0].sourceline == 2
    assert made.data.getroottree().getpath(made.data[0]) == "/a/b"
    held = made.data
    made.data = "<c/>"
    assert etree.tostring(held) == b"<a>\n<b/>\n</a>"


def test_elements_outlive_their_events():
    part = XMLEvent(data="<a><b><c>x</c></b></a>").data[0]
    assert part.getparent().tag == "a"
    part.getparent().remove(part)
    assert part.find("c").text == "x"


def test_a_reader_in_c_does_not_disturb_python():
    made = XMLEvent(data="<a><b/></a>")
    held = made.data
    for number in range(3):
        held.set("n", str(number))
        assert made.data_string() == f'<a n="{number}"><b/></a>'
        assert made.convert(JSONEvent).data == {"a": {"@n": str(number), "b": None}}
        assert made.data is held


def test_a_reader_in_c_between_two_in_python():
    made = XMLEvent(data="<a/>")
    made.data.set("b", "1")
    copied = made.clone()
    assert copied.convert(JSONEvent).data == made.convert(JSONEvent).data == {"a": {"@b": "1"}}
    copied.data.set("b", "2")
    assert made.convert(JSONEvent).data == {"a": {"@b": "1"}}
    assert copied.convert(JSONEvent).data == {"a": {"@b": "2"}}


def test_names_made_in_c_are_found_by_lxml():
    made = JSONEvent(data={"a": {"b": [{"c": 1}, {"c": 2}], "@d": "x"}}).convert(XMLEvent)
    assert [c.text for c in made.data.iter("c")] == ["1", "2"]
    assert [c.text for c in made.data.findall("b/c")] == ["1", "2"]
    assert made.data.attrib["d"] == "x"
    copied = made.clone()
    assert [c.text for c in copied.data.iter("c")] == ["1", "2"]
    moved = etree.Element("z")
    moved.extend(copied.data)
    del copied
    assert [c.text for c in moved.iter("c")] == ["1", "2"]


def test_element_classes_of_the_user_may_ask_for_the_data():
    """Making an element may run Python code, which finds the event half-way."""
    seen = []

    class Curious(etree.ElementBase):
        def _init(self):
            try:
                seen.append(made.data.tag)
            except RuntimeError as error:
                seen.append(str(error))

    lookup = etree.ElementDefaultClassLookup(element=Curious)
    parser = etree.get_default_parser()
    parser.set_element_class_lookup(lookup)
    try:
        made = XMLEvent(data="<a/>")
        assert made.data.tag == "a"
    finally:
        parser.set_element_class_lookup(None)
    assert made.data is made.data


def test_comments_of_python_survive_in_c():
    element = etree.XML("<a><!-- c --><?p i?>x<b/>y</a>")
    assert XMLEvent(data=element).clone().data_string() == "<a><!-- c --><?p i?>x<b/>y</a>"


def test_entity_references_of_python():
    parser = etree.XMLParser(resolve_entities=False)
    element = etree.XML("<!DOCTYPE a [<!ENTITY e 'x'>]><a>1&e;2</a>", parser)
    made = XMLEvent(data=element)
    if _core._lxml_shares_trees():
        assert made.data_string() == "<a>1&e;2</a>"
    else:
        with pytest.raises(SyntaxError, match="Entity 'e' not defined"):
            made.data_string()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(SUBPROCESS in os.environ, reason="these are the tests with the other lxml")
def test_all_xml_tests_pass_with_the_other_lxml(tmp_path):
    other = other_lxml()
    if other is None:
        pytest.skip("there is only one lxml for this Python")
    environment = {**environment_with(other, tmp_path), SUBPROCESS: "1"}
    check = (
        "import sys, lxml.etree; from compysition import _core; print(_core._lxml_shares_trees())"
    )
    shared = subprocess.run(
        [sys.executable, "-c", check], env=environment, capture_output=True, text=True, check=True
    )
    assert shared.stdout != f"{_core._lxml_shares_trees()}\n"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-m", "not slow", "tests/test_xml_event.py", "tests/xml"),
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
