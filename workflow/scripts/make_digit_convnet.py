"""Train the network of the digit conversion, or read its released weights; and make its X-DNN.

Rule make_digit_convnet. No epoch is chosen: the last one counts, and the test images are seen once.
"""

from importlib.metadata import version

import pandas as pd
import torch
from lightning_fabric import Fabric

from workflow.common.files import load_split, save_tensors, verified_files
from workflow.common.job import Job, write_facts
from workflow.common.seeds import job_seed
from xgradient.data.tensors import ImageTensors, loader
from xgradient.digits import digit_convnet, load_digit_convnet
from xgradient.evaluation import evaluate
from xgradient.homogeneous import remove_biases
from xgradient.training import TrainingSettings, train

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    weights = snakemake.wildcards.weights

    def grey_values(*paths):
        """Read splits as one, handed out as grey values of 0 to 255, up to rounding."""
        splits = [load_split(path) for path in paths]
        images = torch.cat([split.images for split in splits])
        return ImageTensors(images, torch.cat([s.labels for s in splits]), [0.0], [1 / 255])

    training_data = grey_values(files.train, files.validation)
    test_data = grey_values(files.test)
    fabric = Fabric(accelerator="cuda" if job.device.type == "cuda" else "cpu", devices=1)
    fabric.launch()
    histories = []

    def fit(model, network, settings):
        """Train a net in place, with Adam as in the paper; a mirrored digit is no digit."""
        result = train(
            model,
            training_data,
            None,
            TrainingSettings(
                **settings, optimizer="adamw", weight_decay=0.0, horizontal_flip=False
            ),
            job_seed(job.seed, network),
            fabric,
            progress=f"{job.label} {network}",
        )
        history = pd.DataFrame(result.history)[["epoch", "train_loss", "learning_rate"]]
        history.insert(0, "network", network)
        histories.append(history.iloc[1:])  # nothing is measured before the first epoch

    if weights == "published":
        released = verified_files(files.table, "deeplift_mnist", params.data)
        regular = load_digit_convnet(released["keras2_mnist_cnn_allconv.h5"])
        sources = list(released.values())
    else:
        regular, sources = digit_convnet(), []
        fit(regular, "regular", params.training)
    x_net = remove_biases(regular)
    fit(x_net, "x", params.x)

    facts = job.facts(
        [files.train, files.validation, files.test, *sources],
        lightning_fabric=version("lightning-fabric"),
    )
    rows = []
    for network, model in {"regular": regular, "x": x_net}.items():
        model.to(job.device)
        measured = evaluate(model, loader(test_data, 100), job.device)
        rows.append(
            {
                "weights": weights,
                "network": network,
                "top1": measured["top1"],
                "n_images": len(test_data),
            }
        )
        state = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
        save_tensors(snakemake.output[network], state, facts)
        job.log.info("%s %s: test accuracy %.2f %%", weights, network, rows[-1]["top1"])
    pd.DataFrame(rows).to_csv(snakemake.output.accuracy, index=False)
    pd.concat(histories).to_csv(snakemake.output.history, index=False, float_format="%.6g")
    write_facts(snakemake.output.facts, facts)
