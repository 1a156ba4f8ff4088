"""Run the Python code of the documentation and of the README, page by page.

The blocks of a page share their variables and run in a temporary folder. A block of text with the
title "Output" shows what the block above it prints. Numbers with a decimal point may differ by as
much as another processor makes them; "..." stands for anything. A block with the title
"Needs NAME" is left out where the package NAME is not installed.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import linecache
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>\w*)(?P<options>[^\n]*)\n"
    r"(?P<code>.*?)^(?P=indent)(?P=ticks) *$",
    re.M | re.S,
)
DECIMAL = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
NEEDS = re.compile(r'title="Needs (?P<package>[\w.]+)"')


@dataclass
class Block:
    """Python code of a page."""

    code: str
    line: int
    package: str | None
    output: str | None = None


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    end = 0
    for match in FENCE.finditer(text):
        code = textwrap.dedent(match["code"])
        if match["language"] == "python":
            needs = NEEDS.search(match["options"])
            line = text.count("\n", 0, match.start("code"))
            found.append(Block(code, line, needs and needs["package"]))
        elif 'title="Output"' in match["options"]:
            between = text[end : match.start()]
            assert found and not between.strip(), f"{page.name}: an output without its code"
            found[-1].output = code
        end = match.end()
    # Nothing that looks like Python on the page is overlooked.
    assert len(found) == len(re.findall(r"^ *`{3,} *\{? *\.?py", text, re.M)), page
    return found


def same_output(shown: str, printed: str) -> bool:
    checker = doctest.OutputChecker()
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    if "..." in shown:
        return checker.check_output(shown, printed, options)
    numbers = [[float(n) for n in DECIMAL.findall(text)] for text in (shown, printed)]
    words = [DECIMAL.sub("#", text) for text in (shown, printed)]
    return checker.check_output(*words, options) and numbers[1] == pytest.approx(
        numbers[0], rel=0.1, abs=0.03
    )


PAGES = {
    page.relative_to(ROOT).as_posix(): blocks
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if (blocks := blocks_of(page))
}


@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_runs_and_prints_what_the_page_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    names = {"__name__": "__main__"}
    for block in PAGES[page]:
        if block.package is not None and importlib.util.find_spec(block.package) is None:
            pytest.skip(f"{page}, from line {block.line} on: {block.package} is not installed")
        # With the lines of the page in tracebacks, and source for those who inspect it.
        name = f"{page} from line {block.line}"
        code = "\n" * block.line + block.code
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, name, "exec"), names)
        if block.output is not None:
            shown, now = block.output, printed.getvalue()
            assert same_output(shown, now), f"{name} prints\n{now}\nand shows\n{shown}"


def test_outputs_differ_in_digits_only():
    assert same_output("share 0.51\n", "share 0.52\n")
    assert not same_output("share 0.51\n", "share 0.71\n")
    assert not same_output("share 0.51\n", "part 0.51\n")
    assert not same_output("3 rows\n", "4 rows\n")
    assert same_output("0.5 or ...\n", "0.5 or 7\n")


def test_pages_with_code_are_found():
    assert {"README.md", "docs/index.md", "docs/quickstart.md"} < set(PAGES)
    assert sum(len(blocks) for blocks in PAGES.values()) > 25


def test_a_block_that_needs_a_package_is_the_last_kind_of_a_page():
    """Leaving it out must not leave out a block that could run."""
    for page, blocks in PAGES.items():
        needs = [block.package is not None for block in blocks]
        assert needs == sorted(needs), page
