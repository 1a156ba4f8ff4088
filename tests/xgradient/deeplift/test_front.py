"""What DeepLIFT takes and returns: several inputs, layers, targets, references in any form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.oracles.deeplift_nets import RULES, overlapping_net, randn, randomized
from xgradient.deeplift import deeplift


class Two(nn.Module):
    """Two inputs, a scale for every row and a flag."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.last = nn.Linear(4, 5), nn.Linear(3, 5), nn.Linear(5, 3)

    def forward(
        self, x: Tensor, y: Tensor, scale: Tensor | None = None, negate: bool = False
    ) -> tuple[Tensor, Tensor]:
        hidden = torch.relu(self.left(x) + self.right(y)) * self.right(y).sigmoid()
        if scale is not None:
            hidden = hidden * scale[:, None]
        return hidden, -self.last(hidden) if negate else self.last(hidden)


@pytest.mark.parametrize("rule", RULES)
def test_several_inputs_and_further_arguments(rule):
    model = randomized(Two())
    inputs = randn(5, 4), randn(5, 3, seed=1)
    baselines = randn(1, 4, seed=2), 0.5
    scale = randn(5, seed=3)
    (first, second), delta = deeplift(
        model,
        inputs,
        torch.tensor([0, 1, 2, 0, 1]),
        baselines=baselines,
        rule=rule,
        additional_forward_args=(scale, True),
        output=1,
        return_convergence_delta=True,
    )
    assert delta.abs().max() < 1e-12
    # Row by row, with the arguments of the row.
    for row in range(5):
        alone = deeplift(
            model,
            (inputs[0][row : row + 1], inputs[1][row : row + 1]),
            [0, 1, 2, 0, 1][row],
            baselines=baselines,
            rule=rule,
            additional_forward_args=(scale[row : row + 1], True),
            output=1,
        )
        torch.testing.assert_close(first[row], alone[0][0], atol=1e-12, rtol=0)
        torch.testing.assert_close(second[row], alone[1][0], atol=1e-12, rtol=0)


def test_an_input_without_effect_gets_nothing():
    model = randomized(Two())
    model.right.weight.data.zero_()
    first, second = deeplift(model, (randn(2, 4), randn(2, 3)), 0, output=1)
    assert first.abs().min() > 0
    assert not second.any()
    first, second = deeplift(lambda x, y: x, (randn(2, 4), randn(2, 3)), 0)
    assert not second.any()


@pytest.mark.parametrize("rule", RULES)
def test_contributions_of_a_layer(rule):
    model = randomized(overlapping_net())
    inputs, baselines = randn(3, 2, 5, 5), randn(3, 2, 5, 5, seed=1)
    result, delta = deeplift(
        model,
        inputs,
        1,
        baselines=baselines,
        rule=rule,
        layer="2",
        return_convergence_delta=True,
    )
    assert delta.abs().max() < 1e-12
    with torch.no_grad():
        ends = model[:3](inputs), model[:3](baselines)
    # A rule of the convolution before it depends on its parts, so the rest has "rescale".
    if rule == "rescale":
        expected = deeplift(model[3:], ends[0], 1, baselines=ends[1], rule=rule)
        torch.testing.assert_close(result, expected, atol=1e-13, rtol=0)


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix, self.last = nn.Embedding(9, 4), nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, words: Tensor) -> Tensor:
        return self.last(self.mix(self.embed(words)).tanh().mean(1))


def test_contributions_of_embeddings():
    model = randomized(Words())
    words = torch.randint(9, (3, 6), generator=torch.Generator().manual_seed(0))
    result, delta = deeplift(
        model, words, 1, baselines=0, layer="embed", return_convergence_delta=True
    )
    with torch.no_grad():
        change = model(words) - model(torch.zeros_like(words))
    assert result.shape == (3, 6, 4)
    assert delta.abs().max() < 1e-13
    torch.testing.assert_close(result.sum((1, 2)), change[:, 1])


def test_targets():
    model = randomized(overlapping_net())
    inputs = randn(3, 2, 5, 5)
    each = [deeplift(model, inputs, k, rule="revealcancel") for k in range(3)]
    weights = randn(3, 3, seed=4)
    result = deeplift(model, inputs, weights, rule="revealcancel")
    # Multipliers are linear in those of the logits.
    expected = sum(weights[:, k, None, None, None] * each[k] for k in range(3))
    torch.testing.assert_close(result, expected, atol=1e-12, rtol=0)
    difference = deeplift(model, inputs, lambda logits: logits[:, 0] - 2 * logits[:, 1])
    expected = deeplift(model, inputs, 0) - 2 * deeplift(model, inputs, 1)
    torch.testing.assert_close(difference, expected, atol=1e-12, rtol=0)
    # A score that is not linear is followed like the network.
    _, delta = deeplift(
        model, inputs, lambda logits: (logits**2).sum(1), return_convergence_delta=True
    )
    assert delta.abs().max() < 1e-12


class Maps(nn.Module):
    """Outputs of two axes, from a net without a class axis."""

    def forward(self, x: Tensor) -> Tensor:
        return x.tanh()


def test_outputs_of_several_axes():
    inputs = randn(3, 4, 5)
    result = deeplift(Maps(), inputs, (2, 3))
    expected = torch.zeros_like(inputs)
    expected[:, 2, 3] = inputs[:, 2, 3].tanh()
    torch.testing.assert_close(result, expected)


FORMS = ["set", "shared set", "list", "function", "small batches"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rule", RULES)
def test_several_references_of_each_input_are_averaged(rule, form):
    model = randomized(overlapping_net())
    inputs, references = randn(3, 2, 5, 5), randn(3, 4, 2, 5, 5, seed=1)
    if form == "shared set":
        references = references[:1]
    each = [
        deeplift(model, inputs, 1, baselines=r, rule=rule, return_convergence_delta=True)
        for r in references.unbind(1)
    ]
    given = {
        "list": list(references.unbind(1)),
        "function": lambda x: references + 0 * x[:, None],
    }.get(form, references)
    result, delta = deeplift(
        model,
        inputs,
        1,
        baselines=given,
        rule=rule,
        internal_batch_size=5 if form == "small batches" else None,
        return_convergence_delta=True,
    )
    torch.testing.assert_close(result, sum(r for r, _ in each) / 4, atol=1e-13, rtol=0)
    torch.testing.assert_close(delta, sum(d for _, d in each) / 4, atol=1e-13, rtol=0)


def test_no_more_rows_at_a_time_than_asked_for():
    sizes = []
    model = randomized(overlapping_net())
    model[0].register_forward_hook(lambda module, args, output: sizes.append(len(output)))
    wrapped = []

    def progress(parts):
        wrapped.append(len(parts))
        yield from parts

    inputs, references = randn(3, 2, 5, 5), randn(3, 4, 2, 5, 5, seed=1)
    expected = deeplift(model, inputs, 1, baselines=references)
    assert sizes == [6, 6, 6, 6]
    sizes.clear()
    result = deeplift(
        model, inputs, 1, baselines=references, internal_batch_size=2, progress=progress
    )
    assert sizes == [4] * 6
    assert wrapped == [6]
    torch.testing.assert_close(result, expected, atol=1e-13, rtol=0)
    sizes.clear()
    result = deeplift(model, inputs, 1, internal_batch_size=2)
    assert sizes == [3, 2]
    torch.testing.assert_close(result, deeplift(model, inputs, 1), atol=1e-13, rtol=0)


def one_hot(n: int, length: int) -> Tensor:
    letters = torch.randint(4, (n, length), generator=torch.Generator().manual_seed(0))
    return nn.functional.one_hot(letters, 4).double().transpose(1, 2)


def sequence_net() -> nn.Module:
    return randomized(nn.Sequential(nn.Conv1d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 1)))


def test_multipliers_times_differences_are_contributions():
    model, inputs = sequence_net(), one_hot(3, 10)
    arguments = {"baselines": 0.25, "rule": "revealcancel"}
    contributions = deeplift(model, inputs, **arguments)
    multipliers = deeplift(model, inputs, **arguments, multiply_by_inputs=False)
    torch.testing.assert_close(multipliers * (inputs - 0.25), contributions)


@pytest.mark.parametrize("rule", ["rescale", "revealcancel"])
def test_hypothetical_contributions(rule):
    model, inputs = sequence_net(), one_hot(3, 10)
    references = randn(3, 5, 4, 10, seed=1).softmax(2)
    hypothetical, delta = deeplift(
        model,
        inputs,
        baselines=references,
        rule=rule,
        hypothetical=True,
        return_convergence_delta=True,
    )
    assert delta.abs().max() < 1e-12
    # From the definition, letter by letter.
    expected = torch.zeros_like(inputs)
    for reference in references.unbind(1):
        multipliers = deeplift(
            model, inputs, baselines=reference, rule=rule, multiply_by_inputs=False
        )
        for letter in range(4):
            other = torch.zeros_like(inputs)
            other[:, letter] = 1.0
            expected[:, letter] += ((other - reference) * multipliers).sum(1) / 5
    torch.testing.assert_close(hypothetical, expected, atol=1e-12, rtol=0)
    # Of the letters that are there they are the contributions.
    actual = deeplift(model, inputs, baselines=references, rule=rule)
    torch.testing.assert_close((hypothetical * inputs).sum(1), actual.sum(1))
    with pytest.raises(ValueError, match="one-hot coded"):
        deeplift(nn.Linear(3, 1), torch.rand(2, 3), hypothetical=True)
