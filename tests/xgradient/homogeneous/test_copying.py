"""Copies of nets that hold tensors with a history."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from xgradient.homogeneous import evaluation_mode
from xgradient.homogeneous._copying import copied


class Caching(nn.Module):
    """Keeps what it computes, as nets do for visualisation."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.kept: dict[str, list[Tensor]] = {}

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.layer(x)
        self.kept["activations"] = [x, self.last]
        return self.last.relu()


def pruned() -> nn.Module:
    return prune.random_unstructured(nn.Linear(4, 4), "weight", 0.5)


NETS = {
    "plain": lambda: nn.Linear(4, 4),
    "pruned": pruned,
    "pruned twice": lambda: prune.l1_unstructured(pruned(), "weight", 0.5),
    "caching": Caching,
    "weight norm": lambda: weight_norm(nn.Linear(4, 4)),
    "spectral norm": lambda: spectral_norm(nn.Linear(4, 4)),
    "weight norm, parametrised": lambda: parametrizations.weight_norm(nn.Linear(4, 4)),
}


@pytest.mark.parametrize("build", NETS.values(), ids=NETS)
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_a_copy_computes_the_same_from_parameters_of_its_own(build, inputs):
    net = nn.Sequential(build(), nn.ReLU(), nn.Linear(4, 2)).double().train()
    net(inputs)
    copy = copied(net)
    with evaluation_mode(net), evaluation_mode(copy):
        expected = net(inputs)
        assert torch.equal(copy(inputs), expected)
        state = net.state_dict()
        assert copy.state_dict().keys() == state.keys()
        own = {parameter.data_ptr() for parameter in net.parameters()}
        with torch.no_grad():
            for parameter in copy.parameters():
                assert parameter.data_ptr() not in own
                parameter.mul_(2)
        # A copy that kept a computed weight instead of computing it would only scale by the rest.
        assert not torch.allclose(copy(inputs), expected)
        assert torch.equal(net(inputs), expected)
        copy(inputs).sum().backward()
        assert all(parameter.grad is not None for parameter in copy.parameters())


def test_what_a_net_keeps_is_copied_without_its_history(inputs):
    net = Caching().double()
    net(inputs)
    copy = copied(net)
    assert copy.last is copy.kept["activations"][1]
    assert torch.equal(copy.last, net.last) and copy.last.data_ptr() != net.last.data_ptr()
    assert net.last.grad_fn is not None and copy.last.grad_fn is None


def test_shared_parts_stay_shared():
    layer = nn.Linear(4, 4)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    copy = copied(net)
    assert copy[0] is copy[2] and copy[0] is not layer
