"""Contents of `pip install .`: the library, which needs torch and numpy only."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

IMPORT_EVERYTHING = """
import importlib, json, pkgutil, sys
import xgradient

names = ["xgradient", *(m.name for m in pkgutil.walk_packages(xgradient.__path__, "xgradient."))]
for name in names:
    importlib.import_module(name)
print(json.dumps({"file": xgradient.__file__, "modules": sorted(names)}))
"""


def run(*command: str | Path) -> str:
    finished = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def wanted(requirements: list[str] | None, extras: frozenset[str] = frozenset()):
    """Return the requirements that apply on this machine with some extras."""
    parsed = [Requirement(text) for text in requirements or []]
    return [
        part
        for part in parsed
        if part.marker is None
        or any(part.marker.evaluate({"extra": extra}) for extra in {"", *extras})
    ]


def closure(requirements: list[Requirement]) -> dict[str, Distribution]:
    """Return the installed distributions that some requirements need, directly or in turn."""
    found: dict[str, Distribution] = {}
    seen, todo = set(), list(requirements)
    while todo:
        requirement = todo.pop()
        key = (requirement.name, frozenset(requirement.extras))
        if key not in seen:
            seen.add(key)
            found[requirement.name] = distribution(requirement.name)
            todo += wanted(found[requirement.name].requires, key[1])
    return found


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    # From a copy: setuptools leaves a build folder behind, whose stale files would get into the
    # next wheel. The other rooms come along, because the wheel must leave them out.
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("xgradient", "experiments", "workflow", "tests", "benchmarks"):
        shutil.copytree(root / name, source / name, ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder)
    run(*pip, "wheel", *options, source)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


@pytest.fixture(scope="module")
def python(wheel, metadata, tmp_path_factory):
    """Return the Python of an environment with the wheel and what its metadata ask for."""
    folder = tmp_path_factory.mktemp("environment")
    # Links to the installed packages in place of another 5 GB.
    packages = folder / "packages"
    packages.mkdir()
    for found in closure(wanted(metadata.get_all("Requires-Dist"))).values():
        for top in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            link = packages / top
            if not link.exists():
                link.symlink_to(found.locate_file(top))
    venv.create(folder / "venv", symlinks=True, with_pip=False)
    python = folder / "venv/bin/python"
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", wheel)
    (site / "packages.pth").write_text(f"{packages}\n")
    return python


def test_the_library_requires_torch_and_numpy_only(metadata):
    assert {part.name for part in wanted(metadata.get_all("Requires-Dist"))} == {"torch", "numpy"}


def test_the_wheel_holds_the_library_only(wheel, root):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    expected = [path.relative_to(root).as_posix() for path in (root / "xgradient").rglob("*.py")]
    assert sorted(names) == sorted([*expected, "xgradient/py.typed"])


def test_every_module_imports_with_what_the_library_requires(root, python):
    said = json.loads(run(python, "-I", "-c", IMPORT_EVERYTHING))
    assert Path(said["file"]).is_relative_to(python.parents[1])
    expected = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for path in (root / "xgradient").rglob("*.py")
    }
    assert set(said["modules"]) == expected


@pytest.mark.parametrize("name", ["pandas", "torchvision", "matplotlib", "experiments", "pip"])
def test_nothing_else_is_in_reach_there(python, name):
    script = f"import importlib.util; print(importlib.util.find_spec({name!r}))"
    assert run(python, "-I", "-c", script).strip() == "None"
