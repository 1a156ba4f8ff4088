"""Images that lose a cell: how many, which, and that nothing else changes."""

from __future__ import annotations

import pickle

import torch

from experiments.single_deletion.training_images import WithDeletedCells
from tests.experiments.pixels import random_images


def epoch(data, number=1, seed=0, grid=4, share=0.5):
    return WithDeletedCells(data, grid, share).for_epoch(seed, number)


def deleted_cells(before, after):
    """Return by image the cells that were set to zero, and check that nothing else changed."""
    found = []
    for old, new in zip(before, after, strict=True):
        cells = [
            (row, column)
            for row in range(4)
            for column in range(4)
            if not new[:, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3].any()
        ]
        for row, column in cells:
            old = old.clone()
            old[:, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3] = 0
        assert torch.equal(old, new)
        found.append(cells)
    return found


def test_a_share_of_the_images_loses_one_cell():
    data = random_images(400, seed=0, side=12)
    before, labels = data.__getitems__(range(400))
    after, same = epoch(data, share=0.25).__getitems__(range(400))
    cells = deleted_cells(before, after)
    assert torch.equal(labels, same)
    assert {len(each) for each in cells} == {0, 1}
    # 100 expected, with a standard deviation of 9.
    assert 55 < sum(map(len, cells)) < 145
    assert len({cell for each in cells for cell in each}) == 16


def test_draws_depend_on_seed_epoch_and_image_alone():
    data = random_images(50, seed=0, side=12)
    together, _ = epoch(data).__getitems__(range(50))
    backwards, _ = epoch(data).__getitems__([*range(49, -1, -1)])
    copied, _ = pickle.loads(pickle.dumps(epoch(data))).__getitems__(range(50))
    assert torch.equal(together, backwards.flip(0)) and torch.equal(together, copied)
    for other in (epoch(data, number=2), epoch(data, seed=1)):
        assert not torch.equal(together, other.__getitems__(range(50))[0])


def test_images_that_change_with_the_epoch_do_so_below():
    class Counting(WithDeletedCells):
        def for_epoch(self, seed, epoch):
            return random_images(20, seed=epoch, side=12)

    data = random_images(20, seed=0, side=12)
    after, _ = epoch(Counting(data, 4, 0.5), number=3).__getitems__(range(20))
    before, _ = random_images(20, seed=3, side=12).__getitems__(range(20))
    deleted_cells(before, after)
