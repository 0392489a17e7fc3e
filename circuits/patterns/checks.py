"""Checks of patterns, probes and states: what comes out is an array of known shape and type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.checks import as_array, as_numbers, check_count, check_flag, check_kind
from .conversion import conversion_hint


def check_patterns(
    patterns: Any, *, name: str = "patterns", distinct: bool = True
) -> NDArray[np.int8]:
    """Returns patterns as a fresh ``(M, N)`` array of +-1, or says what is wrong with them.

    Args:
        patterns: numbers +1 and -1: an array, nested lists, or anything that NumPy turns into one.
            One pattern ``(N,)`` becomes ``(1, N)``.
        name: what the errors call them.
        distinct: whether a pattern that comes twice is refused.

    Shapes:
        patterns: ``(M, N)`` or ``(N,)``; returns ``(M, N)``, int8.

    Raises:
        TypeError: the entries are not real numbers (strings, complex numbers, bools, objects).
        ValueError: wrong shape, empty, ragged, an entry other than +-1, or the same pattern twice.

    >>> check_patterns([[1, -1, 1], [1, 1, 1]])
    array([[ 1, -1,  1],
           [ 1,  1,  1]], dtype=int8)
    """
    distinct = check_flag(distinct, "distinct")
    rows = as_rows(patterns, name)
    _refuse_outside((rows == 1) | (rows == -1), rows, name, "must hold only +1 and -1")
    spins = rows.astype(np.int8)
    if distinct:
        first: dict[bytes, int] = {}
        for index, row in enumerate(spins):
            earlier = first.setdefault(row.tobytes(), index)
            if earlier != index:
                raise ValueError(
                    f"{name} must be distinct, but rows {earlier} and {index} are the same pattern."
                )
    return spins


def check_probes(probes: Any, num_neurons: int, *, name: str = "probes") -> NDArray[np.float64]:
    """Returns probes as a fresh ``(P, N)`` array of spin expectations, or says what is wrong.

    Args:
        probes: numbers in [-1, 1]: +-1 is a known spin, 0 an erased one (an equal superposition),
            anything between a product state with that expectation.
        num_neurons: how many neurons the model has, N.
        name: what the errors call them.

    Shapes:
        probes: ``(P, N)`` or ``(N,)``; returns ``(P, N)``, float64.

    Raises:
        TypeError: the entries are not real numbers, or ``num_neurons`` is no integer.
        ValueError: wrong shape, empty, ragged, or an entry that is NaN or outside [-1, 1].

    >>> check_probes([1, 0, -0.5], 3)
    array([[ 1. ,  0. , -0.5]])
    """
    rows = as_rows(probes, name, num_neurons)
    _refuse_outside((rows >= -1) & (rows <= 1), rows, name, "must hold numbers between -1 and 1")
    return rows.astype(np.float64)


def check_spins(states: Any, num_neurons: int, *, name: str = "states") -> NDArray[np.int8]:
    """Returns states as a fresh ``(P, N)`` array of +-1; the same state may come many times.

    Args:
        states: numbers +1 and -1.
        num_neurons: how many neurons the model has, N.
        name: what the errors call them.

    Shapes:
        states: ``(P, N)`` or ``(N,)``; returns ``(P, N)``, int8.

    Raises:
        TypeError: the entries are not real numbers, or ``num_neurons`` is no integer.
        ValueError: wrong shape, empty, ragged, or an entry other than +-1.

    >>> check_spins([1, -1], 2)
    array([[ 1, -1]], dtype=int8)
    """
    rows = as_rows(states, name, num_neurons)
    _refuse_outside((rows == 1) | (rows == -1), rows, name, "must hold only +1 and -1")
    return rows.astype(np.int8)


def as_rows(values: Any, name: str, num_neurons: int | None = None) -> NDArray[Any]:
    """Returns ``values`` as a non-empty ``(rows, N)`` array of finite real numbers, or raises.

    The array may share memory with ``values``.

    Raises:
        TypeError: the entries are not real numbers, or ``num_neurons`` is no integer.
        ValueError: wrong shape, empty, ragged, a masked entry, or one that is not finite.
    """
    if num_neurons is not None:
        num_neurons = check_count(num_neurons, "num_neurons", minimum=1)
    check_kind(name, "name", str, "a text")
    array = as_array(values, name)
    if array.dtype.kind == "b":
        raise TypeError(
            f"{name} must hold real numbers, got {type(values).__name__} of dtype bool."
            + conversion_hint(array, name)
        )
    array = as_numbers(values, name)
    width = "N" if num_neurons is None else str(num_neurons)
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have shape (rows, {width}) or ({width},), got shape {array.shape}."
            + conversion_hint(array, name)
        )
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}.")
    rows = np.atleast_2d(array)
    if num_neurons is not None and rows.shape[1] != num_neurons:
        raise ValueError(
            f"{name} must have {num_neurons} entries a row, one a neuron; "
            f"got {rows.shape[1]} (shape {array.shape})."
        )
    _refuse_outside(np.isfinite(rows), rows, name, "must hold finite numbers")
    return rows


def _refuse_outside(good: NDArray[np.bool_], rows: NDArray[Any], name: str, wish: str) -> None:
    """Raises a ValueError that names the first entry that is not ``good``."""
    if not good.all():
        row, neuron = np.argwhere(~good)[0]
        raise ValueError(
            f"{name} {wish}; got {rows[row, neuron]} in row {row} at neuron {neuron}."
            + conversion_hint(rows, name)
        )
