"""Files of trained weights, read without running anything from them, and fitted into networks."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from experiments.networks.array_pickle import read_array_pickle
from experiments.networks.caffe_squeezenet import convert_squeezenet
from xgradient.models import unwrapped_state_dict

__all__ = ["fit_weights", "read_weights"]

# A counter of training steps, which is no weight.
_COUNTER = "num_batches_tracked"
_LISTED = 10


class _Skipped:
    """Stands for a NumPy number in a checkpoint and keeps nothing of it.

    A checkpoint often has an accuracy as such a number next to its weights. ``weights_only=True``
    refuses the functions that rebuild it. They could be allowed, but run code of NumPy on whatever
    the file says, for a value that is not needed.
    """

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class _SkippedType(_Skipped):
    """Stands for the type of such a number."""


_STAND_INS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_Skipped, "numpy.core.multiarray.scalar"),
    (_Skipped, "numpy._core.multiarray.scalar"),
    (_SkippedType, "numpy.dtype"),
]


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        with torch.serialization.safe_globals(_STAND_INS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # PyTorch explains at length how to load the file anyway.
        wanted = re.search(r"GLOBAL (\S+)", str(error))
        raise ValueError(
            f"it asks for {wanted[1]}, and only tensors are read"
            if wanted
            else "it is damaged, or holds something else than tensors"
        ) from error
    # A damaged file makes the reader raise almost anything.
    except Exception as error:
        raise ValueError(f"it is not a readable file of PyTorch: {str(error)[:200]}") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(state, dict):
        raise ValueError(f"it holds a {type(state).__name__} instead of tensors by name")
    tensors: dict[str, Tensor] = {}
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ValueError(
                f"it holds a {type(value).__name__.strip('_')} under {name!r} instead of tensors "
                "by name"
            )
        tensors[name] = value
    return tensors


def _read_npz(path: Path) -> dict[str, Tensor]:
    tensors = {}
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array without a name")
        with loaded as archive:
            for name in archive.files:
                values = archive[name]
                if values.dtype.kind not in "biuf":
                    raise ValueError(f"{name} is of type {values.dtype}, not an array of numbers")
                native = values.astype(values.dtype.newbyteorder("="))
                tensors[name] = torch.from_numpy(native)
    except ValueError:
        raise
    # A damaged file makes the readers of archives and arrays raise almost anything, too.
    except Exception as error:
        raise ValueError(f"it is not a readable npz file: {error}") from error
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(str(path))
    except (SafetensorError, OSError) as error:
        raise ValueError(f"it is not a readable safetensors file: {error}") from error


def _read_hwio_pickle(path: Path) -> dict[str, Tensor]:
    return convert_squeezenet(read_array_pickle(path.read_bytes()))


_READERS: dict[str, Callable[[Path], dict[str, Tensor]]] = {
    "torch": _read_torch,
    "npz": _read_npz,
    "safetensors": _read_safetensors,
    "hwio_pickle": _read_hwio_pickle,
}


def read_weights(path: str | Path, format: str) -> dict[str, Tensor]:
    """Read the weights of a network.

    Parameters
    ----------
    path : str or Path
        The file; that it is the expected one must have been verified.
    format : {"torch", "npz", "safetensors", "hwio_pickle"}
        ``"torch"``: a state dict, or a checkpoint with the key ``state_dict``. ``"npz"``,
        ``"safetensors"``: tensors under the names of the network's parameters. ``"hwio_pickle"``:
        see `experiments.networks.caffe_squeezenet`.

    Returns
    -------
    dict of str to torch.Tensor
        By the names in the file, on the CPU, in the dtypes of the file. Counters of training steps
        are left out.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the format is unknown, or the file cannot be read as such: the message names the file
        and says why. Nothing from the file is run.
    """
    path = Path(path)
    if format not in _READERS:
        raise ValueError(f"unknown format {format!r} of weights; it must be {', '.join(_READERS)}")
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        tensors = _READERS[format](path)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as weights ({format}): {error}") from error
    return {name: value for name, value in tensors.items() if not name.endswith(_COUNTER)}


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    rest = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + rest


def fit_weights(model: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Copy weights into a network, all of them or none.

    What DataParallel or torch.compile inserted into the names when the network was saved is removed
    (`xgradient.models.unwrapped_state_dict`).

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place; its parameters and buffers keep their dtype and device.
    tensors : mapping of str to torch.Tensor
        By the names of the network's parameters and buffers; converted to float32.
    source : str
        Where they are from, for the message.

    Raises
    ------
    ValueError
        If tensors are missing, superfluous, of another shape or there twice, or are not finite real
        numbers: the message names up to ten of each.
    """
    try:
        tensors = unwrapped_state_dict(tensors, model)
    except ValueError as error:
        raise ValueError(f"{source} does not fit {type(model).__name__}; {error}") from error
    own = {name: value for name, value in model.state_dict().items() if not name.endswith(_COUNTER)}
    shapes = (
        f"{name} is {tuple(tensors[name].shape)} instead of {tuple(value.shape)}"
        for name, value in own.items()
        if name in tensors and tensors[name].shape != value.shape
    )
    problems = {
        "missing": _listed(name for name in own if name not in tensors),
        "superfluous": _listed(name for name in tensors if name not in own),
        "of another shape": _listed(shapes),
    }
    said = [f"{kind}: {names}" for kind, names in problems.items() if names]
    if said:
        raise ValueError(f"{source} does not fit {type(model).__name__}; {'; '.join(said)}")
    weights = {name: value for name, value in tensors.items() if not value.is_complex()}
    converted = {name: value.to(torch.float32) for name, value in weights.items()}
    unusable = [
        name for name in tensors if name not in converted or not converted[name].isfinite().all()
    ]
    if unusable:
        raise ValueError(f"{source} has weights that are not finite numbers: {_listed(unusable)}")
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(converted[name])
