"""The 1,000 classes of ILSVRC2012, in the order of the outputs of networks."""

from __future__ import annotations

__all__ = ["imagenet_classes"]


def imagenet_classes() -> list[str]:
    """Return the names for readers, which torchvision keeps with its weights."""
    # Imported here: it takes seconds, and most images are of other classes.
    from torchvision.models import AlexNet_Weights

    return list(AlexNet_Weights.DEFAULT.meta["categories"])
