# Stage 1: external files, and the splits made from them.

DATASET_TABLE = os.path.normpath(f"{BASE}/workflow/datasets.yaml")
# Jobs depend on the digests of their own data set, not on the table as a whole: a new entry for
# another data set must not retrain every net.
DIGESTS = {file.name: file.digest for file in load_table(DATASET_TABLE)[DATASET].files}
SPLITS = {
    split: f"{RESULTS}/{DATASET}/{split}.safetensors"
    for split in ("train", "validation", "test")
}


# The files themselves are no outputs: Snakemake deletes outputs before it runs a job again, and
# what was downloaded, or put there by hand, must not be lost.
rule fetch_dataset:
    input:
        table=ancient(DATASET_TABLE),
    output:
        f"{RESULTS}/{DATASET}/fetched.json",
    params:
        dataset=DATASET,
        data=config["data"],
        digests=DIGESTS,
    log:
        f"{LOGS}/fetch_dataset.log",
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/fetch_dataset.py"


rule prepare_dataset:
    input:
        # Only its existence matters: the digests are checked again when the files are read.
        fetched=ancient(rules.fetch_dataset.output),
        table=ancient(DATASET_TABLE),
        code=code("data/idx.py", "data/images.py", "data/table.py", "data/tensors.py"),
    output:
        **SPLITS,
    params:
        dataset=DATASET,
        data=config["data"],
        digests=DIGESTS,
        validation_images=config["validation_images"],
        limit_images=config["limit_images"],
        seed=job_seed(config["seed"], "split", DATASET),
    log:
        f"{LOGS}/prepare_dataset.log",
    benchmark:
        f"{BENCHMARKS}/prepare_dataset.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/prepare_dataset.py"
