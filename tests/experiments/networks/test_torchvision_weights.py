"""Weights that torchvision releases, as entries of the catalogue."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest
import torch
import torchvision

from experiments.data.fetch import FetchError, fetch_dataset
from experiments.data.preprocessing import Preprocessing
from experiments.data.weight_section import NetworkInputs
from experiments.networks.torchvision_weights import torchvision_dataset


def test_an_entry_says_what_torchvision_says():
    dataset = torchvision_dataset("squeezenet1_1")
    weights = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1
    assert dataset.name == "torchvision_squeezenet1_1_imagenet1k_v1"
    (source,), (file,) = dataset.sources, dataset.files
    assert source.url.replace("{name}", file.name) == weights.url
    assert file.name == "squeezenet1_1-b8a52dc0.pth" and file.digest == "sha256_prefix:b8a52dc0"
    assert dataset.weights.files == {"torchvision/squeezenet1_1": {"regular": file.name}}
    assert list(dataset.weights.classes) == weights.meta["categories"]
    assert (dataset.weights.format, dataset.weights.outputs) == ("torch", "imagenet")
    # The same numbers as torchvision's own transform of an image of that size.
    preprocessing = Preprocessing.from_mapping(dataset.weights.preprocessing.as_mapping())
    assert preprocessing.view == "256-224"
    image = torch.randint(256, (1, 3, 256, 256), dtype=torch.uint8)
    cropped = image[..., 16:240, 16:240]
    torch.testing.assert_close(preprocessing.normalise(cropped), weights.transforms()(image))


def test_weights_have_names():
    first, best = (torchvision_dataset("resnet50", name) for name in ("IMAGENET1K_V1", "DEFAULT"))
    assert first.files != best.files and best.name == "torchvision_resnet50_imagenet1k_v2"
    assert best.weights.preprocessing.resize == 232


@pytest.mark.parametrize(
    ("name", "weights", "said"),
    [
        ("squeezenet11", "DEFAULT", r"no classifier of images 'squeezenet11'; similar ones are sq"),
        ("?", "DEFAULT", r"no classifier of images '\?'; it has alexnet, "),
        ("fcn_resnet50", "DEFAULT", "no classifier of images 'fcn_resnet50'"),
        ("quantized_resnet18", "DEFAULT", "no classifier of images 'quantized_resnet18'"),
        ("alexnet", "V2", "no weights 'V2' of alexnet; it has IMAGENET1K_V1, DEFAULT"),
        ("swin_t", "DEFAULT", "swin_t IMAGENET1K_V1 .* resized by bicubic interpolation"),
    ],
)
def test_what_torchvision_does_not_have(name, weights, said):
    with pytest.raises(ValueError, match=said):
        torchvision_dataset(name, weights)


def test_a_file_from_the_mirror_is_verified(tmp_path):
    (tmp_path / "mirror" / "torchvision").mkdir(parents=True)
    path = tmp_path / "mirror" / "torchvision" / "squeezenet1_1-b8a52dc0.pth"
    path.write_bytes(b"other weights")
    dataset = torchvision_dataset("squeezenet1_1").model_copy(update={"sources": ()})
    with pytest.raises(FetchError, match=r"the bytes are not the expected ones \(sha256 "):
        fetch_dataset(dataset, tmp_path / "out", mirror=str(tmp_path / "mirror"))


def test_torchvision_is_imported_with_the_first_entry():
    code = (
        "import sys, experiments.networks.torchvision_weights;"
        "print([name for name in ('torch', 'torchvision') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_entries_describe_inputs_as_networks_take_them():
    assert {field.name for field in fields(Preprocessing)} == set(NetworkInputs.model_fields)
    inputs = NetworkInputs(
        mean=(1.0, 2.0, 3.0), std=(1.0, 1.0, 2.0), order="BGR", full_range=255, resize=9, crop=8
    )
    assert Preprocessing.from_mapping(inputs.as_mapping()) == Preprocessing(
        (1.0, 2.0, 3.0), (1.0, 1.0, 2.0), "BGR", 255.0, 9, 8
    )
