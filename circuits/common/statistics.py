"""Intervals of shares that were counted: singly, in groups, or picked for being the largest."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, ndtri, stdtrit

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


def least_rival(
    shares: ArrayLike, trials: ArrayLike, *, confidence: float = 0.95
) -> NDArray[np.float64]:
    """Returns the least share whose own interval reaches that of the leader.

    Outcomes of at least this share could be the most probable one as well as the leader. A share
    ``s`` reaches ``p`` if ``s >= p - z sqrt(p (1 - p) / trials)``, which is Wilson's interval
    solved for ``s``; ``p`` is the lower end of the leader's. Where it is 0 or less, outcomes that
    never came reach it too.

    Args:
        shares: the largest share of each sample.
        trials: the independent events that it is a share of.
        confidence: of the intervals, see :func:`wilson_interval`.

    Shapes:
        shares, trials: (...), broadcast; returns (...), NaN where there were no trials.

    Raises:
        TypeError: ``confidence`` is no real number.
        ValueError: ``confidence`` is out of range, or a share is.
    """
    share, total = np.asarray(shares, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    low = wilson_interval(share * total, total, confidence=confidence)[..., 0]
    total = np.where(total > 0.0, total, math.nan)
    z = float(ndtri(0.5 + 0.5 * confidence))
    return np.asarray(low - z * np.sqrt(low * (1.0 - low) / total))


def leader_interval(
    successes: ArrayLike, trials: ArrayLike, rivals: ArrayLike, *, confidence: float = 0.95
) -> NDArray[np.float64]:
    """Returns the interval of the largest share, picked after the counts were seen.

    Of K outcomes that are about equally probable, the one that came most often is the luckiest, and
    its own interval lies too high. So the lower end allows for the luck of all: it is the largest
    ``p`` for which no more than ``max(p, 1 / K) (1 - confidence) / 2`` of samples have as many
    successes or more (the exact binomial tail). Bonferroni's share is ``1 / K``; the share ``p``
    needs no K, as the probabilities of all outcomes sum to 1. The upper end stays Wilson's: being
    picked only makes a count larger, so that too low a count becomes no more frequent. For K = 1
    nothing was picked, and the interval is Wilson's.

    Args:
        successes: how often the leader came.
        trials: how often it could have.
        rivals: K, how many outcomes could be the most probable one, >= 1; see
            :func:`least_rival`.
        confidence: how often such intervals hold the leader's true share, above 0 and below 1.

    Shapes:
        successes, trials, rivals: (...), broadcast; returns (..., 2), NaN without trials.

    Raises:
        TypeError: ``confidence`` is no real number.
        ValueError: ``confidence`` is out of range, or there are fewer trials than successes.

    Source: the idea of paying for selection by level, Y. Benjamini and D. Yekutieli 2005, J. Am.
    Stat. Assoc. 100, 71; unequal levels as in Bonferroni's inequality with weights.

    >>> leader_interval(8, 10, 1).round(3)
    array([0.49 , 0.943])
    >>> leader_interval(8, 10, 4).round(3)
    array([0.386, 0.943])
    """
    hits, total, number = np.broadcast_arrays(
        np.asarray(successes, dtype=np.float64),
        np.asarray(trials, dtype=np.float64),
        np.asarray(rivals, dtype=np.float64),
    )
    ends = wilson_interval(hits, total, confidence=confidence)
    picked = (number > 1.0) & (hits > 0.0)
    if not picked.any():
        return ends
    count, rest = hits[picked], total[picked] - hits[picked] + 1.0
    spent = 0.5 * (1.0 - confidence)
    low, high = np.zeros_like(count), count / total[picked]
    for _ in range(50):  # halves what is between them
        middle = 0.5 * (low + high)
        rare = betainc(count, rest, middle) <= spent * np.maximum(middle, 1.0 / number[picked])
        low, high = np.where(rare, middle, low), np.where(rare, high, middle)
    ends[picked, 0] = np.minimum(ends[picked, 0], low)
    return ends


def effective_trials(successes: ArrayLike, trials: ArrayLike, *, confidence: float = 0.95) -> float:
    """Returns how many independent events a share is worth that was counted in G groups.

    Events of one group go right and wrong together: patterns of one memory, answers about one
    sequence. Their share ``p`` scatters as that of ``n`` independent events, ``p (1 - p) / n``
    being the variance that the groups show, less what a variance of G values is not known for
    (Korn and Graubard 1998, Survey Methodology 24, 193). Groups scatter at most as if their events
    all agreed, so that ``n`` is at least what that gives, G for groups of one size; where they do
    not scatter at all, this is what the groups alone can vouch for. It is at most the number of
    events. ``wilson_interval(p n, n)`` is the share's interval.

    Args:
        successes: how many events of each group went right.
        trials: how many events there are in each group; groups of none do not count.
        confidence: of the interval that it is for, above 0 and below 1.

    Shapes:
        successes, trials: (G,).

    Raises:
        TypeError: ``confidence`` is no real number.
        ValueError: ``confidence`` is out of range, or there are fewer trials than successes.

    Source: the variance of a ratio between groups, W. G. Cochran 1977, Sampling Techniques.

    >>> effective_trials([4, 0, 4, 4, 0, 4], [4, 4, 4, 4, 4, 4])
    6.0
    >>> effective_trials([1, 1, 1, 0], [1, 1, 1, 1])
    4.0
    """
    confidence = check_real(confidence, "confidence", minimum=0.0, maximum=1.0, exclusive=True)
    if confidence == 1.0:
        raise ValueError("confidence must be < 1, got 1.")
    hits, sizes = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if ((hits < 0.0) | (hits > sizes)).any():
        raise ValueError("successes must be from 0 to trials.")
    hits, sizes = hits[sizes > 0.0], sizes[sizes > 0.0]
    groups, total = len(sizes), float(sizes.sum())
    if not groups:
        return 0.0
    least = total**2 / float(np.square(sizes).sum())
    rate = min(1.0, max(0.0, float(hits.sum()) / total))
    if groups == 1 or not 0.0 < rate < 1.0:
        return least
    scatter = float(np.square(hits - rate * sizes).sum()) * groups / (groups - 1)
    variance = scatter / total**2
    if variance <= 1e-30:
        return least
    quantile = 0.5 + 0.5 * confidence
    unsure = float(ndtri(quantile) / stdtrit(groups - 1, quantile)) ** 2
    return min(max(least, unsure * rate * (1.0 - rate) / variance), total)
