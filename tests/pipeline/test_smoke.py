"""The results of the smoke run: run after  snakemake --cores all --configfile config/smoke.yaml."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
import torch
import yaml
from safetensors import safe_open

from experiments.networks.checkpoints import load_model, read_header
from xgradient.homogeneous import check_homogeneous

COLUMNS = {
    "accuracy": ["dataset", "arch", "variant", "top1", "top5", "n_images"],
    "mean_relative_difference": [
        "dataset",
        "arch",
        "variant",
        "dtype",
        "mard_percent",
        "n_images",
    ],
    "ig_convergence": [
        "dataset",
        "arch",
        "variant",
        "method",
        "n_steps",
        "mean_abs_difference",
        "relative_difference_percent",
    ],
    "contrast": ["dataset", "arch", "variant", "alpha", "top1", "n_images"],
}
NOTEBOOKS = ["accuracy", "mean_relative_difference", "ig_convergence"]


@pytest.fixture(scope="module")
def results(root):
    path = root / "results" / "smoke"
    if not (path / "report.html").is_file():
        pytest.fail("no smoke run: snakemake --cores all --configfile config/smoke.yaml")
    return path


@pytest.fixture(scope="module")
def config(results):
    return yaml.safe_load((results / "config.yaml").read_text())


def table(results, name):
    return pd.read_csv(results / "tables" / f"{name}.csv")


@pytest.mark.parametrize("name", COLUMNS)
def test_tables_have_the_documented_columns_and_no_gaps(results, name):
    frame = table(results, name)
    assert list(frame.columns) == COLUMNS[name]
    assert not frame.empty and not frame.isna().any().any()


def test_every_net_is_in_every_table(results, config):
    architectures = set(config["networks"]["architectures"])
    for name, variants in {
        "accuracy": {"regular", "stripped", "x"},
        "mean_relative_difference": set(config["mean_relative_difference"]["variants"]),
        "ig_convergence": set(config["ig_convergence"]["variants"]),
        "contrast": set(config["contrast"]["variants"]),
    }.items():
        frame = table(results, name)
        expected = {(arch, variant) for arch in architectures for variant in variants}
        assert set(zip(frame["arch"], frame["variant"], strict=True)) == expected


def test_x_nets_are_homogeneous_and_regular_ones_have_biases(results, config):
    inputs = torch.randn(2, 1, 28, 28)
    for arch in config["networks"]["architectures"]:
        folder = results / config["dataset"]
        for variant in ("stripped", "x"):
            check_homogeneous(load_model(folder / f"{arch}-{variant}/model.safetensors"), inputs)
        with pytest.raises(ValueError, match="bias"):
            check_homogeneous(load_model(folder / f"{arch}-regular/model.safetensors"), inputs)


def test_the_difference_between_ig_and_x_gradient_is_rounding(results):
    """The claim of the paper that no training has to be good for."""
    frame = table(results, "mean_relative_difference")
    x = frame[frame["variant"] == "x"].groupby("dtype")["mard_percent"].max()
    regular = frame[frame["variant"] == "regular"]["mard_percent"].min()
    assert x["float64"] < 1e-9
    assert x["float64"] < x["float32"] < x["tf32"] < x["bfloat16"]
    assert x["float32"] < 1.0 < regular


def test_accuracy_of_x_nets_does_not_depend_on_contrast(results):
    frame = table(results, "contrast")
    assert (frame[frame["variant"] == "x"].groupby("arch")["top1"].nunique() == 1).all()


def test_a_node_at_zero_costs_x_nets_its_weight(results):
    """The trapezoid rule loses half a step: 1/(2(n-1)) of the attribution."""
    frame = table(results, "ig_convergence")
    rows = frame[(frame["variant"] == "x") & (frame["method"] == "riemann_trapezoid")]
    assert len(rows) >= 4
    for row in rows.itertuples():
        expected = 100 / (2 * (row.n_steps - 1))
        assert math.isclose(row.relative_difference_percent, expected, rel_tol=1e-3)


def test_tables_and_figures_come_in_every_format(results):
    for name in NOTEBOOKS:
        for suffix in ("csv", "md", "tex", "html", "ipynb"):
            assert (results / "tables" / f"{name}.{suffix}").stat().st_size > 100
    for name in ("ig_convergence", "contrast", "attribution_maps"):
        assert (results / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (results / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_notebooks_were_executed_with_their_parameters(results):
    for name in NOTEBOOKS:
        notebook = nbformat.read(results / "tables" / f"{name}.ipynb", as_version=4)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in cells)
        assert notebook.metadata.papermill.parameters["csv"].endswith(f"tables/{name}.csv")
        assert not [
            output for cell in cells for output in cell.outputs if output.output_type == "error"
        ]


def test_the_report_holds_tables_figures_and_captions(results):
    report = (results / "report.html").read_text()
    for text in ("Tables", "Figures", "Training", "attribution_maps.png", "X-DNN"):
        assert text in report


def test_results_say_what_made_them(results, config):
    folder = results / config["dataset"]
    header = read_header(folder / "alexnet-x" / "model.safetensors")
    assert header["provenance"]["seed"] != 0
    assert header["provenance"]["parameters"]["settings"]["epochs"] == 1
    facts = json.loads((folder / "alexnet-x" / "accuracy.json").read_text())
    assert facts["inputs"].keys() == {"model.safetensors", "test.safetensors"}
    with safe_open(str(folder / "test.safetensors"), framework="pt") as file:
        split = json.loads(file.metadata()["facts"])
    assert len(split["class_names"]) == 10 and len(split["digests"]) == 2


def test_logs_and_benchmarks_are_under_the_results(results):
    assert (results / "logs" / "train" / "alexnet-x.log").read_text().count("validation top-1") == 1
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
