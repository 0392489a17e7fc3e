"""A transformer's encoder layer whose self-attention is a quantum associative memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...circuits.common.checks import check_choice, check_count, check_flag, check_real
from ..execution import Execution, check_keywords, parameters_of
from .checks import (
    check_dense,
    check_dropout,
    check_fit,
    check_place,
    check_sequence,
    refuse_parameters,
)
from .hopfield import QuantumHopfield
from .projecting import is_plain

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
}


class QuantumHopfieldEncoderLayer(nn.Module):
    """Drops into ``torch.nn.TransformerEncoder`` in the place of ``TransformerEncoderLayer``.

    Args:
        d_model: width of the tokens.
        nhead: heads.
        dim_feedforward: width of the feed-forward part.
        dropout: after the association, in and after the feed-forward part, and of the association.
        activation: ``"relu"``, ``"gelu"`` or a function.
        layer_norm_eps: of both norms.
        batch_first: whether inputs are (batch, length, width); torch's own layer has False.
        norm_first: whether norms come before the parts rather than after.
        bias: whether linear maps and norms have a bias.
        device: a torch device, or a PennyLane device or the name of one.
        dtype: of the parameters.
        hopfield: all other arguments of :class:`QuantumHopfield`.

    Shapes:
        src: (B, L, d_model)
        result: (B, L, d_model)

    Raises:
        TypeError: an argument of a wrong type.
        ValueError: as in :class:`QuantumHopfield`; an unknown activation.

    >>> import torch
    >>> layer = QuantumHopfieldEncoderLayer(d_model=16, nhead=4, dim_feedforward=32)
    >>> encoder = torch.nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
    >>> encoder(torch.zeros(3, 5, 16)).shape
    torch.Size([3, 5, 16])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = True,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **hopfield: Any,
    ) -> None:
        super().__init__()
        check_count(dim_feedforward, "dim_feedforward", minimum=1)
        check_dropout(dropout)
        kind = type(self)
        known = parameters_of(kind, QuantumHopfield, Execution) - {"num_heads", "input_size"}
        check_keywords(kind.__name__, hopfield, known)
        layer_norm_eps = check_real(layer_norm_eps, "layer_norm_eps", minimum=0.0)
        check_flag(norm_first, "norm_first")
        check_count(d_model, "d_model", minimum=1)
        check_count(nhead, "nhead", minimum=1)
        if hopfield.get("hidden_size") is None and d_model % nhead:
            raise ValueError(f"nhead={nhead} must divide d_model={d_model}, or pass hidden_size.")
        if not callable(activation):
            activation = _ACTIVATIONS[check_choice(activation, "activation", _ACTIVATIONS)]
        refuse_parameters(
            2 * d_model * dim_feedforward,
            {"d_model": d_model, "dim_feedforward": dim_feedforward, "nhead": nhead},
        )
        # nn.TransformerEncoder reads self_attn.batch_first.
        self.self_attn = QuantumHopfield(
            d_model,
            num_heads=nhead,
            dropout=dropout,
            batch_first=batch_first,
            bias=bias,
            device=device,
            dtype=dtype,
            **hopfield,
        )
        options: dict[str, Any] = {"device": self.self_attn._factory_device, "dtype": dtype}
        self.linear1 = nn.Linear(d_model, dim_feedforward, bias=bias, **options)
        self.linear2 = nn.Linear(dim_feedforward, d_model, bias=bias, **options)
        self.norm1 = nn.LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **options)
        self.norm2 = nn.LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **options)
        self.dropout = nn.Dropout(dropout)
        self.norm_first = norm_first
        self.activation = activation

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """One layer: association, feed-forward, norms and residuals.

        Args:
            src: tokens.
            src_mask: see ``attn_mask`` of :meth:`QuantumHopfield.forward`.
            src_key_padding_mask: see ``key_padding_mask`` there.
            is_causal: see there.

        Raises:
            TypeError: arguments of a wrong type.
            ValueError: wrong shapes or devices, NaN, a query whose patterns are all masked.
        """
        is_causal = check_flag(is_causal, "is_causal")
        self._check(src, src_mask, src_key_padding_mask)
        if self.norm_first:
            src = src + self._associate(self.norm1(src), src_mask, src_key_padding_mask, is_causal)
            return src + self._feed_forward(self.norm2(src))
        src = self.norm1(src + self._associate(src, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(src + self._feed_forward(src))  # type: ignore[no-any-return]

    def _check(self, src: Any, mask: Any, padding: Any) -> None:
        """Refuses what the layers inside would, by the names that it has here."""
        check_dense(src, "src")
        axis = 0 if self.self_attn.batch_first else 1
        rows = src
        if src.dim() == 2:
            rows = src.unsqueeze(axis)
            if isinstance(padding, Tensor) and padding.dim() == 1:
                padding = padding[None]
        if axis and rows.dim() == 3:
            rows = rows.transpose(0, 1)
        check_sequence(rows, "src", self.self_attn.input_size, None)
        # A norm keeps the dtype, so this is the first that minds it.
        first = self.self_attn.state_projection
        first = self.linear1 if first is None else first
        if is_plain(first):
            check_place(rows, "src", first.weight)
        batch, length = rows.shape[:2]
        check_fit(
            {"src_key_padding_mask": padding},
            {"src_mask": mask},
            batch=batch,
            heads=self.self_attn.num_heads,
            length=length,
            patterns=length,
            like=rows,
        )

    def _associate(
        self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        mixed = self.self_attn(
            x, key_padding_mask=padding, attn_mask=mask, is_causal=is_causal and mask is None
        )
        return self.dropout(mixed)  # type: ignore[no-any-return]

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.dropout(self.linear2(hidden))  # type: ignore[no-any-return]
