"""Integrated Gradients against the definition, Captum and completeness."""

from __future__ import annotations

import pytest
import torch
from captum.attr import IntegratedGradients
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.oracles.attribution import literal_integrated_gradients
from tests.oracles.helpers import close, slowly, without_sharing
from tests.oracles.nets import Twice, nets
from xgradient.attribution import (
    QUADRATURE_METHODS,
    input_x_gradient,
    integrated_gradients,
    integrated_gradients_of_rules,
    quadrature,
    x_gradient,
)
from xgradient.homogeneous import evaluation_mode, remove_biases

methods = st.sampled_from(QUADRATURE_METHODS)


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


@pytest.mark.parametrize("rows", [1, 2, 5, 100])
def test_rules_together_give_what_each_gives_by_itself(case, rows):
    net, inputs, target = case
    net.eval()
    rules = [(method, n) for method in QUADRATURE_METHODS for n in (2, 4, 7)] * 2
    baselines = torch.rand_like(inputs[0])
    together = integrated_gradients_of_rules(
        net, inputs, target, rules=rules, baselines=baselines, internal_batch_size=rows
    )
    for (method, n_steps), ig in zip(rules, together, strict=True):
        start = baselines.expand_as(inputs)
        close(ig, literal_integrated_gradients(net, inputs, target, start, method, n_steps))


@pytest.mark.parametrize("shared_layer", [True, False])
def test_rules_together_take_the_gradients_of_their_distinct_nodes(case, monkeypatch, shared_layer):
    net, inputs, target = case
    if not shared_layer:
        without_sharing(monkeypatch)
    rules = [(method, n) for method in QUADRATURE_METHODS for n in (2, 4, 8)]
    nodes = {node.item() for rule in rules for node in quadrature(*rule)[0]}
    seen = []
    last = [module for module in net.modules() if isinstance(module, nn.Linear)][-1]
    with last.register_forward_hook(lambda module, args, output: seen.append(len(output))):
        integrated_gradients_of_rules(net, inputs, target, rules=rules, internal_batch_size=6)
    # Before that a row or two, to see whether the target and the first layer are as they should be.
    assert len(inputs) * len(nodes) <= sum(seen) <= len(inputs) * len(nodes) + 3
    assert len(nodes) < sum(n for _, n in rules)


def test_no_rule_at_all_is_refused(case):
    with pytest.raises(ValueError, match="at least one quadrature rule"):
        integrated_gradients_of_rules(*case, rules=[])


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


@pytest.mark.parametrize("create_graph", [False, True])
def test_the_averaged_gradient_by_itself(case, create_graph):
    net, inputs, target = case
    given = {"baselines": torch.randn_like(inputs), "n_steps": 5, "create_graph": create_graph}
    gradient = integrated_gradients(net, inputs, target, multiply_by_inputs=False, **given)
    result = integrated_gradients(net, inputs, target, **given)
    close((gradient * (inputs - given["baselines"])).detach(), result.detach())


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


def test_baselines_and_references_of_inference_mode(case):
    net, inputs, target = case
    with torch.inference_mode():
        made = inputs.flip(0) + 0
        first = integrated_gradients(net, inputs, target, baselines=made, n_steps=3)
        single = integrated_gradients(net, inputs, target, baselines=made.float(), n_steps=3)
    close(first, integrated_gradients(net, inputs, target, baselines=inputs.flip(0), n_steps=3))
    close(single, first, 1e-5)


def test_reused_modules(case):
    inputs, target = torch.randn(3, 6, dtype=torch.float64), torch.tensor([1, 0, 5])
    net = nn.Sequential(Twice(nn.Sequential(nn.Linear(6, 6), nn.ReLU()))).double()
    baselines = torch.zeros_like(inputs)
    literal = literal_integrated_gradients(net, inputs, target, baselines, "gausslegendre", 6)
    close(integrated_gradients(net, inputs, target, n_steps=6), literal)
