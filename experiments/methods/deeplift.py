"""DeepLIFT, by its rules for nonlinearities."""

from experiments.methods.entry import Method

_FUNCTION = "xgradient.deeplift:deeplift"
_GATA = "deeplift_genomics_false_negatives_gata"

METHODS = (
    Method(
        key="deeplift_rescale",
        name="DeepLIFT: Rescale",
        function=_FUNCTION,
        arguments={"rule": "rescale"},
        gradients=2,
        experiments=(
            "masking",
            "toys",
            "attribution_maps",
            "digit_conversion",
            "genomics",
            "axioms",
        ),
        published={_GATA: "rescale_all_layers"},
    ),
    Method(
        key="deeplift_revealcancel",
        name="DeepLIFT: RevealCancel",
        function=_FUNCTION,
        arguments={"rule": "revealcancel"},
        gradients=5,
        experiments=(
            "masking",
            "toys",
            "attribution_maps",
            "digit_conversion",
            "genomics",
            "axioms",
        ),
        published={
            "deeplift_mnist_boxplot_digitised": "deeplift_revealcancel",
            "deeplift_mnist_top10_8to3": "deeplift_revealcancel",
            _GATA: "revealcancel_all_layers",
        },
    ),
    Method(
        # Rescale on convolutional layers, RevealCancel on fully connected ones.
        key="deeplift_genomics_default",
        name="DeepLIFT: genomics default",
        function=_FUNCTION,
        arguments={"rule": "genomics_default"},
        experiments=("genomics",),
        published={_GATA: "rescale_conv_revealcancel_fc"},
    ),
    Method(
        key="deeplift_genomics_default_shuffled",
        name="DeepLIFT: genomics default, 10 references",
        function=_FUNCTION,
        arguments={"rule": "genomics_default"},
        baselines="shuffled",
        experiments=("genomics",),
    ),
)
