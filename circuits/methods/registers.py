"""Where the neurons live: the circuits of the three registers of neuron dynamics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, Parameter, ParameterVector, Qubit
from qiskit.quantum_info import Statevector

from ..blocks.cost import circuit_cost
from ..blocks.fields import (
    ClassicalField,
    ConditionalField,
    DenseField,
    FieldLoader,
    KnownField,
    QuadraticField,
    distance_width,
)
from ..blocks.integers import RegisterSum
from ..blocks.neurons import Neuron, PreparedNeuron, RotationNeuron, RUSNeuron, Workspace
from ..models import DenseAssociativeMemory, Hopfield
from .template import Template

REGISTERS = ("coherent", "reuse", "feedforward")


@dataclass(frozen=True)
class Plan:
    """What happens in which order.

    Attributes:
        steps: groups of neurons; a group is updated at once, from the state before it.
    """

    steps: tuple[tuple[int, ...], ...]

    @property
    def updates(self) -> int:
        """Number of neuron updates."""
        return sum(len(step) for step in self.steps)

    @classmethod
    def asynchronous(cls, schedule: Iterable[int]) -> Plan:
        """One neuron after the other."""
        return cls(tuple((int(neuron),) for neuron in schedule))

    @classmethod
    def synchronous(cls, num_neurons: int, sweeps: int) -> Plan:
        """All neurons at once, sweep by sweep."""
        return cls((tuple(range(num_neurons)),) * sweeps)


def coherent(
    neuron: Neuron, prepared: PreparedNeuron, plan: Plan, state: Statevector | None = None
) -> Template:
    """Every update on a fresh qubit, nothing measured before the end.

    Args:
        neuron: a neuron that does not repeat (a RUS neuron with ``attempts=1``).
        prepared: its law in the model.
        plan: the updates.
        state: a probe with amplitudes; None leaves a product-state probe open as parameters.
    """
    builder = Builder(neuron, prepared, plan.updates)
    where = builder.neurons(state)
    fresh = iter(builder.qubits("fresh", plan.updates))
    ancillas = iter(builder.qubits("block", plan.updates * neuron.coherent_ancillas))
    builder.scratch()
    spent: list[Qubit] = []

    def ancilla(_: int) -> Qubit:
        return next(ancillas)

    for step in plan.steps:
        outputs = {i: next(fresh) for i in step}
        for i, output in outputs.items():
            builder.update(i, builder.field(i, where), output, ancilla, spent.append)
        for i, output in outputs.items():
            where[i] = output
    builder.circuit.measure(where, builder.answer)
    for qubit in spent:
        builder.reject_if(qubit)
    return builder.template()


def reuse(
    neuron: Neuron,
    prepared: PreparedNeuron,
    plan: Plan,
    state: Statevector | None = None,
    count: bool = False,
) -> Template:
    """Old neurons are reset and serve again: N + k + 1 qubits (2 N + k when synchronous).

    Args:
        neuron: the neuron.
        prepared: its law in the model.
        plan: the updates.
        state: a probe with amplitudes; None leaves a product-state probe open as parameters.
        count: whether the circuit counts the level-1 blocks that it runs.
    """
    builder = Builder(neuron, prepared, plan.updates, count)
    where = builder.neurons(state)
    spare = builder.qubits("spare", max(len(step) for step in plan.steps))
    ancillas = builder.qubits("block", neuron.ancillas)
    builder.scratch()
    for step in plan.steps:
        outputs = dict(zip(step, spare, strict=False))
        for i, output in outputs.items():
            builder.update(
                i,
                builder.field(i, where),
                output,
                lambda level: ancillas[level - 1],
                builder.reject_if,
            )
        spare = [where[i] for i in step] + spare[len(step) :]
        builder.circuit.reset(spare[: len(step)])
        for i, output in outputs.items():
            where[i] = output
    builder.circuit.measure(where, builder.answer)
    return builder.template()


def feedforward(
    neuron: Neuron, prepared: PreparedNeuron, plan: Plan, count: bool = False
) -> Template:
    """One dynamic circuit whose neurons are classical bits: k + 1 qubits for any N.

    Every entry of the probe is prepared and measured, and every synapse is a rotation that is
    applied if its bit is 1.  Each begins with qubits that are reset.

    Raises:
        ValueError: the model's field is not a sum over neurons, so that no rotation a neuron
            loads it.
    """
    model = prepared.model
    if not isinstance(model, Hopfield):
        raise ValueError(
            f"One dynamic circuit with register='feedforward' loads quadratic fields only, got "
            f"{model!r}. Use register='reuse' for its circuit, where it has one; recall(...) runs "
            "feedforward for every model, one small circuit per update."
        )
    builder = Builder(neuron, prepared, plan.updates, count)
    now = builder.answer
    together = max(len(step) for step in plan.steps) > 1
    following = builder.bits("next", model.num_neurons) if together else now
    output = builder.qubits("output", 1)[0]
    ancillas = builder.qubits("block", neuron.ancillas)
    builder.scratch()
    # The two bit registers of a synchronous run take turns; the last sweep ends in the answer.
    if together and len(plan.steps) % 2:
        now, following = following, now
    angles = ParameterVector("probe", model.num_neurons)
    for angle, bit in zip(angles, now, strict=True):
        prepare_and_measure(builder.circuit, angle, output, bit)
    builder.parameters = tuple(angles)
    for step in plan.steps:
        for i in step:
            load = ConditionalField(model, i, prepared.gain, now, builder.sums(i))
            builder.fresh_update(i, load, output, ancillas, following[i])
        if together:
            now, following = following, now
    return builder.template()


def prepare_and_measure(
    circuit: QuantumCircuit, angle: Parameter, output: Qubit, bit: Clbit
) -> None:
    """Prepares and measures one entry of a probe on a qubit that is reset first.

    The barrier keeps a transpiler from looking back: what runs alone is what runs in a row.
    """
    circuit.barrier(output)
    circuit.reset(output)
    circuit.ry(angle, output)
    circuit.measure(output, bit)


def single_neuron(neuron: Neuron, prepared: PreparedNeuron, count: bool = True) -> Template:
    """One update whose field is summed beforehand and enters as one parameter."""
    builder = Builder(neuron, prepared, 1, count, answers=1)
    output = builder.qubits("output", 1)[0]
    ancillas = builder.qubits("block", neuron.ancillas)
    builder.scratch(dense=False)
    value = Parameter("field")
    builder.update(
        None,
        ClassicalField(value),
        output,
        lambda level: ancillas[level - 1],
        builder.reject_if,
        final=True,
    )
    builder.circuit.measure(output, builder.answer[0])
    builder.parameters = (value,)
    return builder.template()


def known_neuron(
    neuron: Neuron,
    prepared: PreparedNeuron,
    index: int,
    added: int,
    places: tuple[tuple[int, ...], ...] | None,
    alone: bool,
) -> Template:
    """One update of :func:`feedforward`, gate for gate, where the other neurons are known.

    Args:
        neuron: the neuron.
        prepared: its law in the model.
        index: the neuron that is updated, or another whose register is as wide.
        added: how many neurons at -1 add to the field.
        places: for a threshold neuron, the qubits of its register that each number turns.
        alone: whether the neuron has no synapses.

    Returns:
        The circuit; its parameters are what is loaded first and what each neuron at -1 adds.
    """
    builder = Builder(neuron, prepared, 1, count=True, answers=1)
    output = builder.qubits("output", 1)[0]
    ancillas = builder.qubits("block", neuron.ancillas)
    builder.scratch(dense=False)
    values = ParameterVector("field", 1 + added)
    load = KnownField(list(values), places, alone)
    builder.fresh_update(index, load, output, ancillas, builder.answer[0])
    builder.parameters = tuple(values)
    return builder.template()


def single_spin(fresh: bool = False) -> Template:
    """One entry of a probe, prepared and measured.

    Args:
        fresh: whether its qubit is reset first, as in :func:`feedforward`.
    """
    circuit = QuantumCircuit(1, 1)
    angle = Parameter("probe")
    if fresh:
        prepare_and_measure(circuit, angle, circuit.qubits[0], circuit.clbits[0])
    else:
        circuit.ry(angle, 0)
        circuit.measure(0, 0)
    return Template(circuit, (angle,), rejecting=0, counter=None)


def qubits_needed(register: str, neuron: Neuron, prepared: PreparedNeuron, plan: Plan) -> int:
    """Qubits of a register's circuit, known before it is built."""
    model = prepared.model
    scratch = 0 if prepared.integers is None else prepared.integers.quantization.register
    if register == "feedforward":
        return 1 + neuron.ancillas + scratch
    if isinstance(model, DenseAssociativeMemory):
        scratch += distance_width(model.num_neurons)
    if register == "coherent":
        return model.num_neurons + plan.updates * (1 + neuron.coherent_ancillas) + scratch
    return model.num_neurons + max(map(len, plan.steps)) + neuron.ancillas + scratch


def loading_gates(prepared: PreparedNeuron, plan: Plan) -> dict[int, int]:
    """Two-qubit gates that load the field of each neuron of a plan from qubits."""
    plain = RotationNeuron()
    rotation = plain.prepare(prepared.model, prepared.gain)
    return {
        i: circuit_cost(reuse(plain, rotation, Plan.asynchronous([i])).circuit).two_qubit_gates
        for i in {neuron for step in plan.steps for neuron in step}
    }


def probe_angles(expectations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles ``arccos z`` of the rotations that prepare spins with these expectations."""
    # NumPy's arccos of an int8 is a float16.
    return np.asarray(np.arccos(np.asarray(expectations, dtype=np.float64)))


class Builder:
    """Allocates qubits and bits, the answer's bits first, and adds updates.

    Args:
        neuron: the neuron.
        prepared: its law in the model.
        updates: how many updates there will be.
        count: whether the circuit counts the level-1 blocks that it runs.
        answers: bits of the answer; None takes one a neuron of the model.
        beside: the builder whose circuit and answer this one shares, its own qubits and bits
            standing beside the other's.
        suffix: ends the names of its registers.
    """

    def __init__(
        self,
        neuron: Neuron,
        prepared: PreparedNeuron,
        updates: int,
        count: bool = False,
        answers: int | None = None,
        beside: Builder | None = None,
        suffix: str = "",
    ) -> None:
        self.circuit: QuantumCircuit = QuantumCircuit() if beside is None else beside.circuit
        self.parameters: tuple[Parameter, ...] = ()
        self._suffix = ""
        self._neuron = neuron
        self._prepared = prepared
        self.answer: list[Clbit] = (
            self.bits("neurons", answers or prepared.model.num_neurons)
            if beside is None
            else beside.answer
        )
        self._suffix = suffix
        self._flags: list[Clbit] = []
        self._rejected: list[Clbit] = []
        self._failed: Iterator[Clbit] = iter(())
        self._rejecting: list[Clbit] = []
        self._counter: ClassicalRegister | None = None
        self._postselected = 0
        self._sum: list[Qubit] = []
        self._distance: list[Qubit] = []
        if not isinstance(neuron, RUSNeuron):
            return
        if neuron.attempts == 1:
            self._rejecting = self.bits("failed", updates * (2**neuron.level - 1))
            self._failed = iter(self._rejecting)
            self._postselected = int(updates * 2 ** (neuron.level - 1))
            return
        if neuron.attempts is not None:
            self._rejected = self._rejecting = self.bits("rejected", 1)
        if count:
            # Twice the levels holds 4^k blocks; six more bits hold the tail.
            width = 2 * neuron.level + 6 + updates.bit_length()
            self._counter = ClassicalRegister(width, "blocks")
            self.circuit.add_register(self._counter)
        # Last, because they are measured: with noise Aer 0.18 has no memory for stored bits beyond
        # the highest measured one ("invalid cbit index").
        self._flags = self.bits("flag", neuron.level)

    def qubits(self, name: str, size: int) -> list[Qubit]:
        """Adds a quantum register."""
        register = QuantumRegister(size, name + self._suffix)
        if size:
            self.circuit.add_register(register)
        return list(register)

    def bits(self, name: str, size: int) -> list[Clbit]:
        """Adds a classical register."""
        register = ClassicalRegister(size, name + self._suffix)
        if size:
            self.circuit.add_register(register)
        return list(register)

    def neurons(self, state: Statevector | None) -> list[Qubit]:
        """Adds the neurons' qubits and prepares the probe."""
        where = self.qubits("s", len(self.answer))
        if state is not None:
            self.circuit.initialize(state, where)
            return where
        angles = ParameterVector("probe", len(where))
        for angle, qubit in zip(angles, where, strict=True):
            self.circuit.ry(angle, qubit)
        self.parameters = tuple(angles)
        return where

    def scratch(self, dense: bool = True) -> None:
        """Adds a threshold neuron's sum register and a dense field's distance register."""
        integers, model = self._prepared.integers, self._prepared.model
        if integers is not None:
            self._sum = self.qubits("sum", integers.quantization.register)
        if dense and isinstance(model, DenseAssociativeMemory):
            self._distance = self.qubits("distance", distance_width(model.num_neurons))

    def sums(self, neuron: int) -> RegisterSum | None:
        """What a neuron's register adds up, if it has one."""
        integers = self._prepared.integers
        return None if integers is None else integers.sums[neuron]

    def field(self, neuron: int, where: Sequence[Qubit]) -> FieldLoader:
        """The loader of a neuron's field from qubits."""
        model, gain, sums = self._prepared.model, self._prepared.gain, self.sums(neuron)
        if isinstance(model, Hopfield):
            return QuadraticField(model, neuron, gain, list(where), sums)
        if isinstance(model, DenseAssociativeMemory):
            return DenseField(model, neuron, gain, list(where), self._distance, sums)
        raise TypeError(f"No circuit loads the local field of {model!r}.")

    def update(
        self,
        neuron: int | None,
        load: FieldLoader,
        output: Qubit,
        ancilla: Callable[[int], Qubit],
        postselect: Callable[[Qubit], None],
        final: bool = False,
    ) -> None:
        """Adds one update."""
        sums = None if neuron is None else self.sums(neuron)
        work = Workspace(
            block_ancilla=ancilla,
            postselect=postselect,
            register=self._sum if sums is None else self._sum[: sums.width],
            flags=self._flags,
            rejected=self._rejected[0] if self._rejected else None,
            counter=self._counter,
            final=final,
        )
        self._neuron.append(self.circuit, load, output, work)

    @property
    def scratched(self) -> list[Qubit]:
        """The qubits that :meth:`scratch` added."""
        return [*self._sum, *self._distance]

    def begin(self, qubits: Sequence[Qubit]) -> None:
        """Resets qubits, behind a barrier: nothing that came before plays a part."""
        self.circuit.barrier(qubits)
        self.circuit.reset(qubits)

    def fresh_update(
        self,
        neuron: int,
        load: FieldLoader,
        output: Qubit,
        ancillas: Sequence[Qubit],
        bit: Clbit,
    ) -> None:
        """Adds one update on qubits that are reset first, and measures it.

        Nothing is left over from the update before, not even an error: updates that run alone
        and updates in a row are the same.
        """
        self.begin([output, *ancillas, *self._sum])
        self.update(
            neuron, load, output, lambda level: ancillas[level - 1], self.reject_if, final=True
        )
        self.circuit.measure(output, bit)

    def reject_if(self, ancilla: Qubit) -> None:
        """Measures an ancilla; the run does not count if it is 1."""
        self.circuit.measure(ancilla, next(self._failed))

    def template(self) -> Template:
        """The finished circuit."""
        rejecting = sum(1 << self.circuit.find_bit(bit).index for bit in self._rejecting)
        counter = None
        if self._counter is not None:
            counter = (self.circuit.find_bit(self._counter[0]).index, len(self._counter))
        return Template(self.circuit, self.parameters, rejecting, counter, self._postselected)
