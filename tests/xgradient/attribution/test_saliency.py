"""Gradients against Captum and the definition."""

from __future__ import annotations

import torch
from captum.attr import InputXGradient, Saliency
from hypothesis import given

from tests.oracles.attribution import literal_gradient
from tests.oracles.helpers import close, slowly
from tests.oracles.nets import nets
from xgradient.attribution import (
    input_x_gradient,
    saliency,
)
from xgradient.homogeneous import evaluation_mode


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
