"""The projections of a layer: from patterns to the heads' queries, keys and values."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ...circuits.common.checks import check_choice, check_count, check_flag, check_real
from .association import block_signs
from .base import QuantumModule
from .checks import (
    at_least_single,
    check_dropout,
    check_dtype,
    check_place,
    check_scaling,
    check_sequence,
    check_sizes,
    head_size,
    merge_masks,
    refuse_parameters,
)
from .keys import KeyKind, Keys, hold_keys
from .projecting import draw_projection, is_plain, project


class ProjectedHeads(QuantumModule):
    """Sizes, projections, masks and stored patterns of :class:`.hopfield.QuantumHopfield`."""

    scaling: float | Tensor
    stored_patterns: Tensor | None
    stored_values: Tensor | None

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
        keys: KeyKind = "binary",
        bias: bool = True,
        state_as_static: bool = False,
        stored_as_static: bool = False,
        projection_as_static: bool = False,
        disable_out_projection: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **execution: Any,
    ) -> None:
        for name, flag in (
            ("batch_first", batch_first),
            ("bias", bias),
            ("state_as_static", state_as_static),
            ("stored_as_static", stored_as_static),
            ("projection_as_static", projection_as_static),
            ("disable_out_projection", disable_out_projection),
        ):
            check_flag(flag, name)
        check_dtype(dtype)
        check_count(input_size, "input_size", minimum=1)
        check_count(num_heads, "num_heads", minimum=1)
        check_sizes(
            {
                "hidden_size": hidden_size,
                "output_size": output_size,
                "pattern_size": pattern_size,
                "stored_size": stored_size,
                "projection_size": projection_size,
            }
        )
        super().__init__(device=device, **execution)
        self.input_size = input_size
        self.num_heads = num_heads
        self.hidden_size = head_size(hidden_size, input_size, num_heads)
        self.stored_size = stored_size or input_size
        self.projection_size = projection_size or self.stored_size
        self.keys: KeyKind = check_choice(keys, "keys", ("binary", "product"))  # type: ignore[assignment]
        self.update_steps_max = (
            None if update_steps_max is None else check_count(update_steps_max, "update_steps_max")
        )
        self.update_steps_eps = check_real(update_steps_eps, "update_steps_eps", minimum=0.0)
        self.dropout = check_dropout(dropout)
        self.batch_first = batch_first
        width = num_heads * self.hidden_size
        self.state_as_static = _static("state", state_as_static, input_size, self)
        self.stored_as_static = _static("stored", stored_as_static, self.stored_size, self)
        self.projection_as_static = projection_as_static
        if pattern_size is None:
            shared = (self.hidden_size, self.projection_size)
            pattern_size = _static_value_size(self) if projection_as_static else shared[0]
        elif projection_as_static and self.projection_size not in (
            pattern_size,
            num_heads * pattern_size,
        ):
            raise ValueError(
                "A static projection must be pattern_size or num_heads * pattern_size wide: "
                f"{pattern_size} or {num_heads * pattern_size}; got {self.projection_size}."
            )
        self.pattern_size = pattern_size
        mixed = num_heads * pattern_size
        if disable_out_projection and output_size not in (None, mixed):
            raise ValueError(
                f"Without an output projection the output is num_heads * pattern_size = {mixed} "
                f"wide; got output_size={output_size}."
            )
        self.output_size = mixed if disable_out_projection else output_size or input_size
        options: dict[str, Any] = {"device": self._factory_device, "dtype": dtype}
        refuse_parameters(
            (input_size + self.stored_size) * width
            + (self.projection_size + self.output_size) * mixed,
            {
                "input_size": input_size,
                "hidden_size": self.hidden_size,
                "output_size": self.output_size,
                "pattern_size": pattern_size,
                "num_heads": num_heads,
                "stored_size": self.stored_size,
                "projection_size": self.projection_size,
            },
        )

        def linear(given: int, wanted: int, absent: bool) -> nn.Linear | None:
            return None if absent else nn.Linear(given, wanted, bias=bias, **options)

        self.state_projection = linear(input_size, width, state_as_static)
        self.stored_projection = linear(self.stored_size, width, stored_as_static)
        self.value_projection = linear(self.projection_size, mixed, projection_as_static)
        self.output_projection = linear(mixed, self.output_size, disable_out_projection)
        self._keep_scaling(check_scaling(scaling, num_heads, 1.0 / math.sqrt(self.hidden_size)))
        self.register_buffer("stored_patterns", None)
        self.register_buffer("stored_values", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the projections anew: Glorot uniform, biases 0, as in torch's attention.

        What the layer was given (``scaling``, stored patterns) is put back.  A projection that is
        no :class:`torch.nn.Linear` any more draws its own.
        """
        for each in (
            self.state_projection,
            self.stored_projection,
            self.value_projection,
            self.output_projection,
        ):
            if each is not None:
                draw_projection(each)
        self._put_back()

    @property
    def signs(self) -> Tensor:
        """Spins of the 16 bit strings of a block of neurons, (4, 16), where the layer is."""
        return block_signs(next(self.parameters(), torch.empty(0, device=self._factory_device)))

    def _keep_scaling(self, scaling: float | Tensor) -> None:
        if isinstance(scaling, Tensor):
            self._remember("scaling", scaling)
        if isinstance(scaling, Tensor) and not isinstance(scaling, nn.Parameter):
            self.register_buffer("scaling", scaling.to(self._factory_device))
        else:
            self.scaling = scaling

    def _prepare(
        self,
        state: Tensor,
        stored: Tensor | None,
        projection: Tensor | None,
        key_padding_mask: Tensor | None,
        attn_mask: Tensor | None,
        is_causal: bool,
    ) -> tuple[Tensor, Keys, Tensor, Tensor | None]:
        """Checks everything, projects, and cuts into heads; a single sequence is a batch of one."""
        if isinstance(state, Tensor) and state.dim() == 2:
            axis = 0 if self.batch_first else 1
            stored, projection = _batched(stored, axis), _batched(projection, axis)
            if isinstance(key_padding_mask, Tensor) and key_padding_mask.dim() == 1:
                key_padding_mask = key_padding_mask[None]
            state = state.unsqueeze(axis)
        if not self.batch_first:
            state = _swapped(state)
            stored = None if stored is None else _swapped(stored)
            projection = None if projection is None else _swapped(projection)
        check_sequence(state, "state", self.input_size, None)
        own = stored is None and self.stored_patterns is None
        if stored is None and self.stored_patterns is not None:
            stored = self.stored_patterns[None]
            if projection is None and self.stored_values is not None:
                projection = self.stored_values[None]
        if not own:
            check_sequence(stored, "stored", self.stored_size, state.shape[0])
        if projection is not None:
            check_sequence(projection, "projection", self.projection_size, state.shape[0])
        kept = state if own else stored
        assert kept is not None
        read = kept if projection is None else projection
        for name, given, wanted in (
            ("stored", kept.shape[-1], self.stored_size),
            ("projection", read.shape[-1], self.projection_size),
        ):
            if given != wanted:
                raise ValueError(
                    f"{name} is left out, so the "
                    f"{'state' if name == 'stored' else 'stored pattern'} takes its place; "
                    f"it must be {wanted} wide, got {given}."
                )
        if kept.shape[1] == 0:
            raise ValueError("stored must hold at least one pattern; got 0.")
        if read.shape[1] != kept.shape[1]:
            raise ValueError(
                f"projection must have one row a stored pattern, {kept.shape[1]}; "
                f"got {read.shape[1]}."
            )
        for name, each, projection_module in (
            ("state", state, self.state_projection),
            ("stored", kept, self.stored_projection),
            ("projection", read, self.value_projection),
        ):
            if projection_module is not None and is_plain(projection_module):
                check_place(each, name, projection_module.weight)
        queries, raw, values = self._projected(state, kept, read)
        for name, each in (("stored", raw), ("projection", values)):
            check_place(each, name, queries, "the states")
        prior = merge_masks(
            key_padding_mask=key_padding_mask,
            attn_mask=attn_mask,
            is_causal=is_causal,
            batch=state.shape[0],
            heads=self.num_heads,
            length=state.shape[1],
            patterns=kept.shape[1],
            like=queries,
        )
        return queries, hold_keys(raw, self.keys, static=self.stored_as_static), values, prior

    def _projected(self, state: Tensor, kept: Tensor, read: Tensor) -> tuple[Tensor, ...]:
        """Queries, raw keys and values, (B, H, L or S, width of a head)."""
        parts = (self.state_projection, self.stored_projection, self.value_projection)
        widths = (self.hidden_size, self.hidden_size, self.pattern_size)
        pieces = project(parts, (state, kept, read))
        return tuple(
            at_least_single(self._heads(piece, width))
            for piece, width in zip(pieces, widths, strict=True)
        )

    def _heads(self, tensor: Tensor, width: int) -> Tensor:
        """Cut into heads, (B, H, L, width); what is one head wide serves all of them."""
        if tensor.shape[-1] == width and self.num_heads > 1:
            return tensor[:, None].expand(-1, self.num_heads, -1, -1)
        heads: Tensor = tensor.unflatten(-1, (self.num_heads, width)).transpose(1, 2)
        return heads


def _batched(tensor: Tensor | None, axis: int) -> Tensor | None:
    """A single sequence as a batch of one; what is no sequence is refused later."""
    single = isinstance(tensor, Tensor) and tensor.dim() == 2
    return tensor.unsqueeze(axis) if single else tensor  # type: ignore[union-attr]


def _swapped(tensor: Tensor) -> Tensor:
    """Length first to batch first; what is no sequence is refused later."""
    sequence = isinstance(tensor, Tensor) and tensor.dim() == 3
    return tensor.transpose(0, 1) if sequence else tensor


def _static(name: str, static: bool, size: int, layer: ProjectedHeads) -> bool:
    """Refuses a static pattern that does not fit the heads."""
    widths = (layer.hidden_size, layer.num_heads * layer.hidden_size)
    if static and size not in widths:
        raise ValueError(
            f"A static {name} pattern must be hidden_size or num_heads * hidden_size wide, "
            f"{widths[0]} or {widths[1]}; got {size}."
        )
    return static


def _static_value_size(layer: ProjectedHeads) -> int:
    """Width of a head's static values: a part of them where the heads divide it."""
    size = layer.projection_size
    if layer.num_heads > 1 and size % layer.num_heads == 0:
        return size // layer.num_heads
    return size
