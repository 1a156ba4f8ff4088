"""Runs of the workflow, of this checkout or of a copy that a test may write into."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil
import yaml

__all__ = ["command", "copy_project", "overlay", "processes_in", "run", "snakemake", "start"]

_COPIED = (
    "Snakefile config.yaml config envs experiments notebooks profiles workflow xgradient "
    "pyproject.toml"
)


def copy_project(root: Path, target: Path) -> Path:
    """Copy the project, without anything that was generated or downloaded."""
    for name in _COPIED.split():
        source = root / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".snakemake", "*.lock.json")
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            target.mkdir(exist_ok=True)
            shutil.copy(source, target / name)
    return target


def overlay(path: Path, settings: dict[str, Any]) -> Path:
    """Write settings as YAML; return the path."""
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def command(project: Path, *arguments: object) -> list[str]:
    """Return the command that runs the workflow of a checkout, with two jobs at a time."""
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(project / "Snakefile")]
    return [*start, "--cores", "2", *map(str, arguments)]


def start(arguments: list[str], cwd: Path, printed: Path, **environment: str) -> subprocess.Popen:
    """Start a command in a session of its own, which signals end as they would at a terminal.

    Who starts the tests may ignore them, as ``nohup`` and a shell in the background do.
    """

    def heed() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with printed.open("w", encoding="utf-8") as output:
        return subprocess.Popen(
            arguments,
            cwd=cwd,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=heed,
        )


def snakemake(
    project: Path, *arguments: object, cwd: Path, mirror: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the workflow of a checkout with its results in another folder."""
    return subprocess.run(
        command(project, *arguments),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XGRADIENT_MIRROR": str(mirror or "")},
    )


def run(
    project: Path,
    targets: Iterable[str],
    *arguments: object,
    cwd: Path,
    mirror: Path | None = None,
) -> None:
    """Run the workflow up to some targets; it must succeed."""
    finished = snakemake(project, *arguments, "--", *targets, cwd=cwd, mirror=mirror)
    assert finished.returncode == 0, finished.stderr[-8000:]


def processes_in(folder: Path) -> list[str]:
    """Return the commands of the processes whose working directory is a folder or lies in it."""
    return [
        " ".join(process.info["cmdline"] or [])
        for process in psutil.process_iter(["cwd", "status", "cmdline"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and process.info["cwd"]
        and Path(process.info["cwd"]).is_relative_to(folder)
    ]
