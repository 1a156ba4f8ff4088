"""Every mistake in a configuration is one line: the key, what it is, and what is allowed."""

from __future__ import annotations

import dataclasses

import pytest
import yaml

from experiments.config import ConfigError, check_config
from experiments.networks.architectures import architecture
from experiments.settings import merge


@pytest.fixture
def config(root):
    return yaml.safe_load((root / "config.yaml").read_text())


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        (
            {"networks": {"alexnet": {"dataset": "cifar10"}}},
            "networks.alexnet.dataset is 'cifar10', but must be one of fashion_mnist, imagenet",
        ),
        ({"networks": {"default": {"dataset": "mnits"}}}, "mnist; did you mean mnist?"),
        ({"results": ""}, "results is '', but must be the path of a folder"),
        (
            {"contrast": {"alfas": [1.0]}},
            "unknown key 'contrast.alfas'; did you mean alphas? allowed here: networks, variants, "
            "shards, alphas, batch_size, n_images",
        ),
        ({1: 2}, "unknown key '1'; allowed here: results, data, experiments"),
        ({"masking": None}, "masking is null, but must be a mapping with keys among networks"),
        (
            {"networks": {"alexnet": {"architecture": "lenet"}}},
            "networks.alexnet.architecture is 'lenet', but must be one of alexnet, "
            "fixup_resnet50, vgg16",
        ),
        (
            {"networks": {"alexnet": {"architecture": "torchvision/squeezenet"}}},
            "networks.alexnet.architecture is 'torchvision/squeezenet', but torchvision has no "
            "such classifier; did you mean torchvision/squeezenet1_",
        ),
        (
            {"networks": {"use": ["alexnett"]}},
            "networks.use.0 is 'alexnett', but must be one of the entries alexnet, vgg16, "
            "fixup_resnet50, squeezenet1_1; did you mean alexnet?",
        ),
        (
            {"networks": {"alexnet": {"regular": None, "x": None}}},
            "networks.alexnet.regular is null, but without weights a net must be trained",
        ),
        (
            {"networks": {"alexnet": {"weights": "squeezenet1_1_weights"}}},
            "networks.alexnet.weights is 'squeezenet1_1_weights', which has no weights for "
            "alexnet, only for torchvision/squeezenet1_1",
        ),
        (
            {"networks": {"alexnet": {"weights": "torchvision"}}},
            "networks.alexnet.weights is 'torchvision', but the architecture is alexnet",
        ),
        (
            {"networks": {"alexnet": {"preprocessing": {"mean": [0.5], "std": [0.5]}}}},
            "networks.alexnet.preprocessing.mean has 1 values, but RGB images have 3 channels",
        ),
        (
            {"networks": {"alexnet": {"settings": {"maskin": {}}}}},
            "networks.alexnet.settings.maskin is no experiment: did you mean masking?",
        ),
        (
            {"networks": {"alexnet": {"settings": {"masking": {"n_steps": 0}}}}},
            "networks.alexnet.settings.masking does not fit: n_steps is 0, but must be an integer",
        ),
        (
            {"experiments": ["accurasy"]},
            "experiments.0 is 'accurasy', but must be one of accuracy, mean_relative_difference",
        ),
        (
            {"folders": {"imagenett": "/images"}},
            "imagenett",
        ),
        (
            {"networks": {"use": []}},
            "networks.use is [], but must be a list of at least one entry",
        ),
        (
            {"networks": {"use": "alexnet"}},
            "networks.use is 'alexnet', but must be a list of at least one entry",
        ),
        (
            {"networks": {"alexnet": {"x": {"epoch": 1}}}},
            "unknown key 'networks.alexnet.x.epoch'; did you mean epochs?",
        ),
        (
            {"networks": {"alexnet": {"x": {"init": "random"}}}},
            "networks.alexnet.x.init is 'random', but must be one of stripped, scratch",
        ),
        (
            {"validation_images": 60000},
            "validation_images is 60000, but of 60000 training images of 10 classes "
            "(fashion_mnist) it can take from 10 to 59990",
        ),
        (
            {"ig_convergence": {"n_steps": [-1]}},
            "ig_convergence.n_steps.0 is -1, but must be an integer of at least 1",
        ),
        (
            {"ig_convergence": {"n_steps": [4, 4]}},
            "ig_convergence.n_steps lists 4 twice",
        ),
        (
            {"ig_convergence": {"n_steps": [1]}},
            "ig_convergence.n_steps is 1, but riemann_trapezoid needs at least 2 steps",
        ),
        (
            {"toys": {"method": "riemann_trapezoid", "n_steps": 1}},
            "toys.n_steps is 1, but riemann_trapezoid needs at least 2 steps",
        ),
        (
            {"mean_relative_difference": {"method": "riemann_trapezoid", "n_steps": 1}},
            "mean_relative_difference.n_steps is 1, but riemann_trapezoid needs at least 2 steps",
        ),
        (
            {"networks": {"vgg16": {"regular": {"learning_rate": "1e-3x"}}}},
            "networks.vgg16.regular.learning_rate is '1e-3x', but must be a number greater than 0",
        ),
        (
            {"training": {"settings": {"clip_norm": 0}}},
            "training.settings.clip_norm is 0, but must be a number greater than 0, or null (no "
            "clipping)",
        ),
        (
            {"training": {"settings": {"channels_last": "yes"}}},
            "training.settings.channels_last is 'yes', but must be true or false",
        ),
        (
            {"mean_relative_difference": {"n_images": {"float16": 3}}},
            "unknown key 'mean_relative_difference.n_images.float16'; did you mean bfloat16? "
            "allowed here: float32, float64, bfloat16, tf32",
        ),
        (
            {"networks": {"vgg16": {"dropout": 1.0}}},
            "networks.vgg16.dropout is 1.0, but must be a number of at least 0 and less than 1",
        ),
        ({"networks": {"vgg16": {"dropout": float("nan")}}}, "vgg16.dropout is nan, but must be"),
        ({"networks": {"vgg16": {"dropout": "nan"}}}, "dropout is 'nan', but must be a number"),
        (
            {"networks": {"alexnet": {"preprocessing": {"mean": [0.0, float("nan"), 0.0]}}}},
            "networks.alexnet.preprocessing.mean.1 is nan, but must be a number",
        ),
        (
            {"networks": {"alexnet": {"settings": {"contrast": {"alphas": [float("inf")]}}}}},
            "networks.alexnet.settings.contrast does not fit: alphas.0 is inf, but must be",
        ),
        ({"genomics": {"strong": float("inf")}}, "genomics.strong is inf, but must be a number"),
        ({"contrast": {"alphas": [1.0, 0.0]}}, "contrast.alphas.1 is 0.0, but must be a number"),
        ({"threads": True}, "threads is true, but must be an integer of at least 1"),
        ({"threads": 2.0}, "threads is 2.0, but must be an integer of at least 1"),
        ({"threads": "2.0"}, "threads is '2.0', but must be an integer of at least 1"),
        ({"contrast": {"alphas": ["010"]}}, "contrast.alphas.0 is '010', but must be a number"),
        ({"threads": "010"}, "threads is '010', but must be an integer of at least 1"),
        ({"threads": "1_0"}, "threads is '1_0', but must be an integer of at least 1"),
        ({"threads": 10**9 + 1}, "threads is 1000000001, but must be an integer of at least 1 and"),
        (
            {"ig_convergence": {"reference_steps": 256}},
            "ig_convergence.n_steps reaches 256, but the reference has only reference_steps = 256",
        ),
        (
            {"attribution_maps": {"networks": ["vgg16"]}, "networks": {"use": ["alexnet"]}},
            "attribution_maps.networks has vgg16, none of which is in networks.use: name some of "
            "alexnet, or null for all of them",
        ),
        (
            {"attribution_maps": {"n_images": 11}},
            "attribution_maps.n_images is 11, but fashion_mnist has only 10 classes",
        ),
        (
            {"attribution_maps": {"methods": ["x_gradient"]}},
            "attribution_maps.methods is x_gradient alone, which is not defined for the regular",
        ),
        (
            {"masking": {"kernel_size": 50}},
            "masking.kernel_size is 50, but must be an odd integer of at least 3, or null",
        ),
        (
            {"masking": {"kernel_size": 1}},
            "masking.kernel_size is 1, but must be an integer of at least 3, or null (51/224 of "
            "the image side)",
        ),
        (
            {"masking": {"methods": ["xgradient"]}},
            "masking.methods.0 is 'xgradient', but must be one of deconvolution, lrp_epsilon, "
            "deeplift_rescale, deeplift_revealcancel, expected_gradients, random, grad_cam, "
            "guided_grad_cam, gradient, input_x_gradient, guided_backprop, ig, x_gradient, "
            "occlusion, smooth_grad; did you mean x_gradient?",
        ),
        ({"masking": {"methods": ["rrr"]}}, "masking.methods.0 is 'rrr', but must be one of"),
        ({"masking": {"examples": {"fractions": [1.5]}}}, "masking.examples.fractions.0 is 1.5"),
        (
            {"masking": {"networks": ["vgg"]}},
            "masking.networks asks for vgg, but networks has only alexnet, vgg16, "
            "fixup_resnet50, squeezenet1_1; did you mean vgg16?",
        ),
        (
            {"masking": {"methods": ["x_gradient"]}},
            "masking.methods is x_gradient alone, which is not defined for the regular nets",
        ),
        (
            {
                "masking": {
                    "methods": ["x_gradient"],
                    "variants": ["x"],
                    "examples": {"variant": "regular"},
                }
            },
            "masking.methods is x_gradient alone, which is not defined for the regular nets of "
            "masking.examples.variant",
        ),
        (
            {"masking": {"fractions": {"minimum": 1.0}}},
            "masking.fractions.minimum is 1.0, but must be less than maximum, which is 1.0",
        ),
        (
            {"genomics": {"weights": ["released"]}},
            "genomics.weights.0 is 'released', but must be one of trained, published",
        ),
        (
            {"genomics": {"background": [0.3, 0.2, 0.2]}},
            "genomics.background is [0.3, 0.2, 0.2], but must be four numbers greater than 0",
        ),
        (
            {"genomics": {"background": [0.3, 0.2, 0.2, 0.2]}},
            "genomics.background sums to 0.9, but the frequencies of A, C, G and T must sum to 1",
        ),
        (
            {"genomics": {"length": 100}},
            "genomics.length is 100, but must be an integer of at least 153",
        ),
        (
            {"genomics": {"n_per_class": 401}},
            "genomics.n_per_class is 401, which makes 1604 sequences; without "
            "validation_sequences and test_sequences 4 are left to train on, fewer than one "
            "batch of 50",
        ),
        (
            {"attribution_prior": {"dataset": "nhanes1"}},
            "attribution_prior.dataset is 'nhanes1', but must be one of nhanes, nhanes18, nhefs; "
            "did you mean nhanes18?",
        ),
        (
            {"attribution_prior": {"fallback": "mnist"}},
            "attribution_prior.fallback is 'mnist', but must be one of nhanes, nhanes18, nhefs",
        ),
        (
            {"attribution_prior": {"fallback": 3}},
            "attribution_prior.fallback is 3, but must be one of nhanes, nhanes18, nhefs, or null "
            "(stop with an error)",
        ),
        (
            {"attribution_prior": {"fallback": "nhefs"}},
            "attribution_prior.fallback is nhefs, the same as dataset: name another one, or null",
        ),
        (
            {"attribution_prior": {"lambdas": [1.0, 0]}},
            "attribution_prior.lambdas.1 is 0, but must be a number greater than 0",
        ),
        (
            {"attribution_prior": {"methods": ["x_gradient", "ig"]}},
            "attribution_prior.methods.1 is 'ig', but must be one of expected_gradients, gradient",
        ),
        (
            {"attribution_prior": {"methods": ["unregularised", "gradient"]}},
            "attribution_prior.methods is unregularised, gradient, but must include x_gradient",
        ),
        (
            {"attribution_prior": {"n_repetitions": 1}},
            "attribution_prior.n_repetitions is 1, but must be an integer of at least 2",
        ),
        (
            {"attribution_prior": {"settings": {"n_train": 1}}},
            "attribution_prior.settings.n_train is 1, but must be an integer of at least 2",
        ),
        (
            {"attribution_prior": {"shards": 31}},
            "attribution_prior.shards is 31, but there are only 20 repetitions to share: lower it",
        ),
        (
            {"attribution_prior": {"settings": {"n_train": 1600}}},
            "attribution_prior.settings.n_train is 1600, which with n_validation makes 1700 of the "
            "1629 rows of nhefs and leaves none to test on: lower them",
        ),
        (
            {"masking": {"shards": 9}},
            "masking.shards asks for 9 shards, but only 4 have work (alexnet: 100 images in "
            "batches of 25): ask for at most 4, or lower batch_size",
        ),
        (
            {"masking": {"shards": 401, "n_images": None}},
            "masking.shards asks for 401 shards, but only 400 have work (alexnet: 10000 images in "
            "batches of 25)",
        ),
        (
            {"accuracy": {"shards": 101}},
            "accuracy.shards asks for 101 shards, but only 100 have work (alexnet: 10000 images",
        ),
        (
            {"attribution_maps": {"shards": 5}},
            "attribution_maps.shards asks for 5 shards, but only 4 have work (alexnet: 4 images): "
            "ask for at most 4",
        ),
        (
            {"mean_relative_difference": {"shards": 6}},
            "mean_relative_difference.shards asks for 6 shards, but only 4 have work (alexnet: 64 "
            "images in batches of 16)",
        ),
        (
            {"masking": {"kernel_size": 57}},
            "masking.kernel_size is 57, but the images of alexnet have 28 pixels, which a blur of "
            "at most 55 can reflect",
        ),
        (
            {"masking": {"n_images": 1}},
            "masking.n_images leaves one image of fashion_mnist, but bootstrap intervals need two",
        ),
        (
            {"masking": {"variants": ["regular"], "examples": {"variant": "regular"}}},
            "masking.methods has x_gradient, but masking.variants has only regular nets, for which "
            "it is not defined: leave it out, or add x",
        ),
        (
            {"attribution_maps": {"variants": ["regular"]}},
            "attribution_maps.methods has x_gradient, but attribution_maps.variants has only",
        ),
        (
            {"ig_convergence": {"methods": ["riemann_left"]}},
            "ig_convergence.methods is riemann_left, but must include gausslegendre",
        ),
        (
            {"training": {"settings": {"batch_size": 55001}}},
            "training.settings.batch_size does not fit networks.alexnet.regular: 55000 training "
            "inputs are fewer than one batch of 55001: lower batch_size",
        ),
        (
            {"training": {"settings": {"accumulate": 3}}},
            "training.settings.batch_size does not fit networks.alexnet.regular: batch_size 128 "
            "cannot be divided equally among 1 process(es) with 3 pass(es) each",
        ),
        (
            {"training": {"devices": 3}},
            "batch_size 128 cannot be divided equally among 3 process(es)",
        ),
        (
            {"limit_images": 100},
            "training.settings.batch_size does not fit networks.alexnet.regular: 100 training",
        ),
        (
            {"limit_images": 3, "training": {"settings": {"batch_size": 2}}},
            "saturation.n_images is 4, but only 3 test images of fashion_mnist are used",
        ),
        (
            {"networks": {"alexnet": {"geometry": "imagenet"}}},
            "networks.alexnet.geometry is imagenet, for which alexnet needs images of at least 63 "
            "pixels, but those of fashion_mnist have 28: use small",
        ),
        (
            {"digit_conversion": {"n_images": 10001}},
            "digit_conversion.n_images is 10001 of each class, but only 10000 test images of mnist",
        ),
        (
            {"digit_conversion": {"x": {"batch_size": 60001}}},
            "digit_conversion.x.batch_size is 60001, but there are only 60000 training images",
        ),
        (
            {"attribution_prior": {"eg_references": {"lambda": 2.0}}},
            "attribution_prior.eg_references.lambda is 2.0, but must be one of "
            "attribution_prior.lambdas: 0.01, 0.1, 1.0, 10.0, 100.0",
        ),
        (
            {"attribution_prior": {"eg_references": {"strength": 1.0}}},
            "unknown key 'attribution_prior.eg_references.strength'; allowed here: n_references, "
            "lambda, n_repetitions",
        ),
        (
            {"attribution_prior": {"eg_references": {"n_repetitions": 31}}},
            "attribution_prior.eg_references.n_repetitions is 31, but must be at most "
            "attribution_prior.n_repetitions, which is 20",
        ),
        (
            {"attribution_prior": {"integrated_gradients": {"epochs": 101}}},
            "attribution_prior.integrated_gradients.epochs is 101, but must be at most "
            "attribution_prior.settings.epochs, which is 100",
        ),
        (
            {"digit_conversion": {"tasks": [[8, 8]]}},
            "digit_conversion.tasks.0 is [8, 8], but must be two different digits",
        ),
        (
            {"digit_conversion": {"tasks": [[8, 10]]}},
            "digit_conversion.tasks.0.1 is 10, but must be an integer of at least 0 and at most 9",
        ),
        (
            {"digit_conversion": {"erasing": ["fixed"]}},
            "digit_conversion.erasing is ['fixed'], but must be a list of published and, if wanted",
        ),
        (
            {"digit_conversion": {"n_pixels": 784}},
            "digit_conversion.n_pixels is 784, but must be an integer of at least 1 and at most "
            "783",
        ),
        (
            {"digit_conversion": {"example": {"weights": "published"}}},
            "digit_conversion.example.weights is published, but digit_conversion.weights has only "
            "trained",
        ),
        (
            {"digit_conversion": {"tasks": [[9, 1]]}},
            "digit_conversion.example.task is [8, 6], but digit_conversion.tasks has only [9, 1]",
        ),
    ],
)
def test_mistakes_are_one_line(config, overlay, message):
    for given in (overlay, merge(config, overlay)):
        with pytest.raises(ConfigError) as raised:
            check_config(given)
        assert message in str(raised.value)
        assert "\n" not in str(raised.value)
        assert str(raised.value).startswith("config: ")


def test_a_method_that_needs_a_convolution_is_refused_on_a_net_without_one(monkeypatch):
    dense = dataclasses.replace(architecture("vgg16"), convolutional=False)
    monkeypatch.setattr(
        "experiments.config_limits.architecture",
        lambda key: dense if key == "vgg16" else architecture(key),
    )
    check_config({"masking": {"networks": ["alexnet"]}})
    with pytest.raises(ConfigError) as raised:
        check_config({"masking": {"networks": ["alexnet", "vgg16"]}})
    assert str(raised.value) == (
        "config: masking.methods has grad_cam, which needs a convolution layer, but vgg16 (VGG16) "
        "has none: leave it out, or give methods for this net in networks.vgg16.settings.masking"
    )
    own = {"vgg16": {"settings": {"masking": {"methods": ["x_gradient", "gradient"]}}}}
    check_config({"masking": {"networks": ["alexnet", "vgg16"]}, "networks": own})
