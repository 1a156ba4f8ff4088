"""Every operation with a rule keeps summation-to-delta, in whatever form it is called."""

from __future__ import annotations

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.oracles.deeplift_nets import randn, randomized
from xgradient.deeplift import UnsupportedOperationError, deeplift

# Functions of (N, 4, 6, 6) that return anything of N rows.
MASK = randn(6, 6, seed=5) > 0
MATRIX = randn(6, 5, seed=6)
SQUARE = randn(6, 6, seed=7)
CHANNELS = randn(4, 1, 1, seed=8)


def _in_place(function):
    def apply(x):
        y = x * 1.5
        result = function(y)
        return y if result is None else result

    return apply


def _write(x):
    y = torch.zeros_like(x)
    y[:, 1:3] = x[:, :2]
    y[:, 0, :, 2] = 3.0
    y[..., 0] += x[..., 1]
    return y


def _overwrite(x):
    y = x.clone()
    y[:, 0] = y[:, 1] * 2
    return y


LINEAR = {
    "linear": lambda x: F.linear(x, MATRIX.T, MATRIX[0]),
    "conv1d": lambda x: F.conv1d(x.flatten(2), randn(6, 2, 3), stride=2, groups=2),
    "conv2d": lambda x: torch.conv2d(x, randn(3, 4, 2, 3), padding=1, dilation=2),
    "conv2d same": lambda x: F.conv2d(x, randn(3, 4, 3, 2), padding="same"),
    "conv3d": lambda x: F.conv3d(x[:, None], randn(2, 1, 2, 2, 2), padding="valid"),
    "conv_transpose1d": lambda x: F.conv_transpose1d(x.flatten(2), randn(4, 3, 3), stride=2),
    "conv_transpose2d": lambda x: F.conv_transpose2d(
        x, randn(4, 2, 3, 2), torch.ones(4).double(), 2, 1, 1, 2
    ),
    "conv_transpose3d": lambda x: F.conv_transpose3d(x[:, None], randn(1, 2, 2, 2, 2)),
    "matmul": lambda x: x @ MATRIX,
    "matmul of a constant": lambda x: SQUARE @ x,
    "rmatmul": lambda x: torch.matmul(MATRIX.T, x),
    "bmm": lambda x: torch.bmm(x[:, 0], SQUARE.expand(len(x), 6, 6)),
    "mm": lambda x: torch.mm(x.flatten(1), randn(144, 3)),
    "einsum": lambda x: torch.einsum("nchw,wk->nkc", x, MATRIX),
    "addmm": lambda x: torch.addmm(randn(3), x.flatten(1), randn(144, 3)),
    "batch_norm": lambda x: F.batch_norm(
        x, randn(4), randn(4, seed=1).square() + 1, randn(4), randn(4)
    ),
    "add": lambda x: 2 + x.add(1.0, alpha=2).add(x, alpha=-0.5) + CHANNELS,
    "sub": lambda x: 1 - torch.sub(x, CHANNELS, alpha=2) - x[:, :1],
    "rsub": lambda x: torch.rsub(x, 3),
    "mul": lambda x: 2 * x.mul(CHANNELS) * SQUARE,
    "div": lambda x: -x / CHANNELS,
    "neg": torch.neg,
    "broadcast": lambda x: x[:, :1] + x * 0.5 + x.mean((2, 3), keepdim=True),
    "avg_pool1d": lambda x: F.avg_pool1d(x.flatten(2), 3, 2),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "avg_pool3d": lambda x: F.avg_pool3d(x[:, None], 2),
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x.flatten(2), 5),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, (4, 1)),
    "index": lambda x: x[:, 1:, ..., [0, 3, 3]],
    "index none": lambda x: x[:, None, -1],
    "select": lambda x: x.select(1, 2),
    "narrow": lambda x: x.narrow(2, 1, 3),
    "view": lambda x: x.view(x.shape[0], -1),
    "reshape": lambda x: torch.reshape(x, (len(x), 2, 2, 36)),
    "flatten": lambda x: torch.flatten(x, 1),
    "unflatten": lambda x: x.unflatten(1, (2, 2)).unsqueeze(2).squeeze(2),
    "permute": lambda x: x.permute(0, 3, 1, 2),
    "transpose": lambda x: x.transpose(1, -1).mT,
    "movedim": lambda x: x.movedim(1, 3),
    "stack": lambda x: torch.stack([x, 2 * x, SQUARE.expand_as(x)], 2),
    "cat": lambda x: torch.cat([x, -x, torch.ones_like(x)], 1),
    "split": lambda x: [part * k for k, part in enumerate(x.split([1, 3], 1), 1)][1],
    "chunk": lambda x: x.chunk(2, dim=1)[0] - torch.chunk(x, 2, 1)[1],
    "unbind": lambda x: x.unbind(1)[3],
    "flip": lambda x: x.flip(1, 2),
    "roll": lambda x: x.roll((1, 2), (1, 3)),
    "sum": lambda x: x.sum(1),
    "mean": lambda x: x.mean(dim=(1, 2), keepdim=True),
    "cumsum": lambda x: x.cumsum(2),
    "tril": torch.tril,
    "pad": lambda x: F.pad(x, (1, 2, 0, 1), value=3.0),
    "pad reflect": lambda x: F.pad(x, (1, 2, 0, 1), mode="reflect"),
    "pad replicate": lambda x: F.pad(x, (1, 2, 0, 1), mode="replicate"),
    "pad circular": lambda x: F.pad(x, (1, 2, 0, 1), mode="circular"),
    "interpolate": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "nearest": lambda x: F.interpolate(x, size=(3, 7)),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "channel_shuffle": lambda x: F.channel_shuffle(x, 2),
    "channel shuffle by hand": lambda x: x.view(len(x), 2, 2, 36).transpose(1, 2).flatten(1),
    "expand": lambda x: x[:, :1].expand(-1, 5, -1, -1),
    "repeat": lambda x: x.repeat(1, 2, 1, 1),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
    "copies": lambda x: x.clone().contiguous().detach().data,
    "dtypes": lambda x: x.float().to(torch.float64).type_as(MATRIX),
    "dropout": lambda x: F.dropout(x, 0.5, training=False),
    "gather": lambda x: x.gather(1, torch.zeros(len(x), 2, 6, 6, dtype=torch.long)),
    "index_select": lambda x: torch.index_select(x, 3, torch.tensor([5, 0])),
    "where": lambda x: torch.where(MASK, x, -x) + x.where(MASK, 1.0),
    "masked_fill": lambda x: x.masked_fill(MASK, 7.0),
    "lerp": lambda x: torch.lerp(x, x.flip(1), 0.3),
    "unfold": lambda x: F.unfold(x, 2),
    "write": _write,
    "overwrite": _overwrite,
    "in place": _in_place(lambda y: y.add_(1).mul_(2).sub_(CHANNELS).div_(3)),
}
NONLINEARITIES = {
    name: getattr(F, name)
    for name in (
        *("relu", "relu6", "leaky_relu", "sigmoid", "tanh", "gelu", "silu", "mish", "elu", "selu"),
        *("celu", "softplus", "softsign", "hardtanh", "hardsigmoid", "hardswish", "logsigmoid"),
        *("softshrink", "hardshrink", "tanhshrink", "rrelu"),
    )
} | {
    "prelu": lambda x: F.prelu(x, CHANNELS.flatten()),
    "threshold": lambda x: F.threshold(x, 0.1, 0.1),
    "clamp": lambda x: x.clamp(-0.5, 0.8).clamp_min(CHANNELS - 1).clamp_max(0.4),
    "exp": torch.exp,
    "log": lambda x: torch.log(x * x + 1),
    "sqrt": lambda x: (x.abs() + 1).sqrt(),
    "rsqrt": lambda x: (x.square() + 1).rsqrt(),
    "reciprocal": lambda x: (1 + x**2).reciprocal(),
    "pow": lambda x: torch.pow(x, 3) + 2**x,
    "sin": lambda x: x.sin() + x.cos(),
    "maximum of a constant": lambda x: torch.maximum(x, CHANNELS),
    "minimum of a constant": lambda x: torch.minimum(x, CHANNELS),
    "relu_": _in_place(torch.relu_),
    "relu in place": _in_place(lambda y: F.relu(y, True)),
    "clamp_": _in_place(lambda y: y.clamp_(-0.3, 0.9)),
    "silu in place": _in_place(lambda y: F.silu(y, inplace=True)),
    "aten": lambda x: torch.ops.aten.tanh(torch.ops.aten.relu.default(x)),
}
PRODUCTS = {
    "product": lambda x: x * x.flip(1),
    "square": lambda x: x * x,
    "product in place": _in_place(lambda y: y.mul_(y.flip(2))),
    "broadcast product": lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
    "quotient": lambda x: x / (1 + x.flip(1).exp()),
    "constant by a signal": lambda x: 2 / (1 + x.exp()),
    "addcmul": lambda x: torch.addcmul(x, x, SQUARE, value=2.0),
    "matmul": lambda x: x @ x.transpose(2, 3),
    "bmm": lambda x: torch.bmm(x[:, 0], x[:, 1]),
    "einsum": lambda x: torch.einsum("nchw,ndhw->ncd", x, x.flip(1)),
    "bilinear": lambda x: F.bilinear(x[:, 0], x[:, 1], randn(3, 6, 6), randn(3)),
    "glu": lambda x: F.glu(x, 1),
}
COMPOSED = {
    "layer_norm": lambda x: F.layer_norm(x, (6, 6), SQUARE, SQUARE),
    "rms_norm": lambda x: F.rms_norm(x, (6,), SQUARE[0]),
    "group_norm": lambda x: F.group_norm(x, 2, randn(4), randn(4)),
    "instance_norm": F.instance_norm,
    "softmax": lambda x: 3 * F.softmax(x, -1),
    "log_softmax": lambda x: 3 * x.log_softmax(1),
    "softmin": lambda x: 3 * F.softmin(x, 1),
    "logsumexp": lambda x: x.logsumexp(2) + torch.logsumexp(x, (2,), keepdim=True)[:, :, 0],
    "var": lambda x: x.var(1) + torch.var(x, (1, 2), correction=0, keepdim=True)[:, 0],
    "std": lambda x: x.std(2, keepdim=True),
    "norm": lambda x: x.norm(dim=1) + torch.linalg.vector_norm(x, 2, 1),
    "normalize": F.normalize,
    "attention": lambda x: F.scaled_dot_product_attention(x, x.flip(2), -x, is_causal=True),
    "masked attention": lambda x: F.scaled_dot_product_attention(x, x, x, ~MASK | True),
    "attention by hand": lambda x: torch.softmax(x @ x.mT / 6**0.5, -1) @ x,
    "lp_pool1d": lambda x: F.lp_pool1d(x.flatten(2), 2, 3),
    "lp_pool2d": lambda x: F.lp_pool2d(x.abs(), 3.0, 2, ceil_mode=True),
}
MAXIMA = {
    "max_pool1d": lambda x: F.max_pool1d(x.flatten(2), 3, 2),
    "max_pool2d": lambda x: F.max_pool2d(x, 3, 1, 1),
    "max_pool2d indices": lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
    "max_pool3d": lambda x: F.max_pool3d(x[:, None], 2, ceil_mode=True),
    "torch.max_pool2d": lambda x: torch.max_pool2d(x, 2),
    "adaptive_max_pool1d": lambda x: F.adaptive_max_pool1d(x.flatten(2), 5),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, (2, 3)),
    "amax": lambda x: x.amax((1, 3)),
    "amin": lambda x: x.amin(-1, keepdim=True),
    "max": lambda x: x.max(1).values + x.max(dim=1, keepdim=True)[0][:, 0],
    "min": lambda x: x.min(2)[0],
    "maximum": lambda x: torch.maximum(x, x.flip(1)),
    "minimum": lambda x: torch.minimum(x, 0.3 * x.flip(1)) + torch.max(x, 0.5 * x),
}
ALL = [
    pytest.param(function, id=f"{group} {name}")
    for group, functions in {
        "linear": LINEAR,
        "nonlinearity": NONLINEARITIES,
        "product": PRODUCTS,
        "composed": COMPOSED,
        "maxima": MAXIMA,
    }.items()
    for name, function in functions.items()
]


class Between(nn.Module):
    """One function between a linear and two nonlinear layers."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function
        self.enter = nn.Conv2d(1, 4, 3)
        self.leave: nn.Module = nn.LazyLinear(5)
        self.last = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        values = self.function(self.enter(x))
        return self.last(self.leave(values.flatten(1)).tanh())


def between(function) -> nn.Module:
    model = Between(function).double()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model(randn(1, 1, 8, 8))
    return randomized(model)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.filterwarnings("ignore:summation-to-delta")  # of the casts to float32, checked below
@pytest.mark.parametrize("rule", ["rescale", "revealcancel"])
@pytest.mark.parametrize("function", ALL)
def test_contributions_sum_to_the_difference_of_the_logit(function, rule):
    model = between(function)
    inputs, baselines = randn(3, 1, 8, 8), randn(3, 1, 8, 8, seed=1)
    results = [
        deeplift(model, inputs, 1, baselines=reference, rule=rule, return_convergence_delta=True)
        for reference in (baselines, baselines[:1])
    ]
    with torch.no_grad():
        change = (model(inputs) - model(baselines))[:, 1]
        changes = change, (model(inputs) - model(baselines[:1]))[:, 1]
    # Casts to float32 and back round.
    for (result, delta), change in zip(results, changes, strict=True):
        torch.testing.assert_close(result.flatten(1).sum(1), change, atol=1e-6, rtol=0)
        assert delta.abs().max() < 1e-6
    # The references of the other rows do not matter.
    torch.testing.assert_close(results[0][0][:1], results[1][0][:1], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "function", [pytest.param(f, id=name) for name, f in LINEAR.items() if name != "dtypes"]
)
def test_a_linear_operation_passes_its_gradient(function):
    model = nn.Sequential(between(function).enter, Flattened(function), nn.LazyLinear(2)).double()
    model(randn(1, 1, 8, 8))
    randomized(model)
    inputs = randn(2, 1, 8, 8)
    result = deeplift(model, inputs, 0, baselines=0.3, rule="rescale")
    points = inputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(
        Undetached(model)(points)[:, 0].sum(), points, allow_unused=True
    )
    torch.testing.assert_close(result, gradient * (inputs - 0.3), atol=1e-10, rtol=0)


class Flattened(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x).flatten(1)


class Undetached(nn.Module):
    """Autograd does not pass what is detached, DeepLIFT does."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        # An affine function is its value at zero and its columns.
        with torch.no_grad():
            base = self.model(torch.zeros_like(x))
            size = x[0].numel()
            units = torch.eye(size, dtype=x.dtype).view(size, *x.shape[1:])
            columns = self.model(units) - base[:1]
        return base + x.flatten(1) @ columns


REFUSED = {
    "over the batch": (lambda x: x - x.mean(0), "mean.*first axis"),
    "all": (lambda x: x - x.mean(), "mean.*first axis"),
    "batch last": (lambda x: x.movedim(0, -1), "movedim.*first axis"),
    "batch second": (lambda x: x.transpose(0, 1).transpose(0, 1), "transpose.*first axis"),
    "rows reversed": (lambda x: x.flip(0), "flip.*rows"),
    "all reversed": (lambda x: x.roll(1), "roll.*rows"),
    "rows summed up": (lambda x: x.cumsum(0), "cumsum.*rows"),
    "rows dropped": (lambda x: x[1:], "__getitem__.*rows"),
    "rows chosen": (lambda x: x[torch.arange(len(x))], "__getitem__.*rows"),
    "one row": (lambda x: x + x[0], "__getitem__.*rows"),
    "rows one by one": (lambda x: torch.stack([2 * row for row in x]), "unbind.*first axis"),
    "rows joined": (lambda x: torch.cat([x, x]), "cat.*first axis"),
    "rows merged": (lambda x: x.reshape(-1, 6, 6), "reshape.*first axis"),
    "rows largest": (lambda x: x - x.amax((0, 1), keepdim=True), "amax.*rows"),
    "batch statistics": (
        lambda x: F.batch_norm(x, None, None, training=True),
        "batch_norm.*statistics of the batch",
    ),
    "a comparison": (lambda x: torch.where(x > 0, x, 0.1 * x), "gt.*jumps"),
    "an item": (lambda x: x * x[:, 0, 0, 0].tolist()[0], "tolist.*into Python"),
    "a branch": (lambda x: x if x.flatten(1).sum(1)[0] > 0 else -x, "__getitem__.*rows"),
    "a branch on a row": (lambda x: x if bool(x.amax((1, 2, 3))) else -x, "__bool__"),
    "an array": (lambda x: torch.from_numpy(x.numpy()), "numpy.*into Python"),
    "an unknown function": (lambda x: torch.special.i0(x), "special_i0.*nonlinearities="),
    "unknown function inside": (lambda x: torch.fft.fft(x).real, "fft_fft.*no rule"),
    "a softmax with memory": (lambda x: torch.softmax(x, 1, out=torch.empty_like(x)), "out="),
    "noise": (lambda x: x + torch.rand(x.shape).double(), "random"),
    "mask per row": (lambda x: x.masked_fill(torch.rand(x.shape) > 0.5, 0), "random"),
    "sorting": (lambda x: x.sort(1).values, "sort.*jumps"),
    "an active dropout": (lambda x: F.dropout(x, 0.5), "active at evaluation"),
    "rounding": (lambda x: x.div(2, rounding_mode="floor"), "rounding"),
    "integers": (lambda x: x.int().double(), "int32 rounds"),
    "rows with rows": (
        lambda x: torch.einsum("nchw,mchw->nm", x, x.flip(1))[:, :1],
        "einsum.*each other",
    ),
    "a diagonal": (lambda x: x[:, 0, 0, :].diagonal()[:, None], "diagonal.*rows"),
    "three factors": (lambda x: torch.einsum("nchw,nchw,nchw->nc", x, x, x), "two tensors"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_is_an_error_that_names_it(name):
    function, message = REFUSED[name]
    model = nn.Sequential(nn.Conv2d(1, 4, 3), Flattened(function), nn.LazyLinear(2)).double()
    with torch.no_grad():
        model[2] = nn.Linear(144, 2).double()
    with pytest.raises(UnsupportedOperationError, match=message):
        deeplift(model, randn(2, 1, 8, 8), 0)


@pytest.mark.parametrize("n_inputs", [1, 2, 3, 5])
@pytest.mark.parametrize("shared", [True, False])
def test_a_size_that_happens_to_be_that_of_the_batch_does_not_matter(n_inputs, shared):
    size = n_inputs + 1 if shared else 2 * n_inputs
    weight, index = randn(size, size), torch.arange(size).expand(size, size)
    functions = [
        lambda x: x @ weight,
        lambda x: torch.mm(x, weight) + weight[0],
        lambda x: torch.einsum("nk,kj->nj", x, weight),
        lambda x: torch.einsum("nk,nk->nk", x, weight[:1].expand(len(x), -1)),
        lambda x: F.linear(x, weight, weight[0]) * weight[0],
        lambda x: F.prelu(x, weight[0]),
        lambda x: x[:, index].sum(1),
        lambda x: F.conv1d(x[:, None], weight[:, None]).flatten(1),
    ]
    inputs, baselines = randn(n_inputs, size), randn(1 if shared else n_inputs, size, seed=1)
    for function in functions:
        _, delta = deeplift(function, inputs, 0, baselines=baselines, return_convergence_delta=True)
        assert delta.abs().max() < 1e-12
