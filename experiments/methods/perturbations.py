"""Methods that evaluate a net at changed inputs: occlusion, SmoothGrad."""

from experiments.methods.entry import Method

METHODS = (
    Method(
        # 49 windows and the whole; an evaluation is a third of a gradient.
        key="occlusion",
        name="Occlusion",
        function="experiments.other_methods.occlusion:occlusion",
        gradients=0,
        evaluations=50,
        experiments=("masking", "attribution_maps", "axioms"),
    ),
    Method(
        key="smooth_grad",
        name="SmoothGrad",
        function="experiments.other_methods.smooth_grad:smooth_grad",
        arguments={"n_samples": 25},
        random=True,
        gradients=25,
        experiments=("masking", "attribution_maps", "axioms"),
    ),
)
