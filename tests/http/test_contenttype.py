"""What a request's Content-Type says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compysition._core import _read_content_type

FORM = "application/x-www-form-urlencoded"


def read(value):
    return _read_content_type(value.encode())


@pytest.mark.parametrize(
    ("media_type", "kind", "usual"),
    [
        ("application/json", "json", True),
        ("application/json+schema", "json", False),
        ("application/xml", "xml", True),
        ("text/xml", "xml", True),
        ("text/html", "xml", True),
        ("application/xml+schema", "xml", False),
        ("text/plain", "text", True),
        ("*/*", "text", False),
        (FORM, "form", True),
        ("image/png", "json", False),
        ("multipart/form-data", "json", False),
        ("foo", "json", False),
        ("", "json", False),
    ],
)
def test_types(media_type, kind, usual):
    for value in (
        media_type,
        media_type.upper(),
        f" {media_type}\t",
        f"{media_type} ; a=b",
        f"{media_type};",
    ):
        assert read(value) == (media_type, "", kind, usual)


def test_none():
    assert _read_content_type(None) == ("", "", "json", False)


@pytest.mark.parametrize(
    ("parameters", "charset"),
    [
        ("charset=utf-8", "utf-8"),
        ("CharSet=UTF-8", "utf-8"),
        (' charset = "ISO-8859-1" ', "iso-8859-1"),
        ('a="x;charset=no"; charset=yes', "yes"),
        ('a="\\";charset=no"; charset=yes', "yes"),
        ("a=b;charset=first;charset=second", "first"),
        ("charset=", ""),
        ('charset=""', ""),
        ("charset", ""),
        ("xcharset=no", ""),
        ("charset=" + "x" * 100, "x" * 31),
    ],
)
def test_charsets(parameters, charset):
    assert read(f"text/plain;{parameters}") == ("text/plain", charset, "text", True)


def test_a_long_type_is_cut_off():
    assert read("text/" + "x" * 1000)[0] == "text/" + "x" * 122


@pytest.mark.parametrize("piece", [b";", b'"', b"\\", b"=", b"; charset", b" "])
def test_hostile_headers(piece):
    assert _read_content_type(b"text/xml;" + piece * 30000)[0] == "text/xml"


@given(st.binary(max_size=60).filter(lambda value: not {0, *b'";'} & {*value}))
def test_other_parameters_change_nothing(value):
    assert _read_content_type(b"text/xml; x=" + value) == ("text/xml", "", "xml", True)
