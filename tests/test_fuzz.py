"""The fuzz targets on their seeds, on inputs that failed once, and on changed ones."""

import random

import pytest

from tests.fuzz import load

TARGETS = load()
CHANGED = 300

each_target = pytest.mark.parametrize("name", TARGETS)


def run(target, data):
    try:
        target.run(data)
    except Exception as error:
        error.add_note(f"the input was {data!r}")
        raise


def change(source, data):
    """Some bytes replaced, removed or doubled."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 4)):
        start = source.randrange(len(changed) + 1)
        end = start + source.randrange(4)
        changed[start:end] = source.choice(
            [b"", source.randbytes(source.randrange(4)), changed[start:end] * 2]
        )
    return bytes(changed)


@each_target
def test_seeds(name):
    seeds = TARGETS[name].seeds()
    assert seeds
    for seed in seeds:
        run(TARGETS[name], seed)


@each_target
def test_changed_seeds(name):
    source = random.Random(name)
    seeds = [seed for seed in TARGETS[name].seeds() if len(seed) < 1000]
    for _ in range(CHANGED):
        run(TARGETS[name], change(source, source.choice(seeds)))
