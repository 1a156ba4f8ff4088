# Accuracy on images of less and less contrast (Sec. 4.4).


rule measure_contrast:
    input:
        model=f"{NET}/model.safetensors",
        test=SPLITS["test"],
        code=code("measure_contrast"),
    output:
        table=f"{NET}/contrast.csv",
        facts=f"{NET}/contrast.json",
    params:
        dataset=DATASET,
        settings=config["contrast"],
        device=config["device"],
    log:
        f"{LOGS}/measure_contrast/{{arch}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_contrast/{{arch}}-{{variant}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        gpu=GPU,
    script:
        "../scripts/measure_contrast.py"
