"""Networks on disk: safetensors files whose header names the builder of the network.

safetensors holds tensors and strings only, so that loading a file runs no code from it; the header
names a builder of this project, and no other code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from experiments.data.preprocessing import Preprocessing
from experiments.intermediates import MAKE_AGAIN, DamagedFileError, Entries
from experiments.named import import_named
from experiments.writing import write_tensors

__all__ = [
    "build_network",
    "load_model",
    "read_header",
    "save_model",
]


def build_network(builder: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Build a network with its initial weights.

    Parameters
    ----------
    builder : str
        ``"package.module:function"`` of this project, as in the registry of architectures.
    arguments : mapping
        Keyword arguments of the builder.

    Raises
    ------
    ValueError
        If the builder is not of this project.
    """
    return import_named(builder)(**arguments)


def save_model(
    model: nn.Module,
    path: str | Path,
    builder: str,
    arguments: Mapping[str, Any],
    provenance: Mapping[str, Any] | None = None,
    preprocessing: Preprocessing | None = None,
    outputs: str | None = None,
) -> None:
    """Write the state dict of a network with what is needed to rebuild it.

    Parameters
    ----------
    model : torch.nn.Module
        The network; its tensors are moved to the CPU.
    path : str or Path
        The file to write.
    builder : str
        ``"package.module:function"``, see `build_network`.
    arguments : mapping
        Keyword arguments of the builder.
    provenance : mapping, optional
        JSON-serialisable facts about the origin of the network.
    preprocessing : Preprocessing, optional
        How the network takes images; given together with ``outputs``.
    outputs : str, optional
        The classes of its logits, see `experiments.networks.image_network.Network`.
    """
    header = {
        "builder": builder,
        "arguments": json.dumps(dict(arguments), sort_keys=True),
        "provenance": json.dumps(dict(provenance or {}), sort_keys=True),
    }
    if preprocessing is not None and outputs is not None:
        header["preprocessing"] = json.dumps(preprocessing.as_mapping(), sort_keys=True)
        header["outputs"] = outputs
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    write_tensors(path, tensors, header)


def read_header(path: str | Path) -> dict[str, Any]:
    """Read the header of a file written by `save_model`.

    Returns
    -------
    dict
        ``builder`` (str), ``arguments`` (dict) and ``provenance`` (dict); for a network of images
        also ``preprocessing`` (`Preprocessing`) and ``outputs`` (str).

    Raises
    ------
    ValueError
        If the file is not a safetensors file, or has no such header.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DamagedFileError(path, f"is not a readable safetensors file ({error})") from error
    try:
        found: dict[str, Any] = {
            "builder": header["builder"],
            "arguments": json.loads(header["arguments"]),
            "provenance": json.loads(header["provenance"]),
        }
        if "preprocessing" in header:
            found["preprocessing"] = Preprocessing.from_mapping(json.loads(header["preprocessing"]))
            found["outputs"] = header["outputs"]
    except KeyError as error:
        raise ValueError(
            f"{path} has no {error} in its header, so that no job of this project wrote it: "
            f"{MAKE_AGAIN}"
        ) from error
    except (ValueError, TypeError) as error:
        raise DamagedFileError(path, f"has a damaged header ({error})") from error
    return Entries(found, path, "entry in its header")


def load_model(path: str | Path) -> nn.Module:
    """Rebuild a network saved by `save_model`, in evaluation mode, on the CPU, in its own dtype.

    Raises
    ------
    ValueError
        If the file cannot be read, names a builder that is not of this project, or its tensors do
        not fit.
    """
    header = read_header(path)
    name = header["builder"].rpartition(":")[2]
    try:
        model = build_network(header["builder"], header["arguments"])
    except (ValueError, TypeError, AttributeError, ImportError) as error:
        raise DamagedFileError(path, f"cannot be rebuilt by {name} ({error})") from error
    try:
        model.load_state_dict(load_file(str(path)), assign=True)
    except (RuntimeError, SafetensorError) as error:
        said = " ".join(str(error).split())
        raise DamagedFileError(path, f"does not fit {name} ({said})") from error
    return model.eval()
