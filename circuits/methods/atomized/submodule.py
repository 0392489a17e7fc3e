"""One submodule of an atomized memory: a small filtered memory on a circuit of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from ...blocks.filters import KernelFilter, MemoryFilter
from ...blocks.loaders import Loader
from ...patterns import all_states, to_spins
from ..base import Runner, Samples, gather
from ..filtered import FilteredMemory
from ..minimum import least_distances, note_least
from ..superposition import ONCE, bind, filtered_template, log_scale, sample_patterns
from ..template import Template
from ..twins import RejectionSampling

# Templates that are kept, so that pieces of one submodule share a circuit and its transpilation.
_KEPT = 64


@dataclass(frozen=True, eq=False)
class Submodule:
    """A part of a memory, with a circuit of its own.

    Attributes:
        method: how it recalls: a :class:`~..filtered.FilteredMemory`, or its classical twin.
        filter: the filter.
        patterns: (M_s, N_b) its part of the patterns, restricted to its block of neurons.
        neurons: (N_b,) which neurons of a probe it sees.
        indexed: whether it answers with a pattern's number instead of the pattern: what blocks of
            neurons share.
    """

    method: FilteredMemory | RejectionSampling
    filter: MemoryFilter
    patterns: NDArray[np.int8]
    neurons: NDArray[np.intp]
    indexed: bool

    @property
    def filtered(self) -> FilteredMemory:
        """The filtered memory, itself or as the twin's law."""
        if isinstance(self.method, FilteredMemory):
            return self.method
        return FilteredMemory(self.filter)

    def template(self) -> tuple[Template, Loader]:
        """The circuit with its probe open, and the loader in it."""
        stored = np.ascontiguousarray(self.patterns, dtype=np.int8)
        return _template(
            stored.tobytes(), stored.shape, self.filter, self.filtered.fresh, self.indexed
        )

    def circuit(self, row: NDArray[np.float64]) -> QuantumCircuit:
        """The circuit for one probe of the whole memory, (N,)."""
        seen = row[None, self.neurons]
        least = self.filtered.exact_least(self.patterns, seen)
        if isinstance(self.filter, KernelFilter):
            angles = self.filter.angles(seen, d_min=least)
        else:
            angles = self.filter.angles(seen)
        circuit = bind(self.template()[0], angles[0])
        if self.filtered.least != "given":
            note_least(circuit, least, None)
        return circuit

    def kept(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The law: the chance of each pattern to be kept, (P, M_s), and its log-scale, (P,)."""
        seen = rows[:, self.neurons]
        least = self.filtered.exact_least(self.patterns, seen)
        kept = self.filtered.acceptances(self.filter, self.patterns, seen)
        return kept, log_scale(self.filter, seen, least)

    def answers(self) -> NDArray[np.int8]:
        """What it answers for each of its patterns, (M_s, W): the pattern or its number's bits."""
        if not self.indexed:
            return self.patterns
        width = max(1, (len(self.patterns) - 1).bit_length())
        return all_states(width)[: len(self.patterns)]

    def draw(self, rows: NDArray[np.float64], shots: int, rng: np.random.Generator) -> Samples:
        """Shots drawn from the law: binomial, then multinomial."""
        kept, scale = self.kept(rows)
        acceptance = kept.mean(axis=1)
        total = kept.sum(axis=1, keepdims=True)
        even = np.full_like(kept, 1.0 / kept.shape[1])
        shares = np.divide(kept, total, out=even, where=total > 0)
        samples = sample_patterns(self.answers(), shares, acceptance, shots, rng)
        return replace(samples, log_scale=scale)

    def run(
        self, rows: NDArray[np.float64], shots: int, runner: Runner, rng: np.random.Generator
    ) -> Samples:
        """Runs its circuit for every probe of the whole memory, (P, N)."""
        if isinstance(self.method, RejectionSampling):
            return self.draw(rows, shots, rng)
        seen = rows[:, self.neurons]
        num_neurons = seen.shape[1]
        template, _ = self.template()
        runner.admit(
            template.circuit.num_qubits,
            f"Cut the memory into more blocks of neurons (this one has {num_neurons}), or use "
            "exact=True: the law costs O(M N).",
            rank=len(self.patterns),
            simpler=None
            if self.filtered.fresh
            else "A submodule that is a FilteredMemory(fresh=True) " + ONCE,
        )
        least = None
        if self.filtered.least != "given":
            least = least_distances(self.patterns, seen, runner, rng, search=self.filtered.least)
        return self.filtered.answers(
            template, self.patterns, self.filter, seen, least, shots, runner, rng
        )

    def at_random(self, rows: NDArray[np.float64], shots: int, rng: np.random.Generator) -> Samples:
        """What a submodule without memory answers: every measured bit is a fair coin."""
        probes = len(rows)
        width = self.answers().shape[1]
        flags = self.filter.steps(self.patterns.shape[1])
        bits = rng.integers(0, 2, size=(probes * shots, width), dtype=np.uint8)
        accepted = rng.random(probes * shots) < 0.5**flags
        outcomes, weights = gather(to_spins(bits), accepted, shots)
        unknown = np.full(probes, math.nan)
        return Samples(
            outcomes=outcomes,
            weights=weights,
            shots=shots,
            acceptance=accepted.reshape(probes, shots).mean(axis=1),
            attempts=unknown,
            folded=unknown,
            log_scale=self.kept(rows)[1],
        )


@dataclass(frozen=True, eq=False)
class SubmodulePiece:
    """What one submodule does for a few probes: a piece of a recall (see :class:`..pieces.Piece`).

    Attributes:
        submodule: who does it.
        rows: the probes, (P, N).
        shots: runs a probe.
        seed: of everything random in it.
        law: draws from the law instead of running circuits.
        broken: answers at random.
    """

    submodule: Submodule
    rows: NDArray[np.float64]
    shots: int
    seed: int
    law: bool = False
    broken: bool = False

    def run(self, runner: Runner) -> Samples:
        """Runs it; the answer is the same wherever that is."""
        rng = np.random.default_rng(self.seed)
        if self.broken:
            return self.submodule.at_random(self.rows, self.shots, rng)
        if self.law:
            return self.submodule.draw(self.rows, self.shots, rng)
        return self.submodule.run(self.rows, self.shots, runner, rng)


@lru_cache(maxsize=_KEPT)
def _template(
    stored: bytes, shape: tuple[int, int], chosen: MemoryFilter, fresh: bool, indexed: bool
) -> tuple[Template, Loader]:
    patterns = np.frombuffer(stored, dtype=np.int8).reshape(shape)
    return filtered_template(patterns, chosen, fresh=fresh, read_index=indexed)
