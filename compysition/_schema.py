"""JSON schemas, compiled for JSONValidator. Imported when the first one is made."""

import functools
import json
import os
import pathlib
import re
from collections.abc import Callable
from typing import Any

import referencing
from jsonschema import Draft4Validator, FormatChecker
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable, Unretrievable
from referencing.jsonschema import specification_with

Retrieve = Callable[[str], Any]


def format_checker() -> FormatChecker:
    """Return a checker of the formats that jsonschema knows; what is added to it changes no other."""
    return FormatChecker()


def _parse(schema: Any) -> Any:
    """Return a schema given as JSON text, or as what that text holds."""
    return json.loads(schema) if isinstance(schema, str | bytes) else schema


def _read(schema: Any) -> Any:
    """Return a schema, read from its file when that is what was given: a path, or a str that names one."""
    if isinstance(schema, str) and not schema.lstrip().startswith(("{", "[", '"')):
        if os.path.isfile(schema):
            schema = pathlib.Path(schema)
        elif schema.strip() not in ("true", "false", "null"):
            raise ValueError(f"{schema[:200]!r} is no JSON, and a file of that name does not exist")
    return _parse(pathlib.Path(schema).read_bytes() if isinstance(schema, os.PathLike) else schema)


def _registry(draft: referencing.Specification[Any], retrieve: Retrieve | None) -> Any:
    """Return the schemas that a $ref may name: the drafts themselves, and what retrieve finds."""

    @functools.cache
    def find(uri: str) -> referencing.Resource[Any]:
        if retrieve is None:
            raise LookupError("schemas elsewhere are not fetched unless retrieve is given")
        return referencing.Resource.from_contents(_parse(retrieve(uri)), draft)

    return REGISTRY.combine(referencing.Registry(retrieve=find))  # type: ignore[call-arg]


def _reason(error: BaseException) -> str:
    """Return why a $ref could not be resolved: what retrieving raised, if it was that."""
    while isinstance(error.__cause__, Unretrievable) or isinstance(error, Unretrievable):
        error = error.__cause__ or Exception(error)
    return str(error)


def _check_patterns(contents: dict[str, Any]) -> None:
    """Raise ValueError for names of properties that are no regular expressions, which the drafts do not check."""
    for pattern in contents.get("patternProperties", ()):
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"patternProperties: {pattern!r} is not a 'regex': {error}") from error


def _resolve_all(schema: Any, draft: referencing.Specification[Any], registry: Any) -> None:
    """Look up each $ref of a schema, and of those that it leads to, and its patterns; or raise ValueError."""
    root = draft.create_resource(schema)
    waiting = [(root, registry.resolver_with_root(root))]
    seen = set()
    while waiting:
        resource, resolver = waiting.pop()
        contents = resource.contents
        if not isinstance(contents, dict) or id(contents) in seen:
            continue
        seen.add(id(contents))
        _check_patterns(contents)
        if isinstance(contents.get("$ref"), str):
            try:
                found = resolver.lookup(contents["$ref"])
            except Unresolvable as error:
                text = f"$ref '{contents['$ref']}' cannot be resolved: {_reason(error)}"
                raise ValueError(text) from error
            waiting.append((draft.create_resource(found.contents), found.resolver))
        else:  # what stands beside a $ref means nothing up to Draft 7
            waiting += [(part, resolver.in_subresource(part)) for part in resource.subresources()]


def compile_schema(
    schema: Any, formats: FormatChecker | None = None, retrieve: Retrieve | None = None
) -> Validator:
    """Return a validator for a schema, of the draft that its $schema names, else of Draft 4.

    schema: JSON text, a dict, or the path of a file with JSON text. formats: checks formats; None leaves them unchecked.
    retrieve: called with the URI of each schema elsewhere that a $ref names, once, and returns
    that schema; without it there are none. Raises ValueError for a schema that is not valid or
    has a $ref that leads nowhere.
    """
    schema = _read(schema)
    if not isinstance(schema, dict):
        raise ValueError(f"a schema is a JSON object, not {type(schema).__name__}")
    if not isinstance(schema.get("$schema", ""), str):
        raise ValueError(f"$schema: {schema['$schema']!r} is not of type 'string'")
    cls = validator_for(schema, default=Draft4Validator)
    draft = specification_with(cls.ID_OF(cls.META_SCHEMA))
    registry = _registry(draft, retrieve)
    try:
        cls.check_schema(schema)
        _resolve_all(schema, draft, registry)
    except SchemaError as error:
        raise ValueError(error.message) from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return cls(schema, format_checker=formats, registry=registry)
