"""Which media type a client gets: the Accept header."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compysition._core import _best_match, _choose_media_type
from tests.corpora import CORPORA


def corpus(kind):
    path = CORPORA / "mimeparse" / "testdata.json"
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(f"no mimeparse in {CORPORA}"))]
    return json.loads(path.read_text())[kind]


# ---- the cases of mimeparse ----


@pytest.mark.parametrize("case", corpus("best_match"))
def test_best_match(case):
    (supported, accept), expected, _ = case
    best, quality, invalid = _best_match(supported, accept.encode())
    assert invalid == (expected is None)
    assert (best or "") == (expected or "")
    assert (quality > 0) == (best is not None)


@pytest.mark.parametrize("case", corpus("quality"))
def test_quality(case):
    (offered, accept), expected = case
    assert _best_match([offered], accept.encode()) == (offered, expected, False)


@pytest.mark.parametrize("case", corpus("parse_media_range"))
def test_media_ranges(case):
    header, (media_type, subtype, parameters) = case
    quality = float(parameters.pop("q"))
    # The one with the same parameters fits better than those that come after it.
    plain = f"{media_type}/{subtype}"
    offered = plain + "".join(f";{name}={value}" for name, value in parameters.items())
    supported = [offered, plain] if parameters else [offered, "no/type"]
    expected = offered if quality else None
    assert _best_match(supported, header.encode()) == (expected, quality, False)


@pytest.mark.parametrize("case", corpus("parse_mime_type"))
def test_media_types(case):
    header, parsed = case
    assert _best_match(["*/*"], header.encode())[2] == (parsed is None)
    if parsed is not None:
        media_type, subtype, parameters = parsed
        quality = float(parameters.pop("q"))
        offered = f"{media_type}/{subtype};" + ";".join(f'{k}="{v}"' for k, v in parameters.items())
        assert _best_match([offered, f"{media_type}/{subtype}"], header.encode()) == (
            offered if parameters else f"{media_type}/{subtype}",
            quality,
            False,
        )


# ---- what an event accepts ----


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "*/*"),
        ("*/*", "*/*"),
        ("*", "*/*"),
        ("image/png", "*/*"),
        ("application/vnd.api+json", "*/*"),
        ("application/json", "application/json"),
        ("Application/JSON", "application/json"),
        ("application/*", "application/json"),
        ("text/xml, application/json", "application/json"),
        ("application/json,text/xml", "application/json"),
        ("application/xml", "application/xml"),
        ("application/xml+schema", "application/xml+schema"),
        ("application/json+schema", "application/json+schema"),
        ("text/*", "text/xml"),
        ("text/xml", "text/xml"),
        ("text/html", "text/html"),
        ("application/json;q=0.5, text/xml", "text/xml"),
        ("application/json ; Q = 0.5 , text/xml;q=0.4", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/plain", "text/plain"),
        ("", ""),
        (" ", ""),
        (",,", ""),
        ("application/xml;q=0", ""),
        ("*/*;q=0.000", ""),
        ("application/json,", "application/json"),
        ('application/json;x="a,b;q=0", text/xml;q=0.9', "application/json"),
        ('text/xml;x="\\",";q=0.9, application/json;q=0.8', "text/xml"),
    ],
)
def test_what_an_event_accepts(accept, expected):
    header = None if accept is None else accept.encode()
    assert _choose_media_type(header) == (expected, False)


@pytest.mark.parametrize(
    "accept", ["foo", "text/", "/xml", "a/b/c", "application/json, foo", ";q=1"]
)
def test_no_media_type(accept):
    assert _choose_media_type(accept.encode()) == ("*/*", True)


@pytest.mark.parametrize("quality", ["", "x", "-1", "2", "1.5", ".", "1e-3", "0x1", "inf", "nan"])
def test_a_quality_that_is_none_counts_as_1(quality):
    best, given_quality, _ = _best_match(["text/xml"], f"text/xml;q={quality}".encode())
    assert (best, given_quality) == ("text/xml", 1)


@pytest.mark.parametrize(
    "text", ["0", "0.", ".0", "0.000", "0.001", ".5", "0.5", "0.999", "1", "1.", "1.000"]
)
def test_qualities(text):
    quality = _best_match(["text/xml"], f"text/xml;q={text}".encode())[1]
    assert quality == pytest.approx(float(text))


@pytest.mark.parametrize(
    "piece", [b",", b";", b"=", b'"', b"\\", b" ", b"a/b,", b"a/b;q=0;", b"*,", b"\xff/\0,"]
)
def test_hostile_headers(piece):
    accept = piece * (65536 // len(piece)) + b",text/xml"
    assert _choose_media_type(accept)[0] in ("", "*/*", "text/xml")


@given(st.binary(max_size=40))
def test_whatever_it_is_there_is_an_answer(accept):
    best, invalid = _choose_media_type(accept)
    assert best == "*/*" or not invalid


PARTS = st.sampled_from(["text/html", "text/xml", "application/json", "text/*", "*/*", "image/png"])


@given(st.lists(st.tuples(PARTS, st.integers(0, 1000)), min_size=1))
def test_the_answer_is_acceptable(ranges):
    header = ", ".join(f"{name};q={quality / 1000}" for name, quality in ranges)
    supported = ["text/html", "text/xml", "application/json"]
    best, quality, invalid = _best_match(supported, header.encode())
    assert not invalid
    if best is None:
        assert quality == 0
    else:
        names = (best, best.split("/")[0] + "/*", "*/*")
        assert quality in [pytest.approx(q / 1000) for name, q in ranges if name in names]
