"""Measurements of one net: against loops over single images, and in any number of shards."""

from __future__ import annotations

import io

import pandas as pd
import pytest
import torch
from torch import nn

from experiments.ig_convergence.run import by_changes
from experiments.named import import_named
from experiments.shards import shard_of
from experiments.tables import LABELS, label_rows, summarise_nets
from tests.experiments.pixels import network_images, random_images
from xgradient.attribution import (
    UnresolvedPathWarning,
    exact_integrated_gradients,
    input_x_gradient,
    integrated_gradients,
)

CPU = torch.device("cpu")
N_IMAGES = 23
SETTINGS = {
    "accuracy": {"n_images": None, "batch_size": 4},
    "contrast": {"n_images": 21, "batch_size": 4, "alphas": [1.0, 0.5, 1e-3]},
    "mean_relative_difference": {
        "n_images": {"float32": 11, "float64": 7, "tf32": 30},
        "mantissa_bits": [7, 10],
        "mantissa_images": 5,
        "batch_size": 4,
        "n_steps": 5,
        "method": "gausslegendre",
        "internal_batch_size": 7,
    },
    "ig_convergence": {
        "n_images": 6,
        "batch_size": 2,
        "internal_batch_size": 5,
        "methods": ["gausslegendre", "riemann_left", "riemann_trapezoid"],
        "n_steps": [1, 3],
        "reference_steps": 9,
        "exact_images": 3,
        "max_pieces": 2000,
        "precision": "float32",
    },
}


def make_net(bias: bool) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=bias),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(512, 6, bias=bias),
    )


@pytest.fixture(scope="module")
def data():
    return random_images(N_IMAGES, seed=1, n_classes=6)


def rows_of(experiment, net, data, n_shards=1):
    """Do what the script does for every shard, through its CSV files."""
    measurement = import_named(f"experiments.{experiment}.run:MEASUREMENT")
    settings, parts = SETTINGS[experiment], []
    for number in range(1, n_shards + 1):
        tasks = shard_of(measurement.tasks(settings, data), f"{number}-of-{n_shards}")
        rows = measurement.measure(net, data, tasks, settings, CPU, lambda items, _: items)
        table = pd.DataFrame(rows, columns=measurement.columns)
        text = label_rows(table, **dict.fromkeys(LABELS, "same")).to_csv(index=False)
        parts.append(pd.read_csv(io.StringIO(text)))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def table_of(experiment, net, data, n_shards=1):
    summarise = import_named(f"experiments.{experiment}.summary:summarise")
    return summarise_nets(rows_of(experiment, net, data, n_shards), summarise)


@pytest.mark.parametrize("experiment", SETTINGS)
def test_tables_are_the_same_bits_for_any_number_of_shards(experiment, data):
    one, *others = (
        table_of(experiment, make_net(True), data, n).to_csv(index=False) for n in (1, 2, 5, 40)
    )
    assert all(other == one for other in others)


def test_accuracy_is_that_of_every_image(data):
    net = make_net(True).eval()
    hits = {1: 0, 5: 0}
    for image, label in data:
        ranked = net(image[None])[0].argsort(descending=True).tolist()
        for k in hits:
            hits[k] += label in ranked[:k]
    row = table_of("accuracy", net.train(), data).iloc[0]
    assert row["top1"] == pytest.approx(100 * hits[1] / N_IMAGES)
    assert row["top5"] == pytest.approx(100 * hits[5] / N_IMAGES)
    assert row["n_images"] == N_IMAGES and 0 < hits[1] < hits[5] < N_IMAGES
    assert net.training  # Dropout was off, but is on again.


def test_contrast_is_the_accuracy_of_every_faded_image(data):
    net = make_net(True).eval()
    table = table_of("contrast", net, data).set_index("alpha")
    for alpha, row in table.iterrows():
        images = [data[index] for index in range(21)]
        hits = sum(int(net(alpha * image[None]).argmax() == label) for image, label in images)
        assert row["top1"] == pytest.approx(100 * hits / 21) and row["n_images"] == 21
    assert table["top1"].nunique() > 1


def test_contrast_changes_nothing_without_biases(data):
    assert table_of("contrast", make_net(False), data)["top1"].nunique() == 1


def test_mard_is_a_mean_over_batches_of_ratios_of_batch_means(data):
    net = make_net(True).eval()
    table = table_of("mean_relative_difference", net, data).set_index("dtype")
    assert table["n_images"].to_dict() == {
        "float32": 11,
        "float64": 7,
        "tf32": N_IMAGES,
        "7 bits": 5,
        "10 bits": 5,
    }
    double = make_net(True).double().eval()
    ratios = []
    for block in (range(4), range(4, 7)):
        inputs, labels = data.__getitems__(block)
        ig = integrated_gradients(double, inputs.double(), labels, n_steps=5)
        difference = (ig - input_x_gradient(double, inputs.double(), labels)).abs().mean()
        ratios.append(float(difference / (ig.abs().mean() + 1e-7)))
    expected = 100 * sum(ratios) / 2
    assert table.loc["float64", "mard_percent"] == pytest.approx(expected, rel=1e-9)
    assert next(net.parameters()).dtype == torch.float32  # The net is left as it was.


def test_mard_of_an_x_net_is_rounding(data):
    table = table_of("mean_relative_difference", make_net(False), data).set_index("dtype")
    assert table.loc["float64", "mard_percent"] < 1e-10
    assert table.loc["float64", "mard_percent"] < table.loc["float32", "mard_percent"] < 1e-3


def test_mard_by_bits_is_that_of_the_formats(data):
    """On all images of both formats the numbers of bits are bfloat16 and TF32."""
    settings = SETTINGS["mean_relative_difference"] | {
        "n_images": {"bfloat16": 5, "tf32": 5},
        "mantissa_images": 5,
    }
    measurement = import_named("experiments.mean_relative_difference.run:MEASUREMENT")
    tasks = measurement.tasks(settings, data)
    found = measurement.measure(make_net(False), data, tasks, settings, CPU, lambda v, text: v)
    rows = pd.DataFrame(found).groupby("dtype")[["mantissa_bits", "relative_difference"]].mean()
    for bits, name in ((7, "bfloat16"), (10, "tf32")):
        assert rows.loc[f"{bits} bits"].tolist() == rows.loc[name].tolist()
        assert rows.loc[name, "mantissa_bits"] == bits
    assert rows.loc["7 bits", "relative_difference"] > rows.loc["10 bits", "relative_difference"]


def test_convergence_is_relative_to_many_gauss_legendre_steps(data):
    net = make_net(True).eval()
    table = table_of("ig_convergence", net, data).set_index(["method", "n_steps"])
    table = table[table["reference"] == "steps"]
    assert ("riemann_trapezoid", 1) not in table.index and (table["n_images"] == 6).all()
    inputs, labels = data.__getitems__(range(6))
    reference = integrated_gradients(net, inputs, labels, n_steps=9)
    for (method, n_steps), row in table.iterrows():
        values = integrated_gradients(net, inputs, labels, n_steps=n_steps, method=method)
        difference = (values - reference).abs().mean().item()
        assert row["mean_abs_difference"] == pytest.approx(difference, rel=1e-3, abs=1e-9)
        relative = 100 * difference / reference.abs().mean().item()
        assert row["relative_difference_percent"] == pytest.approx(relative, rel=1e-3, abs=1e-6)


def test_convergence_is_also_relative_to_the_exact_integral(data):
    net = make_net(True).eval()
    table = table_of("ig_convergence", net, data)
    table = table[table["reference"] == "exact"].set_index(["method", "n_steps"])
    assert (table["n_images"] == 3).all()
    inputs, labels = data.__getitems__(range(3))
    net.double()
    exact, pieces = exact_integrated_gradients(net, inputs.double(), labels, return_pieces=True)
    assert set(table["reference_gradients"]) == {float(pieces.n_pieces.double().mean())}
    cases = {("gausslegendre", 9), ("riemann_left", 3), ("riemann_trapezoid", 3)}
    assert cases < set(table.index) and ("riemann_left", 9) not in table.index
    for method, n_steps in cases:
        values = integrated_gradients(net, inputs.double(), labels, n_steps=n_steps, method=method)
        difference = (values - exact).abs().mean().item()
        row = table.loc[(method, n_steps)]
        assert row["mean_abs_difference"] == pytest.approx(difference, rel=1e-3)
        relative = 100 * difference / exact.abs().mean().item()
        assert row["relative_difference_percent"] == pytest.approx(relative, rel=1e-3)
    # One cell is the midpoint rule with one step.
    middle = integrated_gradients(net, inputs.double(), labels, n_steps=1, method="riemann_middle")
    row = table.loc[("by_changes", 1)]
    difference = (middle - exact).abs().mean().item()
    assert row["mean_abs_difference"] == pytest.approx(difference, rel=1e-6)
    assert row["mean_abs_difference"] > table.loc[("by_changes", 3), "mean_abs_difference"]


def test_as_many_cells_as_pieces_are_exact(data):
    net = make_net(True).eval().double()
    inputs, labels = data.__getitems__([2])
    exact, pieces = exact_integrated_gradients(net, inputs.double(), labels, return_pieces=True)
    (ends,) = pieces.ends
    for factor in (1, 2):
        n_cells = factor * (len(ends) - 1)
        values = by_changes(net, inputs.double(), labels, ends, n_cells, 50)
        assert torch.allclose(values, exact, rtol=1e-9, atol=1e-12)


def test_an_exact_reference_beyond_the_budget_stops_the_job(data):
    measurement = import_named("experiments.ig_convergence.run:MEASUREMENT")
    settings = SETTINGS["ig_convergence"] | {"max_pieces": 5}
    tasks = measurement.tasks(settings, data)
    rows = measurement.measure(
        make_net(True).eval(), data, tasks, settings, torch.device("cpu"), lambda v, text: v
    )
    with (
        pytest.warns(UnresolvedPathWarning),
        pytest.raises(ValueError, match=r"image 0 has more than ig_convergence.max_pieces = 5"),
    ):
        list(rows)


def test_images_sorted_by_class_are_chosen_evenly():
    labels = torch.arange(4).repeat_interleave(5)
    images = torch.zeros(20, 3, 2, 2, dtype=torch.uint8)
    mixed, by_class = (
        network_images(images, labels),
        network_images(images, labels, sorted_by_class=True),
    )
    assert list(mixed.choose(4)) == [0, 1, 2, 3]
    assert list(by_class.choose(4)) == [0, 5, 10, 15]
    for data in (mixed, by_class):
        assert list(data.choose(None)) == list(data.choose(20)) == list(data.choose(99))
        assert len(data.choose(99)) == 20
