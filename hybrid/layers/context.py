"""A memory that is asked once, before the network reads its input."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...circuits.common.checks import check_choice, check_count, check_flag
from ..execution import Execution, check_keywords, parameters_of
from .checks import check_masks, check_place, check_sequence, refuse_parameters, traced
from .hopfield import QuantumHopfield
from .pooling import QuantumHopfieldLayer
from .projecting import is_plain


class MemoryContext(nn.Module):
    """Retrieves from a quantum memory with a summary of the input, as a context to start from.

    The summary is the mean of the tokens that are not padded, projected to one query a context
    token (or layer of a recurrent network).  What the memory returns is handed on as prefix tokens,
    or as the initial state of a recurrent layer.

    Args:
        input_size: width of the tokens.
        memory_size: stored patterns, all trainable.
        mode: ``"prefix"`` returns tokens, ``"state"`` an initial state.
        num_tokens: context tokens of ``"prefix"``.
        state_size: width of the state of ``"state"``; ``input_size`` by default.
        num_layers: layers of the recurrent network of ``"state"``.
        device: a torch device, or a PennyLane device or the name of one.
        dtype: of the parameters.
        hopfield: all other arguments of :class:`QuantumHopfieldLayer`, such as ``num_heads``.

    Shapes:
        tokens: (B, L, input_size), or (L, B, input_size) with ``batch_first=False``
        key_padding_mask: (B, L), True at padded tokens
        result: (B, num_tokens, input_size), batch first as the tokens are; or
            (num_layers, B, state_size)

    Raises:
        TypeError: an argument of a wrong type.
        ValueError: as in :class:`QuantumHopfieldLayer`; an unknown mode.

    >>> import torch
    >>> context = MemoryContext(16, memory_size=32, mode="state", state_size=24, num_heads=4)
    >>> recurrent = torch.nn.GRU(16, 24, batch_first=True)
    >>> x = torch.zeros(3, 7, 16)
    >>> recurrent(x, context(x))[0].shape
    torch.Size([3, 7, 24])
    """

    def __init__(
        self,
        input_size: int,
        memory_size: int,
        mode: Literal["prefix", "state"] = "prefix",
        *,
        num_tokens: int = 1,
        state_size: int | None = None,
        num_layers: int = 1,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **hopfield: Any,
    ) -> None:
        super().__init__()
        self.input_size = check_count(input_size, "input_size", minimum=1)
        check_count(memory_size, "memory_size", minimum=1)
        self.mode = check_choice(mode, "mode", ("prefix", "state"))
        given = {"num_tokens": num_tokens, "num_layers": num_layers}
        for name, number in given.items():
            check_count(number, name, minimum=1)
        if mode == "prefix" and (state_size is not None or num_layers != 1):
            raise ValueError("state_size and num_layers are for mode='state'.")
        if mode == "state" and num_tokens != 1:
            raise ValueError("num_tokens is for mode='prefix'.")
        self.quantity = num_tokens if mode == "prefix" else num_layers
        size = (
            input_size if state_size is None else check_count(state_size, "state_size", minimum=1)
        )
        kind = type(self)
        known = parameters_of(kind, QuantumHopfieldLayer, QuantumHopfield, Execution)
        # What the context says itself, or sets by its own arguments.
        known -= {"quantity", "output_size"}
        check_keywords(kind.__name__, hopfield, known)
        refuse_parameters(
            memory_size * self.input_size + self.quantity * self.input_size**2,
            {"memory_size": memory_size, "input_size": input_size} | given,
        )
        self.batch_first = check_flag(hopfield.pop("batch_first", True), "batch_first")
        self.memory = QuantumHopfieldLayer(
            input_size,
            quantity=memory_size,
            output_size=size,
            device=device,
            dtype=dtype,
            **hopfield,
        )
        self.query = nn.Linear(
            input_size,
            self.quantity * input_size,
            device=self.memory.hopfield._factory_device,
            dtype=dtype,
        )

    def extra_repr(self) -> str:
        """Mode and quantity."""
        return f"mode={self.mode!r}, quantity={self.quantity}"

    def reset_parameters(self) -> None:
        """Draws the memory and the query projection anew."""
        self.memory.reset_parameters()
        self.query.reset_parameters()

    def forward(self, tokens: Tensor, key_padding_mask: Tensor | None = None) -> Tensor:
        """The context of each sequence."""
        return self._asked(self.memory(self.queries(tokens, key_padding_mask)))

    def queries(self, tokens: Tensor, key_padding_mask: Tensor | None = None) -> Tensor:
        """What the memory is asked with, (B, quantity, input_size).

        Raises:
            TypeError: tokens of another dtype than the layer, or a mask that is no bool tensor.
            ValueError: wrong shapes or devices, NaN, or a sequence without a token that is not
                padded.
        """
        if isinstance(tokens, Tensor) and tokens.dim() == 3 and not self.batch_first:
            tokens = tokens.transpose(0, 1)
        check_sequence(tokens, "tokens", self.input_size, None)
        if tokens.shape[1] == 0:
            raise ValueError("tokens must hold at least one token a sequence, got length 0.")
        if is_plain(self.query):
            check_place(tokens, "tokens", self.query.weight)
        if key_padding_mask is None:
            summary = tokens.mean(1)
        else:
            check_masks(key_padding_mask=key_padding_mask)
            if tuple(key_padding_mask.shape) != tuple(tokens.shape[:2]):
                raise ValueError(
                    "key_padding_mask must have shape (batch, length)="
                    f"{tuple(tokens.shape[:2])}; got {tuple(key_padding_mask.shape)}."
                )
            if key_padding_mask.dtype != torch.bool:
                raise TypeError(f"key_padding_mask must be bool, got {key_padding_mask.dtype}.")
            if key_padding_mask.device != tokens.device:
                raise ValueError(
                    f"key_padding_mask is on {key_padding_mask.device} and tokens on "
                    f"{tokens.device}; move one of them with .to()."
                )
            seen = (~key_padding_mask).to(tokens.dtype)
            count = seen.sum(1, keepdim=True)
            if not traced(count) and bool((count == 0).any()):
                raise ValueError("A sequence is padded altogether, so it has no summary.")
            summary = (tokens * seen[..., None]).sum(1) / count
        return self.query(summary).unflatten(-1, (self.quantity, self.input_size))  # type: ignore[no-any-return]

    def _asked(self, found: Tensor) -> Tensor:
        """What the memory returned, as the network takes it."""
        if self.mode == "state" or not self.batch_first:
            return found.transpose(0, 1).contiguous()
        return found
