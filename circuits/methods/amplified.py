"""Amplified superposition memories: the accepted part of the superposition, made large."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit, transpile

from .. import laws
from ..blocks.filters import MemoryFilter
from ..common.checks import check_count, check_flag, check_real, settle, shown
from ..common.cost import refuse_memory
from ..models import Model
from .base import Bill, Counts, Law, Method, Probes, Progress, Runner, Samples
from .filtered import FilteredMemory
from .probes import expectations_of, one_row
from .superposition import (
    UNLIMITED,
    amplified_template,
    bind,
    refuse_states,
    sample_patterns,
    stored_patterns,
)
from .template import Template, read_counts

# How the bound on random rounds grows after a failure (Boyer et al. 1998, section 4).
_GROWTH = 1.2
# Tries at the greatest bound before a shot is given up: all fail with probability below 1e-4.
_PATIENCE = 32


@dataclass(frozen=True)
class AmplifiedMemory(Method):
    """A filtered memory whose acceptance is amplified about the loaded state.

    r rounds take the acceptance P to ``sin^2((2r + 1) arcsin sqrt P)`` and leave the distribution
    over patterns as it is.  Every round loads and unloads the memory once: without a coherent
    memory that is cheap to load, M patterns cost O(M) each time, which is what a classical search
    costs in all.

    Args:
        filter: as in :class:`~.filtered.FilteredMemory`.
        rounds: a number >= 0; ``"auto"`` (the best for the acceptance that the law gives); or
            ``"unknown"``: the acceptance is taken as unknown, and each shot is tried with random
            rounds under a growing bound until it is accepted (exponential schedule).
        tolerance: the delta of fixed-point amplification, in (0, 1), which never overshoots: with
            ``rounds="auto"`` the failure ends below ``delta^2``.  None takes the plain kind.
        overshoot: allows a number of rounds beyond the best.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range.

    Source: Brassard et al. 2002, arXiv:quant-ph/0005055; Boyer et al. 1998, arXiv:quant-ph/9605034;
    Yoder, Low and Chuang 2014, arXiv:1409.3305.
    """

    filter: MemoryFilter | None = None
    rounds: int | str = "auto"
    tolerance: float | None = None
    overshoot: bool = False

    def __post_init__(self) -> None:
        FilteredMemory(self.filter)  # checks the filter
        if isinstance(self.rounds, str):
            if self.rounds not in ("auto", "unknown"):
                raise ValueError(
                    f"rounds must be a number, 'auto' or 'unknown'; got {shown(self.rounds)}."
                )
        else:
            settle(self, rounds=check_count(self.rounds, "rounds"))
        settle(self, overshoot=check_flag(self.overshoot, "overshoot"))
        if self.tolerance is not None:
            tolerance = check_real(self.tolerance, "tolerance", minimum=0.0, exclusive=True)
            settle(self, tolerance=tolerance)
            if self.tolerance >= 1.0:
                raise ValueError(f"tolerance must be below 1, got {self.tolerance:g}.")
            if self.rounds == "unknown":
                raise ValueError(
                    "rounds='unknown' draws its rounds and needs no tolerance; leave it out."
                )

    @property
    def _plain(self) -> FilteredMemory:
        """The same memory without amplification."""
        return FilteredMemory(self.filter, fresh=True)

    def rounds_for(self, acceptance: float) -> int:
        """Rounds for a memory of known acceptance.

        Raises:
            ValueError: a number of rounds that overshoots, without ``overshoot=True``.
        """
        acceptance = check_real(acceptance, "acceptance", minimum=0.0, maximum=1.0 + 1e-9)
        if not acceptance:
            raise ValueError("acceptance is 0: no number of rounds amplifies what is not there.")
        best = int(laws.best_rounds(np.asarray(min(acceptance, 1.0))))
        if isinstance(self.rounds, str):
            if self.tolerance is None:
                return best
            rounds = best
            while (
                laws.fixed_point_amplified(np.asarray(acceptance), rounds, self.tolerance)
                < 1.0 - self.tolerance**2
            ):
                rounds += 1
            return rounds
        if self.rounds > best and self.tolerance is None and not self.overshoot:
            raise ValueError(
                f"rounds={self.rounds} overshoot: at acceptance {acceptance:.3g} the best number "
                f"is {best}, and more lower it. Use rounds='auto', a tolerance (fixed-point), or "
                "overshoot=True to allow it."
            )
        return self.rounds

    def circuit(self, model: Model, probe: Probes) -> QuantumCircuit:
        """The circuit for one probe; bits as in :meth:`~.filtered.FilteredMemory.circuit`.

        Raises:
            TypeError: ``probe`` holds no real numbers.
            ValueError: rounds that overshoot, ``rounds="unknown"`` (no single circuit), a probe
                that the filter cannot take, or acceptance 0.
        """
        refuse_states(probe, self)
        if self.rounds == "unknown":
            raise ValueError(
                "rounds='unknown' runs circuits of random rounds until one is accepted; name a "
                "number or 'auto' for a single circuit."
            )
        row = one_row(probe, model.num_neurons)[None, :]
        _, acceptance, _ = self._plain.distribution(model, row)
        chosen = self._plain.resolved(model)
        template, _ = self._template(model, self.rounds_for(float(acceptance[0])))
        return bind(template, chosen.angles(row)[0])

    def _template(self, model: Model, rounds: int) -> tuple[Template, int]:
        """The template of so many rounds, and the two-qubit gates of one loading."""
        chosen = self._plain.resolved(model)
        template, loader = amplified_template(
            stored_patterns(model), chosen, rounds, tolerance=self.tolerance
        )
        return template, loader.choice.two_qubit_gates

    def law(self, model: Model, probe: Probes) -> Law:
        """The exact distribution over the stored patterns, and the amplified acceptance.

        With ``rounds="unknown"`` every shot ends accepted, but for a chance below 1e-4.
        """
        refuse_states(probe, self)
        row = one_row(probe, model.num_neurons)[None, :]
        shares, acceptance, _ = self._plain.distribution(model, row)
        return Law(stored_patterns(model).copy(), shares[0], float(self._amplified(acceptance)[0]))

    @property
    def why_not_mitigated(self) -> str | None:
        """See :attr:`Method.why_not_mitigated`."""
        if self.rounds != "unknown":
            return None
        return (
            "rounds='unknown' repeats each shot until it is accepted, which mitigation cannot "
            "correct afterwards: use rounds='auto' or a number, or leave mitigation out."
        )

    @property
    def why_not_codewords(self) -> str | None:
        """See :attr:`Method.why_not_codewords`."""
        return None

    @property
    def law_limit(self) -> int:
        """The law costs O(M N): there is no limit."""
        return UNLIMITED

    def _amplified(self, acceptance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Acceptances after amplification."""
        if self.rounds == "unknown":
            return np.ones_like(acceptance)
        reached = []
        for value in acceptance.tolist():
            rounds, plain = self.rounds_for(value), np.asarray(value)
            reached.append(
                laws.amplified(plain, rounds)
                if self.tolerance is None
                else laws.fixed_point_amplified(plain, rounds, self.tolerance)
            )
        return np.array(reached, dtype=np.float64)

    def bill(self, model: Model) -> Bill:
        """See :meth:`Method.bill`; rounds are those of the stored patterns as probes, on average.

        The circuit is counted in CX gates, since a reflection acts on many qubits at once.
        """
        patterns = stored_patterns(model)
        _, acceptance, _ = self._plain.distribution(model, patterns.astype(float))
        typical = replace(self, rounds="auto") if self.rounds == "unknown" else self
        rounds = round(float(np.mean([typical.rounds_for(p) for p in acceptance.tolist()])))
        template, loading = self._template(model, rounds)
        lowered = transpile(template.circuit, basis_gates=["u", "cx"], optimization_level=0)
        return Bill(
            circuit=lowered,
            expected_two_qubit_gates=float(lowered.count_ops().get("cx", 0)),
            loading=loading * (2 * rounds + 1),
        )

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
        shares, acceptance, _ = self._plain.distribution(model, rows)
        reached = self._amplified(acceptance)
        return sample_patterns(stored_patterns(model), shares, reached, shots, rng)

    def run(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Runs the circuits; see :meth:`Method.run`.

        ``attempts`` of the samples is the mean number of loadings of a shot: ``2r + 1``, or the
        sum over the tries where the acceptance is unknown.
        """
        refuse_states(probes, self)
        patterns, chosen = stored_patterns(model), self._plain.resolved(model)
        num_neurons = model.num_neurons
        rows = expectations_of(probes, num_neurons)
        _, acceptance, _ = self._plain.distribution(model, rows)
        runner.admit(
            num_neurons + chosen.register_width(num_neurons) + chosen.steps(num_neurons),
            "Use FilteredMemory (no ancilla a question with a KernelFilter), or exact=True.",
            rank=2 * len(patterns),
        )
        if self.rounds == "unknown":
            return self._run_unknown(model, rows, shots, runner, rng, progress)
        needed = np.array([self.rounds_for(value) for value in acceptance.tolist()])
        readings: list[Counts] = [{} for _ in rows]
        template: Template | None = None
        for done, rounds in enumerate(np.unique(needed).tolist()):
            chosen_rows = np.flatnonzero(needed == rounds)
            template, _ = self._template(model, rounds)
            counted = runner.run(
                template.circuit,
                template.parameters,
                chosen.angles(rows[chosen_rows]),
                np.full(len(chosen_rows), shots),
                rng,
            )
            for row, counts in zip(chosen_rows.tolist(), counted, strict=True):
                readings[row] = counts
            if progress is not None:
                progress(done + 1, len(np.unique(needed)))
        assert template is not None  # there is a probe
        samples = read_counts(template, readings, num_neurons, shots, 1)
        return replace(samples, attempts=2.0 * needed + 1.0)

    def _run_unknown(
        self,
        model: Model,
        rows: NDArray[np.float64],
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None,
    ) -> Samples:
        """Tries every shot with random rounds until it is accepted."""
        chosen, count = self._plain.resolved(model), len(rows)
        greatest = math.sqrt(len(stored_patterns(model)) * 4.0 ** chosen.steps(model.num_neurons))
        accepted: list[Counts] = [{} for _ in rows]
        loadings = np.zeros(count)
        left = np.full(count, shots)
        bound, tries = 1.0, 0
        templates: dict[int, Template] = {}
        refuse_memory(
            8.0 * shots,
            f"shots={shots}, each with rounds of its own,",
            "Use fewer shots at a time, or exact=True.",
        )
        while left.any() and tries < _PATIENCE:
            drawn = [
                np.bincount(rng.integers(0, math.ceil(bound), size=int(number)), minlength=1)
                for number in left
            ]
            for rounds in range(max(map(len, drawn))):
                portion = np.array(
                    [each[rounds] if rounds < len(each) else 0 for each in drawn], dtype=np.int64
                )
                asked = np.flatnonzero(portion)
                if not asked.size:
                    continue
                if rounds not in templates:
                    templates[rounds], _ = self._template(model, rounds)
                template = templates[rounds]
                counted = runner.run(
                    template.circuit,
                    template.parameters,
                    chosen.angles(rows[asked]),
                    portion[asked],
                    rng,
                )
                loadings += (2 * rounds + 1) * portion
                for row, counts in zip(asked.tolist(), counted, strict=True):
                    for key, number in counts.items():
                        if not key & template.rejecting:
                            accepted[row][key] = accepted[row].get(key, 0) + number
                            left[row] -= number
            tries += bound >= greatest
            bound = min(_GROWTH * bound, greatest)
            if progress is not None:
                progress(int(shots * count - left.sum()), shots * count)
        samples = read_counts(next(iter(templates.values())), accepted, model.num_neurons, shots, 1)
        return replace(samples, attempts=loadings / shots)
