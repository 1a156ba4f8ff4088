"""Digit conversion: the erasing rule, the released weights, and the published results."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from experiments.data.idx import read_idx
from experiments.digit_conversion.erasing import (
    DIGIT_METHODS,
    DIGIT_TASKS,
    convert_digits,
    pixels_to_erase,
)
from experiments.digit_conversion.network import load_digit_convnet, scale_input
from experiments.networks.keras_weights import KerasWeightsError
from xgradient.homogeneous import verify_homogeneous
from xgradient.models import digit_convnet

ROOT = Path(__file__).resolve().parents[3]
SHARED = ROOT.parent / "shared"
WEIGHTS = SHARED / "data" / "deeplift_mnist" / "keras2_mnist_cnn_allconv.h5"
SHAPES = {
    "conv2d_1": (4, 4, 1, 32),
    "conv2d_2": (4, 4, 32, 64),
    "dense_1": (1600, 128),
    "dense_2": (128, 10),
}


# --- network and weights -------------------------------------------------------------------------


def write_keras(path: Path, shapes: dict[str, tuple[int, ...]], whole_model: bool = True) -> Path:
    """Random weights of about the size of trained ones, laid out as Keras 2 does it."""
    draws = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights") if whole_model else file
        for layer, shape in shapes.items():
            scale = np.prod(shape[:-1]) ** -0.5
            kernel = draws.normal(0, scale, shape).astype(np.float32)
            group[f"{layer}/{layer}/kernel:0"] = kernel
            group[f"{layer}/{layer}/bias:0"] = draws.normal(0, 0.1, shape[-1:]).astype(np.float32)
        group.create_group("activation_1")
    return path


def keras_forward(path: Path, image: np.ndarray) -> np.ndarray:
    """The network as Keras computes it, channels last, position by position; image (28, 28)."""
    with h5py.File(path) as file:
        weights = {
            layer: [file[f"model_weights/{layer}/{layer}/{kind}:0"][()] for kind in names]
            for layer, names in dict.fromkeys(SHAPES, ("kernel", "bias")).items()
        }
    value = image[:, :, None].astype(np.float64)
    for layer in ("conv2d_1", "conv2d_2"):
        kernel, bias = weights[layer]
        side = (len(value) - 4) // 2 + 1
        output = np.zeros((side, side, len(bias)))
        for y in range(side):
            for x in range(side):
                patch = value[2 * y : 2 * y + 4, 2 * x : 2 * x + 4]
                output[y, x] = np.tensordot(patch, kernel, axes=3) + bias
        value = np.maximum(output, 0)
    hidden = np.maximum(value.reshape(-1) @ weights["dense_1"][0] + weights["dense_1"][1], 0)
    return hidden @ weights["dense_2"][0] + weights["dense_2"][1]


def test_the_network_of_the_paper():
    model = digit_convnet()
    assert sum(parameter.numel() for parameter in model.parameters()) == 239_594
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 10)
    verify_homogeneous(digit_convnet(bias=False), torch.rand(2, 1, 28, 28), 1.0)


@pytest.mark.parametrize("bias", [True, False])
def test_another_unit_of_the_input(bias):
    model, images = digit_convnet(bias).double().eval(), torch.rand(2, 1, 28, 28).double()
    with torch.no_grad():
        expected = model(images)
        scale_input(model, 1 / 255)
        torch.testing.assert_close(model(255 * images), expected)
        assert not torch.allclose(model(images), expected)


@pytest.mark.parametrize("whole_model", [True, False])
def test_released_weights_are_converted(tmp_path, whole_model):
    path = write_keras(tmp_path / "weights.h5", SHAPES, whole_model)
    model = load_digit_convnet(path).double()
    assert not model.training
    images = 255 * np.random.default_rng(1).random((2, 28, 28))
    with torch.no_grad():
        logits = model(torch.from_numpy(images)[:, None]).numpy()
    path = write_keras(tmp_path / "whole.h5", SHAPES)
    expected = np.stack([keras_forward(path, image) for image in images])
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(logits, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"conv2d_2": None}, "weights.h5 has no layer 'conv2d_2': its layers are activation_1, co"),
        ({"dense_1": (1600, 64)}, r"kernel of layer 'dense_1' has shape \(1600, 64\), not \(1600"),
        ({"conv2d_1": (4, 4, 32, 1)}, "kernel of layer 'conv2d_1'"),
    ],
)
def test_weights_that_do_not_fit_are_an_error(tmp_path, changed, message):
    shapes = {name: shape for name, shape in {**SHAPES, **changed}.items() if shape}
    with pytest.raises(KerasWeightsError, match=message):
        load_digit_convnet(write_keras(tmp_path / "weights.h5", shapes))


def test_files_that_hold_no_weights_are_an_error(tmp_path):
    path = write_keras(tmp_path / "weights.h5", SHAPES)
    with h5py.File(path, "r+") as file:
        del file["model_weights/dense_2/dense_2/bias:0"]
    with pytest.raises(KerasWeightsError, match="layer 'dense_2' has no bias"):
        load_digit_convnet(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(KerasWeightsError, match="is not an HDF5 file"):
        load_digit_convnet(path)
    with pytest.raises(FileNotFoundError, match=r"absent.h5 does not exist"):
        load_digit_convnet(tmp_path / "absent.h5")


# --- erasing -------------------------------------------------------------------------------------

# Few different values, so that ties and zeros are common.
DIFFERENCES = arrays.arrays(np.float64, (3, 1, 5, 6), elements=st.integers(-4, 4).map(float))


@given(difference=DIFFERENCES, n_pixels=st.integers(1, 29))
def test_published_erasing_is_the_rule_of_the_notebook(difference, n_pixels):
    erased = pixels_to_erase(torch.from_numpy(difference), "published", n_pixels).numpy()
    for image, mask in zip(difference, erased, strict=True):
        threshold = max(sorted(image.ravel(), reverse=True)[n_pixels], 0.0)
        assert mask.shape == image.shape
        assert (mask == (image > threshold)).all()
        assert mask.sum() <= n_pixels


@given(difference=DIFFERENCES, n_pixels=st.integers(1, 29))
def test_fixed_erasing_takes_a_number_of_pixels(difference, n_pixels):
    erased = pixels_to_erase(torch.from_numpy(difference), "fixed", n_pixels).numpy()
    for image, mask in zip(difference, erased, strict=True):
        order = sorted(range(image.size), key=lambda i: (-image.flat[i], i))
        assert set(np.flatnonzero(mask)) == set(order[:n_pixels])


def test_by_default_157_pixels():
    difference = torch.arange(784.0).view(1, 1, 28, 28) + 1
    for rule in ("published", "fixed"):
        erased = pixels_to_erase(difference, rule)
        assert erased.sum() == 157
        assert erased.flatten()[-157:].all()
    assert pixels_to_erase(-difference, "published").sum() == 0
    assert pixels_to_erase(-difference, "fixed").sum() == 157


@pytest.mark.parametrize(
    ("rule", "n_pixels", "message"),
    [("official", 5, "unknown erasing rule 'official'"), ("fixed", 30, "between 1 and 29")],
)
def test_erasing_that_makes_no_sense_is_an_error(rule, n_pixels, message):
    with pytest.raises(ValueError, match=message):
        pixels_to_erase(torch.zeros(1, 1, 5, 6), rule, n_pixels)


def test_the_score_is_the_change_of_the_log_odds():
    # Logit 0 counts the left half of the image, logit 1 twice the first row.
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3, bias=False), nn.Dropout()).double()
    weight = torch.zeros(3, 4, 4, dtype=torch.float64)
    weight[0, :, :2] = 1.0
    weight[1, 0] = 2.0
    with torch.no_grad():
        model[1].weight.copy_(weight.flatten(1))
    images = torch.ones(2, 1, 4, 4, dtype=torch.float64)
    images[1] = 3.0
    model.train()
    result = convert_digits(model, images, DIGIT_METHODS["gradient_times_input"], 0, 1, n_pixels=8)
    # Six pixels speak for 0 and not for 1; the two in the corner speak more for 1.
    assert result.n_erased.tolist() == [6, 6]
    torch.testing.assert_close(result.score, torch.tensor([6.0, 18.0], dtype=torch.float64))
    assert result.flipped.tolist() == [True, True]
    assert (result.masked[:, 0, 1:, :2] == 0).all()
    assert (result.masked[:, 0, 0] == images[:, 0, 0]).all()
    assert model.training
    # The other way round, the two pixels in the other corner speak most for class 1.
    back = convert_digits(model, images, DIGIT_METHODS["gradient_times_input"], 1, 0, n_pixels=1)
    assert back.n_erased.tolist() == [0, 0]  # two are tied: none is above the second largest
    fixed = convert_digits(
        model, images, DIGIT_METHODS["gradient_times_input"], 1, 0, "fixed", n_pixels=2
    )
    assert fixed.n_erased.tolist() == [2, 2]
    torch.testing.assert_close(fixed.score, torch.tensor([4.0, 12.0], dtype=torch.float64))
    assert fixed.flipped.tolist() == [True, True]


# --- attributions --------------------------------------------------------------------------------


def test_attributions_do_not_score_the_background():
    torch.manual_seed(0)
    model = digit_convnet().double()
    images = 255 * torch.rand(3, 1, 28, 28, dtype=torch.float64)
    images[:, :, :9] = 0.0
    for name, method in DIGIT_METHODS.items():
        if name == "x_gradient":
            continue  # needs a net without biases
        scores = method(model, images, torch.tensor([1, 2, 3]))
        assert scores.shape == images.shape
        assert (scores[:, :, :9] == 0).all(), name
        assert scores[:, :, 9:].abs().max() > 0, name
    assert (DIGIT_METHODS["abs_grad_masked"](model, images, torch.zeros(3).long()) >= 0).all()


def test_without_biases_the_axiomatic_methods_agree():
    torch.manual_seed(0)
    model = digit_convnet(bias=False).double()
    images, target = 255 * torch.rand(3, 1, 28, 28, dtype=torch.float64), torch.tensor([1, 2, 3])
    expected = DIGIT_METHODS["x_gradient"](model, images, target)
    for name in ("gradient_times_input", "integrated_gradients_5", "deeplift_rescale"):
        torch.testing.assert_close(DIGIT_METHODS[name](model, images, target), expected)
    other = DIGIT_METHODS["deeplift_revealcancel"](model, images, target)
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


@pytest.mark.skipif(
    not WEIGHTS.exists(), reason="the verification data kept beside the checkout is missing"
)
@pytest.mark.parametrize(
    "method",
    [
        "abs_grad_masked",
        "guided_backprop_masked",
        "guided_backprop_times_input",
        "gradient_times_input",
        "integrated_gradients_5",
        "integrated_gradients_10",
        "deeplift_revealcancel",
    ],
)
def test_published_conversion_of_eights_to_threes(method, eights):
    images, indices = eights
    assert (8, 3) in DIGIT_TASKS
    model = load_digit_convnet(WEIGHTS)
    result = convert_digits(model, images, DIGIT_METHODS[method], 8, 3)
    top = published("deeplift_mnist_top10_8to3.csv", method)["published_top10_indices"]
    order = result.score.argsort(descending=True)[:10]
    assert indices[order].tolist() == [int(index) for index in top.split()]
    box = published("deeplift_mnist_boxplot_digitised.csv", method)
    for quantile, name in ((0.25, "q1"), (0.5, "median"), (0.75, "q3")):
        value = float(result.score.quantile(quantile))
        assert abs(value - float(box[name])) <= float(box["uncertainty"])
    assert 90 < result.n_erased.float().mean() < 120


def published(file: str, method: str) -> dict[str, str]:
    with (SHARED / "published" / file).open() as table:
        rows = [row for row in csv.DictReader(table) if row["task"] == "8->3"]
    return next(row for row in rows if row["method"].removesuffix(" (Simonyan)") == method)
