"""How DeepLIFT passes operations that select, join, average, move or repeat values."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from xgradient.deeplift.calls import Call
from xgradient.deeplift.operations import Passed, rearranged, reshaped, weighted_sum
from xgradient.deeplift.signals import Parts, Signed


def _rearrangement(call: Call) -> Any:
    passed = rearranged(call.on_rows(), call.signals)
    return call.emit(call.run(), passed)


def _joined(call: Call) -> Any:
    passed = rearranged(call.on_rows(without_constants=True), call.signals)
    return call.emit(call.run(), passed)


def _like_another(handler: Callable[[Call], Any]) -> Callable[[Call], Any]:
    """Make the handler of what takes its form from a second tensor, which alone may be tracked."""

    def of_first(call: Call) -> Any:
        if not call.is_tracked(call.argument(0, "input", "self")):
            return call.run()
        call.tensors, call.nodes = call.tensors[:1], call.nodes[:1]
        call.signals = call.signals[:1]
        return handler(call)

    return of_first


def _along(position: int, name: str, optional: bool = False) -> Callable[[Call], Any]:
    """Make the handler of what would keep the number of rows also if it mixed them."""

    def handler(call: Call) -> Any:
        axes = call.integers(position, name)
        rank = call.tensors[0].dim()
        if axes is None or any(axis % rank == 0 for axis in axes):
            raise call.refusal("it moves or mixes the rows along the first axis")
        return _rearrangement(call)

    return handler


def _last_axes(call: Call) -> Any:
    if call.tensors[0].dim() < 3:
        raise call.refusal("it moves or mixes the rows along the first axis")
    return _rearrangement(call)


def _diagonal(call: Call) -> Any:
    axes = call.argument(2, "dim1", default=0), call.argument(3, "dim2", default=1)
    if any(axis % call.tensors[0].dim() == 0 for axis in axes):
        raise call.refusal("it moves or mixes the rows along the first axis")
    return _rearrangement(call)


def _several(call: Call) -> Any:
    outputs = call.run()
    for number, output in enumerate(outputs):
        function = call.on_rows(operator.itemgetter(number))
        call.emit(output, rearranged(function, call.signals))
    return outputs


def _reshape(call: Call) -> Tensor:
    (signal,) = call.signals
    output = call.run()
    if output.dtype != signal.actual.dtype:
        raise call.refusal("it reads the bytes of the values as another type")
    return call.emit(output, reshaped(signal, output.shape[1:]))


def _identity(call: Call) -> Any:
    output = call.run()
    if not call.is_tracked(output):
        call.watch.share(output, call.nodes[0])
    return output


def _cast(call: Call) -> Any:
    output = call.run()
    if call.is_tracked(output):
        return output
    if not output.is_floating_point():
        raise call.refusal(f"{output.dtype} rounds the values")
    signal, dtype, device = call.signals[0], output.dtype, output.device
    passed = rearranged(lambda values: values.to(device=device, dtype=dtype), [signal])
    return call.emit(output, passed)


def _replacement(call: Call) -> Any:
    """Pass `zero_`, `fill_` and `copy_`, which forget what the tensor was."""
    target, source = call.argument(0, "input", "self"), call.argument(1, "src", "value")
    output = call.run()
    if not call.is_tracked(source):
        call.watch.forget(output)
    elif source.shape != target.shape or source.dtype != target.dtype:
        raise call.refusal("DeepLIFT has no rule for copying to another shape or type")
    else:
        call.watch.share(output, call.node_of(source))
    return output


def _expansion(call: Call) -> Tensor:
    output = call.run()
    tensor = call.tensors[0]
    if tensor.dim() != output.dim():
        raise call.refusal("the first axis of every tensor must stay that of the inputs")
    return call.emit(output, weighted_sum(call.signals, [1.0], output.shape[1:]))


def _item(call: Call) -> Tensor:
    _check_index(call, call.argument(1, "index"))
    passed = rearranged(call.on_rows(rows_of_constants=False), call.signals)
    return call.emit(call.run(), passed)


def _set_item(call: Call) -> None:
    target, index, value = call.args
    _check_index(call, index)
    place = tuple(index) if isinstance(index, tuple) else (index,)
    n_inputs, n_rows, rank = call.watch.n_inputs, call.watch.n_rows, target.dim()
    if rank == 0 or len(target) != n_rows:
        raise call.refusal("the first axis of every tensor must stay that of the inputs")
    keeps, puts = call.is_tracked(target), call.is_tracked(value)
    call.constant_rows(target, rank)
    call.constant_rows(value, rank)
    shape, dtype, device = target.shape[1:], target.dtype, target.device

    def put(*tensors: Tensor) -> Tensor:
        rest = list(tensors)
        base = rest.pop(0) if keeps else torch.zeros((n_inputs, *shape), dtype=dtype, device=device)
        base = base.clone()
        base[place] = rest.pop(0) if puts else 0.0
        return base

    passed = rearranged(put, call.signals)
    call.run()
    call.emit(target, passed)


def _check_index(call: Call, index: Any) -> None:
    first = index[0] if isinstance(index, tuple) and index else index
    if first is not Ellipsis and not (isinstance(first, slice) and first == slice(None)):
        raise call.refusal("it selects or moves rows: the first index must be : or ...")
    if any(call.is_tracked(each) for each in (index if isinstance(index, tuple) else (index,))):
        raise call.refusal("the index depends on the input")


def _masked_fill(call: Call) -> Tensor:
    mask, value = call.argument(1, "mask"), call.argument(2, "value")
    if call.is_tracked(mask) or call.is_tracked(value) or not call.is_tracked(call.args[0]):
        raise call.refusal("only the filled tensor may depend on the input")
    output: Tensor = call.run()
    keep = ~call.constant_rows(mask, output.dim())
    if call.tensors[0].dim() != output.dim():
        raise call.refusal("the first axis of every tensor must stay that of the inputs")
    return call.emit(output, weighted_sum(call.signals, [keep], output.shape[1:]))


def _where(call: Call) -> Tensor:
    if call.is_tracked(call.args[0]) and len(call.args) == 3 and call.args[1].dtype == torch.bool:
        if call.is_tracked(call.args[1]):
            raise call.refusal("the condition depends on the input")
        first, condition, second = call.args  # Tensor.where
    else:
        condition = call.argument(0, "condition")
        first, second = call.argument(1, "input", "self"), call.argument(2, "other")
    if not call.is_tracked(first) and not call.is_tracked(second):
        raise call.refusal("the condition depends on the input")
    output: Tensor = call.run()
    mask = call.constant_rows(condition, output.dim())
    factors = []
    for term, kept in ((first, mask), (second, ~mask)):
        if call.is_tracked(term):
            factors.append(kept)
            if term.dim() != output.dim():
                raise call.refusal("the first axis of every tensor must stay that of the inputs")
        else:
            call.constant_rows(term, output.dim())
    order = [call.signal_of(term) for term in (first, second) if call.is_tracked(term)]
    nodes = [call.node_of(term) for term in (first, second) if call.is_tracked(term)]
    return call.emit(output, weighted_sum(order, factors, output.shape[1:]), nodes)


def _pad(call: Call) -> Tensor:
    mode = call.argument(2, "mode", default="constant")
    if mode != "constant":
        return _rearrangement(call)
    sizes = list(call.argument(1, "pad"))
    passed = rearranged(lambda values: F.pad(values, sizes), call.signals)
    output = call.run()
    if len(sizes) >= 2 * output.dim() and any(sizes[-2:]):
        raise call.refusal("it adds rows along the first axis")
    return call.emit(output, passed)


def _interpolation(call: Call) -> Tensor:
    passed = rearranged(call.on_rows(), call.signals)
    if call.argument(3, "mode", default="nearest") == "bicubic":
        # Weights of both signs.
        passed = _without_parts(call, passed)
    return call.emit(call.run(), passed)


def _without_parts(call: Call, passed: Passed) -> Passed:
    def find_parts() -> Signed:
        raise call.refusal("it has weights of both signs: use the rule 'rescale' behind it")

    return Passed(passed.pullback, Parts(find_parts))


HANDLERS: dict[str, Callable[[Call], Any]] = {
    **dict.fromkeys(
        (
            *("permute", "transpose", "movedim", "narrow", "select", "unfold"),
            *(
                "t",
                ".T",
                ".mT",
                "adjoint",
                ".H",
                ".mH",
                "sum",
                "mean",
                "repeat",
                "tile",
                "repeat_interleave",
            ),
            *("pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle"),
            *("fold", "im2col", "col2im", "squeeze_copy"),
        ),
        _rearrangement,
    ),
    **dict.fromkeys(
        ("cat", "stack", "hstack", "vstack", "dstack", "column_stack"),
        _joined,
    ),
    "flip": _along(1, "dims"),
    "roll": _along(2, "dims"),
    "rot90": _along(2, "dims"),
    "cumsum": _along(1, "dim"),
    "gather": lambda call: _along_one(call, 1),
    "index_select": lambda call: _along_one(call, 1),
    "take_along_dim": lambda call: _along_one(call, 2),
    "diagonal": _diagonal,
    "tril": _last_axes,
    "triu": _last_axes,
    **dict.fromkeys(
        (
            *("split", "split_with_sizes", "tensor_split", "chunk", "unbind", "unsafe_chunk"),
            *("hsplit", "vsplit", "dsplit", "unsafe_split"),
        ),
        _several,
    ),
    **dict.fromkeys(
        (
            *("view", "reshape", "flatten", "ravel", "unflatten", "squeeze", "unsqueeze"),
            *("view_as", "reshape_as"),
        ),
        _like_another(_reshape),
    ),
    **dict.fromkeys(
        (
            *("clone", "contiguous", "detach", "positive", ".data", "requires_grad_", "alias"),
            *("lift_fresh", "resolve_conj", "resolve_neg", "pin_memory", ".real"),
        ),
        _identity,
    ),
    **dict.fromkeys(
        (
            *("to", "float", "double", "half", "bfloat16", "type", "type_as", "cpu", "cuda"),
            *("int", "long", "short", "char", "byte", "bool"),
        ),
        _like_another(_cast),
    ),
    **dict.fromkeys(("expand", "broadcast_to", "expand_as"), _like_another(_expansion)),
    **dict.fromkeys(("zero", "fill", "copy"), _replacement),
    "__getitem__": _item,
    "__setitem__": _set_item,
    "masked_fill": _masked_fill,
    "where": _where,
    "pad": _pad,
    "interpolate": _interpolation,
    "upsample": _interpolation,
}


def _along_one(call: Call, position: int) -> Any:
    index = call.argument(2 if position == 1 else 1, "index", "indices")
    axis = call.argument(position, "dim")
    if call.is_tracked(index):
        raise call.refusal("the index depends on the input")
    if axis is None or axis % call.tensors[0].dim() == 0:
        raise call.refusal("it moves or mixes the rows along the first axis")
    return _rearrangement(call)
