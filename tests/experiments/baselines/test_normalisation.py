"""X-Gradient and the zero of the normalisation: identities, in grey values and by Captum."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

from experiments.baselines.normalisation import (
    COLUMNS,
    Shifted,
    fixed,
    measure_normalisations,
    normalised_maps,
)
from experiments.baselines.run import starts_of
from experiments.baselines.starts import Sources
from experiments.baselines.summary import NORMALISATION, summarise_normalisations
from tests.experiments.pixels import SPACE, random_images
from xgradient.attribution import integrated_gradients, x_gradient
from xgradient.homogeneous import NotHomogeneousError, check_homogeneous

KEYS = ["zero", "black", "white", "training_mean", "blurred", "uniform_noise"]
SETTINGS = {
    "compared": KEYS,
    "n_steps": 8,
    "identity_steps": 3,
    "internal_batch_size": 6,
    "mean_images": None,
    "kernel_size": 5,
    "sigma": 2.0,
}
IMAGES = random_images(5, seed=1)


def net(bias: bool = False) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, bias=bias), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(4 * 8 * 8, 3, bias=bias)).double().eval()


def sources():
    return Sources(random_images(30, seed=2), SETTINGS, 0)


def measured(model=None, blocks=((0, 1, 2), (3, 4))):
    rows = measure_normalisations(
        model or net(), IMAGES, blocks, sources(), SETTINGS, lambda items, _: items
    )
    return pd.DataFrame(rows, columns=list(COLUMNS))


class OfGreyValues(nn.Module):
    """A net as a function of grey values from 0 to 1, with a zero of its own."""

    def __init__(self, model, zero) -> None:
        super().__init__()
        self.model, self.zero = model, zero

    def forward(self, pixels):
        std = torch.tensor(SPACE.std, dtype=torch.float64).view(3, 1, 1)
        return self.model((pixels - self.zero) / std)


@pytest.mark.parametrize("key", fixed(KEYS))
def test_x_gradient_is_captums_ig_of_grey_values_from_the_zero_of_the_normalisation(key):
    """Derived where no net sees the images: in grey values, with the zero as their baseline."""
    inputs, labels = IMAGES.__getitems__([0, 1, 2])
    start = starts_of(key, inputs.double(), [0, 1, 2], sources())
    mean, std = (
        torch.tensor(values, dtype=torch.float64).view(3, 1, 1)
        for values in (SPACE.mean, SPACE.std)
    )
    zero = start * std + mean
    pixels = IMAGES.pixels([0, 1, 2]).double() / 255
    theirs = IntegratedGradients(OfGreyValues(net(), zero)).attribute(
        pixels, zero.expand_as(pixels), target=labels, n_steps=7, method="gausslegendre"
    )
    ours = x_gradient(net(), inputs.double() - start, labels)
    # The images are normalised in float32.
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * float(ours.abs().max()))


def test_a_net_that_is_moved_is_no_x_net_but_about_its_zero():
    zero = torch.full((1, 3, 10, 10), 0.3, dtype=torch.float64)
    moved, inputs = Shifted(net(), zero), IMAGES.__getitems__([0])[0].double()
    with pytest.raises(NotHomogeneousError):
        check_homogeneous(moved, inputs)
    with pytest.raises(NotHomogeneousError):
        x_gradient(moved, inputs, 0)
    # About its zero it is one: F(z + a (x - z)) = a F(x).
    for factor in (0.1, 3.0):
        point = zero + factor * (inputs - zero)
        torch.testing.assert_close(moved(point), factor * moved(inputs))


def test_both_identities_hold_up_to_rounding_and_the_explanation_moves():
    rows = measured()
    assert set(rows["baseline"]) == {"zero", "black", "white", "training_mean"}
    assert len(rows) == 5 * 4
    assert (rows[["identity_percent", "same_function_percent"]] < 1e-10).all(axis=None)
    zero = rows["baseline"] == "zero"
    assert (rows.loc[zero, "relative_percent"] == 0).all()
    assert (rows.loc[~zero, "relative_percent"] > 5).all()
    assert (rows.loc[~zero, "rank_correlation"] < 0.999).all()


def test_the_identity_fails_for_a_net_with_biases(monkeypatch):
    """The measurement would see a net that is no X-DNN."""
    monkeypatch.setattr(
        "experiments.baselines.normalisation.x_gradient",
        lambda *args, check=True: x_gradient(*args, check=False),
    )
    rows = measured(net(bias=True))
    assert (rows["identity_percent"] > 0.1).all()
    # That of one function is about any net.
    assert (rows["same_function_percent"] < 1e-10).all()
    monkeypatch.undo()
    with pytest.raises(NotHomogeneousError):
        measured(net(bias=True))


def test_another_standard_deviation_changes_nothing_but_the_scale():
    inputs, labels = (part for part in IMAGES.__getitems__([0, 1]))
    plain = x_gradient(net(), inputs.double(), labels)
    torch.testing.assert_close(x_gradient(net(), inputs.double() / 4, labels), plain / 4)


def test_of_one_function_ig_moves_with_the_zero_of_the_normalisation():
    """The rows of the baselines: IG of the refolded net is that of the old one from black."""
    inputs, labels = IMAGES.__getitems__([0, 1])
    inputs = inputs.double()
    black = starts_of("black", inputs, [0, 1], sources())
    refolded = Shifted(net(), -black)
    torch.testing.assert_close(refolded(inputs - black), net()(inputs))
    new = integrated_gradients(refolded, inputs - black, labels, n_steps=9)
    old = integrated_gradients(net(), inputs, labels, baselines=black, n_steps=9)
    torch.testing.assert_close(new, old)
    zero = integrated_gradients(net(), inputs, labels, n_steps=9)
    assert (new - zero).abs().mean() > 0.1 * zero.abs().mean()


def test_the_class_that_is_found():
    rows = measured()
    inputs, labels = IMAGES.__getitems__(range(5))
    for key in fixed(KEYS):
        moved = inputs.double() - starts_of(key, inputs.double(), range(5), sources())
        correct = (net()(moved).argmax(1) == labels).int()
        assert rows.loc[rows["baseline"] == key, "correct"].tolist() == correct.tolist()


def test_a_summary_has_the_largest_error_and_the_mean_distance():
    rows = measured()
    table = summarise_normalisations(rows)
    assert list(table.columns) == list(NORMALISATION)
    own = rows[rows["baseline"] == "white"]
    row = table.set_index("baseline").loc["white"]
    assert row["same_function_percent"] == own["same_function_percent"].max()
    assert row["relative_percent"] == pytest.approx(own["relative_percent"].mean())
    assert row["top1"] == pytest.approx(100 * own["correct"].mean()) and row["n_images"] == 5


def test_blocks_change_nothing_but_rounding():
    blocks = measured(blocks=[range(5)])
    apart = measured().sort_values(["image", "baseline"], ignore_index=True)
    blocks = blocks.sort_values(["image", "baseline"], ignore_index=True)
    pd.testing.assert_frame_equal(blocks, apart, rtol=1e-9, atol=1e-9)


def test_maps_to_look_at():
    maps = normalised_maps(net(), IMAGES, [0, 3], sources(), SETTINGS)
    assert list(maps) == [f"x_gradient/{key}" for key in fixed(KEYS)]
    inputs, labels = IMAGES.__getitems__([0, 3])
    plain = x_gradient(net(), inputs.double(), labels).mean(1).float()
    torch.testing.assert_close(maps["x_gradient/zero"], plain)
    assert normalised_maps(net(), IMAGES, [], sources(), SETTINGS) == {}
