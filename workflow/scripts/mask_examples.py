"""Mask a few images by every attribution method, for the figure (rule mask_examples)."""

import json

import torch

from experiments.data.tensors import denormalise
from experiments.files import load_split, save_tensors, split_facts
from experiments.job import Job
from experiments.masking.run import attribute_blocks, blurred, methods_for
from experiments.networks.checkpoints import load_model
from xgradient.masking import kept_pixels

with Job(snakemake) as job:
    settings = snakemake.params.settings
    examples = settings["examples"]
    data = load_split(snakemake.input.test)
    # The first image of each of the first classes: chosen by rule, not by looks.
    chosen = [int((data.labels == label).nonzero()[0]) for label in range(examples["n_images"])]
    methods = methods_for(settings["methods"], examples["variant"])
    model = load_model(snakemake.input.model).to(job.device).eval()
    training = load_split(snakemake.input.train)
    means = attribute_blocks(
        model,
        data,
        training,
        [chosen],
        methods,
        settings["n_steps"],
        job.seed,
        dtype=getattr(torch, settings["precision"][examples["variant"]]),
    )
    inputs, labels = (part.to(job.device) for part in data.__getitems__(chosen))
    replacement = blurred(inputs, settings["kernel_size"], settings["sigma"])

    def shown(images):
        """Return images to look at, and the logits of their true labels."""
        with torch.no_grad():
            logits = model(images).gather(1, labels[:, None]).squeeze(1)
        return denormalise(images, data.mean, data.std), logits

    tensors = {}
    tensors["image"], tensors["image/logit"] = shown(inputs)
    tensors["blurred"], tensors["blurred/logit"] = shown(replacement)
    for method, mean in means.items():
        tensors[f"{method}/map"] = mean.squeeze(1)
        kept = [
            kept_pixels(mean, "KPM", fraction).to(job.device) for fraction in examples["fractions"]
        ]
        masked = [shown(torch.where(pixels, inputs, replacement)) for pixels in kept]
        tensors[f"{method}/masked"] = torch.stack([images for images, _ in masked], dim=1)
        tensors[f"{method}/logit"] = torch.stack([logits for _, logits in masked], dim=1)
    names = split_facts(snakemake.input.test)["class_names"]
    save_tensors(
        snakemake.output[0],
        {name: tensor.cpu().contiguous() for name, tensor in tensors.items()},
        job.facts(
            [snakemake.input.model, snakemake.input.test, snakemake.input.train],
            image_indices=chosen,
        ),
        classes=json.dumps([names[label] for label in labels.tolist()]),
        fractions=json.dumps(examples["fractions"]),
        methods=json.dumps(methods),
    )
