"""Removing biases, and telling homogeneous nets from others."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tests.oracles.attribution import Residual, Twice, nets
from xgradient.homogeneous import (
    NotHomogeneousError,
    check_homogeneous,
    evaluation_mode,
    homogeneity_degree,
    remove_biases,
)

slowly = settings(max_examples=25, deadline=None)


class Function(nn.Module):
    """A leaf module that applies a function."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Wrapped(nn.Module):
    """A composite whose own forward applies a function to the output of its body."""

    def __init__(self, body: nn.Module, function) -> None:
        super().__init__()
        self.body = body
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.body(x))


def linear(*shape: int) -> nn.Linear:
    return nn.Linear(*shape, bias=False)


@pytest.fixture
def inputs() -> Tensor:
    return torch.randn(2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def refused(net: nn.Module, inputs: Tensor, **options) -> NotHomogeneousError:
    with pytest.raises(NotHomogeneousError) as caught:
        check_homogeneous(net.to(inputs.dtype), inputs, **options)
    return caught.value


# --- Removing biases ---------------------------------------------------------------------------


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


def test_normalisation_found_in_the_structure():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.Sequential(nn.ReLU(), nn.BatchNorm2d(2)))
    error = refused(net, torch.randn(1, 1, 6, 6))
    assert error.module_name == "1.1"
    assert "fuse_conv_bn_eval" in str(error)


def test_the_advice_for_batch_norm_works():
    conv, norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)
    norm.running_mean += 1
    folded = nn.Sequential(fuse_conv_bn_eval(conv.eval(), norm.eval()), nn.ReLU(), nn.Flatten())
    check_homogeneous(remove_biases(folded), torch.randn(1, 1, 6, 6))


# --- Nets that are homogeneous -----------------------------------------------------------------


@given(nets(), st.sampled_from([torch.float64, torch.float32, torch.bfloat16]))
@slowly
def test_random_homogeneous_nets_have_degree_one(case, dtype):
    net, inputs, _ = case
    net, inputs = net.to(dtype), inputs.to(dtype)
    check_homogeneous(net, inputs)
    with evaluation_mode(net):
        zero = not net(inputs.clone()).any()
    if zero:
        with pytest.raises(ValueError, match="undetermined"):
            homogeneity_degree(net, inputs)
    else:
        assert homogeneity_degree(net, inputs) == pytest.approx(1, abs=1e-12)


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
    "net",
    [
        nn.Sequential(Twice(nn.Sequential(linear(4, 4), nn.ReLU(inplace=True))), linear(4, 2)),
        nn.Sequential(nn.ReLU(inplace=True), linear(4, 2)),
        nn.Sequential(linear(4, 4), nn.Threshold(0, 0), nn.RReLU(), nn.Dropout(0.9), linear(4, 2)),
        nn.Sequential(nn.Unflatten(1, (1, 4)), nn.ConstantPad1d(1, 0.0), nn.MaxPool1d(2)),
    ],
    ids=["reused", "in place first", "other activations", "padding"],
)
def test_homogeneous_nets_are_accepted_and_inputs_kept(net, inputs):
    before = inputs.clone()
    check_homogeneous(net.double(), inputs)
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


# --- Nets that are not -------------------------------------------------------------------------


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


def test_logits_of_different_degrees(inputs):
    net = Function(lambda x: torch.stack([x.sum(1), x.square().sum(1)], 1))
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


@pytest.mark.parametrize("function", [lambda x: (99 * x).exp(), torch.log, lambda x: x / 0])
def test_outputs_that_are_not_finite(function):
    with pytest.raises(NotHomogeneousError):
        homogeneity_degree(Function(function), torch.tensor([[-1.0, 2.0]]))


@pytest.mark.parametrize("threshold", [1 / 4, 1, 4])
def test_a_threshold_that_silences_all_small_inputs(threshold):
    net = Function(lambda x: functional.threshold(x, threshold, 0))
    assert refused(net, torch.ones(2, 4)).module_name == ""
    with pytest.raises(NotHomogeneousError):
        homogeneity_degree(net, torch.ones(2, 4))


def test_a_functional_bias_is_found_in_single_precision(inputs):
    net = Wrapped(linear(4, 2), lambda h: h + 1e-4)
    assert refused(net, inputs.float()).module_name == ""


# --- Degrees -----------------------------------------------------------------------------------


def as_function(degree: float):
    return lambda h: h.relu().pow(degree)


@pytest.mark.parametrize("degree", [0.5, 1, 1.5, 2, 3])
def test_degree_of_a_power(degree, inputs):
    net = nn.Sequential(linear(4, 8), Function(as_function(degree)), linear(8, 2)).double()
    assert homogeneity_degree(net, inputs) == pytest.approx(degree, abs=1e-9)
    check_homogeneous(net, inputs, degree=degree)
    error = refused(net, inputs, degree=degree + 1)
    assert f"degree {degree}, not {degree + 1}" in str(error)


@given(nets(), st.integers(0, 3))
@slowly
def test_degree_of_a_product(case, extra):
    net, inputs, _ = case

    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x.clone()) * x.flatten(1).norm(dim=1, keepdim=True) ** extra

    with evaluation_mode(net):
        zero = not net(inputs.clone()).any()
    if not zero:
        assert homogeneity_degree(Product(), inputs) == pytest.approx(1 + extra, abs=1e-9)


def test_degree_zero(inputs):
    net = nn.Sequential(linear(4, 3), Function(lambda h: functional.normalize(h, eps=0.0)))
    assert homogeneity_degree(net.double(), inputs) == pytest.approx(0, abs=1e-12)
    assert "degree" in str(refused(net, inputs))


def test_degree_of_a_constant_and_of_zero(inputs):
    constant = Function(lambda x: torch.ones_like(x))
    assert homogeneity_degree(constant, inputs) == 0
    with pytest.raises(ValueError, match="undetermined"):
        homogeneity_degree(Function(torch.zeros_like), inputs)
    check_homogeneous(Function(torch.zeros_like), inputs)


# --- Side effects and errors -------------------------------------------------------------------


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
        (torch.ones(4), ValueError, "shape"),
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
