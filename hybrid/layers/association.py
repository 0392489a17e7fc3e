"""The association of probes with stored keys: its exact law.

Everything is batched over leading dimensions.  A *score* is ``a = beta x``, a probe times the
inverse temperature; a key is the expectations z of its qubits.  Pattern mu is kept with weight
``w_mu prod_i (cosh a_i + z_mu,i sinh a_i)``, and the association p is that weight, normalised.

Keys of bits (z = +-1) make it ``softmax(a . z)``.  For product-state keys the product over neurons
is written over blocks of four: the weight of a block is the sum over its 16 bit strings of the
chance that the key shows the string times what the filter lets through of it, that is one matrix
product with 16 features.  All terms are positive, so nothing cancels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional

from .checks import traced
from .mixing import product_mix, softmax_mix

BLOCK = 4
"""Neurons whose bit strings are summed over in one matrix product."""

LIMIT = 10.0
"""Bound on ``|beta x|`` and on a product key's ``|artanh z|``: beyond it ``1 - |z| < 4e-9``."""

# Weights of one block lie between e^-80 and 1.  Raised by this, the product of two stays within
# single precision.
_LIFT = 40.0


def straight_sign(raw: Tensor) -> Tensor:
    """Bits +-1 of real numbers (0 counts as +1), with straight-through gradients; any shape.

    The gradient passes where ``|raw| <= 1`` and stops beyond: a number that is pushed further out
    than its bit can go would not come back in time, and training decays.

    Source: Bengio, Leonard and Courville 2013, arXiv:1308.3432 (straight through); Hubara et al.
    2016, arXiv:1602.02830, equation 4 (where it stops).
    """
    signs = torch.where(raw < 0, -1.0, 1.0).to(raw.dtype)
    inside = raw.clamp(-1.0, 1.0)
    return signs + (inside - inside.detach())


def binary_association(scores: Tensor, keys: Tensor, prior: Tensor | None) -> Tensor:
    """``softmax(a . z + prior)``: the law for keys +-1.

    Shapes:
        scores: (..., L, n)
        keys: (..., S, n)
        prior: logarithms of the patterns' weights, broadcast against (..., L, S)
        result: (..., L, S)
    """
    logits = torch.matmul(scores, keys.transpose(-1, -2))
    if prior is not None:
        logits = logits + prior
    return torch.softmax(logits, dim=-1)


def product_association(scores: Tensor, logits: Tensor, prior: Tensor | None) -> Tensor:
    """The law for product-state keys ``z = tanh(logits)``; shapes as above.

    Args:
        scores: within ``+-LIMIT``.
        logits: ``artanh z``, within ``+-LIMIT``.
        prior: see above.
    """
    weights = block_weights(probe_features(scores), key_features(logits))
    if len(weights) <= 2:
        product = weights[0] if len(weights) == 1 else weights[0] * weights[1]
        if prior is not None:
            product = product * prior_weights(prior)
        return product / product.sum(-1, keepdim=True)
    summed = torch.log(weights).sum(0)
    return torch.softmax(summed if prior is None else summed + prior, dim=-1)


def binary_mixed(scores: Tensor, keys: Tensor, values: Tensor, prior: Tensor | None) -> Tensor:
    """``binary_association(...) @ values``, in chunks where it can; shapes as below."""
    if _opaque(prior, scores, keys, values):
        return torch.matmul(binary_association(scores, keys, prior), values)
    lead, (scores, keys, values) = _expanded(scores, keys, values)
    rows = (each.flatten(0, 1) for each in (scores, keys, values))
    mixed: Tensor = softmax_mix(*rows, _rows(prior, lead))[0]
    turned: Tensor = mixed.transpose(1, 2).unflatten(0, lead)
    return turned


def product_mixed(scores: Tensor, logits: Tensor, values: Tensor, prior: Tensor | None) -> Tensor:
    """``product_association(...) @ values``, without writing the association out where it can.

    Shapes:
        scores, logits, values: (B, H, L or S, ...)
        result: (B, H, L, v)
    """
    if scores.shape[-1] > 2 * BLOCK or _opaque(prior, scores, logits, values):
        return torch.matmul(product_association(scores, logits, prior), values)
    lead, (scores, logits, values) = _expanded(scores, logits, values)
    probe, key = probe_features(scores), key_features(logits)
    factor = _rows(prior, lead)
    if factor is not None:
        factor = prior_weights(factor)
    mixed: Tensor = product_mix(
        probe.flatten(1, 2), key.flatten(1, 2), values.flatten(0, 1), factor
    )[0]
    turned: Tensor = mixed.transpose(1, 2).unflatten(0, lead)
    return turned


def _opaque(prior: Tensor | None, *tensors: Tensor) -> bool:
    """Whether an operator of its own would stand in the way of an export, transform or gradient."""
    if prior is not None and prior.requires_grad:
        return True
    if torch.compiler.is_exporting():
        return True
    if torch.compiler.is_compiling():
        return False
    return traced(*tensors) or _forward_mode(prior, *tensors)


def _forward_mode(*tensors: Tensor | None) -> bool:
    """Whether a tensor carries a derivative forwards, as in ``torch.func.jvp``."""
    return any(
        tensor is not None and forward_ad.unpack_dual(tensor).tangent is not None
        for tensor in tensors
    )


def _expanded(*tensors: Tensor) -> tuple[torch.Size, tuple[Tensor, ...]]:
    """The batch and the heads, and tensors that all have them."""
    lead = torch.broadcast_shapes(*(each.shape[:2] for each in tensors))
    return lead, tuple(each.expand(*lead, -1, -1) for each in tensors)


def _rows(prior: Tensor | None, lead: torch.Size) -> Tensor | None:
    """A prior for the heads of a batch in a row, (1 or G, 1 or L, S)."""
    if prior is None:
        return None
    if prior.dim() < 3 or prior.shape[:-2].numel() == 1:
        return prior.reshape(1, *prior.shape[-2:])
    return prior.expand(*lead, *prior.shape[-2:]).flatten(0, 1)


def block_signs(like: Tensor) -> Tensor:
    """Spins of the 16 bit strings of a block, (4, 16), of the dtype and device of ``like``.

    Made anew each time: a constant that a module keeps and no checkpoint holds is garbage after
    ``to_empty``, and stays on the wrong device after ``load_state_dict(assign=True)``.
    """
    strings = torch.arange(2**BLOCK, device=like.device)
    neurons = torch.arange(BLOCK, device=like.device)[:, None]
    return (1 - 2 * (strings >> neurons & 1)).to(like.dtype)


def probe_features(scores: Tensor) -> Tensor:
    """What the filter lets through of each bit string of each block: ``e^(a . s - |a|_1)``.

    Shapes:
        scores: (..., L, n)
        result: (blocks, ..., L, 16), lifted by a constant that cancels
    """
    blocks = _blocks(scores)
    # The greatest string of a block agrees in every sign.  The probe's length cancels in the
    # association, so it needs no gradient.
    length = blocks.detach().abs().sum(-1, keepdim=True)
    return torch.exp(torch.matmul(blocks, block_signs(blocks)) - (length - _LIFT))


def key_features(logits: Tensor) -> Tensor:
    """The chance of each bit string of each block: ``softmax(logits . s)`` over the strings.

    Shapes:
        logits: (..., S, n)
        result: (blocks, ..., S, 16)
    """
    blocks = _blocks(logits)
    return torch.softmax(torch.matmul(blocks, block_signs(blocks)), dim=-1)


def block_weights(probe: Tensor, key: Tensor) -> Tensor:
    """Weights of each block, (blocks, ..., L, S)."""
    return torch.matmul(probe, key.transpose(-1, -2))


def log_acceptance(
    scores: Tensor, keys: Tensor, logits: Tensor | None, prior: Tensor | None
) -> Tensor:
    """Logarithm of the acceptance ``sum_mu w_mu prod_i e^-|a_i| (cosh a_i + z_mu,i sinh a_i)``.

    Args:
        scores: a, (..., L, n).
        keys: z, (..., S, n).
        logits: ``artanh z`` of product-state keys, None for keys +-1.
        prior: logarithms of the weights w, normalised here.

    Shapes:
        result: (..., L)
    """
    if logits is None:
        kept = scores @ keys.transpose(-1, -2) - scores.abs().sum(-1, keepdim=True)
    else:
        weights = block_weights(probe_features(scores), key_features(logits))
        kept = (torch.log(weights) - _LIFT).sum(0)
    if prior is None:
        return torch.logsumexp(kept, dim=-1) - math.log(kept.shape[-1])
    share = torch.log_softmax(prior.expand(kept.shape), dim=-1)
    return torch.logsumexp(kept + share, dim=-1)


def _blocks(tensor: Tensor) -> Tensor:
    """Neurons in blocks of four, the last one filled up with zeros, (blocks, ..., 4)."""
    missing = -tensor.shape[-1] % BLOCK
    if missing:
        tensor = functional.pad(tensor, (0, missing))
    blocks: Tensor = tensor.unflatten(-1, (-1, BLOCK))
    return blocks.movedim(-2, 0).contiguous()


def prior_weights(prior: Tensor) -> Tensor:
    """Weights whose logarithms the prior holds, the greatest of each query 1."""
    return torch.exp(prior - prior.amax(-1, keepdim=True))
