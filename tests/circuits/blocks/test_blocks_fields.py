"""Loading local fields: the angle and the integer, on every input state."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, Statevector

from qhopfield.circuits.blocks import RotationNeuron, ThresholdNeuron
from qhopfield.circuits.blocks.arithmetic import inverse_fourier, open_register
from qhopfield.circuits.blocks.cost import circuit_cost
from qhopfield.circuits.blocks.fields import (
    ClassicalField,
    ConditionalField,
    DenseField,
    QuadraticField,
    distance_width,
)
from qhopfield.circuits.blocks.integers import IntegerFields
from qhopfield.circuits.models import DenseAssociativeMemory, Exponential, Hopfield
from qhopfield.circuits.patterns import all_states

KINDS = ["real", "hebb", "projection", "cubic", "exponential"]


def loader_circuit(model, neuron, gain, sums=None, register=0):
    """A circuit with neurons, one target or a register, and the loader of a field."""
    neurons = QuantumRegister(model.num_neurons, "s")
    target = QuantumRegister(register or 1, "t")
    circuit = QuantumCircuit(neurons, target)
    if isinstance(model, Hopfield):
        return circuit, target, QuadraticField(model, neuron, gain, list(neurons), sums)
    distance = QuantumRegister(distance_width(model.num_neurons), "d")
    circuit.add_register(distance)
    load = DenseField(model, neuron, gain, list(neurons), list(distance), sums)
    return circuit, target, load


def ry(angle):
    c, s = math.cos(angle / 2), math.sin(angle / 2)
    return np.array([[c, -s], [s, c]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_neurons", [3, 4])
def test_rotation_by_the_field_of_every_state(memory, kind, num_neurons):
    model, gain = memory(kind, num_neurons), 0.17
    fields = model.local_field(all_states(num_neurons))
    for neuron in range(num_neurons):
        circuit, target, load = loader_circuit(model, neuron, gain)
        load.rotate(circuit, target[0])
        if kind in ("cubic", "exponential"):
            # The own spin may not matter and the distance register must come back to zero.
            unitary = Operator(circuit).data[: 2 ** (num_neurons + 1), : 2 ** (num_neurons + 1)]
        else:
            unitary = Operator(circuit).data
        for index in range(2**num_neurons):
            block = [index, index | 1 << num_neurons]
            wanted = ry(2 * (math.pi / 4 - gain * fields[index, neuron]))
            made = unitary[np.ix_(block, block)]
            if index == 0:
                phase = np.vdot(wanted, made) / 2
                assert abs(phase) == pytest.approx(1.0, abs=1e-10)
            np.testing.assert_allclose(made, phase * wanted, atol=1e-10)


@pytest.mark.parametrize("kind", ["real", "cubic"])
def test_inverse_undoes_the_rotation(memory, kind):
    model = memory(kind, 3)
    circuit, target, load = loader_circuit(model, 1, 0.3)
    load.rotate(circuit, target[0])
    load.rotate(circuit, target[0], inverse=True)
    width = 4
    made = Operator(circuit).data[: 2**width, : 2**width]
    np.testing.assert_allclose(made / made[0, 0], np.eye(2**width), atol=1e-10)


@pytest.mark.parametrize("kind", ["hebb", "projection", "cubic", "exponential"])
def test_register_holds_a_number_with_the_sign_of_the_field(memory, kind):
    model = memory(kind, 3)
    integers = IntegerFields(model, bits=5)
    states = all_states(3)
    fields = integers.model.local_field(states)
    for neuron in range(3):
        sums = integers.sums[neuron]
        circuit, target, load = loader_circuit(model, neuron, 0.0, sums, sums.width)
        open_register(circuit, list(target))
        load.accumulate(circuit, list(target))
        inverse_fourier(circuit, list(target))
        values = integers.register_values(neuron, fields[:, neuron], states[:, neuron])
        for index in range(8):
            out = Statevector.from_int(index, 2**circuit.num_qubits).evolve(circuit)
            held = int(values[index]) % 2**sums.width
            assert abs(out.data[index | held << 3]) == pytest.approx(1.0, abs=1e-10)
            # The sign bit is the classical update, a tie keeping the spin.
            bit = held >> (sums.width - 1)
            wanted = fields[index, neuron] or states[index, neuron]
            assert (1 - 2 * bit) == np.sign(wanted)


def test_hebbian_and_polynomial_fields_are_exact(memory):
    for kind in ("hebb", "cubic"):
        quantization = IntegerFields(memory(kind, 5), bits=4).quantization
        assert quantization.bits is None
        assert quantization.error == 0.0


@pytest.mark.parametrize("kind", ["real", "exponential"])
@pytest.mark.parametrize("bits", [3, 6, 12])
def test_rounding_error_bounds_every_field(memory, kind, bits):
    model = memory(kind, 5)
    integers = IntegerFields(model, bits=bits)
    states = all_states(5)
    error = np.abs(integers.model.local_field(states) - model.local_field(states)).max()
    assert integers.quantization.bits == bits
    assert 0.0 < error <= integers.quantization.error * (1 + 1e-12)


def test_more_bits_make_smaller_errors(memory):
    errors = [IntegerFields(memory("real", 5), b).quantization.error for b in (3, 6, 9, 12)]
    assert sorted(errors, reverse=True) == errors
    assert errors[-1] < 2e-2 * errors[0]


def test_registers_are_as_wide_as_the_sums_need():
    # Sixteen neurons, one pattern: N h_i runs over -15..15 in steps of 2, and is never 0.
    integers = IntegerFields(Hopfield.store(np.ones((1, 16), dtype=int)), bits=4)
    assert integers.quantization.register == 4
    # With 17 it runs over -16..16 in steps of 2, and a tie subtracts the own bit: -9..8.
    integers = IntegerFields(Hopfield.store(np.ones((1, 17), dtype=int)), bits=4)
    assert integers.quantization.register == 5


@pytest.mark.parametrize("kind", ["real", "projection"])
def test_conditional_field_is_the_quadratic_field_of_bits(memory, kind, exact):
    model, gain = memory(kind, 4), 0.21
    fields = model.local_field(all_states(4))
    for neuron in (0, 2):
        circuit = QuantumCircuit(QuantumRegister(1, "t"), ClassicalRegister(5, "c"))
        load = ConditionalField(model, neuron, gain, circuit.clbits[:4])
        load.rotate(circuit, circuit.qubits[0])
        circuit.measure(0, 4)
        for index in range(16):
            ready = QuantumCircuit(*circuit.qregs, *circuit.cregs)
            for bit in range(4):
                ready.store(ready.clbits[bit], bool(index >> bit & 1))
            ready.compose(circuit, inplace=True)
            weights = exact.readings(ready)
            up = weights.get(index, np.zeros(1))[0]
            wanted = (1 + math.sin(2 * gain * fields[index, neuron])) / 2
            assert up == pytest.approx(wanted, abs=1e-12)


def test_classical_field_is_its_angle():
    value = Parameter("v")
    circuit = QuantumCircuit(1)
    load = ClassicalField(value)
    load.rotate(circuit, circuit.qubits[0])
    bound = circuit.assign_parameters({value: 0.3})
    np.testing.assert_allclose(Operator(bound).data, ry(0.6), atol=1e-14)
    load.rotate(circuit, circuit.qubits[0], inverse=True)
    bound = circuit.assign_parameters({value: 0.3})
    np.testing.assert_allclose(Operator(bound).data, np.eye(2), atol=1e-14)


@pytest.mark.parametrize("num_neurons", [2, 3, 5, 9])
def test_one_two_qubit_gate_a_synapse(num_neurons):
    rng = np.random.default_rng(num_neurons)
    weights = np.triu(rng.normal(size=(num_neurons, num_neurons)), 1)
    model = Hopfield(weights + weights.T, rng.normal(size=num_neurons))
    circuit, target, load = loader_circuit(model, 1, 0.1)
    load.rotate(circuit, target[0])
    assert circuit_cost(circuit).two_qubit_gates == num_neurons - 1
    assert circuit.count_ops()["rzz"] == num_neurons - 1


def test_absent_synapses_cost_nothing():
    weights = np.zeros((4, 4))
    weights[0, 1] = weights[1, 0] = 1.0
    circuit, target, load = loader_circuit(Hopfield(weights), 0, 0.1)
    load.rotate(circuit, target[0])
    assert circuit_cost(circuit).two_qubit_gates == 1
    circuit, target, load = loader_circuit(Hopfield(weights), 3, 0.1)
    load.rotate(circuit, target[0])
    assert circuit_cost(circuit).two_qubit_gates == 0


@pytest.mark.parametrize("num_neurons, width", [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (9, 4)])
def test_distance_register_counts_the_other_neurons(num_neurons, width):
    assert distance_width(num_neurons) == width


@pytest.mark.parametrize(
    "make, error, message",
    [
        (
            lambda: IntegerFields(Hopfield([[0, 1e19], [1e19, 0]]), 8),
            ValueError,
            "more than 53 bits",
        ),
        (
            lambda: IntegerFields(Hopfield([[0, 0.1], [0.1, 0]], [1.03, 0.0]), 2),
            ValueError,
            "All weights round to zero at 2 bits",
        ),
        (lambda: IntegerFields("a model", 8), TypeError, "needs a Hopfield or DenseAssoc"),
    ],
)
def test_bad_integers(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_field_without_integers_cannot_be_summed(memory):
    for kind in ("real", "cubic"):
        circuit, target, load = loader_circuit(memory(kind, 3), 0, 0.1)
        with pytest.raises(ValueError, match="made without integers"):
            load.accumulate(circuit, list(target))


def test_every_neuron_prepares_the_model_it_uses(memory):
    model = memory("real", 4)
    assert RotationNeuron().prepare(model, 0.1).model is model
    rounded = ThresholdNeuron(bits=4).prepare(model, 0.0).model
    assert rounded is not model
    assert isinstance(rounded, Hopfield)
    cut = ThresholdNeuron(bits=4).prepare(memory("exponential", 4), 0.0).model
    assert isinstance(cut, DenseAssociativeMemory)
    assert not isinstance(cut.separation, Exponential)
