"""The largest and the smallest numbers: right where they can be, refused in words where not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qhopfield.circuits import (
    DenseAssociativeMemory,
    ExpFilter,
    Exponential,
    FilteredMemory,
    Hopfield,
    KernelFilter,
    ModernHopfield,
    NeuronDynamics,
    Polynomial,
    TrugenbergerFilter,
    laws,
    recall,
    softmax_recall,
)
from qhopfield.circuits.patterns import overlaps, random_patterns

HUGE = float(np.finfo(float).max)
TINY = 5e-324
PATTERNS = random_patterns(40, 9, seed=4)
PROBES = np.random.default_rng(5).uniform(-1.0, 1.0, size=(6, 9))
EXTREME = pytest.mark.fault(
    "softmax_recall(beta=1e308) gave NaN, weights of 1e308 fields of 0, denormals "
    "ZeroDivisionError, 10**400 OverflowError",
    kind="the largest and the smallest numbers give nonsense without a word",
)


def _argmax(patterns, probes):
    """Shares in the limit of beta: equal ones on the greatest overlaps."""
    products = probes @ patterns.T.astype(float)
    best = products >= products.max(axis=1, keepdims=True) - 1e-12
    return best / best.sum(axis=1, keepdims=True)


@EXTREME
@pytest.mark.parametrize("beta", [1e20, 1e200, 1e308, HUGE])
def test_the_greatest_beta_is_argmax_and_ties_share(beta):
    shares = _argmax(PATTERNS, PROBES)
    means = shares @ PATTERNS
    np.testing.assert_allclose(laws.softmax_memory(PATTERNS, PROBES, beta), shares)
    np.testing.assert_allclose(laws.product_key_memory(PATTERNS, PROBES, beta), shares)
    found = softmax_recall(PATTERNS, PROBES, beta)
    np.testing.assert_allclose(found.expectations, means)
    np.testing.assert_array_equal(found.nearest, shares.argmax(axis=1))
    np.testing.assert_allclose(found.probabilities, shares.max(axis=1))
    assert (found.log_acceptance < 0.0).all()
    model = ModernHopfield(PATTERNS, beta)
    np.testing.assert_allclose(model.association(PROBES), shares)
    np.testing.assert_allclose(model.retrieve(PROBES), means)
    # E = -max overlap + x.x / 2 + N / 2 in the limit
    limit = 0.5 * (np.square(PROBES).sum(axis=1) + 9) - (PROBES @ PATTERNS.T).max(axis=1)
    np.testing.assert_allclose(model.energy(PROBES), limit)


@pytest.mark.parametrize("cut", [1, 3, 7, 40])
def test_shards_share_ties_whatever_the_cut(cut, monkeypatch):
    from qhopfield.circuits.methods.atomized import stream

    monkeypatch.setattr(stream, "_shard_size", lambda *_: cut)
    probes = np.vstack([PROBES, np.zeros(9), np.sign(PROBES[0])])
    for beta in (0.0, TINY, 0.7, 1e308):
        found = softmax_recall(PATTERNS, probes, beta)
        logits = np.minimum(beta, 1e15) * (probes @ PATTERNS.T)
        shares = _argmax(PATTERNS, probes) if beta > 1e15 else np.exp(logits)
        shares = shares / shares.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found.expectations, shares @ PATTERNS, atol=1e-12)
        np.testing.assert_allclose(found.probabilities, shares.max(axis=1))
        np.testing.assert_array_equal(found.nearest, (probes @ PATTERNS.T).argmax(axis=1))


@EXTREME
def test_ties_that_rounding_splits_share():
    # 0.1 + 0.2 and 0.3 are one overlap up to rounding.
    patterns = np.array([[1, 1, -1, 1], [-1, -1, 1, 1]])
    probe = [0.1, 0.2, 0.3, 1.0]
    np.testing.assert_allclose(laws.softmax_memory(patterns, np.array(probe), 1e308), [0.5, 0.5])
    assert softmax_recall(patterns, probe, 1e308).probabilities.tolist() == [0.5]
    assert ModernHopfield(patterns, 1e308).association(probe).tolist() == [[0.5, 0.5]]


@EXTREME
@pytest.mark.parametrize("beta", [1e-300, 1e-12, 1.0, 40.0, 1e305, HUGE])
def test_fields_of_the_modern_network_stay_half_a_flip(beta):
    model = ModernHopfield(PATTERNS, beta)
    states = np.where(PROBES > 0, 1, -1)
    fields = model.local_field(states)
    assert np.isfinite(fields).all() and (np.abs(fields) <= 1.0).all()
    for site in range(9):
        up, down = states.copy(), states.copy()
        up[:, site], down[:, site] = 1, -1
        flip = 0.5 * (model.energy(down) - model.energy(up))
        np.testing.assert_allclose(fields[:, site], flip, atol=1e-12)


@pytest.mark.parametrize("beta", [1e308, HUGE])
def test_filters_keep_what_agrees(beta):
    stored = PATTERNS[:3]
    probe = stored[1].astype(float)
    for chosen in (ExpFilter(beta), KernelFilter(Exponential(beta))):
        assert chosen.acceptances(stored, probe).tolist() == [[0.0, 1.0, 0.0]]
        assert np.isfinite(chosen.angles(probe)).all()
    law = FilteredMemory(ExpFilter(beta)).law(Hopfield.store(stored), probe)
    assert law.probabilities.tolist() == [0.0, 1.0, 0.0]
    assert law.acceptance == pytest.approx(1.0 / 3.0)
    # Two agreeing entries of a product-state key count by their chance, and one sure wrong kills.
    keys = np.array([[1.0, 0.5], [-1.0, 1.0]])
    np.testing.assert_allclose(laws.exp_acceptances(keys, np.ones(2), beta), [0.75, 0.0])


@EXTREME
@pytest.mark.parametrize("scale", [1e-280, 1.0, 1e280])
def test_weights_of_any_size_recall_the_same(scale):
    plain = Hopfield.store(PATTERNS[:2])
    model = Hopfield(scale * plain.weights, patterns=plain.patterns)
    method = NeuronDynamics(sweeps=1)
    found, wanted = method.law(model, PROBES[0]), method.law(plain, PROBES[0])
    np.testing.assert_array_equal(found.states, wanted.states)
    np.testing.assert_allclose(found.probabilities, wanted.probabilities)
    assert model.typical_field() == pytest.approx(scale * plain.typical_field())


@EXTREME
@pytest.mark.parametrize("weight", [1e308, HUGE, TINY, 1e-300])
def test_weights_beyond_that_are_refused(weight):
    with pytest.raises(ValueError, match=r"weights and bias must give fields between.*Divide both"):
        Hopfield([[0.0, weight], [weight, 0.0]])


@EXTREME
def test_separation_functions_are_held_to_float64():
    with pytest.raises(ValueError, match=r"overflows float64.*choose beta below"):
        DenseAssociativeMemory(PATTERNS, separation=Exponential(1e308))
    with pytest.raises(ValueError, match="too small"):
        DenseAssociativeMemory(PATTERNS, separation=Exponential(TINY))
    with pytest.raises(ValueError, match=r"overflows float64.*smaller power"):
        DenseAssociativeMemory(PATTERNS, separation=Polynomial(10**9))
    assert Exponential(1e308)([1.0]).tolist() == [math.inf]


@EXTREME
@pytest.mark.parametrize(
    "call",
    [
        lambda: ExpFilter(10**400),
        lambda: ModernHopfield(PATTERNS, 10**400),
        lambda: softmax_recall(PATTERNS, PROBES, 10**400),
        lambda: NeuronDynamics(gain=10**400),
        lambda: laws.softmax_memory(PATTERNS, PROBES, 10**400),
        lambda: Exponential(-(10**400)),
    ],
)
def test_integers_beyond_floats_are_refused(call):
    with pytest.raises(ValueError, match=r"must be a finite number.*an integer of 1329 bits"):
        call()


def test_shares_of_the_largest_and_smallest_weights():
    for size in (1e-320, 1e-300, 1.0, 1e300, HUGE):
        shares, _ = laws.kernel_memory(np.full((1, 4), size))
        np.testing.assert_allclose(shares, 0.25)
        assert laws.vote(np.array([1.0, 1.0, -1.0]), np.full(3, size)) == pytest.approx(1.0 / 3.0)
    assert KernelFilter([HUGE, HUGE / 2, 0.0]).acceptances([[1, 1], [1, -1]], [1, 1]).tolist() == [
        [1.0, 0.5]
    ]


@pytest.mark.parametrize("terms", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
def test_geometric_sums_by_doubling(terms, ratio):
    powers = ratio ** np.arange(terms)
    total, weighted = laws.neuron._geometric(np.array(ratio), terms)
    assert total == pytest.approx(powers.sum())
    assert weighted == pytest.approx((powers * np.arange(1, terms + 1)).sum())


def test_many_attempts_are_as_good_as_no_bound():
    field = np.linspace(-1.0, 1.0, 9)
    for law in (laws.neuron_acceptance, laws.neuron_rotations, laws.neuron_blocks):
        np.testing.assert_allclose(law(field, 0.7, 2, 10**15), law(field, 0.7, 2, None))


def test_many_controls_of_product_state_keys():
    keys = np.array([[0.5, 0.2], [1.0, -1.0]])
    exact = TrugenbergerFilter(500).acceptances(keys, [1, 1])
    beyond = TrugenbergerFilter(501).acceptances(keys, [1, 1])
    np.testing.assert_allclose(beyond, exact, atol=1e-2)
    assert (beyond >= 0.0).all()


def test_integer_probes_do_not_cut_keys():
    keys = np.array([[0.5, -0.5], [1.0, 0.2]])
    whole, floats = np.array([1, -1]), np.array([1.0, -1.0])
    for law in (laws.exp_acceptances, laws.product_key_logits, laws.softmax_memory):
        np.testing.assert_allclose(law(keys, whole, 1.0), law(keys, floats, 1.0))
    np.testing.assert_allclose(laws.distances(keys, whole), laws.distances(keys, floats))


def test_overlaps_of_the_largest_states():
    assert overlaps(np.full(4, HUGE), np.ones((1, 4))).tolist() == [[HUGE]]


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64])
def test_narrow_integers_do_not_wrap(kind):
    method = NeuronDynamics(sweeps=kind(100))
    assert type(method.sweeps) is int
    model = Hopfield.store(PATTERNS[:2])
    result = recall(model, PROBES[0], method, shots=kind(100), seed=kind(7), exact=True)
    assert result.resources.updates == 900
    assert recall(model, PATTERNS[:2], FilteredMemory(), shots=kind(100)).shots == 100
