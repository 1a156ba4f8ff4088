"""Pickles of NumPy arrays, read without unpickling anything else.

A pickle is a program that may call what it names. This reader replaces the three names that occur
in a pickle of arrays by classes of its own, which check what they are given, and refuses all other
names. Thus a pickle calls nothing of NumPy, whose functions trust it: an array is made only from
bytes that fill its shape.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np

__all__ = ["ArrayPickleError", "read_array_pickle"]

# Kind and bytes of the numbers that are read; without objects, records, texts and times.
_NUMBERS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")


class ArrayPickleError(ValueError):
    """A pickle holds something else than arrays of numbers in lists, tuples and dictionaries."""


class _StandIn:
    """Stands for something of NumPy."""

    # For all of them: a pickle may set attributes of whatever has no such method.
    def __setstate__(self, state: object) -> None:
        raise ArrayPickleError("it builds an array in an unusual way")


class _DType(_StandIn):
    """Stands for numpy.dtype: ``dtype(code, align, copy)``, then a state with the byte order."""

    def __init__(self, code: object, *flags: object) -> None:
        if code not in _NUMBERS:
            raise ArrayPickleError(f"it has an array of type {code!r}; only numbers are read")
        self.code, self.order = code, "|"

    def __setstate__(self, state: object) -> None:
        # (version, byte order, subtype, names, fields, size, alignment, flags)
        if not isinstance(state, tuple) or len(state) < 8 or state[1] not in ("<", ">", "|", "="):
            raise ArrayPickleError("it has a damaged array type")
        if any(part is not None for part in state[2:5]):
            raise ArrayPickleError("it has an array of records; only numbers are read")
        self.order = str(state[1])

    def resolve(self) -> np.dtype[Any]:
        return np.dtype(f"{self.order}{self.code}")


class _ArrayType(_StandIn):
    """Stands for numpy.ndarray, which is only ever an argument."""

    def __init__(self, *arguments: object) -> None:
        raise ArrayPickleError("it builds an array in an unusual way")


class _Array(_StandIn):
    """Stands for the result of numpy's _reconstruct: an empty array that a state fills."""

    def __init__(self, *arguments: object) -> None:
        self.values: np.ndarray | None = None

    def __setstate__(self, state: object) -> None:
        # (version, shape, type, whether in Fortran's order, content)
        if not isinstance(state, tuple) or len(state) != 5:
            raise ArrayPickleError("it has a damaged array")
        _, shape, kind, fortran, content = state
        if not isinstance(kind, _DType) or not isinstance(content, bytes):
            raise ArrayPickleError("it has an array whose content is not plain bytes")
        if not isinstance(shape, tuple) or not all(
            type(length) is int and length >= 0 for length in shape
        ):
            raise ArrayPickleError("it has an array of a damaged shape")
        dtype = kind.resolve()
        if len(shape) > 32 or math.prod(shape) * dtype.itemsize != len(content):
            raise ArrayPickleError(
                f"it has an array of {len(content)} bytes, which do not fill the shape {shape}"
            )
        flat = np.frombuffer(content, dtype)
        self.values = flat.reshape(shape, order="F" if fortran else "C")


_NAMES = {
    ("numpy", "dtype"): _DType,
    ("numpy", "ndarray"): _ArrayType,
    # Before and since NumPy 2.
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        try:
            return _NAMES[module, name]
        except KeyError as error:
            raise ArrayPickleError(f"it asks for {module}.{name}, which is not an array") from error

    def persistent_load(self, identifier: object) -> object:
        raise ArrayPickleError("it refers to objects outside of itself")


def _plain(value: object) -> Any:
    if isinstance(value, _Array):
        if value.values is None:
            raise ArrayPickleError("it has an array without content")
        return value.values
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise ArrayPickleError(f"it holds a {type(value).__name__.strip('_')}, which is not an array")


def read_array_pickle(content: bytes) -> Any:
    """Read arrays of numbers, in lists, tuples and dictionaries, from a pickle.

    Parameters
    ----------
    content : bytes
        The pickle, as Python 3 and NumPy write it.

    Returns
    -------
    object
        numpy.ndarray (read-only), plain numbers and texts, in lists and dictionaries; tuples come
        back as lists.

    Raises
    ------
    ArrayPickleError
        A ValueError: the pickle is damaged or holds something else; nothing of it has been run.
    """
    try:
        return _plain(_Unpickler(io.BytesIO(content)).load())
    except ArrayPickleError:
        raise
    except RecursionError as error:
        raise ArrayPickleError("it is nested too deeply") from error
    # A damaged pickle makes the reader raise almost anything.
    except Exception as error:
        raise ArrayPickleError(f"it is not a readable pickle: {error}") from error
