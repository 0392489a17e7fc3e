"""Update orders and the classical dynamics of every model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from qhopfield.circuits.models import (
    DenseAssociativeMemory,
    Exponential,
    Hopfield,
    Polynomial,
    RectifiedPolynomial,
    check_order,
    complete,
    draw_schedule,
)
from qhopfield.circuits.patterns import all_states, random_patterns

MAKERS = {
    "hebb": Hopfield.store,
    "storkey": lambda patterns: Hopfield.store(patterns, rule="storkey"),
    "bias": lambda patterns: Hopfield.store(patterns, bias=np.linspace(-1, 1, patterns.shape[1])),
    "cubic": lambda patterns: DenseAssociativeMemory(patterns, Polynomial(3)),
    "rectified": lambda patterns: DenseAssociativeMemory(patterns, RectifiedPolynomial(4)),
    "exponential": lambda patterns: DenseAssociativeMemory(patterns, Exponential(0.7)),
}


@pytest.fixture(params=MAKERS.values(), ids=MAKERS.keys(), scope="module")
def make(request):
    return request.param


def literal_sweep(model, state, neurons):
    """One asynchronous sweep, a spin at a time, from full fields."""
    state = state.copy()
    for i in neurons:
        h = model.local_field(state)[0, i]
        state[i] = state[i] if h == 0 else (1 if h > 0 else -1)
    return state


# --- orders -------------------------------------------------------------------------------------


def test_schedules():
    rng = np.random.default_rng(0)
    assert draw_schedule("sequential", 3, 2, 4, rng).tolist() == [0, 1, 2, 0, 1, 2]
    assert draw_schedule([2, 0], 3, 2, 4, rng).tolist() == [2, 0, 2, 0]
    assert draw_schedule([[2, 0], [1, 1]], 3, 2, 4, rng).tolist() == [2, 0, 1, 1]
    assert draw_schedule("sequential", 3, 0, 4, rng).shape == (0,)
    assert draw_schedule("random", 3, 0, 4, rng).shape == (4, 0)
    # Nothing above used up random numbers.
    drawn = draw_schedule("random", 5, 3, 4, rng)
    np.testing.assert_array_equal(drawn, draw_schedule("random", 5, 3, 4, np.random.default_rng(0)))
    assert drawn.shape == (4, 15)
    blocks = drawn.reshape(12, 5)
    np.testing.assert_array_equal(np.sort(blocks, axis=1), np.tile(np.arange(5), (12, 1)))
    assert len(np.unique(blocks, axis=0)) > 6  # each trajectory and sweep draws its own


def test_check_order_returns_what_it_was_given():
    assert check_order("random", 3, 1) == "random"
    checked = check_order((2, 0), 3, 1)
    assert checked.dtype == np.int64
    assert checked.tolist() == [2, 0]


BAD_ORDERS = [
    ("backwards", ValueError, "order must be one of 'sequential', 'random'; got 'backwards'"),
    (None, ValueError, r"order must be .*\(L,\) or \(sweeps, L\); got None"),
    (3, ValueError, r"order must be .*\(L,\) or \(sweeps, L\); got 3"),
    ([], ValueError, "order is empty"),
    ([0.0, 1.0], TypeError, r"order must hold integers.*float64"),
    ([True, False], TypeError, r"order must hold integers.*bool"),
    (["a"], TypeError, r"order must hold integers.*<U1"),
    ([0, 4], ValueError, "between 0 and 3, got 4"),
    ([0, -1], ValueError, "between 0 and 3, got -1"),
    ([[0, 1], [0]], ValueError, "order must be a rectangular array"),
    ([[0, 1]] * 3, ValueError, "expected 1 rows, got 3"),
    ([[[0]]], ValueError, r"order must have shape .* got \(1, 1, 1\)"),
]


@pytest.mark.parametrize(("order", "error", "message"), BAD_ORDERS)
def test_bad_orders(order, error, message):
    model = Hopfield.store([[1, 1, -1, 1]])
    with pytest.raises(error, match=message):
        check_order(order, 4, 1)
    with pytest.raises(error, match=message):
        draw_schedule(order, 4, 1, 2, np.random.default_rng(0))
    with pytest.raises(error, match=message):
        model.update([1, 1, 1, 1], order=order)
    with pytest.raises(error, match=message):
        model.recall([1, 1, 1, 1], order=order, sweeps=1)


# --- updates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["sequential", [4, 2, 0, 1, 3, 5, 2]])
def test_update_is_the_literal_sweep_on_all_states(make, order):
    model = make(random_patterns(3, 6, seed=5))
    states = all_states(6)
    neurons = range(6) if order == "sequential" else order
    expected = [literal_sweep(model, state, neurons) for state in states]
    np.testing.assert_array_equal(model.update(states, order=order), expected)
    assert (states == all_states(6)).all()


def test_random_order_is_seeded_and_each_probe_has_its_own(make):
    model = make(random_patterns(3, 6, seed=5))
    states = all_states(6)
    schedule = draw_schedule("random", 6, 1, len(states), np.random.default_rng(3))
    expected = [
        literal_sweep(model, state, row) for state, row in zip(states, schedule, strict=True)
    ]
    np.testing.assert_array_equal(model.update(states, order="random", seed=3), expected)


def test_random_order_sends_equal_probes_different_ways():
    # Half-way between a pattern and its negative the first neuron to move decides.
    model = Hopfield.store(np.ones(16, dtype=int))
    probe = np.repeat([1, -1], 8)
    many = model.recall(np.tile(probe, (200, 1)), order="random", seed=0)
    assert np.unique(many.states, axis=0).tolist() == [[-1] * 16, [1] * 16]
    again = model.recall(np.tile(probe, (200, 1)), order="random", seed=0)
    np.testing.assert_array_equal(many.states, again.states)
    np.testing.assert_array_equal(many.sweeps, again.sweeps)


def test_synchronous_update_flips_against_the_fields_at_once(make):
    model = make(random_patterns(3, 6, seed=5))
    states = all_states(6)
    fields = model.local_field(states)
    expected = np.where(fields == 0, states, np.sign(fields))
    np.testing.assert_array_equal(model.update(states, synchronous=True), expected)


def test_fixed_points_are_the_states_that_no_flip_improves(make):
    model = make(random_patterns(3, 6, seed=5))
    states = all_states(6)
    energies = model.energy(states)
    best = np.ones(len(states), dtype=bool)
    for i in range(6):
        flipped = states.copy()
        flipped[:, i] *= -1
        best &= model.energy(flipped) >= energies - 1e-9 * np.abs(energies).max()
    np.testing.assert_array_equal(model.is_fixed_point(states), best)
    assert 0 < best.sum() < len(states)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    num_patterns=st.integers(1, 6),
    num_neurons=st.integers(4, 12),
    order=st.sampled_from(["sequential", "random"]),
)
def test_energy_never_rises(make, seed, num_patterns, num_neurons, order):
    rng = np.random.default_rng(seed)
    patterns = random_patterns(num_patterns, num_neurons, seed=seed)
    try:
        model = make(patterns)
    except ValueError as error:
        assert "all zero" in str(error)
        return
    states = rng.choice([-1, 1], size=(7, num_neurons))
    energies = model.energy(states)
    slack = 1e-10 * np.abs(energies).max()
    for sweep in range(4):
        states = model.update(states, order=order, seed=sweep)
        after = model.energy(states)
        assert (after <= energies + slack).all()
        energies = after
    result = model.recall(states, order=order, seed=rng)
    assert result.converged.all()
    assert model.is_fixed_point(result.states).all()
    assert (result.energies <= energies + slack).all()


# --- recall -------------------------------------------------------------------------------------


def test_recall_is_repeated_updates_and_counts_the_sweeps(make):
    model = make(random_patterns(4, 9, seed=1))
    probes = all_states(9)[::5]
    result = model.recall(probes)
    states = probes.copy()
    expected = np.zeros(len(probes), dtype=int)
    for sweep in range(1, 50):
        moving = ~model.is_fixed_point(states)
        if not moving.any():
            break
        expected[moving] = sweep
        states = model.update(states)
    np.testing.assert_array_equal(result.states, states)
    np.testing.assert_array_equal(result.sweeps, expected)
    np.testing.assert_array_equal(result.energies, model.energy(states))
    assert result.converged.all()
    assert result.states.dtype == np.int8
    assert expected.max() > 1


def test_recall_repairs_stored_patterns():
    patterns = random_patterns(4, 100, seed=0)
    probes = patterns.copy()
    probes[:, :15] *= -1
    for model in (
        Hopfield.store(patterns),
        Hopfield.store(patterns, rule="projection"),
        DenseAssociativeMemory(patterns, Exponential(0.2)),
    ):
        for keywords in ({}, {"order": "random", "seed": 1}, {"synchronous": True}):
            result = model.recall(probes, **keywords)
            np.testing.assert_array_equal(result.states, patterns)
            assert result.converged.all()
            assert (result.sweeps >= 1).all()


def test_recall_of_one_probe_and_of_a_fixed_point():
    model = Hopfield.store([[1, -1, 1, -1]])
    result = model.recall([1, -1, 1, -1])
    assert result.states.tolist() == [[1, -1, 1, -1]]
    assert result.sweeps.tolist() == [0]
    assert result.converged.tolist() == [True]


def test_without_sweeps_recall_only_judges():
    model = Hopfield.store([[1, -1, 1, -1]])
    result = model.recall([[1, -1, 1, -1], [-1, -1, 1, -1]], sweeps=0)
    assert result.states.tolist() == [[1, -1, 1, -1], [-1, -1, 1, -1]]
    assert result.converged.tolist() == [True, False]
    assert result.sweeps.tolist() == [0, 0]


def test_recall_with_the_orders_rows():
    model = DenseAssociativeMemory([[1, 1, 1, 1, 1]], Polynomial(3))
    probe = [-1, -1, 1, 1, 1]
    first = model.recall(probe, order=[[0, 0], [2, 1]], sweeps=2)
    assert first.states.tolist() == [[1] * 5]
    assert first.sweeps.tolist() == [2]
    # An order that leaves neuron 1 out cannot finish, and stops once nothing moves.
    stuck = model.recall(probe, order=[0, 2])
    assert stuck.states.tolist() == [[1, -1, 1, 1, 1]]
    assert stuck.converged.tolist() == [False]
    assert stuck.sweeps.tolist() == [2]
    # Rows that differ go on after one that moves nothing.
    late = model.recall(probe, order=[[2], [0], [1]], sweeps=3)
    assert late.converged.tolist() == [True]


def test_synchronous_recall_may_end_in_a_cycle_of_two():
    model = Hopfield([[0, -1], [-1, 0]])
    result = model.recall([[1, 1], [1, -1]], sweeps=7, synchronous=True)
    assert result.converged.tolist() == [False, True]
    assert result.sweeps.tolist() == [7, 0]
    assert result.states.tolist() == [[-1, -1], [1, -1]]


def test_completion_keeps_spins_and_draws_the_rest_with_their_probability():
    probe = np.array([1.0, -1.0, 0.0, 0.5])
    filled = complete(np.tile(probe, (20000, 1)), 4, seed=3)
    assert filled.dtype == np.int8
    assert (filled[:, 0] == 1).all()
    assert (filled[:, 1] == -1).all()
    # Two two-sided binomial tests, together wrong once in 1e6 seeds.
    for column, share in ((2, 0.5), (3, 0.75)):
        low, high = binom.ppf([2.5e-7, 1 - 2.5e-7], 20000, share)
        assert low <= (filled[:, column] == 1).sum() <= high
    np.testing.assert_array_equal(filled, complete(np.tile(probe, (20000, 1)), 4, seed=3))


def test_recall_starts_from_completed_probes():
    model = Hopfield.store(random_patterns(2, 12, seed=4))
    probes = np.zeros((30, 12))
    result = model.recall(probes, seed=9)
    np.testing.assert_array_equal(result.states, model.recall(complete(probes, 12, seed=9)).states)
    assert model.is_fixed_point(result.states).all()
    assert (model.recall(probes, seed=10).states != result.states).any()


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"probes": [1, 1, 1]}, ValueError, "probes"),
        ({"probes": [1, 1, 1, 1.5]}, ValueError, "probes"),
        ({"probes": [1, 1, 1, np.nan]}, ValueError, "probes"),
        ({"sweeps": -1}, ValueError, "sweeps must be >= 0, got -1"),
        ({"sweeps": 2.0}, TypeError, "sweeps must be an integer, got 2.0"),
        ({"seed": -3}, ValueError, "seed must be >= 0"),
        ({"seed": "a"}, TypeError, "seed must be an integer"),
        ({"synchronous": 1}, TypeError, "synchronous must be True or False, got 1"),
        ({"synchronous": True, "order": "random"}, ValueError, "synchronous=True.*no order"),
        ({"synchronous": True, "order": [0, 1]}, ValueError, "synchronous=True.*no order"),
    ],
)
def test_recall_refuses(keywords, error, message):
    arguments = {"probes": [1, 1, 1, 1], **keywords}
    with pytest.raises(error, match=message):
        Hopfield.store([[1, 1, -1, 1]]).recall(**arguments)


@pytest.mark.parametrize("counts", [(0, 1, 1), (3, -1, 1), (3, 1, 0)])
def test_schedules_need_sensible_counts(counts):
    with pytest.raises(ValueError, match="must be >="):
        draw_schedule("sequential", *counts, np.random.default_rng(0))


def test_only_trajectories_that_flip_cost_anything(make, monkeypatch):
    model = make(random_patterns(3, 6, seed=5))
    states = np.tile(model.patterns[0], (5, 1))
    tracker = model.tracker(states)
    paid = []
    flip = tracker._flip

    def count(neurons, changed, spins):
        paid.append(changed.tolist())
        flip(neurons, changed, spins)

    monkeypatch.setattr(tracker, "_flip", count)
    tracker.assign(2, states[:, 2])
    tracker.assign(2, states[:, 2] * [1, -1, 1, -1, 1])
    tracker.assign(np.array([2, 2, 0, 1, 4]), states[np.arange(5), [2, 2, 0, 1, 4]])
    assert paid == [[1, 3], [1]]
