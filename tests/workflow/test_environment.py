"""Files that a user installs and opens: versions, notebooks, data sets, no traces of a machine."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import nbformat
import pytest
import yaml

import xgradient
from experiments.config import experiment_names

PIN = re.compile(r"([A-Za-z0-9_.-]+)==([^\s;]+)(?:\s*;\s*(.*))?$")
ROOMS = {"xgradient", "experiments", "workflow"}


def normalised(name):
    return re.match(r"[A-Za-z0-9_.-]+", name)[0].lower().replace("_", "-")


def pins(lines):
    """Return the versions that Python 3.11 on Linux gets, by normalised name."""
    found = {}
    for line in lines:
        match = PIN.match(line.strip())
        if match and not (match[3] and ">= '3.12'" in match[3]):
            found[normalised(match[1])] = match[2]
    return found


def imports(folder):
    """Return the top-level packages that the Python files in a folder import, but for Python's."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names


@pytest.fixture(scope="module")
def requirements(root):
    """Return the digests of the files of every pinned package."""
    text = (root / "requirements.txt").read_text().replace(" \\\n", "")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    parts = [line.split("    --hash=") for line in lines]
    return {pin: digests for pin, *digests in parts}


@pytest.fixture(scope="module")
def locked(requirements):
    return pins(requirements)


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


def test_the_conda_environment_is_the_extra_for_the_pipeline(root, project):
    environment = yaml.safe_load((root / "envs/xgradient.yaml").read_text())
    listed = next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    assert len(pins(listed)) == len(listed)
    assert pins(listed) == pins(project["optional-dependencies"]["pipeline"])


def test_all_declared_dependencies_are_locked(project, locked):
    extras = project["optional-dependencies"]
    pinned_extras = [pin for name in ("pipeline", "setup", "test", "docs") for pin in extras[name]]
    declared = [*project["dependencies"], *pinned_extras]
    assert {normalised(name) for name in declared} <= set(locked)
    pinned = pins(pinned_extras)
    assert {name: locked[name] for name in pinned} == pinned
    assert locked["torch"] == "2.14.1" and locked["torchvision"] == "0.29.1"


def test_doors_between_the_rooms_open_in_one_direction(root):
    assert imports(root / "xgradient") <= {"xgradient", "torch", "numpy"}
    assert imports(root / "experiments").isdisjoint({"workflow", "snakemake", "tests"})
    assert imports(root / "workflow").isdisjoint({"workflow", "tests"})


@pytest.mark.parametrize("room", ["experiments", "workflow"])
def test_what_a_room_imports_is_declared(root, project, room):
    declared = {normalised(name) for name in project["optional-dependencies"]["pipeline"]}
    distributions = packages_distributions()
    for module in imports(root / room) - ROOMS:
        names = {normalised(name) for name in distributions.get(module, [module])}
        assert names & declared, f"{room}/ imports {module}, which the extra pipeline lacks"


def test_requirements_name_versions_digests_and_no_index(requirements):
    assert len(requirements) > 150
    for pin, digests in requirements.items():
        assert PIN.match(pin), pin
        assert digests and all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in digests), pin
    # A file of one package is no file of another.
    every = [digest for digests in requirements.values() for digest in digests]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("name", "lists"),
    [("Makefile", {"pip", "rest", "torch"}), ("Containerfile", {"pip", "requirements"})],
)
def test_nothing_but_the_files_with_these_digests_is_installed(root, tmp_path, name, lists):
    text = re.sub(r" \\\n\s*", " ", (root / name).read_text())
    installing = [
        line for line in text.splitlines() if "pip install" in line and "peers" not in line
    ]
    assert len(installing) == 1
    assert "--require-hashes" in installing[0] and "--no-deps" in installing[0]
    recipe = (
        installing if name == "Containerfile" else re.findall(r"^\t.*\$\(INSTALL\).*", text, re.M)
    )
    assert {*re.findall(r"(\w+)\.txt", " ".join(recipe))} == lists
    # The program that divides the list: pip is first brought up to date by itself.
    program = re.search(r"awk '.+?' (?=requirements)", text)[0].replace("$$", "$")
    (tmp_path / ".venv").mkdir()
    shutil.copy(root / "requirements.txt", tmp_path / ".venv")
    into = " > .venv/pip.txt" if name == "Containerfile" else ""
    command = f"{program} .venv/requirements.txt{into}"
    subprocess.run(["sh", "-ec", command], cwd=tmp_path, check=True)
    parts = {}
    for path in (tmp_path / ".venv").iterdir():
        lines = path.read_text().replace(" \\\n", "").splitlines()
        parts[path.stem] = [line for line in lines if not line.startswith("#")]
    whole = parts.pop("requirements")
    if name == "Makefile":
        assert sorted(whole) == sorted(line for part in parts.values() for line in part)
    assert [*pins([parts["pip"][0].split("    ")[0]])] == ["pip"] and len(parts["pip"]) == 1
    assert {*parts} == lists - {"requirements"}


def test_a_release_has_one_version(root, project):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert project["version"] == xgradient.__version__ == citation["version"]
    assert f"## [{project['version']}]" in (root / "CHANGELOG.md").read_text()


def test_a_commit_runs_the_tools_of_make_lint(root):
    makefile = (root / "Makefile").read_text()
    recipes = re.findall(r"^(?:lint|types):.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    tools = re.findall(r"^\t\$\(BIN\)/(\S+)", "".join(recipes), re.MULTILINE)
    hooks = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert sorted(f".venv/bin/{tool}" for tool in tools) == sorted(
        hook["entry"].split()[0] for hook in hooks
    )


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


def test_notebooks_and_figures_are_leaves(root):
    """They read tables; only scripts make them, so that no formatting can hold up a figure."""
    leaves = [*(root / "notebooks").glob("*.ipynb"), *(root / "workflow/scripts").rglob("figure*")]
    leaves += (root / "experiments").rglob("figure*.py")
    assert len(leaves) > 20
    assert [path.name for path in leaves if "write_csv(" in path.read_text()] == []


def test_an_experiment_has_one_name(root):
    """Key of the configuration, folder, rule file, scripts, captions and notebook."""
    for name in experiment_names():
        assert (root / f"experiments/{name}/run.py").is_file()
        rules = (root / f"workflow/rules/{name}.smk").read_text()
        # Scripts of its own, or those that all experiments share.
        for script in re.findall(r'"\.\./scripts/(.+)\.py"', rules):
            assert script.count("/") == 0 or script.startswith(f"{name}/"), script
        assert list((root / "workflow/report").glob(f"{name}*.rst"))
        named = re.findall(r'notebook\("(\w+)"\)', rules)
        assert named in ([], [name])
        for rule in re.findall(r"^rule (\w+):", rules, re.M):
            assert name in rule, f"{rule} in {name}.smk"
