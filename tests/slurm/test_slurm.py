"""The workflow on a real Slurm: shards, a cancelled job, retries, interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.result_tables import assert_same


def printed(folder):
    return (folder / "snakemake.out").read_text()


def finish(process, folder, seconds):
    """Wait for Snakemake and return its exit status and what it printed."""
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        pytest.fail(f"not done after {seconds} s:\n{printed(folder)[-3000:]}")
    return status, printed(folder)


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds} s")
        time.sleep(0.3)
    return found


def running(cluster, rule):
    """Return the numbers of the running Slurm jobs whose comment begins with a rule."""
    listed = cluster.command("squeue", "--noheader", "--states=running", "--format=%i|%k")
    rows = [line.strip().split("|", 1) for line in listed.splitlines()]
    return [number for number, comment in rows if comment.startswith(f"rule_{rule}")]


def smoke(root):
    return [
        *("--snakefile", str(root / "Snakefile")),
        *("--configfile", str(root / "config/smoke.yaml")),
        *("--config", f"data={root / 'data'}"),
        *("--set-scatter", "masking=3", "attribution_prior=1"),
    ]


@pytest.fixture(scope="session")
def local_tables(root):
    """Return the tables of a run without Slurm, with the shards of the configuration."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile"]
    finished = subprocess.run(
        [*command, "config/smoke.yaml"], cwd=root, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return root / "results/smoke/tables"


@pytest.fixture(scope="session")
def limits(snakemake, tmp_path_factory):
    """Start the jobs of jobs.smk, which wait for a time limit while other tests run."""
    folder = tmp_path_factory.mktemp("limits")
    snakefile = str(Path(__file__).parent / "jobs.smk")
    process = snakemake.start(folder, "--snakefile", snakefile, "--retries", "1")
    yield process, folder
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def slurm_run(limits, local_tables, snakemake, cluster, root, tmp_path_factory):
    """Run the workflow and cancel a training; return the folder and the number of that job."""
    folder = tmp_path_factory.mktemp("smoke")
    process = snakemake.start(folder, *smoke(root))
    try:
        trainings = wait_for(
            lambda: running(cluster, "train_wildcards_fashion_mnist_alexnet"), 300, "a training"
        )
        cluster.command("scancel", trainings[0])
        status, output = finish(process, folder, 1500)
    finally:
        process.kill()
        process.wait()
    assert status == 0, output[-3000:]
    return folder, trainings[0]


def test_a_cancelled_job_is_started_again(slurm_run):
    folder, number = slurm_run
    output = printed(folder)
    assert f"SLURM-job '{number}' failed, SLURM status is: 'CANCELLED'" in output
    assert output.count("Trying to restart job") == 1
    assert (folder / "results/smoke/report.html").is_file()


def test_the_tables_are_those_of_a_local_run_with_other_shards(slurm_run, local_tables, root):
    folder, _ = slurm_run
    assert_same(folder / "results/smoke/tables", local_tables, root)


def test_the_shards_are_those_that_were_asked_for(slurm_run):
    folder, _ = slurm_run
    logs = folder / "results/smoke/logs"
    shards = {
        path.stem.rpartition("regular-")[2] for path in logs.glob("attribute_masking/*/*regular*")
    }
    assert shards == {"1-of-3", "2-of-3", "3-of-3"}


def test_jobs_of_seconds_share_a_slurm_job(slurm_run):
    """A group is submitted as one job: rules of one experiment after its measurements."""
    folder, _ = slurm_run
    submitted = printed(folder).count("has been submitted with SLURM jobid")
    finished = printed(folder).count("Finished jobid:")
    assert 20 < submitted < finished - 10


def test_a_dry_run_submits_nothing(snakemake, cluster, root, tmp_path):
    before = cluster.command("squeue", "--states=all", "--noheader", "--format=%i")
    process = snakemake.start(tmp_path, *smoke(root), "--dry-run")
    status, output = finish(process, tmp_path, 120)
    assert status == 0, output[-3000:]
    assert "evaluate_masking" in output and "3-of-3" in output
    assert cluster.command("squeue", "--states=all", "--noheader", "--format=%i") == before


def test_an_interruption_cancels_the_jobs_and_the_next_run_goes_on(snakemake, cluster, tmp_path):
    snakefile = str(Path(__file__).parent / "jobs.smk")
    arguments = ("--snakefile", snakefile, "--", "interrupted")
    process = snakemake.start(tmp_path, *arguments)
    (number,) = wait_for(lambda: running(cluster, "interrupted"), 120, "a job")
    os.kill(process.pid, signal.SIGINT)
    status, _ = finish(process, tmp_path, 120)
    assert status != 0
    wait_for(lambda: not running(cluster, "interrupted"), 60, f"the end of job {number}")
    (tmp_path / "again").touch()
    status, output = finish(snakemake.start(tmp_path, *arguments), tmp_path, 120)
    assert status == 0, output
    assert (tmp_path / "interrupted").is_file()


@pytest.mark.parametrize("options", [(), ("--set-resources", "gpu:gpu=0", "gpu:gres=gpu:1")])
def test_a_gpu_is_asked_for_by_number_or_as_a_generic_resource(snakemake, tmp_path, options):
    snakefile = str(Path(__file__).parent / "jobs.smk")
    process = snakemake.start(tmp_path, "--snakefile", snakefile, *options, "--", "gpu")
    status, output = finish(process, tmp_path, 120)
    assert status == 0, output
    described = (tmp_path / "gpu").read_text()
    assert ("TresPerJob=gres:gpu:1" if not options else "TresPerNode=gres:gpu:1") in described


def test_more_time_and_memory_are_asked_for_after_a_failure(limits):
    process, folder = limits
    status, output = finish(process, folder, 600)
    assert status != 0, "the broken job"
    assert "SLURM status is: 'TIMEOUT'" in output
    assert (folder / "slow").read_text() == "2\n"
    assert (folder / "hungry").read_text() == "1600\n"


def test_a_failure_says_where_to_look(limits):
    process, folder = limits
    _, output = finish(process, folder, 600)
    assert "logs/broken.log" in output
    assert (folder / "logs/broken.log").read_text() == "it is broken\n"
    logs = [path for path in folder.rglob("*.log") if str(path) in output and "broken" in str(path)]
    assert any("said to Slurm" in path.read_text() for path in logs), output[-3000:]
