"""Gradient-based attribution: how much each input value contributes to the logit of a class.

Every method is called as ``method(model, inputs, target, *, baselines=None, ...)`` and returns a
detached tensor of the shape, dtype and device of the inputs. ``model`` maps a batch ``inputs`` of
shape (N, C, H, W) or (N, F) to pre-softmax logits (N, K); ``target`` is the index of the logit to
explain, one per image or one for all. ``baselines`` is None for zero, a number, or a tensor that
broadcasts to the inputs; `expected_gradients` alone takes a whole distribution of them.

The net runs in evaluation mode and gets its modes back; gradients are taken with respect to the
inputs alone, so that ``parameter.grad`` stays as it is, also for frozen parameters and inside
`torch.no_grad` or `torch.inference_mode`. The outputs of an image must not depend on the other
images of the batch.

The zero baseline is zero in the input space of the net: for normalised images the mean colour,
not black.
"""

from xgradient.attribution.expected_gradients import expected_gradients
from xgradient.attribution.guided_backprop import guided_backprop
from xgradient.attribution.input_x_gradient import input_x_gradient
from xgradient.attribution.integrated_gradients import integrated_gradients
from xgradient.attribution.quadrature import QUADRATURE_METHODS, quadrature
from xgradient.attribution.random_attribution import random_attribution
from xgradient.attribution.saliency import saliency
from xgradient.attribution.x_gradient import x_gradient

__all__ = [
    "QUADRATURE_METHODS",
    "expected_gradients",
    "guided_backprop",
    "input_x_gradient",
    "integrated_gradients",
    "quadrature",
    "random_attribution",
    "saliency",
    "x_gradient",
]
