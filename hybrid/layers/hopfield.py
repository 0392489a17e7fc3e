"""Association of state patterns with stored patterns: the layer that replaces an attention."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ...circuits.common.checks import check_count, check_flag
from ...circuits.common.cost import refuse_work
from ..attention_slot import AttentionSlot
from ..programs.base import Layout
from ..programs.memory import MemoryProgram
from . import association as law
from .base import bound_circuit, bound_qnode
from .checks import check_dense, check_index, check_place, check_sequence, full_precision, traced
from .given import Given, real_rows
from .heads import ProjectedHeads
from .keys import KeyKind, Keys, hold_keys
from .measured import circuit_association
from .projecting import expected_dtype
from .shards import Shards

_UNBOUNDED_STEPS = 1000


class Associated(NamedTuple):
    """What a layer saw between its projections.

    Attributes:
        queries: the projected state patterns x, after the last update, (B, H, L, n).
        keys: the stored patterns as the circuit holds them, expectations of the key qubits in
            [-1, 1], (B, H, S, n).
        values: what is mixed, (B, H, S, v).
        association: shares of the stored patterns, (B, H, L, S); each row sums to 1.
        acceptance: probability that a run counts, (B, H, L).
    """

    queries: Tensor
    keys: Tensor
    values: Tensor
    association: Tensor
    acceptance: Tensor


class QuantumHopfield(AttentionSlot, ProjectedHeads):
    """Associates state patterns with stored patterns by a quantum memory a head.

    Each head stores the projected patterns in a superposition, filters it by a projected state x
    (exponential filter), and mixes the values by the shares p of the patterns that are left::

        p_mu ~ prod_i (cosh beta x_i + z_mu,i sinh beta x_i)

    which for keys of bits is ``softmax_mu(beta z_mu . x)``, the update of the modern Hopfield
    network.  With no ``device`` or ``backend`` the layer is this exact law; with one, the same
    weights run as circuits.

    Args:
        input_size: width of the state patterns.
        hidden_size: neurons of a head, n; ``input_size / num_heads`` by default.
        output_size: width of the output; ``input_size`` by default.
        pattern_size: width of a head's values; ``hidden_size`` by default.
        num_heads: heads, each a memory with a circuit of its own.
        scaling: inverse temperature beta > 0: a number, a tensor with one a head, or a parameter;
            ``1 / sqrt(hidden_size)`` by default.
        update_steps_max: retrieval updates ``x <- sum_mu p_mu z_mu`` before the association that
            mixes the values; None updates until nothing moves.
        update_steps_eps: a state that moves less than this (Euclidean) is updated no more.
        dropout: share of the association that is dropped in training.
        batch_first: whether inputs are (batch, length, width) rather than (length, batch, width).
        stored_size: width of the stored patterns; ``input_size`` by default.
        projection_size: width of what the values are projected from; ``stored_size`` by default.
        keys: ``"binary"`` stores the signs of the projected patterns, with straight-through
            gradients (where these lie within +-1); ``"product"`` stores product states
            ``z = tanh(projected)``, whose gradients are exact (there ``|beta x|`` and
            ``|artanh z|`` are limited to 10).
        bias: whether projections have a bias.
        state_as_static: takes states as they come, without projection; likewise
            ``stored_as_static`` and ``projection_as_static``.  A static pattern is
            ``num_heads * hidden_size`` wide (dealt out to the heads) or ``hidden_size`` (the same
            for all).
        disable_out_projection: returns the heads' mixed values side by side.
        device: a torch device, or a PennyLane device or the name of one.
        dtype: of the parameters.
        execution: how circuits run (``backend``, ``sampler``, ``noise_model``, ``shots``,
            ``gradient``, ``layout``, ``seed``): see :class:`qhopfield.hybrid.Execution`.

    Shapes:
        state: (B, L, input_size)
        stored: (B, S, stored_size), the state itself by default
        projection: (B, S, projection_size), the stored patterns by default
        output: (B, L, output_size)

    Raises:
        TypeError: an argument of a wrong type.
        ValueError: sizes < 1, heads that do not divide the input, ``scaling`` <= 0, a static
            pattern of the wrong width, execution keywords that exclude each other.

    Source: Ramsauer et al. 2020, arXiv:2008.02217, for the association and the arguments' names;
    the circuit is this package's.

    >>> import torch
    >>> layer = QuantumHopfield(input_size=16, num_heads=4, scaling=1.0)
    >>> layer(torch.zeros(2, 5, 16)).shape
    torch.Size([2, 5, 16])
    """

    # Circuits that a head's memory is cut into: see SubmoduleBank.
    shards: int = 1

    def extra_repr(self) -> str:
        """Sizes, keys and how the layer runs."""
        scaling = self.scaling if isinstance(self.scaling, float) else "tensor"
        parts = [
            f"input_size={self.input_size}, hidden_size={self.hidden_size}",
            f"output_size={self.output_size}, pattern_size={self.pattern_size}",
            f"num_heads={self.num_heads}, keys={self.keys!r}, scaling={scaling}",
        ]
        if self.update_steps_max != 0:
            parts.append(f"update_steps_max={self.update_steps_max}")
        if self.dropout:
            parts.append(f"dropout={self.dropout}")
        if self.stored_patterns is not None:
            parts.append(f"stored={len(self.stored_patterns)} patterns")
        return ", ".join(parts) + self._execution_repr()

    # Storing and recalling without training ----------------------------------------------------

    @classmethod
    def store(
        cls,
        patterns: Any,
        values: Any = None,
        *,
        scaling: float | Tensor = 1.0,
        num_heads: int = 1,
        keys: KeyKind = "binary",
        update_steps_max: int | None = 0,
        update_steps_eps: float = 1e-4,
        dtype: torch.dtype | None = None,
        device: Any = None,
        **execution: Any,
    ) -> QuantumHopfield:
        """A memory of given patterns, with nothing to train: call :meth:`recall`, or the layer.

        Args:
            patterns: what is stored: +-1, or expectations in [-1, 1] with ``keys="product"``.
            values: what goes with each pattern; the patterns themselves by default.
            scaling: inverse temperature.
            num_heads: heads, each of which gets a part of the neurons.
            keys: see the class.
            update_steps_max: see the class.
            update_steps_eps: see the class.
            dtype: of the stored patterns.
            device: see the class.
            execution: see the class.

        Shapes:
            patterns: (M, N)
            values: (M, V)

        Raises:
            TypeError: entries that are not real numbers.
            ValueError: patterns that are malformed, or not +-1 where bits are stored; heads that do
                not divide the neurons; a wrong number of values.

        >>> memory = QuantumHopfield.store([[1, 1, -1, -1], [1, -1, 1, -1]], scaling=2.0)
        >>> memory.recall([1, 1, -1, 1]).sign()
        tensor([[ 1.,  1., -1., -1.]])
        """
        kept = Given.check(patterns, values, keys, num_heads)
        layer = cls(
            kept.size,
            num_heads=num_heads,
            scaling=scaling,
            keys=keys,
            update_steps_max=update_steps_max,
            update_steps_eps=update_steps_eps,
            **kept.arguments(num_heads),
            dtype=dtype,
            device=device,
            **execution,
        )
        like = torch.empty(0, dtype=dtype, device=layer._factory_device)
        layer._hold("stored_patterns", kept.patterns, like)
        layer._hold("stored_values", kept.values, like)
        return layer

    def recall(self, probes: Any, *, steps: int = 1) -> Tensor:
        """Recalls stored patterns from probes: ``x <- sum_mu p_mu z_mu``, repeated.

        Args:
            probes: what recall starts from, real.
            steps: retrieval updates.

        Shapes:
            probes: (P, N) or (N,)
            result: (P, N), mean spins in [-1, 1]

        Raises:
            TypeError: probes that are not real numbers.
            ValueError: a layer that stores nothing, malformed probes, ``steps`` < 1 or so many that
                they would take hours.
        """
        if self.stored_patterns is None:
            raise ValueError(
                "This layer stores no patterns: make one with QuantumHopfield.store(patterns), or "
                "call the layer with states and stored patterns."
            )
        check_count(steps, "steps", minimum=1)
        # A step takes at least some ten operations of torch, a microsecond or two each.
        refuse_work(2e-5 * steps, f"{steps:,} steps", "Fixed points are reached after a few.")
        if not isinstance(probes, Tensor):
            probes = torch.as_tensor(real_rows(probes, "probes"))
        else:
            check_dense(probes, "probes")
            check_place(probes, "probes", self.stored_patterns.to(probes.dtype))
        states = torch.atleast_2d(probes).to(self.stored_patterns)
        stored = self._heads(self.stored_patterns[None], self.hidden_size)
        keys = hold_keys(stored, self.keys, static=True)
        queries = self._heads(
            check_sequence(states[None], "probes", self.input_size, None), self.hidden_size
        )
        prior = None
        for _ in range(steps):
            queries = self._retrieve(queries, keys, prior)
        return queries.transpose(1, 2).flatten(2)[0]

    # Running -------------------------------------------------------------------------------------

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
            state: state patterns (queries).
            stored: stored patterns (keys); by default what :meth:`store` kept, else the states.
            projection: what the values are projected from; by default the stored patterns.
            key_padding_mask: True hides a stored pattern from every query.
            attn_mask: True hides a stored pattern from a query; floats are added to the logits
                (on circuits: they weigh the loaded patterns).
            is_causal: hides later patterns from earlier queries, where no ``attn_mask`` is given.
            need_weights: None returns the output alone.  Where it is given, a pair is returned, as
                by :class:`torch.nn.MultiheadAttention`: the output, and the association (True) or
                None (False).  So the layer fits into torch's own transformer layers, which read
                the first of the two.

        Shapes:
            state: (B, L, input_size), or (L, input_size) unbatched
            stored: (B, S, stored_size)
            projection: (B, S, projection_size)
            key_padding_mask: (B, S)
            attn_mask: (L, S) or (B * num_heads, L, S)
            result: (B, L, output_size), and (B, num_heads, L, S) with ``need_weights=True``

        Raises:
            TypeError: arguments of a wrong type.
            ValueError: wrong shapes, NaN, a query whose patterns are all masked.
            EmptyRun: on circuits, a query of which no run counted.
        """
        queries, keys, values, prior = self._prepare(
            state, stored, projection, key_padding_mask, attn_mask, is_causal
        )
        if need_weights is not None:
            need_weights = check_flag(need_weights, "need_weights")
        if not need_weights and self._fusible:
            with full_precision(queries):
                scores = self._scores(queries)
                if keys.logits is None:
                    mixed = law.binary_mixed(scores, keys.expectations, values, prior)
                else:
                    mixed = law.product_mixed(scores, keys.logits, values, prior)
            share = None
        else:
            queries = self._update(queries, keys, prior)
            share, _ = self._associate(queries, keys, prior)
            dropped = (
                functional.dropout(share, self.dropout) if self.training and self.dropout else share
            )
            with full_precision(queries):
                mixed = torch.matmul(dropped, values)
        output = mixed.transpose(1, 2).flatten(2)
        if self.output_projection is not None:
            dtype = expected_dtype(self.output_projection, state.dtype)
            output = self.output_projection(output.to(dtype))
        if not self.batch_first:
            output = output.transpose(0, 1)
        if state.dim() == 2:
            output = output[0] if self.batch_first else output[:, 0]
            share = None if share is None else share[0]
        if need_weights is None:
            return output
        return output, share if need_weights else None

    def associate(
        self,
        state: Tensor,
        stored: Tensor | None = None,
        projection: Tensor | None = None,
        *,
        key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Associated:
        """Everything between the projections: queries, keys, values, association, acceptance.

        Arguments, shapes and errors are those of :meth:`forward`.
        """
        queries, keys, values, prior = self._prepare(
            state, stored, projection, key_padding_mask, attn_mask, is_causal
        )
        queries = self._update(queries, keys, prior)
        share, acceptance = self._associate(queries, keys, prior)
        if acceptance is None:
            log = law.log_acceptance(self._scores(queries), keys.expectations, keys.logits, prior)
            acceptance = torch.exp(log)
        found = Associated(queries, keys.expectations, values, share, acceptance)
        return Associated(*(each[0] for each in found)) if state.dim() == 2 else found

    # The circuit of one query -------------------------------------------------------------------

    def program(self, num_patterns: int, *, weighted: bool = False) -> MemoryProgram:
        """The circuit of a head with its angles open.

        Args:
            num_patterns: stored patterns.
            weighted: whether they have weights, as masked ones need.
        """
        return MemoryProgram(num_patterns, self.hidden_size, weighted=weighted)

    def circuit(
        self,
        state: Tensor,
        stored: Tensor | None = None,
        *,
        key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
        batch: int = 0,
        head: int = 0,
        query: int = 0,
        layout: Layout = "coherent",
    ) -> Any:
        """The measured Qiskit circuit of one head and one query, its angles bound.

        Args:
            state: see :meth:`forward`; likewise ``stored`` and the masks.
            stored: see there.
            key_padding_mask: see there.
            attn_mask: see there.
            is_causal: see there.
            batch: which sample.
            head: which head.
            query: which state pattern.
            layout: ``"coherent"`` (an ancilla a neuron) or ``"reuse"`` (two qubits beside the
                index, whatever the number of neurons).

        Returns:
            A ``QuantumCircuit``; a run counts where all bits of ``rejected`` are 0.

        Raises:
            IndexError: no such sample, head or query.
        """
        program, angles = self._bound(
            state, stored, key_padding_mask, attn_mask, is_causal, batch, head, query
        )
        return bound_circuit(program, angles, layout)

    def qnode(
        self,
        state: Tensor,
        stored: Tensor | None = None,
        *,
        key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
        batch: int = 0,
        head: int = 0,
        query: int = 0,
        device: Any = "default.qubit",
        shots: int | None = None,
    ) -> Any:
        """The PennyLane QNode of one head and one query: a function of the circuit's angles.

        It returns the probabilities of the ancillas (most significant) and the index; the first M
        are the un-normalised association.  Arguments as in :meth:`circuit`.

        Returns:
            The QNode and its angles, (A,): ``node(angles)``, ``qml.draw(node)(angles)``.
        """
        program, angles = self._bound(
            state, stored, key_padding_mask, attn_mask, is_causal, batch, head, query
        )
        return bound_qnode(program, angles, device, shots)

    # Inside -------------------------------------------------------------------------------------

    @property
    def _fusible(self) -> bool:
        """Whether the mixed values can come without the association."""
        dropped = self.training and self.dropout
        return self.executor is None and self.update_steps_max == 0 and not dropped

    def _scores(self, queries: Tensor) -> Tensor:
        """``beta x``, limited where keys are product states."""
        beta = self.scaling
        if isinstance(beta, Tensor):
            beta = beta.to(queries.dtype)[..., None, None] if beta.dim() else beta.to(queries.dtype)
        scores = queries * beta
        return scores.clamp(-law.LIMIT, law.LIMIT) if self.keys == "product" else scores

    def _update(self, queries: Tensor, keys: Keys, prior: Tensor | None) -> Tensor:
        """Retrieval updates of the states, each query until it moves no more."""
        steps = _UNBOUNDED_STEPS if self.update_steps_max is None else self.update_steps_max
        moving: Tensor | None = None
        for _ in range(steps):
            found = self._retrieve(queries, keys, prior)
            if moving is not None:
                found = torch.where(moving, found, queries)
            moved = (found - queries).detach().norm(dim=-1, keepdim=True) > self.update_steps_eps
            moving = moved if moving is None else moving & moved
            queries = found
            if not traced(queries) and not bool(moving.any()):
                return queries
        if self.update_steps_max is None:
            raise ValueError(
                f"The states still moved after {steps} updates; raise update_steps_eps or bound "
                "update_steps_max."
            )
        return queries

    def _retrieve(self, queries: Tensor, keys: Keys, prior: Tensor | None) -> Tensor:
        """One retrieval update."""
        share, _ = self._associate(queries, keys, prior)
        with full_precision(queries):
            return share @ keys.expectations

    def _associate(
        self, queries: Tensor, keys: Keys, prior: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """The association, and the acceptance where circuits ran."""
        with full_precision(queries):
            scores = self._scores(queries)
            if self.executor is not None:
                shards = Shards(keys.expectations.shape[-2], self.shards)
                run = circuit_association
                if torch.compiler.is_compiling():
                    run = torch.compiler.disable(run)  # here, for its import takes seconds
                return run(self.executor, scores, keys, prior, shards)
            if keys.logits is None:
                return law.binary_association(scores, keys.expectations, prior), None
            return law.product_association(scores, keys.logits, prior), None

    def _bound(
        self,
        state: Tensor,
        stored: Tensor | None,
        key_padding_mask: Tensor | None,
        attn_mask: Tensor | None,
        is_causal: bool,
        batch: int,
        head: int,
        query: int,
    ) -> tuple[MemoryProgram, Tensor]:
        """The program and the angles of one query of one head."""
        with torch.no_grad():
            queries, keys, _, prior = self._prepare(
                state,
                stored,
                self._any_values(state, stored),
                key_padding_mask,
                attn_mask,
                is_causal,
            )
            batch = check_index(batch, "batch", queries.shape[0])
            head = check_index(head, "head", queries.shape[1])
            query = check_index(query, "query", queries.shape[2])
            scores = self._scores(queries)
            lead = queries.shape[:2]
            z = keys.expectations.expand(*lead, -1, -1)[batch, head]
            program = self.program(len(z), weighted=prior is not None)
            weights = None
            if prior is not None:
                row = prior.expand(*queries.shape[:3], len(z))[batch, head, query]
                weights = torch.softmax(row, dim=-1)
            return program, program.angles(scores[batch, head, query], z, 1.0, weights)

    def _any_values(self, state: Tensor, stored: Tensor | None) -> Tensor | None:
        """Zeros in the place of values that a circuit does not hold."""
        if self.projection_size == self.stored_size:
            return None
        kept = stored if stored is not None else self.stored_patterns
        kept = state if kept is None else kept
        if not isinstance(kept, Tensor):
            return None  # which is refused later
        zeros: Tensor = kept.new_zeros(*kept.shape[:-1], self.projection_size)
        return zeros if zeros.dim() >= state.dim() else zeros[None]
