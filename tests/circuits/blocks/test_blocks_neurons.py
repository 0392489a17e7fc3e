"""The neurons: their operators, their laws for every angle, their attempts and gate counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Operator

from qhopfield.circuits import laws
from qhopfield.circuits.blocks import RotationNeuron, RUSNeuron, ThresholdNeuron
from qhopfield.circuits.blocks.cost import circuit_cost
from qhopfield.circuits.blocks.fields import ClassicalField
from qhopfield.circuits.blocks.neurons import Workspace, controlled_turn, increment
from qhopfield.circuits.methods import NeuronDynamics
from qhopfield.circuits.methods.registers import single_neuron
from qhopfield.circuits.models import Hopfield

ANGLES = np.linspace(0.0, math.pi / 2, 13)


def ry(angle):
    c, s = math.cos(angle / 2), math.sin(angle / 2)
    return np.array([[c, -s], [s, c]])


def parallel(made, wanted):
    """Whether two matrices agree up to a factor, which must not be zero."""
    factor = np.vdot(wanted, made) / np.vdot(wanted, wanted)
    assert abs(factor) > 1e-6
    np.testing.assert_allclose(made, factor * wanted, atol=1e-10)
    return abs(factor) ** 2


def block_operators(theta, inverse=False):
    """What one level-1 block does to its output where its ancilla ends as 0, and as 1."""
    value = Parameter("v")
    circuit = QuantumCircuit(2)
    output, ancilla = circuit.qubits
    work = Workspace(block_ancilla=lambda level: ancilla, postselect=lambda qubit: None)
    neuron = RUSNeuron(1, attempts=1)
    neuron._unit(circuit, ClassicalField(value), 1, output, inverse, work)
    unitary = Operator(circuit.assign_parameters({value: theta})).data
    # The ancilla is the higher bit and starts as 0.
    return unitary[:2, :2], unitary[2:, :2]


@pytest.mark.parametrize("theta", ANGLES)
@pytest.mark.parametrize("inverse", [False, True])
def test_a_block_succeeds_with_the_square_of_the_tangent(theta, inverse):
    success, failure = block_operators(theta, inverse)
    sharpened = 2 * math.atan2(math.sin(theta) ** 2, math.cos(theta) ** 2)
    sign = -1 if inverse else 1
    chance = parallel(success, ry(sign * sharpened))
    assert chance == pytest.approx(math.sin(theta) ** 4 + math.cos(theta) ** 4, abs=1e-10)
    if 0.01 < theta < math.pi / 2 - 0.01:
        lost = parallel(failure, ry(-sign * math.pi / 2))
        assert lost == pytest.approx(math.sin(2 * theta) ** 2 / 2, abs=1e-10)


@pytest.mark.parametrize("inverse", [False, True])
def test_the_recovery_in_the_circuit_undoes_a_failure(inverse):
    # The only rotation of the output after the ancilla's measurement is the recovery.
    circuit = QuantumCircuit(2, 1)
    output, ancilla = circuit.qubits
    work = Workspace(
        block_ancilla=lambda level: ancilla,
        postselect=lambda qubit: None,
        flags=circuit.clbits,
    )
    RUSNeuron(1)._unit(circuit, ClassicalField(Parameter("v")), 1, output, inverse, work)
    body = next(i for i in circuit.data if i.operation.name == "while_loop").operation.blocks[0]
    branch = next(i for i in body.data if i.operation.name == "if_else").operation.blocks[0]
    mend = next(i.operation for i in branch.data if i.operation.name == "ry")
    _, failure = block_operators(0.6, inverse)
    parallel(mend.to_matrix() @ failure, np.eye(2))
    # The opposite sign, printed in the literature, does not mend it.
    assert abs(np.trace(mend.inverse().to_matrix() @ failure)) < 1e-9


def test_controlled_turn_is_a_controlled_minus_i_y():
    for inverse, wanted in [(False, [[0, -1], [1, 0]]), (True, [[0, 1], [-1, 0]])]:
        circuit = QuantumCircuit(2)
        controlled_turn(circuit, circuit.qubits[0], circuit.qubits[1], inverse=inverse)
        assert circuit_cost(circuit).two_qubit_gates == 1
        unitary = Operator(circuit).data
        phase = unitary[0, 0]
        assert abs(phase) == pytest.approx(1.0)
        np.testing.assert_allclose(unitary[np.ix_([0, 2], [0, 2])], phase * np.eye(2), atol=1e-12)
        np.testing.assert_allclose(
            unitary[np.ix_([1, 3], [1, 3])], phase * np.array(wanted), atol=1e-12
        )


MODEL = Hopfield([[0.0, 1.0], [1.0, 0.0]])


def outcomes(neuron, phi, exact, count=True):
    """P(+1 and accepted), P(accepted) and mean level-1 blocks, of an update at angles phi."""
    template = single_neuron(neuron, neuron.prepare(MODEL, 1.0), count)
    weights = exact.readings(
        template.circuit, template.parameters, phi[:, None], template.rejecting
    )
    up = sum((w for key, w in weights.items() if not key & 1), np.zeros(len(phi)))
    blocks = sum(w * template.blocks(key) for key, w in weights.items())
    return up, sum(weights.values()), blocks


@pytest.mark.parametrize(
    "neuron",
    [
        RotationNeuron(),
        RUSNeuron(1),
        RUSNeuron(2),
        *(RUSNeuron(level, attempts=tries) for level in (1, 2, 3) for tries in (1, 2)),
        RUSNeuron(1, attempts=3),
        RUSNeuron(2, attempts=3),
    ],
    ids=repr,
)
def test_the_circuit_of_one_update_is_its_law_at_every_angle(neuron, exact):
    # Angles beyond the safe range too: the response folds back, in the circuit as in the law.
    phi = np.concatenate([ANGLES, [-0.3, 2.0, 3.3]])
    h = math.pi / 4 - phi
    prepared = neuron.prepare(MODEL, 1.0)
    spins = np.ones(len(h), dtype=np.int8)
    # Two nested loops without a bound count too many blocks to tell them all apart.
    count = neuron != RUSNeuron(2)
    up, accepted, blocks = outcomes(neuron, phi, exact, count)
    np.testing.assert_allclose(accepted, prepared.acceptance(h), rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        up, prepared.probability(0, h, spins) * prepared.acceptance(h), rtol=0, atol=1e-10
    )
    if count:
        np.testing.assert_allclose(blocks / accepted, prepared.blocks(h), rtol=0, atol=1e-10)


def test_the_angle_of_the_law_is_the_angle_of_the_circuit():
    prepared = RUSNeuron(2).prepare(MODEL, 0.37)
    fields = np.array([-1.0, 0.0, 1.0])
    angle = prepared.parameter(0, fields, np.ones(3, dtype=np.int8))
    np.testing.assert_allclose(angle, math.pi / 4 - 0.37 * fields)


def test_mean_attempts_at_uniform_angles_are_root_two(aer):
    neuron = RUSNeuron(1)
    template = single_neuron(neuron, neuron.prepare(MODEL, 1.0))
    rng = np.random.default_rng(1)
    # 50 midpoints stand for uniform angles (their sum is exact). The variance of an attempt,
    # (1 - p) / p^2, is at most .78 in the mean, so .02 is five standard deviations of 50,000 shots.
    angles = (np.arange(50) + 0.5) * math.pi / 100
    p = np.sin(angles) ** 4 + np.cos(angles) ** 4
    assert ((1 - p) / p**2).mean() < 0.78
    counted = aer.run(
        template.circuit, template.parameters, angles[:, None], np.full(50, 1000), rng
    )
    mean = sum(template.blocks(k) * c for counts in counted for k, c in counts.items()) / 50_000
    assert mean == pytest.approx(math.sqrt(2), abs=0.02)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_threshold_costs_four_to_the_level_base_rotations(level, aer):
    # Relative variance r_k = r_(k-1) / 4 + 1/2 < 2/3: 5 % is five standard deviations of 6,700.
    shots = 6_700
    neuron = RUSNeuron(level)
    template = single_neuron(neuron, neuron.prepare(MODEL, 1.0))
    (counts,) = aer.run(
        template.circuit,
        template.parameters,
        np.array([[math.pi / 4]]),
        np.array([shots]),
        np.random.default_rng(level),
    )
    rotations = 2.0 * sum(template.blocks(key) * count for key, count in counts.items()) / shots
    assert rotations == pytest.approx(4.0**level, rel=0.05)


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_counter_counts(width, exact):
    circuit = QuantumCircuit(1)
    counter = ClassicalRegister(width, "n")
    circuit.add_register(counter)
    for number in range(1, 2**width + 2):
        increment(circuit, counter)
        assert exact.readings(circuit).keys() == {number % 2**width}


# Gates.


def one_update(neuron, model, register="reuse", **options):
    method = NeuronDynamics(neuron, sweeps=1, order=[1], register=register, **options)
    return method.circuit(model, np.ones(model.num_neurons))


def dense_weights(num_neurons):
    rng = np.random.default_rng(num_neurons)
    weights = np.triu(rng.uniform(0.5, 1.5, size=(num_neurons, num_neurons)), 1)
    return Hopfield(weights + weights.T, rng.normal(size=num_neurons))


@pytest.mark.parametrize("num_neurons", [2, 3, 6])
@pytest.mark.parametrize("register", ["reuse", "coherent"])
def test_two_qubit_gates_of_an_update(num_neurons, register):
    model = dense_weights(num_neurons)
    synapses = num_neurons - 1
    level0 = circuit_cost(one_update(RotationNeuron(), model, register))
    assert level0.two_qubit_gates == synapses
    for attempts in (1, None, 3):
        level1 = circuit_cost(one_update(RUSNeuron(1, attempts=attempts), model, register))
        assert level1.two_qubit_gates == 2 * synapses + 1
        level2 = circuit_cost(one_update(RUSNeuron(2, attempts=attempts), model, register))
        assert level2.two_qubit_gates == 2 * (2 * synapses + 1) + 1


@pytest.mark.parametrize("num_neurons", [3, 5])
@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("optimization_level", [0, 1, 2, 3])
def test_as_many_two_qubit_gates_in_a_basis_with_rzz(num_neurons, level, optimization_level):
    neuron = RUSNeuron(1, attempts=1) if level else RotationNeuron()
    circuit = one_update(neuron, dense_weights(num_neurons))
    ready = transpile(
        circuit,
        basis_gates=["rzz", "rz", "sx", "x", "reset"],
        optimization_level=optimization_level,
        seed_transpiler=1,
    )
    synapses = num_neurons - 1
    assert circuit_cost(ready).two_qubit_gates == (2 * synapses + 1 if level else synapses)


@pytest.mark.filterwarnings("ignore:.*no QubitProperties:UserWarning")
def test_as_many_two_qubit_gates_in_a_loop_on_a_device_with_rzz():
    device = GenericBackendV2(
        5, basis_gates=["rzz", "rz", "sx", "x"], control_flow=True, noise_info=False
    )
    circuit = one_update(RUSNeuron(1), dense_weights(3))
    ready = transpile(circuit, backend=device, optimization_level=2, seed_transpiler=1)
    assert circuit_cost(ready).two_qubit_gates == 2 * 2 + 1


# Bad input.


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: RUSNeuron(level=0), ValueError, r"use RotationNeuron\(\) for level 0"),
        (lambda: RUSNeuron(level=-1), ValueError, "level must be >= 0, got -1"),
        (lambda: RUSNeuron(level=13), ValueError, "levels up to 12"),
        (lambda: RUSNeuron(level=1.0), TypeError, "level must be an integer"),
        (lambda: RUSNeuron(level=True), TypeError, "level must be an integer"),
        (lambda: RUSNeuron(level="2"), TypeError, "level must be an integer"),
        (lambda: RUSNeuron(1, attempts=0), ValueError, "attempts must be >= 1, got 0"),
        (lambda: RUSNeuron(1, attempts=-3), ValueError, "attempts must be >= 1"),
        (lambda: RUSNeuron(1, attempts=2.5), TypeError, "attempts must be an integer"),
        (lambda: ThresholdNeuron(bits=1), ValueError, "bits must be between 2 and 30, got 1"),
        (lambda: ThresholdNeuron(bits=31), ValueError, "bits must be between 2 and 30"),
        (lambda: ThresholdNeuron(bits=8.0), TypeError, "bits must be an integer"),
    ],
)
def test_bad_neurons(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_neurons_are_values():
    assert RUSNeuron(2) == RUSNeuron(level=2, attempts=None)
    assert RUSNeuron(2) != RUSNeuron(2, attempts=1)
    assert len({RotationNeuron(), RotationNeuron(), ThresholdNeuron(), ThresholdNeuron(4)}) == 3


def test_only_updates_beyond_the_gain_are_folded():
    prepared = RUSNeuron(1).prepare(MODEL, laws.safe_gain(1.0))
    assert prepared.folded(np.array([-1.0, 1.0, 1.001, -2.0])).tolist() == [False] * 2 + [True] * 2
    assert not ThresholdNeuron().prepare(MODEL, 9.0).folded(np.array([5.0])).any()
