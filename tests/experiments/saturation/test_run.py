"""Paths and walks: closed forms of homogeneous and of saturated functions."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from torch import nn

from experiments.saturation.figure import plot_saturation
from experiments.saturation.run import COLUMNS, measure
from experiments.saturation.summary import summarise
from tests.experiments.pixels import random_images

SETTINGS = {"n_points": 4, "walk": {"n_steps": 6, "step": 0.05}, "shown": [0.5, 1.0]}


def net(bias: bool) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Flatten(), nn.Linear(300, 40, bias=bias), nn.ReLU(), nn.Linear(40, 3, bias=bias)]
    return nn.Sequential(*layers)


class Saturated(nn.Module):
    """1 - relu(1 - s) of the mean square s: rises, and is constant from s = 1 on."""

    def forward(self, images):
        score = 1 - torch.relu(1 - 20 * images.square().mean((1, 2, 3)))
        return score[:, None].expand(-1, 3)

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))


def measured(model, chosen=(0, 2), seed=0):
    data = random_images(5, seed=1)
    rows, maps = measure(model, data, chosen, SETTINGS, seed, lambda items, _: items)
    return pd.DataFrame(rows, columns=list(COLUMNS)), maps


def test_an_x_net_has_one_gradient_along_the_path_and_a_straight_score():
    rows, maps = measured(net(bias=False))
    path = rows[rows["line"] == "path"]
    for _, own in path.groupby("image"):
        assert own["position"].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
        straight = own["position"] * own["score"].iloc[-1]
        assert own["score"].tolist() == pytest.approx(straight.tolist(), abs=1e-12)
        assert own["cosine"].iloc[1:].tolist() == pytest.approx([1.0] * 4, abs=1e-12)
        assert own["derivative"].iloc[1:].nunique() == 1
    torch.testing.assert_close(maps["gradient/0.5"], maps["gradient/1.0"])
    table = summarise(rows)
    assert table["bend_percent"][0] < 1e-10 and table["turn_path"][0] < 1e-12
    assert table["turn_walk"][0] > 1e-3 and table["n_images"][0] == 2


def test_a_net_with_biases_turns():
    table = summarise(measured(net(bias=True))[0])
    assert table["bend_percent"][0] > 0.1 and table["turn_path"][0] > 1e-3


def test_a_saturated_score_is_far_off_the_straight_line():
    rows, _ = measured(Saturated())
    path = rows[(rows["line"] == "path") & (rows["image"] == 0)]
    # It is constant from a quarter of the way on.
    assert path["score"].tolist() == pytest.approx([0, 1, 1, 1, 1])
    assert summarise(rows)["bend_percent"][0] == pytest.approx(75)
    # No gradient is left, so that there is no direction and nothing to compare.
    assert (path["derivative"] == 0).all()


def test_the_walk_starts_at_the_image_and_belongs_to_image_and_seed():
    rows, _ = measured(net(bias=False))
    walk = rows[rows["line"] == "walk"]
    assert walk.groupby("image")["position"].apply(list).tolist() == [list(range(7))] * 2
    first = walk[walk["position"] == 0]
    ends = rows[(rows["line"] == "path") & (rows["position"] == 1)]
    assert first["score"].tolist() == ends["score"].tolist()
    alone, _ = measured(net(bias=False), chosen=[2])
    same = walk[walk["image"] == 2].reset_index(drop=True)
    assert alone[alone["line"] == "walk"].reset_index(drop=True).equals(same)
    other, _ = measured(net(bias=False), chosen=[2], seed=1)
    assert not other[other["line"] == "walk"].reset_index(drop=True).equals(same)


def test_derivatives_are_finite_differences():
    model = net(bias=True)
    rows, _ = measured(model, chosen=[0])
    inputs, labels = random_images(5, seed=1).__getitems__([0])
    inputs, model = inputs.double(), model.double()
    inputs.requires_grad_()
    gradient = torch.autograd.grad(model(inputs)[0, labels[0]], inputs)[0]
    pixel = int((inputs * gradient).abs().argmax())
    step = torch.zeros(300, dtype=torch.float64)
    step[pixel] = 1e-7
    step = step.view_as(inputs)
    with torch.no_grad():
        slope = (model(inputs + step) - model(inputs - step))[0, labels[0]] / 2e-7
    at_image = rows[(rows["line"] == "path") & (rows["position"] == 1)]["derivative"]
    assert at_image.iloc[0] == pytest.approx(slope.item(), rel=1e-6)


def test_a_shard_without_images_has_no_rows():
    rows, maps = measured(net(bias=False), chosen=[])
    assert rows.empty and maps == {}


def test_the_figure_shows_curves_and_gradients():
    parts, maps = {}, {}
    for variant, bias in (("regular", True), ("x", False)):
        rows, drawn = measured(net(bias))
        parts[variant] = rows[rows["image"] == 0].assign(variant=variant)
        maps[variant] = {name: values.numpy() for name, values in drawn.items()}
    figure = plot_saturation(pd.concat(parts.values()), maps, "shirt", [0.5, 1.0])
    score, turn, pixel, *images = figure.axes
    assert [line.get_label() for line in score.lines] == ["regular", "X-DNN"]
    # The direction of no gradient is not drawn.
    assert [len(line.get_xdata()) for line in turn.lines] == [4, 4]
    assert [len(line.get_xdata()) for line in pixel.lines] == [7, 7]
    assert len(images) == 6 and images[0].get_ylabel() == "shirt"
    gradients = [image.images[0].get_array() for image in images[4:]]
    assert abs(gradients[0] - gradients[1]).max() < 1e-6
