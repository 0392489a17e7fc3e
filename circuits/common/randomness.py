"""Seeds: one convention for the whole package."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from .checks import shown

LARGEST_SEED = 2**1024
"""Python prints no number that is much larger, and results print their seeds."""

Seed: TypeAlias = int | np.random.Generator | None


def seed_number(seed: Seed) -> int | None:
    """Checks a seed, and returns it as Python's own integer; None where it is no number.

    Args:
        seed: a non-negative integer, a generator or None.

    Raises:
        TypeError: ``seed`` is neither an integer, a generator nor None.
        ValueError: ``seed`` is negative.
    """
    if seed is None or isinstance(seed, np.random.Generator):
        return None
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
        raise TypeError(
            f"seed must be an integer, a numpy.random.Generator or None, got {shown(seed)}."
        )
    if not 0 <= seed < LARGEST_SEED:
        bound = ">= 0" if seed < 0 else "below 2**1024"
        raise ValueError(f"seed must be {bound}, got {shown(int(seed))}.")
    return int(seed)


def as_generator(seed: Seed) -> np.random.Generator:
    """Turns a seed into a NumPy generator; a generator is passed through.

    Args:
        seed: a non-negative integer, a generator (used as it is, and advanced), or None for
            entropy from the operating system.

    Raises:
        TypeError: ``seed`` is neither an integer, a generator nor None.
        ValueError: ``seed`` is negative.
    """
    number = seed_number(seed)
    return seed if isinstance(seed, np.random.Generator) else np.random.default_rng(number)


def draw_seed(rng: np.random.Generator) -> int:
    """Draws a 31-bit seed for a simulator that wants a plain integer."""
    return int(rng.integers(0, 2**31 - 1))
