"""The explanation function in metrics of Quantus."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.peers.nets import images, with_biases, without_biases
from xgradient.quantus import explain

quantus = pytest.importorskip("quantus", reason="quantus is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

TARGET = np.array([4, 0, 2])


def scored(metric, net, explain_func, **options):
    np.random.seed(0)
    torch.manual_seed(0)
    return metric(
        model=net.eval(),
        x_batch=images().float().numpy(),
        y_batch=TARGET,
        explain_func=explain_func,
        explain_func_kwargs=options,
        device="cpu",
    )


METRICS = {
    "faithfulness": lambda: quantus.FaithfulnessCorrelation(
        nr_runs=8, subset_size=16, perturb_baseline="black", disable_warnings=True
    ),
    "pixel flipping": lambda: quantus.PixelFlipping(
        features_in_step=16, perturb_baseline="black", disable_warnings=True
    ),
    "randomisation": lambda: quantus.RandomLogit(
        num_classes=5, similarity_func=quantus.ssim, disable_warnings=True
    ),
    "parameters": lambda: quantus.MPRT(
        similarity_func=quantus.correlation_spearman, disable_warnings=True
    ),
    "robustness": lambda: quantus.MaxSensitivity(nr_samples=3, disable_warnings=True),
}


def flat(scores) -> np.ndarray:
    if isinstance(scores, dict):
        scores = list(scores.values())
    return np.concatenate([np.ravel(np.asarray(each, dtype=float)) for each in scores])


@pytest.mark.parametrize("metric", METRICS)
def test_scores_are_those_of_the_same_method_in_quantus(metric):
    net = with_biases().float()
    theirs = scored(METRICS[metric](), net, quantus.explain, method="InputXGradient")
    ours = scored(METRICS[metric](), net, explain, method="input_x_gradient")
    assert np.isfinite(flat(ours)).all()
    np.testing.assert_allclose(flat(ours), flat(theirs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["x_gradient", "integrated_gradients", "deeplift"])
def test_every_method_can_be_scored(method):
    scores = scored(METRICS["faithfulness"](), without_biases().float(), explain, method=method)
    assert flat(scores).size and np.isfinite(flat(scores)).all()
