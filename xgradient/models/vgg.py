"""VGG16 without batch normalisation (Simonyan and Zisserman 2015, configuration D)."""

from __future__ import annotations

import torch
from torch import nn

from xgradient.models.geometry import Geometry, check_geometry
from xgradient.models.pooling import MaxPool2d

# Convolutions per block; each block ends with a max pooling.
_BLOCK_DEPTHS = (2, 2, 3, 3, 3)


class VGG16(nn.Module):
    """VGG16: thirteen 3 x 3 convolutions, five max poolings and three linear layers.

    The module names, and with them the keys of the state dict, are those of
    ``torchvision.models.vgg16``, so that the published checkpoints load.

    Parameters
    ----------
    num_classes : int
        Number of logits.
    in_channels : int
        Channels of the input image.
    bias : bool
        ``False`` builds the X-VGG16: no layer has a bias.
    geometry : str
        ``"imagenet"`` for 224-px images; ``"small"`` for 28-px images: the same layer sequence
        with an eighth of the channels, and poolings that round up, since 28 px cannot be halved
        five times otherwise.
    dropout : float
        Probability of dropout after the first two linear layers.

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
        small = geometry == "small"
        widths = (8, 16, 32, 64, 64) if small else (64, 128, 256, 512, 512)
        pooled_side, hidden = (1, 256) if small else (7, 4096)
        layers: list[nn.Module] = []
        channels = in_channels
        for depth, width in zip(_BLOCK_DEPTHS, widths, strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(channels, width, 3, padding=1, bias=bias), nn.ReLU()]
                channels = width
            layers.append(MaxPool2d(kernel_size=2, stride=2, ceil_mode=small))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((pooled_side, pooled_side))
        self.classifier = nn.Sequential(
            nn.Linear(channels * pooled_side**2, hidden, bias=bias),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden, bias=bias),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes, bias=bias),
        )
        self._initialise(linear_std=None if small else 0.01)

    def _initialise(self, linear_std: float | None) -> None:
        # N(0, 0.01) keeps the signal alive through 4096-wide layers only; in the narrow geometry
        # it would shrink every logit to nothing, so the linear layers get the He scale as well.
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear) and linear_std is not None:
                nn.init.normal_(module.weight, std=linear_std)
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map images (N, C, H, W) to logits (N, num_classes)."""
        hidden = self.avgpool(self.features(inputs))
        return self.classifier(torch.flatten(hidden, 1))
