"""Networks on disk."""

from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import save_file

from experiments.networks.checkpoints import load_model, read_header, save_model
from xgradient.models import build_model

ARGUMENTS = {"num_classes": 10, "in_channels": 1, "geometry": "small", "bias": False}


def test_a_net_comes_back_as_it_was(tmp_path):
    model = build_model("fixup_resnet50", **ARGUMENTS, scale=True).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)
    path = tmp_path / "net.safetensors"
    save_model(model, path, "fixup_resnet50", ARGUMENTS | {"scale": True}, {"seed": 3})
    loaded = load_model(path)
    inputs = torch.randn(2, 1, 28, 28, dtype=torch.float64)
    assert torch.equal(loaded(inputs), model(inputs))
    assert not loaded.training
    assert read_header(path)["provenance"] == {"seed": 3}


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
    with pytest.raises(ValueError, match=r"foreign\.safetensors has no 'architecture'"):
        load_model(path)
    model = build_model("alexnet", **ARGUMENTS)
    save_model(model, path, "vgg16", ARGUMENTS)
    with pytest.raises(ValueError, match=r"foreign\.safetensors does not fit vgg16"):
        load_model(path)
