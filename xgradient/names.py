"""Names that readers know, by the names that paths, configurations and tables use."""

from __future__ import annotations

__all__ = ["DIGIT_METHODS", "METHODS", "NETWORKS", "QUADRATURES", "VARIANTS"]

NETWORKS = {
    "alexnet": "AlexNet",
    "vgg16": "VGG16",
    "fixup_resnet50": "ResNet-50 (Fixup)",
}
"""Architectures as the paper prints them."""

VARIANTS = {"regular": "regular", "stripped": "stripped", "x": "X-DNN"}
"""With biases; with the biases removed and not trained further; trained without biases."""

QUADRATURES = {
    "gausslegendre": "Gauss-Legendre",
    "riemann_left": "left Riemann",
    "riemann_right": "right Riemann",
    "riemann_middle": "midpoint",
    "riemann_trapezoid": "trapezoid",
}
"""Quadrature rules of Integrated Gradients."""

METHODS = {
    "ig": "IG",
    "x_gradient": "XG",
    "input_x_gradient": "Input×Gradient",
    "guided_backprop": "Guided backprop",
    "expected_gradients": "EG (1)",
    "gradient": "Grad",
    "random": "Random",
}
"""Attribution methods as the masking metrics print them, in the order of legends and tables."""

DIGIT_METHODS = {
    "abs_grad_masked": "Absolute gradient, masked",
    "guided_backprop_masked": "Guided backprop, masked",
    "guided_backprop_times_input": "Guided backprop × input",
    "gradient_times_input": "Gradient × input",
    "integrated_gradients_5": "IG-5",
    "integrated_gradients_10": "IG-10",
    "deeplift_rescale": "DeepLIFT-Rescale",
    "deeplift_revealcancel": "DeepLIFT-RevealCancel",
    "x_gradient": "XG on the X-DNN",
}
"""Attributions of the digit conversion, in the order of its table and figure."""
