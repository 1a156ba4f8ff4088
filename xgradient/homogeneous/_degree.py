"""The degree of a function, measured by scaling its arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from xgradient.homogeneous._structure import NotHomogeneousError, described

# A product with a power of two is exact in binary floating point, and so is everything that a
# homogeneous net does with it. The two sides of F(a x) = a^k F(x) then agree to the last bit for
# integer k, in every precision, and the tolerance has to cover other degrees alone.
_SCALES = (1 / 16, 1 / 2, 2.0, 16.0)


def measured_degree(model: nn.Module, inputs: Tensor) -> float | None:
    """Degree of the net at the inputs, None if it is zero there."""

    def logits(scaled: Tensor) -> Tensor:
        output = model(scaled)
        if not isinstance(output, Tensor) or not output.is_floating_point():
            raise TypeError(f"the net must return a floating-point Tensor, got {output!r:.60}")
        return output

    consistent, degree = degree_of_call(logits, (inputs,), {})
    if consistent:
        return degree
    name, module = _first_inconsistent_module(model, inputs)
    raise NotHomogeneousError(
        f"{described(model, name, module)} is not homogeneous: its output for scaled inputs is "
        "not its output scaled by a power of the factor. It adds a constant, saturates, "
        "normalises, or adds terms of different degrees",
        name,
    )


def _first_inconsistent_module(model: nn.Module, inputs: Tensor) -> tuple[str, nn.Module]:
    """Find the first module, leaves before what contains them, that has no degree by itself."""
    found: list[tuple[str, nn.Module]] = []
    received: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    trying = False

    def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not trying:
            # Copies, since the module or a later one may overwrite them in place.
            received.append((_scaled(args, 1.0), _scaled(kwargs, 1.0)))

    def after(name: str, module: nn.Module) -> None:
        nonlocal trying
        if trying:
            return
        args, kwargs = received.pop()
        if not found:
            trying = True
            try:
                consistent, _ = degree_of_call(module.forward, args, kwargs)
            finally:
                trying = False
            if not consistent:
                found.append((name, module))

    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        handles.append(
            module.register_forward_hook(lambda module, _, __, name=name: after(name, module))
        )
    try:
        model(inputs.clone())
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else ("", model)


def relative_tolerance(dtype: torch.dtype) -> float:
    return math.sqrt(torch.finfo(dtype).eps)


def degree_of_call(
    call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[bool, float | None]:
    """Whether every output scales by one power of the factor of all arguments, and which."""
    outputs = {
        scale: floating_tensors(call(*_scaled(args, scale), **_scaled(kwargs, scale)))
        for scale in (1.0, *_SCALES)
    }
    degrees = []
    for index in range(len(outputs[1.0])):
        consistent, degree = _degree_of_outputs({s: out[index] for s, out in outputs.items()})
        if not consistent:
            return False, None
        degrees.append(degree)
    return True, next((degree for degree in degrees if degree is not None), None)


def _degree_of_outputs(outputs: dict[float, Tensor]) -> tuple[bool, float | None]:
    """Whether ``outputs[a] = a**k * outputs[1]`` for one k, and k unless they are all zero."""
    smallest, largest = min(outputs), max(outputs)
    peaks = {scale: _peak(output) for scale, output in outputs.items()}
    if not all(map(math.isfinite, peaks.values())):
        return False, None
    if 0.0 in peaks.values():
        return not any(peaks.values()), None
    degree = math.log(peaks[largest] / peaks[smallest]) / math.log(largest / smallest)
    tolerance = relative_tolerance(outputs[1.0].dtype)
    for scale, output in outputs.items():
        expected = outputs[1.0].double() * scale**degree
        allowed = tolerance * row_peaks(expected)
        if (row_peaks(output.double() - expected) > allowed).any():
            return False, None
    return True, degree


def _peak(values: Tensor) -> float:
    return float(values.abs().max()) if values.numel() else 0.0


def row_peaks(values: Tensor) -> Tensor:
    """Largest absolute value of each row, so that a row of small outputs is judged by itself."""
    rows = values.flatten(1) if values.ndim > 1 else values.reshape(1, -1)
    return rows.abs().amax(1) if rows.numel() else rows.new_zeros(1)


def _scaled(arguments: Any, scale: float) -> Any:
    """Copy of nested arguments whose floating-point tensors are multiplied by a factor."""
    if isinstance(arguments, Tensor):
        return arguments * scale if arguments.is_floating_point() else arguments.clone()
    if isinstance(arguments, dict):
        return {key: _scaled(value, scale) for key, value in arguments.items()}
    if isinstance(arguments, list):
        return [_scaled(value, scale) for value in arguments]
    if isinstance(arguments, tuple):
        return tuple(_scaled(value, scale) for value in arguments)
    return arguments


def floating_tensors(outputs: Any) -> list[Tensor]:
    if isinstance(outputs, Tensor):
        return [outputs.clone()] if outputs.is_floating_point() else []
    if isinstance(outputs, dict):
        outputs = outputs.values()
    elif not isinstance(outputs, (tuple, list)):
        return []
    return [tensor for output in outputs for tensor in floating_tensors(output)]
