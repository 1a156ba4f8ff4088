"""config.yaml and its JSON schema are generated from the models, and agree with each other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import jsonschema
import pytest
import yaml

from experiments.config import check_config
from experiments.config_file import config_text, schema_text
from experiments.config_messages import yaml_number


@pytest.mark.parametrize(
    ("name", "text"), [("config.yaml", config_text), ("config/schema.json", schema_text)]
)
def test_generated_files_are_up_to_date(root, name, text):
    assert (root / name).read_text() == text(), (
        f"{name} differs from the models in experiments/*/config.py, from which it is generated: "
        "run make config. Values for a run of your own belong in a file for --configfile."
    )


def test_every_line_of_the_default_configuration_fits(root):
    lines = (root / "config.yaml").read_text().splitlines()
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("name", ["config.yaml", "config/smoke.yaml", "config/published.yaml"])
def test_editors_accept_the_shipped_configurations(root, name):
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    assert list(validator.iter_errors(yaml.safe_load((root / name).read_text()))) == []


@pytest.mark.parametrize(
    "mistake",
    [
        {"masking": {"n_step": 1}},
        {"masking": {"methods": ["xgradient"]}},
        {"threads": 0},
        {"training": {"regular": {"lenet": {"epochs": 1}}}},
    ],
)
def test_editors_mark_mistakes(mistake):
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    assert list(validator.iter_errors(mistake))


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1.0"), (0.01, "0.01"), (1e-3, "1.0e-3"), (2.5e-4, "2.5e-4"), (0.0, "0.0"),
     (-3e-3, "-3.0e-3"), (1e22, "1.0e+22"), (1e20, "1.0e+20"), (123.5, "123.5")],
)  # fmt: skip
def test_numbers_are_written_so_that_yaml_reads_them_back(value, text):
    assert yaml_number(value) == text
    assert yaml.safe_load(text) == value


def test_an_experiment_is_added_by_its_folder(root, tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "experiments", tmp_path / "experiments", ignore=ignored)
    shutil.copytree(root / "workflow/datasets", tmp_path / "workflow/datasets")
    folder = tmp_path / "experiments" / "zebra"
    folder.mkdir()
    for name in ("__init__.py", "run.py"):
        (folder / name).touch()
    (folder / "config.py").write_text(
        "from pydantic import Field\n\n"
        "from experiments.settings import Count, Section\n\n\n"
        "class Settings(Section):\n"
        '    """Stripes (Sec. 3)."""\n\n'
        '    n_draws: Count = Field(7, description="random draws")\n'
    )
    written = subprocess.run(
        [sys.executable, "-m", "experiments.config_file"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert written.startswith(config_text())
    assert written.endswith("\nzebra:\n  n_draws: 7              # random draws\n")
    assert "\n# --- stripes (Sec. 3) ---" in written


def test_an_entry_that_is_like_all_others_is_read_as_it_was_written():
    """The default configuration has something else for this net, which must not come back."""
    config = check_config({"networks": {"squeezenet1_1": {"regular": {}}}})
    assert config.networks.entries["squeezenet1_1"].regular is not None
    assert check_config(yaml.safe_load(config_text(config))) == config
