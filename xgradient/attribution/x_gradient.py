"""X-Gradient: the closed form of Integrated Gradients for homogeneous nets."""

from __future__ import annotations

from torch import Tensor, nn

from xgradient._inputs import validated, validated_baselines
from xgradient.attribution._gradients import attributing, input_gradient
from xgradient.homogeneous import verify_homogeneous


def x_gradient(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor | int,
    *,
    baselines: Tensor | float | None = None,
    degree: float = 1,
    check: bool = True,
) -> Tensor:
    """X-Gradient: Integrated Gradients of a homogeneous net in one forward and backward pass.

    For a net of degree k and the zero baseline, Integrated Gradients have the closed form
    ``IG_i = x_i * dF/dx_i / k``; the gradient at ``a x`` is ``a**(k - 1)`` times that at ``x``,
    and the integral of ``a**(k - 1)`` over [0, 1] is ``1 / k``.

    Parameters
    ----------
    model : nn.Module
        Nonnegatively homogeneous net that returns logits of shape (N, K).
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.
    target : Tensor of shape (N,), integer, or int
        Class index of the logit to explain, per image or one for all.
    baselines : Tensor or float, optional
        None or zero; nothing else has the closed form.
    degree : float, default 1
        Degree k > 0 of homogeneity; 1 for an X-DNN.
    check : bool, default True
        Whether to refuse a net that is not homogeneous of this degree. The check costs six forward
        passes of one image. In a loop over batches, check the first batch only, or call
        `check_homogeneous` before the loop.

    Returns
    -------
    Tensor
        Attribution, shaped like the inputs; per image it sums to the target logit.

    Raises
    ------
    NotHomogeneousError
        If the net is not homogeneous of this degree.
    ValueError, TypeError
        If inputs, target and net do not fit together, the degree is not positive, or a baseline
        is not zero.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 3.
    """
    if not degree > 0:
        raise ValueError(f"degree must be positive, got {degree}")
    inputs, target = validated(model, inputs, target)
    if baselines is not None and validated_baselines(baselines, inputs).any():
        raise ValueError(
            "the closed form of x_gradient holds for the zero baseline only, got baselines that "
            "are not zero: use integrated_gradients"
        )
    if check:
        # An image of zeros reveals nothing but biases: take the first image that is not zero.
        example = int(inputs.flatten(1).any(1).int().argmax())
        verify_homogeneous(model, inputs[example : example + 1], degree)
    with attributing(model):
        return inputs * input_gradient(model, inputs.clone(), target) / degree
