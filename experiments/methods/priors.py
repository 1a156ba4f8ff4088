"""Trainings that have no attribution of their own: no prior, and the prior of RRR."""

from experiments.methods.entry import Method

METHODS = (
    Method(
        key="unregularised",
        name="Unreg.",
        experiments=("attribution_prior",),
        published={"attribution_prior": "Unreg"},
    ),
    Method(
        key="unregularised_without_bias",
        name="Unreg. w/o bias",
        experiments=("attribution_prior",),
        published={"attribution_prior": "Unreg w/o bias"},
    ),
    Method(
        key="rrr",
        name="RRR",
        experiments=("attribution_prior",),
        published={"attribution_prior": "RRR"},
    ),
)
