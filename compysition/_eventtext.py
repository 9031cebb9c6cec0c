"""The text form that events had in 1.1: a dict of Python literals. Imported when first used."""

import ast
import datetime
from typing import Any

RENAMED = {"event_id": "_event_id", "data": "_data", "error": "_error"}


def _literal(node: ast.expr | None) -> Any:
    """Return the value of a literal or of a datetime's repr; None for any other expression."""
    try:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "datetime.datetime":
            return datetime.datetime(*map(ast.literal_eval, node.args))
        return None if node is None else ast.literal_eval(node)
    except (TypeError, ValueError):
        return None


def parse(text: str) -> dict[str, Any]:
    """Return the attributes of the event that text describes. Runs no code that text holds.

    Raises ValueError or SyntaxError if text is not a dict.
    """
    node = ast.parse(text.strip(), mode="eval").body
    if not isinstance(node, ast.Dict) or None in node.keys:
        raise ValueError("the text of an event is a dict")
    attributes = {
        _literal(key): _literal(value) for key, value in zip(node.keys, node.values, strict=True)
    }
    return {RENAMED.get(name, name): value for name, value in attributes.items()}
