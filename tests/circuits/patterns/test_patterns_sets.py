"""The bundled sets are what they say, and sets can be taken apart."""

from __future__ import annotations

import dataclasses
import pickle
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhopfield.circuits.patterns import PatternSet, available_sets, hamming, load_set


def draw(picture):
    return ["".join("#" if dot == 1 else "." for dot in row) for row in picture]


@pytest.mark.parametrize(
    ("name", "size", "shape"),
    [
        ("cy", 2, (3, 3)),
        ("alphabet", 26, (5, 5)),
        ("digits", 1797, (8, 8)),
        ("mnist", 1000, (28, 28)),
    ],
)
def test_bundled_sets(name, size, shape):
    loaded = load_set(name)
    assert loaded.name == name
    assert len(loaded) == len(loaded.labels) == size
    assert loaded.shape == shape
    assert loaded.num_neurons == shape[0] * shape[1]
    assert loaded.patterns.shape == (size, loaded.num_neurons)
    assert loaded.patterns.dtype == np.int8
    assert (np.abs(loaded.patterns) == 1).all()
    assert loaded.source and loaded.license
    assert repr(loaded) == f"PatternSet('{name}': {size} patterns of {shape[0] * shape[1]} " + (
        f"neurons, {shape[0]}x{shape[1]})"
    )


def test_available_sets_all_load():
    assert available_sets() == ("cy", "alphabet", "digits", "mnist")
    assert [load_set(name).name for name in available_sets()] == list(available_sets())


def test_letters_c_and_y():
    letters = load_set("cy")
    assert letters.labels == ("C", "Y")
    assert draw(letters.image(0)) == ["###", "#..", "###"]
    assert draw(letters.image(1)) == ["#.#", ".#.", ".#."]


def test_alphabet_is_in_order_and_distinct():
    letters = load_set("alphabet")
    assert "".join(letters.labels) == string.ascii_uppercase
    distances = hamming(letters, letters) + 25 * np.eye(26, dtype=int)
    assert distances.min() >= 2
    assert draw(letters.select("E").image(0)) == ["#####", "#....", "###..", "#....", "#####"]
    assert draw(letters.select("L").image(0)) == ["#....", "#....", "#....", "#....", "#####"]
    assert draw(letters.select("Z").image(0)) == ["#####", "...#.", "..#..", ".#...", "#####"]


def test_digits_are_the_uci_test_set():
    digits = load_set("digits")
    counts = [digits.labels.count(str(digit)) for digit in range(10)]
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert digits.labels[:10] == tuple(string.digits)
    # The first line of optdigits.tes, before the threshold of 8.
    first = """0,0,5,13,9,1,0,0,0,0,13,15,10,15,5,0,0,3,15,2,0,11,8,0,0,4,12,0,0,8,8,0,
               0,5,8,0,0,9,8,0,0,4,11,0,1,12,7,0,0,2,14,5,10,12,0,0,0,0,6,13,10,0,0,0"""
    grey = np.array([int(number) for number in first.split(",")])
    assert np.array_equal(digits.patterns[0], np.where(grey >= 8, 1, -1))
    assert "CC BY 4.0" in digits.license
    assert "Alpaydin" in digits.source


def test_sets_are_read_only_and_shared():
    digits = load_set("digits")
    assert load_set("digits") is digits
    with pytest.raises(ValueError, match="read-only"):
        digits.patterns[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        digits.image(0)[0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        digits.name = "other"


def test_select_by_label_and_index():
    digits = load_set("digits")
    threes = digits.select("3")
    assert len(threes) == 183
    assert set(threes.labels) == {"3"}
    assert digits.select(3).labels == ("3",)
    some = digits.select([12, np.int64(4), 7])
    assert some.labels == ("2", "4", "7")
    assert np.array_equal(some.patterns, digits.patterns[[12, 4, 7]])
    assert (some.name, some.shape, some.license) == ("digits", (8, 8), "CC BY 4.0")
    assert load_set("alphabet").select("HOPFIELD"[::-1][:1]).labels == ("D",)
    assert load_set("alphabet").select(c for c in "QUANT").labels == tuple("QUANT")
    assert load_set("alphabet").select(np.arange(3)).labels == ("A", "B", "C")


@given(st.lists(st.integers(0, 25), min_size=1, max_size=26, unique=True))
def test_select_keeps_the_order_asked_for(indices):
    letters = load_set("alphabet")
    by_index = letters.select(indices)
    by_label = letters.select([letters.labels[index] for index in indices])
    assert by_index.labels == by_label.labels
    assert np.array_equal(by_index.patterns, letters.patterns[indices])
    assert np.array_equal(by_label.patterns, by_index.patterns)


def test_one_per_label_takes_the_first():
    digits = load_set("digits")
    ten = digits.one_per_label()
    assert ten.labels == tuple(string.digits)
    assert np.array_equal(ten.patterns, digits.patterns[:10])


def test_numpy_reads_a_set_as_its_patterns():
    letters = load_set("cy")
    assert np.asarray(letters) is letters.patterns
    assert np.array(letters).flags.writeable
    assert np.asarray(letters, dtype=float).dtype == np.float64
    with pytest.raises(ValueError, match="need a copy"):
        np.array(letters, dtype=float, copy=False)


def test_a_set_survives_pickling():
    letters = load_set("cy")
    again = pickle.loads(pickle.dumps(letters))
    assert np.array_equal(again.patterns, letters.patterns)
    assert again.labels == letters.labels


def make(**changes):
    fields = {
        "name": "mine",
        "patterns": [[1, -1], [1, 1]],
        "labels": ("a", "b"),
        "shape": (1, 2),
        "source": "me",
        "license": "mine",
    }
    return PatternSet(**{**fields, **changes})


def test_a_set_copies_what_it_is_given():
    patterns = np.array([[1, -1], [1, 1]], dtype=np.int8)
    mine = make(patterns=patterns, labels=["a", "b"])
    patterns[0, 0] = -1
    assert mine.patterns[0, 0] == 1
    assert mine.labels == ("a", "b")
    assert repr(make(shape=None)) == "PatternSet('mine': 2 patterns of 2 neurons)"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"patterns": [[1, 0], [1, 1]]}, ValueError, "patterns must hold only"),
        ({"labels": ("a",)}, ValueError, "labels must be one a pattern: expected 2, got 1"),
        ({"labels": ("a", 1)}, TypeError, r"labels must be strings, got 1 \(int\)"),
        ({"labels": "ab"}, TypeError, "got the string 'ab'"),
        ({"shape": (2, 2)}, ValueError, r"\(rows, columns\) of 2 entries, got \(2, 2\)"),
        ({"shape": (2,)}, ValueError, r"\(rows, columns\) of 2 entries, got \(2,\)"),
        ({"shape": (1.0, 2)}, TypeError, "shape must be an integer, got 1.0"),
        ({"shape": (-1, -2)}, ValueError, "shape must be >= 1, got -1"),
    ],
)
def test_bad_sets(changes, error, message):
    with pytest.raises(error, match=message):
        make(**changes)


@pytest.mark.parametrize(
    ("which", "error", "message"),
    [
        ("AB", ValueError, "No pattern of 'alphabet' is labelled 'AB'; there are 'A', 'B', "),
        (26, ValueError, "index must be between 0 and 25, got 26"),
        (-1, ValueError, "index must be between 0 and 25, got -1"),
        (True, TypeError, "index must be an integer, got True"),
        (1.0, TypeError, "index must be an integer, got 1.0"),
        (None, TypeError, "index must be an integer, got None"),
        ([["A"]], TypeError, r"index must be an integer, got \['A'\]"),
        ([], ValueError, "at least one label or index, got none"),
        (["A", 0], ValueError, r"Pattern 0 \('A'\) is asked for twice"),
    ],
)
def test_bad_selections(which, error, message):
    with pytest.raises(error, match=message):
        load_set("alphabet").select(which)


def test_long_lists_of_labels_are_cut():
    many = make(patterns=np.ones((40, 1)), labels=tuple(map(str, range(40))), shape=None)
    with pytest.raises(ValueError, match=r"labelled 'x'; there are '0', .*'29', \.\.\.\.$"):
        many.select("x")


def test_bad_images_and_names():
    with pytest.raises(ValueError, match="'mine' are no pictures"):
        make(shape=None).image(0)
    with pytest.raises(ValueError, match="index must be between 0 and 1, got 2"):
        make().image(2)
    with pytest.raises(TypeError, match="index must be an integer, got 'a'"):
        make().image("a")
    with pytest.raises(
        ValueError, match="name must be one of 'cy', 'alphabet', 'digits', 'mnist'; got 'x'"
    ):
        load_set("x")
    with pytest.raises(ValueError, match="got None"):
        load_set(None)
