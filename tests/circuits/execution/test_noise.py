"""Noise models from a few numbers, and circuits that run under them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import DensityMatrix, Operator, average_gate_fidelity, partial_trace
from qiskit_aer import AerSimulator

from qhopfield.circuits import Exponential, KernelFilter
from qhopfield.circuits.execution import AerRunner, make_noise, make_runner
from qhopfield.circuits.methods import FilteredMemory


def channel(noise, name):
    """The error of one gate as a superoperator."""
    return noise._default_quantum_errors[name].to_quantumchannel()


def test_depolarising_strengths():
    noise = make_noise(two_qubit=0.03, one_qubit=0.01)
    # F = 1 - p (1 - 1/d) on average over states.
    for name, strength, size in (
        ("cx", 0.03, 4),
        ("ecr", 0.03, 4),
        ("x", 0.01, 2),
        ("ry", 0.01, 2),
    ):
        fidelity = average_gate_fidelity(channel(noise, name), Operator(np.eye(size)))
        assert fidelity == pytest.approx(1 - strength * (1 - 1 / size), abs=1e-12)
    assert "rz" not in noise.noise_instructions
    assert "measure" not in noise.noise_instructions


def test_relaxation_times():
    noise = make_noise(t1=80.0, t2=60.0, one_qubit_time=400.0, two_qubit_time=2000.0)
    for name, time, pair in (("x", 0.4, False), ("cz", 2.0, True), ("measure", 1.0, False)):
        size = 2 if pair else 1
        up = DensityMatrix.from_label("1" * size).evolve(channel(noise, name))
        assert up.probabilities([0])[1] == pytest.approx(math.exp(-time / 80), abs=1e-12)
        plus = DensityMatrix.from_label("+" * size).evolve(channel(noise, name))
        one = partial_trace(plus, list(range(1, size)))
        assert 2 * abs(one.data[0, 1]) == pytest.approx(math.exp(-time / 60), abs=1e-12)


def test_the_default_dephasing_is_that_of_relaxation():
    noise = make_noise(t1=10.0, readout_time=500.0)
    plus = DensityMatrix.from_label("+").evolve(channel(noise, "measure"))
    assert 2 * abs(plus.data[0, 1]) == pytest.approx(math.exp(-0.5 / 20), abs=1e-12)
    still = make_noise(t2=10.0, readout_time=500.0)
    up = DensityMatrix.from_label("1").evolve(channel(still, "measure"))
    assert up.probabilities()[1] == pytest.approx(1.0, abs=1e-12)


def test_read_out_errs_both_ways():
    circuit = QuantumCircuit(2, 2)
    circuit.x(1)
    circuit.measure([0, 1], [0, 1])
    simulator = AerSimulator(noise_model=make_noise(readout=1.0))
    assert simulator.run(circuit, shots=5).result().get_counts() == {"01": 5}


def test_no_noise_is_ideal_and_runs(memory):
    noise = make_noise()
    assert noise.is_ideal()
    model = memory("hebb", 3)
    law = FilteredMemory().law(model, [1, 1, 1])
    samples = FilteredMemory().run(
        model, [1, 1, 1], 2000, make_runner(noise_model=noise), np.random.default_rng(1)
    )
    assert abs(samples.acceptance[0] - law.acceptance) < 5 * math.sqrt(0.25 / 2000)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"two_qubit": -0.1}, ValueError, "two_qubit must be a finite number >= 0 and <= 1"),
        ({"one_qubit": 1.1}, ValueError, "one_qubit must be a finite number >= 0 and <= 1"),
        ({"readout": math.nan}, ValueError, "readout must be a finite number"),
        ({"readout": "0.1"}, TypeError, "readout must be a real number"),
        ({"t1": 0.0}, ValueError, "t1 must be a finite number > 0"),
        ({"t1": math.inf}, ValueError, "t1 must be a finite number > 0"),
        ({"t2": -3.0}, ValueError, "t2 must be a finite number > 0"),
        (
            {"t1": 10.0, "t2": 21.0},
            ValueError,
            r"t2 must be at most 2 t1 = 20 microseconds.*got 21",
        ),
        ({"two_qubit_time": 0}, ValueError, "two_qubit_time must be a finite number > 0"),
        ({"one_qubit_time": True}, TypeError, "one_qubit_time must be a real number"),
        ({"readout_time": None}, TypeError, "readout_time must be a real number"),
    ],
)
def test_bad_noise(options, error, message):
    with pytest.raises(error, match=message):
        make_noise(**options)


# Running under noise.


def test_many_probes_of_one_circuit_under_noise(memory, stats):
    # Aer loses its place when it binds parameters at run time among the errors of a noise model.
    model = memory("hebb", 4)
    method = FilteredMemory(KernelFilter(Exponential(1.0)))
    probes = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [-1, -1, -1, -1], [1, 1, -1, -1]])
    runner = AerRunner(noise_model=make_noise(two_qubit=1e-9, one_qubit=1e-9))
    samples = method.run(model, probes, 1500, runner, np.random.default_rng(3))
    for row, probe in enumerate(probes):
        law = method.law(model, probe)
        stats.binomial(int(samples.weights[row].sum()), 1500, law.acceptance)


def test_one_density_matrix_has_the_law_of_many_states(memory):
    # Many shots of a circuit that measures last come from a density matrix, few from states.
    circuit = FilteredMemory(fresh=True).circuit(memory("hebb", 3), [1, 1, 1])
    noise = make_noise(two_qubit=0.05, one_qubit=0.01, readout=0.05, t1=5.0)
    shares, names = [], []
    for rows, shots in ((100, 40), (1, 4000)):
        runner = AerRunner(noise_model=noise)
        counted = runner.run(
            circuit, (), np.zeros((rows, 0)), np.full(rows, shots), np.random.default_rng(5)
        )
        shares.append(sum(n for each in counted for key, n in each.items() if not key >> 3) / 4000)
        names.append(runner.name)
    assert names == ["aer statevector with noise", "aer density_matrix with noise"]
    # Five standard deviations: a false alarm of 6e-7.
    assert abs(shares[0] - shares[1]) < 5 * math.sqrt(2 * 0.25 / 4000)


def test_a_circuit_that_measures_on_the_way_keeps_its_states(memory):
    circuit = FilteredMemory().circuit(memory("exponential", 3), [1, 1, 1])
    runner = AerRunner(noise_model=make_noise(two_qubit=0.05))
    runner.run(circuit, (), np.zeros((1, 0)), np.array([500]), np.random.default_rng(5))
    assert runner.name == "aer statevector with noise"
