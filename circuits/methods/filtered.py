"""Filtered superposition memories: all patterns in one superposition, the probe keeps its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from .. import laws
from ..blocks.filters import ExpFilter, KernelFilter, MemoryFilter
from ..blocks.loaders import Loader
from ..common.checks import check_choice, check_count, check_flag, settle, shown
from ..common.cost import refuse_work
from ..models import Model, ModernHopfield
from .base import Bill, Law, Method, Probes, Progress, Runner, Samples, Trace
from .feedback import Feedback
from .minimum import SEARCHES, LeastDistances, expected_loadings, least_distances, note_least
from .probes import expectations_of, one_row
from .superposition import (
    ONCE,
    UNLIMITED,
    bind,
    filter_for,
    filtered_template,
    log_scale,
    refuse_empty,
    refuse_states,
    sample_patterns,
    stored_patterns,
)
from .template import Template, read_counts


@dataclass(frozen=True)
class FilteredMemory(Method):
    """Recall by filtering: load the superposition of all patterns, keep what fits the probe.

    A run counts if every question of the filter is answered by 0; the recalled state is then
    pattern mu with probability ``p(mu) ~ K(xi^mu, x)``.  Before amplification this equals
    classical rejection sampling (:class:`~.twins.RejectionSampling`), shot for shot.

    Args:
        filter: ``ExpFilter``, ``KernelFilter`` or ``TrugenbergerFilter``; None takes the one that
            realises the model's own separation function (:func:`filter_for`).
        iterations: how often the mean spins are fed back as the next probe, >= 1.  More than one
            is the modern Hopfield iteration and needs an :class:`ExpFilter`.  Shots of a later
            iteration share the error of the means that they start from, so that intervals are made
            from fewer, effective ones.
        fresh: whether each question has an ancilla of its own, measured last (more qubits; one
            statevector serves all shots), instead of one that is measured and used again.
        least: how a :class:`KernelFilter` learns the least distance that it subtracts: ``"given"``
            (its own ``d_min``), ``"descending"`` (a schedule of thresholds, read from shots) or
            ``"quantum"`` (minimum finding by amplitude amplification, Durr and Hoyer 1996).

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range, or the combination cannot work.

    Source: post-selected memories after Trugenberger 2001, arXiv:quant-ph/0012100; the equality
    with rejection sampling after Brun et al. 2003, arXiv:quant-ph/0303091.
    """

    filter: MemoryFilter | None = None
    iterations: int = 1
    fresh: bool = False
    least: str = "given"

    def __post_init__(self) -> None:
        if self.filter is not None and not isinstance(self.filter, MemoryFilter):
            raise TypeError(
                "filter must be ExpFilter(...), KernelFilter(...), TrugenbergerFilter(...) or "
                f"None, got {shown(self.filter)}."
            )
        settle(
            self,
            iterations=check_count(self.iterations, "iterations", minimum=1),
            fresh=check_flag(self.fresh, "fresh"),
        )
        check_choice(self.least, "least", ("given", *SEARCHES))

    def resolved(self, model: Model) -> MemoryFilter:
        """The filter for a model.

        Raises:
            ValueError: the model has no patterns, or the options do not fit the filter.
        """
        stored_patterns(model)
        refuse_work(
            5e-5 * self.iterations,
            f"iterations={self.iterations}",
            "The iteration is at rest after a few; model.converge(probes) says when.",
        )
        chosen = filter_for(model) if self.filter is None else self.filter
        if self.iterations > 1 and not isinstance(chosen, ExpFilter):
            raise ValueError(
                "iterations > 1 feeds real mean spins back, which only ExpFilter takes exactly; "
                f"got {chosen!r}."
            )
        if self.least != "given" and not isinstance(chosen, KernelFilter):
            raise ValueError(
                f"least={self.least!r} subtracts a least distance, which KernelFilter has; got "
                f"{chosen!r}. KernelFilter(Exponential(beta)) is the same softmax for +-1 probes."
            )
        return chosen

    def circuit(self, model: Model, probe: Probes, *, d_min: int | None = None) -> QuantumCircuit:
        """The circuit for one probe: loader, filter, measurement; ready for any backend.

        The first N classical bits (register ``neurons``) are the recalled state; a run counts if
        all bits of ``failed`` are 0.

        With ``least="descending"`` or ``"quantum"`` it is the last circuit of a recall, and the
        least distance is an angle of it.  ``recall`` finds that by circuits of its own; here it is
        ``d_min`` or, where None is given, **computed classically**.  The circuit's ``metadata``
        say which (``"d_min"`` and ``"d_min_from"``: ``"given"`` or ``"computed classically"``).

        Args:
            model: the memory.
            probe: spin expectations, (N,).
            d_min: the least distance that a search has found; with ``least="given"`` it belongs
                to the filter.

        Raises:
            TypeError: ``probe`` holds no real numbers.
            ValueError: a probe that the filter cannot take, or a model without patterns.
        """
        refuse_states(probe, self)
        chosen = self.resolved(model)
        row = one_row(probe, model.num_neurons)
        patterns, rows = stored_patterns(model), row[None, :]
        template, _ = filtered_template(patterns, chosen, fresh=self.fresh)
        least: NDArray[np.int64] | None = None
        if d_min is not None:
            if self.least == "given":
                raise ValueError(
                    "d_min= is what a search has found, and least='given' makes none: give "
                    "KernelFilter(..., d_min=...), or least='descending' or 'quantum'."
                )
            least = np.array([check_count(d_min, "d_min")])
        circuit = bind(template, self._angles(chosen, patterns, rows, least)[0])
        if self.least != "given":
            note_least(circuit, self.exact_least(patterns, rows), least)
        return circuit

    def law(self, model: Model, probe: Probes) -> Law:
        """The exact distribution over the stored patterns, and the acceptance.

        Raises:
            TypeError: ``probe`` holds no real numbers.
            ValueError: no pattern passes the filter (acceptance 0).
        """
        refuse_states(probe, self)
        row = one_row(probe, model.num_neurons)
        shares, acceptance, _ = self.distribution(model, row[None, :])
        return Law(stored_patterns(model).copy(), shares[0], float(acceptance[0]))

    @property
    def why_not_mitigated(self) -> str | None:
        """See :attr:`Method.why_not_mitigated`."""
        if self.least == "given":
            return None
        return (
            f"least={self.least!r} is steered by single shots, which mitigation cannot correct "
            "afterwards: use least='given' with KernelFilter(..., d_min=...), or leave mitigation "
            "out."
        )

    @property
    def why_not_codewords(self) -> str | None:
        """See :attr:`Method.why_not_codewords`."""
        return None

    @property
    def law_limit(self) -> int:
        """The law costs O(M N): there is no limit."""
        return UNLIMITED

    def distribution(
        self, model: Model, rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], Trace | None]:
        """Pattern probabilities (P, M), acceptances (P,), and the iteration's trace, by law.

        Raises:
            ValueError: no pattern passes the filter for some probe.
        """
        chosen = self.resolved(model)
        patterns = stored_patterns(model)
        recorder = _Recorder(model, chosen) if self.iterations > 1 else None
        shares = acceptance = np.zeros(0)
        for _ in range(self.iterations):
            if recorder is not None:
                recorder.add(rows)
            kept = self.acceptances(chosen, patterns, rows)
            refuse_empty(kept)
            shares, acceptance = laws.kernel_memory(kept)
            rows = np.clip(shares @ patterns, -1.0, 1.0)
        if recorder is not None:
            recorder.add(rows)
        return shares, acceptance, None if recorder is None else recorder.trace()

    def acceptances(
        self, chosen: MemoryFilter, patterns: NDArray[np.int8], rows: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Probability that each pattern is kept, (P, M), the least distance subtracted."""
        if isinstance(chosen, KernelFilter):
            return chosen.acceptances(patterns, rows, d_min=self.exact_least(patterns, rows))
        return chosen.acceptances(patterns, rows)

    def exact_least(
        self, patterns: NDArray[np.int8], rows: NDArray[np.float64]
    ) -> NDArray[np.int64] | None:
        """What a search for the least distances should find, (P,); None where none is made."""
        if self.least == "given":
            return None
        exact = np.rint(laws.distances(patterns.astype(float), rows)).min(axis=1)
        return np.asarray(exact.astype(np.int64))

    def _angles(
        self,
        chosen: MemoryFilter,
        patterns: NDArray[np.int8],
        rows: NDArray[np.float64],
        least: NDArray[np.int64] | None,
    ) -> NDArray[np.float64]:
        if isinstance(chosen, KernelFilter):
            known = self.exact_least(patterns, rows) if least is None else least
            return chosen.angles(rows, d_min=known)
        return chosen.angles(rows)

    def bill(self, model: Model) -> Bill:
        """See :meth:`Method.bill`."""
        template, loader = filtered_template(
            stored_patterns(model), self.resolved(model), fresh=self.fresh
        )
        gates = sum(len(each.qubits) > 1 for each in template.circuit.data)
        return Bill(
            circuit=template.circuit,
            repetitions=self.iterations,
            expected_two_qubit_gates=float(gates * self.iterations),
            loading=loader.choice.two_qubit_gates * self.iterations,
            search_loadings=self.search_loadings(stored_patterns(model)),
        )

    def search_loadings(self, patterns: NDArray[np.int8]) -> float:
        """Loadings by which a probe's least distance is found, by expectation.

        The mean over the stored patterns as probes; 0 where none is searched for.
        """
        if self.least == "given":
            return 0.0
        probes = patterns.astype(np.float64)
        found = [expected_loadings(patterns, row, search=self.least) for row in probes]
        return float(np.mean(found))

    def sample_law(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Draws from the law; see :meth:`Method.sample_law`."""
        refuse_states(probes, self)
        rows = expectations_of(probes, model.num_neurons)
        shares, acceptance, trace = self.distribution(model, rows)
        return sample_patterns(stored_patterns(model), shares, acceptance, shots, rng, trace)

    def run(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Runs the circuit for every probe; see :meth:`Method.run`.

        Raises:
            ValueError: no pattern can pass the filter for some probe.
        """
        refuse_states(probes, self)
        chosen, patterns = self.resolved(model), stored_patterns(model)
        rows = expectations_of(probes, model.num_neurons)
        refuse_empty(self.acceptances(chosen, patterns, rows))
        template, _ = self._admitted(patterns, chosen, runner)
        recorder = _Recorder(model, chosen) if self.iterations > 1 else None
        feedback: Feedback | None = None
        if self.iterations > 1 and isinstance(chosen, ExpFilter):  # resolved() takes no other
            feedback = Feedback(chosen.beta, rows.shape)
        samples: Samples | None = None
        least: LeastDistances | None = None
        for iteration in range(self.iterations):
            if recorder is not None:
                recorder.add(rows)
            if self.least != "given":
                least = least_distances(patterns, rows, runner, rng, search=self.least)
            samples = self.answers(template, patterns, chosen, rows, least, shots, runner, rng)
            if feedback is not None:
                rows, samples = feedback.follow(rows, samples)
            if progress is not None:
                progress(iteration + 1, self.iterations)
        assert samples is not None  # iterations >= 1
        if recorder is not None:
            recorder.add(rows)
            samples = replace(samples, trace=recorder.trace())
        return samples

    def answers(
        self,
        template: Template,
        patterns: NDArray[np.int8],
        chosen: MemoryFilter,
        rows: NDArray[np.float64],
        least: LeastDistances | None,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
    ) -> Samples:
        """Runs a template of this memory once for every probe.

        Args:
            template: of :func:`filtered_template`.
            patterns: what it holds.
            chosen: its filter.
            rows: the probes, (P, N).
            least: the least distances to subtract, where they were searched for.
            shots: runs a probe.
            runner: what runs them.
            rng: seeds the runs.
        """
        distances = None if least is None else least.distances
        readings = runner.run(
            template.circuit,
            template.parameters,
            self._angles(chosen, patterns, rows, distances),
            np.full(len(rows), shots),
            rng,
        )
        samples = read_counts(template, readings, template.width, shots, 1)
        return replace(
            samples,
            attempts=np.full(len(rows), math.nan) if least is None else least.loadings,
            log_scale=log_scale(chosen, rows, distances),
        )

    def _admitted(
        self, patterns: NDArray[np.int8], chosen: MemoryFilter, runner: Runner
    ) -> tuple[Template, Loader]:
        """The template, once the runner has said that it fits."""
        num_neurons = patterns.shape[1]
        width = num_neurons + chosen.register_width(num_neurons)
        width += chosen.steps(num_neurons) if self.fresh else 1
        runner.admit(
            width,
            "Use exact=True (the law costs O(M N)), or fewer neurons.",
            rank=len(patterns),
            simpler=None if self.fresh else "FilteredMemory(fresh=True) " + ONCE,
        )
        return filtered_template(patterns, chosen, fresh=self.fresh)


class _Recorder:
    """Overlaps and modern Hopfield energies of the probes, iteration by iteration."""

    def __init__(self, model: Model, chosen: MemoryFilter) -> None:
        self._patterns = stored_patterns(model)
        beta = chosen.beta if isinstance(chosen, ExpFilter) else 0.0
        self._energy = ModernHopfield(self._patterns, beta) if beta > 0 else None
        self._overlaps: list[NDArray[np.float64]] = []
        self._energies: list[NDArray[np.float64]] = []

    def add(self, rows: NDArray[np.float64]) -> None:
        """Records where the probes are now."""
        self._overlaps.append(rows @ self._patterns.T / rows.shape[1])
        self._energies.append(
            np.full(len(rows), math.nan) if self._energy is None else self._energy.energy(rows)
        )

    def trace(self) -> Trace:
        """All that was recorded."""
        return Trace(np.stack(self._overlaps), np.stack(self._energies))
