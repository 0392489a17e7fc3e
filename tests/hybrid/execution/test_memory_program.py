"""The circuit of one head, in both layouts and in PennyLane, against its law."""

from __future__ import annotations

import itertools

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.quantum_info import Statevector

from qhopfield.hybrid import QuantumHopfield, QuantumHopfieldLayer, QuantumHopfieldPooling
from qhopfield.hybrid.programs.memory import MemoryProgram

LAYOUTS = pytest.mark.parametrize("layout", ["coherent", "reuse"])


def readings(circuit):
    """Exact probabilities of what the classical bits read, measurements on the way included."""
    branches = [(0, Statevector.from_label("0" * circuit.num_qubits))]
    for step in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in step.qubits]
        name = step.operation.name
        if name not in ("measure", "reset"):
            branches = [(read, state.evolve(step.operation, qubits)) for read, state in branches]
            continue
        split = []
        ones = np.arange(2**circuit.num_qubits) >> qubits[0] & 1
        for read, state in branches:
            for value in (0, 1):
                part = np.where(ones == value, state.data, 0.0)
                if np.vdot(part, part).real < 1e-20:
                    continue
                if name == "measure":
                    bit = circuit.find_bit(step.clbits[0]).index
                    split.append((read & ~(1 << bit) | value << bit, Statevector(part)))
                else:
                    order = np.arange(len(part)) ^ (value << qubits[0])
                    split.append((read, Statevector(part[order])))
        branches = split
    total: dict[int, float] = {}
    for read, state in branches:
        total[read] = total.get(read, 0.0) + np.vdot(state.data, state.data).real
    return total


def spelt(read, bits):
    return sum((read >> bit & 1) << place for place, bit in enumerate(bits))


def law(keys, probe, weights=None):
    """P(pattern, spins, nothing rejected) as a table (M, 2^n); spin bit 1 is -1."""
    patterns, neurons = keys.shape
    weights = torch.ones(patterns, dtype=keys.dtype) if weights is None else weights
    table = torch.zeros(patterns, 2**neurons, dtype=torch.float64)
    for number, bits in enumerate(itertools.product((0, 1), repeat=neurons)):
        spins = 1.0 - 2.0 * torch.tensor(bits[::-1], dtype=torch.float64)
        shown = ((1.0 + spins * keys) / 2.0).prod(-1)
        kept = torch.exp((probe * spins - probe.abs()).sum())
        table[:, number] = weights / weights.sum() * shown * kept
    return table


def drawn(patterns, neurons, seed=0):
    """Product-state keys, one of them a bit, a probe with a 0, and weights with a 0."""
    rng = torch.Generator().manual_seed(seed)
    keys = 2.0 * torch.rand(patterns, neurons, generator=rng, dtype=torch.float64) - 1.0
    keys[0, 0] = 1.0
    probe = torch.randn(neurons, generator=rng, dtype=torch.float64)
    probe[-1] = 0.0
    weights = torch.rand(patterns, generator=rng, dtype=torch.float64) + 0.1
    if patterns > 2:
        weights[1] = 0.0
    return keys, probe, weights


@LAYOUTS
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("patterns", [1, 2, 3, 4, 5])
def test_circuit_follows_the_law(patterns, weighted, layout):
    keys, probe, weights = drawn(patterns, 2)
    program = MemoryProgram(patterns, 2, weighted=weighted)
    angles = program.angles(probe, keys, 1.0, weights if weighted else None)
    assert angles.shape == (program.num_angles,)
    measured = program.circuit(layout)
    bound = measured.circuit.assign_parameters(
        dict(zip(measured.parameters, angles.tolist(), strict=True))
    )
    found = torch.zeros(patterns, 4, dtype=torch.float64)
    exact = readings(bound)
    assert sum(exact.values()) == pytest.approx(1.0)
    for read, probability in exact.items():
        if not spelt(read, measured.flags):
            found[spelt(read, measured.outcome), spelt(read, measured.records)] += probability
    wanted = law(keys, probe, weights if weighted else None)
    torch.testing.assert_close(found, wanted, atol=1e-9, rtol=0)


def test_bits_give_the_softmax():
    keys = torch.tensor([[1, 1, -1], [1, -1, 1], [-1, -1, -1], [-1, 1, 1], [1, 1, 1]]).double()
    probe, beta = torch.tensor([0.4, -0.9, 0.2]).double(), 1.7
    program = MemoryProgram(5, 3)
    weights = torch.zeros(5, dtype=torch.float64)
    measured = program.circuit()
    angles = program.angles(probe, keys, beta).tolist()
    bound = measured.circuit.assign_parameters(dict(zip(measured.parameters, angles, strict=True)))
    for read, probability in readings(bound).items():
        if not spelt(read, measured.flags):
            weights[spelt(read, measured.outcome)] += probability
    torch.testing.assert_close(weights / weights.sum(), torch.softmax(beta * keys @ probe, 0))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("patterns", [1, 3, 8])
@pytest.mark.parametrize("neurons", [1, 4])
def test_size(patterns, neurons, weighted):
    program = MemoryProgram(patterns, neurons, weighted=weighted)
    index = {1: 0, 3: 2, 8: 3}[patterns]
    # What the docstrings promise: an ancilla a neuron, or one key qubit and one ancilla for all.
    assert program.num_qubits("coherent") == program.num_qubits() == index + 2 * neurons
    assert program.num_qubits("reuse") == index + 2
    tree = {1: 0, 3: 3, 8: 7}[patterns] if weighted else 0
    assert program.num_angles == tree + patterns * neurons + 2 * neurons
    assert program.num_outcomes == patterns
    assert program.frequencies == (1,) * program.num_angles
    for layout in ("coherent", "reuse"):
        measured = program.circuit(layout)
        assert measured.circuit.num_qubits == program.num_qubits(layout)
        assert set(measured.circuit.parameters) == set(measured.parameters)
        assert len(measured.outcome) == index
        assert len(measured.flags) == len(measured.records) == neurons
        resets = measured.circuit.count_ops().get("reset", 0)
        assert resets == (neurons - 1 if layout == "reuse" else 0)
    assert program.wires.total == index + 2 * neurons


def test_unknown_layout():
    with pytest.raises(ValueError, match="layout must be one of 'coherent', 'reuse'; got 'ring'"):
        MemoryProgram(2, 2).circuit("ring")


# One query of a layer ---------------------------------------------------------------------------


def kept(circuit, patterns):
    """The association and the acceptance that a measured circuit shows."""
    place = {register.name: register for register in circuit.cregs}
    bits = {
        name: [circuit.find_bit(bit).index for bit in register] for name, register in place.items()
    }
    weights = torch.zeros(patterns, dtype=torch.float64)
    for read, probability in readings(circuit).items():
        if not spelt(read, bits["rejected"]):
            weights[spelt(read, bits["pattern"])] += probability
    return weights / weights.sum(), weights.sum()


@LAYOUTS
@pytest.mark.parametrize("keys", ["binary", "product"])
@pytest.mark.parametrize("mask", ["none", "causal", "padding", "floats"])
def test_circuit_of_a_query(keys, mask, layout, small, draw):
    layer, x = small(keys), draw(2, 3, 4)
    masks = {
        "none": {},
        "causal": {"is_causal": True},
        "padding": {"key_padding_mask": torch.tensor([[False] * 3, [True, False, False]])},
        "floats": {"attn_mask": torch.tensor([[0.0, 1.0, -1.0]]).double().expand(3, 3)},
    }[mask]
    found = layer.associate(x, **masks)
    for batch, head, query in ((0, 0, 0), (1, 1, 2), (0, 1, 1)):
        circuit = layer.circuit(x, batch=batch, head=head, query=query, layout=layout, **masks)
        assert not circuit.parameters
        share, acceptance = kept(circuit, 3)
        torch.testing.assert_close(share, found.association[batch, head, query])
        torch.testing.assert_close(acceptance, found.acceptance[batch, head, query])


@pytest.mark.parametrize("device", ["default.qubit", "lightning.qubit"])
@pytest.mark.parametrize("keys", ["binary", "product"])
def test_qnode_of_a_query(keys, device, small, draw):
    layer, x = small(keys), draw(2, 5, 4)
    found = layer.associate(x, is_causal=True)
    node, angles = layer.qnode(x, batch=1, head=1, query=3, is_causal=True, device=device)
    weights = torch.as_tensor(np.stack([*map(np.asarray, _flat(node(angles)))]))[:5]
    torch.testing.assert_close(weights.sum(), found.acceptance[1, 1, 3])
    torch.testing.assert_close(weights / weights.sum(), found.association[1, 1, 3])
    assert "IndexedLoader" in qml.draw(node, level="top")(angles)


def _flat(answer):
    return answer if isinstance(answer, (list, tuple)) else answer.tolist()


def test_qnode_with_shots(small, draw, chance):
    layer, x = small(), draw(1, 3, 4)
    found = layer.associate(x)
    node, angles = layer.qnode(x, query=1, device=qml.device("default.qubit", seed=5), shots=4000)
    counts = torch.round(node(angles) * 4000)
    wanted = found.association[0, 0, 1] * found.acceptance[0, 0, 1]
    chance.chi_square(
        [[*counts[:3].tolist(), 4000 - counts[:3].sum().item()]],
        [[*wanted.tolist(), 1 - wanted.sum().item()]],
    )


def test_circuit_of_every_layer(draw):
    options = {"num_heads": 2, "dtype": torch.float64}
    x = draw(2, 3, 4)
    pooling = QuantumHopfieldPooling(4, quantity=2, **options)
    share, _ = kept(pooling.circuit(x, batch=1, query=1), 3)
    torch.testing.assert_close(share, pooling.associate(x).association[1, 0, 1])
    lookup = QuantumHopfieldLayer(4, quantity=5, target_size=6, **options)
    for state in (x, x[1]):  # single sequences too
        where = {"batch": 1} if state.dim() == 3 else {}
        share, _ = kept(lookup.circuit(state, query=2, **where), 5)
        torch.testing.assert_close(share, lookup.associate(x).association[1, 0, 2])
        node, angles = lookup.qnode(state, query=2, **where)
        weights = node(angles)[:5]
        torch.testing.assert_close(share, weights / weights.sum())
    memory = QuantumHopfield.store([[1, 1, -1], [1, -1, 1]], [[0.0], [1.0]], dtype=torch.float64)
    state = draw(1, 2, 3)
    share, _ = kept(memory.circuit(state, query=1), 2)
    torch.testing.assert_close(share, memory.associate(state).association[0, 0, 1])


def test_circuits_do_not_grow_with_the_neurons_in_reuse(draw):
    layer = QuantumHopfield(12, dtype=torch.float64)
    x = draw(1, 4, 12)
    assert layer.circuit(x, layout="reuse").num_qubits == 4
    assert layer.circuit(x).num_qubits == 2 + 24


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"batch": 2}, "batch must be between 0 and 1, got 2"),
        ({"head": -1}, "head must be between 0 and 1, got -1"),
        ({"query": 3}, "query must be between 0 and 2, got 3"),
    ],
)
def test_no_such_query(where, message, small, draw):
    layer, x = small(), draw(2, 3, 4)
    with pytest.raises(IndexError, match=message):
        layer.circuit(x, **where)
    with pytest.raises(IndexError, match=message):
        layer.qnode(x, **where)
