"""DeepLIFT with the Linear, Rescale and RevealCancel rules.

Shrikumar, Greenside, Kundaje, *Learning Important Features Through Propagating Activation
Differences*, ICML 2017.
"""

from xgradient.deeplift.attribute import SoftmaxWarning, SummationToDeltaWarning, deeplift
from xgradient.deeplift.nonlinearities import register_nonlinearity
from xgradient.deeplift.operations import UnsupportedOperationError
from xgradient.deeplift.rules import rescale, revealcancel
from xgradient.deeplift.signals import Parts, Signal, Signed

__all__ = [
    "Parts",
    "Signal",
    "Signed",
    "SoftmaxWarning",
    "SummationToDeltaWarning",
    "UnsupportedOperationError",
    "deeplift",
    "register_nonlinearity",
    "rescale",
    "revealcancel",
]
