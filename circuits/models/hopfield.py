"""The Hopfield network: a quadratic energy over +-1 neurons."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.blas import daxpy, dger

from ..common.checks import as_finite, check_choice, shown
from ..patterns import check_patterns, check_spins
from .base import FieldTracker, Model
from .rules import RULES

# Fields below this share of the greatest field of their neuron are rounding noise, and zero.
_NOISE = 1e-12
# Sizes of fields between which gains, energies and their products keep their digits.
SMALLEST, LARGEST = 1e-290, 1e290
# Rows of this length are added one by one: copying them out and back costs more than the loop.
_LONG_ROW = 512


class Hopfield(Model):
    """A Hopfield network (Hopfield 1982).

    E(s) = -1/2 sum_ij W_ij s_i s_j - sum_i b_i s_i and h_i = sum_j W_ij s_j + b_i. Fields that
    are zero up to rounding are returned as exactly zero, so that ties stay ties.

    Args:
        weights: W, symmetric (to 1e-9 of the greatest weight, or 1e-9) with a zero diagonal.
        bias: b, zero when left out.
        patterns: the +-1 patterns that the weights store, where known.
        rule: the name of the rule that made the weights, for people.

    Attributes:
        weights: W, read-only.
        bias: b, read-only.
        rule: the rule's name or None.

    Shapes:
        weights: (N, N)
        bias: (N,)
        patterns: (M, N)

    Raises:
        TypeError: an argument is not an array of real numbers.
        ValueError: a wrong shape, numbers that are not finite, weights that are not symmetric,
            have a diagonal or are all zero, or patterns that do not fit.

    >>> memory = Hopfield.store([[1, 1, -1, -1], [1, -1, 1, -1]])
    >>> memory.recall([1, 1, -1, 0], seed=1).states.tolist()
    [[1, 1, -1, -1]]
    """

    def __init__(
        self,
        weights: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        patterns: ArrayLike | None = None,
        rule: str | None = None,
    ) -> None:
        self.weights = _check_weights(weights)
        self.num_neurons = len(self.weights)
        self.bias = _check_bias(bias, self.num_neurons)
        _check_scale(self._bounds)
        self.patterns = None
        if patterns is not None:
            stored = check_patterns(patterns)
            if stored.shape[1] != self.num_neurons:
                raise ValueError(
                    f"patterns must have {self.num_neurons} neurons as the weights have, got "
                    f"{stored.shape[1]}."
                )
            stored.flags.writeable = False
            self.patterns = stored
        if rule is not None and not isinstance(rule, str):
            raise TypeError(f"rule must be a name or None, got {shown(rule)}.")
        self.rule = rule

    @classmethod
    def store(
        cls, patterns: ArrayLike, *, rule: str = "hebb", bias: ArrayLike | None = None
    ) -> Hopfield:
        """Stores patterns with a learning rule.

        Args:
            patterns: the +-1 patterns.
            rule: ``"hebb"``, ``"storkey"`` or ``"projection"``.
            bias: b, zero when left out.

        Shapes:
            patterns: (M, N) or (N,)
            bias: (N,)

        Raises:
            TypeError: ``patterns`` or ``bias`` does not hold real numbers.
            ValueError: an unknown rule, malformed patterns or bias, or patterns whose weights
                are all zero.
        """
        learn = RULES[check_choice(rule, "rule", RULES)]
        checked = check_patterns(patterns)
        return cls(learn(checked), bias, patterns=checked, rule=rule)

    def __repr__(self) -> str:
        stored = None if self.patterns is None else len(self.patterns)
        return f"Hopfield(num_neurons={self.num_neurons}, patterns={stored}, rule={self.rule!r})"

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """Returns E = -1/2 s W s - b s.

        Shapes:
            states: (P, N) or (N,), all +-1
            result: (P,)

        Raises:
            ValueError: ``states`` is not a table of +-1 rows of length N.
        """
        spins = check_spins(states, self.num_neurons).astype(np.float64)
        energies: NDArray[np.float64] = -0.5 * np.einsum("pi,pi->p", spins @ self.weights, spins)
        return energies - spins @ self.bias

    def local_field(self, states: ArrayLike) -> NDArray[np.float64]:
        """Returns h = W s + b.

        Shapes:
            states: (P, N) or (N,), all +-1
            result: (P, N)

        Raises:
            ValueError: ``states`` is not a table of +-1 rows of length N.
        """
        fields = self._raw_fields(check_spins(states, self.num_neurons))
        fields[np.abs(fields) <= self.noise] = 0.0
        return fields

    def field_bound(self) -> float:
        """Returns max_i (sum_j |W_ij| + |b_i|), which some state reaches."""
        return float(self._bounds.max())

    def tracker(self, states: ArrayLike) -> FieldTracker:
        """Returns a tracker that holds all T x N fields.

        Raises:
            ValueError: ``states`` is not a table of +-1 rows of length N.
        """
        return HopfieldTracker(self, check_spins(states, self.num_neurons))

    @cached_property
    def integer_scale(self) -> int | None:
        """The smallest divisor s of N with whole s W and s b (to 1e-9), or None.

        1 for whole weights, N or a divisor of it for Hebb's rule.
        """
        # In row 0 or any other a scale fails fast; all rows are looked at only when it holds.
        rows = [self.bias, *self.weights]
        for scale in range(1, self.num_neurons + 1):
            if self.num_neurons % scale == 0 and all(_is_whole(scale * row) for row in rows):
                whole = any(np.rint(scale * row).any() for row in rows)
                return scale if whole else None
        return None

    @cached_property
    def noise(self) -> NDArray[np.float64]:
        """Sizes up to which a field counts as zero, (N,)."""
        return _NOISE * self._bounds

    @cached_property
    def _bounds(self) -> NDArray[np.float64]:
        with np.errstate(over="ignore"):
            bounds: NDArray[np.float64] = np.abs(self.weights).sum(axis=1) + np.abs(self.bias)
        return bounds

    def _raw_fields(self, spins: NDArray[np.int8]) -> NDArray[np.float64]:
        fields: NDArray[np.float64] = spins.astype(np.float64) @ self.weights
        fields += self.bias
        return fields


class HopfieldTracker(FieldTracker):
    """All fields (T, N), to which a flip adds a row of the weights."""

    def __init__(self, model: Hopfield, states: NDArray[np.int8]) -> None:
        super().__init__(states)
        self._weights = model.weights
        self._noise = model.noise
        self._fields = model._raw_fields(states)

    def field(self, neurons: int | NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns the local fields of ``neurons``, (T,)."""
        if isinstance(neurons, np.ndarray) and neurons.ndim:
            fields = self._fields[self._rows, neurons]
        else:
            fields = self._fields[:, neurons].copy()
        fields[np.abs(fields) <= self._noise[neurons]] = 0.0
        return fields

    def all_fields(self) -> NDArray[np.float64]:
        """Returns the local fields of all neurons, (T, N)."""
        fields = self._fields.copy()
        fields[np.abs(fields) <= self._noise] = 0.0
        return fields

    def _flip(
        self, neurons: int | NDArray[np.int64], changed: NDArray[np.intp], spins: NDArray[np.int8]
    ) -> None:
        # Three ways to the same sum, each the fastest where it is taken (two cores, N = 4096).
        shared = not (isinstance(neurons, np.ndarray) and neurons.ndim)
        if shared and 3 * changed.size > len(self._rows):
            steps = np.zeros(len(self._rows))
            steps[changed] = 2.0 * spins
            row = self._weights[neurons]
            dger(1.0, row, steps, a=self._fields.T, overwrite_x=1, overwrite_y=1, overwrite_a=1)
        elif self._fields.shape[1] < _LONG_ROW:
            self._fields[changed] += 2.0 * spins[:, None] * self._weights[neurons]
        else:
            rows = [self._weights[neurons]] * changed.size if shared else self._weights[neurons]
            for trajectory, spin, row in zip(changed.tolist(), spins.tolist(), rows, strict=True):
                daxpy(row, self._fields[trajectory], a=2.0 * spin)


def _check_weights(weights: ArrayLike) -> NDArray[np.float64]:
    matrix = as_finite(
        weights,
        "weights",
        "(N, N) with N >= 1",
        lambda shape: len(shape) == 2 and shape[0] == shape[1] > 0,
    )
    diagonal = np.diagonal(matrix)
    if np.abs(diagonal).max() > 1e-9:
        worst = int(np.abs(diagonal).argmax())
        raise ValueError(
            f"weights must have a zero diagonal, got {diagonal[worst]:g} at ({worst}, {worst})."
        )
    np.fill_diagonal(matrix, 0.0)
    if not np.array_equal(matrix, matrix.T):
        with np.errstate(over="ignore"):
            gap = np.abs(matrix - matrix.T)
        i, j = (int(index) for index in np.unravel_index(gap.argmax(), gap.shape))
        if gap[i, j] > 1e-9 * max(1.0, float(np.abs(matrix).max())):
            raise ValueError(
                f"weights must be symmetric, got W[{i}, {j}] = {matrix[i, j]:g} and "
                f"W[{j}, {i}] = {matrix[j, i]:g}."
            )
        matrix = 0.5 * matrix + 0.5 * matrix.T
    if not matrix.any():
        raise ValueError("weights are all zero: nothing is stored.")
    matrix.flags.writeable = False
    return matrix


def _check_bias(bias: ArrayLike | None, num_neurons: int) -> NDArray[np.float64]:
    if bias is None:
        vector = np.zeros(num_neurons)
    else:
        wanted = (num_neurons,)
        vector = as_finite(bias, "bias", f"({num_neurons},)", lambda shape: shape == wanted)
    vector.flags.writeable = False
    return vector


def _check_scale(bounds: NDArray[np.float64]) -> None:
    """Refuses weights whose energies overflow, or whose fields have lost their digits."""
    greatest = float(bounds.max())
    with np.errstate(over="ignore"):
        total = float(bounds.sum())
    if not SMALLEST <= greatest <= total <= LARGEST:
        raise ValueError(
            f"weights and bias must give fields between {SMALLEST:g} and {LARGEST:g}, got "
            f"{greatest:g} as the greatest and {total:g} in all. Divide both by one number: what "
            "is recalled does not depend on it."
        )


def _is_whole(values: NDArray[np.float64]) -> bool:
    return bool((np.abs(values - np.rint(values)) <= 1e-9).all())
