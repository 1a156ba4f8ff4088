# Saturated and fragile gradients: score and gradient along the path from zero to an image, and on a
# random walk around it (Sundararajan, Taly and Yan 2017, Sec. 2). All gradients along the path of an
# X-DNN are the same.

SATURATION_SHARD = f"{NET}/saturation/{{scatteritem}}"


rule measure_saturation:
    input:
        model=f"{NET}/model.safetensors",
        images=test_images,
    output:
        table=f"{SATURATION_SHARD}.csv",
        maps=f"{SATURATION_SHARD}.safetensors",
        facts=f"{SATURATION_SHARD}.json",
    log:
        f"{LOGS}/measure_saturation/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_saturation/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(measuring("saturation", batch="")),
    params:
        code=code("saturation/measure", named=builder),
        labels=labels_of,
        settings=of_network("saturation", "n_images", "n_points", "walk", "shown"),
        # The same walks for all nets of a data set.
        seed=lambda wildcards: job_seed(config["seed"], "saturation", wildcards.dataset),
        device=config["device"],
    script:
        "../scripts/saturation/measure.py"


rule summarise_saturation:
    input:
        csv=shards_of("saturation", "csv"),
    output:
        csv=csv_output("saturation", "Saturated and fragile gradients"),
    log:
        f"{LOGS}/summarise_saturation.log",
    group:
        "saturation"
    conda:
        ENVIRONMENT
    params:
        code=code("summarise", named=lambda wildcards: ["experiments.saturation.summary:summarise"]),
        summary="experiments.saturation.summary:summarise",
    script:
        "../scripts/summarise.py"


rule table_saturation:
    input:
        table=rules.summarise_saturation.output.csv,
        facts=shards_of("saturation", "json"),
        claims=CLAIMS,
        notebook=notebook("saturation"),
    output:
        **notebook_outputs("saturation", "Saturated and fragile gradients"),
    log:
        f"{LOGS}/table_saturation.log",
    group:
        "saturation"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="saturation"),
    script:
        "../scripts/run_notebook.py"


rule figure_saturation:
    input:
        csv=shards_of("saturation", "csv"),
        maps=shards_of("saturation", "safetensors"),
    output:
        **network_figure_outputs("saturation", "Saturated and fragile gradients"),
    log:
        f"{LOGS}/figure_saturation/{{network}}.log",
    conda:
        ENVIRONMENT
    params:
        code=code("saturation/figure"),
        shown=lambda wildcards: settings_of("saturation", wildcards.network)["shown"],
    script:
        "../scripts/saturation/figure.py"
