"""Baselines in grey values: what they are, and that draws belong to image and seed."""

from __future__ import annotations

import pytest
import torch

from experiments.baselines.names import BASELINES
from experiments.baselines.run import starts_of
from experiments.baselines.starts import Sources
from experiments.data.preprocessing import Preprocessing
from tests.experiments.pixels import SPACE, Pixels, network_images, random_images
from xgradient.masking import blur

SETTINGS = {"n_steps": 3, "mean_images": None, "kernel_size": 5, "sigma": 2.0}
TRAINING = random_images(1100, seed=2)
IMAGES = random_images(6, seed=1)


def sources(seed=0, training=TRAINING, **settings):
    return Sources(training, {**SETTINGS, **settings}, seed)


def starts(key, chosen=(0, 4), dtype=torch.float32, **options):
    inputs = IMAGES.__getitems__(chosen)[0].to(dtype)
    return starts_of(key, inputs, chosen, sources(**options))


def bytes_of(inputs):
    """Undo the normalisation."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (SPACE.mean, SPACE.std))
    return 255 * (inputs * std + mean)


def test_the_shapes_say_what_the_registry_does():
    for key, baseline in BASELINES.items():
        found = starts(key, dtype=torch.float64)
        assert found.dtype == torch.float64
        if baseline.averaged:
            assert found.shape == (2, 3, 3, 10, 10)
        else:
            assert found.shape in ((1, 3, 10, 10), (2, 3, 10, 10))
        # What is fixed is the same for every image.
        if baseline.fixed:
            assert torch.equal(found, starts(key, chosen=(3,), dtype=torch.float64))


def test_zero_is_the_mean_colour_and_not_black():
    assert not starts("zero").any()
    colour = bytes_of(starts("zero"))[0, :, 0, 0] / 255
    assert colour.tolist() == pytest.approx(list(SPACE.mean))


@pytest.mark.parametrize(("key", "value"), [("black", 0.0), ("white", 255.0)])
def test_flat_images_have_the_ends_of_the_range(key, value):
    assert bytes_of(starts(key)).flatten().tolist() == pytest.approx([value] * 300, abs=1e-3)


def test_the_range_is_that_of_the_net():
    space = Preprocessing((100.0,) * 3, (2.0,) * 3, "BGR", full_range=255)
    training = network_images(torch.zeros(1, 3, 10, 10, dtype=torch.uint8), torch.zeros(1), space)
    assert (starts("white", training=training) == (255 - 100) / 2).all()


def test_the_training_mean_is_that_of_all_images_or_of_the_first():
    everything = TRAINING.pixels(range(1100)).double()
    found = bytes_of(starts("training_mean")).double()
    torch.testing.assert_close(found, everything.mean(0, keepdim=True), rtol=0, atol=1e-3)
    found = bytes_of(starts("training_mean", mean_images=7)).double()
    torch.testing.assert_close(found, everything[:7].mean(0, keepdim=True), rtol=0, atol=1e-3)


def test_a_blurred_image_is_the_one_of_the_masks():
    inputs = IMAGES.__getitems__([0, 4])[0]
    torch.testing.assert_close(starts("blurred"), blur(inputs, 5, 2.0))


def test_noise_is_uniform_over_the_bytes():
    values = bytes_of(starts("uniform_noise", chosen=range(6))).flatten()
    torch.testing.assert_close(values, values.round(), rtol=0, atol=1e-3)
    assert values.min() < 5 and values.max() > 250
    # The standard deviation of the mean of 1,800 values is below 2.
    assert abs(float(values.mean()) - 127.5) < 10
    quarter = (values < 63.5).float().mean()
    assert 0.2 < quarter < 0.3


def test_references_are_training_images():
    found = starts("expected_gradients")
    known = {image.numpy().tobytes() for image in TRAINING.__getitems__(range(1100))[0]}
    assert all(image.numpy().tobytes() in known for image in found.flatten(0, 1))


@pytest.mark.parametrize("key", ["uniform_noise", "expected_gradients"])
def test_draws_belong_to_the_image_and_the_seed(key):
    both = starts(key)
    assert torch.equal(both[1:], starts(key, chosen=(4,)))
    assert not torch.equal(both[0], both[1])
    assert not torch.equal(both, starts(key, seed=1))


def test_the_mean_is_read_once():
    class Counted(Pixels):
        read = 0

        def __getitems__(self, indices):
            Counted.read += len(indices)
            return super().__getitems__(indices)

    training = network_images(torch.zeros(9, 3, 10, 10, dtype=torch.uint8), torch.zeros(9))
    training.source = Counted(training.source.images, training.source.labels)
    source = sources(training=training)
    inputs = IMAGES.__getitems__([0])[0]
    for _ in range(3):
        starts_of("training_mean", inputs, [0], source)
    # And one image for the shape.
    assert Counted.read == 9 + 1
