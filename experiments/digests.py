"""Digests of files, equal for equal contents."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from experiments.intermediates import DamagedFileError

__all__ = ["digest_of"]


def digest_of(path: str | Path) -> str:
    """Return a SHA-256 that two runs with the same result share.

    Parameters
    ----------
    path : str or Path
        A file: all its bytes count. A folder of stored images: those of its index, which names
        them. A ``.safetensors`` file: its tensors count, by name, type, shape and values, and not
        its header, which holds the date of the job.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    DamagedFileError
        If a ``.safetensors`` file is none.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "index.json"
    with open(path, "rb") as file:
        if path.suffix != ".safetensors":
            return hashlib.file_digest(file, "sha256").hexdigest()
        # The format: length of the header, header in JSON, values at offsets that the header names.
        length = int.from_bytes(file.read(8), "little")
        digest = hashlib.sha256()
        try:
            # A damaged length may be larger than any memory.
            header = json.loads(file.read(min(length, path.stat().st_size)))
            header.pop("__metadata__", None)
            for name, tensor in sorted(header.items()):
                begin, end = tensor["data_offsets"]
                digest.update(json.dumps([name, tensor["dtype"], tensor["shape"]]).encode())
                file.seek(8 + length + begin)
                values = file.read(end - begin)
                if len(values) != end - begin:
                    raise ValueError(f"{name} is cut off")
                digest.update(values)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise DamagedFileError(path, f"is no safetensors file ({error})") from error
        return digest.hexdigest()
