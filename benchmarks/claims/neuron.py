"""The quantum neuron: its blocks, its attempts, its temperature."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator

from qhopfield.circuits import Hopfield, NeuronDynamics, RotationNeuron, RUSNeuron, laws
from qhopfield.circuits.blocks.fields import ClassicalField
from qhopfield.circuits.blocks.neurons import Workspace
from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.methods import registers
from qhopfield.circuits.patterns import all_states

from .record import Measured, claim, exactly, mean

CAO = "Cao, Guerreschi and Aspuru-Guzik 2017, arXiv:1711.11240"
MILLER = "Miller and Mukhopadhyay 2021, arXiv:2105.11590"


def _blocks(level: int, angles: NDArray[np.float64], shots: int, seed: int) -> NDArray[np.float64]:
    """Level-1 blocks that a neuron ran, shot by shot, at each angle (pi/4 is the threshold)."""
    neuron = RUSNeuron(level)
    prepared = neuron.prepare(Hopfield.store([[1, 1]]), 1.0)
    template = registers.single_neuron(neuron, prepared)
    counted = AerRunner().run(
        template.circuit,
        template.parameters,
        angles[:, None],
        np.full(len(angles), shots),
        np.random.default_rng(seed),
    )
    blocks = [
        np.repeat(template.blocks(reading), count)
        for counts in counted
        for reading, count in counts.items()
    ]
    return np.concatenate(blocks).astype(float)


@claim(
    "neuron.attempts.uniform",
    statement="Mean attempts of a level-1 block over uniform angles are sqrt(2)",
    source=f"{CAO}; closed form of the mean of 1 / (sin^4 + cos^4)",
    setting="10,000 angles uniform on [0, pi/2], one shot each",
    expected=math.sqrt(2.0),
    tolerance=0.02,
    by="circuits",
    quick=True,
)
def attempts_uniform(seed: int) -> Measured:
    angles = np.random.default_rng(seed).uniform(0.0, math.pi / 2.0, 10_000)
    return mean(_blocks(1, angles, 1, seed))


@claim(
    "neuron.attempts.threshold",
    statement="Mean attempts of a level-1 block at the threshold are 2",
    source=CAO,
    setting="h = 0, 20,000 shots",
    expected=2.0,
    tolerance=0.03,
    by="circuits",
    quick=True,
)
def attempts_threshold(seed: int) -> Measured:
    return mean(_blocks(1, np.array([math.pi / 4.0]), 20_000, seed))


def _rotations_at_threshold(level: int, seed: int) -> Measured:
    # A level-1 block loads the field twice.
    return mean(2.0 * _blocks(level, np.array([math.pi / 4.0]), 10_000, seed))


for _level in (1, 2, 3, 4):
    claim(
        f"neuron.rotations.threshold.level-{_level}",
        statement=f"Level {_level} at the threshold loads the field 4^{_level} times on average",
        source=f"{CAO}; recursion R_k = 2 R_(k-1) / p_k",
        setting="h = 0, 10,000 shots",
        expected=4.0**_level,
        tolerance=0.05 * 4.0**_level,
        by="circuits",
        quick=_level < 3,
    )(partial(_rotations_at_threshold, _level))


def _rotations_by_law(angle: float, seed: int) -> Measured:
    field = np.array([angle])
    means = [float(laws.neuron_rotations(field, 1.0, level, None)[0]) for level in range(5)]
    listed = ", ".join(f"{value:.4g}" for value in means)
    return exactly(means[-1], f"levels 0 to 4: {listed}")


for _angle, _expected in ((0.3, 28.3), (0.7, 16.2)):
    claim(
        f"neuron.rotations.law.angle-{_angle}",
        statement=f"Level 4 loads the field {_expected} times on average at |gain h| = {_angle}",
        source=f"{CAO}; recursion R_k = 2 R_(k-1) / p_k",
        setting="exact",
        expected=_expected,
        tolerance=0.05,
        by="law",
        quick=True,
    )(partial(_rotations_by_law, _angle))


def _mended(recovery: float) -> Measured:
    """Least probability, over angles, that a failed block and its recovery leave |0>."""
    angles = np.linspace(0.1, math.pi / 2.0 - 0.1, 9)
    value = Parameter("angle")
    circuit = QuantumCircuit(2)
    work = Workspace(block_ancilla=lambda level: circuit.qubits[1], postselect=lambda qubit: None)
    RUSNeuron(1, attempts=1).append(circuit, ClassicalField(value), circuit.qubits[0], work)
    circuit.save_statevector()
    binds = [{value: angles.tolist()}]
    result = AerSimulator(method="statevector").run(circuit, parameter_binds=binds).result()
    turn = np.array(
        [
            [math.cos(recovery / 2.0), -math.sin(recovery / 2.0)],
            [math.sin(recovery / 2.0), math.cos(recovery / 2.0)],
        ]
    )
    kept = []
    for experiment in result.results:
        failed = np.asarray(experiment.data.statevector)[2:]  # the ancilla, qubit 1, read 1
        mended = turn @ (failed / np.linalg.norm(failed))
        kept.append(float(abs(mended[0]) ** 2))
    return exactly(min(kept), f"from {min(kept):.3g} to {max(kept):.3g} over 9 angles")


@claim(
    "neuron.recovery.sign",
    statement="R_y(+pi/2) mends a failed block",
    source=f"{CAO}, with the sign that the algebra gives",
    setting="exact amplitudes, 9 angles",
    expected=1.0,
    tolerance=1e-10,
    by="circuits",
    quick=True,
)
def recovery_sign(seed: int) -> Measured:
    return _mended(math.pi / 2.0)


@claim(
    "neuron.recovery.sign-as-printed",
    statement="R_y(-pi/2) mends a failed block",
    source=f"{CAO}, as MindQuantum's documentation of QuantumNeuron reports it",
    setting="exact amplitudes, 9 angles",
    expected=1.0,
    tolerance=1e-10,
    found=0.0,
    by="circuits",
    quick=True,
)
def recovery_sign_printed(seed: int) -> Measured:
    measured = _mended(-math.pi / 2.0)
    return exactly(measured.value, "it leaves |1>, for this order of gates: the sign is +pi/2")


def _temperature(level: int, seed: int) -> Measured:
    """Slope of the mean spin at h = 0 in units of the gain."""
    step = 1e-4
    ends = laws.neuron_expectation(np.array([-step, step]), 1.0, level)
    return exactly(float(ends[1] - ends[0]) / (2.0 * step))


for _level in (0, 1, 2, 3):
    claim(
        f"neuron.temperature.level-{_level}",
        statement=f"A level-{_level} neuron is a heat bath of beta = {2 ** (_level + 1)} gain",
        source=f"{CAO}; law P(+1) = sigma(2^(k+2) artanh tan(gain h))",
        setting="slope of <s> at h = 0",
        expected=2.0 ** (_level + 1),
        tolerance=1e-4,
        by="law",
        quick=True,
    )(partial(_temperature, _level))


@claim(
    "neuron.majority",
    statement="The majority of a level-0 neuron's shots is the classical sign, on every state",
    source=MILLER,
    setting="n = 6, 20 random memories, all states, every neuron; number of wrong signs",
    expected=0.0,
    tolerance=0.0,
    by="law",
    quick=True,
)
def majority(seed: int) -> Measured:
    rng = np.random.default_rng(seed)
    states, wrong, cases = all_states(6), 0, 0
    for _ in range(20):
        weights = np.triu(rng.normal(size=(6, 6)), 1)
        model = Hopfield(weights + weights.T)
        gain = NeuronDynamics(RotationNeuron()).resolved_gain(model)
        fields = model.local_field(states)
        likely = laws.neuron_probability(fields, gain, 0) > 0.5
        wrong += int(np.count_nonzero((likely != (fields > 0.0)) & (fields != 0.0)))
        cases += fields.size
    return exactly(wrong, f"of {cases}")
