"""Captions: reStructuredText with Jinja, as ``snakemake --report`` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from docutils.core import publish_parts
from docutils.utils import SystemMessage
from jinja2 import Environment, StrictUndefined, TemplateError

__all__ = ["caption"]

# A caption is text: it reads no file, holds no HTML, and a warning in it is an error.
_TEXT = {
    "raw_enabled": False,
    "file_insertion_enabled": False,
    "report_level": 2,
    "halt_level": 2,
    "warning_stream": False,
    "_disable_config": True,
}


def caption(path: str | Path, config: Mapping[str, Any], wildcards: Mapping[str, str]) -> str:
    """Return a caption as HTML.

    Parameters
    ----------
    path : path
        The caption, an ``.rst`` file.
    config, wildcards : mapping
        What it finds as ``snakemake.config`` and ``snakemake.wildcards``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no reStructuredText, or names what does not exist.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such file: write the caption there") from error
    job = SimpleNamespace(config=config, wildcards=SimpleNamespace(**wildcards))
    try:
        source = Environment(undefined=StrictUndefined).from_string(text).render(snakemake=job)
        parts = publish_parts(source, writer="html5", settings_overrides=_TEXT)
    except (TemplateError, SystemMessage) as error:
        said = " ".join(str(error).split())
        raise ValueError(f"{path} is no caption: {said}") from error
    return str(parts["fragment"])
