"""Neuron dynamics under noise: what recall runs is what method.circuit shows, gate for gate.

Every statistical test has a false-alarm rate of 1e-6 and a fixed seed.
"""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import transpile
from qiskit.circuit.library import RYGate
from qiskit.primitives import StatevectorSampler
from qiskit_aer import AerSimulator
from qiskit_aer.noise import pauli_error
from qiskit_aer.primitives import SamplerV2

from qhopfield.circuits import DenseAssociativeMemory, Hopfield, make_noise, recall
from qhopfield.circuits.blocks import RotationNeuron, RUSNeuron, ThresholdNeuron
from qhopfield.circuits.execution import AerRunner, SamplerRunner
from qhopfield.circuits.methods import BlockDynamics, NeuronDynamics

MODEL = Hopfield([[0, 0.7, -0.4], [0.7, 0, 0.5], [-0.4, 0.5, 0]], bias=[0.2, -0.1, 0.05])
PROBE = [1, 0.3, -1]
SHOTS = 3000
KIND = "what recall runs is not the circuit that the method shows"
BLOCKS = [[0, 2], [1]]


def noise(**options):
    """Errors of gates, read-outs and resets; the last two are what feed-forward lives on."""
    model = make_noise(**options)
    if options.get("one_qubit"):
        model.add_all_qubit_quantum_error(pauli_error([("X", 0.15), ("I", 0.85)]), "reset")
    return model


ALL = {"readout": 0.1, "one_qubit": 0.03, "two_qubit": 0.03, "t1": 20.0, "t2": 30.0}


def of_circuit(method, model, probe, noise_model, level):
    """Counts of every state, and of rejected runs, of the method's one circuit."""
    circuit, size = method.circuit(model, probe), 2**model.num_neurons
    simulator = AerSimulator(noise_model=noise_model)
    if any("while_loop" in str(name) for name in circuit.count_ops()):
        # A state vector's noise in a loop is drawn once a shot (Aer 0.18).
        simulator.set_options(method="density_matrix")
    ready = transpile(circuit, simulator, optimization_level=level, seed_transpiler=0)
    counts = simulator.run(ready, shots=SHOTS, seed_simulator=3).result().get_counts()
    rejecting = sum(
        1 << circuit.find_bit(bit).index
        for register in circuit.cregs
        if register.name.partition("_")[0] in ("failed", "rejected")
        for bit in register
    )
    vector = np.zeros(size + 1)
    for name, count in counts.items():
        reading = int(name.replace(" ", ""), 2)
        vector[size if reading & rejecting else reading & (size - 1)] += count
    return vector


def of_recall(method, model, probe, **options):
    result = recall(model, probe, method, shots=SHOTS, seed=5, **options)
    size = 2**model.num_neurons
    vector = np.zeros(size + 1)
    for state, weight in zip(result.outcomes[0], result.weights[0], strict=True):
        vector[int(((state < 0) << np.arange(len(state))).sum())] += weight
    vector[size] = SHOTS - vector.sum()
    return vector


METHODS = [
    NeuronDynamics(RotationNeuron(), sweeps=1),
    NeuronDynamics(RotationNeuron(), sweeps=2, synchronous=True),
    NeuronDynamics(ThresholdNeuron(4), sweeps=1),
    NeuronDynamics(RUSNeuron(1, attempts=1), sweeps=1, order=[2, 0]),
    NeuronDynamics(RUSNeuron(1, attempts=2), sweeps=1, order=[1, 0]),
    NeuronDynamics(RUSNeuron(1), sweeps=1, order=[1, 2]),
    BlockDynamics(BLOCKS, neuron=RotationNeuron(), sweeps=2),
    BlockDynamics(BLOCKS, neuron=RUSNeuron(1, attempts=1), sweeps=1),
    BlockDynamics(BLOCKS, neuron=RotationNeuron(), sweeps=2, register="reuse"),
    BlockDynamics(BLOCKS, neuron=ThresholdNeuron(2), sweeps=1, register="reuse"),
]


@pytest.mark.fault("feed-forward under noise ran shorter circuits than method.circuit", kind=KIND)
@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_recall_runs_the_circuit(method, stats):
    model = noise(**ALL)
    seen = of_recall(method, MODEL, PROBE, noise_model=model)
    stats.same(seen, of_circuit(method, MODEL, PROBE, model, level=0))


@pytest.mark.fault("known entries of a probe were neither prepared nor read", kind=KIND)
def test_read_out_errors_reach_known_entries(stats):
    model, method = noise(readout=0.1), NeuronDynamics(RotationNeuron(), sweeps=1)
    seen = of_recall(method, MODEL, [1, 1, 1], noise_model=model)
    stats.same(seen, of_circuit(method, MODEL, [1, 1, 1], model, level=0))
    # By hand: a neuron that is never updated is read once, wrongly in one of ten shots.
    untouched = NeuronDynamics(RotationNeuron(), sweeps=1, order=[0])
    result = recall(MODEL, [1, 1, 1], untouched, shots=SHOTS, noise_model=model, seed=1)
    wrong = round(float((1 - result.expectations[0, 2]) / 2 * SHOTS))
    stats.binomial(wrong, SHOTS, 0.1)


@pytest.mark.fault("a transpiler merged what stands apart in method.circuit", kind=KIND)
def test_a_simulator_with_noise_of_its_own_is_another_runner_and_the_same_circuit(stats):
    # Level 1 merges rotations in a row; a barrier keeps apart what branches keep apart.
    model, method = noise(one_qubit=0.05), NeuronDynamics(RotationNeuron(), sweeps=1)
    backend = AerSimulator(noise_model=model)
    seen = of_recall(method, MODEL, PROBE, backend=backend)
    stats.same(seen, of_circuit(method, MODEL, PROBE, model, level=1))


def recorded(monkeypatch):
    """The circuits that a runner is given, as they come."""
    circuits = []
    run = AerRunner.run

    def watched(self, circuit, *args):
        circuits.append(circuit)
        return run(self, circuit, *args)

    monkeypatch.setattr(AerRunner, "run", watched)
    return circuits


def rotations(circuit):
    return sum(isinstance(each.operation, RYGate) for each in circuit.data)


def test_how_a_field_is_loaded_is_a_choice(monkeypatch, stats):
    circuits = recorded(monkeypatch)
    summed = NeuronDynamics(RotationNeuron(), sweeps=1, field_loading="sum")
    model = noise(readout=0.1, one_qubit=0.05)
    few = of_recall(summed, MODEL, PROBE, noise_model=model)
    assert {rotations(circuit) for circuit in circuits} == {1}
    circuits.clear()
    many = of_recall(NeuronDynamics(RotationNeuron(), sweeps=1), MODEL, PROBE, noise_model=model)
    assert max(rotations(circuit) for circuit in circuits) == 3  # two synapses at -1
    with pytest.raises(AssertionError, match="chi-square"):
        stats.same(few, many)
    circuits.clear()
    # Without noise both are the law, and the shorter form runs.
    for loading in (None, "synapses", "sum"):
        method = NeuronDynamics(RotationNeuron(), sweeps=1, field_loading=loading)
        seen = of_recall(method, MODEL, PROBE)[:8]
        stats.chi_square(seen, method.law(MODEL, PROBE).as_vector())
    assert {rotations(circuit) for circuit in circuits} == {1}


@pytest.mark.parametrize("make", [NeuronDynamics, lambda **given: BlockDynamics(2, **given)])
def test_what_cannot_be_loaded_so_is_refused(make):
    with pytest.raises(ValueError, match="field_loading must be"):
        make(field_loading="wire")
    with pytest.raises(ValueError, match=r"leave it out.*register='feedforward'"):
        make(field_loading="sum", register="reuse")
    with pytest.raises(ValueError, match=r"no single circuit.*field_loading='synapses'"):
        make(field_loading="sum").circuit(MODEL, PROBE)


def test_a_field_that_is_no_sum_over_neurons_is_summed():
    dense = DenseAssociativeMemory([[1, 1, -1], [1, -1, 1]])
    model = noise(readout=0.05)
    result = recall(dense, [1, 1, -1], NeuronDynamics(sweeps=1), shots=20, noise_model=model)
    assert result.accepted[0] == 20
    method = NeuronDynamics(sweeps=1, field_loading="synapses")
    with pytest.raises(ValueError, match="no sum over neurons: use field_loading='sum'"):
        recall(dense, [1, 1, -1], method, shots=20, noise_model=model)


def test_what_is_known_to_have_no_noise():
    noisy = AerSimulator(noise_model=noise(readout=0.1))
    assert AerRunner().ideal
    assert AerRunner(AerSimulator()).ideal
    assert not AerRunner(noise_model=noise(readout=0.1)).ideal
    assert not AerRunner(noisy).ideal
    assert SamplerRunner(StatevectorSampler()).ideal
    assert SamplerRunner(SamplerV2()).ideal
    assert not SamplerRunner(SamplerV2.from_backend(noisy)).ideal
