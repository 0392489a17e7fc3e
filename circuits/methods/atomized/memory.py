"""Many small filtered memories that act as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

from ...blocks.filters import ExpFilter
from ...common.checks import check_count, check_real, settle, shown
from ...common.cost import refuse_memory
from ...models import Model
from ..base import Bill, Law, Method, Parts, Pieces, Probes, Progress, Runner, Samples
from ..feedback import Feedback
from ..filtered import FilteredMemory
from ..partition import frozen_parts, index_parts
from ..pieces import PROBES_A_PIECE, Piece, draw_seeds, finish
from ..probes import expectations_of, one_row
from ..superposition import UNLIMITED, refuse_states, stored_patterns
from ..twins import RejectionSampling
from .combine import Place, Reading, combine, samples_of
from .faults import HEALTHY, RANDOM, Faults
from .grid import (
    ANSWERED,
    IS_LATE,
    REJECTED,
    Grid,
    coarse_kernels,
    contradicting,
    heard_or_refused,
    parts_of,
    refuse_blocks,
    refuse_empty,
    statuses,
)
from .submodule import Submodule, SubmodulePiece


@dataclass(frozen=True, repr=False)
class AtomizedMemory(Method):
    """A filtered memory cut into many small submodules, recombined without approximation.

    Each submodule is a filtered memory on a circuit of its own.  They run in parallel and know
    nothing of each other; what they answered is put together by acceptance, for a shard's
    acceptance is its partition function:
    ``<Z> = sum_s M_s P_s r_s / sum_s M_s P_s``.

    - *Shards* hold parts of the patterns.  Any filter can be cut so.
    - *Blocks* see parts of the neurons.  All blocks of a shard share the pattern's number, each
      filters by its own part of the probe, and what they let through multiplies (a product of
      experts): ``K(mu) = prod_b K_b(mu)``.  That is exact for :class:`ExpFilter`, and for
      :class:`KernelFilter` with ``Exponential``.
    - Both together are a grid.  *Replicas* run each submodule several times over and are averaged;
      one that answers is enough.
    - With ``keep`` a coarse memory of the shards' prototypes (the sign of the sum of their
      patterns) goes first and chooses which shards run at all; the result says which were skipped.

    Every submodule of the grid runs ``shots`` times a probe.

    Args:
        method: what each submodule is: a :class:`FilteredMemory`, or :class:`RejectionSampling` as
            its classical twin; None takes ``FilteredMemory()``.
        shards: a number of consecutive parts, or the indices of each part's patterns
            (:func:`~.similar.similar_shards` makes some).
        blocks: a number of consecutive parts, or the indices of each part's neurons.
        replicas: how often each submodule is there, >= 1.
        keep: how many shards run, chosen by the coarse memory; None runs all.
        detect: false-alarm rate, for one recall of one probe, of a test of each submodule's
            acceptance (and of how often it names a stored pattern) against its law; those that fail
            are left out.  None tests nothing.  The law costs O(M N) classically.
        margin: relative deviation of an acceptance that the test forgives, for submodules with
            known noise, in [0, 1).
        faults: which submodules fail, for studies of failure.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range, a part is empty, or parts overlap.

    Source: recombination of post-selected memories: this package; the filter's law is attention
    (Ramsauer et al. 2020, arXiv:2008.02217), whose partial softmaxes combine in the same way
    (Milakov and Gimelshein 2018, arXiv:1805.02867).

    >>> from qhopfield.circuits import AtomizedMemory, ExpFilter, FilteredMemory, ModernHopfield
    >>> memory = ModernHopfield([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    >>> whole, cut = FilteredMemory(), AtomizedMemory(FilteredMemory(), shards=2)
    >>> probe = [1, 1, -1]
    >>> bool(abs(whole.law(memory, probe).acceptance - cut.law(memory, probe).acceptance) < 1e-15)
    True
    """

    method: FilteredMemory | RejectionSampling | None = None
    shards: Any = 2
    blocks: Any = 1
    replicas: int = 1
    keep: int | None = None
    detect: float | None = None
    margin: float = 0.0
    faults: Faults | None = None

    def __post_init__(self) -> None:
        method = FilteredMemory() if self.method is None else self.method
        if not isinstance(method, (FilteredMemory, RejectionSampling)):
            raise TypeError(
                "method must be FilteredMemory(...) or RejectionSampling(...), whose acceptance is "
                f"a partition function; got {shown(self.method)}."
            )
        object.__setattr__(self, "method", method)
        object.__setattr__(self, "shards", frozen_parts(self.shards, "shards"))
        object.__setattr__(self, "blocks", frozen_parts(self.blocks, "blocks"))
        settle(
            self,
            replicas=check_count(self.replicas, "replicas", minimum=1),
            margin=check_real(self.margin, "margin", minimum=0.0, maximum=1.0),
        )
        if self.keep is not None:
            settle(self, keep=check_count(self.keep, "keep", minimum=1))
        if self.detect is not None:
            rate = check_real(self.detect, "detect", minimum=0.0, maximum=0.5, exclusive=True)
            settle(self, detect=rate)
        if self.margin and self.detect is None:
            raise ValueError("margin belongs to the test that detect= asks for; give both.")
        if self.faults is not None and not isinstance(self.faults, Faults):
            raise TypeError(f"faults must be Faults(...) or None, got {shown(self.faults)}.")

    def __repr__(self) -> str:
        """The method and what differs from the defaults."""
        chosen = [
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(self)
            if each.name in ("method", "shards") or getattr(self, each.name) != each.default
        ]
        return f"AtomizedMemory({', '.join(chosen)})"

    # What a model makes of the choices.

    def grid(self, model: Model) -> Grid:
        """The submodules for a model.

        Raises:
            ValueError: the partition does not fit the model, or the filter cannot be cut so.
        """
        assert self.method is not None  # __post_init__ fills it
        patterns = stored_patterns(model)
        filtered = (
            self.method
            if isinstance(self.method, FilteredMemory)
            else FilteredMemory(self.method.filter)
        )
        chosen = filtered.resolved(model)
        shards = index_parts(self.shards, len(patterns), "shards", "patterns")
        blocks = index_parts(self.blocks, model.num_neurons, "blocks", "neurons")
        refuse_blocks(chosen, len(blocks))
        number = len(shards) * len(blocks) * self.replicas
        refuse_memory(
            1000.0 * number,
            f"{number} submodules (replicas={self.replicas} of {len(shards)} shards and "
            f"{len(blocks)} blocks)",
            "Use fewer replicas, or more shots of each.",
        )
        if self.keep is not None and self.keep > len(shards):
            raise ValueError(f"keep={self.keep} of only {len(shards)} shards; keep fewer, or None.")
        submodules = {
            (shard, block): Submodule(
                self.method, chosen, patterns[np.ix_(part, neurons)], neurons, len(blocks) > 1
            )
            for shard, part in enumerate(shards)
            for block, neurons in enumerate(blocks)
        }
        coarse = {}
        if self.keep is not None and self.keep < len(shards):
            sums = np.stack([patterns[part].sum(axis=0) for part in shards])
            prototypes = np.where(sums >= 0, 1, -1).astype(np.int8)
            coarse = {
                block: Submodule(self.method, chosen, prototypes[:, neurons], neurons, True)
                for block, neurons in enumerate(blocks)
            }
        return Grid(patterns, shards, submodules, coarse, len(blocks), filtered.iterations)

    def places(self, grid: Grid) -> list[Place]:
        """All submodules in their order: shard by shard, block by block, replica by replica."""
        return [
            Place(shard, block, replica)
            for shard in range(len(grid.shards))
            for block in range(grid.num_blocks)
            for replica in range(self.replicas)
        ]

    def _fates(self, places: Sequence[Place]) -> NDArray[np.uint8]:
        if self.faults is None:
            return np.full(len(places), HEALTHY, dtype=np.uint8)
        return self.faults.fates(len(places))

    # The circuit.

    def circuit(self, model: Model, probe: Probes) -> QuantumCircuit:
        """All submodules side by side in one circuit, on qubits of their own, ready to run.

        Registers are named after shard, block and replica, ``s0b0r0_...``; nothing connects the
        submodules.  :meth:`circuits` gives them one by one.

        Raises:
            TypeError: ``probe`` holds no real numbers.
            ValueError: a probe that the filter cannot take, or a model without patterns.
        """
        whole = QuantumCircuit()
        for place, each in zip(
            self.places(self.grid(model)), self.circuits(model, probe), strict=True
        ):
            name = f"s{place.shard}b{place.block}r{place.replica}_"
            qubits = [QuantumRegister(len(reg), name + reg.name) for reg in each.qregs]
            bits = [ClassicalRegister(len(reg), name + reg.name) for reg in each.cregs]
            whole.add_register(*qubits, *bits)
            whole.compose(
                each,
                [qubit for register in qubits for qubit in register],
                [bit for register in bits for bit in register],
                inplace=True,
            )
        return whole

    def circuits(self, model: Model, probe: Probes) -> list[QuantumCircuit]:
        """The circuit of each submodule, shard by shard, block by block, replica by replica.

        A submodule answers in its first classical bits: the state of its neurons (register
        ``neurons``), or with several blocks the pattern's number in its shard (``index``).  A run
        counts if all bits of ``failed`` are 0.  Where least distances are searched for, they are
        computed classically here, as each circuit's ``metadata`` say: see
        :meth:`FilteredMemory.circuit`.

        Raises:
            TypeError: ``probe`` holds no real numbers.
            ValueError: a probe that the filter cannot take, or a model without patterns.
        """
        refuse_states(probe, self)
        if isinstance(self.method, RejectionSampling):
            self.method.circuit(model, probe)  # says that it has none
        grid = self.grid(model)
        row = one_row(probe, model.num_neurons)
        made = {key: each.circuit(row) for key, each in grid.submodules.items()}
        return [made[place.shard, place.block] for place in self.places(grid)]

    # The law.

    @property
    def why_not_mitigated(self) -> str | None:
        """See :attr:`Method.why_not_mitigated`."""
        assert self.method is not None  # __post_init__ fills it
        return self.method.why_not_mitigated

    @property
    def why_not_codewords(self) -> str | None:
        """See :attr:`Method.why_not_codewords`."""
        assert self.method is not None  # __post_init__ fills it
        return self.method.why_not_codewords

    @property
    def law_limit(self) -> int:
        """The law costs O(M N): there is no limit."""
        return UNLIMITED

    @property
    def classical(self) -> bool:
        """Whether the submodules run no circuits."""
        assert self.method is not None  # __post_init__ fills it
        return self.method.classical

    def law(self, model: Model, probe: Probes) -> Law:
        """The exact distribution over the patterns of the shards that answer, and the acceptance.

        Shards that ``keep`` leaves out and those that have failed have probability 0; the
        acceptance counts all M patterns.  Submodules that answer at random have no place in a law:
        they must be found out (``detect``), and are left out.

        Raises:
            RuntimeError: every shard has failed.
            TypeError: ``probe`` holds no real numbers.
            ValueError: no pattern passes the filter (acceptance 0), or submodules answer at random
                and nothing detects them.
        """
        refuse_states(probe, self)
        row = one_row(probe, model.num_neurons)
        grid = self.grid(model)
        shares, acceptance, parts = self.distribution(grid, row[None, :])
        return Law(grid.patterns.copy(), shares[0], float(acceptance[0]), parts=parts)

    def distribution(
        self, grid: Grid, rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], Parts]:
        """Pattern probabilities (P, M), acceptances (P,), and who answered, by law.

        Raises:
            RuntimeError: every shard has failed.
            ValueError: no pattern passes the filter, or submodules answer at random undetected.
        """
        places = self.places(grid)
        fates = self._fates(places)
        if (fates == RANDOM).any() and self.detect is None:
            raise ValueError(
                "Submodules that answer at random have no place in the law: give detect=, which "
                "leaves them out, or run the circuits."
            )
        shares = acceptance = np.zeros(0)
        status = np.zeros((0, 0), dtype=np.uint8)
        chances = np.zeros((0, 0))
        for _ in range(grid.iterations):
            logs, chances = self._log_kernels(grid, places, rows)
            chosen = self._by_law(grid, rows)
            status = statuses(places, fates, chosen)
            status[:, fates == RANDOM] = np.where(
                status[:, fates == RANDOM] == ANSWERED, REJECTED, status[:, fates == RANDOM]
            )
            answering = heard_or_refused(places, status)
            logarithms = np.full((len(rows), len(grid.patterns)), -math.inf)
            for shard, (kernel, _) in enumerate(logs):
                logarithms[:, grid.shards[shard]] = np.where(
                    answering[:, shard, None], kernel, -math.inf
                )
            top = logarithms.max(axis=1)
            top = np.where(np.isfinite(top), top, 0.0)
            # Relative to the least distances that those who answer have subtracted, as shots are.
            scales = np.stack([scale for _, scale in logs], axis=1)
            reference = np.where(answering, scales, -math.inf).max(axis=1)
            kernels = np.exp(logarithms - top[:, None])
            total = kernels.sum(axis=1)
            refuse_empty(total)
            shares = kernels / total[:, None]
            acceptance = total * np.exp(top - reference) / len(grid.patterns)
            rows = np.clip(shares @ grid.patterns, -1.0, 1.0)
        chances = np.where(status == ANSWERED, chances, math.nan)
        return shares, acceptance, parts_of(grid, places, status, chances)

    def _log_kernels(
        self, grid: Grid, places: Sequence[Place], rows: NDArray[np.float64]
    ) -> tuple[list[tuple[NDArray[np.float64], NDArray[np.float64]]], NDArray[np.float64]]:
        """Each shard's log-kernels (P, M_s) and what they are relative to (P,); acceptances."""
        laws = {key: each.kept(rows) for key, each in grid.submodules.items()}
        found = []
        with np.errstate(divide="ignore"):
            for shard in range(len(grid.shards)):
                blocks = [laws[shard, block] for block in range(grid.num_blocks)]
                scale = np.sum([scale for _, scale in blocks], axis=0)
                kernel = np.sum([np.log(kept) for kept, _ in blocks], axis=0)
                found.append((kernel + scale[:, None], scale))
        chances = np.stack(
            [laws[place.shard, place.block][0].mean(axis=1) for place in places], axis=1
        )
        return found, chances

    def _by_law(self, grid: Grid, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which shards run for each probe, (P, S), chosen by the coarse memory's law."""
        if not grid.coarse:
            return np.ones((len(rows), len(grid.shards)), dtype=bool)
        with np.errstate(divide="ignore"):
            kernel = np.sum([np.log(each.kept(rows)[0]) for each in grid.coarse.values()], axis=0)
        return self._best(grid, kernel)

    def _best(self, grid: Grid, log_kernels: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The ``keep`` shards of the greatest estimated mass; the first of equals."""
        assert self.keep is not None  # there is no coarse memory otherwise
        sizes = np.array([len(part) for part in grid.shards])
        order = np.argsort(-(log_kernels + np.log(sizes)).round(12), axis=1, kind="stable")
        chosen = np.zeros(log_kernels.shape, dtype=bool)
        np.put_along_axis(chosen, order[:, : self.keep], True, axis=1)
        return chosen

    def bill(self, model: Model) -> Bill:
        """See :meth:`Method.bill`: all submodules' circuits, the coarse memory's among them."""
        if self.classical:
            return Bill(circuit=QuantumCircuit(), expected_two_qubit_gates=0.0)
        grid = self.grid(model)
        made = {key: each.template() for key, each in grid.submodules.items()}
        templates = [made[place.shard, place.block] for place in self.places(grid)]
        templates += [each.template() for each in grid.coarse.values()]
        templates *= grid.iterations
        return Bill(
            circuit=templates[0][0].circuit,
            loading=sum(loader.choice.two_qubit_gates for _, loader in templates),
            side_by_side=tuple(template.circuit for template, _ in templates),
            search_loadings=float(
                sum(
                    each.filtered.search_loadings(each.patterns) * copies * grid.iterations
                    for group, copies in ((grid.submodules, self.replicas), (grid.coarse, 1))
                    for each in group.values()
                )
            ),
        )

    # Running it.

    def sample_law(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Draws every submodule's shots from its law; see :meth:`Method.sample_law`."""
        return self._finish(self.pieces(model, probes, shots, rng, law=True), None, progress)

    def run(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Runs all submodules one after the other; see :meth:`Method.run`.

        ``recall(..., workers=...)`` runs them in parallel, to the same answer.

        Raises:
            RuntimeError: every shard has failed.
        """
        return self._finish(self.pieces(model, probes, shots, rng), runner, progress)

    def _finish(self, pieces: Pieces, runner: Any, progress: Progress | None) -> Samples:
        def execute(todo: Sequence[Piece]) -> list[Samples | None]:
            answers: list[Samples | None] = []
            for number, piece in enumerate(todo, start=1):
                answers.append(piece.run(runner))
                if progress is not None:
                    progress(number, len(todo))
            return answers

        return finish(pieces, execute)

    def pieces(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        *,
        law: bool = False,
    ) -> Pieces:
        """Cuts a recall into pieces: a submodule and a few probes each.

        A piece without an answer counts as late.
        """
        refuse_states(probes, self)
        rows = expectations_of(probes, model.num_neurons)
        grid = self.grid(model)
        places = self.places(grid)
        fates = self._fates(places)
        samples: Samples | None = None
        feedback: Feedback | None = None
        whole = next(iter(grid.submodules.values())).filter
        if grid.iterations > 1 and isinstance(whole, ExpFilter):  # iterations take no other
            feedback = Feedback(whole.beta, rows.shape)
        for _ in range(grid.iterations):
            chosen = np.ones((len(rows), len(grid.shards)), dtype=bool)
            if grid.coarse:
                seeds = draw_seeds(rng, len(grid.coarse))
                coarse = yield [
                    SubmodulePiece(each, rows, shots, seed, law)
                    for each, seed in zip(grid.coarse.values(), seeds, strict=True)
                ]
                chosen = self._best(grid, coarse_kernels(grid, coarse, len(rows)))
            status = statuses(places, fates, chosen)
            todo, where = [], []
            seeds = draw_seeds(rng, len(places))
            for number, place in enumerate(places):
                wanted = np.flatnonzero(status[:, number] == ANSWERED)
                streams = np.random.default_rng(seeds[number])
                for start in range(0, len(wanted), PROBES_A_PIECE):
                    chunk = wanted[start : start + PROBES_A_PIECE]
                    submodule = grid.submodules[place.shard, place.block]
                    (seed,) = draw_seeds(streams, 1)
                    broken = bool(fates[number] == RANDOM)
                    todo.append(SubmodulePiece(submodule, rows[chunk], shots, seed, law, broken))
                    where.append((number, chunk))
            answers = yield todo
            samples = self._joined(grid, places, rows, status, where, answers, shots)
            if feedback is not None:
                rows, samples = feedback.follow(rows, samples)
        assert samples is not None  # iterations >= 1
        return samples

    def _joined(
        self,
        grid: Grid,
        places: Sequence[Place],
        rows: NDArray[np.float64],
        status: NDArray[np.uint8],
        where: Sequence[tuple[int, NDArray[np.intp]]],
        answers: Sequence[Samples | None],
        shots: int,
    ) -> Samples:
        """Recombines what all submodules gave, probe by probe."""
        acceptance = np.full(status.shape, math.nan)
        readings: dict[tuple[int, int], Reading] = {}
        for (number, chunk), answer in zip(where, answers, strict=True):
            if answer is None:
                status[chunk, number] = IS_LATE
                continue
            scale = np.zeros(len(chunk)) if answer.log_scale is None else answer.log_scale
            acceptance[chunk, number] = answer.acceptance
            for j, probe in enumerate(chunk.tolist()):
                accepted = float(answer.weights[j].sum())
                inflation = 1.0
                if answer.effective is not None and accepted > 0.0:
                    inflation = accepted / float(answer.effective[j])
                readings[probe, number] = Reading(
                    answer.outcomes[j], answer.weights[j], shots, float(scale[j]), inflation
                )
        if self.detect is not None:
            for probe, number in contradicting(
                grid, places, rows, readings, shots, self.detect, self.margin
            ):
                status[probe, number] = REJECTED
        heard_or_refused(places, status)
        wholes = [
            combine(
                [
                    (place, readings[probe, number])
                    for number, place in enumerate(places)
                    if status[probe, number] == ANSWERED
                ],
                grid.submodules,
                grid.patterns,
                grid.shards,
                grid.num_blocks,
            )
            for probe in range(len(rows))
        ]
        return samples_of(wholes, shots, parts_of(grid, places, status, acceptance))
