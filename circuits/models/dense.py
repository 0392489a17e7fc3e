"""Dense associative memories: energies that are steeper than quadratic in the overlaps."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.checks import shown
from ..patterns import check_patterns, check_spins
from .base import FieldTracker, Model
from .hopfield import SMALLEST
from .separation import Exponential, Polynomial, SeparationFunction

# Fields below this share of the terms that cancelled in them are rounding noise, and zero.
_NOISE = 1e-13


class DenseAssociativeMemory(Model):
    """A dense associative memory (Krotov and Hopfield 2016, arXiv:1606.01164).

    E(s) = -sum_mu F(xi^mu . s), and with G(h) = F(h + 1) - F(h - 1)

    h_i = 1/2 sum_mu xi_i^mu G(sum_{j != i} xi_j^mu s_j),

    so that s_i <- sign h_i is the paper's update. Overlaps are whole numbers, so F and G are
    looked up in tables. ``Polynomial(2)`` has 2N times the field of Hebb's rule.

    Args:
        patterns: the +-1 patterns to store.
        separation: F.

    Attributes:
        separation: F.

    Shapes:
        patterns: (M, N) or (N,)

    Raises:
        TypeError: ``separation`` is no separation function.
        ValueError: malformed patterns, or energies that overflow float64.

    >>> xor = [[-1, -1, -1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]]
    >>> memory = DenseAssociativeMemory(xor, separation=Polynomial(3))
    >>> memory.recall([[1, -1, -1], [1, 1, 1]], order=[2]).states[:, 2].tolist()
    [1, -1]
    """

    patterns: NDArray[np.int8]

    def __init__(self, patterns: ArrayLike, separation: SeparationFunction | None = None) -> None:
        if separation is None:
            separation = Polynomial(3)
        if not isinstance(separation, SeparationFunction):
            raise TypeError(
                "separation must be a separation function such as Polynomial(3), got "
                f"{shown(separation)}."
            )
        stored = check_patterns(patterns)
        stored.flags.writeable = False
        self.patterns = stored
        self.num_neurons = stored.shape[1]
        self.separation = separation
        self._values, self._differences = _tables(separation, *stored.shape)
        self._sites = np.ascontiguousarray(stored.T, dtype=np.int64)  # (N, M)
        self._sites.flags.writeable = False

    def __repr__(self) -> str:
        return (
            f"DenseAssociativeMemory(num_neurons={self.num_neurons}, "
            f"patterns={len(self.patterns)}, separation={self.separation!r})"
        )

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """Returns E = -sum_mu F(xi^mu . s).

        Shapes:
            states: (P, N) or (N,), all +-1
            result: (P,)

        Raises:
            ValueError: ``states`` is not a table of +-1 rows of length N.
        """
        overlaps = self._overlaps(check_spins(states, self.num_neurons))
        energies: NDArray[np.float64] = -self._values[overlaps + self.num_neurons].sum(axis=1)
        return energies

    def local_field(self, states: ArrayLike) -> NDArray[np.float64]:
        """Returns h_i = 1/2 sum_mu xi_i^mu G(overlap without site i).

        Shapes:
            states: (P, N) or (N,), all +-1
            result: (P, N)

        Raises:
            ValueError: ``states`` is not a table of +-1 rows of length N.
        """
        spins = check_spins(states, self.num_neurons)
        return self._fields(spins, self._overlaps(spins))

    def field_bound(self) -> float:
        """Returns (M / 2) max |G| over the overlaps that can occur; no field is greater."""
        greatest = np.abs(self._differences[::2]).max()
        return float(0.5 * len(self.patterns) * greatest)

    def tracker(self, states: ArrayLike) -> FieldTracker:
        """Returns a tracker that holds the T x M overlaps.

        Raises:
            ValueError: ``states`` is not a table of +-1 rows of length N.
        """
        return DenseTracker(self, check_spins(states, self.num_neurons))

    @cached_property
    def integer_scale(self) -> int | None:
        """1 or 2 where that makes every local field whole, else None.

        G is taken at the overlaps that can occur; None also where fields pass 2^53, beyond
        which float64 skips integers.
        """
        occurring = self._differences[::2]
        if not np.array_equal(occurring, np.rint(occurring)):
            return None
        if len(self.patterns) * max(np.abs(occurring).max(), np.abs(self._values).max()) > 2**53:
            return None
        return 2 if np.mod(occurring, 2).any() else 1

    def _overlaps(self, spins: NDArray[np.int8]) -> NDArray[np.int64]:
        # In floating point for the sake of BLAS; whole numbers this small are exact.
        products = spins.astype(np.float64) @ self.patterns.T.astype(np.float64)
        return np.rint(products).astype(np.int64)

    def _fields(self, spins: NDArray[np.int8], overlaps: NDArray[np.int64]) -> NDArray[np.float64]:
        # Without site i the overlap is o - 1 where the pattern agrees with s_i and o + 1 where
        # not. Summing the two kinds apart keeps digits when exp(2 beta) lies between them. The
        # clipped ends of the table meet only patterns that have no site of that kind.
        last = len(self._differences) - 1
        shifted = overlaps + (self.num_neurons - 1)
        lower = self._differences[np.maximum(shifted - 1, 0)]
        upper = self._differences[np.minimum(shifted + 1, last)]
        plus = (self.patterns > 0).astype(np.float64)
        minus = 1.0 - plus
        up = spins > 0
        agree = np.where(up, lower @ plus, lower @ minus)
        differ = np.where(up, upper @ minus, upper @ plus)
        fields: NDArray[np.float64] = 0.5 * spins * (agree - differ)
        if self.integer_scale is None:
            fields[2.0 * np.abs(fields) <= _NOISE * (np.abs(agree) + np.abs(differ))] = 0.0
        return fields


class DenseTracker(FieldTracker):
    """The overlaps (T, M), to which a flip adds a site of the patterns."""

    def __init__(self, model: DenseAssociativeMemory, states: NDArray[np.int8]) -> None:
        super().__init__(states)
        self._model = model
        self._sites = model._sites
        self._exact = model.integer_scale is not None
        self._overlaps = model._overlaps(states)

    def field(self, neurons: int | NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns the local fields of ``neurons``, (T,)."""
        sites = self._sites[neurons]  # (M,) or (T, M)
        spins = self.spins(neurons).astype(np.int64)
        rest = self._overlaps - spins[:, None] * sites
        rest += self._model.num_neurons - 1
        terms = np.take(self._model._differences, rest)
        # Signs enter as (T, M) factors, not as a matrix product, so that both kinds of
        # ``neurons`` add up the terms in the same order.
        terms *= sites
        fields: NDArray[np.float64] = 0.5 * terms.sum(axis=1)
        if not self._exact:
            fields[2.0 * np.abs(fields) <= _NOISE * np.abs(terms).sum(axis=1)] = 0.0
        return fields

    def all_fields(self) -> NDArray[np.float64]:
        """Returns the local fields of all neurons, (T, N)."""
        return self._model._fields(self._states, self._overlaps)

    def _flip(
        self, neurons: int | NDArray[np.int64], changed: NDArray[np.intp], spins: NDArray[np.int8]
    ) -> None:
        self._overlaps[changed] += 2 * spins[:, None].astype(np.int64) * self._sites[neurons]


def _tables(
    separation: SeparationFunction, num_patterns: int, num_neurons: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns F at -N..N and G at -(N - 1)..N - 1; refuses values that overflow."""
    # Overlaps are N modulo 2, overlaps without a site N - 1 modulo 2: every second entry is
    # never looked up, and saves a division of the index.
    with np.errstate(over="ignore", invalid="ignore"):
        values = separation(np.arange(-num_neurons, num_neurons + 1))
        differences = separation.difference(np.arange(1 - num_neurons, num_neurons))
        greatest = num_patterns * max(np.abs(values).max(), np.abs(differences).max())
    if not np.isfinite(greatest):
        hint = "choose a smaller power"
        if isinstance(separation, Exponential):
            limit = np.log(np.finfo(np.float64).max) - np.log(num_patterns)
            hint = (
                f"beta * N = {separation.beta * num_neurons:g} must stay below {limit:.4g}: "
                f"choose beta below {limit / num_neurons:.3g}"
            )
        raise ValueError(
            f"separation F(x) = {separation.name} overflows float64 for {num_patterns} patterns of "
            f"{num_neurons} neurons; {hint}."
        )
    greatest = float(np.abs(differences).max())
    if 0.0 < greatest < SMALLEST:
        raise ValueError(
            f"separation F(x) = {separation.name} makes fields of {greatest:g} at most, too small "
            f"for float64 to keep their digits ({SMALLEST:g}); choose a steeper one."
        )
    return values, differences
