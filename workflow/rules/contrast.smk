# Accuracy on images of decreasing contrast (Sec. 4.4).

CONTRAST = "experiments.contrast.run:MEASUREMENT"


rule measure_contrast:
    input:
        model=f"{NET}/model.safetensors",
        images=test_images,
    output:
        table=f"{NET}/contrast/{{scatteritem}}.csv",
        facts=f"{NET}/contrast/{{scatteritem}}.json",
    log:
        f"{LOGS}/measure_contrast/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_contrast/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(measuring("contrast")),
    params:
        code=code("measure", named=lambda wildcards: [CONTRAST, *builder(wildcards)]),
        measurement=CONTRAST,
        labels=labels_of,
        settings=of_network("contrast"),
        device=config["device"],
    script:
        "../scripts/measure.py"


rule summarise_contrast:
    input:
        csv=shards_of("contrast", "csv"),
    output:
        csv=csv_output("contrast", "Accuracy against contrast"),
    log:
        f"{LOGS}/summarise_contrast.log",
    group:
        "contrast"
    conda:
        ENVIRONMENT
    params:
        code=code("summarise", named=lambda wildcards: ["experiments.contrast.summary:summarise"]),
        summary="experiments.contrast.summary:summarise",
    script:
        "../scripts/summarise.py"


rule figure_contrast:
    input:
        table=rules.summarise_contrast.output.csv,
    output:
        **figure_outputs("contrast", "Accuracy against contrast"),
    log:
        f"{LOGS}/figure_contrast.log",
    group:
        "contrast"
    conda:
        ENVIRONMENT
    params:
        code=code("contrast/figure"),
    script:
        "../scripts/contrast/figure.py"
