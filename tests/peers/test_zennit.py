"""Gradient and Integrated Gradients of zennit, also with its rules for relevance."""

from __future__ import annotations

import pytest
import torch

from tests.oracles.helpers import close
from tests.peers.nets import images, with_biases
from xgradient.attribution import guided_backprop, integrated_gradients, saliency

attribution = pytest.importorskip("zennit.attribution", reason="zennit is not installed")
composites = pytest.importorskip("zennit.composites", reason="zennit is not installed")


def one_hot(output):
    return torch.eye(5, dtype=output.dtype)[[4, 0, 2]]


def score(output):
    return (output * one_hot(output)).sum(1)


@pytest.mark.parametrize("target", [[4, 0, 2], score, torch.eye(5)[[4, 0, 2]]])
def test_gradient(target):
    net, x = with_biases(), images()
    with attribution.Gradient(model=net, attr_output=one_hot) as attributor:
        _, expected = attributor(x)
    close(saliency(net, x, target), expected)


@pytest.mark.parametrize("n_steps", [1, 4, 25])
@pytest.mark.parametrize("start", [torch.zeros_like, torch.ones_like])
def test_integrated_gradients(n_steps, start):
    net, x = with_biases(), images()
    with attribution.IntegratedGradients(
        model=net, attr_output=one_hot, baseline_fn=start, n_iter=n_steps
    ) as attributor:
        _, expected = attributor(x)
    result = integrated_gradients(
        net, x, [4, 0, 2], baselines=start(x), n_steps=n_steps, method="riemann_right"
    )
    # Its nodes are single precision.
    close(result, expected, 1e-6)


def test_guided_backprop():
    net, x = with_biases(), images()
    with attribution.Gradient(
        model=net, composite=composites.GuidedBackprop(), attr_output=one_hot
    ) as attributor:
        _, expected = attributor(x)
    close(guided_backprop(net, x, [4, 0, 2]), expected)


@pytest.mark.parametrize("name", ["EpsilonPlus", "EpsilonGammaBox"])
def test_a_net_whose_backward_pass_is_replaced(name):
    options = {"low": -4.0, "high": 4.0} if name == "EpsilonGammaBox" else {}
    net, x = with_biases(), images()
    with attribution.Gradient(
        model=net, composite=getattr(composites, name)(**options), attr_output=one_hot
    ) as attributor:
        _, expected = attributor(x)
    with getattr(composites, name)(**options).context(net) as changed:
        close(saliency(changed, x, [4, 0, 2]), expected)
