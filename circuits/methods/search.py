"""What the search memories share: their reflections, one circuit for many probes, their law."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import ParameterVector, Qubit
from qiskit.circuit.parametervector import ParameterVectorElement

from ..blocks.amplification import phase_of_zero
from ..blocks.loaders import Loader, load_memory
from ..common.checks import check_count, shown
from ..common.cost import refuse_gates
from ..models import Model
from ..patterns import all_states
from .base import Bill, Law, Method, Probes, Progress, Runner, Samples, gather
from .mitigated import wanders
from .probes import one_row
from .superposition import bind, refuse_states, stored_patterns
from .template import Template, read_counts

LAW_LIMIT = 18
"""Most neurons whose 2^N probabilities are written down."""


class SearchMethod(Method):
    """What every search of a memory shares: one circuit for all probes that need the same gates."""

    rounds: Any
    loads_a_round: ClassVar[int]

    # What each of them says.

    @abstractmethod
    def _rows(self, model: Model, probes: Probes) -> NDArray[np.float64]:
        """Spin expectations of the query state, (P, N), of probes that this method takes."""

    @abstractmethod
    def _marked(self, row: NDArray[np.float64], rounds: int) -> tuple[int, ...]:
        """Neurons that the oracle asks; none where no oracle is called."""

    @abstractmethod
    def _best_rounds(self, patterns: NDArray[np.int8], row: NDArray[np.float64]) -> int:
        """What ``rounds="auto"`` takes."""

    @abstractmethod
    def _vector(
        self, patterns: NDArray[np.int8], row: NDArray[np.float64], rounds: int
    ) -> NDArray[np.float64]:
        """Probabilities of all 2^N states."""

    @abstractmethod
    def _draw(
        self,
        patterns: NDArray[np.int8],
        row: NDArray[np.float64],
        rounds: int,
        shots: int,
        rng: np.random.Generator,
    ) -> NDArray[np.int8]:
        """States drawn from the law at any size, (shots, N)."""

    @abstractmethod
    def _iterate(self, search: SearchCircuit, rounds: int) -> None:
        """Adds what follows the loading of the memory."""

    # What follows from it.

    def resolved_rounds(self, model: Model, probe: Probes) -> int:
        """The rounds that one probe gets.

        Raises:
            TypeError: ``probe`` has a wrong type.
            ValueError: a probe or model that this method cannot take, or ``rounds="auto"`` where
                it would look too far.
        """
        row = self._one(model, probe)
        return self._rounds(stored_patterns(model), row)

    def _rounds(self, patterns: NDArray[np.int8], row: NDArray[np.float64]) -> int:
        if self.rounds == "auto":
            return self._best_rounds(patterns, row)
        refuse_gates(
            4.0 * self.rounds * len(row), f"rounds={self.rounds}", "Use fewer, or rounds='auto'."
        )
        return int(self.rounds)

    def _one(self, model: Model, probe: Probes) -> NDArray[np.float64]:
        refuse_states(probe, self)
        row: NDArray[np.float64] = self._rows(model, one_row(probe, model.num_neurons))[0]
        return row

    def _template(
        self, patterns: NDArray[np.int8], marked: tuple[int, ...], rounds: int
    ) -> tuple[Template, Loader]:
        search = SearchCircuit(patterns, marked)
        self._iterate(search, rounds)
        circuit = search.circuit
        circuit.measure(search.qubits, circuit.cregs[0])
        return Template(circuit, tuple(search.angles), 0, None), search.loader

    def circuit(self, model: Model, probe: Probes) -> QuantumCircuit:
        """The circuit for one probe, measured, ready for any backend.

        The classical bits (register ``neurons``) are the recalled state, neuron i on bit i.

        Raises:
            TypeError: ``probe`` has a wrong type.
            ValueError: a probe or model that this method cannot take.
        """
        row = self._one(model, probe)
        patterns = stored_patterns(model)
        rounds = self._rounds(patterns, row)
        marked = self._marked(row, rounds)
        template, _ = self._template(patterns, marked, rounds)
        return bind(template, np.arccos(row[list(marked)]))

    def law(self, model: Model, probe: Probes) -> Law:
        """The exact distribution of the recalled states, spurious ones included.

        Raises:
            TypeError: ``probe`` has a wrong type.
            ValueError: a probe or model that this method cannot take, or more than 18 neurons.
        """
        if model.num_neurons > LAW_LIMIT:
            raise ValueError(
                f"The exact law of {model.num_neurons} neurons has 2^{model.num_neurons} "
                f"probabilities; {LAW_LIMIT} neurons are the most here. recall(..., exact=True) "
                "samples the same law at any size."
            )
        row = self._one(model, probe)
        patterns = stored_patterns(model)
        vector = self._vector(patterns, row, self._rounds(patterns, row))
        possible = np.flatnonzero(vector > 0.0)
        weight = vector[possible]
        return Law(all_states(model.num_neurons)[possible], weight / weight.sum())

    @property
    def why_not_mitigated(self) -> str | None:
        """See :attr:`Method.why_not_mitigated`."""
        return None

    @property
    def why_not_codewords(self) -> str | None:
        """See :attr:`Method.why_not_codewords`."""
        return wanders(self)

    @property
    def law_limit(self) -> int:
        """The most neurons whose exact law is written down."""
        return LAW_LIMIT

    def bill(self, model: Model) -> Bill:
        """See :meth:`Method.bill`: the costliest stored pattern as probe, all bits known.

        Multi-controlled phases are lowered to CX gates before they are counted.
        """
        patterns = stored_patterns(model)
        rows = self._rows(model, patterns)
        rounds = max(self._rounds(patterns, row) for row in rows)
        marked = self._marked(rows[0], rounds)
        template, loader = self._template(patterns, marked, rounds)
        bound = bind(template, np.arccos(rows[0][list(marked)]))
        lowered = transpile(bound, basis_gates=["u", "cx"], optimization_level=0)
        return Bill(
            circuit=lowered,
            expected_two_qubit_gates=float(lowered.count_ops().get("cx", 0)),
            loading=loader.choice.two_qubit_gates * (1 + self.loads_a_round * rounds),
        )

    def sample_law(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Draws from the law, at any size; see :meth:`Method.sample_law`."""
        refuse_states(probes, self)
        patterns = stored_patterns(model)
        rows = self._rows(model, probes)
        drawn = []
        for done, row in enumerate(rows, start=1):
            drawn.append(self._draw(patterns, row, self._rounds(patterns, row), shots, rng))
            if progress is not None:
                progress(done, len(rows))
        states = np.concatenate(drawn)
        outcomes, weights = gather(states, np.ones(len(states), dtype=np.bool_), shots)
        unknown = np.full(len(rows), math.nan)
        return Samples(outcomes, weights, shots, np.ones(len(rows)), unknown, unknown)

    def run(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Runs one circuit for all probes that know the same bits; see :meth:`Method.run`."""
        refuse_states(probes, self)
        patterns = stored_patterns(model)
        rows = self._rows(model, probes)
        runner.admit(
            model.num_neurons,
            "Use exact=True, which samples the law at any size, or fewer neurons.",
        )
        groups: dict[tuple[tuple[int, ...], int], list[int]] = {}
        for number, row in enumerate(rows):
            rounds = self._rounds(patterns, row)
            groups.setdefault((self._marked(row, rounds), rounds), []).append(number)
        readings: list[dict[int, int]] = [{} for _ in rows]
        template: Template | None = None
        for done, ((marked, rounds), numbers) in enumerate(groups.items(), start=1):
            template, _ = self._template(patterns, marked, rounds)
            counted = runner.run(
                template.circuit,
                template.parameters,
                np.arccos(rows[numbers][:, list(marked)]),
                np.full(len(numbers), shots),
                rng,
            )
            for number, counts in zip(numbers, counted, strict=True):
                readings[number] = counts
            if progress is not None:
                progress(done, len(groups))
        assert template is not None  # there is a probe
        return read_counts(template, readings, model.num_neurons, shots, 1)


class SearchCircuit:
    """A circuit in which the memory has been loaded, and the reflections that search it."""

    def __init__(self, patterns: NDArray[np.int8], marked: Sequence[int]) -> None:
        num_neurons = patterns.shape[1]
        self.circuit = QuantumCircuit(
            QuantumRegister(num_neurons, "s"), ClassicalRegister(num_neurons, "neurons")
        )
        self.qubits: list[Qubit] = list(self.circuit.qubits)
        self.angles: list[ParameterVectorElement] = list(ParameterVector("probe", len(marked)))
        self.loader = load_memory(patterns)
        self._patterns = patterns
        self._marked = [self.qubits[neuron] for neuron in marked]
        self.loader.append(self.circuit, self.qubits)

    def mark_query(self) -> None:
        """``1 - 2 |b><b|`` on the marked qubits, ``|b>`` being turned from |0> by the angles."""
        for qubit, angle in zip(self._marked, self.angles, strict=True):
            self.circuit.ry(-angle, qubit)
        phase_of_zero(self.circuit, self._marked)
        for qubit, angle in zip(self._marked, self.angles, strict=True):
            self.circuit.ry(angle, qubit)

    def mark_memory(self) -> None:
        """Minus one on every stored pattern."""
        for pattern in self._patterns:
            ones = [self.qubits[neuron] for neuron in np.flatnonzero(pattern < 0).tolist()]
            for qubit in ones:
                self.circuit.x(qubit)
            phase_of_zero(self.circuit, self.qubits)
            for qubit in ones:
                self.circuit.x(qubit)

    def about_uniform(self) -> None:
        """``2 |s><s| - 1`` about the equal superposition of all states."""
        self.circuit.h(self.qubits)
        phase_of_zero(self.circuit, self.qubits)
        self.circuit.h(self.qubits)
        self.circuit.global_phase += math.pi

    def about_memory(self) -> None:
        """``2 |m><m| - 1`` about the loaded memory."""
        self.loader.append(self.circuit, self.qubits, inverse=True)
        phase_of_zero(self.circuit, self.qubits)
        self.loader.append(self.circuit, self.qubits)
        self.circuit.global_phase += math.pi


def check_rounds(rounds: Any) -> None:
    """Refuses rounds that are neither ``"auto"`` nor a whole number.

    Raises:
        TypeError: ``rounds`` is no integer.
        ValueError: ``rounds`` is another word, or < 0.
    """
    if isinstance(rounds, str):
        if rounds != "auto":
            raise ValueError(f"rounds must be 'auto' or an integer >= 0, got {shown(rounds)}.")
    else:
        check_count(rounds, "rounds")
