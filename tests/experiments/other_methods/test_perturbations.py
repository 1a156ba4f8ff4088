"""Occlusion and SmoothGrad against their definitions and Captum."""

from __future__ import annotations

import math

import pytest
import torch
from captum.attr import NoiseTunnel, Occlusion, Saliency
from torch import nn

from experiments.methods import method
from experiments.other_methods.occlusion import occlusion
from experiments.other_methods.smooth_grad import smooth_grad
from tests.oracles.helpers import close
from xgradient.attribution import saliency

TARGET = torch.tensor([2, 0])


def net_for(n_inputs: int) -> nn.Module:
    torch.manual_seed(0)
    layers = (nn.Flatten(), nn.Linear(n_inputs, 5), nn.ReLU(), nn.Linear(5, 3))
    return nn.Sequential(*layers).double()


def literal_occlusion(net, image, target, window, stride, baseline):
    """One image, one window and one pixel at a time."""
    side = image.shape[-1]
    falls = [[[] for _ in range(side)] for _ in range(side)]
    number = math.ceil((side - window) / stride) + 1
    for top in range(number):
        for left in range(number):
            pixels = [
                (row, column)
                for row in range(top * stride, min(top * stride + window, side))
                for column in range(left * stride, min(left * stride + window, side))
            ]
            occluded = image.clone()
            for row, column in pixels:
                occluded[:, row, column] = baseline
            with torch.no_grad():
                fall = float(net(image[None])[0, target] - net(occluded[None])[0, target])
            for row, column in pixels:
                falls[row][column].append(fall)
    means = [[sum(values) / len(values) for values in row] for row in falls]
    return torch.tensor(means, dtype=torch.float64).expand_as(image)


@pytest.mark.parametrize(
    ("side", "window", "stride"), [(7, 3, 2), (8, 3, 2), (6, 2, 2), (5, 2, 2), (5, 5, 1)]
)
@pytest.mark.parametrize("baseline", [0.0, 0.5])
def test_occlusion_is_its_definition(side, window, stride, baseline):
    net = net_for(2 * side * side)
    x = torch.randn(2, 2, side, side, dtype=torch.float64)
    given = {"baselines": baseline, "window": window, "stride": stride}
    result = occlusion(net, x, TARGET, **given)
    for row, image, target in zip(result, x, TARGET.tolist(), strict=True):
        close(row, literal_occlusion(net, image, target, window, stride, baseline))


def test_occlusion_of_captum():
    net, x = net_for(2 * 49), torch.randn(2, 2, 7, 7, dtype=torch.float64)
    theirs = Occlusion(net).attribute(x, (2, 3, 3), strides=(2, 2, 2), target=TARGET).detach()
    ours = occlusion(net, x, TARGET, window=3, stride=2)
    # The reason for our own: half of the digits are lost. When this fails, Captum's can be used.
    assert theirs.dtype == torch.float32 and ours.dtype == torch.float64
    close(ours, theirs.double(), 1e-6)


def test_occlusion_of_a_linear_function_is_input_x_weight():
    weight = torch.tensor([[1.0, -2.0, 3.0]], dtype=torch.float64)
    net = nn.Linear(3, 1, dtype=torch.float64)
    net.weight.data = weight
    x, start = torch.randn(4, 3).double(), torch.tensor([0.5, 1.0, -1.0]).double()
    close(occlusion(net, x, torch.zeros(4, dtype=torch.long)), x * weight)
    shifted = occlusion(net, x, torch.zeros(4, dtype=torch.long), baselines=start)
    close(shifted, (x - start) * weight)


def test_windows_of_images_are_a_seventh_of_their_side():
    seen = []

    class Net(nn.Module):
        def forward(self, x):
            seen.append(int((x[0] == 0).sum()))
            return x.flatten(1).sum(1, keepdim=True)

    occlusion(Net(), torch.ones(1, 1, 28, 28), torch.tensor([0]))
    assert seen == [0, *[16] * 49]
    assert len(seen) == method("occlusion").evaluations


@pytest.mark.parametrize(
    ("window", "stride", "message"),
    [(0, None, "window must be between 1 and 5"), (6, None, "window"), (2, 3, "stride must be")],
)
def test_windows_that_cover_nothing_are_refused(window, stride, message):
    with pytest.raises(ValueError, match=message):
        occlusion(
            net_for(25), torch.rand(1, 1, 5, 5).double(), TARGET[:1], window=window, stride=stride
        )


def test_smooth_grad_is_the_mean_gradient_at_noisy_inputs():
    net, x = net_for(18), torch.randn(2, 2, 3, 3, dtype=torch.float64)
    generator = torch.Generator().manual_seed(3)
    result = smooth_grad(net, x, TARGET, n_samples=4, noise=0.3, generator=generator)
    again = torch.Generator().manual_seed(3)
    noise = [torch.randn(x.shape, generator=again, dtype=x.dtype) for _ in range(4)]
    for n, image in enumerate(x):
        spread = 0.3 * float(image.max() - image.min())
        points = torch.stack([image + spread * each[n] for each in noise])
        close(result[n], saliency(net, points, TARGET[n].expand(4)).mean(0))


def test_smooth_grad_without_noise_is_the_gradient():
    net, x = net_for(9), torch.randn(2, 9, dtype=torch.float64)
    close(smooth_grad(net, x, TARGET, noise=0.0), saliency(net, x, TARGET))


def test_smooth_grad_converges_to_captums_on_a_net_with_one_kink():
    # The gradient of ReLU(x) at x + noise is one with the probability that this is positive.
    net = nn.Sequential(nn.ReLU(), nn.Linear(2, 1, bias=False)).double()
    net[1].weight.data = torch.tensor([[1.0, 0.0]]).double()
    x, target = torch.tensor([[0.1, 1.1]]).double(), torch.tensor([0])
    expected = 0.5 * (1 + math.erf(0.1 / 0.5 / math.sqrt(2)))
    draws = {"n_samples": 1000, "noise": 0.5, "generator": torch.Generator().manual_seed(0)}
    assert float(smooth_grad(net, x, target, **draws)[0, 0]) == pytest.approx(expected, abs=0.06)
    torch.manual_seed(0)
    captum = NoiseTunnel(Saliency(net)).attribute(
        x, nt_type="smoothgrad", nt_samples=1000, stdevs=0.5, target=0, abs=False
    )
    assert float(captum[0, 0]) == pytest.approx(expected, abs=0.06)
