# The regular net, the net stripped of its biases, and the X-DNN.


def training_settings(wildcards):
    schedules = config["training"][wildcards.variant]
    return {
        **config["training"]["settings"],
        **schedules.get(wildcards.arch, schedules["default"]),
    }


def training_start(wildcards):
    """The net that training starts from; none if it starts from a random initialisation."""
    if wildcards.variant == "regular" or config["training"]["x"]["init"] == "scratch":
        return []
    return f"{RESULTS}/{DATASET}/{wildcards.arch}-stripped/model.safetensors"


def network_arguments(wildcards):
    """Arguments of the builder, except those that depend on the data."""
    networks = config["networks"]
    return {
        "bias": wildcards.variant == "regular",
        "geometry": networks["geometry"],
        **{name: networks[name] for name in architecture(wildcards.arch).options},
    }


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
        gpu=GPU,
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
