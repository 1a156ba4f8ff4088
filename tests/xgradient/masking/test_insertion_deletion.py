"""Insertion and deletion against a literal version."""

from __future__ import annotations

import numpy as np
import torch

from tests.oracles import masking as reference
from tests.oracles.masking_nets import Recorder, images, small_net
from xgradient.masking import (
    blur,
    blur_size_for,
    insertion_deletion,
)


def test_insertion_and_deletion_agree_with_the_reference():
    net = small_net(torch.float64)
    inputs, target, attributions = images(3, dtype=torch.float64)
    attributions[1] = attributions[1].round()
    attributions[2] = 0.25
    fractions = [0.0, 0.1, 0.33, 0.9, 1.0]
    curves = insertion_deletion(net, inputs, target, attributions, fractions, batch_size=4)
    start = blur(inputs, *blur_size_for(12))
    insertion, deletion = reference.insertion_deletion(
        net.eval(), inputs, target, attributions, fractions, start, torch.zeros_like(inputs)
    )
    torch.testing.assert_close(curves.insertion, insertion, atol=1e-12, rtol=0)
    torch.testing.assert_close(curves.deletion, deletion, atol=1e-12, rtol=0)
    areas = curves.areas()
    np.testing.assert_allclose(areas["insertion"], np.trapezoid(insertion, fractions))
    np.testing.assert_allclose(areas["deletion"], np.trapezoid(deletion, fractions))


def test_insertion_and_deletion_share_the_unmasked_image():
    net = small_net(torch.float64)
    recorder = Recorder(net)
    inputs, target, attributions = images(1, dtype=torch.float64)
    curves = insertion_deletion(recorder, inputs, target, attributions)
    assert sum(recorder.batch_sizes) == 2 * 17 - 1
    clean = net.eval()(inputs).softmax(1)[0, target[0]]
    torch.testing.assert_close(curves.insertion[0, -1], clean)
    assert curves.insertion[0, -1] == curves.deletion[0, 0]
    same = insertion_deletion(
        recorder, inputs, target, attributions, insertion_start=inputs, deletion_end=inputs
    )
    torch.testing.assert_close(same.insertion, clean.expand(1, 17))
    torch.testing.assert_close(same.deletion, clean.expand(1, 17))
