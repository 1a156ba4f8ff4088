"""Jobs and bytes of a configuration, against known numbers and against files that are written."""

from __future__ import annotations

import pytest
import torch
from safetensors import safe_open

from experiments.attributed_images import attribute_blocks
from experiments.config import check_config
from experiments.data.stores import StoreWriter
from experiments.masking.run import score_blocks
from experiments.model_files import image_shape
from experiments.networks.checkpoints import build_network, save_model
from experiments.planned_work import planned_work, store_bytes
from experiments.planning import split_sizes
from experiments.settings import merge
from experiments.shards import blocks_of, shard_of
from tests.experiments.helpers import attributions
from tests.experiments.pixels import random_images

PUBLISHED = {
    "networks": {
        "use": ["alexnet"],
        "default": {"dataset": "imagenet", "geometry": "imagenet", "weights": "xdnn_weights"},
        "alexnet": {"regular": None, "x": None},
    },
    "accuracy": {"variants": ["regular", "x"]},
    "masking": {
        "networks": ["alexnet"],
        "n_images": None,
        "batch_size": 32,
        "methods": ["ig", "x_gradient", "input_x_gradient", "gradient", "expected_gradients"],
    },
    "attribution_maps": {"networks": ["alexnet"]},
}


def by_subject(config: dict, **shards: int) -> dict:
    entries = planned_work(check_config(config), shards)
    return {(entry.rule, entry.subject): entry for entry in entries}


def tensor_bytes(path) -> int:
    with safe_open(str(path), framework="pt") as file:
        tensors = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def test_the_images_of_a_run():
    config = check_config({"networks": {"use": ["alexnet", "squeezenet1_1"]}})
    assert split_sizes(config, "fashion_mnist") == {
        "train": 55_000,
        "validation": 5_000,
        "test": 10_000,
    }
    few = {"limit_images": 100, "validation_images": 20, "experiments": ["accuracy"]}
    limited = check_config({**few, "training": {"settings": {"batch_size": 50}}})
    assert split_sizes(limited, "fashion_mnist") == {"train": 100, "validation": 20, "test": 100}
    assert image_shape(config.networks.used["alexnet"]) == (1, 28, 28)
    assert image_shape(config.networks.used["squeezenet1_1"]) == (3, 227, 227)


def test_a_store_has_the_predicted_bytes(tmp_path):
    images = torch.zeros(7, 3, 5, 4, dtype=torch.uint8)
    with StoreWriter(tmp_path, {}, shard_bytes=200) as store:
        store.append(images, torch.arange(7))
    shards = list(tmp_path.glob("*.safetensors"))
    assert len(shards) == 3
    assert sum(map(tensor_bytes, shards)) == store_bytes(7, (3, 5, 4)) == 7 * (60 + 8)


def test_published_networks_on_imagenet():
    entries = by_subject(PUBLISHED, accuracy=3, masking=64)
    store = entries["prepare_images", "imagenet/256-224-test"]
    assert (store.decoded, store.written) == (50_000, 50_000 * (3 * 224**2 + 8))
    assert ("prepare_images", "imagenet/256-224-validation") not in entries
    assert entries["index_images", "imagenet"].work.images == 1_281_167 + 50_000
    # AlexNet has 61,100,840 parameters, of which 10,344 are biases.
    assert entries["read_weights", "alexnet-regular"].written == 4 * 61_100_840
    assert entries["read_weights", "alexnet-x"].written == 4 * (61_100_840 - 10_344)
    accuracy = entries["measure_accuracy", "alexnet-regular"]
    assert (accuracy.jobs, accuracy.work.forward, accuracy.blocks) == (3, 50_000, 500)
    assert accuracy.read == 50_000 * 3 * 224**2 + 3 * 4 * 61_100_840
    attributed = entries["attribute_masking", "alexnet-regular"]
    # Four of the five methods are defined for nets with biases; one of them draws images.
    assert (attributed.jobs, attributed.blocks) == (64, 1563)
    assert attributed.written == 50_000 * 4 * 224**2 * 4 and not attributed.kept
    assert attributed.decoded == 50_000
    assert not any(rule in ("train", "strip_biases") for rule, _ in entries)


def test_a_network_is_made_from_what_it_starts_from():
    entries = planned_work(check_config({"networks": {"use": ["alexnet"]}}))
    made = [
        (entry.rule, entry.subject)
        for entry in entries
        if entry.rule in ("train", "strip_biases", "read_weights")
    ]
    assert made == [
        ("train", "alexnet-regular"),
        ("strip_biases", "alexnet-stripped"),
        ("train", "alexnet-x"),
    ]
    scratch = {"use": ["alexnet"], "alexnet": {"x": {"init": "scratch"}}}
    overlay = {"networks": scratch, "experiments": ["contrast"]}
    rules = [rule for rule, _ in by_subject(overlay)]
    assert rules == ["prepare_dataset", "train", "train", "measure_contrast", "measure_contrast"]


def test_training_on_image_files_decodes_them_in_every_epoch():
    training = {"regular": {"epochs": 2}, "x": {"epochs": 1}}
    networks = merge(PUBLISHED["networks"], {"default": {"weights": None}, "alexnet": training})
    entries = by_subject({**PUBLISHED, "networks": networks, "validation_images": 1167})
    trained = entries["train", "alexnet-regular"]
    # 1,280,000 images are left to train on: 10,000 batches of 128.
    assert trained.decoded == trained.work.training == 2 * 1_280_000
    assert trained.work.forward == 3 * 1167
    assert trained.read == 3 * 1167 * 3 * 224**2
    assert entries["prepare_images", "imagenet/256-224-validation"].decoded == 1167


@pytest.mark.parametrize("bias", [True, False])
def test_a_model_file_has_the_predicted_bytes(tmp_path, bias):
    builder = "xgradient.models.alexnet:AlexNet"
    arguments = {"num_classes": 10, "in_channels": 1, "bias": bias, "geometry": "small"}
    path = tmp_path / "model.safetensors"
    save_model(build_network(builder, arguments), path, builder, arguments)
    entries = by_subject({"networks": {"use": ["alexnet"]}})
    found = entries["train", "alexnet-regular" if bias else "alexnet-x"]
    assert found.written == tensor_bytes(path)


def test_tensors_between_jobs_have_the_predicted_bytes():
    masking = {
        "networks": ["alexnet"],
        "n_images": 5,
        "batch_size": 2,
        "methods": ["gradient", "random"],
        "fractions": {"count": 3},
        "insertion_deletion": 4,
        "shards": 2,
    }
    entries = by_subject({"networks": {"use": ["alexnet"]}, "masking": masking})
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 28**2, 3))
    data = random_images(5, seed=0, side=28)
    settings = {
        "fractions": {"minimum": 0.01, "maximum": 1.0, "count": 3},
        "insertion_deletion": 4,
        "masked_batch_size": 8,
        "kernel_size": None,
        "sigma": None,
    }
    written = {"attribute_masking": 0, "evaluate_masking": 0}
    for shard in ("1-of-2", "2-of-2"):
        blocks = shard_of(blocks_of(range(5), 2), shard)
        means = attribute_blocks(net, data, data, blocks, attributions("gradient", "random"), 0)
        scores = score_blocks(net, data, means, blocks, settings)
        for rule, tensors in (("attribute_masking", means), ("evaluate_masking", scores)):
            written[rule] += sum(t.numel() * t.element_size() for t in tensors.values())
    for rule, size in written.items():
        assert entries[rule, "alexnet-regular"].written == size


def test_baselines_read_training_images():
    own = {"networks": ["alexnet"], "n_images": 10, "batch_size": 4, "n_steps": 3, "shown": 1}
    entries = by_subject({"networks": {"use": ["alexnet"]}, "baselines": {**own, "shards": 2}})
    found = entries["measure_baselines", "alexnet-regular"]
    assert (found.jobs, found.blocks, found.decoded) == (2, 3, 0)
    # Three references for ten images, and twice for the one that is shown; the mean in both jobs.
    assert found.work.references == 3 * (10 + 2) + 2 * 5000
    everything = {**own, "mean_images": None, "compared": ["zero", "training_mean"]}
    entries = by_subject({"networks": {"use": ["alexnet"]}, "baselines": everything})
    assert entries["measure_baselines", "alexnet-x"].work.references == 55_000
    published = by_subject({**PUBLISHED, "baselines": own})
    found = published["measure_baselines", "alexnet-x"]
    assert found.decoded == found.work.references == 3 * (10 + 2) + 5000


def test_images_of_any_size_are_refused():
    space = {"mean": [0.5] * 3, "std": [0.5] * 3}
    networks = merge(PUBLISHED["networks"], {"alexnet": {"preprocessing": space}})
    with pytest.raises(ValueError, match="images of imagenet have the size of their files"):
        planned_work(check_config({**PUBLISHED, "networks": networks}))
