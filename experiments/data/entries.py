"""Checked entries of YAML files: a mistake is one line with the key and the allowed values.

Nothing here knows about data sets; the entries themselves are in the modules that import this one.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from experiments.spelling import did_you_mean

__all__ = [
    "Compression",
    "Count",
    "Entry",
    "FileName",
    "RelativePath",
    "Text",
    "first_problem",
    "matching",
    "read_yaml",
]


class _NotAllowed(ValueError):
    """A value outside the allowed ones, which the message names."""


class _UnknownKey(ValueError):
    """A key outside the allowed ones.

    Parameters
    ----------
    key : str
        The key.
    allowed : list of str
        The allowed ones.
    """

    def __init__(self, key: str, allowed: list[str]) -> None:
        super().__init__(f"unknown key {key!r}")
        self.key, self.allowed = key, allowed


def matching(pattern: str, meaning: str) -> AfterValidator:
    """Restrict a string to those that a regular expression matches as a whole.

    Parameters
    ----------
    pattern : str
        The regular expression.
    meaning : str
        The allowed values in words, for the message "... must be MEANING".
    """
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise _NotAllowed(f"must be {meaning}")
        return value

    return AfterValidator(check)


Text = Annotated[str, matching(r"(?s).*\S.*", "a text that is not empty")]
FileName = Annotated[
    str, matching(r"[A-Za-z0-9_][A-Za-z0-9._-]*", "a plain file name, without a folder")
]
RelativePath = Annotated[
    str,
    matching(
        r"(?!.*(^|/)\.\.?(/|$))[A-Za-z0-9._{}][A-Za-z0-9._{}-]*(/[A-Za-z0-9._{}-]+)*",
        "a relative path without . and ..",
    ),
]
# Strict: YAML's "12" and true are not numbers.
Count = Annotated[int, Field(strict=True, ge=1)]
Compression = Literal["gzip"]


class Entry(BaseModel):
    """A mapping with known keys, immutable once it has been checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    NOT_IN_FILES: ClassVar[tuple[str, ...]] = ()
    """Fields that the reader of a file fills in."""

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, data: object) -> object:
        """Name the allowed keys where pydantic would only name the wrong one."""
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    allowed = [name for name in cls.model_fields if name not in cls.NOT_IN_FILES]
                    raise _UnknownKey(str(key), allowed)
        return data


class _UniqueKeys(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, of which YAML keeps only the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                line = node.value[number][0].start_mark.line + 1
                raise yaml.YAMLError(f"key {key!r} is given twice, again in line {line}")
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file in which no key is given twice.

    Raises
    ------
    ValueError
        If the file is not such YAML, in one line without the name of the file.
    """
    try:
        # A subclass of the safe loader: it makes plain values and no objects.
        return yaml.load(Path(path).read_text(encoding="utf-8"), _UniqueKeys)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise ValueError("not valid YAML: nested too deep; look for missing brackets") from error


def _key(location: tuple[int | str, ...]) -> str:
    # Tags of alternatives are written <in angle brackets>, and pydantic marks keys as [key].
    return ".".join(str(part) for part in location if not str(part).startswith(("<", "[")))


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def first_problem(error: ValidationError) -> str:
    """Reduce a validation error to one line about its first problem.

    Parameters
    ----------
    error : pydantic.ValidationError
        Raised by an `Entry`.

    Returns
    -------
    str
        Dotted key, given value and allowed values.
    """
    first = error.errors(include_url=False)[0]
    key, context = _key(first["loc"]), first.get("ctx", {})
    raised = context.get("error")
    if isinstance(raised, _UnknownKey):
        where = f"{key}.{raised.key}" if key else raised.key
        near = did_you_mean(raised.key, raised.allowed)
        return f"unknown key {where!r}; allowed here: {', '.join(raised.allowed)}{near}"
    if first["type"] == "missing":
        return f"{key} is missing"
    if isinstance(raised, _NotAllowed):
        said = str(raised)
    elif first["type"] == "value_error":
        return f"{key}: {raised}" if key else str(raised)
    elif first["type"] in ("model_type", "dict_type", "model_attributes_type"):
        said = "must be a mapping of keys to values"
    elif first["type"] in ("tuple_type", "list_type"):
        said = "must be a list"
    elif first["type"] == "too_short":
        said = f"must have at least {context['min_length']} entries"
    elif first["type"] == "too_long":
        said = f"must have at most {context['max_length']} entries"
    else:
        said = first["msg"].replace("Input should", "must", 1)
        said = said[0].lower() + said[1:]
    subject = f"{key} is" if key else "the content is"
    return f"{subject} {_shortened(first['input'])}, but {said}"
