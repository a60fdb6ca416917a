"""As much of JSON Schema (2020-12) as the schemas in docs/schemas use; a word that is not known here is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "null": type(None)}
_SAYS_NOTHING = {"$schema", "$defs", "title", "description"}
_WORDS = {
    *{"type", "required", "additionalProperties", "properties", "items", "enum", "const", "anyOf", "$ref"},
    *{"pattern", "minimum", "maxLength"},
}


def problems(value: object, schema: dict[str, Any], root: dict[str, Any] | None = None, at: str = "$") -> list[str]:
    """Return what is wrong with ``value``, each with its place."""
    return list(_problems(value, schema, root or schema, at))


def _problems(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    if unknown := set(schema) - _WORDS - _SAYS_NOTHING:
        raise ValueError(f"{at}: {unknown} is not known to this validator")
    if "$ref" in schema:
        yield from _problems(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, at)
    if "anyOf" in schema and not any(problems(value, one, root, at) == [] for one in schema["anyOf"]):
        yield f"{at}: {value!r} is none of what it may be"
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{at}: {value!r} is no {schema['type']}"
        return
    if ("const" in schema and value != schema["const"]) or ("enum" in schema and value not in schema["enum"]):
        yield f"{at}: {value!r} is not allowed"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{at}: {value} is too small"
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield f"{at}: {len(value)} characters are too many"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{at}: {value!r} does not match"
    if isinstance(value, dict):
        yield from _inside(value, schema, root, at)
    if isinstance(value, list) and "items" in schema:
        for i, one in enumerate(value):
            yield from _problems(one, schema["items"], root, f"{at}[{i}]")


def _inside(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in set(schema.get("required", ())) - set(value):
        yield f"{at}: {name} is missing"
    for name, one in value.items():
        rest = known.get(name, schema.get("additionalProperties", {}))
        if rest is False:
            yield f"{at}: {name} is not known"
        else:
            yield from _problems(one, rest, root, f"{at}.{name}")


def _is(value: object, kind: str) -> bool:
    if kind in ("number", "integer"):
        return isinstance(value, int if kind == "integer" else int | float) and not isinstance(value, bool)
    return isinstance(value, _TYPES[kind])


def bare(schema: Any) -> Any:
    """Return a schema without its prose: what is left is the shape."""
    if isinstance(schema, dict):
        named = {"properties", "$defs"}
        return {
            key: {name: bare(one) for name, one in value.items()} if key in named else bare(value)
            for key, value in schema.items()
            if key not in ("title", "description")
        }
    return [bare(one) for one in schema] if isinstance(schema, list) else schema
