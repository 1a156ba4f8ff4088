"""Expected Gradients: Integrated Gradients over a distribution of baselines."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xgradient._inputs import check_inputs, check_positive_integer, validated
from xgradient.attribution._gradients import accumulator, attributing, input_gradient


def expected_gradients(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor | int,
    *,
    baselines: Tensor,
    n_references: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Estimate Expected Gradients: Integrated Gradients averaged over a distribution of baselines.

    The average over draws of ``(x - r) * dF/dx(r + alpha (x - r))`` with a reference r drawn from
    ``baselines`` with replacement and alpha from U(0, 1), both drawn separately for each image and
    draw. The released evaluation of EG(1) shares one reference and one alpha between the two images
    of a batch, and draws the references from the validation set: here the caller passes training
    images.

    Parameters
    ----------
    model : nn.Module
        Net that returns logits of shape (N, K).
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.
    target : Tensor of shape (N,), integer, or int
        Class index of the logit to explain, per image or one for all.
    baselines : Tensor of shape (R, ...)
        The distribution: images to draw references from, in the space of the inputs.
    n_references : int, default 1
        Number of draws per image, each costing one forward and backward pass; k of EG(k).
    generator : torch.Generator, optional
        Source of the draws; by default torch's global one.

    Returns
    -------
    Tensor
        Attribution, shaped like the inputs.

    Raises
    ------
    ValueError, TypeError
        If inputs, baselines, target and net do not fit together, or the number of draws is not
        positive.

    References
    ----------
    Erion et al. (2021); Hesse, Schaub-Meyer and Roth (2021), Sec. 4.2.
    """
    inputs, target = validated(model, inputs, target)
    if not isinstance(baselines, Tensor):
        raise TypeError(
            "baselines must be a Tensor of shape (R, ...), the distribution that references are "
            f"drawn from, got {baselines!r:.60}"
        )
    check_inputs(baselines, "baselines")
    if baselines.shape[1:] != inputs.shape[1:]:
        raise ValueError(
            f"baselines must have shape (R, {', '.join(map(str, inputs.shape[1:]))}) to fit the "
            f"inputs, got {tuple(baselines.shape)}"
        )
    check_positive_integer("n_references", n_references)
    device = generator.device if generator is not None else torch.device("cpu")
    with attributing(model):
        total = torch.zeros_like(inputs, dtype=accumulator(inputs.dtype))
        for _ in range(n_references):
            drawn = torch.randint(
                len(baselines), (len(inputs),), generator=generator, device=device
            )
            alpha = torch.rand(len(inputs), generator=generator, device=device, dtype=torch.float64)
            starts = baselines.detach()[drawn.to(baselines.device)].to(inputs)
            difference = inputs - starts
            points = torch.addcmul(starts, _per_row(alpha.to(inputs), inputs), difference)
            total += difference * input_gradient(model, points, target)
    return (total / n_references).to(inputs.dtype)


def _per_row(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *(1 for _ in like.shape[1:]))
