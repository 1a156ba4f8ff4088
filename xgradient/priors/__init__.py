"""Training with attribution priors: RRR, Grad, EG, XG and IG against unregularised training.

A prior adds ``lambda * Omega`` to the loss, where Omega is the negative Gini coefficient of the
mean absolute attributions: few features should matter (Hesse et al. 2021, Sec. 4.3).

`gini` and `attribution_prior_loss` serve any model; `train_repetitions` runs the published
experiment on tables of features.
"""

from xgradient.priors.auc import roc_auc
from xgradient.priors.chunk import WITHOUT_PRIOR, NonFiniteLossError
from xgradient.priors.comparison import PairedDifference, paired_difference, select_strength
from xgradient.priors.penalty import attribution_prior_loss, gini
from xgradient.priors.repetitions import RepetitionData, repetition_data, repetition_generator
from xgradient.priors.training import (
    METHODS,
    STRENGTHS,
    PriorSettings,
    PriorTraining,
    train_repetitions,
)

__all__ = [
    "METHODS",
    "STRENGTHS",
    "WITHOUT_PRIOR",
    "NonFiniteLossError",
    "PairedDifference",
    "PriorSettings",
    "PriorTraining",
    "RepetitionData",
    "attribution_prior_loss",
    "gini",
    "paired_difference",
    "repetition_data",
    "repetition_generator",
    "roc_auc",
    "select_strength",
    "train_repetitions",
]
