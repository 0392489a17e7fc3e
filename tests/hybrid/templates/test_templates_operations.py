"""The templates as PennyLane operations: validity, batches, gradients, wires, bad input."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch

from qhopfield.circuits.blocks.indexed import IndexedLoader as IndexedBlock
from qhopfield.hybrid.templates import (
    ExpFilter,
    IndexedLoader,
    KernelFilter,
    LocalField,
    RotationNeuron,
    RUSNeuron,
)

# Name: (how it is made from its parameters, shapes of these, wires that start anywhere, flags).
CASES = {
    "field": (lambda t, o: LocalField(t, o, [0, 1], 2), ((2,), ()), [0, 1], [2]),
    "rotation": (lambda t, o: RotationNeuron(t, o, [0, 1], 2), ((2,), ()), [0, 1], [2]),
    "rus1": (lambda t, o: RUSNeuron(t, o, [0, 1], 2, 3, 1), ((2,), ()), [0, 1], [2, 3]),
    "rus2": (
        lambda t, o: RUSNeuron(t, o, [0], 1, [2, 3, 4], 2),
        ((1,), ()),
        [0],
        [1, 2, 3, 4],
    ),
    "uniform": (
        lambda a: IndexedLoader(a, 3, False, [0, 1], [2, 3]),
        (IndexedLoader.shape(3, 2),),
        [],
        [0, 2],
    ),
    "weighted": (
        lambda a: IndexedLoader(a, 3, True, [0, 1], [2]),
        (IndexedLoader.shape(3, 1, True),),
        [],
        [0, 2],
    ),
    "one pattern": (lambda a: IndexedLoader(a, 1, True, [], [0, 1]), ((2,),), [], [0, 1]),
    "exp": (lambda a: ExpFilter(a, [0, 1], [2, 3]), ((4,),), [0, 1], [2, 3]),
    "kernel": (lambda a: KernelFilter(a, [0, 1], [2, 3], 4), ((6,),), [0, 1], [4, 2]),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def parameters(shapes, batch=None, seed=0):
    rng = np.random.default_rng(seed)
    lead = () if batch is None else (batch,)
    return [rng.uniform(-2, 2, (*lead, *shape)) for shape in shapes]


def measured(case, device="default.qubit", **options):
    """A QNode for the un-normalised weight of the flags reading 0."""
    make, _, inputs, flags = case

    @qml.qnode(qml.device(device, wires=6), **options)
    def circuit(*values):
        for wire in inputs:
            qml.RY(0.7 + wire, wire)
        make(*values)
        for wire in inputs:  # the inputs' phases count too
            qml.RX(0.4, wire)
        return qml.expval(qml.Projector([0] * len(flags), wires=flags))

    return circuit


@cases
def test_it_is_a_valid_operation(case):
    make, shapes, *_ = case
    qml.ops.functions.assert_valid(make(*parameters(shapes)))
    batched = make(*parameters(shapes, batch=3))
    assert batched.batch_size == 3
    # PennyLane shifts no parameters of a batch, so that there is nothing to compare.
    qml.ops.functions.assert_valid(batched, skip_differentiation=True)


@cases
def test_it_decomposes_to_gates_that_every_device_knows(case):
    make, shapes, *_ = case
    tape = qml.tape.QuantumScript([make(*parameters(shapes))])
    (flat,), _ = qml.transforms.decompose(
        tape,
        gate_set={"RX", "RY", "RZ", "Hadamard", "CNOT", "CZ", "IsingZZ", "ControlledPhaseShift"},
    )
    assert all(len(op.wires) <= 2 for op in flat.operations)


@cases
@pytest.mark.parametrize("batch", [1, 3])
def test_batches_are_their_rows(case, batch):
    _, shapes, *_ = case
    values = parameters(shapes, batch)
    for device in ("default.qubit", "lightning.qubit"):
        circuit = measured(case, device)
        rows = [circuit(*(value[b] for value in values)) for b in range(batch)]
        np.testing.assert_allclose(circuit(*values), rows, atol=1e-12)


def test_one_parameter_may_be_a_batch_while_the_other_is_not():
    case = CASES["rus1"]
    turns, offset = parameters(case[1], 3)
    circuit = measured(case)
    rows = [circuit(turns[b], 0.3) for b in range(3)]
    np.testing.assert_allclose(circuit(turns, 0.3), rows, atol=1e-12)
    rows = [circuit(turns[0], offset[b]) for b in range(3)]
    np.testing.assert_allclose(circuit(turns[0], offset), rows, atol=1e-12)


@cases
def test_gradients_agree(case):
    """Backpropagation, parameter shifts, the adjoint method, and finite differences."""
    _, shapes, *_ = case
    values = parameters(shapes)
    found = {}
    for device, method in (
        ("default.qubit", "backprop"),
        ("default.qubit", "parameter-shift"),
        ("default.qubit", "adjoint"),
        ("lightning.qubit", "adjoint"),
    ):
        tensors = [torch.tensor(value, requires_grad=True) for value in values]
        circuit = measured(case, device, diff_method=method, interface="torch")
        circuit(*tensors).backward()
        found[device, method] = np.concatenate([t.grad.reshape(-1).numpy() for t in tensors])
    circuit = measured(case)
    by_hand = []
    for which, value in enumerate(values):
        for entry in np.ndindex(value.shape):
            step = np.zeros_like(value)
            step[entry] = 1e-5
            up, down = (
                circuit(*(v + sign * step if k == which else v for k, v in enumerate(values)))
                for sign in (1, -1)
            )
            by_hand.append((up - down) / 2e-5)
    assert np.abs(by_hand).max() > 1e-3
    for gradient in found.values():
        np.testing.assert_allclose(gradient, by_hand, atol=1e-8)
    np.testing.assert_allclose(
        found["default.qubit", "parameter-shift"], found["default.qubit", "backprop"], atol=1e-12
    )


@cases
def test_gradients_of_batches(case):
    _, shapes, *_ = case
    values = parameters(shapes, batch=3)
    weight = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)
    found = []
    for device, method in (("default.qubit", "backprop"), ("lightning.qubit", "adjoint")):
        tensors = [torch.tensor(value, requires_grad=True) for value in values]
        circuit = measured(case, device, diff_method=method, interface="torch")
        (weight * circuit(*tensors)).sum().backward()
        found.append(np.concatenate([t.grad.reshape(-1).numpy() for t in tensors]))
    np.testing.assert_allclose(found[0], found[1], atol=1e-10)


def test_every_angle_of_the_memory_is_that_of_one_gate():
    """So that a parameter shift of the tape is one of the memory's angles."""
    loaded = torch.arange(IndexedLoader.shape(5, 2, True)[0], dtype=torch.float64)
    asked = 100.0 + torch.arange(4, dtype=torch.float64)
    gates = [
        *IndexedLoader(loaded, 5, True, [0, 1, 2], [3, 4]).decomposition(),
        *ExpFilter(asked, [3, 4], [5, 6]).decomposition(),
    ]
    turned = [float(gate.data[0]) for gate in gates if gate.name == "RY"]
    assert turned == [*loaded.tolist(), *asked.tolist()]


def test_equal_weights_take_one_rotation_an_index_wire():
    gates = IndexedLoader(np.ones(8), 8, False, [0, 1, 2], [3]).decomposition()
    counts = {name: sum(gate.name == name for gate in gates) for name in ("RY", "CNOT")}
    assert counts == {"RY": 3 + 8, "CNOT": 8}
    assert IndexedBlock(8, 1).num_angles == 8


@cases
def test_resources_are_counted(case):
    make, shapes, *_ = case
    values = parameters(shapes)

    @qml.qnode(qml.device("default.qubit"))
    def circuit():
        op = make(*values)
        return qml.expval(qml.Z(op.wires[0]))

    specs = qml.specs(circuit, level="device")()
    op = make(*values)
    assert specs["resources"].num_gates >= len(op.decomposition())
    assert set(op.resource_params) == type(op).resource_keys


def test_lists_are_taken_as_arrays():
    op = ExpFilter([0.1, 0.2], [0], [1])
    assert isinstance(op.data[0], np.ndarray)


BAD = [
    (lambda: LocalField(np.ones(3), 0.0, [0, 1], 2), r"turns must have shape \(2,\) or.*\(3,\)"),
    (lambda: LocalField(np.ones(2), np.ones((2, 2)), [0, 1], 2), r"offset must have shape \(\)"),
    (lambda: LocalField(np.ones(2), 0.0, [0, 1], 1), "different wires; 1 is in two registers"),
    (lambda: LocalField(np.ones(2), 0.0, [0, 1], [2, 3]), "needs 1 wires in target, got 2"),
    (lambda: LocalField(np.ones(0), 0.0, [], 2), "needs at least one neuron"),
    (lambda: RotationNeuron(np.ones((1, 2, 2)), 0.0, [0, 1], 2), "turns must have shape"),
    (lambda: RotationNeuron(np.ones(2), 0.0, [0, 1], []), "needs 1 wires in output, got 0"),
    (lambda: RUSNeuron(np.ones(1), 0.0, [0], 1, [2], 0), "use RotationNeuron for level 0"),
    (lambda: RUSNeuron(np.ones(1), 0.0, [0], 1, [2], -1), "level must be between 0 and 12"),
    (lambda: RUSNeuron(np.ones(1), 0.0, [0], 1, [2], 2), "needs 3 wires in ancillas, got 1"),
    (lambda: RUSNeuron(np.ones(2), 0.0, [0], 1, [2], 1), "turns must have shape"),
    (lambda: IndexedLoader(np.ones(4), 0, False, [], [0]), "num_patterns must be >= 1, got 0"),
    (lambda: IndexedLoader(np.ones(4), 4, False, [0], [1]), "needs 2 wires in index, got 1"),
    (
        lambda: IndexedLoader(np.ones(4), 4, True, [0, 1], [2]),
        r"angles must have shape \(7,\) or, for a batch, \(B, 7\); got \(4,\)",
    ),
    (lambda: IndexedLoader(np.ones(4), 4, False, [0, 1], []), "needs at least one neuron"),
    (lambda: ExpFilter(np.ones(3), [0, 1], [2, 3]), r"angles must have shape \(4,\)"),
    (lambda: ExpFilter(np.ones(4), [0, 1], [2]), "needs 2 wires in ancillas, got 1"),
    (lambda: ExpFilter(np.ones(0), [], []), "needs at least one neuron"),
    (lambda: KernelFilter(np.ones(4), [0, 1], [2, 3], 4), r"angles must have shape \(6,\)"),
    (lambda: KernelFilter(np.ones(6), [0, 1], [2], 4), "needs 2 wires in register, got 1"),
    (lambda: KernelFilter(np.ones(6), [0, 1], [2, 3], 3), "3 is in two registers"),
]


@pytest.mark.parametrize("make, message", BAD)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_counts_must_be_integers():
    with pytest.raises(TypeError, match="level must be an integer"):
        RUSNeuron(np.ones(1), 0.0, [0], 1, [2], 1.0)
    with pytest.raises(TypeError, match="num_patterns must be an integer"):
        IndexedLoader(np.ones(4), 4.0, False, [0, 1], [2])
