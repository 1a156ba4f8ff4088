# External files, and the images made from them: stores for evaluation, an index of every image
# folder for training.


# Sizes in which the networks of this run take images, by name.
VIEWS = {
    net.view: {"resize": net.space.resize, "crop": net.space.crop} for net in NETWORKS.values()
}
LIMIT = {"limit_images": config["limit_images"]}
SPLIT = {**LIMIT, "validation_images": config["validation_images"]}


wildcard_constraints:
    dataset="|".join(CATALOGUE),
    view="|".join(VIEWS),
    split="train|validation|test",


# The files themselves are not outputs: Snakemake deletes outputs before it runs a job again, and
# files that were downloaded or copied by hand must not be lost.
#
# The output is temporary, nothing that this job depends on is tracked, and every reader of files has
# one of its own: so it runs exactly when its reader does, and looks again at files that are there. If
# it could be out of date by itself, its reader would have to run as well: an input that is ancient
# would not help, since Snakemake looks for no other reason to run what follows a job that runs.
rule fetch_dataset:
    input:
        dataset=ancient(dataset_file("{dataset}")),
    output:
        temp(f"{RESULTS}/{{dataset}}/fetched.json"),
    log:
        f"{LOGS}/fetch_dataset/{{dataset}}.log",
    # All other jobs wait for data, the trainings, which are the longest chains, above all.
    priority: 60
    localrule: True
    conda:
        ENVIRONMENT
    params:
        data=untracked(config["data"]),
        only=None,
        # Stays, unlike the output: the files may be there for longer than one job needs them.
        sources=lambda wildcards, output: f"{RESULTS}/{wildcards.dataset}/sources.json",
    script:
        "../scripts/fetch_dataset.py"


# Data sets in the idx format are small: all splits at once.
rule prepare_dataset:
    input:
        fetched=rules.fetch_dataset.output[0],
        dataset=ancient(dataset_file("{dataset}")),
    output:
        **{split: directory(path) for split, path in idx_splits("{dataset}").items()},
    log:
        f"{LOGS}/prepare_dataset/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare_dataset/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=datasets_of("idx"),
    priority: 60
    conda:
        ENVIRONMENT
    params:
        code=code("prepare_dataset"),
        # The digests say what is in it.
        data=untracked(config["data"]),
        digests=lambda wildcards: digests_of(wildcards.dataset),
        images=lambda wildcards: CATALOGUE[wildcards.dataset].images.model_dump(mode="json"),
        settings=SPLIT,
        seed=seed("split"),
    script:
        "../scripts/prepare_dataset.py"


# Lists of image files: of data sets with training images, of which those for validation are a part,
# and of those without.
for name, splits, drawn in (
    ("index_images", ("train", "validation", "test"), {"settings": SPLIT, "seed": seed("split")}),
    ("index_test_images", ("test",), {"settings": LIMIT}),
):

    rule:
        name:
            name
        input:
            # Folders that the user has are not fetched.
            fetched=lambda wildcards: (
                f"{RESULTS}/{wildcards.dataset}/fetched.json"
                if CATALOGUE[wildcards.dataset].files
                else []
            ),
            dataset=ancient(dataset_file("{dataset}")),
        output:
            **{split: f"{RESULTS}/{{dataset}}/{split}.csv" for split in splits},
        log:
            f"{LOGS}/{name}/{{dataset}}.log",
        benchmark:
            f"{BENCHMARKS}/{name}/{{dataset}}.tsv"
        wildcard_constraints:
            dataset=datasets_of("folders", "labelled", train="train" in splits),
        priority: 60
        conda:
            ENVIRONMENT
        params:
            **drawn,
            code=code("index_images"),
            folder=lambda wildcards: config["folders"].get(
                wildcards.dataset, os.path.join(config["data"], wildcards.dataset)
            ),
            digests=lambda wildcards: digests_of(wildcards.dataset),
            images=lambda wildcards: CATALOGUE[wildcards.dataset].images.model_dump(mode="json"),
        script:
            "../scripts/index_images.py"


# Images for evaluation, decoded once: no job holds a data set in memory. Training images are read
# from their files.
rule prepare_images:
    input:
        index=f"{RESULTS}/{{dataset}}/{{split}}.csv",
    output:
        directory(f"{RESULTS}/{{dataset}}/{{view}}/{{split}}"),
    log:
        f"{LOGS}/prepare_images/{{dataset}}/{{view}}-{{split}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare_images/{{dataset}}/{{view}}-{{split}}.tsv"
    wildcard_constraints:
        dataset=datasets_of("folders", "labelled"),
    priority: 55
    conda:
        ENVIRONMENT
    threads: config["threads"]
    params:
        code=code("prepare_images"),
        size=lambda wildcards: VIEWS[wildcards.view],
    script:
        "../scripts/prepare_images.py"
