"""How DeepLIFT passes the layers of networks: those with weights, normalisation and pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv1d_input, conv2d_input, conv3d_input

from xgradient.deeplift.calls import Call
from xgradient.deeplift.operations import (
    Affine,
    rearranged,
    selected_maximum,
    weighted_sum,
)
from xgradient.deeplift.operations import linear as linear_rule
from xgradient.deeplift.signals import Signal

# A fully connected layer can have more weights than all activations of a network have values:
# copies of so many at once are too few to be noticed (4 MiB in float32).
_COPIED_WEIGHTS = 2**20
# By the number of spatial axes: the convolution, its adjoint, and the transposed convolution.
_CONVOLUTIONS: dict[int, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    1: (F.conv1d, conv1d_input),
    2: (F.conv2d, conv2d_input),
    3: (F.conv3d, conv3d_input),
}
_TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}


def affine_of_linear(weight: Tensor) -> Affine:
    """Make the affine layer of `torch.nn.functional.linear`.

    Parameters
    ----------
    weight : Tensor
        Shape (out, in).

    Returns
    -------
    Affine
        The layer.
    """
    return Affine(
        weight=weight.detach(),
        apply=F.linear,
        transpose=lambda values, weight, shape: values @ weight,
        axis=-1,
        rows=max(1, _COPIED_WEIGHTS // max(1, weight.shape[-1])),
    )


def _linear(call: Call) -> Tensor:
    weight = call.argument(1, "weight")
    if call.is_tracked(weight):
        return call.watch.compose(call, _linear_of_signals)
    signal = _only_signal(call)
    if signal.actual.dim() < 2 or weight.dim() != 2:
        raise call.refusal("it takes inputs of shape (N, ..., F) and weights of shape (K, F)")
    passed = linear_rule(affine_of_linear(weight), signal)
    return call.emit(call.run(), passed, dense=True)


def _linear_of_signals(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    output = torch.matmul(input, weight.transpose(-1, -2))
    return output if bias is None else output + bias


def _convolution(n_axes: int, call: Call) -> Tensor:
    weight, settings, signal = _convolution_arguments(call, n_axes, 3, ())
    convolve, adjoint = _CONVOLUTIONS[n_axes]
    settings["padding"], trailing = _padding(settings, weight.shape[2:])

    def apply(inputs: Tensor, weight: Tensor) -> Tensor:
        if any(trailing):
            # F.pad counts from the last axis backwards, two numbers for each.
            inputs = F.pad(inputs, [n for extra in reversed(trailing) for n in (0, extra)])
        return convolve(inputs, weight, None, **settings)

    def transpose(values: Tensor, weight: Tensor, shape: torch.Size) -> Tensor:
        padded = [n + extra for n, extra in zip(shape[2:], trailing, strict=True)]
        below = adjoint([*shape[:2], *padded], weight, values, **settings)
        for axis, n in enumerate(shape[2:], start=2):
            below = below.narrow(axis, 0, n)
        return below

    passed = linear_rule(Affine(weight, apply, transpose), signal)
    return call.emit(call.run(), passed, dense=False)


def _transposed_convolution(n_axes: int, call: Call) -> Tensor:
    weight, settings, signal = _convolution_arguments(call, n_axes, 3, ("output_padding",))
    convolve, _ = _CONVOLUTIONS[n_axes]

    def apply(inputs: Tensor, weight: Tensor) -> Tensor:
        return _TRANSPOSED[n_axes](inputs, weight, None, **settings)

    def transpose(values: Tensor, weight: Tensor, shape: torch.Size) -> Tensor:
        back = {name: value for name, value in settings.items() if name != "output_padding"}
        below = convolve(values, weight, None, **back)
        for axis, n in enumerate(shape[2:], start=2):
            below = below.narrow(axis, 0, n)
        return below

    passed = linear_rule(Affine(weight, apply, transpose), signal)
    return call.emit(call.run(), passed, dense=False)


def _convolution_arguments(
    call: Call, n_axes: int, position: int, more: Sequence[str]
) -> tuple[Tensor, dict[str, Any], Signal]:
    weight = call.argument(1, "weight")
    signal = _only_signal(call)
    if signal.actual.dim() != n_axes + 2:
        raise call.refusal("it takes a batch of inputs, whose first axis is that of the inputs")
    names = ["stride", "padding", "dilation", "groups"]
    defaults = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0}
    if more:
        names = ["stride", "padding", *more, "groups", "dilation"]
    settings = {
        name: call.argument(place, name, default=defaults[name])
        for place, name in enumerate(names, start=position)
    }
    for name in ("stride", "dilation"):
        value = settings[name]
        settings[name] = [value] * n_axes if isinstance(value, int) else list(value)
    if len(settings["stride"]) != n_axes:
        settings["stride"] *= n_axes
    if len(settings["dilation"]) != n_axes:
        settings["dilation"] *= n_axes
    return weight.detach(), settings, signal


def _padding(settings: dict[str, Any], kernel: Sequence[int]) -> tuple[list[int], list[int]]:
    """Zeros on both sides of each spatial axis, and those that "same" adds only at its end."""
    padding, axes = settings["padding"], range(len(kernel))
    if padding == "same":
        totals = [settings["dilation"][axis] * (kernel[axis] - 1) for axis in axes]
        return [total // 2 for total in totals], [total % 2 for total in totals]
    if isinstance(padding, str):  # "valid"
        return [0 for _ in axes], [0 for _ in axes]
    values = [padding] if isinstance(padding, int) else list(padding)
    return values * (len(kernel) // len(values)), [0 for _ in axes]


def _only_signal(call: Call) -> Signal:
    if len(call.signals) != 1 or not call.is_tracked(call.argument(0, "input")):
        raise call.refusal("its weights depend on the input, for which DeepLIFT has no rule here")
    return call.signals[0]


def _batch_norm(call: Call) -> Tensor:
    mean, variance = call.argument(1, "running_mean"), call.argument(2, "running_var")
    if mean is None or variance is None or call.argument(5, "training", default=False):
        raise call.refusal(
            "it normalises by the statistics of the batch, which mixes the rows: DeepLIFT needs "
            "running statistics (track_running_stats=True)"
        )
    weight = call.argument(3, "weight")
    factor = (variance + call.argument(7, "eps", default=1e-5)).rsqrt()
    factor = factor if weight is None else factor * weight.detach()
    signal = _only_signal(call)
    axes = [1] * (signal.actual.dim() - 2)
    output = call.run()
    return call.emit(output, weighted_sum([signal], [factor.view(-1, *axes)], output.shape[1:]))


def _pool(call: Call) -> Tensor:
    passed = rearranged(call.on_rows(), call.signals)
    return call.emit(call.run(), passed)


def _max_pool(function: Callable[..., Any], n_axes: int, call: Call) -> Any:
    names = ["kernel_size", "stride", "padding", "dilation", "ceil_mode"]
    if n_axes < 0:
        names = ["output_size"]
    settings = {
        name: value
        for place, name in enumerate(names, start=1)
        if (value := call.argument(place, name)) is not None and value != []
    }
    (signal,), (tensor,) = call.signals, call.tensors
    if tensor.dim() != abs(n_axes) + 2:
        raise call.refusal("it takes a batch of inputs, whose first axis is that of the inputs")
    maxima, indices = function(tensor, **settings, return_indices=True)
    n = call.watch.n_inputs
    passed = selected_maximum(
        signal,
        (maxima[:n], indices[:n]),
        (maxima[n:], indices[n:]),
        start=2,
        gradient=call.watch.gradient_of_max_pooling,
    )
    call.emit(maxima, passed)
    wants_indices = call.kwargs.get("return_indices") or "with_indices" in call.name
    return (maxima, indices) if wants_indices else maxima


def _dropout(call: Call) -> Tensor:
    if call.argument(2, "training", "train", default=True):
        raise call.refusal(
            "dropout is active at evaluation too; call it with training=self.training"
        )
    output: Tensor = call.run()
    call.watch.share(output, call.nodes[0])
    return output


HANDLERS: dict[str, Callable[[Call], Any]] = {
    "linear": _linear,
    **{f"conv{n}d": partial(_convolution, n) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": partial(_transposed_convolution, n) for n in (1, 2, 3)},
    "batch_norm": _batch_norm,
    **{f"avg_pool{n}d": _pool for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": _pool for n in (1, 2, 3)},
    **{
        f"{kind}max_pool{n}d{indices}": partial(
            _max_pool, getattr(F, f"{kind}max_pool{n}d"), sign * n
        )
        for kind, sign in (("", 1), ("adaptive_", -1))
        for n in (1, 2, 3)
        for indices in ("", "_with_indices")
    },
    **dict.fromkeys(
        (
            *("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout"),
            *("alpha_dropout", "feature_alpha_dropout"),
        ),
        _dropout,
    ),
}
