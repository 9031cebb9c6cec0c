"""Values of all kinds, made out of a fuzzer's bytes."""

import collections
import enum
import random


class Number(enum.IntEnum):
    ONE = 1


class Text(str):
    """A subclass whose str() is another text."""

    __slots__ = ()

    def __str__(self):
        return "another"


class Keys(dict):
    """A dict that names keys which it does not have."""

    def keys(self):
        return ["absent", *super().keys()]


class Hostile:
    """Raises whatever is done with it."""

    def __str__(self):
        raise ValueError("no text")

    __repr__ = __hash__ = __eq__ = __bool__ = __len__ = __str__


class Choices:
    """Takes values from bytes: the same bytes give the same values; when they end, the simplest."""

    def __init__(self, data):
        self.data = data
        self.place = 0

    def take(self, count):
        """At most that many of the next bytes."""
        self.place += count
        return self.data[self.place - count : self.place]

    def number(self, limit):
        """An int below ``limit``."""
        width = 1 if limit <= 256 else 8
        return int.from_bytes(self.take(width), "little") % limit

    def pick(self, options):
        return options[self.number(len(options))]

    def text(self, longest=32):
        """A str; bytes that are no UTF-8 become lone surrogates."""
        return self.take(self.number(longest + 1)).decode("utf-8", "surrogateescape")

    def rest(self):
        """All that is left, as a str."""
        return self.take(len(self.data)).decode("utf-8", "surrogateescape")

    def scalar(self):
        kind = self.number(12)
        if kind == 0:
            return None
        if kind < 5:
            return self.text()
        if kind == 5:
            return self.number(1 << 64) - (1 << 63)
        if kind == 6:
            return 10 ** self.number(5000)
        if kind == 7:
            return self.pick([0.0, -0.0, 1.5, 1e308, 5e-324, float("inf"), float("nan")])
        if kind == 8:
            return self.take(self.number(8))
        if kind == 9:
            return Text(self.text())
        return self.pick([True, False, 0, -1, Number.ONE, object(), Hostile(), Ellipsis, str])

    def key(self):
        return self.text() if self.number(3) else self.hashable()

    def hashable(self):
        value = self.scalar()
        try:
            hash(value)
        except ValueError:
            return None
        return value

    def value(self, depth=4, scalar=None):
        """A value with at most ``depth`` levels of containers."""
        scalar = scalar or self.scalar
        kind = self.number(12) if depth > 0 else 0
        if kind < 5:
            return scalar()
        items = [self.value(depth - 1, scalar) for _ in range(self.number(5))]
        if kind == 5:
            return tuple(items)
        if kind == 6 and items:
            items.append(items)
        if kind < 9:
            return items
        pairs = [(self.key(), item) for item in items]
        return self.pick([dict, collections.OrderedDict, Keys])(pairs)


def random_seeds(count=20, length=200):
    """Seeds of targets that take choices instead of text."""
    source = random.Random(count)
    return [source.randbytes(source.randrange(length)) for _ in range(count)]
