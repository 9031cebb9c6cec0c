"""Where public test data is."""

import json
import os
import pathlib

import pytest

CORPORA = pathlib.Path(
    os.environ.get("CORPORA", pathlib.Path(__file__).parents[2] / "shared" / "corpora")
)


def naughty_strings():
    """Strings that programs stumble over; without them the test is skipped."""
    path = CORPORA / "naughty-strings" / "blns.json"
    if not path.exists():
        pytest.skip(f"no naughty-strings in {CORPORA}")
    return json.loads(path.read_text(encoding="utf-8"))
