"""Softmax attention with the signature of the memory layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .masks import causal_mask


class Attention(nn.Module):
    """:class:`torch.nn.MultiheadAttention` as a memory layer: a sequence associated with itself.

    Args:
        input_size: entries of a token's vector.
        num_heads: heads; they divide ``input_size``.
        dropout: share of the attention weights that training drops.
        bias: whether projections have biases.
        device: where the parameters are.
        dtype: of the parameters.

    Shapes:
        state: (B, L, input_size); returns the same

    Raises:
        ValueError: the heads do not divide ``input_size``.

    Source: A. Vaswani et al. 2017, arXiv:1706.03762.
    """

    def __init__(
        self,
        input_size: int,
        num_heads: int = 1,
        dropout: float = 0.0,
        *,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if num_heads < 1 or input_size % num_heads:
            raise ValueError(
                f"num_heads must divide input_size={input_size}, got num_heads={num_heads}."
            )
        self.attention = nn.MultiheadAttention(
            input_size,
            num_heads,
            dropout=dropout,
            bias=bias,
            batch_first=True,
            device=device,
            dtype=dtype,
        )

    def reset_parameters(self) -> None:
        """Draws the projections anew, as torch's attention does when it is made."""
        self.attention.out_proj.reset_parameters()
        self.attention._reset_parameters()

    def forward(
        self,
        state: Tensor,
        stored: Tensor | None = None,
        *,
        key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Attends from ``state`` to ``stored``.

        Args:
            state: what asks.
            stored: what is asked; None takes ``state``.
            key_padding_mask: True where an entry of ``stored`` is ignored.
            attn_mask: True where a pair is not allowed, or numbers to add to the logits.
            is_causal: lets no place see a later one, where no ``attn_mask`` is given.
        """
        stored = state if stored is None else stored
        if is_causal and attn_mask is None:
            attn_mask = causal_mask(state.shape[1], stored.shape[1], state)
        output, _ = self.attention(
            state,
            stored,
            stored,
            key_padding_mask=key_padding_mask,
            attn_mask=attn_mask,
            need_weights=False,
        )
        answer: Tensor = output
        return answer
