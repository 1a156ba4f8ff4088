"""The pictures of the documentation can be drawn again."""

from __future__ import annotations

import os
import subprocess
import sys


def test_all_pictures_are_drawn(root, tmp_path):
    # Pages refer to them, so what the script draws is what is in the folder.
    stored = {path.name for path in (root / "docs/images").iterdir() if path.suffix != ".py"}
    finished = subprocess.run(
        [sys.executable, "docs/images/draw.py", tmp_path],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == stored - {"__pycache__"}
    assert all((tmp_path / name).stat().st_size > 1000 for name in drawn)
