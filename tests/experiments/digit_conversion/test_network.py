"""The network of the digit conversion: released weights, training, and the script that converts."""

from __future__ import annotations

import hashlib
import runpy
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
import yaml
from lightning_fabric import Fabric

from experiments.data.catalogue import DigestError
from experiments.data.tensors import ImageTensors
from experiments.digit_conversion.network import load_digit_convnet, scale_input, train_twins
from experiments.networks.architectures import architecture
from experiments.networks.checkpoints import load_model, read_header, save_model
from experiments.networks.keras_weights import KerasWeightsError
from tests.experiments.helpers import Named
from xgradient.homogeneous import remove_biases, verify_homogeneous
from xgradient.models import digit_convnet

BUILDER = architecture("digit_convnet").builder
SHAPES = {
    "conv2d_1": (4, 4, 1, 32),
    "conv2d_2": (4, 4, 32, 64),
    "dense_1": (1600, 128),
    "dense_2": (128, 10),
}


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


# --- training ------------------------------------------------------------------------------------


def test_the_x_net_is_trained_from_the_regular_one_on_all_images():
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(256, (24, 1, 28, 28), generator=draws, dtype=torch.uint8)
    labels = torch.randint(10, (24,), generator=draws)
    # Normalisations of their own, which must not count: the nets learn grey values of 0 to 1.
    splits = [
        ImageTensors(images[:16], labels[:16], [0.1], [0.3]),
        ImageTensors(images[16:], labels[16:], [0.2], [0.4]),
    ]
    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()

    def twins(splits, x_epochs):
        torch.manual_seed(0)
        settings = {
            "regular": {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3},
            "x": {"epochs": x_epochs, "batch_size": 8, "learning_rate": 1e-3},
        }
        return train_twins(digit_convnet(), splits, settings, 3, fabric, "test")

    nets, history = twins(splits, x_epochs=1)
    assert [(row["network"], row["epoch"]) for row in history] == [
        *(("regular", epoch) for epoch in (0, 1, 2)),
        *(("x", epoch) for epoch in (0, 1)),
    ]
    assert set(history[0]) == {"network", "epoch", "train_loss", "learning_rate"}
    verify_homogeneous(nets["x"].eval(), torch.rand(2, 1, 28, 28), 1.0)
    whole = [ImageTensors(images, labels, [0.0], [1.0])]
    again, _ = twins(whole, x_epochs=0)
    regular = nets["regular"].state_dict()
    for name, value in again["regular"].state_dict().items():
        assert torch.equal(value, regular[name])
    stripped = again["x"].state_dict()
    assert set(stripped) == {name for name in regular if name.endswith("weight")}
    assert all(torch.equal(stripped[name], regular[name]) for name in stripped)
    assert not torch.equal(nets["x"].state_dict()["conv1.weight"], stripped["conv1.weight"])


@pytest.mark.parametrize("bias", [True, False])
def test_nets_come_back_from_their_files(tmp_path, bias):
    net = digit_convnet().eval()
    net = net if bias else remove_biases(net).eval()
    save_model(net, tmp_path / "net.safetensors", BUILDER, {"bias": bias})
    images = 255 * torch.rand(2, 1, 28, 28)
    with torch.no_grad():
        assert torch.equal(load_model(tmp_path / "net.safetensors")(images), net(images))
    wrong = tmp_path / "wrong.safetensors"
    save_model(net, wrong, BUILDER, {"bias": not bias})
    with pytest.raises(ValueError, match=r"wrong\.safetensors does not fit digit_convnet"):
        load_model(wrong)


# --- the released weights, by the script of the workflow -----------------------------------------


def keras_file(path, without=None, **shapes):
    """Write constant weights laid out as Keras 2 does it."""
    with h5py.File(path, "w") as file:
        for layer, shape in {**SHAPES, **shapes}.items():
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
        rule="read_published_digit_conversion",
        wildcards=Named(),
        params=Named(data=str(folder), builder=BUILDER),
        log=[str(folder / "job.log")],
        threads=1,
        input=Named(dataset=str(dataset)),
        output=Named(outputs),
    )
    script = root / "workflow" / "scripts" / "digit_conversion" / "read_published.py"
    runpy.run_path(str(script), init_globals={"snakemake": snakemake})
    return outputs


def test_released_weights_are_converted_and_stripped(root, tmp_path):
    outputs = read_weights(root, tmp_path)
    headers = {name: read_header(path) for name, path in outputs.items()}
    regular, stripped = (load_model(outputs[name]).state_dict() for name in ("regular", "x"))
    assert set(stripped) == {name for name in regular if name.endswith(".weight")}
    assert all(torch.equal(stripped[name], regular[name]) for name in stripped)
    assert (regular["fc2.bias"] == 0.25).all() and regular["fc1.weight"].shape == (128, 1600)
    assert {header["builder"] for header in headers.values()} == {BUILDER}
    for header in headers.values():
        assert list(header["provenance"]["inputs"]) == ["keras2_mnist_cnn_allconv.h5"]


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
