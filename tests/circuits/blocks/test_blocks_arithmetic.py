"""Fourier registers, multiplexed rotations and gate counting, on every basis state."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, Statevector

from qhopfield.circuits.blocks.arithmetic import (
    add_constant,
    add_if,
    fourier,
    inverse_fourier,
    multiplexed_phase,
    multiplexed_ry,
    open_register,
    phase_of,
)
from qhopfield.circuits.blocks.cost import circuit_cost


def maps_to(circuit: QuantumCircuit, source: int, target: int) -> bool:
    """Whether a basis state goes to a basis state, up to a phase."""
    out = Statevector.from_int(source, 2**circuit.num_qubits).evolve(circuit)
    return abs(abs(out.data[target]) - 1.0) < 1e-10


@pytest.mark.parametrize("value", [-9, -1, 0, 1, 5, 2.0**40 + 3])
@pytest.mark.parametrize("position", range(5))
def test_phase_is_the_value_modulo_its_power(value, position):
    phase = phase_of(value, position)
    assert -math.pi < phase <= math.pi
    turns = phase / (2 * math.pi) - math.fmod(value, 2 ** (position + 1)) / 2 ** (position + 1)
    assert turns == pytest.approx(round(turns), abs=1e-12)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_fourier_and_back_is_the_identity(width):
    circuit = QuantumCircuit(width)
    fourier(circuit, circuit.qubits)
    inverse_fourier(circuit, circuit.qubits)
    np.testing.assert_allclose(Operator(circuit).data, np.eye(2**width), atol=1e-12)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_fourier_form_is_a_phase_a_qubit(width):
    for value in range(2**width):
        circuit = QuantumCircuit(width)
        fourier(circuit, circuit.qubits)
        made = Statevector.from_int(value, 2**width).evolve(circuit)
        wanted = np.ones(1)
        for position in range(width):
            qubit = [1, np.exp(2j * np.pi * value / 2 ** (position + 1))]
            wanted = np.kron(np.array(qubit) / np.sqrt(2), wanted)
        np.testing.assert_allclose(made.data, wanted, atol=1e-12)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_adding_constants_from_every_value(width):
    size = 2**width
    for constant in range(-size - 1, size + 2):
        circuit = QuantumCircuit(width)
        fourier(circuit, circuit.qubits)
        add_constant(circuit, circuit.qubits, float(constant))
        inverse_fourier(circuit, circuit.qubits)
        operator = np.abs(Operator(circuit).data)
        for value in range(size):
            assert operator[(value + constant) % size, value] == pytest.approx(1.0)


def test_adding_a_parameter_is_adding_its_value():
    parameter = Parameter("v")
    circuit = QuantumCircuit(4)
    open_register(circuit, circuit.qubits)
    add_constant(circuit, circuit.qubits, parameter)
    inverse_fourier(circuit, circuit.qubits)
    for value in (-8, -3, 0, 7):
        assert maps_to(circuit.assign_parameters({parameter: float(value)}), 0, value % 16)


@pytest.mark.parametrize("value", [-5, -1, 0, 3, 8])
def test_adding_where_a_control_is_one(value):
    circuit = QuantumCircuit(4)
    fourier(circuit, circuit.qubits[1:])
    add_if(circuit, circuit.qubits[0], circuit.qubits[1:], value)
    inverse_fourier(circuit, circuit.qubits[1:])
    for register in range(8):
        for control in (0, 1):
            target = (register + control * value) % 8 << 1 | control
            assert maps_to(circuit, register << 1 | control, target)


def test_an_empty_register_adds_nothing():
    circuit = QuantumCircuit(1)
    for step in (open_register, fourier, inverse_fourier):
        step(circuit, [])
    add_constant(circuit, [], 3.0)
    add_if(circuit, circuit.qubits[0], [], 3.0)
    assert not circuit.data


@pytest.mark.parametrize("controls", [0, 1, 2, 3])
def test_multiplexed_rotation_turns_by_the_entry_of_the_table(controls):
    rng = np.random.default_rng(controls)
    angles = rng.uniform(-4, 4, size=2**controls)
    circuit = QuantumCircuit(controls + 1)
    target = circuit.qubits[controls]
    multiplexed_ry(circuit, circuit.qubits[:controls], target, angles)
    assert circuit.count_ops().get("cx", 0) == (2**controls if controls else 0)
    size = 2**controls
    wanted = np.zeros((2 * size, 2 * size))
    for value, angle in enumerate(angles):
        c, s = np.cos(angle / 2), np.sin(angle / 2)
        wanted[np.ix_([value, value + size], [value, value + size])] = [[c, -s], [s, c]]
    np.testing.assert_allclose(Operator(circuit).data, wanted, atol=1e-12)


def test_multiplexed_rotation_by_nothing_is_no_gate():
    circuit = QuantumCircuit(3)
    multiplexed_ry(circuit, circuit.qubits[:2], circuit.qubits[2], np.zeros(4))
    assert not circuit.data


@pytest.mark.parametrize("controls", [0, 1, 2, 3])
def test_multiplexed_addition_adds_the_entry_of_the_table(controls):
    rng = np.random.default_rng(10 + controls)
    values = rng.integers(-9, 10, size=2**controls)
    circuit = QuantumCircuit(controls + 3)
    register = circuit.qubits[controls:]
    fourier(circuit, register)
    multiplexed_phase(circuit, circuit.qubits[:controls], register, values)
    inverse_fourier(circuit, register)
    operator = np.abs(Operator(circuit).data)
    for control in range(2**controls):
        for held in range(8):
            target = (held + int(values[control])) % 8 << controls | control
            assert operator[target, held << controls | control] == pytest.approx(1.0)


def test_cost_counts_gates_inside_loops_and_branches():
    circuit = QuantumCircuit(3, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.barrier()
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.rzz(0.1, 0, 1)
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.reset(0)
            circuit.x(0)
    circuit.ccx(0, 1, 2)
    circuit.measure(2, 1)
    cost = circuit_cost(circuit)
    assert (cost.qubits, cost.gates, cost.two_qubit_gates) == (3, 5, 3)
    assert (cost.measurements, cost.resets) == (2, 1)
    # h, cx, then in the loop rzz, measure, reset, x, then ccx and measure.
    assert cost.depth == 8


def test_cost_of_nothing_is_nothing():
    cost = circuit_cost(QuantumCircuit())
    assert (cost.qubits, cost.gates, cost.two_qubit_gates, cost.depth) == (0, 0, 0, 0)
