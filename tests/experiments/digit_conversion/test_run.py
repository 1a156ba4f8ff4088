"""The digit conversion as the workflow runs it: scores, tables, and the released weights."""

from __future__ import annotations

import hashlib
import runpy
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from experiments.data.catalogue import DigestError
from experiments.data.tensors import ImageTensors
from experiments.digit_conversion.erasing import DIGIT_METHODS, convert_digits
from experiments.digit_conversion.run import convert, example, load_net, network_of, of_class, top1
from experiments.digit_conversion.summary import read_published, summarise, top_ten
from experiments.files import load_tensors, save_tensors
from experiments.networks.keras_weights import KerasWeightsError
from xgradient.homogeneous import remove_biases
from xgradient.models import digit_convnet

SETTINGS = {
    "tasks": [[8, 3], [8, 6], [4, 1]],
    "methods": ["guided_backprop_times_input", "deeplift_revealcancel", "x_gradient"],
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
    return convert(nets, data, SETTINGS)


# --- scores --------------------------------------------------------------------------------------


def test_every_image_of_the_class_is_converted_by_every_method_and_rule(conversions, data):
    names = ["task", "method", "erasing"]
    expected = [
        (f"{a}->{b}", method, erasing)
        for a, b in SETTINGS["tasks"]
        for method in SETTINGS["methods"]
        for erasing in SETTINGS["erasing"]
    ]
    groups = conversions.groupby(names, sort=False)
    assert [key for key, _ in groups] == expected
    for (task, _, _), rows in groups:
        original = int(task[0])
        assert rows["image"].tolist() == (data.labels == original).nonzero().flatten().tolist()


@pytest.mark.parametrize("method", SETTINGS["methods"])
@pytest.mark.parametrize("erasing", SETTINGS["erasing"])
def test_batches_and_shared_attributions_change_nothing(nets, data, conversions, method, erasing):
    images = data.images[data.labels == 8].float()
    net = nets["x" if method == "x_gradient" else "regular"]
    whole = convert_digits(net, images, DIGIT_METHODS[method], 8, 6, erasing, 30)
    rows = conversions[
        (conversions["task"] == "8->6")
        & (conversions["method"] == method)
        & (conversions["erasing"] == erasing)
    ]
    np.testing.assert_allclose(rows["score"], whole.score.numpy(), rtol=1e-4, atol=1e-3)
    assert rows["n_erased"].tolist() == whole.n_erased.tolist()
    assert rows["flipped"].tolist() == whole.flipped.tolist()
    assert set(rows["network"]) == {network_of(method)}


def test_images_are_raw_grey_values_of_one_class(data):
    images, indices = of_class(data, 4, 3)
    assert indices == [1, 6, 11]
    assert torch.equal(images, data.images[[1, 6, 11]].float())
    assert len(of_class(data, 4, None)[1]) == 8
    with pytest.raises(ValueError, match=r"9 test images of the class 4 asked for, but .* only 8"):
        of_class(data, 4, 9)
    with pytest.raises(ValueError, match="1 test images of the class 7 asked for"):
        of_class(data, 7, None)


def test_accuracy_is_that_of_raw_grey_values(nets, data):
    with torch.no_grad():
        predicted = nets["regular"](data.images.float()).argmax(1)
    labelled = ImageTensors(data.images, predicted, [0.13], [0.31])
    assert top1(nets["regular"], labelled) == 100
    labelled.labels[:10] = (labelled.labels[:10] + 1) % 10
    assert top1(nets["regular"], labelled) == 75


def test_the_example_is_the_image_that_its_method_changes_most(nets, data, conversions):
    tensors, index = example(nets, data, conversions, SETTINGS)
    rows = conversions[
        (conversions["task"] == "8->6")
        & (conversions["method"] == "deeplift_revealcancel")
        & (conversions["erasing"] == "published")
    ]
    assert index == rows.loc[rows["score"].idxmax(), "image"]
    image = data.images[index, 0].float()
    assert torch.equal(tensors["image"], image)
    for method in SETTINGS["methods"]:
        assert tensors[f"{method}/contributions"].shape == (2, 28, 28)
        net = nets[network_of(method)]
        # The first class is the original one, the second no class of the task.
        for shown, digit in zip(tensors[f"{method}/contributions"], (8, 0), strict=True):
            expected = DIGIT_METHODS[method](net, image[None, None], torch.tensor([digit]))
            torch.testing.assert_close(shown, expected[0, 0])
        masked = tensors[f"{method}/masked"]
        assert ((masked == image) | (masked == 0)).all() and (masked != image).any()
    score = float(tensors["deeplift_revealcancel/score"])
    assert score == pytest.approx(rows["score"].max(), rel=1e-4)


def test_nets_come_back_from_their_files(nets, data, tmp_path):
    for name, net in nets.items():
        path = tmp_path / f"{name}.safetensors"
        save_tensors(path, net.state_dict(), {})
        with torch.no_grad():
            assert torch.equal(
                load_net(path)(data.images[:2].float()), net(data.images[:2].float())
            )
    save_tensors(path, {"conv1.weight": torch.zeros(3)}, {})
    with pytest.raises(ValueError, match=r"x\.safetensors does not hold this network"):
        load_net(path)


# --- tables --------------------------------------------------------------------------------------


def scores_of(values, **names):
    frame = pd.DataFrame({"image": range(100, 100 + len(values)), "score": values})
    frame["flipped"] = frame["score"] > 3
    frame["n_erased"] = 10 * frame["score"]
    row = {"weights": "trained", "task": "9->1", "method": "m", "erasing": "published"}
    return frame.assign(**row | {"network": "regular"} | names)


def test_the_summary_has_the_documented_columns_and_quartiles():
    values = [4.0, 1.0, 2.0, 10.0]
    frame = pd.concat([scores_of(values), scores_of([5.0], network="x", method="x_gradient")])
    accuracy = pd.DataFrame(
        {"weights": "trained", "network": ["regular", "x"], "top1": [99.5, 99.0], "n_images": 9}
    )
    summary = summarise(frame, accuracy)
    assert list(summary.columns) == [
        *("weights", "task", "method", "n", "median", "q1", "q3", "mean", "flipped_percent"),
        *("mean_pixels_erased", "erasing", "network", "test_top1"),
    ]
    row = summary.iloc[0]
    assert (row["n"], row["median"], row["mean"]) == (4, 3.0, 4.25)
    assert [row["q1"], row["q3"]] == np.percentile(values, [25, 75]).tolist()
    assert (row["flipped_percent"], row["mean_pixels_erased"]) == (50.0, 42.5)
    assert summary["test_top1"].tolist() == [99.5, 99.0]


def test_the_ten_highest_scores_in_order_by_the_published_rule():
    values = [float(value) for value in (3, 12, 5, 5, 1, 9, 8, 7, 6, 11, 10, 4)]
    fixed = scores_of([100 - value for value in values], erasing="fixed")
    frame = pd.concat([fixed, scores_of(values)])
    best = top_ten(frame)
    assert list(best.columns) == ["weights", "task", "method", "top10_indices"]
    assert best["top10_indices"].tolist() == ["101 109 110 105 106 107 108 102 103 111"]


def test_published_methods_have_our_names(root):
    for name in ("boxplot_digitised", "top10_8to3"):
        table = read_published(root / "workflow" / "published" / f"deeplift_mnist_{name}.csv")
        assert set(table["method"]) == set(DIGIT_METHODS) - {"deeplift_rescale", "x_gradient"}


# --- the released weights, by the script of the workflow -----------------------------------------


def keras_file(path, without=None, **shapes):
    """Write weights laid out as Keras 2 does it, zero all over."""
    layers = {
        "conv2d_1": (4, 4, 1, 32),
        "conv2d_2": (4, 4, 32, 64),
        "dense_1": (1600, 128),
        "dense_2": (128, 10),
    }
    with h5py.File(path, "w") as file:
        for layer, shape in {**layers, **shapes}.items():
            if layer != without:
                group = f"model_weights/{layer}/{layer}"
                file[f"{group}/kernel:0"] = np.full(shape, 0.5, np.float32)
                file[f"{group}/bias:0"] = np.full(shape[-1:], 0.25, np.float32)


def read_weights(root, folder, change=lambda path: None, **written):
    """Run the script on a file, which may change after its digest was noted."""
    path = folder / "deeplift_mnist" / "keras2_mnist_cnn_allconv.h5"
    path.parent.mkdir()
    keras_file(path, **written)
    entry = yaml.safe_load((root / "workflow/datasets/deeplift_mnist.yaml").read_text())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry["files"] = [{"name": path.name, "size": path.stat().st_size, "sha256": digest}]
    dataset = folder / "deeplift_mnist.yaml"
    dataset.write_text(yaml.safe_dump(entry))
    change(path)
    outputs = {name: str(folder / f"{name}.safetensors") for name in ("regular", "x")}
    snakemake = SimpleNamespace(
        rule="read_digit_weights",
        wildcards={},
        params=type("Params", (dict,), {"data": str(folder)})(data=str(folder)),
        log=[str(folder / "job.log")],
        threads=1,
        input=SimpleNamespace(dataset=str(dataset)),
        output=SimpleNamespace(**outputs),
    )
    script = root / "workflow" / "scripts" / "read_digit_weights.py"
    runpy.run_path(str(script), init_globals={"snakemake": snakemake})
    return outputs


def test_released_weights_are_converted_and_stripped(root, tmp_path):
    outputs = read_weights(root, tmp_path)
    regular, facts = load_tensors(outputs["regular"])
    stripped, _ = load_tensors(outputs["x"])
    assert set(stripped) == {name for name in regular if name.endswith(".weight")}
    assert all(torch.equal(stripped[name], regular[name]) for name in stripped)
    assert (regular["fc2.bias"] == 0.25).all() and regular["fc1.weight"].shape == (128, 1600)
    assert list(facts["inputs"]) == ["keras2_mnist_cnn_allconv.h5"]


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"without": "dense_1"}, KerasWeightsError, "allconv.h5 has no layer 'dense_1'"),
        (
            {"dense_2": (128, 11)},
            KerasWeightsError,
            r"allconv.h5: the kernel of layer 'dense_2' has shape \(128, 11\), not \(128, 10\)",
        ),
        ({"change": flip_a_byte}, DigestError, "allconv.h5 is not the expected file: .* sha256"),
    ],
)
def test_weights_that_are_not_the_released_ones_stop_the_job(
    root, tmp_path, arguments, error, message
):
    with pytest.raises(error, match=message) as raised:
        read_weights(root, tmp_path, **arguments)
    assert "\n" not in str(raised.value)
    assert str(raised.value) in (tmp_path / "job.log").read_text()
    assert not list(tmp_path.glob("*.safetensors"))
