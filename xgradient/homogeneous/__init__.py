"""Nonnegative homogeneity: remove what breaks it, verify it, measure its degree.

A net F is nonnegatively homogeneous of degree k if ``F(a x) = a**k F(x)`` for every ``a > 0``. A
net of linear and convolution layers without biases, ReLU, LeakyReLU or PReLU, pooling, residual
sums and dropout has degree 1. Hesse, Schaub-Meyer and Roth (2021, Sec. 3) call such a net an
X-DNN: its Integrated Gradients from the zero baseline have the closed form
``x_i * dF/dx_i``.
"""

from xgradient._inputs import evaluation_mode
from xgradient.homogeneous._structure import BIAS_NAME, NotHomogeneousError
from xgradient.homogeneous.biases import remove_biases
from xgradient.homogeneous.folding import fold_batchnorm
from xgradient.homogeneous.verification import (
    check_homogeneous,
    homogeneity_degree,
    verify_homogeneous,
)

__all__ = [
    "BIAS_NAME",
    "NotHomogeneousError",
    "check_homogeneous",
    "evaluation_mode",
    "fold_batchnorm",
    "homogeneity_degree",
    "remove_biases",
    "verify_homogeneous",
]
