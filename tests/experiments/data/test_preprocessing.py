import json

import pytest
import torch

from experiments.data.preprocessing import Preprocessing

IMAGENET = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), resize=256, crop=224)
CAFFE = Preprocessing((104.0, 117.0, 123.0), (1.0, 1.0, 1.0), "BGR", 255.0, 227, 227)
GREY = Preprocessing((0.25,), (0.5,), "grey")


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 4, 5), generator=generator).to(torch.uint8)


def test_the_published_space_is_that_of_torchvision(images):
    from torchvision.transforms.v2.functional import normalize, to_dtype

    expected = normalize(to_dtype(images, torch.float32, scale=True), IMAGENET.mean, IMAGENET.std)
    torch.testing.assert_close(IMAGENET.normalise(images), expected)


def test_bgr_of_255_is_the_reversed_image_minus_its_means(images):
    red, green, blue = images.float().unbind(1)
    expected = torch.stack([blue - 104, green - 117, red - 123], dim=1)
    torch.testing.assert_close(CAFFE.normalise(images), expected, rtol=0, atol=0)


@pytest.mark.parametrize("preprocessing", [IMAGENET, CAFFE])
def test_denormalise_returns_the_image(preprocessing, images):
    shown = preprocessing.denormalise(preprocessing.normalise(images))
    torch.testing.assert_close(shown, images / 255.0, rtol=0, atol=1e-6)


def test_zero_is_the_mean_colour():
    assert GREY.denormalise(torch.zeros(1, 1, 2, 2)).unique().tolist() == [0.25]
    shown = CAFFE.denormalise(torch.zeros(1, 3, 1, 1)).flatten() * 255
    torch.testing.assert_close(shown, torch.tensor([123.0, 117.0, 104.0]))


def test_the_view_names_the_geometry_alone():
    assert (IMAGENET.view, CAFFE.view, GREY.view) == ("256-224", "227-227", "native")


@pytest.mark.parametrize("preprocessing", [IMAGENET, CAFFE, GREY])
def test_json_keeps_it(preprocessing):
    stored = json.loads(json.dumps(preprocessing.as_mapping()))
    assert Preprocessing.from_mapping(stored) == preprocessing


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mean": (0.5,), "std": (0.5,)}, "mean must have 3 values for RGB images"),
        ({"mean": (0.5,) * 3, "std": (0.5, 0.5, 0.0)}, "std must be positive"),
        ({"mean": (0.5,), "std": (0.5,), "order": "CMYK"}, "order must be grey, RGB or BGR"),
    ],
)
def test_mistakes_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        Preprocessing(**arguments)


def test_images_of_another_kind_are_refused(images):
    with pytest.raises(ValueError, match="3 channels for a network that takes grey"):
        GREY.normalise(images)
