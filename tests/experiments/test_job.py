"""The surroundings of a job: seeds, log, device, facts."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import experiments.job as job_module
from experiments.job import Job, write_facts
from experiments.seeds import job_seed
from tests.experiments.helpers import Named


@pytest.fixture(autouse=True)
def _threads_restored():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def snakemake(tmp_path, **params):
    return SimpleNamespace(
        rule="measure",
        wildcards=Named(arch="alexnet"),
        params=Named(params),
        log=[str(tmp_path / "logs" / "measure.log")],
        threads=1,
    )


def test_seeds_differ_by_name_and_do_not_depend_on_the_process():
    seeds = {job_seed(0, "train", arch) for arch in ("a", "b", "c")} | {job_seed(1, "train", "a")}
    assert len(seeds) == 4
    # Names are kept apart: ("ab", "c") is not ("a", "bc").
    assert job_seed(0, "ab", "c") != job_seed(0, "a", "bc")
    code = "from experiments.seeds import job_seed; print(job_seed(0, 'train', 'a'))"
    elsewhere = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert int(elsewhere.stdout) == job_seed(0, "train", "a")
    assert 0 <= job_seed(0) < 2**31


def test_all_generators_are_seeded(tmp_path):
    def draws():
        with Job(snakemake(tmp_path, seed=5)):
            return random.random(), np.random.rand(), torch.rand(1).item()

    first = draws()
    random.random(), np.random.rand(), torch.rand(1)
    assert draws() == first


def test_tf32_is_off(tmp_path):
    torch.backends.cuda.matmul.allow_tf32 = True
    with Job(snakemake(tmp_path, device="cpu")):
        assert not torch.backends.cuda.matmul.allow_tf32
        assert not torch.backends.cudnn.allow_tf32


def test_a_job_that_computes_nothing_does_without_torch(root):
    """Figures and tables: importing torch would take longer than they do."""
    imports = "import experiments.job, experiments.masking.figure"
    code = f"import sys; {imports}; print('torch' in sys.modules)"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert finished.stdout.strip() == "False"


JOB_OF_A_SCRIPT = """
import gc
from types import SimpleNamespace
snakemake = SimpleNamespace(rule="measure", wildcards=[], params={}, log=[], threads=1)
import experiments
paused = not gc.isenabled()
from experiments.job import Job
with Job(NAME):
    print(paused, gc.isenabled(), gc.get_freeze_count() > 0)
"""


@pytest.mark.parametrize(("name", "expected"), [("snakemake", True), ("another", False)])
def test_only_in_a_script_imports_are_not_searched_for_garbage(root, name, expected):
    code = JOB_OF_A_SCRIPT.replace("snakemake =", f"{name} =").replace("NAME", name)
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert finished.stdout.split() == [str(expected), "True", str(expected)]


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_type_of_a_precision(precision):
    assert torch.zeros(1, dtype=Job.dtype(precision)).dtype == getattr(torch, precision)


def test_the_traceback_is_in_the_log(tmp_path):
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(ZeroDivisionError), Job(snakemake(tmp_path)) as job:
        job.log.info("before the end")
        _ = 1 / 0
    log = (tmp_path / "logs" / "measure.log").read_text()
    assert "before the end" in log
    assert "measure alexnet failed" in log
    assert "ZeroDivisionError: division by zero" in log
    assert "_ = 1 / 0" in log
    assert logging.getLogger().handlers == handlers


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU to run on")
def test_a_missing_gpu_is_one_clear_error(tmp_path):
    with (
        pytest.raises(RuntimeError, match="device is 'cuda', but torch finds no GPU"),
        Job(snakemake(tmp_path, device="cuda")),
    ):
        pass
    assert "finds no GPU" in (tmp_path / "logs" / "measure.log").read_text()


def test_facts_say_what_made_a_result(tmp_path):
    data = tmp_path / "input.bin"
    data.write_bytes(b"data")
    with Job(snakemake(tmp_path, seed=5, device="cpu", settings={"n_steps": 3})) as job:
        facts = job.facts([data], best_epoch=2)
    assert facts["inputs"] == {"input.bin": hashlib.sha256(b"data").hexdigest()}
    assert facts["parameters"] == {"settings": {"n_steps": 3}}
    assert facts["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    assert (facts["seed"], facts["device"], facts["best_epoch"]) == (5, "cpu", 2)
    assert facts["processor"]
    path = tmp_path / "facts.json"
    write_facts(path, facts)
    assert json.loads(path.read_text()) == facts


def test_a_full_disk_is_one_line_without_a_traceback(tmp_path, capfd):
    path = tmp_path / "toys.csv"
    with pytest.raises(SystemExit) as ended, Job(snakemake(tmp_path)):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    assert ended.value.code == 1
    terminal = capfd.readouterr().err
    for said in (terminal, (tmp_path / "logs" / "measure.log").read_text(encoding="utf-8")):
        assert "Traceback" not in said
        (line,) = [line for line in said.splitlines() if "ERROR" in line]
        assert f"{path} cannot be written (No space left on device): make room and run" in line


def test_a_log_that_cannot_be_written_does_not_stop_a_job(tmp_path, capfd):
    full = snakemake(tmp_path)
    full.log = ["/dev/full"]
    with Job(full) as job:
        job.log.info("first")
        job.log.info("second")
    said = capfd.readouterr().err
    assert said.count("/dev/full cannot be written (") == 1
    assert "first" in said and "second" in said and "Traceback" not in said
    # Below a file there are no folders.
    (tmp_path / "file").touch()
    full.log = [str(tmp_path / "file" / "measure.log")]
    with Job(full) as job:
        job.log.info("third")
    said = capfd.readouterr().err
    assert "no log in" in said and "third" in said


def test_a_path_that_is_no_utf8_is_recorded(tmp_path, monkeypatch):
    """The output of git is bytes."""
    answer = subprocess.CompletedProcess([], 0, stdout=b"/\xe9t\xe9\n")
    monkeypatch.setattr(job_module.subprocess, "run", lambda *_, **__: answer)
    assert os.fsencode(job_module._git(tmp_path, "rev-parse")) == b"/\xe9t\xe9"


def test_provenance_needs_no_git(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with Job(snakemake(tmp_path)) as job:
        assert job.facts()["commit"] == ""


def test_the_commit_of_a_repository_around_the_project_is_not_recorded(tmp_path):
    """Unpacked from an archive within another repository, the project has no commit."""
    project = tmp_path / "vendor" / "project"
    shutil.copytree(Path(job_module.__file__).parent, project / "experiments")
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-C", str(tmp_path)]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "outer"]):
        subprocess.run([*git, *command], check=True)
    code = "from experiments import job; print(repr(job.checkout_commit()))"
    environment = {**os.environ, "PYTHONPATH": str(project)}
    run = [sys.executable, "-c", code]
    said = subprocess.run(run, env=environment, cwd=project, capture_output=True, text=True)
    assert said.stdout.strip() == "''", said.stderr
    # And it has one when the repository is its own.
    shutil.move(tmp_path / ".git", project / ".git")
    own = subprocess.run(run, env=environment, cwd=project, capture_output=True, text=True)
    assert re.fullmatch(r"'[0-9a-f]{12}-dirty'", own.stdout.strip()), own.stderr


def test_threads_are_those_of_the_configuration_also_with_fewer_cores(tmp_path):
    job = snakemake(tmp_path, devices=2)
    job.config = {"threads": 3}
    with Job(job):
        assert torch.get_num_threads() == 6
    job.threads = 8
    with Job(job):
        assert torch.get_num_threads() == 8
