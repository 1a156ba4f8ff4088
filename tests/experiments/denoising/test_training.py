"""A denoiser learns, its epoch is chosen by the PSNR, and a training goes on where it ended."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from experiments.data.tensors import ImageTensors
from experiments.denoising.names import BUILDER
from experiments.denoising.noise import Noisy, grey_values
from experiments.denoising.objective import DENOISING, psnr
from experiments.networks.checkpoints import build_network
from experiments.networks.settings import TrainingSettings
from experiments.networks.training import train
from xgradient.homogeneous import NotHomogeneousError, check_homogeneous

SETTINGS = TrainingSettings(
    epochs=4, batch_size=16, learning_rate=0.02, horizontal_flip=False, channels_last=False
)


def smooth_images(n: int, seed: int) -> Noisy:
    """Images of a few soft blobs, with noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 1, 3, 3, generator=generator)
    fine = functional.interpolate(coarse, size=12, mode="bilinear")
    images = ImageTensors((255 * fine).byte(), torch.zeros(n, dtype=torch.int64), [0.5], [0.2])
    return Noisy(grey_values(images), 40, seed=seed)


def net(bias: bool):
    torch.manual_seed(0)
    return build_network(BUILDER, {"bias": bias, "layers": 3, "width": 6})


def test_the_ratio_is_that_of_the_peak_to_the_noise():
    clean = torch.rand(2, 1, 50, 50)
    shifted = clean + torch.tensor([0.1, -0.5]).view(2, 1, 1, 1)
    expected = [20.0, 20 * math.log10(2)]
    assert psnr(shifted, clean).tolist() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("bias", [False, True])
def test_only_the_net_without_biases_is_homogeneous(bias):
    model, inputs = net(bias).double(), torch.randn(2, 1, 9, 9).double()
    assert sum(name.endswith("bias") for name, _ in model.named_parameters()) == 3 * bias
    assert model(inputs).shape == inputs.shape
    if bias:
        with pytest.raises(NotHomogeneousError, match="bias"):
            check_homogeneous(model, inputs)
    else:
        check_homogeneous(model, inputs)


def test_an_output_pixel_sees_a_pixel_more_with_every_layer():
    model = net(True)
    inputs = torch.randn(1, 1, 15, 15, requires_grad=True)
    model(inputs)[0, 0, 7, 7].backward()
    assert inputs.grad is not None
    seen = inputs.grad[0, 0].nonzero()
    assert seen.min() >= 4 and seen.max() <= 10 and len(seen) > 25


@pytest.mark.parametrize("bias", [False, True])
def test_a_net_learns_to_restore(bias):
    validation = smooth_images(100, seed=2)
    model = net(bias)
    result = train(model, smooth_images(640, seed=1), validation, SETTINGS, 0, objective=DENOISING)
    noisy, clean = validation.__getitems__(range(100))
    with torch.no_grad():
        restored = psnr(model(noisy), clean).mean()
    assert restored > psnr(noisy, clean).mean() + 2
    ratios = [row["validation_psnr"] for row in result.history]
    assert ratios[result.best_epoch] == max(ratios) == pytest.approx(float(restored), abs=1e-4)
    with torch.no_grad():
        loss = functional.mse_loss(model(noisy), clean)
    assert result.history[result.best_epoch]["validation_loss"] == pytest.approx(float(loss))


def test_a_training_goes_on_with_the_same_noise(tmp_path):
    data, validation = smooth_images(320, seed=1), smooth_images(40, seed=2)

    class Interrupted(Noisy):
        def for_epoch(self, seed, epoch):
            if epoch == 4:
                raise KeyboardInterrupt
            return data.for_epoch(seed, epoch)

    whole = net(False)
    train(whole, data, validation, SETTINGS, 0, objective=DENOISING)
    resumed, checkpoint = net(False), tmp_path / "training.ckpt"
    with pytest.raises(KeyboardInterrupt):
        train(
            resumed,
            Interrupted(data._images, 40, 1),
            validation,
            SETTINGS,
            0,
            objective=DENOISING,
            checkpoint=checkpoint,
        )
    assert checkpoint.exists()
    resumed = net(False)
    train(resumed, data, validation, SETTINGS, 0, objective=DENOISING, checkpoint=checkpoint)
    for ours, theirs in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(ours, theirs)
