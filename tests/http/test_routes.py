"""Which route serves a request: routes_config, and Bottle's syntax and order."""

import copy
import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compysition._core import _match_routes
from compysition.errors import SetupError


def match(config, method, path):
    return _match_routes(config, [(method, path)])[0]


def routes(*entries):
    """A config of routes, each a path or (path, methods); GET without."""
    pairs = [entry if isinstance(entry, tuple) else (entry, ["GET"]) for entry in entries]
    return {"routes": [{"path": path, "method": methods} for path, methods in pairs]}


def served(config, path, method="GET"):
    """The path of the route and the wildcards, of a request that is served."""
    status, route, values, allow = match(config, method, path)
    assert (status, allow) == (200, None)
    return route, values


def status_of(config, path, method="GET"):
    return match(config, method, path)[0]


# ---- the config ----


def test_without_a_config_one_segment_is_the_queue():
    assert match(None, "POST", "/orders") == (200, "/<queue>", {"queue": "orders"}, None)
    assert match(None, "GET", "/orders") == (405, None, None, "POST")
    assert match(None, "POST", "/orders/1") == (404, None, None, None)
    assert match(None, "POST", "/") == (404, None, None, None)


@pytest.mark.parametrize("form", [lambda config: config, json.dumps], ids=["dict", "text"])
def test_a_config_is_a_dict_or_json(form):
    config = form(routes("/a/<x>"))
    assert served(config, "/a/1") == ("/a/<x>", {"x": "1"})
    assert status_of(config, "/a", "POST") == 404


@pytest.mark.parametrize("methods", ["GET", "get", ["GET"], ["put", "Get"], ("GET",)])
def test_methods_are_a_text_or_a_list_in_any_case(methods):
    assert served(routes(("/a", methods)), "/a") == ("/a", None)


@pytest.mark.parametrize("method", [{}, {"method": None}, {"method": []}, {"method": ""}])
def test_a_route_without_methods_only_serves_as_a_base(method):
    base = {"id": "base", "path": "/a", **method}
    config = {"routes": [base, {"base_path": "base", "path": "/b", "method": "GET"}]}
    assert status_of(config, "/a") == 404
    assert served(config, "/a/b") == ("/a/b", None)


def test_bases_extend_bases_wherever_they_are_defined():
    config = {
        "routes": [
            {"base_path": 2, "path": "/<z>", "method": "GET"},
            {"id": 1, "path": "/<x:int>", "method": "GET"},
            {"id": 2, "base_path": 1, "path": "/y"},
        ]
    }
    assert served(config, "/7/y/8") == ("/<x:int>/y/<z>", {"x": 7, "z": "8"})
    assert served(config, "/7") == ("/<x:int>", {"x": 7})


def test_the_config_stays_as_it_is():
    """FIX HTTP-2."""
    config = {
        "routes": [
            {"id": "a", "path": "/<queue:re:a>", "method": ["get"]},
            {"id": "b", "base_path": "a", "path": "/<queue:re:b>", "method": "GET", "name": "b"},
        ]
    }
    before = copy.deepcopy(config)
    assert served(config, "/a/b") == ("/a/<queue:re:b>", {"queue": "b"})
    assert config == before


@pytest.mark.parametrize("bases", [["a"], ["b", "a"], ["b", "c", "d", "b"]])
def test_bases_that_lead_back_to_themselves_are_refused(bases):
    """FIX HTTP-2: it recursed for ever."""
    config = {
        "routes": [
            {"id": name, "path": f"/{name}", "base_path": base, "method": "GET"}
            for name, base in zip("abcd", bases, strict=False)
        ]
    }
    with pytest.raises(SetupError, match=r"'/a'.*'base_path'.*leads back to itself"):
        _match_routes(config, [])


def test_an_unknown_base_is_a_key_error():
    config = {"routes": [{"path": "/a", "base_path": "nope", "method": "GET"}]}
    with pytest.raises(KeyError) as caught:
        _match_routes(config, [])
    assert caught.value.args == ("Base path 'nope' doesn't reference a defined path ID",)


@pytest.mark.parametrize(
    ("base", "path", "expected"),
    [
        ("/<queue:re:foo>", "/<queue:re:bar>", "/foo/<queue:re:bar>"),
        (
            "/<queue:re:x>/y/<id>",
            "/<queue:re:z>/<queue:re:w>",
            "/x/y/<id>/z/<queue:re:w>",
        ),
        ("/a", "/<queue:re:foo>", "/a/<queue:re:foo>"),
        ("/<queue:re:a>", "/<queue:re:a>", "/a/<queue:re:a>"),  # FIX HTTP-3: it became /a/a
        ("/<queue:re:a_1>", "/<queue:re:a>/<queue:re:>", "/a_1/<queue:re:a>/<queue:re:>"),
        ("/<queue:re:a-b>", "/<queue:re:c>/x", "/<queue:re:a-b>/<queue:re:c>/x"),
        ("/<other:re:a>", "/<queue:re:c>", "/<other:re:a>/<queue:re:c>"),
        ("/<queue>", "/<queue:re:c>", "/<queue>/<queue:re:c>"),
    ],
)
def test_of_queue_placeholders_the_last_one_stays(base, path, expected):
    config = {
        "routes": [
            {"id": "base", "path": base},
            {"base_path": "base", "path": path, "method": "GET"},
        ]
    }
    if expected.count("<queue") == 1:
        request = expected.replace("<queue:re:", "").replace("<id>", "1")
        request = request.replace("<other:re:", "").replace(">", "")
        assert served(config, request)[0] == expected
    else:
        with pytest.raises(SetupError, match=f"Route '{expected}' has two wildcards named 'queue'"):
            _match_routes(config, [])


def test_placeholders_of_a_path_that_extends_nothing_stay():
    config = routes("/<queue:re:a>/<queue:re:b>")
    with pytest.raises(SetupError, match="two wildcards"):
        _match_routes(config, [])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "routes_config is no JSON"),
        ("[]", "routes_config must be"),
        ({}, "routes_config must be"),
        ({"routes": {}}, "routes_config must be"),
        (5, "routes_config must be"),
        ({"routes": ["/a"]}, "A route must be an object, not '/a'"),
        ({"routes": [{"method": "GET"}]}, "A route has no 'path': {'method': 'GET'}"),
        (routes((5, "GET")), "The 'path' of a route must be a text, not 5"),
        (routes(("/a", [5])), r"Route '/a': 'method' must be a text or a list of texts, not \[5\]"),
        (routes(("/a", 5)), "Route '/a': 'method' must be a text or a list of texts, not 5"),
        ({"routes": [{"path": "/a", "method": "GET", "ctypes": [5]}]}, "Route '/a': 'ctypes'"),
        ({"routes": [{"path": "/a", "method": "GET", "callback": 5}]}, "Route '/a': 'callback'"),
        ({"routes": [{"id": ["x"]}]}, r"The 'id' of a route cannot be \['x'\]"),
        (
            {"routes": [{"path": "/a", "base_path": {"x": 1}}]},
            "The 'base_path' of a route cannot be",
        ),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(config, message):
    with pytest.raises(SetupError, match=message):
        _match_routes(config, [])


@pytest.mark.parametrize(
    "name",
    "data service environment accept headers status meta_id event_id created error method "
    "convert content_type _event_id".split(),
)
@pytest.mark.parametrize("form", ["/x/<{}>", "/x/<a>/<{}:int>", "/<{}:path>"])
def test_wildcards_that_would_overwrite_parts_of_the_event_are_refused(name, form):
    path = form.format(name)
    with pytest.raises(SetupError, match=f"Route '{path}': the wildcard '{name}'"):
        _match_routes(routes(path), [])


@pytest.mark.parametrize("name", ["entity_id", "queue", "id", "name", "mro", "datas", "_x"])
def test_other_wildcards_are_not(name):
    assert served(routes(f"/x/<{name}>"), "/x/1") == (f"/x/<{name}>", {name: "1"})


# ---- wildcards ----


@pytest.mark.parametrize(
    ("rule", "path", "values"),
    [
        ("/<a>", "/x", {"a": "x"}),
        ("/<a>", "/\xe9\u20ac\U0001f600", {"a": "\xe9\u20ac\U0001f600"}),
        ("/<a>", "/x\n", {"a": "x\n"}),
        ("/<a>/<b>", "/x/y", {"a": "x", "b": "y"}),
        ("/<a>/b/<c>.json", "/x/b/y.z.json", {"a": "x", "c": "y.z"}),
        ("/p-<a>.x/c", "/p-q.x/c", {"a": "q"}),
        ("/<a>-<b>", "/1-2-3", {"a": "1-2", "b": "3"}),
        ("/<a><b>", "/xyz", {"a": "xy", "b": "z"}),
        ("/<a:int>", "/-12", {"a": -12}),
        ("/<a:int>", "/007", {"a": 7}),
        ("/<a:int>", "/\u0664\u0662", {"a": 42}),
        ("/<a:int>", "/123456789012345678901234567890", {"a": 123456789012345678901234567890}),
        ("/<a:int>/<b:int>", "/1/2", {"a": 1, "b": 2}),
        ("/<a:int>x<b:int>", "/1x2", {"a": 1, "b": 2}),
        ("/<a:int>0", "/100", {"a": 10}),
        ("/<a:float>", "/-1.5", {"a": -1.5}),
        ("/<a:float>", "/2", {"a": 2.0}),
        ("/<a:float>.x", "/2.5.x", {"a": 2.5}),
        ("/<a:path>", "/x/y", {"a": "x/y"}),
        ("/<a:path>.js", "/x.js/y.js", {"a": "x.js/y"}),
        ("/<a:path>/b/<c:path>", "/1/b/2/b/3", {"a": "1", "c": "2/b/3"}),
        ("/<a:re:[a-c]+>", "/abc", {"a": "abc"}),
        ("/<a:re:(x)(y)?>/<b>", "/x/1", {"a": "x", "b": "1"}),
        ("/<a:re:x\\>>", "/x>", {"a": "x>"}),
        ("/<a:re>", "/x", {"a": "x"}),
        ("/<a:re:>", "/x", {"a": "x"}),
        ("/<:int>/<b>", "/1/2", {"b": "2"}),
        ("/<>", "/x", None),
        ("/<:re:[xy]>", "/y", None),
        ("/:a", "/x", {"a": "x"}),
        ("/:a/:b", "/x/y", {"a": "x", "b": "y"}),
        ("/:a#[0-9]+#/z", "/12/z", {"a": "12"}),
        ("/:#[0-9]+#", "/12", None),
        ("/x:", "/x1", None),
        ("/\\<a>", "/<a>", None),
        ("/\\:a", "/:a", None),
        ("/\\\\<a>", "/x", {"a": "x"}),
        ("/\\x", "/\\x", None),
        ("/<a-b>", "/<a-b>", None),
        ("/<a", "/<a", None),
        ("/.*", "/.*", None),
        ("/" + "<a>/<b:int>/" * 2 + "z", None, None),
        (
            "/" + "/".join(f"<x{n}>" for n in range(40)),
            "/a" * 40,
            {f"x{n}": "a" for n in range(40)},
        ),
    ],
)
def test_wildcards(rule, path, values):
    if path is None:
        with pytest.raises(SetupError, match="two wildcards named 'a'"):
            _match_routes(routes(rule), [])
        return
    route, found = served(routes(rule), path)
    assert route == rule
    assert found == values
    assert values is None or [type(value) for value in found.values()] == [
        type(value) for value in values.values()
    ]


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("/<a>", "/"),
        ("/<a>", "/x/y"),
        ("/<a>", "x"),
        ("/x/<a>", "/y/z"),
        ("/<a>.json", "/.json"),
        ("/<a>.json", "/x.jso"),
        ("/<a>.json", "/x/y.json"),
        ("/<a:int>", "/x"),
        ("/<a:int>", "/-"),
        ("/<a:int>", "/1\n"),
        ("/<a:int>", "/1.0"),
        ("/<a:float>", "/1e5"),
        ("/<a:path>", "/"),
        ("/<a:path>", "/x\ny"),
        ("/<a:path>.js", "/.js"),
        ("/<a:re:[a-c]+>", "/abd"),
        ("/<a:re:a|ab>", "/abc"),
        ("/<a:re:a>", "/a\n"),
        ("/a/", "/a"),
        ("/.*", "/xx"),
        ("/\\<a>", "/x"),
    ],
)
def test_paths_that_do_not_fit(rule, path):
    assert status_of(routes(rule), path) == 404


@pytest.mark.parametrize("value", ["1.2.3", ".", "-."])
@pytest.mark.parametrize("rule", ["/<a:float>", "/<a:float>/<b:re:x?>"])
def test_what_cannot_be_converted_is_a_bad_request(rule, value):
    config = routes(rule, "/<c:path>")
    assert status_of(config, "/" + value + "/" * (rule != "/<a:float>")) == 400


def test_an_integer_beyond_what_python_reads_is_a_bad_request():
    assert status_of(routes("/<a:int>"), "/" + "9" * 5000) == 400


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("/<a:re:(>", r"Route '/<a:re:\(>': bad regular expression '\('"),
        ("/<a:re:x)|(y>", "bad regular expression"),
        ("/<a:re:(?i)x>", "bad regular expression"),
        ("/:a#[#", "bad regular expression"),
        ("/<a:re:x{5000000000}>", "bad regular expression"),
        ("/<a:int>/<a>", "has two wildcards named 'a'"),
        ("/<a:word>", "Route '/<a:word>': there is no filter 'word'"),
    ],
)
def test_paths_that_make_no_sense_are_refused(rule, message):
    with pytest.raises(SetupError, match=message):
        _match_routes(routes(rule), [])


# ---- order and methods ----


def test_static_paths_come_first_then_the_others_in_order():
    config = routes("/<a>/x", "/b/<c>", "/b/x")
    assert served(config, "/b/x") == ("/b/x", None)
    assert served(config, "/c/x") == ("/<a>/x", {"a": "c"})
    assert served(config, "/b/y") == ("/b/<c>", {"c": "y"})


def test_a_later_route_replaces_one_for_the_same_paths_in_its_place():
    config = routes("/<a>", "/<b:path>", "/<c>", ("/<d>", "PUT"), "/s", "/s")
    assert served(config, "/x") == ("/<c>", {"c": "x"})
    assert served(config, "/x/y") == ("/<b:path>", {"b": "x/y"})
    assert served(config, "/x", "PUT") == ("/<d>", {"d": "x"})


def test_head_is_served_by_get_unless_it_has_a_route():
    config = routes("/a", ("/b", "POST"), "/c", ("/<x>", "HEAD"))
    assert served(routes("/a"), "/a", "HEAD") == ("/a", None)
    assert served(config, "/c", "HEAD") == ("/<x>", {"x": "c"})
    assert match(routes(("/b", "POST")), "HEAD", "/b") == (405, None, None, "POST")


def test_a_route_for_any_method_comes_last():
    config = routes(("/a", "ANY"), "/<x>")
    assert served(config, "/a", "PATCH") == ("/a", None)
    assert served(config, "/a", "GET") == ("/<x>", {"x": "a"})
    assert served(config, "/a", "HEAD") == ("/<x>", {"x": "a"})


def test_the_methods_that_are_allowed_are_sorted():
    config = routes(("/a", ["GET", "PUT"]), ("/<x>", ["DELETE", "GET"]), ("/b", "PATCH"))
    assert match(config, "POST", "/a") == (405, None, None, "DELETE,GET,PUT")
    assert match(config, "POST", "/z") == (405, None, None, "DELETE,GET")
    assert match(config, "get", "/a") == (405, None, None, "DELETE,GET,PUT")


def test_many_routes():
    config = routes(*(f"/{n}/<x:int>" for n in range(500)), *(f"/{n}" for n in range(500)))
    assert served(config, "/499/3") == ("/499/<x:int>", {"x": 3})
    assert served(config, "/499") == ("/499", None)


# ---- side by side with Bottle ----


@pytest.fixture(scope="module")
def bottle():
    return pytest.importorskip("bottle", reason="the package bottle is not installed")


literals = st.sampled_from(
    ["/", "/", "x", ".", "-", "a1", "\\", ":", "<a-b>", "\xe9", "1", "/x/", "#"]
)
masks = st.sampled_from(["[^/]+", "x+", "[x1]", "x|y", "a?", "\\d+", ".+", "(x)", "x\\>"])
names = st.sampled_from(["a", "b", "c", "d", "a1", "_z", ""])


@st.composite
def rules(draw):
    def wildcard():
        name, kind = draw(names), draw(st.integers(0, 7))
        if kind < 3:
            return f"<{name}>"
        if kind < 6 and (name or kind == 5):  # Bottle fails at numbers without a name
            return f"<{name}:{('int', 'float', 'path')[kind - 3]}>"
        return f"<{name}:re:{draw(masks)}>" if kind != 7 else f":{name}#{draw(masks)}#"

    parts = draw(st.lists(st.booleans(), max_size=6))
    return "/" + "".join(wildcard() if part else draw(literals) for part in parts)


texts = st.sampled_from(
    ["/", "/", "x", ".", "-", "a1", "12", "-3", "1.5", "\\", ":", "<a-b>", "\xe9", ">"]
)
paths = st.lists(texts, max_size=7).map(lambda parts: "/" + "".join(parts))
methods = st.sampled_from(["GET", "POST", "HEAD", "ANY"])


def by_bottle(bottle, config, requests):
    """What _match_routes would answer; None for a config that Bottle refuses."""
    router = bottle.Router()
    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the old syntax
        try:
            for route in config["routes"]:
                router.add(route["path"], route["method"], route["path"])
        except bottle.RouteSyntaxError:
            return None
    for method, path in requests:
        try:
            rule, values = router.match({"REQUEST_METHOD": method, "PATH_INFO": path})
            results.append((200, rule, values or None, None))
        except bottle.HTTPError as error:
            results.append((error.status_code, None, None, error.headers.get("Allow")))
    return results


@given(
    entries=st.lists(st.tuples(rules(), methods), min_size=1, max_size=5),
    requests=st.lists(
        st.tuples(methods.filter(lambda m: m != "ANY"), paths), min_size=1, max_size=8
    ),
)
def test_routes_are_found_as_by_bottle(bottle, entries, requests):
    config = routes(*entries)
    expected = by_bottle(bottle, config, requests)
    if expected is None:
        with pytest.raises(SetupError):
            _match_routes(config, [])
    else:
        assert _match_routes(config, requests) == expected


@given(rule=rules(), data=st.data())
def test_paths_made_from_a_rule_are_found_as_by_bottle(bottle, rule, data):
    """Random paths seldom fit a long rule."""
    fills = st.sampled_from(["x", "1", "-2", "1.5", "x/y", "a1", "."])
    path = ""
    rest = rule
    while rest:
        if rest[0] == "<" and ">" in rest:
            path += data.draw(fills)
            rest = rest[rest.index(">") + 1 :]
        else:
            path += rest[0]
            rest = rest[1:]
    config = routes((rule, "GET"))
    expected = by_bottle(bottle, config, [("GET", path)])
    if expected is not None:
        assert _match_routes(config, [("GET", path)]) == expected
