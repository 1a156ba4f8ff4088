"""Numbers, null, true and false that arrive as text.

YAML 1.1 reads ``1e-3`` as a text, and Snakemake all values within ``--config KEY='{...}'``. Where
no text is allowed, what is meant is clear.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

__all__ = ["allows_null", "allows_text", "read_text"]

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_WORDS = {"null": None, "true": True, "false": False}
# Longer ones are refused as they are: Python takes no integer of more digits.
_LONGEST = 400


def read_text(value: Any, levels: int = 2) -> Any:
    """Replace texts by the numbers, null, true and false that they spell.

    Parameters
    ----------
    value : object
        A value of the configuration.
    levels : int
        How deep lists and mappings are looked into: no setting is deeper, and what is may be
        endless.
    """
    if isinstance(value, str):
        return _meaning(value)
    if isinstance(value, list) and levels:
        return [read_text(each, levels - 1) for each in value]
    if isinstance(value, Mapping) and levels:
        return {key: read_text(each, levels - 1) for key, each in value.items()}
    return value


def _meaning(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _LONGEST and _INTEGER.fullmatch(text):
        return int(text)
    if len(text) <= _LONGEST and _DECIMAL.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def allows_null(annotation: Any) -> bool:
    """Whether null can be a value of a type."""
    if get_origin(annotation) is Annotated:
        return allows_null(get_args(annotation)[0])
    union = get_origin(annotation) in (Union, types.UnionType)
    return union and type(None) in get_args(annotation)


def allows_text(annotation: Any) -> bool:
    """Whether a text can be a value of a type, or within one; sections decide for themselves."""
    origin = get_origin(annotation)
    if origin is Literal:
        return any(isinstance(value, str) for value in get_args(annotation))
    if origin is Annotated:
        return allows_text(get_args(annotation)[0])
    if origin in (Union, types.UnionType, tuple):
        return any(allows_text(each) for each in get_args(annotation) if each is not Ellipsis)
    if origin is dict:
        return allows_text(get_args(annotation)[1])
    return annotation not in (int, float, bool, type(None))
