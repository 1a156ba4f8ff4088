"""What a denoiser is trained for, and the measure that its best epoch is chosen by."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from experiments.networks.objective import Objective
from xgradient.homogeneous import evaluation_mode

__all__ = ["DENOISING", "psnr"]


def psnr(restored: Tensor, clean: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of images with grey values from 0 to 1, not clipped.

    Parameters
    ----------
    restored, clean : Tensor of shape (N, ...)
        Images.

    Returns
    -------
    Tensor of shape (N,)
        In decibels: ``-10 * log10(mean squared error)``.
    """
    return _decibels(_mean_squared_errors(restored, clean))


def _mean_squared_errors(restored: Tensor, clean: Tensor) -> Tensor:
    return (restored - clean).square().flatten(1).mean(1)


def _decibels(errors: Tensor) -> Tensor:
    return -10 * errors.log10()


@torch.no_grad()
def _evaluate(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    device: torch.device,
    sum_over_processes: Callable[[Tensor], Tensor],
) -> dict[str, float]:
    # Images, the sum of their mean squared errors, and of their ratios.
    sums = torch.zeros(3, dtype=torch.float64, device=device)
    with evaluation_mode(model):
        for noisy, clean in batches:
            noisy, clean = noisy.to(device), clean.to(device)
            restored = model(noisy)
            errors = _mean_squared_errors(restored, clean)
            ratios = _decibels(errors)
            sums += torch.stack([errors.new_tensor(len(clean)), errors.sum(), ratios.sum()])
    n_images, errors_sum, ratios_sum = sum_over_processes(sums).tolist()
    return {"loss": errors_sum / n_images, "psnr": ratios_sum / n_images}


DENOISING = Objective(
    functional.mse_loss, _evaluate, ("loss", "psnr"), chooses="psnr", largest=True
)
"""The mean squared error; the epoch with the best mean PSNR (decibels)."""
