"""The loader with open parameters: its state, its cost, its torch twin, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import Statevector

from qhopfield.circuits import laws
from qhopfield.circuits.blocks.filters import ExpFilter
from qhopfield.circuits.blocks.indexed import IndexedLoader, multiplexed
from qhopfield.circuits.blocks.loaders import load_memory
from qhopfield.circuits.blocks.multiplex import Multiplexer
from qhopfield.circuits.patterns import random_patterns

SIZES = [(1, 1), (1, 3), (2, 2), (3, 2), (4, 3), (5, 2), (6, 3), (7, 1), (8, 2), (11, 2)]


def expected_state(keys, weights):
    """Index lowest, then the keys, by Kronecker products."""
    num_index = (len(keys) - 1).bit_length()
    state = 0
    for mu, row in enumerate(keys):
        one = np.eye(2**num_index)[mu]
        for z in row:
            one = np.kron([np.sqrt((1 + z) / 2), np.sqrt((1 - z) / 2)], one)
        state = state + np.sqrt(weights[mu]) * one
    return state


def loaded(loader, angles, bind=None):
    circuit = QuantumCircuit(loader.num_index + loader.num_neurons)
    index, keys = circuit.qubits[: loader.num_index], circuit.qubits[loader.num_index :]
    loader.append(circuit, angles, index=index, keys=keys)
    return circuit if bind is None else circuit.assign_parameters({angles: bind})


def random_case(num_patterns, num_neurons, weighted):
    rng = np.random.default_rng(100 * num_patterns + num_neurons)
    keys = rng.uniform(-1, 1, (num_patterns, num_neurons))
    keys[0, 0], keys[-1, -1] = 1.0, -1.0
    if not weighted:
        return keys, None
    weights = rng.uniform(0.1, 3, num_patterns)
    if num_patterns > 2:
        weights[[0, num_patterns // 2]] = 0.0  # masked patterns
    return keys, weights


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("num_patterns, num_neurons", SIZES)
def test_it_loads_the_state(num_patterns, num_neurons, weighted):
    loader = IndexedLoader(num_patterns, num_neurons, weighted)
    keys, weights = random_case(num_patterns, num_neurons, weighted)
    angles = loader.angles(keys, weights)
    assert angles.shape == (loader.num_angles,)
    share = np.ones(num_patterns) if weights is None else weights
    state = expected_state(keys, share / share.sum())
    with_numbers = loaded(loader, angles)
    with_parameters = loaded(loader, ParameterVector("t", loader.num_angles), bind=angles)
    for circuit in (with_numbers, with_parameters):
        assert set(circuit.count_ops()) <= {"ry", "cx"}
        np.testing.assert_allclose(Statevector(circuit).data, state, atol=1e-12)


@pytest.mark.parametrize("num_patterns", [2, 3, 5, 8])
def test_binary_keys_are_those_of_load_memory(num_patterns):
    patterns = random_patterns(num_patterns, 4, seed=num_patterns)
    loader = IndexedLoader(num_patterns, 4)
    circuit = QuantumCircuit(4 + loader.num_index)
    loader.append(
        circuit, loader.angles(patterns), index=circuit.qubits[4:], keys=circuit.qubits[:4]
    )
    fixed = QuantumCircuit(circuit.num_qubits)
    load_memory(patterns, index=True).append(fixed, fixed.qubits[:4], index=fixed.qubits[4:])
    np.testing.assert_allclose(Statevector(circuit).data, Statevector(fixed).data, atol=1e-12)


def test_cost():
    """M = 2^m: one rotation an index qubit, then M rotations and M CX a neuron."""
    loader = IndexedLoader(8, 3)
    circuit = loaded(loader, ParameterVector("t", loader.num_angles))
    assert circuit.count_ops() == {"ry": 3 + 3 * 8, "cx": 3 * 8}
    assert circuit.num_parameters == loader.num_angles == 24
    weighted = IndexedLoader(8, 3, weighted=True)
    assert (weighted.num_index_angles, weighted.num_angles) == (7, 31)


def test_one_key_qubit_can_serve_all_neurons():
    """Neuron by neuron on the same qubit, unloaded in between: the probability of each bit."""
    keys, weights = random_case(5, 3, True)
    loader = IndexedLoader(5, 3, weighted=True)
    angles = loader.angles(keys, weights)
    share = weights / weights.sum()
    for i in range(3):
        circuit = QuantumCircuit(4)
        loader.append_index(circuit, angles[: loader.num_index_angles], circuit.qubits[1:])
        start = loader.num_index_angles + 5 * i
        loader.append_key(circuit, angles[start : start + 5], circuit.qubits[1:], circuit.qubits[0])
        table = Statevector(circuit).probabilities().reshape(8, 2)[:5]
        np.testing.assert_allclose(table[:, 0], share * (1 + keys[:, i]) / 2, atol=1e-12)
        np.testing.assert_allclose(table[:, 1], share * (1 - keys[:, i]) / 2, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("num_patterns", [1, 3, 4])
def test_with_the_filter_it_is_the_product_key_memory(num_patterns, weighted):
    keys, weights = random_case(num_patterns, 2, weighted)
    probe, beta = np.array([0.7, -0.4]), 1.7
    loader, choice = IndexedLoader(num_patterns, 2, weighted), ExpFilter(beta)
    circuit = QuantumCircuit(4 + loader.num_index)
    memory, ancillas, index = circuit.qubits[:2], circuit.qubits[2:4], circuit.qubits[4:]
    loader.append(circuit, loader.angles(keys, weights), index=index, keys=memory)
    choice.append(circuit, memory, choice.angles(probe)[0], ancillas=ancillas)
    table = Statevector(circuit).probabilities().reshape(2**loader.num_index, 4, 4)
    kept = table[:num_patterns, 0].sum(axis=1)
    share = np.ones(num_patterns) if weights is None else weights
    expected = share * np.exp(laws.product_key_logits(keys, probe, beta))
    np.testing.assert_allclose(kept / kept.sum(), expected / expected.sum(), atol=1e-10)
    acceptance = np.sum(share / share.sum() * laws.exp_acceptances(keys, probe, beta))
    np.testing.assert_allclose(kept.sum(), acceptance, atol=1e-10)


@pytest.mark.parametrize("num_strings", [1, 2, 3, 5, 8, 13])
def test_the_rotations_are_a_product_with_a_matrix(num_strings):
    angles = np.random.default_rng(0).uniform(-3, 3, (2, 4, num_strings))
    expected = Multiplexer.of_numbers(num_strings).turns(angles)
    np.testing.assert_allclose(multiplexed(angles, num_strings), expected, atol=1e-13)
    tensor = torch.tensor(angles, requires_grad=True)
    found = multiplexed(tensor, num_strings)
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-13)
    assert torch.autograd.gradcheck(lambda t: multiplexed(t, num_strings), tensor)


@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_torch_batches(batch, weighted):
    rng = np.random.default_rng(3)
    keys = rng.uniform(-1, 1, (batch, 5, 2))
    weights = rng.uniform(0, 1, (batch, 5)) if weighted else None
    loader = IndexedLoader(5, 2, weighted)
    rows = [loader.angles(keys[b], None if weights is None else weights[b]) for b in range(batch)]
    for dtype in (torch.float32, torch.float64):
        given = [None if a is None else torch.tensor(a, dtype=dtype) for a in (keys, weights)]
        found = loader.angles(*given)
        assert found.dtype == dtype and found.shape == (batch, loader.num_angles)
        if batch:
            np.testing.assert_allclose(found, np.stack(rows), atol=1e-5)


def test_weights_and_keys_are_broadcast_and_have_gradients():
    keys = torch.rand(5, 2, dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([[1.0, 0, 2, 1, 0], [1, 1, 1, 1, 1]], requires_grad=True)
    angles = IndexedLoader(5, 2, weighted=True).angles(keys, weights)
    assert angles.shape == (2, 16)
    slopes = torch.autograd.grad((angles**2).sum(), (keys, weights))
    assert all(torch.isfinite(slope).all() for slope in slopes)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: IndexedLoader(0, 2), ValueError, "num_patterns must be >= 1, got 0"),
        (lambda: IndexedLoader(2, 0), ValueError, "num_neurons must be >= 1, got 0"),
        (lambda: IndexedLoader(2.5, 1), TypeError, "num_patterns must be an integer"),
        (
            lambda: IndexedLoader(2, 3).angles(np.ones((3, 2))),
            ValueError,
            r"keys must have shape \(..., 2, 3\), one row a pattern; got \(3, 2\)",
        ),
        (lambda: IndexedLoader(2, 1).angles([[1.0], [1.5]]), ValueError, "between -1 and 1"),
        (lambda: IndexedLoader(2, 1).angles([[1.0], [np.nan]]), ValueError, "between -1 and 1"),
        (
            lambda: IndexedLoader(2, 1).angles([[1], [-1]], [1, 1]),
            ValueError,
            r"use IndexedLoader\(2, 1, weighted=True\)",
        ),
        (
            lambda: IndexedLoader(2, 1, True).angles([[1], [-1]]),
            ValueError,
            r"pass weights of shape \(..., 2\)",
        ),
        (
            lambda: IndexedLoader(2, 1, True).angles([[1], [-1]], [1, 1, 1]),
            ValueError,
            r"weights must have shape \(..., 2\), one a pattern; got \(3,\)",
        ),
        (
            lambda: IndexedLoader(2, 1, True).angles([[1], [-1]], 1.0),
            ValueError,
            r"weights must have shape \(..., 2\), one a pattern; got \(\)",
        ),
        (
            lambda: IndexedLoader(2, 1, True).angles([[1], [-1]], [1, -1]),
            ValueError,
            "weights must be >= 0 and not NaN",
        ),
        (
            lambda: IndexedLoader(2, 1, True).angles([[1], [-1]], [[1, 1], [0, 0]]),
            ValueError,
            "weights are 0 for every pattern",
        ),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    "angles, index, keys, message",
    [
        (6, 2, 1, "IndexedLoader of 3 patterns on 2 neurons needs 2 key qubits, got 1"),
        (6, 1, 2, "needs 2 index qubits, got 1"),
        (5, 2, 2, "needs 6 angles, got 5"),
    ],
)
def test_append_counts_what_it_is_given(angles, index, keys, message):
    circuit = QuantumCircuit(5)
    with pytest.raises(ValueError, match=message):
        IndexedLoader(3, 2).append(
            circuit,
            np.ones(angles),
            index=circuit.qubits[:index],
            keys=circuit.qubits[index : index + keys],
        )


def test_the_parts_count_what_they_are_given():
    circuit, loader = QuantumCircuit(5), IndexedLoader(3, 2, weighted=True)
    with pytest.raises(ValueError, match="needs 3 index angles, got 2"):
        loader.append_index(circuit, np.ones(2), circuit.qubits[:2])
    with pytest.raises(ValueError, match="needs 3 angles of a neuron, got 2"):
        loader.append_key(circuit, np.ones(2), circuit.qubits[:2], circuit.qubits[2])
