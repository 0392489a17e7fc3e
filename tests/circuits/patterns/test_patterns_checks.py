"""Checks let good patterns, probes and states through and say what is wrong with bad ones."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, floating_dtypes, integer_dtypes

from qhopfield.circuits.patterns import check_patterns, check_probes, check_spins, load_set

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 9))
SPINS = st.sampled_from([-1, 1])


@given(
    st.data(),
    SHAPES,
    st.one_of(integer_dtypes(endianness="="), floating_dtypes(endianness="=")),
)
def test_spins_pass_whatever_their_type(data, shape, dtype):
    spins = data.draw(arrays(dtype, shape, elements=SPINS))
    for checked in (
        check_patterns(spins, distinct=False),
        check_patterns(spins.tolist(), distinct=False),
        check_spins(spins, shape[1]),
    ):
        assert checked.dtype == np.int8
        assert checked.shape == shape
        assert np.array_equal(checked, spins)


@given(arrays(np.float64, SHAPES, elements=st.floats(-1, 1)))
def test_probes_pass_unchanged(probes):
    checked = check_probes(probes, probes.shape[1])
    assert checked.dtype == np.float64
    assert np.array_equal(checked, probes)


def test_one_row_becomes_two_dimensional():
    assert check_patterns([1, -1, 1]).shape == (1, 3)
    assert check_spins([1, -1, 1], 3).shape == (1, 3)
    assert check_probes([1, 0, 0.5], 3).shape == (1, 3)


def test_unsigned_ones_pass():
    assert check_patterns(np.array([[1, 1]], dtype=np.uint8)).tolist() == [[1, 1]]
    assert check_probes(np.array([[1, 0]], dtype=np.uint64), 2).tolist() == [[1, 0]]


def test_results_are_copies():
    spins = np.array([[1, -1]], dtype=np.int8)
    check_patterns(spins)[0, 0] = -1
    check_spins(spins, 2)[0, 0] = -1
    probes = np.array([[0.5, 0.0]])
    check_probes(probes, 2)[0, 0] = 1
    assert spins[0, 0] == 1
    assert probes[0, 0] == 0.5


def test_states_may_repeat_and_patterns_on_request():
    assert check_spins([[1, -1], [1, -1]], 2).shape == (2, 2)
    assert check_patterns([[1, -1], [1, -1]], distinct=False).shape == (2, 2)


def test_a_mirrored_pattern_is_another_pattern():
    assert check_patterns([[1, -1], [-1, 1]]).shape == (2, 2)


def test_a_set_passes_as_its_patterns():
    letters = load_set("cy")
    assert np.array_equal(check_patterns(letters), letters.patterns)


RAGGED = [[1, -1], [1, -1], [1]]
# What is wrong for all three checks; N is 2 where it is asked for.
BAD = [
    ("text", TypeError, "must hold real numbers, got str"),
    ([["1", "-1"]], TypeError, "must hold real numbers, got list of dtype <U"),
    ([[1 + 0j, 1]], TypeError, "complex128"),
    ([[True, False]], TypeError, "dtype bool"),
    (None, TypeError, "got NoneType of dtype object"),
    ([[1, None]], TypeError, "dtype object"),
    ([[Fraction(1), 1]], TypeError, "dtype object"),
    ({1, -1}, TypeError, "got set of dtype object"),
    ([[10**400, 1]], TypeError, "dtype object"),
    (RAGGED, ValueError, "rectangular array, got 2 entries in row 0 and 1 in row 2"),
    ([1, [1, -1]], ValueError, "got 1 entries in row 0 and 2 in row 1"),
    ([[[1, 1], [1]], [[1, 1], [1]]], ValueError, "got rows of different lengths"),
    ([], ValueError, r"must not be empty, got shape \(0,\)"),
    ([[]], ValueError, r"must not be empty, got shape \(1, 0\)"),
    (np.ones((0, 2)), ValueError, r"must not be empty, got shape \(0, 2\)"),
    (1, ValueError, r"or \((N|2),\), got shape \(\)"),
    (np.ones((1, 2, 2)), ValueError, r"must have shape \(rows, (N|2)\) .* got shape \(1, 2, 2\)"),
    ([[1, 1], [1, np.nan]], ValueError, "finite numbers; got nan in row 1 at neuron 1"),
    ([[1, 1], [-np.inf, 1]], ValueError, "finite numbers; got -inf in row 1 at neuron 0"),
    ([[1, 2]], ValueError, "got 2 in row 0 at neuron 1"),
    (np.array([[1, -128]], dtype=np.int8), ValueError, "got -128 in row 0 at neuron 1"),
    (np.array([[1, 255]], dtype=np.uint8), ValueError, "got 255 in row 0 at neuron 1"),
    ([[-1.0000000000000002, 1]], ValueError, "got -1.0000000000000002 in row 0 at neuron 0"),
    (np.ma.masked_equal([[1, 1], [-1, 1]], -1), ValueError, "masked entries"),
]


@pytest.mark.parametrize(("values", "error", "message"), BAD)
def test_bad_values(values, error, message):
    with pytest.raises(error, match=f"^things .*{message}"):
        check_patterns(values, name="things")
    with pytest.raises(error, match=f"^things .*{message}"):
        check_spins(values, 2, name="things")
    with pytest.raises(error, match=f"^things .*{message}"):
        check_probes(values, 2, name="things")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1, -1], [1, 0]], r"only \+1 and -1; got 0 in row 1 at neuron 1"),
        ([[1, 0.9999999]], r"only \+1 and -1; got 0.9999999 in row 0 at neuron 1"),
    ],
)
def test_patterns_and_states_are_spins(values, message):
    with pytest.raises(ValueError, match=f"patterns must hold {message}"):
        check_patterns(values)
    with pytest.raises(ValueError, match=f"states must hold {message}"):
        check_spins(values, 2)


def test_a_pattern_stored_twice_is_refused_by_its_rows():
    with pytest.raises(ValueError, match=r"patterns must be distinct, but rows 1 and 3 are"):
        check_patterns([[1, 1], [1, -1], [-1, 1], [1, -1], [1, 1]])


@pytest.mark.parametrize("check", [check_probes, check_spins])
@pytest.mark.parametrize(
    ("values", "num_neurons", "error", "message"),
    [
        ([[1, 1]], 3, ValueError, r"3 entries a row, one a neuron; got 2 \(shape \(1, 2\)\)"),
        ([1, 1, 1, 1], 3, ValueError, r"3 entries a row, one a neuron; got 4 \(shape \(4,\)\)"),
        ([1], 0, ValueError, "num_neurons must be >= 1, got 0"),
        ([1], True, TypeError, "num_neurons must be an integer, got True"),
        ([1], 1.0, TypeError, "num_neurons must be an integer, got 1.0"),
    ],
)
def test_bad_lengths(check, values, num_neurons, error, message):
    with pytest.raises(error, match=message):
        check(values, num_neurons)
