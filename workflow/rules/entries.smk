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
    """Arguments of the builder, except the number of classes. Without dropout where nothing is
    trained: it would make weights that others trained out of date, and does nothing to them."""
    entry = entry_of(wildcards)
    kind = architecture(entry.architecture)
    unused = () if entry.is_trained else ("dropout",)
    return {
        **kind.arguments,
        "in_channels": 1 if entry.space.order == "grey" else 3,
        "bias": variant_of(wildcards) != "x",
        **{name: getattr(entry, name) for name in kind.options if name not in unused},
    }


def training_settings(wildcards):
    schedule = getattr(entry_of(wildcards), variant_of(wildcards)).model_dump(mode="json")
    schedule.pop("init", None)
    return settings_of_training(schedule)


def settings_of_training(schedule):
    """What all trainings share, with what one has of its own."""
    settings = {**config["training"]["settings"], **schedule}
    # Of no use to the others.
    if settings["schedule"] != "step":
        del settings["step_epochs"]
    # A parameter of its own.
    del settings["workers"]
    return settings


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


# Those of them whose weights are downloaded: released by torchvision, or an entry of the catalogue.
FROM_TORCHVISION, FROM_CATALOGUE = [], []
for net in READ:
    weights = NETWORKS[net.rpartition("-")[0]].weights
    if not is_file(weights):
        (FROM_TORCHVISION if is_torchvision(weights) else FROM_CATALOGUE).append(net)


def released_weights(wildcards):
    return released(entry_of(wildcards), variant_of(wildcards))


def weights_dataset(wildcards):
    return ancient(dataset_file(entry_of(wildcards).weights))


def weights_sources(wildcards):
    """Where the files of released weights come from, of all nets that have them."""
    entry = entry_of(wildcards)
    return f"{RESULTS}/{weights_entry(entry.weights, entry.architecture).name}/sources.json"


def weights_files(wildcards):
    """The user's file, or the sign that a released one has been fetched."""
    entry = entry_of(wildcards)
    if is_file(entry.weights):
        # As the user wrote it: the prefix of a module is for results.
        return {
            "weights": local(entry.x_weights if variant_of(wildcards) == "x" else entry.weights)
        }
    found = {"fetched": f"{RESULTS}/{wildcards.dataset}/{wildcards.net}/fetched.json"}
    if not is_torchvision(entry.weights):
        found["dataset"] = weights_dataset(wildcards)
    return found


def weights_digest(wildcards):
    """Of a released file; torchvision's has it in its name."""
    entry = entry_of(wildcards)
    if is_file(entry.weights) or is_torchvision(entry.weights):
        return None
    return digests_of(entry.weights)[released_weights(wildcards)["file"]]
