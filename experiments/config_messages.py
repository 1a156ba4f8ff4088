"""Mistakes in the configuration, each in one line: the key, the value, and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from experiments.settings import Refusal, UnknownKey, nearest, printable, shown

__all__ = ["first_mistake", "yaml_number"]

_SCIENTIFIC_BELOW = 0.01


def yaml_number(value: float) -> str:
    """Return a number as YAML 1.1 reads it back: 0.001 as ``1.0e-3``, since 1e-3 is a string."""
    text = repr(value)
    if value == 0 or (abs(value) >= _SCIENTIFIC_BELOW and "e" not in text):
        return text
    sign, digits, _ = Decimal(text).normalize().as_tuple()
    exponent = Decimal(text).adjusted()
    first, rest = str(digits[0]), "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{first}.{rest}e{exponent:+d}".replace("e+0", "e+")


def first_mistake(error: ValidationError, model: type[BaseModel], given: object) -> str:
    """Describe the first mistake that a validation found.

    Parameters
    ----------
    error : pydantic.ValidationError
        Raised by the model.
    model : type of pydantic.BaseModel
        The model.
    given : object
        The configuration that it refused.

    Returns
    -------
    str
        One line, which begins with the dotted key.
    """
    errors = error.errors(include_url=False)
    # Unknown keys first: a misspelt key can be the cause of the other mistakes.
    first = min(errors, key=lambda each: each["type"] != "extra_forbidden")
    path = first["loc"]
    raised = first.get("ctx", {}).get("error")
    if isinstance(raised, Refusal):
        return " ".join(f"{_dotted([*path, raised.key])} {raised.text}".split())
    schema = _schema_of(model)
    if isinstance(raised, UnknownKey):
        return _unknown([*path, raised.key], raised.allowed)
    if path and (first["type"] in ("extra_forbidden", "invalid_key") or path[-1] == "[key]"):
        keys = path[:-1] if path[-1] == "[key]" else path
        return _unknown(keys, _keys(_schema_at(schema, keys[:-1])))
    value = _value_at(given, path, first["input"])
    expected = _expected(_schema_at(schema, path))
    return f"{_dotted(path) or 'the content'} is {shown(value)}, but must be {expected}"


@cache
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _dotted(path: Sequence[int | str]) -> str:
    return ".".join(printable(part) for part in path if part != "")


def _unknown(path: Sequence[int | str], allowed: Sequence[str]) -> str:
    near = nearest(path[-1], allowed)
    hint = f"did you mean {near}? " if near else ""
    return f"unknown key {_dotted(path)!r}; {hint}allowed here: {', '.join(allowed)}"


def _value_at(given: object, path: Sequence[int | str], otherwise: object) -> object:
    for part in path:
        try:
            given = given[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return otherwise
    return given


def _schema_at(schema: Mapping[str, Any], path: Sequence[int | str]) -> Mapping[str, Any]:
    """Return the part of a JSON schema that describes the value at a path."""
    found: Mapping[str, Any] = schema
    for key in path:
        found = _without_null(found, schema)
        if isinstance(key, int) and "items" in found:
            found = found["items"]
        elif key in found.get("properties", {}):
            found = found["properties"][key]
        else:
            found = found.get("additionalProperties") or {}
    if "$ref" in found or "anyOf" in found:
        return {**_without_null(found, schema), **found}
    return found


def _without_null(found: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Resolve a reference, and a choice between something and null."""
    if "anyOf" in found:
        found = next(each for each in found["anyOf"] if each.get("type") != "null")
    if "$ref" in found:
        found = schema["$defs"][found["$ref"].rsplit("/", 1)[1]]
    return found


def _keys(schema: Mapping[str, Any]) -> list[str]:
    names = [*schema.get("properties", {}), *schema.get("propertyNames", {}).get("enum", [])]
    return list(dict.fromkeys(names))


def _expected(schema: Mapping[str, Any]) -> str:
    """Return in words what a part of a JSON schema allows."""
    if "anyOf" in schema:
        some = next(each for each in schema["anyOf"] if each.get("type") != "null")
        meaning = re.search(r"\bnull:? ([^;]+)", schema.get("description", ""))
        return f"{_expected(some)}, or null" + (f" ({meaning[1]})" if meaning else "")
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return " ".join(["an integer" if kind == "integer" else "a number", *_bounds(schema)])
    if kind == "array":
        return "a list of at least one entry" if schema.get("minItems") else "a list"
    if kind == "object":
        keys = _keys(schema)
        return f"a mapping with keys among {', '.join(keys)}" if keys else "a mapping"
    return {"boolean": "true or false", "string": "a text that is not empty"}.get(
        str(kind), "different"
    )


def _bounds(schema: Mapping[str, Any]) -> list[str]:
    words = {
        "minimum": "of at least {}",
        "exclusiveMinimum": "greater than {}",
        "maximum": "of at most {}",
        "exclusiveMaximum": "less than {}",
    }
    found = [text.format(schema[bound]) for bound, text in words.items() if bound in schema]
    return [" and ".join(found).replace("and of at most", "and at most")] if found else []
