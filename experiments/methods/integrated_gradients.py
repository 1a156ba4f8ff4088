"""Integrated Gradients, and X-Gradient, which is their closed form on homogeneous nets."""

from experiments.methods.entry import Method

_MIDPOINT = "riemann_middle"  # the rule of the authors of DeepLIFT

METHODS = (
    Method(
        key="exact_ig",
        name="IG",
        function="xgradient.attribution:exact_integrated_gradients",
        experiments=("axioms",),
        published={"axioms": "IG"},
    ),
    Method(
        key="ig",
        name="IG",
        function="xgradient.attribution:integrated_gradients",
        settings=("n_steps", "method", "internal_batch_size"),
        experiments=("masking", "toys", "attribution_maps", "attribution_prior"),
        published={"mask_metrics": "IG (128)"},
    ),
    Method(
        key="x_gradient",
        name="XG",
        function="xgradient.attribution:x_gradient",
        homogeneous=True,
        experiments=(
            "masking",
            "attribution_maps",
            "digit_conversion",
            "attribution_prior",
            "axioms",
        ),
        names={"digit_conversion": "XG on the X-DNN"},
        published={
            "mask_metrics": "XG (1)",
            "attribution_prior": "XG w/o bias",
            "axioms": "XG",
        },
    ),
    Method(
        key="ig_5",
        name="IG (5)",
        function="xgradient.attribution:integrated_gradients",
        arguments={"n_steps": 5, "method": _MIDPOINT},
        experiments=("digit_conversion", "genomics"),
        published={
            "deeplift_mnist_boxplot_digitised": "integrated_gradients_5",
            "deeplift_mnist_top10_8to3": "integrated_gradients_5",
        },
    ),
    Method(
        key="ig_10",
        name="IG (10)",
        function="xgradient.attribution:integrated_gradients",
        arguments={"n_steps": 10, "method": _MIDPOINT},
        experiments=("digit_conversion", "genomics"),
        published={
            "deeplift_mnist_boxplot_digitised": "integrated_gradients_10",
            "deeplift_mnist_top10_8to3": "integrated_gradients_10",
            "deeplift_genomics_false_negatives_gata": "integrated_gradients10",
        },
    ),
)
