"""The director up to release 1.0.66."""

from compysition._core import Director

__all__ = ["Default"]


class Default(Director):
    """A Director whose ``start`` does not wait: scripts call ``start()``, then ``block()``."""

    def start(self, block: bool = False) -> None:
        """Start all actors.

        :param block: wait until the director has stopped (bool); default False.
        """
        super().start(block)
