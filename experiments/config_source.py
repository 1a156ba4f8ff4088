"""Configuration files as text: what YAML drops or reads as something else is refused.

Snakemake reads the files by itself, and of what they say hands over only the result: the second of
two sections of the same name, 8 for ``010``, 5400 for ``1:30:00``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from experiments.settings import shown

__all__ = ["ConfigFileError", "check_config_file", "read_config_file"]

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(
    r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)"
    r"|\.(nan|NaN|NAN)"
)
_TRUTH = re.compile(r"true|True|TRUE|false|False|FALSE")
_CLEAR = {"int": _INTEGER, "float": _DECIMAL, "bool": _TRUTH}
_TAG = "tag:yaml.org,2002:"
_TAGS = ("map", "seq", "str", "null", "merge", "timestamp", *_CLEAR)
# Deeper than any configuration; Python's readers of YAML stop at about 300.
_DEEPEST = 50


class ConfigFileError(ValueError):
    """A configuration file that cannot be read, or not as its author means it."""


def check_config_file(path: str | Path) -> None:
    """Refuse a configuration file that says something else than what YAML makes of it.

    Parameters
    ----------
    path : str or Path
        A file of YAML or JSON, as given to ``--configfile``.

    Raises
    ------
    ConfigFileError
        In one line: the file, the line, the key, and what to write instead.
    """
    read_config_file(path)


def read_config_file(path: str | Path) -> dict[str, Any]:
    """Return the contents of a configuration file; see `check_config_file`."""
    path = Path(path)
    text = _text(path)
    try:
        return _of_json(text)
    except _Twice as error:
        raise ConfigFileError(f"{path}: {error}") from error
    except (ValueError, RecursionError):
        pass
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        for problem in _problems(node):
            raise ConfigFileError(f"{path}, {problem}")
        found = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        said = " ".join(f"{error.problem or error.context}".split())
        raise ConfigFileError(
            f"{path}{where}: is not valid YAML ({said}): check the indentation, colons and quotes"
        ) from error
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise ConfigFileError(f"{path}: is not valid YAML ({said}): save it as UTF-8") from error
    except RecursionError as error:
        raise ConfigFileError(f"{path}: {_too_deep()}") from error
    except ConfigFileError:
        raise
    except ValueError as error:
        said = " ".join(str(error).split())
        raise ConfigFileError(f"{path}: has a number that cannot be read ({said})") from error
    if not isinstance(found, dict):
        raise ConfigFileError(f"{path}: {_no_mapping(found)}")
    return found


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigFileError(f"{path}: there is no such file in {Path.cwd()}") from error
    except OSError as error:
        raise ConfigFileError(
            f"{path}: cannot be read ({error.strerror}): name a file of YAML"
        ) from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigFileError(f"{path}: is UTF-16, but must be UTF-8: save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigFileError(
            f"{path}, line {line}: has the byte {raw[error.start]:#04x}, which is not UTF-8: save "
            "the file as UTF-8"
        ) from error
    return text


class _Twice(ValueError):
    """A key that is given twice."""


def _of_json(text: str) -> dict[str, Any]:
    """Read JSON, which Snakemake tries before YAML."""

    def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        for key in found:
            if sum(name == key for name, _ in pairs) > 1:
                raise _Twice(f"{key!r} is given twice, and JSON keeps only the last: keep one")
        return found

    found = json.loads(text, object_pairs_hook=unique)
    if not isinstance(found, dict):
        # The reader of YAML says it with the type.
        raise ValueError
    return found


def _problems(node: yaml.Node | None) -> Iterator[str]:
    """Yield what is wrong with a document, from its beginning, each with its line."""
    if node is not None:
        yield from _of_node(node, (), frozenset(), set())


def _of_node(
    node: yaml.Node, path: tuple[str, ...], above: frozenset[int], seen: set[int]
) -> Iterator[str]:
    line = f"line {node.start_mark.line + 1}"
    if id(node) in above:
        yield f"{line}: {_dotted(path)} contains itself: write it out"
    # An alias of an alias of an alias stands for more values than there is time to look at.
    if id(node) in seen:
        return
    seen.add(id(node))
    if len(path) > _DEEPEST:
        yield f"{line}: {_too_deep()}"
        return
    if node.tag.removeprefix(_TAG) not in _TAGS:
        yield (
            f"{line}: {_dotted(path)} has the tag {node.tag}, which a configuration cannot have: "
            "write a plain value"
        )
    inner = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        yield from _of_keys(node, path)
        for key, value in node.value:
            yield from _of_node(value, (*path, _name(key)), inner, seen)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _of_node(value, (*path, str(number)), inner, seen)
    elif isinstance(node, yaml.ScalarNode):
        yield from (f"{line}: {_dotted(path)} {text}" for text in _of_scalar(node))


def _of_keys(node: yaml.MappingNode, path: tuple[str, ...]) -> Iterator[str]:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        name, line = _name(key), key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            yield f"line {line}: a key of {_dotted(path)} is no name: write NAME: VALUE"
            continue
        yield from (f"line {line}: the key {name} {text}" for text in _of_scalar(key))
        if name in lines and name != "<<":
            yield (
                f"line {line}: {_dotted((*path, name))} is given again, first in line "
                f"{lines[name]}; YAML keeps only the last: put both together"
            )
        lines.setdefault(name, line)


def _of_scalar(node: yaml.ScalarNode) -> Iterator[str]:
    """Yield how YAML 1.1 reads an unquoted value, if not as other languages and readers do."""
    kind = node.tag.removeprefix(_TAG)
    if kind == "timestamp":
        yield f"is {node.value}, which YAML reads as a date: write '{node.value}' in quotes"
    elif kind in _CLEAR and not node.style and not _CLEAR[kind].fullmatch(node.value):
        try:
            read = shown(yaml.SafeLoader("").construct_object(node))
        except ValueError:
            read = "no number"
        plain = "true or false" if kind == "bool" else "plain digits"
        yield (
            f"is {node.value}, which YAML reads as {read}: write {plain}, or '{node.value}' in "
            "quotes for a text"
        )


def _name(key: yaml.Node) -> str:
    return " ".join(str(key.value).split()) if isinstance(key, yaml.ScalarNode) else "?"


def _dotted(path: Iterable[str]) -> str:
    return ".".join(path) or "the content"


def _too_deep() -> str:
    return f"is nested more than {_DEEPEST} levels deep: no setting is, look for missing brackets"


def _no_mapping(found: Any) -> str:
    if found is None:
        return "is empty, but must hold KEY: VALUE: write some, or leave the file out"
    kind = "a list" if isinstance(found, list) else shown(found)
    return f"is {kind}, but must be a mapping of KEY: VALUE, as config.yaml is"
