"""Shards of patterns that are alike."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike
from scipy.cluster.vq import kmeans2
from scipy.optimize import linear_sum_assignment

from ...common.checks import check_count
from ...common.randomness import Seed, as_generator
from ...patterns import check_patterns
from ..partition import index_parts


def similar_shards(patterns: ArrayLike, shards: int, *, seed: Seed = None) -> list[list[int]]:
    """Shards of patterns that are alike, of nearly equal size: what a coarse memory can tell apart.

    Centres come from k-means (SciPy), and patterns are assigned to them at the least total
    distance with equal places for each.

    Args:
        patterns: the +-1 patterns.
        shards: how many, 1 to M.
        seed: of the first centres.

    Returns:
        Indices of each shard's patterns, for ``AtomizedMemory(shards=...)``.

    Shapes:
        patterns: (M, N)

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: malformed patterns, or more shards than patterns.

    >>> similar_shards([[1, 1, 1, 1], [-1, -1, -1, 1], [1, 1, 1, -1], [-1, -1, -1, -1]], 2, seed=0)
    [[0, 2], [1, 3]]
    """
    rows = check_patterns(patterns).astype(np.float64)
    index_parts(check_count(shards, "shards", minimum=1), len(rows), "shards", "patterns")
    rng = as_generator(seed)
    first = rows[rng.choice(len(rows), size=shards, replace=False)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a centre without patterns stays where it was
        centres, _ = kmeans2(rows, first, minit="matrix", missing="warn")
    distances = ((rows[:, None, :] - centres[None]) ** 2).sum(axis=2)
    # Every centre has the places of a small shard, which must be taken, and one place more.
    small = len(rows) // shards
    must = distances - (distances.max() + 1.0) * len(rows)
    places = np.concatenate([np.repeat(np.arange(shards), small), np.arange(shards)])
    costs = np.hstack([np.repeat(must, small, axis=1), distances])
    taken, chosen = linear_sum_assignment(costs)
    label = places[chosen[np.argsort(taken)]]
    return sorted(np.flatnonzero(label == shard).tolist() for shard in range(shards))
