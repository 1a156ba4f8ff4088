"""ResNet-50 in its Fixup form: residual learning without normalisation (Zhang et al. 2019).

Batch normalisation is not homogeneous, so the paper replaces it by the Fixup initialisation with
scalar biases and one scalar multiplier per block, all of which can be left out.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from xgradient.models.geometry import Geometry, check_geometry
from xgradient.models.pooling import MaxPool2d

# Bottleneck blocks per stage of ResNet-50.
_STAGE_DEPTHS = (3, 4, 6, 3)


def _scalar(value: float, present: bool) -> nn.Parameter | None:
    return nn.Parameter(torch.tensor([value])) if present else None


def _add(inputs: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return inputs if bias is None else inputs + bias


class FixupBottleneck(nn.Module):
    """Bottleneck block with scalar biases before every convolution and ReLU and one multiplier.

    Parameters
    ----------
    in_channels, width : int
        Input channels and channels of the two inner convolutions; the block returns 4 x width.
    stride : int
        Stride of the 3 x 3 convolution and of the shortcut.
    bias, scale : bool
        Whether the six scalar biases and the scalar multiplier exist.
    """

    expansion = 4
    bias1a: nn.Parameter | None
    bias1b: nn.Parameter | None
    bias2a: nn.Parameter | None
    bias2b: nn.Parameter | None
    bias3a: nn.Parameter | None
    bias3b: nn.Parameter | None
    scale: nn.Parameter | None

    def __init__(self, in_channels: int, width: int, stride: int, bias: bool, scale: bool) -> None:
        super().__init__()
        out_channels = width * self.expansion
        for name in ("bias1a", "bias1b", "bias2a", "bias2b", "bias3a", "bias3b"):
            self.register_parameter(name, _scalar(0.0, bias))
        self.register_parameter("scale", _scalar(1.0, scale))
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=1, bias=False)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(width, out_channels, kernel_size=1, bias=False)
        needs_projection = stride != 1 or in_channels != out_channels
        self.downsample = (
            nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)
            if needs_projection
            else None
        )
        self.relu3 = nn.ReLU()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map feature maps (N, in_channels, H, W) to (N, 4 * width, H / stride, W / stride)."""
        shifted = _add(inputs, self.bias1a)
        hidden = self.relu1(_add(self.conv1(shifted), self.bias1b))
        hidden = self.conv2(_add(hidden, self.bias2a))
        hidden = self.relu2(_add(hidden, self.bias2b))
        hidden = self.conv3(_add(hidden, self.bias3a))
        if self.scale is not None:
            hidden = hidden * self.scale
        hidden = _add(hidden, self.bias3b)
        shortcut = inputs if self.downsample is None else self.downsample(shifted)
        return self.relu3(hidden + shortcut)


class FixupResNet50(nn.Module):
    """Fixup ResNet-50, with the state-dict keys of the Fixup authors' release.

    Parameters
    ----------
    num_classes : int
        Number of logits.
    in_channels : int
        Channels of the input image.
    bias : bool
        ``False`` builds the X-ResNet-50: no scalar bias and no bias of the last layer.
    scale : bool or None
        Whether every block has its scalar multiplier. ``None`` follows ``bias``: the published
        X-ResNet-50 drops the multipliers along with the biases, although a multiplier is
        homogeneous and could stay.
    geometry : str
        ``"imagenet"`` for 224-px images; ``"small"`` for 28-px images: the same layer sequence
        with an eighth of the channels and a 3 x 3 stem of stride 1.

    Raises
    ------
    ValueError
        If ``geometry`` is unknown.
    """

    bias1: nn.Parameter | None
    bias2: nn.Parameter | None
    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        bias: bool = True,
        geometry: Geometry = "imagenet",
        scale: bool | None = None,
    ) -> None:
        super().__init__()
        check_geometry(geometry)
        small = geometry == "small"
        scale = bias if scale is None else scale
        stem = 8 if small else 64
        self.conv1 = (
            nn.Conv2d(in_channels, stem, 3, padding=1, bias=False)
            if small
            else nn.Conv2d(in_channels, stem, 7, stride=2, padding=3, bias=False)
        )
        self.register_parameter("bias1", _scalar(0.0, bias))
        self.relu = nn.ReLU()
        self.maxpool = MaxPool2d(kernel_size=3, stride=2, padding=1)
        channels = stem
        for stage, depth in enumerate(_STAGE_DEPTHS):
            width = stem * 2**stage
            blocks = []
            for index in range(depth):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(FixupBottleneck(channels, width, stride, bias, scale))
                channels = width * FixupBottleneck.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.register_parameter("bias2", _scalar(0.0, bias))
        self.fc = nn.Linear(channels, num_classes, bias=bias)
        self._initialise()

    def _initialise(self) -> None:
        # Fixup (Zhang et al. 2019, Sec. 3): with L residual branches of m = 3 layers, the inner
        # layers are scaled by L^(-1/(2m-2)), the last layer of every branch and the classifier
        # start at zero.
        damping = sum(_STAGE_DEPTHS) ** -0.25
        for module in self.modules():
            if isinstance(module, FixupBottleneck):
                for conv, factor in ((module.conv1, damping), (module.conv2, damping)):
                    nn.init.normal_(conv.weight, std=factor * _he_std(conv))
                nn.init.zeros_(module.conv3.weight)
                if module.downsample is not None:
                    nn.init.normal_(module.downsample.weight, std=_he_std(module.downsample))
        nn.init.zeros_(self.fc.weight)
        if self.fc.bias is not None:
            nn.init.zeros_(self.fc.bias)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map images (N, C, H, W) to logits (N, num_classes)."""
        hidden = self.relu(_add(self.conv1(inputs), self.bias1))
        hidden = self.maxpool(hidden)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            hidden = stage(hidden)
        hidden = torch.flatten(self.avgpool(hidden), 1)
        return self.fc(_add(hidden, self.bias2))


def _he_std(conv: nn.Conv2d) -> float:
    fan_out = conv.out_channels * math.prod(conv.kernel_size)
    return math.sqrt(2.0 / fan_out)
