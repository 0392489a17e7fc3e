"""What the executors give back: records, weights, gradients; and what they keep."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.primitives import StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator

from qhopfield.circuits import laws
from qhopfield.hybrid import Execution, QuantumHopfield, run_on
from qhopfield.hybrid.execution import (
    PennyLaneExecutor,
    QiskitExecutor,
    Records,
    split_device,
)
from qhopfield.hybrid.programs.base import Measured, Program, Wires
from qhopfield.hybrid.programs.memory import MemoryProgram


@pytest.fixture
def query():
    """A program of 3 product-state keys on 2 neurons, angles of two queries, and their law."""
    rng = torch.Generator().manual_seed(3)
    keys = 2.0 * torch.rand(3, 2, generator=rng, dtype=torch.float64) - 1.0
    probes = torch.randn(2, 2, generator=rng, dtype=torch.float64)
    program = MemoryProgram(3, 2)
    angles = program.angles(probes, keys, 1.0)
    return program, angles, laws.exp_acceptances(keys, probes, 1.0) / 3.0, keys, probes


EXACT = {
    "default.qubit": lambda: PennyLaneExecutor("default.qubit"),
    "default.qubit, shifts": lambda: PennyLaneExecutor("default.qubit", gradient="parameter-shift"),
    "lightning.qubit": lambda: PennyLaneExecutor("lightning.qubit"),
    "lightning.qubit, shifts": lambda: PennyLaneExecutor(
        "lightning.qubit", gradient="parameter-shift"
    ),
    "default.mixed": lambda: PennyLaneExecutor("default.mixed"),
    "reference.qubit": lambda: PennyLaneExecutor("reference.qubit"),
    "default.qubit of 9 wires": lambda: PennyLaneExecutor(qml.device("default.qubit", wires=9)),
    "lightning.qubit of named wires": lambda: PennyLaneExecutor(
        qml.device("lightning.qubit", wires=[*"abcdefg"])
    ),
    "reference.qubit of named wires": lambda: PennyLaneExecutor(
        qml.device("reference.qubit", wires=[*"abcdef"])
    ),
    "aer": lambda: QiskitExecutor(),
    "aer density matrix": lambda: QiskitExecutor(backend=AerSimulator(method="density_matrix")),
}


@pytest.mark.parametrize("path", EXACT)
def test_weights_and_gradients(path, query):
    program, angles, wanted, *_ = query
    executor = EXACT[path]()
    assert executor.exact
    given = angles.clone().requires_grad_()
    found = executor.weights(program, given)
    torch.testing.assert_close(found, wanted, atol=1e-9, rtol=0)
    cotangent = torch.tensor([[1.0, -2.0, 0.5], [0.3, 1.0, -1.0]], dtype=torch.float64)
    (slope,) = torch.autograd.grad((found * cotangent).sum(), given)
    step = 1e-6
    for place in range(program.num_angles):
        moved = torch.zeros(program.num_angles, dtype=torch.float64)
        moved[place] = step
        with torch.no_grad():
            ends = [executor.weights(program, angles + sign * moved) for sign in (1, -1)]
        numeric = ((ends[0] - ends[1]) * cotangent).sum(1) / (2 * step)
        torch.testing.assert_close(slope[:, place], numeric, atol=1e-8, rtol=0)


@pytest.mark.parametrize("path", EXACT)
def test_batches_of_any_size(path, query):
    program, angles, wanted, *_ = query
    executor = EXACT[path]()
    for rows in ([], [1], [0, 1, 0]):
        given = angles[rows].clone().requires_grad_()
        found = executor.weights(program, given)
        torch.testing.assert_close(found, wanted[rows], atol=1e-9, rtol=0)
        assert torch.autograd.grad(found.sum(), given)[0].shape == given.shape


def test_more_rows_than_one_call_takes(query, monkeypatch):
    program, angles, wanted, *_ = query
    rows = torch.arange(7) % 2
    for module, name, size in (("qiskit", "_ROWS", 3), ("pennylane", "_AMPLITUDES", 2**8)):
        monkeypatch.setattr(f"qhopfield.hybrid.execution.{module}.{name}", size)
    for executor in (QiskitExecutor(), PennyLaneExecutor(), PennyLaneExecutor("lightning.qubit")):
        torch.testing.assert_close(executor.weights(program, angles[rows]), wanted[rows])
    counted = QiskitExecutor(shots=500, seed=1).records(program, angles[rows])
    assert set(counted.rows.tolist()) == set(range(7))


@pytest.mark.parametrize("layout", ["coherent", "reuse"])
def test_records_are_a_sample_of_the_joint_law(layout, query, chance):
    """Pattern and spins together: w_mu prod_i (1 + s_i z_i)/2 e^(a_i s_i - |a_i|)."""
    program, angles, weights, keys, probes = query
    shots = 4000 if layout == "coherent" else 1000
    records = QiskitExecutor(shots=shots, layout=layout, seed=5).records(program, angles)
    assert records.shots == shots
    table = np.zeros((2, 3, 2, 2))
    for row, outcome, spins, count in zip(
        records.rows, records.outcomes, records.spins, records.counts, strict=True
    ):
        first, second = ((1 - spins) / 2).int().tolist()
        table[row, outcome, first, second] += count
    np.testing.assert_allclose(table.sum((2, 3)) / shots, records.weights(2, 3))
    spin = np.array([1.0, -1.0])
    shown = (1 + spin * keys.numpy()[..., None]) / 2  # (M, n, 2)
    kept = np.exp(probes.numpy()[..., None] * spin - np.abs(probes.numpy())[..., None])  # (R, n, 2)
    each = shown * kept[:, None]  # (R, M, n, 2)
    joint = np.einsum("rma,rmb->rmab", each[:, :, 0], each[:, :, 1]) / 3
    np.testing.assert_allclose(joint.sum((2, 3)), weights, atol=1e-9)
    due = joint.reshape(2, -1)
    seen = table.reshape(2, -1)
    chance.chi_square(
        np.column_stack([seen, shots - seen.sum(1)]), np.column_stack([due, 1 - due.sum(1)])
    )


def test_weights_of_records():
    records = Records(
        rows=torch.tensor([0, 0, 2]),
        outcomes=torch.tensor([1, 1, 0]),
        spins=torch.ones(3, 1),
        counts=torch.tensor([2.0, 3.0, 1.0]),
        shots=10,
    )
    wanted = torch.tensor([[0.0, 0.5], [0.0, 0.0], [0.1, 0.0]])
    torch.testing.assert_close(records.weights(3, 2), wanted)


def test_noise_that_leaves_the_patterns_does_not_count(query, depolarizing):
    """Index 3 of 3 patterns: an outcome of the wrong row would be worse than none."""
    program, angles, *_ = query
    noise = depolarizing(0.2, 0.5)
    executor = QiskitExecutor(noise_model=noise, shots=500, seed=1)
    records = executor.records(program, angles)
    assert int(records.outcomes.max()) == 2
    assert len(records.outcomes) == len(records.rows) == len(records.spins) == len(records.counts)
    exact = QiskitExecutor(noise_model=noise).weights(program, angles)
    assert exact.shape == (2, 3)


class Twice(Program):
    """R_y(2 t) made of two gates of one angle: an angle of frequency 2."""

    num_angles, num_outcomes = 2, 2
    frequencies = (2, 1)
    wires = Wires(outcome=(0,), flags=(1,), total=2)

    def circuit(self, layout="coherent"):
        circuit, angles = QuantumCircuit(2, 2), ParameterVector("t", 2)
        circuit.ry(angles[0], 0)
        circuit.rx(0.4, 0)
        circuit.ry(angles[0], 0)
        circuit.cry(1.0, 0, 1)
        circuit.ry(angles[1], 1)
        circuit.measure([0, 1], [0, 1])
        return Measured(circuit, tuple(angles), outcome=(0,), flags=(1,))

    def apply(self, angles):
        qml.RY(angles[..., 0], 0)
        qml.RX(0.4, 0)
        qml.RY(angles[..., 0], 0)
        qml.CRY(1.0, [0, 1])
        qml.RY(angles[..., 1], 1)


def test_angles_of_several_gates(answer):
    """The shift rule of an angle that enters twice, against backpropagation."""
    angles = torch.tensor([[0.3, -0.8], [2.0, 1.1]], dtype=torch.float64)
    cotangent = torch.tensor([1.0, -0.4], dtype=torch.float64)
    slopes = []
    for executor in (
        PennyLaneExecutor("default.qubit"),
        PennyLaneExecutor("default.qubit", gradient="parameter-shift"),
        PennyLaneExecutor("lightning.qubit"),
        QiskitExecutor(),
    ):
        given = angles.clone().requires_grad_()
        slopes += torch.autograd.grad((executor.weights(Twice(), given) @ cotangent).sum(), given)
    for slope in slopes[1:]:
        torch.testing.assert_close(slope, slopes[0], atol=1e-9, rtol=0)


def test_shifts_are_differentiated_again(query):
    program, angles, *_ = query
    run = QiskitExecutor()

    def slope(given):
        given = given.clone().requires_grad_()
        weights = run.weights(program, given)
        return torch.autograd.grad(weights.square().sum(), given, create_graph=True)[0], given

    first, given = slope(angles)
    first.sum().backward()
    step = 1e-4 * torch.ones_like(angles)
    # The second derivatives are symmetric, so that their rows sum as their columns do.
    wanted = (slope(angles + step)[0] - slope(angles - step)[0]).detach() / 2e-4
    torch.testing.assert_close(given.grad, wanted, rtol=1e-5, atol=1e-6)


# What they keep --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: PennyLaneExecutor("default.qubit", shots=200, seed=1),
        lambda: PennyLaneExecutor("lightning.qubit", shots=200, seed=1),
        lambda: QiskitExecutor(shots=200, seed=1),
        lambda: QiskitExecutor(backend=GenericBackendV2(6, seed=1), shots=200, seed=1),
    ],
    ids=["default.qubit", "lightning.qubit", "aer", "device"],
)
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))],
    ids=["copy", "pickle"],
)
def test_copies_go_on_by_themselves(make, used, copied, query):
    program, angles, *_ = query
    executor = make()
    if used:
        executor.weights(program, angles)
    twin = copied(executor)
    assert (twin.name, twin.shots, twin.gradient) == (
        executor.name,
        executor.shots,
        executor.gradient,
    )
    found = twin.weights(program, angles)
    assert found.shape == executor.weights(program, angles).shape


def test_a_generator_goes_on(query):
    program, angles, *_ = query
    rng = np.random.default_rng(1)
    first = QiskitExecutor(shots=100, seed=rng).weights(program, angles)
    second = QiskitExecutor(shots=100, seed=rng).weights(program, angles)
    assert first.ne(second).any()
    again = QiskitExecutor(shots=100, seed=np.random.default_rng(1)).weights(program, angles)
    torch.testing.assert_close(first, again, atol=0, rtol=0)


def test_each_program_is_transpiled_once(query, monkeypatch):
    program, angles, *_ = query
    executor = QiskitExecutor(shots=10, seed=1)
    executor.weights(program, angles)
    monkeypatch.setattr(MemoryProgram, "circuit", None)  # building it again would fail
    executor.weights(MemoryProgram(3, 2), angles)


# Layouts and devices -----------------------------------------------------------------------------


class NoReset(GenericBackendV2):
    """A device that does not reset."""

    @property
    def operation_names(self):
        return [name for name in super().operation_names if name != "reset"]


def test_the_layout_fits_the_device(query, depolarizing):
    """Few qubits where there is noise, no resets where there are none."""
    program, angles, *_ = query  # 6 qubits, or 4 with reuse
    assert QiskitExecutor(backend=GenericBackendV2(4, seed=1), shots=20).weights(
        program, angles
    ).shape == (2, 3)
    assert QiskitExecutor(backend=NoReset(6, seed=1), shots=20).weights(program, angles).shape == (
        2,
        3,
    )
    with pytest.raises(ValueError, match="needs 6 qubits and generic_backend_5q has 5"):
        QiskitExecutor(backend=NoReset(5, seed=1), shots=20).weights(program, angles)
    assert QiskitExecutor(sampler=StatevectorSampler(seed=1), shots=20).weights(
        program, angles
    ).shape == (2, 3)
    imitated = AerSimulator.from_backend(GenericBackendV2(4, seed=1))
    assert QiskitExecutor(backend=imitated, shots=20, seed=1).weights(program, angles).shape == (
        2,
        3,
    )


def test_wide_memories_run_as_matrix_product_states(chance):
    """29 qubits of rank 2: no statevector would fit a test."""
    layer = QuantumHopfield(14, scaling=0.4, num_heads=1, dtype=torch.float64)
    x = 0.4 * torch.randn(1, 2, 14, dtype=torch.float64)
    law = layer.associate(x)
    shots = 400
    with torch.no_grad(), run_on(layer, backend=AerSimulator(), shots=shots, seed=1):
        found = layer.associate(x)
    counts = (found.association * found.acceptance[..., None] * shots).round()[0, 0]
    due = (law.association * law.acceptance[..., None]).detach()[0, 0]
    chance.chi_square(
        torch.cat([counts, shots - counts.sum(1, keepdim=True)], 1),
        torch.cat([due, 1 - due.sum(1, keepdim=True)], 1),
    )


def test_device_means_torch_or_pennylane():
    assert split_device(None) == (None, None)
    assert split_device("cpu") == (torch.device("cpu"), None)
    assert split_device("cuda:1") == (torch.device("cuda", 1), None)
    assert split_device(torch.device("meta")) == (torch.device("meta"), None)
    assert split_device("default.qubit") == (None, "default.qubit")
    device = qml.device("default.qubit")
    assert split_device(device) == (None, device)


def test_nothing_given_is_the_law():
    assert Execution().is_law
    assert Execution(seed=1, empty="prior").executor() is None
    for given in (
        {"device": "default.qubit"},
        {"backend": AerSimulator()},
        {"sampler": StatevectorSampler(), "shots": 1},
    ):
        assert not Execution(**given).is_law
