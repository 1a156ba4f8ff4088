"""Expected Gradients, and random values as a lower bound for comparisons."""

from experiments.methods.entry import Method

METHODS = (
    Method(
        # The mean over all references, of an integral each.
        key="exact_eg",
        name="EG",
        function="experiments.axioms.expectation:exact_expected_gradients",
        baselines="training data",
        experiments=("axioms",),
        published={"axioms": "EG"},
    ),
    Method(
        key="expected_gradients",
        name="EG (1)",
        function="xgradient.attribution:expected_gradients",
        baselines="training data",
        random=True,
        experiments=("masking", "attribution_prior", "axioms"),
        names={"attribution_prior": "EG"},
        published={"mask_metrics": "EG (1)", "attribution_prior": "EG (1)", "axioms": "EG(1)"},
    ),
    Method(
        key="random",
        name="Random",
        function="xgradient.attribution:random_attribution",
        random=True,
        gradients=0,
        experiments=("masking",),
        published={"mask_metrics": "Random"},
    ),
)
