"""Intervals of shares that were counted."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from .checks import check_real


def wilson_interval(
    successes: ArrayLike, trials: ArrayLike, *, confidence: float = 0.95
) -> NDArray[np.float64]:
    """Returns the score interval of a share, honest at 0 and at 1 and for few trials.

    What ``scipy.stats.binomtest(...).proportion_ci(method="wilson")`` gives, for whole arrays.

    Args:
        successes: how often it happened.
        trials: how often it could have.
        confidence: how often such intervals hold the true share, above 0 and below 1.

    Shapes:
        successes, trials: (...), broadcast; returns (..., 2), NaN where there were no trials.

    Raises:
        TypeError: ``confidence`` is no real number.
        ValueError: ``confidence`` is out of range, or there are fewer trials than successes.

    Source: E. B. Wilson 1927, J. Am. Stat. Assoc. 22, 209.

    >>> wilson_interval(8, 10).round(3)
    array([0.49 , 0.943])
    """
    confidence = check_real(confidence, "confidence", minimum=0.0, maximum=1.0, exclusive=True)
    if confidence == 1.0:
        raise ValueError("confidence must be < 1, got 1.")
    hits, total = np.broadcast_arrays(
        np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    )
    if ((hits < 0.0) | (hits > total)).any():
        raise ValueError("successes must be from 0 to trials.")
    total = np.where(total > 0.0, total, math.nan)
    share = hits / total
    z = float(ndtri(0.5 + 0.5 * confidence))
    centre = share + z**2 / (2.0 * total)
    half = z * np.sqrt(share * (1.0 - share) / total + z**2 / (4.0 * total**2))
    ends = np.stack([centre - half, centre + half], axis=-1) / (1.0 + z**2 / total)[..., None]
    # Rounding must not leave 0 or 1 outside of its own interval.
    ends[..., 0] = np.maximum(np.minimum(ends[..., 0], share), 0.0)
    ends[..., 1] = np.minimum(np.maximum(ends[..., 1], share), 1.0)
    return ends
