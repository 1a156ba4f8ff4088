"""A disk that is full or may not be written to, and a machine without a network."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess

import pytest

from tests.workflow.runs import command

TOYS = ("--config", "experiments=[toys]")


def run(command, folder, **options):
    """Run a command in a folder; return its status and what it printed."""
    finished = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        **options,
    )
    return finished.returncode, finished.stdout


def unshared(*options):
    """Return a command that gives another one a system of its own, where that is permitted."""
    begin = ["unshare", "--map-root-user", *options]
    if shutil.which("unshare") is None:
        pytest.skip("there is no program unshare")
    tried = subprocess.run([*begin, "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"unshare is not permitted: {tried.stderr.decode(errors='replace')}")
    return begin


def one_line(output, *parts):
    """Return the line that says what is wrong; there is one, and no traceback."""
    assert "Traceback" not in output, output[-4000:]
    found = [line for line in output.splitlines() if all(part in line for part in parts)]
    assert len(found) == 1, output[-4000:]
    return found[0]


def test_results_that_may_not_be_written_are_refused_before_any_job(root, tmp_path):
    # Nobody can make files there, root included.
    arguments = ("--config", "experiments=[toys]", "results=/sys/results", "--", "toys")
    status, output = run(command(root, *arguments), tmp_path)
    assert status != 0
    one_line(output, "results: /sys cannot be written (", "name a folder")
    assert "Execute" not in output
    # A plan needs no room.
    status, output = run(command(root, "--dry-run", *arguments), tmp_path)
    assert status == 0, output[-4000:]


def test_a_disk_that_fills_up_keeps_what_was_there(root, tmp_path):
    """The limit on the size of files acts like a full disk, and needs no rights."""
    earlier = tmp_path / "results/tables/earlier.csv"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("kept", encoding="utf-8")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))

    status, output = run(command(root, *TOYS, "--", "toys"), tmp_path, preexec_fn=limit)
    assert status != 0
    one_line(output, "ERROR", "results/tables/toys.csv cannot be written (File too large)")
    files = [path for path in earlier.parent.iterdir()]
    assert files == [earlier] and earlier.read_text(encoding="utf-8") == "kept"
    log = (tmp_path / "results/logs/measure_toys.log").read_text(encoding="utf-8")
    assert "toys.csv cannot be written" in log and "Traceback" not in log


def test_a_temporary_folder_without_room_is_refused_before_any_job(root, tmp_path):
    begin = unshared("--mount")
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(small)]
    if subprocess.run([*begin, *mount], capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system in memory is not permitted")
    script = 'mount -t tmpfs -o size=32k tmpfs "$TMPDIR" && exec "$@"'
    status, output = run(
        [*begin, "sh", "-c", script, "sh", *command(root, *TOYS, "--", "toys")],
        tmp_path,
        env={**os.environ, "TMPDIR": str(small)},
    )
    assert status != 0
    one_line(output, f"(TMPDIR): {small} cannot be written (No space left on device): make room")
    assert not (tmp_path / "results/tables").exists()


def test_without_a_network_only_what_is_missing_fails(root, tmp_path):
    """The table of mortality is in a package that is installed; the digits are nowhere."""
    targets = ("results/attribution_prior/table.csv", "results/mnist/fetched.json")
    start = command(root, "--keep-going", "--config", f"data={tmp_path / 'data'}", "--", *targets)
    # Not from a mirror, and not from a package archive that is a file.
    environment = {**os.environ, "XGRADIENT_MIRROR": ""}
    status, output = run([*unshared("--net"), *start], tmp_path, env=environment)
    assert status != 0
    assert (tmp_path / targets[0]).is_file(), output[-4000:]
    assert not (tmp_path / targets[1]).exists()
    assert "mnist: no source delivered every file" in output
    assert "Put these files there by hand" in output
