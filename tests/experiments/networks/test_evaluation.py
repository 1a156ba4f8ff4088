"""Accuracy of a network against counting by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from experiments.networks.evaluation import evaluate


class Table(nn.Module):
    """A net whose inputs are its logits."""

    def forward(self, inputs):
        assert not self.training
        return inputs


def batches(logits, labels, size):
    return zip(logits.split(size), labels.split(size), strict=True)


def by_hand(logits, labels):
    """Rank the classes of every image with Python's stable sort."""
    first = five = 0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        ranking = sorted(range(len(row)), key=lambda index, row=row: -row[index])
        first += label == ranking[0]
        five += label in ranking[:5]
    return 100 * first / len(labels), 100 * five / len(labels)


@pytest.mark.parametrize("size", [1, 7, 50])
def test_it_counts_images_not_batches_or_classes(size):
    # Coarse logits, so that many are equal.
    logits, labels = torch.randint(-3, 4, (50, 8)).float(), torch.randint(8, (50,))
    net = Table().train()
    measured = evaluate(net, batches(logits, labels, size))
    assert (measured["top1"], measured["top5"]) == by_hand(logits, labels)
    assert measured["loss"] == pytest.approx(functional.cross_entropy(logits, labels).item())
    assert net.training


def test_few_classes_are_all_among_the_first_five():
    logits, labels = torch.randn(20, 3), torch.randint(3, (20,))
    assert evaluate(Table(), batches(logits, labels, 8))["top5"] == 100


def test_a_net_that_says_nan_is_never_right():
    logits, labels = torch.full((4, 6), math.nan), torch.tensor([0, 1, 5, 3])
    measured = evaluate(Table(), batches(logits, labels, 4))
    assert measured["top1"] == measured["top5"] == 0
    assert math.isnan(measured["loss"])


def test_sums_of_several_processes_are_added():
    logits, labels = torch.randn(20, 6), torch.randint(6, (20,))
    whole = evaluate(Table(), batches(logits, labels, 5))
    # Two processes that see the same half report what one of them sees.
    half = evaluate(
        Table(), batches(logits[:10], labels[:10], 5), sum_over_processes=lambda sums: 2 * sums
    )
    alone = evaluate(Table(), batches(logits[:10], labels[:10], 5))
    assert half == alone != whole


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="no images"):
        evaluate(Table(), [])
