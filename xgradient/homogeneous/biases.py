"""Removal of biases: from a regular net to its X-DNN."""

from __future__ import annotations

import copy

from torch import nn

from xgradient.homogeneous._structure import (
    BIAS_NAME,
    NORMALISATIONS,
    NotHomogeneousError,
    normalisation_message,
)


def remove_biases(model: nn.Module) -> nn.Module:
    """Copy a net without its biases: the X-DNN of a net, before any fine-tuning.

    Every parameter that is itself named ``bias``, or like a scalar bias of Fixup (``bias1a``,
    ``bias2``), becomes None and leaves the state dict. Weights, scalar multipliers and buffers are
    kept.

    Parameters
    ----------
    model : nn.Module
        Net without normalisation layers. It is left as it is.

    Returns
    -------
    nn.Module
        A deep copy without biases.

    Raises
    ------
    NotHomogeneousError
        If the net holds a normalisation layer: without its bias it is still not homogeneous.
        `fold_batchnorm` removes a BatchNorm.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 3.
    """
    for name, module in model.named_modules():
        if isinstance(module, NORMALISATIONS):
            raise NotHomogeneousError(normalisation_message(model, name, module), name)
    stripped = copy.deepcopy(model)
    for module in stripped.modules():
        for name, _ in list(module.named_parameters(recurse=False)):
            if BIAS_NAME.fullmatch(name):
                setattr(module, name, None)
    return stripped
