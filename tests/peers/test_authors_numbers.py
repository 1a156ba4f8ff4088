"""Numbers in the tests of the authors' package (github.com/kundajelab/deeplift, 0201a21).

The package needs an old Keras and is not run here. Its tests hold small nets with inputs,
references and the multipliers that are expected; the nets are built again here, with the channels
first. Every case is named after its origin, ``file::test`` without the prefix ``test_``. Where this
library gives something else, at the end, the reason is tested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from experiments.genomics.sequences import dinucleotide_shuffle
from tests.oracles.helpers import close
from tests.peers.nets import ROWS, numbers, with_weights
from xgradient.deeplift import Signal, Signed, SummationToDeltaWarning, deeplift


def gradient(function: Callable[[Tensor], Tensor], signal: Signal) -> Signed:
    """Pass the slope at the input, the package's mode ``Gradient``."""
    with torch.enable_grad():
        points = signal.actual.detach().requires_grad_()
        (slopes,) = torch.autograd.grad(function(points).sum(), points)
    return Signed(slopes, slopes)


GRADIENT = {nn.Module: gradient}


# --- the small nets -------------------------------------------------------------------------------

ONES_AND_TWOS = numbers([1, 1, 1, 1], [2, 2, 2, 2])


def dense(*others: nn.Module) -> nn.Module:
    return nn.Sequential(with_weights(nn.Linear(4, 2), ROWS, numbers(-1, 1)), *others)


def ending(body: nn.Module, first: float, second: float, size: int) -> nn.Sequential:
    """End in one weight per channel and a bias of one."""
    weights = numbers([first] * size + [second] * size)
    return nn.Sequential(
        body, nn.Flatten(), with_weights(nn.Linear(2 * size, 1), weights, numbers(1))
    )


def conv1d(stride: int) -> nn.Module:
    kernel = torch.arange(4.0).double().reshape(2, 2) - 2
    return with_weights(nn.Conv1d(2, 2, 2, stride), torch.stack([kernel, -kernel]), numbers(-1, 1))


def conv2d(stride: int) -> nn.Module:
    kernel = torch.arange(8.0).double().reshape(2, 2, 2)
    return with_weights(nn.Conv2d(2, 2, 2, stride), torch.stack([kernel, -kernel]), numbers(-1, 1))


SEQUENCES = torch.arange(16.0).double().reshape(2, 2, 4) - 8
IMAGES = torch.arange(64.0).double().reshape(2, 2, 4, 4)

POOLED_1D = numbers([[0, 1, 4, 3], [3, 2, 1, 0]], [[0, -1, -2, -3], [-3, -2, -1, 0]])

POOLED_REFERENCE = numbers([[0, 0, 2, 3], [0, 1, 0, 0], [0, 5, 4, 0], [6, 0, 7, 8]])
POOLED_REFERENCE = torch.stack([POOLED_REFERENCE, POOLED_REFERENCE + 1], 1)
RISEN = numbers([[2, 0, 2, 3], [0, 1, 4, 0], [7, 6, 5, 0], [6, 0, 8, 9]])[0]
# One channel has risen in places, the other one has moved as a whole.
POOLED_2D = torch.stack(
    [
        torch.stack([RISEN, POOLED_REFERENCE[0, 0]]),
        torch.stack([POOLED_REFERENCE[0, 1], RISEN + 1]),
    ]
)


class Joined(nn.Module):
    """Two inputs of one value, weighted by one and two."""

    def __init__(self) -> None:
        super().__init__()
        self.last = with_weights(nn.Linear(2, 1), numbers([1, 2]), numbers(1))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.last(torch.cat([first, second], 1).flatten(1))


def normalised() -> nn.Module:
    norm = nn.BatchNorm2d(2, eps=1e-3)
    norm.running_mean, norm.running_var = numbers(3, 3), numbers(4, 9)
    norm = with_weights(norm, numbers(2, 3), numbers(4, 5))
    return nn.Sequential(norm, nn.Flatten(), with_weights(nn.Linear(8, 1), numbers([1] * 8)))


CELLS = torch.arange(16.0).double().reshape(2, 2, 2, 2)
NORMALISED = (numbers(2, 3) / numbers(4.001, 9.001).sqrt()).view(1, 2, 1, 1).expand(2, 2, 2, 2)


@pytest.mark.parametrize(
    ("layers", "inputs", "expected"),
    [
        pytest.param(dense(), ONES_AND_TWOS, numbers([9, -9], [19, -19]), id="dense"),
        pytest.param(dense(nn.ReLU()), ONES_AND_TWOS, numbers([9, 0], [19, 0]), id="activation"),
        pytest.param(
            conv1d(1),
            SEQUENCES,
            numbers([[19, 17, 15], [-19, -17, -15]], [[3, 1, -1], [-3, -1, 1]]),
            id="conv1d",
        ),
        pytest.param(
            conv2d(2),
            IMAGES[1:],
            numbers([[[1335, 1391], [1559, 1615]], [[-1335, -1391], [-1559, -1615]]]),
            id="conv2d",
        ),
        pytest.param(
            nn.MaxPool1d(2, 1),
            POOLED_1D,
            numbers([[1, 4, 4], [3, 2, 1]], [[0, -1, -2], [-2, -1, 0]]),
            id="pool1d",
        ),
        pytest.param(
            nn.AvgPool2d(2, 1),
            POOLED_REFERENCE[:, :1],
            numbers([[[1, 3, 5], [6, 10, 4], [11, 16, 19]]]) / 4,
            id="pool2d",
        ),
    ],
)
def test_nets_are_the_same(layers, inputs, expected):
    close(layers(inputs).detach(), expected)


# --- what each change of the input is worth -------------------------------------------------------


class Case(NamedTuple):
    source: str
    net: nn.Module
    inputs: Tensor | tuple[Tensor, ...]
    expected: Tensor | tuple[Tensor, ...]
    target: int | None = None
    references: Any = None
    rule: Any = "rescale"


MULTIPLIERS = [
    Case("dense::dense_backprop", dense(), ONES_AND_TWOS, ROWS[[0, 0]], 0),
    Case("dense::dense_backprop", dense(), ONES_AND_TWOS, ROWS[[1, 1]], 1),
    Case(
        "activation::relu_rescale",
        dense(nn.ReLU()),
        ONES_AND_TWOS,
        numbers([9 / 10], [19 / 20]) * ROWS[0],
        0,
    ),
    Case(
        "activation::relu_rescale",
        dense(nn.ReLU()),
        ONES_AND_TWOS,
        numbers([1 / 10], [1 / 20]) * ROWS[1],
        1,
    ),
    Case(
        "activation::relu_gradient",
        dense(nn.ReLU()),
        ONES_AND_TWOS,
        ROWS[[0, 0]],
        0,
        None,
        GRADIENT,
    ),
    Case("activation::relu_gradient", dense(nn.ReLU()), ONES_AND_TWOS, 0 * ROWS, 1, None, GRADIENT),
    Case(
        "concat::concat_backprop",
        Joined(),
        (numbers(1, 2).view(2, 1, 1, 1),) * 2,
        (numbers(1, 1).view(2, 1, 1, 1), numbers(2, 2).view(2, 1, 1, 1)),
    ),
    Case(
        "conv1d::dense_backprop",
        ending(conv1d(1), 1, -1, 3),
        SEQUENCES,
        numbers([[-4, -6, -6, -2], [0, 2, 2, 2]]).repeat(2, 1, 1),
    ),
    Case(
        "conv1d::dense_backprop_stride",
        ending(conv1d(2), 1, -1, 2),
        SEQUENCES,
        numbers([[-4, -2, -4, -2], [0, 2, 0, 2]]).repeat(2, 1, 1),
    ),
    Case(
        "conv2d::dense_backprop",
        ending(conv2d(1), 1, -1, 9),
        IMAGES,
        numbers(
            [
                [[0, 2, 2, 2], [4, 12, 12, 8], [4, 12, 12, 8], [4, 10, 10, 6]],
                [[8, 18, 18, 10], [20, 44, 44, 24], [20, 44, 44, 24], [12, 26, 26, 14]],
            ]
        ).repeat(2, 1, 1, 1),
    ),
    Case(
        "conv2d::dense_backprop_stride",
        ending(conv2d(2), 1, -1, 4),
        IMAGES,
        numbers([[[0, 2], [4, 6]], [[8, 10], [12, 14]]]).repeat(2, 1, 2, 2),
    ),
    Case(
        "pool1d::backprop_avgpool",
        ending(nn.AvgPool1d(2, 1), 2, 3, 3),
        POOLED_1D,
        numbers([[1, 2, 2, 1], [1.5, 3, 3, 1.5]]).repeat(2, 1, 1),
    ),
    Case(
        "pool1d::backprop_maxpool_gradients",
        ending(nn.MaxPool1d(2, 1), 2, 3, 3),
        POOLED_1D,
        numbers([[0, 2, 4, 0], [3, 3, 3, 0]], [[2, 2, 2, 0], [0, 3, 3, 3]]),
    ),
    Case(
        "pool2d::backprop_avgpool2d",
        ending(nn.AvgPool2d(2, 1), 2, 3, 9),
        POOLED_2D,
        torch.outer(numbers(1, 2, 2, 1), numbers(1, 2, 2, 1)) * numbers(0.5, 0.75).view(1, 2, 1, 1),
        references=POOLED_REFERENCE,
    ),
    *[
        Case(f"load_batchnorm::batch_norm_{name}_backprop", normalised(), CELLS, NORMALISED)
        for name in ("convert_model", "positive_axis", "negative_axis")
    ],
]


# The mode "Gradient" does not sum to the difference.
@pytest.mark.filterwarnings("ignore::xgradient.deeplift.SummationToDeltaWarning")
@pytest.mark.parametrize("case", MULTIPLIERS, ids=lambda case: case.source)
def test_multipliers(case):
    given = {"baselines": case.references, "rule": case.rule}
    result = deeplift(case.net, case.inputs, case.target, **given, multiply_by_inputs=False)
    if isinstance(result, Tensor):
        close(result, case.expected.expand_as(case.inputs))
    else:
        for each, expected in zip(result, case.expected, strict=True):
            close(each, expected)


def test_parts_behind_a_convolution():
    """conv1d::fprop_pos_and_neg_contribs: what the positive and negative products add up to."""
    seen = []

    def watching(function: Callable[[Tensor], Tensor], signal: Signal) -> Signed:
        seen.append(signal.parts)
        return gradient(function, signal)

    net = nn.Sequential(conv1d(1), nn.LeakyReLU(1.0), nn.Flatten())
    deeplift(net, SEQUENCES, 0, baselines=torch.ones_like(SEQUENCES), rule={nn.Module: watching})
    (parts,) = seen
    rising = numbers([[26, 23, 20], [4, 3, 2]], [[6, 5, 6], [0, 1, 4]])
    close(parts.positive, rising)
    close(parts.negative, -rising.flip(1))


# --- converted networks: gradient times input -----------------------------------------------------

# With a reference of zero, no biases and pieces that are linear from zero on, contributions are
# that. The package explains the value before the last sigmoid, which is left out here.


def untrained(*layers: nn.Module) -> nn.Module:
    """Draw the weights as Keras does, which starts with biases of zero."""
    net = nn.Sequential(*layers).double()
    for layer in net:
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def valid_1d() -> nn.Module:
    pools = [nn.MaxPool1d(4, 2), nn.AvgPool1d(4, 2)]
    return untrained(nn.Conv1d(10, 2, 4, 2), nn.ReLU(), *pools, nn.Flatten(), nn.Linear(8, 1))


def same_1d() -> nn.Module:
    return untrained(
        nn.ConstantPad1d((1, 2), 0.0),
        nn.Conv1d(10, 20, 4, 2),
        nn.PReLU(20, init=1.0),
        nn.Conv1d(20, 10, 4, 2, padding=1),
        nn.ReLU(),
        nn.MaxPool1d(4, 2, padding=1, ceil_mode=True),
        nn.AvgPool1d(4, 2, padding=1, ceil_mode=True, count_include_pad=False),
        nn.Flatten(),
        nn.Linear(40, 1),
    )


def valid_2d() -> nn.Module:
    pools = [nn.MaxPool2d(4, 2), nn.AvgPool2d(4, 2)]
    return untrained(nn.Conv2d(10, 2, 4, 2), nn.ReLU(), *pools, nn.Flatten(), nn.Linear(32, 1))


def same_2d() -> nn.Module:
    return untrained(
        nn.ConstantPad2d((1, 2, 1, 2), 0.0),
        nn.Conv2d(10, 20, 4, 2),
        nn.ReLU(),
        nn.Conv2d(20, 10, 4, 2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(4, 2, padding=1, ceil_mode=True),
        nn.AvgPool2d(4, 2, padding=1, ceil_mode=True, count_include_pad=False),
        nn.Flatten(),
        nn.Linear(160, 1),
    )


class Shared(nn.Module):
    """The same layers for both inputs, then a dense layer for both together."""

    def __init__(self) -> None:
        super().__init__()
        self.each = untrained(nn.Conv1d(10, 2, 4, 2), nn.ReLU(), nn.MaxPool1d(4, 2))
        self.both = untrained(nn.Flatten(), nn.Linear(44, 5), nn.ReLU(), nn.Linear(5, 1))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.both(torch.cat([self.each(first), self.each(second)], 1))


def smooth_1d() -> nn.Module:
    return untrained(
        nn.Conv1d(10, 2, 4, 2),
        nn.Sigmoid(),
        nn.ConstantPad1d((1, 2), 0.0),
        nn.Conv1d(2, 2, 4),
        nn.Tanh(),
        nn.MaxPool1d(4, 2),
        nn.AvgPool1d(4, 2),
        nn.Flatten(),
        nn.Linear(8, 1),
    )


def gradient_times_input(net: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    watched = [values.clone().requires_grad_() for values in inputs]
    slopes = torch.autograd.grad(net(*watched).sum(), watched)
    return [values * slope for values, slope in zip(inputs, slopes, strict=True)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("net", "axes", "rule"),
    [  # Keras pads an odd number with the one more at the end.
        pytest.param(valid_1d, 1, "rescale", id="conv1d_model_valid_padding"),
        pytest.param(same_1d, 1, "rescale", id="conv1d_model_same_padding"),
        pytest.param(valid_2d, 2, "genomics_default", id="conv2d_model_channels_first"),
        pytest.param(valid_2d, 2, "rescale", id="conv2d_model_valid_padding"),
        pytest.param(same_2d, 2, "rescale", id="conv2d_model_same_padding"),
        pytest.param(Shared, 1, "rescale", id="functional_concatenate_model"),
    ],
)
def test_contributions_are_gradient_times_input(net, axes, rule, seed):
    """{net}::convert_…_model_compute_scores."""
    torch.manual_seed(seed)
    model = net()
    inputs = tuple(torch.randn(1 + (net is Shared), 10, 10, *[51] * axes, dtype=torch.float64))
    results = deeplift(model, inputs, rule=rule)
    for result, expected in zip(results, gradient_times_input(model, inputs), strict=True):
        assert expected.abs().max() > 1e-3
        close(result, expected)


# --- what differs ---------------------------------------------------------------------------------


def test_gradient_of_max_pooling_misses_the_difference():
    """pool2d::backprop_maxpool2d_gradients."""
    net = ending(nn.MaxPool2d(2, 1), 2, 3, 9)
    risen = numbers([[1, 0, 0, 0], [0, 0, 2, 0], [2, 1, 1, 0], [0, 0, 1, 1]])[0]
    moved = numbers([[0, 0, 1, 1], [0, 1, 0, 0], [0, 2, 1, 0], [1, 0, 1, 1]])[0]
    theirs = numbers(2, 3).view(2, 1, 1) * torch.stack(
        [torch.stack([risen, moved]), torch.stack([moved, risen])]
    )
    (product,) = gradient_times_input(net, (POOLED_2D,))
    close(product, POOLED_2D * theirs)
    difference = POOLED_2D - POOLED_REFERENCE
    change = (net(POOLED_2D) - net(POOLED_REFERENCE)).detach()[:, 0]
    close(change, numbers(-5, 51))
    close((difference * theirs).sum((1, 2, 3)), numbers(29, 102))
    result = deeplift(net, POOLED_2D, baselines=POOLED_REFERENCE)
    close(result.sum((1, 2, 3)), change)
    with pytest.warns(SummationToDeltaWarning):
        result = deeplift(net, POOLED_2D, baselines=POOLED_REFERENCE, max_pooling="gradient")
    close(result, difference * theirs)
    result = deeplift(net, POOLED_2D, baselines=POOLED_REFERENCE)
    # Where the maxima are the same inputs in both, so are the multipliers.
    for row, channel in ((0, 1), (1, 0)):
        close(result[row, channel], (difference * theirs)[row, channel])


@pytest.mark.filterwarnings("ignore::xgradient.deeplift.SummationToDeltaWarning")
def test_max_pooling_over_a_padded_end():
    """sigmoid_tanh_activations::convert_conv1d_model_compute_scores.

    The padding behind the sigmoid makes the reference vary in the first window of the max pooling,
    which is the one above.
    """
    net, inputs = smooth_1d(), torch.randn(10, 10, 51).double()
    (expected,) = gradient_times_input(net, (inputs,))
    result = deeplift(net, inputs, rule=GRADIENT)
    # The first window holds four values, which depend on the first 14 of the sequence.
    close(result[..., 14:], expected[..., 14:])
    assert (result - expected).abs().max() > 1e-3 * expected.abs().max()
    without_padding = nn.Sequential(*(m for m in net if not isinstance(m, nn.ConstantPad1d)))
    without_padding[-1] = untrained(nn.Linear(6, 1))
    close(deeplift(net, inputs, rule=GRADIENT, max_pooling="gradient"), expected)
    (expected,) = gradient_times_input(without_padding, (inputs,))
    close(deeplift(without_padding, inputs, rule=GRADIENT), expected)


def test_shuffles_keep_all_pairs():
    """dinuc_shuffle::dinuc_shuffle leaves the last pair out of its count.

    The package's shuffle never changes that one, but one that draws all possible sequences does.
    """
    sequences = torch.randint(4, (1000, 200))
    shuffled = dinucleotide_shuffle(sequences, 1)[:, 0]
    differ = 0
    for before, after in zip(sequences.tolist(), shuffled.tolist(), strict=True):
        pairs = [list(pairwise(each)) for each in (before, after)]
        assert Counter(pairs[0]) == Counter(pairs[1])
        differ += pairs[0][-1] != pairs[1][-1]
    assert differ > 100
