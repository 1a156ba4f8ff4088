"""Attribution maps in the results of the smoke run."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open

from tests.pipeline.helpers import settings_of


@pytest.mark.parametrize("network", ["alexnet", "squeezenet1_1"])
def test_maps_of_the_x_net_agree_and_scale_with_the_contrast(results, run_config, network):
    settings = settings_of(run_config, "attribution_maps", network).model_dump()
    dataset = run_config["networks"][network]["dataset"]
    path = results / dataset / f"{network}-attribution_maps/1-of-1.safetensors"
    with safe_open(str(path), framework="pt") as file:
        header = file.metadata()
        maps = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    alphas = json.loads(header["alphas"])
    columns = json.loads(header["columns"])
    assert alphas == list(settings["alphas"]) and len(alphas) > 1
    assert columns == [
        f"{variant}/{method}"
        for variant in settings["variants"]
        for method in settings["methods"]
        if (variant, method) != ("regular", "x_gradient")
    ]
    assert len(json.loads(header["classes"])) == settings["n_images"]
    assert set(maps) == {f"{name}/{alpha}" for name in (*columns, "image") for alpha in alphas}

    def agree(first, second):
        scale = second.abs().max()
        assert scale > 0
        torch.testing.assert_close(first / scale, second / scale, rtol=1e-3, atol=1e-4)

    for alpha in alphas:
        exact = maps[f"x/x_gradient/{alpha}"]
        agree(maps[f"x/ig/{alpha}"], exact)
        agree(maps[f"x/input_x_gradient/{alpha}"], exact)
        agree(exact, alpha * maps["x/x_gradient/1.0"])
