"""Spins, bits, indices and bit strings agree with each other and with Qiskit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator

from qhopfield.circuits.patterns import (
    all_states,
    from_bitstring,
    from_index,
    to_bits,
    to_bitstring,
    to_index,
    to_spins,
)

SPINS = st.sampled_from([-1, 1])


@given(arrays(np.int8, array_shapes(max_dims=3, max_side=6), elements=SPINS))
def test_bits_and_indices_undo_themselves(spins):
    bits = to_bits(spins)
    assert bits.dtype == np.uint8
    assert np.array_equal(spins, 1 - 2 * bits.astype(int))
    assert to_spins(bits).dtype == np.int8
    assert np.array_equal(to_spins(bits), spins)
    index = to_index(spins)
    assert index.dtype == np.int64
    assert index.shape == spins.shape[:-1]
    assert np.array_equal(from_index(index, spins.shape[-1]), spins)


@given(st.integers(1, 62), st.data())
def test_index_of_wide_states(num_neurons, data):
    index = data.draw(st.integers(0, 2**num_neurons - 1))
    spins = from_index(index, num_neurons)
    assert spins.shape == (num_neurons,)
    assert int(to_index(spins)) == index
    assert int(to_bitstring(spins), 2) == index


@given(arrays(np.int8, array_shapes(min_dims=1, max_dims=2, max_side=70), elements=SPINS))
def test_bit_strings_undo_themselves(spins):
    strings = to_bitstring(spins)
    assert isinstance(strings, str) == (spins.ndim == 1)
    assert np.array_equal(from_bitstring(strings), spins)
    assert from_bitstring(strings).shape == spins.shape


def test_counts_give_their_states():
    counts = {"001": 5, "110": 3}
    assert from_bitstring(counts).tolist() == [[-1, 1, 1], [1, -1, -1]]


def test_no_shots_give_no_strings():
    assert to_bitstring(np.ones((0, 3), dtype=np.int8)) == []


def test_bools_are_bits():
    assert to_spins(np.array([True, False])).tolist() == [-1, 1]


@pytest.mark.parametrize("num_neurons", [1, 3, 4])
def test_bits_are_those_of_qiskit(num_neurons):
    # X on the neurons that are -1, for every state: neuron i is qubit i.
    states = all_states(num_neurons)
    circuits = []
    for state in states:
        circuit = QuantumCircuit(num_neurons)
        for neuron in np.flatnonzero(state == -1):
            circuit.x(int(neuron))
        amplitudes = Statevector(circuit).data
        assert int(np.argmax(np.abs(amplitudes))) == int(to_index(state))
        circuit.measure_all()
        circuits.append(circuit)
    result = AerSimulator().run(circuits, shots=2, seed_simulator=1).result()
    for position, state in enumerate(states):
        assert result.get_counts(position) == {to_bitstring(state): 2}


def test_pauli_z_measures_the_spin():
    for state in all_states(3):
        vector = Statevector.from_label(to_bitstring(state))
        for neuron in range(3):
            circuit = QuantumCircuit(3)
            circuit.z(neuron)
            expectation = vector.inner(vector.evolve(circuit)).real
            assert expectation == state[neuron]


def test_all_states_come_in_order():
    states = all_states(10)
    assert states.dtype == np.int8
    assert states.shape == (1024, 10)
    assert np.array_equal(to_index(states), np.arange(1024))


BAD = [
    (to_bits, ([1, 0],), ValueError, r"spins must hold only \+1 and -1; got 0 at 1"),
    (to_bits, ([[1, 1], [2, 1]],), ValueError, r"got 2 at \(1, 0\)"),
    (to_bits, (0,), ValueError, "got 0$|got 0\\.$"),
    (to_bits, ([np.nan],), ValueError, "got nan at 0"),
    (to_bits, ("01",), TypeError, "spins must hold real numbers, got str"),
    (to_bits, ([True],), TypeError, "dtype bool"),
    (to_bits, ([[1], [1, 1]],), ValueError, "spins must be a rectangular array"),
    (to_spins, ([1, -1],), ValueError, "bits must hold only 0 and 1; got -1 at 1"),
    (to_spins, ([0.5],), ValueError, "got 0.5 at 0"),
    (to_spins, ("01",), TypeError, "bits must hold real numbers"),
    (to_index, (1,), ValueError, r"1 to 62 neurons .* got shape \(\)"),
    (to_index, ([],), ValueError, r"1 to 62 neurons .* got shape \(0,\)"),
    (to_index, (np.ones(63, dtype=int),), ValueError, r"got shape \(63,\)"),
    (from_index, (8, 3), ValueError, "index must be between 0 and 7, got 8"),
    (from_index, (2**80, 3), ValueError, "index must be between 0 and 7"),
    (from_index, (-1, 3), ValueError, "index must be between 0 and 7, got -1"),
    (from_index, ([0, 8], 3), ValueError, "from 0 to 7 for 3 neurons; got 8 at 1"),
    (from_index, (np.uint64(2**63), 62), ValueError, "for 62 neurons; got 9223372036854775808"),
    (from_index, ([-1, 0], 3), ValueError, "got -1 at 0"),
    (from_index, ([0.0], 3), TypeError, "index must hold integers, got dtype float64"),
    (from_index, (True, 3), TypeError, "index must be an integer, got True"),
    (from_index, ("1", 3), TypeError, "index must hold real numbers"),
    (from_index, (0, 63), ValueError, "num_neurons must be between 1 and 62, got 63"),
    (from_index, (0, 2.0), TypeError, "num_neurons must be an integer"),
    (to_bitstring, (1,), ValueError, r"shape \(P, N\) or \(N,\), got shape \(\)"),
    (to_bitstring, ([],), ValueError, r"got shape \(0,\)"),
    (to_bitstring, (np.ones((1, 1, 1)),), ValueError, r"got shape \(1, 1, 1\)"),
    (to_bitstring, ([0, 1],), ValueError, "spins must hold only"),
    (from_bitstring, ("",), ValueError, "must hold only 0 and 1, got ''"),
    (from_bitstring, ("012",), ValueError, "must hold only 0 and 1, got '012'"),
    (from_bitstring, ("01 10",), ValueError, "got '01 10' \\(join the registers first\\)"),
    (from_bitstring, ([],), ValueError, "at least one bit string"),
    (from_bitstring, (["01", "1"],), ValueError, "got 2 at position 0 and 1 at position 1"),
    (from_bitstring, ([0, 1],), TypeError, "must hold strings, got 0 at position 0"),
    (from_bitstring, (1,), TypeError, "must be a bit string or several, got int"),
    (all_states, (0,), ValueError, "num_neurons must be >= 1, got 0"),
    (all_states, (25,), ValueError, r"at most 24 .* got 25: 2\*\*25 states"),
    (all_states, (2.0,), TypeError, "num_neurons must be an integer"),
]


@pytest.mark.parametrize(("function", "arguments", "error", "message"), BAD)
def test_bad_input(function, arguments, error, message):
    with pytest.raises(error, match=message):
        function(*arguments)
