"""The idx format, in which MNIST and its successors are distributed."""

from __future__ import annotations

import tempfile

import numpy as np

__all__ = ["read_idx"]


def read_idx(content: bytes, name: str) -> np.ndarray:
    """Read one array of up to three dimensions with torchvision's reader.

    The reader takes a path, and its checks are assertions. Here it reads a private copy of bytes
    that have been verified already, and everything that is not exactly one array is an error.

    Parameters
    ----------
    content : bytes
        The content of an idx file.
    name : str
        Name of the file, for errors.

    Returns
    -------
    numpy.ndarray
        The values in native byte order; a writable array of its own.

    Raises
    ------
    ValueError
        If the content is not exactly one idx array; the message names the file.
    """
    # Most who import this read no idx file, and torchvision takes seconds to import.
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    if content[:2] == b"\x1f\x8b":
        raise ValueError(f"{name} is gzip-compressed: decompress it first")
    with tempfile.NamedTemporaryFile(prefix="xgradient-") as copy:
        copy.write(content)
        copy.flush()
        try:
            values: np.ndarray = read_sn3_pascalvincent_tensor(copy.name).numpy()
        except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split()) or "header and length do not fit"
            raise ValueError(
                f"{name} is not one idx array of up to three dimensions ({len(content)} bytes, "
                f"beginning with {content[:4].hex() or 'nothing'}): {reason}"
            ) from error
    # Python drops assertions on request, and the reader's own arithmetic may overflow.
    expected = 4 + 4 * values.ndim + values.nbytes
    if len(content) != expected:
        raise ValueError(
            f"{name}: {len(content)} bytes, but shape {values.shape} of {values.itemsize}-byte "
            f"values takes {expected}"
        )
    return values
