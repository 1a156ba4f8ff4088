"""Text for readers: what looks like markup is shown, and not obeyed.

Claims, notes of data sets and names come from files that anybody may edit, and land in web pages.
"""

from __future__ import annotations

import re

__all__ = ["latex_text", "markdown_cell", "markdown_text"]

# What begins a tag, a comment or an entity; a lonely < or & is a plain character in Markdown.
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=#?[A-Za-z0-9]+;)")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "_%&#${}"},
}


def markdown_text(text: str) -> str:
    """Return a text of Markdown in which HTML is shown as it is written."""
    return _TAG.sub("&lt;", _ENTITY.sub("&amp;", text))


def markdown_cell(text: object) -> str:
    """Return a cell of a table in Markdown: on one line, and without bars that would end it."""
    return markdown_text(" ".join(str(text).split())).replace("|", r"\|")


def latex_text(text: str) -> str:
    """Return a text for LaTeX, on one line."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))
