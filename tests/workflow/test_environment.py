"""What a user installs and opens: versions, notebooks, datasets, no traces of a machine."""

from __future__ import annotations

import re
import subprocess
import tomllib

import nbformat
import pytest
import yaml

PIN = re.compile(r"([A-Za-z0-9_.-]+)==([^\s;]+)(?:\s*;\s*(.*))?$")


def pins(lines):
    """Return the versions that Python 3.11 on Linux gets, by normalised name."""
    found = {}
    for line in lines:
        match = PIN.match(line.strip())
        if match and not (match[3] and ">= '3.12'" in match[3]):
            found[match[1].lower().replace("_", "-")] = match[2]
    return found


@pytest.fixture
def locked(root):
    return pins((root / "requirements.txt").read_text().splitlines())


def test_the_conda_environment_has_the_locked_versions(root, locked):
    environment = yaml.safe_load((root / "envs/xgradient.yaml").read_text())
    listed = next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    assert len(pins(listed)) == len(listed) > 20
    assert {name: locked.get(name) for name in pins(listed)} == pins(listed)


def test_all_declared_dependencies_are_locked(root, locked):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["pipeline"], *extras["test"]]
    names = {re.match(r"[A-Za-z0-9_.-]+", name)[0].lower().replace("_", "-") for name in declared}
    assert names <= set(locked)
    pinned = pins([*extras["pipeline"], *extras["test"]])
    assert {name: locked[name] for name in pinned} == pinned
    assert locked["torch"] == "2.14.1" and locked["torchvision"] == "0.29.1"


def test_requirements_name_versions_and_no_index(root):
    lines = (root / "requirements.txt").read_text().splitlines()
    assert all(line.startswith("#") or PIN.match(line) for line in lines)


def test_notebooks_are_templates(root):
    paths = sorted((root / "notebooks").glob("*.ipynb"))
    assert paths
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(not cell.outputs and cell.execution_count is None for cell in cells), path
        tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
        assert len(tagged) == 1, path


def test_no_paths_of_a_machine_are_tracked(root):
    listing = subprocess.run(
        ["git", "-C", str(root), "grep", "-nIE", r"/(root|home/[a-z]+|work/main)/"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 128:
        pytest.skip("not a git checkout")
    found = [
        line
        for line in listing.stdout.splitlines()
        if "tests/workflow/test_environment.py" not in line
    ]
    assert found == []
