"""Networks that somebody else trained, in the form of this project's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from experiments.networks.checkpoints import build_network
from experiments.networks.folding import without_normalisation
from experiments.networks.outputs import restrict_outputs
from experiments.networks.weight_files import fit_weights, read_weights

__all__ = ["read_network"]


def read_network(
    path: str | Path,
    form: str,
    builder: str,
    arguments: Mapping[str, Any],
    keep: Sequence[int] | None = None,
) -> tuple[nn.Module, dict[str, Any]]:
    """Build a network with the weights of a file.

    Batch normalisation is folded into the layers before it: the same function, and a network that
    can be stripped of its biases.

    Parameters
    ----------
    path : str or Path
        The weight file.
    form : str
        Its format, see `experiments.networks.weight_files.read_weights`.
    builder : str
        ``"package.module:function"``, see `experiments.networks.checkpoints.build_network`.
    arguments : mapping
        Keyword arguments of the builder, with which the weights were trained.
    keep : sequence of int, optional
        Outputs to keep, in their new order; by default all of them.

    Returns
    -------
    model : torch.nn.Module
        In evaluation mode.
    arguments : dict
        Keyword arguments with which the builder makes a network of the same form.

    Raises
    ------
    ValueError
        If the file cannot be read, its tensors do not fit, or a normalisation cannot be folded.
    """
    model = build_network(builder, arguments).eval()
    fit_weights(model, read_weights(path, form), str(path))
    model, final = without_normalisation(model, arguments)
    if keep is not None:
        model, final["num_classes"] = restrict_outputs(model, keep), len(keep)
    return model, final
