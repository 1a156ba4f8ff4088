"""Removing biases and nothing else."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from torch import nn

from tests.oracles.helpers import slowly
from tests.oracles.nets import nets
from xgradient.homogeneous import (
    NotHomogeneousError,
    check_homogeneous,
    evaluation_mode,
    fold_batchnorm,
    remove_biases,
)


class FixupLike(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name in ("bias", "bias1", "bias1a", "bias1b", "bias2a", "scale", "bias_gain", "unbias"):
            self.register_parameter(name, nn.Parameter(torch.ones(1)))
        self.register_buffer("bias3", torch.ones(1))
        self.conv = nn.Conv2d(1, 1, 3)


def test_remove_biases_removes_parameters_named_like_a_bias_and_nothing_else():
    stripped = remove_biases(FixupLike())
    assert set(stripped.state_dict()) == {"scale", "bias_gain", "unbias", "bias3", "conv.weight"}
    assert stripped.conv.bias is None
    assert stripped.bias1a is None


def test_remove_biases_leaves_the_net_as_it_is_and_shares_nothing_with_it():
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    before = copy.deepcopy(net.state_dict())
    stripped = remove_biases(net)
    with torch.no_grad():
        for parameter in stripped.parameters():
            parameter.zero_()
    assert net.state_dict().keys() == before.keys()
    assert all(torch.equal(net.state_dict()[key], value) for key, value in before.items())


def test_remove_biases_of_a_shared_module():
    shared = nn.Linear(3, 3)
    stripped = remove_biases(nn.Sequential(shared, nn.ReLU(), shared))
    assert stripped[0] is stripped[2]
    assert set(stripped.state_dict()) == {"0.weight", "2.weight"}


@given(nets(bias=True))
@slowly
def test_removing_the_biases_makes_a_net_homogeneous(case):
    net, inputs, _ = case
    stripped = remove_biases(net)
    check_homogeneous(stripped, inputs)
    # The same net, otherwise: it agrees with the original once that one's biases are zero.
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    with evaluation_mode(net), evaluation_mode(stripped):
        assert torch.equal(net(inputs.clone()), stripped(inputs.clone()))


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(2),
        nn.BatchNorm2d(2, affine=False),
        nn.SyncBatchNorm(2),
        nn.InstanceNorm2d(2),
        nn.GroupNorm(1, 2),
        nn.LayerNorm(4),
        nn.RMSNorm(4),
        nn.LocalResponseNorm(2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_normalisation_is_refused_by_name_with_advice(layer):
    net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.Sequential(nn.ReLU(), layer))
    with pytest.raises(NotHomogeneousError, match=r"'1\.1'.*[Ff]ixup") as caught:
        remove_biases(net)
    assert caught.value.module_name == "1.1"


def test_the_advice_for_batch_norm_works():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten())
    net[1].running_mean += 1
    check_homogeneous(remove_biases(fold_batchnorm(net)), torch.randn(1, 1, 6, 6))
