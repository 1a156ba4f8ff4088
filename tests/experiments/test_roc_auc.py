"""ROC-AUC of several vectors at once, against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import roc_auc_score

from experiments.roc_auc import roc_auc


@hypothesis_settings(max_examples=40)
@given(
    st.integers(2, 40).flatmap(
        lambda n: st.tuples(
            arrays.arrays(np.float64, (3, n), elements=st.integers(-4, 4).map(float)),
            arrays.arrays(np.int64, (3, n), elements=st.integers(0, 1)),
        )
    )
)
def test_roc_auc_is_that_of_scikit_learn(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = drawn
    labels[:, 0], labels[:, 1] = 0, 1
    computed = roc_auc(torch.tensor(scores), torch.tensor(labels))
    assert computed.dtype == torch.float64
    expected = [roc_auc_score(y, s) for y, s in zip(labels, scores, strict=True)]
    assert computed.tolist() == pytest.approx(expected, abs=1e-12)


def test_roc_auc_of_equal_orderings_is_equal_to_the_last_bit() -> None:
    scores = torch.randn(97, dtype=torch.float32)
    labels = torch.randint(0, 2, (97,))
    orderings = torch.stack([scores, 3 * scores + 1, scores.exp()])
    assert len(set(roc_auc(orderings, labels).tolist())) == 1
    # No scores are lost to ranks of float32: a single pair is out of order among 10^8.
    n = 10_000
    scores = torch.arange(2 * n, dtype=torch.float64)
    labels = (scores >= n).long()
    scores[n - 1 : n + 1] = scores[n - 1 : n + 1].flip(0)
    assert roc_auc(scores, labels).item() == 1 - 1 / n**2
    # Nor differences to float32.
    close = 1 + 1e-12 * torch.arange(4, dtype=torch.float64)
    assert roc_auc(close, torch.tensor([0, 1, 0, 1])).item() == 0.75


def test_roc_auc_leaves_strided_scores_alone() -> None:
    scores, labels = torch.randn(4, 30)[:, ::3], torch.tensor([0, 1] * 5)
    expected = [roc_auc_score(labels, row) for row in scores]
    assert roc_auc(scores, labels).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (torch.tensor([[1.0, 2.0], [1.0, math.nan]]), torch.tensor([0, 1]), r"nan \(vector \(1,\)"),
        (torch.ones(2, 2), torch.tensor([[0, 1], [1, 1]]), r"both classes \(vector \(1,\)"),
        (torch.ones(2), torch.tensor([0, 0]), "both classes$"),
        (torch.ones(2), torch.tensor([0, 2]), "0 or 1"),
        (torch.ones(3), torch.tensor([0, 1]), "do not fit"),
    ],
)
def test_roc_auc_refuses(scores: torch.Tensor, labels: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        roc_auc(scores, labels)
