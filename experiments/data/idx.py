"""A strict reader of the idx format, in which MNIST and its successors are distributed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

__all__ = ["read_idx"]

_DTYPES = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}


def read_idx(source: str | Path | bytes, name: str = "idx data") -> np.ndarray:
    """Read one array.

    The format: two zero bytes, a byte for the type of the values, a byte for the number of
    dimensions, each dimension as a big-endian unsigned 32-bit integer, then the values, big-endian
    and in C order, and nothing after them (LeCun, Cortes and Burges, "The MNIST database of
    handwritten digits", section "File formats").

    Parameters
    ----------
    source : str, Path or bytes
        A file, or the content of one.
    name : str
        What to call bytes in an error; a file is called by its path.

    Returns
    -------
    numpy.ndarray
        The values in native byte order; a writable array of its own.

    Raises
    ------
    ValueError
        If the content is not exactly one idx array; the message names the file.
    """
    if isinstance(source, bytes):
        content = source
    else:
        content, name = Path(source).read_bytes(), str(source)
    if content[:2] == b"\x1f\x8b":
        raise ValueError(f"{name} is gzip-compressed: decompress it first")
    if len(content) < 4 or content[:2] != b"\0\0":
        raise ValueError(
            f"{name} is not an idx file: it starts with {content[:4].hex() or 'nothing'} "
            "instead of two zero bytes, a type and a number of dimensions"
        )
    code, n_dimensions = content[2], content[3]
    if code not in _DTYPES:
        allowed = ", ".join(f"0x{known:02x}" for known in _DTYPES)
        raise ValueError(f"{name}: unknown idx type 0x{code:02x}, not one of {allowed}")
    if n_dimensions == 0:
        raise ValueError(f"{name}: an idx file needs at least one dimension")
    start = 4 + 4 * n_dimensions
    if len(content) < start:
        raise ValueError(
            f"{name} is truncated: {len(content)} bytes, but the header of {n_dimensions} "
            f"dimensions takes {start}"
        )
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", n_dimensions, offset=4))
    dtype = _DTYPES[code]
    # Python integers do not overflow, whatever the header claims.
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise ValueError(
            f"{name}: {len(content)} bytes, but shape {shape} of {dtype.itemsize}-byte values "
            f"takes {expected}"
        )
    try:
        values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError as error:  # more than 64 dimensions, or an empty array of absurd dimensions
        raise ValueError(f"{name} cannot be held as an array: {error}") from error
    return values.astype(dtype.newbyteorder("="), copy=True)
