"""Removing biases and nothing else."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from hypothesis import given
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from torchvision.ops import FrozenBatchNorm2d

from tests.oracles.helpers import refused, slowly
from tests.oracles.nets import Function, nets
from xgradient.homogeneous import (
    NotHomogeneousError,
    check_homogeneous,
    evaluation_mode,
    fold_batchnorm,
    remove_biases,
)
from xgradient.homogeneous._degree import floating_tensors


class FixupLike(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name in ("bias", "bias1", "bias1a", "bias1b", "bias2a", "scale", "bias_gain", "unbias"):
            self.register_parameter(name, nn.Parameter(torch.ones(1)))
        self.register_buffer("bias3", torch.ones(1))
        self.register_buffer("bias4", torch.ones(1, dtype=torch.bool))  # a mask
        self.conv = nn.Conv2d(1, 1, 3)


def test_remove_biases_removes_tensors_named_like_a_bias_and_nothing_else():
    stripped = remove_biases(FixupLike())
    assert set(stripped.state_dict()) == {"scale", "bias_gain", "unbias", "bias4", "conv.weight"}
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


# ---- biases of other modules --------------------------------------------------------------------


def zeroed(net: nn.Module) -> nn.Module:
    """The same net with biases of zero."""
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if "bias" in name:
                parameter.zero_()
    return net


def check_stripped(net: nn.Module, *inputs: Tensor) -> nn.Module:
    """Strip, and compare the outputs with those of the net with biases of zero."""
    net = net.double()
    net(*inputs)
    stripped = remove_biases(net)
    assert not [name for name in stripped.state_dict() if "bias" in name]
    assert any("bias" in name for name in net.state_dict())
    found, expected = stripped(*inputs), zeroed(net)(*inputs)
    for mine, theirs in zip(floating_tensors(found), floating_tensors(expected), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)
    sum(each.sum() for each in floating_tensors(found)).backward()
    assert all(parameter.grad is not None for parameter in stripped.parameters())
    # What PyTorch itself builds without biases has the same parameters, and can be copied.
    again = copy.deepcopy(remove_biases(stripped))
    assert torch.equal(floating_tensors(again(*inputs))[0], floating_tensors(found)[0])
    return stripped


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_nets(kind, bidirectional, layers):
    def build(bias: bool) -> nn.Module:
        return kind(4, 3, layers, bidirectional=bidirectional, bias=bias)

    stripped = check_stripped(build(bias=True), torch.randn(5, 2, 4, dtype=torch.float64))
    built = build(bias=False).double()
    assert stripped.all_weights[0][0].shape == built.all_weights[0][0].shape
    assert list(stripped.state_dict()) == list(built.state_dict()) and not stripped.bias
    built.load_state_dict(stripped.state_dict())
    x = torch.randn(5, 2, 4, dtype=torch.float64)
    assert torch.equal(built(x)[0], stripped(x)[0])


def test_a_projected_lstm():
    check_stripped(nn.LSTM(4, 3, 2, proj_size=2), torch.randn(5, 2, 4, dtype=torch.float64))


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_recurrent_cells(kind, inputs):
    check_stripped(kind(4, 3), inputs)


def test_a_recurrent_net_of_relus_has_an_x_dnn():
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.RNN(4, 3, 2, nonlinearity="relu", batch_first=True)
            self.head = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x)[0][:, -1])

    x = torch.randn(3, 6, 4, dtype=torch.float64)
    error = refused(Last(), x)
    assert error.module_name == "rnn" and "'bias_ih_l0'" in str(error)
    check_homogeneous(check_stripped(Last(), x), x)


def test_a_pruned_recurrent_net():
    net = nn.GRU(4, 3)
    for key in ("bias_hh_l0", "weight_hh_l0"):
        prune.random_unstructured(net, key, 0.5)
    stripped = remove_biases(net)
    assert not any("bias_" in key for key in (*stripped.state_dict(), *vars(stripped)))
    prune.remove(net, "bias_hh_l0")
    x = torch.randn(5, 2, 4)
    torch.testing.assert_close(stripped(x)[0], zeroed(net)(x)[0])


@pytest.mark.parametrize("separate", [False, True])
def test_attention(separate):
    net = nn.MultiheadAttention(4, 2, kdim=3 if separate else None, vdim=3 if separate else None)
    for bias in (net.in_proj_bias, net.out_proj.bias):
        nn.init.normal_(bias)
    query = torch.randn(5, 2, 4, dtype=torch.float64)
    key = torch.randn(6, 2, 3 if separate else 4, dtype=torch.float64)
    check_stripped(net, query, key, key)


def test_attention_with_a_key_and_value_of_its_own():
    """Stripped, it is what PyTorch builds without them: a zero key would take attention."""
    stripped = remove_biases(nn.MultiheadAttention(4, 2, add_bias_kv=True)).double()
    built = nn.MultiheadAttention(4, 2, bias=False).double()
    assert list(stripped.state_dict()) == list(built.state_dict())
    built.load_state_dict(stripped.state_dict())
    x = torch.randn(5, 2, 4, dtype=torch.float64)
    assert torch.equal(stripped(x, x, x)[0], built(x, x, x)[0])


@pytest.mark.parametrize("key", ["bias", "weight"])
def test_pruned_layers(key, inputs):
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    prune.l1_unstructured(prune.random_unstructured(net[0], key, 0.5), key, 0.5)
    net(inputs)
    stripped = remove_biases(net)
    kept = {"0.weight_orig", "0.weight_mask"} if key == "weight" else {"0.weight"}
    assert set(stripped.state_dict()) == kept | {"2.weight"}
    check_homogeneous(stripped, inputs)
    assert f"0.{key}_mask" in net.state_dict() and net[0].bias.any()
    assert torch.equal(stripped(inputs), zeroed(net)(inputs))


class Doubled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


@pytest.mark.parametrize("keys", [["bias"], ["bias", "weight"], ["weight"]])
def test_parametrised_layers(keys, inputs):
    """The original keeps its parametrisation, although a copy has the same class."""
    net = nn.Sequential(nn.Linear(4, 4)).double()
    for key in keys:
        parametrize.register_parametrization(net[0], key, Doubled())
    kind, before = type(net[0]), net(inputs)
    stripped = remove_biases(net)
    check_homogeneous(stripped, inputs)
    assert type(net[0]) is kind and torch.equal(net(inputs), before)
    assert isinstance(stripped[0], nn.Linear) and stripped[0].bias is None
    torch.testing.assert_close(stripped(inputs), net(inputs) - net[0].bias)
    assert parametrize.is_parametrized(stripped[0]) == ("weight" in keys)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_a_weight_normalised_bias(inputs):
    net = nn.utils.weight_norm(nn.Linear(4, 4), "bias").double()
    stripped = remove_biases(net)
    assert set(stripped.state_dict()) == {"weight"}
    check_homogeneous(stripped, inputs)


def test_a_bias_that_is_no_parameter(inputs):
    net = nn.Linear(4, 4, bias=False).double()
    del net.bias
    net.bias = torch.ones(4, dtype=torch.float64)
    assert "has the bias 'bias'" in str(refused(net, inputs))
    check_homogeneous(remove_biases(net), inputs)
    net.register_forward_pre_hook(lambda module, args: setattr(module, "bias", torch.ones(4)))
    with pytest.raises(
        NotHomogeneousError, match=r"'bias', which is no parameter.*remove the hook"
    ):
        remove_biases(net)


def quantised(*layers: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(nn.Sequential(*layers))


def scripted(net: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(net)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: quantised(nn.Linear(4, 4))[0], "is quantised"),
        (lambda: quantised(nn.LSTM(4, 4))[0], "is quantised"),
        (lambda: quantised(nn.GRUCell(4, 4))[0], "is quantised"),
        (lambda: torch.ao.nn.quantized.Linear(4, 4), "is quantised"),
        (lambda: torch.ao.nn.quantized.Conv2d(4, 4, 1), "is quantised"),
        (lambda: torch.ao.nn.intrinsic.quantized.LinearReLU(4, 4), "is quantised"),
        (lambda: scripted(nn.Linear(4, 4)), "is compiled by TorchScript"),
        (lambda: scripted(nn.Linear(4, 4, bias=False)), "is compiled by TorchScript"),
        (lambda: nn.ConstantPad2d(1, 0.5), "adds a border of 0.5"),
        (lambda: FrozenBatchNorm2d(2), "fold_batchnorm"),
    ],
)
def test_biases_that_cannot_be_removed_are_refused_by_name(build, said):
    net = nn.Sequential(nn.ReLU(), nn.Sequential(build()))
    with pytest.raises(NotHomogeneousError, match=r"module '1\.0'") as caught:
        remove_biases(net)
    assert caught.value.module_name == "1.0" and said in str(caught.value)


def test_a_quantised_net_is_not_homogeneous():
    error = refused(nn.Sequential(quantised(nn.Linear(4, 4))), torch.randn(2, 4))
    assert error.module_name == "0.0" and "quantised" in str(error)


def test_modules_that_stand_ready_for_quantisation_are_stripped(inputs):
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)
            self.sum = torch.ao.nn.quantized.FloatFunctional()

        def forward(self, x: Tensor) -> Tensor:
            return self.sum.add(x, self.layer(x))

    check_homogeneous(remove_biases(Sum().double()), inputs)


def test_a_compiled_net_is_stripped(inputs):
    net = torch.compile(nn.Sequential(nn.Linear(4, 4), nn.ReLU()).double(), backend="eager")
    before = net(inputs)
    stripped = remove_biases(net)
    assert set(stripped.state_dict()) == {"_orig_mod.0.weight"}
    assert not stripped(torch.zeros_like(inputs)).any()
    assert torch.equal(net(inputs), before)


@pytest.mark.parametrize(
    "layer",
    [nn.LSTM(4, 4), nn.GRU(4, 4, bias=False), nn.RNN(4, 4), nn.LSTMCell(4, 4), nn.RNNCell(4, 4)],
    ids=lambda layer: type(layer).__name__,
)
def test_recurrent_layers_that_saturate_are_named(layer, inputs):
    def last(x: Tensor, layer: nn.Module) -> Tensor:
        output = layer(x)
        return output[0] if isinstance(output, tuple) else output

    error = refused(Function(last, layer=layer.double()), inputs)
    assert error.module_name == "layer" and "nonlinearity='relu'" in str(error)


def test_attention_is_not_homogeneous(inputs):
    attention = nn.MultiheadAttention(4, 2, bias=False).double()
    net = Function(lambda x, attention: attention(x, x, x)[0], attention=attention)
    assert refused(net, inputs).module_name == "attention"


def test_a_frozen_batch_norm_is_named_by_the_check():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), FrozenBatchNorm2d(2))
    error = refused(net, torch.randn(1, 1, 6, 6))
    assert error.module_name == "1" and "fold_batchnorm" in str(error)
