"""Random parts, mirroring and order of training images: functions of seed, epoch and image."""

from __future__ import annotations

import signal
import sys

import pytest
import torch

from experiments.data.augmentation import AugmentedImages
from experiments.data.mirroring import Mirrored
from experiments.data.order import EpochBatches, epoch_order
from experiments.data.preprocessing import Preprocessing
from experiments.data.tensors import load_batches
from tests.experiments.helpers import signal_at_end_of_parent
from tests.experiments.networks.helpers import Photographs, augmented, noise


def read_all(data, batches, workers=0):
    inputs, labels = zip(*load_batches(data, batches, workers), strict=True)
    return torch.cat(inputs), torch.cat(labels)


def test_a_part_of_the_image_is_resized_as_torchvision_does_it():
    """The photograph is a ramp, so that the part can be told from its corners."""

    class Ramp(Photographs):
        def read(self, index):
            rows, columns = torch.arange(100)[:, None], torch.arange(120)
            return torch.stack([rows.expand(100, 120), columns.expand(100, 120)] * 2)[:3].byte()

    unchanged = Preprocessing(mean=(0.0,) * 3, std=(1.0,) * 3, full_range=255.0)
    data = AugmentedImages(Ramp(200), unchanged, 16).for_epoch(3, 1)
    inputs, labels = data.__getitems__(range(200))
    assert inputs.shape == (200, 3, 16, 16) and labels.tolist() == data.images.labels.tolist()
    assert torch.equal(inputs[:, 0], inputs[:, 2])
    heights = inputs[:, 0, -1, 8] - inputs[:, 0, 0, 8]
    widths = inputs[:, 1, 8, -1] - inputs[:, 1, 8, 0]
    # Without the antialiased margins of half a pixel of the result on either side.
    share = heights * widths * (16 / 15) ** 2 / (100 * 120)
    assert share.min() > 0.05 and share.max() < 1.05 and share.std() > 0.15
    aspect = widths / heights
    assert aspect.min() > 0.68 and aspect.max() < 1.5 and aspect.std() > 0.1


def test_parts_depend_on_seed_epoch_and_image_alone():
    data = augmented(20)
    expected = data.for_epoch(1, 2).__getitems__(range(20))[0]
    torch.manual_seed(99)
    state = torch.get_rng_state()
    again = data.for_epoch(1, 2).__getitems__([7, 3, 19])[0]
    assert torch.equal(again, expected[[7, 3, 19]])
    assert torch.equal(torch.get_rng_state(), state)
    for other in ((1, 3), (2, 2)):
        different = data.for_epoch(*other).__getitems__(range(20))[0]
        assert all(not torch.equal(a, b) for a, b in zip(different, expected, strict=True))


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_nothing(workers):
    data = Mirrored(augmented(40).for_epoch(1, 2), 1, 2)
    batches = EpochBatches(epoch_order(1, 2, 40), 8)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    inputs, labels = read_all(data, batches, workers)
    expected_inputs, expected_labels = read_all(data, batches)
    assert torch.equal(inputs, expected_inputs) and torch.equal(labels, expected_labels)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends a process with its parent")
def test_workers_end_with_their_job():
    class Signals:
        def __getitems__(self, indices):
            signals = torch.full((len(indices),), signal_at_end_of_parent())
            return signals, signals

    signals, _ = read_all(Signals(), [range(2)], workers=1)
    assert signals.tolist() == [signal.SIGTERM] * 2


def test_half_of_the_images_are_mirrored_and_others_in_every_epoch():
    data = noise(2000)
    plain, labels = data.__getitems__(range(2000))

    def mirrored(seed, epoch):
        inputs, same = Mirrored(data, seed, epoch).__getitems__(range(2000))
        assert torch.equal(same, labels)
        chosen = (inputs == plain.flip(-1)).flatten(1).all(1)
        assert torch.equal(inputs[~chosen], plain[~chosen])
        return chosen

    first = mirrored(1, 1)
    assert 900 < first.sum() < 1100
    assert torch.equal(first, mirrored(1, 1))
    for other in (mirrored(1, 2), mirrored(2, 1)):
        assert 900 < (first ^ other).sum() < 1100
    part = Mirrored(data, 1, 1).__getitems__([5, 1999, 3])[0]
    whole = Mirrored(data, 1, 1).__getitems__(range(2000))[0]
    assert torch.equal(part, whole[[5, 1999, 3]])


def test_the_order_is_a_permutation_of_seed_and_epoch():
    order = epoch_order(1, 1, 1000)
    assert order.sort().values.tolist() == list(range(1000))
    assert torch.equal(order, epoch_order(1, 1, 1000))
    assert not torch.equal(order, epoch_order(1, 2, 1000))
    assert not torch.equal(order, epoch_order(2, 1, 1000))


@pytest.mark.parametrize(("processes", "accumulate"), [(1, 1), (2, 1), (1, 3), (2, 2), (4, 3)])
def test_processes_and_passes_divide_the_same_batches(processes, accumulate):
    order = epoch_order(1, 1, 100)
    parts = [
        list(EpochBatches(order, 24, accumulate, process, processes))
        for process in range(processes)
    ]
    for own in parts:
        assert len(own) == len(EpochBatches(order, 24, accumulate)) == 4 * accumulate
        assert {len(part) for part in own} == {24 // processes // accumulate}
    for step in range(4):
        passes = slice(step * accumulate, (step + 1) * accumulate)
        batch = [index for own in parts for part in own[passes] for index in part]
        assert batch == order[24 * step : 24 * (step + 1)].tolist()


def test_earlier_steps_are_left_out_without_being_read():
    data, order = augmented(40), epoch_order(1, 1, 40)
    whole = list(EpochBatches(order, 8, 2))
    rest = EpochBatches(order, 8, 2, first_step=3)
    assert list(rest) == whole[6:] and len(rest) == 4
    read_all(data, rest)
    assert sorted(data.images.reads) == sorted(order[24:].tolist())
