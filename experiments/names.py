"""Names that readers know, by the names that paths, configurations and tables use."""

from __future__ import annotations

__all__ = [
    "DIGIT_METHODS",
    "GENOMICS_METHODS",
    "METHODS",
    "NETWORKS",
    "PRIORS",
    "PUBLISHED_PRIORS",
    "QUADRATURES",
    "TOY_METHODS",
    "VARIANTS",
    "prior_name",
]

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
GENOMICS_METHODS = {
    "guided_backprop": "Guided backprop × input",
    "grad_times_inp": "Gradient × input",
    "integrated_gradients10": "IG (10)",
    "rescale_all_layers": "DeepLIFT: Rescale",
    "revealcancel_all_layers": "DeepLIFT: RevealCancel",
    "rescale_conv_revealcancel_fc": "DeepLIFT: genomics default",
    "rescale_conv_revealcancel_fc_multiref_10": "DeepLIFT: genomics default, 10 references",
}
"""Attribution methods of the genomics experiment, by the names of the authors' notebook. The
genomics default is Rescale on convolutional and RevealCancel on fully connected layers."""
PRIORS = {
    "unregularised": "Unreg.",
    "unregularised_without_bias": "Unreg. w/o bias",
    "rrr": "RRR",
    "grad": "Grad",
    "eg": "EG",
    "xg": "XG",
    "ig": "IG",
}
"""Attribution priors as the paper prints them, in the order of legends and tables."""

PUBLISHED_PRIORS = {
    "unregularised": "Unreg",
    "unregularised_without_bias": "Unreg w/o bias",
    "rrr": "RRR",
    "grad": "Grad",
    "eg": "EG (1)",
    "xg": "XG w/o bias",
}
"""Attribution priors as the table of published numbers names them."""


TOY_METHODS = {
    "gradient": METHODS["gradient"],
    "guided_backprop": METHODS["guided_backprop"],
    "input_x_gradient": METHODS["input_x_gradient"],
    "ig": METHODS["ig"],
    "deeplift_rescale": "DeepLIFT: Rescale",
    "deeplift_revealcancel": "DeepLIFT: RevealCancel",
}
"""Attribution methods of the toy functions, in the order of the columns of their figure."""


def prior_name(method: str, n_gradients: int) -> str:
    """Return the printed name of a prior; of EG and IG with the number of gradients per row."""
    return PRIORS[method] + (f" ({n_gradients})" if method in ("eg", "ig") else "")
