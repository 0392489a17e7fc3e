"""The neuron's circuit, on Qiskit and on PennyLane, against its law."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator

from qhopfield.circuits import RotationNeuron, RUSNeuron, laws
from qhopfield.circuits.blocks.fields import OpenField, QuadraticField
from qhopfield.circuits.blocks.neurons import Workspace
from qhopfield.circuits.models import Hopfield
from qhopfield.hybrid.execution import PennyLaneExecutor, QiskitExecutor
from qhopfield.hybrid.execution.base import shift_rule
from qhopfield.hybrid.programs.neuron import NeuronProgram

SIZES = [(n, level) for level in range(3) for n in range(1, 6)]


def draw(inputs, rows=3, seed=0):
    """Means, weights, bias and a gain beyond the safe one."""
    rng = np.random.default_rng(seed + inputs)
    return (
        torch.tensor(rng.uniform(-1, 1, size=(rows, inputs))),
        torch.tensor(rng.normal(size=(rows, inputs))),
        torch.tensor(rng.normal(size=rows)),
        0.45,
    )


def law(program, means, weights, bias, gain):
    """Outcome weights by the law, (rows, 2)."""
    rows = [
        laws.product_neuron(w[None], b[None], gain, z, program.level)
        for z, w, b in zip(means, weights, bias, strict=True)
    ]
    mean, accepted = (torch.cat(part) for part in zip(*rows, strict=True))
    return torch.stack([accepted * (1 + mean) / 2, accepted * (1 - mean) / 2], dim=-1)


def bound(measured, row):
    values = dict(zip(measured.parameters, row.tolist(), strict=True))
    return measured.circuit.assign_parameters(values)


@pytest.mark.parametrize("inputs, level", SIZES)
def test_the_circuit_is_the_law(inputs, level):
    program = NeuronProgram(inputs, level)
    means, weights, bias, gain = draw(inputs)
    means[0, 0], means[1, 0] = 1.0, -1.0
    angles = program.angles(means, weights, bias, gain)
    assert angles.shape == (3, program.num_angles)
    wanted = law(program, means, weights, bias, gain)
    measured = program.circuit()
    assert measured.circuit.num_qubits == program.num_qubits() == inputs + 2**level
    assert program.wires.total == measured.circuit.num_qubits
    for row, expected in zip(angles, wanted, strict=True):
        plain = bound(measured, row)
        plain.remove_final_measurements()
        wires = program.wires
        chances = Statevector(plain).probabilities([*wires.outcome, *wires.flags])[:2]
        np.testing.assert_allclose(chances, expected.numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("inputs, level", SIZES)
def test_pennylane_is_the_law_and_the_circuit(inputs, level):
    program = NeuronProgram(inputs, level)
    means, weights, bias, gain = draw(inputs, seed=7)
    angles = program.angles(means, weights, bias, gain)
    found = PennyLaneExecutor("default.qubit").weights(program, angles)
    wanted = law(program, means, weights, bias, gain)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=0, atol=1e-10)
    exact = QiskitExecutor(backend=AerSimulator()).weights(program, angles)
    np.testing.assert_allclose(found.numpy(), exact.numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("inputs, level", [(1, 0), (3, 1), (2, 2), (3, 2)])
def test_measuring_each_block_on_the_way_gives_the_same(inputs, level, chance):
    program = NeuronProgram(inputs, level)
    assert program.circuit("reuse").circuit.num_qubits == program.num_qubits("reuse")
    assert program.num_qubits("reuse") == inputs + 1 + level
    means, weights, bias, gain = draw(inputs, rows=4)
    angles = program.angles(means, weights, bias, gain)
    shots = 4000
    executor = QiskitExecutor(backend=AerSimulator(), shots=shots, layout="reuse", seed=5)
    found = executor.weights(program, angles)
    wanted = law(program, means, weights, bias, gain)
    found, wanted = (
        torch.cat([part, 1 - part.sum(-1, keepdim=True)], dim=-1) for part in (found, wanted)
    )
    chance.chi_square(shots * found, wanted.clamp(min=0.0))


@pytest.mark.parametrize("layout", ["coherent", "reuse"])
def test_what_a_run_records(layout, chance):
    # Every recorded reading against its own probability: the inputs are measured after the neuron.
    program, shots = NeuronProgram(2, 1), 40_000
    means, weights, bias, gain = draw(2, rows=1)
    angles = program.angles(means, weights, bias, gain)
    executor = QiskitExecutor(backend=AerSimulator(), shots=shots, layout=layout, seed=3)
    records = executor.records(program, angles)
    assert len(records.counts) == 8  # two inputs and the output
    fields = (weights * records.spins).sum(-1) + bias
    chances = program.log_probability(
        records.outcomes, records.spins, means.expand(8, -1), 2 * gain * fields
    ).exp()
    total = law(program, means, weights, bias, gain).sum()
    assert float(chances.sum()) == pytest.approx(float(total), abs=1e-12)
    rejected = shots - records.counts.sum()
    seen = torch.cat([records.counts, rejected[None]])
    chance.chi_square(seen[None], torch.cat([chances, 1 - chances.sum()[None]])[None])


@pytest.mark.parametrize("inputs, level", [(2, 0), (2, 1), (2, 2)])
def test_the_frequencies_are_enough_and_needed(inputs, level):
    program = NeuronProgram(inputs, level)
    means, weights, bias, gain = draw(inputs, seed=2)
    angles = program.angles(means, weights, bias, gain).requires_grad_()
    direction = torch.tensor([0.3, -1.1], dtype=torch.float64)
    grads = []
    for gradient in ("device", "parameter-shift"):
        executor = PennyLaneExecutor("default.qubit", gradient=gradient)
        found = executor.weights(program, angles)
        grads.append(torch.autograd.grad((found * direction).sum(), angles)[0])
    np.testing.assert_allclose(*(grad.numpy() for grad in grads), rtol=0, atol=1e-12)
    # One frequency less is not enough for the synapses.
    assert len(shift_rule(program)[0]) == 2 * sum(program.frequencies)
    assert program.frequencies == (1,) * inputs + (2**level,) * (inputs + 1)
    if level:
        short = NeuronProgram(inputs, level)
        fewer = (1,) * inputs + (2**level - 1,) * (inputs + 1)

        class Short(NeuronProgram):
            frequencies = fewer

        executor = PennyLaneExecutor("default.qubit", gradient="parameter-shift")
        found = executor.weights(Short(inputs, level), angles)
        wrong = torch.autograd.grad((found * direction).sum(), angles)[0]
        assert short.num_angles == wrong.shape[1]
        assert float((wrong - grads[0]).abs().max()) > 1e-3


@pytest.mark.parametrize("inputs, level", [(4, 0), (4, 1), (4, 2), (6, 2)])
def test_the_rank_bounds_every_cut(inputs, level):
    program = NeuronProgram(inputs, level)
    means, weights, bias, gain = draw(inputs, rows=1)
    circuit = bound(program.circuit(), program.angles(means, weights, bias, gain)[0])
    circuit.remove_final_measurements()
    state = Statevector(circuit).data
    for cut in range(1, circuit.num_qubits):
        values = np.linalg.svd(state.reshape(-1, 2**cut), compute_uv=False)
        assert np.count_nonzero(values > 1e-9) <= program.rank


def test_wide_neurons_run_as_matrix_product_states(chance):
    # 26 qubits; a state vector would take 1 GiB, and a second a gate.
    program, shots = NeuronProgram(24, 1), 400
    means, weights, bias, gain = draw(24, rows=1)
    angles = program.angles(means, weights, bias, 0.1 * gain)
    found = QiskitExecutor(backend=AerSimulator(), shots=shots, seed=1).weights(program, angles)
    wanted = law(program, means, weights, bias, 0.1 * gain)
    rejected = 1 - found.sum(-1, keepdim=True), 1 - wanted.sum(-1, keepdim=True)
    chance.chi_square(
        shots * torch.cat([found, rejected[0]], dim=-1), torch.cat([wanted, rejected[1]], dim=-1)
    )


def test_open_angles_are_parameters():
    measured = NeuronProgram(3, 1).circuit()
    assert [p.name for p in measured.parameters] == [f"t[{j}]" for j in range(7)]
    used = {
        (gate.operation.name, p)
        for gate in measured.circuit.data
        for angle in gate.operation.params
        for p in getattr(angle, "parameters", ())
    }
    synapses = {("rzz", p) for p in measured.parameters[3:6]}
    inputs = {("ry", p) for p in (*measured.parameters[:3], measured.parameters[6])}
    assert used == synapses | inputs


@pytest.mark.parametrize("level", range(3))
def test_the_gates_are_those_of_the_quadratic_field(level):
    # The same neuron from numbers, by the loader that the recall methods use.
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(4, 4))
    weights = np.triu(weights, 1) + np.triu(weights, 1).T
    model, gain = Hopfield(weights, rng.normal(size=4)), 0.2
    program = NeuronProgram(3, level)
    measured = program.circuit()
    row = program.angles(
        torch.zeros(3, dtype=torch.float64),
        torch.tensor(model.weights[0, 1:]),
        torch.tensor(model.bias[0]),
        gain,
    )
    found = bound(measured, row)
    found.remove_final_measurements()
    wanted = found.copy_empty_like()
    qubits = wanted.qubits
    for j in range(3):
        wanted.ry(math.pi / 2, qubits[j])
    ancillas = iter(qubits[4:])
    neuron = RUSNeuron(level, attempts=1) if level else RotationNeuron()
    neuron.append(
        wanted,
        QuadraticField(model, 0, gain, [None, *qubits[:3]]),
        qubits[3],
        Workspace(block_ancilla=lambda _: next(ancillas), postselect=lambda _: None),
    )
    assert found.count_ops() == wanted.count_ops()
    np.testing.assert_allclose(Statevector(found).data, Statevector(wanted).data, atol=1e-12)


def test_inputs_that_are_known():
    means = torch.tensor([1.0, -1.0, 1.0 + 1e-15], dtype=torch.float64, requires_grad=True)
    program, zeros = NeuronProgram(3, 1), torch.zeros(3, dtype=torch.float64)
    angles = program.angles(means, zeros, zeros[0], 1.0)
    assert angles[:3].tolist() == [0.0, math.pi, 0.0]
    (slope,) = torch.autograd.grad(angles.sum(), means)
    assert not slope.any()


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: NeuronProgram(0), ValueError, "num_inputs must be >= 1, got 0"),
        (lambda: NeuronProgram(2.0), TypeError, "num_inputs must be an integer"),
        (lambda: NeuronProgram(2, 5), ValueError, "level must be between 0 and 4, got 5"),
        (lambda: NeuronProgram(2).circuit("feedforward"), ValueError, "layout must be one of"),
        (
            lambda: OpenField([Parameter("t")], Parameter("o"), []),
            ValueError,
            "1 synapses need as many neurons, got 0",
        ),
        (
            lambda: OpenField([], Parameter("o"), []).accumulate(None, []),
            ValueError,
            "made without integers",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()
