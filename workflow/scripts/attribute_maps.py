"""Attribution maps of a few images at several contrasts, for the figure (rule attribute_maps)."""

import json

from safetensors.torch import save_file

from experiments.data.tensors import denormalise
from experiments.files import load_split, split_facts
from experiments.job import Job
from experiments.networks.checkpoints import load_model
from xgradient.attribution import input_x_gradient, integrated_gradients, x_gradient

with Job(snakemake) as job:
    settings = snakemake.params.settings
    data = load_split(snakemake.input.test)
    # The first image of each of the first classes: chosen by rule, not by looks.
    chosen = [int((data.labels == label).nonzero()[0]) for label in range(settings["n_images"])]
    inputs, labels = data.__getitems__(chosen)
    inputs, labels = inputs.to(job.device), labels.to(job.device)
    methods = {
        "Input×Gradient": input_x_gradient,
        "IG": lambda *arguments: integrated_gradients(*arguments, n_steps=settings["n_steps"]),
        "XG": x_gradient,
    }
    tensors = {}
    for variant, path in zip(snakemake.params.variants, snakemake.input.models, strict=True):
        model = load_model(path).to(job.device)
        for alpha in settings["alphas"]:
            faded = alpha * inputs
            tensors[f"image/{alpha}"] = denormalise(faded, data.mean, data.std)
            for method, attribute in methods.items():
                if method == "XG" and variant == "regular":
                    continue  # not defined: the regular net is not homogeneous
                attributions = attribute(model, faded, labels)
                tensors[f"{variant}/{method}/{alpha}"] = attributions.mean(dim=1)
    names = split_facts(snakemake.input.test)["class_names"]
    facts = job.facts([*snakemake.input.models, snakemake.input.test], image_indices=chosen)
    save_file(
        {name: tensor.cpu().contiguous() for name, tensor in tensors.items()},
        snakemake.output[0],
        metadata={
            "classes": json.dumps([names[label] for label in labels.tolist()]),
            "alphas": json.dumps(settings["alphas"]),
            "facts": json.dumps(facts),
        },
    )
