"""Modules whose operations Python does not see."""

from __future__ import annotations

import torch
from torch import nn


def opaque_module(model: nn.Module) -> str | None:
    """Name of the first module whose code runs where torch functions cannot be watched."""
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule) or hasattr(module, "_orig_mod"):
            return name
    return None
