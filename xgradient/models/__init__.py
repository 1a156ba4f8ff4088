"""The architectures of the papers, each with (regular) and without (X) biases.

`AlexNet`, `VGG16` and `FixupResNet50` are those of Hesse, Schaub-Meyer and Roth (2021);
`digit_convnet` and `genomics_convnet` those of DeepLIFT (Shrikumar, Greenside and Kundaje 2017).
`unwrapped_state_dict` renames weights that were saved from a wrapped net, so that they load.
"""

from xgradient.models.alexnet import AlexNet
from xgradient.models.alexnet import AlexNet as alexnet
from xgradient.models.digit_convnet import digit_convnet
from xgradient.models.fixup_resnet import FixupResNet50
from xgradient.models.fixup_resnet import FixupResNet50 as fixup_resnet50
from xgradient.models.genomics_convnet import genomics_convnet
from xgradient.models.pooling import MaxPool2d
from xgradient.models.state_dicts import unwrapped_state_dict
from xgradient.models.vgg import VGG16
from xgradient.models.vgg import VGG16 as vgg16

__all__ = [
    "VGG16",
    "AlexNet",
    "FixupResNet50",
    "MaxPool2d",
    "alexnet",
    "digit_convnet",
    "fixup_resnet50",
    "genomics_convnet",
    "unwrapped_state_dict",
    "vgg16",
]
