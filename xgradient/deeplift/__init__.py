"""DeepLIFT with the Linear, Rescale and RevealCancel rules.

Shrikumar, Greenside, Kundaje, *Learning Important Features Through Propagating Activation
Differences*, ICML 2017.
"""

from xgradient.deeplift.attribute import SummationToDeltaWarning, deeplift
from xgradient.deeplift.operations import UnsupportedOperationError
from xgradient.deeplift.rules import rescale, revealcancel
from xgradient.deeplift.signals import Signal, Signed

__all__ = [
    "Signal",
    "Signed",
    "SummationToDeltaWarning",
    "UnsupportedOperationError",
    "deeplift",
    "rescale",
    "revealcancel",
]
