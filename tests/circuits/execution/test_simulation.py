"""Which of Aer's methods runs a circuit: one that has its gates, its width and its law."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit.library import CCZGate
from qiskit.primitives import BackendSamplerV2, StatevectorSampler
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_aer.primitives import SamplerV2

from qhopfield.circuits import (
    AmplifiedMemory,
    AtomizedMemory,
    BlockDynamics,
    DenseAssociativeMemory,
    DenseVote,
    ExpFilter,
    Exponential,
    FilteredMemory,
    GroverCompletion,
    Hopfield,
    ModernHopfield,
    NeuronDynamics,
    RUSNeuron,
    VenturaMartinez,
    associate,
    recall,
)
from qhopfield.circuits.blocks import RotationNeuron
from qhopfield.circuits.execution import AerRunner, Mitigation, make_noise, make_runner
from qhopfield.circuits.patterns import random_patterns

MPS = "matrix_product_state"


def wide_memory(neurons, count=2, beta=0.3):
    patterns = random_patterns(count, neurons, seed=0)
    return ModernHopfield(patterns, beta=beta), patterns[0]


# Gates.


@pytest.mark.fault(
    "AmplifiedMemory crashed from 10 neurons on: Aer's matrix product state has no mcphase",
    kind="a simulator is chosen, and not asked whether it has the circuit's gates",
)
@pytest.mark.parametrize("neurons", [8, 9, 10])
@pytest.mark.parametrize(
    "options",
    [
        dict,
        lambda: {"backend": AerSimulator()},
        lambda: {"backend": AerSimulator(method=MPS)},
        lambda: {"sampler": SamplerV2(options={"backend_options": {"method": MPS}})},
        lambda: {"sampler": BackendSamplerV2(backend=AerSimulator(method=MPS))},
    ],
    ids=["default", "automatic", "mps", "aer sampler mps", "backend sampler mps"],
)
def test_amplified_memories_on_both_sides_of_the_switch(neurons, options, stats):
    model, probe = wide_memory(neurons)
    method = AmplifiedMemory(ExpFilter(0.3))
    law = method.law(model, probe)
    result = recall(model, probe, method, shots=300, seed=1, **options())
    stats.binomial(round(result.acceptance[0] * 300), 300, law.acceptance)
    if not options():
        assert result.run_on == f"aer {MPS if 2 * neurons > 18 else 'statevector'}"


METHODS = {
    "filtered": FilteredMemory(),
    "fresh": FilteredMemory(fresh=True),
    "amplified": AmplifiedMemory(rounds=1, overshoot=True),
    "fixed point": AmplifiedMemory(rounds=2, tolerance=0.3),
    "atomized": AtomizedMemory(shards=2),
    "vote": DenseVote(votes=2, order=[0]),
}


@pytest.mark.parametrize("neurons", [6, 10, 19])
@pytest.mark.parametrize("name", METHODS)
def test_every_superposition_runs_at_every_width(name, neurons, stats):
    method = METHODS[name]
    if name in ("amplified", "fixed point") and neurons > 10:
        neurons = 11
    patterns = random_patterns(2, neurons, seed=0)
    beta = 1.0 / neurons
    model = ModernHopfield(patterns, beta=beta)
    if name == "vote":
        model = DenseAssociativeMemory(patterns, separation=Exponential(beta))
    result = recall(model, patterns[0], method, shots=100, seed=1)
    if name != "vote":
        law = method.law(model, patterns[0])
        stats.binomial(round(result.acceptance[0] * 100), 100, law.acceptance)


def gates_of_all_kinds():
    circuit = QuantumCircuit(4, 4)
    circuit.h(range(4))
    circuit.mcp(0.9, [0, 1, 2], 3)
    circuit.ccz(0, 1, 2)
    circuit.crx(0.4, 0, 1)
    circuit.mcx([0, 1, 2], 3)
    circuit.h(range(4))
    circuit.measure(range(4), range(4))
    return circuit


@pytest.mark.parametrize(
    "make",
    [
        lambda method: {"backend": AerSimulator(method=method)},
        lambda method: {
            "backend": AerSimulator(method=method),
            "pass_manager": generate_preset_pass_manager(0, basis_gates=["h", "ccz"]),
        },
        lambda method: {"sampler": SamplerV2.from_backend(AerSimulator(method=method))},
        lambda method: {"sampler": BackendSamplerV2(backend=AerSimulator(method=method))},
    ],
    ids=["backend", "passes", "aer sampler", "backend sampler"],
)
@pytest.mark.parametrize("method", ["statevector", MPS, "density_matrix"])
def test_gates_that_a_method_lacks_are_translated(method, make, exact, stats):
    circuit = gates_of_all_kinds()
    options = make(method)
    if "pass_manager" in options:
        circuit = QuantumCircuit(4, 4)
        circuit.h(range(4))
        circuit.ccz(0, 1, 2)
        circuit.h(range(4))
        circuit.measure(range(4), range(4))
    wanted = {key: float(np.sum(weight)) for key, weight in exact.readings(circuit).items()}
    runner = make_runner(**options)
    counts = runner.run(circuit, (), np.zeros((1, 0)), np.array([3000]), np.random.default_rng(1))[
        0
    ]
    stats.chi_square(
        [counts.get(key, 0) for key in range(16)], [wanted.get(key, 0.0) for key in range(16)]
    )


def test_noise_on_a_gate_that_a_density_matrix_lacks_stays_on_it():
    # Many shots of few qubits go to a density matrix, which has no ccz.
    noise = NoiseModel(basis_gates=["h", "ccz"])
    noise.add_all_qubit_quantum_error(depolarizing_error(1.0, 3), ["ccz"])
    circuit = QuantumCircuit(3, 3)
    circuit.append(CCZGate(), [0, 1, 2])
    circuit.measure(range(3), range(3))
    runner = AerRunner(noise_model=noise)
    counts = runner.run(circuit, (), np.zeros((1, 0)), np.array([400]), np.random.default_rng(0))[0]
    assert len(counts) == 8  # all mixed


# Width.


@pytest.mark.fault(
    "circuits wider than AerSimulator().num_qubits were refused in words about broken qubits",
    kind="a simulator's own number of qubits is taken for a device's",
)
@pytest.mark.parametrize(
    "options",
    [
        lambda: {"noise_model": make_noise(two_qubit=1e-4)},
        lambda: {"backend": AerSimulator()},
        lambda: {"backend": AerSimulator(method=MPS)},
        lambda: {"backend": AerSimulator(method=MPS, noise_model=make_noise(two_qubit=1e-4))},
        lambda: {"backend": AerSimulator(method=MPS), "mitigation": Mitigation(zero_noise=(1, 3))},
        lambda: {"sampler": SamplerV2(options={"backend_options": {"method": MPS}})},
        lambda: {"sampler": BackendSamplerV2(backend=AerSimulator(method=MPS))},
        lambda: {
            "backend": AerSimulator(method=MPS),
            "pass_manager": generate_preset_pass_manager(
                0, basis_gates=["cx", "rz", "sx", "x", "reset"]
            ),
        },
    ],
    ids=["noise", "auto", "mps", "mps noise", "mitigated", "aer sampler", "sampler", "passes"],
)
def test_as_wide_as_memory_and_rank_allow(options):
    model, probe = wide_memory(66, beta=0.01)
    result = recall(model, probe, FilteredMemory(), shots=5, seed=1, **options())
    assert result.shots == 5


def test_passes_for_fewer_qubits_are_told_from_broken_ones():
    model, probe = wide_memory(66, beta=0.01)
    backend = AerSimulator(method=MPS)
    manager = generate_preset_pass_manager(0, backend=backend)
    with pytest.raises(ValueError, match=r"67 qubits, and pass_manager= refuses it.*basis_g"):
        recall(model, probe, FilteredMemory(), shots=5, backend=backend, pass_manager=manager)


def test_memory_still_decides():
    model, probe = wide_memory(66, beta=0.01)
    for options in (
        {"backend": AerSimulator(method="statevector")},
        {"backend": AerSimulator(method="density_matrix")},
        {"sampler": SamplerV2()},
    ):
        with pytest.raises(ValueError, match=r"67 qubits need .*this machine has"):
            recall(model, probe, FilteredMemory(), shots=5, **options)


# Methods that give no shots, and advice.


@pytest.mark.fault(
    "Aer's stabilizer, unitary, superop and extended_stabilizer methods ended in raw errors",
    kind="advice and refusals that do not fit what was asked",
)
@pytest.mark.parametrize("method", ["stabilizer", "unitary", "superop", "extended_stabilizer"])
@pytest.mark.parametrize(
    "make",
    [
        lambda backend: {"backend": backend},
        lambda backend: {"sampler": SamplerV2.from_backend(backend)},
        lambda backend: {"sampler": BackendSamplerV2(backend=backend)},
    ],
    ids=["backend", "aer sampler", "sampler"],
)
def test_methods_that_cannot_run_it_are_refused(method, make):
    model, probe = wide_memory(4)
    with pytest.raises(ValueError, match=rf"method='{method}'\).*use method='automatic'"):
        recall(model, probe, FilteredMemory(), shots=5, **make(AerSimulator(method=method)))


def test_a_processor_that_is_not_there():
    model, probe = wide_memory(4)
    if "GPU" in AerSimulator().available_devices():
        pytest.skip("there is one")
    with pytest.raises(ValueError, match=r"device='GPU'.*qiskit-aer-gpu"):
        recall(model, probe, FilteredMemory(), shots=5, backend=AerSimulator(device="GPU"))


def test_clifford_circuits_run_on_a_stabilizer():
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    for options in (
        {"backend": AerSimulator(method="stabilizer")},
        {"sampler": SamplerV2.from_backend(AerSimulator(method="stabilizer"))},
    ):
        counts = make_runner(**options).run(
            circuit, (), np.zeros((1, 0)), np.array([50]), np.random.default_rng(0)
        )
        assert set(counts[0]) == {0, 3}


NETWORK = Hopfield.store([[1, 1, 1, -1], [1, -1, 1, -1]])
ADVICE = [
    (FilteredMemory(), "fresh=True", FilteredMemory(fresh=True)),
    (
        AtomizedMemory(shards=2),
        r"FilteredMemory\(fresh=True\)",
        AtomizedMemory(FilteredMemory(fresh=True), shards=2),
    ),
    (
        NeuronDynamics(RUSNeuron(1), register="reuse"),
        "register='coherent'",
        NeuronDynamics(RUSNeuron(1), register="coherent", sweeps=1),
    ),
    (
        BlockDynamics(blocks=2, neuron=RUSNeuron(1), register="reuse"),
        r"RotationNeuron\(\) with register='feedforward'",
        BlockDynamics(blocks=2, neuron=RotationNeuron(), register="feedforward"),
    ),
]


@pytest.mark.fault(
    "StatevectorSampler with FilteredMemory: the hint named neurons and registers",
    kind="advice and refusals that do not fit what was asked",
)
@pytest.mark.parametrize("method, advice, taken", ADVICE, ids=lambda each: type(each).__name__)
def test_advice_fits_the_method_and_works(method, advice, taken):
    patterns = NETWORK.patterns
    model = NETWORK
    if not isinstance(method, (NeuronDynamics, BlockDynamics)):
        model = ModernHopfield(patterns, beta=0.3)
    with pytest.raises(ValueError, match=rf"StatevectorSampler lacks .*{advice}") as info:
        recall(model, patterns[0], method, shots=5, seed=1, sampler=StatevectorSampler())
    if "fresh" in advice:
        assert "register" not in str(info.value)
    result = recall(model, patterns[0], taken, shots=5, seed=1, sampler=StatevectorSampler())
    assert result.shots == 5


def test_associations_are_told_of_fresh_ancillas():
    given = ([[1, 1], [1, -1]], [[1], [-1]], [1, 1], ExpFilter(0.3))
    with pytest.raises(ValueError, match=r"lacks mid-circuit measurement.*fresh=True"):
        associate(*given, shots=50, sampler=StatevectorSampler())
    assert associate(*given, shots=50, fresh=True, sampler=StatevectorSampler()).shots == 50


@pytest.mark.parametrize("method", [GroverCompletion(), VenturaMartinez()], ids=repr)
def test_searches_run_on_every_sampler(method):
    patterns = random_patterns(2, 5, seed=0)
    for sampler in (
        StatevectorSampler(),
        SamplerV2(),
        BackendSamplerV2(backend=AerSimulator(method=MPS)),
    ):
        probe = patterns[0] * np.array([1, 1, 1, 1, 0])
        assert recall(Hopfield.store(patterns), probe, method, shots=5, sampler=sampler).shots == 5
