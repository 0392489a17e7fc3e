"""The one place where +-1 spins meet bits.

Neuron i is qubit i; bit 0 is spin +1 and bit 1 is spin -1, so that ``Z`` measures the spin.  Bit
strings are Qiskit's: neuron 0 is the rightmost character.  The index of a state, the one that
``Statevector.data`` uses, is ``sum_i bit_i 2^i``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.checks import as_numbers, check_count, check_listed, shown

MAX_INDEX_NEURONS = 62
"""Most neurons whose states have an int64 index."""

MAX_LISTED_NEURONS = 24
"""Most neurons whose states :func:`all_states` lists (0.4 GiB)."""


def to_bits(spins: Any) -> NDArray[np.uint8]:
    """Turns spins into bits: +1 into 0, -1 into 1.

    Shapes:
        spins: any; returns the same shape, uint8.

    Raises:
        TypeError: the entries are not real numbers.
        ValueError: an entry is not +-1.

    >>> to_bits([1, -1, -1])
    array([0, 1, 1], dtype=uint8)
    """
    array = as_numbers(spins, "spins")
    _refuse((array == 1) | (array == -1), array, "spins must hold only +1 and -1")
    return (array < 0).astype(np.uint8)


def to_spins(bits: Any) -> NDArray[np.int8]:
    """Turns measured bits into spins: **0 into +1, 1 into -1**, Qiskit's convention.

    This is **not** for data of zeros and ones, where 1 means +1: those go through
    :func:`~qhopfield.circuits.patterns.from_binary`, whose result has the opposite signs.

    Shapes:
        bits: any (bools will do); returns the same shape, int8.

    Raises:
        TypeError: the entries are not real numbers or bools.
        ValueError: an entry is not 0 or 1.

    >>> to_spins([0, 1, 1])
    array([ 1, -1, -1], dtype=int8)
    """
    array = as_numbers(bits, "bits", bools=True)
    _refuse((array == 0) | (array == 1), array, "bits must hold only 0 and 1")
    return np.where(array == 0, 1, -1).astype(np.int8)


def to_index(spins: Any) -> NDArray[np.int64]:
    """Numbers states as a state vector does: ``sum_i bit_i 2^i``.

    Shapes:
        spins: ``(..., N)`` of +-1, N from 1 to 62; returns ``(...)``, int64.  One state gives an
        array without axes, which ``int()`` turns into a number.

    Raises:
        TypeError: the entries are not real numbers.
        ValueError: an entry is not +-1, or N is out of range.

    >>> int(to_index([1, -1, -1]))
    6
    """
    bits = to_bits(spins)
    if bits.ndim == 0 or not 1 <= bits.shape[-1] <= MAX_INDEX_NEURONS:
        raise ValueError(
            f"spins must have 1 to {MAX_INDEX_NEURONS} neurons along the last axis to have an "
            f"index, got shape {bits.shape}."
        )
    powers = np.int64(1) << np.arange(bits.shape[-1], dtype=np.int64)
    return np.asarray(bits @ powers, dtype=np.int64)


def from_index(index: Any, num_neurons: int) -> NDArray[np.int8]:
    """Turns the index of a state back into spins; undoes :func:`to_index`.

    Args:
        index: integers from 0 to ``2**num_neurons - 1``.
        num_neurons: N, from 1 to 62.

    Shapes:
        index: ``(...)``; returns ``(..., N)``, int8.

    Raises:
        TypeError: ``index`` or ``num_neurons`` are not integers.
        ValueError: ``index`` or ``num_neurons`` are out of range.

    >>> from_index(6, 3)
    array([ 1, -1, -1], dtype=int8)
    """
    num_neurons = check_count(num_neurons, "num_neurons", minimum=1, maximum=MAX_INDEX_NEURONS)
    if isinstance(index, int):
        index = check_count(index, "index", maximum=2**num_neurons - 1)
    array = as_numbers(index, "index")
    if array.dtype.kind == "f" and array.size:
        raise TypeError(f"index must hold integers, got dtype {array.dtype}.")
    bound = 2**num_neurons
    _refuse(
        (array >= 0) & (array < bound),
        array,
        f"index must be from 0 to {bound - 1} for {num_neurons} neurons",
    )
    array = array.astype(np.int64)
    spins = np.empty((*array.shape, num_neurons), dtype=np.int8)
    for neuron in range(num_neurons):
        spins[..., neuron] = 1 - 2 * ((array >> neuron) & 1)
    return spins


def to_bitstring(spins: Any) -> str | list[str]:
    """Writes states as Qiskit's bit strings, neuron 0 rightmost.

    Shapes:
        spins: ``(N,)`` gives one string, ``(P, N)`` a list of P strings.

    Raises:
        TypeError: the entries are not real numbers.
        ValueError: an entry is not +-1, there are no neurons, or the shape is another.

    >>> to_bitstring([1, -1, -1])
    '110'
    """
    bits = to_bits(spins)
    if bits.ndim not in (1, 2) or bits.shape[-1] == 0:
        raise ValueError(f"spins must have shape (P, N) or (N,), got shape {bits.shape}.")
    width = bits.shape[-1]
    text = (np.atleast_2d(bits)[:, ::-1] + ord("0")).astype(np.uint8).tobytes().decode("ascii")
    strings = [text[start : start + width] for start in range(0, len(text), width)]
    return strings[0] if bits.ndim == 1 else strings


def from_bitstring(text: str | Iterable[str]) -> NDArray[np.int8]:
    """Reads Qiskit's bit strings, neuron 0 rightmost; undoes :func:`to_bitstring`.

    Args:
        text: one string, or several of one length (the keys of a dictionary of counts will do).

    Shapes:
        text: one string gives ``(N,)``, P strings give ``(P, N)``, int8.

    Raises:
        TypeError: ``text`` holds something else than strings.
        ValueError: a string is empty, has other characters than 0 and 1 or another length than
            the first, or there is none.

    >>> from_bitstring("110")
    array([ 1, -1, -1], dtype=int8)
    """
    if not isinstance(text, (str, Iterable)):
        raise TypeError(f"text must be a bit string or several, got {type(text).__name__}.")
    given = [text] if isinstance(text, str) else text
    strings = check_listed(given, "text", "bit strings", empty=True)
    if not strings:
        raise ValueError("text must hold at least one bit string, got none.")
    for position, string in enumerate(strings):
        if not isinstance(string, str):
            raise TypeError(f"text must hold strings, got {shown(string)} at position {position}.")
        if not string or set(string) - {"0", "1"}:
            hint = " (join the registers first)" if " " in string else ""
            raise ValueError(
                f"A bit string (text) must hold only 0 and 1, got {shown(string)}{hint}."
            )
        if len(string) != len(strings[0]):
            raise ValueError(
                f"Bit strings (text) must have one length, got {len(strings[0])} at position 0 and "
                f"{len(string)} at position {position}."
            )
    bits = np.frombuffer("".join(strings).encode("ascii"), dtype=np.uint8) - ord("0")
    spins = to_spins(bits.reshape(len(strings), -1)[:, ::-1])
    return spins[0] if isinstance(text, str) else spins


def all_states(num_neurons: int) -> NDArray[np.int8]:
    """Lists all states in the order of their index.

    Args:
        num_neurons: N, from 1 to 24.

    Shapes:
        returns ``(2**N, N)``, int8.

    Raises:
        TypeError: ``num_neurons`` is no integer.
        ValueError: ``num_neurons`` is out of range.

    >>> all_states(2)
    array([[ 1,  1],
           [-1,  1],
           [ 1, -1],
           [-1, -1]], dtype=int8)
    """
    num_neurons = check_count(num_neurons, "num_neurons", minimum=1)
    if num_neurons > MAX_LISTED_NEURONS:
        raise ValueError(
            f"num_neurons must be at most {MAX_LISTED_NEURONS} to list all states, got "
            f"{num_neurons}: 2**{num_neurons} states; turn the ones you need into spins with "
            f"from_index, or draw some with random_patterns."
        )
    return from_index(np.arange(2**num_neurons), num_neurons)


def _refuse(good: Any, array: NDArray[Any], wish: str) -> None:
    """Raises a ValueError that names the first entry that is not ``good``."""
    if not np.all(good):
        where = tuple(int(i) for i in np.argwhere(~np.asarray(good))[0])
        place = f" at {where if len(where) > 1 else where[0]}" if where else ""
        raise ValueError(f"{wish}; got {array[where]}{place}.")
