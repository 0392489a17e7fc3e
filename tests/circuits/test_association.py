"""Hetero-association and classification: the circuit, its law and the classical twin."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit.primitives import StatevectorSampler
from qiskit_aer.noise import NoiseModel, ReadoutError

from qhopfield.circuits import associate, classify, laws
from qhopfield.circuits.blocks.filters import ExpFilter, KernelFilter, TrugenbergerFilter
from qhopfield.circuits.methods.superposition import filtered_template
from qhopfield.circuits.models import RectifiedPolynomial
from qhopfield.circuits.patterns import random_patterns

FALSE_ALARM_Z = 4.9  # two-sided 1e-6
KEYS = random_patterns(6, 5, seed=0)
VALUES = random_patterns(6, 3, seed=4)
FILTERS = [
    ExpFilter(0.6),
    KernelFilter(RectifiedPolynomial(2)),
    TrugenbergerFilter(2),
]


def exact_values(keys, values, probe, chosen, exact, *, fresh=False):
    """Mean values and acceptance of the circuit, by exact readings."""
    template, _ = filtered_template(np.asarray(keys), chosen, fresh=fresh, values=values)
    readings = exact.readings(template.circuit, template.parameters, chosen.angles(probe))
    width, attached = np.shape(keys)[1], np.shape(values)[1]
    total, accepted = np.zeros(attached), 0.0
    for key, weight in readings.items():
        if key & template.rejecting:
            continue
        spins = 1 - 2 * (key >> width >> np.arange(attached) & 1)
        total += float(weight[0]) * spins
        accepted += float(weight[0])
    return total / accepted, accepted


# Association.


@pytest.mark.parametrize("chosen", FILTERS, ids=repr)
def test_association_circuit_is_its_law(chosen, exact):
    probe = np.array([1, 1, -1, 1, -1])
    means, accepted = exact_values(KEYS, VALUES, probe, chosen, exact)
    found = associate(KEYS, VALUES, probe, chosen, exact=True)
    np.testing.assert_allclose(found.expectations[0], means, atol=1e-10)
    assert found.acceptance[0] == pytest.approx(accepted, abs=1e-10)
    assert (found.shots, found.run_on) == (0, "law")
    assert not found.standard_errors.any()


def test_association_is_attention():
    probes = np.random.default_rng(1).uniform(-1, 1, size=(4, 5))
    found = associate(KEYS, VALUES, probes, ExpFilter(1.2), exact=True)
    shares = np.exp(1.2 * probes @ KEYS.T)
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.expectations, shares @ VALUES, atol=1e-12)


def test_product_state_keys_and_values(exact):
    rng = np.random.default_rng(2)
    keys, values = rng.uniform(-1, 1, size=(4, 3)), rng.uniform(-1, 1, size=(4, 2))
    probe = np.array([0.4, -1.0, 0.7])
    for stored in (keys, np.sign(keys)):
        means, accepted = exact_values(stored, values, probe, ExpFilter(0.8), exact)
        found = associate(stored, values, probe, ExpFilter(0.8), exact=True)
        np.testing.assert_allclose(found.expectations[0], means, atol=1e-10)
        assert found.acceptance[0] == pytest.approx(accepted, abs=1e-10)
    logits = laws.product_key_logits(keys, probe, 0.8)
    weights = np.exp(logits - logits.max())
    soft = associate(keys, values, probe, ExpFilter(0.8), exact=True)
    np.testing.assert_allclose(soft.expectations[0], weights @ values / weights.sum(), atol=1e-12)


@pytest.mark.parametrize("fresh", [False, True])
def test_association_by_shots(fresh):
    probes = np.array([[1, 1, -1, 1, -1], [1, 0, -1, -1, 1]])
    found = associate(KEYS, VALUES, probes, ExpFilter(0.4), shots=3000, fresh=fresh, seed=3)
    spread = np.sqrt((1 - found.law_expectations**2) / (3000 * found.law_acceptance[:, None]))
    assert (np.abs(found.expectations - found.law_expectations) < FALSE_ALARM_Z * spread).all()
    wanted = np.sqrt((1 - found.expectations**2) / (3000 * found.acceptance[:, None]))
    np.testing.assert_allclose(found.standard_errors, wanted)
    chance = found.law_acceptance
    error = np.sqrt(chance * (1 - chance) / 3000)
    assert (np.abs(found.acceptance - chance) < FALSE_ALARM_Z * error).all()
    assert found.resources.qubits == 5 + 3 + (5 if fresh else 1)
    assert found.resources.two_qubit_gates > found.resources.loading > 0
    again = associate(KEYS, VALUES, probes, ExpFilter(0.4), shots=3000, fresh=fresh, seed=3)
    np.testing.assert_array_equal(found.expectations, again.expectations)


def test_association_on_a_sampler():
    found = associate(
        KEYS,
        VALUES,
        KEYS[0],
        ExpFilter(1.0),
        shots=400,
        fresh=True,
        sampler=StatevectorSampler(seed=1),
    )
    # Acceptance is at least 1/M, so that the error of a mean stays below 4.9 sqrt(6 / 400).
    limit = FALSE_ALARM_Z * math.sqrt(6 / 400)
    assert (np.abs(found.expectations - found.law_expectations) < limit).all()


def test_equal_keys_average_their_values():
    found = associate([[1, 1], [1, 1], [1, -1]], [[1], [-1], [1]], [1, 1], ExpFilter(9), exact=True)
    assert found.expectations[0, 0] == pytest.approx(0.0, abs=1e-6)


# Classification.

PATTERNS = random_patterns(7, 4, seed=5)
LABELS = ["cat", "dog", "ant", "cat", "dog", "dog", "cat"]


@pytest.mark.parametrize("chosen", FILTERS, ids=repr)
def test_class_shares_are_the_kernel_by_class(chosen):
    probes = random_patterns(3, 4, seed=6)
    found = classify(PATTERNS, LABELS, probes, chosen, exact=True)
    kept = chosen.acceptances(PATTERNS, probes)
    names = np.array(LABELS)
    by_class = np.stack([kept[:, names == name].sum(axis=1) for name in found.classes], axis=1)
    assert found.classes.tolist() == ["ant", "cat", "dog"]
    shares = by_class / by_class.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, shares, atol=1e-12)
    np.testing.assert_array_equal(found.predictions, found.classes[shares.argmax(axis=1)])
    np.testing.assert_allclose(found.acceptance, kept.mean(axis=1), atol=1e-12)


def test_sharp_filter_is_the_nearest_neighbour():
    probes = np.array([row for row in random_patterns(16, 4, seed=1)])
    far = (4 - probes @ PATTERNS.T) // 2
    single = (far == far.min(axis=1, keepdims=True)).sum(axis=1) == 1
    assert single.sum() >= 5
    found = classify(PATTERNS, LABELS, probes[single], ExpFilter(4.0), exact=True)
    nearest = np.array(LABELS)[far[single].argmin(axis=1)]
    np.testing.assert_array_equal(found.predictions, nearest)


@pytest.mark.parametrize("labels", [LABELS, [3, 7, 3, 3, 7, 7, 3]], ids=["three", "two"])
def test_classification_by_shots(labels, stats):
    probes = random_patterns(2, 4, seed=8)
    found = classify(PATTERNS, labels, probes, TrugenbergerFilter(1), shots=2000, seed=9)
    for row in range(2):
        accepted = round(found.acceptance[row] * 2000)
        stats.binomial(accepted, 2000, found.law_acceptance[row])
        counts = found.probabilities[row] * accepted
        stats.chi_square(counts.round(), found.law_probabilities[row])
    p, size = found.probabilities, 2000 * found.acceptance[:, None]
    np.testing.assert_allclose(found.standard_errors, np.sqrt(p * (1 - p) / size))
    assert found.run_on.startswith("aer")
    assert found.resources.qubits == 4 + len(set(labels)) - 1 + 1
    assert found.predictions.dtype == found.classes.dtype


def test_a_pattern_may_come_twice(stats):
    twice = [[1, 1, 1], [1, 1, 1], [-1, -1, 1]]
    chosen = ExpFilter(0.2)
    found = classify(twice, [0, 0, 1], [1, 1, 1], chosen, shots=2000, seed=1)
    weight = 2.0 / (2.0 + math.exp(-0.8))
    assert found.law_probabilities[0, 0] == pytest.approx(weight, abs=1e-12)
    accepted = round(found.acceptance[0] * 2000)
    stats.binomial(round(found.probabilities[0, 0] * accepted), accepted, weight)


def test_readings_that_are_no_class_count_as_rejected():
    """Read-out noise makes class code 3 of three classes."""
    noise = NoiseModel()
    noise.add_all_qubit_readout_error(ReadoutError([[0.7, 0.3], [0.3, 0.7]]))
    found = classify(
        PATTERNS, LABELS, PATTERNS[0], ExpFilter(0.0), shots=2000, seed=2, noise_model=noise
    )
    assert found.probabilities.sum() == pytest.approx(1.0)
    assert found.law_acceptance[0] == pytest.approx(1.0)
    # beta = 0 accepts all but what four misread flags (.7^4) and the unknown class leave out.
    assert 0.05 < found.acceptance[0] < 0.7**4


# Bad input.


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"filter": "exp"}, TypeError, "filter must be"),
        ({"values": VALUES[:3]}, ValueError, r"values must have shape \(6, V\)"),
        ({"values": VALUES[:, 0]}, ValueError, r"values must have shape \(6, V\)"),
        ({"values": 2 * VALUES}, ValueError, "values must hold numbers between -1 and 1"),
        ({"keys": 2 * KEYS}, ValueError, "keys must hold numbers between -1 and 1"),
        ({"probes": [1, 1]}, ValueError, "5 entries"),
        ({"probes": [1, 1, 1, 1, 2]}, ValueError, "between -1 and 1"),
        ({"probes": [[1, 1, 1, 1, math.nan]]}, ValueError, "finite"),
        ({"shots": 0}, ValueError, "shots must be >= 1"),
        ({"fresh": 1}, TypeError, "fresh must be True or False"),
        ({"exact": True, "sampler": StatevectorSampler()}, ValueError, "runs no circuit"),
        ({"filter": KernelFilter(RectifiedPolynomial(2)), "probes": [0.5] * 5}, ValueError, "only"),
        (
            {"filter": KernelFilter([1, 0, 0, 0, 0, 0]), "probes": -KEYS[0]},
            ValueError,
            "acceptance 0",
        ),
        ({"filter": ExpFilter(30.0), "probes": [0.9] * 5, "shots": 3}, ValueError, "None of 3"),
    ],
)
def test_bad_association(change, error, message):
    given = {
        "keys": KEYS,
        "values": VALUES,
        "probes": KEYS[0],
        "filter": ExpFilter(1.0),
        "shots": 10,
        "seed": 0,
    }
    given |= change
    with pytest.raises(error, match=message):
        associate(**given)


@pytest.mark.parametrize(
    "labels, error, message",
    [
        ([1, 2], ValueError, r"labels must have shape \(7,\)"),
        (["a"] * 7, ValueError, "two classes or more"),
        ([0.5] * 7, TypeError, "whole numbers or strings"),
        (np.zeros((7, 1), dtype=int), ValueError, r"shape \(7,\)"),
    ],
)
def test_bad_labels(labels, error, message):
    with pytest.raises(error, match=message):
        classify(PATTERNS, labels, PATTERNS[0], ExpFilter(1.0))
