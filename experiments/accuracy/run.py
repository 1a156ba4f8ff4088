"""Top-1 and top-5 accuracy of one net."""

from __future__ import annotations

import pandas as pd
import torch
from torch import nn

from experiments.data.tensors import ImageTensors, loader
from experiments.networks.evaluation import evaluate

__all__ = ["measure"]


def measure(
    model: nn.Module, data: ImageTensors, batch_size: int, device: torch.device | str = "cpu"
) -> pd.DataFrame:
    """Measure the accuracy of a net.

    Parameters
    ----------
    model : torch.nn.Module
        Maps images (N, C, H, W) to logits (N, K); on the device.
    data : ImageTensors
        The images.
    batch_size : int
        Images per forward pass.
    device : torch.device or str
        Where the net is.

    Returns
    -------
    pandas.DataFrame
        One row: ``top1`` and ``top5`` in percent, ``n_images``.
    """
    measured = evaluate(model, loader(data, batch_size), device)
    row = {"top1": measured["top1"], "top5": measured["top5"], "n_images": len(data)}
    return pd.DataFrame([row])
