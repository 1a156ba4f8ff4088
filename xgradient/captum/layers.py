"""The same methods for the values of an inner layer.

Arguments of ``attribute`` are those of the class for inputs; baselines are those of the net's
inputs.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from xgradient._explained import Model
from xgradient.captum._attribution import LayerMixin
from xgradient.captum.deeplift import DeepLift, DeepLiftShap
from xgradient.captum.gradients import InputXGradient, XGradient
from xgradient.captum.paths import ExpectedGradients, IntegratedGradients


class LayerGradientXActivation(LayerMixin, InputXGradient):
    """Values of a layer times the gradient with respect to them.

    Parameters
    ----------
    forward_func, layer, device_ids : optional
        As of `LayerMixin`.
    multiply_by_inputs : bool, default True
        Whether to multiply with the values.
    """

    def __init__(
        self,
        forward_func: Model,
        layer: nn.Module | str,
        device_ids: Any = None,
        multiply_by_inputs: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids)
        self._multiply_by_inputs = multiply_by_inputs


class LayerXGradient(LayerMixin, XGradient):
    """X-Gradient of the values of a layer; the net behind it must be homogeneous."""


class LayerIntegratedGradients(LayerMixin, IntegratedGradients):
    """Integrated Gradients of the values of a layer, along a straight path between them."""


class LayerExpectedGradients(LayerMixin, ExpectedGradients):
    """Expected gradients of the values of a layer, along straight paths between them.

    Captum's ``LayerGradientShap`` is another method: it moves the inputs of the net, so that the
    values of the layer take a curved path, and loses completeness.
    """


class LayerDeepLift(LayerMixin, DeepLift):
    """DeepLIFT of the values of a layer."""


class LayerDeepLiftShap(LayerMixin, DeepLiftShap):
    """DeepLIFT of the values of a layer, averaged over references."""
