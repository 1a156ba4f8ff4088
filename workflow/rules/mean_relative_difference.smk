# Mean absolute relative difference between IG and Input×Gradient (Sec. 4.1).

MEAN_RELATIVE_DIFFERENCE = "experiments.mean_relative_difference.run:MEASUREMENT"
# By network and variant: the settings with the number of images of the variant.
RELATIVE_DIFFERENCE = {
    (network, variant): {
        **settings,
        "mantissa_images": settings["mantissa_images"][variant],
    }
    for network, variant in nets_of("mean_relative_difference")
    for settings in [settings_of("mean_relative_difference", network)]
}


rule measure_mean_relative_difference:
    input:
        model=f"{NET}/model.safetensors",
        images=test_images,
    output:
        table=f"{NET}/mean_relative_difference/{{scatteritem}}.csv",
        facts=f"{NET}/mean_relative_difference/{{scatteritem}}.json",
    log:
        f"{LOGS}/measure_mean_relative_difference/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_mean_relative_difference/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.tsv"
    priority: 10
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(measuring("mean_relative_difference", batch="internal_batch_size")),
    params:
        code=code(
            "measure", named=lambda wildcards: [MEAN_RELATIVE_DIFFERENCE, *builder(wildcards)]
        ),
        measurement=MEAN_RELATIVE_DIFFERENCE,
        labels=labels_of,
        settings=lambda wildcards: RELATIVE_DIFFERENCE[wildcards.network, wildcards.variant],
        device=config["device"],
    script:
        "../scripts/measure.py"


rule summarise_mean_relative_difference:
    input:
        csv=shards_of("mean_relative_difference", "csv"),
    output:
        csv=csv_output("mean_relative_difference", "Mean absolute relative difference"),
    log:
        f"{LOGS}/summarise_mean_relative_difference.log",
    group:
        "mean_relative_difference"
    conda:
        ENVIRONMENT
    params:
        code=code(
            "summarise",
            named=lambda wildcards: ["experiments.mean_relative_difference.summary:summarise"],
        ),
        summary="experiments.mean_relative_difference.summary:summarise",
    script:
        "../scripts/summarise.py"


rule table_mean_relative_difference:
    input:
        table=rules.summarise_mean_relative_difference.output.csv,
        facts=shards_of("mean_relative_difference", "json"),
        published=published("accuracy_mard"),
        claims=CLAIMS,
        notebook=notebook("mean_relative_difference"),
    output:
        **notebook_outputs("mean_relative_difference", "Mean absolute relative difference"),
    log:
        f"{LOGS}/table_mean_relative_difference.log",
    group:
        "mean_relative_difference"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="mean_relative_difference"),
    script:
        "../scripts/run_notebook.py"


rule figure_mean_relative_difference:
    input:
        table=rules.summarise_mean_relative_difference.output.csv,
    output:
        **figure_outputs("mean_relative_difference", "Mean absolute relative difference"),
    log:
        f"{LOGS}/figure_mean_relative_difference.log",
    group:
        "mean_relative_difference"
    conda:
        ENVIRONMENT
    params:
        code=code("mean_relative_difference/figure"),
    script:
        "../scripts/mean_relative_difference/figure.py"


rule figure_mean_relative_difference_bits:
    input:
        table=rules.summarise_mean_relative_difference.output.csv,
        published=published("accuracy_mard"),
    output:
        **figure_outputs(
            "mean_relative_difference",
            "Mean absolute relative difference by bits",
            part="bits",
        ),
    log:
        f"{LOGS}/figure_mean_relative_difference_bits.log",
    group:
        "mean_relative_difference"
    conda:
        ENVIRONMENT
    params:
        code=code("mean_relative_difference/bits_figure"),
    script:
        "../scripts/mean_relative_difference/bits_figure.py"
