"""Loading a local field: the one step in which a circuit reads the other neurons.

Every loader offers the same two verbs.  ``rotate`` turns an ancilla by
``R_y(2 phi)`` with ``phi = pi/4 - gain * h`` (so that |0>, spin +1, is the likelier the larger h);
``accumulate`` adds the integer field to a register in Fourier form.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Clbit, Parameter, ParameterExpression, Qubit

from ..models import DenseAssociativeMemory, Hopfield
from .arithmetic import (
    add_constant,
    add_if,
    fourier,
    inverse_fourier,
    multiplexed_phase,
    multiplexed_ry,
    open_register,
    turned_places,
)
from .control import Steps, branch
from .integers import RegisterSum


class FieldLoader(ABC):
    """One neuron's local field, ready to be loaded into a circuit."""

    @abstractmethod
    def rotate(self, circuit: QuantumCircuit, target: Qubit, *, inverse: bool = False) -> None:
        """Turns ``target`` by ``R_y(2 phi)``, ``phi = pi/4 - gain * h``, or back by the inverse."""

    @abstractmethod
    def accumulate(
        self, circuit: QuantumCircuit, register: Sequence[Qubit], *, inverse: bool = False
    ) -> None:
        """Adds the integer field to a register in Fourier form, or takes it off again."""


class QuadraticField(FieldLoader):
    """The field ``sum_j W_ij s_j + b_i`` of a Hopfield network whose neurons are qubits.

    All synapse rotations ``exp(-i gain W_ij Z_j Y_a)`` are RZZ gates between two one-qubit changes
    of basis on the ancilla: one two-qubit gate a synapse, the least any circuit can do.

    Args:
        model: the network.
        neuron: the neuron i whose field is loaded.
        gain: angle in radians per unit of field.
        neurons: N qubits, neuron j on ``neurons[j]``.
        integers: what a threshold neuron's register adds up, if there is one.

    Source: Cao et al. 2017, arXiv:1711.11240; the RZZ form is this package's.
    """

    def __init__(
        self,
        model: Hopfield,
        neuron: int,
        gain: float,
        neurons: Sequence[Qubit],
        integers: RegisterSum | None = None,
    ) -> None:
        turns = -2.0 * gain * model.weights[neuron]
        self._turns = [(j, float(turns[j])) for j in np.flatnonzero(turns).tolist()]
        self._offset = math.pi / 2.0 - 2.0 * gain * float(model.bias[neuron])
        self._neurons = neurons
        self._integers = integers

    def rotate(self, circuit: QuantumCircuit, target: Qubit, *, inverse: bool = False) -> None:
        """See :meth:`FieldLoader.rotate`."""
        _rotate_by_synapses(circuit, self._neurons, self._turns, self._offset, target, inverse)

    def accumulate(
        self, circuit: QuantumCircuit, register: Sequence[Qubit], *, inverse: bool = False
    ) -> None:
        """See :meth:`FieldLoader.accumulate`."""
        integers = _require_integers(self._integers)
        sign = -1 if inverse else 1
        add_constant(circuit, register, float(sign * integers.constant))
        for j in np.flatnonzero(integers.coefficients).tolist():
            add_if(circuit, self._neurons[j], register, sign * int(integers.coefficients[j]))


class OpenField(FieldLoader):
    """A quadratic field whose angles are circuit parameters: one circuit for all weights.

    The gates are those of :class:`QuadraticField`.

    Args:
        turns: the angle ``-2 gain W_ij`` of each synapse.
        offset: the angle ``pi/2 - 2 gain b_i`` of the target's own rotation.
        neurons: as many qubits as there are synapses.

    Raises:
        ValueError: another number of qubits than of synapses.
    """

    def __init__(
        self, turns: Sequence[Parameter], offset: Parameter, neurons: Sequence[Qubit]
    ) -> None:
        if len(turns) != len(neurons):
            raise ValueError(f"{len(turns)} synapses need as many neurons, got {len(neurons)}.")
        self._turns = list(enumerate(turns))
        self._offset = offset
        self._neurons = neurons

    def rotate(self, circuit: QuantumCircuit, target: Qubit, *, inverse: bool = False) -> None:
        """See :meth:`FieldLoader.rotate`."""
        _rotate_by_synapses(circuit, self._neurons, self._turns, self._offset, target, inverse)

    def accumulate(
        self, circuit: QuantumCircuit, register: Sequence[Qubit], *, inverse: bool = False
    ) -> None:
        """Open angles are no integers, so that nothing can be added up: raises a ValueError."""
        _require_integers(None)


class DenseField(FieldLoader):
    """The field of a dense associative memory whose neurons are qubits.

    Pattern by pattern, a distance register counts the neurons that disagree with it, a multiplexed
    rotation turns the ancilla by that pattern's share of the field, and the register moves on to
    the next pattern by adding only what differs.

    Args:
        model: the memory.
        neuron: the neuron i whose field is loaded.
        gain: angle in radians per unit of field.
        neurons: N qubits, neuron j on ``neurons[j]``.
        distance: the distance register, :func:`distance_width` qubits in |0>, left in |0>.
        integers: what a threshold neuron's register adds up, if there is one.
    """

    def __init__(
        self,
        model: DenseAssociativeMemory,
        neuron: int,
        gain: float,
        neurons: Sequence[Qubit],
        distance: Sequence[Qubit],
        integers: RegisterSum | None = None,
    ) -> None:
        num_neurons = model.num_neurons
        self._patterns = np.asarray(model.patterns)
        distances = np.arange(num_neurons)
        half = model.separation.difference(num_neurons - 1.0 - 2.0 * distances) / 2.0
        share = self._patterns[:, neuron].astype(float)[:, None] * half[None, :]
        self._turns = np.zeros((len(self._patterns), 2 ** len(distance)))
        self._turns[:, :num_neurons] = -2.0 * gain * share
        self._neuron = neuron
        self._neurons = neurons
        self._distance = distance
        self._integers = integers

    def rotate(self, circuit: QuantumCircuit, target: Qubit, *, inverse: bool = False) -> None:
        """See :meth:`FieldLoader.rotate`."""
        sign = -1.0 if inverse else 1.0
        for index in self._visit(circuit):
            multiplexed_ry(circuit, self._distance, target, sign * self._turns[index])
        circuit.ry(sign * math.pi / 2.0, target)

    def accumulate(
        self, circuit: QuantumCircuit, register: Sequence[Qubit], *, inverse: bool = False
    ) -> None:
        """See :meth:`FieldLoader.accumulate`."""
        integers = _require_integers(self._integers)
        sign = -1 if inverse else 1
        add_constant(circuit, register, float(sign * integers.constant))
        if integers.coefficients[self._neuron]:
            own = sign * int(integers.coefficients[self._neuron])
            add_if(circuit, self._neurons[self._neuron], register, own)
        assert integers.tables is not None  # RegisterSum of a dense model
        tables = np.zeros((len(self._patterns), 2 ** len(self._distance)), dtype=np.int64)
        tables[:, : integers.tables.shape[1]] = integers.tables
        for index in self._visit(circuit):
            multiplexed_phase(circuit, self._distance, register, sign * tables[index])

    def _visit(self, circuit: QuantumCircuit) -> Iterator[int]:
        """Yields pattern after pattern while the register holds the distance to it."""
        open_register(circuit, self._distance)
        previous: int | None = None
        for index in range(len(self._patterns)):
            self._move(circuit, previous, index)
            inverse_fourier(circuit, self._distance)
            yield index
            fourier(circuit, self._distance)
            previous = index
        self._move(circuit, previous, None)
        open_register(circuit, self._distance)

    def _move(self, circuit: QuantumCircuit, before: int | None, after: int | None) -> None:
        """Adds, in Fourier form, the distance to one pattern minus the distance to another.

        A neuron with bit x disagrees with a pattern's +1 where x = 1 and with its -1 where x = 0,
        that is ``x`` or ``1 - x``.
        """
        slope = np.zeros(len(self._neurons), dtype=int)
        constant = 0
        for index, sign in ((after, 1), (before, -1)):
            if index is not None:
                others = np.delete(self._patterns[index], self._neuron)
                constant += sign * int(np.count_nonzero(others < 0))
                slope += sign * self._patterns[index]
        slope[self._neuron] = 0
        add_constant(circuit, self._distance, float(constant))
        for j in np.flatnonzero(slope).tolist():
            add_if(circuit, self._neurons[j], self._distance, float(slope[j]))


class ClassicalField(FieldLoader):
    """A field known before the circuit runs, entering as one circuit parameter.

    Args:
        value: the angle phi in radians for rotations, the register's value for a threshold neuron.
    """

    def __init__(self, value: Parameter) -> None:
        self._value = value

    def rotate(self, circuit: QuantumCircuit, target: Qubit, *, inverse: bool = False) -> None:
        """See :meth:`FieldLoader.rotate`."""
        angle: ParameterExpression = -2.0 * self._value if inverse else 2.0 * self._value
        circuit.ry(angle, target)

    def accumulate(
        self, circuit: QuantumCircuit, register: Sequence[Qubit], *, inverse: bool = False
    ) -> None:
        """See :meth:`FieldLoader.accumulate`."""
        add_constant(circuit, register, -1.0 * self._value if inverse else 1.0 * self._value)


class ConditionalField(FieldLoader):
    """The field of a Hopfield network whose neurons are classical bits of the same circuit.

    Every synapse is one rotation that is applied if its bit is 1 (dynamic circuit, feed-forward).

    Args:
        model: the network.
        neuron: the neuron i whose field is loaded.
        gain: angle in radians per unit of field.
        bits: N classical bits, neuron j in ``bits[j]``.
        integers: what a threshold neuron's register adds up, if there is one.
    """

    def __init__(
        self,
        model: Hopfield,
        neuron: int,
        gain: float,
        bits: Sequence[Clbit],
        integers: RegisterSum | None = None,
    ) -> None:
        self._angle, self._steps = conditional_angles(model, neuron, gain)
        self._bits = bits
        self._integers = integers

    def rotate(self, circuit: QuantumCircuit, target: Qubit, *, inverse: bool = False) -> None:
        """See :meth:`FieldLoader.rotate`."""
        sign = -1.0 if inverse else 1.0
        circuit.ry(sign * self._angle, target)
        for j in np.flatnonzero(self._steps).tolist():
            turn = sign * float(self._steps[j])
            branch(circuit, self._bits[j], 1, partial(_turn, target, turn))

    def accumulate(
        self, circuit: QuantumCircuit, register: Sequence[Qubit], *, inverse: bool = False
    ) -> None:
        """See :meth:`FieldLoader.accumulate`."""
        integers = _require_integers(self._integers)
        sign = -1 if inverse else 1
        add_constant(circuit, register, float(sign * integers.constant))
        for j in np.flatnonzero(integers.coefficients).tolist():
            step = float(sign * int(integers.coefficients[j]))
            branch(circuit, self._bits[j], 1, partial(_add, register, step))


class KnownField(FieldLoader):
    """The field of :class:`ConditionalField` where its bits are known before the circuit runs.

    The gates are those that would be applied, one after the other, their angles open: circuits
    with as many neurons at -1 share one template.  A barrier stands where a branch would, so that a
    transpiler merges no more than it can merge around a branch.

    Args:
        values: what is loaded first, then what each neuron at -1 adds: the angles of rotations, or
            whole numbers for a threshold neuron.
        places: for a threshold neuron, the qubits of the register that each value turns.
        alone: whether the neuron has no synapses, so that nothing would branch.

    Source: see :class:`ConditionalField`.
    """

    def __init__(
        self,
        values: Sequence[Parameter],
        places: Sequence[Sequence[int]] | None = None,
        alone: bool = False,
    ) -> None:
        self._values = values
        self._places = places
        self._alone = alone

    def rotate(self, circuit: QuantumCircuit, target: Qubit, *, inverse: bool = False) -> None:
        """See :meth:`FieldLoader.rotate`."""
        for value in self._values:
            circuit.ry(-1.0 * value if inverse else 1.0 * value, target)
            if not self._alone:
                circuit.barrier(target)

    def accumulate(
        self, circuit: QuantumCircuit, register: Sequence[Qubit], *, inverse: bool = False
    ) -> None:
        """See :meth:`FieldLoader.accumulate`."""
        if self._places is None:
            raise ValueError("This field was made without places, which a register sum needs.")
        for value, places in zip(self._values, self._places, strict=True):
            add_constant(circuit, register, -1.0 * value if inverse else 1.0 * value, places)
            if places and not self._alone:
                circuit.barrier([register[place] for place in places])


class SplitField(FieldLoader):
    """The field of a Hopfield network of which a part of the neurons are qubits, the rest bits.

    A block of the network is on qubits; the others enter as a bias, either bit by bit from the
    same circuit or, where ``rest`` is given, as one open parameter.

    Args:
        model: the network.
        neuron: the neuron i whose field is loaded.
        gain: angle in radians per unit of field.
        qubits: the block: the qubit of each of its neurons.
        bits: the classical bit of each other neuron, or its value where it is known before the
            circuit runs: then a barrier stands where the branch would, and what would be applied
            is written out. Unused where ``rest`` is given.
        rest: what the others and the bias add: the angle ``pi/4 - gain * h`` of their part h of
            the field, or the value that they give a threshold neuron's register.
        integers: what a threshold neuron's register adds up, if there is one.
    """

    def __init__(
        self,
        model: Hopfield,
        neuron: int,
        gain: float,
        qubits: Mapping[int, Qubit],
        bits: Mapping[int, Clbit | int] | None = None,
        rest: Parameter | None = None,
        integers: RegisterSum | None = None,
    ) -> None:
        row = model.weights[neuron]
        linked = np.flatnonzero(row).tolist()
        self._turns = [(j, -2.0 * gain * float(row[j])) for j in linked if j in qubits]
        self._bits = {j: bit for j, bit in (bits or {}).items() if rest is None}
        # With every bit 0 (spin +1) the angle is this; a bit of 1 turns its synapse around.
        known = float(row[list(self._bits)].sum() + model.bias[neuron])
        self._offset = math.pi / 2.0 - 2.0 * gain * known if rest is None else 2.0 * rest
        self._steps = [(j, 4.0 * gain * float(row[j])) for j in linked if j in self._bits]
        self._qubits = qubits
        self._rest = rest
        self._integers = integers

    def rotate(self, circuit: QuantumCircuit, target: Qubit, *, inverse: bool = False) -> None:
        """See :meth:`FieldLoader.rotate`."""
        sign = -1.0 if inverse else 1.0
        _rotate_by_synapses(circuit, self._qubits, self._turns, self._offset, target, inverse)
        for j, step in self._steps:
            _apply_if(circuit, self._bits[j], [target], partial(_turn, target, sign * step))

    def accumulate(
        self, circuit: QuantumCircuit, register: Sequence[Qubit], *, inverse: bool = False
    ) -> None:
        """See :meth:`FieldLoader.accumulate`."""
        integers = _require_integers(self._integers)
        sign = -1 if inverse else 1
        constant = float(integers.constant) if self._rest is None else 1.0 * self._rest
        add_constant(circuit, register, sign * constant)
        for j in np.flatnonzero(integers.coefficients).tolist():
            step = sign * int(integers.coefficients[j])
            if j in self._qubits:
                add_if(circuit, self._qubits[j], register, step)
            elif j in self._bits:
                added = [register[k] for k in turned_places(step, len(register))]
                _apply_if(circuit, self._bits[j], added, partial(_add, register, float(step)))


def conditional_angles(
    model: Hopfield, neuron: int, gain: float
) -> tuple[float, NDArray[np.float64]]:
    """The rotation that loads a field with every spin +1, and what each spin of -1 adds, (N,)."""
    row = model.weights[neuron]
    return math.pi / 2.0 - 2.0 * gain * float(row.sum() + model.bias[neuron]), 4.0 * gain * row


def distance_width(num_neurons: int) -> int:
    """Qubits that count the disagreements of the other N - 1 neurons: 0..N-1."""
    return (num_neurons - 1).bit_length()


def _rotate_by_synapses(
    circuit: QuantumCircuit,
    neurons: Sequence[Qubit] | Mapping[int, Qubit],
    turns: Sequence[tuple[int, Any]],
    offset: Any,
    target: Qubit,
    inverse: bool,
) -> None:
    """RZZ gates between two changes of basis, then the target's own rotation.

    Args:
        circuit: what the gates are added to.
        neurons: neuron j on ``neurons[j]``.
        turns: which neuron, and the angle of its synapse, a number or a parameter.
        offset: angle of the last rotation.
        target: the qubit that turns.
        inverse: whether it turns back.
    """
    sign = -1.0 if inverse else 1.0
    if turns:
        circuit.sdg(target)
        circuit.h(target)
        for j, turn in turns:
            circuit.rzz(sign * turn, neurons[j], target)
        circuit.h(target)
        circuit.s(target)
    circuit.ry(sign * offset, target)


def _apply_if(circuit: QuantumCircuit, bit: Clbit | int, qubits: list[Qubit], steps: Steps) -> None:
    """Adds steps on some qubits that are taken where a bit is 1, or writes out what would be."""
    if isinstance(bit, Clbit):
        branch(circuit, bit, 1, steps)
    elif qubits:
        circuit.barrier(qubits)
        if bit:
            steps(circuit)
        circuit.barrier(qubits)


def _turn(target: Qubit, angle: float, circuit: QuantumCircuit) -> None:
    """Turns a qubit: the one step of a conditioned rotation."""
    circuit.ry(angle, target)


def _add(register: Sequence[Qubit], value: float, circuit: QuantumCircuit) -> None:
    """Adds a number to a register in Fourier form: the one step of a conditioned sum."""
    add_constant(circuit, register, value)


def _require_integers(integers: RegisterSum | None) -> RegisterSum:
    if integers is None:
        raise ValueError("This field was made without integers, which a register sum needs.")
    return integers
