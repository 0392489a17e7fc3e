"""How near states and patterns are to each other, and patterns drawn at random."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.checks import check_count
from ..common.cost import refuse_memory
from ..common.randomness import Seed, as_generator
from .bits import MAX_INDEX_NEURONS, from_index
from .checks import as_rows, check_patterns, check_spins


def overlaps(states: Any, patterns: Any) -> NDArray[np.float64]:
    """Returns the overlaps ``m = s . xi / N``: 1 for equal, -1 for opposite, 0 for unrelated.

    Args:
        states: +-1 states, or real numbers such as mean spins or probes with erased entries.
        patterns: +-1 patterns.

    Shapes:
        states: ``(P, N)`` or ``(N,)``; patterns: ``(M, N)`` or ``(N,)``; returns ``(P, M)``.

    Raises:
        TypeError: the entries are not real numbers.
        ValueError: the shapes do not fit, a pattern is not +-1, or a state is not finite.

    >>> overlaps([1, 1, 1, -1], [[1, 1, 1, 1], [1, 1, -1, -1]])
    array([[0.5, 0.5]])
    """
    stored = check_patterns(patterns, distinct=False).astype(np.float64)
    rows = as_rows(states, "states", stored.shape[1]).astype(np.float64)
    scale = max(1.0, float(np.abs(rows).max()))  # so that sums of the largest cannot overflow
    return np.asarray(rows / scale @ stored.T / stored.shape[1] * scale, dtype=np.float64)


def hamming(states: Any, patterns: Any) -> NDArray[np.int64]:
    """Returns how many entries of each state differ from each pattern.

    Shapes:
        states: ``(P, N)`` or ``(N,)``, +-1; patterns: ``(M, N)`` or ``(N,)``, +-1; returns
        ``(P, M)``, int64.

    Raises:
        TypeError: the entries are not real numbers.
        ValueError: the shapes do not fit, or an entry is not +-1.

    >>> hamming([1, 1, 1, -1], [[1, 1, 1, 1], [1, 1, -1, -1]])
    array([[1, 1]])
    """
    stored = check_patterns(patterns, distinct=False).astype(np.int64)
    rows = check_spins(states, stored.shape[1]).astype(np.int64)
    return np.asarray((stored.shape[1] - rows @ stored.T) // 2, dtype=np.int64)


def correlations(patterns: Any) -> NDArray[np.float64]:
    """Returns the overlaps of patterns with each other; the diagonal is 1.

    Shapes:
        patterns: ``(M, N)`` or ``(N,)``, +-1; returns ``(M, M)``.

    Raises:
        TypeError: the entries are not real numbers.
        ValueError: wrong shape, or an entry is not +-1.

    >>> correlations([[1, 1, 1, 1], [1, 1, 1, -1]])
    array([[1. , 0.5],
           [0.5, 1. ]])
    """
    return overlaps(patterns, patterns)


def random_patterns(num_patterns: int, num_neurons: int, *, seed: Seed = None) -> NDArray[np.int8]:
    """Draws patterns whose entries are +1 or -1 with equal odds, and of which no two are equal.

    Args:
        num_patterns: M, from 1 to ``2**N``.
        num_neurons: N, at least 1.
        seed: seed of the draws.

    Shapes:
        returns ``(M, N)``, int8.

    Raises:
        TypeError: a number is no integer.
        ValueError: a number is out of range, or there are fewer than M distinct patterns.

    >>> random_patterns(2, 100, seed=7).shape
    (2, 100)
    """
    num_patterns = check_count(num_patterns, "num_patterns", minimum=1)
    num_neurons = check_count(num_neurons, "num_neurons", minimum=1)
    rng = as_generator(seed)
    refuse_memory(
        4.0 * num_patterns * num_neurons,
        f"num_patterns={num_patterns} of num_neurons={num_neurons}",
        "Draw fewer patterns, or shorter ones, at a time.",
    )
    if num_neurons <= MAX_INDEX_NEURONS:
        if num_patterns > 2**num_neurons:
            raise ValueError(
                f"num_patterns must be at most {2**num_neurons}: there are no more distinct "
                f"patterns of {num_neurons} neurons; got {num_patterns}."
            )
        if 50 * num_patterns > 2**num_neurons:
            # NumPy writes all of them down to choose from.
            refuse_memory(
                8.0 * 2**num_neurons,
                f"num_patterns={num_patterns} of the 2**{num_neurons} there are",
                "Draw fewer.",
            )
        # Without replacement: i.i.d. patterns given that they are distinct.
        return from_index(rng.choice(2**num_neurons, num_patterns, replace=False), num_neurons)
    # Two of 2**63 or more patterns are hardly ever equal; those that are get drawn again.
    drawn: dict[bytes, NDArray[np.int8]] = {}
    while len(drawn) < num_patterns:
        bits = rng.integers(0, 2, (num_patterns - len(drawn), num_neurons), dtype=np.int8)
        drawn.update((row.tobytes(), row) for row in 1 - 2 * bits)
    return np.array(list(drawn.values()), dtype=np.int8)
