"""Networks on disk: safetensors files whose header says how to build the network again.

safetensors holds tensors and strings only, so that loading a file runs no code from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from xgradient.models import build_model

__all__ = ["load_model", "read_header", "save_model"]


def save_model(
    model: nn.Module,
    path: str | Path,
    architecture: str,
    arguments: Mapping[str, Any],
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write the state dict of a network with what is needed to rebuild it.

    Parameters
    ----------
    model : torch.nn.Module
        The network; its tensors are moved to the CPU.
    path : str or Path
        The file to write.
    architecture : str
        A key of `xgradient.models.ARCHITECTURES`.
    arguments : mapping
        The arguments that `xgradient.models.build_model` needs besides the architecture.
    provenance : mapping, optional
        JSON-serialisable facts about how the network came to be.
    """
    header = {
        "architecture": architecture,
        "arguments": json.dumps(dict(arguments), sort_keys=True),
        "provenance": json.dumps(dict(provenance or {}), sort_keys=True),
    }
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    save_file(tensors, str(path), metadata=header)


def read_header(path: str | Path) -> dict[str, Any]:
    """Read what a file written by `save_model` says about its network.

    Returns
    -------
    dict
        ``architecture`` (str), ``arguments`` (dict) and ``provenance`` (dict).

    Raises
    ------
    ValueError
        If the file is no safetensors file, or has no such header.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a readable safetensors file ({error}); delete it and make it again"
        ) from error
    try:
        return {
            "architecture": header["architecture"],
            "arguments": json.loads(header["arguments"]),
            "provenance": json.loads(header["provenance"]),
        }
    except KeyError as error:
        raise ValueError(
            f"{path} has no {error} in its header: it was not written by "
            "experiments.networks.checkpoints.save_model"
        ) from error


def load_model(path: str | Path) -> nn.Module:
    """Rebuild a network saved by `save_model`, in evaluation mode, on the CPU, in its own dtype.

    Raises
    ------
    ValueError
        If the file cannot be read, names an unknown architecture, or its tensors do not fit it.
    """
    header = read_header(path)
    model = build_model(header["architecture"], **header["arguments"])
    try:
        model.load_state_dict(load_file(str(path)), assign=True)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit {header['architecture']}: {error}") from error
    return model.eval()
