"""Closed forms of the quantum neuron.

Each function is written against the array API standard, so that it takes NumPy arrays or torch
tensors and returns the same kind.  ``field`` is a local field h (half the energy that a flip
costs), ``gain`` the angle gamma that one unit of field turns a neuron by, ``level`` the number k of
nested repeat-until-success (RUS) blocks, k = 0 being the plain rotation.

With ``p = sin^2(pi/4 + gain * h) = (1 + sin(2 gain h)) / 2`` and ``m = 2^k``::

    P(+1)      = p^m / (p^m + (1 - p)^m) = sigma(2^(k+2) artanh tan(gain h))
    <s>        = tanh(2^(k+1) artanh tan(gain h))
    acceptance = p^m + (1 - p)^m          (every block tried once, failures thrown away)

Sources: Cao, Guerreschi and Aspuru-Guzik 2017, arXiv:1711.11240, for the circuit; the closed form
of its nested law follows from ``tan theta_k = tan^2 theta_(k-1)``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_numpy_array

from ..common.checks import check_real
from .arguments import array, count, either, number, real, takes

# The arrays of any array-API library: NumPy's here, torch's in the hybrid layers.
Array = Any

# Deepest nesting: at 60 the response is a step to the last digit of a double.
_DEEPEST = 60
_LEVEL = count(maximum=_DEEPEST)
_FIELD = array(minimum=-math.inf, maximum=math.inf)
# Where the gain divides.
_GAIN = number(minimum=1e-100, maximum=1e100)
_ATTEMPTS = either(count(minimum=1))


@takes(field=_FIELD, gain=number())
def rotation_probability(field: Array, gain: float | Array) -> Array:
    """Probability of +1 after one rotation: ``(1 + sin(2 gain h)) / 2``.

    Args:
        field: local fields, any shape.
        gain: angle in radians per unit of field.

    Returns:
        Probabilities of the shape of ``field``.
    """
    xp = array_namespace(field)
    return (1.0 + xp.sin(_turn(field, gain))) / 2.0


@takes(field=_FIELD, gain=number(), level=_LEVEL)
def neuron_probability(field: Array, gain: float | Array, level: int) -> Array:
    """Probability that a level-k neuron comes out as +1, given its local field.

    Beyond ``|gain * field| = pi/4`` the response folds back, as the circuit's does.

    Args:
        field: local fields, any shape.
        gain: angle in radians per unit of field.
        level: number of nested RUS blocks, 0..60.

    Returns:
        Probabilities of the shape of ``field``.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: ``level`` is out of range.
    """
    p = rotation_probability(field, gain)
    for _ in range(level):
        p = _sharpen(p)
    return p


@takes(field=_FIELD, gain=number(), level=_LEVEL)
def neuron_expectation(field: Array, gain: float | Array, level: int) -> Array:
    """Mean spin of a level-k neuron, ``tanh(2^(k+1) artanh tan(gain h))``; arguments as above."""
    return 2.0 * neuron_probability(field, gain, level) - 1.0


@takes(expectation=array(minimum=-1.0, maximum=1.0), gain=_GAIN, level=_LEVEL)
def neuron_field(expectation: Array, gain: float | Array, level: int) -> Array:
    """The field at which a level-k neuron has a given mean spin: the inverse of its response.

    ``arctan(tanh(2^-(k+1) artanh z)) / gain``, between ``-pi/4`` and ``pi/4`` over the gain; its
    slope is infinite at ``z = +-1``.

    Args:
        expectation: mean spins z in [-1, 1], any shape.
        gain: angle in radians per unit of field.
        level: number of nested RUS blocks, 0..60.

    Returns:
        Fields of the shape of ``expectation``.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: ``level`` is out of range.
    """
    xp = array_namespace(expectation)
    power = 0.5 ** (level + 1)
    angle = xp.atan2((1.0 + expectation) ** power, (1.0 - expectation) ** power)
    return (angle - math.pi / 4.0) / gain


@takes(field=_FIELD, gain=_GAIN, level=count(maximum=16))
def neuron_lagrangian(field: Array, gain: float | Array, level: int) -> Array:
    """The integral of a level-k neuron's response from 0 to its field.

    ``L_0 = (1 - cos 2 gain h) / (2 gain)``, and with ``m = 2^k`` and
    ``c_l = cos((2l - 1) pi / 2m)``, by partial fractions of the response in ``sin(2 gain h)``::

        L_k = sum_(l=1..m/2) (artanh c_l - artanh(c_l cos(2 gain h))) / (m gain c_l)

    It is what a neuron contributes to the energy of Krotov and Hopfield.

    Args:
        field: local fields, any shape.
        gain: angle in radians per unit of field.
        level: number of nested RUS blocks, 0..16: it takes ``2^(k-1)`` terms.

    Returns:
        Values of the shape of ``field``.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: ``level`` is out of range.

    Source: Krotov and Hopfield 2021, arXiv:2008.06996, for the energy; the closed form is this
    package's.
    """
    m = 2**level
    xp = array_namespace(field)
    cosine = xp.cos(_turn(field, gain))
    if m == 1:
        return (1.0 - cosine) / (2.0 * gain)
    total = 0.0 * cosine
    for pole in range(1, m // 2 + 1):
        c = math.cos((2 * pole - 1) * math.pi / (2 * m))
        total = total + (math.atanh(c) - xp.atanh(c * cosine)) / c
    return total / (m * gain)


@takes(field=_FIELD, gain=number(), level=_LEVEL)
def block_probabilities(field: Array, gain: float | Array, level: int) -> list[Array]:
    """Success probability of a block at each nesting level 1..k: ``sin^4 + cos^4`` of its angle.

    Returns:
        A list of ``level`` arrays of the shape of ``field``, innermost block first.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: ``level`` is out of range.
    """
    successes = []
    p = rotation_probability(field, gain)
    for _ in range(level):
        successes.append(p**2 + (1.0 - p) ** 2)
        p = _sharpen(p)
    return successes


@takes(field=_FIELD, gain=number(), level=_LEVEL, attempts=_ATTEMPTS)
def neuron_acceptance(field: Array, gain: float | Array, level: int, attempts: int | None) -> Array:
    """Probability that a level-k neuron ends within its bound on attempts.

    A block at level l is tried at most ``attempts`` times; each try runs the level below twice and
    counts only if both end.  ``attempts=1`` is post-selection, ``p^m + (1-p)^m``; ``None``
    repeats until success, so the answer is 1.

    Args:
        field: local fields, any shape.
        gain: angle in radians per unit of field.
        level: number of nested blocks, 0..60.
        attempts: bound on the tries of each block, >= 1, or None.

    Returns:
        Probabilities of the shape of ``field``.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: ``level`` is out of range or ``attempts`` < 1.
    """
    xp = array_namespace(field)
    ends = xp.ones_like(rotation_probability(field, gain))
    if attempts is None:
        return ends
    for success in block_probabilities(field, gain, level):
        tried = ends**2
        ends = tried * success * _geometric(tried * (1.0 - success), attempts)[0]
    return ends


@takes(field=_FIELD, gain=number(), level=_LEVEL, attempts=_ATTEMPTS)
def block_tries(field: Array, gain: float | Array, level: int, attempts: int | None) -> list[Array]:
    """Mean number of tries of a block at each nesting level 1..k, in updates that end.

    Without a bound it is ``1 / p_l``; with one, the mean of a truncated geometric distribution.

    Returns:
        A list of ``level`` arrays of the shape of ``field``, innermost block first.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: ``level`` is out of range or ``attempts`` < 1.
    """
    xp = array_namespace(field)
    ends = xp.ones_like(rotation_probability(field, gain))
    means = []
    for success in block_probabilities(field, gain, level):
        if attempts is None:
            means.append(1.0 / success)
            continue
        tried = ends**2
        failed = tried * (1.0 - success)
        total, weighted = _geometric(failed, attempts)
        means.append(weighted / total)
        ends = tried * success * total
    return means


@takes(field=_FIELD, gain=number(), level=_LEVEL, attempts=_ATTEMPTS)
def neuron_rotations(field: Array, gain: float | Array, level: int, attempts: int | None) -> Array:
    """Mean number of field loadings (base rotations) in one update that ends within its bound.

    With ``attempts=None`` this is the recursion ``R_k = 2 R_(k-1) / p_k``: 4^k at the threshold
    ``h = 0``.  A level-1 block loads the field twice, so ``R / 2`` of them are run.

    Args:
        field: local fields, any shape.
        gain: angle in radians per unit of field.
        level: number of nested blocks, 0..60.
        attempts: bound on the tries of each block, >= 1, or None.

    Returns:
        Means of the shape of ``field``.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: ``level`` is out of range or ``attempts`` < 1.
    """
    xp = array_namespace(field)
    rotations = xp.ones_like(rotation_probability(field, gain))
    for tries in block_tries(field, gain, level, attempts):
        rotations = 2.0 * rotations * tries
    return rotations


@takes(field=_FIELD, gain=number(), level=_LEVEL, attempts=_ATTEMPTS)
def neuron_blocks(field: Array, gain: float | Array, level: int, attempts: int | None) -> Array:
    """Mean number of blocks of all levels in one update that ends; arguments as above."""
    blocks = rotation_probability(field, gain) * 0.0
    for tries in block_tries(field, gain, level, attempts):
        blocks = (2.0 * blocks + 1.0) * tries
    return blocks


@takes(gain=real(minimum=-1e100, maximum=1e100), level=_LEVEL)
def inverse_temperature(gain: float, level: int) -> float:
    """Inverse temperature beta of the heat bath ``P(+1) = sigma(2 beta h)`` near ``h = 0``.

    Returns:
        ``2^(level + 1) * gain``, in units of one over the field.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: ``level`` is out of range.
    """
    return math.ldexp(gain, level + 1)


def safe_gain(field_bound: float) -> float:
    """The largest gain at which no field folds: ``(pi/4) / max |h|``, radians per unit of field.

    Raises:
        TypeError: ``field_bound`` is no real number.
        ValueError: ``field_bound`` is not finite and positive.
    """
    return (math.pi / 4.0) / check_real(field_bound, "field_bound", minimum=0.0, exclusive=True)


def _turn(field: Array, gain: float | Array) -> Array:
    """``2 gain h``.

    Raises:
        ValueError: it is beyond floating point.
    """
    with np.errstate(over="ignore"):
        turn = 2.0 * gain * field
    if is_numpy_array(turn) and not np.isfinite(turn).all():
        raise ValueError("field times gain must be an angle in radians, and is not finite.")
    return turn


def _sharpen(p: Array) -> Array:
    """One level: ``p^2 / (p^2 + (1-p)^2)``, the probabilities of ``tan theta -> tan^2 theta``."""
    return p**2 / (p**2 + (1.0 - p) ** 2)


def _geometric(ratio: Array, terms: int) -> tuple[Array, Array]:
    """``1 + r + ... + r^(n-1)`` and ``1 + 2 r + ... + n r^(n-1)``.

    Summed by doubling, so that r = 1 needs no special case and any number of terms is soon done.
    """
    total = weighted = ratio * 0.0
    power, done = total + 1.0, 0
    for digit in bin(terms)[2:]:
        # From n terms to 2n, and to one more where the next binary digit says so.
        weighted = weighted + power * (weighted + done * total)
        total = total * (1.0 + power)
        power, done = power * power, 2 * done
        if digit == "1":
            weighted = weighted + (done + 1) * power
            total = total + power
            power, done = power * ratio, done + 1
    return total, weighted
