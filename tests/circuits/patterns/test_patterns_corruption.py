"""Corruption changes exactly what it was asked to; overlaps and distances measure it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from qhopfield.circuits.patterns import (
    correlations,
    corrupt,
    hamming,
    load_set,
    overlaps,
    random_patterns,
)

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 12))
PATTERNS = arrays(np.int8, SHAPES, elements=st.sampled_from([-1, 1]))


@given(PATTERNS, st.data())
def test_every_pattern_loses_exactly_what_was_asked(patterns, data):
    size = patterns.shape[1]
    flips = data.draw(st.integers(0, size))
    erase = data.draw(st.integers(0, size - flips))
    seed = data.draw(st.integers(0, 2**32))
    before = patterns.copy()
    probes = corrupt(patterns, flips=flips, erase=erase, seed=seed)
    assert np.array_equal(patterns, before)
    assert probes.dtype == np.int8
    assert probes.shape == patterns.shape
    assert ((probes == 0).sum(axis=1) == erase).all()
    assert ((probes == -patterns).sum(axis=1) == flips).all()
    assert np.array_equal(probes, corrupt(patterns, flips=flips, erase=erase, seed=seed))
    # The flips are where they would be without the erasures.
    flipped = corrupt(patterns, flips=flips, seed=seed) != patterns
    assert np.array_equal(probes == -patterns, flipped)


@given(PATTERNS, st.floats(0, 1))
def test_fractions_mean_the_nearest_number(patterns, fraction):
    size = patterns.shape[1]
    count = (corrupt(patterns, erase=fraction, seed=0) == 0).sum(axis=1)
    assert (count == count[0]).all()
    assert abs(count[0] - fraction * size) <= 0.5


@pytest.mark.parametrize(
    ("amount", "number"),
    [(1, 1), (1.0, 10), (0.0, 0), (0.25, 3), (0.24, 2), (np.int64(4), 4), (np.float32(0.5), 5)],
)
def test_an_int_is_a_number_and_a_float_a_fraction(amount, number):
    assert (corrupt(np.ones(10, dtype=int), flips=amount, seed=1) == -1).sum() == number


def test_one_pattern_keeps_its_shape():
    assert corrupt([1, -1, 1], flips=1, seed=0).shape == (3,)
    assert corrupt(load_set("cy"), erase=2, seed=0).shape == (2, 9)


def test_a_generator_is_advanced():
    rng = np.random.default_rng(5)
    patterns = np.ones((1, 60), dtype=int)
    assert not np.array_equal(
        corrupt(patterns, flips=30, seed=rng), corrupt(patterns, flips=30, seed=rng)
    )


def test_every_entry_is_as_likely_as_any():
    # 4,000 patterns lose 2 of 8 entries. Given its total, each entry is hit with odds 1/4; a
    # chi-square on counts without replacement is smaller than the free one, so 1e-6 is safe.
    hits = (corrupt(np.ones((4000, 8), dtype=int), flips=2, seed=11) == -1).sum(axis=0)
    assert hits.sum() == 8000
    chi = ((hits - 1000) ** 2 / 1000).sum()
    assert chi < stats.chi2.isf(1e-6, 7)


BAD = [
    ({}, ValueError, "Nothing to corrupt"),
    ({"flips": True}, TypeError, "flips must be an integer, got True"),
    ({"erase": np.bool_(True)}, TypeError, "erase must be an integer"),
    ({"flips": "1"}, TypeError, "flips must be an integer, got '1'"),
    ({"flips": -1}, ValueError, "flips must be between 0 and 4, got -1"),
    ({"erase": 5}, ValueError, "erase must be between 0 and 4, got 5"),
    ({"flips": 1.1}, ValueError, "flips must be a finite number >= 0 and <= 1, got 1.1"),
    ({"erase": -0.1}, ValueError, "erase must be a finite number >= 0 and <= 1, got -0.1"),
    ({"erase": np.nan}, ValueError, "erase must be a finite number"),
    (
        {"flips": 2, "erase": 0.75},
        ValueError,
        r"4 entries at most; got flips=2 \(2 entries\) and erase=0.75 \(3 entries\)",
    ),
    ({"flips": 1, "seed": -1}, ValueError, "seed must be >= 0, got -1"),
    ({"flips": 1, "seed": 0.5}, TypeError, "seed must be an integer"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        corrupt([1, -1, 1, -1], **options)


def test_only_whole_patterns_are_corrupted():
    with pytest.raises(ValueError, match="patterns must hold only"):
        corrupt([1, 0, 1], flips=1)


@given(PATTERNS, st.integers(0, 2**32), st.data())
def test_overlap_is_one_minus_twice_the_distance(patterns, seed, data):
    size = patterns.shape[1]
    flips = data.draw(st.integers(0, size))
    states = corrupt(patterns, flips=flips, seed=seed)
    near = overlaps(states, patterns)
    far = hamming(states, patterns)
    assert near.shape == far.shape == (len(patterns), len(patterns))
    assert near.dtype == np.float64
    assert np.issubdtype(far.dtype, np.integer)
    assert (np.diag(far) == flips).all()
    np.testing.assert_allclose(near, 1 - 2 * far / size, atol=1e-15)
    np.testing.assert_allclose(
        near, [[np.mean(s * p) for p in patterns] for s in states], atol=1e-15
    )
    assert np.array_equal(overlaps(-states, patterns), -near)


@given(PATTERNS)
def test_correlations_are_symmetric_with_ones(patterns):
    matrix = correlations(patterns)
    assert matrix.shape == (len(patterns),) * 2
    assert np.array_equal(matrix, matrix.T)
    assert (np.diag(matrix) == 1).all()


def test_long_patterns_do_not_overflow_int8():
    ones = np.ones((1, 1000), dtype=np.int8)
    assert overlaps(ones, ones).tolist() == [[1.0]]
    assert hamming(ones, -ones).tolist() == [[1000]]


def test_mean_spins_have_overlaps():
    assert overlaps([0.5, 0, 0, 1 + 1e-12], [1, 1, 1, 1])[0, 0] == pytest.approx(0.375)


@given(st.integers(1, 5), st.data())
def test_random_patterns_are_distinct(num_neurons, data):
    num_patterns = data.draw(st.integers(1, 2**num_neurons))
    seed = data.draw(st.integers(0, 2**32))
    patterns = random_patterns(num_patterns, num_neurons, seed=seed)
    assert patterns.shape == (num_patterns, num_neurons)
    assert patterns.dtype == np.int8
    assert (np.abs(patterns) == 1).all()
    assert len(np.unique(patterns, axis=0)) == num_patterns
    assert np.array_equal(patterns, random_patterns(num_patterns, num_neurons, seed=seed))


@pytest.mark.parametrize("num_neurons", [20, 62, 63, 200])
def test_random_entries_are_fair(num_neurons):
    # A two-sided binomial bound at 1e-6 on all entries, and one on each neuron (Bonferroni).
    patterns = random_patterns(500, num_neurons, seed=num_neurons)
    assert patterns.shape == (500, num_neurons)
    up = patterns == 1
    assert stats.binomtest(int(up.sum()), up.size).pvalue > 1e-6
    worst = min(stats.binomtest(int(n), 500).pvalue for n in up.sum(axis=0))
    assert worst > 1e-6 / num_neurons


def test_equal_draws_are_drawn_again(monkeypatch):
    class Repeating:
        def __init__(self):
            self.calls = 0

        def integers(self, low, high, size, dtype):
            self.calls += 1
            bits = np.zeros(size, dtype=dtype)
            bits[:, 0] = self.calls - 1
            return bits

    rng = Repeating()
    monkeypatch.setattr("qhopfield.circuits.patterns.measures.as_generator", lambda seed: rng)
    patterns = random_patterns(2, 70)
    assert rng.calls == 2
    assert patterns[:, 0].tolist() == [1, -1]


@pytest.mark.parametrize(
    ("function", "arguments", "error", "message"),
    [
        (overlaps, ([1, 1], [1, 1, 1]), ValueError, "states must have 3 entries a row"),
        (overlaps, ([1, np.inf], [1, 1]), ValueError, "states must hold finite numbers; got inf"),
        (overlaps, ([1, 1], [1, 0]), ValueError, "patterns must hold only"),
        (overlaps, ("ab", [1, 1]), TypeError, "states must hold real numbers"),
        (hamming, ([1, 0], [1, 1]), ValueError, "states must hold only"),
        (hamming, ([1], [1, 1]), ValueError, "states must have 2 entries a row"),
        (correlations, ([1, 0.5],), ValueError, "patterns must hold only"),
        (random_patterns, (5, 2), ValueError, "num_patterns must be at most 4: .* got 5"),
        (random_patterns, (0, 2), ValueError, "num_patterns must be >= 1, got 0"),
        (random_patterns, (1, 0), ValueError, "num_neurons must be >= 1, got 0"),
        (random_patterns, (1.0, 2), TypeError, "num_patterns must be an integer"),
        (random_patterns, (1, True), TypeError, "num_neurons must be an integer"),
    ],
)
def test_bad_measures(function, arguments, error, message):
    with pytest.raises(error, match=message):
        function(*arguments)
