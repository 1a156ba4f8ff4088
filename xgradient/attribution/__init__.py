"""Gradient-based attribution: how much each input value contributes to an output of a net.

Every method is called as ``method(model, inputs, target, *, baselines=None, ...)`` and returns an
attribution of the shape, dtype and device of the inputs.

**To train with an attribution, pass** ``create_graph=True``. Otherwise the result is detached: in a
loss it is a constant, and no warning is possible.

- ``model`` is an ``nn.Module`` or a function. It maps ``inputs`` of shape (N, C, H, W), (N, F) or
  any other (N, ...), or a tuple of such tensors, to outputs of shape (N, K), (N,) or any (N, ...):
  logits before the softmax. ``additional_forward_args`` are passed on to it; a tensor of N rows
  among them goes with the rows. If it returns a tuple, dictionary or object, ``output`` is the
  place, key or attribute of the outputs in it, or a function that takes them out.
- ``target`` names the output to explain: an integer for all rows, or an integer tensor, array or
  list for each; a tuple of integers, or a list of N tuples, for outputs of more dimensions; None
  for a net with one output per row; an array shaped like the outputs for their weighted sum, such
  as a one-hot code; or a function from the outputs (M, ...) of any M rows to M scores.
- ``baselines`` is None for zero, a number, or a tensor that broadcasts to the inputs, of several
  inputs a tuple; `expected_gradients` alone takes a whole distribution.
- ``layer``, a module of the net or its name, attributes to the values that it returns instead of
  to the inputs, which may then be integers: so words are explained by their embeddings. Baselines
  are still inputs of the net. ``InputOf(layer)`` means the values that the layer is given.
- ``create_graph=True`` keeps the graph of the attribution, so that a loss can be differentiated.

The net runs in evaluation mode and gets its modes back; gradients are taken with respect to the
inputs alone, so that ``parameter.grad`` stays as it is, also for frozen parameters and inside
`torch.no_grad` or `torch.inference_mode`. The outputs of a row must not depend on the other rows of
the batch. An attribution that holds NaN or infinity comes with a `NonFiniteAttributionWarning`.

The zero baseline is zero in the input space of the net: for normalised images the mean colour,
not black.
"""

from xgradient._explained import NonFiniteAttributionWarning
from xgradient._layers import InputOf
from xgradient.attribution._path_pieces import PathPieces
from xgradient.attribution._piecewise import NotPiecewiseLinearError
from xgradient.attribution.deconvolution import deconvolution
from xgradient.attribution.exact_integrated_gradients import (
    UnresolvedPathWarning,
    exact_integrated_gradients,
)
from xgradient.attribution.expected_gradients import expected_gradients
from xgradient.attribution.guided_backprop import guided_backprop
from xgradient.attribution.input_x_gradient import input_x_gradient
from xgradient.attribution.integrated_gradients import (
    integrated_gradients,
    integrated_gradients_of_rules,
)
from xgradient.attribution.log_probability_gradient import log_probability_gradient
from xgradient.attribution.quadrature import QUADRATURE_METHODS, quadrature
from xgradient.attribution.random_attribution import random_attribution
from xgradient.attribution.saliency import saliency
from xgradient.attribution.x_gradient import x_gradient

__all__ = [
    "QUADRATURE_METHODS",
    "InputOf",
    "NonFiniteAttributionWarning",
    "NotPiecewiseLinearError",
    "PathPieces",
    "UnresolvedPathWarning",
    "deconvolution",
    "exact_integrated_gradients",
    "expected_gradients",
    "guided_backprop",
    "input_x_gradient",
    "integrated_gradients",
    "integrated_gradients_of_rules",
    "log_probability_gradient",
    "quadrature",
    "random_attribution",
    "saliency",
    "x_gradient",
]
