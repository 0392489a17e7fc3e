"""The angles of the memory circuits, as functions of what they load.

Each function is written against the array API standard: NumPy arrays in, NumPy arrays out; torch
tensors in, torch tensors out, with gradients that are finite everywhere.  An amplitude has an
infinite slope where a probability is 0, so each docstring says what its gradient is there.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_numpy_array

from .arguments import array, number, takes

# The arrays of any array-API library: NumPy's here, torch's in the hybrid layers.
Array = Any

# A depth below this is raised by as much where gradients can be asked for.  It costs the law twice
# its size, and the chain rule as many digits as the angle has zeros.
_SHALLOW = 1e-12
_SHALLOW_SINGLE = 1e-7


@takes(probe=array("... N", minimum=-1.0, maximum=1.0), beta=number("... N?"))
def exp_filter_angles(probe: Array, beta: float | Array) -> Array:
    """Rotations of the exponential filter, before and after the CZ of each neuron, in radians.

    ``before = arccos e^(-|beta x|)``, and ``after`` is the same with the sign of ``-beta x``, so
    that the ancilla reads 0 with amplitude 1 where the bit agrees with the sign of ``beta x`` and
    ``e^(-|beta x|)`` where it does not.

    At ``x = 0`` the angle has an infinite slope.  Arrays other than NumPy's, which may carry
    gradients, are therefore evaluated ``1e-12`` off a depth ``|beta x| < 1e-12`` (``1e-7`` in
    single precision): pattern probabilities move by at most ``2e-12`` a neuron, and gradients are
    those from the left.  The un-normalised weights have a kink at 0; their quotients, the pattern
    probabilities, have none, so that gradients of these are right.

    Args:
        probe: real entries x in [-1, 1].
        beta: inverse temperature, broadcast against ``probe``.

    Shapes:
        probe: (..., N)
        beta: a number, or (..., 1)
        result: (..., 2N), ``[before_0, after_0, before_1, after_1, ...]``

    >>> import numpy as np
    >>> exp_filter_angles(np.array([0.5, -1.0]), 2.0).round(4)
    array([ 1.1941, -1.1941,  1.435 ,  1.435 ])
    """
    xp = array_namespace(probe)
    with np.errstate(over="ignore"):  # a turn that is infinite is a right angle
        turn = beta * as_floating(probe)
    # Not abs, whose gradient at 0 is 0.
    depth = xp.where(turn > 0, turn, -turn)
    if not is_numpy_array(depth):
        shallow = _SHALLOW if depth.dtype == xp.float64 else _SHALLOW_SINGLE
        depth = xp.where(depth < shallow, depth + shallow, depth)
    # arccos(e^-depth), without the digits that arccos loses near 1.
    with np.errstate(over="ignore"):
        half = xp.atan2(xp.sqrt(-xp.expm1(-2.0 * depth)), xp.exp(-depth))
    pairs = xp.stack([half, xp.where(turn > 0, -half, half)], axis=-1)
    return xp.reshape(pairs, (*pairs.shape[:-2], 2 * pairs.shape[-2]))


@takes(keys=array(minimum=-1.0, maximum=1.0))
def key_angles(keys: Array) -> Array:
    """Rotations ``arccos z`` that load product-state keys ``R_y(arccos z)|0>``, in radians.

    At ``z = +-1`` the slope is infinite; the gradient there is 0.

    Args:
        keys: expectations z in [-1, 1], any shape.

    Returns:
        Angles in [0, pi] of the shape of ``keys``; tensors beyond [-1, 1] give NaN.

    >>> import numpy as np
    >>> key_angles(np.array([1.0, 0.0, -1.0])).round(4)
    array([0.    , 1.5708, 3.1416])
    """
    xp = array_namespace(keys)
    keys = as_floating(keys)
    sure = xp.abs(keys) == 1.0
    inside = xp.where(sure, xp.zeros_like(keys), keys)
    angles = 2.0 * xp.atan2(xp.sqrt(1.0 - inside), xp.sqrt(1.0 + inside))
    return xp.where(sure, xp.where(keys > 0, xp.zeros_like(keys), xp.full_like(keys, pi)), angles)


@takes(weights=array("... M", minimum=0.0))
def index_angles(weights: Array) -> Array:
    """Rotations of the tree that loads ``sum_mu sqrt(w_mu) |mu>``, in radians.

    The tree splits from the most significant bit of mu down.  On each level there is an angle
    ``2 atan2(sqrt w_1, sqrt w_0)`` for each string of more significant bits that occurs, in order,
    with ``w_b`` the weight below that string whose next bit is b: ``ceil(M / 2^(m - l))`` angles on
    level l of ``m = ceil(log2 M)``, and M - 1 altogether where M is a power of two.

    Where nothing lies on a side, the gradient is 0: a weight of exactly 0 is a pattern that is
    left out.  If all are 0, the angles are those of pattern 0 alone.

    Args:
        weights: w >= 0, in any common unit.

    Shapes:
        weights: (..., M)
        result: (..., number of angles)

    >>> import numpy as np
    >>> index_angles(np.array([0.25, 0.5, 0.25])).round(4)  # 0x or 1x; then x in 0x, x in 1x
    array([1.0472, 1.9106, 0.    ])
    """
    xp = array_namespace(weights)
    weights = as_floating(weights)
    lead, num_patterns = tuple(weights.shape[:-1]), weights.shape[-1]
    levels: list[Array] = []
    mass = weights
    for _ in range((num_patterns - 1).bit_length()):
        if mass.shape[-1] % 2:
            mass = xp.concat([mass, xp.zeros_like(mass[..., :1])], axis=-1)
        pairs = xp.reshape(mass, (*lead, mass.shape[-1] // 2, 2))
        levels.append(_split_angles(pairs[..., 0], pairs[..., 1]))
        mass = xp.sum(pairs, axis=-1)
    if not levels:
        return weights[..., :0]
    return xp.concat(levels[::-1], axis=-1)


def _split_angles(zero: Array, one: Array) -> Array:
    """``2 atan2(sqrt one, sqrt zero)``, with gradient 0 where either is 0."""
    xp = array_namespace(zero)
    split = (zero > 0) & (one > 0)
    ones = xp.ones_like(zero)
    angles = 2.0 * xp.atan2(
        xp.sqrt(xp.where(split, one, ones)), xp.sqrt(xp.where(split, zero, ones))
    )
    return xp.where(split, angles, xp.where(one > 0, pi * ones, 0.0 * ones))


def as_floating(array: Array) -> Array:
    """Returns integers as float64 (NumPy would take roots of int8 in half precision)."""
    xp = array_namespace(array)
    return array if xp.isdtype(array.dtype, "real floating") else xp.astype(array, xp.float64)
