"""Results are written completely or not at all, and whatever the locale in UTF-8."""

from __future__ import annotations

import ast
import errno
import json
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager

import matplotlib.figure
import nbformat
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from experiments.data.index import write_index
from experiments.figures import save_figure
from experiments.files import save_tensors
from experiments.job import write_facts
from experiments.networks.checkpoints import save_model
from experiments.tables import export_table
from experiments.writing import (
    WriteError,
    check_room,
    disk_problem,
    replacing,
    write_csv,
    write_tensors,
    write_text,
)

N = 20_000


def draw(folder):
    figure = matplotlib.figure.Figure(figsize=(4, 4))
    figure.subplots().scatter(range(300), range(300), c=range(300))
    save_figure(figure, folder / "result.pdf", folder / "result.png")


def export(folder):
    frame = pd.DataFrame({"a": ["x" * N] * 2})
    export_table(frame, str(folder / "result.md"), str(folder / "result.tex"), "A table.")


# Every one writes more than the limit below into files named result.
WRITERS = {
    "text": lambda folder: write_text(folder / "result.txt", "\N{GREEK SMALL LETTER ALPHA}" * N),
    "csv": lambda folder: write_csv(folder / "result.csv", pd.DataFrame({"a": range(N)})),
    "tensors": lambda folder: write_tensors(
        folder / "result.safetensors", {"a": torch.zeros(N)}, {"facts": "{}"}
    ),
    "tensors with facts": lambda folder: save_tensors(
        folder / "result.safetensors", {"a": torch.zeros(N)}, {"seed": 1}
    ),
    "net": lambda folder: save_model(
        torch.nn.Linear(N, 1), folder / "result.safetensors", "torch.nn:Linear", {}
    ),
    "facts": lambda folder: write_facts(folder / "result.json", {"a": "x" * N}),
    "index": lambda folder: write_index(
        folder / "result.csv", [(f"{n}.png", n) for n in range(N)], "images", {"class_names": []}
    ),
    "figure": draw,
    "tables for readers": export,
}


@contextmanager
def disk_of(n_bytes):
    """Let the system refuse to make files larger than this, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_what_was_there(tmp_path, name):
    folder = tmp_path / "folder"
    folder.mkdir()
    WRITERS[name](folder)
    written = {path: path.read_bytes() for path in folder.iterdir()}
    assert written and all(path.stem == "result" for path in written)
    for path in written:
        path.write_bytes(b"earlier")
    with disk_of(5000), pytest.raises(WriteError, match="result") as caught:
        WRITERS[name](folder)
    said = str(caught.value)
    assert "\n" not in said and "File too large" in said and "run again" in said
    assert {path: path.read_bytes() for path in folder.iterdir()} == dict.fromkeys(
        written, b"earlier"
    )


def test_what_is_written_can_be_read(tmp_path):
    write_tensors(tmp_path / "a.safetensors", {"a": torch.arange(3)})
    assert load_file(tmp_path / "a.safetensors")["a"].tolist() == [0, 1, 2]
    write_csv(tmp_path / "a.csv", pd.DataFrame({"\u03b1": [0.1]}), float_format="%.3f")
    assert (tmp_path / "a.csv").read_bytes() == "\u03b1\n0.100\n".encode()


def test_a_killed_process_leaves_what_was_there(tmp_path):
    path = tmp_path / "result.txt"
    write_text(path, "earlier")
    program = (
        "import os, signal, sys\n"
        "from experiments.writing import replacing\n"
        "with replacing(sys.argv[1]) as partial:\n"
        "    partial.write_text('half', encoding='utf-8')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_text(encoding="utf-8") == "earlier"
    # The next one takes the place of what is left.
    write_text(path, "later")
    assert [each.name for each in tmp_path.iterdir()] == ["result.txt"]
    assert path.read_text(encoding="utf-8") == "later"


def test_another_error_is_passed_on(tmp_path):
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "result.txt") as partial:
        partial.touch()
        1 / 0  # noqa: B018
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_no_matter_of_the_disk():
    assert disk_problem(FileNotFoundError(errno.ENOENT, "No such file", "a")) is None
    assert disk_problem(ValueError("no (os error 28)")) is not None
    assert disk_problem(None) is None


def test_a_folder_without_room_or_right_is_refused(tmp_path):
    check_room(tmp_path / "not" / "yet", "results")
    assert not list(tmp_path.iterdir())
    with pytest.raises(WriteError, match=r"^results: /sys cannot be written"):
        check_room("/sys/results", "results")
    with disk_of(5000), pytest.raises(WriteError, match=r"^results: .*File too large"):
        check_room(tmp_path, "results")


# Downloads and safety copies, whose partial files have names of their own; what a user asks for by
# hand; temporary files.
OTHERWISE = (
    *("experiments/writing.py", "experiments/data/", "experiments/networks/resumption.py"),
    *("experiments/config_file.py", "experiments/record.py", "experiments/notebooks.py"),
)
WRITING = {"to_csv", "savefig", "save_file", "write_text", "write_bytes"}


def sources(root):
    """Yield name and code of what runs in jobs, notebooks included."""
    for folder in ("experiments", "workflow/scripts"):
        for path in (root / folder).rglob("*.py"):
            yield str(path.relative_to(root)), path.read_text(encoding="utf-8")
    for path in (root / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        code = [cell.source for cell in cells if cell.cell_type == "code"]
        yield str(path.relative_to(root)), "\n".join(code)


def methods_called(code):
    """Yield name of the method and node of every call of one."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node


def test_results_are_written_through_one_module(root):
    """Files have no other writers, so that those above are all there are."""
    for name, code in sources(root):
        # Figures are drawn into memory.
        allowed = {"savefig"} if name == "experiments/figures.py" else set()
        if not name.startswith(OTHERWISE):
            for called, node in methods_called(code):
                assert called not in WRITING - allowed, (
                    f"{name}, line {node.lineno}: {called}() writes at once; "
                    "experiments/writing.py writes completely or not at all"
                )


def test_every_text_has_an_encoding(root):
    """In the locale of another machine it would be another text, or an error.

    The linter only finds calls on what it recognises as a path.
    """
    checked = 0
    for name, code in sources(root):
        for called, node in methods_called(code):
            if called in ("read_text", "write_text", "FileHandler"):
                checked += 1
                keywords = {each.arg for each in node.keywords}
                assert "encoding" in keywords, f"{name}, line {node.lineno}: {called}()"
    assert checked > 10


def test_json_is_written_whole(tmp_path):
    write_facts(tmp_path / "a.json", {"\u03b1": "\u2013"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"\u03b1": "\u2013"}
