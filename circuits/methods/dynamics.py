"""Neuron dynamics: Hopfield-type update rules run by quantum neurons, sweep after sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector
from scipy.special import ndtri, stdtrit

from .. import laws
from ..blocks.cost import circuit_cost
from ..blocks.neurons import Neuron, PreparedNeuron, RUSNeuron, ThresholdNeuron
from ..common.checks import (
    check_choice,
    check_count,
    check_flag,
    check_kind,
    check_real,
    settle,
    shown,
)
from ..common.cost import refuse_memory
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
from .probes import as_states, check_state, one_row
from .registers import REGISTERS, Plan
from .streams import Streams
from .template import Template, read_counts
from .trajectories import Draw, draw_from_law, drive, frozen_order

SCHEDULES = 64
"""The most random orders, a circuit each, that a recall with neurons on qubits runs."""

FIELD_LOADINGS = ("synapses", "sum")

# Beyond so many shots of a probe no order is drawn for each, for a table of them would be large.
_MOST_DRAWN = 1 << 20

# What to use on a device that lacks what a neuron's circuit needs.
_SIMPLER = (
    "RUSNeuron(attempts=1) needs no loops, register='coherent' neither resets nor branches, and "
    "RotationNeuron() with register='feedforward', field_loading='sum' needs "
    "neither."
)


@dataclass(frozen=True)
class NeuronDynamics(Method):
    """Asynchronous or synchronous dynamics of quantum neurons.

    Args:
        neuron: how a neuron answers to its field.
        sweeps: how often each neuron is updated, >= 1.
        order: ``"sequential"``, ``"random"`` (every trajectory draws its own order each sweep; on
            qubits see below) or neuron indices, (L,) for every sweep or (sweeps, L).
        synchronous: whether a sweep updates all neurons at once; ``order`` then plays no part.
        register: where the neurons live.

            - ``"feedforward"``: in classical memory; a field enters a circuit of k + 1 qubits,
              whatever N, see ``field_loading``.
            - ``"reuse"``: on N + k + 1 qubits, the old neuron being reset after each update.
            - ``"coherent"``: on N qubits and a fresh one an update, nothing measured before the
              end. A RUS neuron cannot repeat there and post-selects.
        gain: angle in radians per unit of field: ``"safe"`` (the largest at which no field
            folds), ``"typical"`` (set by the fields near the stored patterns; rarer, larger
            fields fold back, and the result reports how many did), or a number.
        fold: allows a number beyond the safe gain.
        field_loading: how a field gets from classical memory into the circuit, with
            ``register="feedforward"``. Without noise both give one law, and recall runs the second.

            - ``"synapses"``: one rotation per synapse, applied if its bit is 1; every entry of the
              probe is prepared and measured first. This is the dynamic circuit of
              :meth:`circuit`, and what recall runs on whatever has noise, gate for gate: cut
              where its qubits are reset, with the bits known that it has measured.
            - ``"sum"``: the computer that steers the device adds the field up, and it enters as
              one rotation: fewer gates, a run per update, and no single circuit that Qiskit could
              write down.
            - None: ``"synapses"`` where the field is a sum over neurons (a :class:`Hopfield`
              network), else ``"sum"``.

    With ``order="random"`` and neurons on qubits a circuit holds one order.  Recall draws an order
    per trajectory and runs each as often as it came, if these are at most 64 orders.  If they are
    more, 64 are drawn, shared by all probes and dealt out evenly: trajectories of one order then
    vary together, and the result counts the independent ones
    (:attr:`~qhopfield.circuits.RecallResult.effective_shots`).

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
    field_loading: str | None = None

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
        check_field_loading(self.field_loading)
        if self.field_loading is not None and self.register != "feedforward":
            raise ValueError(
                "field_loading says how a field gets from classical memory into a circuit, which "
                f"register={self.register!r} does not do; leave it out, or use "
                "register='feedforward'."
            )

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
        self._check_model(model)
        check_order(self.order, model.num_neurons, self.sweeps)
        refuse_memory(
            200.0 * self.sweeps * model.num_neurons,
            f"The updates of sweeps={self.sweeps} of {model.num_neurons} neurons",
            "Use fewer sweeps; a memory of N neurons is at rest after a few.",
        )
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
        self._check_model(model)
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

    def _lighter(self, model: Model, amplitudes: bool) -> str:
        """What to use where this register is too wide.

        Args:
            model: the memory.
            amplitudes: whether a probe has amplitudes, which need neurons on qubits.
        """
        smaller = [
            replace(self, register=register)
            for register in REGISTERS[REGISTERS.index(self.register) + 1 :]
        ]
        widths = {each.register: each.qubits(model) for each in smaller}
        own = self.qubits(model)
        ways = []
        if not amplitudes:
            ways.append(
                f"register='feedforward' ({widths['feedforward']} qubits, for any number of "
                "neurons)"
            )
        if widths.get("reuse", own) < own:
            ways.append(f"register='reuse' ({widths['reuse']} qubits)")
        if amplitudes:
            ways.append(
                "a probe of spin expectations with register='feedforward' "
                f"({widths['feedforward']} qubits, for any number of neurons)"
            )
        return f"Use {', or '.join(ways)}."

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
        refuse_summed(self.field_loading)
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
        self._check_model(model)
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
        streams = Streams(rng, _number_of(probes, model), shots)
        schedule = streams.schedule(self.order, model.num_neurons, self.sweeps)
        starts = streams.starts(probes, model.num_neurons)
        draw = draw_from_law(prepared, streams)
        return self._drive(model, prepared, starts, schedule, shots, draw, progress)

    def _drive(
        self,
        model: Model,
        prepared: PreparedNeuron,
        starts: NDArray[np.int8],
        schedule: NDArray[np.int64],
        shots: int,
        draw: Draw,
        progress: Progress | None,
    ) -> Samples:
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
        # Without noise the sum has the same law in a shorter circuit.
        synapses = loads_synapses(self.field_loading, model) and not runner.ideal
        draw = draw_from_circuits(self._effective_neuron(), prepared, runner, rng, synapses)
        runner.admit(
            self.qubits(model),
            "Use RUSNeuron(level=...), whose circuit needs level + 1 qubits, or fewer bits.",
            simpler=_SIMPLER,
        )
        starts = measured_starts(probes, model.num_neurons, shots, runner, rng, synapses)
        schedule = draw_schedule(self.order, model.num_neurons, self.sweeps, len(starts), rng)
        return self._drive(model, prepared, starts, schedule, shots, draw, progress)

    def _run_registers(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None,
    ) -> Samples:
        """Whole circuits: one for all probes, or one per random order."""
        states = as_states(probes)
        runner.admit(self.qubits(model), self._lighter(model, states is not None), simpler=_SIMPLER)
        if states is None:
            angles = registers.probe_angles(check_probes(probes, model.num_neurons))
            number = len(angles)
        else:
            number = len(states)
            for state in states:
                check_state(state, model.num_neurons)
        plans, shares, alike = self._plans(model, number, shots, rng)
        readings: list[dict[int, int]] = [{} for _ in range(number)]
        parts: list[list[dict[int, int]]] = [[] for _ in range(number)]
        template: Template | None = None
        for step, (plan, portions) in enumerate(zip(plans, shares, strict=True)):
            if states is None:
                template = self.template(model, plan, count=True)
                counted = runner.run(template.circuit, template.parameters, angles, portions, rng)
            else:
                counted = []
                for state, portion in zip(states, portions, strict=True):
                    template = self.template(model, plan, state, count=True)
                    once = np.zeros((1, 0))
                    counted += runner.run(template.circuit, (), once, np.array([portion]), rng)
            for total, mine, counts in zip(readings, parts, counted, strict=True):
                mine.append(counts)
                for reading, count in counts.items():
                    total[reading] = total.get(reading, 0) + count
            if progress is not None:
                progress(step + 1, len(plans))
        assert template is not None  # there is at least one plan
        samples = read_counts(template, readings, model.num_neurons, shots, self._updates(model))
        if not alike:
            return samples
        effective = [
            _effective_of(template, mine, shares[:, probe], model.num_neurons)
            for probe, mine in enumerate(parts)
        ]
        return replace(samples, effective=np.array(effective))

    def _plans(
        self, model: Model, number: int, shots: int, rng: np.random.Generator
    ) -> tuple[list[Plan], NDArray[np.int64], bool]:
        """What runs how often for each probe.

        Returns:
            K plans, the shots of each for each probe, (K, P), and whether shots share an order that
            was not drawn for each of them.
        """
        if self.synchronous or not (isinstance(self.order, str) and self.order == "random"):
            return [self.plan(model, rng)], np.full((1, number), shots), False
        streams = Streams(rng, number, min(shots, _MOST_DRAWN))
        drawn = streams.schedule(self.order, model.num_neurons, self.sweeps)
        # Rows as strings of bytes: np.unique(axis=0) makes a field of each column.
        rows = np.ascontiguousarray(drawn).view(np.dtype((np.void, drawn[0].nbytes))).reshape(-1)
        many = len(np.unique(rows[: 4 * SCHEDULES])) > SCHEDULES or shots > _MOST_DRAWN
        if not many:
            _, first, which = np.unique(rows, return_index=True, return_inverse=True)
            many = len(first) > SCHEDULES
        if not many:
            places = which.reshape(number, shots)
            table = [np.bincount(row, minlength=len(first)) for row in places]
            plans = [Plan.asynchronous(row) for row in drawn[first]]
            return plans, np.stack(table, axis=1), False
        count = min(shots, SCHEDULES)
        share = np.full(count, shots // count)
        share[: shots % count] += 1
        drawn = draw_schedule(self.order, model.num_neurons, self.sweeps, count, rng)
        shares = np.repeat(share[:, None], number, axis=1)
        return [Plan.asynchronous(row) for row in drawn], shares, bool(shots > count)

    def _check_model(self, model: Model) -> None:
        """Refuses a model without what the register needs.

        Raises:
            TypeError: it is no model, or no circuit loads its field.
        """
        if isinstance(model, (Hopfield, DenseAssociativeMemory)):
            return
        check_kind(model, "model", Model, "a memory such as Hopfield.store(patterns)")
        name = type(model).__name__
        if isinstance(self.neuron, ThresholdNeuron):
            raise TypeError(
                "ThresholdNeuron() adds the field up as an integer, from the weights of a Hopfield "
                "network or the separation function of a DenseAssociativeMemory, and a "
                f"{name} has neither. RUSNeuron(level=...) and RotationNeuron() with "
                "register='feedforward' need the local field only."
            )
        if self.register != "feedforward":
            raise TypeError(
                f"register={self.register!r} loads the field from qubits, and there are circuits "
                "for that for a Hopfield network and a DenseAssociativeMemory only, got "
                f"{name}. register='feedforward' needs the local field only."
            )


def _number_of(probes: Probes, model: Model) -> int:
    """How many probes there are."""
    states = as_states(probes)
    return len(check_probes(probes, model.num_neurons) if states is None else states)


def _effective_of(
    template: Template,
    parts: Sequence[dict[int, int]],
    shots: NDArray[np.int64],
    num_neurons: int,
) -> float:
    """Accepted shots of one probe that are as good as those of its orders, part by part."""
    mask = (1 << num_neurons) - 1
    accepted: list[dict[int, int]] = []
    for counts in parts:
        kept: dict[int, int] = {}
        for reading, count in counts.items():
            if not reading & template.rejecting:
                kept[reading & mask] = kept.get(reading & mask, 0) + count
        accepted.append(kept)
    total: dict[int, int] = {}
    for kept in accepted:
        for state, count in kept.items():
            total[state] = total.get(state, 0) + count
    best = max(sorted(total), key=total.__getitem__, default=0)
    return _effective_shots(
        np.array([sum(kept.values()) for kept in accepted], dtype=np.float64),
        np.array([kept.get(best, 0) for kept in accepted], dtype=np.float64),
        shots,
    )


def check_field_loading(value: object) -> None:
    """Refuses what names no way to load a field.

    Raises:
        ValueError: neither ``"synapses"``, ``"sum"`` nor None.
    """
    if value is not None:
        check_choice(value, "field_loading", FIELD_LOADINGS)


def refuse_summed(field_loading: str | None) -> None:
    """Refuses to write down a circuit whose fields are added up outside of it.

    Raises:
        ValueError: ``field_loading`` is ``"sum"``.
    """
    if field_loading == "sum":
        raise ValueError(
            "field_loading='sum' adds each field up outside of the circuit, so that there is a run "
            "per update and no single circuit; recall(...) makes these runs. Use "
            "field_loading='synapses' for one dynamic circuit."
        )


def loads_synapses(field_loading: str | None, model: Model) -> bool:
    """Whether a field enters the circuit synapse by synapse.

    Raises:
        ValueError: it was to do so, and the field is no sum over neurons.
    """
    if field_loading == "synapses" and not isinstance(model, Hopfield):
        raise ValueError(
            "field_loading='synapses' turns one rotation per synapse, and the field of a "
            f"{type(model).__name__} is no sum over neurons: use field_loading='sum', or leave it "
            "out."
        )
    return field_loading != "sum" and isinstance(model, Hopfield)


def _effective_shots(
    counts: NDArray[np.float64], hits: NDArray[np.float64], shots: NDArray[np.int64]
) -> float:
    """Accepted shots that are as good as those of a few orders, whose shots vary together.

    The variance of a share over orders is estimated as that of a ratio of cluster totals, and
    compared with that of independent shots; the smaller one of the share of the most probable
    state and of the accepted share counts.  The estimate rests on few orders, and so on Student's
    distribution.

    Args:
        counts: accepted shots of each order, (K,).
        hits: those of them in the most probable state, (K,).
        shots: all shots of each order, (K,).

    Source: W. G. Cochran 1977, Sampling Techniques, 3rd ed., eqs. 9.14 and 11.16.
    """
    accepted, orders = float(counts.sum()), len(shots)
    if not accepted or (shots <= 1).all():
        return accepted
    ratios = []
    for part, whole in ((hits, counts), (counts, shots.astype(np.float64))):
        share = float(part.sum() / whole.sum())
        if share == 1.0 and whole is not counts:
            continue  # nothing is ever rejected
        spread = float(((part - share * whole) ** 2).sum()) * orders / (orders - 1)
        independent = share * (1.0 - share) * float(whole.sum())
        # All agree: it is not known how much they vary together; each order is worth one shot.
        ratio = independent / spread if spread > 0.0 else orders / float(whole.sum())
        ratios.append(min(ratio, 1.0))
    quantile = float(stdtrit(orders - 1, 0.975) / ndtri(0.975))
    return accepted * min(ratios) / quantile**2
