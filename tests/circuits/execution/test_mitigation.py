"""Error mitigation: what it removes, what it leaves as it is, and what it refuses."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, Parameter, QuantumRegister
from qiskit.circuit.library import CXGate
from qiskit.primitives import BackendSamplerV2, StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Operator
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError

from qhopfield.circuits.blocks import RotationNeuron, RUSNeuron
from qhopfield.circuits.blocks.filters import KernelFilter
from qhopfield.circuits.execution import (
    AerRunner,
    MitigatedRunner,
    Mitigation,
    SamplerRunner,
    make_noise,
    make_runner,
)
from qhopfield.circuits.execution.mitigation.decoupling import decoupled
from qhopfield.circuits.execution.mitigation.extrapolation import (
    RULES,
    extrapolation_weights,
    nearest_weights,
)
from qhopfield.circuits.execution.mitigation.folding import fold
from qhopfield.circuits.execution.mitigation.readout import Calibration, measured_qubits
from qhopfield.circuits.methods import FilteredMemory, NeuronDynamics
from qhopfield.circuits.models import Exponential, ModernHopfield

pytest.importorskip("mthree")

# A device without errors has no properties of its qubits, and Aer says so.
pytestmark = pytest.mark.filterwarnings("ignore:.*no QubitProperties:UserWarning")
MODEL = ModernHopfield([[1, 1, 1], [1, -1, -1], [-1, 1, -1]], beta=0.7)
PROBE = [1, 1, 1]
METHODS = {
    "fresh": FilteredMemory(fresh=True),
    "used again": FilteredMemory(),
    "kernel": FilteredMemory(KernelFilter(Exponential(0.7))),
}
# Deviations that are allowed, in standard errors: a false alarm of 6e-7.
SIGMA = 5.0


def recalled(method, runner, shots=20_000, seed=1):
    """Weight of the most probable pattern among all shots, and the acceptance."""
    samples = method.run(MODEL, PROBE, shots, runner, np.random.default_rng(seed))
    found = (samples.outcomes[0] == PROBE).all(axis=1)
    return samples.weights[0][found].sum() / shots, samples.acceptance[0]


def wanted(method):
    law = method.law(MODEL, PROBE)
    return law.probability_of(PROBE) * law.acceptance, law.acceptance


def error(runner, shots=20_000):
    """A bound on the standard error of a share."""
    return math.sqrt(0.25 * runner.overhead / shots)


# Read-out.


@pytest.mark.parametrize("name", METHODS)
def test_read_out_errors_are_removed_from_answers_and_acceptance(name):
    method = METHODS[name]
    noise = make_noise(readout=0.06)
    runner = make_runner(noise_model=noise, mitigation=Mitigation(readout=True))
    raw = recalled(method, make_runner(noise_model=noise))
    mended = recalled(method, runner)
    assert raw[0] < wanted(method)[0] - SIGMA * math.sqrt(0.25 / 20_000)
    for value, law in zip(mended, wanted(method), strict=True):
        assert abs(value - law) < SIGMA * error(runner)
    assert 1.5 < runner.overhead < 10


def test_errors_that_differ_from_bit_to_bit_and_from_0_to_1():
    noise = NoiseModel()
    for qubit, (low, high) in enumerate([(0.01, 0.08), (0.1, 0.02), (0.0, 0.15)]):
        wrong = ReadoutError([[1 - low, low], [high, 1 - high]])
        noise.add_readout_error(wrong, [qubit])
    circuit = QuantumCircuit(3, 5)
    circuit.ry(1.8, 0)
    circuit.cx(0, 1)
    circuit.ry(1.6, 2)
    circuit.measure([2, 0, 1], [0, 3, 4])
    runner = MitigatedRunner(AerRunner(noise_model=noise), Mitigation(readout=True))
    counts = runner.run(circuit, (), np.zeros((1, 0)), np.array([40_000]), np.random.default_rng(2))
    assert sum(counts[0].values()) == pytest.approx(40_000)
    half, turned = math.sin(0.9) ** 2, math.sin(0.8) ** 2
    for reading, law in ((0b00000, (1 - half) * (1 - turned)), (0b11001, half * turned)):
        assert abs(counts[0][reading] / 40_000 - law) < SIGMA * error(runner, 40_000)
    assert counts[0].get(0b01000, 0.0) < SIGMA * error(runner, 40_000) * 40_000


@pytest.mark.parametrize(
    "make",
    [
        lambda noise: {"backend": AerSimulator(noise_model=noise)},
        lambda noise: {"sampler": BackendSamplerV2(backend=AerSimulator(noise_model=noise))},
    ],
    ids=["simulator", "sampler"],
)
def test_whatever_runs_the_circuits(make):
    mitigation = Mitigation(readout=True, calibration_shots=40_000)
    runner = make_runner(**make(make_noise(readout=0.05)), mitigation=mitigation)
    for value, law in zip(
        recalled(METHODS["kernel"], runner), wanted(METHODS["kernel"]), strict=True
    ):
        assert abs(value - law) < SIGMA * error(runner)
    assert runner.overhead > 1.5


def test_without_read_out_errors_nothing_changes():
    plain = recalled(METHODS["kernel"], make_runner(), seed=4)
    runner = make_runner(mitigation=Mitigation(readout=True, calibration_shots=100))
    assert recalled(METHODS["kernel"], runner, seed=4) == pytest.approx(plain, abs=0.02)
    assert runner.overhead == pytest.approx(1.0, abs=1e-6)


def test_qubits_are_calibrated_once_and_on_the_device():
    class Watched(SamplerRunner):
        calls = ()

        def execute(self, circuits, *rest):
            self.calls = (*self.calls, [circuit.num_qubits for circuit in circuits])
            return super().execute(circuits, *rest)

    inside = Watched(backend=GenericBackendV2(7, seed=3))
    runner = MitigatedRunner(inside, Mitigation(readout=True, calibration_shots=200))
    for method in (METHODS["kernel"], METHODS["kernel"]):
        recalled(method, runner, shots=50)
    # One job calibrates four bits in eight circuits, one runs the memory; then one more.
    assert inside.calls[:2] == ([7] * 8, [7])
    assert len(inside.calls) == 3
    read = measured_qubits(inside.transpiled(METHODS["kernel"].circuit(MODEL, PROBE)))
    assert set(runner._calibration.matrices) == set(read.values())
    for qubit, matrix in runner._calibration.matrices.items():
        np.testing.assert_allclose(matrix.sum(axis=0), 1.0)
        error = inside.target["measure"][(qubit,)].error
        assert matrix[1, 0] + matrix[0, 1] < 2 * error + 0.3


def test_a_qubit_that_tells_nothing_is_refused():
    noise = NoiseModel()
    noise.add_readout_error(ReadoutError([[0.4, 0.6], [0.6, 0.4]]), [2])
    runner = MitigatedRunner(AerRunner(noise_model=noise), Mitigation(readout=True))
    with pytest.raises(ValueError, match=r"Qubit 2 reads 1 in a share 0\.[56].* tells nothing"):
        recalled(METHODS["fresh"], runner)


def test_mthree_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "mthree", None)
    with pytest.raises(ImportError, match=r"pip install qhopfield\[devices\]"):
        Calibration(10)
    make_runner(mitigation=Mitigation(zero_noise=(1, 3)))  # which needs none


# Zero-noise extrapolation.


def turned():
    angle = Parameter("a")
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.rzz(angle, 0, 1)
    circuit.append(CXGate(ctrl_state=0), [0, 1])
    circuit.measure([0, 1], [0, 1])
    return circuit, angle


@pytest.mark.parametrize("factor", [1, 3, 5])
def test_folding_keeps_what_a_circuit_does(factor):
    circuit, angle = turned()
    folded = fold(circuit, factor)
    counted = folded.count_ops()
    assert (counted["h"], counted["rzz"], counted["measure"]) == (1, factor, 2)
    assert sum(n for name, n in counted.items() if name.startswith("cx")) == factor
    both = [
        Operator(each.remove_final_measurements(inplace=False).assign_parameters({angle: 0.3}))
        for each in (circuit, folded)
    ]
    assert both[0] == both[1]


def test_every_rule_is_exact_for_its_own_curve():
    factors = np.array([1, 3, 5])
    for rule, curve in {
        "linear": lambda x: 0.4 - 0.03 * x,
        "richardson": lambda x: 0.4 - 0.05 * x + 0.003 * x**2,
        "exponential": lambda x: 0.125 + 0.275 * np.exp(-0.2 * x),
    }.items():
        table = np.stack([curve(factors), 0.125 - (curve(factors) - 0.125) / 3], axis=1)
        c, inflation = extrapolation_weights(factors, rule, table, 0.125)
        found = 0.125 + c @ (table - 0.125)
        np.testing.assert_allclose(found[0], curve(0.0), atol=1e-6)
        assert inflation >= c @ c - 1e-12
        if rule != "exponential":
            assert c.sum() == pytest.approx(1.0)


def test_the_inflation_of_variance_is_what_is_seen():
    rng = np.random.default_rng(0)
    factors, scale = np.array([1, 3, 5]), 1e-3
    for rule in RULES:
        exact = 0.125 + 0.2 * np.exp(-0.2 * factors)[:, None] * np.array([3.0, -1.0, -1.0, -1.0])
        ends, inflations = [], []
        for _ in range(400):
            table = exact + scale * rng.standard_normal(exact.shape)
            c, inflation = extrapolation_weights(factors, rule, table, 0.125)
            ends.append(0.125 + c @ (table - 0.125))
            inflations.append(inflation)
        seen = np.std(ends, axis=0).max() ** 2 / scale**2
        # The variance of 400 values scatters by 7 %; the number given bounds it.
        assert seen < np.mean(inflations) * 1.35
        if rule != "exponential":
            assert seen > np.mean(inflations) * 0.65


@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_nearest_weights_are_the_nearest(weights, total):
    signed = np.array(weights)
    found = nearest_weights(signed, total)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(total, abs=1e-9)
    # The conditions of Karush, Kuhn and Tucker: one shift where positive, no more where zero.
    shifts = (signed - found)[found > 1e-12]
    if shifts.size:
        assert np.ptp(shifts) < 1e-9
        assert (signed[found <= 1e-12] <= shifts.mean() + 1e-9).all()


@pytest.mark.parametrize("rule", RULES)
def test_without_noise_the_law_stays(rule):
    mitigation = Mitigation(zero_noise=(1, 3, 5), extrapolation=rule)
    runner = make_runner(noise_model=make_noise(), mitigation=mitigation)
    for value, law in zip(
        recalled(METHODS["fresh"], runner), wanted(METHODS["fresh"]), strict=True
    ):
        assert abs(value - law) < SIGMA * error(runner)


@pytest.mark.parametrize("rule", ["linear", "richardson"])
def test_extrapolation_more_than_halves_the_bias(rule):
    noise = make_noise(two_qubit=0.01)
    method = METHODS["kernel"]
    raw, _ = recalled(method, make_runner(noise_model=noise), shots=100_000)
    mitigation = Mitigation(zero_noise=(1, 3, 5), extrapolation=rule)
    runner = make_runner(noise_model=noise, mitigation=mitigation)
    mended, _ = recalled(method, runner, shots=100_000)
    law, _ = wanted(method)
    assert law - raw > 0.03
    assert abs(law - mended) < (law - raw) / 2


def test_all_counts_of_a_row_add_up_and_are_positive():
    circuit = METHODS["fresh"].circuit(MODEL, PROBE)
    mitigation = Mitigation(readout=True, zero_noise=(1, 3), calibration_shots=500)
    runner = make_runner(noise_model=make_noise(two_qubit=0.05, readout=0.1), mitigation=mitigation)
    shots = np.array([300, 0, 70])
    counted = runner.run(circuit, (), np.zeros((3, 0)), shots, np.random.default_rng(0))
    for counts, total in zip(counted, shots, strict=True):
        assert sum(counts.values()) == pytest.approx(total)
        assert all(count > 0 for count in counts.values())
        assert sum(key >> 3 > 0 for key in counts) <= 1  # all rejected runs under one reading
    assert counted[1] == {}
    assert runner.negative > 0
    again = make_runner(noise_model=make_noise(two_qubit=0.05, readout=0.1), mitigation=mitigation)
    assert again.run(circuit, (), np.zeros((3, 0)), shots, np.random.default_rng(0)) == counted


def test_neurons_on_qubits_are_mitigated(memory):
    model = memory("real", 3)
    law = NeuronDynamics(RUSNeuron(1, attempts=1), 1, register="reuse", order=[0, 1]).law
    method = NeuronDynamics(RUSNeuron(1, attempts=1), 1, register="reuse", order=[0, 1])
    runner = make_runner(noise_model=make_noise(readout=0.08), mitigation=Mitigation(readout=True))
    samples = method.run(model, PROBE, 4000, runner, np.random.default_rng(1))
    assert abs(samples.acceptance[0] - law(model, PROBE).acceptance) < SIGMA * error(runner, 4000)
    assert samples.attempts[0] >= 1.0


# Decoupling.


LINE = [[i, i + 1] for i in range(4)] + [[i + 1, i] for i in range(4)]


def waiting(device):
    """A circuit of which one qubit waits, ready for a device, and its placed qubits."""
    circuit = QuantumCircuit(QuantumRegister(3, "s"), ClassicalRegister(3, "neurons"))
    for qubit in range(3):
        circuit.ry(0.3 + qubit, qubit)
    circuit.cx(0, 1)
    for _ in range(4):
        circuit.cx(1, 2)
        circuit.ry(0.4, [1, 2])
    circuit.cx(0, 1)
    circuit.measure(range(3), range(3))
    return SamplerRunner(backend=device).transpiled(circuit)


def without_waiting(circuit):
    bare = circuit.remove_final_measurements(inplace=False)
    kept = QuantumCircuit(*bare.qregs)
    for instruction in bare.data:
        if instruction.operation.name not in ("delay", "barrier"):
            kept.append(instruction)
    return kept


@pytest.mark.parametrize("sequence, pulses", [("idle", 0), ("XX", 2), ("XY4", 4)])
def test_pulses_fill_the_waiting_times(sequence, pulses):
    device = GenericBackendV2(5, coupling_map=LINE, seed=1)
    ready = waiting(device)
    filled = decoupled(ready, sequence, device.target, "device")
    more = filled.count_ops().get("x", 0) - ready.count_ops().get("x", 0)
    assert more >= pulses and (more == 0) == (pulses == 0)
    assert more % max(pulses, 1) == 0
    assert filled.count_ops()["delay"] > 0
    assert Operator(without_waiting(filled)).equiv(Operator(without_waiting(ready)))
    idle = set(ready.qubits) - {qubit for each in ready.data for qubit in each.qubits}
    assert len(idle) == 2
    assert not any(idle.intersection(each.qubits) for each in filled.data)


def test_decoupling_runs_through_a_sampler_and_a_simulator():
    device = GenericBackendV2(5, seed=1)
    for backend in (device, AerSimulator.from_backend(device)):
        runner = make_runner(backend=backend, mitigation=Mitigation(decoupling="XX"))
        assert recalled(METHODS["used again"], runner, shots=50)[1] > 0
        assert runner.name.endswith("mitigated: decoupling XX")


@pytest.mark.parametrize(
    "make",
    [
        lambda: {},
        lambda: {"noise_model": make_noise(two_qubit=0.01)},
        lambda: {"sampler": BackendSamplerV2(backend=AerSimulator())},
        lambda: {"backend": GenericBackendV2(6, noise_info=False)},
    ],
)
def test_decoupling_needs_durations(make):
    runner = make_runner(**make(), mitigation=Mitigation(decoupling="XX"))
    with pytest.raises(ValueError, match="tells no durations of its gates: give backend="):
        recalled(METHODS["used again"], runner, shots=5)


def test_a_sequence_that_the_device_lacks():
    device = GenericBackendV2(6, basis_gates=["cx", "rz", "sx"], seed=1)
    runner = make_runner(backend=device, mitigation=Mitigation(decoupling="XX"))
    with pytest.raises(ValueError, match=r"Decoupling by XX does not work on generic.*x in dd_seq"):
        recalled(METHODS["used again"], runner, shots=5)


# What is refused.


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"readout": 1}, TypeError, "readout must be True or False, got 1"),
        ({"codewords": "yes"}, TypeError, "codewords must be True or False"),
        (
            {"zero_noise": 3},
            TypeError,
            r"zero_noise must be odd factors such as \(1, 3, 5\), got 3",
        ),
        ({"zero_noise": "135"}, TypeError, "zero_noise must be odd factors"),
        ({"zero_noise": (1, 3.0)}, TypeError, "a factor of zero_noise must be an integer"),
        ({"zero_noise": (1,)}, ValueError, "at least two odd factors"),
        ({"zero_noise": (1, 2)}, ValueError, r"two odd factors.*its inverse.*got \(1, 2\)"),
        ({"zero_noise": (-1, 1)}, ValueError, "a factor of zero_noise must be >= 1"),
        ({"zero_noise": (3, 1)}, ValueError, "zero_noise must rise, no factor twice"),
        ({"zero_noise": (1, 1)}, ValueError, "zero_noise must rise"),
        ({"extrapolation": "cubic"}, ValueError, "extrapolation must be one of 'linear'"),
        ({"extrapolation": "richardson"}, ValueError, "needs the factors of the noise"),
        ({"decoupling": "CPMG"}, ValueError, "decoupling must be one of 'idle', 'XX', 'XY4'"),
        ({"decoupling": True}, ValueError, "decoupling must be one of"),
        ({"calibration_shots": 0}, ValueError, "calibration_shots must be >= 1"),
        ({"calibration_shots": 1e4}, TypeError, "calibration_shots must be an integer"),
    ],
)
def test_bad_mitigation(options, error, message):
    with pytest.raises(error, match=message):
        Mitigation(**options)


def test_settings_compare_and_print():
    given = Mitigation(readout=True, zero_noise=[1, np.int64(3)])
    assert given == Mitigation(readout=True, zero_noise=(1, 3))
    assert "zero_noise=(1, 3)" in repr(given)
    assert given.runs and not Mitigation(codewords=True).runs
    assert isinstance(make_runner(mitigation=Mitigation(codewords=True)), AerRunner)


@pytest.mark.parametrize(
    "mitigation", [Mitigation(readout=True), Mitigation(zero_noise=(1, 3))], ids=repr
)
@pytest.mark.parametrize("attempts", [None, 2])
def test_branches_and_loops_are_refused_and_told_what_works(mitigation, attempts, memory):
    model, runner = memory("real", 3), make_runner(mitigation=mitigation)
    method = NeuronDynamics(RUSNeuron(1, attempts=attempts), 1, register="reuse", order=[0])
    with pytest.raises(ValueError, match=r"branches or repeats.*RUSNeuron\(attempts=1\)"):
        method.run(model, PROBE, 5, runner, np.random.default_rng(0))
    for neuron in (RUSNeuron(1, attempts=1), RotationNeuron()):
        works = NeuronDynamics(neuron, 1, register="coherent", order=[0])
        works.run(model, PROBE, 5, runner, np.random.default_rng(0))


def test_a_sampler_without_read_out():
    with pytest.raises(ValueError, match="StatevectorSampler computes probabilities"):
        make_runner(sampler=StatevectorSampler(), mitigation=Mitigation(readout=True))


def test_wrong_types():
    with pytest.raises(TypeError, match="mitigation must be a Mitigation or None, got 'all'"):
        make_runner(mitigation="all")
    with pytest.raises(TypeError, match="mitigation must be a Mitigation, got None"):
        MitigatedRunner(AerRunner(), None)


def test_too_wide_is_still_refused():
    runner = make_runner(mitigation=Mitigation(zero_noise=(1, 3)))
    with pytest.raises(ValueError, match=r"50 qubits.*Use less\."):
        runner.admit(50, "Use less.")
