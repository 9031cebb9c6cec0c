"""Paths of routes, in Bottle's syntax: what is not refused finds what Bottle finds."""

import contextlib
import warnings

from compysition._core import _match_routes
from compysition.errors import SetupError
from tests.fuzz import target

try:
    import bottle
except ImportError:
    bottle = None

SEEDS = [
    b"/<queue>\n/orders",
    b"/a/<x:int>/<y:float>.json\n/a/-12/1.5.json",
    b"/<x>-<y>/<z:path>/e\n/1-2-3/a/b/e",
    b"/:x/b:y\n/1/b2",
    b"/\\<x>\\\\<y>\\:z\n/<x>1:z",
    b"/<x:re:[a-c]+\\>>/<:re:(x|y)?>\n/abc>/y",
    b"/:x#[0-9]+#/z\n/12/z",
    b"/<a-b>/<\n/<a-b>/<",
]


def by_bottle(rule, path):
    """What Bottle would answer; None when it cannot tell."""
    router = bottle.Router()
    try:
        router.add(rule, "GET", rule)
        return 200, router.match({"REQUEST_METHOD": "GET", "PATH_INFO": path})[1] or None
    except bottle.HTTPError as error:
        return error.status_code, None
    except (KeyError, bottle.RouteBuildError):  # at a number without a name; at an empty path
        return None


@target(lambda: SEEDS)
def route_path(data):
    """The first line is the path of a route, the rest that of a request."""
    rule, _, path = data.decode("utf-8", "replace")[:80].partition("\n")
    path = "/" + path.replace("\n", "")
    with contextlib.suppress(SetupError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd expressions, and Bottle's of the old syntax
        status, _, values, _ = _match_routes(
            {"routes": [{"path": rule, "method": "GET"}]}, [("GET", path)]
        )[0]
        if bottle is not None and ":re" not in rule and "#" not in rule:
            assert (status, values) == (by_bottle(rule, path) or (status, values))
