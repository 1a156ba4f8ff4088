# Accuracy of the regular nets, the stripped nets and the X-DNNs (Sec. 4.1).

ACCURACY = "experiments.accuracy.run:MEASUREMENT"


rule measure_accuracy:
    input:
        model=f"{NET}/model.safetensors",
        images=test_images,
    output:
        table=f"{NET}/accuracy/{{scatteritem}}.csv",
        facts=f"{NET}/accuracy/{{scatteritem}}.json",
    log:
        f"{LOGS}/measure_accuracy/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_accuracy/{{dataset}}/{{network}}-{{variant}}-{{scatteritem}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(measuring("accuracy")),
    params:
        code=code("measure", named=lambda wildcards: [ACCURACY, *builder(wildcards)]),
        measurement=ACCURACY,
        labels=labels_of,
        settings=of_network("accuracy"),
        device=config["device"],
    script:
        "../scripts/measure.py"


rule summarise_accuracy:
    input:
        csv=shards_of("accuracy", "csv"),
    output:
        csv=csv_output("accuracy", "Accuracy"),
    log:
        f"{LOGS}/summarise_accuracy.log",
    group:
        "accuracy"
    conda:
        ENVIRONMENT
    params:
        code=code("summarise", named=lambda wildcards: ["experiments.accuracy.summary:summarise"]),
        summary="experiments.accuracy.summary:summarise",
    script:
        "../scripts/summarise.py"


rule table_accuracy:
    input:
        table=rules.summarise_accuracy.output.csv,
        facts=shards_of("accuracy", "json"),
        published=published("accuracy_mard"),
        claims=CLAIMS,
        notebook=notebook("accuracy"),
    output:
        **notebook_outputs("accuracy", "Accuracy"),
    log:
        f"{LOGS}/table_accuracy.log",
    group:
        "accuracy"
    conda:
        ENVIRONMENT
    params:
        code=code("run_notebook", notebook="accuracy"),
    script:
        "../scripts/run_notebook.py"


rule figure_accuracy:
    input:
        table=rules.summarise_accuracy.output.csv,
    output:
        **figure_outputs("accuracy", "Accuracy"),
    log:
        f"{LOGS}/figure_accuracy.log",
    group:
        "accuracy"
    conda:
        ENVIRONMENT
    params:
        code=code("accuracy/figure"),
    script:
        "../scripts/accuracy/figure.py"
