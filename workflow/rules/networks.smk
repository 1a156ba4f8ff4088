# The regular net, the net stripped of its biases, and the X-DNN. `net` is NETWORK-VARIANT: which
# rule makes the weights of a net depends on both.

NET_FILE = f"{RESULTS}/{{dataset}}/{{net}}/model.safetensors"
TRAINED, READ, STRIPPED = [], [], []
for name, network in NETWORKS.items():
    STRIPPED.append(f"{name}-stripped")
    if network.weights is None:
        TRAINED.append(f"{name}-regular")
    elif network.regular is None:
        READ.append(f"{name}-regular")
    else:
        # Somebody else's weights, which training starts from.
        READ.append(f"{name}-pretrained")
        TRAINED.append(f"{name}-regular")
    if network.x is not None:
        TRAINED.append(f"{name}-x")
    elif network.has_x_weights:
        READ.append(f"{name}-x")
    else:
        STRIPPED.append(f"{name}-x")


def one_of(nets):
    return "|".join(nets) or "none"


def network_of(wildcards):
    return wildcards.net.rpartition("-")[0]


def variant_of(wildcards):
    return wildcards.net.rpartition("-")[2]


def entry_of(wildcards):
    return NETWORKS[network_of(wildcards)]


def net_builder(wildcards):
    return architecture(entry_of(wildcards).architecture).builder


def net_arguments(wildcards):
    """Arguments of the builder, except the number of classes."""
    entry = entry_of(wildcards)
    kind = architecture(entry.architecture)
    return {
        **kind.arguments,
        "in_channels": 1 if entry.space.order == "grey" else 3,
        "bias": variant_of(wildcards) != "x",
        **{name: getattr(entry, name) for name in kind.options},
    }


def training_settings(wildcards):
    schedule = getattr(entry_of(wildcards), variant_of(wildcards)).model_dump(mode="json")
    schedule.pop("init", None)
    return {**config["training"]["settings"], **schedule}


def training_start(wildcards):
    """The net that training starts from; none if it starts from a random initialisation."""
    entry, network = entry_of(wildcards), network_of(wildcards)
    if variant_of(wildcards) == "x" and entry.x.init == "stripped":
        return model_of(network, "stripped")
    if entry.weights is None or variant_of(wildcards) == "x":
        return []
    return model_of(network, "pretrained")


def training_work(wildcards):
    entry, settings = entry_of(wildcards), training_settings(wildcards)
    return {
        "kind": "training",
        "n_images": image_count(entry.dataset, "train"),
        "n_steps": settings["epochs"],
        "batch_size": settings["batch_size"] // settings["accumulate"],
        "pixels": pixels_of(network_of(wildcards)),
    }


def validation_images(wildcards):
    entry = entry_of(wildcards)
    return f"{RESULTS}/{entry.dataset}/{entry.view}/validation"


rule train:
    input:
        start=training_start,
        train=lambda wildcards: training_images(wildcards.dataset),
        validation=validation_images,
        code=code("train", named=lambda wildcards: [net_builder(wildcards)]),
    output:
        model=NET_FILE,
        history=report(
            f"{RESULTS}/{{dataset}}/{{net}}/history.csv",
            caption="../report/history.rst",
            category="Training",
            labels={"data set": "{dataset}", "net": "{net}"},
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
        builder=net_builder,
        arguments=net_arguments,
        settings=training_settings,
        preprocessing=lambda wildcards: entry_of(wildcards).space.model_dump(mode="json"),
        precision=config["training"]["precision"],
        devices=config["training"]["devices"],
        nodes=config["training"]["nodes"],
        checkpoint_minutes=config["training"]["checkpoint_minutes"],
        checkpoint=f"{RESULTS}/{{dataset}}/{{net}}/training.ckpt",
        seed=lambda wildcards: job_seed(
            config["seed"], "train", network_of(wildcards), variant_of(wildcards)
        ),
        device=config["device"],
    script:
        "../scripts/train.py"


rule strip_biases:
    input:
        model=lambda wildcards: model_of(network_of(wildcards), "regular"),
        code=code("strip_biases", named=lambda wildcards: [net_builder(wildcards)]),
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
        stripped=lambda wildcards: dict(architecture(entry_of(wildcards).architecture).stripped),
    script:
        "../scripts/strip_biases.py"


# --- weights that somebody else trained ---------------------------------------------------------

# By the name of their folder: the nets with weights that torchvision releases.
TORCHVISION = {
    weights_entry(network.weights, network.architecture).name: network
    for network in NETWORKS.values()
    if network.weights is not None and is_torchvision(network.weights)
}


def weights_files(wildcards):
    """The user's file, or the record that a released one has been fetched."""
    entry = entry_of(wildcards)
    if is_file(entry.weights):
        return {"weights": entry.x_weights if variant_of(wildcards) == "x" else entry.weights}
    name = weights_entry(entry.weights, entry.architecture).name
    found = {"fetched": ancient(f"{RESULTS}/{name}/fetched.json")}
    if not is_torchvision(entry.weights):
        found["dataset"] = ancient(f"{DATASETS}/{name}.yaml")
    return found


rule fetch_torchvision_weights:
    input:
        code=code("fetch_torchvision_weights"),
    output:
        f"{RESULTS}/{{released}}/fetched.json",
    log:
        f"{LOGS}/fetch_torchvision_weights/{{released}}.log",
    wildcard_constraints:
        released=one_of(TORCHVISION),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        data=config["data"],
        torchvision=lambda wildcards: torchvision_name(TORCHVISION[wildcards.released]),
    script:
        "../scripts/fetch_torchvision_weights.py"


rule read_weights:
    input:
        unpack(weights_files),
        code=code("read_weights", named=lambda wildcards: [net_builder(wildcards)]),
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
        released=lambda wildcards: released(entry_of(wildcards), variant_of(wildcards)),
        data=config["data"],
        builder=net_builder,
        arguments=net_arguments,
        preprocessing=lambda wildcards: entry_of(wildcards).space.model_dump(mode="json"),
    script:
        "../scripts/read_weights.py"
