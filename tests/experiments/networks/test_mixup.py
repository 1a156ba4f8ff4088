"""Mixup: pairs and their shares."""

from __future__ import annotations

import torch

from experiments.networks.mixup import draw_share, mix, partners


def test_neighbours_are_partners_in_every_part_of_a_batch():
    values = torch.arange(12)
    assert partners(values).tolist() == [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]
    assert torch.equal(torch.cat([partners(part) for part in values.split(4)]), partners(values))


def test_images_are_mixed_with_their_partners():
    images = torch.rand(6, 3, 5, 4, dtype=torch.float64)
    mixed = mix(images, 0.3)
    for place in range(6):
        other = place + 1 if place % 2 == 0 else place - 1
        torch.testing.assert_close(mixed[place], 0.3 * images[place] + 0.7 * images[other])


def test_shares_have_the_moments_of_the_distribution_and_depend_on_their_place():
    shares = torch.tensor([draw_share(0.7, 1, e, s) for e in (1, 2) for s in range(2000)])
    assert len(shares.unique()) == len(shares)
    # Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)).
    assert abs(shares.mean() - 0.5) < 0.03
    assert abs(shares.var() - 1 / (4 * 2.4)) < 0.01
    assert draw_share(0.7, 1, 2, 3) == draw_share(0.7, 1, 2, 3) != draw_share(0.7, 2, 2, 3)
