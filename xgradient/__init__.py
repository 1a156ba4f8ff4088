"""Fast axiomatic attribution for neural networks: X-DNNs and X-Gradient.

Import what you need from its module, for instance ``from xgradient.attribution import x_gradient``.
"""

__version__ = "0.1.0"
