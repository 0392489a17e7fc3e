"""Pooling and lookup: one side of the association trained; and what else pools a set."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...circuits.common.checks import check_count
from .attention import Attention
from .hopfield import ClassicalHopfield
from .recurrent import Recurrent


class ClassicalHopfieldPooling(nn.Module):
    """Pools a set of stored patterns by trained state patterns, classically.

    Parameters have the names, shapes and first values of
    :class:`~qhopfield.hybrid.QuantumHopfieldPooling`.

    Args:
        input_size: width of the stored patterns.
        arguments: further ones of :class:`ClassicalHopfield`, as are ``keywords``.
        quantity: trained state patterns, Q.
        device: where the parameters are.
        dtype: of the parameters.
        keywords: see ``arguments``.

    Shapes:
        stored: (B, S, input_size)
        projection: (B, S, projection_size), the stored patterns by default
        output: (B, Q * output_size)

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: as in :class:`ClassicalHopfield`, or ``quantity`` < 1.

    Source: H. Ramsauer et al. 2020, arXiv:2008.02217, their pooling layer.

    >>> ClassicalHopfieldPooling(8, num_heads=2, quantity=3)(torch.zeros(5, 16, 8)).shape
    torch.Size([5, 24])
    """

    def __init__(
        self,
        input_size: int,
        *arguments: Any,
        quantity: int = 1,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__()
        check_count(quantity, "quantity", minimum=1)
        self.hopfield = ClassicalHopfield(
            input_size, *arguments, device=device, dtype=dtype, **keywords
        )
        self.state_patterns = nn.Parameter(
            torch.empty(quantity, input_size, device=device, dtype=dtype)
        )
        self.reset_parameters()

    @property
    def output_size(self) -> int:
        """Width of the output."""
        return len(self.state_patterns) * self.hopfield.output_size

    def reset_parameters(self) -> None:
        """Draws the projections and the state patterns anew (normal, standard deviation 0.02)."""
        self.hopfield.reset_parameters()
        nn.init.normal_(self.state_patterns, std=0.02)

    def forward(
        self,
        stored: Tensor,
        projection: Tensor | None = None,
        *,
        key_padding_mask: Tensor | None = None,
        need_weights: bool | None = None,
    ) -> Tensor | tuple[Tensor, Tensor | None]:
        """Pools; ``need_weights`` as in :meth:`ClassicalHopfield.forward`, (B, H, Q, S)."""
        first = self.hopfield.batch_first
        batch = stored.shape[0 if first else 1]
        state = self.state_patterns.unsqueeze(0 if first else 1)
        state = state.expand(batch, -1, -1) if first else state.expand(-1, batch, -1)
        found = self.hopfield(
            state,
            stored,
            projection,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
        )
        mixed: Tensor = found if need_weights is None else found[0]
        pooled = (mixed if first else mixed.transpose(0, 1)).flatten(1)
        return pooled if need_weights is None else (pooled, found[1])


class ClassicalHopfieldLayer(nn.Module):
    """Looks states up among trained stored patterns, classically.

    Parameters have the names, shapes and first values of
    :class:`~qhopfield.hybrid.QuantumHopfieldLayer`.

    Args:
        input_size: width of the state patterns.
        arguments: further ones of :class:`ClassicalHopfield`, as are ``keywords``.
        quantity: stored patterns, M.
        target_size: width of what goes with each, from which the values are projected;
            ``input_size`` by default.
        trainable_targets: whether these are trained apart from the stored patterns; otherwise the
            stored patterns are their own targets.
        device: where the parameters are.
        dtype: of the parameters.
        keywords: see ``arguments``.

    Shapes:
        state: (B, L, input_size)
        output: (B, L, output_size)

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: as in :class:`ClassicalHopfield`, ``quantity`` < 1, or a ``target_size`` for
            targets that are the stored patterns.

    Source: H. Ramsauer et al. 2020, arXiv:2008.02217, their lookup layer.

    >>> ClassicalHopfieldLayer(8, num_heads=2, quantity=10)(torch.zeros(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    target_patterns: nn.Parameter | None

    def __init__(
        self,
        input_size: int,
        *arguments: Any,
        quantity: int = 1,
        target_size: int | None = None,
        trainable_targets: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__()
        check_count(quantity, "quantity", minimum=1)
        if target_size is not None:
            if not trainable_targets:
                raise ValueError(
                    "target_size is for targets of their own; with trainable_targets=False the "
                    "stored patterns are the targets."
                )
            keywords["projection_size"] = check_count(target_size, "target_size", minimum=1)
        self.hopfield = ClassicalHopfield(
            input_size, *arguments, device=device, dtype=dtype, **keywords
        )
        options: dict[str, Any] = {"device": device, "dtype": dtype}
        self.stored_patterns = nn.Parameter(
            torch.empty(quantity, self.hopfield.stored_size, **options)
        )
        targets = None
        if trainable_targets:
            targets = nn.Parameter(torch.empty(quantity, self.hopfield.projection_size, **options))
        self.register_parameter("target_patterns", targets)
        self.reset_parameters()

    @property
    def output_size(self) -> int:
        """Width of the output."""
        return self.hopfield.output_size

    def reset_parameters(self) -> None:
        """Draws projections, stored patterns and targets anew (normal, standard deviation 1)."""
        self.hopfield.reset_parameters()
        nn.init.normal_(self.stored_patterns)
        if self.target_patterns is not None:
            nn.init.normal_(self.target_patterns)

    def forward(
        self, state: Tensor, *, attn_mask: Tensor | None = None, need_weights: bool | None = None
    ) -> Tensor | tuple[Tensor, Tensor | None]:
        """Looks up; ``need_weights`` as in :meth:`ClassicalHopfield.forward`, (B, H, L, M)."""
        first = self.hopfield.batch_first
        batch = state.shape[0 if first else 1]

        def repeated(patterns: Tensor) -> Tensor:
            rows = patterns.unsqueeze(0 if first else 1)
            return rows.expand(batch, -1, -1) if first else rows.expand(-1, batch, -1)

        targets = None if self.target_patterns is None else repeated(self.target_patterns)
        found: Tensor | tuple[Tensor, Tensor | None] = self.hopfield(
            state,
            repeated(self.stored_patterns),
            targets,
            attn_mask=attn_mask,
            need_weights=need_weights,
        )
        return found


class AttentionPooling(nn.Module):
    """Pools a set by trained queries through :class:`torch.nn.MultiheadAttention`.

    Args:
        input_size: width of the set's entries.
        quantity: trained queries, Q.
        options: of :class:`Attention`.

    Shapes:
        stored: (B, S, input_size); returns (B, Q * input_size)

    Raises:
        TypeError: ``quantity`` is no integer.
        ValueError: ``quantity`` < 1, or the heads do not divide ``input_size``.
    """

    def __init__(self, input_size: int, *, quantity: int = 1, **options: Any) -> None:
        super().__init__()
        check_count(quantity, "quantity", minimum=1)
        self.attention = Attention(input_size, **options)
        place = {name: options.get(name) for name in ("device", "dtype")}
        self.state_patterns = nn.Parameter(torch.empty(quantity, input_size, **place))
        self.output_size = quantity * input_size
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the attention's projections and the queries anew."""
        self.attention.reset_parameters()
        nn.init.normal_(self.state_patterns, std=0.02)

    def forward(self, stored: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
        """Pools; ``key_padding_mask`` (B, S) is True where an entry is ignored."""
        state = self.state_patterns.expand(len(stored), -1, -1)
        pooled: Tensor = self.attention(state, stored, key_padding_mask=key_padding_mask)
        return pooled.flatten(1)


class RecurrentPooling(nn.Module):
    """Pools a set by reading it entry by entry: the output after the last one.

    Args:
        input_size: width of the set's entries.
        kind: see :class:`Recurrent`, as for ``options``.
        options: see there.

    Shapes:
        stored: (B, S, input_size); returns (B, input_size)
    """

    def __init__(self, input_size: int, kind: str = "lstm", **options: Any) -> None:
        super().__init__()
        self.reader = Recurrent(input_size, kind, **options)
        self.output_size = input_size

    def forward(self, stored: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
        """Pools; ``key_padding_mask`` (B, S) is True where an entry at the end is padding."""
        read: Tensor = self.reader(stored, key_padding_mask=key_padding_mask)
        if key_padding_mask is None:
            return read[:, -1]
        last = (~key_padding_mask).sum(dim=1) - 1
        return read[torch.arange(len(read), device=read.device), last]
