"""Weights in files: each format, what is refused, and fitting them into networks."""

from __future__ import annotations

import io
import os
import pickle

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from experiments.networks.caffe_squeezenet import convert_squeezenet
from experiments.networks.weight_files import fit_weights, read_weights
from xgradient.models.alexnet import AlexNet
from xgradient.models.fixup_resnet import FixupResNet50


class Tiny(nn.Module):
    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(2, 3, 2, bias=bias), nn.BatchNorm2d(3))
        self.fc = nn.Linear(3, 2, bias=bias)


def same(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@pytest.fixture
def weights():
    torch.manual_seed(0)
    state = Tiny().state_dict()
    return {name: torch.randn_like(value.float()) for name, value in state.items() if value.ndim}


CHECKPOINTS = {
    "state dict": lambda state: state,
    "checkpoint": lambda state: {"epoch": 3, "arch": "alexnet", "state_dict": state},
    "numbers": lambda state: {
        "best_acc1": np.float64(61.2),
        "best_acc5": np.float32(83.1),
        "best_epoch": np.int64(7),
        "state_dict": state,
    },
    "optimizer": lambda state: {
        "state_dict": state,
        "best_acc1": torch.tensor(61.2),
        "optimizer": {"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": [{}]},
    },
    "DataParallel": lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}},
    "DataParallel around the features": lambda state: {
        "state_dict": {k.replace("features.", "features.module."): v for k, v in state.items()}
    },
    "compiled": lambda state: {f"_orig_mod.{k}": v for k, v in state.items()},
    "a compiled layer": lambda state: {
        k.replace("features.0.", "features.0._orig_mod."): v for k, v in state.items()
    },
    "both": lambda state: {f"module._orig_mod.{k}": v for k, v in state.items()},
    "counters": lambda state: {**state, "features.1.num_batches_tracked": torch.tensor(9)},
}


@pytest.mark.parametrize("wrap", CHECKPOINTS.values(), ids=CHECKPOINTS)
@pytest.mark.parametrize("zipped", [True, False])
def test_checkpoints_of_torch(tmp_path, weights, wrap, zipped):
    path, model = tmp_path / "net.pth.tar", Tiny()
    torch.save(wrap(weights), path, _use_new_zipfile_serialization=zipped)
    fit_weights(model, read_weights(path, "torch"), "net.pth.tar")
    state = model.state_dict()
    same({name: state[name] for name in weights}, weights)


def test_allowing_numbers_allows_them_here_only(tmp_path, weights):
    path = tmp_path / "net.pth"
    torch.save({"best": np.float64(1.0), "state_dict": weights}, path)
    before = set(torch.serialization.get_safe_globals())
    read_weights(path, "torch")
    assert set(torch.serialization.get_safe_globals()) == before
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)


class Runs:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_nothing_else_of_a_checkpoint_is_unpickled(tmp_path, weights):
    path, marker = tmp_path / "net.pth", tmp_path / "ran"
    for content in (
        Runs(f"touch {marker}"),
        {"state_dict": weights, "best": Runs(f"touch {marker}")},
    ):
        torch.save(content, path)
        with pytest.raises(ValueError, match=r"net\.pth .*it asks for posix\.system, and only"):
            read_weights(path, "torch")
    torch.save(Tiny(), path)
    with pytest.raises(ValueError, match=r"it asks for \S*Tiny") as caught:
        read_weights(path, "torch")
    assert "\n" not in str(caught.value) and "weights_only" not in str(caught.value)
    torch.save({"state_dict": weights, "values": np.array([None])}, path)
    with pytest.raises(ValueError, match=r"it asks for numpy\._core\.multiarray\._reconstruct"):
        read_weights(path, "torch")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([torch.ones(1)], "it holds a list instead of tensors by name"),
        (torch.ones(1), "it holds a Tensor instead of tensors by name"),
        ({"state_dict": [1]}, "it holds a list instead of tensors by name"),
        ({"a": 3}, "it holds a int under 'a' instead of tensors by name"),
        ({"a": np.float64(3)}, "it holds a Skipped under 'a' instead"),
        ({1: torch.ones(1)}, "it holds a Tensor under 1 instead of tensors by name"),
    ],
)
def test_contents_that_are_no_weights(tmp_path, content, said):
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=rf"net\.pth cannot be read as weights \(torch\): {said}"):
        read_weights(tmp_path / "net.pth", "torch")


@pytest.mark.parametrize("format", ["torch", "npz", "safetensors", "hwio_pickle"])
@pytest.mark.parametrize("damage", ["empty", "page", "truncated"])
def test_damaged_files_are_one_line(tmp_path, weights, format, damage):
    path, output = tmp_path / "net", io.BytesIO()
    {
        "torch": lambda: torch.save(weights, output),
        "npz": lambda: np.savez(output, **{k: v.numpy() for k, v in weights.items()}),
        "safetensors": lambda: output.write(b"\x20" + bytes(7) + b'{"a": {"dtype": "F32"' * 3),
        "hwio_pickle": lambda: output.write(pickle.dumps(ndf_layers(), 3)),
    }[format]()
    content = {"empty": b"", "page": b"<html>Log in</html>", "truncated": output.getvalue()[:-100]}
    path.write_bytes(content[damage])
    with pytest.raises(ValueError, match=rf"net cannot be read as weights \({format}\): ") as said:
        read_weights(path, format)
    assert "\n" not in str(said.value)


def test_a_missing_file_and_an_unknown_format(tmp_path):
    with pytest.raises(FileNotFoundError, match="net does not exist"):
        read_weights(tmp_path / "net", "npz")
    with pytest.raises(ValueError, match="unknown format 'h5' of weights; it must be torch, npz,"):
        read_weights(tmp_path / "net", "h5")


def test_npz_and_safetensors(tmp_path, weights):
    values = {name: value.numpy() for name, value in weights.items()}
    values["fc.bias"] = values["fc.bias"].astype(">f8")
    np.savez_compressed(tmp_path / "net.npz", **values)
    found = read_weights(tmp_path / "net.npz", "npz")
    assert found["fc.bias"].dtype == torch.float64
    same({name: value.float() for name, value in found.items()}, weights)
    save_file(weights, tmp_path / "net.safetensors")
    found = read_weights(tmp_path / "net.safetensors", "safetensors")
    same({name: found[name] for name in weights}, weights)


def test_npz_of_objects_is_refused(tmp_path):
    marker = tmp_path / "ran"
    np.savez(tmp_path / "net.npz", a=np.array([Runs(f"touch {marker}")]))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_weights(tmp_path / "net.npz", "npz")
    np.savez(tmp_path / "net.npz", a=np.array(["text"]))
    with pytest.raises(ValueError, match="a is of type <U4, not an array of numbers"):
        read_weights(tmp_path / "net.npz", "npz")
    with (tmp_path / "net.npy").open("wb") as output:
        np.save(output, np.ones(3))
    with pytest.raises(ValueError, match="it holds a single array without a name"):
        read_weights(tmp_path / "net.npy", "npz")
    assert not marker.exists()


# ---- SqueezeNet of Caffe ------------------------------------------------------------------------

SIZES = {2: (64, 16, 64), 3: (128, 16, 64), 4: (128, 32, 128), 5: (256, 32, 128)}
SIZES |= {6: (256, 48, 192), 7: (384, 48, 192), 8: (384, 64, 256), 9: (512, 64, 256)}


def ndf_layers(seed=0):
    """Random weights of SqueezeNet 1.1, kernels (height, width, in, out)."""
    shapes = {"conv1": (3, 3, 3, 64), "conv10": (1, 1, 512, 1000)}
    for number, (inputs, squeezed, expanded) in SIZES.items():
        shapes[f"fire{number}/squeeze1x1"] = (1, 1, inputs, squeezed)
        shapes[f"fire{number}/expand1x1"] = (1, 1, squeezed, expanded)
        shapes[f"fire{number}/expand3x3"] = (3, 3, squeezed, expanded)
    draw = np.random.default_rng(seed)
    return {
        name: [
            draw.normal(0, np.sqrt(2 / np.prod(shape[:3])), shape).astype("f4"),
            draw.normal(0, 0.1, shape[3]).astype("f4"),
        ]
        for name, shape in shapes.items()
    }


def convolve(values, layer, stride=1, padding=0):
    """Literal convolution of (height, width, in) by a kernel (height, width, in, out)."""
    kernel, bias = (part.astype("f8") for part in layer)
    values = np.pad(values, ((padding, padding), (padding, padding), (0, 0)))
    size = [(length - len(kernel)) // stride + 1 for length in values.shape[:2]]
    result = np.empty((*size, kernel.shape[3]))
    for row in range(size[0]):
        for column in range(size[1]):
            top, left = row * stride, column * stride
            patch = values[top : top + len(kernel), left : left + len(kernel)]
            result[row, column] = np.tensordot(patch, kernel, 3) + bias
    return np.maximum(result, 0)


def pool(values):
    """Maximum over 3 x 3 at every second pixel; Caffe keeps incomplete windows at the end."""
    rows, columns = (-(-(length - 3) // 2) + 1 for length in values.shape[:2])
    return np.array(
        [
            [values[2 * r : 2 * r + 3, 2 * c : 2 * c + 3].max((0, 1)) for c in range(columns)]
            for r in range(rows)
        ]
    )


def squeezenet(image, layers):
    """SqueezeNet 1.1 word for word: pooling behind conv1, fire3 and fire5."""
    values = pool(convolve(image, layers["conv1"], stride=2))
    for number in range(2, 10):
        squeezed = convolve(values, layers[f"fire{number}/squeeze1x1"])
        small = convolve(squeezed, layers[f"fire{number}/expand1x1"])
        large = convolve(squeezed, layers[f"fire{number}/expand3x3"], padding=1)
        values = np.concatenate([small, large], axis=-1)
        if number in (3, 5):
            values = pool(values)
    return convolve(values, layers["conv10"]).mean((0, 1))


def test_the_converted_squeezenet_is_the_same_function(tmp_path):
    layers = ndf_layers()
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(layers, 3))
    tensors = read_weights(tmp_path / "net.pkl", "hwio_pickle")
    assert len(tensors) == 52
    model = torchvision.models.squeezenet1_1(weights=None).double().eval()
    fit_weights(model, tensors, "net.pkl")
    image = np.random.default_rng(1).normal(size=(38, 45, 3))
    with torch.no_grad():
        logits = model(torch.from_numpy(image.transpose(2, 0, 1).copy())[None])[0].numpy()
    expected = squeezenet(image, layers)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(logits, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda layers: layers.pop("fire5/expand3x3"), "it lacks the layers of .* fire5/expand3x3"),
        (lambda layers: layers.update(fire10=[]), "SqueezeNet 1.1 has no layers fire10"),
        (lambda layers: layers.update(conv1=[np.ones((3, 3, 3, 64))]), "layer conv1 is not a"),
        (lambda layers: layers.update(conv1=np.ones(2)), "layer conv1 is not a kernel"),
        (lambda layers: layers["conv1"].reverse(), "layer conv1 is not a kernel"),
        (lambda layers: layers["conv1"].__setitem__(1, np.ones(3)), "layer conv1 is not a kernel"),
    ],
)
def test_other_layers_are_refused(change, said):
    layers = ndf_layers()
    change(layers)
    with pytest.raises(ValueError, match=said):
        convert_squeezenet(layers)
    with pytest.raises(ValueError, match="it holds a list instead of layers by name"):
        convert_squeezenet([1])


# ---- fitting ------------------------------------------------------------------------------------


def test_fitting_converts_to_the_network(weights):
    model = Tiny().double()
    fit_weights(model, {name: value.double() for name, value in weights.items()}, "here")
    for name, value in weights.items():
        assert torch.equal(model.state_dict()[name], value.double())
    fit_weights(Tiny(), {name: value.half() for name, value in weights.items()}, "here")


@pytest.mark.parametrize("bias", [True, False])
def test_nets_of_the_paper_fit_through_a_checkpoint(tmp_path, bias):
    """The authors trained in parallel; their X networks lack every bias."""
    for build in (AlexNet, FixupResNet50):
        torch.manual_seed(1)
        model, other = (build(num_classes=5, geometry="small", bias=bias) for _ in range(2))
        state = {f"module.{name}": value for name, value in model.state_dict().items()}
        torch.save({"state_dict": state, "best_acc1": np.float64(3)}, tmp_path / "net.pth.tar")
        fit_weights(other, read_weights(tmp_path / "net.pth.tar", "torch"), "net.pth.tar")
        same(other.state_dict(), model.state_dict())


def test_everything_that_does_not_fit_is_named_once(weights):
    model = Tiny()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tensors = {name: value for name, value in weights.items() if name != "fc.bias"}
    tensors["features.0.weight"] = torch.ones(3, 2, 1, 1)
    tensors |= {f"head.{number}": torch.ones(1) for number in range(12)}
    with pytest.raises(ValueError, match="does not fit") as caught:
        fit_weights(model, tensors, "net.pth")
    assert str(caught.value) == (
        "net.pth does not fit Tiny; missing: fc.bias; superfluous: "
        f"{', '.join(f'head.{number}' for number in range(10))} and 2 more; of another shape: "
        "features.0.weight is (3, 2, 1, 1) instead of (3, 2, 2, 2)"
    )
    same(model.state_dict(), before)
    with pytest.raises(ValueError, match=r"superfluous: features\.0\.bias, fc\.bias$"):
        fit_weights(Tiny(bias=False), weights, "net.pth")


def test_a_tensor_that_is_there_twice_is_refused(weights):
    tensors = {**weights, "module.fc.bias": torch.zeros(2)}
    with pytest.raises(ValueError, match=r"net does not fit Tiny; there are two .*'fc\.bias'"):
        fit_weights(Tiny(), tensors, "net")


@pytest.mark.parametrize("format", ["torch", "safetensors"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod."])
def test_a_part_of_the_network_that_is_called_module(tmp_path, format, prefix):
    model, other = (nn.ModuleDict({"module": Tiny(), "head": nn.Linear(2, 2)}) for _ in range(2))
    state = {prefix + name: value for name, value in model.state_dict().items()}
    (torch.save if format == "torch" else save_file)(state, tmp_path / "net")
    fit_weights(other, read_weights(tmp_path / "net", format), "net")
    same(other.state_dict(), model.state_dict())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_weights_that_are_not_finite_are_named(weights, value):
    model = Tiny()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weights["fc.weight"] = weights["fc.weight"].double()
    weights["fc.weight"][1, 2] = value
    with pytest.raises(ValueError, match=r"net has weights that are not finite .*: fc\.weight$"):
        fit_weights(model, weights, "net")
    weights["fc.weight"] = torch.ones(2, 3, dtype=torch.complex64)
    with pytest.raises(ValueError, match=r"not finite numbers: fc\.weight$"):
        fit_weights(model, weights, "net")
    same(model.state_dict(), before)
