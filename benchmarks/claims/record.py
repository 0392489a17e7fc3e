"""Claims: small named records of what a figure should be, and what was measured.

A claim is registered by the decorator :func:`claim` on the function that measures it::

    @claim(
        "neuron.attempts.threshold",
        statement="A level-1 block at the threshold is tried twice on average",
        source="Cao et al. 2017, arXiv:1711.11240",
        setting="h = 0, 10,000 shots",
        expected=2.0,
        tolerance=0.05,
        by="circuits",
    )
    def attempts_at_threshold(seed: int) -> Measured: ...
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

import qhopfield.circuits
from qhopfield.circuits.common.statistics import wilson_interval

By: TypeAlias = Literal["circuits", "law", "classical"]
"""``circuits``: run on Aer; ``law``: by the closed form; ``classical``: the classical dynamics."""

Relation: TypeAlias = Literal["=", "<=", ">="]

HOLDS, REFUTED, DIFFERS, FAILED = "holds", "does not hold", "differs", "error"


@dataclass(frozen=True)
class Measured:
    """A figure as it was measured.

    Attributes:
        value: the figure.
        low: lower end of its 95 % interval; the value itself where it is exact.
        high: upper end.
        note: what else was seen.
    """

    value: float
    low: float
    high: float
    note: str = ""


Measure: TypeAlias = Callable[[int], Measured]


@dataclass(frozen=True)
class Claim:
    """A figure that must come out.

    Attributes:
        id: dotted name, theme first.
        statement: what is claimed.
        source: who says so.
        setting: the circumstances, with the number of shots or trials.
        expected: the figure.
        tolerance: how far the measured value may be off.
        by: what computes it.
        measure: from a seed to the measured figure.
        relation: whether the value must equal the figure or is bounded by it.
        found: for a statement of the literature that does not hold, the value found instead; the
            claim then fails unless the measured value agrees with this one, and not with
            ``expected``.
        quick: whether it takes a few seconds at most.
    """

    id: str
    statement: str
    source: str
    setting: str
    expected: float
    tolerance: float
    by: By
    measure: Measure
    relation: Relation = "="
    found: float | None = None
    quick: bool = False

    def verdict(self, value: float) -> str:
        """``holds``, ``does not hold`` (as known) or ``differs`` (a failure)."""
        if self.found is None:
            return HOLDS if self._agrees(value, self.expected, self.relation) else DIFFERS
        refuted = not self._agrees(value, self.expected, self.relation)
        return REFUTED if refuted and self._agrees(value, self.found, "=") else DIFFERS

    def _agrees(self, value: float, figure: float, relation: Relation) -> bool:
        if math.isnan(value):
            return False
        if relation == "<=":
            return value <= figure + self.tolerance
        if relation == ">=":
            return value >= figure - self.tolerance
        return abs(value - figure) <= self.tolerance

    def wanted(self) -> str:
        """The expected figure as a table shows it."""
        margin = f" ± {self.tolerance:.3g}" if self.tolerance else ""
        if self.relation != "=":
            return f"{'≤' if self.relation == '<=' else '≥'} {self.expected:.4g}{margin}"
        return f"{self.expected:.4g}{margin}"

    def fingerprint(self, seed: int, versions: Mapping[str, str]) -> str:
        """What a stored outcome depends on: setting, seed, versions, and the code itself."""
        parts = (
            *(self.id, self.setting, self.expected, self.tolerance, self.relation, self.found),
            *(self.by, seed, *sorted(versions.items()), _code(), _source(self.measure)),
            *([_hybrid_code()] if self.id.startswith("hybrid.") else []),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


class Registry:
    """Claims by id, in the order in which they were registered."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}

    def add(self, new: Claim) -> None:
        """Registers a claim.

        Raises:
            ValueError: its id is taken.
        """
        if new.id in self._claims:
            raise ValueError(f"Two claims are called {new.id!r}.")
        self._claims[new.id] = new

    def all(self) -> list[Claim]:
        """All claims."""
        return list(self._claims.values())

    def select(self, patterns: Sequence[str], *, quick: bool = False) -> list[Claim]:
        """The claims that one of the patterns names (all, where there is none).

        Args:
            patterns: ids or globs such as ``neuron.*``.
            quick: leaves out what takes long.

        Raises:
            ValueError: a pattern names no claim, or nothing is left.
        """
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in self._claims):
                raise ValueError(
                    f"no claim is called {pattern!r}; --list shows them, and globs such as "
                    f"'{next(iter(self._claims), 'neuron').split('.')[0]}.*' select several."
                )
        chosen = [
            each
            for name, each in self._claims.items()
            if (not patterns or any(fnmatchcase(name, pattern) for pattern in patterns))
            and (each.quick or not quick)
        ]
        if not chosen:
            raise ValueError("none of the selected claims is quick; leave out --quick.")
        return chosen


REGISTRY = Registry()
"""What the modules of this package register."""


def claim(
    id: str,
    *,
    statement: str,
    source: str,
    setting: str,
    expected: float,
    tolerance: float,
    by: By,
    relation: Relation = "=",
    found: float | None = None,
    quick: bool = False,
    registry: Registry = REGISTRY,
) -> Callable[[Measure], Measure]:
    """Registers the decorated function as the measurement of a claim; see :class:`Claim`."""

    def register(measure: Measure) -> Measure:
        registry.add(
            Claim(
                id=id,
                statement=statement,
                source=source,
                setting=setting,
                expected=expected,
                tolerance=tolerance,
                by=by,
                measure=measure,
                relation=relation,
                found=found,
                quick=quick,
            )
        )
        return measure

    return register


# Measured figures with their intervals.


def exactly(value: float, note: str = "") -> Measured:
    """A figure without sampling error."""
    return Measured(float(value), float(value), float(value), note)


def share(successes: float, trials: float, note: str = "") -> Measured:
    """A counted share with its Wilson interval."""
    low, high = wilson_interval(successes, trials)
    return Measured(successes / trials, float(low), float(high), note)


def mean(values: ArrayLike, note: str = "") -> Measured:
    """A mean with its Student interval."""
    data = np.asarray(values, dtype=float).ravel()
    middle = float(data.mean())
    if len(data) < 2 or not data.std():
        return exactly(middle, note)
    half = float(stats.t.ppf(0.975, len(data) - 1) * data.std(ddof=1) / math.sqrt(len(data)))
    return Measured(middle, middle - half, middle + half, note)


# What stored outcomes depend on.


@cache
def _code() -> str:
    """Hash of the package's source."""
    folder = Path(inspect.getfile(qhopfield.circuits)).parent
    return _hash(path.read_bytes() for path in sorted(folder.rglob("*.py")))


@cache
def _hybrid_code() -> str:
    """Hash of the layers' source, which only their own claims depend on."""
    found = importlib.util.find_spec("qhopfield.hybrid")
    folders = [] if found is None else list(found.submodule_search_locations or ())
    return _hash(path.read_bytes() for each in folders for path in sorted(Path(each).rglob("*.py")))


def _source(measure: Measure) -> str:
    """Hash of the module that measures."""
    function = getattr(measure, "func", measure)
    module = inspect.getsourcefile(function)
    return "" if module is None else _hash([Path(module).read_bytes()])


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
