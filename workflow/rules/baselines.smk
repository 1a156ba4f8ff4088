# Baselines of Integrated Gradients: how far attributions and their masking metrics move with the
# start of the path (Sturmfels, Lundberg and Lee 2020), and that X-Gradient has one baseline alone,
# the zero of the normalisation.
from experiments.baselines.names import BASELINES

BASELINES_SHARD = f"{NET}/baselines/{{scatteritem}}"


rule measure_baselines:
    input:
        model=f"{NET}/model.safetensors",
        images=test_images,
        references=references,
    output:
        table=f"{BASELINES_SHARD}.csv",
        replacement=f"{BASELINES_SHARD}.replacement.csv",
        normalisation=f"{BASELINES_SHARD}.normalisation.csv",
        maps=f"{BASELINES_SHARD}.safetensors",
        facts=f"{BASELINES_SHARD}.json",
    log:
        f"{LOGS}/measure_baselines/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_baselines/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(measuring("baselines", batch="internal_batch_size")),
    params:
        code=code(
            "baselines/measure",
            named=lambda wildcards: [
                *builder(wildcards),
                *(
                    BASELINES[key].function
                    for key in settings_of("baselines", wildcards.network)["compared"]
                ),
            ],
        ),
        labels=labels_of,
        settings=lambda wildcards: in_precision(
            wildcards.variant,
            of_network(
                "baselines",
                "compared",
                "n_images",
                "batch_size",
                "n_steps",
                "internal_batch_size",
                "mean_images",
                "replacement_images",
                "identity_steps",
                "precision",
                "masked_batch_size",
                "fractions",
                "kernel_size",
                "sigma",
                "shown",
            )(wildcards),
        ),
        homogeneous=lambda wildcards: wildcards.variant != "regular",
        # The same draws for all nets of a data set.
        seed=lambda wildcards: job_seed(config["seed"], "baselines", wildcards.dataset),
        device=config["device"],
    script:
        "../scripts/baselines/measure.py"


rule summarise_baselines:
    input:
        baselines=shards_of("baselines", "csv"),
        replacement=shards_of("baselines", "replacement.csv"),
        # Of nets without biases: X-Gradient is defined for no others.
        normalisation=lambda wildcards: [
            path
            for path in shards_of("baselines", "normalisation.csv")(wildcards)
            if "-regular/baselines/" not in path
        ],
    output:
        baselines=csv_output("baselines", "Baselines"),
        replacement=csv_output("baselines", "Baselines and what masks replace", part="replacement"),
        normalisation=csv_output(
            "baselines", "X-Gradient and the normalisation", part="normalisation"
        ),
    log:
        f"{LOGS}/summarise_baselines.log",
    group:
        "baselines"
    conda:
        ENVIRONMENT
    params:
        code=code("baselines/summarise"),
        bootstrap={
            **config["baselines"]["bootstrap"],
            "seed": job_seed(config["seed"], "baselines_bootstrap"),
        },
    script:
        "../scripts/baselines/summarise.py"


rule table_baselines:
    input:
        table=rules.summarise_baselines.output.baselines,
        replacement=rules.summarise_baselines.output.replacement,
        normalisation=rules.summarise_baselines.output.normalisation,
        facts=shards_of("baselines", "json"),
        claims=CLAIMS,
        notebook=notebook("baselines"),
    output:
        **notebook_outputs("baselines", "Baselines"),
    log:
        f"{LOGS}/table_baselines.log",
    group:
        "baselines"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="baselines"),
    script:
        "../scripts/run_notebook.py"


rule figure_baselines_maps:
    input:
        maps=shards_of("baselines", "safetensors"),
    output:
        **network_figure_outputs("baselines", "Attributions from several baselines", part="maps"),
    log:
        f"{LOGS}/figure_baselines_maps/{{network}}.log",
    conda:
        ENVIRONMENT
    params:
        code=code("baselines/figure_maps"),
        variants=lambda wildcards: [
            variant for network, variant in nets_of("baselines") if network == wildcards.network
        ],
    script:
        "../scripts/baselines/figure_maps.py"


rule figure_baselines:
    input:
        table=rules.summarise_baselines.output.baselines,
        replacement=rules.summarise_baselines.output.replacement,
    output:
        **figure_outputs("baselines", "Baselines"),
        **figure_outputs("baselines", "Baselines and what masks replace", part="replacement"),
    log:
        f"{LOGS}/figure_baselines.log",
    group:
        "baselines"
    conda:
        ENVIRONMENT
    params:
        code=code("baselines/figure"),
    script:
        "../scripts/baselines/figure.py"
