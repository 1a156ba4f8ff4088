# The regular net, the net stripped of its biases, and the X-DNN.


rule train:
    input:
        start=training_start,
        train=SPLITS["train"],
        validation=SPLITS["validation"],
        code=code("train", named=builder),
    output:
        model=f"{NET}/model.safetensors",
        history=report(
            f"{NET}/history.csv",
            caption="../report/history.rst",
            category="Training",
            labels={"architecture": "{arch}", "variant": "{variant}"},
        ),
    log:
        f"{LOGS}/train/{{arch}}-{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/train/{{arch}}-{{variant}}.tsv"
    wildcard_constraints:
        variant="regular|x",
    # The trainings are the longest chain: start them before anything else.
    priority: 50
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs(
            "training",
            limited(60_000),
            lambda wildcards: training_settings(wildcards)["epochs"],
            batch_size=config["training"]["settings"]["batch_size"],
        ),
    params:
        builder=lambda wildcards: architecture(wildcards.arch).builder,
        arguments=network_arguments,
        settings=training_settings,
        precision=config["training"]["precision"],
        checkpoint=f"{NET}/training.ckpt",
        seed=seed("train"),
        device=config["device"],
    script:
        "../scripts/train.py"


rule strip_biases:
    input:
        model=f"{RESULTS}/{DATASET}/{{arch}}-regular/model.safetensors",
        code=code("strip_biases", named=builder),
    output:
        model=f"{RESULTS}/{DATASET}/{{arch}}-stripped/model.safetensors",
    log:
        f"{LOGS}/strip_biases/{{arch}}.log",
    benchmark:
        f"{BENCHMARKS}/strip_biases/{{arch}}.tsv"
    priority: 50
    conda:
        ENVIRONMENT
    params:
        stripped=lambda wildcards: dict(architecture(wildcards.arch).stripped),
    script:
        "../scripts/strip_biases.py"
