"""Neuron dynamics: the circuit is its law, on every input state, to 1e-10."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from qiskit.quantum_info import Statevector, random_statevector

from qhopfield.circuits import laws
from qhopfield.circuits.blocks import RotationNeuron, RUSNeuron, ThresholdNeuron
from qhopfield.circuits.methods import NeuronDynamics
from qhopfield.circuits.models import DenseAssociativeMemory, Hopfield, Polynomial
from qhopfield.circuits.patterns import all_states, to_index

ROTATION, THRESHOLD = RotationNeuron(), ThresholdNeuron()
ONCE = {level: RUSNeuron(level, attempts=1) for level in (1, 2)}


def check(method, model, exact, basis_angles, close=1e-10):
    """Compares a method's circuit with its law from all 2^N basis states."""
    num_neurons = model.num_neurons
    template = method.template(model, method.plan(model, np.random.default_rng(0)))
    assert template.circuit.num_qubits == method.qubits(model)
    table = exact.coherent_table if method.register == "coherent" else exact.table
    made = table(template, basis_angles(num_neurons), num_neurons)
    wanted = exact.law_table(method, model)
    np.testing.assert_allclose(made, wanted, rtol=0, atol=close)
    return wanted


# Quadratic fields.


QUADRATIC = [
    *((kind, ROTATION, 5) for kind in ("real", "hebb", "projection")),
    *((kind, RUSNeuron(1), 4) for kind in ("real", "hebb")),
    *((kind, ONCE[1], 5) for kind in ("real", "projection")),
    ("real", RUSNeuron(1, attempts=2), 4),
    ("real", RUSNeuron(1, attempts=3), 3),
    ("real", RUSNeuron(2), 3),
    ("projection", ONCE[2], 3),
    ("real", RUSNeuron(2, attempts=2), 3),
]


@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
@pytest.mark.parametrize("kind, neuron, num_neurons", QUADRATIC, ids=repr)
def test_quadratic(kind, register, neuron, num_neurons, memory, exact, basis_angles):
    method = NeuronDynamics(neuron, sweeps=1, register=register)
    check(method, memory(kind, num_neurons), exact, basis_angles)


@pytest.mark.parametrize(
    "neuron, register, order",
    [
        (RUSNeuron(1), "reuse", [3, 1]),
        (RUSNeuron(1), "feedforward", [3, 1, 4, 0, 2]),
        (ONCE[2], "reuse", [4, 2]),
        (ONCE[2], "coherent", [4, 2]),
        (ONCE[2], "feedforward", [4, 2, 0, 1, 3]),
    ],
    ids=repr,
)
def test_five_neurons_in_a_given_order(neuron, register, order, memory, exact, basis_angles):
    method = NeuronDynamics(neuron, sweeps=1, register=register, order=order)
    check(method, memory("real", 5), exact, basis_angles)


@pytest.mark.parametrize("kind", ["hebb", "projection", "real"])
@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
@pytest.mark.parametrize("num_neurons", [3, 4])
def test_threshold_is_the_classical_update(
    kind, register, num_neurons, memory, exact, basis_angles
):
    model = memory(kind, num_neurons)
    method = NeuronDynamics(ThresholdNeuron(bits=4), sweeps=1, register=register)
    table = check(method, model, exact, basis_angles)
    # Deterministic: the asynchronous sweep of the (rounded) classical model.
    rounded = method.prepared(model).model
    after = to_index(rounded.update(all_states(num_neurons)))
    np.testing.assert_array_equal(table, np.eye(2**num_neurons)[after])


def test_five_neurons_at_the_threshold(memory, exact, basis_angles):
    for register in ("coherent", "feedforward"):
        method = NeuronDynamics(THRESHOLD, sweeps=1, register=register, order=[2, 0])
        check(method, memory("hebb", 5), exact, basis_angles)


# Ties: W s = 0 for every neuron of some states.

RING = np.zeros((4, 4))
for _i, _j, _w in [(0, 1, 1), (1, 2, -1), (2, 3, 1), (0, 3, -1)]:
    RING[_i, _j] = RING[_j, _i] = _w


@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
def test_ties_keep_the_state(register, exact, basis_angles):
    model = Hopfield(RING)
    stuck = (model.local_field(all_states(4)) == 0.0).all(axis=1)
    assert stuck.sum() >= 2
    method = NeuronDynamics(THRESHOLD, sweeps=1, register=register)
    table = check(method, model, exact, basis_angles)
    np.testing.assert_array_equal(table[stuck], np.eye(16)[stuck])


@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
def test_a_neuron_without_synapses(register, exact, basis_angles):
    weights = np.zeros((3, 3))
    weights[0, 1] = weights[1, 0] = 1.0
    for bias in ([0.0, 0.0, 0.0], [0.0, 0.0, -3.0]):
        model = Hopfield(weights, bias)
        for neuron in (ROTATION, ONCE[1], THRESHOLD):
            method = NeuronDynamics(neuron, sweeps=1, register=register)
            table = check(method, model, exact, basis_angles)
        for index, row in enumerate(table):
            kept = np.flatnonzero(row)[0] >> 2
            assert kept == (1 if bias[2] else index >> 2)


# Dense memories.


@pytest.mark.parametrize("kind", ["cubic", "exponential"])
@pytest.mark.parametrize("register", ["coherent", "reuse"])
@pytest.mark.parametrize(
    "neuron, num_neurons, order",
    [
        (ROTATION, 5, "sequential"),
        (RUSNeuron(1), 3, "sequential"),
        (ONCE[1], 4, "sequential"),
        (RUSNeuron(1, attempts=2), 3, "sequential"),
        (ONCE[2], 3, [2, 0]),
    ],
    ids=repr,
)
def test_dense(kind, register, neuron, num_neurons, order, memory, exact, basis_angles):
    method = NeuronDynamics(neuron, sweeps=1, register=register, order=order)
    check(method, memory(kind, num_neurons), exact, basis_angles)


def test_dense_level_two_with_loops(memory, exact, basis_angles):
    method = NeuronDynamics(RUSNeuron(2), sweeps=1, register="reuse", order=[1, 0])
    check(method, memory("cubic", 2), exact, basis_angles)


@pytest.mark.parametrize("kind, bits", [("cubic", 10), ("exponential", 4)])
@pytest.mark.parametrize("register", ["coherent", "reuse"])
def test_dense_threshold(kind, bits, register, memory, exact, basis_angles):
    model = memory(kind, 3)
    method = NeuronDynamics(ThresholdNeuron(bits), sweeps=1, register=register)
    table = check(method, model, exact, basis_angles)
    after = to_index(method.prepared(model).model.update(all_states(3)))
    np.testing.assert_array_equal(table, np.eye(8)[after])


def test_dense_of_one_neuron(exact, basis_angles):
    model = DenseAssociativeMemory([[-1]], Polynomial(3))
    for neuron in (ROTATION, RUSNeuron(1), THRESHOLD):
        for register in ("coherent", "reuse"):
            method = NeuronDynamics(neuron, sweeps=1, register=register)
            table = check(method, model, exact, basis_angles)
            np.testing.assert_allclose(table[:, 1] / table.sum(axis=1), 1.0, atol=1e-10)


# Orders, sweeps, synchronous updates.


@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
@pytest.mark.parametrize("order", [[2], [0, 0, 1], [[2, 1, 0], [0, 2, 1]]], ids=str)
def test_given_orders(register, order, memory, exact, basis_angles):
    for neuron in (ROTATION, ONCE[1]):
        method = NeuronDynamics(neuron, sweeps=2, register=register, order=order)
        check(method, memory("real", 3), exact, basis_angles)


@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
@pytest.mark.parametrize(
    "neuron, sweeps",
    [
        *((neuron, sweeps) for neuron in (ROTATION, THRESHOLD) for sweeps in (1, 2, 3)),
        *((ONCE[1], sweeps) for sweeps in (1, 2)),
    ],
    ids=repr,
)
def test_synchronous(register, sweeps, neuron, memory, exact, basis_angles):
    model = memory("real" if neuron is not THRESHOLD else "hebb", 3)
    method = NeuronDynamics(neuron, sweeps=sweeps, register=register, synchronous=True)
    table = check(method, model, exact, basis_angles)
    if neuron is THRESHOLD:
        states = all_states(3)
        for _ in range(sweeps):
            states = model.update(states, synchronous=True)
        np.testing.assert_array_equal(table, np.eye(8)[to_index(states)])


def test_synchronous_loops_and_dense_fields(memory, exact, basis_angles):
    method = NeuronDynamics(RUSNeuron(1), sweeps=2, register="feedforward", synchronous=True)
    check(method, memory("real", 3), exact, basis_angles)
    method = NeuronDynamics(RUSNeuron(1), sweeps=1, register="reuse", synchronous=True)
    check(method, memory("hebb", 3), exact, basis_angles)
    for register in ("coherent", "reuse"):
        method = NeuronDynamics(ROTATION, sweeps=1, register=register, synchronous=True)
        check(method, memory("cubic", 3), exact, basis_angles)


@pytest.mark.parametrize("register", ["reuse", "feedforward"])
def test_a_given_random_order_is_that_order(register, memory, exact):
    # method.circuit draws one order from its seed; the law of that order is the given order's.
    model = memory("real", 3)
    method = NeuronDynamics(ROTATION, sweeps=2, register=register, order="random")
    rng = np.random.default_rng(5)
    order = np.array([step[0] for step in method.plan(model, rng).steps]).reshape(2, 3)
    assert sorted(order[0]) == sorted(order[1]) == [0, 1, 2]
    given = NeuronDynamics(ROTATION, sweeps=2, register=register, order=order)
    law = given.law(model, [1, -1, 1])
    weights = exact.readings(method.circuit(model, [1, -1, 1], seed=5))
    made = np.zeros(8)
    for key, weight in weights.items():
        made[key & 7] += weight[0]
    np.testing.assert_allclose(made, law.as_vector(), atol=1e-10)


@pytest.mark.parametrize("neuron", [ROTATION, RUSNeuron(2), RUSNeuron(1, attempts=2)], ids=repr)
@pytest.mark.parametrize("kind", ["real", "cubic"])
@pytest.mark.parametrize("sweeps", [1, 2])
def test_law_of_random_orders_is_the_mean_over_all_orders(neuron, kind, sweeps, memory):
    model, probe = memory(kind, 3), [1, 0, -0.4]
    law = NeuronDynamics(neuron, sweeps=sweeps, order="random").law(model, probe)
    permutations = list(itertools.permutations(range(3)))
    total = np.zeros(8)
    attempts = folded = accepted = 0.0
    for rows in itertools.product(permutations, repeat=sweeps):
        each = NeuronDynamics(neuron, sweeps=sweeps, order=np.array(rows)).law(model, probe)
        share = each.acceptance / len(permutations) ** sweeps
        accepted += share
        total += share * each.as_vector()
        attempts += share * each.attempts
        folded += share * each.folded
    assert law.acceptance == pytest.approx(accepted, abs=1e-12)
    np.testing.assert_allclose(law.acceptance * law.as_vector(), total, atol=1e-12)
    assert law.folded == pytest.approx(folded / accepted)
    if neuron is ROTATION:
        assert math.isnan(law.attempts)
    else:
        assert law.attempts == pytest.approx(attempts / accepted, abs=1e-12)


# Gains.


@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
def test_gains_that_fold(register, memory, exact, basis_angles):
    model = memory("hebb", 4)
    safe = NeuronDynamics().resolved_gain(model)
    for neuron in (ROTATION, ONCE[1]):
        method = NeuronDynamics(neuron, 1, register=register, gain=2.7 * safe, fold=True)
        check(method, model, exact, basis_angles)
        assert 0.0 < method.law(model, [1, 1, 1, 1]).folded <= 1.0
        smaller = NeuronDynamics(neuron, 1, register=register, gain=0.3 * safe)
        check(smaller, model, exact, basis_angles)
        assert smaller.law(model, [1, 1, 1, 1]).folded == 0.0


def test_typical_gain_is_at_least_the_safe_one(memory):
    for kind in ("hebb", "cubic"):
        model = memory(kind, 5)
        safe = NeuronDynamics(gain="safe").resolved_gain(model)
        assert safe == laws.safe_gain(model.field_bound())
        assert NeuronDynamics(gain="typical").resolved_gain(model) >= safe


# Probes in superposition.

SUPERPOSED = [[0, 1, -1], [0, 0, 0], [0.3, -0.8, 1], [-1, 0.99, 0]]


@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
@pytest.mark.parametrize("neuron", [ROTATION, RUSNeuron(1), ONCE[2], THRESHOLD], ids=repr)
def test_erased_and_product_state_probes(register, neuron, memory, exact):
    model = memory("hebb", 3)
    method = NeuronDynamics(neuron, sweeps=1, register=register)
    template = method.template(model, method.plan(model, np.random.default_rng(0)))
    angles = np.arccos(np.array(SUPERPOSED, dtype=float))
    table = exact.coherent_table if register == "coherent" else exact.table
    for row, probe in zip(table(template, angles, 3), SUPERPOSED, strict=True):
        law = method.law(model, probe)
        np.testing.assert_allclose(row, law.acceptance * law.as_vector(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("register", ["reuse", "feedforward"])
def test_circuits_bind_the_probe_of_their_template(register, memory, exact):
    model, probe = memory("real", 3), [0.2, -1, 0]
    method = NeuronDynamics(ONCE[1], sweeps=1, register=register)
    circuit = method.circuit(model, probe)
    assert not circuit.parameters
    failed = next(r for r in circuit.cregs if r.name == "failed")
    drop = sum(1 << circuit.find_bit(bit).index for bit in failed)
    made = np.zeros(8)
    for key, weight in exact.readings(circuit, drop=drop).items():
        made[key & 7] += weight[0]
    law = method.law(model, probe)
    np.testing.assert_allclose(made, law.acceptance * law.as_vector(), atol=1e-10)
    assert [bit for bit in circuit.clbits[:3]] == list(circuit.cregs[0])
    assert circuit.cregs[0].name == "neurons"


@pytest.mark.parametrize("register", ["coherent", "reuse"])
@pytest.mark.parametrize("neuron", [ROTATION, RUSNeuron(1), ONCE[2]], ids=repr)
@pytest.mark.parametrize("state", ["bell", "random"])
def test_entangled_probes(register, neuron, state, memory, exact):
    model = memory("real", 3)
    probe = (
        Statevector([1, 0, 0, 1j, 0, 0, 0, 0]) / math.sqrt(2)
        if state == "bell"
        else random_statevector(8, seed=4)
    )
    method = NeuronDynamics(neuron, sweeps=1, register=register)
    law = method.law(model, probe)
    plan = method.plan(model, np.random.default_rng(0))
    template = method.template(model, plan, probe)
    table = exact.coherent_table if register == "coherent" else exact.table
    made = table(template, np.zeros((1, 0)), 3)[0]
    np.testing.assert_allclose(made, law.acceptance * law.as_vector(), rtol=0, atol=1e-10)
    # And the law is the mixture of the laws of the basis states.
    mixed = probe.probabilities() @ exact.law_table(method, model)
    np.testing.assert_allclose(law.acceptance * law.as_vector(), mixed, atol=1e-12)


# Post-selection reweights.


def test_coherent_rus_has_a_law_of_its_own(memory):
    model, probe = memory("real", 3), [0, 0, 1]
    coherent = NeuronDynamics(RUSNeuron(1), 1, register="coherent").law(model, probe)
    repeated = NeuronDynamics(RUSNeuron(1), 1, register="reuse").law(model, probe)
    selected = NeuronDynamics(ONCE[1], 1, register="reuse").law(model, probe)
    assert coherent.acceptance == pytest.approx(selected.acceptance)
    assert coherent.acceptance < 0.9 < repeated.acceptance == 1.0
    np.testing.assert_allclose(coherent.as_vector(), selected.as_vector(), atol=1e-14)
    assert np.abs(coherent.as_vector() - repeated.as_vector()).max() > 1e-3


def test_each_trajectory_is_reweighted_by_its_chance_of_success(memory):
    # By hand: every path of a sweep, its probability and its chance of success.
    model, level = memory("real", 3), 2
    gain = NeuronDynamics().resolved_gain(model)
    weights = np.zeros(8)
    for path in itertools.product([1, -1], repeat=3):
        state, weight = np.array([1, -1, 1]), 1.0
        for neuron, spin in enumerate(path):
            phi = math.pi / 4 + gain * model.local_field(state)[0, neuron]
            powers = {1: math.sin(phi) ** 8, -1: math.cos(phi) ** 8}
            weight *= powers[spin]  # the probability times the chance of success
            state[neuron] = spin
        weights[to_index(state[None])[0]] += weight
    law = NeuronDynamics(RUSNeuron(level), 1, register="coherent").law(model, [1, -1, 1])
    assert law.acceptance == pytest.approx(weights.sum(), abs=1e-12)
    np.testing.assert_allclose(law.as_vector(), weights / weights.sum(), atol=1e-12)


def test_more_attempts_accept_more_and_tend_to_the_repeating_law(memory):
    model, probe = memory("hebb", 4), [1, 0, -1, 1]
    runs = [
        NeuronDynamics(RUSNeuron(2, attempts=tries), 2).law(model, probe)
        for tries in (1, 2, 3, 5, 60)
    ]
    accepted = [law.acceptance for law in runs]
    assert sorted(accepted) == accepted
    assert accepted[0] < 0.3
    free = NeuronDynamics(RUSNeuron(2), 2).law(model, probe)
    assert accepted[-1] == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(runs[-1].as_vector(), free.as_vector(), atol=1e-9)
    assert runs[-1].attempts == pytest.approx(free.attempts, rel=1e-9)


# Qubits.


@pytest.mark.parametrize("num_neurons", [3, 5])
def test_qubits_of_each_register(num_neurons, memory):
    model = memory("real", num_neurons)
    for level in (0, 1, 2, 3):
        neuron = RUSNeuron(level) if level else ROTATION
        updates = 2 * num_neurons
        for register, wanted in [
            ("reuse", num_neurons + level + 1),
            ("feedforward", level + 1),
            ("coherent", num_neurons + updates * 2**level),
        ]:
            method = NeuronDynamics(neuron, sweeps=2, register=register)
            assert method.qubits(model) == wanted
            assert method.circuit(model, np.ones(num_neurons)).num_qubits == wanted
    together = NeuronDynamics(RUSNeuron(1), 2, register="reuse", synchronous=True)
    assert together.qubits(model) == 2 * num_neurons + 1


@pytest.mark.parametrize("kind", ["cubic", "hebb", "real"])
@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
def test_qubits_are_known_without_building(kind, register, memory):
    model = memory(kind, 4)
    for neuron in (ROTATION, RUSNeuron(2), ONCE[1], THRESHOLD):
        method = NeuronDynamics(neuron, sweeps=1, register=register)
        if kind == "cubic" and register == "feedforward":
            continue  # recall runs it, one small circuit an update; there is no single circuit
        assert method.circuit(model, [1, 1, -1, 0]).num_qubits == method.qubits(model)


def test_feedforward_is_as_wide_for_any_number_of_neurons():
    wide = Hopfield.store(np.sign(np.random.default_rng(0).normal(size=(2, 300))).astype(int))
    assert NeuronDynamics(RUSNeuron(2)).qubits(wide) == 3
