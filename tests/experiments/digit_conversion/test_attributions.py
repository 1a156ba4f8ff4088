"""The methods of the digit conversion, and what the paper prints of them."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
import torch

from experiments.data.idx import read_idx
from experiments.digit_conversion.attributions import abs_gradient_masked, guided_backprop_masked
from experiments.digit_conversion.erasing import DIGIT_TASKS, convert_digits
from experiments.digit_conversion.network import load_digit_convnet
from experiments.methods import method, methods_for
from tests.experiments.helpers import attributions
from xgradient.attribution import guided_backprop, saliency
from xgradient.models import digit_convnet

ROOT = Path(__file__).resolve().parents[3]
SHARED = ROOT.parent / "shared"
WEIGHTS = SHARED / "data" / "deeplift_mnist" / "keras2_mnist_cnn_allconv.h5"
PUBLISHED = (
    "abs_gradient_masked",
    "guided_backprop_masked",
    "guided_backprop_x_input",
    "input_x_gradient",
    "ig_5",
    "ig_10",
    "deeplift_revealcancel",
)


def test_attributions_do_not_score_the_background():
    torch.manual_seed(0)
    model = digit_convnet().double()
    images = 255 * torch.rand(3, 1, 28, 28, dtype=torch.float64)
    images[:, :, :9] = 0.0
    calls = attributions(*methods_for("digit_conversion"))
    for name, attribution in calls.items():
        if attribution.homogeneous:
            continue  # needs a net without biases
        scores = attribution(model, images, torch.tensor([1, 2, 3]))
        assert scores.shape == images.shape
        assert (scores[:, :, :9] == 0).all(), name
        assert scores[:, :, 9:].abs().max() > 0, name
    assert (calls["abs_gradient_masked"](model, images, torch.zeros(3).long()) >= 0).all()


@pytest.mark.parametrize(
    ("masked", "plain"),
    [(abs_gradient_masked, saliency), (guided_backprop_masked, guided_backprop)],
)
def test_only_the_background_is_masked(masked, plain):
    torch.manual_seed(0)
    model, target = digit_convnet().double(), torch.tensor([1, 2, 3])
    images = 255 * torch.rand(3, 1, 28, 28, dtype=torch.float64)
    images[:, :, 5:20] = 0.0
    scores, whole = masked(model, images, target), plain(model, images, target)
    shown = images > 0
    expected = whole[shown].abs() if plain is saliency else whole[shown]
    assert torch.equal(scores[shown], expected)
    assert whole[~shown].any() and not scores[~shown].any()
    # The baseline is there for the common signature alone.
    assert torch.equal(masked(model, images, target, baselines=7.0), scores)


def test_without_biases_the_axiomatic_methods_agree():
    torch.manual_seed(0)
    model = digit_convnet(bias=False).double()
    images, target = 255 * torch.rand(3, 1, 28, 28, dtype=torch.float64), torch.tensor([1, 2, 3])
    calls = attributions(*methods_for("digit_conversion"))
    expected = calls["x_gradient"](model, images, target)
    for name in ("input_x_gradient", "ig_5", "ig_10", "deeplift_rescale"):
        torch.testing.assert_close(calls[name](model, images, target), expected)
    other = calls["deeplift_revealcancel"](model, images, target)
    assert not torch.allclose(other, expected)
    torch.testing.assert_close(other.flatten(1).sum(1), expected.flatten(1).sum(1))


# --- published results ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def eights() -> tuple[torch.Tensor, torch.Tensor]:
    """Images of the class 8 in the MNIST test set, and their indices there."""
    folders = [ROOT / "data" / "mnist"]
    if mirror := os.environ.get("XGRADIENT_MIRROR"):
        folders += [Path(mirror) / "mnist", Path(mirror)]
    names = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    for folder in folders:
        if all((folder / name).exists() for name in names):
            images, labels = (
                torch.from_numpy(read_idx((folder / name).read_bytes(), name)) for name in names
            )
            indices = (labels == 8).nonzero().flatten()
            return images[indices].float()[:, None], indices
    pytest.skip("the MNIST test set has not been fetched to data/mnist")


TOP, BOX = "deeplift_mnist_top10_8to3", "deeplift_mnist_boxplot_digitised"


@pytest.mark.skipif(
    not WEIGHTS.exists(), reason="the verification data next to the checkout is missing"
)
@pytest.mark.parametrize("key", PUBLISHED)
def test_published_conversion_of_eights_to_threes(key, eights):
    images, indices = eights
    assert (8, 3) in DIGIT_TASKS
    model = load_digit_convnet(WEIGHTS)
    result = convert_digits(model, images, attributions(key)[key], 8, 3)
    top = published(TOP, key)["published_top10_indices"]
    order = result.score.argsort(descending=True)[:10]
    assert indices[order].tolist() == [int(index) for index in top.split()]
    box = published(BOX, key)
    for quantile, name in ((0.25, "q1"), (0.5, "median"), (0.75, "q3")):
        value = float(result.score.quantile(quantile))
        assert abs(value - float(box[name])) <= float(box["uncertainty"])
    assert 90 < result.n_erased.float().mean() < 120


def published(table: str, key: str) -> dict[str, str]:
    """Return the row of a method, by the name that the registry says it has there."""
    with (SHARED / "published" / f"{table}.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["task"] == "8->3"]
    return next(row for row in rows if row["method"] == method(key).published[table])
