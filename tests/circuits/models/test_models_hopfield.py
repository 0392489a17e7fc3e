"""The Hopfield network: energy, field, trackers, scale, bad input."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qhopfield.circuits.models import Hopfield, hebb
from qhopfield.circuits.models import hopfield as module
from qhopfield.circuits.patterns import all_states, random_patterns


def random_model(num_neurons, seed):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(num_neurons, num_neurons))
    weights = weights + weights.T
    np.fill_diagonal(weights, 0)
    return Hopfield(weights, rng.normal(size=num_neurons))


def test_energy_and_field_are_the_formulas():
    model = random_model(5, 0)
    for s in all_states(5).astype(float):
        pairs = sum(model.weights[i, j] * s[i] * s[j] for i in range(5) for j in range(5))
        assert model.energy(s)[0] == pytest.approx(-0.5 * pairs - model.bias @ s, abs=1e-12)
        field = [sum(model.weights[i] * s) + model.bias[i] for i in range(5)]
        np.testing.assert_allclose(model.local_field(s)[0], field, atol=1e-12)


def test_a_flip_costs_twice_the_field_in_every_state():
    model = random_model(7, 1)
    states = all_states(7)
    fields = model.local_field(states)
    for i in range(7):
        up, down = states.copy(), states.copy()
        up[:, i], down[:, i] = 1, -1
        difference = model.energy(down) - model.energy(up)
        np.testing.assert_allclose(difference, 2 * fields[:, i], rtol=0, atol=1e-11)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), num_neurons=st.integers(2, 8))
def test_field_bound_is_reached_and_never_passed(seed, num_neurons):
    model = random_model(num_neurons, seed)
    greatest = np.abs(model.local_field(all_states(num_neurons))).max()
    assert model.field_bound() == pytest.approx(greatest, rel=1e-12)


def test_typical_field_is_mean_plus_three_deviations_over_the_patterns():
    patterns = random_patterns(5, 60, seed=3)
    model = Hopfield.store(patterns)
    sizes = np.abs(model.local_field(patterns)).ravel()
    assert sizes.mean() + 3 * sizes.std() < model.field_bound()
    assert model.typical_field() == pytest.approx(sizes.mean() + 3 * sizes.std())
    # Where only one neuron has a large field the deviation would pass every field there is.
    lopsided = Hopfield([[0, 1, 0], [1, 0, 0], [0, 0, 0]], [9, 0, 0], patterns=[[1, 1, 1]])
    assert lopsided.typical_field() == lopsided.field_bound() == 10.0
    with pytest.raises(ValueError, match=r"typical_field needs the stored patterns.*field_bound"):
        Hopfield(model.weights).typical_field()


def test_fields_that_cancel_are_exactly_zero():
    # In thirds and tenths the sums would leave some 1e-17 and a tie would be broken by rounding.
    weights = np.array([[0, 0.1, 0.2, -0.3], [0.1, 0, 0, 0], [0.2, 0, 0, 0], [-0.3, 0, 0, 0]])
    model = Hopfield(weights)
    state = [1, 1, 1, 1]
    assert 0.1 + 0.2 - 0.3 != 0.0
    assert model.local_field(state)[0, 0] == 0.0
    assert model.tracker(state).field(0).tolist() == [0.0]
    assert model.tracker(state).all_fields()[0, 0] == 0.0
    assert model.update(state, order=[0]).tolist() == [state]
    assert model.update([-1, 1, 1, 1], order=[0]).tolist() == [[-1, 1, 1, 1]]


@pytest.mark.parametrize("long_row", [1, 512])  # rows one by one, and gathered
@pytest.mark.parametrize("trajectories", [1, 3, 40])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("share", [0.05, 0.9])  # few flips, and many
def test_tracker_keeps_the_fields(monkeypatch, long_row, trajectories, own, share):
    monkeypatch.setattr(module, "_LONG_ROW", long_row)
    model = random_model(9, 4)
    rng = np.random.default_rng(5)
    states = rng.choice([-1, 1], size=(trajectories, 9)).astype(np.int8)
    tracker = model.tracker(states)
    rows = np.arange(trajectories)
    for _ in range(60):
        neurons = rng.integers(0, 9, trajectories) if own else int(rng.integers(9))
        np.testing.assert_array_equal(tracker.spins(neurons), states[rows, neurons])
        np.testing.assert_allclose(
            tracker.field(neurons), model.local_field(states)[rows, neurons], atol=1e-11
        )
        new = np.where(rng.random(trajectories) < share, -1, 1) * states[rows, neurons]
        tracker.assign(neurons, new)
        states[rows, neurons] = new
        np.testing.assert_array_equal(tracker.states, states)
    np.testing.assert_allclose(tracker.all_fields(), model.local_field(states), atol=1e-11)


def test_tracker_does_not_touch_what_it_was_given():
    model = random_model(4, 6)
    states = np.ones((2, 4), dtype=np.int8)
    tracker = model.tracker(states)
    tracker.field(0)[:] = 99
    tracker.all_fields()[:] = 99
    tracker.assign(1, [-1, 1])
    assert (states == 1).all()
    assert tracker.states.tolist() == [[1, -1, 1, 1], [1, 1, 1, 1]]
    np.testing.assert_allclose(tracker.all_fields(), model.local_field(tracker.states))
    with pytest.raises(ValueError, match="read-only"):
        tracker.states[0, 0] = -1


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ([1], r"new_spins must have shape \(2,\), got \(1,\)"),
        (1, r"new_spins must have shape \(2,\), got \(\)"),
        ([1, 0], r"new_spins must be \+-1"),
        ([1, np.nan], r"new_spins must be \+-1"),
    ],
)
def test_tracker_refuses_other_spins(new, message):
    tracker = random_model(4, 6).tracker(np.ones((2, 4), dtype=np.int8))
    with pytest.raises(ValueError, match=message):
        tracker.assign(0, new)


@pytest.mark.parametrize(
    ("weights", "bias", "scale"),
    [
        ([[0, 2], [2, 0]], None, 1),
        ([[0, 0.5], [0.5, 0]], None, 2),
        ([[0, 0.5], [0.5, 0]], [1.5, 0], 2),
        ([[0, 1.0], [1.0, 0]], [0.5, 0], 2),
        ([[0, 0.3], [0.3, 0]], None, None),
        ([[0, 1e-11], [1e-11, 0]], None, None),
        ([[0, 1.0], [1.0, 0]], [1 / 3, 0], None),
    ],
)
def test_integer_scale(weights, bias, scale):
    assert Hopfield(weights, bias).integer_scale == scale


def test_integer_scale_of_hebb_divides_n():
    odd = Hopfield.store(random_patterns(3, 9, seed=0))
    assert odd.integer_scale == 9
    even = Hopfield.store([[1, 1, -1, -1], [1, -1, 1, -1]])  # weights 0 and +-1/2
    assert even.integer_scale == 2
    assert Hopfield.store(random_patterns(3, 9, seed=0), rule="storkey").integer_scale is None


def test_store_keeps_patterns_rule_and_bias():
    patterns = random_patterns(2, 6, seed=1)
    model = Hopfield.store(patterns, bias=np.arange(6))
    np.testing.assert_array_equal(model.weights, hebb(patterns))
    np.testing.assert_array_equal(model.patterns, patterns)
    np.testing.assert_array_equal(model.bias, np.arange(6.0))
    assert (model.rule, model.num_neurons) == ("hebb", 6)
    assert repr(model) == "Hopfield(num_neurons=6, patterns=2, rule='hebb')"
    for array in (model.weights, model.bias, model.patterns):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_callers_arrays_are_copied():
    weights = np.array([[0.0, 1.0], [1.0, 0.0]])
    bias, patterns = np.zeros(2), np.array([[1, 1]], dtype=np.int8)
    model = Hopfield(weights, bias, patterns=patterns)
    weights[:], bias[:], patterns[:] = 7, 7, -1
    assert model.weights.tolist() == [[0, 1], [1, 0]]
    assert model.bias.tolist() == [0, 0]
    assert model.patterns.tolist() == [[1, 1]]


def test_nearly_symmetric_weights_are_made_symmetric():
    model = Hopfield([[1e-12, 1.0], [1.0 + 1e-11, 0.0]])
    assert model.weights[0, 1] == model.weights[1, 0]
    assert model.weights[0, 0] == 0.0


def test_models_survive_pickling():
    model = Hopfield.store(random_patterns(2, 6, seed=1))
    again = pickle.loads(pickle.dumps(model))
    states = all_states(6)
    np.testing.assert_array_equal(again.energy(states), model.energy(states))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[0, 1], [1]],), ValueError, "weights must be a rectangular array"),
        (([0, 1],), ValueError, r"weights must have shape \(N, N\).*got \(2,\)"),
        (([[0, 1, 2], [1, 0, 2]],), ValueError, r"weights must have shape.*got \(2, 3\)"),
        ((np.zeros((0, 0)),), ValueError, r"weights must have shape.*got \(0, 0\)"),
        (
            ([["a", "b"], ["c", "d"]],),
            TypeError,
            "weights must hold real numbers, got .* of dtype <U1",
        ),
        (
            ([[0, 1j], [1j, 0]],),
            TypeError,
            "weights must hold real numbers, got .* of dtype complex",
        ),
        (([[False, True], [True, False]],), TypeError, "weights must hold real.*bool"),
        (([[0, np.nan], [1, 0]],), ValueError, r"weights must be finite, got nan at \(0, 1\)"),
        (([[0, np.inf], [1, 0]],), ValueError, r"weights must be finite, got inf at \(0, 1\)"),
        (([[0, 1], [1, 3]],), ValueError, r"zero diagonal, got 3 at \(1, 1\)"),
        (([[0, 1], [2, 0]],), ValueError, r"symmetric, got W\[0, 1\] = 1 and W\[1, 0\] = 2"),
        (([[0, 0], [0, 0]],), ValueError, "weights are all zero: nothing is stored"),
        (([[0, 1], [1, 0]], [1]), ValueError, r"bias must have shape \(2,\), got \(1,\)"),
        (([[0, 1], [1, 0]], 1.0), ValueError, r"bias must have shape \(2,\), got \(\)"),
        (([[0, 1], [1, 0]], [1, np.nan]), ValueError, r"bias must be finite, got nan at \(1,\)"),
        (([[0, 1], [1, 0]], ["a", "b"]), TypeError, "bias must hold real numbers"),
    ],
)
def test_hopfield_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        Hopfield(*arguments)


def test_hopfield_refuses_patterns_and_rules_that_do_not_fit():
    with pytest.raises(ValueError, match=r"patterns must have 2 neurons as the weights.*got 3"):
        Hopfield([[0, 1], [1, 0]], patterns=[[1, 1, 1]])
    with pytest.raises(TypeError, match="rule must be a name or None, got 3"):
        Hopfield([[0, 1], [1, 0]], rule=3)
    with pytest.raises(ValueError, match=r"rule must be one of 'hebb'.*got 'Hebb'"):
        Hopfield.store([[1, 1]], rule="Hebb")
    with pytest.raises(ValueError, match="weights are all zero"):
        Hopfield.store([[1, 1], [1, -1]])
    with pytest.raises(ValueError, match="weights are all zero"):
        Hopfield.store([[1]])


@pytest.mark.parametrize("method", ["energy", "local_field", "tracker", "is_fixed_point", "update"])
@pytest.mark.parametrize("states", [[1, 0, 1], [1, 1], [[1, 1, np.nan]], []])
def test_states_must_be_spins(method, states):
    model = random_model(3, 0)
    with pytest.raises(ValueError, match="states"):
        getattr(model, method)(states)
