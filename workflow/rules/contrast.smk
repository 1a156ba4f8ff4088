# Accuracy on images of decreasing contrast (Sec. 4.4).


rule measure_contrast:
    input:
        model=f"{NET}/model.safetensors",
        test=SPLITS["test"],
        code=code("contrast/measure", named=builder),
    output:
        table=f"{NET}/contrast.csv",
        facts=f"{NET}/contrast.json",
    log:
        f"{LOGS}/measure_contrast/{{arch}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_contrast/{{arch}}-{{variant}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            "forward",
            n_images("contrast"),
            len(config["contrast"]["alphas"]),
            batch_size=config["contrast"]["batch_size"],
        ),
    params:
        dataset=DATASET,
        settings=config["contrast"],
        device=config["device"],
    script:
        "../scripts/contrast/measure.py"


rule summarise_contrast:
    input:
        csv=measurements("contrast"),
        code=code("gather_measurements"),
    output:
        csv=csv_output("contrast", "Accuracy against contrast"),
    log:
        f"{LOGS}/summarise_contrast.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/gather_measurements.py"


rule figure_contrast:
    input:
        table=rules.summarise_contrast.output.csv,
        code=code("contrast/figure"),
    output:
        **figure_outputs("contrast", "Accuracy against contrast"),
    log:
        f"{LOGS}/figure_contrast.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/contrast/figure.py"
