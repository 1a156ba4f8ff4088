"""The methods as classes with Captum's signatures.

``IntegratedGradients(net).attribute(inputs, baselines, target=3)`` calls the function of
`xgradient.attribution` or `xgradient.deeplift`, with the defaults, the order of arguments and the
forms of results that Captum 0.9 has, so that a program changes its methods by changing an import.
They work in Captum's ``NoiseTunnel`` and with its metrics; Captum itself is not needed.

What stays different: nets run in evaluation mode; errors say more, and are a `ValueError` or
`TypeError` as well as an `AssertionError`; the result has no graph.
"""

from xgradient.captum._attribution import Attribution, CaptumArgumentError, CaptumTypeError
from xgradient.captum.deeplift import DeepLift, DeepLiftShap, RevealCancel
from xgradient.captum.gradients import (
    Deconvolution,
    GuidedBackprop,
    InputXGradient,
    Saliency,
    XGradient,
)
from xgradient.captum.layers import (
    LayerDeepLift,
    LayerDeepLiftShap,
    LayerExpectedGradients,
    LayerGradientXActivation,
    LayerIntegratedGradients,
    LayerXGradient,
)
from xgradient.captum.paths import ExpectedGradients, GradientShap, IntegratedGradients

__all__ = [
    "Attribution",
    "CaptumArgumentError",
    "CaptumTypeError",
    "Deconvolution",
    "DeepLift",
    "DeepLiftShap",
    "ExpectedGradients",
    "GradientShap",
    "GuidedBackprop",
    "InputXGradient",
    "IntegratedGradients",
    "LayerDeepLift",
    "LayerDeepLiftShap",
    "LayerExpectedGradients",
    "LayerGradientXActivation",
    "LayerIntegratedGradients",
    "LayerXGradient",
    "RevealCancel",
    "Saliency",
    "XGradient",
]
