"""Verify that a net is homogeneous, and measure its degree."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from xgradient._inputs import check_inputs, check_model, evaluation_mode
from xgradient.homogeneous._added_constants import AddedConstants
from xgradient.homogeneous._degree import degree_of_call, measured_degree, relative_tolerance
from xgradient.homogeneous._own_biases import own_biases, remaining_message
from xgradient.homogeneous._structure import (
    NotHomogeneousError,
    described,
    is_normalisation,
    is_saturating,
    normalisation_message,
)


def check_homogeneous(model: nn.Module, example_inputs: Tensor, degree: float = 1.0) -> None:
    """Verify that a net is nonnegatively homogeneous of a given degree.

    The structure is checked first: the error names the first module called in evaluation mode that
    has a bias, normalises its input or is a saturating activation. Then the numbers are checked:
    ``F(a x) = a**degree F(x)`` for several ``a > 0`` at the example inputs. If only the numbers
    disagree, every module is tested separately on the inputs it receives, and the error names the
    first that is homogeneous of no degree: a leaf module if one is responsible, otherwise the
    innermost module whose own ``forward`` is. What its code adds, if that can be seen, is named.

    A bias of zeros is accepted, since only the function matters. Training would change such a bias:
    remove it with `remove_biases`.

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
    check_examples(model, example_inputs)
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
    check_examples(model, example_inputs)
    with evaluation_mode(model), torch.no_grad():
        degree = measured_degree(model, example_inputs)
    if degree is None:
        raise ValueError(
            "every output of the net is zero at the example inputs, so that its degree of "
            "homogeneity is undetermined: pass other example inputs"
        )
    return degree


def verify_homogeneous(model: nn.Module, inputs: Tensor, degree: float | None) -> None:
    """Verify as `check_homogeneous` does, for validated inputs, which may be zero.

    Parameters
    ----------
    model : nn.Module
        Net to be judged.
    inputs : Tensor of shape (N, ...)
        Inputs at which the numbers are compared.
    degree : float, optional
        Required degree k; None allows any.

    Raises
    ------
    NotHomogeneousError
        If the net is not homogeneous of this degree.
    """
    with evaluation_mode(model), torch.no_grad():
        for name, module in _called_modules(model, inputs):
            message = structural_message(model, name, module)
            if message is not None:
                raise NotHomogeneousError(message, name)
        try:
            measured = measured_degree(model, inputs)
        except NotHomogeneousError as error:
            for added in AddedConstants(model).found:
                if added.module_name == error.module_name:
                    message = f"{error}; {added.message}"
                    raise NotHomogeneousError(message, error.module_name) from error
            raise
    if degree is None or measured is None:
        return
    if abs(measured - degree) > relative_tolerance(inputs.dtype):
        raise NotHomogeneousError(
            f"the net is homogeneous of degree {measured:.6g}, not {degree:.6g}: pass the degree "
            "that it has",
            "",
        )


def check_examples(model: nn.Module, example_inputs: Tensor) -> None:
    """Refuse a model or example inputs that say nothing about homogeneity.

    Parameters
    ----------
    model : nn.Module
        Net to be judged.
    example_inputs : Tensor of shape (N, ...)
        Inputs at which it is to be scaled.

    Raises
    ------
    ValueError, TypeError
        If the model is no module, or the inputs are empty, all zero, not finite, or not
        floating-point.
    """
    check_model(model)
    check_inputs(example_inputs, "example_inputs")
    if not example_inputs.any():
        raise ValueError(
            "example_inputs must not be all zero, where every net without biases looks "
            "homogeneous: pass real inputs"
        )


def structural_message(model: nn.Module, name: str, module: nn.Module) -> str | None:
    """Describe how the kind or the tensors of a module break homogeneity.

    Parameters
    ----------
    model : nn.Module
        Net to be judged.
    name : str
        Name of the module in it.
    module : nn.Module
        One of its modules.

    Returns
    -------
    str or None
        A message that names the module and says what to do; None if nothing is seen.
    """
    if is_normalisation(module):
        return normalisation_message(model, name, module)
    who = described(model, name, module)
    if is_saturating(module):
        return (
            f"{who} is not homogeneous: use ReLU, LeakyReLU or PReLU instead"
            f"{_instead_of(module)}, and attribute the logit before any softmax"
        )
    # Compiled code may well be homogeneous, although nothing can be removed from it.
    remaining = remaining_message(model, name, module)
    if remaining is not None and not isinstance(module, torch.jit.ScriptModule):
        return remaining
    for bias in own_biases(module):
        if getattr(module, bias).any():
            return f"{who} has the bias '{bias}': remove it with remove_biases"
    return None


def _instead_of(module: nn.Module) -> str:
    recurrent = isinstance(module, (nn.RNNBase, nn.RNNCellBase))
    return ", in a recurrent net nn.RNN with nonlinearity='relu'" if recurrent else ""


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


def verify_homogeneous_function(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], degree: float
) -> None:
    """Verify by numbers alone that a function is homogeneous of a degree in all its arguments.

    Parameters
    ----------
    function : callable
        From tensors to a tensor.
    inputs : sequence of Tensor
        Arguments at which the numbers are compared.
    degree : float
        Required degree k.

    Raises
    ------
    NotHomogeneousError
        If the function is not homogeneous of this degree.
    """
    with torch.no_grad():
        consistent, measured = degree_of_call(function, tuple(inputs), {})
    if not consistent:
        raise NotHomogeneousError(
            "the net is not homogeneous: its output for scaled inputs is not its output scaled by "
            "a power of the factor. Scale all inputs together, and remove what adds a constant, "
            "saturates or normalises",
            "",
        )
    if measured is not None and abs(measured - degree) > relative_tolerance(inputs[0].dtype):
        raise NotHomogeneousError(
            f"the net is homogeneous of degree {measured:.6g}, not {degree:.6g}: pass the degree "
            "that it has",
            "",
        )
