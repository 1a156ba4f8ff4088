"""What runs on a GPU, on a GPU: skipped where there is none.

Exact claims are judged in float64; in float32 the bounds leave room for other devices.
"""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from experiments.data.tensors import ImageTensors
from experiments.networks.parallel_training import train_network
from experiments.networks.settings import TrainingSettings
from xgradient.attribution import (
    deconvolution,
    expected_gradients,
    guided_backprop,
    input_x_gradient,
    integrated_gradients,
    saliency,
    x_gradient,
)
from xgradient.deeplift import deeplift
from xgradient.homogeneous import check_homogeneous, remove_biases
from xgradient.masking import insertion_deletion, masking_curves
from xgradient.models import AlexNet, pooling
from xgradient.relative_difference import mean_absolute_relative_difference
from xgradient.rounding import rounded_forward

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

GPU = torch.device("cuda")


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    return AlexNet(num_classes=10, geometry="small").double().eval()


@pytest.fixture(scope="module")
def x_net(net) -> nn.Module:
    return remove_biases(net)


@pytest.fixture(scope="module")
def batch():
    torch.manual_seed(1)
    return torch.randn(4, 3, 28, 28, dtype=torch.float64), torch.tensor([1, 5, 0, 9])


@pytest.fixture(autouse=True)
def _without_tf32():
    allowed = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = allowed


def close(on_gpu, on_cpu):
    assert on_gpu.device.type == "cuda"
    scale = on_cpu.abs().max()
    torch.testing.assert_close(on_gpu.cpu() / scale, on_cpu / scale, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "attribute",
    [
        saliency,
        input_x_gradient,
        guided_backprop,
        deconvolution,
        x_gradient,
        lambda net, inputs, target: integrated_gradients(net, inputs, target, n_steps=16),
        lambda net, inputs, target: deeplift(
            net, inputs, target, baselines=torch.zeros_like(inputs[:1])
        ),
    ],
)
def test_attributions_are_those_of_the_processor(x_net, batch, attribute):
    inputs, target = batch
    on_gpu = attribute(copy.deepcopy(x_net).to(GPU), inputs.to(GPU), target.to(GPU))
    close(on_gpu, attribute(x_net, inputs, target))


@pytest.mark.parametrize("together", [100, 2**24])
def test_ties_of_max_pooling_are_resolved_as_on_the_processor(together, monkeypatch):
    monkeypatch.setitem(pooling._TOGETHER, "cuda", together)
    images = torch.randint(4, (5, 3, 9, 8)).double()
    pool = pooling.MaxPool2d(3, 2, 1, ceil_mode=True).eval()

    def gradient(device):
        inputs = images.to(device).requires_grad_()
        outputs = pool(inputs)
        weights = torch.arange(outputs.numel(), device=device).reshape(outputs.shape)
        return torch.autograd.grad((outputs * weights).sum(), inputs)[0].cpu()

    assert torch.equal(gradient(GPU), gradient(torch.device("cpu")))


def test_random_draws_are_those_of_the_processor(net, batch):
    inputs, target = batch

    def attribute(device):
        return expected_gradients(
            copy.deepcopy(net).to(device),
            inputs.to(device),
            target.to(device),
            baselines=inputs.flip(0).to(device),
            generator=torch.Generator().manual_seed(3),
        )

    close(attribute(GPU), attribute(torch.device("cpu")))


def test_x_gradient_is_integrated_gradients(x_net, batch):
    inputs, target = (part.to(GPU) for part in batch)
    for dtype, bound in ((torch.float64, 1e-11), (torch.float32, 5e-4)):
        model = copy.deepcopy(x_net).to(GPU, dtype)
        check_homogeneous(model, inputs.to(dtype))
        ig = integrated_gradients(model, inputs.to(dtype), target, n_steps=128)
        xg = x_gradient(model, inputs.to(dtype), target)
        assert mean_absolute_relative_difference(ig, xg) < bound


def test_tf32_of_the_device_does_what_rounded_operands_do(x_net, batch):
    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("this GPU has no TF32")
    inputs, target = (part.to(GPU) for part in batch)
    model = copy.deepcopy(x_net).to(GPU, torch.float32)

    def difference():
        ig = integrated_gradients(model, inputs.float(), target, n_steps=32)
        return mean_absolute_relative_difference(
            ig, input_x_gradient(model, inputs.float(), target)
        )

    exact = difference()
    with rounded_forward(model, "tf32"):
        rounded = difference()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    native = difference()
    assert exact < native / 10 and exact < rounded / 10
    assert 0.02 < native / rounded < 50


def test_masking_curves_are_those_of_the_processor(net, batch):
    inputs, target = batch
    means = input_x_gradient(net, inputs, target).mean(1, keepdim=True)
    fractions = [0.01, 0.1, 1.0]

    def curves(device):
        arguments = [part.to(device) for part in (inputs, target, means)]
        model = copy.deepcopy(net).to(device)
        masked = masking_curves(model, *arguments, fractions)
        inserted = insertion_deletion(model, *arguments, torch.linspace(0, 1, 5))
        return masked, inserted

    (on_gpu, inserted), (on_cpu, expected) = curves(GPU), curves(torch.device("cpu"))
    close(on_gpu.target_logit, on_cpu.target_logit)
    assert torch.equal(on_gpu.correct.cpu(), on_cpu.correct)
    close(inserted.insertion, expected.insertion)
    close(inserted.deletion, expected.deletion)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_net_learns(precision):
    draws = torch.Generator().manual_seed(0)
    labels = torch.randint(10, (640,), generator=draws)
    images = torch.randint(0, 60, (640, 1, 28, 28), generator=draws, dtype=torch.uint8)
    for index, label in enumerate(labels.tolist()):
        images[index, :, 2 * label : 2 * label + 8] += 150
    data = ImageTensors(images, labels, [0.3], [0.3])
    model = AlexNet(num_classes=10, in_channels=1, geometry="small", dropout=0.1)
    settings = TrainingSettings(epochs=3, batch_size=64, learning_rate=4e-3, horizontal_flip=False)
    history = train_network(model, data, data, settings, 0, GPU, precision).history
    assert history[-1]["validation_top1"] > history[0]["validation_top1"] + 20
    assert next(model.parameters()).device.type == "cpu"
