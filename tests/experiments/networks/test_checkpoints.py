"""Networks on disk."""

from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import save_file

from experiments.networks.architectures import architecture
from experiments.networks.checkpoints import build_network, load_model, read_header, save_model

ARGUMENTS = {"num_classes": 10, "in_channels": 1, "geometry": "small", "bias": False}
ALEXNET, VGG16, RESNET = (
    architecture(key).builder for key in ("alexnet", "vgg16", "fixup_resnet50")
)


def test_a_net_comes_back_as_it_was(tmp_path):
    arguments = ARGUMENTS | {"scale": True}
    model = build_network(RESNET, arguments).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)
    path = tmp_path / "net.safetensors"
    save_model(model, path, RESNET, arguments, {"seed": 3})
    loaded = load_model(path)
    inputs = torch.randn(2, 1, 28, 28, dtype=torch.float64)
    assert torch.equal(loaded(inputs), model(inputs))
    assert not loaded.training
    assert read_header(path) == {
        "builder": RESNET,
        "arguments": arguments,
        "provenance": {"seed": 3},
    }


def test_a_pickle_is_refused_without_being_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    path = tmp_path / "net.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match=r"net\.safetensors is not a readable safetensors file"):
        load_model(path)
    assert not (tmp_path / "exploded").exists()


def test_foreign_and_misfit_files_are_refused_by_name(tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, str(path))
    with pytest.raises(ValueError, match=r"foreign\.safetensors has no 'builder'"):
        load_model(path)
    save_model(build_network(ALEXNET, ARGUMENTS), path, VGG16, ARGUMENTS)
    with pytest.raises(ValueError, match=r"foreign\.safetensors does not fit VGG16"):
        load_model(path)


@pytest.mark.parametrize("builder", ["os:system", "subprocess:run", "xgradient.models:a.b", ""])
def test_a_file_cannot_choose_what_is_called(tmp_path, builder):
    path = tmp_path / "foreign.safetensors"
    save_model(torch.nn.Linear(1, 1), path, builder, {})
    with pytest.raises(ValueError, match="does not name something in xgradient or experiments"):
        load_model(path)
