"""Each thing that a user may add is one place and one key: added to a copy, and run there."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.workflow.runs import copy_project

CLASSES = ["dark", "light", "left", "right"]
N_TRAIN, N_TEST = 160, 1000
# Settings with which a run on a few small images takes seconds.
QUICK = {
    "experiments": ["accuracy", "masking"],
    "validation_images": 40,
    "networks": {
        "use": ["one_layer"],
        "default": {"dataset": "stripes", "regular": {"epochs": 1}},
        "one_layer": {},
    },
    "training": {"settings": {"batch_size": 40}},
    "accuracy": {"variants": ["regular", "x"], "n_images": 40, "batch_size": 20},
    "masking": {
        "networks": ["one_layer"],
        "variants": ["regular"],
        "n_images": 4,
        "batch_size": 4,
        "shards": 1,
        "n_steps": 2,
        "fractions": {"count": 2},
        "bootstrap": {"resamples": 10},
        "methods": ["gradient", "negated_gradient"],
        "examples": {"variant": "regular"},
    },
}


@pytest.fixture
def project(root, tmp_path):
    return copy_project(root, tmp_path / "project")


def run(project, targets, config):
    """Run the copy up to some targets, with its configuration changed: no job too many."""
    overlay = project / "overlay.yaml"
    overlay.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", str(overlay)]
    finished = subprocess.run(
        [*command, "--", *targets], cwd=project, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr[-6000:]


def files_of(project):
    return {path.relative_to(project) for path in project.rglob("*") if path.is_file()}


def write_idx(path, values):
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(header + values.tobytes())
    return {
        "name": path.name,
        "size": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def add_dataset(project, folder):
    """Add one file: an entry of the catalogue, for images that lie on this machine."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    entries, splits = [], {}
    for split, count in (("train", N_TRAIN), ("test", N_TEST)):
        labels = np.arange(count, dtype=np.uint8) % len(CLASSES)
        images = generator.integers(0, 60, (count, 28, 28), dtype=np.uint8)
        images[labels == 1] += 150
        images[labels == 2, :, :14] += 150
        images[labels == 3, :, 14:] += 150
        splits[split] = {"images": f"{split}-images", "labels": f"{split}-labels", "count": count}
        entries += [
            write_idx(folder / f"{split}-images", images),
            write_idx(folder / f"{split}-labels", labels),
        ]
    entry = {
        "title": "Images with a light half",
        "homepage": "https://example.org/stripes",
        "licence": "CC0-1.0",
        "citation": "Made by a test.",
        "sources": [{"url": f"file://{folder}/{{name}}"}],
        "files": entries,
        "images": {"shape": [28, 28], "classes": CLASSES, "splits": splits},
    }
    (project / "workflow/datasets/stripes.yaml").write_text(yaml.safe_dump(entry))


METHOD = '''"""The negated gradient."""

from __future__ import annotations

from torch import Tensor, nn

from experiments.methods.entry import Method
from xgradient.attribution import saliency


def negated_gradient(
    model: nn.Module, inputs: Tensor, target: Tensor, *, baselines: Tensor | float | None = None
) -> Tensor:
    """Minus the gradient."""
    return -saliency(model, inputs, target)


METHODS = (
    Method(
        key="negated_gradient",
        name="Negated Grad",
        function="experiments.methods.negated_gradient:negated_gradient",
        experiments=("masking",),
    ),
)
'''

ARCHITECTURE = '''"""A net with one convolution."""

from __future__ import annotations

from torch import nn

from experiments.networks.architectures.entry import Architecture


def one_layer(num_classes: int, in_channels: int, bias: bool) -> nn.Module:
    """Map images (N, C, H, W) to logits (N, num_classes)."""
    return nn.Sequential(
        nn.Conv2d(in_channels, 8, 5, stride=2, bias=bias),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(128, num_classes, bias=bias),
    )


ARCHITECTURE = Architecture(
    key="one_layer",
    name="One layer",
    builder="experiments.networks.architectures.one_layer:one_layer",
)
'''


def added_by(project, change):
    """Make a change; return the files that are new."""
    before = files_of(project)
    change()
    return {path.as_posix() for path in files_of(project) - before}


def test_a_data_set_a_method_and_an_architecture_are_a_file_and_a_key_each(project, tmp_path):
    added = added_by(project, lambda: add_dataset(project, tmp_path / "stripes"))
    assert added == {"workflow/datasets/stripes.yaml"}
    method = project / "experiments/methods/negated_gradient.py"
    architecture = project / "experiments/networks/architectures/one_layer.py"
    assert len(added_by(project, lambda: method.write_text(METHOD))) == 1
    assert len(added_by(project, lambda: architecture.write_text(ARCHITECTURE))) == 1
    run(project, ["results/tables/masking.md", "results/tables/accuracy.csv"], QUICK)

    table = pd.read_csv(project / "results/tables/accuracy.csv")
    assert list(table["variant"]) == ["regular", "x"] and list(table["n_images"]) == [40, 40]
    assert set(table["dataset"]) == {"stripes"} and set(table["architecture"]) == {"one_layer"}
    table = pd.read_csv(project / "results/tables/masking.csv").set_index("method")
    assert list(table.index) == ["gradient", "negated_gradient"]
    # Pixels kept for an attribution are kept for its negative by the metric of the other sign.
    assert table.loc["gradient", "KPM"] == table.loc["negated_gradient", "KNM"]
    assert table.loc["gradient", "KNM"] == table.loc["negated_gradient", "KPM"]
    shown = (project / "results/tables/masking.md").read_text()
    assert "Negated Grad" in shown and "One layer" in shown


EXPERIMENT = {
    "experiments/halving/__init__.py": '"""Homogeneity of a function, as an experiment."""\n',
    "experiments/halving/config.py": '''"""Its section of the configuration."""

from pydantic import Field

from experiments.settings import Section


class Settings(Section):
    """Output of the toy functions for half of the input."""

    n_points: int = Field(5, ge=2, description="of every line")
''',
    "experiments/halving/run.py": '''"""Output of the toy functions for half of the input."""

import pandas as pd
import torch

from experiments.toys.functions import TOYS


def measure(n_points: int) -> pd.DataFrame:
    """One row per toy and point: the output there, and for half of the input."""
    frames = []
    for name, toy in TOYS.items():
        points = toy.line(n_points)
        with torch.no_grad():
            whole, half = (toy.network(f * points)[:, 0].numpy() for f in (1.0, 0.5))
        frames.append(pd.DataFrame({"toy": name, "whole": whole, "half": half}))
    return pd.concat(frames, ignore_index=True)
''',
    "workflow/scripts/halving/measure.py": '''"""Evaluate the toy functions."""

from experiments.halving.run import measure
from experiments.job import Job

with Job(snakemake):
    measure(snakemake.params.n_points).to_csv(snakemake.output.csv, index=False)
''',
    "workflow/rules/halving.smk": """# Are the toy functions homogeneous?


rule measure_halving:
    output:
        csv=csv_output("halving", "Halved inputs"),
    params:
        code=code("halving/measure"),
        n_points=config["halving"]["n_points"],
    log:
        f"{LOGS}/measure_halving.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/halving/measure.py"


rule table_halving:
    input:
        table=rules.measure_halving.output.csv,
        notebook=notebook("halving"),
    output:
        **notebook_outputs("halving", "Halved inputs"),
    log:
        f"{LOGS}/table_halving.log",
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="halving"),
    script:
        "../scripts/run_notebook.py"
""",
    "workflow/report/halving.rst": "Output of the toy functions for half of the input.\n",
}


METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebook_of(*cells):
    made = []
    for number, cell in enumerate(cells):
        made.append(
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"halving-{number}",
                "metadata": {"tags": ["parameters"]} if number == 0 else {},
                "outputs": [],
                "source": cell,
            }
        )
    return json.dumps({"cells": made, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5})


def test_an_experiment_is_what_bears_its_name(project):
    before = files_of(project)
    files = EXPERIMENT | {
        "notebooks/halving.ipynb": notebook_of(
            'table = ""\nmarkdown = ""\nlatex = ""',
            "import pandas as pd\n\nfrom experiments.tables import export_table\n\n"
            "shown = pd.read_csv(table).astype(str)\n"
            'export_table(shown, markdown, latex, caption="Halved inputs.")',
        )
    }
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    added = files_of(project) - before
    assert len(added) == len(files) and all("halving" in str(path) for path in added)
    run(project, ["report"], {"experiments": ["halving"], "halving": {"n_points": 3}})
    table = pd.read_csv(project / "results/tables/halving.csv")
    assert (table.groupby("toy").size() == 3).all()
    assert "Halved inputs." in (project / "results/tables/halving.md").read_text()
    # The report shows it.
    shown = (project / "results/report.html").read_text()
    assert '<h2 id="experiment-halving">Halved inputs</h2>' in shown
    assert 'href="#experiment-halving"' in shown and 'id="table-halving"' in shown
    # It is part of the whole, too.
    finished = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--quiet", "reason"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "table_halving" in finished.stdout, finished.stderr


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_the_documents_say_the_same(root, document):
    """The table "What to touch" names the places that these tests touch."""
    rows = [line for line in (root / document).read_text().splitlines() if line.startswith("| a")]
    places = {
        "an attribution method": ["experiments/methods/"],
        "an architecture": ["experiments/networks/architectures/", "networks"],
        "a data set of images": ["workflow/datasets/"],
        "an experiment": [
            "experiments/NAME/",
            "workflow/rules/NAME.smk",
            "workflow/scripts/NAME/",
            "notebooks/NAME.ipynb",
            "workflow/report/NAME*.rst",
            "make config",
        ],
    }
    for thing, named in places.items():
        (row,) = (line for line in rows if line.startswith(f"| {thing}"))
        assert all(f"`{place}`" in row for place in named), row
        for place in named:
            if place.endswith("/") and "NAME" not in place:
                assert (root / place).is_dir()
