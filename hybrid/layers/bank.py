"""A memory that is larger than a circuit: many small submodules that answer as one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...circuits.blocks.cost import circuit_cost
from ...circuits.common.checks import check_count
from ...circuits.resources import Resources
from ..programs.base import LAYOUTS, Layout
from .checks import check_dense, check_dropout, check_index
from .given import Given, real_rows
from .hopfield import Associated
from .keys import KeyKind
from .pooling import QuantumHopfieldLayer
from .shards import Shards


class SubmoduleBank(QuantumHopfieldLayer):
    """Looks states up among stored patterns that are dealt out to many small circuits.

    A :class:`QuantumHopfieldLayer` whose M stored patterns are cut into shards of at most
    ``K = ceil(M / shards)``.  A query goes to all of them; each shard of each head is a circuit of
    its own, with ``ceil(log2 K)`` index qubits in place of ``ceil(log2 M)``.  The answers are
    recombined by acceptance, without any approximation, because the acceptance ``P_s`` of a shard
    is its partition function: pattern mu of shard s has the share::

        p_mu = M_s P_s p(mu | s) / sum_t M_t P_t

    So the law is that of the layer in one piece, with the same parameters under the same names,
    and that is what is computed where no circuits run.  With shots every circuit runs as often; a
    shard without an accepted run weighs 0, and only a query of which no shard accepted any is an
    :class:`EmptyRun`.

    Shards may be dead (:attr:`dead`), or dropped at random in training: the rest is recombined, and
    answers as a memory without their patterns would.

    Args:
        input_size: width of the state patterns.
        quantity: stored patterns, M; the rows of ``patterns`` by default.
        shards: submodules a head, 1 to M.
        max_qubits: in place of ``shards``: as few of them as have circuits of at most so many
            qubits, those of ``layout="reuse"`` where this is given, else of ``"coherent"``.
        patterns: stored patterns that are kept as they are (a buffer); trained by default.
        targets: likewise what goes with each.
        target_size: width of what goes with each; ``input_size`` by default.
        trainable_targets: whether targets are trained apart from the stored patterns; otherwise
            these are their own targets.
        dropout_shards: probability in [0, 1) that a shard is left out of a call in training, for
            all its queries; the one that would be dropped last stays.
        device: a torch device, or a PennyLane device or the name of one.
        dtype: of the parameters.
        arguments: all others of :class:`QuantumHopfield`, such as ``num_heads`` and ``shots``.

    Shapes:
        state: (B, L, input_size)
        patterns: (M, stored_size)
        targets: (M, target_size)
        output: (B, L, output_size)

    Raises:
        TypeError: an argument of a wrong type.
        ValueError: as in :class:`QuantumHopfieldLayer`; not exactly one of ``shards`` and
            ``max_qubits``; more shards than patterns; too few qubits for a single pattern;
            ``patterns`` or ``targets`` of a wrong shape.

    Source: this package's; the lookup layer is that of Ramsauer et al. 2020, arXiv:2008.02217.

    >>> import torch
    >>> bank = SubmoduleBank(8, num_heads=2, quantity=100, max_qubits=12)
    >>> bank.sizes, bank.num_qubits(), bank.num_qubits("reuse"), bank.circuits
    ((15, 15, 14, 14, 14, 14, 14), 12, 6, 14)
    >>> bank.dead = {0, 3}
    >>> bank(torch.zeros(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(
        self,
        input_size: int,
        *arguments: Any,
        quantity: int | None = None,
        shards: int | None = None,
        max_qubits: int | None = None,
        patterns: Any = None,
        targets: Any = None,
        target_size: int | None = None,
        trainable_targets: bool = True,
        dropout_shards: float = 0.0,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        # First, as a misspelt shards= is a missing one too.
        self._check_keywords(keywords)
        if (shards is None) == (max_qubits is None):
            raise ValueError(
                "Give either shards=, into how many the patterns are cut, or max_qubits=, what a "
                f"circuit may take; got {'neither' if shards is None else 'both'}."
            )
        kept = None if patterns is None else real_rows(patterns, "patterns")
        read = None if targets is None else real_rows(targets, "targets")
        if quantity is not None:
            number = check_count(quantity, "quantity", minimum=1)
        elif kept is not None:
            number = len(kept)
        else:
            raise ValueError("Give quantity=, the number of patterns, or patterns=.")
        for name, rows in (("patterns", kept), ("targets", read)):
            if rows is not None and len(rows) != number:
                raise ValueError(f"{name} must have {number} rows, one a pattern; got {len(rows)}.")
        if read is not None and not trainable_targets:
            raise ValueError(
                "targets= are targets of their own; with trainable_targets=False the stored "
                "patterns are the targets."
            )
        if kept is not None:
            keywords["stored_size"] = _width("stored_size", keywords.get("stored_size"), kept)
        if read is not None:
            target_size = _width("target_size", target_size, read)
        super().__init__(
            input_size,
            *arguments,
            quantity=number,
            target_size=target_size,
            trainable_targets=trainable_targets,
            device=device,
            dtype=dtype,
            **keywords,
        )
        for name, rows in (("stored_patterns", kept), ("target_patterns", read)):
            if rows is not None:
                like = getattr(self, name)
                delattr(self, name)
                self._hold(name, rows, like)
        if shards is None:
            shards = self._fitting(check_count(max_qubits, "max_qubits", minimum=1))
        self._shards = Shards(number, shards)
        self.hopfield.shards = shards
        self.dropout_shards = check_dropout(dropout_shards, "dropout_shards")
        self._dead: tuple[int, ...] = ()

    @classmethod
    def store(
        cls,
        patterns: Any,
        values: Any = None,
        *,
        shards: int | None = None,
        max_qubits: int | None = None,
        scaling: float | Tensor = 1.0,
        num_heads: int = 1,
        keys: KeyKind = "binary",
        dtype: torch.dtype | None = None,
        device: Any = None,
        **arguments: Any,
    ) -> SubmoduleBank:
        """A bank of given patterns, with nothing to train: call it with probes.

        Args:
            patterns: what is stored: +-1, or expectations in [-1, 1] with ``keys="product"``.
            values: what goes with each pattern; the patterns themselves by default.
            shards: see the class; likewise ``max_qubits``.
            max_qubits: see there.
            scaling: inverse temperature.
            num_heads: heads, each of which gets a part of the neurons.
            keys: see :class:`QuantumHopfield`.
            dtype: of the stored patterns.
            device: see the class.
            arguments: see the class.

        Shapes:
            patterns: (M, N)
            values: (M, V)

        Raises:
            TypeError: entries that are not real numbers.
            ValueError: as in :meth:`QuantumHopfield.store` and the class.

        >>> import torch
        >>> bank = SubmoduleBank.store([[1, 1, -1, -1], [1, -1, 1, -1]], shards=2, scaling=2.0)
        >>> bank(torch.tensor([[1.0, 1.0, -1.0, 1.0]])).sign()
        tensor([[ 1.,  1., -1., -1.]])
        """
        kept = Given.check(patterns, values, keys, num_heads)
        return cls(
            kept.size,
            shards=shards,
            max_qubits=max_qubits,
            patterns=kept.patterns,
            targets=kept.values,
            trainable_targets=values is not None,
            scaling=scaling,
            num_heads=num_heads,
            keys=keys,
            dtype=dtype,
            device=device,
            **{**kept.arguments(num_heads), **arguments},
        )

    # Shards -------------------------------------------------------------------------------------

    @property
    def shards(self) -> int:
        """Submodules of a head."""
        return self._shards.number

    @property
    def sizes(self) -> tuple[int, ...]:
        """Patterns of each shard; they are dealt out in order."""
        return self._shards.sizes

    @property
    def dead(self) -> frozenset[int]:
        """Shards that are left out, by number, of every head; assign a set to change them.

        Raises:
            TypeError: no set of integers.
            ValueError: no such shard, or all of them.
        """
        return frozenset(self._dead)

    @dead.setter
    def dead(self, shards: Iterable[int]) -> None:
        if isinstance(shards, str) or not isinstance(shards, Iterable):
            raise TypeError(f"dead must be a set of shards' numbers, got {shards!r}.")
        last = self.shards - 1
        dead = {check_count(each, "a dead shard", maximum=last) for each in shards}
        if len(dead) == self.shards:
            raise ValueError(
                f"All {self.shards} shards are dead, so nothing is left to recall from; leave at "
                "least one."
            )
        self._dead = tuple(sorted(dead))

    def num_qubits(self, layout: Layout = "coherent") -> int:
        """Qubits of a shard's circuit."""
        return self.hopfield.program(self._shards.size).num_qubits(layout)

    @property
    def circuits(self) -> int:
        """Circuits that a query runs: one a head and shard that is not dead."""
        return self.hopfield.num_heads * (self.shards - len(self._dead))

    def resources(self, layout: Layout = "coherent") -> Resources:
        """What a query costs for one shot of every circuit, as they are written.

        Raises:
            ValueError: no such layout.
        """
        program = self.hopfield.program(self._shards.size, weighted=not self._shards.even)
        cost = circuit_cost(program.circuit(layout).circuit)
        gates = self.circuits * cost.two_qubit_gates
        return Resources(
            qubits=self.num_qubits(layout),
            updates=0,
            circuits=self.circuits,
            two_qubit_gates=gates,
            expected_two_qubit_gates=float(gates),
            depth=cost.depth,
        )

    def extra_repr(self) -> str:
        """Patterns, shards, and what their circuits take."""
        wide, narrow = (self.num_qubits(layout) for layout in LAYOUTS)
        size = f"{'' if self._shards.even else 'up to '}{self._shards.size}"
        parts = [
            f"quantity={self.quantity}, shards={self.shards} of {size} patterns",
            f"{wide} qubits a circuit ({narrow} with layout='reuse')",
            f"{self.circuits} circuits a query",
        ]
        if self._dead:
            parts.append(f"dead={{{', '.join(map(str, self._dead))}}}")
        if self.dropout_shards:
            parts.append(f"dropout_shards={self.dropout_shards}")
        return ", ".join(parts)

    # Running ------------------------------------------------------------------------------------

    def forward(
        self, state: Tensor, *, attn_mask: Tensor | None = None, need_weights: bool | None = None
    ) -> Tensor | tuple[Tensor, Tensor | None]:
        """Looks up; with ``need_weights=True`` the association (B, H, L, M) comes too.

        ``need_weights``, masks and errors are those of :meth:`QuantumHopfield.forward`.
        """
        found: Tensor | tuple[Tensor, Tensor | None] = self.hopfield(
            state,
            *self._memory(state),
            key_padding_mask=self._hidden(state),
            attn_mask=attn_mask,
            need_weights=need_weights,
        )
        return found

    def associate(self, state: Tensor, **masks: Any) -> Associated:
        """See :meth:`QuantumHopfield.associate`; the acceptance is that of the whole memory.

        It is the mean over the shards that are not left out, each weighing as many as it has
        patterns.
        """
        hidden = self._hidden(state)
        return self.hopfield.associate(
            state, *self._memory(state), key_padding_mask=hidden, **masks
        )

    def acceptances(self, state: Tensor) -> Tensor:
        """Acceptance of each shard's circuit: how well the query fits what the shard holds.

        Returns:
            (B, H, L, shards), or (H, L, shards) for a single sequence; NaN where a shard is dead.

        Raises:
            ValueError: see :meth:`QuantumHopfield.forward`; likewise an :class:`EmptyRun`.
        """
        hopfield = self.hopfield
        found = hopfield.associate(
            state, *self._memory(state), key_padding_mask=self._hidden(state, dropped=False)
        )
        # M_s P_s is what the shard has of the whole memory's sum.
        parts = found.association * found.acceptance[..., None]
        alive = [0 if each in self._dead else size for each, size in enumerate(self.sizes)]
        sums = torch.stack([parts[..., each].sum(-1) for each in self._shards.slices()], dim=-1)
        scale = [math.nan if size == 0 else sum(alive) / size for size in alive]
        return sums * torch.tensor(scale, dtype=sums.dtype, device=sums.device)

    def circuit(
        self, state: Tensor, *, shard: int = 0, attn_mask: Tensor | None = None, **place: Any
    ) -> Any:
        """The measured Qiskit circuit of one shard; see :meth:`QuantumHopfield.circuit`.

        Raises:
            IndexError: no such shard, sample, head or query.
        """
        return self.hopfield.circuit(state, **self._part(state, shard, attn_mask), **place)

    def qnode(
        self, state: Tensor, *, shard: int = 0, attn_mask: Tensor | None = None, **place: Any
    ) -> Any:
        """The PennyLane QNode of one shard and its angles; see :meth:`QuantumHopfield.qnode`.

        Raises:
            IndexError: no such shard, sample, head or query.
        """
        return self.hopfield.qnode(state, **self._part(state, shard, attn_mask), **place)

    # Inside -------------------------------------------------------------------------------------

    def _hidden(self, state: Any, dropped: bool = True) -> Tensor | None:
        """True at the patterns of shards that are left out, for the batch of the states."""
        dropout = self.dropout_shards if self.training and dropped else 0.0
        if not self._dead and not dropout:
            return None
        place = self.stored_patterns.device
        out = torch.tensor([each in self._dead for each in range(self.shards)], device=place)
        if dropout:
            # The shard with the greatest draw stays, which matters where all would be dropped.
            draws = torch.rand(self.shards, device=place).masked_fill(out, -1.0)
            out = out | ((draws < dropout) & (draws < draws.max()))
        hidden = out[self._shards.owners(place)]
        single = isinstance(state, Tensor) and state.dim() == 2
        return hidden if single else hidden.expand(self._batch(state), -1)

    def _part(self, state: Any, shard: int, attn_mask: Tensor | None) -> dict[str, Any]:
        """What :class:`QuantumHopfield` is called with for one shard, filled up as it runs."""
        shard = check_index(shard, "shard", self.shards)
        if attn_mask is not None:
            check_dense(attn_mask, "attn_mask")
        part = list(self._shards.slices())[shard]
        rows = self.stored_patterns[part]
        missing = self._shards.size - len(rows)
        rows = torch.cat([rows, rows[-1:].expand(missing, -1)])
        batch = self._batch(state)
        single = isinstance(state, Tensor) and state.dim() == 2
        given: dict[str, Any] = {"stored": rows if single else self._expand(rows, batch)}
        if isinstance(attn_mask, Tensor) and attn_mask.shape[-1:] == (self.quantity,):
            attn_mask = functional.pad(attn_mask[..., part], (0, missing))
        if missing:
            padding = torch.arange(self._shards.size, device=rows.device) >= self.sizes[shard]
            given["key_padding_mask"] = padding if single else padding.expand(batch, -1)
        return given | {"attn_mask": attn_mask}

    def _fitting(self, max_qubits: int) -> int:
        """The fewest shards whose circuits fit."""
        neurons = self.hopfield.hidden_size
        layout = self.hopfield.execution.layout or "coherent"
        beside = self.hopfield.program(1).num_qubits(layout)
        if max_qubits < beside:
            raise ValueError(
                f"max_qubits={max_qubits} is too few: {neurons} neurons take {beside} qubits "
                f"beside the index with layout={layout!r}. Use a smaller hidden_size, more heads, "
                "or shards= and layout='reuse', which takes 2 beside the index."
            )
        index = min(max_qubits - beside, self.quantity.bit_length())
        return -(-self.quantity // (1 << index))


def _width(name: str, given: int | None, rows: Any) -> int:
    """The width of given rows, which may have been said before.

    Raises:
        ValueError: it was another.
    """
    width: int = rows.shape[1]
    if given is not None and given != width:
        what = "patterns" if name == "stored_size" else "targets"
        raise ValueError(f"{what} are {width} wide, and {name}={given}; leave {name} out.")
    return width
