"""Neuron dynamics refuses what cannot work, and says what would."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

from qhopfield.circuits import resources
from qhopfield.circuits.blocks import RotationNeuron, RUSNeuron, ThresholdNeuron
from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.methods import Law, NeuronDynamics
from qhopfield.circuits.methods.registers import single_spin
from qhopfield.circuits.models import DenseAssociativeMemory, Hopfield, Polynomial
from qhopfield.circuits.patterns import all_states

ROTATION = RotationNeuron()
MODEL = Hopfield.store([[1, 1, 1, -1], [1, -1, 1, 1]])
CUBIC = DenseAssociativeMemory([[1, 1, 1, -1], [1, -1, 1, 1]], Polynomial(3))
RING = np.zeros((4, 4))
for _i, _j, _w in [(0, 1, 1), (1, 2, -1), (2, 3, 1), (0, 3, -1)]:
    RING[_i, _j] = RING[_j, _i] = _w


def basis(num_qubits):
    return Statevector.from_int(0, 2**num_qubits)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"neuron": RUSNeuron}, TypeError, "neuron must be RotationNeuron"),
        ({"neuron": 2}, TypeError, "neuron must be RotationNeuron"),
        ({"neuron": None}, TypeError, "got None"),
        ({"sweeps": 0}, ValueError, "sweeps must be >= 1, got 0"),
        ({"sweeps": -1}, ValueError, "sweeps must be >= 1"),
        ({"sweeps": 1.5}, TypeError, "sweeps must be an integer"),
        ({"sweeps": True}, TypeError, "sweeps must be an integer"),
        ({"order": "shuffled"}, ValueError, "order must be one of 'sequential', 'random'"),
        ({"order": None}, ValueError, "order must be 'sequential', 'random' or whole neuron"),
        ({"order": []}, ValueError, "order must be"),
        ({"order": [0.0, 1.0]}, ValueError, "order must be"),
        ({"order": [True, False]}, ValueError, "order must be"),
        ({"order": [[[0]]]}, ValueError, r"\(L,\) or \(sweeps, L\)"),
        ({"order": [[0, 1], [2]]}, ValueError, "2 entries in row 0 and 1 in row 1"),
        ({"synchronous": "yes"}, TypeError, "synchronous must be True or False, got 'yes'"),
        ({"synchronous": 1}, TypeError, "synchronous must be True or False"),
        ({"synchronous": True, "order": "random"}, ValueError, "has no order; leave order out"),
        ({"synchronous": True, "order": [0]}, ValueError, "has no order; leave order out"),
        (
            {"register": "quantum"},
            ValueError,
            "register must be one of 'coherent', 'reuse', 'feedforward'; got 'quantum'",
        ),
        ({"register": None}, ValueError, "register must be one of"),
        ({"gain": "huge"}, ValueError, "gain must be one of 'safe', 'typical'"),
        ({"gain": 0.0}, ValueError, "gain must be a finite number > 0, got 0"),
        ({"gain": -1.0}, ValueError, "gain must be a finite number > 0"),
        ({"gain": math.nan}, ValueError, "gain must be a finite number"),
        ({"gain": math.inf}, ValueError, "gain must be a finite number"),
        ({"gain": None}, TypeError, "gain must be a real number"),
        ({"gain": True}, TypeError, "gain must be a real number"),
        ({"fold": "no"}, TypeError, "fold must be True or False, got 'no'"),
    ],
    ids=repr,
)
def test_bad_methods(options, error, message):
    with pytest.raises(error, match=message):
        NeuronDynamics(**options)


def verbs(method):
    """Everything that takes a model and a probe."""
    rng = np.random.default_rng(0)
    return {
        "circuit": lambda model, probe: method.circuit(model, probe),
        "law": lambda model, probe: method.law(model, probe),
        "sample_law": lambda model, probe: method.sample_law(model, probe, 2, rng),
        "run": lambda model, probe: method.run(model, probe, 2, AerRunner(), rng),
    }


@pytest.mark.parametrize("verb", ["circuit", "law", "sample_law", "run"])
@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
@pytest.mark.parametrize(
    "probe, error, message",
    [
        ([1, 1, 1], ValueError, "must have 4 entries a row, one a neuron; got 3"),
        ([1, 1, 1, 1, 1], ValueError, "must have 4 entries a row, one a neuron; got 5"),
        ([1, 1, 1, 2], ValueError, "between -1 and 1; got 2 in row 0 at neuron 3"),
        ([1, 1, 1, math.nan], ValueError, "finite numbers; got nan in row 0 at neuron 3"),
        ([], ValueError, "must not be empty"),
        ([[1, 1, 1, 1], [1]], ValueError, "must be a rectangular array"),
        ([[[1, 1, 1, 1]]], ValueError, r"must have shape \(rows, 4\) or \(4,\)"),
        ("++-+", TypeError, "must hold real numbers, got str"),
        ([1, 1, 1, 1j], TypeError, "must hold real numbers, got list of dtype complex"),
        (None, TypeError, "must hold real numbers, got NoneType"),
        (basis(3), ValueError, "must have 4 qubits, got 3"),
        (Statevector(np.ones(16)), ValueError, "must be normalised"),
    ],
)
def test_bad_probes(verb, register, probe, error, message):
    if isinstance(probe, Statevector) and register == "feedforward" and verb == "run":
        error, message = ValueError, "Use register='coherent' or 'reuse'"
    with pytest.raises(error, match=message):
        verbs(NeuronDynamics(ROTATION, 1, register=register))[verb](MODEL, probe)


@pytest.mark.parametrize("verb", ["circuit", "law"])
@pytest.mark.parametrize("register", ["coherent", "reuse", "feedforward"])
def test_one_probe_where_one_is_expected(verb, register):
    with pytest.raises(ValueError, match=r"one probe of shape \(4,\), got 2 rows"):
        verbs(NeuronDynamics(ROTATION, 1, register=register))[verb](MODEL, [[1] * 4, [1] * 4])


@pytest.mark.parametrize("register", ["coherent", "reuse"])
def test_probes_are_all_of_one_kind(register):
    method = NeuronDynamics(ROTATION, 1, register=register)
    for verb in ("sample_law", "run"):
        with pytest.raises(TypeError, match="all Statevectors or all spin expectations"):
            verbs(method)[verb](MODEL, [basis(4), [1, 1, 1, 1]])


@pytest.mark.parametrize("verb", ["circuit", "law", "sample_law", "run"])
@pytest.mark.parametrize(
    "options, model, error, message",
    [
        ({}, "a model", TypeError, "model must be a memory such as"),
        ({"order": [4]}, MODEL, ValueError, "between 0 and 3, got 4"),
        ({"order": [-1]}, MODEL, ValueError, "between 0 and 3, got -1"),
        ({"order": [[0], [1]]}, MODEL, ValueError, "expected 1 rows, got 2"),
        ({"gain": 9.0}, MODEL, ValueError, "gain 9 folds.*safe gain is.*fold=True"),
        (
            {"gain": "typical"},
            Hopfield(MODEL.weights),
            ValueError,
            "needs the stored patterns",
        ),
        (
            {"gain": "typical"},
            Hopfield(RING, patterns=[[1, 1, 1, 1]]),
            ValueError,
            "they are all zero; use gain='safe'",
        ),
        (
            {},
            DenseAssociativeMemory([[1]], Polynomial(2)),
            ValueError,
            "Every local field .* is zero.*ThresholdNeuron",
        ),
        (
            {"neuron": ThresholdNeuron(2)},
            Hopfield([[0, 0.1], [0.1, 0]], [1.03, 0]),
            ValueError,
            "All weights round to zero at 2 bits",
        ),
        (
            {"neuron": ThresholdNeuron()},
            Hopfield([[0, 1e19], [1e19, 0]]),
            ValueError,
            "more than 53 bits",
        ),
    ],
)
def test_pairs_that_cannot_work(verb, options, model, error, message):
    method = NeuronDynamics(**{"neuron": ROTATION, "sweeps": 1, **options})
    probe = np.ones(getattr(model, "num_neurons", 4))
    with pytest.raises(error, match=message):
        verbs(method)[verb](model, probe)
    if verb == "circuit":
        with pytest.raises(error, match=message):
            resources(model, method)


def test_a_gain_at_the_limit_is_safe():
    safe = NeuronDynamics().resolved_gain(MODEL)
    assert NeuronDynamics(gain=safe).resolved_gain(MODEL) == safe
    with pytest.raises(ValueError, match="folds"):
        NeuronDynamics(gain=1.001 * safe).resolved_gain(MODEL)
    assert NeuronDynamics(gain=1.001 * safe, fold=True).resolved_gain(MODEL) == 1.001 * safe


def test_no_single_circuit_of_dense_feedforward_but_it_runs(aer):
    method = NeuronDynamics(RUSNeuron(1), 1)
    with pytest.raises(ValueError, match=r"quadratic fields only.*register='reuse'"):
        method.circuit(CUBIC, [1, 1, 1, 1])
    samples = method.run(CUBIC, [1, 1, 1, 1], 3, aer, np.random.default_rng(0))
    assert samples.weights[0].sum() == 3


def test_amplitudes_do_not_fit_into_bits():
    with pytest.raises(ValueError, match="Use register='coherent' or 'reuse'"):
        verbs(NeuronDynamics(ROTATION, 1))["run"](MODEL, [basis(4), basis(4)])
    with pytest.raises(ValueError, match="Use register='coherent' or 'reuse'"):
        verbs(NeuronDynamics(ROTATION, 1))["circuit"](MODEL, basis(4))


# What is too large is refused before it is built.


@pytest.mark.parametrize(
    "neuron, register, num_neurons, qubits",
    [
        (ROTATION, "coherent", 20, 40),
        (ROTATION, "reuse", 39, 40),
        (RUSNeuron(2), "coherent", 40, 200),
        (ThresholdNeuron(), "coherent", 30, 65),
    ],
    ids=repr,
)
def test_a_wide_register_is_refused_at_once(neuron, register, num_neurons, qubits, aer):
    rng = np.random.default_rng(0)
    model = Hopfield.store(np.ones((1, num_neurons), dtype=int))
    method = NeuronDynamics(neuron, sweeps=1, register=register)
    assert method.qubits(model) == qubits
    start = time.perf_counter()
    with pytest.raises(ValueError, match=f"{qubits} qubits need .*iB.*register='feedforward'"):
        method.run(model, np.ones(num_neurons), 10, aer, rng)
    assert time.perf_counter() - start < 0.5


def test_a_wide_sum_register_is_refused_with_feedforward_too(aer):
    # Fields of 51 bits: a threshold register that no state vector holds.
    big = 2.0**50 + 1
    model = Hopfield([[0.0, big, 2.0], [big, 0.0, 1.0], [2.0, 1.0, 0.0]])
    method = NeuronDynamics(ThresholdNeuron(), 1)
    assert method.qubits(model) > 45
    with pytest.raises(ValueError, match=r"qubits need .*Use RUSNeuron"):
        method.run(model, [1, 1, 1], 1, aer, np.random.default_rng(0))


@pytest.mark.parametrize(
    "options, num_neurons, message",
    [
        ({}, 19, r"19 neurons needs 2\^N numbers; 18 neurons.*exact=True"),
        ({"order": "random"}, 13, r"2\^N x 2\^N numbers; 12 neurons.*exact=True"),
        ({"synchronous": True}, 13, r"2\^N x 2\^N numbers; 12 neurons.*exact=True"),
    ],
)
def test_a_long_law_is_refused_and_sampled(options, num_neurons, message):
    model = Hopfield.store(np.ones((1, num_neurons), dtype=int))
    method = NeuronDynamics(ROTATION, sweeps=1, **options)
    with pytest.raises(ValueError, match=message):
        method.law(model, np.ones(num_neurons))
    samples = method.sample_law(model, np.ones(num_neurons), 5, np.random.default_rng(0))
    assert samples.weights[0].sum() == 5


# Laws as values.


def test_law_by_index_name_and_state():
    law = NeuronDynamics(ROTATION, 1).law(MODEL, [1, 1, 1, 0])
    vector = law.as_vector()
    assert vector.sum() == pytest.approx(1.0)
    assert set(law.to_dict()) == {f"{index:04b}" for index in np.flatnonzero(vector)}
    for index, state in enumerate(all_states(4)):
        assert law.probability_of(state) == pytest.approx(vector[index])
        assert law.to_dict().get(f"{index:04b}", 0.0) == pytest.approx(vector[index])
    np.testing.assert_allclose(law.expectations(), vector @ all_states(4), atol=1e-12)
    with pytest.raises(ValueError, match=r"state must have shape \(4,\), got \(3,\)"):
        law.probability_of([1, 1, 1])
    with pytest.raises(ValueError, match="too long"):
        Law(np.ones((1, 25), dtype=np.int8), np.ones(1)).as_vector()


def test_an_open_entry_is_one_rotation():
    template = single_spin()
    assert template.circuit.count_ops() == {"ry": 1, "measure": 1}


# Resources.


def test_resources_of_the_registers():
    rus = RUSNeuron(1)
    reuse = resources(MODEL, NeuronDynamics(rus, sweeps=2, register="reuse"))
    assert (reuse.qubits, reuse.updates, reuse.circuits) == (6, 8, 1)
    # Hebb on two patterns of four bits: synapses whose patterns disagree are absent.
    synapses = np.count_nonzero(MODEL.weights, axis=1)
    assert reuse.two_qubit_gates == 2 * int((2 * synapses + 1).sum())
    prepared = NeuronDynamics(rus).prepared(MODEL)
    tries = prepared.blocks(MODEL.local_field(MODEL.patterns)).mean(axis=0)
    assert reuse.expected_attempts == pytest.approx(tries.mean())
    assert reuse.expected_two_qubit_gates == pytest.approx(
        2 * float((tries * (2 * synapses + 1)).sum())
    )
    alone = resources(MODEL, NeuronDynamics(rus, sweeps=2))
    assert (alone.qubits, alone.updates, alone.circuits) == (2, 8, 8)
    assert alone.two_qubit_gates == 8
    assert alone.expected_two_qubit_gates == pytest.approx(2 * float(tries.sum()))
    assert alone.gain == NeuronDynamics().resolved_gain(MODEL)


def test_resources_of_other_neurons():
    rotation = resources(MODEL, NeuronDynamics(ROTATION, 1, register="coherent"))
    assert rotation.qubits == 8
    assert rotation.two_qubit_gates == rotation.expected_two_qubit_gates
    assert math.isnan(rotation.expected_attempts)
    exact = resources(MODEL, NeuronDynamics(ThresholdNeuron(), 1, register="reuse"))
    assert exact.field_error == 0.0
    assert math.isnan(exact.gain)
    uneven = Hopfield(MODEL.weights * np.pi)
    rounded = resources(uneven, NeuronDynamics(ThresholdNeuron(6), 1, register="reuse"))
    assert rounded.field_error >= 0.0
    unknown = resources(Hopfield(MODEL.weights), NeuronDynamics(RUSNeuron(1), 1))
    assert math.isnan(unknown.expected_two_qubit_gates)
