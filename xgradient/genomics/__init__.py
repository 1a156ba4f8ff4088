"""Simulated genomics of DeepLIFT: sequences with motifs, a network, and what attributions find.

Shrikumar, Greenside, Kundaje, *Learning Important Features Through Propagating Activation
Differences*, ICML 2017, Sec. 4.2.
"""

from xgradient.genomics.motif_hits import MotifHits, find_motif_hits, log_odds, strongest_hits
from xgradient.genomics.network import (
    GENOMICS_METHODS,
    MULTIREFERENCE,
    TASKS,
    background_reference,
    genomics_convnet,
    load_genomics_convnet,
    position_importance,
    shuffled_references,
)
from xgradient.genomics.sequences import BASES, dinucleotide_shuffle, encode, one_hot
from xgradient.genomics.simulation import (
    BACKGROUND,
    SimulatedSequences,
    read_names,
    read_pwm,
    read_simdata,
    simulate_sequences,
    with_pseudocount,
)
from xgradient.genomics.training import (
    GenomicsTraining,
    predict,
    task_auroc,
    train_genomics_convnet,
)

__all__ = [
    "BACKGROUND",
    "BASES",
    "GENOMICS_METHODS",
    "MULTIREFERENCE",
    "TASKS",
    "GenomicsTraining",
    "MotifHits",
    "SimulatedSequences",
    "background_reference",
    "dinucleotide_shuffle",
    "encode",
    "find_motif_hits",
    "genomics_convnet",
    "load_genomics_convnet",
    "log_odds",
    "one_hot",
    "position_importance",
    "predict",
    "read_names",
    "read_pwm",
    "read_simdata",
    "shuffled_references",
    "simulate_sequences",
    "strongest_hits",
    "task_auroc",
    "train_genomics_convnet",
    "with_pseudocount",
]
