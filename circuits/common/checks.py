"""Argument checks that say what was expected and what came.

One convention for the whole package:

- *Whole numbers* are Python's or NumPy's integers of any width, and come back as Python's, so that
  what is computed from them cannot wrap around.  Floats are refused even where they are whole
  (``100.0``), and so are bools, strings of digits and arrays that hold one number.
- *Real numbers* are integers and floats, NumPy's too, and come back as finite Python floats.
  Bools, complex numbers, fractions, strings and arrays are refused.
- *Switches* are ``True`` and ``False``, NumPy's too; nothing else is taken by its truth.
- *Arrays* are whatever NumPy reads as a rectangular array of numbers.
- A frozen dataclass keeps what the checks gave back (:func:`settle`), not what came.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_COUNT = 2**63 - 1
"""The greatest whole number that NumPy's arrays and Qiskit's simulators count to."""

_SHOWN = 80  # characters of a value in an error


def shown(value: Any) -> str:
    """A value as an error may print it: short, on one line, and whatever its ``repr`` does."""
    if isinstance(value, int) and value.bit_length() > 256:
        return f"an integer of {value.bit_length()} bits"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # what a foreign object prints may fail in any way
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def check_flag(value: Any, name: str) -> bool:
    """Returns a switch as a bool, or raises a TypeError if it is neither True nor False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(
            f"{name} must be True or False, got {shown(value)} ({type(value).__name__})."
        )
    return bool(value)


def check_count(
    value: Any, name: str, *, minimum: int = 0, maximum: int | None = LARGEST_COUNT
) -> int:
    """Returns ``value`` as an int, or raises if it is no whole number in range.

    Args:
        value: the number.
        name: its name in the error.
        minimum: the least allowed value.
        maximum: the greatest allowed value; None for no bound at all (seeds).

    Raises:
        TypeError: ``value`` is not an integer (bools are refused).
        ValueError: ``value`` is out of range.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {shown(value)} ({type(value).__name__}).")
    number = int(value)
    if number < minimum or (maximum is not None and number > maximum):
        bounded = maximum is not None and (maximum < LARGEST_COUNT or number > maximum)
        bound = f"between {minimum} and {shown(maximum)}" if bounded else f">= {minimum}"
        raise ValueError(f"{name} must be {bound}, got {shown(number)}.")
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
        ValueError: ``value`` is NaN, infinite (or too large for a float) or out of range.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        raise TypeError(
            f"{name} must be a real number, got {shown(value)} ({type(value).__name__})."
        )
    try:
        number = float(value)
    except OverflowError:  # 10**400
        number = math.inf if value > 0 else -math.inf
    too_low = number <= minimum if exclusive else number < minimum
    if not math.isfinite(number) or too_low or number > maximum:
        parts = []
        if math.isfinite(minimum):
            parts.append(f"{'>' if exclusive else '>='} {minimum:g}")
        if math.isfinite(maximum):
            parts.append(f"<= {maximum:g}")
        came = f"{number:g}" if math.isfinite(number) else shown(value)
        raise ValueError(
            f"{name} must be a finite number{' ' + ' and '.join(parts) if parts else ''}, "
            f"got {came}."
        )
    return number


def check_choice(value: Any, name: str, choices: Iterable[str]) -> str:
    """Returns ``value`` if it is one of ``choices``, or raises a ValueError that lists them."""
    options = list(choices)
    if not isinstance(value, str) or value not in options:
        listed = ", ".join(repr(option) for option in options)
        raise ValueError(f"{name} must be one of {listed}; got {shown(value)}.")
    return str(value)


def check_kind(value: Any, name: str, kind: type | tuple[type, ...], expected: str) -> None:
    """Raises a TypeError unless ``value`` is an instance of ``kind``.

    Args:
        value: what came.
        name: its name in the error.
        kind: the class, or several.
        expected: what the error says was expected, such as ``"a method such as NeuronDynamics()"``.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {expected}, got {shown(value)} ({type(value).__name__}).")


def check_path(value: Any, name: str) -> str:
    """Returns the name of a file or folder as text, or raises.

    Raises:
        TypeError: ``value`` is no path.
        ValueError: it is empty, or holds a character that no file name can hold.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(
            f"{name} must be the name of a file, got {shown(value)} ({type(value).__name__})."
        )
    text = os.fspath(value)
    if not isinstance(text, str):
        raise TypeError(f"{name} must be the name of a file as text, got {shown(value)}.")
    if not text or "\0" in text:
        raise ValueError(f"{name} must be the name of a file, got {shown(text)}.")
    return text


def check_listed(
    values: Any, name: str, expected: str = "a list of numbers", *, empty: bool = False
) -> list[Any]:
    """Returns the entries of a list, tuple or array, or raises if it is none.

    Args:
        values: what came.
        name: its name in the error.
        expected: what the error says was expected.
        empty: whether it may be empty.

    Raises:
        TypeError: ``values`` is no list (text is none).
        ValueError: it is empty.
    """
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be {expected}, got {shown(values)}.")
    try:
        listed = list(values)
    except Exception as error:  # arrays without axes, files, foreign iterators
        raise TypeError(f"{name} must be {expected}, got {shown(values)}.") from error
    if not (listed or empty):
        raise ValueError(f"{name} must have at least one entry, got none.")
    return listed


def as_array(values: Any, name: str) -> NDArray[Any]:
    """Returns what NumPy makes of ``values``, of whatever dtype, or raises.

    Raises:
        TypeError: NumPy cannot read it (a tensor that requires grad, say).
        ValueError: rows of different lengths, or a masked entry.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"{name} must be a rectangular array, got {_row_lengths(values)}."
        ) from error
    except Exception as error:  # a foreign array refuses in any way
        reason = " ".join(str(error).split())
        raise TypeError(
            f"{name} must be an array or nested lists of numbers, got {type(values).__name__}, "
            f"which NumPy cannot read: {reason[:160]}"
        ) from error
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"{name} has masked entries; use 0 for an erased entry of a probe.")
    return array


def as_numbers(values: Any, name: str, *, bools: bool = False) -> NDArray[Any]:
    """Returns ``values`` as an array of real numbers of any shape, or raises.

    Args:
        values: what came.
        name: what the errors call it.
        bools: whether an array of bools passes too.

    Raises:
        TypeError: the entries are not real numbers.
        ValueError: rows of different lengths, or a masked entry.
    """
    array = as_array(values, name)
    if array.dtype.kind not in ("biuf" if bools else "iuf"):
        raise TypeError(
            f"{name} must hold real numbers, got {type(values).__name__} of dtype {array.dtype}."
        )
    return array


def as_floats(values: Any, name: str) -> NDArray[np.float64]:
    """Returns ``values`` as float64 of any shape, or raises as :func:`as_numbers` does.

    Raises:
        TypeError: the entries are not real numbers.
        ValueError: rows of different lengths, or a masked entry.
    """
    with np.errstate(over="ignore"):  # long doubles beyond float64 become infinite
        return as_numbers(values, name).astype(np.float64)


def as_finite(
    values: Any, name: str, shape: str, fits: Callable[[tuple[int, ...]], bool]
) -> NDArray[np.float64]:
    """Returns a fresh array of finite float64 numbers of a wanted shape, or raises.

    Args:
        values: what came.
        name: what the errors call it.
        shape: the wanted shape, for people.
        fits: whether a shape is the wanted one.

    Raises:
        TypeError: the entries are not real numbers.
        ValueError: a wrong shape, rows of different lengths, or a number that is not finite.
    """
    array = as_numbers(values, name)
    if not fits(array.shape):
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}.")
    with np.errstate(over="ignore"):  # long doubles beyond float64 become infinite
        numbers = np.array(array, dtype=np.float64, order="C")
    bad = ~np.isfinite(numbers)
    if bad.any():
        where = tuple(int(index) for index in np.argwhere(bad)[0])
        raise ValueError(f"{name} must be finite, got {array[where]} at {where}.")
    return numbers


def settle(instance: Any, **values: Any) -> None:
    """Sets fields of a frozen dataclass to what their checks gave back."""
    for name, value in values.items():
        object.__setattr__(instance, name, value)


def _row_lengths(values: Any) -> str:
    """Names two rows of different lengths, for the error about a ragged array."""
    if isinstance(values, (list, tuple)):
        lengths = [len(row) if isinstance(row, Sized) else 1 for row in values]
        for index, length in enumerate(lengths):
            if length != lengths[0]:
                return f"{lengths[0]} entries in row 0 and {length} in row {index}"
    return "rows of different lengths"
