"""One noise model is one noise, and noise that reaches nothing is told."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error, pauli_error
from qiskit_aer.primitives import SamplerV2

from qhopfield.circuits import (
    AmplifiedMemory,
    ExpFilter,
    FilteredMemory,
    Hopfield,
    ModernHopfield,
    NeuronDynamics,
    associate,
    make_noise,
    recall,
)
from qhopfield.circuits.blocks import RotationNeuron
from qhopfield.circuits.execution import AerRunner, SamplerRunner, make_runner
from qhopfield.circuits.patterns import random_patterns

MODEL = ModernHopfield([[1, 1, 1, -1], [1, -1, 1, -1]], beta=0.5)
PROBE = [1, 1, 1, 1]


def on(gates, strength=0.3, width=2, basis=None, qubits=None):
    noise = NoiseModel() if basis is None else NoiseModel(basis_gates=basis)
    error = depolarizing_error(strength, width)
    if qubits is None:
        noise.add_all_qubit_quantum_error(error, gates)
    else:
        for place in qubits:
            noise.add_quantum_error(error, gates, place)
    return noise


WAYS = {
    "noise_model": lambda noise: make_runner(noise_model=noise),
    "backend": lambda noise: make_runner(backend=AerSimulator(noise_model=noise)),
    "aer sampler": lambda noise: make_runner(
        sampler=SamplerV2(options={"backend_options": {"noise_model": noise}})
    ),
    "aer sampler, run options": lambda noise: make_runner(
        sampler=SamplerV2(options={"run_options": {"noise_model": noise}})
    ),
    "backend sampler": lambda noise: make_runner(
        sampler=BackendSamplerV2(backend=AerSimulator(noise_model=noise))
    ),
}


@pytest.mark.fault(
    "noise_model= transpiled at level 0, backend=AerSimulator(noise_model=) at level 1",
    kind="one noise model, two noises",
)
@pytest.mark.parametrize("way", WAYS)
def test_one_noise_model_is_one_noise(way):
    noise = on(["sx", "x"], 0.005, 1, basis=["cx", "rz", "sx", "x"])
    patterns = random_patterns(4, 6, seed=2)
    model = ModernHopfield(patterns, beta=0.4)
    for method in (FilteredMemory(), AmplifiedMemory(ExpFilter(0.4), rounds=1, overshoot=True)):
        circuit = method.circuit(model, patterns[0])
        wanted = make_runner(noise_model=noise).transpiled(circuit)
        assert WAYS[way](noise).transpiled(circuit) == wanted


@pytest.mark.parametrize("way", WAYS)
def test_the_same_noise_comes_out(way, stats):
    noise = make_noise(two_qubit=0.2, readout=0.05)
    rows = []
    for runner in (make_runner(noise_model=noise), WAYS[way](noise)):
        samples = FilteredMemory().run(MODEL, PROBE, 3000, runner, np.random.default_rng(len(rows)))
        rows.append(stats.outcomes(samples))
    stats.same(*rows)


@pytest.mark.fault(
    "a noise model on a gate that the circuit never has: no noise, no word",
    kind="noise without effect",
)
@pytest.mark.parametrize(
    "noise, message",
    [
        (on(["ecr"]), r"noise on ecr, and the gates on two"),
        (on(["rzz"]), r"noise on rzz, and the gates on two"),
        (on(["ccx"], width=3), r"noise on ccx"),
        (on(["cX"]), r"noise on cX"),
        (on(["cnot"]), r"cnot, a name that no gate has"),
        (on(["id"], width=1), r"noise on id, and the one-qubit gates"),
        (on(["cx"], qubits=[(7, 8)]), r"noise on cx \(on qubits \(7, 8\)\)"),
        (on(["sx"], width=1, qubits=[(30,)]), r"noise on sx \(on qubits 30\)"),
    ],
    ids=["ecr", "rzz", "ccx", "typo", "name", "id", "pair", "qubit"],
)
@pytest.mark.parametrize("way", ["noise_model", "backend", "aer sampler"])
def test_noise_that_reaches_nothing_is_told(noise, message, way):
    with pytest.warns(UserWarning) as told:
        FilteredMemory().run(MODEL, PROBE, 20, WAYS[way](noise), np.random.default_rng(0))
    assert any(re.search(message, str(each.message)) for each in told)
    assert any("Put noise on gates" in str(each.message) for each in told)


def reading_on(qubit):
    noise = NoiseModel()
    noise.add_readout_error(ReadoutError([[0.9, 0.1], [0.1, 0.9]]), [qubit])
    return noise


def resetting():
    noise = NoiseModel(basis_gates=["ry", "cx", "cz", "x", "h"])
    noise.add_all_qubit_quantum_error(pauli_error([("X", 0.5), ("I", 0.5)]), "reset")
    return noise


@pytest.mark.parametrize("noise", [reading_on(40), resetting()], ids=["read-out", "reset"])
def test_noise_on_no_operation_of_the_circuit(noise):
    with pytest.warns(UserWarning, match="Noise without effect"):
        recall(MODEL, PROBE, FilteredMemory(), shots=20, seed=1, noise_model=noise)
    with pytest.warns(UserWarning, match="Noise without effect"):
        recall(MODEL, PROBE, FilteredMemory(), shots=20, seed=1, noise_model=noise, workers=1)
    with pytest.warns(UserWarning, match="Noise without effect"):
        associate(
            [[1, 1], [1, -1]], [[1], [-1]], [1, 1], ExpFilter(0.3), shots=50, noise_model=noise
        )


def test_noise_between_gates_that_no_circuit_has():
    # Rotation neurons one by one have no gate on two qubits.
    network = Hopfield.store([[1, 1, -1], [1, -1, 1]])
    method = NeuronDynamics(RotationNeuron(), sweeps=1)
    with pytest.warns(UserWarning, match=r"noise on cx, cz, ecr, rzz, and the circuits have"):
        recall(network, [1, 1, 1], method, shots=5, seed=1, noise_model=make_noise(two_qubit=0.1))


def test_noise_that_reaches_something_is_not_told():
    network = Hopfield.store([[1, 1, -1], [1, -1, 1]])
    given = (
        make_noise(two_qubit=0.01, one_qubit=0.01, readout=0.01, reset=0.01, t1=50.0),
        make_noise(readout=0.01),
        make_noise(),
        on(["cx"]),
        on(["cx"], qubits=[(0, 4), (1, 4), (2, 4), (3, 4), (0, 1), (1, 0), (4, 0), (2, 3)]),
        NoiseModel.from_backend(GenericBackendV2(7, seed=1)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for noise in given[:4] + given[5:]:
            recall(MODEL, PROBE, FilteredMemory(), shots=5, seed=1, noise_model=noise)
        recall(network, [1, 0, -1], NeuronDynamics(), shots=5, seed=1, noise_model=given[0])


def test_noise_of_some_pairs_only_is_told():
    line = GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], seed=1)
    noise = NoiseModel.from_backend(line)
    circuit = QuantumCircuit(3, 1)
    circuit.cx(0, 1)
    circuit.cx(0, 2)
    circuit.measure(2, 0)
    with pytest.warns(UserWarning, match=r"for 4 pairs.*\(0, 2\), for one.*from_backend"):
        AerRunner(noise_model=noise).transpiled(circuit)
    # Compiled for the device there is none such.
    AerRunner(AerSimulator.from_backend(line)).transpiled(circuit)


def test_labels_and_loops_are_looked_into():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.sx(0)
    circuit.measure(0, 0)
    AerRunner(noise_model=on(["sx"], width=1)).transpiled(circuit)
    labelled = QuantumCircuit(1, 1)
    labelled.unitary(np.eye(2), [0], label="mine")
    labelled.measure(0, 0)
    sampler = SamplerV2(
        options={
            "backend_options": {"noise_model": on(["mine"], width=1, basis=["unitary", "sx", "rz"])}
        }
    )
    SamplerRunner(sampler).transpiled(labelled)


def test_a_reset_may_leave_a_one():
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.reset(0)
    circuit.measure(0, 0)
    for reset, wanted in ((0.0, {0}), (1.0, {1}), (0.5, {0, 1})):
        runner = AerRunner(noise_model=make_noise(reset=reset))
        counts = runner.run(circuit, (), np.zeros((1, 0)), np.array([60]), np.random.default_rng(0))
        assert set(counts[0]) == wanted
    with pytest.raises(ValueError, match="reset must be a finite number >= 0 and <= 1"):
        make_noise(reset=1.5)


@pytest.mark.parametrize("way", WAYS)
def test_no_gate_is_taken_out_with_its_noise(way):
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.x(0)
    circuit.measure(0, 0)
    ready = WAYS[way](on(["x"], 0.1, 1, basis=["x", "cx"])).transpiled(circuit)
    assert ready.count_ops()["x"] == 2
