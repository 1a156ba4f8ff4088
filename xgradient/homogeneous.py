"""Nonnegative homogeneity: remove what breaks it, verify it, measure its degree.

A net F is nonnegatively homogeneous of degree k if ``F(a x) = a**k F(x)`` for every ``a > 0``. A
net of linear and convolution layers without biases, ReLU, LeakyReLU or PReLU, pooling, residual
sums and dropout has degree 1. Hesse, Schaub-Meyer and Roth (2021, Sec. 3) call such a net an
X-DNN: its Integrated Gradients from the zero baseline have the closed form
``x_i * dF/dx_i``.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from xgradient._inputs import check_inputs, check_model, evaluation_mode

# Fixup residual blocks name their scalar biases bias1a, bias1b, bias2a, ... (Zhang et al. 2019).
_BIAS_NAME = re.compile(r"bias(\d+[a-z]?)?")

_NORMALISATIONS = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
    nn.LocalResponseNorm,
    nn.CrossMapLRN2d,
)
_SATURATING = (
    nn.Sigmoid,
    nn.LogSigmoid,
    nn.Hardsigmoid,
    nn.Tanh,
    nn.Tanhshrink,
    nn.Hardtanh,  # ReLU6 is a Hardtanh
    nn.GELU,
    nn.SiLU,
    nn.Hardswish,
    nn.Mish,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.Softplus,
    nn.Softsign,
    nn.Softshrink,
    nn.Hardshrink,
    nn.GLU,
    nn.Softmax,
    nn.Softmax2d,
    nn.Softmin,
    nn.LogSoftmax,
)

# A product with a power of two is exact in binary floating point, and so is everything that a
# homogeneous net does with it. The two sides of F(a x) = a^k F(x) then agree to the last bit for
# integer k, in every precision, and the tolerance has to cover other degrees alone.
_SCALES = (1 / 16, 1 / 2, 2.0, 16.0)


class NotHomogeneousError(ValueError):
    """A net is not nonnegatively homogeneous, or not of the required degree.

    Attributes
    ----------
    module_name : str
        Name, as in ``model.named_modules()``, of the first module that breaks homogeneity; the
        empty string is the model itself.
    """

    def __init__(self, message: str, module_name: str) -> None:
        super().__init__(message)
        self.module_name = module_name


def remove_biases(model: nn.Module) -> nn.Module:
    """Copy a net without its biases: the X-DNN of a net, before any fine-tuning.

    Every parameter that is itself named ``bias``, or like a scalar bias of Fixup (``bias1a``,
    ``bias2``), becomes None and leaves the state dict. Weights, scalar multipliers and buffers are
    kept.

    Parameters
    ----------
    model : nn.Module
        Net without normalisation layers. It is left as it is.

    Returns
    -------
    nn.Module
        A deep copy without biases.

    Raises
    ------
    NotHomogeneousError
        If the net holds a normalisation layer: without its bias it is still not homogeneous.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 3.
    """
    for name, module in model.named_modules():
        if isinstance(module, _NORMALISATIONS):
            raise NotHomogeneousError(_normalisation_message(model, name, module), name)
    stripped = copy.deepcopy(model)
    for module in stripped.modules():
        for name, _ in list(module.named_parameters(recurse=False)):
            if _BIAS_NAME.fullmatch(name):
                setattr(module, name, None)
    return stripped


def check_homogeneous(model: nn.Module, example_inputs: Tensor, degree: float = 1.0) -> None:
    """Verify that a net is nonnegatively homogeneous of a given degree.

    First the structure: of the modules that the net calls in evaluation mode, the first one is
    named that has a bias, normalises, or is an activation that saturates. Then the numbers:
    ``F(a x) = a**degree F(x)`` for several ``a > 0`` at the example inputs. If only the numbers
    disagree, every module is tried by itself on what it receives, and the first that is
    homogeneous of no degree is named: a leaf if a leaf does it, otherwise the innermost module
    whose own ``forward`` does it.

    A bias whose entries are all zero adds nothing and is accepted: it is the function that is
    judged. Training such a net would make the bias count, see `remove_biases`.

    Parameters
    ----------
    model : nn.Module
        Net; evaluated in evaluation mode, its modes are restored.
    example_inputs : Tensor of shape (N, ...)
        Inputs at which the numbers are compared, N >= 1, not all zero. One or two images will do.
    degree : float, default 1.0
        Required degree k. An X-DNN has degree 1.

    Raises
    ------
    NotHomogeneousError
        If the net is not homogeneous, or is so of another degree; ``module_name`` says where.
    ValueError, TypeError
        If the example inputs are empty, all zero, not finite, or not floating-point.
    """
    _check_examples(model, example_inputs)
    verify_homogeneous(model, example_inputs, degree)


def homogeneity_degree(model: nn.Module, example_inputs: Tensor) -> float:
    """Estimate the degree k of a nonnegatively homogeneous net from its outputs.

    Parameters
    ----------
    model : nn.Module
        Net; evaluated in evaluation mode, its modes are restored.
    example_inputs : Tensor of shape (N, ...)
        Inputs at which the net is scaled, N >= 1, not all zero.

    Returns
    -------
    float
        The k for which ``F(a x) = a**k F(x)`` holds at all examples and outputs.

    Raises
    ------
    NotHomogeneousError
        If there is no such k; ``module_name`` says where it fails.
    ValueError, TypeError
        If the example inputs are empty, all zero, not finite, or not floating-point, or if the
        outputs are zero at every example, so that every k would do.
    """
    _check_examples(model, example_inputs)
    with evaluation_mode(model), torch.no_grad():
        degree = _measured_degree(model, example_inputs)
    if degree is None:
        raise ValueError(
            "every output of the net is zero at the example inputs, so that its degree of "
            "homogeneity is undetermined: pass other example inputs"
        )
    return degree


def verify_homogeneous(model: nn.Module, inputs: Tensor, degree: float) -> None:
    """Do what `check_homogeneous` does, for inputs that are validated and may be zero.

    Parameters
    ----------
    model : nn.Module
        Net to be judged.
    inputs : Tensor of shape (N, ...)
        Inputs at which the numbers are compared.
    degree : float
        Required degree k.

    Raises
    ------
    NotHomogeneousError
        If the net is not homogeneous of this degree.
    """
    with evaluation_mode(model), torch.no_grad():
        for name, module in _called_modules(model, inputs):
            message = _structural_message(model, name, module)
            if message is not None:
                raise NotHomogeneousError(message, name)
        measured = _measured_degree(model, inputs)
    if measured is not None and abs(measured - degree) > _tolerance(inputs.dtype):
        raise NotHomogeneousError(
            f"the net is homogeneous of degree {measured:.6g}, not {degree:.6g}: pass the degree "
            "that it has",
            "",
        )


def _check_examples(model: nn.Module, example_inputs: Tensor) -> None:
    check_model(model)
    check_inputs(example_inputs, "example_inputs")
    if not example_inputs.any():
        raise ValueError(
            "example_inputs must not be all zero, where every net without biases looks "
            "homogeneous: pass real inputs"
        )


def _tolerance(dtype: torch.dtype) -> float:
    return math.sqrt(torch.finfo(dtype).eps)


def _described(model: nn.Module, name: str, module: nn.Module) -> str:
    kind = type(module).__name__
    return f"the model itself ({kind})" if module is model else f"module '{name}' ({kind})"


def _normalisation_message(model: nn.Module, name: str, module: nn.Module) -> str:
    return (
        f"{_described(model, name, module)} normalises its input, which is not homogeneous of "
        "degree 1: fold a BatchNorm into the convolution before it "
        "(torch.nn.utils.fusion.fuse_conv_bn_eval), or use a net without normalisation such as a "
        "Fixup ResNet"
    )


def _structural_message(model: nn.Module, name: str, module: nn.Module) -> str | None:
    """Say how the kind or the parameters of a module break homogeneity; None if they do not."""
    if isinstance(module, _NORMALISATIONS):
        return _normalisation_message(model, name, module)
    if isinstance(module, _SATURATING):
        return (
            f"{_described(model, name, module)} is not homogeneous: use ReLU, LeakyReLU or PReLU "
            "instead, and attribute the logit before any softmax"
        )
    for parameter_name, parameter in module.named_parameters(recurse=False):
        if _BIAS_NAME.fullmatch(parameter_name) and parameter.any():
            return (
                f"{_described(model, name, module)} has the bias '{parameter_name}': remove it "
                "with remove_biases"
            )
    return None


def _called_modules(model: nn.Module, inputs: Tensor) -> list[tuple[str, nn.Module]]:
    """Modules in the order in which the net first calls them."""
    called: dict[str, nn.Module] = {}
    handles = [
        module.register_forward_pre_hook(
            lambda module, args, name=name: called.update({name: module})
        )
        for name, module in model.named_modules()
    ]
    try:
        model(inputs.clone())
    finally:
        for handle in handles:
            handle.remove()
    return list(called.items())


def _measured_degree(model: nn.Module, inputs: Tensor) -> float | None:
    """Degree of the net at the inputs, None if it is zero there."""

    def logits(scaled: Tensor) -> Tensor:
        output = model(scaled)
        if not isinstance(output, Tensor) or not output.is_floating_point():
            raise TypeError(f"the net must return a floating-point Tensor, got {output!r:.60}")
        return output

    consistent, degree = _degree_of_call(logits, (inputs,), {})
    if consistent:
        return degree
    name, module = _first_inconsistent_module(model, inputs)
    raise NotHomogeneousError(
        f"{_described(model, name, module)} is not homogeneous: its output for scaled inputs is "
        "not its output scaled by a power of the factor. It adds a constant, saturates, "
        "normalises, or adds terms of different degrees",
        name,
    )


def _first_inconsistent_module(model: nn.Module, inputs: Tensor) -> tuple[str, nn.Module]:
    """Find the first module, leaves before what contains them, that has no degree by itself."""
    found: list[tuple[str, nn.Module]] = []
    received: list[tuple[tuple, dict]] = []
    trying = False

    def before(module: nn.Module, args: tuple, kwargs: dict) -> None:
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
                consistent, _ = _degree_of_call(module.forward, args, kwargs)
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


def _degree_of_call(
    call: Callable[..., Any], args: tuple, kwargs: dict
) -> tuple[bool, float | None]:
    """Whether every output scales by one power of the factor of all arguments, and which."""
    outputs = {
        scale: _floating_tensors(call(*_scaled(args, scale), **_scaled(kwargs, scale)))
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
    tolerance = _tolerance(outputs[1.0].dtype)
    for scale, output in outputs.items():
        expected = outputs[1.0].double() * scale**degree
        allowed = tolerance * _row_peaks(expected)
        if (_row_peaks(output.double() - expected) > allowed).any():
            return False, None
    return True, degree


def _peak(values: Tensor) -> float:
    return float(values.abs().max()) if values.numel() else 0.0


def _row_peaks(values: Tensor) -> Tensor:
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


def _floating_tensors(outputs: Any) -> list[Tensor]:
    if isinstance(outputs, Tensor):
        return [outputs.clone()] if outputs.is_floating_point() else []
    if isinstance(outputs, dict):
        outputs = outputs.values()
    elif not isinstance(outputs, (tuple, list)):
        return []
    return [tensor for output in outputs for tensor in _floating_tensors(output)]
