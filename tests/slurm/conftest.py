"""A running Slurm, and Snakemake on it."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cluster import Cluster
from packages import Unavailable, find_programs


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start Slurm, and stop it when the tests are over; skip them where it cannot be had."""
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("the package snakemake-executor-plugin-slurm is not installed")
    folder = tmp_path_factory.mktemp("slurm")
    try:
        programs = find_programs(folder / "packages")
    except Unavailable as reason:
        pytest.skip(str(reason))
    # From here on a failure is a failure: Slurm is there.
    with Cluster(programs, folder / "cluster") as cluster:
        yield cluster


class Snakemake:
    """Snakemake processes that send their jobs to a cluster."""

    def __init__(self, cluster: Cluster, root: Path):
        self.cluster, self.root = cluster, root

    def start(self, folder: Path, *arguments: str) -> subprocess.Popen[str]:
        """Start Snakemake in a folder, with the profile for Slurm and its output in one pipe.

        The profile's options come first, so that arguments win.
        """
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "snakemake", "--nocolor"]
        options = ["--workflow-profile", str(self.root / "workflow/profiles/slurm")]
        # This cluster has no accounting, and its jobs are short.
        options += ["--slurm-status-command", "squeue"]
        options += ["--slurm-init-seconds-before-status-checks", "3"]
        with (folder / "snakemake.out").open("w") as output:
            return subprocess.Popen(
                [*command, *options, "--directory", str(folder), *arguments],
                cwd=folder,
                env=self.cluster.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                # A shell lets the programs that it starts in the background ignore interruptions.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )


@pytest.fixture(scope="session")
def snakemake(cluster: Cluster, root: Path) -> Snakemake:
    """Return what starts Snakemake on the cluster."""
    return Snakemake(cluster, root)
