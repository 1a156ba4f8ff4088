"""The classifiers of torchvision, as they are."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from tests.oracles.deeplift_nets import randn
from xgradient.deeplift import deeplift

# Smallest image that a network takes, where it is not 32 pixels.
SIDES = {"alexnet": 64, "inception_v3": 75}
CLASSIFIERS = (
    *("alexnet", "vgg11", "vgg11_bn", "squeezenet1_1", "resnet18", "resnext50_32x4d"),
    *("densenet121", "googlenet", "inception_v3", "mobilenet_v2", "mobilenet_v3_small"),
    *("shufflenet_v2_x0_5", "mnasnet0_5", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny"),
)


def classifier(name: str, side: int) -> nn.Module:
    torch.manual_seed(0)
    short = {"init_weights": False, "aux_logits": False}
    options = short if name in ("googlenet", "inception_v3") else {}
    model = getattr(torchvision.models, name)(weights=None, num_classes=7, **options).double()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        # Factors of both signs, and statistics of what really enters: without them, nothing of
        # the inputs is left at the end of such a deep network.
        nn.init.uniform_(norm.weight, -1.5, 1.5)
        nn.init.uniform_(norm.bias, -0.2, 0.2)
        norm.momentum = 1.0
    if norms:
        with torch.no_grad():
            model.train()(randn(8, 3, side, side, seed=2))
    return model.eval()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_contributions_sum_to_the_difference_of_the_logit(name):
    side = SIDES.get(name, 32)
    model = classifier(name, side)
    inputs, baselines = randn(2, 3, side, side), randn(1, 3, side, side, seed=1)
    target = torch.tensor([1, 4])
    result, delta = deeplift(
        model, inputs, target, baselines=baselines, return_convergence_delta=True
    )
    with torch.no_grad():
        logits, reference = model(inputs), model(baselines)
    change = (logits - reference).gather(1, target[:, None])[:, 0]
    size = logits.abs().max()
    assert change.abs().max() > 1e-3 * size
    assert (result.flatten(1).sum(1) - change).abs().max() < 1e-9 * size
    assert delta.abs().max() < 1e-9 * size
