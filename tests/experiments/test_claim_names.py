"""A name in a claim that exists nowhere is a mistake; one that this run lacks is not."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.claim_list import Claim, ClaimError, load_claims
from experiments.claim_names import check_names
from experiments.claims import judge
from experiments.config import check_config
from tests.experiments.helpers import shipped_configurations


def claim(**changes):
    return Claim.model_validate(
        {
            "claim": "the claim",
            "source": "a paper",
            "scope": "exact",
            "table": "accuracy",
            "rows": {"variant": "x"},
            "column": "top1",
            "expect": {"at_least": 2},
            **changes,
        }
    )


def test_the_claims_under_test_name_what_exists(root):
    claims = load_claims(root / "workflow/claims.yaml")
    check_names(claims, check_config({}))
    for shipped in shipped_configurations(root).values():
        check_names(claims, check_config(shipped))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": {"variant": "y"}}, "rows.variant is 'y', which does not exist; the known ones"),
        ({"rows": {"variant": "strip"}}, "regular, stripped, x; did you mean stripped?"),
        ({"rows": {"variant": ["x", "X"]}}, "rows.variant is 'X', which does not exist"),
        ({"rows": {"method": "xgradient"}}, "did you mean x_gradient?"),
        ({"rows": {"method": "gausslegendr"}}, "did you mean gausslegendre?"),
        ({"needs": {"dataset": "nhanes81"}}, "needs.dataset is 'nhanes81', which does not exist"),
        ({"needs": {"weights": "publishedd"}}, "did you mean published?"),
        ({"rows": {"network": "alexnett"}}, "did you mean alexnet?"),
        ({"rows": {"architecture": "torchvision/resnet"}}, "did you mean torchvision/resnet"),
        ({"rows": {"dtype": "float46"}}, "did you mean float64?"),
        ({"table": "accuracyy"}, "table is 'accuracyy', which does not exist; the tables are"),
        ({"against": {"variant": "y"}, "by": ["network"]}, "against.variant is 'y', which does"),
        (
            {"published": {"table": "accuracyy_mard", "by": ["variant"]}},
            "published.table is 'accuracyy_mard', which does not exist",
        ),
        (
            {"published": {"table": "accuracy_mard", "by": ["variants"]}},
            "published.by.0 is 'variants', which does not exist; the columns of accuracy_mard are",
        ),
        (
            {"published": {"table": "accuracy_mard", "by": ["variant"], "column": "top5"}},
            "published.column is 'top5', which does not exist",
        ),
        (
            {"published": {"table": "accuracy_mard", "by": ["variant"]}},
            "column is 'top1', which does not exist",
        ),
    ],
)
def test_a_name_that_does_not_exist_is_one_line_with_the_nearest(changes, message):
    with pytest.raises(ClaimError) as raised:
        check_names([claim(**changes)], check_config({}))
    assert str(raised.value).startswith("workflow/claims.yaml: claim 'the claim': ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_exists_but_is_not_in_this_run_is_not_testable_with_the_reason():
    config = check_config({})
    table = pd.DataFrame({"network": ["a", "a"], "variant": ["x", "regular"], "top1": [3.0, 1.0]})
    other = claim(rows={"variant": "stripped"})
    check_names([other, claim(rows={"network": "squeezenet1_0_ten"})], config)
    found = judge(other, {"accuracy": table}, {})
    assert found.verdict == "not testable here"
    assert found.remark == "about variant stripped, this run has regular, x"
    compared = claim(rows={"variant": "x"}, against={"variant": "stripped"}, by=["network"])
    found = judge(compared, {"accuracy": table}, {})
    assert found.remark == "about variant stripped, this run has regular, x"
