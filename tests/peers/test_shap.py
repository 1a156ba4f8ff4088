"""Expected gradients and DeepLIFT of shap."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.oracles.helpers import close
from tests.peers.nets import TwoInputs, features, images, with_biases
from xgradient.attribution import expected_gradients, integrated_gradients
from xgradient.deeplift import deeplift

shap = pytest.importorskip("shap", reason="shap is not installed")
# It sets hooks that torch advises against, and uses what NumPy is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


def test_expected_gradients_in_expectation():
    net, x, references = with_biases(), images(1), images(4)
    exact = torch.stack(
        [integrated_gradients(net, x, 2, baselines=one, n_steps=300) for one in references]
    ).mean(0)
    draws = 4000
    # It draws in single precision, which the net must have.
    theirs = shap.GradientExplainer(net.float(), references.float(), local_smoothing=0).shap_values(
        x.float(), nsamples=draws, rseed=1
    )
    net.double()
    ours = expected_gradients(
        net,
        x,
        2,
        baselines=references,
        n_references=draws,
        generator=torch.Generator().manual_seed(1),
    )
    close(torch.as_tensor(theirs[..., 2]).double(), exact, 0.1)
    close(ours, exact, 0.1)


def test_expected_gradients_of_a_linear_net():
    # Neither package draws anything that matters.
    net, x, reference = nn.Linear(6, 4), torch.randn(3, 6), torch.zeros(1, 6)
    theirs = shap.GradientExplainer(net, reference).shap_values(x, nsamples=5)
    for k in range(4):
        ours = expected_gradients(net, x, k, baselines=reference)
        np.testing.assert_allclose(theirs[..., k], ours, rtol=1e-5, atol=1e-6)


def test_deeplift():
    net, x, references = with_biases(), images(), images(4)
    theirs = shap.DeepExplainer(net, references).shap_values(x)
    for k in range(5):
        ours = deeplift(net, x, k, baselines=references[None])
        close(torch.as_tensor(theirs[..., k]), ours, 1e-6)


def test_deeplift_of_two_inputs():
    net, x, references = TwoInputs(), features(), features(5)
    theirs = shap.DeepExplainer(net, list(references)).shap_values(list(x))
    given = tuple(each[None] for each in references)
    for k in range(4):
        ours = deeplift(net, x, k, baselines=given)
        for one, other in zip(theirs, ours, strict=True):
            close(torch.as_tensor(one[..., k]), other, 1e-6)
