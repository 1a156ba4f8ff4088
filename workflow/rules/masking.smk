# Masking metrics: how well an attribution ranks the pixels that matter (Sec. 4.2).
#
# Attributions and evaluation are spread over shards of the test images: masking.shards of the
# configuration, or --set-scatter masking=N. The result does not depend on their number.

# One file per net and shard with a tensor per method, not one per method: a job that imports
# torch costs seconds before it does anything, and all methods but IG take less than that.
MASKING_SHARD = f"{NET}/masking/{{scatteritem}}"
# The variant whose masked images are shown, by network; and the draws of random attributions, which
# do not depend on net and shard: every net gets the same for an image.
EXAMPLES_VARIANT = {
    network: settings_of("masking", network)["examples"]["variant"] for network in NETWORKS
}
MASKING_SEED = {
    network: job_seed(config["seed"], "masking", net.dataset) for network, net in NETWORKS.items()
}


rule attribute_masking:
    input:
        model=f"{NET}/model.safetensors",
        images=test_images,
        references=references,
    output:
        temp(f"{MASKING_SHARD}/attributions.safetensors"),
    log:
        f"{LOGS}/attribute_masking/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/attribute_masking/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.tsv"
    # The longest chain of jobs after the trainings.
    priority: 40
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        # In blocks, and then joined.
        **needs(
            measuring(
                "masking",
                "attributing",
                batch="internal_batch_size",
                maps=lambda wildcards: 2 * len(methods_of("masking")(wildcards)),
            )
        ),
    params:
        code=code(
            "masking/attribute",
            named=lambda wildcards: [
                *builder(wildcards),
                *functions("masking", wildcards.network, wildcards.variant),
            ],
        ),
        methods=lambda wildcards: calls("masking", wildcards.network, wildcards.variant),
        settings=lambda wildcards: in_precision(
            wildcards.variant,
            of_network("masking", "precision", "n_images", "batch_size")(wildcards),
        ),
        seed=lambda wildcards: MASKING_SEED[wildcards.network],
        device=config["device"],
    script:
        "../scripts/masking/attribute.py"


rule evaluate_masking:
    input:
        model=f"{NET}/model.safetensors",
        images=test_images,
        attributions=rules.attribute_masking.output[0],
    output:
        temp(f"{MASKING_SHARD}/scores.safetensors"),
    log:
        f"{LOGS}/evaluate_masking/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate_masking/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.tsv"
    priority: 40
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            measuring(
                "masking",
                "evaluating",
                batch="masked_batch_size",
                maps=lambda wildcards: len(methods_of("masking")(wildcards)),
            )
        ),
    params:
        code=code("masking/evaluate", named=builder),
        methods=methods_of("masking"),
        settings=of_network(
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
    output:
        images=f"{NET}/masking_images.csv",
        curves=f"{NET}/masking_curves.csv",
        facts=f"{NET}/masking.json",
    log:
        f"{LOGS}/merge_masking/{{dataset}}/{{network}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/merge_masking/{{dataset}}/{{network}}-{{variant}}.tsv"
    group:
        "masking"
    conda:
        ENVIRONMENT
    params:
        code=code("masking/merge"),
        labels=labels_of,
        methods=methods_of("masking"),
    script:
        "../scripts/masking/merge.py"


# A few masked images, for the figure.
rule examples_masking:
    input:
        model=lambda wildcards: model_of(wildcards.network, EXAMPLES_VARIANT[wildcards.network]),
        images=test_images,
        references=references,
    output:
        f"{RESULTS}/{{dataset}}/{{network}}-masked_images.safetensors",
    log:
        f"{LOGS}/examples_masking/{{dataset}}/{{network}}.log",
    benchmark:
        f"{BENCHMARKS}/examples_masking/{{dataset}}/{{network}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            measuring(
                "masking",
                "examples",
                batch="internal_batch_size",
                variant=lambda wildcards: EXAMPLES_VARIANT[wildcards.network],
            )
        ),
    params:
        code=code(
            "masking/examples",
            named=lambda wildcards: [
                *builder(wildcards),
                *functions("masking", wildcards.network, EXAMPLES_VARIANT[wildcards.network]),
            ],
        ),
        methods=lambda wildcards: calls(
            "masking", wildcards.network, EXAMPLES_VARIANT[wildcards.network]
        ),
        settings=lambda wildcards: in_precision(
            EXAMPLES_VARIANT[wildcards.network],
            of_network("masking", "precision", "kernel_size", "sigma", "examples")(wildcards),
        ),
        seed=lambda wildcards: MASKING_SEED[wildcards.network],
        device=config["device"],
    script:
        "../scripts/masking/examples.py"


# From the images of all nets, not of each with its shards: their scores are temporary, and another
# bootstrap must not need them again.
rule summarise_masking:
    input:
        images=net_files("masking", "masking_images.csv"),
    output:
        csv=csv_output("masking", "Masking metrics"),
        facts=f"{RESULTS}/masking.json",
    log:
        f"{LOGS}/summarise_masking.log",
    group:
        "masking"
    conda:
        ENVIRONMENT
    params:
        code=code("masking/summarise"),
        bootstraps=[
            settings_of("masking", network)["bootstrap"] for network, _ in nets_of("masking")
        ],
        seeds=[
            job_seed(
                config["seed"], "masking_bootstrap", NETWORKS[network].dataset, network, variant
            )
            for network, variant in nets_of("masking")
        ],
    script:
        "../scripts/masking/summarise.py"


rule table_masking:
    input:
        table=rules.summarise_masking.output.csv,
        summary=rules.summarise_masking.output.facts,
        facts=net_files("masking", "masking.json"),
        published=published("mask_metrics"),
        claims=CLAIMS,
        notebook=notebook("masking"),
    output:
        **notebook_outputs("masking", "Masking metrics"),
    log:
        f"{LOGS}/table_masking.log",
    group:
        "masking"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="masking"),
    script:
        "../scripts/run_notebook.py"


rule figure_masking:
    input:
        curves=net_files("masking", "masking_curves.csv"),
    output:
        **figure_outputs("masking", "Masking curves"),
    log:
        f"{LOGS}/figure_masking.log",
    group:
        "masking"
    conda:
        ENVIRONMENT
    params:
        code=code("masking/figure"),
    script:
        "../scripts/masking/figure.py"


rule figure_masking_images:
    input:
        examples=lambda wildcards: of_dataset(wildcards.network, "masked_images.safetensors"),
    output:
        **network_figure_outputs("masking", "Masked images", part="images"),
    log:
        f"{LOGS}/figure_masking_images/{{network}}.log",
    conda:
        ENVIRONMENT
    params:
        code=code("masking/figure_images"),
    script:
        "../scripts/masking/figure_images.py"
