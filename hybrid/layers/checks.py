"""Shapes and masks of the layers' arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from ...circuits.common.checks import check_count, check_flag, check_real, shown
from ...circuits.common.cost import refuse_memory


def check_sizes(sizes: dict[str, int | None]) -> None:
    """Refuses sizes that are no integers >= 1; None is one that was not given."""
    for name, size in sizes.items():
        if size is not None:
            check_count(size, name, minimum=1)


def head_size(hidden_size: int | None, input_size: int, num_heads: int) -> int:
    """Neurons of a head.

    Raises:
        ValueError: the heads do not divide the input.
    """
    if hidden_size is not None:
        return hidden_size
    if input_size % num_heads:
        raise ValueError(
            f"num_heads={num_heads} must divide input_size={input_size} where hidden_size is not "
            "given; pass hidden_size, the neurons of one head."
        )
    return input_size // num_heads


def check_scaling(scaling: Any, num_heads: int, default: float) -> float | Tensor:
    """Returns the inverse temperature: a number, or a tensor with one a head.

    Raises:
        TypeError: neither a number nor a tensor.
        ValueError: an entry that is not finite and > 0, or the wrong number of them.
    """
    if scaling is None:
        return default
    if not isinstance(scaling, Tensor):
        return check_real(scaling, "scaling", minimum=0.0, exclusive=True)
    check_dense(scaling, "scaling")
    if not scaling.is_floating_point():
        raise TypeError(f"scaling must be a floating-point tensor, got {scaling.dtype}.")
    if scaling.shape not in ((), (num_heads,)):
        raise ValueError(
            f"scaling must be a number or have shape ({num_heads},), one a head; "
            f"got {tuple(scaling.shape)}."
        )
    if not scaling.is_meta and not bool(torch.all((scaling > 0) & torch.isfinite(scaling))):
        raise ValueError(f"scaling must be finite and > 0, got {scaling.tolist()}.")
    return scaling


def check_dropout(dropout: float, name: str = "dropout") -> float:
    """Returns a dropout probability in [0, 1)."""
    number = check_real(dropout, name, minimum=0.0)
    if number >= 1.0:
        raise ValueError(f"{name} must be in [0, 1), got {number:g}.")
    return number


def check_sequence(tensor: Any, name: str, size: int, batch: int | None) -> Tensor:
    """Refuses what is no batch of sequences (B, L, size) of finite numbers.

    Raises:
        TypeError: no floating-point tensor.
        ValueError: the wrong shape, NaN or infinite entries.
    """
    check_dense(tensor, name)
    if tensor.dim() != 3 or tensor.shape[-1] != size:
        raise ValueError(
            f"{name} must have shape (batch, length, {size}); got {tuple(tensor.shape)}."
        )
    check_finite(tensor, name)
    checked: Tensor = tensor
    if batch is not None and checked.shape[0] not in (1, batch):
        raise ValueError(
            f"{name} must have a batch of {batch}, as the state has; got {checked.shape[0]}."
        )
    return checked


def merge_masks(
    *,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    is_causal: bool,
    batch: int,
    heads: int,
    length: int,
    patterns: int,
    like: Tensor,
) -> Tensor | None:
    """All masks as logarithms of the patterns' weights, broadcast to (B, H, L, S); None for none.

    Raises:
        TypeError: a mask that is neither bool nor floating point.
        ValueError: a mask of another shape, a causal one with lengths that differ, a query that
            may see no pattern at all, or NaN.
    """
    prior: Tensor | None = None
    is_causal = check_flag(is_causal, "is_causal")
    check_fit(
        {"key_padding_mask": key_padding_mask},
        {"attn_mask": attn_mask},
        batch=batch,
        heads=heads,
        length=length,
        patterns=patterns,
        like=like,
    )
    if attn_mask is not None:
        prior = _as_prior(attn_mask, like)
        if prior.dim() == 3:
            prior = prior.view(batch, heads, length, patterns)
    elif is_causal:
        if length != patterns:
            raise ValueError(
                "is_causal=True needs as many queries as patterns; got "
                f"{length} queries and {patterns} patterns. Pass attn_mask."
            )
        causal = torch.ones(length, patterns, dtype=torch.bool, device=like.device).triu(1)
        prior = _as_prior(causal, like)
    if key_padding_mask is not None:
        padding = _as_prior(key_padding_mask, like)[:, None, None, :]
        prior = padding if prior is None else prior + padding
    if prior is not None and not traced(prior, like):
        if bool(torch.isnan(prior).any()):
            raise ValueError(
                "A mask holds NaN; expected bools, or numbers added to the logits, in attn_mask "
                "and key_padding_mask."
            )
        hidden = (prior == -math.inf).all(-1)
        if prior.numel() and bool(hidden.any()):
            place = tuple(torch.nonzero(hidden)[0].tolist())
            raise ValueError(
                f"Every pattern is masked for {int(hidden.sum())} of {hidden.numel()} queries (the "
                f"first at {place}), so there is nothing to associate with; leave at least one."
            )
    return prior


def check_masks(**masks: Any) -> None:
    """Refuses masks that are no tensors; None is one that was not given.

    Raises:
        TypeError: neither a tensor nor None.
    """
    for name, mask in masks.items():
        if mask is not None:
            check_dense(mask, name)


def check_fit(
    padding: Mapping[str, Any],
    attention: Mapping[str, Any],
    *,
    batch: int,
    heads: int,
    length: int,
    patterns: int,
    like: Tensor,
) -> None:
    """Refuses masks that do not fit the states, each by the name that its caller gave it.

    Args:
        padding: masks of a sequence's patterns, by name; None is one that was not given.
        attention: masks of a query's patterns, likewise.
        batch: sequences.
        heads: heads.
        length: queries of a sequence.
        patterns: stored patterns of a sequence.
        like: the states.

    Raises:
        TypeError: neither bools nor floating-point numbers.
        ValueError: another shape or device.
    """
    check_masks(**attention, **padding)
    one = {"(batch, patterns)": (batch, patterns)}
    each_query = {
        "(length, patterns)": (length, patterns),
        "(batch * heads, length, patterns)": (batch * heads, length, patterns),
    }
    for masks, allowed in ((attention, each_query), (padding, one)):
        for name, mask in masks.items():
            if mask is None:
                continue
            if mask.device != like.device:
                raise ValueError(f"{name} is on {mask.device} and the state on {like.device}.")
            if tuple(mask.shape) not in allowed.values():
                shapes = " or ".join(f"{axes}={shape}" for axes, shape in allowed.items())
                raise ValueError(f"{name} must have shape {shapes}; got {tuple(mask.shape)}.")
            if mask.dtype != torch.bool and not mask.is_floating_point():
                raise TypeError(
                    f"{name} must hold bools (True hides a pattern) or floats that are added to "
                    f"the logits, got {mask.dtype}."
                )


def _as_prior(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype == torch.bool:
        zero = torch.zeros(mask.shape, dtype=like.dtype, device=mask.device)
        return zero.masked_fill(mask, -math.inf)
    return mask.to(like.dtype)


def check_finite(tensor: Tensor, name: str) -> None:
    """Refuses NaN and infinite entries; skipped while a graph is traced.

    Raises:
        TypeError: no floating-point tensor.
        ValueError: an entry that is not finite.
    """
    check_dense(tensor, name)
    if not tensor.is_floating_point():
        raise TypeError(f"{name} must be a floating-point tensor, got {tensor.dtype}.")
    if traced(tensor):
        return
    # A sum is not finite if an entry is not; it may overflow too, so look again.
    if not bool(torch.isfinite(tensor.sum())) and not bool(torch.isfinite(tensor).all()):
        place = tuple(torch.nonzero(~torch.isfinite(tensor))[0].tolist())
        raise ValueError(f"{name} must be finite; got {tensor[place].item()} at {place}.")


def check_dense(tensor: Any, name: str) -> None:
    """Refuses what is no dense tensor.

    Raises:
        TypeError: no tensor, or one of another layout.
    """
    if isinstance(tensor, PackedSequence):
        raise TypeError(
            f"{name} is a PackedSequence; unpack it (torch.nn.utils.rnn.pad_packed_sequence) and "
            "pass key_padding_mask, True at what is padded."
        )
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(tensor).__name__}.")
    if tensor.is_nested:
        raise TypeError(
            f"{name} is a nested tensor; pad it (.to_padded_tensor(0.0)) and pass "
            "key_padding_mask, True at what is padded. torch.nn.TransformerEncoder makes none with "
            "enable_nested_tensor=False."
        )
    if tensor.layout != torch.strided:
        raise TypeError(f"{name} must be a dense tensor, got layout {tensor.layout}; .to_dense().")


def check_index(value: Any, name: str, size: int) -> int:
    """Returns the number of one of ``size`` things.

    Raises:
        IndexError: there is no such one.
        TypeError: no integer.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {shown(value)} ({type(value).__name__}).")
    if not 0 <= value < size:
        raise IndexError(f"{name} must be between 0 and {size - 1}, got {shown(value)}.")
    return int(value)


def refuse_parameters(number: int, sizes: Mapping[str, int | None]) -> None:
    """Refuses a layer that would not fit in memory, in single precision.

    Args:
        number: its parameters.
        sizes: what they come from, by name.

    Raises:
        ValueError: it is too large.
    """
    listed = ", ".join(f"{name}={size:,}" for name, size in sizes.items() if size is not None)
    refuse_memory(4.0 * number, f"A layer of {listed}", "Use smaller sizes.")


def check_place(tensor: Tensor, name: str, like: Tensor, whose: str = "the layer") -> None:
    """Refuses a tensor on another device or of another dtype than what it meets.

    Raises:
        TypeError: another dtype, where no autocast would convert it.
        ValueError: another device.
    """
    if tensor.device != like.device:
        raise ValueError(
            f"{name} is on {tensor.device} and {whose} on {like.device}; move one of them "
            f"(.to({str(like.device)!r}))."
        )
    cast = tensor.device.type != "meta" and torch.is_autocast_enabled(tensor.device.type)
    if tensor.dtype != like.dtype and not cast:
        raise TypeError(
            f"{name} must be {like.dtype}, as {whose} (it was {tensor.dtype}); convert it with "
            f".to({like.dtype}), or the layer with .to({tensor.dtype})."
        )


def check_dtype(dtype: Any) -> None:
    """Refuses what is no dtype of real parameters; None is torch's default.

    Raises:
        TypeError: there is one.
    """
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise TypeError(
            f"dtype must be a floating-point torch.dtype such as torch.float32, got {shown(dtype)}."
        )


def as_numpy(tensor: Tensor, name: str) -> NDArray[Any]:
    """A tensor's numbers on the CPU, without its gradient.

    Raises:
        ValueError: it has none (the meta device), or is no rectangle (sparse, nested).
    """
    if tensor.is_meta:
        raise ValueError(f"{name} is a tensor on the meta device, which has no numbers.")
    if tensor.is_nested or tensor.layout != torch.strided:
        raise ValueError(f"{name} must be a dense tensor; got a nested or sparse one.")
    whole = tensor.detach().cpu().resolve_conj().resolve_neg()
    numbers: NDArray[Any] = (whole.float() if whole.dtype == torch.bfloat16 else whole).numpy()
    return numbers


def traced(*tensors: Tensor | None) -> bool:
    """Whether the call is compiled, exported or batched, so that values cannot be looked at."""
    return torch.compiler.is_compiling() or any(
        tensor is not None
        and (tensor.is_meta or torch._C._functorch.is_functorch_wrapped_tensor(tensor))
        for tensor in tensors
    )


def full_precision(like: Tensor) -> AbstractContextManager[Any]:
    """Switches automatic mixed precision off: small differences of logits decide in a memory."""
    kind = like.device.type
    if kind != "meta" and torch.is_autocast_enabled(kind):
        return torch.autocast(device_type=kind, enabled=False)
    return nullcontext()


def at_least_single(tensor: Tensor) -> Tensor:
    """Half precision as single, for the same reason."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
