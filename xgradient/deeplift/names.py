"""What a torch function is called, in whatever form it is called.

``torch.relu``, ``torch.relu_``, ``Tensor.relu``, ``torch.nn.functional.relu`` and
``torch.ops.aten.relu`` are one operation, as are ``a + b``, ``a.add(b)`` and ``a += b``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

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
