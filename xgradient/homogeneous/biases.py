"""Removal of biases: from a regular net to its X-DNN."""

from __future__ import annotations

import warnings

from torch import Tensor, nn

from xgradient._inputs import check_model, evaluation_mode
from xgradient.homogeneous._added_constants import AddedConstants, Unseen
from xgradient.homogeneous._copying import copied
from xgradient.homogeneous._own_biases import remaining_message, remove_own_biases
from xgradient.homogeneous._structure import (
    NotHomogeneousError,
    described,
    is_normalisation,
    normalisation_message,
)
from xgradient.homogeneous.verification import check_examples, verify_homogeneous


def remove_biases(model: nn.Module, example_inputs: Tensor | None = None) -> nn.Module:
    """Copy a net without its biases: the X-DNN of a net, before any fine-tuning.

    Every parameter or floating-point buffer that is itself named ``bias``, or like a scalar bias of
    Fixup (``bias1a``, ``bias2``), becomes None and leaves the state dict, also if it is pruned or
    parametrised. So do the biases of recurrent layers (``bias_ih_l0``) and of attention
    (``in_proj_bias``, and the key and value ``bias_k`` and ``bias_v`` that it appends). Weights and
    scalar multipliers are kept.

    A bias that cannot be removed is refused. What the code of the net adds under other names or
    none, such as ``x + self.offset``, is read from the graph of its calls (`torch.fx`); a warning
    names modules whose code cannot be read. With example inputs the numbers decide, too.

    That the copy has no biases does not make it homogeneous: a sigmoid is left as it is.
    `check_homogeneous` tells, and so do the example inputs.

    Parameters
    ----------
    model : nn.Module
        Net without normalisation layers. It is left as it is.
    example_inputs : Tensor of shape (N, ...), optional
        Inputs at which the copy must be homogeneous, of any degree. One or two images will do.
        A constant that the code adds and that is no parameter is then judged by what it does.

    Returns
    -------
    nn.Module
        A deep copy without biases. Tensors that autograd knows the history of are copied without.

    Raises
    ------
    NotHomogeneousError
        If the net holds a normalisation layer: without its bias it is still not homogeneous.
        `fold_batchnorm` removes a BatchNorm. If it has a bias that cannot be removed: of a
        quantised or scripted module, a border of ones around an image, a constant that its code
        adds, or one that its code cannot do without. If the copy is not homogeneous at the example
        inputs. ``module_name`` says where.
    ValueError, TypeError
        If the model is no module, or the example inputs are empty, all zero, not finite, or not
        floating-point.

    Warns
    -----
    UserWarning
        If modules, which the message names, may add constants that cannot be seen, and there are no
        example inputs.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 3.
    """
    check_model(model)
    if example_inputs is not None:
        check_examples(model, example_inputs)
    for name, module in model.named_modules():
        if is_normalisation(module):
            raise NotHomogeneousError(normalisation_message(model, name, module), name)
        message = remaining_message(model, name, module)
        if message is not None:
            raise NotHomogeneousError(message, name)
    stripped = copied(model)
    for name, module in list(stripped.named_modules()):
        remove_own_biases(stripped, name, module)
    unseen = _refuse_added_constants(model, stripped, judged=example_inputs is not None)
    if example_inputs is not None:
        verify_homogeneous(stripped, example_inputs, degree=None)
    elif unseen:
        warnings.warn(_warning(model, unseen), stacklevel=2)
    return stripped


def _refuse_added_constants(model: nn.Module, stripped: nn.Module, judged: bool) -> list[Unseen]:
    """Refuse what the code of the stripped net adds; return where it may add more."""
    with evaluation_mode(stripped):
        code = AddedConstants(stripped)
    for added in code.found:
        # A parameter that is zero at the moment changes no number until it is trained.
        if added.certain or not judged:
            raise NotHomogeneousError(added.message, added.module_name)
    if code.unseen:
        with evaluation_mode(model):
            before = {each.module_name for each in AddedConstants(model).unseen}
        for each in code.unseen:
            if each.module_name not in before:
                module = model.get_submodule(each.module_name)
                raise NotHomogeneousError(
                    f"{described(model, each.module_name, module)} cannot do without its bias: its "
                    "forward pass fails if the bias is None; skip it there, as nn.Linear does",
                    each.module_name,
                )
    return code.unseen


def _warning(model: nn.Module, unseen: list[Unseen]) -> str:
    listed = "; ".join(
        f"{described(model, each.module_name, model.get_submodule(each.module_name))}: "
        f"{each.reason}"
        for each in unseen
    )
    return (
        "biases that the code of a module adds under a name of their own cannot be seen in "
        f"{listed}. Pass example_inputs to remove_biases, which verifies the result"
    )
