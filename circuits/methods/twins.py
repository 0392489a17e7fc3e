"""The classical twins of superposition memories: what their figures stand beside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit

from ..blocks.filters import MemoryFilter
from ..common.cost import refuse_work
from ..models import Model
from .base import Bill, Law, Method, Probes, Progress, Runner, Samples
from .filtered import FilteredMemory
from .probes import expectations_of
from .superposition import UNLIMITED, refuse_empty, refuse_states, stored_patterns

# Shots that are drawn at a time.
_DRAWN = 1_000_000


class _Classical(Method):
    """A method without circuits."""

    def circuit(self, model: Model, probe: Probes) -> QuantumCircuit:
        """Refused: there is no circuit.

        Raises:
            ValueError: always; the message names the method that has one.
        """
        raise ValueError(
            f"{type(self).__name__} is classical and has no circuit; FilteredMemory has."
        )

    def bill(self, model: Model) -> Bill:
        """See :meth:`Method.bill`: no qubits, no gates."""
        return Bill(circuit=QuantumCircuit(), expected_two_qubit_gates=0.0)

    @property
    def law_limit(self) -> int:
        """There is no limit."""
        return UNLIMITED

    @property
    def classical(self) -> bool:
        """That it runs no circuit: True."""
        return True


@dataclass(frozen=True)
class RejectionSampling(_Classical):
    """Draw a stored pattern at random, keep it with the filter's probability: the honest baseline.

    Its law is :class:`~.filtered.FilteredMemory`'s, acceptance included; it needs one random number
    and one comparison of N bits a shot.

    Args:
        filter: as in :class:`~.filtered.FilteredMemory`.

    Raises:
        TypeError: ``filter`` is no filter.

    Source: Brun, Klauck, Nayak, Roetteler and Zalka 2003, arXiv:quant-ph/0303091.
    """

    filter: MemoryFilter | None = None

    def __post_init__(self) -> None:
        FilteredMemory(self.filter)  # checks the filter

    def law(self, model: Model, probe: Probes) -> Law:
        """The law of the filtered memory, which is this one's."""
        return FilteredMemory(self.filter).law(model, probe)

    def sample_law(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Draws from the law; see :meth:`Method.sample_law`."""
        return FilteredMemory(self.filter).sample_law(model, probes, shots, rng, progress)

    def run(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Draws a pattern for every shot and accepts or rejects it; no circuit is run."""
        refuse_states(probes, self)
        patterns = stored_patterns(model)
        rows = expectations_of(probes, model.num_neurons)
        kept = FilteredMemory(self.filter).resolved(model).acceptances(patterns, rows)
        refuse_empty(kept)
        refuse_work(
            3e-8 * shots * len(rows),
            f"shots={shots} drawn one by one for {len(rows)} probes",
            "Use fewer, or exact=True, which draws their counts at once.",
        )
        outcomes, weights, acceptance = [], [], []
        for row in kept:
            counts = np.zeros(len(patterns), dtype=np.int64)
            for start in range(0, shots, _DRAWN):
                size = min(_DRAWN, shots - start)
                drawn = rng.integers(0, len(patterns), size=size)
                accepted = drawn[rng.random(size) < row[drawn]]
                counts += np.bincount(accepted, minlength=len(patterns))
            found = np.flatnonzero(counts)
            outcomes.append(patterns[found])
            weights.append(counts[found].astype(float))
            acceptance.append(counts.sum() / shots)
        unknown = np.full(len(rows), np.nan)
        return Samples(
            outcomes=tuple(outcomes),
            weights=tuple(weights),
            shots=shots,
            acceptance=np.array(acceptance),
            attempts=unknown,
            folded=unknown,
        )


@dataclass(frozen=True)
class DirectSoftmax(_Classical):
    """The filter's distribution, computed: ``p(mu) = K_mu / sum K``, a transformer's attention.

    Nothing is rejected: it is what a classical computer does instead of all of this.

    Args:
        filter: as in :class:`~.filtered.FilteredMemory`.
        iterations: as in :class:`~.filtered.FilteredMemory`.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range.

    Source: Ramsauer et al. 2020, arXiv:2008.02217.
    """

    filter: MemoryFilter | None = None
    iterations: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "iterations", self._filtered().iterations)  # checks both

    def _filtered(self) -> FilteredMemory:
        return FilteredMemory(self.filter, iterations=self.iterations)

    def law(self, model: Model, probe: Probes) -> Law:
        """The distribution, everything accepted."""
        law = self._filtered().law(model, probe)
        return Law(law.states, law.probabilities)

    def sample_law(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """The exact distribution: there is nothing to sample."""
        refuse_states(probes, self)
        rows = expectations_of(probes, model.num_neurons)
        shares, _, trace = self._filtered().distribution(model, rows)
        patterns = stored_patterns(model)
        samples = Samples.from_laws([Law(patterns.copy(), row) for row in shares])
        return samples if trace is None else Samples(**{**vars(samples), "trace": trace})

    def run(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Computes; no circuit is run."""
        return self.sample_law(model, probes, shots, rng, progress)
