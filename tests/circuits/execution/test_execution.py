"""Running circuits: Aer, samplers, devices, noise, and what is refused."""

from __future__ import annotations

import math
import subprocess
import sys
import time

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.primitives import BackendSamplerV2, StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from qiskit_aer.primitives import SamplerV2

from qhopfield.circuits import resources
from qhopfield.circuits.blocks import RotationNeuron, RUSNeuron, ThresholdNeuron
from qhopfield.circuits.execution import AerRunner, SamplerRunner, make_runner, statevector_bytes
from qhopfield.circuits.execution.aer import portions
from qhopfield.circuits.execution.operations import operations, refuse_missing
from qhopfield.circuits.methods import NeuronDynamics

# A device without errors has no properties of its qubits, and Aer says so.
pytestmark = pytest.mark.filterwarnings("ignore:.*no QubitProperties:UserWarning")
ROTATION = RotationNeuron()
PROBE = [1, 0, -1]


def run(method, model, runner, shots=500, probe=PROBE, seed=1):
    return method.run(model, probe, shots, runner, np.random.default_rng(seed))


def turned():
    """One qubit turned by a parameter, beside two others, in two registers of bits."""
    angle, other = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(
        QuantumRegister(2, "q"), ClassicalRegister(1, "zz"), ClassicalRegister(2, "aa")
    )
    circuit.ry(other, 0)
    circuit.ry(angle, 1)
    circuit.measure(0, 2)
    circuit.measure(1, 0)
    return circuit, (angle, other)


RUNNERS = {
    "aer": AerRunner,
    "aer mps": lambda: AerRunner(AerSimulator(method="matrix_product_state")),
    "aer density": lambda: AerRunner(AerSimulator(method="density_matrix")),
    "aer sampler": lambda: SamplerRunner(SamplerV2(seed=3)),
    "statevector sampler": lambda: SamplerRunner(StatevectorSampler(seed=3)),
    "backend sampler": lambda: SamplerRunner(BackendSamplerV2(backend=AerSimulator())),
    "device": lambda: SamplerRunner(backend=GenericBackendV2(4, seed=1, noise_info=False)),
}


# The contract of a runner.


@pytest.mark.parametrize("name", RUNNERS)
def test_rows_get_their_values_and_shots(name):
    circuit, parameters = turned()
    # Rows with angles 0 or pi have one reading: bit 0 is the first parameter, bit 2 the second.
    values = np.array([[0, 0], [math.pi, 0], [0, math.pi], [math.pi, math.pi], [math.pi, 0]])
    shots = np.array([3, 1, 7, 2, 5])
    counted = RUNNERS[name]().run(circuit, parameters, values, shots, np.random.default_rng(0))
    assert counted == [{0b000: 3}, {0b001: 1}, {0b100: 7}, {0b101: 2}, {0b001: 5}]


@pytest.mark.parametrize("name", RUNNERS)
def test_a_circuit_without_parameters(name):
    circuit = QuantumCircuit(2, 2)
    circuit.x(1)
    circuit.measure([0, 1], [0, 1])
    runner = RUNNERS[name]()
    counted = runner.run(circuit, (), np.zeros((2, 0)), np.array([4, 6]), np.random.default_rng(0))
    assert counted == [{2: 4}, {2: 6}]
    assert runner.run(circuit, (), np.zeros((1, 0)), np.array([1]), np.random.default_rng(0)) == [
        {2: 1}
    ]


@pytest.mark.parametrize("name", ["aer", "device"])
def test_rows_without_shots_are_empty(name):
    circuit, parameters = turned()
    counted = RUNNERS[name]().run(
        circuit, parameters, np.zeros((3, 2)), np.array([0, 2, 0]), np.random.default_rng(0)
    )
    assert counted == [{}, {0: 2}, {}]


def test_readings_wider_than_a_machine_word(aer):
    circuit = QuantumCircuit(2, 70)
    circuit.x(1)
    circuit.measure(1, 69)
    circuit.measure(0, 3)
    for runner in (aer, SamplerRunner(SamplerV2(seed=1))):
        counted = runner.run(circuit, (), np.zeros((1, 0)), np.array([2]), np.random.default_rng(0))
        assert counted == [{1 << 69: 2}]


@pytest.mark.parametrize(
    "shots",
    [
        [5],
        [1, 1, 1],
        [1, 2, 3, 4],
        [0, 3, 0],
        [0],
        list(range(40)),
        [10**6, 1, 17, 255, 256, 0, 3],
    ],
)
def test_portions_add_up_to_the_shots_of_each_row(shots):
    given = np.array(shots)
    total = np.zeros_like(given)
    runs = 0
    for rows, portion in portions(given):
        assert portion >= 1
        assert rows.size
        np.add.at(total, rows, portion)
        runs += 1
    np.testing.assert_array_equal(total, given)
    assert runs <= max(4, 1 + math.log(max(1, given.max()), 4))
    assert given.tolist() == shots


def test_circuits_are_transpiled_once():
    class Counting:
        calls = 0

        def run(self, circuit):
            self.calls += 1
            return circuit

    manager = Counting()
    circuit, parameters = turned()
    for runner in (
        AerRunner(pass_manager=manager),
        SamplerRunner(SamplerV2(), pass_manager=manager),
    ):
        manager.calls = 0
        for _ in range(3):
            runner.run(
                circuit, parameters, np.zeros((1, 2)), np.array([1]), np.random.default_rng(0)
            )
        assert manager.calls == 1


# The law, whatever runs it.


@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
@pytest.mark.parametrize(
    "neuron", [ROTATION, RUSNeuron(1, attempts=1), RUSNeuron(1), RUSNeuron(1, attempts=2)], ids=repr
)
@pytest.mark.parametrize("name", ["aer mps", "aer sampler", "statevector sampler", "device"])
def test_every_runner_draws_from_the_law(name, register, neuron, memory, stats):
    model = memory("real", 3)
    method = NeuronDynamics(neuron, sweeps=1, register=register, order=[0, 2])
    loops = neuron.repeats and register != "coherent"
    if name == "device":
        device = GenericBackendV2(8, seed=1, noise_info=False, control_flow=loops)
        runner = SamplerRunner(backend=device)
        refused = "lacks break_loop.*attempts=None" if loops and neuron.attempts else None
    else:
        runner = RUNNERS[name]()
        refused = None
        if name == "statevector sampler" and (loops or register == "reuse"):
            refused = "StatevectorSampler lacks .*register='coherent'"
    if refused:
        with pytest.raises(ValueError, match=refused):
            run(method, model, runner, 5)
        return
    law = method.law(model, PROBE)
    samples = run(method, model, runner, 400)
    stats.chi_square(stats.outcomes(samples), law.as_vector())
    stats.binomial(int(samples.weights[0].sum()), 400, law.acceptance)
    again = run(method, model, RUNNERS[name]() if name != "device" else runner, 400)
    for one, two in zip(samples.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, two)


def test_threshold_on_a_device(memory):
    model = memory("hebb", 3)
    runner = SamplerRunner(backend=GenericBackendV2(7, seed=1, noise_info=False))
    samples = run(NeuronDynamics(ThresholdNeuron(), 1, register="reuse"), model, runner, 5, [1] * 3)
    np.testing.assert_array_equal(samples.outcomes[0], model.update([1, 1, 1]))


@pytest.mark.parametrize("name", ["aer sampler", "statevector sampler", "backend sampler"])
def test_many_probes_through_a_sampler(name, memory):
    model = memory("hebb", 3)
    probes = [[1, 1, 1], [-1, 1, -1], [1, -1, -1]]
    method = NeuronDynamics(ThresholdNeuron(), 1, register="coherent")
    samples = run(method, model, RUNNERS[name](), 6, probes)
    for outcome, wanted in zip(samples.outcomes, model.update(probes), strict=True):
        np.testing.assert_array_equal(outcome, wanted[None])


# Noise.


def noise(strength=0.01, readout=0.0):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(strength, 1), ["ry", "h", "s", "sdg"])
    model.add_all_qubit_quantum_error(depolarizing_error(2 * strength, 2), ["rzz", "cp", "cx"])
    if readout:
        flip = [[1 - readout, readout], [readout, 1 - readout]]
        model.add_all_qubit_readout_error(ReadoutError(flip))
    return model


@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
@pytest.mark.parametrize(
    "neuron",
    [ROTATION, RUSNeuron(1), RUSNeuron(1, attempts=3), RUSNeuron(1, attempts=1), ThresholdNeuron()],
    ids=repr,
)
def test_noise_runs_and_disturbs(register, neuron, memory):
    # From a stored pattern at a certain threshold the answer is one state; noise adds others.
    model = memory("hebb", 3)
    probe = model.recall([1, 1, 1]).states[0]
    method = NeuronDynamics(neuron, sweeps=1, register=register)
    samples = run(method, model, AerRunner(noise_model=noise(0.05, 0.02)), 200, probe)
    assert 0 < samples.weights[0].sum() <= 200
    assert len(samples.outcomes[0]) > 1
    if neuron.repeats and register != "coherent":
        assert samples.attempts[0] >= 1.0


def test_depolarised_rotations_follow_the_noisy_law(stats):
    # One R_y under depolarising noise p: the expectation shrinks by 1 - p.
    from qhopfield.circuits.models import Hopfield

    model = Hopfield([[0.0, 1.0], [1.0, 0.0]])
    method = NeuronDynamics(ROTATION, sweeps=1, order=[0], gain=0.4)
    samples = run(method, model, AerRunner(noise_model=noise(0.3)), 5000, [1, 1])
    # The preparation of the other neuron is an R_y too; read as -1, it asks for a second rotation.
    other = (1 + 0.7) / 2
    up = (1 + 0.7 * math.sin(0.8)) / 2
    down = (1 - 0.7**2 * math.sin(0.8)) / 2
    law = [other * up, other * (1 - up), (1 - other) * down, (1 - other) * (1 - down)]
    stats.chi_square(stats.outcomes(samples), law)


LOOP_WITH_NOISE = """
import numpy as np
from qiskit_aer.noise import NoiseModel, pauli_error
from qhopfield.circuits.blocks import RUSNeuron
from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.methods import NeuronDynamics
from qhopfield.circuits.models import Hopfield
noise = NoiseModel()
noise.add_all_qubit_quantum_error(pauli_error([("X", 0.2), ("I", 0.8)]), ["ry"])
method = NeuronDynamics(RUSNeuron(1), sweeps=1, register="{register}")
model = Hopfield([[0.0, 1.0], [1.0, 0.0]])
samples = method.run(
    model, [1, 1], 100, AerRunner(noise_model=noise), np.random.default_rng(0)
)
print(samples.weights[0].sum())
"""


@pytest.mark.parametrize("register", ["reuse", "feedforward"])
def test_noise_in_a_loop_does_not_repeat_for_ever(register):
    # Aer draws a state vector's noise once a shot: the same error every time round the loop.
    # In a process of its own, for a hang cannot be interrupted.
    done = subprocess.run(
        [sys.executable, "-c", LOOP_WITH_NOISE.format(register=register)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "100.0"


def test_noise_in_a_loop_that_is_too_wide_for_a_density_matrix(memory, monkeypatch):
    monkeypatch.setattr("qhopfield.circuits.execution.aer.MEMORY_SHARE", 1e-9)
    method = NeuronDynamics(RUSNeuron(1), sweeps=1, register="reuse")
    runner = AerRunner(noise_model=noise())
    monkeypatch.setattr(runner, "admit", lambda *_, **__: None)
    with pytest.raises(ValueError, match=r"density matrix.*attempts=.*feedforward"):
        run(method, memory("hebb", 4), runner, 5, [1] * 4)


@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
def test_a_simulator_made_from_a_device(register, memory):
    device = AerSimulator.from_backend(GenericBackendV2(7, seed=2))
    method = NeuronDynamics(RUSNeuron(1, attempts=1), 1, register=register, order=[0])
    samples = run(method, memory("real", 3), AerRunner(device), 100)
    assert 0 < samples.weights[0].sum() <= 100


def test_loops_on_a_simulator_made_from_a_device(memory):
    device = AerSimulator.from_backend(GenericBackendV2(5, seed=2, control_flow=True))
    method = NeuronDynamics(RUSNeuron(1), 1, order=[0])
    samples = run(method, memory("real", 3), AerRunner(device), 50)
    assert samples.weights[0].sum() == 50
    with pytest.raises(ValueError, match=r"lacks break_loop.*attempts=None"):
        run(NeuronDynamics(RUSNeuron(1, attempts=3), 1), memory("real", 3), AerRunner(device), 5)


# What is refused.


def test_a_device_without_loops_is_refused_and_told_what_works(memory):
    model = memory("real", 3)
    bare = GenericBackendV2(9, seed=1, noise_info=False, control_flow=False)
    for runner in (SamplerRunner(backend=bare), AerRunner(AerSimulator.from_backend(bare))):
        for register in ("reuse", "feedforward"):
            with pytest.raises(ValueError, match=r"lacks if_else, while_loop.*attempts=1") as info:
                run(NeuronDynamics(RUSNeuron(1), 1, register=register), model, runner, 5)
            assert "register='coherent'" in str(info.value)
            # The first alternative that it names works.
            method = NeuronDynamics(RUSNeuron(1, attempts=1), 1, register=register, order=[0])
            assert run(method, model, runner, 5).weights[0].sum() <= 5


def test_operations_are_found_inside_loops():
    circuit = QuantumCircuit(1, 1)
    with circuit.for_loop(range(2)):
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.reset(0)
            circuit.break_loop()
    assert operations(circuit) == {"for_loop", "measure", "if_else", "reset", "break_loop"}
    refuse_missing(circuit, ("for_loop", "if_else", "reset", "break_loop"), "this")
    with pytest.raises(ValueError, match="that lacks reset, break_loop"):
        refuse_missing(circuit, ("for_loop", "if_else"), "that")


def test_measuring_on_the_way_needs_a_device_that_can():
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    refuse_missing(circuit, (), "this")
    circuit.barrier()
    circuit.h(0)
    with pytest.raises(ValueError, match="that lacks mid-circuit measurement"):
        refuse_missing(circuit, (), "that")
    refuse_missing(circuit, ("reset",), "this")


@pytest.mark.parametrize(
    "make",
    [
        AerRunner,
        lambda: AerRunner(AerSimulator()),
        lambda: AerRunner(AerSimulator(method="density_matrix")),
        lambda: SamplerRunner(StatevectorSampler()),
        lambda: SamplerRunner(SamplerV2()),
        lambda: SamplerRunner(BackendSamplerV2(backend=AerSimulator())),
        lambda: SamplerRunner(backend=GenericBackendV2(5)),
        lambda: AerRunner(AerSimulator.from_backend(GenericBackendV2(5))),
    ],
)
def test_forty_qubits_are_refused_at_once(make):
    runner = make()
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"40 qubits.*\. Use something else\.$"):
        runner.admit(40, "Use something else.")
    assert time.perf_counter() - start < 0.1
    runner.admit(3, "Use something else.")


def test_a_simulation_that_compresses_is_let_through():
    AerRunner(AerSimulator(method="matrix_product_state")).admit(40, "")
    SamplerRunner(BackendSamplerV2(backend=AerSimulator(method="matrix_product_state"))).admit(
        40, ""
    )


def test_a_density_matrix_takes_the_square():
    assert statevector_bytes(0) == 16
    assert statevector_bytes(30) == 16 * 2**30
    runner = AerRunner(AerSimulator(method="density_matrix"))
    AerRunner().admit(22, "")
    with pytest.raises(ValueError, match=r"22 qubits need .* for a density matrix"):
        runner.admit(22, "")


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: AerRunner("aer"), TypeError, "must be an AerSimulator or None, got str"),
        (lambda: AerRunner(GenericBackendV2(2)), TypeError, "make_runner.backend=...."),
        (lambda: AerRunner(noise_model="noise"), TypeError, "noise_model must be a qiskit_aer"),
        (
            lambda: AerRunner(AerSimulator(), noise_model=NoiseModel()),
            ValueError,
            "carries its own noise",
        ),
        (lambda: SamplerRunner(), TypeError, "needs a sampler or a backend, got neither"),
        (lambda: SamplerRunner("sampler"), TypeError, "sampler must be a SamplerV2, got str"),
        (lambda: SamplerRunner(backend=3), TypeError, "backend must be a BackendV2, got int"),
        (lambda: make_runner(backend="aer"), TypeError, "backend must be a BackendV2, got str"),
        (lambda: make_runner(sampler=AerSimulator()), TypeError, "sampler must be a SamplerV2"),
        (lambda: make_runner(noise_model=0.1), TypeError, "noise_model must be a qiskit_aer"),
        (lambda: make_runner(pass_manager=2), TypeError, "pass_manager must have a run method"),
        (
            lambda: make_runner(backend=AerSimulator(), sampler=StatevectorSampler()),
            ValueError,
            "Give either backend= or sampler=, not both",
        ),
        (
            lambda: make_runner(sampler=StatevectorSampler(), noise_model=NoiseModel()),
            ValueError,
            "noise_model= is for Aer",
        ),
        (
            lambda: make_runner(backend=GenericBackendV2(2), noise_model=NoiseModel()),
            ValueError,
            "AerSimulator.noise_model",
        ),
        (
            lambda: make_runner(backend=AerSimulator(), noise_model=NoiseModel()),
            ValueError,
            "carries its own noise",
        ),
    ],
)
def test_bad_runners(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    "options, kind, name",
    [
        ({}, AerRunner, "aer statevector"),
        ({"noise_model": noise()}, AerRunner, "aer statevector with noise"),
        ({"backend": AerSimulator()}, AerRunner, "aer automatic"),
        ({"sampler": StatevectorSampler()}, SamplerRunner, "StatevectorSampler"),
        ({"backend": GenericBackendV2(2)}, SamplerRunner, "generic_backend_2q"),
    ],
)
def test_made_runners(options, kind, name):
    runner = make_runner(**options)
    assert isinstance(runner, kind)
    assert runner.name == name


# Costs after transpiling.


def test_resources_on_a_device(memory):
    model = memory("real", 4)
    method = NeuronDynamics(RUSNeuron(1, attempts=1), 1, register="reuse")
    written = resources(model, method)
    assert written.two_qubit_gates == 4 * (2 * 3 + 1)
    with_rzz = GenericBackendV2(6, basis_gates=["rzz", "rz", "sx", "x"], seed=1, noise_info=False)
    assert resources(model, method, backend=with_rzz).two_qubit_gates == written.two_qubit_gates
    line = GenericBackendV2(
        9,
        basis_gates=["cx", "rz", "sx", "x"],
        coupling_map=[[i, i + 1] for i in range(8)] + [[i + 1, i] for i in range(8)],
        seed=1,
        noise_info=False,
    )
    on_line = resources(model, method, backend=line)
    assert on_line.two_qubit_gates > 2 * written.two_qubit_gates
    assert written.qubits <= on_line.qubits <= 9
    manager = generate_preset_pass_manager(
        optimization_level=0, basis_gates=["cx", "rz", "sx", "x", "reset"]
    )
    counted = resources(model, method, pass_manager=manager)
    assert counted.two_qubit_gates == 2 * written.two_qubit_gates
    assert counted.qubits == written.qubits
