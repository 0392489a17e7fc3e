"""Stored patterns as the key qubits hold them."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from .association import LIMIT, straight_sign
from .checks import traced

KeyKind: TypeAlias = Literal["binary", "product"]
"""``binary``: bits, z = +-1; ``product``: product states ``R_y(arccos z)|0>``."""


class Keys(NamedTuple):
    """Keys of all heads.

    Attributes:
        expectations: z, in [-1, 1], (B, H, S, n).
        logits: ``artanh z`` of product-state keys; None for bits.
    """

    expectations: Tensor
    logits: Tensor | None


def hold_keys(raw: Tensor, kind: KeyKind, *, static: bool) -> Keys:
    """Turns projected (or, if static, given) stored patterns into keys.

    Raises:
        ValueError: given patterns that are not +-1, or product states outside [-1, 1].
    """
    looked_at = static and not traced(raw)
    if kind == "binary":
        if looked_at and not bool((raw.detach().abs() == 1.0).all()):
            raise ValueError(
                "Static stored patterns must be +-1 where keys='binary'; use their signs, "
                "keys='product' for expectations in [-1, 1], or a projection."
            )
        return Keys(raw if static else straight_sign(raw), None)
    if static:
        if looked_at and not bool((raw.detach().abs() <= 1.0).all()):
            raise ValueError(
                "Static stored patterns must lie in [-1, 1] where keys='product'; use "
                "torch.tanh of them, or a projection."
            )
        # At a pole the slope of artanh is infinite; the limit stands for it, without gradient.
        edge = math.tanh(LIMIT) if raw.dtype == torch.float64 else 1.0 - 2.0**-24
        raw = torch.atanh(raw.clamp(-edge, edge))
    logits = raw.clamp(-LIMIT, LIMIT)
    return Keys(torch.tanh(logits), logits)
