"""X-Gradient: the closed form of Integrated Gradients for homogeneous nets."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from xgradient._explained import (
    Baselines,
    Explained,
    Inputs,
    Model,
    OutputSelector,
    attributing,
    explained,
)
from xgradient._layers import LayerLike
from xgradient._targets import TargetLike
from xgradient.attribution._gradients import copies, input_gradient
from xgradient.homogeneous import verify_homogeneous
from xgradient.homogeneous.verification import verify_homogeneous_function


def x_gradient(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    create_graph: bool = False,
    degree: float = 1,
    check: bool = True,
) -> Inputs:
    """X-Gradient: Integrated Gradients of a homogeneous net in one forward and backward pass.

    For a net of degree k and the zero baseline, Integrated Gradients have the closed form
    ``IG_i = x_i * dF/dx_i / k``; the gradient at ``a x`` is ``a**(k - 1)`` times that at ``x``,
    and the integral of ``a**(k - 1)`` over [0, 1] is ``1 / k``.

    With ``create_graph=True`` it can be part of a training loss, at the cost of a second backward
    pass: `xgradient.priors` has losses for it. Without, the attribution is a constant to the loss.

    Parameters
    ----------
    model : nn.Module or callable
        Nonnegatively homogeneous net that returns outputs of shape (N, K).
    inputs : Tensor of shape (N, ...) or tuple of these
        Images, feature vectors or whatever the net takes.
    target : optional
        Which output to explain: an index, one per row or one for all; None for a net with one
        output. See `xgradient.attribution` for the other forms.
    baselines : optional
        None or zero; nothing else has the closed form.
    additional_forward_args, output, layer, create_graph : optional
        Common to all methods, see `xgradient.attribution`.
        With a layer, the part of the net behind it must be homogeneous.
    degree : float, default 1
        Degree k > 0 of homogeneity, in all inputs together; 1 for an X-DNN.
    check : bool, default True
        Whether to refuse a net that is not homogeneous of this degree. The check costs six forward
        passes of one image. In a loop over batches, check the first batch only, or call
        `check_homogeneous` before the loop.

    Returns
    -------
    Tensor or tuple of Tensor
        Attribution, shaped like the inputs (or the values of the layer); per row it
        sums to the target output.

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
    task = explained(
        model,
        inputs,
        target,
        additional_forward_args=additional_forward_args,
        output=output,
        layer=layer,
        create_graph=create_graph,
    )
    if baselines is not None and any(values.any() for values in task.baselines(baselines)):
        raise ValueError(
            "the closed form of x_gradient holds for the zero baseline only, got baselines that "
            "are not zero: use integrated_gradients"
        )
    with attributing(model):
        if check:
            _verify(task, degree)
        gradients = input_gradient(task.scores, copies(task.inputs), create_graph)
        products = [x * g / degree for x, g in zip(task.inputs, gradients, strict=True)]
    return task.returned(products)


def _verify(task: Explained, degree: float) -> None:
    # A row of zeros reveals nothing but biases: take the first row that is not zero.
    filled = torch.stack([values.reshape(len(values), -1).any(1) for values in task.inputs])
    example = filled.any(0).int().argmax().view(1)
    points = [values.detach() for values in task.rows(example)]
    plain = task.layer is None and not task.arguments and task.output is None and task.single
    if plain and isinstance(task.model, nn.Module):
        verify_homogeneous(task.model, points[0], degree)
    else:
        verify_homogeneous_function(lambda *scaled: task.call(scaled, example), points, degree)
