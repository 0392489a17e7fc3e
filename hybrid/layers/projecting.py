"""Calling a layer's projections, all in one product where nobody could tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules import module as modules

# What a plain linear map's call does, as PyTorch wrote it.
_FORWARD, _CALL = nn.Linear.forward, nn.Linear.__call__
# Hooks of one module and of all modules, by name; PyTorch has no public question for either.
_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)
_GLOBAL_HOOKS = tuple(f"_global{name}" for name in _HOOKS)


def project(projections: Sequence[nn.Module | None], given: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Each projection called with what it is given; None hands it on as it is.

    A module is its call: adapters, hooks, pruning, norms of weights and quantisation all live in
    it.  Only where all are nothing but linear maps of one and the same tensor are their weights
    read, for one matrix product in place of several.
    """
    linear = [each for each in projections if each is not None]
    same = all(each is given[0] for each in given)
    if same and len(linear) == len(projections) > 1 and _alike(linear):
        weight = torch.cat([each.weight for each in linear])
        bias = None if linear[0].bias is None else torch.cat([each.bias for each in linear])
        widths = [each.weight.shape[0] for each in linear]
        pieces: tuple[Tensor, ...] = functional.linear(given[0], weight, bias).split(widths, -1)
        return pieces
    return tuple(
        each if projection is None else projection(each)
        for projection, each in zip(projections, given, strict=True)
    )


def expected_dtype(module: nn.Module, otherwise: torch.dtype) -> torch.dtype:
    """The floating-point type that a module computes in, as far as its parameters say."""
    floating = (each.dtype for each in module.parameters() if each.is_floating_point())
    return next(floating, otherwise)


def draw_projection(module: nn.Module) -> None:
    """Draws a projection's parameters: Glorot uniform, bias 0; other modules draw their own.

    Raises:
        TypeError: the weight is computed from other parameters, which are not known here.
    """
    if isinstance(module, nn.Linear) and "weight" not in module._parameters:
        raise TypeError(
            "A projection's weight is computed from other parameters (pruned, normed or "
            "parametrised), so it cannot be drawn anew; draw those, or remove what computes it."
        )
    own = getattr(type(module), "reset_parameters", None)
    if isinstance(module, nn.Linear) and own is nn.Linear.reset_parameters:
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif own is None:
        raise TypeError(
            f"A projection is a {type(module).__name__}, which has no reset_parameters(), so it "
            "cannot be drawn anew."
        )
    else:
        own(module)


def _alike(linear: Sequence[nn.Module]) -> TypeGuard[Sequence[nn.Linear]]:
    """Whether all are plain linear maps of one type, on one device, with biases or without."""
    if any(getattr(modules, name) for name in _GLOBAL_HOOKS):
        return False
    plain = [each for each in linear if isinstance(each, nn.Linear) and is_plain(each)]
    if len(plain) < len(linear):
        return False
    biased, width = plain[0].bias is not None, plain[0].weight.shape[1]
    first = plain[0].weight
    tensors = [part for each in plain for part in (each.weight, each.bias) if part is not None]
    return (
        all((each.bias is not None) == biased for each in plain)
        and all(each.weight.shape[1] == width for each in plain)
        and all((each.dtype, each.device) == (first.dtype, first.device) for each in tensors)
        # Tensors of another class (quantised, distributed) compute in their own way.
        and all(type(each) in (Tensor, nn.Parameter) for each in tensors)
    )


def is_plain(module: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether calling a module is ``input @ weight.T + bias`` and nothing else."""
    return (
        type(module) is nn.Linear  # no subclass, which is what parametrisations make of it too
        and nn.Linear.forward is _FORWARD
        and nn.Linear.__call__ is _CALL
        and "forward" not in module.__dict__
        and "_call_impl" not in module.__dict__
        and module._compiled_call_impl is None
        and not any(getattr(module, name) for name in _HOOKS)
    )
