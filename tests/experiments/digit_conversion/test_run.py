"""The digit conversion as the workflow runs it: nets, images and scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from experiments.data.tensors import ImageTensors
from experiments.digit_conversion.erasing import convert_digits
from experiments.digit_conversion.run import (
    convert,
    example,
    measure_accuracy,
    network_of,
    of_class,
)
from tests.experiments.helpers import attributions
from xgradient.homogeneous import remove_biases
from xgradient.models import digit_convnet

SETTINGS = {
    "tasks": [[8, 3], [8, 6], [4, 1]],
    "erasing": ["published", "fixed"],
    "n_pixels": 30,
    "n_images": None,
    "batch_size": 3,
    "example": {
        "weights": "trained",
        "task": [8, 6],
        "method": "deeplift_revealcancel",
        "classes": [8, 0],
    },
}
METHODS = ("guided_backprop_x_input", "deeplift_revealcancel", "x_gradient")
CALLS = attributions(*METHODS)


@pytest.fixture(scope="module")
def data() -> ImageTensors:
    draws = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (40, 1, 28, 28), generator=draws, dtype=torch.uint8)
    images[:, :, :, :14] = 0
    labels = torch.tensor([8, 4, 3, 8, 1] * 8)
    return ImageTensors(images, labels, [0.13], [0.31])


@pytest.fixture(scope="module")
def nets() -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    regular = digit_convnet()
    with torch.no_grad():
        regular.conv1.bias.normal_(0, 50)  # large, so that the two nets differ
    return {"regular": regular.eval(), "x": remove_biases(regular).eval()}


@pytest.fixture(scope="module")
def conversions(nets, data) -> pd.DataFrame:
    return convert(nets, data, CALLS, SETTINGS)


def test_every_image_of_the_class_is_converted_by_every_method_and_rule(conversions, data):
    names = ["task", "method", "erasing"]
    expected = [
        (f"{a}->{b}", method, erasing)
        for a, b in SETTINGS["tasks"]
        for method in METHODS
        for erasing in SETTINGS["erasing"]
    ]
    groups = conversions.groupby(names, sort=False)
    assert [key for key, _ in groups] == expected
    for (task, _, _), rows in groups:
        original = int(task[0])
        assert rows["image"].tolist() == (data.labels == original).nonzero().flatten().tolist()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("erasing", SETTINGS["erasing"])
def test_batches_and_shared_attributions_change_nothing(nets, data, conversions, method, erasing):
    images = data.images[data.labels == 8].float()
    net = nets["x" if method == "x_gradient" else "regular"]
    whole = convert_digits(net, images, CALLS[method], 8, 6, erasing, 30)
    rows = conversions[
        (conversions["task"] == "8->6")
        & (conversions["method"] == method)
        & (conversions["erasing"] == erasing)
    ]
    np.testing.assert_allclose(rows["score"], whole.score.numpy(), rtol=1e-4, atol=1e-3)
    assert rows["n_erased"].tolist() == whole.n_erased.tolist()
    assert rows["flipped"].tolist() == whole.flipped.tolist()
    assert set(rows["network"]) == {network_of(CALLS[method])}


def test_images_are_raw_grey_values_of_one_class(data):
    images, indices = of_class(data, 4, 3)
    assert indices == [1, 6, 11]
    assert torch.equal(images, data.images[[1, 6, 11]].float())
    assert len(of_class(data, 4, None)[1]) == 8
    with pytest.raises(ValueError, match=r"9 test images of the class 4 requested, but .* only 8"):
        of_class(data, 4, 9)
    with pytest.raises(ValueError, match="1 test images of the class 7 requested"):
        of_class(data, 7, None)


def test_accuracy_is_that_of_raw_grey_values(nets, data):
    with torch.no_grad():
        predicted = {name: net(data.images.float()).argmax(1) for name, net in nets.items()}
    labels = predicted["regular"].clone()
    labels[:10] = (labels[:10] + 1) % 10
    labelled = ImageTensors(data.images, labels, [0.13], [0.31])
    measured = measure_accuracy(nets, labelled)
    assert list(measured.columns) == ["network", "top1", "n_images"]
    assert measured["network"].tolist() == ["regular", "x"]
    agreeing = (predicted["x"] == labels).float().mean().item()
    assert measured["top1"].tolist() == pytest.approx([75, 100 * agreeing])
    assert measured["n_images"].tolist() == [40, 40]


def test_the_example_is_the_image_that_its_method_changes_most(nets, data, conversions):
    tensors, index = example(nets, data, conversions, CALLS, SETTINGS)
    rows = conversions[
        (conversions["task"] == "8->6")
        & (conversions["method"] == "deeplift_revealcancel")
        & (conversions["erasing"] == "published")
    ]
    assert index == rows.loc[rows["score"].idxmax(), "image"]
    image = data.images[index, 0].float()
    assert torch.equal(tensors["image"], image)
    for method in METHODS:
        assert tensors[f"{method}/contributions"].shape == (2, 28, 28)
        net = nets[network_of(CALLS[method])]
        # The first class is the original one, the second no class of the task.
        for shown, digit in zip(tensors[f"{method}/contributions"], (8, 0), strict=True):
            expected = CALLS[method](net, image[None, None], torch.tensor([digit]))
            torch.testing.assert_close(shown, expected[0, 0])
        masked = tensors[f"{method}/masked"]
        assert ((masked == image) | (masked == 0)).all() and (masked != image).any()
    score = float(tensors["deeplift_revealcancel/score"])
    assert score == pytest.approx(rows["score"].max(), rel=1e-4)
