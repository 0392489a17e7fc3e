"""The modern Hopfield network: energy, attention update, and its +-1 dynamics."""

from __future__ import annotations

import math
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from qhopfield.circuits.models import DenseAssociativeMemory, Exponential, ModernHopfield
from qhopfield.circuits.patterns import all_states, random_patterns

XOR = np.array([[-1, -1, -1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]])
BETAS = [1e-6, 0.05, 0.7, 1.0, 1.3, 20.0]


def real_states(rows, num_neurons, seed):
    return np.random.default_rng(seed).uniform(-1, 1, (rows, num_neurons))


def literal(patterns, beta, x):
    """Energy, association and update of one state, by plain Python from eqs. 2 and 3."""
    m, n = patterns.shape
    weights = [math.exp(beta * sum(float(p[i]) * x[i] for i in range(n))) for p in patterns]
    lse = math.log(math.fsum(weights)) / beta
    norm = max(math.fsum(float(v) ** 2 for v in p) for p in patterns)
    energy = -lse + math.fsum(v * v for v in x) / 2 + math.log(m) / beta + norm / 2
    share = [w / math.fsum(weights) for w in weights]
    update = [math.fsum(share[k] * float(patterns[k][i]) for k in range(m)) for i in range(n)]
    return energy, share, update


@pytest.mark.parametrize("beta", [0.05, 0.7, 1.0, 5.0])
@pytest.mark.parametrize("num_patterns", [1, 2, 9])
def test_everything_real_is_the_published_formula(beta, num_patterns):
    patterns = random_patterns(num_patterns, 6, seed=3)
    model = ModernHopfield(patterns, beta)
    states = np.vstack([real_states(5, 6, 1), all_states(6)[:5], np.zeros((1, 6))])
    energies, shares, updates = zip(*(literal(patterns, beta, x) for x in states), strict=True)
    np.testing.assert_allclose(model.energy(states), energies, rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.association(states), shares, rtol=1e-12)
    np.testing.assert_allclose(model.retrieve(states), updates, rtol=0, atol=1e-13)
    assert model.energy(states[0]).shape == (1,)
    assert model.retrieve(states[0]).shape == (1, 6)


@pytest.mark.parametrize("beta", [0.05, 1.0, 4.0])
def test_the_update_is_a_step_down_the_gradient(beta):
    # grad E = x - Xi^T softmax(beta Xi x), so that a fixed point is where the energy is flat.
    model = ModernHopfield(random_patterns(7, 6, seed=2), beta)
    states = 0.9 * real_states(4, 6, seed=4)
    step = 1e-5
    for i in range(6):
        up, down = states.copy(), states.copy()
        up[:, i] += step
        down[:, i] -= step
        slope = (model.energy(up) - model.energy(down)) / (2 * step)
        expected = (states - model.retrieve(states))[:, i]
        np.testing.assert_allclose(slope, expected, rtol=0, atol=1e-7)


@settings(max_examples=60)
@given(
    beta=st.floats(1e-9, 1e4),
    num_patterns=st.integers(1, 12),
    num_neurons=st.integers(4, 12),
    seed=st.integers(0, 10_000),
)
def test_energy_never_rises_and_ends_where_it_is_flat(beta, num_patterns, num_neurons, seed):
    model = ModernHopfield(random_patterns(num_patterns, num_neurons, seed=seed), beta)
    end = model.converge(real_states(4, num_neurons, seed), steps=40)
    assert (np.diff(end.energies, axis=1) <= 1e-12 * num_neurons).all()
    assert (end.energies >= -1e-12 * num_neurons).all()
    assert (end.energies <= 2 * num_neurons * (1 + 1e-12)).all()
    np.testing.assert_allclose(end.energies[:, -1], model.energy(end.expectations), atol=1e-12)
    np.testing.assert_allclose(end.association.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(end.association, model.association(end.expectations))
    moved = np.abs(model.retrieve(end.expectations) - end.expectations).max(axis=1)
    np.testing.assert_array_equal(end.converged, moved <= 1e-10)
    assert (np.abs(end.expectations) <= 1).all()


def test_converge_repeats_retrieve_and_records_it():
    model = ModernHopfield(random_patterns(5, 8, seed=1), 0.4)
    probes = np.vstack([real_states(3, 8, 2), model.converge(real_states(1, 8, 3)).expectations])
    end = model.converge(probes, tolerance=1e-8)
    assert end.converged.all()
    assert end.steps[3] == 0 and len(set(end.steps.tolist())) > 1
    assert end.energies.shape == (4, end.steps.max() + 1)
    for row, x in enumerate(probes):
        for step in range(end.energies.shape[1]):
            assert end.energies[row, step] == pytest.approx(model.energy(x)[0], abs=1e-12)
            if step < end.steps[row]:
                following = model.retrieve(x)[0]
                assert np.abs(following - x).max() > 1e-8
                x = following
        np.testing.assert_allclose(end.expectations[row], x, rtol=0, atol=1e-12)
    with pytest.raises(FrozenInstanceError):
        end.steps = None


def test_the_bound_on_steps_is_kept():
    model = ModernHopfield(random_patterns(5, 8, seed=1), 0.4)
    probes = real_states(3, 8, 2)
    end = model.converge(probes, steps=1)
    assert end.steps.tolist() == [1, 1, 1] and not end.converged.any()
    np.testing.assert_allclose(end.expectations, model.retrieve(probes), rtol=0, atol=1e-14)
    none = model.converge(probes, steps=0)
    np.testing.assert_array_equal(none.expectations, probes)
    assert none.energies.shape == (3, 1) and not none.converged.any()
    assert model.recall(probes, sweeps=0).states.tolist() == np.sign(probes).astype(int).tolist()


def test_probes_are_left_alone():
    probes = real_states(3, 8, 2)
    kept = probes.copy()
    ModernHopfield(random_patterns(5, 8, seed=1), 0.4).converge(probes)
    np.testing.assert_array_equal(probes, kept)


@pytest.mark.parametrize("beta", [50.0, 1e6, 1e100, 1.7e308])
def test_large_beta_takes_the_nearest_pattern(beta):
    patterns = random_patterns(20, 30, seed=6)
    model = ModernHopfield(patterns, beta)
    states = real_states(50, 30, seed=7)
    overlaps = states @ patterns.T
    first, second = np.sort(overlaps, axis=1)[:, :-3:-1].T
    clear = first - second > 1.0
    assert clear.sum() > 10
    nearest = patterns[overlaps.argmax(axis=1)]
    np.testing.assert_allclose(model.retrieve(states)[clear], nearest[clear], atol=1e-15)
    # lse becomes the greatest overlap.
    limit = -first + 0.5 * (states**2).sum(axis=1) + 15
    assert (np.abs(model.energy(states) - limit) <= math.log(20) / beta + 1e-12).all()
    ends = model.recall(patterns)
    np.testing.assert_array_equal(ends.states, patterns)
    assert ends.converged.all() and not ends.sweeps.any()
    assert model.is_fixed_point(patterns).all()


def test_small_beta_takes_the_mean_of_all_patterns():
    patterns = random_patterns(5, 8, seed=6)
    model = ModernHopfield(patterns, 1e-12)
    states = real_states(6, 8, seed=7)
    mean = np.broadcast_to(patterns.mean(axis=0), states.shape)
    np.testing.assert_allclose(model.retrieve(states), mean, rtol=0, atol=1e-10)
    limit = -states @ patterns.mean(axis=0) + 0.5 * (states**2).sum(axis=1) + 4
    np.testing.assert_allclose(model.energy(states), limit, rtol=0, atol=1e-9)
    # h_i = tanh(D_i / 2) with D_i = ln(patterns with +1 at i / patterns with -1).
    np.testing.assert_allclose(model.local_field(all_states(8)[:3]), mean[:3], atol=1e-10)


def test_one_pattern_is_a_memory_of_itself():
    pattern = np.array([1, -1, -1, 1, 1])
    model = ModernHopfield(pattern, 0.3)
    states = np.vstack([real_states(4, 5, 1), -pattern])
    np.testing.assert_array_equal(model.retrieve(states), np.tile(pattern, (5, 1)))
    end = model.converge(states)
    assert end.converged.all() and (end.steps == 1).all()
    # -lse = -xi.x, so E = |x - xi|^2 / 2.
    np.testing.assert_allclose(model.energy(states), 0.5 * ((states - pattern) ** 2).sum(axis=1))
    np.testing.assert_array_equal(model.local_field(all_states(5)), np.tile(pattern, (32, 1)))


def test_a_memory_of_all_states_is_neurons_apart():
    # sum_mu exp(beta xi . x) = prod_i 2 cosh(beta x_i), so each neuron moves alone.
    model = ModernHopfield(all_states(16), 3.0)
    states = np.vstack([real_states(3, 16, 1), np.ones((1, 16))])
    np.testing.assert_allclose(model.retrieve(states), np.tanh(3.0 * states), rtol=0, atol=1e-12)
    apart = (0.5 * (1 + states**2) - np.log(np.cosh(3.0 * states)) / 3.0).sum(axis=1)
    np.testing.assert_allclose(model.energy(states), apart, rtol=0, atol=2e-13)
    assert not model.local_field(np.ones(16)).any()


def test_no_rounding_carries_a_field_past_its_bound():
    for beta in np.linspace(0.01, 3.0, 300):
        fields = ModernHopfield([1, -1, 1], beta).local_field([1, 1, 1])
        assert np.abs(fields).max() <= 1.0


@pytest.mark.parametrize("beta", [*BETAS, 1e4])
@pytest.mark.parametrize("num_patterns", [1, 2, 5, 40])
def test_a_flip_costs_twice_the_field_in_every_state(beta, num_patterns):
    model = ModernHopfield(random_patterns(num_patterns, 7, seed=4), beta)
    states = all_states(7)
    fields = model.local_field(states)
    for i in range(7):
        up, down = states.copy(), states.copy()
        up[:, i], down[:, i] = 1, -1
        twice = model.energy(down) - model.energy(up)
        np.testing.assert_allclose(2 * fields[:, i], twice, rtol=0, atol=1e-11)
    assert np.abs(fields).max() <= model.field_bound() == 1.0
    assert model.typical_field() <= 1.0


@pytest.mark.parametrize("beta", [0.1, 0.5, 1.0, 3.0])
def test_spins_move_as_in_the_exponential_memory(beta):
    # Both energies fall with sum_mu exp(beta xi . s), so flips that help one help the other.
    patterns = random_patterns(16, 8, seed=5)
    modern = ModernHopfield(patterns, beta)
    dense = DenseAssociativeMemory(patterns, Exponential(beta))
    states = all_states(8)
    signs = np.sign(modern.local_field(states))
    np.testing.assert_array_equal(signs, np.sign(dense.local_field(states)))
    assert {-1.0, 1.0} <= set(signs.ravel())
    np.testing.assert_array_equal(modern.is_fixed_point(states), dense.is_fixed_point(states))
    np.testing.assert_array_equal(modern.update(states), dense.update(states))
    after = modern.energy(modern.update(states, order="random", seed=1))
    assert (after <= modern.energy(states) + 1e-12).all()


@pytest.mark.parametrize("beta", [0.1, 1.0, 500.0])
@pytest.mark.parametrize("seed", range(3))
def test_fields_that_cancel_are_exactly_zero(beta, seed):
    # Each pattern comes with its mirror image in neuron 0, in a mixed order.
    patterns = random_patterns(30, 9, seed=seed)
    patterns = np.unique(np.vstack([patterns, patterns * np.r_[-1, [1] * 8]]), axis=0)
    model = ModernHopfield(np.random.default_rng(seed).permutation(patterns), beta)
    fields = model.local_field(all_states(9))
    assert not fields[:, 0].any()
    assert fields[:, 1:].all(axis=1).any()


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("trajectories", [1, 25])
def test_tracker_keeps_the_fields(beta, own, trajectories):
    model = ModernHopfield(random_patterns(6, 8, seed=1), beta)
    rng = np.random.default_rng(5)
    states = rng.choice([-1, 1], size=(trajectories, 8)).astype(np.int8)
    tracker = model.tracker(states)
    rows = np.arange(trajectories)
    for _ in range(40):
        neurons = rng.integers(0, 8, trajectories) if own else int(rng.integers(8))
        expected = model.local_field(states)[rows, neurons]
        np.testing.assert_array_equal(tracker.field(neurons), expected)
        new = rng.choice([-1, 1], size=trajectories)
        tracker.assign(neurons, new)
        states[rows, neurons] = new
    np.testing.assert_array_equal(tracker.states, states)
    np.testing.assert_array_equal(tracker.all_fields(), model.local_field(states))


def test_recall_returns_the_signs_of_the_real_fixed_point():
    patterns = random_patterns(4, 16, seed=2)
    model = ModernHopfield(patterns, 1.0)
    probes = 0.6 * patterns
    probes[:, :4] = 0.0
    ends = model.recall(probes)
    np.testing.assert_array_equal(ends.states, patterns)
    assert ends.states.dtype == np.int8 and ends.converged.all()
    real = model.converge(probes)
    np.testing.assert_array_equal(ends.sweeps, real.steps)
    np.testing.assert_array_equal(ends.states, np.sign(real.expectations))
    np.testing.assert_array_equal(ends.energies, model.energy(patterns))
    again = model.recall(probes, synchronous=True, seed=4)
    np.testing.assert_array_equal(again.states, ends.states)


def test_an_undecided_expectation_keeps_the_probe_or_is_drawn():
    # Two patterns that differ at the last neuron only, and a probe that does not tell them apart:
    # at beta = 0.5 < 1 the mixture x_2 = 0 is where even a telling probe ends.
    model = ModernHopfield([[1, 1, 1], [1, 1, -1]], 0.5)
    np.testing.assert_allclose(model.retrieve([0, 0, 0]), [[1, 1, 0]])
    kept = model.recall([[1, 1, 1], [1, 1, -1]])
    assert kept.converged.all()
    assert kept.states.tolist() == [[1, 1, 1], [1, 1, -1]]
    for entry in (0.0, 0.5, -0.8):
        probes = np.tile([0, 0, entry], (400, 1))
        drawn = model.recall(probes, seed=3).states
        assert (drawn[:, :2] == 1).all()
        # +1 with probability (1 + z) / 2, false alarms at most once in a million.
        low, high = binom.interval(1 - 1e-6, 400, 0.5 * (1 + entry))
        assert low <= (drawn[:, 2] == 1).sum() <= high
        np.testing.assert_array_equal(model.recall(probes, seed=3).states, drawn)


def test_a_thousand_neurons_and_a_large_beta():
    patterns = random_patterns(50, 1000, seed=0)
    model = ModernHopfield(patterns, 40.0)
    probes = patterns * np.where(np.arange(1000) < 300, -1, 1)
    np.testing.assert_array_equal(model.recall(probes).states, patterns)
    np.testing.assert_allclose(model.energy(patterns), math.log(50) / 40.0, rtol=0, atol=1e-9)
    np.testing.assert_allclose(model.local_field(patterns[:2]), patterns[:2], atol=1e-12)


def test_attributes_are_safe_and_survive_pickling():
    patterns = random_patterns(3, 5, seed=3).copy()
    kept = patterns.copy()
    model = ModernHopfield(patterns, 2)
    patterns[:] = 1
    np.testing.assert_array_equal(model.patterns, kept)
    with pytest.raises(ValueError, match="read-only"):
        model.patterns[0] = 1
    assert model.integer_scale is None
    assert model.beta == 2.0 and ModernHopfield(kept).beta == 1.0
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.energy(kept), model.energy(kept))
    assert repr(model) == "ModernHopfield(num_neurons=5, patterns=3, beta=2)"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda m: ModernHopfield(XOR, 0), ValueError, "beta must be a finite number .*got 0"),
        (lambda m: ModernHopfield(XOR, -1.0), ValueError, "beta must be .*got -1"),
        (lambda m: ModernHopfield(XOR, np.nan), ValueError, "beta must be .*got nan"),
        (lambda m: ModernHopfield(XOR, np.inf), ValueError, "beta must be .*got inf"),
        (lambda m: ModernHopfield(XOR, 10**400), ValueError, "beta must be a finite number"),
        (lambda m: ModernHopfield(XOR, "1"), TypeError, "beta must be a real number, got '1'"),
        (lambda m: ModernHopfield(XOR, True), TypeError, "beta must be a real number, got True"),
        (lambda m: ModernHopfield([[1, 0.5]]), ValueError, "patterns must hold only"),
        (lambda m: ModernHopfield([[1, 1], [1, 1]]), ValueError, "rows 0 and 1 are the same"),
        (lambda m: ModernHopfield([]), ValueError, "patterns must not be empty"),
        (lambda m: m.converge([0, 0, 1.1]), ValueError, "probes must hold .*got 1.1 in row 0"),
        (lambda m: m.converge([0, 0]), ValueError, "probes must have 3 entries a row"),
        (lambda m: m.converge([0, 0, 0], steps=-1), ValueError, "steps must be >= 0, got -1"),
        (lambda m: m.converge([0, 0, 0], steps=1.0), TypeError, "steps must be an integer"),
        (lambda m: m.converge([0, 0, 0], tolerance=-1), ValueError, "tolerance must be .*got -1"),
        (lambda m: m.converge([0, 0, 0], tolerance="x"), TypeError, "tolerance must be a real"),
        (lambda m: m.recall([2, 0, 0]), ValueError, "probes must hold .*got 2 in row 0"),
        (lambda m: m.recall([1, 0, 0], sweeps=-1), ValueError, "sweeps must be >= 0"),
        (lambda m: m.recall([1, 0, 0], order="random"), ValueError, "order must be left out"),
        (lambda m: m.recall([1, 0, 0], order=[0, 1]), ValueError, "order must be left out"),
        (lambda m: m.recall([1, 0, 0], order="x"), ValueError, "order must be one of"),
        (lambda m: m.recall([1, 0, 0], synchronous=1), TypeError, "synchronous must be True or"),
        (lambda m: m.recall([1, 0, 0], seed="a"), TypeError, "seed"),
    ],
)
def test_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make(ModernHopfield(XOR))


@pytest.mark.parametrize("method", ["energy", "association", "retrieve"])
@pytest.mark.parametrize("states", [[1, 1.5, 1], [1, 1], [[1, 1, np.nan]], []])
def test_real_states_stay_within_one(method, states):
    with pytest.raises(ValueError, match="states"):
        getattr(ModernHopfield(XOR), method)(states)


@pytest.mark.parametrize("method", ["local_field", "tracker", "is_fixed_point", "update"])
@pytest.mark.parametrize("states", [[1, 0, 1], [1, 1], [[1, 1, np.nan]], []])
def test_states_must_be_spins(method, states):
    with pytest.raises(ValueError, match="states"):
        getattr(ModernHopfield(XOR), method)(states)
