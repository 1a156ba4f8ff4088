"""Homogeneous nets are accepted, others are refused by the name of what breaks them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.oracles.helpers import refused
from tests.oracles.nets import Function, Residual, Twice, Wrapped, linear
from xgradient.homogeneous import (
    NotHomogeneousError,
    check_homogeneous,
    homogeneity_degree,
)


def test_normalisation_found_in_the_structure():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.Sequential(nn.ReLU(), nn.BatchNorm2d(2)))
    error = refused(net, torch.randn(1, 1, 6, 6))
    assert error.module_name == "1.1"
    assert "fold_batchnorm" in str(error)


def test_a_zero_bias_is_no_bias(inputs):
    net = nn.Sequential(nn.Linear(4, 3)).double()
    nn.init.zeros_(net[0].bias)
    check_homogeneous(net, inputs)
    with torch.no_grad():
        net[0].bias[1] = 1e-12
    assert refused(net, inputs).module_name == "0"


def test_a_module_that_is_not_called_is_not_judged(inputs):
    class Auxiliary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.auxiliary = nn.Sequential(nn.Linear(4, 2), nn.Sigmoid())
            self.body = linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.auxiliary(x) if self.training else self.body(x)

    check_homogeneous(Auxiliary().double().train(), inputs)


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Sequential(
            Twice(nn.Sequential(linear(4, 4), nn.ReLU(inplace=True))), linear(4, 2)
        ),
        lambda: nn.Sequential(nn.ReLU(inplace=True), linear(4, 2)),
        lambda: nn.Sequential(
            linear(4, 4), nn.Threshold(0, 0), nn.RReLU(), nn.Dropout(0.9), linear(4, 2)
        ),
        lambda: nn.Sequential(nn.Unflatten(1, (1, 4)), nn.ConstantPad1d(1, 0.0), nn.MaxPool1d(2)),
    ],
    ids=["reused", "in place first", "other activations", "padding"],
)
def test_homogeneous_nets_are_accepted_and_inputs_kept(build, inputs):
    net, before = build().double(), inputs.clone()
    check_homogeneous(net, inputs)
    assert homogeneity_degree(net, inputs) == 1
    assert torch.equal(inputs, before)


def test_half_precision_and_a_tuple_from_pooling():
    class Pool(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool = nn.MaxPool2d(2, return_indices=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.pool(x)[0].flatten(1)

    check_homogeneous(Pool(), torch.randn(2, 1, 4, 4, dtype=torch.float16))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Sigmoid(),
        nn.Tanh(),
        nn.GELU(),
        nn.SiLU(),
        nn.ELU(),
        nn.ReLU6(),
        nn.Hardtanh(-9, 9),
        nn.Softplus(),
        nn.Softmax(1),
        nn.LogSoftmax(1),
        nn.Mish(),
        nn.Hardswish(),
        nn.Softshrink(1e-9),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_saturating_activations_are_named(layer, inputs):
    net = nn.Sequential(linear(4, 4), nn.Sequential(nn.ReLU(), layer), linear(4, 2))
    error = refused(net, inputs)
    assert error.module_name == "1.1"
    # Recognised by its kind: the numbers need not come near the place where it saturates.
    assert "'1.1'" in str(error)
    assert "use ReLU" in str(error)


def test_the_first_in_the_order_of_calls_is_named(inputs):
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.called_last = nn.Linear(4, 2)
            self.called_first = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.called_last(self.called_first(x))

    assert refused(Backwards(), inputs).module_name == "called_first"


@pytest.mark.parametrize("name", ["bias", "bias1a", "bias2"])
def test_a_scalar_bias_of_a_composite_is_named(name, inputs):
    block = Residual(linear(4, 4))
    block.register_parameter(name, nn.Parameter(torch.tensor([0.5])))
    error = refused(nn.Sequential(linear(4, 4), block), inputs)
    assert error.module_name == "1"
    assert f"'{name}'" in str(error)


def shift(x: Tensor) -> Tensor:
    return x + 1e-3


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_an_unknown_leaf_is_judged_by_what_it_does(inputs, dtype):
    net = nn.Sequential(linear(4, 4), nn.Sequential(nn.ReLU(), Function(shift)), Function(shift))
    error = refused(net, inputs.to(dtype))
    assert error.module_name == "1.1"
    assert "'1.1' (Function)" in str(error)


@pytest.mark.parametrize(
    "function", [shift, torch.sigmoid, torch.nn.functional.relu6, lambda h: h + h**2]
)
def test_a_composite_is_named_for_what_its_own_forward_does(function, inputs):
    inner = Wrapped(nn.Sequential(linear(4, 4), nn.LeakyReLU()), function)
    net = nn.Sequential(linear(4, 4), Residual(inner), linear(4, 2))
    assert refused(net, 9 * inputs).module_name == "1.body"


def test_the_model_itself_is_named_by_the_empty_string(inputs):
    error = refused(Wrapped(linear(4, 2), shift), inputs)
    assert error.module_name == ""
    assert "the model itself (Wrapped)" in str(error)


def test_a_sum_of_different_degrees_is_where_they_meet(inputs):
    net = nn.Sequential(linear(4, 4), Residual(Function(torch.square)))
    # The square has a degree of its own, 2; so has the residual sum's other term.
    assert refused(net, inputs).module_name == "1"
    with pytest.raises(NotHomogeneousError):
        homogeneity_degree(net, inputs)


def test_a_small_image_is_judged_by_itself(inputs):
    # One row breaks the rule by an amount that the other row's size would hide.
    net = Wrapped(linear(4, 2), lambda h: h + 1e-9)
    check_homogeneous(net.double(), 1e9 * inputs)
    mixed = torch.cat([1e9 * inputs, 1e-3 * inputs])
    assert refused(net, mixed).module_name == ""


def test_a_leaf_that_works_in_place_is_tried_on_what_it_received():
    cut = Function(lambda h: h.masked_fill_(h < -1, 0))
    net = nn.Sequential(nn.ConstantPad1d(1, 0), cut)
    # What it leaves behind, 0 and 3, it would treat in the same way at every scale.
    assert refused(net, torch.tensor([[-2.0, 3.0]])).module_name == "1"


@pytest.mark.parametrize("threshold", [1 / 4, 1, 4])
def test_a_threshold_that_silences_all_small_inputs(threshold):
    net = Function(lambda x: functional.threshold(x, threshold, 0))
    assert refused(net, torch.ones(2, 4)).module_name == ""
    with pytest.raises(NotHomogeneousError):
        homogeneity_degree(net, torch.ones(2, 4))


def test_a_functional_bias_is_found_in_single_precision(inputs):
    net = Wrapped(linear(4, 2), lambda h: h + 1e-4)
    assert refused(net, inputs.float()).module_name == ""


def modes(net: nn.Module) -> list[bool]:
    return [module.training for module in net.modules()]


def hooks(net: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules())


@pytest.mark.parametrize("function", [torch.relu, torch.sigmoid])
def test_modes_hooks_and_gradients_are_left_as_they_were(function, inputs):
    net = nn.Sequential(linear(4, 4), nn.Dropout(), Wrapped(linear(4, 4), function)).double()
    net.train()
    net[1].eval()
    before = modes(net)
    for judge in (check_homogeneous, homogeneity_degree):
        try:
            judge(net, inputs)
        except NotHomogeneousError:
            assert function is torch.sigmoid
        else:
            assert function is torch.relu
        assert modes(net) == before
        assert hooks(net) == 0
    assert all(parameter.grad is None for parameter in net.parameters())


def test_modes_and_hooks_are_restored_after_a_crash(inputs):
    def crash(h: Tensor) -> Tensor:
        raise ArithmeticError

    net = nn.Sequential(linear(4, 4), nn.Dropout(), Function(crash)).double().train()
    for judge in (check_homogeneous, homogeneity_degree):
        with pytest.raises(ArithmeticError):
            judge(net, inputs)
        assert modes(net) == [True] * 4
        assert hooks(net) == 0


@pytest.mark.parametrize(
    ("example", "error", "message"),
    [
        (torch.ones(2, 4, dtype=torch.long), TypeError, "floating-point"),
        ([1.0], TypeError, "list"),
        (torch.tensor(1.0), ValueError, "shape"),
        (torch.ones(0, 4), ValueError, "non-empty"),
        (torch.zeros(2, 4), ValueError, "all zero"),
        (torch.tensor([[1.0] * 4, [1, 2, 3, torch.nan]]), ValueError, r"inputs\[1\]"),
    ],
)
@pytest.mark.parametrize("judge", [check_homogeneous, homogeneity_degree])
def test_unusable_examples_are_refused(judge, example, error, message):
    with pytest.raises(error, match=message):
        judge(linear(4, 2), example)


def test_unusable_models_are_refused(inputs):
    with pytest.raises(TypeError, match="an nn"):
        check_homogeneous(torch.relu, inputs)
    with pytest.raises(TypeError, match="must return"):
        check_homogeneous(Function(lambda x: (x, x)), inputs)
    with pytest.raises(TypeError, match="must return"):
        homogeneity_degree(Function(lambda x: x.argmax(1)), inputs)
