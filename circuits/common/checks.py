"""Argument checks that say what was expected and what came."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np


def check_count(value: Any, name: str, *, minimum: int = 0, maximum: int | None = None) -> int:
    """Returns ``value`` as an int, or raises if it is no whole number in range.

    Raises:
        TypeError: ``value`` is not an integer (bools are refused).
        ValueError: ``value`` is out of range.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {value!r} ({type(value).__name__}).")
    number = int(value)
    if number < minimum or (maximum is not None and number > maximum):
        bound = f">= {minimum}" if maximum is None else f"between {minimum} and {maximum}"
        raise ValueError(f"{name} must be {bound}, got {number}.")
    return number


def check_real(
    value: Any,
    name: str,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    exclusive: bool = False,
) -> float:
    """Returns ``value`` as a float, or raises if it is no finite number in range.

    Args:
        value: the number.
        name: its name in the error.
        minimum: the least allowed value.
        maximum: the greatest allowed value.
        exclusive: whether ``minimum`` itself is refused.

    Raises:
        TypeError: ``value`` is not a real number.
        ValueError: ``value`` is NaN, infinite or out of range.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        raise TypeError(f"{name} must be a real number, got {value!r} ({type(value).__name__}).")
    number = float(value)
    too_low = number <= minimum if exclusive else number < minimum
    if not math.isfinite(number) or too_low or number > maximum:
        parts = []
        if math.isfinite(minimum):
            parts.append(f"{'>' if exclusive else '>='} {minimum:g}")
        if math.isfinite(maximum):
            parts.append(f"<= {maximum:g}")
        raise ValueError(
            f"{name} must be a finite number{' ' + ' and '.join(parts) if parts else ''}, "
            f"got {number:g}."
        )
    return number


def check_choice(value: Any, name: str, choices: Iterable[str]) -> str:
    """Returns ``value`` if it is one of ``choices``, or raises a ValueError that lists them."""
    options = list(choices)
    if not isinstance(value, str) or value not in options:
        listed = ", ".join(repr(option) for option in options)
        raise ValueError(f"{name} must be one of {listed}; got {value!r}.")
    return value
