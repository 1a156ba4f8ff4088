"""Attribution methods: axioms, closed forms, literal versions, and Captum."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
import torch
from captum.attr import GuidedBackprop, InputXGradient, IntegratedGradients, Saliency
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from tests.oracles.attribution import (
    Residual,
    Twice,
    literal_gradient,
    literal_integrated_gradients,
    literal_quadrature,
    nets,
)
from xgradient.attribution import (
    QUADRATURE_METHODS,
    expected_gradients,
    guided_backprop,
    input_x_gradient,
    integrated_gradients,
    quadrature,
    random_attribution,
    saliency,
    x_gradient,
)
from xgradient.attribution._first_layer import only_reader
from xgradient.homogeneous import NotHomogeneousError, evaluation_mode, remove_biases

slowly = settings(max_examples=25, deadline=None)
methods = st.sampled_from(QUADRATURE_METHODS)
WITHOUT_NODE_AT_ZERO = ("gausslegendre", "riemann_right", "riemann_middle")


class Function(nn.Module):
    """A net given by a function of its input."""

    def __init__(self, function, **modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, **dict(self.named_children()))


def close(actual: Tensor, expected: Tensor, tolerance: float = 1e-12) -> None:
    """Compare relative to the largest value of all: what cancels has no digits of its own."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    scale = max(float(expected.abs().max()), 1e-30)
    assert float((actual - expected).abs().max()) <= tolerance * scale


def without_sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make integrated_gradients run the first layer at every node."""
    # By its name in sys.modules, since the function hides the module in the package.
    module = sys.modules["xgradient.attribution.integrated_gradients"]
    monkeypatch.setattr(module, "only_reader", lambda *_: None)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def case() -> tuple[nn.Module, Tensor, Tensor]:
    """A net with biases, three images and their targets."""
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Dropout(),
        nn.Flatten(),
        nn.Linear(64, 5),
    ).double()
    return net, torch.randn(3, 2, 8, 8, dtype=torch.float64), torch.tensor([4, 0, 2])


EVERY_METHOD = {
    "saliency": saliency,
    "input_x_gradient": input_x_gradient,
    "x_gradient": lambda net, x, t: x_gradient(net, x, t, check=False),
    "integrated_gradients": lambda net, x, t: integrated_gradients(net, x, t, n_steps=4),
    "expected_gradients": lambda net, x, t: expected_gradients(
        net, x, t, baselines=torch.as_tensor(x).flip(0), generator=torch.Generator().manual_seed(1)
    ),
    "guided_backprop": guided_backprop,
}
every_method = pytest.mark.parametrize("method", EVERY_METHOD.values(), ids=EVERY_METHOD)


# --- Quadrature --------------------------------------------------------------------------------


@given(methods, st.integers(2, 130))
@slowly
def test_quadrature_is_the_textbook_rule(method, n_steps):
    alphas, weights = quadrature(method, n_steps)
    expected = torch.tensor(literal_quadrature(method, n_steps), dtype=torch.float64)
    torch.testing.assert_close(torch.stack([alphas, weights], 1), expected, rtol=1e-10, atol=1e-13)
    assert float(weights.sum()) == pytest.approx(1, abs=1e-13)
    assert (alphas.diff() > 0).all()
    assert alphas.min() >= 0
    assert alphas.max() <= 1


@pytest.mark.parametrize(
    ("method", "n_steps", "degree"),
    [
        ("gausslegendre", 1, 1),
        ("gausslegendre", 5, 9),
        ("riemann_middle", 1, 1),
        ("riemann_trapezoid", 2, 1),
        ("riemann_left", 1, 0),
        ("riemann_right", 1, 0),
    ],
)
def test_quadrature_integrates_polynomials_up_to_its_degree(method, n_steps, degree):
    alphas, weights = quadrature(method, n_steps)
    for power in range(degree + 1):
        assert float((weights * alphas**power).sum()) == pytest.approx(1 / (power + 1), abs=1e-14)
    power = degree + 1
    assert float((weights * alphas**power).sum()) != pytest.approx(1 / (power + 1), abs=1e-9)


def test_quadrature_dtype():
    alphas, weights = quadrature("gausslegendre", 3, torch.float32)
    assert alphas.dtype == weights.dtype == torch.float32


@pytest.mark.parametrize(
    ("method", "n_steps", "error", "message"),
    [
        ("simpson", 4, ValueError, "simpson.*gausslegendre"),
        ("gausslegendre", 0, ValueError, "at least 1"),
        ("riemann_left", -3, ValueError, "at least 1"),
        ("riemann_trapezoid", 1, ValueError, "at least 2"),
        ("gausslegendre", 2.0, TypeError, "integer"),
        ("gausslegendre", True, TypeError, "integer"),
    ],
)
def test_impossible_rules_are_refused(case, method, n_steps, error, message):
    with pytest.raises(error, match=message):
        quadrature(method, n_steps)
    with pytest.raises(error, match=message):
        integrated_gradients(*case, method=method, n_steps=n_steps)


def test_integers_of_numpy_are_integers():
    assert len(quadrature("gausslegendre", np.int64(3))[0]) == 3


# --- Homogeneous nets: XG is IG ----------------------------------------------------------------


@given(nets(), st.sampled_from(WITHOUT_NODE_AT_ZERO), st.integers(1, 40), st.booleans())
@slowly
def test_x_gradient_is_integrated_gradients(case, method, n_steps, sharing):
    net, inputs, target = case
    with pytest.MonkeyPatch.context() as monkeypatch:
        if not sharing:
            without_sharing(monkeypatch)
        ig, delta = integrated_gradients(
            net, inputs, target, n_steps=n_steps, method=method, return_convergence_delta=True
        )
    xg = x_gradient(net, inputs, target)
    close(xg, ig)
    assert (delta.abs() <= 1e-12 * ig.abs().sum()).all()
    with evaluation_mode(net):
        logits = net(inputs.clone())
    close(xg.flatten(1).sum(1), logits.gather(1, target[:, None])[:, 0].detach(), 1e-10)


@pytest.mark.parametrize("n_steps", [2, 5, 50])
@pytest.mark.parametrize(
    ("method", "lost"),
    [("riemann_left", lambda n: 1 / n), ("riemann_trapezoid", lambda n: 1 / (2 * (n - 1)))],
)
def test_a_node_at_zero_loses_its_weight(case, method, lost, n_steps):
    net, inputs, target = case
    net = remove_biases(net)
    ig = integrated_gradients(net, inputs, target, n_steps=n_steps, method=method)
    close(ig, (1 - lost(n_steps)) * x_gradient(net, inputs, target))


class Power(nn.Module):
    """A power of the positive part of the outputs of a net."""

    def __init__(self, body: nn.Module, degree: float) -> None:
        super().__init__()
        self.body = body
        self.degree = degree

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).abs() ** self.degree


@given(nets(), st.sampled_from([0.5, 1, 2, 3]))
@slowly
def test_closed_form_of_other_degrees(case, degree):
    body, inputs, target = case
    net = Power(body, degree)
    with evaluation_mode(net):
        logits = net(inputs.clone()).detach()
    if (logits < 1e-3).any():
        return  # where the root has no gradient
    xg = x_gradient(net, inputs, target, degree=degree)
    close(xg.flatten(1).sum(1), logits.gather(1, target[:, None])[:, 0], 1e-9)
    if degree >= 1:  # the integral of a polynomial of degree k - 1 in alpha
        close(xg, integrated_gradients(net, inputs, target, n_steps=3), 1e-10)


def test_closed_form_of_a_product_of_two_nets(case):
    _, inputs, target = case
    first, second = (
        remove_biases(nn.Sequential(nn.Flatten(), nn.Linear(128, 9), nn.ReLU(), nn.Linear(9, 5)))
        for _ in range(2)
    )
    net = Function(lambda x, a, b: a(x) * b(x), a=first, b=second).double()
    close(
        x_gradient(net, inputs, target, degree=2),
        integrated_gradients(net, inputs, target, n_steps=1),
    )
    with pytest.raises(NotHomogeneousError, match="degree 2, not 1"):
        x_gradient(net, inputs, target)


def test_x_gradient_refuses_what_is_not_homogeneous_unless_told_not_to_check(case):
    net, inputs, target = case
    with pytest.raises(NotHomogeneousError, match="bias") as caught:
        x_gradient(net, inputs, target)
    assert caught.value.module_name == "0"
    unchecked = x_gradient(net, inputs, target, check=False)
    close(unchecked, input_x_gradient(net, inputs, target))


def test_x_gradient_checks_an_image_that_shows_something(case):
    _, inputs, target = case
    net = Function(lambda x: x.flatten(1).tanh())
    inputs[0] = 0
    with pytest.raises(NotHomogeneousError):
        x_gradient(net, inputs, target)


def test_x_gradient_of_images_of_zeros_is_zero(case):
    net, inputs, target = case
    assert not x_gradient(remove_biases(net), torch.zeros_like(inputs), target).any()


@pytest.mark.parametrize("degree", [0, -1, float("nan")])
def test_x_gradient_needs_a_positive_degree(case, degree):
    with pytest.raises(ValueError, match="positive"):
        x_gradient(*case, degree=degree)


# --- Axioms ------------------------------------------------------------------------------------


def test_completeness_on_a_smooth_net(case):
    _, inputs, target = case
    net = nn.Sequential(nn.Flatten(), nn.Linear(128, 9), nn.Tanh(), nn.Linear(9, 5)).double()
    baselines = torch.randn_like(inputs)
    ig, delta = integrated_gradients(
        net, inputs, target, baselines=baselines, n_steps=64, return_convergence_delta=True
    )
    change = (net(inputs) - net(baselines)).gather(1, target[:, None])[:, 0].detach()
    close(ig.flatten(1).sum(1), change, 1e-10)
    assert delta.shape == (3,)
    assert (delta.abs() < 1e-10).all()


@pytest.mark.parametrize("baselines", [None, 0.3, "shared", "each"])
def test_convergence_delta_is_what_the_sum_misses(case, baselines):
    net, inputs, target = case
    if baselines == "shared":
        baselines = torch.randn_like(inputs[0])
    elif baselines == "each":
        baselines = torch.randn_like(inputs)
    ig, delta = integrated_gradients(
        net, inputs, target, baselines=baselines, n_steps=3, return_convergence_delta=True
    )
    starts = torch.zeros_like(inputs) + (0 if baselines is None else baselines)
    net.eval()
    for n in range(3):
        change = (net(inputs[n : n + 1]) - net(starts[n : n + 1]))[0, target[n]].detach()
        assert float(delta[n]) == pytest.approx(float(ig[n].sum() - change), abs=1e-12)
    assert delta.abs().max() > 1e-6


@given(nets(bias=True), methods, st.floats(-3, 3))
@slowly
def test_linearity(case, method, factor):
    net, inputs, target = case
    torch.manual_seed(7)
    other = nn.Sequential(nn.Flatten(), nn.Linear(inputs[0].numel(), 9), nn.ReLU())
    other = other.append(nn.Linear(9, net[-1].out_features)).double()
    both = Function(lambda x, a, b: a(x.clone()) + factor * b(x), a=net, b=other)
    options = {"n_steps": 4, "method": method}
    expected = integrated_gradients(net, inputs, target, **options)
    expected = expected + factor * integrated_gradients(other, inputs, target, **options)
    close(integrated_gradients(both, inputs, target, **options), expected)
    expected = input_x_gradient(net, inputs, target)
    expected = expected + factor * input_x_gradient(other, inputs, target)
    close(input_x_gradient(both, inputs, target), expected)


def few_steps(net: nn.Module, inputs: Tensor, target: Tensor) -> Tensor:
    return integrated_gradients(net, inputs, target, n_steps=8)


@given(st.integers(0, 2**31), st.booleans())
@slowly
def test_implementation_invariance(seed, bias):
    torch.manual_seed(seed)
    first, last = nn.Linear(5, 8, bias=bias).double(), nn.Linear(8, 3, bias=bias).double()
    net = nn.Sequential(first, nn.ReLU(), last)
    # The same function: hidden units in another order, each scaled and scaled back.
    order, scale = torch.randperm(8), torch.rand(8, dtype=torch.float64) + 0.5
    other = nn.Sequential(nn.Linear(5, 8, bias=bias), nn.ReLU(), nn.Linear(8, 3, bias=bias))
    other = other.double()
    with torch.no_grad():
        other[0].weight.copy_((scale[:, None] * first.weight)[order])
        other[2].weight.copy_((last.weight / scale)[:, order])
        if bias:
            other[0].bias.copy_((scale * first.bias)[order])
            other[2].bias.copy_(last.bias)
    inputs, target = torch.randn(4, 5, dtype=torch.float64), torch.randint(3, (4,))
    for method in (saliency, input_x_gradient, few_steps):
        close(method(net, inputs, target), method(other, inputs, target), 1e-10)
    if not bias:
        close(x_gradient(net, inputs, target), x_gradient(other, inputs, target), 1e-10)


@given(st.integers(0, 2**31))
@slowly
def test_symmetry_and_dummy(seed):
    torch.manual_seed(seed)
    net = remove_biases(nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))).double()
    inputs, target = torch.randn(4, 5, dtype=torch.float64), torch.randint(3, (4,))
    with torch.no_grad():
        net[0].weight[:, 1] = net[0].weight[:, 0]
        net[0].weight[:, 2] = 0
    inputs[:, 1] = inputs[:, 0]
    for method in (x_gradient, few_steps, input_x_gradient):
        result = method(net, inputs, target)
        close(result[:, 0], result[:, 1])
        assert not result[:, 2].any()


@given(nets(), st.floats(0.01, 100))
@slowly
def test_contrast_scales_the_attribution_and_keeps_the_decision(case, contrast):
    net, inputs, target = case
    close(
        x_gradient(net, contrast * inputs, target), contrast * x_gradient(net, inputs, target), 1e-9
    )
    with evaluation_mode(net):
        logits, scaled = net(inputs.clone()), net(contrast * inputs)
    torch.testing.assert_close(scaled, contrast * logits, rtol=1e-9, atol=1e-12)


# --- Captum and literal versions ---------------------------------------------------------------


@given(nets(bias=True), methods, st.integers(2, 20), st.booleans())
@slowly
def test_integrated_gradients_of_captum(case, method, n_steps, with_baseline):
    net, inputs, target = case
    baselines = torch.randn_like(inputs) if with_baseline else torch.zeros_like(inputs)
    ours = integrated_gradients(
        net, inputs, target, baselines=baselines, n_steps=n_steps, method=method
    )
    with evaluation_mode(net):
        # Captum passes a leaf, which a net that works in place from the start may not change.
        captum = IntegratedGradients(lambda x: net(x.clone())).attribute(
            inputs, baselines, target, n_steps=n_steps, method=method
        )
    if method == "riemann_trapezoid":
        # Its n weights are 1/n and 1/(2n) for nodes at a distance of 1/(n - 1).
        captum = captum * n_steps / (n_steps - 1)
    close(ours, captum, 1e-6)


def test_the_trapezoid_of_captum_falls_short(case):
    _, inputs, target = case
    linear = nn.Sequential(nn.Flatten(), nn.Linear(128, 5)).double()
    captum = IntegratedGradients(linear).attribute(
        inputs, target=target, n_steps=50, method="riemann_trapezoid"
    )
    ours = integrated_gradients(linear, inputs, target, n_steps=50, method="riemann_trapezoid")
    close(ours, input_x_gradient(linear, inputs, target))
    close(captum, 0.98 * ours, 1e-6)


@given(nets(bias=True), methods, st.integers(2, 4), st.integers(1, 9))
@slowly
def test_integrated_gradients_of_the_definition(case, method, n_steps, internal_batch_size):
    net, inputs, target = case
    baselines = torch.randn_like(inputs)
    ours = integrated_gradients(
        net,
        inputs,
        target,
        baselines=baselines,
        n_steps=n_steps,
        method=method,
        internal_batch_size=internal_batch_size,
    )
    with evaluation_mode(net):
        literal = literal_integrated_gradients(net, inputs, target, baselines, method, n_steps)
    close(ours, literal)


@given(nets(bias=True))
@slowly
def test_gradients_of_captum_and_of_the_definition(case):
    net, inputs, target = case
    gradient = saliency(net, inputs, target)
    with evaluation_mode(net):
        literal = [literal_gradient(net, x, int(t)) for x, t in zip(inputs, target, strict=True)]
        leaf = inputs.clone().requires_grad_()
        captum = Saliency(lambda x: net(x.clone())).attribute(leaf, target)
        product = InputXGradient(lambda x: net(x.clone())).attribute(leaf, target)
    close(gradient, torch.stack(literal))
    close(saliency(net, inputs, target, abs=True), captum.detach())
    close(input_x_gradient(net, inputs, target), product.detach())


@pytest.mark.parametrize(
    ("baselines", "literal"),
    [
        (None, lambda x: torch.zeros_like(x)),
        (0.5, lambda x: torch.full_like(x, 0.5)),
        (2, lambda x: torch.full_like(x, 2)),
        (torch.tensor(0.5), lambda x: torch.full_like(x, 0.5)),
        (torch.tensor([1.0, 2.0]).view(2, 1, 1), lambda x: BY_CHANNEL + torch.zeros_like(x)),
        (torch.tensor([1.0, 2.0]).view(1, 2, 1, 1), lambda x: BY_CHANNEL + torch.zeros_like(x)),
        (torch.arange(3.0).view(3, 1, 1, 1), lambda x: BY_IMAGE + torch.zeros_like(x)),
    ],
)
@pytest.mark.parametrize("internal_batch_size", [1, 2, 7])
def test_baselines_broadcast(case, baselines, literal, internal_batch_size):
    net, inputs, target = case
    ours = integrated_gradients(
        net, inputs, target, baselines=baselines, n_steps=3, internal_batch_size=internal_batch_size
    )
    net.eval()
    expected = literal_integrated_gradients(
        net, inputs, target, literal(inputs), "gausslegendre", 3
    )
    close(ours, expected)


BY_CHANNEL = torch.tensor([1.0, 2.0], dtype=torch.float64).view(1, 2, 1, 1)
BY_IMAGE = torch.arange(3.0, dtype=torch.float64).view(3, 1, 1, 1)


@pytest.mark.parametrize(
    ("baselines", "error"),
    [
        (torch.zeros(2, 2, 8, 8), "must broadcast.*got"),
        (torch.zeros(3, 2, 8, 7), "must broadcast.*got"),
        (torch.zeros(1, 3, 2, 8, 8), "must broadcast.*got"),
        (float("nan"), "NaN"),
    ],
)
def test_impossible_baselines_are_refused(case, baselines, error):
    with pytest.raises(ValueError, match=error):
        integrated_gradients(*case, baselines=baselines)


# --- The shared first layer --------------------------------------------------------------------


@given(nets(bias=True), methods, st.integers(2, 9), st.sampled_from([1, 2, 5, None]), st.booleans())
@slowly
def test_sharing_the_first_layer_changes_nothing(case, method, n_steps, rows, with_baseline):
    net, inputs, target = case
    options = {
        "baselines": torch.randn_like(inputs) if with_baseline else None,
        "n_steps": n_steps,
        "method": method,
        "internal_batch_size": rows,
    }
    with evaluation_mode(net):
        assert only_reader(net, inputs[:1]) is net[0]
    shared = integrated_gradients(net, inputs, target, **options)
    assert "forward" not in vars(net[0])
    with pytest.MonkeyPatch.context() as monkeypatch:
        without_sharing(monkeypatch)
        close(shared, integrated_gradients(net, inputs, target, **options))


class DoublingFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


class Biased(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


def conv(out: int = 2) -> nn.Conv2d:
    return nn.Conv2d(2, out, 3, padding=1).double()


def hooked(kind: str, hook) -> nn.Module:
    layer = conv()
    getattr(layer, f"register_{kind}_hook")(hook)
    return layer


def patched() -> nn.Module:
    layer = conv()
    layer.forward = lambda x: functional.conv2d(x, layer.weight, padding=1).relu()
    return layer


READ_TWICE = {
    "skip connection": Function(lambda x, c: x + c(x), c=conv()),
    "in place skip connection": Function(lambda x, c: c(x).add_(x), c=conv()),
    "skip of a view": Function(lambda x, c: c(x) + x.view(x.shape), c=conv()),
    "skip of a list": Function(lambda x, c: torch.cat([c(x), x], 1), c=conv()),
    "keyword": Function(lambda x, c: torch.add(c(x), other=x), c=conv()),
    "custom function": Function(lambda x, c: c(x) + DoublingFunction.apply(x), c=conv()),
    "mask": Function(lambda x, c: c(x) * (x > 0), c=conv()),
    "mask of the data": Function(lambda x, c: c(x) * (x.data > 0), c=conv()),
    "decision": Function(lambda x, c: c(x) if x.sum() > 0 else 2 * c(x), c=conv()),
    "norm": Function(lambda x, c: c(x) * x.detach().norm(), c=conv()),
    "two layers": Function(lambda x, a, b: a(x) + b(x), a=conv(), b=conv()),
    "layer used again": Function(lambda x, c: c(c(x).relu()), c=conv()),
    "layer used twice on the input": Function(lambda x, c: c(x) + c(x).relu(), c=conv()),
    "scaled before": Function(lambda x, c: c(2 * x), c=conv()),
    "not a layer": Function(lambda x, c: c(x.relu()), c=conv()),
    "functional": Function(lambda x, c: functional.conv2d(x, c.weight, padding=1), c=conv()),
    "subclass": Function(lambda x, c: c(x), c=Biased(2, 2, 3, padding=1).double()),
    "hook": Function(lambda x, c: c(x), c=hooked("forward", lambda m, args, h: h.relu())),
    "pre-hook": Function(
        lambda x, c: c(x), c=hooked("forward_pre", lambda m, args: (args[0].relu(),))
    ),
    "backward hook": Function(
        lambda x, c: c(x), c=hooked("full_backward", lambda m, into, out: (into[0].relu(),))
    ),
    "backward pre-hook": Function(
        lambda x, c: c(x), c=hooked("full_backward_pre", lambda m, out: (out[0].relu(),))
    ),
    "patched forward": Function(lambda x, c: c(x), c=patched()),
    "parametrised": Function(
        lambda x, c: c(x), c=nn.utils.parametrizations.weight_norm(conv(), dim=0)
    ),
    "input twice": Function(lambda x, c: c(input=x), c=conv()),
}


@pytest.mark.parametrize("body", READ_TWICE.values(), ids=READ_TWICE)
@pytest.mark.parametrize("sign", [1, -1])
def test_other_readers_of_the_input_are_seen(body, sign):
    net = nn.Sequential(body, nn.ReLU(), nn.Flatten())
    inputs = torch.randn(2, 2, 5, 5, dtype=torch.float64)
    inputs = sign * inputs * inputs.flatten(1).sum(1).sign().view(2, 1, 1, 1)
    target = torch.tensor([3, 30])
    baselines = torch.randn_like(inputs)
    # One row per pass, since some of these nets look at all of their batch.
    ours = integrated_gradients(
        net, inputs, target, baselines=baselines, n_steps=4, internal_batch_size=1
    )
    literal = literal_integrated_gradients(net, inputs, target, baselines, "gausslegendre", 4)
    close(ours, literal)
    with evaluation_mode(net):
        assert only_reader(net, inputs[:1]) is None


def test_a_layer_used_again_where_the_first_image_does_not_show_it():
    def forward(x: Tensor, c: nn.Module) -> Tensor:
        hidden = c(x)
        return hidden + functional.relu(c(hidden) - 99)

    net = nn.Sequential(Function(forward, c=conv()), nn.Flatten())
    inputs = torch.randn(2, 2, 5, 5, dtype=torch.float64)
    inputs[1] *= 1000
    target, baselines = torch.tensor([30, 30]), torch.zeros_like(inputs)
    literal = literal_integrated_gradients(net, inputs, target, baselines, "gausslegendre", 4)
    close(integrated_gradients(net, inputs, target, n_steps=4), literal)


def test_a_reader_that_torch_functions_do_not_show():
    def extension(x: Tensor) -> Tensor:
        with torch._C.DisableTorchFunction():
            return x * x

    net = nn.Sequential(Function(lambda x, c: c(x) + extension(x), c=conv()), nn.Flatten())
    inputs = torch.randn(2, 2, 5, 5, dtype=torch.float64)
    target, baselines = torch.tensor([3, 30]), torch.zeros_like(inputs)
    literal = literal_integrated_gradients(net, inputs, target, baselines, "gausslegendre", 4)
    close(integrated_gradients(net, inputs, target, n_steps=4), literal)


def test_the_shape_of_the_input_may_be_read_anywhere():
    first = conv()
    net = Function(
        lambda x, c: c(x).relu().view(x.size(0), x.shape[1] * 25, *x.shape[4:]).to(x.device),
        c=first,
    )
    inputs, target = torch.randn(2, 2, 5, 5, dtype=torch.float64), torch.tensor([3, 30])
    with evaluation_mode(net):
        assert only_reader(net, inputs[:1]) is first
    baselines = torch.zeros_like(inputs)
    literal = literal_integrated_gradients(net, inputs, target, baselines, "riemann_middle", 4)
    ours = integrated_gradients(net, inputs, target, n_steps=4, method="riemann_middle")
    close(ours, literal)


def test_a_compiled_module_is_run_in_full(case):
    net, inputs, target = case
    net = net.eval()
    expected = integrated_gradients(net, inputs, target, n_steps=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(net, inputs)
    assert only_reader(traced, inputs[:1]) is None
    close(integrated_gradients(traced, inputs, target, n_steps=3), expected)


@pytest.mark.parametrize("internal_batch_size", [1, 2, 3, 5, 12, None])
@pytest.mark.parametrize("sharing", [True, False])
def test_rows_in_the_net_are_bounded(case, internal_batch_size, sharing, monkeypatch):
    net, inputs, target = case
    if not sharing:
        without_sharing(monkeypatch)
    seen = []
    net[1].register_forward_hook(lambda module, args, output: seen.append(len(output)))
    for n_steps in (1, 7, 40):
        seen.clear()
        integrated_gradients(
            net,
            inputs,
            target,
            n_steps=n_steps,
            internal_batch_size=internal_batch_size,
            return_convergence_delta=True,
        )
        assert max(seen) <= (internal_batch_size or 16)
        # Every node of every image once; and the two ends, the baseline being one for all images.
        # Besides, one image to see the shape of the logits, and two to find the first layer.
        assert sum(seen) == 3 * n_steps + 3 + 1 + 1 + (2 if sharing else 0)


def test_by_default_a_large_batch_is_one_pass_per_node(case):
    net = case[0]
    seen = []
    net[1].register_forward_hook(lambda module, args, output: seen.append(len(output)))
    inputs = torch.randn(20, 2, 8, 8, dtype=torch.float64)
    integrated_gradients(net, inputs, torch.zeros(20, dtype=torch.long), n_steps=3)
    assert sorted(seen) == [1, 1, 1, 20, 20, 20]


def test_a_wrong_target_is_named_by_its_place_in_the_whole_batch(case):
    net, inputs, _ = case
    with pytest.raises(ValueError, match=r"target\[2\] = 9"):
        integrated_gradients(net, inputs, torch.tensor([0, 1, 9]), internal_batch_size=1)


@pytest.mark.parametrize("rows", [0, -1])
def test_rows_must_be_positive(case, rows):
    with pytest.raises(ValueError, match="internal_batch_size"):
        integrated_gradients(*case, internal_batch_size=rows)


# --- Expected gradients and random attribution -------------------------------------------------


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_expected_gradients_draw_a_reference_for_each_image():
    weight = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    net = Function(lambda x: x @ weight.T)
    inputs, references = torch.randn(50, 2).double(), torch.randn(4, 2).double()
    target = torch.zeros(50, dtype=torch.long)
    result = expected_gradients(net, inputs, target, baselines=references, generator=generator())
    drawn = inputs - result / weight
    distances = (drawn[:, None] - references).abs().amax(2)
    assert (distances.min(1).values < 1e-12).all()
    assert len(distances.argmin(1).unique()) == 4


def test_expected_gradients_draw_a_point_of_the_path_for_each_image():
    net = Function(lambda x: x.square().sum(1, keepdim=True) / 2)
    inputs, references = torch.full((200, 1), 3.0).double(), torch.ones(1, 1).double()
    target = torch.zeros(200, dtype=torch.long)
    result = expected_gradients(net, inputs, target, baselines=references, generator=generator())
    alphas = (result / 2 - 1) / 2  # (x - r) (r + alpha (x - r))
    assert alphas.min() >= 0
    assert alphas.max() < 1
    assert len(alphas.unique()) == 200
    assert float(alphas.mean()) == pytest.approx(0.5, abs=0.1)
    assert float(alphas.var()) == pytest.approx(1 / 12, abs=0.03)


def test_expected_gradients_average_over_draws(case):
    net, inputs, target = case
    source = generator(3)
    draws = [
        expected_gradients(net, inputs, target, baselines=inputs, n_references=1, generator=source)
        for _ in range(5)
    ]
    assert not torch.equal(draws[0], draws[1])
    average = expected_gradients(
        net, inputs, target, baselines=inputs, n_references=5, generator=generator(3)
    )
    close(average, torch.stack(draws).mean(0))


def test_expected_gradients_approach_the_mean_of_integrated_gradients():
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    inputs, references = torch.randn(1, 3).double(), torch.randn(5, 3).double()
    target = torch.tensor([1])
    expected = [
        integrated_gradients(net, inputs, target, baselines=reference, n_steps=300)
        for reference in references
    ]
    # Copies of the image, since one draw serves all of them in one pass.
    many = expected_gradients(
        net,
        inputs.expand(20000, -1),
        target.expand(20000),
        baselines=references,
        generator=generator(),
    )
    close(many.mean(0, keepdim=True), torch.stack(expected).mean(0), 0.03)


def test_expected_gradients_repeat_with_their_generator(case):
    net, inputs, target = case
    first, second = (
        expected_gradients(net, inputs, target, baselines=inputs, generator=generator(1))
        for _ in range(2)
    )
    assert torch.equal(first, second)
    torch.manual_seed(5)
    first = expected_gradients(net, inputs, target, baselines=inputs)
    assert not torch.equal(first, expected_gradients(net, inputs, target, baselines=inputs))
    torch.manual_seed(5)
    assert torch.equal(first, expected_gradients(net, inputs, target, baselines=inputs))


@pytest.mark.parametrize(
    ("references", "n_references", "message"),
    [
        (torch.ones(4, 2, 8, 7), 1, r"baselines must have shape \(R, 2, 8, 8\)"),
        (torch.ones(0, 2, 8, 8), 1, "non-empty"),
        (torch.ones(4, 2, 8, 8), 0, "n_references"),
    ],
)
def test_impossible_references_are_refused(case, references, n_references, message):
    net, inputs, target = case
    with pytest.raises(ValueError, match=message):
        expected_gradients(net, inputs, target, baselines=references, n_references=n_references)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_random_attribution_is_uniform(dtype):
    inputs = torch.ones(20, 3, 20, 20, dtype=dtype)
    arguments = (nn.Identity(), inputs, torch.zeros(20, dtype=torch.long))
    result = random_attribution(*arguments, generator=generator())
    assert result.shape == inputs.shape
    assert result.dtype == dtype
    assert result.min() >= -0.5
    assert result.max() <= 0.5
    values = result.double()
    assert float(values.mean()) == pytest.approx(0, abs=0.01)
    assert float(values.var()) == pytest.approx(1 / 12, abs=0.002)
    # Independent between images and between channels.
    assert float(np.abs(np.corrcoef(values.flatten(2)[0])[0, 1])) < 0.2
    assert not torch.equal(result[0], result[1])
    assert torch.equal(result, random_attribution(*arguments, generator=generator()))


# --- Guided backpropagation --------------------------------------------------------------------


def captum_guided(net: nn.Module, inputs: Tensor, target: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return GuidedBackprop(net).attribute(inputs.clone(), target).detach()


def guided_net(in_place: bool = False) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.ReLU(in_place),
        nn.MaxPool2d(2),
        Residual(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(in_place))),
        nn.LeakyReLU(),
        nn.Flatten(),
        nn.Linear(36, 7),
        nn.ReLU(in_place),
        nn.Linear(7, 5),
    ).double()


@given(st.integers(0, 2**31))
@slowly
def test_guided_backprop_of_captum(seed):
    torch.manual_seed(seed)
    net, in_place = guided_net(), guided_net(in_place=True)
    in_place.load_state_dict(net.state_dict())
    inputs, target = torch.randn(3, 2, 8, 8, dtype=torch.float64), torch.randint(5, (3,))
    expected = captum_guided(net, inputs, target)
    close(guided_backprop(net, inputs, target), expected)
    close(guided_backprop(in_place, inputs, target), expected)


@pytest.mark.parametrize(
    "relu",
    [
        functional.relu,
        lambda h: functional.relu(h, True),
        lambda h: functional.relu(input=h, inplace=True),
        torch.relu,
        lambda h: torch.relu(input=h),
        lambda h: torch.relu_(h),
        functional.relu_,
        Tensor.relu,
        lambda h: h.relu(),
        lambda h: h.relu_(),
    ],
)
def test_guided_backprop_of_functional_relus(relu, case):
    _, inputs, target = case
    first, last = nn.Linear(128, 9).double(), nn.Linear(9, 5).double()
    modules = nn.Sequential(nn.Flatten(), first, nn.ReLU(), last)
    net = Function(lambda x, a, b: b(relu(a(x.flatten(1)))), a=first, b=last)
    close(guided_backprop(net, inputs, target), captum_guided(modules, inputs, target))


def test_guided_backprop_keeps_what_in_place_means(case):
    _, inputs, target = case

    def forward(x: Tensor, a: nn.Module, b: nn.Module) -> Tensor:
        hidden = a(x.flatten(1))
        hidden.relu_()  # the result is not looked at
        return b(hidden)

    first, last = nn.Linear(128, 9).double(), nn.Linear(9, 5).double()
    modules = nn.Sequential(nn.Flatten(), first, nn.ReLU(), last)
    net = Function(forward, a=first, b=last)
    close(guided_backprop(net, inputs, target), captum_guided(modules, inputs, target))


def test_guided_backprop_of_a_relu_used_again():
    inputs, target = torch.randn(3, 6, dtype=torch.float64), torch.tensor([0, 1, 1])
    a, b, c = (nn.Linear(*shape).double() for shape in ((6, 6), (6, 6), (6, 2)))
    relu = nn.ReLU()
    reused = nn.Sequential(a, relu, b, relu, c)
    unrolled = nn.Sequential(a, nn.ReLU(), b, nn.ReLU(), c)
    close(guided_backprop(reused, inputs, target), captum_guided(unrolled, inputs, target))


def test_guided_backprop_by_hand():
    # z = -ReLU(x0) + 2 ReLU(x1) - 3 ReLU(x2): only a positive gradient at an active unit is left.
    net = nn.Sequential(nn.ReLU(), nn.Linear(3, 1, bias=False))
    net[1].weight.data = torch.tensor([[-1.0, 2.0, -3.0]])
    result = guided_backprop(net, torch.tensor([[1.0, 1.0, -1.0]]), torch.tensor([0]))
    assert result.tolist() == [[0, 2, 0]]
    result = guided_backprop(net, torch.tensor([[1.0, -1.0, 0.0]]), torch.tensor([0]))
    assert result.tolist() == [[0, 0, 0]]


def test_guided_backprop_without_relus_is_the_gradient(case):
    _, inputs, target = case
    net = nn.Sequential(nn.Flatten(), nn.Linear(128, 9), nn.Tanh(), nn.Linear(9, 5)).double()
    close(guided_backprop(net, inputs, target), saliency(net, inputs, target))


def test_guided_backprop_refuses_compiled_modules(case):
    net, inputs, target = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net[1] = torch.jit.script(nn.ReLU())
    with pytest.raises(ValueError, match="'1'"):
        guided_backprop(net, inputs, target)


def test_plain_gradients_are_plain_again_after_guided_backprop(case):
    net, inputs, target = case
    before = saliency(net, inputs, target)
    assert not torch.equal(guided_backprop(net, inputs, target), before)
    net[0].register_forward_pre_hook(lambda module, args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        guided_backprop(net, inputs, target)
    net[0]._forward_pre_hooks.clear()
    assert torch.equal(saliency(net, inputs, target), before)


# --- What holds for all methods ----------------------------------------------------------------


@every_method
def test_nothing_is_left_behind(method, case):
    net, inputs, target = case
    net.train()
    net[2].eval()
    net[0].weight.requires_grad_(False)
    inputs.requires_grad_()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    values = inputs.detach().clone()
    result = method(net, inputs, target)
    assert result.shape == inputs.shape
    assert not result.requires_grad
    assert result.grad_fn is None
    assert inputs.grad is None
    assert torch.equal(inputs, values)
    assert [module.training for module in net] == [True, True, False, True, True]
    assert net.training
    assert not net[0].weight.requires_grad
    assert net[0].bias.requires_grad
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(torch.equal(net.state_dict()[key], value) for key, value in before.items())
    for module in net.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
        assert "forward" not in vars(module)


@every_method
def test_nothing_is_left_behind_after_a_crash(method, case):
    net, inputs, target = case
    net.train()
    calls = []

    def crash(x: Tensor) -> Tensor:
        calls.append(len(x))
        # Late enough for integrated_gradients to be in the middle of its path.
        if len(calls) == 4 or method is not EVERY_METHOD["integrated_gradients"]:
            raise ArithmeticError
        return x

    net[3] = nn.Sequential(Function(crash), nn.Flatten())
    with pytest.raises(ArithmeticError):
        method(net, inputs, target)
    assert all(module.training for module in net.modules())
    for module in net.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
        assert "forward" not in vars(module)
    assert torch.is_grad_enabled()


@every_method
def test_parameters_gradients_are_kept(method, case):
    net, inputs, target = case
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    method(net, inputs, target)
    assert all((parameter.grad == 1).all() for parameter in net.parameters())


@every_method
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_gradients_may_be_switched_off(method, case, context):
    net, inputs, target = case
    expected = method(net, inputs, target)
    with context():
        close(method(net, inputs, target), expected)
        # Tensors that were made in here, as a loader in here would.
        made, made_target = inputs + 0, target + 0
        result = method(net, made, made_target)
        assert not torch.is_grad_enabled()
    close(result, expected)
    close(method(net, made, made_target), expected)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    close(method(net, inputs, target), expected)


def test_baselines_and_references_of_inference_mode(case):
    net, inputs, target = case
    with torch.inference_mode():
        made = inputs.flip(0) + 0
        first = integrated_gradients(net, inputs, target, baselines=made, n_steps=3)
        single = integrated_gradients(net, inputs, target, baselines=made.float(), n_steps=3)
    close(first, integrated_gradients(net, inputs, target, baselines=inputs.flip(0), n_steps=3))
    close(single, first, 1e-5)


@every_method
def test_evaluation_mode_is_used(method, case):
    net, inputs, target = case
    expected = method(net.eval(), inputs, target)
    close(method(net.train(), inputs, target), expected)


@every_method
def test_nets_that_work_in_place(method, case):
    _, inputs, target = case
    body = nn.Sequential(nn.Flatten(), nn.Linear(128, 9), nn.ReLU(), nn.Linear(9, 5)).double()
    expected = method(nn.Sequential(nn.ReLU(), body), inputs, target)
    body[2].inplace = True
    before = inputs.clone()
    close(method(nn.Sequential(nn.ReLU(inplace=True), body), inputs, target), expected)
    assert torch.equal(inputs, before)


@every_method
def test_nets_that_work_in_place_on_the_first_layer(method, case):
    _, inputs, target = case
    net = nn.Sequential(nn.Linear(128, 9), nn.ReLU(), nn.Linear(9, 5)).double()
    expected = method(net, inputs.flatten(1), target)
    net[1].inplace = True
    close(method(net, inputs.flatten(1), target), expected)


@every_method
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.1), (torch.float16, 0.02)]
)
def test_dtype_is_kept(method, case, dtype, tolerance):
    net, inputs, target = case
    expected = method(net, inputs, target)
    result = method(net.to(dtype), inputs.to(dtype), target)
    assert result.dtype == dtype
    close(result.double(), expected, tolerance)


@every_method
@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8])
def test_targets_of_other_integer_types(method, case, dtype):
    net, inputs, target = case
    close(method(net, inputs, target.to(dtype)), method(net, inputs, target))


@pytest.mark.parametrize("name", sorted(EVERY_METHOD.keys() - {"expected_gradients"}))
def test_images_do_not_influence_each_other(name, case):
    net, inputs, target = case
    method = EVERY_METHOD[name]
    alone = torch.cat([method(net, inputs[n : n + 1], target[n : n + 1]) for n in range(3)])
    close(method(net, inputs, target), alone)


def nan_at(inputs: Tensor, image: int) -> Tensor:
    inputs = inputs.clone()
    inputs[image, 0, 0, 0] = torch.nan
    return inputs


@every_method
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x, t: (x.long(), t), TypeError, "floating-point"),
        (lambda x, t: (x.numpy(), t), TypeError, "ndarray"),
        (lambda x, t: (x[:0], t[:0]), ValueError, "non-empty"),
        (lambda x, t: (x[0, 0, 0], t), ValueError, "shape"),
        (lambda x, t: (nan_at(x, 1), t), ValueError, r"inputs\[1\]"),
        (lambda x, t: (x / (x > -9e9).logical_not()[:, :1], t), ValueError, r"inputs\[0\]"),
        (lambda x, t: (x, t[:2]), ValueError, r"\(3,\)"),
        (lambda x, t: (x, t[:, None]), ValueError, r"\(3,\)"),
        (lambda x, t: (x, t.double()), TypeError, "integer"),
        (lambda x, t: (x, t > 0), TypeError, "integer"),
        (lambda x, t: (x, [0, 1, 2]), TypeError, "list"),
        (
            lambda x, t: (x, torch.tensor([0, 5, 1])),
            ValueError,
            r"\[0, 5\).*target\[1\] = 5",
        ),
        (lambda x, t: (x, torch.tensor([0, 0, -1])), ValueError, r"target\[2\] = -1"),
    ],
)
def test_unusable_inputs_and_targets_are_refused(method, case, change, error, message):
    net, inputs, target = case
    inputs, target = change(inputs, target)
    with pytest.raises(error, match=message):
        method(net, inputs, target)


@every_method
@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: x, ValueError, r"\(\d+, K\)"),
        (lambda x: x.flatten(), ValueError, r"\(\d+, K\)"),
        (lambda x: x.flatten(2)[0], ValueError, r"\(\d+, K\)"),
        (lambda x: (x.flatten(1), x), TypeError, "tuple"),
        (lambda x: x.detach().flatten(1), ValueError, "detach"),
        (lambda x: torch.ones(len(x), 5, requires_grad=True), ValueError, "detach"),
    ],
)
def test_unusable_nets_are_refused(method, case, function, error, message):
    _, inputs, target = case
    if method is EVERY_METHOD["integrated_gradients"]:
        inputs, target = inputs.repeat(6, 1, 1, 1)[:17], target.repeat(6)[:17]
    with pytest.raises(error, match=message):
        method(Function(function), inputs, target)


@every_method
def test_a_model_is_a_module(method, case):
    _, inputs, target = case
    with pytest.raises(TypeError, match="an nn"):
        method(lambda x: x.flatten(1), inputs, target)


def test_reused_modules(case):
    inputs, target = torch.randn(3, 6, dtype=torch.float64), torch.tensor([1, 0, 5])
    net = nn.Sequential(Twice(nn.Sequential(nn.Linear(6, 6), nn.ReLU()))).double()
    baselines = torch.zeros_like(inputs)
    literal = literal_integrated_gradients(net, inputs, target, baselines, "gausslegendre", 6)
    close(integrated_gradients(net, inputs, target, n_steps=6), literal)
