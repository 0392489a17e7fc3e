"""What is left once all ancillas read 0: the laws, through PennyLane."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest

from qhopfield.circuits import KernelFilter as KernelBlock
from qhopfield.circuits import laws
from qhopfield.circuits.blocks.indexed import IndexedLoader as IndexedBlock
from qhopfield.circuits.patterns import random_patterns
from qhopfield.hybrid.templates import (
    ExpFilter,
    IndexedLoader,
    KernelFilter,
    LocalField,
    RotationNeuron,
    RUSNeuron,
)


def filtered(keys, weights, probe, beta, device="default.qubit"):
    """P(mu and all ancillas 0) of the loader and the exponential filter, (M,)."""
    num_patterns, num_neurons = keys.shape
    block = IndexedBlock(num_patterns, num_neurons, weights is not None)
    memory = list(range(num_neurons))
    ancillas = list(range(num_neurons, 2 * num_neurons))
    index = [f"mu{p}" for p in range(block.num_index)]

    @qml.qnode(qml.device(device, wires=[*memory, *ancillas, *index]))
    def circuit(loaded, asked):
        IndexedLoader(loaded, num_patterns, block.weighted, index, memory)
        ExpFilter(asked, memory, ancillas)
        return qml.probs(wires=[*ancillas, *index[::-1]])

    found = circuit(block.angles(keys, weights), laws.exp_filter_angles(probe, beta))
    table = found.reshape(2**num_neurons, 2**block.num_index)
    assert np.abs(table[:, num_patterns:]).max(initial=0.0) < 1e-12
    return table[0, :num_patterns]


@pytest.mark.parametrize("device", ["default.qubit", "lightning.qubit"])
@pytest.mark.parametrize("num_patterns", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("weighted", [False, True])
def test_product_state_keys(num_patterns, weighted, device):
    rng = np.random.default_rng(num_patterns)
    keys, probe = rng.uniform(-1, 1, (num_patterns, 3)), np.array([0.6, -0.9, 0.0])
    share = np.ones(num_patterns)
    if weighted:
        share = rng.uniform(0.1, 2, num_patterns)
        share[1::3] = 0.0  # masked
    kept = filtered(keys, share if weighted else None, probe, 1.3, device)
    wanted = share / share.sum() * laws.exp_acceptances(keys, probe, 1.3)
    np.testing.assert_allclose(kept, wanted, atol=1e-10)
    if not weighted:
        law = laws.product_key_memory(keys, probe, 1.3)
        np.testing.assert_allclose(kept / kept.sum(), law, atol=1e-10)


@pytest.mark.parametrize("num_patterns", [3, 8])
def test_binary_keys_give_the_softmax(num_patterns):
    patterns = random_patterns(num_patterns, 4, seed=1)
    probe = np.array([0.3, -1.0, 0.5, 0.9])
    kept = filtered(patterns, None, probe, 0.8)
    law = laws.softmax_memory(patterns, probe, 0.8)
    np.testing.assert_allclose(kept / kept.sum(), law, atol=1e-10)


def test_kernel_filter_keeps_by_distance():
    patterns, probe = random_patterns(5, 3, seed=2), np.array([1, -1, 0])
    loader, kernel = IndexedBlock(5, 3), KernelBlock([1.0, 0.3, 0.6, 0.1])
    memory, index, register = [0, 1, 2], ["a", "b", "c"], ["d0", "d1"]

    @qml.qnode(qml.device("default.qubit"))
    def circuit(loaded, asked):
        IndexedLoader(loaded, 5, False, index, memory)
        KernelFilter(asked, memory, register, "kept")
        return qml.probs(wires=["kept", *index[::-1], *register[::-1]])

    table = circuit(loader.angles(patterns), kernel.angles(probe)[0]).reshape(2, 8, 4)[0, :5]
    distances = laws.distances(patterns, probe).astype(int)
    wanted = np.zeros((5, 4))
    wanted[np.arange(5), distances] = np.array([1.0, 0.3, 0.6, 0.1])[distances] / 5
    np.testing.assert_allclose(table, wanted, atol=1e-10)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_neurons_follow_their_law(level):
    """Each neuron on every state of its inputs, which stay as they are."""
    weights, bias, gain = np.array([0.7, -1.1]), 0.4, 0.3
    turns, offset = LocalField.angles(weights, bias, gain)
    ancillas = list(range(3, 2 + 2**level))

    @qml.qnode(qml.device("default.qubit"))
    def circuit(bits):
        qml.BasisState(bits, wires=[0, 1])
        if level:
            RUSNeuron(turns, offset, [0, 1], 2, ancillas, level)
        else:
            RotationNeuron(turns, offset, [0, 1], 2)
        return qml.probs(wires=[*ancillas, 0, 1, 2])

    for bits in ([0, 0], [0, 1], [1, 0], [1, 1]):
        field = np.array(weights @ (1 - 2 * np.array(bits)) + bias)
        kept = circuit(np.array(bits)).reshape(-1, 2, 2, 2)[0]
        plus, minus = kept[tuple(bits)]
        acceptance = laws.neuron_acceptance(field, gain, level, 1)
        np.testing.assert_allclose(plus + minus, acceptance, atol=1e-12)
        np.testing.assert_allclose(kept.sum(), acceptance, atol=1e-12)
        mean = (plus - minus) / (plus + minus)
        np.testing.assert_allclose(mean, laws.neuron_expectation(field, gain, level), atol=1e-10)
