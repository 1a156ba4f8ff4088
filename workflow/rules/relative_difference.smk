# Mean absolute relative difference between IG and Input×Gradient (Sec. 4.1).


rule measure_relative_difference:
    input:
        model=f"{NET}/model.safetensors",
        test=SPLITS["test"],
        code=code("measure_relative_difference"),
    output:
        table=f"{NET}/mean_relative_difference.csv",
        facts=f"{NET}/mean_relative_difference.json",
    params:
        dataset=DATASET,
        settings=config["mean_relative_difference"],
        device=config["device"],
    log:
        f"{LOGS}/measure_relative_difference/{{arch}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_relative_difference/{{arch}}-{{variant}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    priority: 10
    resources:
        gpu=GPU,
    script:
        "../scripts/measure_relative_difference.py"
