"""Learning rules against their formulas, written out slowly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qhopfield.circuits.models import Hopfield, hebb, projection, storkey


def draw(num_patterns, num_neurons, seed):
    """Distinct random patterns."""
    rng = np.random.default_rng(seed)
    while True:
        patterns = rng.choice([-1, 1], size=(num_patterns, num_neurons)).astype(np.int8)
        if len(np.unique(patterns, axis=0)) == num_patterns:
            return patterns


def literal_storkey(patterns):
    """The rule as printed, with a sum for every pair (i, j)."""
    n = patterns.shape[1]
    weights = np.zeros((n, n))
    for xi in patterns.astype(float):
        before = weights.copy()
        for i in range(n):
            for j in range(n):
                if i == j:
                    continue
                h_ij = sum(before[i, k] * xi[k] for k in range(n) if k not in (i, j))
                h_ji = sum(before[j, k] * xi[k] for k in range(n) if k not in (i, j))
                weights[i, j] += (xi[i] * xi[j] - xi[i] * h_ji - h_ij * xi[j]) / n
    return weights


def test_hebb_is_the_mean_outer_product():
    patterns = draw(3, 5, 0)
    expected = np.zeros((5, 5))
    for xi in patterns:
        for i in range(5):
            for j in range(5):
                expected[i, j] += (i != j) * int(xi[i]) * int(xi[j]) / 5
    np.testing.assert_allclose(hebb(patterns), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize(("num_patterns", "num_neurons"), [(1, 4), (2, 5), (4, 7), (6, 9)])
def test_storkey_is_the_printed_rule(num_patterns, num_neurons):
    patterns = draw(num_patterns, num_neurons, num_neurons)
    np.testing.assert_allclose(storkey(patterns), literal_storkey(patterns), rtol=0, atol=1e-12)


def test_storkey_of_one_pattern_is_hebb_and_depends_on_the_order_of_more():
    patterns = draw(3, 8, 3)
    np.testing.assert_allclose(storkey(patterns[0]), hebb(patterns[0]), rtol=0, atol=1e-15)
    assert not np.allclose(storkey(patterns), storkey(patterns[::-1]))


@pytest.mark.parametrize("rule", [hebb, storkey, projection])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), num_patterns=st.integers(1, 5), num_neurons=st.integers(6, 9))
def test_weights_are_symmetric_with_an_empty_diagonal(rule, seed, num_patterns, num_neurons):
    weights = rule(draw(num_patterns, num_neurons, seed))
    np.testing.assert_allclose(weights, weights.T, rtol=0, atol=1e-12)
    assert not np.diagonal(weights).any()
    assert weights.dtype == np.float64


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), num_patterns=st.integers(1, 8))
def test_projection_patterns_are_fixed_points_with_the_field_that_is_left(seed, num_patterns):
    patterns = draw(num_patterns, 12, seed)
    projector = np.linalg.pinv(patterns.astype(float)) @ patterns
    memory = Hopfield(projection(patterns), patterns=patterns)
    assert memory.is_fixed_point(patterns).all()
    np.testing.assert_allclose(
        memory.local_field(patterns), (1 - np.diagonal(projector)) * patterns, atol=1e-9
    )


def test_projection_is_the_formula_for_independent_patterns():
    patterns = draw(4, 10, 5).astype(float)
    formula = patterns.T @ np.linalg.inv(patterns @ patterns.T) @ patterns
    np.fill_diagonal(formula, 0)
    np.testing.assert_allclose(projection(patterns), formula, rtol=0, atol=1e-12)


def test_projection_of_dependent_patterns_projects_on_their_span():
    # The fourth is the sum of the first two minus the third; any three span the same space.
    patterns = np.array(
        [[1, 1, 1, 1, 1, 1], [1, -1, 1, -1, 1, 1], [1, 1, 1, -1, 1, 1], [1, -1, 1, 1, 1, 1]]
    )
    assert np.linalg.matrix_rank(patterns) == 3
    np.testing.assert_allclose(projection(patterns), projection(patterns[:3]), atol=1e-12)
    assert Hopfield(projection(patterns)).is_fixed_point(patterns).all()


def test_projection_where_a_neuron_stands_alone_leaves_it_without_a_field():
    patterns = [[1, 1, 1, 1], [-1, 1, 1, 1]]  # e_0 is in the span: P_00 = 1
    memory = Hopfield.store(patterns, rule="projection")
    assert not memory.local_field(patterns)[:, 0].any()
    assert memory.is_fixed_point(patterns).all()


def test_projection_refuses_patterns_that_span_everything():
    with pytest.raises(ValueError, match=r"span all 4 dimensions.*rank below 4"):
        projection([[1, 1, 1, 1], [1, -1, 1, 1], [1, 1, -1, 1], [1, 1, 1, -1]])


def test_weights_do_not_depend_on_global_signs_and_follow_permutations():
    patterns = draw(3, 7, 11)
    order = np.random.default_rng(1).permutation(7)
    for rule in (hebb, storkey, projection):
        np.testing.assert_allclose(rule(-patterns), rule(patterns), atol=1e-12)
        moved = rule(patterns[:, order])
        np.testing.assert_allclose(moved, rule(patterns)[np.ix_(order, order)], atol=1e-12)


@pytest.mark.parametrize("rule", [hebb, storkey, projection])
@pytest.mark.parametrize("bad", [[[1, 0, 1]], [[1, 2, 1]], [[1, float("nan"), 1]], []])
def test_rules_refuse_what_is_no_pattern(rule, bad):
    with pytest.raises(ValueError, match="patterns"):
        rule(bad)
