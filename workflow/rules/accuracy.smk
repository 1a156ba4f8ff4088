# Accuracy of the regular nets, the stripped nets and the X-DNNs (Sec. 4.1).


rule measure_accuracy:
    input:
        model=f"{NET}/model.safetensors",
        test=SPLITS["test"],
        code=code("accuracy/measure", named=builder),
    output:
        table=f"{NET}/accuracy.csv",
        facts=f"{NET}/accuracy.json",
    log:
        f"{LOGS}/measure_accuracy/{{arch}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_accuracy/{{arch}}-{{variant}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs("forward", n_images("accuracy"), batch_size=config["accuracy"]["batch_size"]),
    params:
        dataset=DATASET,
        settings=config["accuracy"],
        device=config["device"],
    script:
        "../scripts/accuracy/measure.py"


rule summarise_accuracy:
    input:
        csv=measurements("accuracy"),
        code=code("gather_measurements"),
    output:
        csv=csv_output("accuracy", "Accuracy"),
    log:
        f"{LOGS}/summarise_accuracy.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/gather_measurements.py"


rule table_accuracy:
    input:
        table=rules.summarise_accuracy.output.csv,
        facts=facts("accuracy"),
        published=published("accuracy_mard"),
        claims=CLAIMS,
        notebook=notebook("accuracy"),
        code=code("run_notebook", notebook="accuracy"),
    output:
        **notebook_outputs("accuracy", "Accuracy"),
    log:
        f"{LOGS}/table_accuracy.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/run_notebook.py"
