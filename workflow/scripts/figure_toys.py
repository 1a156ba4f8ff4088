"""Attribute the toy functions along their lines, and plot what comes out (rule figure_toys)."""

import pandas as pd
import torch

from experiments.figures import save_figure
from experiments.job import Job, write_facts
from experiments.toys.figure import plot_toys
from experiments.toys.functions import TOY_ATTRIBUTIONS, TOYS, attribute_toy

with Job(snakemake) as job:
    settings = snakemake.params.settings
    frames = []
    for name, toy in TOYS.items():
        points = toy.line(settings["n_points"])
        with torch.no_grad():
            output = toy.network(points).squeeze(1)
        for method in TOY_ATTRIBUTIONS:
            attributions = attribute_toy(toy, method, points, settings["n_steps"])
            for index, input_name in enumerate(toy.inputs):
                frames.append(
                    pd.DataFrame(
                        {
                            "toy": name,
                            "formula": toy.formula,
                            "along": toy.along,
                            "position": points[:, 0].numpy(),
                            "output": output.numpy(),
                            "method": method,
                            "input": input_name,
                            "attribution": attributions[:, index].numpy(),
                        }
                    )
                )
    table = pd.concat(frames, ignore_index=True)
    table.to_csv(snakemake.output.table, index=False)
    save_figure(plot_toys(table), snakemake.output.pdf, snakemake.output.png)
    write_facts(snakemake.output.facts, job.facts())
