"""The same methods for the values of an inner layer.

Arguments of ``attribute`` are those of the class for inputs; baselines are those of the net's
inputs.
"""

from __future__ import annotations

from xgradient.captum._attribution import LayerMixin
from xgradient.captum.deeplift import DeepLift, DeepLiftShap
from xgradient.captum.gradients import InputXGradient, XGradient
from xgradient.captum.paths import GradientShap, IntegratedGradients


class LayerGradientXActivation(LayerMixin, InputXGradient):
    """Values of a layer times the gradient with respect to them."""


class LayerXGradient(LayerMixin, XGradient):
    """X-Gradient of the values of a layer; the net behind it must be homogeneous."""


class LayerIntegratedGradients(LayerMixin, IntegratedGradients):
    """Integrated Gradients of the values of a layer, along a straight path between them."""


class LayerGradientShap(LayerMixin, GradientShap):
    """Expected gradients of the values of a layer."""


class LayerDeepLift(LayerMixin, DeepLift):
    """DeepLIFT of the values of a layer."""


class LayerDeepLiftShap(LayerMixin, DeepLiftShap):
    """DeepLIFT of the values of a layer, averaged over references."""
