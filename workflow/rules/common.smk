# Shared by all rules: the checked configuration, paths, and helpers for the parts of a rule.
import os
import sys
from collections import defaultdict
from functools import cache

from snakemake.exceptions import WorkflowError

if workflow.basedir not in sys.path:
    sys.path.insert(0, workflow.basedir)

from experiments.claim_list import load_claims
from experiments.config import ConfigError, check_config, experiment_names
from experiments.data.catalogue import CatalogueError
from experiments.dependencies import import_closure
from experiments.methods import method
from experiments.networks.architectures import architecture
from experiments.seeds import job_seed
from experiments.settings import catalogue

try:
    # One file per data set; no other list of data sets is kept.
    CATALOGUE = catalogue()
    # From here on, every omitted key has its default.
    config.update(check_config(config).model_dump(mode="json"))
except (CatalogueError, ConfigError) as error:
    raise WorkflowError(str(error))

# Paths are relative to the working directory, as Snakemake reports and records them.
BASE = os.path.relpath(workflow.basedir)
RESULTS = config["results"].rstrip("/")
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
DATASET = config["dataset"]
ARCHITECTURES = config["networks"]["architectures"]
NET = f"{RESULTS}/{DATASET}/{{arch}}-{{variant}}"
ENVIRONMENT = f"{workflow.basedir}/envs/xgradient.yaml"
DATASETS = os.path.normpath(f"{BASE}/workflow/datasets")
CLAIMS = os.path.normpath(f"{BASE}/workflow/claims.yaml")
# Declared by every job that runs a network; on the CPU no GPU is requested.
GPU = int(config["device"] == "cuda")

# Sections of the configuration that describe an experiment.
EXPERIMENTS = experiment_names()

# Contents of the report, and outputs by experiment: the rules add theirs.
TABLES, FIGURES, TARGETS = [], [], defaultdict(list)


wildcard_constraints:
    arch="|".join(ARCHITECTURES),
    variant="regular|stripped|x",
    weights="trained|published",
    scatteritem=r"\d+-of-\d+",


# --- code that a job depends on ---------------------------------------------------------------


@cache
def closure(paths, modules):
    found = import_closure(paths, workflow.basedir, modules)
    return [os.path.relpath(path) for path in found]


def code(script, notebook=None, named=None):
    """The project's files that a script and the notebook that it executes import, and the files of
    the functions that it imports by name: `named` returns their paths for the wildcards."""
    paths = [f"{workflow.basedir}/workflow/scripts/{script}.py"]
    if notebook is not None:
        paths.append(f"{workflow.basedir}/notebooks/{notebook}.ipynb")

    # Evaluated when a job is planned, not when the rules are read: most processes plan one job.
    def files(wildcards):
        names = named(wildcards) if named is not None else []
        return closure(tuple(paths), tuple(sorted(set(names))))

    return files


def builder(wildcards):
    """The builder of the net of a job."""
    return [architecture(wildcards.arch).builder]


def builder_of(key):
    return lambda wildcards: [architecture(key).builder]


def calls(experiment, variant=None):
    """The methods of an experiment, as its jobs run them; for nets with biases without those that
    need a homogeneous net."""
    settings = config[experiment]
    return {
        key: method(key).call(settings)
        for key in settings["methods"]
        if variant != "regular" or not method(key).homogeneous
    }


def functions(experiment, variant=None):
    return [call["function"] for call in calls(experiment, variant).values()]


# --- networks -----------------------------------------------------------------------------------


def training_settings(wildcards):
    schedules = config["training"][wildcards.variant]
    return {
        **config["training"]["settings"],
        **schedules.get(wildcards.arch, schedules["default"]),
    }


def training_start(wildcards):
    """The net that training starts from; none if it starts from a random initialisation."""
    if wildcards.variant == "regular" or config["training"]["x"]["init"] == "scratch":
        return []
    return f"{RESULTS}/{DATASET}/{wildcards.arch}-stripped/model.safetensors"


def network_arguments(wildcards):
    """Arguments of the builder, except those that depend on the data."""
    networks = config["networks"]
    return {
        "bias": wildcards.variant == "regular",
        "geometry": networks["geometry"],
        **{name: networks[name] for name in architecture(wildcards.arch).options},
    }


# --- files, seeds and settings ------------------------------------------------------------------


def notebook(name):
    """The template of a table."""
    return os.path.normpath(f"{BASE}/notebooks/{name}.ipynb")


def published(name):
    """A table of numbers that a paper prints."""
    return os.path.normpath(f"{BASE}/workflow/published/{name}.csv")


def seed(*names):
    """The seed of a job, from the experiment's seed, the given names and the wildcards."""
    return lambda wildcards: job_seed(config["seed"], *names, *wildcards)


def splits(dataset):
    """The three files of a data set of images."""
    return {
        split: f"{RESULTS}/{dataset}/{split}.safetensors"
        for split in ("train", "validation", "test")
    }


def digests_of(dataset):
    """Jobs depend on the digests of their data set, not on the rest of its entry: a new source
    or a better citation must not retrain every net."""
    return CATALOGUE[dataset].digests


def part_of(section, *names):
    """The settings that a stage uses: changing another one does not rerun it."""
    return {name: config[section][name] for name in names}


def measurements(experiment, architectures=ARCHITECTURES, kind=""):
    """The CSV files of one experiment over all nets."""
    return expand(
        f"{NET}/{experiment}{kind}.csv",
        arch=architectures,
        variant=config[experiment]["variants"],
    )


def facts(experiment, architectures=ARCHITECTURES):
    """The provenance of the same measurements."""
    return [path.removesuffix(".csv") + ".json" for path in measurements(experiment, architectures)]


# --- outputs that a reader looks at -------------------------------------------------------------


def announce(contents, experiment, paths):
    """List outputs among the report's tables or figures, and as targets of their experiment."""
    contents.extend(paths)
    TARGETS[experiment].extend(paths)


def csv_output(experiment, title, part=""):
    """A table for programs, results/tables/EXPERIMENT.csv; `part` distinguishes several tables of
    one experiment."""
    name = f"{experiment}_{part}" if part else experiment
    path = f"{RESULTS}/tables/{name}.csv"
    announce(TABLES, experiment, [path])
    return report(
        path,
        caption=f"../report/{name}.rst",
        category="Tables",
        labels={"table": title, "as": "CSV"},
    )


def notebook_outputs(experiment, title):
    """The same table for readers; the report shows the executed notebook."""
    stem = f"{RESULTS}/tables/{experiment}"
    outputs = {
        "markdown": f"{stem}.md",
        "latex": f"{stem}.tex",
        "html": f"{stem}.html",
        "notebook": f"{stem}.ipynb",
    }
    announce(TABLES, experiment, outputs.values())
    return outputs | {
        "html": report(
            outputs["html"],
            caption=f"../report/{experiment}.rst",
            category="Tables",
            labels={"table": title, "as": "notebook"},
        )
    }


def figure_outputs(experiment, title, part=""):
    """A figure in both formats; `part` distinguishes several figures of one experiment."""
    name, prefix = (f"{experiment}_{part}", f"{part}_") if part else (experiment, "")
    stem = f"{RESULTS}/figures/{name}"
    announce(FIGURES, experiment, [f"{stem}.pdf", f"{stem}.png"])
    return {
        f"{prefix}pdf": f"{stem}.pdf",
        f"{prefix}png": report(
            f"{stem}.png",
            caption=f"../report/{name}_figure.rst",
            category="Figures",
            labels={"figure": title},
        ),
    }
