"""The image of the Containerfile: built, and the whole workflow run in it with tiny settings."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from image import Image, Unavailable


@pytest.fixture(scope="module")
def image(root, tmp_path_factory) -> Iterator[Image]:
    """Build the image, and remove it in the end; skip the tests where it cannot be built."""
    folder = tmp_path_factory.mktemp("image")
    try:
        image = Image(folder)
    except Unavailable as reason:
        pytest.skip(str(reason))
    # From here on a failure is a failure: the builder is there.
    try:
        image.make_base()
        image.build(root)
        yield image
    finally:
        image.remove()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def mirror(root):
    """Return a folder with data, if this machine has one; otherwise they are downloaded."""
    folder = os.environ.get("XGRADIENT_MIRROR") or root / "data"
    return Path(folder) if Path(folder).is_dir() else None


def test_nobody_is_root(image):
    assert image.config()["User"] == "xgradient"
    assert image.execute("id", "--user") == "1000"
    assert image.config()["WorkingDir"] == "/work"


def test_nothing_of_this_machine_is_in_the_image(image, root):
    said = image.execute("sh", "-c", "cat /etc/pip.conf 2>/dev/null; ls -A /opt/xgradient; env")
    assert "PIP_" not in said and "global" not in said
    for name in (".git", "data", "results", "tests"):
        assert name not in said.splitlines()


def test_the_smoke_run(image, tmp_path, mirror):
    overlay = "/opt/xgradient/config/smoke.yaml"
    image.run(tmp_path, "--cores", "2", "--configfile", overlay, mirror=mirror)
    results = tmp_path / "results" / "smoke"
    assert (results / "report.html").stat().st_uid == 1000
    for table in ("claims", "accuracy", "masking", "genomics"):
        assert (results / "tables" / f"{table}.html").stat().st_size
