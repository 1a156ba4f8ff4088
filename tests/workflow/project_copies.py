"""A copy of the project, for runs that write into it or change it."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["copy_project"]

_COPIED = (
    "Snakefile config.yaml config envs experiments notebooks profiles workflow xgradient "
    "pyproject.toml"
)


def copy_project(root: Path, target: Path) -> Path:
    """Copy the project, without anything that was generated or downloaded."""
    for name in _COPIED.split():
        source = root / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".snakemake", "*.lock.json")
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            target.mkdir(exist_ok=True)
            shutil.copy(source, target / name)
    return target
