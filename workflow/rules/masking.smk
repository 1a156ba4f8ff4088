# Masking metrics: how well an attribution ranks the pixels that matter (Sec. 4.2).
#
# Attributions and evaluation are spread over shards of the test images: masking.shards of the
# configuration, or --set-scatter masking=N. The result does not depend on their number.

MASKING = config["masking"]
# One file per net and shard with a tensor per method, not one per method: a job that imports
# torch costs seconds before it does anything, and all methods but IG take less than that.
SHARD = f"{NET}/masking/{{scatteritem}}"
EXAMPLES = MASKING["examples"]
# Passes per image: six metrics, each at all fractions and for every method.
MASKED_VERSIONS = 6 * MASKING["fractions"]["count"] * len(MASKING["methods"])


scattergather:
    masking=MASKING["shards"],


rule attribute_masking:
    input:
        model=f"{NET}/model.safetensors",
        test=SPLITS["test"],
        train=SPLITS["train"],
        code=code(
            "masking/attribute",
            named=lambda wildcards: [
                *builder(wildcards),
                *functions("masking", wildcards.variant),
            ],
        ),
    output:
        temp(f"{SHARD}/attributions.safetensors"),
    log:
        f"{LOGS}/attribute_masking/{{arch}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/attribute_masking/{{arch}}-{{variant}}-{{scatteritem}}.tsv"
    # The longest chain of jobs after the trainings.
    priority: 40
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            "gradient",
            n_images("masking"),
            MASKING["n_steps"] + len(MASKING["methods"]),
            batch_size=MASKING["internal_batch_size"],
            stored=2 * len(MASKING["methods"]) * 3 * PIXELS * n_images("masking"),
        ),
    params:
        methods=lambda wildcards: calls("masking", wildcards.variant),
        settings=part_of("masking", "precision", "n_images", "batch_size"),
        # Independent of net and shard: every net gets the same random draws for an image.
        seed=job_seed(config["seed"], "masking", DATASET),
        device=config["device"],
    script:
        "../scripts/masking/attribute.py"


rule evaluate_masking:
    input:
        model=f"{NET}/model.safetensors",
        test=SPLITS["test"],
        attributions=rules.attribute_masking.output[0],
        code=code("masking/evaluate", named=builder),
    output:
        temp(f"{SHARD}/scores.safetensors"),
    log:
        f"{LOGS}/evaluate_masking/{{arch}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate_masking/{{arch}}-{{variant}}-{{scatteritem}}.tsv"
    priority: 40
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            "forward",
            n_images("masking"),
            MASKED_VERSIONS,
            batch_size=MASKING["masked_batch_size"],
            stored=2 * len(MASKING["methods"]) * 3 * PIXELS * n_images("masking"),
        ),
    params:
        methods=lambda wildcards: list(calls("masking", wildcards.variant)),
        settings=part_of(
            "masking",
            "n_images",
            "batch_size",
            "masked_batch_size",
            "fractions",
            "kernel_size",
            "sigma",
            "insertion_deletion",
        ),
        device=config["device"],
    script:
        "../scripts/masking/evaluate.py"


rule merge_masking:
    input:
        scores=gather.masking(rules.evaluate_masking.output[0], allow_missing=True),
        code=code("masking/merge"),
    output:
        table=f"{NET}/masking.csv",
        images=f"{NET}/masking_images.csv",
        curves=f"{NET}/masking_curves.csv",
        facts=f"{NET}/masking.json",
    log:
        f"{LOGS}/merge_masking/{{arch}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/merge_masking/{{arch}}-{{variant}}.tsv"
    conda:
        ENVIRONMENT
    params:
        dataset=DATASET,
        methods=lambda wildcards: list(calls("masking", wildcards.variant)),
        bootstrap=MASKING["bootstrap"],
        seed=seed("masking_bootstrap"),
    script:
        "../scripts/masking/merge.py"


# A few masked images, for the figure.
rule examples_masking:
    input:
        model=f"{RESULTS}/{DATASET}/{EXAMPLES['architecture']}-{EXAMPLES['variant']}/model.safetensors",
        test=SPLITS["test"],
        train=SPLITS["train"],
        code=code(
            "masking/examples",
            named=lambda wildcards: [
                architecture(EXAMPLES["architecture"]).builder,
                *functions("masking", EXAMPLES["variant"]),
            ],
        ),
    output:
        f"{RESULTS}/{DATASET}/masking_images.safetensors",
    log:
        f"{LOGS}/examples_masking.log",
    benchmark:
        f"{BENCHMARKS}/examples_masking.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            "gradient",
            EXAMPLES["n_images"],
            MASKING["n_steps"] + len(MASKING["methods"]),
            batch_size=MASKING["internal_batch_size"],
        ),
    params:
        methods=calls("masking", EXAMPLES["variant"]),
        settings=part_of("masking", "precision", "kernel_size", "sigma", "examples"),
        seed=job_seed(config["seed"], "masking", DATASET),
        device=config["device"],
    script:
        "../scripts/masking/examples.py"


rule summarise_masking:
    input:
        csv=measurements("masking", MASKING["architectures"]),
        code=code("gather_measurements"),
    output:
        csv=csv_output("masking", "Masking metrics"),
    log:
        f"{LOGS}/summarise_masking.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/gather_measurements.py"


rule table_masking:
    input:
        table=rules.summarise_masking.output.csv,
        facts=facts("masking", MASKING["architectures"]),
        published=published("mask_metrics"),
        claims=CLAIMS,
        notebook=notebook("masking"),
        code=code("run_notebook", notebook="masking"),
    output:
        **notebook_outputs("masking", "Masking metrics"),
    log:
        f"{LOGS}/table_masking.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/run_notebook.py"


rule figure_masking:
    input:
        curves=measurements("masking", MASKING["architectures"], kind="_curves"),
        code=code("masking/figure"),
    output:
        **figure_outputs("masking", "Masking curves"),
    log:
        f"{LOGS}/figure_masking.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/masking/figure.py"


rule figure_masking_images:
    input:
        examples=rules.examples_masking.output[0],
        code=code("masking/figure_images"),
    output:
        **figure_outputs("masking", "Masked images", part="images"),
    log:
        f"{LOGS}/figure_masking_images.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/masking/figure_images.py"
