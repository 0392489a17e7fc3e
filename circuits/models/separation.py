"""Separation functions F of dense associative memories: how sharply overlaps are told apart."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.checks import as_floats, check_count, check_real
from ..common.identity import Identified


def _power(base: NDArray[np.float64], exponent: int) -> NDArray[np.float64]:
    """Raises to a whole power by squaring: exact while the integers fit 53 bits, and fast."""
    result = np.ones_like(base)
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused where it counts
        while exponent:
            if exponent & 1:
                result = result * base
            exponent >>= 1
            if exponent:  # one square too many could overflow where the result does not
                base = base * base
    return result


class SeparationFunction(Identified, ABC):
    """A scalar function F applied to the unnormalised overlap ``xi . s`` of each pattern.

    Subclasses give ``__call__`` and ``name``; ``difference`` follows from them.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The formula, for people."""

    @abstractmethod
    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """Returns F(x), element by element."""

    def difference(self, h: ArrayLike) -> NDArray[np.float64]:
        """Returns G(h) = F(h + 1) - F(h - 1): what one agreeing spin is worth."""
        field = as_floats(h, "h")
        with np.errstate(invalid="ignore"):
            return self(field + 1.0) - self(field - 1.0)


@dataclass(frozen=True)
class Polynomial(SeparationFunction):
    """F(x) = x^n (Krotov and Hopfield 2016, arXiv:1606.01164). ``n = 2`` is the Hebb rule.

    Attributes:
        power: n, a whole number >= 2.

    Raises:
        TypeError: ``power`` is not an integer.
        ValueError: ``power`` is below 2.

    >>> Polynomial(3).difference([0, 1, 2]).tolist()
    [2.0, 8.0, 26.0]
    """

    power: int = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "power", check_count(self.power, "power", minimum=2))

    @property
    def name(self) -> str:
        """The formula, for people."""
        return f"x^{self.power}"

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """Returns x^n, element by element."""
        return _power(as_floats(x, "x"), self.power)


@dataclass(frozen=True)
class RectifiedPolynomial(SeparationFunction):
    """F(x) = x^n for x > 0, else 0 (Krotov and Hopfield 2016, arXiv:1606.01164).

    Attributes:
        power: n, a whole number >= 2.

    Raises:
        TypeError: ``power`` is not an integer.
        ValueError: ``power`` is below 2.
    """

    power: int = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "power", check_count(self.power, "power", minimum=2))

    @property
    def name(self) -> str:
        """The formula, for people."""
        return f"max(x, 0)^{self.power}"

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """Returns max(x, 0)^n, element by element."""
        return _power(np.maximum(as_floats(x, "x"), 0.0), self.power)


@dataclass(frozen=True)
class Exponential(SeparationFunction):
    """F(x) = exp(beta x) (Demircigil et al. 2017, arXiv:1702.01929, with beta = 1).

    Attributes:
        beta: sharpness a spin, > 0.

    Raises:
        TypeError: ``beta`` is not a real number.
        ValueError: ``beta`` is not finite and positive.
    """

    beta: float = 1.0

    def __post_init__(self) -> None:
        beta = check_real(self.beta, "beta", minimum=0.0, exclusive=True)
        object.__setattr__(self, "beta", beta)

    @property
    def name(self) -> str:
        """The formula, for people."""
        return f"exp({self.beta:g} x)"

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """Returns exp(beta x), element by element."""
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused where it counts
            values: NDArray[np.float64] = np.exp(self.beta * as_floats(x, "x"))
        return values

    def difference(self, h: ArrayLike) -> NDArray[np.float64]:
        """Returns 2 sinh(beta) exp(beta h), without the subtraction that loses digits."""
        upper = self(as_floats(h, "h") + 1.0)
        return upper * -math.expm1(-2.0 * self.beta)
