"""Each template against its Qiskit block: the same unitary, up to a global phase."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, Statevector

from qhopfield.circuits import ExpFilter as ExpBlock
from qhopfield.circuits import Exponential, Hopfield
from qhopfield.circuits import KernelFilter as KernelBlock
from qhopfield.circuits import RotationNeuron as RotationBlock
from qhopfield.circuits import RUSNeuron as RUSBlock
from qhopfield.circuits.blocks.fields import QuadraticField
from qhopfield.circuits.blocks.indexed import IndexedLoader as IndexedBlock
from qhopfield.circuits.blocks.neurons import Workspace
from qhopfield.hybrid.templates import (
    ExpFilter,
    IndexedLoader,
    KernelFilter,
    LocalField,
    RotationNeuron,
    RUSNeuron,
)


def same(template, circuit):
    """Compares unitaries.  Qubit 0 is the lowest bit in Qiskit, the first wire the highest here."""
    found = qml.matrix(template, wire_order=range(circuit.num_qubits)[::-1])
    expected = Operator(circuit).data
    overlap = np.trace(expected.conj().T @ found) / len(expected)
    assert abs(abs(overlap) - 1.0) < 1e-12
    np.testing.assert_allclose(found, overlap * expected, atol=1e-10)


def same_state(template, circuit, prepare=()):
    """Compares what becomes of the state that ``prepare``, rotations of each qubit, makes."""
    device = qml.device("default.qubit", wires=range(circuit.num_qubits)[::-1])

    @qml.qnode(device)
    def run():
        for wire, angle in enumerate(prepare):
            qml.RY(angle, wire)
        qml.apply(template)
        return qml.state()

    start = QuantumCircuit(circuit.num_qubits)
    for qubit, angle in enumerate(prepare):
        start.ry(angle, qubit)
    expected = Statevector(start.compose(circuit)).data
    found = run()
    overlap = np.vdot(expected, found)
    assert abs(abs(overlap) - 1.0) < 1e-12
    np.testing.assert_allclose(found, overlap * expected, atol=1e-10)


def network(num_neurons, seed):
    """A Hopfield network with random weights and biases."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(num_neurons, num_neurons))
    weights = weights + weights.T
    np.fill_diagonal(weights, 0.0)
    return Hopfield(weights, bias=rng.normal(size=num_neurons))


@pytest.mark.parametrize("num_neurons", [2, 3, 4])
@pytest.mark.parametrize("inverse", [False, True])
def test_local_field(num_neurons, inverse):
    model, gain, neuron = network(num_neurons, num_neurons), 0.31, 1
    circuit = QuantumCircuit(num_neurons + 1)
    block = QuadraticField(model, neuron, gain, circuit.qubits[:num_neurons])
    block.rotate(circuit, circuit.qubits[num_neurons], inverse=inverse)
    turns, offset = LocalField.angles(model.weights[neuron], model.bias[neuron], gain)
    sign = -1.0 if inverse else 1.0
    same(LocalField(sign * turns, sign * offset, range(num_neurons), num_neurons), circuit)


@pytest.mark.parametrize("num_neurons", [2, 3])
def test_rotation_neuron(num_neurons):
    model, gain = network(num_neurons, 5), 0.4
    circuit = QuantumCircuit(num_neurons + 1)
    block = QuadraticField(model, 0, gain, circuit.qubits[:num_neurons])
    work = Workspace(lambda level: None, lambda qubit: None)
    RotationBlock().append(circuit, block, circuit.qubits[-1], work)
    turns, offset = LocalField.angles(model.weights[0], model.bias[0], gain)
    same(RotationNeuron(turns, offset, range(num_neurons), num_neurons), circuit)


@pytest.mark.parametrize("num_neurons, level", [(2, 1), (3, 1), (2, 2), (2, 3)])
def test_rus_neuron(num_neurons, level):
    model, gain = network(num_neurons, level), 0.23
    count = 2**level - 1
    circuit = QuantumCircuit(num_neurons + 1 + count)
    block = QuadraticField(model, 1, gain, circuit.qubits[:num_neurons])
    ancillas = circuit.qubits[num_neurons + 1 :]
    fresh, checked = iter(ancillas), []
    work = Workspace(lambda depth: next(fresh), checked.append)
    RUSBlock(level, attempts=1).append(circuit, block, circuit.qubits[num_neurons], work)
    assert set(checked) == set(ancillas)
    turns, offset = LocalField.angles(model.weights[1], model.bias[1], gain)
    wires = range(num_neurons + 1, num_neurons + 1 + count)
    template = RUSNeuron(turns, offset, range(num_neurons), num_neurons, wires, level)
    compare = same if circuit.num_qubits < 8 else same_state
    compare(template, circuit)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "num_patterns, num_neurons", [(1, 1), (1, 2), (2, 2), (3, 2), (4, 3), (5, 2), (6, 1), (8, 2)]
)
def test_indexed_loader(num_patterns, num_neurons, weighted):
    block = IndexedBlock(num_patterns, num_neurons, weighted)
    angles = np.random.default_rng(num_patterns).uniform(-3, 3, block.num_angles)
    width = block.num_index
    circuit = QuantumCircuit(width + num_neurons)
    block.append(circuit, angles, index=circuit.qubits[:width], keys=circuit.qubits[width:])
    template = IndexedLoader(
        angles, num_patterns, weighted, range(width), range(width, width + num_neurons)
    )
    same(template, circuit)
    gates = template.decomposition()
    counts = {name: sum(gate.name == name for gate in gates) for name in ("RY", "CNOT")}
    assert counts == {"RY": circuit.count_ops()["ry"], "CNOT": circuit.count_ops().get("cx", 0)}


@pytest.mark.parametrize("num_neurons", [1, 2, 4])
def test_exp_filter(num_neurons):
    angles = np.random.default_rng(num_neurons).uniform(-3, 3, 2 * num_neurons)
    circuit = QuantumCircuit(2 * num_neurons)
    memory, ancillas = circuit.qubits[:num_neurons], circuit.qubits[num_neurons:]
    ExpBlock().append(circuit, memory, angles, ancillas=ancillas)
    same(ExpFilter(angles, range(num_neurons), range(num_neurons, 2 * num_neurons)), circuit)


@pytest.mark.parametrize("num_neurons", [1, 2, 3, 4])
@pytest.mark.parametrize("probed", [False, True])
def test_kernel_filter(num_neurons, probed):
    rng = np.random.default_rng(num_neurons)
    block = KernelBlock(Exponential(0.4))
    angles = rng.uniform(-3, 3, 2 * num_neurons + 2)
    if probed:
        angles = block.angles(rng.choice([-1, 0, 1], num_neurons))[0]
    width = num_neurons.bit_length()
    circuit = QuantumCircuit(num_neurons + width + 1)
    memory, register = circuit.qubits[:num_neurons], circuit.qubits[num_neurons:-1]
    block.append(circuit, memory, angles, ancillas=circuit.qubits[-1:], register=register)
    wires = range(circuit.num_qubits)
    template = KernelFilter(angles, wires[:num_neurons], wires[num_neurons:-1], wires[-1])
    compare = same if circuit.num_qubits < 8 else same_state
    compare(template, circuit)
    same_state(template, circuit, prepare=rng.uniform(0, 3, num_neurons))
