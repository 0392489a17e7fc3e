"""Pattern sets, and those that come with the package."""

from __future__ import annotations

import functools
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.checks import check_choice, check_count, check_kind, check_listed, shown
from ..common.keywords import Chosen
from .checks import check_patterns

LETTERS = """
.###.  ####.  .####  ####.  #####  #####  .####  #...#  .###.
#...#  #...#  #....  #...#  #....  #....  #....  #...#  ..#..
#####  ####.  #....  #...#  ###..  ####.  #..##  #####  ..#..
#...#  #...#  #....  #...#  #....  #....  #...#  #...#  ..#..
#...#  ####.  .####  ####.  #####  #....  .####  #...#  .###.

..###  #...#  #....  #...#  #...#  .###.  ####.  .###.  ####.
...#.  #..#.  #....  ##.##  ##..#  #...#  #...#  #...#  #...#
...#.  ###..  #....  #.#.#  #.#.#  #...#  ####.  #.#.#  ####.
#..#.  #..#.  #....  #...#  #..##  #...#  #....  #..#.  #..#.
.##..  #...#  #####  #...#  #...#  .###.  #....  .##.#  #...#

.####  #####  #...#  #...#  #...#  #...#  #...#  #####
#....  ..#..  #...#  #...#  #...#  .#.#.  .#.#.  ...#.
.###.  ..#..  #...#  .#.#.  #.#.#  ..#..  ..#..  ..#..
....#  ..#..  #...#  .#.#.  ##.##  .#.#.  ..#..  .#...
####.  ..#..  .###.  ..#..  #...#  #...#  ..#..  #####
"""
"""The set "alphabet", A to Z from left to right and down; # is +1."""


@dataclass(frozen=True, eq=False)
class PatternSet(Chosen):
    """Named +-1 patterns with labels, and where they come from.

    NumPy reads it as its patterns, so it goes wherever patterns go:
    ``Hopfield.store(load_set("cy"))``.

    Attributes:
        name: what the set is called.
        patterns: ``(M, N)`` of +-1, int8, read-only; a pattern may come twice.
        labels: one a pattern; several patterns may share one.
        shape: rows and columns of the pictures, or None if the patterns are none.
        source: who made the patterns.
        license: under which licence they are.

    Raises:
        TypeError: the patterns are not real numbers, or a label is no string.
        ValueError: the patterns are not +-1, or the labels or the shape do not fit them.
    """

    name: str
    patterns: NDArray[np.int8]
    labels: tuple[str, ...]
    shape: tuple[int, int] | None
    source: str
    license: str

    def __post_init__(self) -> None:
        for name in ("name", "source", "license"):
            check_kind(getattr(self, name), name, str, "a text")
        patterns = check_patterns(self.patterns, distinct=False)
        patterns.flags.writeable = False
        if isinstance(self.labels, str):
            raise TypeError(
                f"labels must be strings, one a pattern; got the string {shown(self.labels)}."
            )
        labels = tuple(check_listed(self.labels, "labels", "strings, one a pattern"))
        for label in labels:
            if not isinstance(label, str):
                raise TypeError(
                    f"labels must be strings, got {shown(label)} ({type(label).__name__})."
                )
        if len(labels) != len(patterns):
            raise ValueError(
                f"labels must be one a pattern: expected {len(patterns)}, got {len(labels)}."
            )
        if self.shape is not None:
            wanted = check_listed(self.shape, "shape", "(rows, columns) of the pictures, or None")
            sides = tuple(check_count(side, "shape", minimum=1) for side in wanted)
            if len(sides) != 2 or sides[0] * sides[1] != patterns.shape[1]:
                raise ValueError(
                    f"shape must be (rows, columns) of {patterns.shape[1]} entries, got {sides}."
                )
            object.__setattr__(self, "shape", sides)
        object.__setattr__(self, "patterns", patterns)
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        """How many patterns there are, M."""
        return len(self.patterns)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if dtype is not None and np.dtype(dtype) != self.patterns.dtype:
            if copy is False:
                raise ValueError(f"The patterns are int8; as {np.dtype(dtype)} they need a copy.")
            return self.patterns.astype(dtype)
        return self.patterns.copy() if copy else self.patterns

    def __repr__(self) -> str:
        size = f"{len(self)} patterns of {self.num_neurons} neurons"
        picture = f", {self.shape[0]}x{self.shape[1]}" if self.shape else ""
        return f"PatternSet({self.name!r}: {size}{picture})"

    @property
    def num_neurons(self) -> int:
        """How many entries a pattern has, N."""
        return int(self.patterns.shape[1])

    def select(self, which: str | int | Iterable[str | int]) -> PatternSet:
        """Returns some of the patterns, in the order asked for.

        Args:
            which: a label or an index, or several. A label (a string) stands for every pattern that
                has it, an index (an integer from 0) for one: in "digits", ``"3"`` is all the
                threes and ``3`` the fourth picture.

        Raises:
            TypeError: an entry is neither a string nor an integer.
            ValueError: nothing is asked for, no pattern has the label, the index is out of range,
                or a pattern is asked for twice.

        >>> load_set("alphabet").select(["T", "E", 0]).labels
        ('T', 'E', 'A')
        """
        single = isinstance(which, (str, bytes)) or not isinstance(which, Iterable)
        keys = [which] if single else check_listed(which, "which", "labels or indices", empty=True)
        indices: list[int] = []
        for key in keys:
            indices.extend(self._indices(key))
        if not indices:
            raise ValueError("which must be at least one label or index, got none.")
        if len(set(indices)) < len(indices):
            twice = next(index for index in indices if indices.count(index) > 1)
            raise ValueError(f"Pattern {twice} ({self.labels[twice]!r}) is asked for twice.")
        return PatternSet(
            name=self.name,
            patterns=self.patterns[indices],
            labels=tuple(self.labels[index] for index in indices),
            shape=self.shape,
            source=self.source,
            license=self.license,
        )

    def one_per_label(self) -> PatternSet:
        """Returns the first pattern of every label, in the order in which the labels come.

        >>> "".join(load_set("digits").one_per_label().labels)
        '0123456789'
        """
        return self.select([self.labels.index(label) for label in dict.fromkeys(self.labels)])

    def image(self, index: int) -> NDArray[np.int8]:
        """Returns one pattern as a picture.

        Shapes:
            returns ``shape``, +1 for ink and -1 for paper, int8, read-only.

        Raises:
            TypeError: ``index`` is no integer.
            ValueError: ``index`` is out of range, or the patterns are no pictures.

        >>> load_set("cy").image(1)
        array([[ 1, -1,  1],
               [-1,  1, -1],
               [-1,  1, -1]], dtype=int8)
        """
        if self.shape is None:
            raise ValueError(f"The patterns of {self.name!r} are no pictures: its shape is None.")
        index = check_count(index, "index", maximum=len(self) - 1)
        picture: NDArray[np.int8] = self.patterns[index].reshape(self.shape)
        return picture

    def _indices(self, key: Any) -> list[int]:
        """Where a label or an index is."""
        if not isinstance(key, str):
            return [check_count(key, "which: index", maximum=len(self) - 1)]
        found = [index for index, label in enumerate(self.labels) if label == key]
        if not found:
            known = list(dict.fromkeys(self.labels))
            listed = ", ".join(map(repr, known[:30])) + (", ..." if len(known) > 30 else "")
            raise ValueError(
                f"which: No pattern of {self.name!r} is labelled {shown(key)}; there are {listed}."
            )
        return found


def available_sets() -> tuple[str, ...]:
    """Returns the names that :func:`load_set` knows.

    >>> available_sets()
    ('cy', 'alphabet', 'digits', 'mnist')
    """
    return tuple(_MAKERS)


def load_set(name: str) -> PatternSet:
    """Returns one of the pattern sets that come with the package.

    - ``"cy"``: the letters C and Y, 3x3, after the demonstration of quantum neurons by Y. Cao,
      G. G. Guerreschi and A. Aspuru-Guzik (2017), arXiv:1711.11240.
    - ``"alphabet"``: the letters A to Z, 5x5.
    - ``"digits"``: 1,797 handwritten digits, 8x8; some come twice, and many are much alike, so
      store :meth:`PatternSet.one_per_label` or a few. Pixels of 8 or more of 16 are ink. They are
      the test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI
      Machine Learning Repository (1998), https://doi.org/10.24432/C50P49, CC BY 4.0.
    - ``"mnist"``: 1,000 handwritten digits, 28x28: the first of the test set of MNIST, Y. LeCun, C.
      Cortes and C. J. C. Burges (1998), http://yann.lecun.com/exdb/mnist, CC BY-SA 3.0. Pixels of
      128 or more of 255 are ink.

    Ink is +1, paper -1; neurons go along the rows, top row first.

    Raises:
        ValueError: there is no set of that name.

    >>> load_set("cy")
    PatternSet('cy': 2 patterns of 9 neurons, 3x3)
    """
    return _load(check_choice(name, "name", available_sets()))


@functools.cache
def _load(name: str) -> PatternSet:
    return _MAKERS[name]()


def _cy() -> PatternSet:
    return PatternSet(
        name="cy",
        patterns=_drawing("####..### #.#.#..#."),
        labels=("C", "Y"),
        shape=(3, 3),
        source="drawn for qhopfield, after Cao, Guerreschi and Aspuru-Guzik, arXiv:1711.11240",
        license="Apache-2.0",
    )


def _alphabet() -> PatternSet:
    bands = [[line.split() for line in band.splitlines()] for band in LETTERS.split("\n\n")]
    letters = ["".join(rows) for band in bands for rows in zip(*filter(None, band), strict=True)]
    return PatternSet(
        name="alphabet",
        patterns=_drawing(" ".join(letters)),
        labels=tuple(string.ascii_uppercase),
        shape=(5, 5),
        source="drawn for qhopfield",
        license="Apache-2.0",
    )


def _digits() -> PatternSet:
    return _archived(
        "digits",
        shape=(8, 8),
        source="E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, "
        "UCI Machine Learning Repository, https://doi.org/10.24432/C50P49; thresholded at 8 of 16",
        license="CC BY 4.0",
    )


def _mnist() -> PatternSet:
    return _archived(
        "mnist",
        shape=(28, 28),
        source="Y. LeCun, C. Cortes and C. J. C. Burges (1998), the MNIST database of handwritten "
        "digits, http://yann.lecun.com/exdb/mnist; thresholded at 128 of 255",
        license="CC BY-SA 3.0",
    )


def _archived(name: str, shape: tuple[int, int], source: str, license: str) -> PatternSet:
    """A set of labelled digits from this package's data, eight pixels a byte."""
    data = resources.files(__package__).joinpath("data", f"{name}.npz")
    with data.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        ink = np.unpackbits(archive["pixels"], axis=1).astype(np.int8)
        labels = archive["labels"]
    return PatternSet(
        name=name,
        patterns=2 * ink - 1,
        labels=tuple(str(label) for label in labels),
        shape=shape,
        source=source,
        license=license,
    )


def _drawing(text: str) -> NDArray[np.int8]:
    """Turns words of # and . into rows of +1 and -1."""
    return np.array([[1 if dot == "#" else -1 for dot in word] for word in text.split()], np.int8)


_MAKERS: dict[str, Callable[[], PatternSet]] = {
    "cy": _cy,
    "alphabet": _alphabet,
    "digits": _digits,
    "mnist": _mnist,
}
