"""The classes with Captum's signatures against Captum itself, and inside its tools."""

from __future__ import annotations

import inspect
import subprocess
import sys

import captum.attr
import pytest
import torch
from captum.metrics import infidelity, infidelity_perturb_func_decorator, sensitivity_max
from torch import Tensor, nn

import xgradient.captum as ours
from tests.oracles.helpers import close
from tests.peers.nets import TwoInputs, features, images, with_biases, without_biases
from xgradient.attribution import expected_gradients, x_gradient
from xgradient.homogeneous import NotHomogeneousError

TARGET = torch.tensor([4, 0, 2])
# Captum's nodes and weights of a quadrature are single precision.
ROUNDED = 1e-6
# Captum warns of hooks that it sets on the net, and of gradients that it asks for.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:captum.*")

SHARED = [name for name in ours.__all__ if hasattr(captum.attr, name)]
ON_INPUTS = [name for name in SHARED if not name.startswith(("Layer", "Attribution"))]
CASES = {
    "IntegratedGradients": {"n_steps": 7},
    "DeepLift": {"baselines": 0.5},
    "DeepLiftShap": {"baselines": torch.randn(4, 2, 8, 8, dtype=torch.float64)},
}


def test_what_is_shared():
    assert {"Saliency", "IntegratedGradients", "GradientShap", "DeepLift"} < set(ON_INPUTS)


def test_captum_is_not_imported():
    script = "import sys, xgradient.captum; print('captum' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize("name", ON_INPUTS)
def test_signatures_are_those_of_captum(name):
    def parameters(owner):
        return [
            (each.name, each.default)
            for each in inspect.signature(getattr(owner, name).attribute).parameters.values()
        ]

    assert parameters(ours) == parameters(captum.attr)


@pytest.mark.parametrize("name", [name for name in ON_INPUTS if name != "GradientShap"])
def test_values_of_captum(name):
    net, x = with_biases(), images()
    expected = getattr(captum.attr, name)(net).attribute(x, target=TARGET, **CASES.get(name, {}))
    result = getattr(ours, name)(net).attribute(x, target=TARGET, **CASES.get(name, {}))
    close(result, expected.detach(), ROUNDED if name == "IntegratedGradients" else 1e-10)


@pytest.mark.parametrize(
    "method", ["gausslegendre", "riemann_left", "riemann_right", "riemann_middle"]
)
@pytest.mark.parametrize("multiply", [True, False])
def test_integrated_gradients_of_two_inputs(method, multiply):
    net, x, factor = TwoInputs(), features(), torch.tensor([[1.0], [2.0], [3.0]]).double()
    given = {"baselines": (0.5, torch.ones(1, 4).double()), "target": [3, 0, 1], "n_steps": 6}
    given |= {"method": method, "return_convergence_delta": True, "internal_batch_size": 4}
    given |= {"additional_forward_args": (factor,)}
    theirs = captum.attr.IntegratedGradients(net, multiply_by_inputs=multiply)
    expected, expected_delta = theirs.attribute(x, **given)
    method_of_ours = ours.IntegratedGradients(net, multiply_by_inputs=multiply)
    result, delta = method_of_ours.attribute(x, **given)
    for one, other in zip(result, expected, strict=True):
        close(one, other.detach(), ROUNDED)
    close(delta, expected_delta, 1e-5)
    assert method_of_ours.multiplies_by_inputs is theirs.multiplies_by_inputs is multiply


def test_integrated_gradients_with_the_trapezoid_rule_keep_their_completeness():
    net, x = without_biases(), images()
    given = {"target": TARGET, "method": "riemann_trapezoid", "n_steps": 50}
    result = ours.IntegratedGradients(net).attribute(x, **given)
    expected = captum.attr.IntegratedGradients(net).attribute(x, **given)
    close(result * 49 / 50, expected.detach(), ROUNDED)


@pytest.mark.parametrize("name", ["Saliency", "InputXGradient", "DeepLift", "IntegratedGradients"])
@pytest.mark.parametrize("target", [2, (2,), [4, 0, 2], [(4,), (0,), (2,)], torch.tensor(2)])
def test_targets_of_captum(name, target):
    net, x = with_biases(), images()
    expected = getattr(captum.attr, name)(net).attribute(x, target=target)
    result = getattr(ours, name)(net).attribute(x, target=target)
    close(result, expected.detach(), ROUNDED if name == "IntegratedGradients" else 1e-10)


def test_saliency_is_the_size_unless_asked_otherwise():
    net, x = with_biases(), images()
    signed = ours.Saliency(net).attribute(x, TARGET, abs=False)
    assert (signed < 0).any()
    close(ours.Saliency(net).attribute(x, TARGET), signed.abs())


def test_gradient_shap_of_captum_with_one_reference():
    # The gradient of a linear net is the same everywhere, so that no draw has an effect.
    net = nn.Linear(6, 4).double()
    x, reference = torch.randn(3, 6).double(), torch.randn(1, 6).double()
    given = {"baselines": reference, "target": 1, "return_convergence_delta": True}
    expected, expected_delta = captum.attr.GradientShap(net).attribute(x, **given)
    result, delta = ours.GradientShap(net).attribute(x, **given)
    close(result, expected.detach())
    assert delta.shape == expected_delta.shape == (15,)
    assert float(delta.abs().max()) < 1e-12


@pytest.mark.parametrize("cls", [ours.GradientShap, ours.ExpectedGradients])
def test_gradient_shap_approaches_expected_gradients(cls):
    net, x, references = with_biases(), images(1), images(2)
    generator = torch.Generator().manual_seed(3)
    expected = expected_gradients(
        net, x.expand(4000, -1, -1, -1), 1, baselines=references, generator=generator
    ).mean(0, keepdim=True)
    result = cls(net).attribute(x, references, n_samples=4000, target=[1])
    close(result, expected, 0.1)
    noisy = cls(net).attribute(x, lambda: references, n_samples=4000, stdevs=0.01, target=1)
    close(noisy, expected, 0.1)
    alone = cls(net, multiply_by_inputs=False).attribute(x, lambda x: x[:1], 9, target=1)
    close(alone, ours.Saliency(net).attribute(x, 1, abs=False))


def test_the_error_of_completeness_belongs_to_its_samples():
    net, x, references = TwoInputs(), features(), features(5)
    factor = torch.tensor([[1.0], [2.0], [3.0]]).double()
    result, delta = ours.GradientShap(net).attribute(
        x,
        references,
        n_samples=2000,
        stdevs=(0.1, 0.2),
        target=[3, 0, 1],
        additional_forward_args=(factor,),
        return_convergence_delta=True,
    )
    assert [each.shape for each in result] == [(3, 3), (3, 4)]
    assert delta.shape == (6000,)
    assert float(delta.view(3, -1).mean(1).abs().max()) < 0.1 < float(delta.abs().max())


@pytest.mark.parametrize("multiply", [True, False])
def test_deeplift_shap_of_two_inputs(multiply):
    net, x, references = TwoInputs(), features(), features(5)
    given = {"target": torch.tensor([3, 0, 1]), "return_convergence_delta": True}
    theirs = captum.attr.DeepLiftShap(net, multiply_by_inputs=multiply)
    expected, expected_delta = theirs.attribute(x, references, **given)
    result, delta = ours.DeepLiftShap(net, multiply_by_inputs=multiply).attribute(
        x, lambda: references, **given
    )
    for one, other in zip(result, expected, strict=True):
        close(one, other.detach(), 1e-9)
    if multiply:
        assert float(delta.abs().max()) < 1e-12
    else:
        close(delta, expected_delta, 1e-9)


def test_a_custom_attribution_of_deeplift():
    net, x = with_biases(), images()

    def doubled(multipliers, inputs, baselines):
        return tuple(
            2 * m * (i - b) for m, i, b in zip(multipliers, inputs, baselines, strict=True)
        )

    given = {"baselines": images(), "target": TARGET}
    for name in ("DeepLift", "DeepLiftShap"):
        method = getattr(ours, name)(net)
        result = method.attribute(x, **given, custom_attribution_func=doubled)
        close(result, 2 * method.attribute(x, **given))


def test_a_softmax_at_the_end_is_explained_as_captum_does():
    net, x = nn.Sequential(with_biases(), nn.Softmax(1)), images()
    result, delta = ours.DeepLift(net).attribute(x, target=TARGET, return_convergence_delta=True)
    change = (net(x) - net(torch.zeros_like(x)))[range(3), TARGET].detach()
    close(result.flatten(1).sum(1), change)
    assert float(delta.abs().max()) < 1e-12


def test_revealcancel_is_complete_and_not_rescale():
    net, x = with_biases(), images()
    result, delta = ours.RevealCancel(net).attribute(
        x, target=TARGET, return_convergence_delta=True
    )
    assert float(delta.abs().max()) < 1e-12
    rescale = ours.DeepLift(net).attribute(x, target=TARGET)
    assert float((result - rescale).abs().max()) > 1e-3


@pytest.mark.parametrize("to_input", [False, True])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("LayerIntegratedGradients", {"n_steps": 6}),
        ("LayerIntegratedGradients", {"n_steps": 6, "baselines": 0.5}),
        ("LayerGradientXActivation", {}),
        ("LayerDeepLift", {"baselines": 0.5}),
        ("LayerDeepLiftShap", {"baselines": images(4)}),
    ],
)
def test_layers_of_captum(name, options, to_input):
    net, x = with_biases(), images()
    given = {"target": TARGET, "attribute_to_layer_input": to_input, **options}
    expected = getattr(captum.attr, name)(net, net[3]).attribute(x, **given)
    result = getattr(ours, name)(net, net[3]).attribute(x, **given)
    close(result, expected.detach(), ROUNDED if "n_steps" in options else 1e-10)
    close(getattr(ours, name)(net, "3").attribute(x, **given), result)


def test_a_layer_can_stay_without_its_values():
    net, x = with_biases(), images()
    method = ours.LayerGradientXActivation(net, net[3], multiply_by_inputs=False)
    theirs = captum.attr.LayerGradientXActivation(net, net[3], multiply_by_inputs=False)
    close(method.attribute(x, TARGET), theirs.attribute(x, TARGET).detach())
    with pytest.raises(TypeError, match="got list: attribute to several layers one after"):
        ours.LayerGradientXActivation(net, [net[3], net[0]])


@pytest.mark.parametrize("name", ["LayerXGradient", "LayerExpectedGradients"])
def test_layers_that_captum_lacks_are_complete(name):
    net, x = without_biases(), images()
    more = {"baselines": torch.zeros_like(x)} if name == "LayerExpectedGradients" else {}
    result, delta = getattr(ours, name)(net, net[3]).attribute(
        x, target=TARGET, return_convergence_delta=True, **more
    )
    assert result.shape == net[:4](x).shape
    assert float(delta.abs().max()) < 1e-12


def test_x_gradient_is_integrated_gradients():
    net, x = without_biases(), images()
    result, delta = ours.XGradient(net).attribute(x, target=TARGET, return_convergence_delta=True)
    expected = captum.attr.IntegratedGradients(net).attribute(x, target=TARGET)
    close(result, expected.detach(), ROUNDED)
    assert float(delta.abs().max()) < 1e-12
    with pytest.raises(NotHomogeneousError):
        ours.XGradient(with_biases()).attribute(x, target=TARGET)


@pytest.mark.parametrize("nt_type", ["smoothgrad", "smoothgrad_sq", "vargrad"])
@pytest.mark.parametrize(
    ("name", "theirs"), [("XGradient", "InputXGradient"), ("Saliency", "Saliency")]
)
def test_noise_tunnel(nt_type, name, theirs):
    net, x = without_biases(), images()
    given = {"nt_type": nt_type, "nt_samples": 6, "stdevs": 0.3, "target": TARGET}
    results = []
    for method in (getattr(ours, name)(net), getattr(captum.attr, theirs)(net)):
        torch.manual_seed(7)
        results.append(captum.attr.NoiseTunnel(method).attribute(x, **given).detach())
    close(*results)


def test_noise_tunnel_returns_the_error_of_completeness():
    net, x = with_biases(), images()
    tunnel = captum.attr.NoiseTunnel(ours.IntegratedGradients(net))
    result, delta = tunnel.attribute(
        x, nt_samples=4, target=TARGET, baselines=images(), return_convergence_delta=True
    )
    assert (result.shape, delta.shape) == (x.shape, (12,))
    assert tunnel.multiplies_by_inputs


@infidelity_perturb_func_decorator(multiply_by_inputs=True)
def shrunk(inputs: Tensor) -> Tensor:
    """Make every image darker by a factor of its own."""
    return inputs * torch.rand(len(inputs), 1, 1, 1).to(inputs)


def test_infidelity_of_x_gradient_to_darker_images_is_zero():
    # A homogeneous net falls with the brightness as X-Gradient says, whatever the factor.
    net, x = without_biases(), images()
    result = infidelity(
        net, shrunk, x, ours.XGradient(net).attribute(x, target=TARGET), None, (), TARGET
    )
    assert float(result.max()) < 1e-24
    net = with_biases()
    attribution = ours.InputXGradient(net).attribute(x, TARGET)
    assert float(infidelity(net, shrunk, x, attribution, None, (), TARGET).min()) > 1e-8


def test_sensitivity_of_captum():
    net, x = without_biases(), images()
    results = []
    for method in (ours.XGradient(net), captum.attr.InputXGradient(net)):
        torch.manual_seed(7)
        results.append(sensitivity_max(method.attribute, x, target=TARGET))
    close(*results)


def test_errors_are_those_of_captum_as_well():
    net, x = with_biases(), images()
    method = ours.IntegratedGradients(net)
    for error in (ValueError, AssertionError, ours.CaptumArgumentError):
        with pytest.raises(error, match=r"target must be in \[0, 5\)"):
            method.attribute(x, target=7)
    for error in (TypeError, AssertionError, ours.CaptumTypeError):
        with pytest.raises(error, match="baselines must be"):
            method.attribute(x, "zero", target=1)
    with pytest.raises(AssertionError, match=r"the 3 rows of end_point, got \[2\]"):
        method.compute_convergence_delta(x[:2], None, x, target=1)
    for wrong in (lambda: [1.0], images(4)[:, 0], (images(2), images(2))):
        with pytest.raises(AssertionError, match="baselines must"):
            ours.GradientShap(net).attribute(x, wrong, target=1)
    with pytest.raises(AssertionError, match="same number of references"):
        ours.GradientShap(TwoInputs()).attribute(features(), (features(2)[0], features()[1]))
    with pytest.raises(AssertionError, match="n_samples"):
        ours.GradientShap(net).attribute(x, x, n_samples=0, target=1)


@pytest.mark.parametrize("name", ours.__all__)
def test_the_protocol_of_captum(name):
    cls = getattr(ours, name)
    if not issubclass(cls, ours.Attribution):
        return
    net = without_biases()
    method = cls(net, net[3]) if name.startswith("Layer") else cls(net)
    assert method.forward_func is net
    if name in SHARED and name != "Attribution":
        theirs = getattr(captum.attr, name)
        same = theirs(net, net[3]) if name.startswith("Layer") else theirs(net)
        assert method.has_convergence_delta() == same.has_convergence_delta()
        assert method.multiplies_by_inputs == same.multiplies_by_inputs
        assert cls.get_name() == theirs.get_name()
    with pytest.raises(NotImplementedError, match="call attribute instead"):
        method.attribute_future()


def test_the_functions_are_what_the_classes_call():
    net, x = without_biases(), images()
    close(ours.XGradient(net).attribute(x, target=TARGET), x_gradient(net, x, TARGET))
    with pytest.raises(NotImplementedError, match="Attribution does not attribute"):
        ours.Attribution(net).attribute(x)
