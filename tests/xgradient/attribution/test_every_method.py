"""Properties of every method."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.oracles.helpers import close
from tests.oracles.nets import Function
from xgradient.attribution import (
    deconvolution,
    exact_integrated_gradients,
    expected_gradients,
    guided_backprop,
    input_x_gradient,
    integrated_gradients,
    saliency,
    x_gradient,
)

EVERY_METHOD = {
    "saliency": saliency,
    "input_x_gradient": input_x_gradient,
    "x_gradient": lambda net, x, t: x_gradient(net, x, t, check=False),
    "integrated_gradients": lambda net, x, t: integrated_gradients(net, x, t, n_steps=4),
    "exact_integrated_gradients": exact_integrated_gradients,
    "expected_gradients": lambda net, x, t: expected_gradients(
        net, x, t, baselines=torch.as_tensor(x).flip(0), generator=torch.Generator().manual_seed(1)
    ),
    "guided_backprop": guided_backprop,
    "deconvolution": deconvolution,
}


every_method = pytest.mark.parametrize("method", EVERY_METHOD.values(), ids=EVERY_METHOD)


@every_method
def test_nothing_is_left_behind(method, case):
    net, inputs, target = case
    net.train()
    net[2].eval()
    net[0].weight.requires_grad_(False)
    inputs.requires_grad_()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    values = inputs.detach().clone()
    result = method(net, inputs, target)
    assert result.shape == inputs.shape
    assert not result.requires_grad
    assert result.grad_fn is None
    assert inputs.grad is None
    assert torch.equal(inputs, values)
    assert [module.training for module in net] == [True, True, False, True, True]
    assert net.training
    assert not net[0].weight.requires_grad
    assert net[0].bias.requires_grad
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(torch.equal(net.state_dict()[key], value) for key, value in before.items())
    for module in net.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
        assert "forward" not in vars(module)


@every_method
def test_nothing_is_left_behind_after_a_crash(method, case):
    net, inputs, target = case
    net.train()
    calls = []

    def crash(x: Tensor) -> Tensor:
        calls.append(len(x))
        # Late enough for integrated_gradients to be in the middle of its path.
        if len(calls) == 4 or method is not EVERY_METHOD["integrated_gradients"]:
            raise ArithmeticError
        return x

    net[3] = nn.Sequential(Function(crash), nn.Flatten())
    with pytest.raises(ArithmeticError):
        method(net, inputs, target)
    assert all(module.training for module in net.modules())
    for module in net.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
        assert "forward" not in vars(module)
    assert torch.is_grad_enabled()


@every_method
def test_parameters_gradients_are_kept(method, case):
    net, inputs, target = case
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    method(net, inputs, target)
    assert all((parameter.grad == 1).all() for parameter in net.parameters())


@every_method
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_gradients_may_be_switched_off(method, case, context):
    net, inputs, target = case
    expected = method(net, inputs, target)
    with context():
        close(method(net, inputs, target), expected)
        # Tensors that were made in here, as a loader in here would.
        made, made_target = inputs + 0, target + 0
        result = method(net, made, made_target)
        assert not torch.is_grad_enabled()
    close(result, expected)
    close(method(net, made, made_target), expected)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    close(method(net, inputs, target), expected)


@every_method
def test_evaluation_mode_is_used(method, case):
    net, inputs, target = case
    expected = method(net.eval(), inputs, target)
    close(method(net.train(), inputs, target), expected)


@every_method
def test_nets_that_work_in_place(method, case):
    _, inputs, target = case
    body = nn.Sequential(nn.Flatten(), nn.Linear(128, 9), nn.ReLU(), nn.Linear(9, 5)).double()
    expected = method(nn.Sequential(nn.ReLU(), body), inputs, target)
    body[2].inplace = True
    before = inputs.clone()
    close(method(nn.Sequential(nn.ReLU(inplace=True), body), inputs, target), expected)
    assert torch.equal(inputs, before)


@every_method
def test_nets_that_work_in_place_on_the_first_layer(method, case):
    _, inputs, target = case
    net = nn.Sequential(nn.Linear(128, 9), nn.ReLU(), nn.Linear(9, 5)).double()
    expected = method(net, inputs.flatten(1), target)
    net[1].inplace = True
    close(method(net, inputs.flatten(1), target), expected)


@every_method
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.1), (torch.float16, 0.02)]
)
def test_dtype_is_kept(method, case, dtype, tolerance):
    net, inputs, target = case
    expected = method(net, inputs, target)
    if method is exact_integrated_gradients and dtype != torch.float32:
        with pytest.raises(TypeError, match="cannot be cut exactly in torch"):
            method(net.to(dtype), inputs.to(dtype), target)
        return
    result = method(net.to(dtype), inputs.to(dtype), target)
    assert result.dtype == dtype
    close(result.double(), expected, tolerance)


@every_method
@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8])
def test_targets_of_other_integer_types(method, case, dtype):
    net, inputs, target = case
    close(method(net, inputs, target.to(dtype)), method(net, inputs, target))


@pytest.mark.parametrize("name", sorted(EVERY_METHOD.keys() - {"expected_gradients"}))
def test_images_do_not_influence_each_other(name, case):
    net, inputs, target = case
    method = EVERY_METHOD[name]
    alone = torch.cat([method(net, inputs[n : n + 1], target[n : n + 1]) for n in range(3)])
    close(method(net, inputs, target), alone)


def nan_at(inputs: Tensor, image: int) -> Tensor:
    inputs = inputs.clone()
    inputs[image, 0, 0, 0] = torch.nan
    return inputs


@every_method
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x, t: (x.long(), t), TypeError, "floating-point"),
        (lambda x, t: (x.numpy(), t), TypeError, "ndarray"),
        (lambda x, t: (x[:0], t[:0]), ValueError, "non-empty"),
        (lambda x, t: (x[0, 0, 0, 0], t), ValueError, "shape"),
        (lambda x, t: ((), t), ValueError, "at least one"),
        (lambda x, t: (nan_at(x, 1), t), ValueError, r"inputs\[1\]"),
        (lambda x, t: (x / (x > -9e9).logical_not()[:, :1], t), ValueError, r"inputs\[0\]"),
        (lambda x, t: (x, t[:2]), ValueError, r"\(3,\)"),
        (lambda x, t: (x, t[:, None]), ValueError, r"\(3,\) or the shape \(3, 5\)"),
        (lambda x, t: (x, t.tolist()[:2]), ValueError, r"\(3,\)"),
        (lambda x, t: (x, (1, 2)), ValueError, r"an index for outputs.* got target = \(1, 2\)"),
        (lambda x, t: (x, [(1,), (1, 2), (0,)]), ValueError, "several lengths"),
        (lambda x, t: (x, None), ValueError, "no target is given"),
        (lambda x, t: (x, lambda out: out), ValueError, "one score per row"),
        (lambda x, t: (x, t.double()), TypeError, "integer"),
        (lambda x, t: (x, t > 0), TypeError, "integer"),
        (lambda x, t: (x, [0, 1.0, 2]), TypeError, "float"),
        (lambda x, t: (x, 1.0), TypeError, "float"),
        (lambda x, t: (x, True), TypeError, "bool"),
        (
            lambda x, t: (x, torch.tensor([0, 5, 1])),
            ValueError,
            r"\[0, 5\).*target\[1\] = 5",
        ),
        (lambda x, t: (x, torch.tensor([0, 0, -1])), ValueError, r"target\[2\] = -1"),
    ],
)
def test_unusable_inputs_and_targets_are_refused(method, case, change, error, message):
    net, inputs, target = case
    inputs, target = change(inputs, target)
    with pytest.raises(error, match=message):
        method(net, inputs, target)


@every_method
@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: x, ValueError, r"tuple of 3 indices for outputs of shape \(\d+, 2, 8, 8\)"),
        (lambda x: x.flatten(), ValueError, r"\(\d+, K\)"),
        (lambda x: x.flatten(2)[0], ValueError, r"\(\d+, K\)"),
        (lambda x: (x.flatten(1), x), TypeError, "tuple"),
        (lambda x: x.detach().flatten(1), ValueError, "detach"),
        (lambda x: torch.ones(len(x), 5, requires_grad=True), ValueError, "detach"),
    ],
)
def test_unusable_nets_are_refused(method, case, function, error, message):
    _, inputs, target = case
    if method is EVERY_METHOD["integrated_gradients"]:
        inputs, target = inputs.repeat(6, 1, 1, 1)[:17], target.repeat(6)[:17]
    with pytest.raises(error, match=message):
        method(Function(function), inputs, target)


@every_method
def test_a_model_can_be_called(method, case):
    _, inputs, target = case
    with pytest.raises(TypeError, match=r"an nn\.Module or a function, got str"):
        method("net", inputs, target)
