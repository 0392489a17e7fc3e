"""Neuron dynamics: Hopfield-type update rules run by quantum neurons, sweep after sweep."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from .. import laws
from ..blocks.cost import circuit_cost
from ..blocks.neurons import Neuron, PreparedNeuron, RUSNeuron, ThresholdNeuron
from ..common.checks import check_choice, check_count, check_flag, check_real, settle, shown
from ..common.randomness import Seed, as_generator
from ..models import (
    DenseAssociativeMemory,
    Hopfield,
    Model,
    check_order,
    draw_schedule,
)
from ..patterns import check_probes
from . import registers
from .base import Bill, Law, Method, Probes, Progress, Runner, Samples
from .feedforward import draw_from_circuits, measured_starts
from .markov import CHAIN_LIMIT, PAIRS_LIMIT, Chain, law_of_table, product_distribution
from .mitigated import wanders
from .probes import as_states, check_state, draw_starts, one_row
from .registers import REGISTERS, Plan
from .template import Template, read_counts
from .trajectories import Draw, draw_from_law, drive, frozen_order

# A circuit holds one random order; this many are drawn for the shots of a qubit register.
SCHEDULES = 32
# What to use on a device that lacks what a neuron's circuit needs.
_SIMPLER = (
    "RUSNeuron(attempts=1) needs no loops, register='coherent' neither resets nor branches, and "
    "RotationNeuron() with register='feedforward' needs neither."
)


@dataclass(frozen=True)
class NeuronDynamics(Method):
    """Asynchronous or synchronous dynamics of quantum neurons.

    Args:
        neuron: how a neuron answers to its field.
        sweeps: how often each neuron is updated, >= 1.
        order: ``"sequential"``, ``"random"`` (every trajectory draws its own order each sweep) or
            neuron indices, (L,) for every sweep or (sweeps, L).
        synchronous: whether a sweep updates all neurons at once; ``order`` then plays no part.
        register: where the neurons live.

            - ``"feedforward"``: in classical memory; a field enters a circuit of k + 1 qubits as
              an angle, whatever N.
            - ``"reuse"``: on N + k + 1 qubits, the old neuron being reset after each update.
            - ``"coherent"``: on N qubits and a fresh one an update, nothing measured before the
              end. A RUS neuron cannot repeat there and post-selects.
        gain: angle in radians per unit of field: ``"safe"`` (the largest at which no field
            folds), ``"typical"`` (set by the fields near the stored patterns; rarer, larger
            fields fold back, and the result reports how many did), or a number.
        fold: allows a number beyond the safe gain.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range.

    Source: Cao, Guerreschi and Aspuru-Guzik 2017, arXiv:1711.11240; Miller and Mukhopadhyay 2021,
    arXiv:2105.11590.
    """

    neuron: Neuron = field(default_factory=lambda: RUSNeuron(level=2))
    sweeps: int = 3
    order: Any = "sequential"
    synchronous: bool = False
    register: str = "feedforward"
    gain: str | float = "safe"
    fold: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.neuron, Neuron):
            raise TypeError(
                "neuron must be RotationNeuron(), RUSNeuron(level=...) or ThresholdNeuron(), got "
                f"{shown(self.neuron)}."
            )
        settle(
            self,
            sweeps=check_count(self.sweeps, "sweeps", minimum=1),
            register=check_choice(self.register, "register", REGISTERS),
            # A frozen dataclass is compared and printed: an array becomes nested tuples.
            order=frozen_order(self.order),
            synchronous=check_flag(self.synchronous, "synchronous"),
            fold=check_flag(self.fold, "fold"),
        )
        if self.synchronous and self.order != "sequential":
            raise ValueError(
                "synchronous=True updates all neurons at once and has no order; leave order out."
            )
        if isinstance(self.gain, str):
            check_choice(self.gain, "gain", ("safe", "typical"))
        else:
            settle(self, gain=check_real(self.gain, "gain", minimum=0.0, exclusive=True))

    # What a model makes of the choices.

    def resolved_gain(self, model: Model) -> float:
        """The gain in radians per unit of field.

        Raises:
            ValueError: a number beyond the safe gain without ``fold=True``, ``"typical"`` for a
                model without patterns or without fields at them, or a model without any field.
        """
        if not model.field_bound():
            raise ValueError(
                f"Every local field of {model!r} is zero, so that no gain has a meaning; use "
                "ThresholdNeuron(), or another model."
            )
        safe = laws.safe_gain(model.field_bound())
        if isinstance(self.gain, str):
            if self.gain == "safe":
                return safe
            typical = model.typical_field()
            if not typical:
                raise ValueError(
                    "gain='typical' needs local fields at the stored patterns, and they are all "
                    "zero; use gain='safe'."
                )
            return max(safe, laws.safe_gain(typical))
        if self.gain > safe * (1.0 + 1e-9) and not self.fold:
            raise ValueError(
                f"gain {self.gain:g} folds: fields up to {model.field_bound():g} turn the neuron "
                f"beyond pi/4. The safe gain is {safe:g}; use gain='safe', gain='typical', or "
                "fold=True to allow it."
            )
        return float(self.gain)

    def prepared(self, model: Model) -> PreparedNeuron:
        """The neuron's law in a model.

        Raises:
            TypeError: ``model`` is no model that neuron dynamics can run.
            ValueError: the gain does not fit.
        """
        _check_model(model)
        check_order(self.order, model.num_neurons, self.sweeps)
        threshold = isinstance(self.neuron, ThresholdNeuron)
        gain = 0.0 if threshold else self.resolved_gain(model)
        return self._effective_neuron().prepare(model, gain)

    def _effective_neuron(self) -> Neuron:
        """The neuron as its register runs it: a coherent RUS neuron post-selects."""
        if self.register == "coherent" and isinstance(self.neuron, RUSNeuron):
            return replace(self.neuron, attempts=1)
        return self.neuron

    def plan(self, model: Model, rng: np.random.Generator) -> Plan:
        """The updates in their order; a random one is drawn."""
        _check_model(model)
        if self.synchronous:
            return Plan.synchronous(model.num_neurons, self.sweeps)
        schedule = draw_schedule(self.order, model.num_neurons, self.sweeps, 1, rng)
        return Plan.asynchronous(schedule.reshape(-1))

    def qubits(self, model: Model) -> int:
        """Qubits of the circuit, known without building it."""
        plan = self.plan(model, np.random.default_rng(0))
        return registers.qubits_needed(
            self.register, self._effective_neuron(), self.prepared(model), plan
        )

    def _lighter(self, model: Model) -> str:
        """What to use where this register is too wide."""
        prepared = self.prepared(model)
        plan = Plan.asynchronous(())
        small = registers.qubits_needed("feedforward", self.neuron, prepared, plan)
        return (
            f"Use register='feedforward' (width {small} for any number of neurons), or pass "
            "backend=AerSimulator(method='matrix_product_state') for a simulation whose cost grows "
            "with entanglement."
        )

    # The circuit.

    def circuit(self, model: Model, probe: Probes, *, seed: Seed = None) -> QuantumCircuit:
        """The circuit for one probe, measured, ready for any backend that has what it uses.

        The first N classical bits (register ``neurons``) are the recalled state; runs in which a
        bit of ``failed`` or ``rejected`` is 1 do not count.  With ``register="feedforward"`` it is
        one dynamic circuit whose neurons are classical bits (quadratic models).

        Args:
            model: the memory.
            probe: spin expectations (N,), or a ``Statevector`` of N qubits (qubit registers).
            seed: draws the order, where it is random.

        Raises:
            TypeError: ``model`` or ``probe`` has a wrong type.
            ValueError: a wrong shape or value, or a pair that cannot work; the message says what
                would.
        """
        plan = self.plan(model, as_generator(seed))
        if isinstance(probe, Statevector):
            check_state(probe, model.num_neurons)
            return self.template(model, plan, probe).circuit
        template = self.template(model, plan)
        angles = registers.probe_angles(one_row(probe, model.num_neurons))
        bound = dict(zip(template.parameters, angles, strict=True))
        circuit = template.circuit.assign_parameters(bound)
        assert circuit is not None  # inplace=False returns the bound copy
        return circuit

    def template(
        self, model: Model, plan: Plan, state: Statevector | None = None, count: bool = False
    ) -> Template:
        """The circuit with the angles of a product-state probe open."""
        neuron, prepared = self._effective_neuron(), self.prepared(model)
        if self.register == "coherent":
            return registers.coherent(neuron, prepared, plan, state)
        if self.register == "reuse":
            return registers.reuse(neuron, prepared, plan, state, count)
        if state is not None:
            raise ValueError(
                "A probe with amplitudes needs its neurons on qubits: register='feedforward' "
                "keeps them in classical memory. Use register='coherent' or 'reuse'."
            )
        return registers.feedforward(neuron, prepared, plan, count)

    def bill(self, model: Model) -> Bill:
        """See :meth:`Method.bill`; attempts are those met at the stored patterns."""
        neuron, prepared = self._effective_neuron(), self.prepared(model)
        plan = self.plan(model, np.random.default_rng(0))
        alone = self.register == "feedforward"
        template = (
            registers.single_neuron(neuron, prepared, count=False)
            if alone
            else self.template(model, plan)
        )
        quantization = None if prepared.integers is None else prepared.integers.quantization
        attempts, expected = math.nan, math.nan
        if not isinstance(neuron, RUSNeuron):
            expected = circuit_cost(template.circuit).two_qubit_gates * (
                plan.updates if alone else 1
            )
        elif model.patterns is not None:
            fields = prepared.model.local_field(model.patterns)
            attempts = float(prepared.blocks(fields).mean())
            rotations = prepared.rotations(fields).mean(axis=0)
            turns = prepared.all_blocks(fields).mean(axis=0)
            loads = {} if alone else registers.loading_gates(prepared, plan)
            expected = float(
                sum(rotations[i] * loads.get(i, 0) + turns[i] for step in plan.steps for i in step)
            )
        return Bill(
            circuit=template.circuit,
            repetitions=plan.updates if alone else 1,
            updates=plan.updates,
            expected_two_qubit_gates=expected,
            expected_attempts=attempts,
            gain=math.nan if quantization is not None else prepared.gain,
            field_error=0.0 if quantization is None else quantization.error,
        )

    # The law.

    def law(self, model: Model, probe: Probes) -> Law:
        """The exact distribution of recalled states: a Markov chain over all 2^N states.

        With ``order="random"`` it is the average over all orders.

        Args:
            model: the memory.
            probe: as in :meth:`circuit`.

        Raises:
            TypeError: ``model`` or ``probe`` has a wrong type.
            ValueError: too many neurons (18, or 12 with a random order or synchronous updates):
                use :func:`~qhopfield.circuits.recall` with ``exact=True``, which then samples.
        """
        _check_model(model)
        num_neurons = model.num_neurons
        limit = self.law_limit
        if num_neurons > limit:
            raise ValueError(
                f"The exact law of {num_neurons} neurons needs "
                f"{'2^N x 2^N' if limit == PAIRS_LIMIT else '2^N'} numbers; {limit} neurons are "
                "the most here. recall(..., exact=True) samples the same law at any size."
            )
        prepared = self.prepared(model)
        if isinstance(probe, Statevector):
            check_state(probe, num_neurons)
            start = np.asarray(probe.probabilities())
        else:
            start = product_distribution(one_row(probe, num_neurons))
        chain = Chain.of_neuron(prepared, start)
        if self.synchronous:
            for _ in range(self.sweeps):
                chain.sweep_synchronous()
        elif isinstance(self.order, str) and self.order == "random":
            for _ in range(self.sweeps):
                chain.sweep_random()
        else:
            for step in self.plan(model, np.random.default_rng(0)).steps:
                chain.update(step[0])
        return law_of_table(chain.table, self._updates(model), bool(prepared.level))

    @property
    def why_not_mitigated(self) -> str | None:
        """See :attr:`Method.why_not_mitigated`."""
        if self.register != "feedforward":
            return None
        return (
            "register='feedforward' computes each field from single bits of single shots, and "
            "mitigation corrects the shares of many shots, not a bit that has been used: use "
            "register='coherent' or 'reuse', or leave mitigation out."
        )

    @property
    def why_not_codewords(self) -> str | None:
        """See :attr:`Method.why_not_codewords`."""
        return wanders(self)

    @property
    def law_limit(self) -> int:
        """The most neurons whose exact law is computed."""
        pairs = self.synchronous or (isinstance(self.order, str) and self.order == "random")
        return PAIRS_LIMIT if pairs else CHAIN_LIMIT

    def _updates(self, model: Model) -> int:
        if self.synchronous:
            return self.sweeps * model.num_neurons
        schedule = draw_schedule(
            self.order, model.num_neurons, self.sweeps, 1, np.random.default_rng(0)
        )
        return int(schedule.size)

    def sample_law(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Draws trajectories from the law, at any size; see :meth:`Method.sample_law`."""
        prepared = self.prepared(model)
        return self._drive(
            model, prepared, probes, shots, draw_from_law(prepared, rng), rng, progress
        )

    def _drive(
        self,
        model: Model,
        prepared: PreparedNeuron,
        probes: Probes,
        shots: int,
        draw: Draw,
        rng: np.random.Generator,
        progress: Progress | None,
        starts: NDArray[np.int8] | None = None,
    ) -> Samples:
        if starts is None:
            starts = draw_starts(probes, model.num_neurons, shots, rng)
        schedule = draw_schedule(self.order, model.num_neurons, self.sweeps, len(starts), rng)
        return drive(
            model,
            prepared,
            starts,
            schedule,
            self.sweeps,
            self.synchronous,
            shots,
            draw,
            progress,
        )

    # Running circuits.

    def run(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Runs the circuits; see :meth:`Method.run`."""
        if self.register == "feedforward":
            return self._run_feedforward(model, probes, shots, runner, rng, progress)
        return self._run_registers(model, probes, shots, runner, rng, progress)

    def _run_feedforward(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None,
    ) -> Samples:
        """One small circuit an update; trajectories with the same field share its run."""
        if as_states(probes) is not None:
            raise ValueError(
                "A probe with amplitudes needs its neurons on qubits: register='feedforward' "
                "keeps them in classical memory. Use register='coherent' or 'reuse'."
            )
        prepared = self.prepared(model)
        draw = draw_from_circuits(self._effective_neuron(), prepared, runner, rng)
        runner.admit(
            self.qubits(model),
            "Use RUSNeuron(level=...), whose circuit needs level + 1 qubits, or fewer bits.",
            simpler=_SIMPLER,
        )
        starts = measured_starts(probes, model.num_neurons, shots, runner, rng)
        return self._drive(model, prepared, probes, shots, draw, rng, progress, starts)

    def _run_registers(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None,
    ) -> Samples:
        """Whole circuits: one for all probes, or one a random order."""
        runner.admit(self.qubits(model), self._lighter(model), simpler=_SIMPLER)
        random_order = isinstance(self.order, str) and self.order == "random"
        parts = min(shots, SCHEDULES) if random_order and not self.synchronous else 1
        share = np.full(parts, shots // parts)
        share[: shots % parts] += 1
        states = as_states(probes)
        if states is None:
            angles = registers.probe_angles(check_probes(probes, model.num_neurons))
            number = len(angles)
        else:
            number = len(states)
            for state in states:
                check_state(state, model.num_neurons)
        readings: list[dict[int, int]] = [{} for _ in range(number)]
        template: Template | None = None
        for part, portion in enumerate(share):
            plan = self.plan(model, rng)
            if states is None:
                template = self.template(model, plan, count=True)
                counted = runner.run(
                    template.circuit,
                    template.parameters,
                    angles,
                    np.full(number, portion),
                    rng,
                )
            else:
                counted = []
                for state in states:
                    template = self.template(model, plan, state, count=True)
                    once = np.zeros((1, 0))
                    counted += runner.run(template.circuit, (), once, np.array([portion]), rng)
            for total, counts in zip(readings, counted, strict=True):
                for reading, count in counts.items():
                    total[reading] = total.get(reading, 0) + count
            if progress is not None:
                progress(part + 1, parts)
        assert template is not None  # parts >= 1
        return read_counts(template, readings, model.num_neurons, shots, self._updates(model))


def _check_model(model: Model) -> None:
    if not isinstance(model, (Hopfield, DenseAssociativeMemory)):
        raise TypeError(
            "NeuronDynamics needs a Hopfield or DenseAssociativeMemory, got "
            f"{type(model).__name__}. FilteredMemory() and AmplifiedMemory() recall from any model "
            "with patterns."
        )
