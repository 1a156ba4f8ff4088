"""Every command line that the documentation shows is planned as it is written."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.workflow.planner import Planner

ROOT = Path(__file__).parents[2]
FOLDERS = ("", "config/", "docs/", "docs/imagenet/", "results/", "workflow/datasets/")
DOCUMENTS = [
    path.relative_to(ROOT).as_posix()
    for folder in FOLDERS
    for path in sorted((ROOT / folder).glob("*.md"))
]
OVERLAYS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "config").glob("*.yaml"))
# Said before the command, and no part of it.
ENVIRONMENT = re.compile(r"[A-Z_]+=\S+")
# Without a number of cores Snakemake plans, but does not run.
ENOUGH = {"--cores", "-n", "--dry-run", "--unlock", "--report", "--workflow-profile"}
# These need what a run has left; tests of results give them.
AFTER_A_RUN = {"--unlock", "--report"}


def blocks(text: str) -> Iterator[str]:
    """Yield the lines of shell blocks, and whole commands in single backticks."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield from block.replace("\\\n", " ").splitlines()
    yield from re.findall(r"(?<!`)`([^`\n]*\bsnakemake --?[^`\n]*)`", text)


def comments(text: str) -> Iterator[str]:
    """Yield the lines of the comments of YAML; a command may follow a sentence and two spaces."""
    lines = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        _, gap, command = line.rpartition("  snakemake")
        yield f"snakemake{command}" if gap else line


def commands() -> dict[str, list[str]]:
    """Return the commands that run Snakemake, as lists of arguments, with where they stand."""
    found: dict[str, list[str]] = {}
    for name in [*DOCUMENTS, *OVERLAYS]:
        text = (ROOT / name).read_text()
        for line in (comments if name in OVERLAYS else blocks)(text):
            if "snakemake " not in line:
                continue
            words = shlex.split(line, comments=True)
            while words and ENVIRONMENT.fullmatch(words[0]):
                del words[0]
            if words and words[0] == "snakemake":
                found.setdefault(shlex.join(words[1:]), []).append(name)
    return {f"{' '.join(sorted(set(names)))}: {line}": shlex.split(line)
            for line, names in found.items()}  # fmt: skip


COMMANDS = commands()


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Plan runs of this checkout in a folder that has the files which commands name."""
    folder = tmp_path_factory.mktemp("planned")
    for name in ("config", "workflow"):
        (folder / name).symlink_to(ROOT / name)
    with Planner(folder) as planner:
        yield partial(planner, "--snakefile", ROOT / "Snakefile", "--dry-run")


def test_the_documents_have_commands():
    assert len(COMMANDS) >= 15
    assert {name for key in COMMANDS for name in key.partition(":")[0].split()} > {"README.md"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_can_be_planned(plan, name):
    arguments = [word for word in COMMANDS[name] if word not in ("-n", "--dry-run")]
    assert ENOUGH & set(COMMANDS[name]), "give a number of cores: it does not run otherwise"
    if AFTER_A_RUN & set(arguments):
        return
    if "conda" in arguments and shutil.which("conda") is None:
        pytest.skip("conda is not installed")
    plan("--quiet", "rules", "reason", *arguments)


@pytest.mark.parametrize("value", ["{n_images: 100}", "{n_steps: 8, sigma: 1e-1}"])
def test_values_of_a_section_are_given_on_the_command_line(plan, value):
    plan("--config", f"masking={value}", "--", "masking")
