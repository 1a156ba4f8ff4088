"""Grad-CAM and guided Grad-CAM, on the last convolution of a net."""

from experiments.methods.entry import Method

METHODS = (
    Method(
        key="grad_cam",
        name="Grad-CAM",
        function="experiments.other_methods.grad_cam:grad_cam",
        convolution=True,
        experiments=("masking", "attribution_maps", "axioms"),
    ),
    Method(
        key="guided_grad_cam",
        name="Guided Grad-CAM",
        function="experiments.other_methods.grad_cam:guided_grad_cam",
        convolution=True,
        gradients=2,
        experiments=("masking", "attribution_maps", "axioms"),
    ),
)
