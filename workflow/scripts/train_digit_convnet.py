"""Train the network of the digit conversion, and its X-DNN from it (rule train_digit_convnet).

On all training images, for a fixed number of epochs: the test images choose nothing.
"""

from importlib.metadata import version

import pandas as pd
import torch
from lightning_fabric import Fabric

from experiments.data.tensors import ImageTensors
from experiments.digit_conversion.network import scale_input
from experiments.files import load_split, save_tensors
from experiments.job import Job
from experiments.networks.training import TrainingSettings, train
from experiments.seeds import job_seed
from xgradient.homogeneous import remove_biases
from xgradient.models import digit_convnet

with Job(snakemake) as job:
    files = snakemake.input
    splits = [load_split(path) for path in (files.train, files.validation)]
    # Grey values of 0 to 1: learning from 0 to 255 directly takes many more epochs, since the
    # logits start, and stay, hundreds of times too large for the softmax.
    data = ImageTensors(
        torch.cat([split.images for split in splits]),
        torch.cat([split.labels for split in splits]),
        mean=[0.0],
        std=[1.0],
    )
    fabric = Fabric(accelerator="cuda" if job.device.type == "cuda" else "cpu", devices=1)
    fabric.launch()
    histories = []

    def fit(model, network):
        """Train a net in place, with Adam as in the paper; a mirrored digit is no digit."""
        result = train(
            model,
            data,
            None,
            TrainingSettings(
                **snakemake.params[network],
                optimizer="adamw",
                weight_decay=0.0,
                horizontal_flip=False,
            ),
            job_seed(job.seed, network),
            fabric,
            progress=f"{job.label} {network}",
        )
        history = pd.DataFrame(result.history)[["epoch", "train_loss", "learning_rate"]]
        history.insert(0, "network", network)
        histories.append(history)

    regular = digit_convnet()
    fit(regular, "regular")
    x_net = remove_biases(regular)
    fit(x_net, "x")
    pd.concat(histories).to_csv(snakemake.output.history, index=False, float_format="%.6g")
    facts = job.facts([files.train, files.validation], lightning_fabric=version("lightning-fabric"))
    for network, model in {"regular": regular, "x": x_net}.items():
        scale_input(model, 1 / 255)
        save_tensors(snakemake.output[network], model.cpu().state_dict(), facts)
