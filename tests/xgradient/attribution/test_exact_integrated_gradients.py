"""Exact Integrated Gradients of piecewise linear nets."""

from __future__ import annotations

import warnings

import pytest
import torch
from captum.attr import IntegratedGradients
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from tests.oracles.helpers import close
from tests.oracles.nets import Function, nets
from xgradient.attribution import (
    NotPiecewiseLinearError,
    UnresolvedPathWarning,
    exact_integrated_gradients,
    integrated_gradients,
    x_gradient,
)
from xgradient.attribution._lipschitz import lipschitz_of_affine
from xgradient.homogeneous import remove_biases
from xgradient.models import MaxPool2d


def brute_force(net, inputs: Tensor, target, baseline: Tensor, n_steps: int = 1000):
    """Midpoint sum, and by how much a kink of the gradient can move it, for every value."""
    alphas = (torch.arange(n_steps, dtype=inputs.dtype) + 0.5) / n_steps
    sums, moves = [], []
    for row, start, index in zip(inputs, baseline, target, strict=True):
        points = start + alphas.view(-1, *(1 for _ in row.shape)) * (row - start)
        points.requires_grad_()
        (gradients,) = torch.autograd.grad(net(points)[:, index].sum(), points)
        products = gradients * (row - start)
        sums.append(products.mean(0))
        moves.append((products.amax(0) - products.amin(0)) / n_steps)
    return torch.stack(sums), torch.stack(moves)


def agrees_with_brute_force(net, inputs, target, baseline) -> Tensor:
    net.eval()
    ours, pieces = exact_integrated_gradients(
        net, inputs, target, baselines=baseline, return_pieces=True
    )
    sums, moves = brute_force(net, inputs, target, baseline)
    kinks = (pieces.n_pieces - 1).view(-1, *(1 for _ in inputs.shape[1:]))
    assert ((ours - sums).abs() <= kinks * moves + 1e-10).all()
    assert pieces.complete.all()
    change = (net(inputs) - net(baseline)).gather(1, target[:, None])[:, 0].detach()
    close(ours.flatten(1).sum(1), change)
    return pieces.n_pieces


# --- what the integral is -------------------------------------------------------------------------


def test_a_unit_that_switches_on_along_the_path():
    def net(x: Tensor) -> Tensor:
        return F.relu(x[:, 0] - 1) * 2 + 3 * x[:, 1]

    x = torch.tensor([[4.0, 5.0], [0.5, 1.0]], dtype=torch.float64)
    values, pieces = exact_integrated_gradients(net, x, return_pieces=True)
    close(values, torch.tensor([[6.0, 15.0], [0.0, 3.0]], dtype=torch.float64))
    assert pieces.n_pieces.tolist() == [2, 1]
    assert pieces.unresolved.tolist() == [0.0, 0.0]


def test_a_maximum_that_changes_hands():
    """Of max(x - 1, 2 y) at (5, 1) the second is the larger one for the first third of the path."""
    x = torch.tensor([[5.0, 1.0]], dtype=torch.float64)
    expected = torch.tensor([[5 * 2 / 3, 2 / 3]], dtype=torch.float64)

    def pooled(x: Tensor) -> Tensor:
        return F.max_pool1d((x * x.new_tensor([1, 2]) - x.new_tensor([1, 0]))[:, None], 2)[:, 0]

    def compared(x: Tensor) -> Tensor:
        return torch.maximum(x[:, 0] - 1, 2 * x[:, 1])

    def reduced(x: Tensor) -> Tensor:
        return torch.stack([x[:, 0] - 1, 2 * x[:, 1]], 1).max(1).values

    for net in (pooled, compared, reduced):
        values, pieces = exact_integrated_gradients(net, x, return_pieces=True)
        close(values, expected)
        assert pieces.n_pieces.tolist() == [2]


def test_a_third_value_that_is_the_largest_in_the_middle_alone():
    """Of max(0, x - 1, 3 x - 5) along x = 4 a the slopes are 0, 1 and 3, from 1/4 and 1/2 on."""

    def net(x: Tensor) -> Tensor:
        return torch.cat([0 * x, x - 1, 3 * x - 5], 1).amax(1)

    values, pieces = exact_integrated_gradients(
        net, torch.tensor([[4.0]], dtype=torch.float64), return_pieces=True
    )
    close(values, torch.tensor([[4 * (0 + 1 / 4 + 3 / 2)]], dtype=torch.float64))
    # The first cut is where the first value meets the last one.
    assert pieces.n_pieces.tolist() == [4]


@settings(max_examples=25)
@given(nets(bias=True), st.booleans())
def test_random_nets_agree_with_very_many_steps(case, from_zero):
    net, inputs, target = case
    baseline = torch.zeros_like(inputs) if from_zero else torch.randn_like(inputs)
    agrees_with_brute_force(net, inputs, target, baseline)


class Branches(nn.Module):
    """Residual sum, concatenation, overlapping poolings and normalisation by fixed numbers."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.inner = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.wide = nn.ConvTranspose2d(4, 3, 2)
        self.pool = pool
        self.head = nn.LazyLinear(3)

    def forward(self, x: Tensor) -> Tensor:
        first = F.leaky_relu(self.norm(self.stem(x)), 0.2)
        hidden = first + torch.relu_(self.inner(first)) / 2
        hidden = torch.cat([F.hardtanh(hidden), self.wide(hidden)[:, :, 1:, 1:].clamp(min=-0.3)], 1)
        hidden = F.avg_pool2d(self.pool(hidden.abs() - hidden), 2, ceil_mode=True)
        hidden -= F.relu6(hidden.mean((2, 3), keepdim=True))
        return self.head(F.dropout(hidden.flatten(1), training=self.training))


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(3, 2, 1),
        MaxPool2d(3, 2, ceil_mode=True),
        nn.AdaptiveMaxPool2d(5),
        nn.MaxPool2d(2, 1, dilation=2),
    ],
    ids=["overlapping", "tie-aware", "adaptive", "dilated"],
)
def test_branches_and_poolings_agree_with_very_many_steps(pool):
    net = Branches(pool)
    net(torch.randn(8, 2, 8, 8))  # statistics, and the size of the last layer
    net.double()
    x = torch.randn(2, 2, 8, 8, dtype=torch.float64)
    pieces = agrees_with_brute_force(net, x, torch.tensor([0, 2]), 0.5 * torch.randn_like(x))
    assert pieces.min() > 100


def test_captum_comes_closer_with_more_steps():
    net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2))
    net.double()
    x = torch.randn(3, 5, dtype=torch.float64)
    ours = exact_integrated_gradients(net, x, 1)
    errors = [
        float((captum - ours).abs().max())
        for n in (10, 100, 1000)
        for captum in [
            IntegratedGradients(net).attribute(x, target=1, n_steps=n, method="riemann_middle")
        ]
    ]
    assert errors[2] < 1e-3 < errors[0]
    assert errors[2] < 0.1 * errors[0]


@settings(max_examples=25)
@given(nets(bias=False))
def test_on_an_x_dnn_the_path_is_one_piece_and_xg_is_exact(case):
    net, inputs, target = case
    values, pieces = exact_integrated_gradients(net, inputs, target, return_pieces=True)
    close(values, x_gradient(net, inputs, target))
    assert (pieces.n_pieces == 1).all()


def test_two_nets_that_are_the_same_function_get_the_same_values():
    """Units in another order, split in two, and a step through relu(z) - relu(-z) = z."""
    first, last = nn.Linear(4, 6).double(), nn.Linear(6, 2).double()
    order = torch.randperm(6)
    x = torch.randn(5, 4, dtype=torch.float64)

    def other(x: Tensor) -> Tensor:
        hidden = first(x)[:, order]
        hidden = F.relu(F.relu(hidden) - F.relu(-hidden))
        weight = last.weight[:, order] / 2
        return F.linear(torch.cat([hidden, hidden], 1), torch.cat([weight, weight], 1), last.bias)

    net = nn.Sequential(first, nn.ReLU(), last)
    close(exact_integrated_gradients(net, x, 1), exact_integrated_gradients(other, x, 1))


@pytest.fixture
def deep() -> tuple[nn.Module, Tensor, Tensor]:
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(24, 3),
    ).double()  # fmt: skip
    return net, torch.randn(3, 1, 10, 10, dtype=torch.float64), torch.tensor([2, 0, 1])


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_result_does_not_depend_on_the_batches(deep, size):
    net, x, target = deep
    values, pieces = exact_integrated_gradients(net, x, target, return_pieces=True)
    others, cut = exact_integrated_gradients(
        net, x, target, internal_batch_size=size, return_pieces=True
    )
    close(values, others)
    assert torch.equal(pieces.n_pieces, cut.n_pieces)
    alone = [exact_integrated_gradients(net, x[i : i + 1], target[i]) for i in range(3)]
    close(values, torch.cat(alone))


def test_no_pass_is_larger_than_the_internal_batch_size(deep):
    net, x, target = deep
    sizes: list[int] = []
    net.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    exact_integrated_gradients(net, x, target, internal_batch_size=5)
    assert max(sizes) == 5


def test_single_precision_is_close(deep):
    net, x, target = deep
    exact = exact_integrated_gradients(net, x, target)
    values = exact_integrated_gradients(net.float(), x.float(), target)
    assert values.dtype == torch.float32
    assert (values - exact).abs().mean() < 1e-3 * exact.abs().mean()


# --- what can be explained ------------------------------------------------------------------------


def test_several_inputs_a_layer_further_arguments_and_any_target():
    first, last = nn.Linear(3, 8).double(), nn.Linear(8, 2).double()
    x, y = torch.randn(2, 4, 3, dtype=torch.float64)
    scale = torch.rand(4, 1, dtype=torch.float64) + 1

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.act, self.last = first, nn.ReLU(), last

        def forward(self, x: Tensor, y: Tensor, scale: Tensor) -> Tensor:
            return self.last(self.act(self.first(scale * x) + self.first(y)))

    net = Net()

    def score(outputs: Tensor) -> Tensor:
        return outputs.amax(1) - outputs[:, 0]

    parts = exact_integrated_gradients(net, (x, y), score, additional_forward_args=scale)
    change = score(net(x, y, scale)) - score(net(0 * x, 0 * y, scale))
    close(sum(part.sum(1) for part in parts), change.detach())
    hidden = exact_integrated_gradients(
        net, (x, y), 1, additional_forward_args=scale, layer="act", baselines=-1.0
    )
    # Behind the last ReLU the net is linear.
    low = F.relu(first(-scale.expand_as(x)) + first(-torch.ones_like(y)))
    expected = (F.relu(first(scale * x) + first(y)) - low) * last.weight[1]
    close(hidden, expected.detach())


def test_what_the_net_writes_in_place_is_followed():
    def written(x: Tensor) -> Tensor:
        buffer = torch.zeros(len(x), 4, dtype=x.dtype)
        buffer[:, :2] = x - 1
        buffer[:, 2:] = 2 * x
        buffer.relu_()
        return buffer.sum(1)

    x = torch.tensor([[3.0, 2.0]], dtype=torch.float64)
    values = exact_integrated_gradients(written, x)
    close(values, torch.tensor([[2.0 + 6, 1.0 + 4]], dtype=torch.float64))


# --- when the budget ends -------------------------------------------------------------------------


@pytest.mark.parametrize("max_pieces", [1, 3, 20, 60])
def test_the_error_lies_between_its_bounds_when_the_budget_ends(deep, max_pieces):
    net, x, target = deep
    exact, all_pieces = exact_integrated_gradients(net, x, target, return_pieces=True)
    assert all_pieces.n_pieces.min() > 60
    with pytest.warns(UnresolvedPathWarning, match=rf"max_pieces={max_pieces} .* \(3 of 3 rows"):
        values, pieces = exact_integrated_gradients(
            net, x, target, max_pieces=max_pieces, return_pieces=True
        )
    assert pieces.n_pieces.tolist() == [max_pieces] * 3
    assert not pieces.complete.any()
    assert (pieces.unresolved > 0).all()
    errors = (values - exact).flatten(1).abs().sum(1)
    assert (errors >= pieces.convergence_delta.abs() - 1e-12).all()
    assert (errors <= pieces.error_bound).all()


def test_a_larger_budget_leaves_less_and_enough_leaves_nothing(deep):
    net, x, target = deep
    left, errors = [], []
    exact, pieces = exact_integrated_gradients(net, x, target, return_pieces=True)
    enough = int(pieces.n_pieces.max())
    for budget in (4, enough // 2, enough):
        with warnings.catch_warnings():
            warnings.simplefilter("error" if budget == enough else "ignore")
            values, pieces = exact_integrated_gradients(
                net, x, target, max_pieces=budget, return_pieces=True
            )
        left.append(float(pieces.unresolved.max()))
        errors.append(float((values - exact).abs().sum()))
    assert left[0] >= left[1] > left[2] >= 0
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-12


X = torch.randn(1, 4, 6, 6, dtype=torch.float64)
WEIGHT = torch.randn(4, 4, 3, 3, dtype=torch.float64)
BIAS = torch.randn(4, dtype=torch.float64)
OPERATIONS = {
    "linear": (F.linear, (X, torch.randn(5, 6, dtype=torch.float64)), {}),
    "conv2d": (F.conv2d, (X, WEIGHT, BIAS), {"padding": 1}),
    "strided conv2d": (F.conv2d, (X, WEIGHT, None, 2), {}),
    "grouped conv2d": (F.conv2d, (X, WEIGHT[:, :2]), {"groups": 2}),
    "conv_transpose2d": (F.conv_transpose2d, (X, WEIGHT, BIAS), {"stride": 2}),
    "avg_pool2d": (F.avg_pool2d, (X, 3, 1), {}),
    "mul": (torch.mul, (X, BIAS[:, None, None]), {}),
    "sub": (torch.sub, (BIAS[:, None, None], X), {}),
    "add": (torch.add, (X, X), {}),
    "cat": (torch.cat, ([X, X],), {"dim": 1}),
    "sum": (torch.sum, (X, (1, 2)), {}),
    "expand": (Tensor.expand, (X, 3, 4, 6, 6), {}),
    "batch_norm": (F.batch_norm, (X, BIAS, BIAS.abs(), BIAS, BIAS), {}),
    "interpolate": (F.interpolate, (X,), {"scale_factor": 2, "mode": "bilinear"}),
}


@pytest.mark.parametrize("case", OPERATIONS)
def test_the_lipschitz_constant_of_an_operation_is_a_bound(case):
    """Against the largest singular value of its matrix."""
    function, args, kwargs = OPERATIONS[case]

    def call(x: Tensor) -> Tensor:
        replaced = [[x] * len(a) if isinstance(a, list) else x if a is X else a for a in args]
        return function(*replaced, **kwargs)

    jacobian = torch.autograd.functional.jacobian(call, X).reshape(-1, X.numel())
    largest = float(torch.linalg.matrix_norm(jacobian, 2))
    bound = lipschitz_of_affine(function, case.split()[-1], args, kwargs, [X])
    assert largest * (1 - 1e-9) <= bound <= 4 * largest


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.Sigmoid(), r"sigmoid\(\) called by module '1' \(Sigmoid\) is not known to be"),
        (nn.Softmax(1), r"softmax\(\) called by module '1'"),
        (nn.GELU(), r"gelu\(\) called by module '1'"),
        (nn.LayerNorm(6), r"layer_norm\(\) called by module '1'"),
        (Function(lambda x: x * x), r"mul\(\) called by module '1' .* multiplies values that both"),
        (Function(lambda x: x**2), r"pow\(\) called by module '1'"),
        (Function(lambda x: 1 / (x + 9)), r"div\(\) called by module '1'"),
        (Function(lambda x: (x > 0) * x), r"gt\(\) called by module '1'"),
        (Function(lambda x: x.max() + x), r"max\(\) called by module '1' .* compares the rows"),
        (Function(lambda x: F.dropout(x)), r"dropout\(\) called by module '1' .* is active"),
        (Function(lambda x: F.threshold(x, 1.0, 0.0)), r"threshold\(\) .* or jumps"),
        (nn.BatchNorm1d(6, track_running_stats=False), r"batch_norm\(\) .* of the batch"),
    ],
)
def test_what_is_not_piecewise_linear_is_refused_by_name(layer, message):
    net = nn.Sequential(nn.Linear(4, 6), layer, nn.Linear(6, 2)).double()
    with pytest.raises(NotPiecewiseLinearError, match=message):
        exact_integrated_gradients(net, torch.randn(2, 4, dtype=torch.float64), 0)


class Hidden(torch.autograd.Function):
    """A ReLU that no mode sees."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        with torch._C.DisableTorchFunction():
            return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (x > 0)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (lambda x: Hidden.apply(x - 1).sum(1), "by calls of torch functions that can be seen"),
        (lambda x: (x + Hidden.apply(x - 1)).sum(1), r"row \d does not sum to the change"),
        (lambda x: (x + 2 * x.detach()).sum(1), r"row \d does not sum to the change"),
    ],
    ids=["all", "a branch", "detached"],
)
def test_what_cannot_be_seen_is_noticed(net, message):
    x = torch.tensor([[3.0, 2.0], [4.0, 1.0]], dtype=torch.float64)
    with pytest.raises(NotPiecewiseLinearError, match=message):
        exact_integrated_gradients(net, x)


def test_compiled_code_is_refused():
    net = nn.Sequential(nn.Linear(4, 6), torch.jit.script(nn.ReLU()), nn.Linear(6, 2))
    with pytest.raises(NotPiecewiseLinearError, match="module '1' cannot be seen"):
        exact_integrated_gradients(net, torch.randn(2, 4), 0)


@pytest.mark.parametrize("name", ["max_pieces", "internal_batch_size"])
def test_numbers_must_be_positive(name):
    with pytest.raises(ValueError, match=name):
        exact_integrated_gradients(nn.Linear(3, 1), torch.randn(1, 3), **{name: 0})


def test_quadrature_is_close_and_removing_the_biases_leaves_one_piece(deep):
    net, x, target = deep
    exact = exact_integrated_gradients(net, x, target)
    rule = integrated_gradients(net, x, target, n_steps=512)
    assert 0 < (rule - exact).abs().mean() < 0.01 * exact.abs().mean()
    _, pieces = exact_integrated_gradients(remove_biases(net), x, target, return_pieces=True)
    assert pieces.n_pieces.tolist() == [1, 1, 1]
