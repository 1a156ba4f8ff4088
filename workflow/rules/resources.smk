# What the jobs ask a cluster for. Locally nothing limits time and memory. Rules without `needs` take
# the default-resources of the profile.

from experiments.named import import_named
from experiments.resources import megabytes, minutes, share_of_shard

# Of data sets whose entries do not say how many images they have: as many as ILSVRC2012.
MOST_IMAGES = {"train": 1_281_167, "test": 50_000}


def needs(work, gpus=GPU):
    """The resources of a rule that runs a net; every attempt asks for twice as much as the last.

    `work` takes the wildcards and returns arguments of `experiments.resources.minutes` (`kind`,
    `n_images`, `n_steps`, `pixels`) and `megabytes` (`batch_size`, `stored`, `pixels`). A job that is
    one of several shards asks for its share of the images.
    """

    def runtime(wildcards, attempt):
        wanted = work(wildcards)
        item = getattr(wildcards, "scatteritem", None)
        n_images = wanted["n_images"]
        return minutes(
            wanted["kind"],
            n_images if item is None else share_of_shard(n_images, item),
            wanted.get("n_steps", 1),
            pixels=wanted["pixels"],
            gpu=bool(GPU),
            attempt=attempt,
        )

    def mem_mb(wildcards, attempt):
        wanted = work(wildcards)
        stored, item = wanted.get("stored", 0), getattr(wildcards, "scatteritem", None)
        return megabytes(
            wanted["kind"],
            # Not more than there are: a large batch size may be that of another data set.
            min(wanted.get("batch_size", 0), wanted["n_images"] * wanted.get("n_steps", 1)),
            pixels=wanted["pixels"],
            stored=stored if item is None else share_of_shard(stored, item),
            gpu=bool(GPU),
            attempt=attempt,
        )

    return {"runtime": runtime, "mem_mb": mem_mb, "gpu": gpus}


def image_count(dataset, split, at_most=None):
    """The number of images of a split that are used."""
    count = CATALOGUE[dataset].image_count(split) or MOST_IMAGES[split]
    return min(count, at_most or count, config["limit_images"] or count)


def pixels_of(network):
    """The number of pixels of an image as a net takes it."""
    net = NETWORKS[network]
    side = net.space.crop or net.space.resize
    if side is not None:
        return side**2
    entry = CATALOGUE[net.dataset]
    height, width = entry.images.shape if entry.image_form == "idx" else (224, 224)
    return height * width


def measuring(
    experiment,
    step="measuring",
    batch="batch_size",
    maps=lambda wildcards: 0,
    variant=lambda wildcards: wildcards.variant,
):
    """The work of measuring a net on test images, as ``experiments/NAME/work.py`` counts it: `step`
    names its function; `batch` names the setting that bounds the images in the net at a time; `maps`
    takes the wildcards and returns how many numbers per pixel of every image the job holds in memory,
    and `variant` takes them and returns the variant of the net, or several."""
    count = import_named(f"experiments.{experiment}.work:{step}")

    def work(wildcards):
        settings = settings_of(experiment, wildcards.network)
        available = image_count(NETWORKS[wildcards.network].dataset, "test")
        wanted = count(settings, available, variant(wildcards))
        pixels = pixels_of(wildcards.network)
        return {
            "kind": wanted.kind,
            "n_images": wanted.n_passes,
            "batch_size": settings.get(batch, 1),
            "stored": wanted.images * pixels * maps(wildcards),
            "pixels": pixels,
        }

    return work
