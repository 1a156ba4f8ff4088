"""Restored images and effective filters, against Jacobians and filters that are known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian

from experiments.data.tensors import ImageTensors
from experiments.denoising.names import BUILDER
from experiments.denoising.noise import grey_values, standard_noise
from experiments.denoising.run import FILTERS, RESTORED, explain, restore
from experiments.networks.checkpoints import build_network
from tests.oracles.nets import Function

SIDE = 9
SETTINGS = {
    "noise": [10.0, 60.0],
    "factors": [0.5, 3.0],
    "n_pixels": 2,
    "n_steps": 64,
    "shown": [60.0],
}
BLOCKS = [[0, 1], [2]]


@pytest.fixture(scope="module")
def images() -> ImageTensors:
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(256, (3, 1, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    return grey_values(ImageTensors(values, torch.tensor([0, 1, 2]), [0.3], [0.35]))


@pytest.fixture(params=[False, True], ids=["bias-free", "with biases"])
def bias(request) -> bool:
    return request.param


@pytest.fixture
def net(bias):
    torch.manual_seed(1)
    return build_network(BUILDER, {"bias": bias, "layers": 3, "width": 5}).double().eval()


def at(images, index, noise):
    """Clean and noisy image, written from the definition."""
    clean = (images.images[index : index + 1] / 255).double()
    return clean, clean + noise / 255 * standard_noise((1, SIDE, SIDE), 4, index).double()


def restored_by(net, images):
    return pd.DataFrame(restore(net, images, BLOCKS, SETTINGS, 4, lambda items, _: items))


def explained_by(net, images, homogeneous, chosen=(0, 2), **changed):
    settings = {**SETTINGS, **changed}
    rows, drawings = explain(net, images, chosen, settings, 4, homogeneous, lambda items, _: items)
    return pd.DataFrame(rows), drawings


def test_restored_images_are_compared_with_clean_and_with_scaled_ones(net, images, bias):
    table = restored_by(net, images)
    assert list(table.columns) == list(RESTORED)
    assert sorted(zip(table["image"], table["noise"], strict=True)) == [
        (image, noise) for image in range(3) for noise in (10.0, 60.0)
    ]
    for _, row in table.iterrows():
        clean, noisy = at(images, int(row["image"]), row["noise"])
        with torch.no_grad():
            outputs = {factor: net(factor * noisy) for factor in (1, 0.5, 3)}
        for name, values in (("psnr_in", noisy), ("psnr_out", outputs[1])):
            error = np.square((values - clean).numpy()).mean()
            assert row[name] == pytest.approx(-10 * math.log10(error))
        differences = [
            100 * float((outputs[a] - a * outputs[1]).abs().sum() / (a * outputs[1]).abs().sum())
            for a in (0.5, 3)
        ]
        assert row["contrast_percent"] == pytest.approx(max(differences), abs=1e-9)
        linear = (jacobian(net, noisy).reshape(SIDE**2, -1) @ noisy.flatten()).view_as(noisy)
        rest = 100 * float((outputs[1] - linear).abs().sum() / outputs[1].abs().sum())
        assert row["net_bias_percent"] == pytest.approx(rest, abs=1e-9)
    worst = table[["contrast_percent", "net_bias_percent"]].max()
    assert (worst > 1).all() if bias else (worst < 1e-10).all()


def test_pixels_are_explained_by_rows_of_the_jacobian(net, images, bias):
    table, drawings = explained_by(net, images, homogeneous=not bias)
    assert list(table.columns) == list(FILTERS) and len(table) == 2 * 2 * 2
    for _, row in table.iterrows():
        y, x = int(row["row"]), int(row["column"])
        clean, noisy = at(images, int(row["image"]), row["noise"])
        assert clean[0, 0, y, x] > 0.1
        weights = jacobian(net, noisy)[0, 0, y, x, 0, 0]
        with torch.no_grad():
            output = float(net(noisy)[0, 0, y, x])
        product = weights * noisy[0, 0]
        # IG by the midpoint rule with very many steps.
        alphas = (torch.arange(200).double().view(-1, 1, 1, 1) + 0.5) / 200
        path = (alphas * noisy).requires_grad_()
        (gradients,) = torch.autograd.grad(net(path)[:, 0, y, x].sum(), path)
        integrated = noisy[0, 0] * gradients.mean((0, 1))
        whole = float(integrated.abs().sum())
        tolerance = 1e-9 if not bias else 0.5
        assert row["output"] == pytest.approx(output)
        rest = 100 * abs(float(product.sum()) - output) / whole
        assert row["sum_percent"] == pytest.approx(rest, abs=1e-9, rel=tolerance / 20)
        difference = 100 * float((product - integrated).abs().sum()) / whole
        assert row["ig_percent"] == pytest.approx(difference, abs=tolerance)
        distances = [
            math.dist((y, x), (other_y, other_x))
            for other_y in range(SIDE)
            for other_x in range(SIDE)
        ]
        radius = np.average(distances, weights=weights.abs().flatten())
        assert row["radius"] == pytest.approx(radius)
        assert row["weight_sum"] == pytest.approx(float(weights.sum()))
    exact = table[["sum_percent", "ig_percent"]].max()
    assert (exact > 1).all() if bias else (exact < 1e-9).all()
    assert len(set(zip(table["image"], table["row"], table["column"], strict=True))) == 4
    # What is drawn is of the first image.
    first = table[(table["image"] == 0) & (table["noise"] == 60)]
    assert drawings["pixels"].tolist() == first[["row", "column"]].to_numpy().tolist()
    _, noisy = at(images, 0, 60)
    assert drawings.keys() == {"pixels", "noisy/60", "restored/60", "filters/60"}
    torch.testing.assert_close(drawings["noisy/60"], noisy[0, 0].float())
    torch.testing.assert_close(drawings["restored/60"], net(noisy)[0, 0].detach().float())
    for (y, x), drawn in zip(drawings["pixels"].tolist(), drawings["filters/60"], strict=True):
        torch.testing.assert_close(drawn, jacobian(net, noisy)[0, 0, y, x, 0, 0].float())


def box_filter() -> nn.Module:
    """The mean of 3 × 3 pixels."""
    net = nn.Conv2d(1, 1, 3, padding=1, bias=False).double()
    nn.init.constant_(net.weight, 1 / 9)
    return net


def test_a_known_filter(images):
    table, _ = explained_by(box_filter(), images, homogeneous=True, n_pixels=12)
    inside = table["row"].between(1, SIDE - 2) & table["column"].between(1, SIDE - 2)
    assert inside.any()
    assert table[inside]["weight_sum"].tolist() == pytest.approx([1] * inside.sum())
    radius = (4 + 4 * math.sqrt(2)) / 9
    assert table[inside]["radius"].tolist() == pytest.approx([radius] * inside.sum())


def test_a_known_shift(images):
    """F(x) = x + 1, of which 1 is the net bias, and F(x/2) - F(x)/2 = 1/2."""
    plus_one = Function(lambda x, unused: x + 1, unused=box_filter())
    table = restored_by(plus_one, images)
    for _, row in table.iterrows():
        _, noisy = at(images, int(row["image"]), row["noise"])
        share = 100 * SIDE**2 / float((noisy + 1).abs().sum())
        assert row["net_bias_percent"] == pytest.approx(share)
        assert row["contrast_percent"] == pytest.approx(share)
        assert row["psnr_out"] == pytest.approx(0, abs=2)


def test_the_noise_is_the_same_for_all_nets_and_grows_in_place(images):
    table = restored_by(box_filter(), images)
    other = restored_by(Function(lambda x, unused: x, unused=box_filter()), images)
    assert table["psnr_in"].tolist() == other["psnr_in"].tolist() == other["psnr_out"].tolist()
    weak, strong = (table[table["noise"] == noise]["psnr_in"].to_numpy() for noise in (10, 60))
    assert weak - strong == pytest.approx([20 * math.log10(6)] * 3)


def places_of(pixels, **changed):
    image = ImageTensors(pixels[None, None], torch.tensor([0]), [0.0], [1.0])
    changed["noise"] = [10.0]
    table, _ = explained_by(box_filter(), image, homogeneous=True, chosen=[0], **changed)
    return list(zip(table["row"], table["column"], strict=True))


def test_pixels_are_bright_and_apart_where_there_are_such():
    pixels = torch.zeros(20, 20, dtype=torch.uint8)
    pixels[3:6, 2:18] = 200
    places = places_of(pixels, n_pixels=2)
    assert all(pixels[place] for place in places) and math.dist(*places) >= 6
    # One row is too short for six that are apart, and for twenty that are bright.
    pixels[4:] = 0
    pixels[3, 12:] = 0
    places = places_of(pixels, n_pixels=6)
    assert all(pixels[place] for place in places) and len(set(places)) == 6
    places = places_of(pixels, n_pixels=20)
    assert len(set(places)) == 20 and sum(bool(pixels[place]) for place in places) >= 1
    assert len(set(places_of(torch.zeros(3, 3, dtype=torch.uint8), n_pixels=20))) == 9
