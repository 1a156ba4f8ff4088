"""AlexNet in the one-tower form of Krizhevsky (2014), as in torchvision."""

from __future__ import annotations

import torch
from torch import nn

from xgradient.models.geometry import Geometry, check_geometry
from xgradient.models.pooling import MaxPool2d


class AlexNet(nn.Module):
    """AlexNet: five convolutions, three max poolings and three linear layers.

    The module names, and with them the keys of the state dict, are those of
    ``torchvision.models.alexnet``, so that the published checkpoints load.

    Parameters
    ----------
    num_classes : int
        Number of logits.
    in_channels : int
        Channels of the input image.
    bias : bool
        ``False`` builds the X-AlexNet: no layer has a bias, so the net is nonnegatively
        homogeneous of degree 1 (Hesse et al. 2021, Sec. 3.2).
    geometry : str
        ``"imagenet"`` for 224-px images; ``"small"`` for 28-px images: the same layer sequence
        with a 5 x 5 stem of stride 1 and narrower layers.
    dropout : float
        Probability of dropout before the first two linear layers.

    Raises
    ------
    ValueError
        If ``geometry`` is unknown.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        bias: bool = True,
        geometry: Geometry = "imagenet",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        check_geometry(geometry)
        if geometry == "imagenet":
            stem = nn.Conv2d(in_channels, 64, kernel_size=11, stride=4, padding=2, bias=bias)
            channels, pooled_side, hidden = (64, 192, 384, 256, 256), 6, 4096
        else:
            stem = nn.Conv2d(in_channels, 8, kernel_size=5, stride=1, padding=2, bias=bias)
            channels, pooled_side, hidden = (8, 24, 48, 48, 48), 2, 256
        self.features = nn.Sequential(
            stem,
            nn.ReLU(),
            MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(channels[0], channels[1], kernel_size=5, padding=2, bias=bias),
            nn.ReLU(),
            MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(channels[1], channels[2], kernel_size=3, padding=1, bias=bias),
            nn.ReLU(),
            nn.Conv2d(channels[2], channels[3], kernel_size=3, padding=1, bias=bias),
            nn.ReLU(),
            nn.Conv2d(channels[3], channels[4], kernel_size=3, padding=1, bias=bias),
            nn.ReLU(),
            MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((pooled_side, pooled_side))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(channels[4] * pooled_side**2, hidden, bias=bias),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden, bias=bias),
            nn.ReLU(),
            nn.Linear(hidden, num_classes, bias=bias),
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map images (N, C, H, W) to logits (N, num_classes)."""
        hidden = self.avgpool(self.features(inputs))
        return self.classifier(torch.flatten(hidden, 1))
