"""Loaders: the amplitudes, the cost, the choice, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from qhopfield.circuits.blocks.loaders import load_memory
from qhopfield.circuits.blocks.multiplex import Multiplexer, two_qubit_gates
from qhopfield.circuits.patterns import random_patterns

PLAIN = {"ry", "x", "cx", "u"}


def expected_state(keys, weights, values=None, index=False):
    """The loaded state by Kronecker products, memory lowest, then values, then index."""
    keys = np.asarray(keys, dtype=float)
    rows = keys if values is None else np.hstack([keys, values])
    num_index = (len(rows) - 1).bit_length() if index else 0
    state = np.zeros(2 ** (rows.shape[1] + num_index))
    for mu, row in enumerate(rows):
        one = np.ones(1)
        for z in row:
            one = np.kron([np.sqrt((1 + z) / 2), np.sqrt((1 - z) / 2)], one)
        register = np.zeros(2**num_index)
        register[mu if index else 0] = 1.0
        state += np.sqrt(weights[mu]) * np.kron(register, one)
    return state


def assert_loads(loader, state):
    assert set(loader.circuit.count_ops()) <= PLAIN
    assert np.abs(Statevector(loader.circuit).data - state).max() < 1e-10


@st.composite
def memories(draw):
    n = draw(st.integers(1, 6))
    codes = draw(st.lists(st.integers(0, 2**n - 1), min_size=1, max_size=20, unique=True))
    patterns = 1 - 2 * (np.array(codes)[:, None] >> np.arange(n) & 1)
    raw = draw(
        st.lists(st.integers(0, 9), min_size=len(codes), max_size=len(codes)).filter(any)
        if draw(st.booleans())
        else st.just([1] * len(codes))
    )
    return patterns, np.array(raw) / sum(raw)


@given(memory=memories(), index=st.booleans())
@settings(max_examples=80, deadline=None)
def test_sparse_loader_prepares_the_superposition(memory, index):
    patterns, weights = memory
    loader = load_memory(patterns, weights=weights, index=index, max_dense_qubits=0)
    assert_loads(loader, expected_state(patterns, weights, index=index))
    assert loader.choice.sparse_gates == two_qubit_gates(loader.circuit)


@pytest.mark.parametrize("n, m", [(8, 16), (9, 40), (10, 100), (11, 11)])
@pytest.mark.parametrize("weighted", [False, True])
def test_larger_memories(n, m, weighted):
    rng = np.random.default_rng(n * m)
    codes = rng.choice(2**n, m, replace=False)
    patterns = 1 - 2 * (codes[:, None] >> np.arange(n) & 1)
    weights = rng.dirichlet(np.ones(m)) if weighted else np.full(m, 1 / m)
    assert_loads(load_memory(patterns, weights=weights), expected_state(patterns, weights))


def test_one_hot_patterns():
    """As many pivots as patterns less one: the worst case for the masks."""
    patterns = 1 - 2 * np.eye(10, dtype=int)
    assert_loads(load_memory(patterns), expected_state(patterns, np.full(10, 0.1)))


@pytest.mark.parametrize("m", [1, 2, 3, 6, 8])
def test_product_state_keys_and_values(m):
    rng = np.random.default_rng(m)
    keys = rng.uniform(-1, 1, (m, 3))
    keys[0, 0] = 1.0
    values = rng.uniform(-1, 1, (m, 2))
    weights = rng.dirichlet(np.ones(m))
    loader = load_memory(keys, values=values, weights=weights, index=True)
    assert (loader.num_neurons, loader.num_values) == (3, 2)
    assert_loads(loader, expected_state(keys, weights, values, index=True))


@pytest.mark.parametrize("index", [False, True])
def test_values_tell_equal_keys_apart(index):
    keys = np.array([[1, 1, -1], [1, 1, -1], [-1, 1, 1]])
    values = np.array([[1, 1], [-1, 1], [1, -1]])
    loader = load_memory(keys, values=values, index=index)
    assert_loads(loader, expected_state(keys, np.full(3, 1 / 3), values, index=index))


def test_equal_patterns_are_kept_apart_by_the_index():
    patterns = np.array([[1, -1], [1, -1], [-1, -1]])
    assert_loads(
        load_memory(patterns, index=True), expected_state(patterns, np.full(3, 1 / 3), index=True)
    )


def test_append_and_its_inverse_use_the_qubits_they_are_given():
    patterns = random_patterns(5, 3, seed=1)
    loader = load_memory(patterns, index=True)
    circuit = QuantumCircuit(7)
    memory, index = [circuit.qubits[i] for i in (4, 2, 6)], [circuit.qubits[i] for i in (0, 1, 5)]
    loader.append(circuit, memory, index=index)
    found = Statevector(circuit).probabilities([4, 2, 6, 0, 1, 5])
    state = expected_state(patterns, np.full(5, 0.2), index=True)
    np.testing.assert_allclose(found, state**2, atol=1e-12)
    loader.append(circuit, memory, index=index, inverse=True)
    assert abs(Statevector(circuit).data[0] - 1.0) < 1e-10
    with pytest.raises(ValueError, match=r"\(3, 0, 3\) qubits, got \(2, 0, 3\)"):
        loader.append(circuit, memory[:2], index=index)


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("n, m", [(16, 8), (16, 32), (32, 32), (64, 8), (64, 64)])
def test_gates_are_linear_in_patterns_times_neurons(n, m, index):
    loader = load_memory(random_patterns(m, n, seed=n + m), index=index)
    assert loader.choice.two_qubit_gates <= 1.15 * m * n
    assert loader.choice.dense_gates is None


def test_repeated_columns_are_copied():
    patterns = np.tile(random_patterns(16, 8, seed=3), (1, 8))
    narrow = load_memory(patterns[:, :8], max_dense_qubits=0).choice.two_qubit_gates
    assert load_memory(patterns).choice.two_qubit_gates == narrow + 56


def test_equal_superposition_of_everything_needs_no_two_qubit_gate():
    patterns = 1 - 2 * (np.arange(32)[:, None] >> np.arange(5) & 1)
    assert load_memory(patterns).choice.two_qubit_gates == 0


def test_the_cheaper_way_is_chosen_and_both_are_reported():
    rng = np.random.default_rng(0)
    seen = set()
    for m in (4, 20, 28, 30):
        for _ in range(3):
            codes = rng.choice(32, m, replace=False)
            patterns = 1 - 2 * (codes[:, None] >> np.arange(5) & 1)
            loader = load_memory(patterns)
            choice = loader.choice
            assert choice.dense_gates is not None
            cheaper = min(choice.sparse_gates, choice.dense_gates)
            assert choice.two_qubit_gates == cheaper == two_qubit_gates(loader.circuit)
            assert_loads(loader, expected_state(patterns, np.full(m, 1 / m)))
            seen.add(choice.method)
    assert seen == {"sparse", "dense"}


def test_multiplexer_of_numbers_is_the_full_one_for_powers_of_two():
    multiplexer = Multiplexer.of_numbers(8)
    assert sorted(multiplexer.masks) == list(range(8))
    turns = multiplexer.turns(np.random.default_rng(0).uniform(0, 3, 8))
    assert multiplexer.cost(turns) == 8


@pytest.mark.parametrize("count", [1, 2, 5, 9, 17])
def test_multiplexer_turns_by_the_angle_of_its_string(count):
    angles = np.random.default_rng(count).uniform(-3, 3, count)
    multiplexer = Multiplexer.of_numbers(count)
    width = multiplexer.num_controls
    for number in range(count):
        circuit = QuantumCircuit(width + 1)
        for k in range(width):
            if number >> k & 1:
                circuit.x(k)
        controls, target = circuit.qubits[:-1], circuit.qubits[-1]
        multiplexer.append(circuit, controls, target, multiplexer.turns(angles))
        half = angles[number] / 2
        found = Statevector(circuit).data[[number, number + 2**width]]
        np.testing.assert_allclose(found, [np.cos(half), np.sin(half)], atol=1e-12)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"patterns": [["a", "b"]]}, TypeError, "patterns must hold real numbers"),
        ({"patterns": []}, ValueError, "patterns must"),
        ({"patterns": [[1, 2]], "index": True}, ValueError, "numbers between -1 and 1; got 2"),
        ({"patterns": [[1, float("nan")]]}, ValueError, "finite"),
        ({"patterns": [[1, 0.5]]}, ValueError, "needs an index register: pass index=True"),
        ({"patterns": [[1, 1], [1, 1]]}, ValueError, "Rows 0 and 1 are the same pattern"),
        ({"patterns": [[1, 1]], "values": [[1], [1]]}, ValueError, "one row a pattern, 1; got 2"),
        ({"patterns": [[1], [-1]], "weights": [1, 1]}, ValueError, "sum to 1, got a sum of 2"),
        ({"patterns": [[1], [-1]], "weights": [1.5, -0.5]}, ValueError, "must be >= 0, got -0.5"),
        ({"patterns": [[1], [-1]], "weights": [np.nan, 1]}, ValueError, "must be >= 0, got nan"),
        ({"patterns": [[1], [-1]], "weights": [1.0]}, ValueError, r"shape \(2,\), one a pattern"),
        ({"patterns": [[1], [-1]], "weights": ["a", "b"]}, TypeError, "weights must hold real"),
        ({"patterns": [[1]], "max_dense_qubits": -1}, ValueError, "max_dense_qubits must be >= 0"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        load_memory(**arguments)
