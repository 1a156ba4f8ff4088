"""Noisy images: how large the noise is, what it depends on, and that their labels are clean."""

from __future__ import annotations

import pickle

import pytest
import torch

from experiments.data.tensors import ImageTensors
from experiments.denoising.noise import Noisy, grey_values, standard_noise

N = 400


@pytest.fixture(scope="module")
def images() -> ImageTensors:
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(256, (N, 1, 16, 16), generator=generator, dtype=torch.uint8)
    return ImageTensors(values, torch.zeros(N, dtype=torch.int64), [0.3], [0.35])


def test_black_is_zero_whatever_the_normalisation(images):
    values, _ = grey_values(images).__getitems__(range(3))
    assert torch.equal(values, images.images[:3] / 255)


def test_the_standard_deviation_is_uniform_up_to_the_largest(images):
    noisy, clean = Noisy(grey_values(images), 51, seed=1).__getitems__(range(N))
    assert torch.equal(clean, images.images / 255)
    noise = (noisy - clean).flatten(1)
    sizes = noise.square().mean(1).sqrt() / 0.2
    # Each is known from 256 pixels, with a standard deviation of 4 %.
    assert 0.9 < sizes.max() < 1.15 and sizes.min() < 0.05
    quarters = torch.histc(sizes, 4, 0, 1) / N
    assert ((quarters - 0.25).abs() < 0.1).all()
    # Not clipped.
    assert noisy.min() < -0.2 and noisy.max() > 1.2
    shape = (noise / noise.std(1, keepdim=True)).flatten()
    assert abs(float(shape.mean())) < 0.01
    assert float(shape.pow(4).mean()) == pytest.approx(3, abs=0.1)


def test_noise_depends_on_seed_epoch_and_image_alone(images):
    data = Noisy(grey_values(images), 30, seed=1)

    def noisy_of(batches, indices):
        return batches.__getitems__(indices)[0]

    first = data.for_epoch(5, 1)
    together = noisy_of(first, range(20))
    assert torch.equal(together, noisy_of(first, [*range(19, -1, -1)]).flip(0))
    assert torch.equal(together[7:8], noisy_of(first, [7]))
    assert torch.equal(together, noisy_of(pickle.loads(pickle.dumps(first)), range(20)))
    same = Noisy(grey_values(images), 30, seed=2).for_epoch(5, 1)
    assert torch.equal(together, noisy_of(same, range(20)))
    for other in (data, data.for_epoch(5, 2), data.for_epoch(6, 1)):
        assert not (together == noisy_of(other, range(20))).any()
    assert torch.equal(noisy_of(data, range(3)), noisy_of(data, range(3)))


def test_what_is_mirrored_is_the_image_before_its_noise(images):
    original = images.images / 255
    noisy, clean = (
        Noisy(grey_values(images), 30, 1, mirror=True).for_epoch(0, 1).__getitems__(range(N))
    )
    mirrored = (clean == original.flip(-1)).flatten(1).all(1)
    assert ((clean == original).flatten(1).all(1) ^ mirrored).all()
    # 200 expected, with a standard deviation of 10.
    assert 150 < mirrored.sum() < 250
    # 30 grey levels are the largest standard deviation, a ninth of the range.
    assert (noisy - clean).flatten(1).std(1).max() < 0.15
    untouched = Noisy(grey_values(images), 30, 1).for_epoch(0, 1).__getitems__(range(N))[1]
    assert torch.equal(untouched, original)


def test_noise_of_standard_deviation_one():
    values = standard_noise((2, 100, 100), 3, 7)
    assert values.shape == (2, 100, 100)
    assert float(values.std()) == pytest.approx(1, abs=0.03)
    assert torch.equal(values, standard_noise((2, 100, 100), 3, 7))
    assert not torch.equal(values, standard_noise((2, 100, 100), 3, 8))
