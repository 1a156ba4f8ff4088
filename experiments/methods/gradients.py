"""Gradient, input × gradient and guided backpropagation."""

from experiments.methods.entry import Method

METHODS = (
    Method(
        key="gradient",
        name="Grad",
        function="xgradient.attribution:saliency",
        experiments=("masking", "toys", "attribution_maps", "attribution_prior", "axioms"),
        published={"mask_metrics": "Grad (1)", "attribution_prior": "Grad"},
    ),
    Method(
        key="abs_gradient_masked",
        name="Absolute gradient, masked",
        function="experiments.digit_conversion.attributions:abs_gradient_masked",
        experiments=("digit_conversion",),
        published={
            "deeplift_mnist_boxplot_digitised": "abs_grad_masked (Simonyan)",
            "deeplift_mnist_top10_8to3": "abs_grad_masked (Simonyan)",
        },
    ),
    Method(
        key="input_x_gradient",
        name="Input×Gradient",
        function="xgradient.attribution:input_x_gradient",
        experiments=(
            "masking",
            "toys",
            "attribution_maps",
            "digit_conversion",
            "genomics",
            "axioms",
        ),
        published={
            "axioms": "(Input x) Gradient",
            "deeplift_mnist_boxplot_digitised": "gradient_times_input",
            "deeplift_mnist_top10_8to3": "gradient_times_input",
            "deeplift_genomics_false_negatives_gata": "grad_times_inp",
        },
    ),
    Method(
        key="guided_backprop",
        name="Guided backprop",
        function="xgradient.attribution:guided_backprop",
        experiments=("masking", "toys", "attribution_maps", "axioms"),
    ),
    Method(
        key="guided_backprop_masked",
        name="Guided backprop, masked",
        function="experiments.digit_conversion.attributions:guided_backprop_masked",
        experiments=("digit_conversion",),
        published={
            "deeplift_mnist_boxplot_digitised": "guided_backprop_masked",
            "deeplift_mnist_top10_8to3": "guided_backprop_masked",
        },
    ),
    Method(
        key="guided_backprop_x_input",
        name="Guided backprop × input",
        function="xgradient.attribution:guided_backprop",
        arguments={"multiply_by_inputs": True},
        experiments=("digit_conversion", "genomics"),
        published={
            "deeplift_mnist_boxplot_digitised": "guided_backprop_times_input",
            "deeplift_mnist_top10_8to3": "guided_backprop_times_input",
            "deeplift_genomics_false_negatives_gata": "guided_backprop",
        },
    ),
)
