"""Which jobs an edit makes out of date: those that need it, and no others.

In a copy of the project every output is there, empty, and Snakemake believes that it made it. An
edit is then followed by a dry run.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LEFT_OUT = ("data", "results", ".venv", ".git", ".snakemake")
OVERLAY = "config/smoke.yaml"
# Jobs that follow every new measurement.
JUDGED = {"judge_claims", "table_claims", "report"}


def run(project, *command):
    finished = subprocess.run(
        [sys.executable, *command], cwd=project, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def snakemake(project, *arguments):
    return run(project, "-m", "snakemake", "--cores", "2", "--configfile", OVERLAY, *arguments)


def out_of_date(project) -> set[str]:
    """Return the rules that Snakemake would run, without the target."""
    said = snakemake(project, "--dry-run", "--quiet", "reason")
    planned = {match[1] for match in re.finditer(r"^(\w+) +\d+$", said, re.M)}
    assert planned or "Nothing to be done" in said
    return planned - {"all", "total"}


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    """Return a copy of the project that looks as after a run."""
    copy = tmp_path_factory.mktemp("copy") / "project"

    def unwanted(folder: str, names: list[str]) -> set[str]:
        top = set(LEFT_OUT) if Path(folder) == root else set()
        return {name for name in names if name in top or name in ("__pycache__", ".hypothesis")}

    shutil.copytree(root, copy, ignore=unwanted)
    jobs = json.loads(run(copy, "tests/workflow/planned_jobs.py", "Snakefile", OVERLAY))
    for job in jobs:
        for name in job["output"]:
            path = copy / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name in job["folders"]:
                path.mkdir(exist_ok=True)
            else:
                path.touch()
    snakemake(copy, "--touch", "--forceall", "--quiet", "all")
    # These are temporary: a run leaves none behind.
    for path in copy.glob("results/smoke/*/*/masking/*/*.safetensors"):
        path.unlink()
    assert out_of_date(copy) == set()
    return copy


@contextmanager
def edited(project: Path, name: str, old: str, new: str) -> Iterator[None]:
    """Replace a text in a file, and take it back."""
    path = project / name
    text = path.read_text()
    assert text.count(old) == 1, f"{name} does not have {old!r} once"
    path.write_text(text.replace(old, new))
    try:
        yield
    finally:
        path.write_text(text)


def rules_after(project, name, old, new):
    with edited(project, name, old, new):
        return out_of_date(project)


def test_a_figure_is_drawn_again_alone(project):
    rules = rules_after(project, "experiments/masking/figure.py", "best {", "the best {")
    assert rules == {"figure_masking", "figure_masking_images", "report"}


@pytest.mark.parametrize(
    ("name", "old", "new", "figures"),
    [
        (
            "experiments/methods/gradients.py",
            'name="Grad"',
            'name="Gradient"',
            {"figure_masking", "figure_toys", "figure_attribution_maps", "figure_genomics"},
        ),
        (
            "experiments/networks/architectures/vgg16.py",
            'name="VGG16"',
            'name="VGG-16"',
            {"figure_masking", "figure_contrast", "figure_ig_convergence"},
        ),
    ],
)
def test_a_printed_name_changes_tables_and_figures_alone(project, name, old, new, figures):
    rules = rules_after(project, name, old, new)
    assert {rule for rule in rules if not rule.startswith(("table_", "figure_"))} == {
        "judge_claims",
        "report",
    }
    assert rules >= figures | {"table_masking", "table_accuracy"}


def test_a_metric_is_computed_again_with_what_follows(project):
    rules = rules_after(project, "xgradient/masking/blur.py", "51 * side", "53 * side")
    masking = {"merge_masking", "summarise_masking", "table_masking", "figure_masking"}
    # Attributions are temporary files, so that another score needs them once more.
    attributed = {"attribute_masking", "examples_masking", "figure_masking_images"}
    assert rules == {"evaluate_masking"} | masking | attributed | JUDGED


def test_a_method_is_applied_again_by_the_experiments_that_have_it(project):
    rules = rules_after(
        project, "xgradient/attribution/saliency.py", "from __future__", "\nfrom __future__"
    )
    measuring = {rule for rule in rules if rule.startswith(("measure_", "attribute_", "examples_"))}
    assert measuring == {
        "attribute_masking",
        "examples_masking",
        "measure_attribution_maps",
        "measure_axioms",
        "measure_digit_conversion",
        "measure_ig_convergence",
        "measure_toys",
    }
    assert not [rule for rule in rules if rule.startswith(("train", "strip", "prepare"))]
    assert rules >= JUDGED


def test_the_judge_judges_again_and_measures_nothing(project):
    rules = rules_after(project, "experiments/claims.py", '= "holds"', '= "is held"')
    tables = {rule for rule in rules if rule.startswith("table_")}
    assert rules == {"judge_claims", "report"} | tables
    assert tables >= {"table_claims", "table_masking"}


def test_stores_concern_all_that_read_images(project):
    rules = rules_after(
        project, "experiments/data/stores.py", "from __future__", "\nfrom __future__"
    )
    assert rules >= {"prepare_dataset", "prepare_images", "train", "measure_accuracy"} | JUDGED
    # These have neither data sets of images nor networks of images.
    assert not rules & {"write_config", "measure_toys"}
    assert not rules & {"prepare_attribution_prior", "train_attribution_prior"}
