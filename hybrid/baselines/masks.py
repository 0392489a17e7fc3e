"""Masks of the layers that compare places with places."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def causal_mask(queries: int, patterns: int, like: Tensor) -> Tensor:
    """True where a pattern comes later than the query, (L, S).

    Raises:
        ValueError: there are not as many queries as patterns.
    """
    if queries != patterns:
        raise ValueError(
            "is_causal=True needs as many queries as patterns; got "
            f"{queries} queries and {patterns} patterns. Pass attn_mask."
        )
    return torch.ones(queries, patterns, dtype=torch.bool, device=like.device).triu(1)


def merged_mask(
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    is_causal: bool,
    lead: Sequence[int],
    patterns: int,
    like: Tensor,
) -> Tensor | None:
    """All masks as numbers to add to the logits, broadcast to (B, H, L, S); None for none.

    Args:
        key_padding_mask: (B, S), True hides a pattern.
        attn_mask: (L, S) or (B * H, L, S), True hides a pattern from a query; or floats.
        is_causal: hides later patterns, where there is no ``attn_mask``.
        lead: (B, H, L).
        patterns: S.
        like: gives dtype and device.

    Raises:
        ValueError: a mask of another shape, or a query that may see no pattern.
    """
    batch, heads, length = lead
    mask: Tensor | None = None
    if attn_mask is not None:
        shapes = ((length, patterns), (batch * heads, length, patterns))
        if tuple(attn_mask.shape) not in shapes:
            raise ValueError(
                f"attn_mask must have shape (length, patterns)={shapes[0]} or (batch * heads, "
                f"length, patterns)={shapes[1]}; got {tuple(attn_mask.shape)}."
            )
        mask = _added(attn_mask, like)
        if mask.dim() == 3:
            mask = mask.view(batch, heads, length, patterns)
    elif is_causal:
        mask = _added(causal_mask(length, patterns, like), like)
    if key_padding_mask is not None:
        if tuple(key_padding_mask.shape) != (batch, patterns):
            raise ValueError(
                f"key_padding_mask must have shape (batch, patterns)=({batch}, {patterns}); got "
                f"{tuple(key_padding_mask.shape)}."
            )
        padding = _added(key_padding_mask, like)[:, None, None, :]
        mask = padding if mask is None else mask + padding
    if mask is not None and bool((mask == -torch.inf).all(dim=-1).any()):
        raise ValueError("Every pattern is masked for a query; leave at least one.")
    return mask


def _added(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros(mask.shape, dtype=like.dtype, device=mask.device).masked_fill(
        mask, -torch.inf
    )
