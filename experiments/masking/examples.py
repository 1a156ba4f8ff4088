"""A few masked images, to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from experiments.data.network_images import NetworkImages
from experiments.masking.run import blurred
from xgradient.masking import kept_pixels

__all__ = ["mask_examples"]


def mask_examples(
    model: nn.Module,
    data: NetworkImages,
    chosen: Sequence[int],
    means: Mapping[str, Tensor],
    settings: Mapping[str, Any],
) -> dict[str, Tensor]:
    """Mask images as for KPM, and evaluate the logit of the true class.

    Parameters
    ----------
    model : torch.nn.Module
        Maps images (N, C, H, W) to logits (N, K); it determines the device.
    data : NetworkImages
        The images.
    chosen : sequence of int
        Indices of N of them.
    means : mapping of str to torch.Tensor of shape (N, 1, H, W)
        Attributions by method, mean over the channels.
    settings : mapping
        ``kernel_size``, ``sigma`` and ``examples.fractions`` of the configuration.

    Returns
    -------
    dict of str to torch.Tensor
        ``image`` and ``blurred`` (N, C, H, W), 0 to 1; ``METHOD/map`` (N, H, W) and
        ``METHOD/masked`` (N, F, C, H, W); logits ``image/logit``, ``blurred/logit`` (N,) and
        ``METHOD/logit`` (N, F); on the CPU.
    """
    device = next(model.parameters()).device
    inputs, labels = (part.to(device) for part in data.__getitems__(chosen))
    replacement = blurred(inputs, settings["kernel_size"], settings["sigma"])

    def shown(images: Tensor) -> tuple[Tensor, Tensor]:
        """Return images to look at, and the logits of their true labels."""
        with torch.no_grad():
            logits = model(images).gather(1, labels[:, None]).squeeze(1)
        return data.preprocessing.denormalise(images), logits

    tensors = {}
    tensors["image"], tensors["image/logit"] = shown(inputs)
    tensors["blurred"], tensors["blurred/logit"] = shown(replacement)
    for method, mean in means.items():
        tensors[f"{method}/map"] = mean.squeeze(1)
        kept = [
            kept_pixels(mean, "KPM", fraction).to(device)
            for fraction in settings["examples"]["fractions"]
        ]
        masked = [shown(torch.where(pixels, inputs, replacement)) for pixels in kept]
        tensors[f"{method}/masked"] = torch.stack([images for images, _ in masked], dim=1)
        tensors[f"{method}/logit"] = torch.stack([logits for _, logits in masked], dim=1)
    return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
