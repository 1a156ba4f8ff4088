"""Classifiers of torchvision as architectures."""

from __future__ import annotations

import pytest
import torchvision

from experiments.networks.architectures import architecture, torchvision_names


def test_their_names_are_those_that_torchvision_registers():
    registered = torchvision.models.list_models(module=torchvision.models)
    assert list(torchvision_names()) == sorted(registered)


def test_each_is_built_by_name():
    entry = architecture("torchvision/squeezenet1_1")
    assert (entry.key, entry.name) == ("torchvision/squeezenet1_1", "SqueezeNet 1.1")
    assert entry.arguments == {"name": "squeezenet1_1"} and entry.images
    assert architecture("torchvision/resnext50_32x4d").name == "resnext50_32x4d"


@pytest.mark.parametrize("key", ["torchvision/lenet", "torchvision/", "squeezenet1_1"])
def test_others_are_unknown(key):
    with pytest.raises(ValueError, match="unknown architecture"):
        architecture(key)
