"""Attribution maps of a few images at several contrasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from experiments.attributions import Attribution
from experiments.data.network_images import NetworkImages
from experiments.seeds import job_seed

__all__ = ["attribute"]


def attribute(
    nets: Mapping[str, nn.Module],
    data: NetworkImages,
    chosen: Sequence[int],
    alphas: Sequence[float],
    attributions: Mapping[str, Mapping[str, Attribution]],
    seed: int,
    device: torch.device | str = "cpu",
) -> dict[str, Tensor]:
    """Attribute the true-label logit of images whose contrast is multiplied by every alpha.

    Parameters
    ----------
    nets : mapping of str to torch.nn.Module
        By variant; on the device.
    data : NetworkImages
        The images.
    chosen : sequence of int
        Indices of N of them.
    alphas : sequence of float
        Contrast factors.
    attributions : mapping of str to mapping of str to Attribution
        By variant and key of the method.
    seed : int
        Of random draws, which are the same for all variants and contrasts of an image.
    device : torch.device or str
        Where the nets are.

    Returns
    -------
    dict of str to torch.Tensor
        ``image/ALPHA`` (N, C, H, W), 0 to 1, and ``VARIANT/METHOD/ALPHA`` (N, H, W), the mean over
        the channels; on the CPU.
    """
    parts: dict[str, list[Tensor]] = {}
    # One by one: rounding must not depend on which images a job has.
    for index in chosen:
        inputs, labels = (part.to(device) for part in data.__getitems__([index]))
        for alpha in alphas:
            faded = alpha * inputs
            shown = data.preprocessing.denormalise(faded)
            parts.setdefault(f"image/{alpha}", []).append(shown)
            for variant, methods in attributions.items():
                for key, attribution in methods.items():
                    more = {}
                    if attribution.random:
                        drawn = job_seed(seed, key, str(index))
                        more["generator"] = torch.Generator().manual_seed(drawn)
                    values = attribution(nets[variant], faded, labels, **more).mean(dim=1)
                    parts.setdefault(f"{variant}/{key}/{alpha}", []).append(values)
    return {name: torch.cat(tensors).cpu().contiguous() for name, tensors in parts.items()}
