"""How DeepLIFT passes maxima along axes, soft maxima, and the larger of two tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from xgradient.deeplift.calls import Call
from xgradient.deeplift.operations import rearranged, selected_maximum
from xgradient.deeplift.rules import NEAR_REFERENCE


def _along_axes(call: Call) -> Tensor:
    """Pass `amax`: like max pooling over these axes."""
    axis = call.argument(1, "dim", "axis", default=())
    rank = call.tensors[0].dim()
    axes = [each % rank for each in ([axis] if isinstance(axis, int) else axis)]
    if 0 in axes or not axes:
        raise call.refusal("it takes the maximum over the rows, along the first axis")
    if axes != [rank - 1]:
        return call.watch.compose(call, _amax)
    (signal,), (tensor,), n = call.signals, call.tensors, call.watch.n_inputs
    keepdim = call.argument(2, "keepdim", default=False)
    maxima, indices = tensor.max(-1, keepdim=True)
    passed = selected_maximum(
        signal, (maxima[:n], indices[:n]), (maxima[n:], indices[n:]), start=rank - 1
    )
    call.emit(maxima, passed)
    if keepdim:
        return maxima
    with call.watch:
        return maxima.squeeze(-1)


def _amax(input: Tensor, dim: int | tuple[int, ...], keepdim: bool = False) -> Tensor:
    """Do the same with the axes of the maximum last, and as one."""
    axes = [each % input.dim() for each in ([dim] if isinstance(dim, int) else dim)]
    kept = [axis for axis in range(input.dim()) if axis not in axes]
    maxima = input.permute(*kept, *axes).flatten(len(kept)).amax(-1)
    if not keepdim:
        return maxima
    return maxima.reshape([1 if axis in axes else size for axis, size in enumerate(input.shape)])


def _amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    return -(-input).amax(dim, keepdim)


def _logsumexp(call: Call) -> Tensor:
    """Pass the soft maximum ``log Σ exp(x)`` by weights that sum to one.

    With the logarithmic mean ``L = Δp / Δlog(p)`` of the probabilities ``p = softmax(x)`` and
    ``p⁰``, the change is exactly ``Σ L Δx / Σ L``: the differences ``Δp = L (Δx - Δlog Σ exp(x))``
    sum to zero. Between ``p`` and ``p⁰``, the weights are never too large, and as in the function
    itself nothing changes if the same is added to all values.
    """
    rank = call.tensors[0].dim()
    given = call.argument(1, "dim", default=())
    axes = [axis % rank for axis in ([given] if isinstance(given, int) else given)]
    keepdim = call.argument(2, "keepdim", default=False)
    if 0 in axes or not axes:
        raise call.refusal("it mixes the rows along the first axis")
    (signal,) = call.signals
    logs = [
        values - values.logsumexp(axes, keepdim=True)
        for values in (signal.actual, signal.reference)
    ]
    now, then = (values.exp() for values in logs)
    change = logs[0] - logs[1]
    # Not "change < ...": infinity minus infinity, as of two masked values, is no change.
    near = ~(change.abs() >= NEAR_REFERENCE)
    weights = torch.where(near, 0.5 * (now + then), (now - then) / change.masked_fill(near, 1.0))
    weights /= weights.sum(axes, keepdim=True)
    passed = rearranged(lambda values: (values * weights).sum(axes, keepdim), [signal])
    return call.emit(call.run(), passed)


def _extremum(extremum: Callable[..., Tensor], elementwise: Handler, call: Call) -> Any:
    """Pass `max` or `min`, which are three functions each."""
    axis = call.argument(1, "dim", "other", "axis")
    if isinstance(axis, Tensor):
        return elementwise(call)
    if axis is None:
        raise call.refusal("it takes the maximum over the rows, along the first axis")
    indices = call.run()[1]
    keepdim = bool(call.argument(2, "keepdim", default=False))
    values = call.watch.compose(call, lambda input, *_, **__: extremum(input, axis, keepdim))
    kind = torch.return_types.max if call.name == "max" else torch.return_types.min
    return kind((values, indices))


def _larger(composed: Callable[..., Tensor], call: Call) -> Tensor:
    """Pass the larger of two tensors; of a tensor and a constant it is a nonlinearity."""
    if len(call.tensors) == 1:
        return call.watch.pass_nonlinearity(call)
    return call.watch.compose(call, composed)


def _maximum(input: Tensor, other: Tensor) -> Tensor:
    return torch.stack((input, other), -1).amax(-1)


def _minimum(input: Tensor, other: Tensor) -> Tensor:
    return -_maximum(-input, -other)


Handler = Callable[[Call], Any]


def _maximum_of_two(call: Call) -> Tensor:
    return _larger(_maximum, call)


def _minimum_of_two(call: Call) -> Tensor:
    return _larger(_minimum, call)


HANDLERS: dict[str, Handler] = {
    "logsumexp": _logsumexp,
    "amax": _along_axes,
    "amin": lambda call: call.watch.compose(call, _amin),
    "max": lambda call: _extremum(lambda input, *how: input.amax(*how), _maximum_of_two, call),
    "min": lambda call: _extremum(_amin, _minimum_of_two, call),
    **dict.fromkeys(("maximum", "fmax"), _maximum_of_two),
    **dict.fromkeys(("minimum", "fmin"), _minimum_of_two),
}
