"""Forms of several parts."""

import pytest

from compysition._multipart import parse
from compysition.errors import MalformedEventData

TYPE = b"multipart/form-data; boundary=edge"


def form(*parts, boundary=b"edge", newline=b"\r\n"):
    """Build a body of (lines of the head, content)."""
    lines = []
    for *head, content in parts:
        lines += [b"--" + boundary, *head, b"", content]
    return newline.join([*lines, b"--" + boundary + b"--", b""])


def named(name, content, *more):
    return (b'Content-Disposition: form-data; name="' + name + b'"', *more, content)


def test_fields():
    body = form(named(b"one", b"1"), named(b"two", b"a\r\nb\r\n"), named(b"three", b""))
    assert parse(TYPE, body) == {"one": "1", "two": "a\r\nb\r\n", "three": ""}


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_ends_of_lines(newline):
    body = form(named(b"a", b"1"), named(b"b", b"2", b"X: y"), newline=newline)
    assert parse(TYPE, body) == {"a": "1", "b": "2"}


def test_the_last_of_a_name_counts():
    assert parse(TYPE, form(named(b"a", b"1"), named(b"a", b"2"))) == {"a": "2"}


def test_names_and_charsets():
    latin = b"Content-Type: text/plain; charset=iso-8859-1"
    body = form(
        named(b"\xc3\xa9", b"\xc3\xa9"),
        named(b"latin", b"\xe9", latin),
        named(b"broken", b"\xe9"),
        named(b"unknown", b"\xc3\xa9", b"Content-Type: text/plain; charset=nope"),
        named(b"bytes", b"6162", b"Content-Type: text/plain; charset=hex"),
        (b"content-disposition: form-data; name*=utf-8''%C3%A4", b"x"),
    )
    expected = {
        "\u00e9": "\u00e9",
        "latin": "\u00e9",
        "broken": "\ufffd",
        "unknown": "\u00e9",
        "bytes": "6162",
        "\u00e4": "x",
    }
    assert parse(TYPE, body) == expected


def test_files_are_fields():
    part = (
        b'Content-Disposition: form-data; name="f"; filename="a.txt"',
        b"Content-Type: text/plain",
        b"text",
    )
    assert parse(TYPE, form(part)) == {"f": "text"}


def test_what_looks_like_a_boundary_is_content():
    content = b"--edgy\r\n --edge\r\n--edge2\r\nx--edge"
    assert parse(TYPE, form(named(b"a", content))) == {"a": content.decode()}


def test_quoted_boundary_preamble_and_end():
    body = (
        b"before\r\n"
        + form(named(b"a", b"1"), boundary=b"x y")
        + b"--x y\r\n"
        + form(named(b"b", b"2"))
    )
    assert parse(b'Multipart/Form-Data; BOUNDARY="x y"', body) == {"a": "1"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (TYPE, b""),
        (TYPE, b"--edge--"),
        (TYPE, b"--edge\r\n\r\nno name\r\n--edge--"),
        (TYPE, form(named(b"a", b"1")).rpartition(b"--edge")[0].rstrip()),
        (b"multipart/form-data", form(named(b"a", b"1"))),
        (b"multipart/form-data; boundary=", form(named(b"a", b"1"))),
        (b"multipart/form-data; boundary=\xff", form(named(b"a", b"1"))),
    ],
)
def test_without_fields(content_type, body):
    assert parse(content_type, body) == {}


def test_nested_parts_are_content():
    inner = form(named(b"x", b"1"), boundary=b"in")
    body = form(named(b"a", inner, b"Content-Type: multipart/mixed; boundary=in"))
    assert parse(TYPE, body) == {"a": inner.decode()}


def test_too_many_parts():
    assert len(parse(TYPE, form(*[named(b"a%d" % n, b"") for n in range(1000)]))) == 1000
    with pytest.raises(MalformedEventData, match="More than 1000"):
        parse(TYPE, form(*[named(b"a", b"")] * 1001))


def test_too_long_a_head():
    """Python's parser of headers would be busy for hours with as many quotes as a body has room for."""
    head = b'Content-Disposition: form-data; name="a"; filename="'
    fits = head + b"x" * (2048 - 1 - len(head)) + b'"'
    assert parse(TYPE, form((fits, b"1"))) == {"a": "1"}
    with pytest.raises(MalformedEventData, match="More than 2048 bytes of headers"):
        parse(TYPE, form((head + b'";"' * 1_000_000, b"1")))
    with pytest.raises(MalformedEventData, match="More than 2048 bytes of headers"):
        parse(TYPE + b';a="";' * 1_000_000, b"")
