"""Importance of positions, and the published false negatives."""

from __future__ import annotations

import csv

import pytest
import torch
from sklearn.metrics import roc_auc_score

from experiments.genomics.importance import (
    N_SHUFFLED,
    background_reference,
    position_importance,
    shuffled_references,
)
from experiments.genomics.motif_hits import find_motif_hits
from experiments.genomics.network import load_genomics_convnet
from experiments.genomics.sequences import one_hot
from experiments.genomics.simulation import read_names, read_pwm, read_simdata
from experiments.methods import method, methods_for
from tests.experiments.genomics.helpers import (
    RELEASED,
    SHARED,
    WEIGHTS,
    generator,
    needs_released,
)
from tests.experiments.helpers import attributions
from xgradient.models import genomics_convnet

CALLS = attributions(*methods_for("genomics"))
SHUFFLED = "deeplift_genomics_default_shuffled"
WITH_ONE_REFERENCE = [key for key in CALLS if key != SHUFFLED]


def test_shuffled_references_are_one_hot_and_repeatable():
    sequences = torch.randint(4, (3, 50), generator=generator())
    references = shuffled_references(sequences, 4, generator(1))
    assert len(references) == 4
    assert all(reference.shape == (3, 4, 50) for reference in references)
    assert all((reference.sum(1) == 1).all() for reference in references)
    assert not torch.equal(references[0], references[1])
    again = shuffled_references(sequences, 4, generator(1))
    assert all(torch.equal(a, b) for a, b in zip(references, again, strict=True))


def test_completeness_and_references_of_the_methods():
    torch.manual_seed(0)
    model = genomics_convnet().double().eval()
    inputs = one_hot(torch.randint(4, (3, 60), generator=generator()), torch.float64)
    reference, target = background_reference().double(), torch.tensor([0, 1, 2])
    assert reference.shape == (1, 4, 1)
    with torch.no_grad():
        at_reference = model(reference.expand(1, -1, 60))
        change = (model(inputs) - at_reference).gather(1, target[:, None])[:, 0]
    results = {
        key: CALLS[key](model, inputs, target, baselines=reference) for key in WITH_ONE_REFERENCE
    }
    for key, result in results.items():
        assert result.shape == inputs.shape, key
        if key.startswith("deeplift"):
            torch.testing.assert_close(result.sum((1, 2)), change)
    # Times input is times the difference: the gradient of a base that is not there counts too.
    difference = inputs - reference
    point = inputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(point).gather(1, target[:, None]).sum(), point)
    torch.testing.assert_close(results["input_x_gradient"], gradient * difference)
    assert not torch.allclose(
        results["deeplift_genomics_default"], results["deeplift_revealcancel"]
    )


def test_importance_is_the_sum_over_the_bases_in_any_batches():
    model = genomics_convnet().eval()
    sequences = torch.randint(4, (5, 40), generator=generator())
    inputs, reference = one_hot(sequences), background_reference()
    for key in WITH_ONE_REFERENCE:
        attribution = CALLS[key]
        expected = attribution(model, inputs, torch.full((5,), 1), baselines=reference)
        found = position_importance(model, sequences, attribution, target=1, batch_size=2)
        torch.testing.assert_close(found, expected.sum(1))
    references = shuffled_references(sequences, N_SHUFFLED, generator(3))
    target = torch.full((5,), 2)
    expected = CALLS["deeplift_genomics_default"](model, inputs, target, baselines=references)
    found = position_importance(
        model, sequences, CALLS[SHUFFLED], 2, generator=generator(3), batch_size=2
    )
    torch.testing.assert_close(found, expected.sum(1))


def test_another_background_is_another_reference():
    model = genomics_convnet().eval()
    sequences = torch.randint(4, (2, 40), generator=generator())
    rescale = CALLS["deeplift_rescale"]
    usual = position_importance(model, sequences, rescale, 0)
    other = position_importance(model, sequences, rescale, 0, (0.4, 0.1, 0.1, 0.4))
    assert not torch.allclose(usual, other)


# --- published results ---------------------------------------------------------------------------

GATA_TABLE = "deeplift_genomics_false_negatives_gata"
PUBLISHED = (
    "guided_backprop_x_input",
    "input_x_gradient",
    "ig_10",
    "deeplift_rescale",
    "deeplift_revealcancel",
    "deeplift_genomics_default",
)


@pytest.fixture(scope="module")
def released():
    names = read_names(RELEASED / "test.txt.gz")
    data = read_simdata(RELEASED / "sequences.simdata.gz", names)
    return data, load_genomics_convnet(RELEASED / WEIGHTS)


@needs_released
def test_published_auroc(released):
    data, model = released
    with torch.no_grad():
        scores = model(one_hot(data.sequences)).numpy()
    auroc = [roc_auc_score(data.labels[:, task], scores[:, task]) for task in range(3)]
    assert [round(value, 3) for value in auroc] == [0.989, 0.988, 0.997]


@needs_released
@pytest.mark.parametrize("key", PUBLISHED)
def test_published_false_negatives(key, released):
    data, model = released
    both = data.labels[:, 0] == 1
    sequences = data.sequences[both]
    target = torch.zeros(len(sequences), dtype=torch.long)
    scores = CALLS[key](model, one_hot(sequences), target, baselines=background_reference())
    pwm = read_pwm(SHARED / "published" / "pwm_GATA_disc1.csv")
    hits = find_motif_hits(sequences, scores.sum(1), pwm, exclusion="official")
    assert hits.n_strong() == 313
    with (SHARED / "published" / f"{GATA_TABLE}.csv").open() as table:
        published = {row["method"]: row["published_percent"] for row in csv.DictReader(table)}
    name = method(key).published[GATA_TABLE]
    assert round(hits.false_negative_percent(), 2) == float(published[name])
    fixed = find_motif_hits(sequences, scores.sum(1), pwm, exclusion="fixed")
    assert fixed.n_strong() == 294
