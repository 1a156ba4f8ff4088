# How the error of IG falls with the number of steps, per quadrature rule (appendix).


rule measure_ig_convergence:
    input:
        model=f"{NET}/model.safetensors",
        test=SPLITS["test"],
        code=code("ig_convergence/measure", named=builder),
    output:
        table=f"{NET}/ig_convergence.csv",
        facts=f"{NET}/ig_convergence.json",
    log:
        f"{LOGS}/measure_ig_convergence/{{arch}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_ig_convergence/{{arch}}-{{variant}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            "gradient",
            config["ig_convergence"]["n_images"],
            len(config["ig_convergence"]["methods"]) * sum(config["ig_convergence"]["n_steps"])
            + config["ig_convergence"]["reference_steps"],
            batch_size=config["ig_convergence"]["internal_batch_size"],
        ),
    params:
        dataset=DATASET,
        settings=config["ig_convergence"],
        device=config["device"],
    script:
        "../scripts/ig_convergence/measure.py"


rule summarise_ig_convergence:
    input:
        csv=measurements("ig_convergence"),
        code=code("gather_measurements"),
    output:
        csv=csv_output("ig_convergence", "Convergence of IG"),
    log:
        f"{LOGS}/summarise_ig_convergence.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/gather_measurements.py"


rule table_ig_convergence:
    input:
        table=rules.summarise_ig_convergence.output.csv,
        facts=facts("ig_convergence"),
        published=published("ig_convergence"),
        claims=CLAIMS,
        notebook=notebook("ig_convergence"),
        code=code("run_notebook", notebook="ig_convergence"),
    output:
        **notebook_outputs("ig_convergence", "Convergence of IG"),
    log:
        f"{LOGS}/table_ig_convergence.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/run_notebook.py"


rule figure_ig_convergence:
    input:
        table=rules.summarise_ig_convergence.output.csv,
        published=published("ig_convergence"),
        code=code("ig_convergence/figure"),
    output:
        **figure_outputs("ig_convergence", "Convergence of IG"),
    log:
        f"{LOGS}/figure_ig_convergence.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/ig_convergence/figure.py"
