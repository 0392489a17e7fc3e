"""Recurrent networks with the signature of the memory layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...circuits.common.checks import check_choice, check_count

KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM}


class Recurrent(nn.Module):
    """An RNN or LSTM that reads a sequence from left to right, each place answering at once.

    Its memory is the state that it carries along, so it is causal by nature. Places that are masked
    must stand at the end, where nothing after them reads what they left.

    Args:
        input_size: entries of a token's vector.
        kind: ``"rnn"`` (Elman's, tanh) or ``"lstm"``.
        hidden_size: entries of the carried state; None takes ``input_size``. Another size gets a
            linear map back to ``input_size``.
        num_layers: stacked networks.
        dropout: share of the outputs between stacked networks that training drops.
        device: where the parameters are.
        dtype: of the parameters.

    Shapes:
        state: (B, L, input_size); returns the same

    Raises:
        TypeError: a size is no integer.
        ValueError: another kind, or a size < 1.

    Source: J. L. Elman 1990, Cogn. Sci. 14, 179; S. Hochreiter and J. Schmidhuber 1997, Neural
    Comput. 9, 1735.
    """

    def __init__(
        self,
        input_size: int,
        kind: str = "lstm",
        hidden_size: int | None = None,
        num_layers: int = 1,
        dropout: float = 0.0,
        *,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.kind = check_choice(kind, "kind", KINDS)
        inner = input_size if hidden_size is None else hidden_size
        check_count(input_size, "input_size", minimum=1)
        check_count(inner, "hidden_size", minimum=1)
        check_count(num_layers, "num_layers", minimum=1)
        options: dict[str, Any] = {"device": device, "dtype": dtype}
        self.recurrent = KINDS[kind](
            input_size,
            inner,
            num_layers,
            batch_first=True,
            # PyTorch warns of dropout where there is nothing between layers to drop.
            dropout=dropout if num_layers > 1 else 0.0,
            **options,
        )
        self.out_proj = (
            nn.Identity() if inner == input_size else nn.Linear(inner, input_size, **options)
        )

    def forward(
        self,
        state: Tensor,
        *,
        key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Reads the sequence.

        Args:
            state: the sequence.
            key_padding_mask: True where a place is padding; only places at the end may be.
            attn_mask: none: a recurrent network has no pairs of places to mask.
            is_causal: makes no difference, it always is.

        Raises:
            ValueError: an ``attn_mask``, or padding before the end.
        """
        if attn_mask is not None:
            raise ValueError(f"attn_mask must be None for kind={self.kind!r}: it has no pairs.")
        if key_padding_mask is not None and bool(
            (key_padding_mask[:, :-1] & ~key_padding_mask[:, 1:]).any()
        ):
            raise ValueError("key_padding_mask must mask places at the end only.")
        output, _ = self.recurrent(state)
        answer: Tensor = self.out_proj(output)
        return answer
