"""Which jobs an edit makes out of date: those that need it, and no others.

In a copy of the project every output is there, empty, and Snakemake believes that it made it. An
edit of a file or of the configuration is then followed by a dry run.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from tests.workflow.planner import Planner

LEFT_OUT = ("data", "results", ".venv", ".git", ".snakemake")
OVERLAY = "config/smoke.yaml"
# Jobs that follow every new measurement, and every change of the configuration.
JUDGED = {"judge_claims", "table_claims", "report"}
CONFIGURED = {"write_config", "report"}


class Project:
    """A copy of the project that looks as after a run."""

    def __init__(self, folder: Path, plan: Planner, jobs: list[dict]) -> None:
        self.folder, self.jobs, self._plan = folder, jobs, plan

    def snakemake(self, *arguments: object, overlays: tuple[object, ...] = ()) -> str:
        """Run Snakemake; return what it prints."""
        files = ("--configfile", OVERLAY, *overlays)
        return self._plan("--cores", "2", *files, *arguments)

    def out_of_date(self, **settings: object) -> dict[str, set[str]]:
        """Return the outputs that would be made, by rule, with some settings of their own."""
        overlays = ()
        if settings:
            overlays = (self.folder.parent / "overlay.yaml",)
            overlays[0].write_text(yaml.safe_dump(settings))
        said = self.snakemake("--dry-run", overlays=overlays)
        jobs = re.findall(
            # Those of a group are further to the right.
            r"^ *(?:local)?rule (\w+):\n(?:    .*\n)*? +output: (.*)\n",
            said,
            re.MULTILINE,
        )
        assert jobs or "Nothing to be done" in said
        found: dict[str, set[str]] = {}
        for rule, outputs in jobs:
            found.setdefault(rule, set()).update(outputs.split(", "))
        return found

    @contextmanager
    def edited(self, name: str, old: str, new: str):
        """Replace a text in a file, and take it back."""
        path = self.folder / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name} does not have {old!r} once"
        path.write_text(text.replace(old, new))
        try:
            yield
        finally:
            path.write_text(text)

    def rules_after(self, *edits: tuple[str, str, str]) -> set[str]:
        """Return the rules whose outputs some edits make out of date."""
        with ExitStack() as stack:
            for edit in edits:
                stack.enter_context(self.edited(*edit))
            return set(self.out_of_date())


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy") / "project"

    def unwanted(folder: str, names: list[str]) -> set[str]:
        top = set(LEFT_OUT) if Path(folder) == root else set()
        return {name for name in names if name in top or name in ("__pycache__", ".hypothesis")}

    shutil.copytree(root, copy, ignore=unwanted)
    finished = subprocess.run(
        [sys.executable, "tests/workflow/planned_jobs.py", "Snakefile", OVERLAY],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    jobs = json.loads(finished.stdout)
    for job in jobs:
        for name in job["output"]:
            path = copy / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name in job["folders"]:
                path.mkdir(exist_ok=True)
            else:
                path.touch()
    with Planner(copy) as plan:
        project = Project(copy, plan, jobs)
        project.snakemake("--touch", "--forceall", "--quiet", "all")
        # A run leaves none behind.
        for job in jobs:
            for name in job["temporary"]:
                (copy / name).unlink(missing_ok=True)
        assert project.out_of_date() == {}
        yield project


def appended(name):
    """An edit of what a module executes; every module has this line once."""
    first = "from __future__ import annotations\n"
    return name, first, f"{first}\n_EDITED = True\n"


# --- edits of the code ----------------------------------------------------------------------------


def test_a_figure_is_drawn_again_alone(project):
    rules = project.rules_after(("experiments/masking/figure.py", "best {", "the best {"))
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
    rules = project.rules_after((name, old, new))
    assert {rule for rule in rules if not rule.startswith(("table_", "figure_"))} == {
        "judge_claims",
        "report",
    }
    assert rules >= figures | {"table_masking", "table_accuracy"}


def test_a_metric_is_computed_again_with_what_follows(project):
    rules = project.rules_after(("xgradient/masking/blur.py", "51 * side", "53 * side"))
    masking = {"merge_masking", "summarise_masking", "table_masking", "figure_masking"}
    # Attributions are temporary files, so that another score needs them once more.
    attributed = {"attribute_masking", "examples_masking", "figure_masking_images"}
    baselines = {f"{step}_baselines" for step in ("measure", "summarise", "table", "figure")}
    baselines.add("figure_baselines_maps")
    assert rules == {"evaluate_masking"} | masking | attributed | baselines | JUDGED


def test_a_method_is_applied_again_by_the_experiments_that_have_it(project):
    rules = project.rules_after(appended("xgradient/attribution/saliency.py"))
    measuring = {rule for rule in rules if rule.startswith(("measure_", "attribute_", "examples_"))}
    assert measuring == {
        "attribute_masking",
        "examples_masking",
        "measure_attribution_maps",
        "measure_axioms",
        "measure_baselines",
        "measure_denoising",
        "measure_digit_conversion",
        "measure_ig_convergence",
        "measure_saturation",
        "measure_toys",
    }
    assert not [rule for rule in rules if rule.startswith(("train", "strip", "prepare"))]
    assert rules >= JUDGED


def test_intervals_are_resampled_again_and_nothing_is_attributed(project):
    rules = project.rules_after(appended("experiments/statistics.py"))
    assert rules >= {"summarise_masking", "table_masking", "summarise_attribution_prior"} | JUDGED
    first_steps = ("train", "measure_", "attribute_", "evaluate_", "merge_", "prepare")
    assert not [rule for rule in rules if rule.startswith(first_steps)]


def test_the_judge_judges_again_and_measures_nothing(project):
    rules = project.rules_after(("experiments/claims.py", '= "holds"', '= "is held"'))
    tables = {rule for rule in rules if rule.startswith("table_")}
    assert rules == {"judge_claims", "report"} | tables
    assert tables >= {"table_claims", "table_masking"}


def test_stores_concern_all_that_read_images(project):
    rules = project.rules_after(appended("experiments/data/stores.py"))
    assert rules >= {"prepare_dataset", "prepare_images", "train", "measure_accuracy"} | JUDGED
    # These have neither data sets of images nor networks of images.
    assert not rules & {"write_config", "measure_toys"}
    assert not rules & {"prepare_attribution_prior", "train_attribution_prior"}


@pytest.mark.parametrize(
    ("name", "rules", "others"),
    [
        (
            "experiments/files.py",
            {"measure_digit_conversion", "attribute_masking", "examples_masking"},
            {"train", "measure_accuracy", "measure_toys"},
        ),
        (
            "experiments/seeds.py",
            {"attribute_masking", "examples_masking", "train_digit_conversion", "train"},
            {"prepare_dataset", "measure_toys"},
        ),
        (
            "xgradient/models/pooling.py",
            {"train", "measure_accuracy", "attribute_masking"},
            {"prepare_dataset", "measure_toys"},
        ),
        (
            "xgradient/deeplift/layers.py",
            {"measure_digit_conversion", "measure_genomics", "measure_toys"},
            {"train", "measure_accuracy"},
        ),
    ],
)
def test_what_is_behind_the_code_of_a_method_counts(project, name, rules, others):
    found = project.rules_after(appended(name))
    assert found >= rules | JUDGED
    assert not found & others


def test_comments_docstrings_and_layout_run_nothing(project):
    assert not project.rules_after(
        ("experiments/networks/training.py", "from __future__", "# A remark.\n\nfrom __future__"),
        ("workflow/scripts/train.py", "with Job(", "# A remark.\nwith Job("),
        ("workflow/scripts/fetch_dataset.py", "with Job(", "# A remark.\nwith Job("),
        ("experiments/job.py", '"""Prepare the process."""', '"""Make the process ready."""'),
        ("experiments/seeds.py", '"""Seeds', '"""The seeds'),
    )


def test_the_date_of_a_file_runs_nothing(project):
    for name in ("workflow/scripts/train.py", "experiments/job.py", "notebooks/accuracy.ipynb"):
        (project.folder / name).touch()
    assert project.out_of_date() == {}


def test_what_plans_changes_no_result(project):
    names = ("dependencies", "planned_work", "planning", "resources", "config_limits")
    assert not project.rules_after(*(appended(f"experiments/{name}.py") for name in names))


# --- changes of the configuration -----------------------------------------------------------------


def test_another_bootstrap_measures_nothing(project):
    rules = set(project.out_of_date(masking={"bootstrap": {"resamples": 50, "confidence": 0.9}}))
    assert rules == {"summarise_masking", "table_masking"} | JUDGED | CONFIGURED


def test_a_net_more_or_less_in_an_experiment_measures_no_other(project):
    rules = set(project.out_of_date(accuracy={"networks": ["alexnet"]}))
    assert (
        rules == {"summarise_accuracy", "table_accuracy", "figure_accuracy"} | JUDGED | CONFIGURED
    )


def test_dropout_concerns_the_nets_that_have_it_and_are_trained(project):
    outputs = project.out_of_date(networks={"default": {"dropout": 0.2}})
    made = {path.split("/")[3] for rule in ("train", "strip_biases") for path in outputs[rule]}
    assert made == {"alexnet-regular", "alexnet-stripped", "alexnet-x"}
    measured = {path.split("/")[3] for path in outputs["measure_accuracy"]}
    assert measured == made and "read_weights" not in outputs


def test_validation_images_concern_those_that_are_split(project):
    outputs = project.out_of_date(validation_images=150)
    assert {path.split("/")[2] for path in outputs["prepare_dataset"]} == {"fashion_mnist", "mnist"}
    assert "train" in outputs and not {"index_test_images", "read_weights"} & set(outputs)


def test_numbers_that_change_places_are_a_change(project):
    """Snakemake compares the values of parameters, without their names."""
    rules = set(project.out_of_date(validation_images=1280, limit_images=200))
    assert rules >= {"prepare_dataset", "train"}
    training = {"epochs": 1, "batch_size": 128, "learning_rate": 2e-3}
    x = {"epochs": 2, "batch_size": 128, "learning_rate": 5e-3}
    rules = set(project.out_of_date(digit_conversion={"training": training, "x": x}))
    assert rules >= {"train_digit_conversion", "measure_digit_conversion"}


def test_settings_that_no_result_depends_on_run_nothing(project):
    outputs = project.out_of_date(
        # The schedule of this run is another one.
        training={"checkpoint_minutes": 5.0, "settings": {"workers": 2, "step_epochs": 7}},
        # Neither a variant nor a net nor a data set of this run.
        masking={"precision": {"stripped": "float32"}},
        networks={"vgg16": {"dropout": 0.3}},
        folders={"imagenet": "/somewhere"},
    )
    assert set(outputs) == CONFIGURED


def test_downloads_that_were_moved_train_nothing(project):
    rules = set(project.out_of_date(data="elsewhere"))
    assert not rules & {"train", "prepare_dataset", "read_weights", "prepare_attribution_prior"}


def test_a_data_set_concerns_its_readers(project):
    folder = "workflow/datasets"
    assert not project.rules_after(
        # Not of this run; and what says nothing about the data.
        (f"{folder}/nhanes18.yaml", "horizon: 10 ", "horizon: 5 "),
        (f"{folder}/fashion_mnist.yaml", "title: ", "title: The "),
    )
    school = (f"{folder}/nhefs.yaml", "education: copy of school, in bands", "school: a test")
    rules = project.rules_after(school)
    assert rules >= {"prepare_attribution_prior", "train_attribution_prior"} | JUDGED
    assert not rules & {"train", "prepare_dataset", "write_config"}


# --- one run after another -----------------------------------------------------------------------


def test_one_run_makes_everything_that_an_edit_concerns(project):
    """Also where data are fetched again, whose readers once waited for the second run."""
    everything = {job["rule"] for job in project.jobs if job["script"]}
    with project.edited(*appended("experiments/job.py")):
        # Which imports nothing of the project.
        assert set(project.out_of_date()) == everything - {"write_config"}
        project.snakemake("--touch", "--quiet", "all")
        assert project.out_of_date() == {}
    # And back.
    assert set(project.out_of_date()) == everything - {"write_config"}
    project.snakemake("--touch", "--quiet", "all")
    assert project.out_of_date() == {}
