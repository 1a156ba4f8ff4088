"""Accuracy against contrast."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from experiments.contrast.run import contrast_accuracy

ALPHAS = [1.0, 0.5, 0.1, 1e-3]


def make_net(bias):
    torch.manual_seed(1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(9, 32, bias), nn.ReLU(), nn.Linear(32, 4, bias))
    return net.double()


def batches():
    torch.manual_seed(2)
    inputs = torch.randn(60, 1, 3, 3, dtype=torch.float64)
    return list(zip(inputs.split(25), torch.randint(4, (60,)).split(25), strict=True))


def test_it_is_the_accuracy_of_every_faded_image():
    net = make_net(bias=True).eval()
    expected = []
    for alpha in ALPHAS:
        hits = 0
        for inputs, labels in batches():
            for image, label in zip(inputs, labels, strict=True):
                logits = net(alpha * image[None])[0]
                hits += int(max(range(4), key=lambda k: logits[k].item()) == label)
        expected.append(100 * hits / 60)
    assert contrast_accuracy(net, batches(), ALPHAS) == pytest.approx(expected)
    assert len(set(expected)) > 1


def test_without_biases_it_does_not_change():
    accuracies = contrast_accuracy(make_net(bias=False), batches(), ALPHAS)
    assert len(set(accuracies)) == 1


def test_training_mode_is_restored_and_dropout_is_off():
    net = nn.Sequential(nn.Dropout(0.9), make_net(bias=False)).train()
    assert len(set(contrast_accuracy(net, batches(), ALPHAS))) == 1
    assert net.training


def test_impossible_requests_are_refused():
    with pytest.raises(ValueError, match="greater than 0"):
        contrast_accuracy(make_net(True), batches(), [1.0, 0.0])
    with pytest.raises(ValueError, match="no images"):
        contrast_accuracy(make_net(True), [], [1.0])
