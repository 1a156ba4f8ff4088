# What the jobs ask a cluster for. Locally nothing limits time and memory. Rules without `needs` take
# the default-resources of the profile.

from experiments.resources import megabytes, minutes, share_of_shard

PIXELS = {"small": 28**2, "imagenet": 224**2}[config["networks"]["geometry"]]
TEST_IMAGES = 10_000


def limited(n_images):
    """The number of images that limit_images leaves."""
    return min(n_images, config["limit_images"] or n_images)


def n_images(section):
    """The number of test images that an experiment uses at most."""
    return min(config[section]["n_images"] or TEST_IMAGES, limited(TEST_IMAGES))


def needs(kind, n_images, n_steps=1, batch_size=0, stored=0, pixels=PIXELS):
    """The resources of a rule that runs a net; every attempt asks for twice as much as the last.

    `kind` and `n_steps` are those of `experiments.resources.minutes` (the steps can be a function of
    the wildcards), `batch_size` and `stored` those of `megabytes`. A rule that is spread over shards
    asks for its share of `n_images`.
    """

    def runtime(wildcards, attempt):
        item = getattr(wildcards, "scatteritem", None)
        return minutes(
            kind,
            n_images if item is None else share_of_shard(n_images, item),
            n_steps(wildcards) if callable(n_steps) else n_steps,
            pixels=pixels,
            gpu=bool(GPU),
            attempt=attempt,
        )

    def mem_mb(wildcards, attempt):
        return megabytes(batch_size, pixels=pixels, stored=stored, gpu=bool(GPU), attempt=attempt)

    return {"runtime": runtime, "mem_mb": mem_mb, "gpu": GPU}
