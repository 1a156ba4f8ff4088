# Mean absolute relative difference between IG and Input×Gradient (Sec. 4.1).


rule measure_mean_relative_difference:
    input:
        model=f"{NET}/model.safetensors",
        test=SPLITS["test"],
        code=code("mean_relative_difference/measure", named=builder),
    output:
        table=f"{NET}/mean_relative_difference.csv",
        facts=f"{NET}/mean_relative_difference.json",
    log:
        f"{LOGS}/measure_mean_relative_difference/{{arch}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_mean_relative_difference/{{arch}}-{{variant}}.tsv"
    priority: 10
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            "gradient",
            sum(config["mean_relative_difference"]["n_images"].values()),
            config["mean_relative_difference"]["n_steps"],
            batch_size=config["mean_relative_difference"]["internal_batch_size"],
        ),
    params:
        dataset=DATASET,
        settings=config["mean_relative_difference"],
        device=config["device"],
    script:
        "../scripts/mean_relative_difference/measure.py"


rule summarise_mean_relative_difference:
    input:
        csv=measurements("mean_relative_difference"),
        code=code("gather_measurements"),
    output:
        csv=csv_output("mean_relative_difference", "Mean absolute relative difference"),
    log:
        f"{LOGS}/summarise_mean_relative_difference.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/gather_measurements.py"


rule table_mean_relative_difference:
    input:
        table=rules.summarise_mean_relative_difference.output.csv,
        facts=facts("mean_relative_difference"),
        published=published("accuracy_mard"),
        claims=CLAIMS,
        notebook=notebook("mean_relative_difference"),
        code=code("run_notebook", notebook="mean_relative_difference"),
    output:
        **notebook_outputs("mean_relative_difference", "Mean absolute relative difference"),
    log:
        f"{LOGS}/table_mean_relative_difference.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/run_notebook.py"
