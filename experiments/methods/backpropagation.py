"""Methods that change the backward pass: deconvolution, relevance propagation."""

from experiments.methods.entry import Method

METHODS = (
    Method(
        key="deconvolution",
        name="Deconvnet",
        function="xgradient.attribution:deconvolution",
        experiments=("masking", "toys", "attribution_maps", "axioms"),
    ),
    Method(
        key="lrp_epsilon",
        name="LRP-ε",
        function="experiments.other_methods.relevance:lrp_epsilon",
        # Less than rounding changes: what is left is the limit.
        arguments={"epsilon": 1e-12},
        experiments=("masking", "toys", "attribution_maps", "axioms"),
    ),
    Method(
        key="lrp_epsilon_large",
        name="LRP-ε, ε = 0.1",
        function="experiments.other_methods.relevance:lrp_epsilon",
        arguments={"epsilon": 0.1},
        experiments=("axioms",),
    ),
)
