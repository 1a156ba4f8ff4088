"""A run that fails if a claim fails that must hold exactly; and what every run says at its end."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from tests.workflow.runs import copy_project

# Of the four toy functions; none has an output below zero.
CLAIMS = [
    {
        "claim": f"Outputs are {word}.",
        "source": "Doe et al. 2020",
        "scope": scope,
        "table": "toys",
        "rows": {},
        "column": "output",
        "expect": {"less_than": 0} if word == "negative" else {"at_least": 0},
    }
    for word, scope in (("positive", "exact"), ("negative", "exact"), ("negative", "qualitative"))
]


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    copy = copy_project(root, tmp_path_factory.mktemp("copy") / "project")
    (copy / "workflow/claims.yaml").write_text(yaml.safe_dump(CLAIMS))
    (copy / "overlay.yaml").write_text(
        yaml.safe_dump({"experiments": ["toys"], "toys": {"n_points": 3, "n_steps": 2}})
    )
    return copy


def run(project, strict):
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", "overlay.yaml"]
    return subprocess.run(
        [*command, "--config", f"strict_claims={strict}"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_failing_exact_claim_is_an_error_if_the_run_is_strict_and_a_result_otherwise(project):
    finished = run(project, strict=True)
    assert finished.returncode != 0
    assert "strict_claims: 1 of the claims of scope exact fail: Outputs are negative." in (
        finished.stderr
    )
    assert (
        "SystemExit" not in finished.stderr and not (project / "results/exact_claims_hold").exists()
    )
    # Everything else has been made.
    assert "Outputs are negative." in (project / "results/report.html").read_text()
    finished = run(project, strict=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    # It says what came of the claims, last.
    said = finished.stderr[finished.stderr.rindex("3 claims:") :]
    assert "Doe et al. 2020              1              0      2                  0" in said
