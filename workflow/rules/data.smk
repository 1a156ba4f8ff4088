# External files, and the images made from them: stores for evaluation, an index of every image
# folder for training.


# Sizes in which the networks of this run take images, by name.
VIEWS = {
    net.view: {"resize": net.space.resize, "crop": net.space.crop} for net in NETWORKS.values()
}


wildcard_constraints:
    dataset="|".join(CATALOGUE),
    view="|".join(VIEWS),
    split="train|validation|test",


# The files themselves are not outputs: Snakemake deletes outputs before it runs a job again, and
# files that were downloaded or copied by hand must not be lost. Its output is temporary, so that the
# files are looked at whenever a job is about to read them: if somebody has deleted or altered them,
# they are fetched again, and otherwise nothing is requested.
rule fetch_dataset:
    input:
        dataset=ancient(dataset_file("{dataset}")),
        code=code("fetch_dataset"),
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
        data=config["data"],
        digests=lambda wildcards: wanted_of(wildcards.dataset),
        # Stays, unlike the output: the files may be there for longer than one job needs them.
        sources=f"{RESULTS}/{{dataset}}/sources.json",
    script:
        "../scripts/fetch_dataset.py"


# Data sets in the idx format are small: all splits at once.
rule prepare_dataset:
    input:
        # Only its existence matters: the digests are checked again when the files are read.
        fetched=ancient(rules.fetch_dataset.output),
        dataset=ancient(dataset_file("{dataset}")),
        code=code("prepare_dataset"),
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
        data=config["data"],
        digests=lambda wildcards: digests_of(wildcards.dataset),
        images=lambda wildcards: CATALOGUE[wildcards.dataset].images.model_dump(mode="json"),
        validation_images=config["validation_images"],
        limit_images=config["limit_images"],
        seed=seed("split"),
    script:
        "../scripts/prepare_dataset.py"


# Lists of image files: of data sets with training images, and of those without.
for name, splits in {
    "index_images": ("train", "validation", "test"),
    "index_test_images": ("test",),
}.items():

    rule:
        name:
            name
        input:
            # Folders that the user has are not fetched.
            fetched=lambda wildcards: (
                ancient(f"{RESULTS}/{wildcards.dataset}/fetched.json")
                if CATALOGUE[wildcards.dataset].files
                else []
            ),
            dataset=ancient(dataset_file("{dataset}")),
            code=code("index_images"),
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
            data=config["data"],
            folder=lambda wildcards: config["folders"].get(wildcards.dataset),
            digests=lambda wildcards: digests_of(wildcards.dataset),
            images=lambda wildcards: CATALOGUE[wildcards.dataset].images.model_dump(mode="json"),
            validation_images=config["validation_images"],
            limit_images=config["limit_images"],
            seed=seed("split"),
        script:
            "../scripts/index_images.py"


# Images for evaluation, decoded once: no job holds a data set in memory. Training images are read
# from their files.
rule prepare_images:
    input:
        index=f"{RESULTS}/{{dataset}}/{{split}}.csv",
        code=code("prepare_images"),
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
        size=lambda wildcards: VIEWS[wildcards.view],
    script:
        "../scripts/prepare_images.py"
