"""Tests of all results of the smoke run: formats, notebooks, nets, logs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import torch

from experiments.networks.checkpoints import load_model, read_header
from tests.pipeline.helpers import folder_of, nets_of, of_run
from xgradient.homogeneous import check_homogeneous

NOTEBOOKS = [path.stem for path in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb")]
CAPTIONS = Path(__file__).parents[2] / "workflow/report"


def test_x_nets_are_homogeneous_and_regular_ones_have_biases(results, run_config):
    for network, variant in nets_of(run_config, "accuracy"):
        path = folder_of(results, run_config, network, variant) / "model.safetensors"
        photographs = network == "squeezenet1_1"
        inputs = torch.randn(2, 3, 227, 227) if photographs else torch.randn(2, 1, 28, 28)
        if variant == "regular":
            with pytest.raises(ValueError, match="bias"):
                check_homogeneous(load_model(path), inputs)
        else:
            check_homogeneous(load_model(path), inputs)


@pytest.fixture
def notebook_name(run_config, request):
    if not of_run(request.param, run_config):
        pytest.skip("no part of the smoke run: it runs on request alone")
    return request.param


@pytest.mark.parametrize("notebook_name", NOTEBOOKS, indirect=True)
def test_tables_come_in_every_format(results, notebook_name):
    name = notebook_name
    for suffix in ("csv", "md", "tex", "html", "ipynb"):
        assert (results / "tables" / f"{name}.{suffix}").stat().st_size > 100


def test_every_figure_has_a_caption_and_comes_in_both_formats(results, run_config):
    names = {path.stem for path in (results / "figures").iterdir()}
    captions = {path.stem.removesuffix("_figure") for path in CAPTIONS.glob("*_figure.rst")}
    captions = {name for name in captions if of_run(name, run_config)}
    # Of some there is one for each network.
    networks = [f"_{network}" for network in run_config["networks"]["use"]]
    suffix = re.compile(f"({'|'.join(networks)})$")
    assert {name if name in captions else suffix.sub("", name) for name in names} == captions
    for name in names:
        assert (results / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (results / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("notebook_name", NOTEBOOKS, indirect=True)
def test_notebooks_were_executed_with_their_parameters(results, notebook_name):
    name = notebook_name
    notebook = nbformat.read(results / "tables" / f"{name}.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    assert notebook.metadata.papermill.parameters["table"].endswith(f"tables/{name}.csv")
    # Neither an error nor a warning, which would be on the reader's page.
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert kinds <= {"display_data", "execute_result"}


def test_results_say_what_made_them(results, run_config):
    folder = results / "fashion_mnist"
    header = read_header(folder / "alexnet-x" / "model.safetensors")
    assert header["builder"] == "xgradient.models.alexnet:AlexNet"
    assert header["provenance"]["seed"] != 0
    assert header["provenance"]["parameters"]["settings"]["epochs"] == 1
    split = json.loads((folder / "native/test/index.json").read_text())["facts"]
    assert len(split["class_names"]) == 10 and len(split["digests"]) == 2
    photographs = read_header(results / "imagenet_samples/squeezenet1_1-x/model.safetensors")
    assert photographs["outputs"] == "imagenet" and photographs["preprocessing"].order == "BGR"


def test_logs_and_benchmarks_are_under_the_results(results):
    assert (results / "logs/train/fashion_mnist/alexnet-x.log").read_text().count(
        "validation top1"
    ) == 1
    assert list((results / "benchmarks").rglob("*.tsv"))


def test_a_second_run_has_nothing_to_do(root):
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "snakemake",
            "--cores",
            "1",
            "--configfile",
            "config/smoke.yaml",
            "-n",
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Nothing to be done" in finished.stdout + finished.stderr, finished.stdout[-3000:]
