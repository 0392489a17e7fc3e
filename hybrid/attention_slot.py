"""What torch's transformer layers read of the attention inside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn


class _NotStacked:
    """Stands where torch looks for stacked projections; whoever computes with it is told.

    Torch's encoder leaves its fused kernel aside, and calls the attention, where one of these
    weights has a ``__torch_function__``: a documented way to have a say in what is done with it.
    """

    @property
    def weight(self) -> _NotStacked:
        return self

    bias = weight

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> NoReturn:
        raise TypeError(
            "This layer has no stacked projections as nn.MultiheadAttention has: call the layer, "
            "or read its state_projection, stored_projection and value_projection."
        )


class AttentionSlot:
    """Takes the place of ``self_attn`` or ``multihead_attn`` in torch's transformer layers.

    Those read the weights of their attention in evaluation, and run a fused kernel past its call.
    Here they find that there is none of it, and call the layer in training and evaluation alike.
    """

    _qkv_same_embed_dim = False
    in_proj_bias = None
    in_proj_weight = _NotStacked()
    out_proj = _NotStacked()
