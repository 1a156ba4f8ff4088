"""Folders that a configuration names: refused where files would be lost or jobs fail later.

Snakemake makes patterns of the folder of the results, in which braces are wildcards, and hands
paths to shells and to the report.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Annotated

from pydantic import AfterValidator

from experiments.settings import Refusal, shown

__all__ = ["Folder", "OutputFolder", "check_mirror"]

_LONGEST = 200
_CHECKOUT = Path(__file__).resolve().parents[1]
# Meant by no one, and read as something else by Snakemake, shells or web pages.
_FORBIDDEN = "{}[]*?<>|\"'`;&!\\"
_OF_THE_PROJECT = (
    "benchmarks",
    "config",
    "docs",
    "envs",
    "experiments",
    "notebooks",
    "profiles",
    "tests",
    "workflow",
    "xgradient",
)


def _readable(path: str) -> str:
    """Return the path of a folder to read from, with ~ and variables filled in."""
    if not path or path.strip() != path:
        raise Refusal(f"is {shown(path)}, but must be the path of a folder")
    if not path.isprintable():
        raise Refusal(f"is {shown(path)}, which has a control character: name a plain folder")
    expanded = os.path.expanduser(os.path.expandvars(path))
    for character in expanded:
        if character in _FORBIDDEN:
            raise Refusal(
                f"is {shown(path)}, but {character} cannot be part of it: name a plain folder"
            )
    if "$" in expanded:
        raise Refusal(
            f"is {shown(path)}, but there is no such variable: set it, or write the folder out"
        )
    if expanded.startswith("~"):
        raise Refusal(f"is {shown(path)}, but there is no such user: write the folder out")
    _check_parts(path, expanded)
    return expanded


def _check_parts(path: str, expanded: str) -> None:
    for part in PurePath(expanded).parts:
        if part.startswith("-"):
            raise Refusal(
                f"is {shown(path)}, but {shown(part)} begins with a dash, as options do: rename it"
            )
        if len(part.encode()) > _LONGEST:
            raise Refusal(
                f"is {shown(path)}, but has a name of {len(part.encode())} bytes: file systems "
                f"take little more than {_LONGEST}, use a shorter one"
            )
    folder = Path(expanded)
    for each in (folder, *folder.parents):
        try:
            in_the_way = each.exists() and not each.is_dir()
        except OSError as error:
            raise Refusal(
                f"is {shown(path)}, which cannot be used ({error.strerror}): name another folder"
            ) from error
        if in_the_way:
            raise Refusal(f"is {shown(path)}, but {each} is a file: name a folder")


def _writable(path: str) -> str:
    """Return the path of a folder to write into: none that holds something else already."""
    expanded = _readable(path)
    folder = Path(expanded).resolve()
    for kept, what in (
        (_CHECKOUT, "the checkout"),
        (Path.cwd(), "the working directory"),
        (Path(os.path.expanduser("~")), "your home folder"),
    ):
        if folder == kept or folder in kept.parents:
            relation = "is" if folder == kept else "holds"
            raise Refusal(
                f"is {shown(path)}, which {relation} {what}, whose files would be overwritten: "
                "name a folder of its own, such as results"
            )
    if folder.is_relative_to(_CHECKOUT):
        top = folder.relative_to(_CHECKOUT).parts[0]
        if top.startswith(".") or top in _OF_THE_PROJECT:
            raise Refusal(
                f"is {shown(path)}, but {top} is a folder of this project: name a folder of its "
                "own, such as results"
            )
    # Two slashes in a row would be two different files for Snakemake.
    return os.path.normpath(expanded)


def check_mirror(path: str | None) -> None:
    """Refuse a mirror, as an environment variable names it, that is no folder."""
    try:
        missing = bool(path) and not Path(str(path)).is_dir()
    except (OSError, ValueError):
        missing = True
    if missing:
        raise Refusal(
            f"is {shown(path)}, but there is no such folder: create it, or unset the variable",
            "XGRADIENT_MIRROR",
        )


Folder = Annotated[str, AfterValidator(_readable)]
"""A folder to read from."""
OutputFolder = Annotated[str, AfterValidator(_writable)]
"""A folder to write into."""
