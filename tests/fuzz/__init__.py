"""Fuzz targets: whatever reads bytes, text or settings from outside, and must not crash on them.

A target is a function in a module ``tests/fuzz/fuzz_*.py`` that takes the bytes of one input and
raises when the core did something wrong. ``make fuzz`` drives them with libFuzzer, coverage of the C
code as its guide (``driver.c``); ``tests/test_fuzz.py`` runs each on its seeds, on inputs that failed
once, and on some changed at random.
"""

import importlib
import pathlib
import pkgutil
from collections.abc import Callable, Iterable
from typing import NamedTuple

FOLDER = pathlib.Path(__file__).parent


class Target(NamedTuple):
    run: Callable[[bytes], None]
    make_seeds: Callable[[], Iterable[bytes]]

    def seeds(self):
        """The inputs to begin with, and those of ``corpus/NAME``, which failed once."""
        kept = (FOLDER / "corpus" / self.run.__name__).glob("*")
        return [*self.make_seeds(), *(path.read_bytes() for path in sorted(kept))]


TARGETS: dict[str, Target] = {}


def target(make_seeds):
    """Register a function as the target of its name; ``make_seeds()`` gives inputs to begin with."""

    def register(run):
        TARGETS[run.__name__] = Target(run, make_seeds)
        return run

    return register


def load():
    """All targets by name."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        if module.name.startswith(f"{__name__}.fuzz_"):
            importlib.import_module(module.name)
    return TARGETS
