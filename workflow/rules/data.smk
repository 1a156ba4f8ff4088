# External files, and the splits made from them.

SPLITS = splits(DATASET)


wildcard_constraints:
    dataset="|".join(CATALOGUE),


# The files themselves are not outputs: Snakemake deletes outputs before it runs a job again, and
# files that were downloaded or copied by hand must not be lost.
rule fetch_dataset:
    input:
        dataset=ancient(f"{DATASETS}/{{dataset}}.yaml"),
        code=code("fetch_dataset"),
    output:
        f"{RESULTS}/{{dataset}}/fetched.json",
    log:
        f"{LOGS}/fetch_dataset/{{dataset}}.log",
    # All other jobs wait for data, the trainings, which are the longest chains, above all.
    priority: 60
    localrule: True
    conda:
        ENVIRONMENT
    params:
        data=config["data"],
        digests=lambda wildcards: digests_of(wildcards.dataset),
    script:
        "../scripts/fetch_dataset.py"


rule prepare_dataset:
    input:
        # Only its existence matters: the digests are checked again when the files are read.
        fetched=ancient(rules.fetch_dataset.output),
        dataset=ancient(f"{DATASETS}/{{dataset}}.yaml"),
        code=code("prepare_dataset"),
    output:
        **splits("{dataset}"),
    log:
        f"{LOGS}/prepare_dataset/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare_dataset/{{dataset}}.tsv"
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
