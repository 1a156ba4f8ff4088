"""Gradient-based attribution: how much each input value contributes to the logit of a class.

All functions take a batch ``inputs`` of shape (N, C, H, W) or (N, F), a net that maps it to
pre-softmax logits (N, K) and, per image, the index of the logit to explain. They return a detached
tensor of the shape, dtype and device of the inputs. The net runs in evaluation mode and gets its
modes back; gradients are taken with respect to the inputs alone, so that ``parameter.grad`` stays
as it is, also for frozen parameters and inside `torch.no_grad` or `torch.inference_mode`. The
outputs of an image must not depend on the other images of the batch.

The zero baseline is zero in the input space of the net: for normalised images the mean colour,
not black.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any, Literal, overload

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge
from torch.overrides import TorchFunctionMode

from xgradient.homogeneous import evaluation_mode, validate_inputs, verify_homogeneous

QUADRATURE_METHODS = (
    "gausslegendre",
    "riemann_left",
    "riemann_right",
    "riemann_middle",
    "riemann_trapezoid",
)
"""Names of the quadrature rules, as in Captum."""

# Rows per pass when nobody asks for a number: enough to keep a wide net busy for a single image.
_DEFAULT_ROWS = 16


def saliency(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
    abs: bool = False,
) -> Tensor:
    """Gradient of the target logit with respect to the input ("Grad" in the masking metrics).

    Parameters
    ----------
    model : nn.Module
        Net that returns logits of shape (N, K).
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.
    target : Tensor of shape (N,), integer
        Class index of the logit to explain, per image.
    baselines : Tensor or float, optional
        Accepted for the common signature; a gradient has no baseline, so it is not used.
    abs : bool, default False
        Whether to return the absolute value. Captum does so by default.

    Returns
    -------
    Tensor
        Attribution, shaped like the inputs.

    Raises
    ------
    ValueError, TypeError
        If inputs, target and net do not fit together; the message says which and why.

    References
    ----------
    Simonyan, Vedaldi and Zisserman (2014), Sec. 3.
    """
    inputs, target = _validated(model, inputs, target)
    with _attributing(model):
        gradient = _input_gradient(model, inputs.clone(), target)
    return gradient.abs() if abs else gradient


def input_x_gradient(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
) -> Tensor:
    """Input times gradient of the target logit: ``(x - b) * dF/dx(x)``.

    Parameters
    ----------
    model : nn.Module
        Net that returns logits of shape (N, K).
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.
    target : Tensor of shape (N,), integer
        Class index of the logit to explain, per image.
    baselines : Tensor or float, optional
        What is subtracted from the inputs before they are multiplied with the gradient: None for
        zero, a number, or a tensor that broadcasts to the inputs.

    Returns
    -------
    Tensor
        Attribution, shaped like the inputs.

    Raises
    ------
    ValueError, TypeError
        If inputs, target and net do not fit together; the message says which and why.

    References
    ----------
    Shrikumar et al. (2016), "Not just a black box".
    """
    inputs, target = _validated(model, inputs, target)
    difference = _difference(inputs, baselines)
    with _attributing(model):
        return difference * _input_gradient(model, inputs.clone(), target)


def x_gradient(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
    degree: float = 1,
    check: bool = True,
) -> Tensor:
    """X-Gradient: Integrated Gradients of a homogeneous net in one forward and backward pass.

    For a net of degree k and the zero baseline, Integrated Gradients have the closed form
    ``IG_i = x_i * dF/dx_i / k``; the gradient at ``a x`` is ``a**(k - 1)`` times that at ``x``,
    and the integral of ``a**(k - 1)`` over [0, 1] is ``1 / k``.

    Parameters
    ----------
    model : nn.Module
        Nonnegatively homogeneous net that returns logits of shape (N, K).
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.
    target : Tensor of shape (N,), integer
        Class index of the logit to explain, per image.
    baselines : Tensor or float, optional
        None or zero; nothing else has the closed form.
    degree : float, default 1
        Degree k > 0 of homogeneity; 1 for an X-DNN.
    check : bool, default True
        Whether to refuse a net that is not homogeneous of this degree. The check costs six forward
        passes of one image. In a loop over batches check the first, or call `check_homogeneous`
        before.

    Returns
    -------
    Tensor
        Attribution, shaped like the inputs; per image it sums to the target logit.

    Raises
    ------
    NotHomogeneousError
        If the net is not homogeneous of this degree.
    ValueError, TypeError
        If inputs, target and net do not fit together, the degree is not positive, or a baseline
        is not zero.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 3.
    """
    if not degree > 0:
        raise ValueError(f"degree must be positive, got {degree}")
    inputs, target = _validated(model, inputs, target)
    if baselines is not None and _validated_baselines(baselines, inputs).any():
        raise ValueError(
            "the closed form of x_gradient holds for the zero baseline only, got baselines that "
            "are not zero: use integrated_gradients"
        )
    if check:
        # An image of zeros shows nothing but the biases: take the first that has a value.
        example = int(inputs.flatten(1).any(1).int().argmax())
        verify_homogeneous(model, inputs[example : example + 1], degree)
    with _attributing(model):
        return inputs * _input_gradient(model, inputs.clone(), target) / degree


@overload
def integrated_gradients(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
    n_steps: int = 128,
    method: str = "gausslegendre",
    internal_batch_size: int | None = None,
    return_convergence_delta: Literal[False] = False,
) -> Tensor: ...


@overload
def integrated_gradients(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
    n_steps: int = 128,
    method: str = "gausslegendre",
    internal_batch_size: int | None = None,
    return_convergence_delta: Literal[True],
) -> tuple[Tensor, Tensor]: ...


def integrated_gradients(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
    n_steps: int = 128,
    method: str = "gausslegendre",
    internal_batch_size: int | None = None,
    return_convergence_delta: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Integrated Gradients along the straight path from a baseline to the input.

    ``IG_i = (x_i - b_i) * sum_j w_j dF/dx_i(b + alpha_j (x - b))`` with the nodes and weights of
    `quadrature`. At most ``internal_batch_size`` images are in the net at a time, for any number
    of steps.

    If nothing but one linear or convolution layer reads the input, the work of that layer is
    shared between the nodes: its output is linear in alpha, so that it is computed at the two ends
    of the path only, and its transpose is applied once, to the averaged gradient of its output.
    The result is the same up to rounding.

    Parameters
    ----------
    model : nn.Module
        Net that returns logits of shape (N, K).
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.
    target : Tensor of shape (N,), integer
        Class index of the logit to explain, per image.
    baselines : Tensor or float, optional
        Start of the path: None for zero, a number, or a tensor that broadcasts to the inputs.
    n_steps : int, default 128
        Number of nodes, that is of gradients per image.
    method : str, default "gausslegendre"
        One of `QUADRATURE_METHODS`.
    internal_batch_size : int, optional
        Number of images (path points) per forward and backward pass. By default the size of the
        batch, or 16 for a smaller batch.
    return_convergence_delta : bool, default False
        Whether to return how far the attribution is from complete as well.

    Returns
    -------
    attributions : Tensor
        Shaped like the inputs.
    delta : Tensor of shape (N,)
        ``sum(attributions) - (F(x) - F(b))`` per image; only with ``return_convergence_delta``.

    Raises
    ------
    ValueError, TypeError
        If inputs, target, baselines and net do not fit together, the method is unknown, or a
        number of steps or rows is not positive.

    References
    ----------
    Sundararajan, Taly and Yan (2017), Sec. 3 and 5.
    """
    inputs, target = _validated(model, inputs, target)
    baselines = _validated_baselines(baselines, inputs)
    alphas, weights = quadrature(method, n_steps)
    rows = _validated_rows(internal_batch_size, len(inputs))

    parts = math.ceil(len(inputs) / rows)
    with _attributing(model):
        # Refuses a target that the net has no logit for, by its place in the whole batch.
        _target_logits(model, inputs[:1], target, rows)
        attributions = torch.empty_like(inputs)
        layer = _only_reader(model, inputs[:1])
        for out, ends, starts, classes in zip(
            attributions.tensor_split(parts),
            inputs.tensor_split(parts),
            _split_baselines(baselines, parts),
            target.tensor_split(parts),
            strict=True,
        ):
            if layer is None:
                gradient = _path_gradient(
                    model, starts, ends - starts, classes, alphas, weights, rows
                )
            else:
                gradient = _path_gradient_behind(
                    layer, model, starts, ends, classes, alphas, weights, rows
                )
            torch.mul(ends - starts, gradient, out=out)
        if not return_convergence_delta:
            return attributions
        change = _target_logits(model, inputs, target, rows) - _target_logits(
            model, baselines, target, rows
        )
    return attributions, attributions.flatten(1).sum(1) - change


def expected_gradients(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor,
    n_references: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Estimate Expected Gradients: Integrated Gradients averaged over a distribution of baselines.

    The average over draws of ``(x - r) * dF/dx(r + alpha (x - r))`` with a reference r drawn from
    ``baselines`` with replacement and alpha from U(0, 1), both drawn separately for each image and
    draw. The released evaluation of EG(1) shares one reference and one alpha between the two images
    of a batch, and draws the references from the validation set: here the caller passes training
    images.

    Parameters
    ----------
    model : nn.Module
        Net that returns logits of shape (N, K).
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.
    target : Tensor of shape (N,), integer
        Class index of the logit to explain, per image.
    baselines : Tensor of shape (R, ...)
        The distribution: images to draw references from, in the space of the inputs.
    n_references : int, default 1
        Number of draws per image, each costing one forward and backward pass; k of EG(k).
    generator : torch.Generator, optional
        Source of the draws; by default torch's global one.

    Returns
    -------
    Tensor
        Attribution, shaped like the inputs.

    Raises
    ------
    ValueError, TypeError
        If inputs, baselines, target and net do not fit together, or the number of draws is not
        positive.

    References
    ----------
    Erion et al. (2021); Hesse, Schaub-Meyer and Roth (2021), Sec. 4.2.
    """
    inputs, target = _validated(model, inputs, target)
    if not isinstance(baselines, Tensor):
        raise TypeError(
            "baselines must be a Tensor of shape (R, ...), the distribution that references are "
            f"drawn from, got {baselines!r:.60}"
        )
    validate_inputs(baselines, "baselines")
    if baselines.shape[1:] != inputs.shape[1:]:
        raise ValueError(
            f"baselines must have shape (R, {', '.join(map(str, inputs.shape[1:]))}) to fit the "
            f"inputs, got {tuple(baselines.shape)}"
        )
    _check_positive("n_references", n_references)
    device = generator.device if generator is not None else torch.device("cpu")
    with _attributing(model):
        total = torch.zeros_like(inputs, dtype=_accumulator(inputs.dtype))
        for _ in range(n_references):
            drawn = torch.randint(
                len(baselines), (len(inputs),), generator=generator, device=device
            )
            alpha = torch.rand(len(inputs), generator=generator, device=device, dtype=torch.float64)
            starts = baselines.detach()[drawn.to(baselines.device)].to(inputs)
            difference = inputs - starts
            points = torch.addcmul(starts, _per_row(alpha.to(inputs), inputs), difference)
            total += difference * _input_gradient(model, points, target)
    return (total / n_references).to(inputs.dtype)


def guided_backprop(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
    multiply_by_inputs: bool = False,
) -> Tensor:
    """Guided backpropagation: gradients below zero are cut at every ReLU on the way back.

    ReLUs are caught as calls (`nn.ReLU`, `torch.nn.functional.relu`, `Tensor.relu` and their
    in-place forms), so that a reused module or a functional ReLU counts like any other; Captum
    sees modules only. A ReLU written in another way, such as ``x.clamp(min=0)``, is not
    recognised. A net without ReLU gives its plain gradient.

    Parameters
    ----------
    model : nn.Module
        Net that returns logits of shape (N, K).
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.
    target : Tensor of shape (N,), integer
        Class index of the logit to explain, per image.
    baselines : Tensor or float, optional
        Subtracted from the inputs if these are multiplied with, otherwise not used: None for zero,
        a number, or a tensor that broadcasts to the inputs.
    multiply_by_inputs : bool, default False
        Whether to multiply the result with ``inputs - baselines``.

    Returns
    -------
    Tensor
        Attribution, shaped like the inputs.

    Raises
    ------
    ValueError, TypeError
        If inputs, target and net do not fit together, or the net holds compiled modules, whose
        ReLUs cannot be seen.

    References
    ----------
    Springenberg et al. (2015), "Striving for Simplicity".
    """
    inputs, target = _validated(model, inputs, target)
    opaque = _opaque_module(model)
    if opaque is not None:
        raise ValueError(
            f"the ReLUs inside the compiled module '{opaque}' cannot be seen: pass the net from "
            "before compilation"
        )

    def guided(points: Tensor) -> Tensor:
        with _GuidedReLUs():
            return model(points)

    difference = _difference(inputs, baselines)
    with _attributing(model):
        gradient = _input_gradient(guided, inputs.clone(), target)
    return difference * gradient if multiply_by_inputs else gradient


def random_attribution(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
    generator: torch.Generator,
) -> Tensor:
    """Attribution drawn from U(-0.5, 0.5) per input value: the floor of the masking metrics.

    Parameters
    ----------
    model : nn.Module
        Accepted for the common signature and not used.
    inputs : Tensor of shape (N, ...)
        Images or feature vectors; only shape, dtype and device count.
    target : Tensor of shape (N,), integer
        Accepted for the common signature and not used.
    baselines : Tensor or float, optional
        Accepted for the common signature and not used.
    generator : torch.Generator
        Source of the draws.

    Returns
    -------
    Tensor
        Attribution, shaped like the inputs.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 4.2.
    """
    drawn = torch.rand(inputs.shape, generator=generator, device=generator.device)
    return (drawn - 0.5).to(inputs)


def quadrature(
    method: str, n_steps: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Nodes and weights of a quadrature rule on [0, 1]; the weights sum to one.

    On a homogeneous net of degree 1 the gradient is constant along the path, apart from its value
    at the zero baseline itself, where a ReLU has gradient 0. Every rule without a node at 0 is
    therefore exact at any ``n_steps``, and ``riemann_left`` and ``riemann_trapezoid`` lose the
    weight of that node.

    Captum gives the trapezoid's n nodes the weights ``1 / n`` and ``1 / (2 n)``, which sum to
    ``(n - 1) / n``; here they are ``1 / (n - 1)`` and ``1 / (2 (n - 1))``. All other rules are the
    same.

    Parameters
    ----------
    method : str
        One of `QUADRATURE_METHODS`.
    n_steps : int
        Number of nodes; at least 1, for the trapezoid rule 2.
    dtype : torch.dtype, default torch.float64
        Of the result.

    Returns
    -------
    alphas : Tensor of shape (n_steps,)
        Nodes, ascending.
    weights : Tensor of shape (n_steps,)
        Weights.

    Raises
    ------
    ValueError
        If the method is unknown or has no rule with so few steps.
    TypeError
        If the number of steps is not an integer.
    """
    if method not in QUADRATURE_METHODS:
        raise ValueError(
            f"unknown quadrature method {method!r}: choose one of {', '.join(QUADRATURE_METHODS)}"
        )
    _check_positive("n_steps", n_steps)
    if method == "gausslegendre":
        nodes, weights = np.polynomial.legendre.leggauss(n_steps)
        alphas, weights = (1 + nodes) / 2, weights / 2
    elif method == "riemann_trapezoid":
        if n_steps == 1:
            raise ValueError("riemann_trapezoid needs n_steps of at least 2, one for each end")
        alphas = np.linspace(0, 1, n_steps)
        weights = np.full(n_steps, 1 / (n_steps - 1))
        weights[[0, -1]] /= 2
    else:
        offset = {"riemann_left": 0.0, "riemann_middle": 0.5, "riemann_right": 1.0}[method]
        alphas = (np.arange(n_steps) + offset) / n_steps
        weights = np.full(n_steps, 1 / n_steps)
    return torch.tensor(alphas, dtype=dtype), torch.tensor(weights, dtype=dtype)


@contextmanager
def _attributing(model: nn.Module) -> Iterator[None]:
    """Run the net in evaluation mode and with gradients, whatever the caller switched off."""
    with evaluation_mode(model), torch.inference_mode(False), torch.enable_grad():
        yield


class _Tracked(torch.autograd.Function):
    """Identity that makes gradients flow to a tensor without a copy of it.

    The result is not a leaf, so that a net whose first operation works in place may overwrite it.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, anchor: Tensor) -> Tensor:
        ctx.mark_dirty(values)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def _input_gradient(run: Callable[[Tensor], Tensor], points: Tensor, target: Tensor) -> Tensor:
    """Gradient of the target logit of each row with respect to that row; overwrites the points."""
    points = _Tracked.apply(points, torch.zeros((), device=points.device, requires_grad=True))
    start = get_gradient_edge(points)
    logits = _selected(run(points), target)
    gradient = None
    if logits.requires_grad:
        (gradient,) = torch.autograd.grad(logits.sum(), start, allow_unused=True)
    if gradient is None:
        raise ValueError(
            "the logits do not depend on the inputs in a way that can be differentiated: look for "
            "a detach or an integer conversion in the net"
        )
    return gradient


def _checked(logits: Tensor, n_rows: int) -> Tensor:
    """Logits of a number of rows, if that is what they are."""
    if not isinstance(logits, Tensor):
        raise TypeError(f"the net must return a Tensor of logits, got {type(logits).__name__}")
    if logits.ndim != 2 or len(logits) != n_rows:
        raise ValueError(
            f"the net must return logits of shape ({n_rows}, K), got {tuple(logits.shape)}"
        )
    return logits


def _selected(logits: Tensor, target: Tensor) -> Tensor:
    """Target logit of each row."""
    logits = _checked(logits, len(target))
    outside = (target < 0) | (target >= logits.shape[1])
    if outside.any():
        image = int(outside.int().argmax())
        raise ValueError(
            f"target[{image}] is {int(target[image])}, but the net has {logits.shape[1]} outputs"
        )
    return logits.gather(1, target[:, None])[:, 0]


@torch.no_grad()
def _target_logits(model: nn.Module, inputs: Tensor, target: Tensor, rows: int) -> Tensor:
    """Target logits of all images, a bounded number at a time; one row serves all targets."""
    logits = [_checked(model(part.clone()), len(part)) for part in inputs.split(rows)]
    return _selected(torch.cat(logits).expand(len(target), -1), target)


def _path_gradient(
    run: Callable[[Tensor], Tensor],
    start: Tensor,
    direction: Tensor,
    target: Tensor,
    alphas: Tensor,
    weights: Tensor,
    rows: int,
) -> Tensor:
    """Weighted sum over the nodes of the gradient at ``start + alpha * direction``."""
    images, shape = direction.shape[0], direction.shape[1:]
    total = torch.zeros_like(direction, dtype=_accumulator(direction.dtype))

    # A function of its own lets go of the tensors of a pass before the next one begins.
    def add_gradients(nodes: Tensor, node_weights: list[float]) -> None:
        steps = nodes.view(-1, 1, *(1 for _ in shape))
        points = direction.new_empty(len(nodes) * images, *shape)
        with torch.no_grad():
            torch.addcmul(start, steps, direction, out=points.unflatten(0, (-1, images)))
        gradient = _input_gradient(run, points, target.repeat(len(nodes)))
        # One term at a time: no copy of the gradient, and weights in double precision.
        for weight, term in zip(node_weights, gradient.unflatten(0, (-1, images)), strict=True):
            total.add_(term, alpha=weight)

    per_pass = max(1, rows // images)
    for nodes, node_weights in zip(
        alphas.to(direction).split(per_pass), weights.split(per_pass), strict=True
    ):
        add_gradients(nodes, node_weights.tolist())
    return total.to(direction.dtype)


def _path_gradient_behind(
    layer: nn.Module,
    model: nn.Module,
    start: Tensor,
    end: Tensor,
    target: Tensor,
    alphas: Tensor,
    weights: Tensor,
    rows: int,
) -> Tensor:
    """`_path_gradient` of a net whose input goes into one linear layer and nowhere else."""
    leaf = end.detach().requires_grad_()
    at_end = layer(leaf)
    with torch.no_grad():
        at_start = layer(start)
        direction = at_end - at_start
    gradient = _path_gradient(
        _BehindLayer(layer, model, end), at_start, direction, target, alphas, weights, rows
    )
    return torch.autograd.grad(at_end, leaf, gradient)[0]


class _BehindLayer:
    """The part of a net behind its first layer, as a function of that layer's output."""

    def __init__(self, layer: nn.Module, model: nn.Module, like: Tensor) -> None:
        self.layer = layer
        self.model = model
        self.blank = like.new_full((1,) * like.ndim, torch.nan)
        self.shape = like.shape[1:]

    def __call__(self, layer_output: Tensor) -> Tensor:
        # What nobody reads needs a shape and no memory. NaN, so that a reader would show.
        blank = self.blank.expand(len(layer_output), *self.shape)
        self.layer.forward = lambda _: layer_output
        try:
            return self.model(blank)
        finally:
            del self.layer.forward


def _only_reader(model: nn.Module, row: Tensor) -> nn.Module | None:
    """Find the linear or convolution layer that alone reads the input; None if there is none.

    The net is run on one row while every torch function is watched for the input among its
    arguments. The layer found is then put to the test: with its output given, the net must return
    the same logits for an input of NaN.
    """
    if _opaque_module(model) is not None or any("forward" in vars(m) for m in model.modules()):
        # Somebody replaced a forward to change or observe the arithmetic: do all of it.
        return None
    with torch.no_grad():
        row = row.clone()
        readers = _Readers(row)
        handles = []
        for module in model.modules():
            if _is_plain_linear(module):
                handles.append(module.register_forward_pre_hook(readers.enter))
                handles.append(module.register_forward_hook(readers.leave, always_call=True))
        try:
            with readers:
                logits = model(row)
        finally:
            for handle in handles:
                handle.remove()
        layer = readers.only()
        if layer is None:
            return None
        repeated = _BehindLayer(layer, model, row)(layer(row))
    same = isinstance(logits, Tensor) and torch.allclose(logits, repeated, rtol=1e-3)
    return layer if same else None


def _is_plain_linear(module: nn.Module) -> bool:
    # Subclasses, parametrisations and hooks may do something that is not linear. A hook that
    # changes what goes in need not be looked for: it reads the input.
    plain = type(module) in (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    hooks = module._forward_hooks or module._backward_hooks or module._backward_pre_hooks
    return plain and not hooks


class _Readers(TorchFunctionMode):
    """Watch which layers, and whether anything else, read the values of one tensor."""

    _WITHOUT_VALUES = (
        Tensor.shape.__get__,
        Tensor.ndim.__get__,
        Tensor.dtype.__get__,
        Tensor.device.__get__,
        Tensor.layout.__get__,
        Tensor.is_cuda.__get__,
        Tensor.requires_grad.__get__,
        Tensor.size,
        Tensor.dim,
        Tensor.numel,
        Tensor.__len__,
        Tensor.is_floating_point,
    )

    def __init__(self, tensor: Tensor) -> None:
        super().__init__()
        self.tensor = tensor
        self.calls: list[tuple[nn.Module, bool]] = []
        self.inside: list[nn.Module] = []
        self.elsewhere = False

    def enter(self, module: nn.Module, args: tuple) -> None:
        self.inside.append(module)
        self.calls.append((module, len(args) == 1 and args[0] is self.tensor))

    def leave(self, module: nn.Module, args: tuple, output: Any) -> None:
        self.inside.pop()

    def only(self) -> nn.Module | None:
        readers = [module for module, reads in self.calls if reads]
        if self.elsewhere or len(readers) != 1:
            return None
        # A layer that is called again would get the given output there, too.
        calls = [module for module, _ in self.calls if module is readers[0]]
        return readers[0] if len(calls) == 1 else None

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if (
            not self.inside
            and func not in self._WITHOUT_VALUES
            and _contains((args, kwargs), self.tensor)
        ):
            self.elsewhere = True
        return func(*args, **kwargs)


class _GuidedReLU(torch.autograd.Function):
    """ReLU whose backward pass lets positive gradients through only."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, in_place: bool) -> Tensor:
        if in_place:
            ctx.mark_dirty(values)
        output = values.relu_() if in_place else values.relu()
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (output,) = ctx.saved_tensors
        return gradient.clamp(min=0) * (output > 0), None


class _GuidedReLUs(TorchFunctionMode):
    """Replace every ReLU that is called by `_GuidedReLU`."""

    _OUT_OF_PLACE = (torch.relu, Tensor.relu)
    _IN_PLACE = (torch.relu_, Tensor.relu_)

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is nn.functional.relu:
            values, in_place = _relu_arguments(*args, **kwargs)
            return _GuidedReLU.apply(values, in_place)
        if func in self._OUT_OF_PLACE or func in self._IN_PLACE:
            (values,) = (*args, *kwargs.values())
            return _GuidedReLU.apply(values, func in self._IN_PLACE)
        return func(*args, **kwargs)


def _relu_arguments(input: Tensor, inplace: bool = False) -> tuple[Tensor, bool]:
    return input, inplace


def _contains(arguments: Any, tensor: Tensor) -> bool:
    if isinstance(arguments, dict):
        arguments = tuple(arguments.values())
    if isinstance(arguments, (tuple, list)):
        return any(_contains(argument, tensor) for argument in arguments)
    return arguments is tensor


def _opaque_module(model: nn.Module) -> str | None:
    """Name of the first module whose code runs where torch functions cannot be watched."""
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule) or hasattr(module, "_orig_mod"):
            return name
    return None


def _accumulator(dtype: torch.dtype) -> torch.dtype:
    """Type of a sum of many gradients: single precision at least."""
    return torch.promote_types(dtype, torch.float32)


def _per_row(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *(1 for _ in like.shape[1:]))


def _split_baselines(baselines: Tensor, parts: int) -> tuple[Tensor, ...]:
    return (baselines,) * parts if len(baselines) == 1 else baselines.tensor_split(parts)


def _check_positive(name: str, value: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")


def _validated(model: nn.Module, inputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Check what every method is given; return tensors that autograd can use, on one device."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be an nn.Module, got {type(model).__name__}")
    validate_inputs(inputs)
    if not isinstance(target, Tensor):
        raise TypeError(f"target must be an integer Tensor, got {type(target).__name__}")
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise TypeError(f"target must be an integer Tensor of class indices, got {target.dtype}")
    if target.shape != inputs.shape[:1]:
        raise ValueError(
            f"target must have shape ({len(inputs)},), one class index per image, "
            f"got {tuple(target.shape)}"
        )
    return _usable(inputs.detach()), _usable(target.detach().to(inputs.device, torch.long))


def _usable(tensor: Tensor) -> Tensor:
    """Copy of a tensor from inference mode, which autograd refuses; others as they are."""
    with torch.inference_mode(False):
        return tensor.clone() if tensor.is_inference() else tensor


def _validated_baselines(baselines: Tensor | float | None, inputs: Tensor) -> Tensor:
    """Baselines with the shape of the inputs, or with one row if all images share it."""
    if baselines is None:
        baselines = 0.0
    if not isinstance(baselines, Tensor):
        baselines = torch.as_tensor(baselines, dtype=inputs.dtype)
    baselines = _usable(baselines.detach().to(inputs))
    if not torch.isfinite(baselines).all():
        raise ValueError("baselines hold NaN or infinity")
    shared = baselines.ndim < inputs.ndim or len(baselines) == 1
    try:
        return baselines.expand(1 if shared else len(inputs), *inputs.shape[1:])
    except RuntimeError as error:
        raise ValueError(
            f"baselines of shape {tuple(baselines.shape)} do not broadcast to inputs of shape "
            f"{tuple(inputs.shape)}"
        ) from error


def _difference(inputs: Tensor, baselines: Tensor | float | None) -> Tensor:
    """Subtract the baselines, shaped like the inputs; None returns the inputs as they are."""
    return inputs if baselines is None else inputs - _validated_baselines(baselines, inputs)


def _validated_rows(internal_batch_size: int | None, n_images: int) -> int:
    if internal_batch_size is None:
        return max(n_images, _DEFAULT_ROWS)
    _check_positive("internal_batch_size", internal_batch_size)
    return internal_batch_size
