"""The calls of torch functions: what each is called, in whatever form, and its tensors.

``torch.relu``, ``torch.relu_``, ``Tensor.relu``, ``torch.nn.functional.relu`` and
``torch.ops.aten.relu`` are one operation, as are ``a + b``, ``a.add(b)`` and ``a += b``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

WITHOUT_VALUES = frozenset(
    (
        *("size", "dim", "ndimension", "numel", "nelement", "stride", "__len__", "__hash__"),
        *("is_floating_point", "is_complex", "is_contiguous", "get_device", "element_size"),
        *("is_inference", "storage_offset", "is_pinned", "is_same_size", "is_signed"),
        *("result_type", "can_cast", "promote_types", "retain_grad", "register_hook"),
        *("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like"),
        *("new_zeros", "new_ones", "new_full", "new_empty", "new_tensor", "is_conj", "is_neg"),
        *("__repr__", "__format__", "__dir__", "has_names", "is_tensor", ".grad", ".grad_fn"),
        *("_is_view", "_is_zerotensor", "is_distributed", "data_ptr", "is_nonzero_static"),
    )
)
"""Names of functions that ask a tensor for its form, not for its values."""

_OPERATORS = {
    "__add__": "add",
    "__radd__": "add",
    "__iadd__": "add_",
    "__sub__": "sub",
    "__isub__": "sub_",
    "__rsub__": "rsub",
    "__mul__": "mul",
    "__rmul__": "mul",
    "__imul__": "mul_",
    "__div__": "div",
    "__truediv__": "div",
    "__idiv__": "div_",
    "__itruediv__": "div_",
    "__rdiv__": "rdiv",
    "__rtruediv__": "rdiv",
    "__pow__": "pow",
    "__ipow__": "pow_",
    "__rpow__": "rpow",
    "__matmul__": "matmul",
    "__rmatmul__": "rmatmul",
    "__neg__": "neg",
    "__pos__": "positive",
    "__abs__": "abs",
    "_threshold": "threshold",
    "multiply": "mul",
    "multiply_": "mul_",
    "subtract": "sub",
    "subtract_": "sub_",
    "divide": "div",
    "divide_": "div_",
    "true_divide": "div",
    "true_divide_": "div_",
    "negative": "neg",
    "negative_": "neg_",
    "absolute": "abs",
    "absolute_": "abs_",
    "clip": "clamp",
    "clip_": "clamp_",
    "special_softmax": "softmax",
    "special_log_softmax": "log_softmax",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "moveaxis": "movedim",
    "concat": "cat",
    "concatenate": "cat",
}


class FunctionName(NamedTuple):
    """Name of a function.

    Parameters
    ----------
    name : str
        Name without the sign of working in place; ``.NAME`` for reading an attribute and
        ``.NAME=`` for setting one; with the name of its package if it is not of torch.
    in_place : bool
        Whether it overwrites its first argument.
    """

    name: str
    in_place: bool


@cache
def function_name(function: Callable[..., Any]) -> FunctionName:
    """Find the name of a function that arrives in a `torch.overrides.TorchFunctionMode`.

    Parameters
    ----------
    function : callable
        The function.

    Returns
    -------
    FunctionName
        The same for all forms of an operation.
    """
    name = str(getattr(function, "__name__", function))
    if name in ("__get__", "__set__", "__delete__"):
        attribute = getattr(getattr(function, "__self__", None), "__name__", "")
        return FunctionName(f".{attribute}" + ("" if name == "__get__" else "="), False)
    package = str(getattr(function, "__module__", None) or "torch")
    if package == "torch._ops.aten":
        name = name.partition(".")[0]
    elif package.startswith("torch._ops") or package.partition(".")[0] != "torch":
        return FunctionName(f"{package}.{name}", False)
    name = _OPERATORS.get(name, name)
    if name.endswith("_") and not name.endswith("__"):
        return FunctionName(_OPERATORS.get(name[:-1], name[:-1]), True)
    return FunctionName(name, name == "__setitem__")


def out_of_place(name: str) -> Callable[..., Any] | None:
    """Find the form of an operation that leaves its arguments as they are.

    Parameters
    ----------
    name : str
        Name, as of `function_name`.

    Returns
    -------
    callable or None
        None if there is no such form.
    """
    for home in (Tensor, torch, torch.nn.functional):
        if hasattr(home, name):
            function: Callable[..., Any] = getattr(home, name)
            return function
    return None


@cache
def signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """Signature of a function, None for one that is not written in Python."""
    try:
        return inspect.signature(function) if inspect.isfunction(function) else None
    except ValueError:  # a Python function around one that is not
        return None


def map_tensors(function: Callable[[Tensor], Any], values: Any) -> Any:
    """Apply a function to the tensors in nested tuples, lists and dictionaries."""
    if isinstance(values, Tensor):
        return function(values)
    if type(values) in (tuple, list):
        return type(values)(map_tensors(function, each) for each in values)
    if type(values) is dict:
        return {key: map_tensors(function, each) for key, each in values.items()}
    return values


def tensors_in(values: Any) -> Iterator[Tensor]:
    """Find the tensors in nested tuples, lists and dictionaries."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (tuple, list)):
        for each in values:
            yield from tensors_in(each)
    elif isinstance(values, dict):
        yield from tensors_in(tuple(values.values()))
