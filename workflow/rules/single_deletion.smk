# Single deletion scores: does an attribution rank the cells of an image as their deletion does
# (Hesse, Schaub-Meyer and Roth 2024)? Of every net twice: as it was trained, and in-domain, after
# fine-tuning on images of which some have lost a cell.

IN_DOMAIN = f"{NET}/single_deletion/in_domain"
SINGLE_DELETION_SHARD = f"{NET}/single_deletion/{{scatteritem}}"
FINE_TUNING = {
    network: settings_of("single_deletion", network)["in_domain"] for network in NETWORKS
}


rule fine_tune_single_deletion:
    input:
        model=f"{NET}/model.safetensors",
        train=lambda wildcards: training_images(wildcards.dataset),
    output:
        model=f"{IN_DOMAIN}/model.safetensors",
        history=report(
            f"{IN_DOMAIN}/history.csv",
            caption="../report/single_deletion_history.rst",
            category="Training",
            labels={"data set": "{dataset}", "net": "{network}-{variant}, in-domain"},
        ),
    log:
        f"{LOGS}/fine_tune_single_deletion/{{dataset}}/{{network}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/fine_tune_single_deletion/{{dataset}}/{{network}}-{{variant}}.tsv"
    # Measurements wait for it.
    priority: 40
    conda:
        ENVIRONMENT
    threads: config["threads"] * config["training"]["devices"]
    resources:
        **needs(
            lambda wildcards: {
                "kind": "training",
                "n_images": image_count(wildcards.dataset, "train"),
                "n_steps": FINE_TUNING[wildcards.network]["epochs"],
                "batch_size": config["training"]["settings"]["batch_size"]
                // config["training"]["settings"]["accumulate"],
                "pixels": pixels_of(wildcards.network),
            },
            GPU * config["training"]["devices"],
        ),
    params:
        code=code("single_deletion/fine_tune", named=builder),
        grid=lambda wildcards: settings_of("single_deletion", wildcards.network)["grid"],
        share=lambda wildcards: FINE_TUNING[wildcards.network]["share"],
        settings=lambda wildcards: settings_of_training(
            {name: FINE_TUNING[wildcards.network][name] for name in ("epochs", "learning_rate")}
        ),
        workers=untracked(config["training"]["settings"]["workers"]),
        precision=config["training"]["precision"],
        devices=config["training"]["devices"],
        nodes=config["training"]["nodes"],
        checkpoint_minutes=untracked(config["training"]["checkpoint_minutes"]),
        checkpoint=lambda wildcards, output: next_to(output.model, "training.ckpt"),
        seed=seed("single_deletion", "fine-tuning"),
        device=config["device"],
    script:
        "../scripts/single_deletion/fine_tune.py"


rule measure_single_deletion:
    input:
        original=f"{NET}/model.safetensors",
        in_domain=rules.fine_tune_single_deletion.output.model,
        images=test_images,
        references=references,
    output:
        table=f"{SINGLE_DELETION_SHARD}.csv",
        facts=f"{SINGLE_DELETION_SHARD}.json",
    log:
        f"{LOGS}/measure_single_deletion/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_single_deletion/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            measuring(
                "single_deletion",
                batch="internal_batch_size",
                maps=lambda wildcards: 2 * len(methods_of("single_deletion")(wildcards)),
            )
        ),
    params:
        code=code(
            "single_deletion/measure",
            named=lambda wildcards: [
                *builder(wildcards),
                *functions("single_deletion", wildcards.network, wildcards.variant),
            ],
        ),
        methods=lambda wildcards: calls("single_deletion", wildcards.network, wildcards.variant),
        labels=labels_of,
        settings=lambda wildcards: in_precision(
            wildcards.variant,
            of_network(
                "single_deletion",
                "precision",
                "n_images",
                "batch_size",
                "grid",
                "masked_batch_size",
            )(wildcards),
        ),
        # The same draws for all nets of a data set.
        seed=lambda wildcards: job_seed(config["seed"], "single_deletion", wildcards.dataset),
        device=config["device"],
    script:
        "../scripts/single_deletion/measure.py"


rule summarise_single_deletion:
    input:
        csv=shards_of("single_deletion", "csv"),
    output:
        csv=csv_output("single_deletion", "Single deletion"),
    log:
        f"{LOGS}/summarise_single_deletion.log",
    group:
        "single_deletion"
    conda:
        ENVIRONMENT
    params:
        code=code(
            "summarise", named=lambda wildcards: ["experiments.single_deletion.summary:summarise"]
        ),
        summary="experiments.single_deletion.summary:summarise",
        arguments={
            **config["single_deletion"]["bootstrap"],
            "seed": job_seed(config["seed"], "single_deletion_bootstrap"),
        },
    script:
        "../scripts/summarise.py"


rule table_single_deletion:
    input:
        table=rules.summarise_single_deletion.output.csv,
        facts=shards_of("single_deletion", "json"),
        claims=CLAIMS,
        notebook=notebook("single_deletion"),
    output:
        **notebook_outputs("single_deletion", "Single deletion"),
    log:
        f"{LOGS}/table_single_deletion.log",
    group:
        "single_deletion"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="single_deletion"),
    script:
        "../scripts/run_notebook.py"


rule figure_single_deletion:
    input:
        table=rules.summarise_single_deletion.output.csv,
    output:
        **figure_outputs("single_deletion", "Single deletion"),
    log:
        f"{LOGS}/figure_single_deletion.log",
    group:
        "single_deletion"
    conda:
        ENVIRONMENT
    params:
        code=code("single_deletion/figure"),
    script:
        "../scripts/single_deletion/figure.py"
