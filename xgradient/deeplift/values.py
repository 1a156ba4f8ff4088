"""Functions that ask a tensor for its form, and those that ask for its values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xgradient._calls import WITHOUT_VALUES
from xgradient.deeplift.calls import Call


def _read(call: Call) -> Any:
    return call.run()


def _refuse(reason: str) -> Callable[[Call], Any]:
    def handler(call: Call) -> Any:
        raise call.refusal(reason)

    return handler


_TO_PYTHON = "it reads values of the input into Python, behind which DeepLIFT cannot follow them"
_JUMPS = "its result jumps as the input changes, so that no part of the change can be followed"

HANDLERS: dict[str, Callable[[Call], Any]] = {
    **dict.fromkeys(WITHOUT_VALUES, _read),
    **dict.fromkeys(
        (
            *("item", "tolist", "numpy", "__array__", "__bool__", "__float__", "__int__"),
            *("__index__", "__contains__", "__complex__", "is_nonzero", "equal", "allclose"),
            *("__dlpack__", "storage", "untyped_storage", "_assert_async"),
        ),
        _refuse(_TO_PYTHON),
    ),
    **dict.fromkeys(
        (
            *("eq", "ne", "lt", "le", "gt", "ge", "__eq__", "__ne__", "__lt__", "__le__"),
            *("__gt__", "__ge__", "greater", "less", "greater_equal", "less_equal", "not_equal"),
            *("isnan", "isinf", "isfinite", "isclose", "logical_not", "logical_and", "logical_or"),
            *("argmax", "argmin", "sort", "argsort", "topk", "nonzero", "bucketize", "round"),
            *("floor", "ceil", "trunc", "sign", "remainder", "fmod", "floor_divide", "any", "all"),
            *("__floordiv__", "searchsorted", "unique", "sgn", "signbit", "heaviside"),
        ),
        _refuse(_JUMPS),
    ),
    ".data=": _refuse("it replaces the values of a tensor: let the model work out of place"),
    ".requires_grad=": _read,
    ".grad=": _read,
}
