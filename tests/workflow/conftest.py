"""Fixtures of the tests of the workflow."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture
def workplace(tmp_path):
    """Return a folder that is removed afterwards: pytest would keep gigabytes."""
    yield tmp_path
    shutil.rmtree(tmp_path)
