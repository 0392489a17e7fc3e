"""Corruption: what turns stored patterns into probes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.checks import check_count, check_real, shown
from ..common.cost import refuse_memory
from ..common.randomness import Seed, as_generator
from .checks import check_patterns


def corrupt(
    patterns: Any,
    *,
    flips: float | None = None,
    erase: float | None = None,
    seed: Seed = None,
) -> NDArray[np.int8]:
    """Flips and erases entries of every pattern, drawn at random.

    Every pattern loses exactly as many entries as asked for, at places of its own; no entry is both
    flipped and erased.  An erased entry is 0.  The flips do not depend on ``erase``: the same seed
    flips the same entries whatever is erased besides.

    The patterns are then the targets of a recall, ``recall(model, probes, targets=patterns)``.

    Args:
        patterns: +-1 patterns.
        flips: how many entries of each pattern change sign: an int is a number (0 to N), a float a
            fraction (0.0 to 1.0) that is rounded to the nearest number, halves up.  So ``1`` is
            one entry and ``1.0`` all of them.
        erase: how many entries of each pattern become 0, in the same way.
        seed: seed of the draws.

    Shapes:
        patterns: ``(M, N)`` or ``(N,)``; returns the same shape, int8.

    Raises:
        TypeError: ``flips`` or ``erase`` is no number (bools are refused), or the patterns hold no
            real numbers.
        ValueError: neither is given, one is out of range, both ask for more than N entries, or the
            patterns are not +-1.

    >>> corrupt([1, 1, 1, 1], flips=0.25, erase=1, seed=0).tolist()
    [1, 1, 0, -1]
    """
    rows = check_patterns(patterns, distinct=False)
    count, size = rows.shape
    if flips is None and erase is None:
        raise ValueError("Nothing to corrupt: give flips=, erase= or both (0 leaves it whole).")
    flipped = _number(flips, "flips", size)
    erased = _number(erase, "erase", size)
    if flipped + erased > size:
        raise ValueError(
            f"flips and erase hit different entries, so they may ask for {size} entries at most; "
            f"got flips={shown(flips)} ({flipped} entries) and erase={shown(erase)} "
            f"({erased} entries)."
        )
    refuse_memory(
        17.0 * count * size,
        f"The places to corrupt in {count} patterns of {size} neurons",
        "Corrupt fewer patterns at a time.",
    )
    order = np.argsort(as_generator(seed).random((count, size)), axis=1, kind="stable")
    hit = order[:, :flipped]
    np.put_along_axis(rows, hit, -np.take_along_axis(rows, hit, axis=1), axis=1)
    np.put_along_axis(rows, order[:, flipped : flipped + erased], np.int8(0), axis=1)
    # Not np.shape, which for a PatternSet is the shape of its pictures.
    return rows[0] if np.ndim(patterns) == 1 else rows


def _number(value: Any, name: str, size: int) -> int:
    """Turns a number or a fraction into how many of ``size`` entries are meant."""
    if value is None:
        return 0
    if isinstance(value, (float, np.floating)):
        return math.floor(check_real(value, name, minimum=0, maximum=1) * size + 0.5)
    return check_count(value, name, maximum=size)
