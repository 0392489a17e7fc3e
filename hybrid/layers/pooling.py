"""Pooling a set to a fixed size, and looking patterns up: one side of the association trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ...circuits.common.checks import check_count, check_flag
from ..execution import Execution, check_keywords, parameters_of
from ..first_values import FirstValues
from .checks import check_dense, refuse_parameters
from .hopfield import Associated, QuantumHopfield


class _Fixed(FirstValues):
    """What pooling and lookup share: trained patterns beside a :class:`QuantumHopfield`."""

    hopfield: QuantumHopfield
    _reads = "state"  # the name of what it is called with

    def _check_keywords(self, keywords: Iterable[str]) -> None:
        """Refuses keywords that neither this layer nor the one inside knows."""
        kind = type(self)
        check_keywords(kind.__name__, keywords, parameters_of(kind, QuantumHopfield, Execution))

    def _expand(self, patterns: Tensor, batch: int) -> Tensor:
        """Trained patterns for every sample of a batch."""
        rows = patterns.unsqueeze(0 if self.hopfield.batch_first else 1)
        return rows.expand(*((batch, -1) if self.hopfield.batch_first else (-1, batch)), -1)

    def _batch(self, tensor: Any) -> int:
        """Samples of an input, whose shape the association checks."""
        if not isinstance(tensor, Tensor):
            return 1
        check_dense(tensor, self._reads)
        if tensor.dim() != 3:
            return 1
        return tensor.shape[0 if self.hopfield.batch_first else 1]


class QuantumHopfieldPooling(_Fixed):
    """Pools a set of stored patterns by trained state patterns (queries).

    Args:
        input_size: width of the stored patterns.
        quantity: trained state patterns, Q.
        device: a torch device, or a PennyLane device or the name of one.
        dtype: of the parameters.
        arguments: all others of :class:`QuantumHopfield`.

    Shapes:
        stored: (B, S, input_size)
        projection: (B, S, projection_size), the stored patterns by default
        output: (B, Q * output_size)

    Raises:
        TypeError: an argument of a wrong type.
        ValueError: as in :class:`QuantumHopfield`, or ``quantity`` < 1.

    Source: the pooling layer of Ramsauer et al. 2020, arXiv:2008.02217.

    >>> import torch
    >>> pooling = QuantumHopfieldPooling(8, num_heads=2, quantity=3)
    >>> pooling(torch.zeros(5, 16, 8)).shape
    torch.Size([5, 24])
    """

    _reads = "stored"

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
        self._check_keywords(keywords)
        self.hopfield = QuantumHopfield(
            input_size, *arguments, device=device, dtype=dtype, **keywords
        )
        refuse_parameters(quantity * input_size, {"quantity": quantity, "input_size": input_size})
        self.state_patterns = nn.Parameter(
            torch.empty(quantity, input_size, dtype=dtype, device=self.hopfield._factory_device)
        )
        self.reset_parameters()

    @property
    def quantity(self) -> int:
        """Trained state patterns."""
        return len(self.state_patterns)

    @property
    def output_size(self) -> int:
        """Width of the output, ``quantity`` times that of a state pattern."""
        return self.quantity * self.hopfield.output_size

    def reset_parameters(self) -> None:
        """Draws the projections and the state patterns anew (normal, standard deviation 0.02)."""
        self.hopfield.reset_parameters()
        nn.init.normal_(self.state_patterns, std=0.02)

    def extra_repr(self) -> str:
        """How many patterns are trained."""
        return f"quantity={self.quantity}"

    def forward(
        self,
        stored: Tensor,
        projection: Tensor | None = None,
        *,
        key_padding_mask: Tensor | None = None,
        need_weights: bool | None = None,
    ) -> Tensor | tuple[Tensor, Tensor | None]:
        """Pools; with ``need_weights=True`` the association (B, H, Q, S) comes too.

        ``need_weights``, masks and errors are those of :meth:`QuantumHopfield.forward`.
        """
        state = self._expand(self.state_patterns, self._batch(stored))
        found = self.hopfield(
            state,
            stored,
            projection,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
        )
        mixed: Tensor = found if need_weights is None else found[0]
        pooled = (mixed if self.hopfield.batch_first else mixed.transpose(0, 1)).flatten(1)
        return pooled if need_weights is None else (pooled, found[1])

    def associate(
        self, stored: Tensor, projection: Tensor | None = None, **masks: Any
    ) -> Associated:
        """See :meth:`QuantumHopfield.associate`."""
        state = self._expand(self.state_patterns, self._batch(stored))
        return self.hopfield.associate(state, stored, projection, **masks)

    def circuit(self, stored: Tensor, **place: Any) -> Any:
        """See :meth:`QuantumHopfield.circuit`."""
        state = self._expand(self.state_patterns, self._batch(stored))
        return self.hopfield.circuit(state, stored, **place)

    def qnode(self, stored: Tensor, **place: Any) -> Any:
        """See :meth:`QuantumHopfield.qnode`."""
        state = self._expand(self.state_patterns, self._batch(stored))
        return self.hopfield.qnode(state, stored, **place)


class QuantumHopfieldLayer(_Fixed):
    """Looks states up among trained stored patterns, and returns what goes with them.

    Args:
        input_size: width of the state patterns.
        quantity: stored patterns, M.
        target_size: width of what goes with each, from which the values are projected;
            ``input_size`` by default.
        trainable_targets: whether these are trained apart from the stored patterns; otherwise the
            stored patterns are their own targets.
        device: a torch device, or a PennyLane device or the name of one.
        dtype: of the parameters.
        arguments: all others of :class:`QuantumHopfield`.

    Shapes:
        state: (B, L, input_size)
        output: (B, L, output_size)

    Raises:
        TypeError: an argument of a wrong type.
        ValueError: as in :class:`QuantumHopfield`, or ``quantity`` < 1.

    Source: the lookup layer of Ramsauer et al. 2020, arXiv:2008.02217.

    >>> import torch
    >>> layer = QuantumHopfieldLayer(8, num_heads=2, quantity=10)
    >>> layer(torch.zeros(5, 3, 8)).shape
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
        check_flag(trainable_targets, "trainable_targets")
        self._check_keywords(keywords)
        if target_size is not None and not trainable_targets:
            raise ValueError(
                "target_size is for targets of their own; with trainable_targets=False the stored "
                "patterns are the targets."
            )
        if target_size is not None:
            keywords["projection_size"] = check_count(target_size, "target_size", minimum=1)
            refuse_parameters(quantity * target_size, {"target_size": target_size})
        self.hopfield = QuantumHopfield(
            input_size, *arguments, device=device, dtype=dtype, **keywords
        )
        options: dict[str, Any] = {"dtype": dtype, "device": self.hopfield._factory_device}
        sizes = {"quantity": quantity, "input_size": input_size, "target_size": target_size}
        widths = self.hopfield.stored_size + self.hopfield.projection_size
        refuse_parameters(quantity * widths, sizes)
        self.stored_patterns = nn.Parameter(
            torch.empty(quantity, self.hopfield.stored_size, **options)
        )
        self.register_parameter(
            "target_patterns",
            nn.Parameter(torch.empty(quantity, self.hopfield.projection_size, **options))
            if trainable_targets
            else None,
        )
        self.reset_parameters()

    @property
    def quantity(self) -> int:
        """Stored patterns."""
        return len(self.stored_patterns)

    @property
    def output_size(self) -> int:
        """Width of the output."""
        return self.hopfield.output_size

    def reset_parameters(self) -> None:
        """Draws projections, stored patterns and targets anew (normal, standard deviation 1).

        Patterns that were given are not drawn.
        """
        self.hopfield.reset_parameters()
        for each in (self.stored_patterns, self.target_patterns):
            if isinstance(each, nn.Parameter):
                nn.init.normal_(each)
        self._put_back()

    def extra_repr(self) -> str:
        """How many patterns are stored."""
        return f"quantity={self.quantity}"

    def forward(
        self, state: Tensor, *, attn_mask: Tensor | None = None, need_weights: bool | None = None
    ) -> Tensor | tuple[Tensor, Tensor | None]:
        """Looks up; with ``need_weights=True`` the association (B, H, L, M) comes too.

        ``need_weights``, masks and errors are those of :meth:`QuantumHopfield.forward`.
        """
        found: Tensor | tuple[Tensor, Tensor | None] = self.hopfield(
            state, *self._memory(state), attn_mask=attn_mask, need_weights=need_weights
        )
        return found

    def associate(self, state: Tensor, **masks: Any) -> Associated:
        """See :meth:`QuantumHopfield.associate`."""
        return self.hopfield.associate(state, *self._memory(state), **masks)

    def circuit(self, state: Tensor, **place: Any) -> Any:
        """See :meth:`QuantumHopfield.circuit`."""
        return self.hopfield.circuit(state, self._memory(state)[0], **place)

    def qnode(self, state: Tensor, **place: Any) -> Any:
        """See :meth:`QuantumHopfield.qnode`."""
        return self.hopfield.qnode(state, self._memory(state)[0], **place)

    def _memory(self, state: Any) -> tuple[Tensor, Tensor | None]:
        """Stored patterns and targets, for the batch of the states."""
        batch = self._batch(state)
        if isinstance(state, Tensor) and state.dim() == 2:
            return self.stored_patterns, self.target_patterns
        targets = self.target_patterns
        return (
            self._expand(self.stored_patterns, batch),
            None if targets is None else self._expand(targets, batch),
        )
