"""Hooks of MkDocs: pages made of files outside docs/, and links that leave the site.

Comments in a page are replaced:

- ``<!-- include README.md: Run it -->`` by this section of the file, and without a section by all
  that follows its title;
- ``<!-- claims -->`` by a table of `workflow/claims.yaml`, ``<!-- citation -->`` by the entry of
  CITATION.cff for this software.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# MkDocs counts the warnings of loggers below its own, and fails because of them.
LOG = logging.getLogger("mkdocs.hooks.docs")

_INCLUDE = re.compile(r"^<!-- include (?P<file>[^\s:]+)(?:: (?P<section>.+?))? -->$", re.M)
_FENCE = re.compile(r"^ *(`{3,}|~{3,}).*?^ *\1 *$", re.M | re.S)
_LINK = re.compile(
    r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)"
)


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Fill in the included text of a page, and mend the links of it and of the page."""
    path = DOCS / page.file.src_uri
    repository = config.repo_url

    def include(match: re.Match[str]) -> str:
        source = ROOT / match["file"]
        return _linked(_section(source, match["section"]), source, path, repository)

    markdown = _linked(markdown, path, path, repository)
    markdown = _INCLUDE.sub(include, markdown)
    markdown = markdown.replace("<!-- claims -->", _claims())
    return markdown.replace("<!-- citation -->", _citation())


def _section(source: Path, title: str | None) -> str:
    """Take a section of a Markdown file with its heading, or everything after the file's title."""
    text = source.read_text(encoding="utf-8")
    headings = [match for match in _headings(text) if title is None or match["title"] == title]
    if len(headings) != 1 and title is not None:
        LOG.warning("%s has %d sections '%s'", source.name, len(headings), title)
        return ""
    if title is None:
        return text[headings[0].end() :].strip()
    level = len(headings[0]["level"])
    ends = [
        match.start()
        for match in _headings(text)
        if match.start() > headings[0].start() and len(match["level"]) <= level
    ]
    return text[headings[0].start() : min(ends, default=len(text))].strip()


def _headings(text: str) -> list[re.Match[str]]:
    heading = re.compile(r"^(?P<level>#{1,6}) (?P<title>.+)$", re.M)
    fences = [match.span() for match in _FENCE.finditer(text)]
    return [
        match
        for match in heading.finditer(text)
        if not any(start < match.start() < end for start, end in fences)
    ]


def _linked(text: str, source: Path, page: Path, repository: str | None) -> str:
    """Make links of a text from one file right on a page; code is left alone."""

    def link(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(source.parent / match["target"]))
        if not target.exists():
            LOG.warning("%s has a link to %s, which is not there", source.name, match["target"])
        if target.is_relative_to(DOCS) and not target.is_dir():
            relative = Path(os.path.relpath(target, page.parent)).as_posix()
            return f"{match['image']}[{match['text']}]({relative}{match['anchor'] or ''})"
        # A folder, or a file of the repository that is no page.
        name = target.relative_to(ROOT).as_posix()
        if repository:
            return f"[{match['text']}]({repository.rstrip('/')}/blob/main/{name})"
        text = match["text"].strip("`")
        return f"`{name}`" if text in (name, target.name) else f"{match['text']} (`{name}`)"

    return _outside_code(text, lambda part: _LINK.sub(link, part))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    parts, end = [], 0
    for match in _FENCE.finditer(text):
        parts += [change(text[end : match.start()]), match.group()]
        end = match.end()
    return "".join([*parts, change(text[end:])])


def _claims() -> str:
    claims = yaml.safe_load((ROOT / "workflow/claims.yaml").read_text())
    lines = ["| claim | source | scope | table |", "|---|---|---|---|"]
    for claim in claims:
        cells = [claim["claim"], claim["source"], claim["scope"], f"`{claim['table']}`"]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _citation() -> str:
    entry = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    authors = " and ".join(
        f"{{{author['name']}}}"
        if "name" in author
        else f"{author['family-names']}, {author['given-names']}"
        for author in entry["authors"]
    )
    fields = {"author": authors, "title": entry["title"], "version": entry["version"]}
    lines = [f"  {name:7} = {{{value}}}" for name, value in fields.items()]
    return "\n".join(["```bibtex", "@software{xgradient,", ",\n".join(lines), "}", "```"])
