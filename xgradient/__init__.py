"""Fast axiomatic attribution for neural networks: X-DNNs and X-Gradient.

The modules are imported one by one, for instance ``from xgradient.attribution import x_gradient``.
"""

__version__ = "0.1.0"
