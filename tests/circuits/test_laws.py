"""The closed forms of the quantum neuron against their other writings and direct sums."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qhopfield.circuits import laws

FIELDS = np.linspace(-1.0, 1.0, 41)
GAINS = [0.11, 0.5, math.pi / 4]
INSIDE = 0.999 * FIELDS


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("level", range(5))
def test_probability_is_the_ratio_of_powers(gain, level):
    power = 2.0 ** (level + 1)
    sin, cos = np.sin(np.pi / 4 + gain * FIELDS), np.cos(np.pi / 4 + gain * FIELDS)
    wanted = np.abs(sin) ** power / (np.abs(sin) ** power + np.abs(cos) ** power)
    np.testing.assert_allclose(
        laws.neuron_probability(FIELDS, gain, level), wanted, rtol=0, atol=1e-13
    )


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("level", range(5))
def test_probability_is_a_heat_bath_in_artanh_tan(gain, level):
    x = 2.0 ** (level + 2) * np.arctanh(np.tan(gain * INSIDE))
    with np.errstate(over="ignore"):
        wanted = 1.0 / (1.0 + np.exp(-x))
    np.testing.assert_allclose(
        laws.neuron_probability(INSIDE, gain, level), wanted, rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        laws.neuron_expectation(INSIDE, gain, level), np.tanh(x / 2), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("level", range(4))
def test_inverse_temperature_is_the_slope_at_zero(level):
    step, gain = 1e-6, 0.4
    slope = laws.neuron_expectation(np.array([step]), gain, level)[0] / step
    assert slope == pytest.approx(laws.inverse_temperature(gain, level), rel=1e-6)


@pytest.mark.parametrize("level", range(6))
def test_the_largest_field_at_the_safe_gain_is_certain(level):
    gain = laws.safe_gain(2.5)
    edge = laws.neuron_probability(np.array([-2.5, 0.0, 2.5]), gain, level)
    np.testing.assert_allclose(edge, [0.0, 0.5, 1.0], atol=1e-15)


def test_beyond_the_safe_gain_the_response_folds_back():
    gain = 2.0 * laws.safe_gain(1.0)
    fields = np.array([0.3, 0.7])
    folded = laws.neuron_probability(1.0 - fields, gain, 2)
    np.testing.assert_allclose(laws.neuron_probability(fields, gain, 2), folded, atol=1e-14)


@pytest.mark.parametrize("level", range(1, 4))
def test_acceptance_of_single_tries_is_the_sum_of_powers(level):
    p = laws.rotation_probability(FIELDS, 0.7)
    wanted = p ** (2**level) + (1 - p) ** (2**level)
    got = laws.neuron_acceptance(FIELDS, 0.7, level, 1)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-14)


def brute_force(successes, attempts):
    """Chance to end, and mean level-1 blocks of runs that end, by summing over tries."""
    ends, loads = 1.0, 1.0  # an update below level 1 is one field loading
    for success in successes:
        pair, cost = ends**2, 2.0 * loads
        weights = [pair * success * (pair * (1 - success)) ** t for t in range(attempts)]
        ends = sum(weights)
        loads = sum((t + 1) * cost * w for t, w in enumerate(weights)) / ends
    return ends, loads


@pytest.mark.parametrize("attempts", [1, 2, 3, 7])
@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("field", [0.0, 0.4, -0.9])
def test_bounded_tries_by_summing_over_them(field, level, attempts):
    h = np.array([field])
    successes = [float(p[0]) for p in laws.block_probabilities(h, 0.6, level)]
    ends, loads = brute_force(successes, attempts)
    assert laws.neuron_acceptance(h, 0.6, level, attempts)[0] == pytest.approx(ends, abs=1e-13)
    assert laws.neuron_rotations(h, 0.6, level, attempts)[0] == pytest.approx(loads, abs=1e-12)


def test_many_tries_tend_to_no_bound():
    for bounded, free in [
        (laws.neuron_acceptance(FIELDS, 0.7, 3, 200), laws.neuron_acceptance(FIELDS, 0.7, 3, None)),
        (laws.neuron_rotations(FIELDS, 0.7, 3, 200), laws.neuron_rotations(FIELDS, 0.7, 3, None)),
        (laws.neuron_blocks(FIELDS, 0.7, 3, 200), laws.neuron_blocks(FIELDS, 0.7, 3, None)),
    ]:
        np.testing.assert_allclose(bounded, free, rtol=1e-12)


@pytest.mark.parametrize("level", range(5))
def test_threshold_costs_four_to_the_level_rotations(level):
    assert laws.neuron_rotations(np.zeros(1), 0.3, level, None)[0] == pytest.approx(4.0**level)


@pytest.mark.parametrize(
    "field, wanted", [(0.3, [1, 3.03, 7.0, 14.2, 28.3]), (0.7, [1, 2.03, 4.06, 8.12, 16.2])]
)
def test_rotations_follow_the_recursion(field, wanted):
    # N_k = 2 N_(k-1) / p_k with tan theta_k = tan^2 theta_(k-1).
    theta, rotations = math.pi / 4 + field, 1.0
    for level, rounded in enumerate(wanted):
        got = laws.neuron_rotations(np.array([field]), 1.0, level, None)[0]
        assert got == pytest.approx(rotations, rel=1e-12)
        assert got == pytest.approx(rounded, rel=6e-3)
        rotations *= 2.0 / (math.sin(theta) ** 4 + math.cos(theta) ** 4)
        theta = math.atan(math.tan(theta) ** 2)


def test_blocks_of_all_levels_add_up():
    field, gain = np.array([0.2]), 0.8
    one, two = laws.block_tries(field, gain, 2, None)
    assert laws.neuron_blocks(field, gain, 2, None)[0] == pytest.approx(
        (two + 2.0 * two * one)[0], rel=1e-13
    )
    assert laws.neuron_blocks(field, gain, 0, None)[0] == 0.0


def test_mean_tries_over_uniform_angles_is_root_two():
    # theta uniform on [0, pi/2], by the midpoint rule, which is spectral for periodic functions.
    theta = (np.arange(2000) + 0.5) * math.pi / 2 / 2000
    tries = laws.block_tries(theta - math.pi / 4, 1.0, 1, None)[0]
    assert tries.mean() == pytest.approx(math.sqrt(2.0), abs=1e-12)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda h: laws.neuron_probability(h, 1.0, -1),
            ValueError,
            "level must be between 0 and 60",
        ),
        (
            lambda h: laws.neuron_expectation(h, 1.0, -1),
            ValueError,
            "level must be between 0 and 60",
        ),
        (lambda h: laws.neuron_probability(h, 1.0, 1.5), TypeError, "level must be an integer"),
        (
            lambda h: laws.block_probabilities(h, 1.0, -2),
            ValueError,
            "level must be between 0 and 60",
        ),
        (
            lambda h: laws.neuron_acceptance(h, 1.0, -1, None),
            ValueError,
            "level must be between 0 and 60",
        ),
        (lambda h: laws.neuron_acceptance(h, 1.0, 1, 0), ValueError, "attempts must be >= 1"),
        (lambda h: laws.block_tries(h, 1.0, 1, 0), ValueError, "attempts must be >= 1"),
        (lambda h: laws.neuron_rotations(h, 1.0, 1, 0), ValueError, "attempts must be >= 1"),
        (
            lambda h: laws.neuron_blocks(h, 1.0, -1, None),
            ValueError,
            "level must be between 0 and 60",
        ),
        (lambda h: laws.inverse_temperature(1.0, -1), ValueError, "level must be between 0 and 60"),
        (lambda h: laws.safe_gain(0.0), ValueError, "field_bound must be a finite number > 0"),
        (lambda h: laws.safe_gain(-1.0), ValueError, "field_bound must be a finite number > 0"),
        (lambda h: laws.safe_gain(math.nan), ValueError, "field_bound must be a finite number"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call(np.array([0.1]))
