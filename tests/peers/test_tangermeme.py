"""DeepLIFT of tangermeme, for one-hot coded sequences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.oracles.helpers import close
from xgradient.deeplift import deeplift

tangermeme = pytest.importorskip("tangermeme.deep_lift_shap", reason="tangermeme is not installed")
# It tells when an accelerator could be used.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def sequences(*shape: int) -> Tensor:
    letters = torch.randint(4, (*shape, 30))
    return nn.functional.one_hot(letters, 4).transpose(-1, -2).double()


@pytest.fixture(params=["relu", "tanh", "pool"])
def net(request):
    middle = {
        "relu": [nn.ReLU()],
        "tanh": [nn.Tanh()],
        "pool": [nn.ReLU(), nn.MaxPool1d(3)],
    }[request.param]
    width = 8 * 9 if request.param == "pool" else 8 * 27
    body = [nn.Conv1d(4, 8, 4), *middle, nn.Flatten(), nn.Linear(width, 6), nn.ReLU()]
    return nn.Sequential(*body, nn.Linear(6, 2)).double()


def test_contributions(net):
    x, references = sequences(3), sequences(3, 5)
    given = {"references": references, "target": 1, "device": "cpu", "batch_size": 7}
    expected = tangermeme.deep_lift_shap(net, x, **given)
    possible = tangermeme.deep_lift_shap(net, x, hypothetical=True, **given)
    result = deeplift(net, x, 1, baselines=references, hypothetical=True, internal_batch_size=7)
    # What a letter that is not there would do depends on multipliers of differences of zero,
    # which a maximum leaves open.
    if not any(isinstance(module, nn.MaxPool1d) for module in net):
        close(result, possible, 1e-9)
    close(result * x, expected, 1e-9)


def test_multipliers_of_every_reference(net):
    x, references = sequences(2), sequences(2, 3)
    expected = tangermeme.deep_lift_shap(
        net, x, references=references, raw_outputs=True, device="cpu"
    )
    difference = x[:, None] - references
    for number in range(3):
        result = deeplift(net, x, 0, baselines=references[:, number], multiply_by_inputs=False)
        where = difference[:, number]
        close(result * where, expected[:, number] * where, 1e-9)
