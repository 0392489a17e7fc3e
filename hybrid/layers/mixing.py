"""Values mixed by product-state keys, without writing the association out.

The association of one head is a matrix of queries against patterns, the largest array of the
layer.  With ``w = prod_b P_b K_b^T`` over blocks b of neurons the mixed values are
``(w v) / (w 1)``, so that one more column of values normalises.  Both passes go over the heads in
chunks that stay in a processor's cache and write ``w`` again where they need it: half the time of
the plain operations on a processor, and memory that does not grow with the square of the length.

Registered as operators of PyTorch, so that ``torch.compile`` calls them as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# Numbers in the largest array of a chunk: 1 MB in single precision.
_CHUNK = 1 << 18


@torch.library.custom_op("qhopfield::product_mix", mutates_args=())
def product_mix(
    probe: Tensor, key: Tensor, values: Tensor, factor: Tensor | None
) -> tuple[Tensor, Tensor]:
    """``(w v) / (w 1)`` and ``w 1``, ``w = f prod_b P_b K_b^T``.

    Shapes:
        probe: (blocks, G, L, 16)
        key: (blocks, G, S, 16)
        values: (G, S, V)
        factor: (1 or G, 1 or L, S), >= 0
        result: (G, L, V) and (G, L, 1)
    """
    _, groups, length, _ = probe.shape
    patterns = key.shape[2]
    extended = torch.nn.functional.pad(values, (0, 1), value=1.0)
    sums = values.new_empty(groups, length, extended.shape[-1])
    size = _groups(probe, patterns)
    weight, spare = _buffers(2, size, length, patterns, values)
    for part in _parts(groups, size):
        w = _weight(probe, key, part, weight, spare)
        _scale(w, factor, part)
        torch.bmm(w, extended[part], out=sums[part])
    total = sums[..., -1:].clone()
    return sums[..., :-1] / total, total


@product_mix.register_fake
def _(probe: Tensor, key: Tensor, values: Tensor, factor: Tensor | None) -> tuple[Tensor, Tensor]:
    shape = (probe.shape[1], probe.shape[2])
    return values.new_empty(*shape, values.shape[-1]), values.new_empty(*shape, 1)


@torch.library.custom_op("qhopfield::product_mix_backward", mutates_args=())
def product_mix_backward(
    grad: Tensor,
    probe: Tensor,
    key: Tensor,
    values: Tensor,
    factor: Tensor | None,
    mixed: Tensor,
    total: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the probe's and the key's features and of the values; shapes as above."""
    blocks, groups, length, _ = probe.shape
    patterns = key.shape[2]
    extended = torch.nn.functional.pad(values, (0, 1), value=1.0)
    scaled = grad / total
    sums = torch.cat([scaled, -(scaled * mixed).sum(-1, keepdim=True)], dim=-1)
    to_probe, to_key, to_values = (torch.empty_like(each) for each in (probe, key, values))
    size = _groups(probe, patterns)
    buffers = _buffers(blocks + 2, size, length, patterns, values)
    for part in _parts(groups, size):
        count = part.stop - part.start
        slope, spare = buffers[0][:count], buffers[1][:count]
        each = [
            torch.bmm(probe[b, part], key[b, part].transpose(1, 2), out=buffers[2 + b][:count])
            for b in range(blocks)
        ]
        torch.bmm(sums[part], extended[part].transpose(1, 2), out=slope)
        _scale(slope, factor, part)
        w = each[0] if blocks == 1 else torch.mul(each[0], each[1], out=spare)
        if factor is not None:
            w = _scale(spare.copy_(w) if blocks == 1 else w, factor, part)
        torch.bmm(w.transpose(1, 2), scaled[part], out=to_values[part])
        # The slope of one block's weight is multiplied by the other block's.
        slopes = [slope] if blocks == 1 else [each[1].mul_(slope), each[0].mul_(slope)]
        for b in range(blocks):
            torch.bmm(slopes[b], key[b, part], out=to_probe[b, part])
            torch.bmm(slopes[b].transpose(1, 2), probe[b, part], out=to_key[b, part])
    return to_probe, to_key, to_values


@product_mix_backward.register_fake
def _(
    grad: Tensor,
    probe: Tensor,
    key: Tensor,
    values: Tensor,
    factor: Tensor | None,
    mixed: Tensor,
    total: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(probe), torch.empty_like(key), torch.empty_like(values)


def _setup(ctx: Any, inputs: Any, output: Any) -> None:
    probe, key, values, factor = inputs
    ctx.has_factor = factor is not None
    kept = (probe, key, values, *output)
    ctx.save_for_backward(*kept, factor) if ctx.has_factor else ctx.save_for_backward(*kept)


def _backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
    probe, key, values, mixed, total, *rest = ctx.saved_tensors
    factor = rest[0] if ctx.has_factor else None
    return (
        *product_mix_backward(grad.contiguous(), probe, key, values, factor, mixed, total),
        None,
    )


product_mix.register_autograd(_backward, setup_context=_setup)


def _groups(probe: Tensor, patterns: int) -> int:
    """Heads a chunk; all of them where there is no cache to care for."""
    if probe.device.type != "cpu":
        return max(1, probe.shape[1])
    return max(1, _CHUNK // max(1, probe.shape[2] * patterns))


def _parts(groups: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, groups)) for start in range(0, groups, size)]


def _buffers(number: int, size: int, length: int, patterns: int, like: Tensor) -> list[Tensor]:
    return [like.new_empty(size, length, patterns) for _ in range(number)]


def _weight(probe: Tensor, key: Tensor, part: slice, out: Tensor, spare: Tensor) -> Tensor:
    """The product over blocks, in ``out``."""
    count = part.stop - part.start
    weight = torch.bmm(probe[0, part], key[0, part].transpose(1, 2), out=out[:count])
    if len(probe) > 1:
        other = torch.bmm(probe[1, part], key[1, part].transpose(1, 2), out=spare[:count])
        weight.mul_(other)
    return weight


def _scale(weight: Tensor, factor: Tensor | None, part: slice) -> Tensor:
    if factor is not None:
        weight.mul_(factor if factor.shape[0] == 1 else factor[part])
    return weight
