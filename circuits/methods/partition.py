"""Cutting a memory: which patterns, or which neurons, go to which part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.checks import check_count, check_listed


def frozen_parts(parts: Any, name: str) -> int | tuple[tuple[int, ...], ...]:
    """A partition as a frozen dataclass can hold it: a number, or indices as nested tuples.

    Args:
        parts: what the user gave.
        name: its name, for errors.

    Raises:
        TypeError: neither a number nor lists of whole numbers.
        ValueError: no part, an empty one, a negative index, or an index in two places.
    """
    if isinstance(parts, (int, np.integer)) and not isinstance(parts, bool):
        return check_count(parts, name, minimum=1)
    expected = "a number of parts or the indices of each, such as [[0, 1], [2, 3]]"
    listed: list[tuple[int, ...]] = []
    where: dict[int, int] = {}
    for number, part in enumerate(check_listed(parts, name, expected, empty=True)):
        inner = check_listed(part, f"{name}[{number}]", "a list of whole indices", empty=True)
        indices = tuple(check_count(i, f"an index in {name}[{number}]") for i in inner)
        if not indices:
            raise ValueError(f"{name}[{number}] is empty: every part must hold at least one index.")
        for i in indices:
            if i in where:
                places = (
                    f"twice in {name}[{number}]"
                    if where[i] == number
                    else f"in {name}[{where[i]}] and in {name}[{number}]"
                )
                raise ValueError(f"{name} overlap: index {i} is {places}.")
            where[i] = number
        listed.append(indices)
    if not listed:
        raise ValueError(f"{name} must have at least one part, got none.")
    return tuple(listed)


def index_parts(
    parts: int | tuple[tuple[int, ...], ...], total: int, name: str, what: str
) -> list[NDArray[np.intp]]:
    """The indices of each part of ``total`` things.

    Args:
        parts: a checked partition.
        total: how many things there are.
        name: of the partition, for errors.
        what: what is cut, for errors: ``"patterns"`` or ``"neurons"``.

    Raises:
        ValueError: more parts than things, or indices that are missing or out of range.
    """
    if isinstance(parts, int):
        if parts > total:
            raise ValueError(
                f"{name}={parts} would leave parts empty: there are only {total} {what}. Use at "
                f"most {total}."
            )
        return list(np.array_split(np.arange(total), parts))
    given = np.concatenate([np.asarray(part) for part in parts])
    outside = given[given >= total]
    if outside.size:
        raise ValueError(
            f"{name} hold index {outside[0]}, but there are {total} {what}: 0 to {total - 1}."
        )
    missing = np.setdiff1d(np.arange(total), given)
    if missing.size:
        listed = ", ".join(map(str, missing[:8])) + (", ..." if missing.size > 8 else "")
        raise ValueError(f"{name} must hold every one of the {total} {what}; missing: {listed}.")
    return [np.asarray(part, dtype=np.intp) for part in parts]


def inside(blocks: Sequence[Sequence[int]], num_neurons: int) -> NDArray[np.bool_]:
    """Which pairs of neurons are in one block, (N, N)."""
    number = np.empty(num_neurons, dtype=np.int64)
    for index, block in enumerate(blocks):
        number[list(block)] = index
    return np.asarray(number[:, None] == number)
