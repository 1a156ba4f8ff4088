# What the entries of `networks` say, for the rules that make the nets: which rule makes a net, from
# what, and with which arguments. `net` is NETWORK-VARIANT.

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
        # As the user wrote it: the prefix of a module is for results.
        return {
            "weights": local(entry.x_weights if variant_of(wildcards) == "x" else entry.weights)
        }
    name = weights_entry(entry.weights, entry.architecture).name
    found = {"fetched": ancient(f"{RESULTS}/{name}/fetched.json")}
    if not is_torchvision(entry.weights):
        found["dataset"] = ancient(dataset_file(name))
    return found
