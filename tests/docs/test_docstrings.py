"""Docstrings of the library speak one dialect, in which the reference can be read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "xgradient").rglob("*.py"))

# Each with what to write instead.
WORDS = {
    r"\btorch\.Tensor\b": "Tensor",
    r"\btorch\.(Long|Float|Bool|Int)Tensor\b": "Tensor of shape ..., integer (or bool, ...)",
    r"\bLongTensor\b": "Tensor of shape ..., integer",
    r"\btorch\.nn\.(?!functional\b|utils\b)\w+": "nn.Module, nn.ReLU and so on",
    r"\bTensors?,? (?:with|in) shape\b|[Tt]ensors?, shape\b|, shape \(": "Tensor of shape (N, ...)",
    r"\b[Nn]umpy array\b|\bnp\.ndarray\b": "array",
    r"\barray_like\b": "sequence of float",
    # Griffe shows a set of values as a tuple, and drops what follows it.
    r"^ +\w+ : \{": "str, and the values in the description",
    r":(?:class|func|mod|meth|obj|py:\w+):`": "single backticks",
}

# Sections of numpydoc, with which the reference is built.
SECTIONS = re.compile(r"^ *(\w[\w ]*)\n *-{3,}$", re.M)
KNOWN = {
    "Attributes",
    "Examples",
    "Notes",
    "Parameters",
    "Raises",
    "References",
    "Returns",
    "See Also",
    "Warns",
    "Yields",
}


def docstrings(path: Path):
    """Line and text of every docstring, also of those below constants."""
    tree = ast.parse((ROOT / path).read_text())
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            for value in node.body:
                constant = getattr(value, "value", None) if isinstance(value, ast.Expr) else None
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    yield value.lineno, constant.value


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_docstrings_have_one_dialect(path):
    found = [
        f"{path}:{line + text[: match.start()].count(chr(10))}: {match.group()!r}: write {better!r}"
        for line, text in docstrings(path)
        for words, better in WORDS.items()
        for match in re.finditer(words, text, re.M)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_sections_of_docstrings_are_those_of_numpydoc(path):
    for line, text in docstrings(path):
        assert set(SECTIONS.findall(text)) <= KNOWN, f"{path}:{line}"
