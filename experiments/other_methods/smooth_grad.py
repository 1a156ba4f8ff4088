"""SmoothGrad: the mean gradient at noisy copies of the input."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xgradient.attribution import saliency

__all__ = ["smooth_grad"]


def smooth_grad(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
    n_samples: int = 25,
    noise: float = 0.15,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean gradient of the target output over copies of the input with Gaussian noise.

    Captum's ``NoiseTunnel`` draws from the generator that all of PyTorch shares, and has one level
    of noise for all rows of a batch; here a row gets the same whatever its batch.

    Parameters
    ----------
    model : nn.Module
        Maps inputs (N, ...) to outputs (N, K).
    inputs : Tensor of shape (N, ...)
        Images or vectors.
    target : Tensor of shape (N,)
        Indices of the outputs to explain.
    baselines : optional
        Accepted for the common signature; a gradient has no baseline.
    n_samples : int
        Noisy copies of every input.
    noise : float
        Standard deviation of the noise, as a fraction of the range of the input's values.
    generator : torch.Generator, optional
        Source of the noise, on the CPU.

    Returns
    -------
    Tensor
        Shaped like the inputs.

    References
    ----------
    Smilkov et al. (2017), "SmoothGrad: removing noise by adding noise", Sec. 3.
    """
    rows = inputs.flatten(1)
    spread = noise * (rows.amax(1) - rows.amin(1)).view(-1, *(1,) * (inputs.dim() - 1))
    total = torch.zeros_like(inputs)
    for _ in range(n_samples):
        drawn = torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype)
        total += saliency(model, inputs + spread * drawn.to(inputs.device), target)
    return total / n_samples
