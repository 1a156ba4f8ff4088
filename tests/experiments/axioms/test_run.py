"""The search for violations: methods whose verdicts are known."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from experiments.attributions import Attribution
from experiments.axioms.cases import AXIOMS, cases_of
from experiments.axioms.examples import describe, tensors
from experiments.axioms.run import TOLERANCE, examine, measure
from experiments.methods import method
from experiments.published import read_published
from tests.experiments.helpers import attributions
from tests.oracles.helpers import close


def zero(model, inputs, target, *, baselines=None):
    return torch.zeros_like(inputs)


def one_gets_all(model, inputs, target, *, baselines=None):
    """The second feature gets all of the change, or the only one."""
    with torch.no_grad():
        change = model(inputs) - model(baselines)
    result = torch.zeros_like(inputs).flatten(1)
    result[:, min(1, result.shape[1] - 1)] = change[:, 0]
    return result.view(inputs.shape)


def weights_of_the_first_layer(model, inputs, target, *, baselines=None):
    """A property of the net, not of the function."""
    total = model[0].weight.detach().abs().sum(0).flatten()
    return (total[0] * torch.ones_like(inputs)).detach()


KNOWN = {
    zero: {"sensitivity_b", "implementation_invariance", "linearity", "symmetry"},
    one_gets_all: {"implementation_invariance", "completeness", "linearity"},
    weights_of_the_first_layer: {"sensitivity_a", "symmetry"},
}


@pytest.mark.parametrize("function", KNOWN)
@pytest.mark.parametrize("bias", [True, False])
def test_methods_of_known_verdicts(function, bias):
    for axiom in AXIOMS:
        found = examine(Attribution(function, {}), axiom, "usual", bias, False, 2, 0)
        assert (found.example is None) == (axiom in KNOWN[function]), axiom
        assert (found.violation > TOLERANCE) == (found.example is not None)
        assert found.n_trials > 0


def test_a_violation_below_rounding_is_none_and_a_small_one_is_found():
    def off(size):
        def function(model, inputs, target, *, baselines=None):
            result = one_gets_all(model, inputs, target, baselines=baselines)
            return result + size

        return Attribution(function, {})

    for size, holds in ((1e-9, True), (1e-4, False)):
        found = examine(off(size), "completeness", "usual", True, False, 1, 0)
        assert (found.example is None) == holds


@pytest.fixture(scope="module")
def measured():
    keys = ["exact_ig", "exact_eg", "expected_gradients", "input_x_gradient", "x_gradient"]
    keys += ["deeplift_rescale", "lrp_epsilon", "lrp_epsilon_large", "grad_cam", "occlusion"]
    return measure(attributions(*keys), ["grad_cam"], 1, 0)


def test_the_thirty_cells_of_the_paper(measured, root):
    table, _ = measured
    published = read_published(root / "workflow/published/axioms.csv")
    assert len(published) == 30 and set(published["axiom"]) == set(AXIOMS)
    usual = table[table["reading"] == "usual"].set_index(["method", "nets", "axiom"])["satisfied"]
    for cell in published.itertuples():
        nets = "x" if cell.method == "x_gradient" else "regular"
        assert usual[cell.method, nets, cell.axiom] == cell.satisfied, cell


def test_on_x_nets_three_methods_are_integrated_gradients(measured):
    table, _ = measured
    usual = table[(table["reading"] == "usual") & (table["nets"] == "x")]
    keys = ["exact_ig", "input_x_gradient", "lrp_epsilon", "deeplift_rescale", "x_gradient"]
    assert usual[usual["method"].isin(keys)]["satisfied"].all()
    assert not usual[usual["method"] == "lrp_epsilon_large"]["satisfied"].all()


def test_other_readings_change_the_cells_that_they_are_about(measured):
    table, _ = measured
    cells = table[table["nets"] == "regular"].set_index(["method", "axiom", "reading"])["satisfied"]
    for axiom in ("implementation_invariance", "linearity", "symmetry"):
        assert cells["expected_gradients", axiom, "usual"] == 0
        assert cells["expected_gradients", axiom, "same draws"] == 1
    assert cells["exact_eg", "sensitivity_a", "every reference"] == 0
    assert cells["exact_ig", "symmetry", "kinks"] == 0
    assert cells["occlusion", "symmetry", "kinks"] == 1
    # Not where the usual reading is violated already, nor of images.
    for key in ("grad_cam", "deeplift_rescale"):
        assert (key, "symmetry", "kinks") not in cells.index


def test_the_pair_of_the_paper_is_the_counter_example_of_deeplift(measured):
    table, examples = measured
    found = examples["deeplift_rescale/regular/implementation_invariance/usual"]
    # As printed in Sundararajan et al. (2017), Figure 7.
    close(torch.stack(found.attributions), torch.tensor([[1.5, -0.5], [2.0, -1.0]]).double())
    text = describe(examples).set_index(["method", "nets", "axiom", "reading"])
    row = text.loc["deeplift_rescale", "regular", "implementation_invariance", "usual"]
    assert row["attribution"] == "(1.5, -0.5) | (2, -1)" and row["input"] == "(3, 1)"
    assert row["violation"] == "0.5 apart for the same function"
    assert len(text) == (table["satisfied"] == 0).sum() == len(examples)


def test_a_counter_example_can_be_computed_again_from_its_tensors(measured):
    _, examples = measured
    stored = tensors(examples)
    for key in (
        "input_x_gradient/regular/completeness/usual",
        "grad_cam/x/linearity/usual",
        "deeplift_rescale/regular/symmetry/usual",
    ):
        example = examples[key]
        for k, net in enumerate(example.case.nets):
            module = net.build()
            layers = [layer for layer in module if hasattr(layer, "weight")]
            for number, layer in enumerate(layers):
                weight = stored[f"{key}/{k}/{number}/weight"]
                assert torch.equal(layer.weight.flatten(1), weight.flatten(1))
            (attribution,) = attributions(key.split("/")[0]).values()
            again = attribution(
                module,
                stored[f"{key}/input"][None],
                torch.tensor([0]),
                baselines=stored[f"{key}/baseline"][None],
            )
            close(again[0].detach(), stored[f"{key}/{k}/attribution"])


def test_every_method_of_the_default_run_needs_what_the_registry_says():
    (case,) = list(cases_of("completeness", "usual", False, True, 1, 0))
    for key in ("grad_cam", "guided_grad_cam"):
        assert method(key).convolution
        (attribution,) = attributions(key).values()
        module = case.nets[0].build()
        values = attribution(module, case.inputs, torch.zeros(len(case.inputs), dtype=torch.long))
        assert values.shape == case.inputs.shape


def test_the_search_is_the_same_twice():
    calls = attributions("expected_gradients")
    first, second = (measure(calls, [], 1, 3)[0] for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
