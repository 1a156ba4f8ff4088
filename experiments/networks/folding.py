"""Networks without batch normalisation, as files of this project hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from xgradient.homogeneous import fold_batchnorm

__all__ = ["without_normalisation"]

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def without_normalisation(
    model: nn.Module, arguments: Mapping[str, Any]
) -> tuple[nn.Module, dict[str, Any]]:
    """Fold batch normalisation, if there is any, into the layers before it.

    Parameters
    ----------
    model : torch.nn.Module
        The network, trained.
    arguments : mapping
        Keyword arguments of its builder.

    Returns
    -------
    model : torch.nn.Module
        The same function, which can be stripped of its biases.
    arguments : dict
        Keyword arguments with which the builder makes a network of this form.

    Raises
    ------
    xgradient.homogeneous.NotHomogeneousError
        If a normalisation cannot be folded; the message names it.
    """
    if not any(isinstance(module, _BATCH_NORMS) for module in model.modules()):
        return model, dict(arguments)
    return fold_batchnorm(model), {**arguments, "folded": True}
