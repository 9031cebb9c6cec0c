"""application/x-www-form-urlencoded: as urllib.parse reads it, and the field that counts."""

from encodings import _cache as spellings
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compysition._core import _parse_form
from compysition.errors import MalformedEventData

ASCII = st.text(
    st.sampled_from("&&&===+%%%;azAF09 é\\".replace("é", "")) | st.characters(max_codepoint=127)
)


def fields(text):
    return _parse_form(text.encode("latin-1"), "")[0]


def data(text, charset=""):
    return _parse_form(text.encode("latin-1"), charset)[1]


# ---- all fields ----


@given(ASCII)
@example("")
@example("&")
@example("=")
@example("a&b=&=c&=")
@example("a=1&b=2&a=3")
@example("%&%4&%zz&%4z=%f")
@example("%E4%F6=%80")
@example("a=%C3%A9&b=%C3")
@example("a;b=c;d")
@example("a=b=c&+%2B=%2b+")
@example("a%00=%00")
def test_as_urllib(text):
    expected = dict(parse_qsl(text, keep_blank_values=True, errors="replace"))
    assert list(fields(text).items()) == list(expected.items())


@given(st.dictionaries(st.text(), st.text()), st.sampled_from([quote, quote_plus]))
def test_what_urllib_writes(values, how):
    expected = {name: value for name, value in values.items() if name or value}
    expected |= {name: value for name, value in values.items() if not name}
    assert fields(urlencode(values, quote_via=how)) == expected


def test_bytes_that_are_no_ascii():
    assert fields("\xc3\xa9=\xff&b=\xe2\x82%AC") == {"\u00e9": "\ufffd", "b": "\u20ac"}


def test_long_fields():
    name, value = "n" * 5000, "v%20" * 5000
    assert fields(f"{name}={value}") == {name: "v " * 5000}


def test_too_many_fields():
    assert len(fields("&".join(f"a{n}" for n in range(1000)))) == 1000
    assert fields("&" * 100000) == {}
    with pytest.raises(MalformedEventData, match="More than 1000 fields"):
        fields("a&" * 1001)


# ---- the field that is the data ----


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("&&", None),
        ("XML=1", ("XML", "1")),
        ("JSON=1", ("JSON", "1")),
        ("a=1&XML=2", ("XML", "2")),
        ("a=1&JSON=2", ("JSON", "2")),
        ("JSON=1&XML=2", ("XML", "2")),
        ("%58ML=1", ("XML", "1")),
        ("a=1&%4a%53%4F%4E=2", ("JSON", "2")),
        ("xml=1&json=2", (None, "1")),
        ("XMLS=1&XM=2&JSON2=3", (None, "1")),
        ("b=1&a=2", (None, "1")),
        ("&&b=x+y%2B&a=2", (None, "x y+")),
        ("text", (None, "")),
        ("=1", (None, "1")),
        ("XML", ("XML", "")),
        ("XML=1&XML=2", ("XML", "1")),
    ],
)
def test_http_6_a_special_field_or_else_the_first_counts(text, expected):
    assert data(text) == expected


@pytest.mark.parametrize(
    ("charset", "encoded", "expected"),
    [
        ("", "%C3%A9", "\u00e9"),
        ("utf-8", "%C3%A9", "\u00e9"),
        ("utf8", "%C3%A9", "\u00e9"),
        ("utf-8", "%E9", "\ufffd"),
        ("iso-8859-1", "%E9", "\u00e9"),
        ("windows-1252", "%80", "\u20ac"),
        ("us-ascii", "%80", "\ufffd"),
        ("koi8-u", "%A4", "\u0454"),
        ("shift_jis", "%83A", "\u30a2"),
        ("utf-16", "a%00", "a"),
    ],
)
def test_charsets(charset, encoded, expected):
    assert data(f"a={encoded}", charset) == (None, expected)


@pytest.mark.parametrize(
    "charset",
    [
        "nope",
        "hex",
        "rot13",
        "idna",
        "punycode",
        "unicode_escape",
        "undefined",
        "../x",
        "a.b",
        "\xe9",
        "%s",
    ],
)
def test_unknown_charsets(charset):
    with pytest.raises(MalformedEventData):
        data("a=1", charset)


def test_python_remembers_no_spelling_of_a_client():
    data("a=1", "latin-1")
    before = len(spellings)
    for number in range(50):
        assert data("a=%E9", "latin" + "-" * number + "1") == (None, "\u00e9")
        with pytest.raises(MalformedEventData):
            data("a=1", f"unknown{number}")
    assert len(spellings) == before


def test_too_many_fields_for_data():
    with pytest.raises(MalformedEventData):
        _parse_form(b"a&" * 1001, "")
