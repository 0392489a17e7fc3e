"""The classical modern Hopfield layer, written out as softmax attention."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...circuits.common.checks import check_choice, check_count, check_real
from ..attention_slot import AttentionSlot
from ..first_values import FirstValues
from .masks import merged_mask

KEYS = ("real", "binary")
MOST_STEPS = 1000
"""Updates after which a query that still moves is taken as it is."""


class ClassicalHopfield(AttentionSlot, FirstValues):
    """Associates state patterns with stored patterns by a classical modern Hopfield network.

    A head projects states to queries x, stored patterns to keys z and, again, to values v, and
    answers ``sum_mu softmax_mu(beta z_mu . x) v_mu``. Parameters have the names, shapes and first
    values of :class:`~qhopfield.hybrid.QuantumHopfield`, so one state dict fits both. With
    ``keys="binary"`` both are the same function.

    Args:
        input_size: width of the state patterns.
        hidden_size: width of a head's queries and keys; ``input_size / num_heads`` by default.
        output_size: width of the output; ``input_size`` by default.
        pattern_size: width of a head's values; ``hidden_size`` by default.
        num_heads: heads.
        scaling: inverse temperature beta > 0, a number or a tensor with one a head;
            ``1 / sqrt(hidden_size)`` by default.
        update_steps_max: retrieval updates ``x <- sum_mu p_mu z_mu`` before the association that
            mixes the values; None updates until nothing moves.
        update_steps_eps: a state that moves less than this (Euclidean) is updated no more.
        dropout: share of the association that is dropped in training.
        batch_first: whether inputs are (batch, length, width) rather than (length, batch, width).
        stored_size: width of the stored patterns; ``input_size`` by default.
        projection_size: width of what the values are projected from; ``stored_size`` by default.
        keys: ``"real"`` takes the projected stored patterns, ``"binary"`` their signs, with
            straight-through gradients.
        bias: whether projections have a bias.
        state_as_static: takes states as they come, without projection; likewise
            ``stored_as_static`` and ``projection_as_static``. A static pattern is
            ``num_heads * hidden_size`` wide (dealt out to the heads) or ``hidden_size`` (the same
            for all).
        disable_out_projection: returns the heads' mixed values side by side.
        device: where the parameters are.
        dtype: of the parameters.

    Shapes:
        state: (B, L, input_size)
        stored: (B, S, stored_size), the state itself by default
        projection: (B, S, projection_size), the stored patterns by default
        output: (B, L, output_size)

    Raises:
        TypeError: a size is no integer, or a number no number.
        ValueError: sizes < 1, heads that do not divide the input, ``scaling`` <= 0, a static
            pattern of the wrong width.

    Source: H. Ramsauer et al. 2020, arXiv:2008.02217, equation 10, and their layers' arguments.

    >>> layer = ClassicalHopfield(input_size=16, num_heads=4)
    >>> layer(torch.zeros(2, 5, 16)).shape
    torch.Size([2, 5, 16])
    """

    scaling: float | Tensor

    def __init__(
        self,
        input_size: int,
        hidden_size: int | None = None,
        output_size: int | None = None,
        pattern_size: int | None = None,
        num_heads: int = 1,
        scaling: float | Tensor | None = None,
        update_steps_max: int | None = 0,
        update_steps_eps: float = 1e-4,
        dropout: float = 0.0,
        batch_first: bool = True,
        *,
        stored_size: int | None = None,
        projection_size: int | None = None,
        keys: str = "real",
        bias: bool = True,
        state_as_static: bool = False,
        stored_as_static: bool = False,
        projection_as_static: bool = False,
        disable_out_projection: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        given = {
            "input_size": input_size,
            "hidden_size": hidden_size,
            "output_size": output_size,
            "pattern_size": pattern_size,
            "num_heads": num_heads,
            "stored_size": stored_size,
            "projection_size": projection_size,
        }
        for name, size in given.items():
            if size is not None:
                check_count(size, name, minimum=1)
        if hidden_size is None and input_size % num_heads:
            raise ValueError(
                f"num_heads must divide input_size={input_size} where hidden_size is not given, "
                f"got num_heads={num_heads}."
            )
        self.input_size, self.num_heads = input_size, num_heads
        self.hidden_size = hidden_size or input_size // num_heads
        self.stored_size = stored_size or input_size
        self.projection_size = projection_size or self.stored_size
        self.keys = check_choice(keys, "keys", KEYS)
        if update_steps_max is not None:
            check_count(update_steps_max, "update_steps_max")
        self.update_steps_max = update_steps_max
        self.update_steps_eps = check_real(update_steps_eps, "update_steps_eps", minimum=0.0)
        self.dropout = check_real(dropout, "dropout", minimum=0.0, maximum=1.0)
        self.batch_first = batch_first
        width = num_heads * self.hidden_size
        for name, static, size in (
            ("state", state_as_static, input_size),
            ("stored", stored_as_static, self.stored_size),
        ):
            if static and size not in (self.hidden_size, width):
                raise ValueError(
                    f"A static {name} pattern must be hidden_size or num_heads * hidden_size wide, "
                    f"{self.hidden_size} or {width}; got {size}."
                )
        if pattern_size is None:
            pattern_size = self.hidden_size
            if projection_as_static:
                parts, rest = divmod(self.projection_size, num_heads)
                pattern_size = self.projection_size if rest else parts
        mixed = num_heads * pattern_size
        if projection_as_static and self.projection_size not in (pattern_size, mixed):
            raise ValueError(
                "A static projection must be pattern_size or num_heads * pattern_size wide, "
                f"{pattern_size} or {mixed}; got {self.projection_size}."
            )
        if disable_out_projection and output_size not in (None, mixed):
            raise ValueError(
                f"Without an output projection the output is num_heads * pattern_size = {mixed} "
                f"wide; got output_size={output_size}."
            )
        self.pattern_size = pattern_size
        self.output_size = mixed if disable_out_projection else output_size or input_size

        def linear(inputs: int, outputs: int, absent: bool) -> nn.Linear | None:
            if absent:
                return None
            return nn.Linear(inputs, outputs, bias=bias, device=device, dtype=dtype)

        self.state_projection = linear(input_size, width, state_as_static)
        self.stored_projection = linear(self.stored_size, width, stored_as_static)
        self.value_projection = linear(self.projection_size, mixed, projection_as_static)
        self.output_projection = linear(mixed, self.output_size, disable_out_projection)
        beta = 1.0 / math.sqrt(self.hidden_size) if scaling is None else scaling
        if isinstance(beta, Tensor):
            looked_at = not beta.is_meta
            if beta.shape not in ((), (num_heads,)) or (
                looked_at and not bool(torch.all((beta > 0.0) & torch.isfinite(beta)))
            ):
                raise ValueError(
                    f"scaling must be finite and > 0, one number or one a head ({num_heads}); got "
                    f"{beta}."
                )
            self._remember("scaling", beta)
            if not isinstance(beta, nn.Parameter):
                self.register_buffer("scaling", beta.to(device))
            else:
                self.scaling = beta
        else:
            self.scaling = check_real(beta, "scaling", minimum=0.0, exclusive=True)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the projections anew: Glorot uniform, biases 0; ``scaling`` is what was given."""
        for each in self.children():
            if isinstance(each, nn.Linear):
                nn.init.xavier_uniform_(each.weight)
                if each.bias is not None:
                    nn.init.zeros_(each.bias)
        self._put_back()

    def forward(
        self,
        state: Tensor,
        stored: Tensor | None = None,
        projection: Tensor | None = None,
        *,
        key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
        need_weights: bool | None = None,
    ) -> Tensor | tuple[Tensor, Tensor | None]:
        """Associates and mixes.

        Args:
            state: state patterns.
            stored: stored patterns; the states by default.
            projection: what the values are projected from; the stored patterns by default.
            key_padding_mask: True hides a stored pattern from every query.
            attn_mask: True hides a stored pattern from a query; floats are added to the logits.
            is_causal: hides later patterns from earlier queries, where no ``attn_mask`` is given.
            need_weights: None returns the output alone; True or False a pair, as
                :class:`torch.nn.MultiheadAttention` does: the output, and the association or None.

        Shapes:
            key_padding_mask: (B, S)
            attn_mask: (L, S) or (B * num_heads, L, S)
            result: (B, L, output_size), and (B, num_heads, L, S) with ``need_weights=True``

        Raises:
            ValueError: a pattern or mask of the wrong shape, or a query that may see no pattern.
        """
        stored = state if stored is None else stored
        projection = stored if projection is None else projection
        if not self.batch_first:
            state, stored, projection = (
                each.transpose(0, 1) for each in (state, stored, projection)
            )
        sizes = (self.input_size, self.stored_size, self.projection_size)
        for name, each, size in zip(
            ("state", "stored", "projection"), (state, stored, projection), sizes, strict=True
        ):
            if each.dim() != 3 or each.shape[-1] != size:
                raise ValueError(
                    f"{name} must have shape (batch, length, {size}); got {tuple(each.shape)}."
                )
        queries = self._heads(state, self.state_projection, self.hidden_size)
        keys = self._heads(stored, self.stored_projection, self.hidden_size)
        values = self._heads(projection, self.value_projection, self.pattern_size)
        if self.keys == "binary":
            keys = signs(keys)
        mask = merged_mask(
            key_padding_mask, attn_mask, is_causal, queries.shape[:3], keys.shape[2], queries
        )
        moving = torch.ones_like(queries[..., :1], dtype=torch.bool)
        for _ in range(MOST_STEPS if self.update_steps_max is None else self.update_steps_max):
            recalled = torch.where(moving, self._association(queries, keys, mask) @ keys, queries)
            # A query that has come to rest stays, whatever the others do.
            distance = (recalled - queries).detach().norm(dim=-1, keepdim=True)
            moving = moving & (distance > self.update_steps_eps)
            queries = recalled
            if not bool(moving.any()):
                break
        share = self._association(queries, keys, mask)
        mixed = functional.dropout(share, self.dropout, self.training) @ values
        output = mixed.transpose(1, 2).flatten(2)
        if self.output_projection is not None:
            output = self.output_projection(output)
        if not self.batch_first:
            output = output.transpose(0, 1)
        if need_weights is None:
            return output
        return output, share if need_weights else None

    def extra_repr(self) -> str:
        """Sizes and keys."""
        return (
            f"input_size={self.input_size}, hidden_size={self.hidden_size}, "
            f"output_size={self.output_size}, num_heads={self.num_heads}, keys={self.keys!r}"
        )

    def _heads(self, patterns: Tensor, projection: nn.Linear | None, width: int) -> Tensor:
        """Projects and cuts into heads, (B, H, L, width)."""
        if projection is not None:
            patterns = projection(patterns)
        batch, length, size = patterns.shape
        if size == width:  # one head, or one static pattern for all heads
            return patterns[:, None].expand(batch, self.num_heads, length, width)
        return patterns.view(batch, length, self.num_heads, width).transpose(1, 2)

    def _association(self, queries: Tensor, keys: Tensor, mask: Tensor | None) -> Tensor:
        """``softmax(beta x . z + mask)``, (B, H, L, S)."""
        beta = self.scaling
        if isinstance(beta, Tensor) and beta.dim():
            beta = beta[:, None, None]
        logits = beta * (queries @ keys.transpose(-1, -2))
        return torch.softmax(logits if mask is None else logits + mask, dim=-1)


def signs(values: Tensor) -> Tensor:
    """+1 from 0 on, -1 below; gradients pass straight through where ``|value| <= 1``.

    Beyond 1 there is no gradient: without that bound values run off to where no step brings them
    back across 0.

    Source: I. Hubara et al. 2016, arXiv:1602.02830, equation 4.
    """
    bits = torch.where(values < 0.0, -1.0, 1.0).to(values.dtype)
    bounded = values.clamp(-1.0, 1.0)
    return bits + (bounded - bounded.detach())
