# What all rules share: the checked configuration, paths, and the surroundings of a job.
import os
import sys

from snakemake.exceptions import WorkflowError

if workflow.basedir not in sys.path:
    sys.path.insert(0, workflow.basedir)

from experiments.claims import load_claims
from experiments.config import ConfigError, check_config
from experiments.dependencies import import_closure
from experiments.seeds import job_seed
from experiments.data.catalogue import CatalogueError, choose, load_catalogue

try:
    check_config(config)
    # One file per data set; no other list of data sets is kept.
    CATALOGUE = load_catalogue(f"{workflow.basedir}/workflow/datasets")
    choose(CATALOGUE, config["dataset"], "images", "config: dataset")
    for key in ("dataset", "fallback"):
        if (name := config["attribution_prior"][key]) is not None:
            choose(CATALOGUE, name, "mortality", f"config: attribution_prior.{key}")
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
CLAIM_LIST = os.path.normpath(f"{BASE}/workflow/claims.yaml")
CLAIMS = load_claims(CLAIM_LIST)


wildcard_constraints:
    arch="|".join(ARCHITECTURES),
    variant="regular|stripped|x",
    scatteritem=r"\d+-of-\d+",


def code(script, notebook=None):
    """The project's files that a script, and a notebook that it executes, import."""
    paths = [f"{workflow.basedir}/workflow/scripts/{script}.py"]
    if notebook is not None:
        paths.append(f"{workflow.basedir}/notebooks/{notebook}.ipynb")
    # When a job is planned, not when the rules are read: most processes plan one job.
    return lambda wildcards: [
        os.path.relpath(path) for path in import_closure(paths, workflow.basedir)
    ]


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
    """Jobs depend on the digests of their data set, not on the rest of its entry: another source
    or a better citation must not retrain every net."""
    return CATALOGUE[dataset].digests


def digests(wildcards):
    return digests_of(wildcards.dataset)


def training_settings(wildcards):
    return {
        **config["training"]["settings"],
        **config["training"][wildcards.variant][wildcards.arch],
    }


def training_start(wildcards):
    """The net that training starts from; none when it starts from a random initialisation."""
    if wildcards.variant == "regular" or config["training"]["x"]["init"] == "scratch":
        return []
    return f"{RESULTS}/{DATASET}/{wildcards.arch}-stripped/model.safetensors"


def part_of(section, *names):
    """The settings that a stage uses: changing another one does not rerun it."""
    return {name: config[section][name] for name in names}


def measurements(experiment, variants, architectures=ARCHITECTURES):
    """The CSV files of one experiment, and beside them what made them, over all nets."""
    stem = f"{RESULTS}/{DATASET}/{{arch}}-{{variant}}/{experiment}"
    nets = {"arch": architectures, "variant": variants}
    return {
        "measurements": expand(f"{stem}.csv", **nets),
        "facts": expand(f"{stem}.json", **nets),
    }


def table_outputs(name, title):
    """What a table notebook makes; the executed notebook is what the report shows."""
    stem = f"{RESULTS}/tables/{name}"
    labels = {"table": title}
    return {
        "csv": report(
            f"{stem}.csv",
            caption=f"../report/{name}.rst",
            category="Tables",
            labels=labels | {"as": "CSV"},
        ),
        "markdown": f"{stem}.md",
        "latex": f"{stem}.tex",
        "html": report(
            f"{stem}.html",
            caption=f"../report/{name}.rst",
            category="Tables",
            labels=labels | {"as": "notebook"},
        ),
        "notebook": f"{stem}.ipynb",
    }


def figure_outputs(name, title, prefix=""):
    """A figure in both formats; the prefix tells several figures of one rule apart."""
    stem = f"{RESULTS}/figures/{name}"
    return {
        f"{prefix}pdf": f"{stem}.pdf",
        f"{prefix}png": report(
            f"{stem}.png",
            caption=f"../report/{name}_figure.rst",
            category="Figures",
            labels={"figure": title},
        ),
    }


# Declared by every job that runs a network; on the CPU no GPU is asked for.
GPU = int(config["device"] == "cuda")

