"""Integrated Gradients of piecewise linear nets without numerical quadrature."""

from __future__ import annotations

import warnings
from typing import Any, Literal, overload

import torch

from xgradient._explained import (
    Baselines,
    Inputs,
    Model,
    OutputSelector,
    attributing,
    explained,
    module_of,
)
from xgradient._inputs import check_positive_integer
from xgradient._layers import LayerLike
from xgradient._targets import TargetLike
from xgradient.attribution._opaque import opaque_module
from xgradient.attribution._path_pieces import PathIntegral, PathPieces
from xgradient.attribution._piecewise import NotPiecewiseLinearError

# Default number of points per pass.
_DEFAULT_ROWS = 64


class UnresolvedPathWarning(UserWarning):
    """The budget ended before a path was cut into pieces on which the net is linear."""


@overload
def exact_integrated_gradients(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    max_pieces: int = 100_000,
    internal_batch_size: int | None = None,
    return_pieces: Literal[False] = False,
) -> Inputs: ...


@overload
def exact_integrated_gradients(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    max_pieces: int = 100_000,
    internal_batch_size: int | None = None,
    return_pieces: Literal[True],
) -> tuple[Inputs, PathPieces]: ...


def exact_integrated_gradients(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    max_pieces: int = 100_000,
    internal_batch_size: int | None = None,
    return_pieces: bool = False,
) -> Inputs | tuple[Inputs, PathPieces]:
    """Integrated Gradients of a piecewise linear net, exact up to rounding.

    Along the path a net of linear layers, ReLU-like activations and max pooling is piecewise
    linear, so that its gradient is piecewise constant and

    ``IG_i = (x_i - b_i) * sum_p length_p dF/dx_i(middle of piece p)``

    over the pieces p of the path: an integral, not an approximation. If every activation is on the
    same side and every pooling takes the same value at both ends of a piece, then the net is
    linear between them, by induction over the layers. Where they differ, the arguments of the
    first call that differs are still linear in between, so that the places of its changes are
    known by linear interpolation (Sotoudeh and Thakur 2019): the piece is cut at all of them, and
    its parts are looked at in the same way. A piece costs one gradient and between one and two
    forward passes, with no search for the places of the changes.

    The number of pieces grows with the number of units: thousands for a small convolutional net.
    In float32 the sides of units, and pieces shorter than 1e-6 of the path, are a matter of
    rounding: use a net and inputs in float64 if the result is to be a reference.

    When the budget ends, a piece that may have kinks counts with the gradient in its middle. With a
    Lipschitz constant K of the score, no gradient of the net is longer than K, and the error of
    such a piece is at most ``length * |x - b| * (|gradient| + K)`` in Euclidean norms, summed over
    all inputs i, by the Cauchy-Schwarz inequality. K is the product along the net of bounds of its
    layers; it is safe rather than tight, and for a deep net much too large.

    Parameters
    ----------
    model : nn.Module or callable
        Piecewise linear net that returns outputs of shape (N, K). Which operations it consists of
        is seen as it runs, whether they are modules, functions or methods.
    inputs : Tensor of shape (N, ...) or tuple of these
        Images, feature vectors or whatever the net takes. Several move along the path together.
    target : optional
        Which output to explain: an index, one per row or one for all; None for a net with one
        output. See `xgradient.attribution` for the other forms.
    baselines : Tensor or float, or tuple of these, optional
        Start of the path: None for zero, a number, or a tensor that broadcasts to the inputs.
    additional_forward_args, output, layer : optional
        Common to all methods, see `xgradient.attribution`.
        With a layer, the path leads from its values for the baselines to those for the inputs, and
        only the part of the net behind it must be piecewise linear.
    max_pieces : int, default 100,000
        The budget: a path is cut into at most so many pieces. A row costs at most one gradient and
        about two forward passes for each of them.
    internal_batch_size : int, optional
        Largest number of points per pass through the net, by default 64; at least 2.
    return_pieces : bool, default False
        Whether to return what is known of the pieces, too.

    Returns
    -------
    attribution : Tensor or tuple of Tensor
        Shaped like the inputs (or the values of the layer); per row it sums to the difference of
        the target output between input and baseline.
    pieces : PathPieces
        Only with ``return_pieces``: for every row the number of pieces, whether the budget was
        enough, and bounds of the error.

    Raises
    ------
    NotPiecewiseLinearError
        If the net calls an operation for which this fails, such as a sigmoid, a softmax or a
        product of activations, or one that cannot be seen; the message names it.
    ValueError, TypeError
        If inputs, target, baselines and net do not fit together, a number is not positive, or the
        inputs are in half precision.

    Warns
    -----
    UnresolvedPathWarning
        If the budget ended.

    References
    ----------
    Sundararajan, Taly and Yan (2017), Eq. 1. Sotoudeh and Thakur (2019), *Computing Linear
    Restrictions of Neural Networks*: the exact restriction of a net to a line, layer by layer, and
    Integrated Gradients as an application.
    """
    check_positive_integer("max_pieces", max_pieces)
    rows = _DEFAULT_ROWS
    if internal_batch_size is not None:
        check_positive_integer("internal_batch_size", internal_batch_size)
        rows = max(2, internal_batch_size)
    module = module_of(model)
    opaque = None if module is None else opaque_module(module)
    if opaque is not None:
        raise NotPiecewiseLinearError(
            f"the choices of {f'module {opaque!r}' if opaque else 'the net'} cannot be seen, since "
            "it is compiled: pass the net that it was made from"
        )
    task = explained(
        model,
        inputs,
        target,
        additional_forward_args=additional_forward_args,
        output=output,
        layer=layer,
    )
    for values in task.inputs:
        if torch.finfo(values.dtype).bits < 32:
            raise TypeError(
                f"a path cannot be cut exactly in {values.dtype}: convert net and inputs to "
                "float64, or float32"
            )
    with attributing(model):
        ends = zip(task.baselines(baselines), task.inputs, strict=True)
        starts = [start.expand_as(values) for start, values in ends]
        attributions, pieces = PathIntegral(task, starts, max_pieces, rows).attributions()
    if not pieces.complete.all():
        row = int((~pieces.complete).int().argmax())
        percent = 100 * float(pieces.unresolved[row])
        warnings.warn(
            f"max_pieces={max_pieces} ended the search with {percent:.3g} % of the path of row "
            f"{row} in pieces on which the net may not be linear "
            f"({int((~pieces.complete).sum())} of {task.n_rows} rows are concerned)",
            UnresolvedPathWarning,
            stacklevel=2,
        )
    result = task.returned(attributions)
    return (result, pieces) if return_pieces else result
