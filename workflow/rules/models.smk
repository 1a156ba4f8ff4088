# Stage 2: the regular net, the net stripped of its biases, the X-DNN; and their accuracy.

rule train:
    input:
        start=training_start,
        train=SPLITS["train"],
        validation=SPLITS["validation"],
        code=code("train"),
    output:
        model=f"{NET}/model.safetensors",
        history=report(
            f"{NET}/history.csv",
            caption="../report/history.rst",
            category="Training",
            labels={"architecture": "{arch}", "variant": "{variant}"},
        ),
    params:
        geometry=config["networks"]["geometry"],
        dropout=config["networks"]["dropout"],
        settings=training_settings,
        precision=config["training"]["precision"],
        checkpoint=f"{NET}/training.ckpt",
        seed=seed("train"),
        device=config["device"],
    wildcard_constraints:
        variant="regular|x",
    log:
        f"{LOGS}/train/{{arch}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/train/{{arch}}-{{variant}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    # The trainings are the longest chain: start them before anything else.
    priority: 50
    resources:
        gpu=GPU,
    script:
        "../scripts/train.py"


rule strip_biases:
    input:
        model=f"{RESULTS}/{DATASET}/{{arch}}-regular/model.safetensors",
        code=code("strip_biases"),
    output:
        model=f"{RESULTS}/{DATASET}/{{arch}}-stripped/model.safetensors",
    log:
        f"{LOGS}/strip_biases/{{arch}}.log",
    benchmark:
        f"{BENCHMARKS}/strip_biases/{{arch}}.tsv"
    conda:
        ENVIRONMENT
    priority: 50
    script:
        "../scripts/strip_biases.py"


rule measure_accuracy:
    input:
        model=f"{NET}/model.safetensors",
        test=SPLITS["test"],
        code=code("measure_accuracy"),
    output:
        table=f"{NET}/accuracy.csv",
        facts=f"{NET}/accuracy.json",
    params:
        dataset=DATASET,
        settings=config["accuracy"],
        device=config["device"],
    log:
        f"{LOGS}/measure_accuracy/{{arch}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_accuracy/{{arch}}-{{variant}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        gpu=GPU,
    script:
        "../scripts/measure_accuracy.py"
