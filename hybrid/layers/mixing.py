"""Values mixed by an association of which no more is written out than a cache holds.

The association of one head is a matrix of queries against patterns, the largest array of the
layer.  Everything here goes over the heads in chunks that stay in a processor's cache.

Product-state keys: with ``w = prod_b P_b K_b^T`` over blocks b of neurons the mixed values are
``(w v) / (w 1)``, so that one more row of values normalises.  The backward pass computes ``w``
again, so memory does not grow with the square of the length.  Keys of bits: the softmax is kept,
as its exponentials would cost more than the memory.

Heads are narrow, and a matrix product whose result has 8 columns takes four times as long as its
transpose, which has 8 rows.  Hence mixed values come with the queries along the last axis,
(G, V, L), and so do the gradients inside.

Registered as operators of PyTorch, so that ``torch.compile`` calls them as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

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
        result: (G, V, L) and (G, 1, L)
    """
    _, groups, length, _ = probe.shape
    patterns = key.shape[2]
    extended = _extended(values)
    sums = values.new_empty(groups, extended.shape[1], length)
    size = _groups(probe, patterns)
    weight, spare = _buffers(2, size, length, patterns, values)
    for part in _parts(groups, size):
        w = _weight(probe, key, part, weight, spare)
        _scale(w, factor, part)
        torch.bmm(extended[part], w.transpose(1, 2), out=sums[part])
    total = sums[:, -1:].clone()
    return sums[:, :-1] / total, total


@product_mix.register_fake
def _(probe: Tensor, key: Tensor, values: Tensor, factor: Tensor | None) -> tuple[Tensor, Tensor]:
    groups, length = probe.shape[1], probe.shape[2]
    return values.new_empty(groups, values.shape[-1], length), values.new_empty(groups, 1, length)


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
    """Gradients of the probe's and the key's features and, turned to (G, V, S), of the values."""
    blocks, groups, length, _ = probe.shape
    patterns = key.shape[2]
    extended = _extended(values)
    scaled = grad / total
    sums = torch.cat([scaled, -(scaled * mixed).sum(1, keepdim=True)], dim=1)
    to_probe, to_key = torch.empty_like(probe), torch.empty_like(key)
    to_values = values.new_empty(groups, values.shape[-1], patterns)
    size = _groups(probe, patterns)
    buffers = _buffers(blocks + 2, size, length, patterns, values)
    for part in _parts(groups, size):
        count = part.stop - part.start
        slope, spare = buffers[0][:count], buffers[1][:count]
        each = [
            torch.bmm(probe[b, part], key[b, part].transpose(1, 2), out=buffers[2 + b][:count])
            for b in range(blocks)
        ]
        torch.bmm(sums[part].transpose(1, 2), extended[part], out=slope)
        _scale(slope, factor, part)
        w = each[0] if blocks == 1 else torch.mul(each[0], each[1], out=spare)
        if factor is not None:
            w = _scale(spare.copy_(w) if blocks == 1 else w, factor, part)
        torch.bmm(scaled[part], w, out=to_values[part])
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
    turned = values.new_empty(values.shape[0], values.shape[2], values.shape[1])
    return torch.empty_like(probe), torch.empty_like(key), turned


def _setup(ctx: Any, inputs: Any, output: Any) -> None:
    probe, key, values, factor = inputs
    ctx.has_factor = factor is not None
    kept = (probe, key, values, *output)
    ctx.save_for_backward(*kept, factor) if ctx.has_factor else ctx.save_for_backward(*kept)


def _backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
    probe, key, values, mixed, total, *rest = ctx.saved_tensors
    factor = rest[0] if ctx.has_factor else None
    if torch.is_grad_enabled():  # create_graph=True: this gradient is differentiated in its turn
        return *_product_slopes(grad, probe, key, values, factor), None
    to_probe, to_key, to_values = product_mix_backward(
        grad, probe, key, values, factor, mixed, total
    )
    return to_probe, to_key, to_values.transpose(1, 2), None


product_mix.register_autograd(_backward, setup_context=_setup)


def _product_slopes(
    grad: Tensor, probe: Tensor, key: Tensor, values: Tensor, factor: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """What :func:`product_mix_backward` returns, the values' not turned, written out.

    In operations that PyTorch differentiates again, at the price of the whole association.
    """
    each = torch.matmul(probe, key.transpose(-1, -2))  # (blocks, G, L, S)
    weight = each.prod(0)
    if factor is not None:
        weight = weight * factor
    total = weight.sum(-1, keepdim=True)
    share = weight / total
    turned = grad.transpose(1, 2)  # (G, L, V)
    slope = turned @ values.transpose(1, 2)
    slope = (slope - (share * slope).sum(-1, keepdim=True)) / total
    if factor is not None:
        slope = slope * factor
    slopes = slope[None] if len(each) == 1 else torch.stack([slope * each[1], slope * each[0]])
    return (
        torch.matmul(slopes, key),
        torch.matmul(slopes.transpose(-1, -2), probe),
        share.transpose(1, 2) @ turned,
    )


@torch.library.custom_op("qhopfield::softmax_mix", mutates_args=())
def softmax_mix(
    scores: Tensor, keys: Tensor, values: Tensor, prior: Tensor | None
) -> tuple[Tensor, Tensor]:
    """``p v`` and p, ``p = softmax(a z^T + prior)``.

    Shapes:
        scores: (G, L, n)
        keys: (G, S, n)
        values: (G, S, V)
        prior: (1 or G, 1 or L, S)
        result: (G, V, L) and (G, L, S)
    """
    groups, length, _ = scores.shape
    patterns = keys.shape[1]
    mixed = values.new_empty(groups, values.shape[-1], length)
    share = values.new_empty(groups, length, patterns)
    size = _groups(scores, patterns)
    (logits,) = _buffers(1, size, length, patterns, values)
    for part in _parts(groups, size):
        rows = logits[: part.stop - part.start]
        torch.bmm(scores[part], keys[part].transpose(1, 2), out=rows)
        if prior is not None:
            rows.add_(prior if prior.shape[0] == 1 else prior[part])
        torch.softmax(rows, -1, out=share[part])
        torch.bmm(values[part].transpose(1, 2), share[part].transpose(1, 2), out=mixed[part])
    return mixed, share


@softmax_mix.register_fake
def _(scores: Tensor, keys: Tensor, values: Tensor, prior: Tensor | None) -> tuple[Tensor, Tensor]:
    groups, length = scores.shape[:2]
    mixed = values.new_empty(groups, values.shape[-1], length)
    return mixed, values.new_empty(groups, length, keys.shape[1])


@torch.library.custom_op("qhopfield::softmax_mix_backward", mutates_args=())
def softmax_mix_backward(
    grad: Tensor, scores: Tensor, keys: Tensor, values: Tensor, mixed: Tensor, share: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of scores, keys and values, all turned: (G, n, L), (G, n, S), (G, V, S)."""
    groups, length, neurons = scores.shape
    patterns = keys.shape[1]
    extended = _extended(values)
    sums = torch.cat([grad, -(grad * mixed).sum(1, keepdim=True)], dim=1)
    to_scores = scores.new_empty(groups, neurons, length)
    to_keys = keys.new_empty(groups, neurons, patterns)
    to_values = values.new_empty(groups, values.shape[-1], patterns)
    size = _groups(scores, patterns)
    (buffer,) = _buffers(1, size, length, patterns, values)
    for part in _parts(groups, size):
        slope = buffer[: part.stop - part.start]
        torch.bmm(grad[part], share[part], out=to_values[part])
        torch.bmm(sums[part].transpose(1, 2), extended[part], out=slope).mul_(share[part])
        torch.bmm(keys[part].transpose(1, 2), slope.transpose(1, 2), out=to_scores[part])
        torch.bmm(scores[part].transpose(1, 2), slope, out=to_keys[part])
    return to_scores, to_keys, to_values


@softmax_mix_backward.register_fake
def _(
    grad: Tensor, scores: Tensor, keys: Tensor, values: Tensor, mixed: Tensor, share: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(
        each.new_empty(each.shape[0], each.shape[2], each.shape[1])
        for each in (scores, keys, values)
    )  # type: ignore[return-value]


def _setup_softmax(ctx: Any, inputs: Any, output: Any) -> None:
    prior = inputs[3]
    ctx.has_prior = prior is not None
    ctx.set_materialize_grads(False)
    kept = (*inputs[:3], *output)
    ctx.save_for_backward(*kept, prior) if ctx.has_prior else ctx.save_for_backward(*kept)


def _backward_softmax(
    ctx: Any, grad: Tensor | None, _: Tensor | None
) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
    if grad is None:
        return None, None, None, None
    scores, keys, values, mixed, share, *rest = ctx.saved_tensors
    if torch.is_grad_enabled():  # create_graph=True: this gradient is differentiated in its turn
        prior = rest[0] if ctx.has_prior else None
        return *_softmax_slopes(grad, scores, keys, values, prior), None
    slopes = softmax_mix_backward(grad, scores, keys, values, mixed, share)
    to_scores, to_keys, to_values = (each.transpose(1, 2) for each in slopes)
    return to_scores, to_keys, to_values, None


softmax_mix.register_autograd(_backward_softmax, setup_context=_setup_softmax)


def _softmax_slopes(
    grad: Tensor, scores: Tensor, keys: Tensor, values: Tensor, prior: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """What :func:`softmax_mix_backward` returns, not turned, in operations as above."""
    logits = scores @ keys.transpose(1, 2)
    share = torch.softmax(logits if prior is None else logits + prior, dim=-1)
    turned = grad.transpose(1, 2)  # (G, L, V)
    slope = turned @ values.transpose(1, 2)
    slope = share * (slope - (share * slope).sum(-1, keepdim=True))
    return slope @ keys, slope.transpose(1, 2) @ scores, share.transpose(1, 2) @ turned


def _extended(values: Tensor) -> Tensor:
    """Values turned, and a row of ones: (G, V + 1, S)."""
    return functional.pad(values.transpose(1, 2), (0, 0, 0, 1), value=1.0)


def _groups(queries: Tensor, patterns: int) -> int:
    """Heads a chunk; all of them where there is no cache to care for."""
    groups, length = queries.shape[-3:-1]
    if queries.device.type != "cpu":
        return max(1, groups)
    return max(1, min(groups, _CHUNK // max(1, length * patterns)))


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
