"""Methods that change the backward pass: deconvolution, relevance propagation."""

from experiments.methods.entry import Method

METHODS = (
    Method(
        key="deconvolution",
        name="Deconvnet",
        function="xgradient.attribution:deconvolution",
        experiments=("masking", "toys", "attribution_maps"),
    ),
    Method(
        key="lrp_epsilon",
        name="LRP-ε",
        function="experiments.other_methods.relevance:lrp_epsilon",
        experiments=("masking", "toys", "attribution_maps"),
    ),
)
