"""Which rule ``"genomics_default"`` chooses, by the tests of the authors' package.

From ``deeplift_genomics_default_mode`` of the package in ``test_authors_numbers``.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.oracles.helpers import close
from tests.peers.nets import ROWS, numbers, with_weights
from xgradient.deeplift import deeplift


def normalisation(dimensions: int) -> nn.Module:
    norm = (nn.BatchNorm1d if dimensions < 2 else nn.BatchNorm2d)(2, eps=1e-3)
    norm.running_mean, norm.running_var = numbers(-0.5, 0.5), numbers(1, 1)
    return with_weights(norm, numbers(1, 1), numbers(-0.5, 0.5))


def positive(layer: Any) -> Any:
    return with_weights(layer, torch.rand_like(layer.weight.double()), torch.rand(2).double())


@pytest.mark.parametrize(
    ("source", "layer", "shape", "between", "chosen"),
    [
        ("dense", lambda: nn.Linear(4, 2), (4,), [], "revealcancel"),
        (
            "dense_batchnorm_noop_noop",
            lambda: nn.Linear(4, 2),
            (4,),
            [normalisation(0), nn.Identity(), nn.Identity()],
            "revealcancel",
        ),
        ("conv1d", lambda: nn.Conv1d(2, 2, 2), (2, 2), [], "rescale"),
        ("conv1d_batchnorm", lambda: nn.Conv1d(2, 2, 2), (2, 2), [normalisation(1)], "rescale"),
        ("conv2d", lambda: nn.Conv2d(2, 2, 2), (2, 2, 2), [], "rescale"),
        ("conv2d_batchnorm", lambda: nn.Conv2d(2, 2, 2), (2, 2, 2), [normalisation(2)], "rescale"),
    ],
)
def test_rule_that_is_chosen(source, layer, shape, between, chosen):
    """deeplift_genomics_default_mode::relu_after_{source}."""
    net = nn.Sequential(positive(layer()), *between, nn.ReLU(), nn.Flatten()).eval()
    inputs, references = torch.randn(2, 20, *shape, dtype=torch.float64)
    results = {
        rule: deeplift(net, inputs, 1, baselines=references, rule=rule)
        for rule in ("genomics_default", "revealcancel", "rescale")
    }
    close(results["genomics_default"], results[chosen])
    assert (results["revealcancel"] - results["rescale"]).abs().max() > 0.1


def test_nonlinearity_without_a_layer_before_it():
    """deeplift_genomics_default_mode::relu_after_other_layer expects an error.

    An input has one sign of change, so that both rules are one and no choice is needed.
    """
    net = nn.Sequential(nn.ReLU(), with_weights(nn.Linear(4, 2), ROWS))
    inputs, references = torch.randn(2, 20, 4, dtype=torch.float64)
    results = [
        deeplift(net, inputs, 0, baselines=references, rule=rule)
        for rule in ("genomics_default", "rescale", "revealcancel")
    ]
    close(results[1], results[0])
    close(results[2], results[0], 1e-6)
