# How the error of IG falls with the number of steps, per quadrature rule (appendix).


rule measure_convergence:
    input:
        model=f"{NET}/model.safetensors",
        test=SPLITS["test"],
        code=code("measure_convergence"),
    output:
        table=f"{NET}/ig_convergence.csv",
        facts=f"{NET}/ig_convergence.json",
    params:
        dataset=DATASET,
        settings=config["ig_convergence"],
        device=config["device"],
    log:
        f"{LOGS}/measure_convergence/{{arch}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_convergence/{{arch}}-{{variant}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        gpu=GPU,
    script:
        "../scripts/measure_convergence.py"
