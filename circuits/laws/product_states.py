"""Closed forms of the quantum neuron whose inputs are product states.

Input neuron j is the qubit ``R_y(arccos z_j)|0>``, so that the spins that the neuron reads are
independent with means ``z_j``, and the angle ``u = 2 gain h`` of the field
``h = b + sum_j W_j s_j`` has a characteristic function that is a product::

    chi(r) = E[e^(i r u)] = e^(2 i r gain b) prod_j (cos(2 r gain W_j) + i z_j sin(2 r gain W_j))

What a level-k neuron does is a finite Fourier series in u.  With ``p = (1 + sin u) / 2`` and
``m = 2^k``, where "accepted" means that every block succeeded at its only try::

    <s>, accepted    E[p^m - (1-p)^m] = 4^(1-m) sum_(r odd) (-1)^((r-1)/2) C(2m, m-r) Im chi(r)
    accepted         E[p^m + (1-p)^m] = 2 4^-m C(2m, m)
                                        + 4^(1-m) sum_(r even) (-1)^(r/2) C(2m, m-r) Re chi(r)

So a neuron with n inputs costs O(n) numbers a harmonic instead of 2^n, at m harmonics.

The product is taken over blocks of four inputs.  In a block it is a sum over the 16 subsets of its
inputs, that is a matrix product of 16 features of the means with 16 features of the weights, and
what is left are a quarter of the factors.  All of it is real arithmetic, which float32 and
torch.compile handle better than complex numbers.

Sources: Cao, Guerreschi and Aspuru-Guzik 2017, arXiv:1711.11240, for the neuron; its law on product
states is this package's.
"""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace

from ..common.checks import check_count
from .angles import as_floating
from .arguments import array, number, takes

# The arrays of any array-API library: NumPy's here, torch's in the hybrid layers.
Array = Any

MAX_LEVEL = 4
"""Deepest nesting here: beyond it the series cancels to less than double precision can hold."""

_BLOCK = 4  # inputs that one matrix product takes together
_FINE = 4  # from this level on single precision would lose three digits: doubles do the sums


@takes(
    weights=array(None),
    bias=array(None),
    gain=number("", minimum=-1e100, maximum=1e100),
    means=array(None),
)
def product_neuron(
    weights: Array, bias: Array, gain: float | Array, means: Array, level: int, *, xp: Any = None
) -> tuple[Array, Array]:
    """Mean spin and acceptance of post-selected level-k neurons on product-state inputs.

    Single precision is kept up to level 3; level 4 is summed in doubles and rounded afterwards.

    Args:
        weights: W, one row a neuron.
        bias: b, one a neuron.
        gain: angle in radians per unit of field.
        means: expectations z of the input spins, in [-1, 1].
        level: number of nested RUS blocks, 0..4; each is tried once, failures are thrown away.
        xp: the array library, found from the arrays where it is left out.  Naming it
            (``array_api_compat.torch``) lets ``torch.compile`` trace this function.

    Shapes:
        weights: (A, N)
        bias: (A,)
        means: (..., N)
        result: (..., A) and (..., A): the mean spin of accepted runs, and the chance of one

    Raises:
        TypeError: ``level`` is no integer.
        ValueError: ``level`` is out of range, or shapes that do not fit together.
    """
    check_count(level, "level", maximum=MAX_LEVEL)
    if xp is None:
        xp = array_namespace(weights, bias, means)
        weights, bias, means = map(as_floating, (weights, bias, means))
    dtype = means.dtype
    if level >= _FINE:
        weights, bias, means = (xp.astype(x, xp.float64) for x in (weights, bias, means))
    odd, even, constant = _POST_SELECTED[level]
    if not even:
        (sines,) = _harmonics(xp, weights, bias, gain, means, (tuple(odd),))
        return sines[..., 0, :], xp.ones_like(sines[..., 0, :])
    sines, cosines = _harmonics(xp, weights, bias, gain, means, (tuple(odd), tuple(even)))
    signed = _series(xp, sines, list(odd.values()))
    accepted = _series(xp, cosines, list(even.values())) + constant
    expectation = signed / accepted
    if level >= _FINE:
        return xp.astype(expectation, dtype), xp.astype(accepted, dtype)
    return expectation, accepted


@takes(
    weights=array(None),
    bias=array(None),
    gain=number("", minimum=-1e100, maximum=1e100),
    means=array(None),
)
def repeated_product_neuron(
    weights: Array, bias: Array, gain: float | Array, means: Array, level: int, *, xp: Any = None
) -> Array:
    """Mean spin of level-k neurons on product-state inputs whose blocks repeat until success.

    Nothing is thrown away, so this is the plain average of the neuron's law over its inputs,
    ``E[tanh(2^(k+1) artanh tan(gain h))]``.  Post-selection differs from it: it prefers inputs that
    the neuron is sure about.  The Fourier series is infinite and is cut where its terms fall below
    the rounding of the inputs' dtype.  Arguments as in :func:`product_neuron`.

    Shapes:
        result: (..., A)

    Raises:
        TypeError: ``level`` is no integer.
        ValueError: ``level`` is out of range, or shapes that do not fit together.
    """
    check_count(level, "level", maximum=MAX_LEVEL)
    if xp is None:
        xp = array_namespace(weights, bias, means)
        weights, bias, means = map(as_floating, (weights, bias, means))
    odd = _repeated(level, float(xp.finfo(means.dtype).eps))
    (sines,) = _harmonics(xp, weights, bias, gain, means, (tuple(odd),))
    return _series(xp, sines, list(odd.values()))


# The coefficients of the series ----------------------------------------------------------------


def _post_selected(level: int) -> tuple[dict[int, float], dict[int, float], float]:
    """Coefficients by harmonic: of Im chi (odd), of Re chi (even), and the constant; exact."""
    m = 2**level
    scale = 4.0 ** (1 - m)
    signed = {r: scale * (-1) ** (r // 2) * math.comb(2 * m, m - r) for r in range(1, m + 1)}
    odd = {r: value for r, value in signed.items() if r % 2}
    even = {r: value for r, value in signed.items() if r % 2 == 0}
    return odd, even, 0.5 * scale * math.comb(2 * m, m)


_POST_SELECTED = tuple(_post_selected(level) for level in range(MAX_LEVEL + 1))


def _repeated(level: int, tolerance: float) -> dict[int, float]:
    """Coefficients of ``sin(r u)`` in ``tanh(m artanh sin u)``, down to a tolerance.

    By partial fractions over the poles ``sin u = +-i tan t_l``, ``t_l = (2l - 1) pi / 2m``, it is
    ``(4/m) sum_l tan(pi/4 - t_l/2)^r / cos t_l``, l = 1..m/2, for odd r.
    """
    m = 2**level
    if m == 1:
        return {1: 1.0}
    poles = [(2 * pole - 1) * math.pi / (2 * m) for pole in range(1, m // 2 + 1)]
    coefficients = {}
    r, last = 1, math.inf
    while last > tolerance:
        terms = [math.tan(math.pi / 4.0 - t / 2.0) ** r / math.cos(t) for t in poles]
        coefficients[r] = last = 4.0 / m * math.fsum(terms)
        r += 2
    return coefficients


def _series(xp: Any, harmonics: Array, coefficients: list[float]) -> Array:
    """``sum_r c_r x_r`` over the last axis but one."""
    if len(coefficients) == 1:
        only = harmonics[..., 0, :]
        return only if coefficients[0] == 1.0 else only * coefficients[0]
    column = [[value] for value in coefficients]
    factors = xp.asarray(column, dtype=harmonics.dtype, device=harmonics.device)
    return xp.sum(harmonics * factors, axis=-2)


# The characteristic function -------------------------------------------------------------------

# Real and imaginary part of i^|S| for the 16 subsets S of a block.
_POWERS = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)]
_SIGNS = [
    [[_POWERS[subset.bit_count() % 4][part] for subset in range(2**_BLOCK)]] for part in range(2)
]


def _harmonics(
    xp: Any,
    weights: Array,
    bias: Array,
    gain: float | Array,
    means: Array,
    groups: tuple[tuple[int, ...], ...],
) -> list[Array]:
    """``Im chi`` at the odd harmonics, and ``Re chi`` at the even ones where there are any.

    Args:
        xp: the array library.
        weights: W.
        bias: b.
        gain: angle in radians per unit of field.
        means: z.
        groups: the odd harmonics, or the odd and as many even ones.

    Shapes:
        weights: (A, N)
        bias: (A,)
        means: (..., N)
        result: (..., R, A) each, R harmonics in a group
    """
    outputs, inputs = _check_shapes(weights, bias, means)
    lead = means.shape[:-1]
    rows = math.prod(lead)
    # The bias is one more input, of mean 1; inputs of weight 0 fill up the last block.
    blocks = inputs // _BLOCK + 1
    empty = blocks * _BLOCK - inputs - 1
    synapses, columns = [weights, bias[:, None]], [xp.reshape(means, (rows, inputs)).T]
    columns.append(xp.ones((1, rows), dtype=means.dtype, device=means.device))
    if empty:
        like = {"dtype": weights.dtype, "device": weights.device}
        synapses.append(xp.zeros((outputs, empty), **like))
        like = {"dtype": means.dtype, "device": means.device}
        columns.append(xp.zeros((empty, rows), **like))
    orders = [[2.0 * r] for group in groups for r in group]
    turns = xp.asarray(orders, dtype=weights.dtype, device=weights.device) * gain
    angles = turns * xp.reshape(xp.concat(synapses, axis=1), (1, -1))
    angles = xp.permute_dims(xp.reshape(angles, (-1, blocks, _BLOCK)), (1, 0, 2))
    # Rows come last, so that every step runs along them.
    factors = xp.matmul(
        _weight_features(xp, angles),
        _mean_features(xp, xp.reshape(xp.concat(columns, axis=0), (blocks, _BLOCK, rows))),
    )
    size = len(groups[0])
    return [
        xp.reshape(xp.reshape(part, (size * outputs, rows)).T, (*lead, size, outputs))
        for part in _product(xp, factors, len(groups))
    ]


def _check_shapes(weights: Array, bias: Array, means: Array) -> tuple[int, int]:
    """Neurons and inputs.

    Raises:
        ValueError: shapes that do not fit together.
    """
    if weights.ndim != 2:
        raise ValueError(
            f"weights must have shape (A, N), one row a neuron, got {tuple(weights.shape)}."
        )
    outputs, inputs = weights.shape
    if tuple(bias.shape) != (outputs,):
        raise ValueError(
            f"bias must have shape ({outputs},), as the weights {(outputs, inputs)} have rows, got "
            f"{tuple(bias.shape)}."
        )
    if not means.ndim or means.shape[-1] != inputs:
        raise ValueError(
            f"means must have shape (..., {inputs}), as the weights {(outputs, inputs)} have "
            f"inputs, got {tuple(means.shape)}."
        )
    return outputs, inputs


def _mean_features(xp: Any, columns: Array) -> Array:
    """Products of the means over every subset of a block: (K, 4, rows) to (K, 16, rows)."""
    a, b, c, d = _apart(xp, columns, 1)
    ones = xp.ones_like(a)
    low = xp.stack([ones, a, b, a * b], axis=1)
    high = xp.stack([ones, c, d, c * d], axis=1)
    blocks, _, rows = low.shape
    return xp.reshape(high[:, :, None, :] * low[:, None, :, :], (blocks, 2**_BLOCK, rows))


def _weight_features(xp: Any, angles: Array) -> Array:
    """What multiplies the products of means: sines in the subset, cosines outside, ``i^|S|``.

    Shapes:
        angles: (K, X, 4)
        result: (K, 2 X, 16), real parts before imaginary ones
    """
    blocks, width, _ = angles.shape
    pairs = xp.stack([xp.cos(angles), xp.sin(angles)], axis=-1)
    a, b, c, d = _apart(xp, pairs, 2)
    low = xp.reshape(b[:, :, :, None] * a[:, :, None, :], (blocks, width, 1, 4))
    high = xp.reshape(d[:, :, :, None] * c[:, :, None, :], (blocks, width, 4, 1))
    products = xp.reshape(high * low, (blocks, 1, width, 2**_BLOCK))
    signs = xp.asarray(_SIGNS, dtype=angles.dtype, device=angles.device)
    return xp.reshape(products * signs, (blocks, 2 * width, 2**_BLOCK))


def _product(xp: Any, factors: Array, groups: int) -> tuple[Array, ...]:
    """The product over the blocks: its imaginary part, and of a second group its real part.

    Args:
        xp: the array library.
        factors: real parts, then imaginary ones.
        groups: 1 or 2 equal groups that the other numbers fall into.

    Shapes:
        factors: (K, 2 groups X, rows)
        result: (X, rows) each
    """
    blocks, width, rows = factors.shape
    factors = xp.reshape(factors, (blocks, 2, width // 2, rows))
    while blocks > 3:
        left = factors[blocks - 1 :] if blocks % 2 else None
        blocks //= 2
        pairs = xp.reshape(factors[: 2 * blocks], (blocks, 4, *factors.shape[2:]))
        a, b, c, d = _apart(xp, pairs, 1)
        factors = xp.stack([a * c - b * d, a * d + b * c], axis=1)
        if left is not None:
            factors, blocks = xp.concat([factors, left], axis=0), blocks + 1
    a, b, *others = _apart(xp, xp.reshape(factors, (2 * blocks, width // 2, rows)), 0)
    if len(others) == 4:
        c, d, *others = others
        a, b = a * c - b * d, a * d + b * c
    if not others:
        return (b,) if groups == 1 else (_halves(xp, b)[0], _halves(xp, a)[1])
    c, d = others
    if groups == 1:
        return (a * d + b * c,)
    (a, e), (b, f), (c, g), (d, h) = (_halves(xp, part) for part in (a, b, c, d))
    return a * d + b * c, e * g - f * h


def _halves(xp: Any, part: Array) -> tuple[Array, Array]:
    """Splits the first axis in two."""
    width, rows = part.shape
    first, second = _apart(xp, xp.reshape(part, (2, width // 2, rows)), 0)
    return first, second


def _apart(xp: Any, array: Array, axis: int) -> tuple[Array, ...]:
    """The slices along an axis; ``unstack`` of array-api-compat stops torch's vmap."""
    others = [each for each in range(array.ndim) if each != axis]
    return tuple(xp.permute_dims(array, (axis, *others)) if axis else array)
