"""Names of nets for readers."""

from __future__ import annotations

import pandas as pd

from experiments.networks.labels import datasets_of, network_names, variant_names

ROWS = [
    ("fashion_mnist", "alexnet", "alexnet", "regular"),
    ("imagenette", "squeezenet1_0", "torchvision/squeezenet1_0", "x"),
    ("imagenette", "ten", "torchvision/squeezenet1_0", "stripped"),
    ("imagenette", "regnet_x_400mf", "torchvision/regnet_x_400mf", "x"),
]
TABLE = pd.DataFrame(
    ROWS, columns=["dataset", "network", "architecture", "variant"], index=range(4)
)


def test_a_name_in_the_configuration_is_added_where_it_says_more():
    assert network_names(TABLE).tolist() == [
        "AlexNet",
        "SqueezeNet 1.0",
        "SqueezeNet 1.0 (ten)",
        "regnet_x_400mf",
    ]
    assert variant_names(TABLE).tolist() == ["regular", "X-DNN", "stripped", "X-DNN"]
    assert datasets_of(TABLE) == "fashion_mnist, imagenette"


def test_rows_keep_their_index():
    some = TABLE[TABLE["variant"] == "x"]
    assert network_names(some).index.tolist() == [1, 3]
