"""The convolution net on words: its definition, homogeneity, and the gradient of equal windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from experiments.text.network import MaxOverTime, SentenceConvNet
from tests.experiments.text.helpers import (
    SENTENCES,
    logits_by_definition,
    small_corpus,
    small_net,
)
from xgradient.homogeneous import NotHomogeneousError, check_homogeneous


@pytest.fixture(scope="module")
def inputs():
    vectors, _ = small_corpus().splits["test"].__getitems__(range(len(SENTENCES)))
    return vectors.double()


@pytest.mark.parametrize("bias", [True, False])
def test_logits_are_those_of_the_definition(inputs, bias):
    net = small_net(bias)
    with torch.no_grad():
        found = net(inputs).numpy()
    expected = [logits_by_definition(net, sentence.T.numpy()) for sentence in inputs]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_the_net_without_biases_is_an_x_dnn(inputs):
    check_homogeneous(small_net(bias=False), inputs)
    with pytest.raises(NotHomogeneousError, match="bias"):
        check_homogeneous(small_net(bias=True), inputs)


def test_without_biases_padding_and_place_do_not_matter(inputs):
    net = small_net(bias=False)
    with torch.no_grad():
        logits = net(inputs)
        assert not net(torch.zeros_like(inputs)).any()
        for before, behind in ((0, 7), (5, 0), (3, 2)):
            padded = functional.pad(inputs, (before, behind))
            torch.testing.assert_close(net(padded), logits, rtol=1e-12, atol=1e-12)
    # A single word is shorter than a filter, and is seen at all places of it.
    assert logits[3].any()


def test_the_maximum_over_time_is_the_maximum():
    values = torch.randn(3, 5, 9, requires_grad=True)
    pool = MaxOverTime()
    for training in (True, False):
        pool.train(training)
        torch.testing.assert_close(pool(values)[..., 0], values.detach().amax(2))
        (gradient,) = torch.autograd.grad(pool(values).sum(), values)
        assert torch.equal(gradient.argmax(2), values.argmax(2)) and gradient.sum() == 15
    assert torch.equal(pool(torch.ones(1, 1, 3)), torch.ones(1, 1, 1))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 7.0])
def test_rounding_does_not_choose_among_equal_places(scale):
    """The second value is larger in its last bits alone; the last one really is smaller."""
    values = scale * torch.tensor([0.5, 1.0, 1.0 + 4e-16, 1.0 - 1e-9], dtype=torch.float64)
    values = values.view(1, 1, 4).requires_grad_()
    (gradient,) = torch.autograd.grad(MaxOverTime().eval()(values).sum(), values)
    assert gradient.flatten().tolist() == [0, 1, 0, 0]


def test_dropout_acts_in_training_alone(inputs):
    net = SentenceConvNet(4, 3, dropout=0.9).double().train()
    torch.manual_seed(0)
    assert not torch.equal(net(inputs), net(inputs))
    net.eval()
    assert torch.equal(net(inputs), net(inputs))
