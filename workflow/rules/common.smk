# Shared by all rules: the checked configuration, paths, and helpers for the parts of a rule.
import gc
import os
import tempfile
from collections import defaultdict
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from experiments.claim_list import ClaimError, load_claims
from experiments.claim_names import check_names
from experiments.config import ConfigError, check_config, experiment_names
from experiments.config_limits import check_scatter
from experiments.data.catalogue import CatalogueError
from experiments.dependencies import code_digest
from experiments.folder_names import check_mirror
from experiments.methods import method
from experiments.networks.architectures import architecture
from experiments.networks.origin import (
    is_file,
    is_torchvision,
    released,
    torchvision_name,
    weights_entry,
)
from experiments.processes import (
    end_with_parent,
    expect_jobs,
    import_first_from,
    interrupt_on_hangup,
    quote_interpreter,
    use_utf8,
)
from experiments.recovery import enter_run
from experiments.seeds import job_seed
from experiments.settings import OnNetworks, Refusal, catalogue
from experiments.writing import WriteError, check_room

# Snakemake adds this folder to the import path of a job last: an installed version would win.
try:
    import_first_from(CHECKOUT)
except ValueError as error:
    raise WorkflowError(str(error))
use_utf8()
quote_interpreter()

# Snakemake is very many objects that stay. To look through them for garbage, again and again, takes a
# quarter of the time of a plan.
gc.freeze()
gc.set_threshold(10_000)

# Of a run that was killed nothing goes on, and the next one removes its lock. The run itself may
# outlive the shell that started it, but not a terminal that is closed.
if not workflow.is_main_process:
    end_with_parent()
else:
    interrupt_on_hangup()
    if said := enter_run(Path.cwd()):
        logger.warning(said)
expect_jobs()

try:
    # One file per data set; no other list of data sets is kept.
    CATALOGUE = catalogue()
    CONFIG = check_config(config)
    if workflow.is_main_process:
        check_mirror(os.environ.get("XGRADIENT_MIRROR"))
    # The workflow that this one is a module of may have shards of its own.
    alone = len(workflow.modifier_stack) == 1
    shards = workflow.resource_settings.overwrite_scatter.items()
    check_scatter(CONFIG, {name: n for name, n in shards if alone or hasattr(CONFIG, name)})
    # From here on, every omitted key has its default; the configuration of a workflow that uses this
    # one as a module stays as it is.
    config = CONFIG.model_dump(mode="json")
except (CatalogueError, ConfigError, Refusal) as error:
    raise WorkflowError(str(error))

RESULTS = config["results"].rstrip("/")
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
# The nets of this run by name, each with its data set.
NETWORKS = CONFIG.networks.used
NET = f"{RESULTS}/{{dataset}}/{{network}}-{{variant}}"
ENVIRONMENT = f"{CHECKOUT}/envs/xgradient.yaml"
# Number of jobs over which an experiment spreads the images of a net; --set-scatter overrides it.
SCATTERED = [name for name in experiment_names() if hasattr(getattr(CONFIG, name), "networks")]
# Declared by every job that runs a network; on the CPU no GPU is requested.
GPU = int(config["device"] == "cuda")

# The experiments of this run, in the order of the report.
EXPERIMENTS = CONFIG.chosen

# Outputs of the run, by kind and by experiment, and what the report says of them: the rules add
# theirs.
TABLES, FIGURES, HISTORIES, TARGETS, SHOWN = [], [], [], defaultdict(list), []


# Before the first job, and not when a run is only planned.
onstart:
    try:
        check_room(RESULTS, "results")
        check_room(tempfile.gettempdir(), "the temporary folder (TMPDIR)")
    except WriteError as error:
        raise WorkflowError(str(error))


wildcard_constraints:
    network="|".join(NETWORKS),
    variant="regular|stripped|x",
    weights="trained|published",
    scatteritem=r"\d+-of-\d+",


scattergather:
    **{name: config[name]["shards"] for name in SCATTERED},


# --- files of this checkout ---------------------------------------------------------------------


def own(path):
    """A file of this checkout as an input, relative to the working directory, as Snakemake reports
    and records it. The prefix that a module may have is for results and not for these files."""
    return local(os.path.relpath(f"{CHECKOUT}/{path}"))


def dataset_file(name):
    """The entry of a data set."""
    return own(f"workflow/datasets/{name}.yaml")


def notebook(name):
    """The template of a table."""
    return own(f"notebooks/{name}.ipynb")


def published(name):
    """A table of numbers that a paper prints."""
    return own(f"workflow/published/{name}.csv")


CLAIMS = own("workflow/claims.yaml")


# --- code that a job depends on ---------------------------------------------------------------


@cache
def digest_of_code(paths, modules):
    return code_digest(paths, CHECKOUT, modules)


def code(script, notebook=None, named=None):
    """A function of the wildcards: the digest of what a script, the notebook that it executes and all
    files that they import do, and the functions that it imports by name, whose paths `named` returns
    for the wildcards. It is a parameter and not a list of input files: a comment changes no result.
    """
    paths = [f"{CHECKOUT}/workflow/scripts/{script}.py"]
    if notebook is not None:
        paths.append(f"{CHECKOUT}/notebooks/{notebook}.ipynb")

    def sources(wildcards):
        names = named(wildcards) if named is not None else []
        return tuple(paths), tuple(sorted(set(names)))

    def digest(wildcards):
        # Compared and recorded by the process that plans; no job reads it.
        return digest_of_code(*sources(wildcards)) if workflow.is_main_process else None

    # For tests: what the digest is of.
    digest.sources = sources
    return digest


def untracked(value):
    """A parameter that changes no result, so that another value runs nothing again. Snakemake compares
    no parameters that depend on the job's files."""
    return lambda wildcards, output: value


def builder(wildcards):
    """The builder of the net of a job."""
    return [architecture(NETWORKS[wildcards.network].architecture).builder]


def builder_of(key):
    return lambda wildcards: [architecture(key).builder]


def calls(experiment, network=None, variant=None):
    """The methods of an experiment, as its jobs run them; for nets with biases without those that
    need a homogeneous net."""
    settings = config[experiment] if network is None else settings_of(experiment, network)
    return {
        key: method(key).call(settings)
        for key in settings["methods"]
        if variant != "regular" or not method(key).homogeneous
    }


def methods_of(experiment):
    """A function of the wildcards: the keys of the methods that run on a net."""
    return lambda wildcards: list(calls(experiment, wildcards.network, wildcards.variant))


def functions(experiment, network=None, variant=None):
    return [call["function"] for call in calls(experiment, network, variant).values()]


# --- networks and their images ------------------------------------------------------------------


def settings_of(experiment, network):
    """The settings of an experiment, with what a net has of its own; without those that say which jobs
    there are, and change none of them."""
    chosen = CONFIG.settings_of(experiment, network)
    return chosen.model_dump(mode="json", exclude=set(OnNetworks.model_fields))


def of_network(experiment, *names):
    """A function of the wildcards: the settings of the experiment, or those that a stage uses."""

    def settings(wildcards):
        found = settings_of(experiment, wildcards.network)
        return {name: found[name] for name in names} if names else found

    return settings


def in_precision(variant, settings):
    """Settings with the precision of one variant, in place of that of each."""
    return {**settings, "precision": settings["precision"][variant]}


def labels_of(wildcards):
    """What identifies a net in a table of measurements."""
    net = NETWORKS[wildcards.network]
    return {
        "dataset": net.dataset,
        "network": wildcards.network,
        "architecture": net.architecture,
        "variant": wildcards.variant,
    }


def model_of(network, variant):
    return f"{RESULTS}/{NETWORKS[network].dataset}/{network}-{variant}/model.safetensors"


def test_images_of(network):
    """The test images of a net's data set, in the size that the net takes."""
    net = NETWORKS[network]
    return f"{RESULTS}/{net.dataset}/{net.view}/test"


def references_of(network):
    """The images that baselines are drawn from: for training, if the data set has any."""
    net = NETWORKS[network]
    return training_images(net.dataset) or test_images_of(network)


def training_images(dataset):
    """The training images of a data set: a store, or the index of an image folder; none if the
    data set has test images alone."""
    entry = CATALOGUE[dataset]
    if entry.image_form == "idx":
        return f"{RESULTS}/{dataset}/native/train"
    return f"{RESULTS}/{dataset}/train.csv" if "train" in entry.image_splits else None


def datasets_of(*forms, train=None):
    """A pattern of the data sets of some forms, with or without training images."""
    found = [
        name
        for name, entry in CATALOGUE.items()
        if entry.image_form in forms and train in (None, "train" in entry.image_splits)
    ]
    return "|".join(found) or "none"


def of_dataset(network, name):
    """A file that belongs to all variants of a net."""
    return f"{RESULTS}/{NETWORKS[network].dataset}/{network}-{name}"


def test_images(wildcards):
    return test_images_of(wildcards.network)


def references(wildcards):
    return references_of(wildcards.network)


# --- files, seeds and settings ------------------------------------------------------------------


def next_to(output, name):
    """A file that is no output but belongs to one, in its folder wherever a module puts that."""
    return os.path.join(os.path.dirname(output), name)


def seed(*names):
    """The seed of a job, from the experiment's seed, the given names and the wildcards."""
    return lambda wildcards: job_seed(config["seed"], *names, *wildcards)


def idx_splits(dataset):
    """The three stores of a data set of idx files."""
    return {
        split: f"{RESULTS}/{dataset}/native/{split}" for split in ("train", "validation", "test")
    }


def digests_of(dataset):
    """Jobs depend on the digests of their data set, not on the rest of its entry: a new source
    or a better citation must not retrain every net. Nor must the first download of a locked file,
    which is when its digest becomes known."""
    return {
        file.name: "locked" if file.locked else file.digest for file in CATALOGUE[dataset].files
    }


def part_of(section, *names):
    """The settings that a stage uses: changing another one does not rerun it."""
    return {name: config[section][name] for name in names}


def nets_of(experiment):
    """Pairs of name and variant of the nets that an experiment measures."""
    return [
        (network, variant)
        for network in CONFIG.networks_of(experiment)
        for variant in CONFIG.variants_of(experiment, network)
    ]


def net_files(experiment, name, of=None):
    """One file for each net that an experiment measures, or for the variants of one network."""
    return [
        f"{RESULTS}/{NETWORKS[network].dataset}/{network}-{variant}/{name}"
        for network, variant in nets_of(experiment)
        if of in (None, network)
    ]


def shards_of(experiment, suffix):
    """The files of all shards of all nets of an experiment, or of the network of the job; evaluated
    when a job is planned, since --set-scatter may change the number of shards."""

    def files(wildcards):
        found, name = [], f"{experiment}/{{scatteritem}}.{suffix}"
        for pattern in net_files(experiment, name, wildcards.get("network")):
            found += getattr(gather, experiment)(pattern, allow_missing=True)
        return found

    return files


# --- outputs that a reader looks at -------------------------------------------------------------


def announce(contents, experiment, paths):
    """List outputs among the tables or figures of the run, and as targets of their experiment."""
    contents.extend(paths)
    TARGETS[experiment].extend(paths)


def in_report(kind, experiment, name, title, path, caption, **wildcards):
    """Show an output in results/report.html, and in what `snakemake --report` writes."""
    SHOWN.append(
        {
            "kind": kind,
            "experiment": experiment,
            "name": name,
            "title": title,
            "path": path,
            "caption": str(own(f"workflow/report/{caption}.rst")),
            "wildcards": wildcards,
        }
    )


def csv_output(experiment, title, part=""):
    """A table for programs, results/tables/EXPERIMENT.csv; `part` distinguishes several tables of
    one experiment."""
    name = f"{experiment}_{part}" if part else experiment
    path = f"{RESULTS}/tables/{name}.csv"
    announce(TABLES, experiment, [path])
    in_report("table", experiment, name, title, path, name)
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
    in_report("notebook", experiment, experiment, title, outputs["html"], experiment)
    return outputs | {
        "html": report(
            outputs["html"],
            caption=f"../report/{experiment}.rst",
            category="Tables",
            labels={"table": title, "as": "notebook"},
        )
    }


def figure_outputs(experiment, title, part=""):
    """A figure in both formats; `part` distinguishes several figures of one experiment. The first
    figure is the picture of the experiment."""
    name, prefix = (f"{experiment}_{part}", f"{part}_") if part else (experiment, "")
    stem = f"{RESULTS}/figures/{name}"
    announce(FIGURES, experiment, [f"{stem}.pdf", f"{stem}.png"])
    in_report("figure", experiment, name, title, f"{stem}.png", f"{name}_figure")
    return {
        f"{prefix}pdf": f"{stem}.pdf",
        f"{prefix}png": report(
            f"{stem}.png",
            caption=f"../report/{name}_figure.rst",
            category="Figures",
            labels={"figure": title},
        ),
    }


def network_figure_outputs(experiment, title, part=""):
    """A figure for each net of an experiment, in both formats."""
    name = f"{experiment}_{part}" if part else experiment
    for network in CONFIG.networks_of(experiment):
        stem = f"{RESULTS}/figures/{name}_{network}"
        announce(FIGURES, experiment, [f"{stem}.pdf", f"{stem}.png"])
        in_report(
            "figure",
            experiment,
            f"{name}_{network}",
            f"{title}: {network}",
            f"{stem}.png",
            f"{name}_figure",
            network=network,
        )
    return {
        "pdf": f"{RESULTS}/figures/{name}_{{network}}.pdf",
        "png": report(
            f"{RESULTS}/figures/{name}_{{network}}.png",
            caption=f"../report/{name}_figure.rst",
            category="Figures",
            labels={"figure": title, "network": "{network}"},
        ),
    }


def page_output(experiment, title, part):
    """A page for what neither a table nor a figure shows, results/pages/EXPERIMENT_PART.html."""
    name = f"{experiment}_{part}"
    path = f"{RESULTS}/pages/{name}.html"
    announce(FIGURES, experiment, [path])
    in_report("page", experiment, name, title, path, f"{name}_page")
    return report(
        path,
        caption=f"../report/{name}_page.rst",
        category="Pages",
        labels={"page": title},
    )


def history_output(path, caption, labels, files):
    """What a training logged. `files` maps the paths that this run needs to the wildcards of each."""
    for each, wildcards in files.items():
        HISTORIES.append(each)
        name = os.path.dirname(each).removeprefix(f"{RESULTS}/")
        in_report("training", "", name, name, each, caption, **wildcards)
    return report(path, caption=f"../report/{caption}.rst", category="Training", labels=labels)
