"""Effects of deleted cells and their rank correlation, against a literal version and SciPy."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from tests.oracles.masking_nets import Recorder, images, small_net
from xgradient.attribution import x_gradient
from xgradient.homogeneous import remove_biases
from xgradient.masking import channel_mean, deletion_effects, single_deletion_score


def literal_cells(height, width, grid):
    """Yield the pixels of every cell as slices."""
    for row in range(grid):
        for column in range(grid):
            top, left = int(row * height / grid), int(column * width / grid)
            bottom, right = int((row + 1) * height / grid), int((column + 1) * width / grid)
            yield slice(top, bottom), slice(left, right)


@pytest.mark.parametrize("grid", [1, 4, 5])
@pytest.mark.parametrize("replacement", [None, torch.tensor(0.75, dtype=torch.float64)])
def test_effects_agree_with_the_definition(grid, replacement):
    net = small_net(torch.float64)
    inputs, target, _ = images(3, dtype=torch.float64)
    effects = deletion_effects(net, inputs, target, grid, replacement, batch_size=7)
    net.eval()
    for image, label, found in zip(inputs, target, effects, strict=True):
        for cell, (rows, columns) in enumerate(literal_cells(*image.shape[1:], grid)):
            without = image.clone()
            without[:, rows, columns] = 0.0 if replacement is None else replacement
            expected = (net(image[None]) - net(without[None]))[0, label]
            torch.testing.assert_close(found[cell], expected, atol=1e-12, rtol=0)


def test_a_cell_that_is_the_replacement_has_no_effect():
    net = small_net(torch.float64)
    inputs, target, _ = images(2, dtype=torch.float64)
    inputs[0, :, :3, :3] = 0
    effects = deletion_effects(net, inputs, target)
    assert effects[0, 0].abs() < 1e-12 and effects[1, 0].abs() > 1e-9


@pytest.mark.parametrize("grid", [2, 4, 5])
def test_scores_are_those_of_scipy(grid):
    effects = torch.randn(6, grid**2, dtype=torch.float64)
    attributions = torch.randn(6, 3, 12, 12, dtype=torch.float64)
    effects[0], attributions[1] = effects[0].round(), attributions[1].round()  # ties
    scores = single_deletion_score(effects, attributions)
    for effect, attribution, score in zip(effects, attributions, scores, strict=True):
        sums = [
            attribution[:, rows, columns].sum() for rows, columns in literal_cells(12, 12, grid)
        ]
        expected = spearmanr(effect, torch.stack(sums)).statistic
        assert score.item() == pytest.approx(expected, abs=1e-12)
    # The mean over the channels has the same ranks.
    averaged = channel_mean(attributions[2:])
    torch.testing.assert_close(single_deletion_score(effects[2:], averaged), scores[2:])


def test_a_score_without_differences_is_undefined():
    effects, attributions = torch.randn(2, 4), torch.randn(2, 1, 4, 4)
    effects[0], attributions[1] = 1.0, 0.0
    assert single_deletion_score(effects, attributions).isnan().all()


def test_of_a_linear_net_input_x_gradient_is_the_effect():
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 4, bias=False)).double()
    inputs, target = torch.randn(5, 3, 8, 8, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0])
    attributions = x_gradient(net, inputs, target)
    scores = single_deletion_score(deletion_effects(net, inputs, target), attributions)
    torch.testing.assert_close(scores, torch.ones(5, dtype=torch.float64))
    torch.testing.assert_close(
        single_deletion_score(deletion_effects(net, inputs, target), -attributions), -scores
    )


def test_one_cell_loses_what_completeness_says():
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 5)]
    net = remove_biases(nn.Sequential(*layers).double())
    inputs, target, _ = images(3, dtype=torch.float64)
    effects = deletion_effects(net, inputs, target, grid=1)
    attributions = x_gradient(net, inputs, target)
    torch.testing.assert_close(effects[:, 0], attributions.flatten(1).sum(1))


def test_the_batch_size_bounds_the_images_at_a_time():
    recorder = Recorder(small_net(torch.float64))
    inputs, target, _ = images(2, dtype=torch.float64)
    deletion_effects(recorder, inputs, target, batch_size=6)
    assert sum(recorder.batch_sizes) == 2 * 17 and max(recorder.batch_sizes) <= 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": 13}, "12 rows and columns at most"),
        ({"grid": 0}, "grid"),
        ({"batch_size": 0}, "batch_size"),
        ({"replacement": torch.zeros(5, 7)}, "broadcast"),
        ({"inputs": torch.zeros(3, 12, 12)}, "N, C, H, W"),
    ],
)
def test_wrong_arguments_of_effects(change, message):
    inputs, target, _ = images(2)
    arguments = {"model": small_net(), "inputs": inputs, "target": target, **change}
    with pytest.raises(ValueError, match=message):
        deletion_effects(**arguments)


@pytest.mark.parametrize(
    ("effects", "attributions", "message"),
    [
        (torch.randn(2, 15), torch.randn(2, 1, 8, 8), r"G \* G"),
        (torch.randn(16), torch.randn(2, 1, 8, 8), r"G \* G"),
        (torch.randn(2, 16), torch.randn(3, 1, 8, 8), r"\(2, C, H, W\)"),
        (torch.randn(2, 16), torch.randn(2, 8, 8), r"\(2, C, H, W\)"),
        (torch.randn(2, 16), torch.randn(2, 1, 3, 8), "3 rows and columns at most"),
        (torch.full((2, 16), torch.inf), torch.randn(2, 1, 8, 8), "effects"),
        (torch.randn(2, 16), torch.full((2, 1, 8, 8), torch.nan), "attributions"),
    ],
)
def test_wrong_arguments_of_scores(effects, attributions, message):
    with pytest.raises(ValueError, match=message):
        single_deletion_score(effects, attributions)
