"""Draw the pictures of the documentation: ``python docs/images/draw.py`` in the top folder.

They are written next to this file, or into the folder that is named. The nets are those of the page
quickstart.md, whose code is run first.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import seaborn as sns
import torch
from torch import Tensor

from xgradient.attribution import input_x_gradient, integrated_gradients, x_gradient

IMAGES = Path(__file__).parent
# Okabe and Ito's blue and vermilion, which colour-blind readers can tell apart.
X_DNN, REGULAR = "#0072b2", "#d55e00"


def quickstart(folder: Path) -> dict[str, Any]:
    """Run the code of the quickstart, keep its picture, and return its variables."""
    page = (IMAGES.parent / "quickstart.md").read_text()
    names: dict[str, Any] = {}
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as workplace:
        os.chdir(workplace)
        try:
            for block in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S):
                exec(block, names)
            shutil.copy("attributions.png", folder / "quickstart.png")
        finally:
            os.chdir(before)
    return names


def along_path(net: torch.nn.Module, inputs: Tensor, target: Tensor, alphas: Tensor) -> Any:
    """Logits (A, N), and distances (A, N) of the gradients from those at the end of the path."""
    logits, gradients = [], []
    for alpha in alphas:
        points = (alpha * inputs).requires_grad_()
        scores = net(points)[torch.arange(len(inputs)), target]
        (gradient,) = torch.autograd.grad(scores.sum(), points)
        logits.append(scores.detach())
        gradients.append(gradient.flatten(1))
    end = gradients[-1]
    distances = [(gradient - end).norm(dim=1) / end.norm(dim=1) for gradient in gradients]
    return torch.stack(logits), torch.stack(distances)


def draw(names: dict[str, Any], folder: Path) -> None:
    """Draw the picture of the first page."""
    nets = {"X-DNN": (names["x_dnn"], X_DNN), "regular net": (names["regular"], REGULAR)}
    inputs, target = names["images"][names["test"]][:40], names["labels"][names["test"]][:40]
    shown = 2
    alphas = torch.linspace(0.005, 1, 150)
    sns.set_theme(style="ticks", context="paper", font_scale=1.05)
    plt.rcParams |= {"svg.hashsalt": "xgradient", "svg.fonttype": "path"}
    figure = plt.figure(figsize=(8, 5.2), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[3, 2])
    logit_axis, gradient_axis = top.subplots(1, 2)
    for name, (net, colour) in nets.items():
        logits, distances = along_path(net, inputs, target, alphas)
        logit_axis.plot(alphas, logits[:, shown], color=colour, label=name, linewidth=2)
        logit_axis.plot([0, 1], [0, logits[-1, shown]], color=colour, linewidth=0.7, linestyle=":")
        gradient_axis.plot(alphas, 100 * distances, color=colour, linewidth=0.4, alpha=0.25)
        gradient_axis.plot(alphas, 100 * distances.mean(1), color=colour, label=name, linewidth=2)
    logit_axis.set(title="Output along the path", xlabel="α", ylabel="logit of α · image")
    gradient_axis.set(
        title="Gradient along the path",
        xlabel="α",
        ylabel="change of the gradient, %",
    )
    for axis in (logit_axis, gradient_axis):
        axis.set_xlim(0, 1)
        axis.legend(frameon=False)
    sns.despine(figure)

    row = slice(shown, shown + 1)
    (x_dnn, _), (regular, _) = nets.values()
    maps = {
        "X-DNN, XG\n1 gradient": x_gradient(x_dnn, inputs[row], target[row]),
        "X-DNN, IG\n128 gradients": integrated_gradients(x_dnn, inputs[row], target[row]),
        "regular, Input×Gradient\n1 gradient": input_x_gradient(regular, inputs[row], target[row]),
        "regular, IG\n128 gradients": integrated_gradients(regular, inputs[row], target[row]),
    }
    axes = bottom.subplots(1, 5)
    axes[0].imshow(inputs[shown, 0], cmap="gray")
    axes[0].set_title("image\n")
    limit = max(float(attribution.abs().max()) for attribution in maps.values())
    for axis, (title, attribution) in zip(axes[1:], maps.items(), strict=True):
        axis.imshow(attribution[0, 0], cmap="RdBu_r", vmin=-limit, vmax=limit)
        axis.set_title(title)
    for axis in axes:
        axis.set(xticks=[], yticks=[])
    figure.savefig(folder / "x_dnn.svg", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = Path(sys.argv[1] if len(sys.argv) > 1 else IMAGES).resolve()
    draw(quickstart(target), target)
