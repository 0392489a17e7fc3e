"""Weights of outcomes at several strengths of the noise, extrapolated to none.

What is extrapolated are weights that are linear in the state (a probability of an outcome, and of
acceptance), never their ratios: the answer given acceptance is made from extrapolated weights, for
extrapolating a ratio is not the ratio of two extrapolations.

The package mitiq does the same for expectation values; its version 1.1 needs cirq and holds numpy
back, and what is needed here is one page.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

RULES = ("linear", "richardson", "exponential")
"""Names of the rules of extrapolation."""

# What is left of a signal at the noise as it is: below this share there is nothing to extrapolate.
_LEAST_SIGNAL = 0.05


def extrapolation_weights(
    factors: Sequence[int],
    rule: str,
    tables: NDArray[np.float64] | None = None,
    floor: float = 0.0,
) -> tuple[NDArray[np.float64], float]:
    """Coefficients c of the extrapolation ``w(0) = floor' + sum_j c_j (w(x_j) - floor')``.

    For the two polynomial rules they sum to 1, so that ``floor'`` drops out.  The variance of w(0)
    is at most the second number returned times that of a weight at one factor: ``sum c^2``, and for
    the exponential rule what the fitted rate adds.

    Args:
        factors: the strengths x_j.
        rule: one of :data:`RULES`.
        tables: for the exponential rule, the weights from which its rate is fitted.
        floor: for the exponential rule, the weight that all outcomes of ``tables`` decay to.

    Shapes:
        tables: (S, K)
        coefficients: (S,)
    """
    strengths = np.asarray(factors, dtype=np.float64)
    if rule == "linear":
        centred = strengths - strengths.mean()
        linear = 1.0 / len(strengths) - strengths.mean() * centred / (centred @ centred)
        return linear, float(linear @ linear)
    if rule == "richardson":
        others = [np.delete(strengths, j) for j in range(len(strengths))]
        exact = np.array([np.prod(o / (o - x)) for o, x in zip(others, strengths, strict=True)])
        return exact, float(exact @ exact)
    assert tables is not None  # the exponential rule fits its rate
    signal = np.asarray(tables, dtype=np.float64) - floor

    def lost(rate: float) -> float:
        """Minus the part of the signals that one rate explains (their heights fitted)."""
        decay = np.exp(-rate * strengths)
        return -float(((decay @ signal) ** 2).sum() / (decay @ decay))

    rate = minimize_scalar(lost, bounds=(0.0, -np.log(_LEAST_SIGNAL)), method="bounded").x
    decay = np.exp(-rate * strengths)
    # Error propagation: the rate is known as well as the signals' derivatives by it, the part along
    # the decay itself taken out, and moves every height by the slope.
    power = decay @ decay
    slope = (strengths * decay) @ decay / power
    spread = ((strengths - slope) * decay) @ ((strengths - slope) * decay)
    return decay / power, float(1.0 / power + slope**2 / spread)


def nearest_weights(weights: NDArray[np.float64], total: float) -> NDArray[np.float64]:
    """The weights >= 0 of a given sum that are nearest to signed ones, by least squares.

    Args:
        weights: signed.
        total: the sum of the result, >= 0.

    Shapes:
        weights: (K,), K >= 1
        result: (K,)

    Source: Smolin, Gambetta and Smith 2012, arXiv:1106.5458.
    """
    falling = np.sort(weights)[::-1]
    excess = (np.cumsum(falling) - total) / np.arange(1, len(falling) + 1)
    last = int(np.flatnonzero(falling >= excess)[-1]) if total > 0.0 else -1
    if last < 0:
        return np.zeros(len(weights))
    return np.asarray(np.maximum(weights - excess[last], 0.0))
