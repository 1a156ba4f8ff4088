# Masking metrics: how well an attribution ranks the pixels that matter (Sec. 4.2).
#
# Attributions and evaluation are spread over shards of the test images: masking.shards of the
# configuration, or --set-scatter masking=N. The result does not depend on their number.

MASKING = config["masking"]
# One file per net and shard with a tensor per method, not one per method: a job that imports
# torch costs seconds before it does anything, and all methods but IG take less than that.
SHARD = f"{NET}/masking/{{scatteritem}}"


scattergather:
    masking=MASKING["shards"],


rule attribute_shard:
    input:
        model=f"{NET}/model.safetensors",
        test=SPLITS["test"],
        train=SPLITS["train"],
        code=code("attribute_shard"),
    output:
        temp(f"{SHARD}/attributions.safetensors"),
    params:
        settings=part_of(
            "masking",
            "methods",
            "n_steps",
            "internal_batch_size",
            "precision",
            "n_images",
            "batch_size",
        ),
        # Not of the net or the shard: every net sees the same random draws for an image.
        seed=job_seed(config["seed"], "masking", DATASET),
        device=config["device"],
    log:
        f"{LOGS}/attribute_shard/{{arch}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/attribute_shard/{{arch}}-{{variant}}-{{scatteritem}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    # The longest chain behind the trainings.
    priority: 40
    resources:
        gpu=GPU,
    script:
        "../scripts/attribute_shard.py"


rule evaluate_masking:
    input:
        model=f"{NET}/model.safetensors",
        test=SPLITS["test"],
        attributions=rules.attribute_shard.output[0],
        code=code("evaluate_masking"),
    output:
        temp(f"{SHARD}/scores.safetensors"),
    params:
        settings=part_of(
            "masking",
            "methods",
            "n_images",
            "batch_size",
            "masked_batch_size",
            "fractions",
            "kernel_size",
            "sigma",
            "insertion_deletion",
        ),
        device=config["device"],
    log:
        f"{LOGS}/evaluate_masking/{{arch}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate_masking/{{arch}}-{{variant}}-{{scatteritem}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    priority: 40
    resources:
        gpu=GPU,
    script:
        "../scripts/evaluate_masking.py"


rule merge_masking:
    input:
        scores=gather.masking(rules.evaluate_masking.output[0], allow_missing=True),
        code=code("merge_masking"),
    output:
        table=f"{NET}/masking.csv",
        images=f"{NET}/masking_images.csv",
        curves=f"{NET}/masking_curves.csv",
        facts=f"{NET}/masking.json",
    params:
        dataset=DATASET,
        methods=MASKING["methods"],
        bootstrap=MASKING["bootstrap"],
        seed=seed("masking_bootstrap"),
    log:
        f"{LOGS}/merge_masking/{{arch}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/merge_masking/{{arch}}-{{variant}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/merge_masking.py"


# A few masked images, for looking at.
rule mask_examples:
    input:
        model=f"{RESULTS}/{DATASET}/{MASKING['examples']['architecture']}-"
        f"{MASKING['examples']['variant']}/model.safetensors",
        test=SPLITS["test"],
        train=SPLITS["train"],
        code=code("mask_examples"),
    output:
        f"{RESULTS}/{DATASET}/masked_images.safetensors",
    params:
        settings=part_of(
            "masking", "methods", "n_steps", "precision", "kernel_size", "sigma", "examples"
        ),
        seed=job_seed(config["seed"], "masking", DATASET),
        device=config["device"],
    log:
        f"{LOGS}/mask_examples.log",
    benchmark:
        f"{BENCHMARKS}/mask_examples.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        gpu=GPU,
    script:
        "../scripts/mask_examples.py"
