"""Checks of the arguments of laws, whose arrays may be those of any array library.

Each law names what it takes beside its definition: :func:`array` with its shape, :func:`number`
for what may be one number or an array of them, :func:`real` and :func:`count` for plain numbers.
Shapes are written in letters, ``"M N"``; equal letters are equal lengths, ``"..."`` are leading
axes that broadcast against each other, and ``"M?"`` is M or 1, and ``"M+"``
is at least 1.

What an array *holds* is looked at in NumPy's arrays only: others may be traced by a compiler, live
on a device, or carry gradients.
"""

from __future__ import annotations

import functools
import inspect
import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj

from ..common.checks import LARGEST_COUNT, check_count, check_real, shown

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass
class _Call:
    """What the arguments of one call have told so far."""

    lengths: dict[str, tuple[int, str]]
    leads: dict[str, tuple[int, ...]]
    arrays: dict[str, Any]


Check = Callable[[str, Any, _Call], Any]
"""From an argument's name and value to the value that the law computes with."""

LIMIT = 1e100
"""The size up to which products and sums of what an array holds cannot overflow."""


def takes(**checks: Check) -> Callable[[Function], Function]:
    """Checks the arguments of a law before it computes.

    Args:
        **checks: one an argument that is looked at.
    """

    def wrap(function: Function) -> Function:
        signature = inspect.signature(function)
        names = list(signature.parameters)
        optional = {name for name in names if signature.parameters[name].default is None}

        @functools.wraps(function)
        def checked(*given: Any, **named: Any) -> Any:
            # A library that is named is what a compiler traces; the law's own checks are enough.
            library = named.get("xp")
            if library is not None and not isinstance(library, types.ModuleType):
                raise TypeError(f"xp must be an array library or None, got {shown(library)}.")
            if library is None:
                call = _Call({}, {}, {})

                def look(name: str, value: Any) -> Any:
                    if name not in checks or (value is None and name in optional):
                        return value
                    return checks[name](name, value, call)

                known = zip(names, given, strict=False)  # too many are Python's to refuse
                given = (*(look(*each) for each in known), *given[len(names) :])
                named = {name: look(name, value) for name, value in named.items()}
                _one_library(call.arrays)
            return function(*given, **named)

        return checked  # type: ignore[return-value]

    return wrap


def array(
    shape: str | None = "...",
    *,
    minimum: float = -LIMIT,
    maximum: float = LIMIT,
    inside: bool = False,
) -> Check:
    """An array of real numbers.

    Args:
        shape: its shape, in letters; None where the law looks itself.
        minimum: the least that it may hold.
        maximum: the most that it may hold.
        inside: whether the two bounds themselves are refused.
    """

    def check(name: str, value: Any, call: _Call) -> Any:
        if not is_array_api_obj(value):
            raise TypeError(
                f"{name} must be an array of NumPy, PyTorch or another array library, got "
                f"{shown(value)} ({type(value).__name__})."
            )
        xp = array_namespace(value)
        if not xp.isdtype(value.dtype, ("real floating", "integral")):
            raise TypeError(f"{name} must hold real numbers, got dtype {value.dtype}.")
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError(f"{name} must be a plain array, got a masked one.")
        call.arrays[name] = value
        if shape is not None:
            _check_shape(name, tuple(value.shape), shape, call)
        if isinstance(value, (np.ndarray, np.generic)):
            _check_values(name, np.asarray(value), minimum, maximum, inside)
        return value

    return check


def number(
    shape: str | None = "...",
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    exclusive: bool = False,
) -> Check:
    """A real number, or an array of them; bounds as in :func:`~..common.checks.check_real`."""
    many, one = array(shape), array(None)

    def check(name: str, value: Any, call: _Call) -> Any:
        if is_array_api_obj(value) and not isinstance(value, np.generic):
            return (many if value.ndim else one)(name, value, call)
        return check_real(value, name, minimum=minimum, maximum=maximum, exclusive=exclusive)

    return check


def real(
    *, minimum: float = -math.inf, maximum: float = math.inf, exclusive: bool = False
) -> Check:
    """A real number; bounds as in :func:`~..common.checks.check_real`."""

    def check(name: str, value: Any, call: _Call) -> Any:
        return check_real(value, name, minimum=minimum, maximum=maximum, exclusive=exclusive)

    return check


def count(*, minimum: int = 0, maximum: int = LARGEST_COUNT, arrays: bool = False) -> Check:
    """A whole number; or, where ``arrays``, an array of them."""
    many = array(minimum=0.0)

    def check(name: str, value: Any, call: _Call) -> Any:
        if arrays and is_array_api_obj(value) and not isinstance(value, np.generic):
            return many(name, value, call)
        return check_count(value, name, minimum=minimum, maximum=maximum)

    return check


def either(check: Check) -> Check:
    """What a check wants, or None."""

    def optional(name: str, value: Any, call: _Call) -> Any:
        return None if value is None else check(name, value, call)

    return optional


def _check_shape(name: str, shape: tuple[int, ...], wanted: str, call: _Call) -> None:
    letters = wanted.split()
    first = letters.index("...") if "..." in letters else None
    fixed = len(letters) - (first is not None)
    if len(shape) != fixed if first is None else len(shape) < fixed:
        raise ValueError(f"{name} must have shape ({_comma(letters)}), got {shape}.")
    if first is not None:
        after = len(letters) - first - 1
        end = len(shape) - after
        lead, shape = shape[first:end], shape[:first] + shape[end:]
        letters = [letter for letter in letters if letter != "..."]
        try:
            np.broadcast_shapes(lead, *call.leads.values())
        except ValueError:
            others = ", ".join(f"{each} has {known}" for each, known in call.leads.items())
            raise ValueError(
                f"{name} must have leading axes that broadcast against the others', got {lead}; "
                f"{others}."
            ) from None
        call.leads[name] = lead
    for letter, length in zip(letters, shape, strict=True):
        if letter.endswith("+"):
            letter = letter[:-1]
            if not length:
                raise ValueError(f"{name} must not be empty: {letter} is 0.")
        if letter.endswith("?"):
            if length == 1:
                continue
            letter = letter[:-1]
        known, where = call.lengths.setdefault(letter, (length, name))
        if length != known:
            raise ValueError(
                f"{name} must have shape ({_comma(wanted.split())}) with {letter} = {known} as in "
                f"{where}, got {length}."
            )


def _comma(letters: list[str]) -> str:
    return ", ".join(letters) + ("," if len(letters) == 1 and letters != ["..."] else "")


def _check_values(
    name: str, values: np.ndarray[Any, Any], minimum: float, maximum: float, inside: bool
) -> None:
    # What computed them may have left them a rounding off.
    slack = 0.0 if inside else 1e-9
    with np.errstate(over="ignore"):  # bounds beyond single precision
        good = np.isfinite(values) & (values >= minimum - slack) & (values <= maximum + slack)
    if inside:
        good &= (values > minimum) & (values < maximum)
    if not good.all():
        where = tuple(int(index) for index in np.argwhere(~good)[0])
        sign = "<" if inside else "<="
        bounds = [f"{minimum:g} {sign}"] * math.isfinite(minimum) + [name]
        bounds += [f"{sign} {maximum:g}"] * math.isfinite(maximum)
        raise ValueError(
            f"{name} must hold finite numbers with {' '.join(bounds)}, got {values[where]:g} at "
            f"{where}."
        )


def _one_library(arrays: dict[str, Any]) -> None:
    try:
        if len(arrays) > 1:
            array_namespace(*arrays.values())
    except TypeError as error:
        kinds = ", ".join(f"{name} is {type(value).__name__}" for name, value in arrays.items())
        raise TypeError(f"The arrays must be of one library; {kinds}.") from error
