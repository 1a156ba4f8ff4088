"""Downloaded files that were deleted or altered are fetched again before a job reads them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest
from PIL import Image

from tests.workflow.runs import copy_project, overlay, run, snakemake

LABELS = b"one two three"
TARGET = "results/tiny/test.csv"


def zipped_images():
    """Return a zip archive of two classes of one image each."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number, name in enumerate(("ant", "bee")):
            picture = io.BytesIO()
            Image.new("RGB", (4, 4), (90 * number, 0, 0)).save(picture, "PNG")
            archive.writestr(f"test/{name}/0.png", picture.getvalue())
    return content.getvalue()


@pytest.fixture
def workplace(root, tmp_path):
    """A copy of the project with a data set of three files, which a mirror has."""
    project = copy_project(root, tmp_path / "project")
    contents = {"images.zip": zipped_images(), "labels.txt": LABELS, "notes.txt": b"none"}
    (tmp_path / "mirror" / "tiny").mkdir(parents=True)
    for name, content in contents.items():
        (tmp_path / "mirror" / "tiny" / name).write_bytes(content)
    entry = {
        "title": "Tiny",
        "homepage": "https://example.org",
        "licence": "MIT",
        "citation": "nobody",
        "mirror": "tiny",
        "sources": [],
        "files": [
            {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in contents.items()
        ],
        "images": {
            "archive": "images.zip",
            "splits": {"test": "test"},
            "n_classes": 2,
            "counts": {"test": 2},
        },
    }
    overlay(project / "workflow/datasets/tiny.yaml", entry)
    return tmp_path


def test_lost_and_altered_files_are_fetched_again_when_a_job_reads_them(workplace):
    project, mirror, data = workplace / "project", workplace / "mirror", workplace / "data" / "tiny"
    results = workplace / "results" / "tiny"
    run(project, [TARGET], cwd=workplace, mirror=mirror)
    index = (workplace / TARGET).read_bytes()
    first = json.loads((results / "sources.json").read_text())
    assert {file["source"].split()[0] for file in first["files"]} == {"mirror"}

    (data / "notes.txt").unlink()
    (data / "labels.txt").write_bytes(LABELS.upper())
    (mirror / "tiny/images.zip").unlink()  # it is still there
    # What was made from the files is there, so that nobody needs them.
    planned = snakemake(project, "--dry-run", "--", TARGET, cwd=workplace, mirror=mirror)
    assert planned.returncode == 0 and "Nothing to be done" in planned.stdout + planned.stderr

    (workplace / TARGET).unlink()
    finished = snakemake(project, "--", TARGET, cwd=workplace, mirror=mirror)
    assert finished.returncode == 0, finished.stderr[-4000:]
    assert (workplace / TARGET).read_bytes() == index
    names = ["images.zip", "labels.txt", "labels.txt.rejected", "notes.txt", "unpacked"]
    assert sorted(path.name for path in data.iterdir()) == names
    assert (data / "labels.txt").read_bytes() == LABELS
    assert "data/tiny/labels.txt is not the expected file" in finished.stderr
    # Also where the file that was not touched is from.
    assert json.loads((results / "sources.json").read_text()) == first
    assert not (results / "fetched.json").exists()
