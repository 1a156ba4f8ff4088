"""Runs of the whole workflow under circumstances that must not matter, and under one that does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from experiments.config import check_config

SHARDED = (
    *("accuracy", "mean_relative_difference", "ig_convergence", "contrast"),
    *("attribution_maps", "masking", "attribution_prior"),
)


class Runs:
    """Runs of the workflow with tiny settings, each in a folder of its own."""

    def __init__(self, root: Path, folder: Path):
        self.root, self.folder = root, folder

    def run(
        self,
        name: str,
        cores: int = 2,
        shards: int = 1,
        hash_seed: str = "0",
        threads: int = 1,
        backwards: bool = False,
    ) -> Path:
        """Make all tables; return the folder of the results.

        Parameters
        ----------
        name
            Of this run.
        cores, shards, threads
            Jobs at a time, shards of every experiment that has them, threads of a job.
        hash_seed
            Of Python, which decides the order of sets.
        backwards
            Make a few tables after the other, the last ones first.
        """
        folder = self.folder / name
        folder.mkdir()
        command = [sys.executable, "-m", "snakemake", "--nocolor", "--cores", str(cores)]
        command += ["--snakefile", str(self.root / "Snakefile"), "--directory", str(folder)]
        overlays = [self.root / "config/smoke.yaml", Path(__file__).parent / "overlay.yaml"]
        command += ["--configfile", *map(str, overlays)]
        command += ["--config", f"data={self.root / 'data'}", f"threads={threads}"]
        command += ["--set-scatter", *(f"{experiment}={shards}" for experiment in SHARDED)]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}

        def snakemake(*arguments: str) -> str:
            finished = subprocess.run(
                [*command, *arguments],
                cwd=folder,
                env=environment,
                capture_output=True,
                encoding="utf-8",
                check=False,
            )
            assert finished.returncode == 0, finished.stderr[-3000:]
            return finished.stdout

        listed = snakemake("--summary", "--", "tables")
        tables = sorted(set(re.findall(r"^results/smoke/tables/\w+\.csv", listed, re.MULTILINE)))
        assert len(tables) > len(check_config({}).chosen)
        if backwards:
            # The claims are judged from all others.
            tables.remove("results/smoke/tables/claims.csv")
            tables.reverse()
            for first in range(0, len(tables), 4):
                snakemake("--", *tables[first : first + 4])
            tables = ["results/smoke/tables/claims.csv"]
        snakemake("--", *tables)
        return folder / "results/smoke"


@pytest.fixture(scope="session")
def results(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Run the workflow three times at once; return the folders of the results by name.

    In the run ``otherwise`` everything that must not matter is different.
    """
    folder = tmp_path_factory.mktemp("repeat")
    run = Runs(root, folder).run
    with ThreadPoolExecutor() as pool:
        started = {
            "reference": pool.submit(run, "reference"),
            "otherwise": pool.submit(
                run, "otherwise", cores=1, shards=3, hash_seed="random", backwards=True
            ),
            "two threads": pool.submit(run, "two-threads", threads=2),
        }
        yield {name: future.result() for name, future in started.items()}
    shutil.rmtree(folder)
