"""The table of faults names tests that exist."""

from __future__ import annotations

import ast
import re

import pytest

LINK = re.compile(r"\[`(\w+)`\]\((\S+)\)")


@pytest.fixture(scope="module")
def rows(root):
    text = (root / "docs/reliability.md").read_text(encoding="utf-8")
    # Other tables have numbers.
    tables = re.findall(
        r"^\| fault \| what happens \| test \|\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.M
    )
    return [row for table in tables for row in table.splitlines()]


def test_every_fault_has_its_test(root, rows):
    assert rows
    for row in rows:
        assert row.count(" | ") == 2, row
        tests = LINK.findall(row.rsplit(" | ", 1)[1])
        assert tests, row
        for name, link in tests:
            path = (root / "docs" / link).resolve()
            module = ast.parse(path.read_text(encoding="utf-8"))
            functions = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
            assert name in functions, row


def test_a_fault_is_listed_once(rows):
    faults = [row.split(" | ")[0] for row in rows]
    assert len(set(faults)) == len(faults)
