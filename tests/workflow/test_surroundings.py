"""A machine unlike the author's: paths, locale, home folder, other packages of the same names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.workflow.runs import copy_project, snakemake

# Everything that a shell would split or replace, and a letter that ASCII lacks.
NAME = 'it\'s "my" $HOME dir; \N{LATIN SMALL LETTER E WITH ACUTE}'
# Scripts, a notebook, and Snakemake's report.
TARGETS = ("results/figures/toys.png", "results/report.html")
# Nobody can make files there, root included.
NO_HOME = "/sys"


def own_python(folder):
    """Make an environment in a folder, with the packages of this one; return its interpreter."""
    venv.create(folder, symlinks=True)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    Path(paths["purelib"], "shared.pth").write_text(
        "\n".join(path for path in sys.path if path.endswith("site-packages")), encoding="utf-8"
    )
    # Templates of Jupyter.
    (folder / "share").symlink_to(Path(sys.prefix) / "share")
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    """Return a copy of the project, after a run in the worst of surroundings."""
    project = copy_project(root, tmp_path_factory.mktemp("surroundings") / NAME)
    decoys = project.parent / "site"
    for name in ("experiments", "workflow", "xgradient"):
        (decoys / name).mkdir(parents=True)
        (decoys / name / "__init__.py").write_text(
            f"raise ImportError('the decoy {name}')", encoding="utf-8"
        )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LC_")},
        "PYTHONPATH": str(decoys),
        "HOME": NO_HOME,
        # As make sets it.
        "XDG_CACHE_HOME": str(project.parent / "cache"),
        # Python would leave this locale by itself.
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    command = [own_python(project / ".venv"), "-m", "snakemake", "--cores", "2"]
    finished = subprocess.run(
        [*command, "--config", "experiments=[toys]", "--", *TARGETS],
        cwd=project,
        env=environment,
        capture_output=True,
        check=False,
    )
    logs = [path.read_text(encoding="utf-8") for path in (project / "results").rglob("*.log")]
    assert finished.returncode == 0, "\n".join([os.fsdecode(finished.stderr), *logs])[-8000:]
    return project


def test_a_path_that_a_shell_would_split(project):
    assert all((project / target).is_file() for target in TARGETS)
    facts = json.loads((project / "results/toys.json").read_text(encoding="utf-8"))
    assert facts["rule"] == "measure_toys"


def test_other_packages_of_the_same_names_are_not_used(project):
    """The decoys raise an error: scripts and notebooks would have failed."""
    assert (project / "results/tables/claims.html").is_file()


def test_pages_and_tables_are_utf8_in_an_ascii_locale(project):
    tables = project / "results/tables"
    pages = [path.read_bytes() for path in (tables / "claims.html", project / TARGETS[1])]
    assert all(not page.isascii() and page.decode("utf-8") for page in pages)


def test_nothing_is_written_to_the_home_folder(project):
    assert not os.path.exists(os.path.join(NO_HOME, ".cache"))
    assert (project.parent / "cache" / "snakemake").is_dir()


def make(folder, *arguments, **environment):
    names = {"MAKEFLAGS", "MAKELEVEL", "XDG_CACHE_HOME", "PYTHONUTF8"}
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("home", [NO_HOME, None])
def test_make_finds_a_place_for_caches_and_sets_utf8(root, tmp_path, home):
    (tmp_path / "Makefile").write_bytes((root / "Makefile").read_bytes())
    own = home or str(tmp_path / "home")
    show = '--eval=show: ; @echo "$$PYTHONUTF8:$${XDG_CACHE_HOME-none}"'
    shown = make(tmp_path, show, "show", HOME=own, LC_ALL="C", PYTHONUTF8="0")
    place = f"{tmp_path}/.snakemake/cache" if home else "none"
    assert shown.stdout == f"1:{place}\n", shown.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("seed: 1 # \N{LATIN SMALL LETTER E WITH ACUTE}".encode("latin-1"), "is not UTF-8"),
        (b"\xff\xfes\x00", "is UTF-16"),
        (b"seed: " + b"[" * 2000, "nested more than"),
        (None, "there is no such file"),
    ],
)
def test_make_says_in_one_line_what_is_wrong_with_a_file(project, content, message):
    """Snakemake alone answers these with a traceback, before it reads anything of this project."""
    if not (project / "Makefile").exists():
        (project / "Makefile").write_bytes((Path(__file__).parents[2] / "Makefile").read_bytes())
        (project / "requirements.txt").touch()
        (project / ".venv" / "installed").touch()
    path = project / "overlay.yaml"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    refused = make(project, "CONFIG=overlay.yaml")
    assert refused.returncode != 0
    assert "Traceback" not in refused.stderr and "snakemake" not in refused.stdout
    lines = [line for line in refused.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(lines) == 1 and lines[0].startswith("overlay.yaml") and message in lines[0]


def test_a_path_with_a_colon_is_refused_before_any_job(root, tmp_path):
    project = copy_project(root, tmp_path / "a:b")
    refused = snakemake(project, "--dry-run", "--", "toys", cwd=tmp_path)
    assert refused.returncode != 0
    output = refused.stdout + refused.stderr
    lines = [line for line in output.splitlines() if "has a : in its name" in line]
    assert len(lines) == 1 and str(project) in lines[0] and "move it" in lines[0]
    assert "Traceback" not in output


def test_make_refuses_a_path_with_a_colon_before_it_installs_anything(root, tmp_path):
    """It separates folders in PATH and in PYTHONPATH."""
    folder = tmp_path / "a:b"
    folder.mkdir()
    for name in ("Makefile", "requirements.txt"):
        (folder / name).write_bytes((root / name).read_bytes())
    refused = make(folder, "setup", f"PYTHON={sys.executable}")
    assert refused.returncode != 0
    assert "a:b" in refused.stderr and "PATH separator" in refused.stderr
    assert not (folder / ".venv").exists()
