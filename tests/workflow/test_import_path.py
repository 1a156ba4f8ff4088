"""The code of the checkout runs, not an installed one of the same name."""

from __future__ import annotations

import os
import subprocess

from tests.workflow.runs import command, copy_project


def test_other_packages_of_the_same_names_are_not_used(root, workplace):
    project = copy_project(root, workplace / "project")
    decoys = workplace / "site"
    for name in ("experiments", "workflow", "xgradient"):
        (decoys / name).mkdir(parents=True)
        (decoys / name / "__init__.py").write_text(f"raise ImportError('the decoy {name}')")
    # Scripts, and a notebook.
    targets = ("results/figures/toys.png", "results/tables/claims.html")
    run = subprocess.run(
        command(project, *targets, "--config", "experiments=[toys]"),
        cwd=workplace,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(decoys)},
    )
    assert run.returncode == 0, run.stderr + "".join(
        p.read_text() for p in (workplace / "results").rglob("*.log")
    )
    assert all((workplace / target).is_file() for target in targets)
