"""What cannot run is refused when the workflow is read: in one line, without a traceback."""

from __future__ import annotations

import pytest

from tests.workflow.runs import copy_project, snakemake

OVERLAYS = {
    "a section given twice": (
        "masking: {n_steps: 4}\nseed: 1\nmasking: {n_images: 7}\n",
        "overlay.yaml, line 3: masking is given again, first in line 1",
    ),
    "an octal number": ("threads: 010\n", "overlay.yaml, line 1: threads is 010, which YAML reads"),
    "not a number": ("genomics: {strong: .nan}\n", "config: genomics.strong is nan, but must be a"),
    "the checkout itself": ("results: {root}\n", "which is the checkout, whose files would be"),
    "a fraction of an image": (
        "contrast: {n_images: 3.5}\n",
        "config: contrast.n_images is 3.5, but must be an integer of at least 1",
    ),
}


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_configuration(root, tmp_path, name):
    text, message = OVERLAYS[name]
    path = tmp_path / "overlay.yaml"
    path.write_text(text.replace("{root}", str(root)))
    refused(root, tmp_path, message, "--configfile", path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set-scatter", "masking=64"], "masking=64 asks for 64 shards, but only 4 have work"),
        (["--set-scatter", "maskin=2"], "did you mean masking?"),
        (["--config", "masking={n_steps: -1}"], "masking.n_steps is '-1', but must be an integer"),
    ],
)
def test_an_option(root, tmp_path, arguments, message):
    refused(root, tmp_path, message, *arguments)


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    """Return a copy of the checkout, to write into."""
    return copy_project(root, tmp_path_factory.mktemp("copy") / "project")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("workflow/claims.yaml", "rows: {variant: x}", "rows: {variant: y}", "rows.variant is 'y'"),
        ("workflow/claims.yaml", "{at_least: -1.5}", "{at_least: .nan}", "finite number, got nan"),
        (
            "workflow/claims.yaml",
            "scope: exact",
            "scope: exact\n  scope: exact",
            "'scope' is given",
        ),
        ("workflow/claims.yaml", "table: accuracy", "table: accuracyy", "did you mean accuracy?"),
        ("workflow/datasets/mnist.yaml", "shape: [28, 28]", "shape: [28, x]", "images.shape.1 is"),
        ("workflow/datasets/mnist.yaml", "title:", "titlee:", "did you mean title?"),
        ("workflow/datasets/nhefs.yaml", "rows: 1629", "rows: 1629.5", "mortality.rows is 1629.5"),
        ("config.yaml", "seed: 0", "seed: 0\nseed: 1", "seed is given again"),
        (
            "config.yaml",
            "seed: 0",
            "s\N{LATIN SMALL LETTER E WITH ACUTE}ed: 0",
            "which is not UTF-8",
        ),
    ],
)
def test_a_file_of_the_project(project, tmp_path, name, old, new, message):
    path = project / name
    before = path.read_bytes()
    text = before.decode()
    assert old in text
    try:
        path.write_bytes(text.replace(old, new, 1).encode("latin-1" if "\xe9" in new else "utf-8",
                                                          errors="replace"))  # fmt: skip
        said = refused(project, tmp_path, message)
        assert path.name in said
    finally:
        path.write_bytes(before)


def refused(project, folder, message, *arguments):
    """Plan a run, which must stop with a message in one line; return that line."""
    finished = snakemake(project, "--dry-run", *arguments, cwd=folder)
    said = finished.stdout + finished.stderr
    assert finished.returncode != 0
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if message in line]
    assert lines, said[-2000:]
    return lines[0]
