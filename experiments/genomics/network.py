"""The network that tells which motifs a sequence has, and the attributions under comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from experiments.genomics.sequences import BASES, dinucleotide_shuffle, one_hot
from experiments.genomics.simulation import BACKGROUND
from experiments.networks.keras_weights import load_keras_weights
from xgradient.attribution import guided_backprop, integrated_gradients, saliency
from xgradient.deeplift import deeplift
from xgradient.models import genomics_convnet

# What the three logits tell, in this order.
TASKS = ("both", "GATA", "TAL")

# Takes model, inputs, references and target.
Attribution = Callable[[nn.Module, Tensor, "Tensor | Sequence[Tensor]", Tensor], Tensor]


def load_genomics_convnet(path: str | Path) -> nn.Sequential:
    """Build the network with the weights that its authors released.

    Parameters
    ----------
    path : str or Path
        ``keras2_conv1d_record_5_model_PQzyq_modelWeights.h5``.

    Returns
    -------
    torch.nn.Sequential
        As `genomics_convnet`, in evaluation mode.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    KerasWeightsError
        If it does not hold the weights of this network; the message names the layer.
    """
    model = genomics_convnet()
    layers = {
        "conv1d_1": model.conv1,
        "conv1d_2": model.conv2,
        "dense_1": model.fc1,
        "dense_2": model.fc2,
    }
    # Global pooling leaves one position: there is no order of flattening to mind.
    load_keras_weights(path, layers)
    return model.eval()


def background_reference(background: Sequence[float] = BACKGROUND) -> Tensor:
    """Make the reference that holds the background frequencies at every position.

    Parameters
    ----------
    background : sequence of float, optional
        Frequencies of A, C, G and T.

    Returns
    -------
    torch.Tensor
        Shape (1, 4, 1), to be broadcast to one-hot sequences.
    """
    return torch.tensor(background).view(1, len(BASES), 1)


def shuffled_references(
    sequences: Tensor, n_references: int = 10, generator: torch.Generator | None = None
) -> list[Tensor]:
    """Shuffle sequences into references that keep their dinucleotides.

    Parameters
    ----------
    sequences : torch.Tensor
        Base indices, shape (N, length), int64.
    n_references : int, optional
        Number of references per sequence.
    generator : torch.Generator, optional
        Source of randomness.

    Returns
    -------
    list of torch.Tensor
        ``n_references`` one-hot tensors (N, 4, length).
    """
    shuffled = dinucleotide_shuffle(sequences, n_references, generator)
    return [one_hot(each) for each in shuffled.unbind(dim=1)]


def _guided_backprop(
    model: nn.Module, inputs: Tensor, references: Tensor, target: Tensor
) -> Tensor:
    return guided_backprop(model, inputs, target) * (inputs - references)


def _gradient(model: nn.Module, inputs: Tensor, references: Tensor, target: Tensor) -> Tensor:
    return saliency(model, inputs, target) * (inputs - references)


def _integrated_gradients(
    model: nn.Module, inputs: Tensor, references: Tensor, target: Tensor
) -> Tensor:
    return integrated_gradients(
        model, inputs, target, baselines=references, n_steps=10, method="riemann_middle"
    )


def _deeplift(
    rule: str,
    model: nn.Module,
    inputs: Tensor,
    references: Tensor | Sequence[Tensor],
    target: Tensor,
) -> Tensor:
    return deeplift(model, inputs, target, baselines=references, rule=rule)


# By the names of the authors' notebook. There "times input" is times the difference from the
# reference. The DeepLIFT methods also take a list of references, over which they average.
GENOMICS_METHODS: Mapping[str, Attribution] = {
    "guided_backprop": _guided_backprop,
    "grad_times_inp": _gradient,
    "integrated_gradients10": _integrated_gradients,
    "rescale_all_layers": partial(_deeplift, "rescale"),
    "revealcancel_all_layers": partial(_deeplift, "revealcancel"),
    "rescale_conv_revealcancel_fc": partial(_deeplift, "genomics_default"),
}

# The genomics default over 10 shuffled references per sequence instead of the background.
MULTIREFERENCE = "rescale_conv_revealcancel_fc_multiref_10"


def position_importance(
    model: nn.Module,
    sequences: Tensor,
    method: str,
    target: int,
    background: Sequence[float] = BACKGROUND,
    generator: torch.Generator | None = None,
    batch_size: int = 100,
) -> Tensor:
    """Attribute a logit to the positions of sequences: contributions summed over the bases.

    Parameters
    ----------
    model : torch.nn.Module
        Maps one-hot sequences (N, 4, length) to logits; it determines the device.
    sequences : torch.Tensor
        Base indices, shape (N, length), int64.
    method : str
        A key of `GENOMICS_METHODS`, or `MULTIREFERENCE`.
    target : int
        Index of the logit.
    background : sequence of float, optional
        Frequencies of A, C, G and T, which the reference holds at every position.
    generator : torch.Generator, optional
        Shuffles the references of `MULTIREFERENCE`, on the CPU.
    batch_size : int, optional
        Sequences that are attributed together: memory and speed.

    Returns
    -------
    torch.Tensor
        Importance, shape (N, length), on the CPU.

    Raises
    ------
    ValueError
        If the method is unknown.
    """
    known = (*GENOMICS_METHODS, MULTIREFERENCE)
    if method not in known:
        raise ValueError(f"unknown method {method!r}: the choices are {', '.join(known)}")
    device = next(model.parameters()).device
    shuffled = method == MULTIREFERENCE
    attribute = GENOMICS_METHODS["rescale_conv_revealcancel_fc" if shuffled else method]
    if shuffled:
        # At once, so that the draws do not depend on the size of the batches.
        drawn = torch.stack(shuffled_references(sequences, 10, generator)).split(batch_size, dim=1)
    else:
        shared = background_reference(background).to(device)
    parts = []
    for index, part in enumerate(sequences.split(batch_size)):
        references = list(drawn[index].to(device)) if shuffled else shared
        targets = torch.full((len(part),), target, device=device)
        scores = attribute(model, one_hot(part).to(device), references, targets)
        parts.append(scores.sum(dim=1).cpu())
    return torch.cat(parts)
