# The regular net, the net stripped of its biases, and the X-DNN. `net` is NETWORK-VARIANT: which
# rule makes the weights of a net depends on both.

HISTORY = f"{RESULTS}/{{dataset}}/{{net}}/history.csv"
# The nets that the experiments of this run measure, of those that are trained here.
MEASURED = {
    f"{network}-{variant}": NETWORKS[network].dataset
    for experiment in EXPERIMENTS
    if experiment in SCATTERED
    for network, variant in nets_of(experiment)
    if f"{network}-{variant}" in TRAINED
}


rule train:
    input:
        start=training_start,
        train=lambda wildcards: training_images(wildcards.dataset),
        validation=validation_images,
    output:
        model=NET_FILE,
        history=history_output(
            HISTORY,
            "history",
            {"data set": "{dataset}", "net": "{net}"},
            {
                HISTORY.format(dataset=dataset, net=net): {"dataset": dataset, "net": net}
                for net, dataset in MEASURED.items()
            },
        ),
    log:
        f"{LOGS}/train/{{dataset}}/{{net}}.log",
    benchmark:
        f"{BENCHMARKS}/train/{{dataset}}/{{net}}.tsv"
    wildcard_constraints:
        net=one_of(TRAINED),
    # The trainings are the longest chain: start them before anything else.
    priority: 50
    conda:
        ENVIRONMENT
    threads: config["threads"] * config["training"]["devices"]
    resources:
        **needs(training_work, GPU * config["training"]["devices"]),
    params:
        code=code("train", named=lambda wildcards: [net_builder(wildcards)]),
        builder=net_builder,
        arguments=net_arguments,
        settings=training_settings,
        workers=untracked(config["training"]["settings"]["workers"]),
        preprocessing=lambda wildcards: entry_of(wildcards).space.model_dump(mode="json"),
        precision=config["training"]["precision"],
        devices=config["training"]["devices"],
        nodes=config["training"]["nodes"],
        checkpoint_minutes=untracked(config["training"]["checkpoint_minutes"]),
        checkpoint=lambda wildcards, output: next_to(output.model, "training.ckpt"),
        seed=lambda wildcards: job_seed(
            config["seed"], "train", network_of(wildcards), variant_of(wildcards)
        ),
        device=config["device"],
    script:
        "../scripts/train.py"


rule strip_biases:
    input:
        model=lambda wildcards: model_of(network_of(wildcards), "regular"),
    output:
        model=NET_FILE,
    log:
        f"{LOGS}/strip_biases/{{dataset}}/{{net}}.log",
    benchmark:
        f"{BENCHMARKS}/strip_biases/{{dataset}}/{{net}}.tsv"
    wildcard_constraints:
        net=one_of(STRIPPED),
    priority: 50
    conda:
        ENVIRONMENT
    params:
        code=code("strip_biases", named=lambda wildcards: [net_builder(wildcards)]),
        stripped=lambda wildcards: dict(architecture(entry_of(wildcards).architecture).stripped),
    script:
        "../scripts/strip_biases.py"


# --- weights that somebody else trained ---------------------------------------------------------


# As rule fetch_dataset: for each net by itself, so that one more net reads no weights of others again.
rule fetch_weights:
    input:
        dataset=weights_dataset,
    output:
        temp(f"{RESULTS}/{{dataset}}/{{net}}/fetched.json"),
    log:
        f"{LOGS}/fetch_weights/{{dataset}}/{{net}}.log",
    wildcard_constraints:
        net=one_of(FROM_CATALOGUE),
    priority: 60
    localrule: True
    conda:
        ENVIRONMENT
    params:
        data=untracked(config["data"]),
        # Of all that is released, which may be gigabytes.
        only=lambda wildcards, output: [released_weights(wildcards)["file"]],
        sources=lambda wildcards, output: weights_sources(wildcards),
    script:
        "../scripts/fetch_dataset.py"


rule fetch_torchvision_weights:
    output:
        temp(f"{RESULTS}/{{dataset}}/{{net}}/fetched.json"),
    log:
        f"{LOGS}/fetch_torchvision_weights/{{dataset}}/{{net}}.log",
    wildcard_constraints:
        net=one_of(FROM_TORCHVISION),
    priority: 60
    localrule: True
    conda:
        ENVIRONMENT
    params:
        data=untracked(config["data"]),
        torchvision=lambda wildcards, output: torchvision_name(entry_of(wildcards)),
        sources=lambda wildcards, output: weights_sources(wildcards),
    script:
        "../scripts/fetch_torchvision_weights.py"


rule read_weights:
    input:
        unpack(weights_files),
    output:
        model=NET_FILE,
    log:
        f"{LOGS}/read_weights/{{dataset}}/{{net}}.log",
    benchmark:
        f"{BENCHMARKS}/read_weights/{{dataset}}/{{net}}.tsv"
    wildcard_constraints:
        net=one_of(READ),
    priority: 50
    conda:
        ENVIRONMENT
    params:
        code=code("read_weights", named=lambda wildcards: [net_builder(wildcards)]),
        released=released_weights,
        digest=weights_digest,
        data=untracked(config["data"]),
        builder=net_builder,
        arguments=net_arguments,
        preprocessing=lambda wildcards: entry_of(wildcards).space.model_dump(mode="json"),
    script:
        "../scripts/read_weights.py"
