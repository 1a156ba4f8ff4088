"""Surroundings of all tests of external data: no mirror, no proxy, a local server."""

from __future__ import annotations

import threading

import pytest

from tests.experiments.data.helpers import Server


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    monkeypatch.delenv("XGRADIENT_MIRROR", raising=False)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()
