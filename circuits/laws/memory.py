"""Closed forms of the filtered superposition memory: what is kept, how often, and how precisely.

A loader prepares ``sum_mu sqrt(w_mu) |xi^mu>``, a filter keeps pattern mu with probability ``a_mu``
(its ancillas all read 0), and what is left is measured::

    p(mu | x) = w_mu a_mu / P,      P = sum_mu w_mu a_mu  (the acceptance)

Each function is written against the array API standard, so that it takes NumPy arrays or torch
tensors and returns the same kind.  Patterns and keys are ``(M, N)``, probes ``(..., N)``.

Sources: Ramsauer et al. 2020, arXiv:2008.02217 (softmax update); Trugenberger 2001,
arXiv:quant-ph/0012100 (his kernel); Krotov and Hopfield 2016, arXiv:1606.01164 (the vote); Brassard
et al. 2002, arXiv:quant-ph/0005055 (amplification); Yoder, Low and Chuang 2014, arXiv:1409.3305
(fixed point).  The product-state, acceptance and covariance forms are this package's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_numpy_array

from .angles import as_floating
from .arguments import array, count, number, real, takes

# The arrays of any array-API library: NumPy's here, torch's in the hybrid layers.
Array = Any

_DEEP = 600.0  # exp(-_DEEP) is far below rounding and still not 0
# Overlaps that differ by less of the probe's size are equal, and rounding is not what beta decides.
_TIE = 8.0 * float(np.finfo(np.float64).eps)

_BETA = number("... M?", minimum=0.0)
_SHARES = array(minimum=0.0, maximum=1.0)
_ROWS = array("M N", minimum=-1.0, maximum=1.0)
_STORED = array("M+ N", minimum=-1.0, maximum=1.0)
_PROBE = array("... N", minimum=-1.0, maximum=1.0)
_NUMBERS = math.inf  # of sizes that a law divides by their greatest first


# Which pattern is kept -------------------------------------------------------------------------


@takes(patterns=_STORED, probe=_PROBE, beta=_BETA)
def softmax_memory(patterns: Array, probe: Array, beta: float | Array) -> Array:
    """Pattern probabilities of the exponential filter: ``softmax_mu(beta xi^mu . x)``.

    Args:
        patterns: the +-1 patterns.
        probe: real entries in [-1, 1].
        beta: inverse temperature, >= 0.

    Shapes:
        patterns: (M, N)
        probe: (..., N)
        result: (..., M)

    Source: the attention of Ramsauer et al. 2020, arXiv:2008.02217.
    """
    # Relative to the greatest overlap before beta comes in: no beta is too large, and ties share.
    overlaps = _products(patterns, probe)
    xp = array_namespace(overlaps)
    below = overlaps - xp.max(overlaps, axis=-1, keepdims=True)
    if is_numpy_array(below):  # elsewhere it would cut gradients
        noise = _TIE * np.abs(probe).sum(axis=-1, keepdims=True)
        below = np.where(below >= -noise, 0.0, below)
    return _softmax(_times(beta, below))


@takes(keys=_STORED, probe=_PROBE, beta=_BETA)
def product_key_logits(keys: Array, probe: Array, beta: float | Array) -> Array:
    """Logarithm of ``prod_i (cosh beta x_i + z_mu,i sinh beta x_i)``, stable for large ``beta``.

    This is what the exponential filter makes of keys in product states ``R_y(arccos z)|0>``; for
    z = +-1 it is ``beta xi^mu . x``.

    Args:
        keys: expectations z in [-1, 1].
        probe: real entries in [-1, 1].
        beta: inverse temperature, >= 0.

    Shapes:
        keys: (M, N)
        probe: (..., N)
        result: (..., M)
    """
    xp = array_namespace(keys, probe)
    terms, contradicted = _key_terms(keys, probe, beta)
    # The size as the terms take it, not abs, whose derivative at 0 is 0.
    size = xp.sum(xp.where(probe < 0, -probe, probe), axis=-1, keepdims=True)
    return terms + _times(beta, size - 2.0 * contradicted)


@takes(keys=_STORED, probe=_PROBE, beta=_BETA)
def product_key_memory(keys: Array, probe: Array, beta: float | Array) -> Array:
    """Pattern probabilities of the exponential filter on product-state keys; arguments as above."""
    # Only differences count, so that what beta multiplies is taken relative to its least.
    terms, contradicted = _key_terms(keys, probe, beta)
    least = array_namespace(terms).min(contradicted, axis=-1, keepdims=True)
    return _softmax(terms - _times(beta, 2.0 * (contradicted - least)))


@takes(keys=_STORED, probe=_PROBE, beta=_BETA)
def exp_acceptances(keys: Array, probe: Array, beta: float | Array) -> Array:
    """Probability that the exponential filter keeps each pattern, ``e^(-2 beta d)`` for +-1.

    In general ``prod_i e^(-beta |x_i|) (cosh beta x_i + z_i sinh beta x_i)``; arguments as in
    :func:`product_key_logits`.
    """
    xp = array_namespace(keys, probe)
    terms, contradicted = _key_terms(keys, probe, beta)
    return xp.exp(terms - _times(beta, 2.0 * contradicted))


@takes(patterns=_STORED, probe=_PROBE, beta=_BETA)
def exp_acceptance(patterns: Array, probe: Array, beta: float | Array) -> Array:
    """Acceptance of the exponential filter: ``e^(-beta |x|_1) mean_mu e^(beta xi^mu . x)``.

    Shapes:
        patterns: (M, N), +-1 or product-state keys
        probe: (..., N)
        result: (...)
    """
    xp = array_namespace(patterns, probe)
    return xp.mean(exp_acceptances(patterns, probe, beta), axis=-1)


@takes(acceptances=array("... M+", minimum=0.0, maximum=_NUMBERS), weights=array("M", minimum=0.0))
def kernel_memory(acceptances: Array, weights: Array | None = None) -> tuple[Array, Array]:
    """Pattern probabilities ``w a / P`` and the acceptance ``P = sum w a`` of any filter.

    Args:
        acceptances: probability that the filter keeps each pattern.
        weights: probability of each pattern in the superposition; equal ones by default.

    Shapes:
        acceptances: (..., M)
        weights: (M,)
        result: (..., M) and (...)

    Raises:
        ValueError: a filter keeps no pattern at all, so that nothing is left to measure.
    """
    xp = array_namespace(acceptances)
    kept = acceptances / acceptances.shape[-1] if weights is None else acceptances * weights
    # Relative to the greatest, so that neither the largest nor the smallest numbers are lost.
    greatest = xp.max(kept, axis=-1, keepdims=True)
    relative = kept / xp.where(greatest > 0, greatest, xp.ones_like(greatest))
    total = xp.sum(relative, axis=-1, keepdims=True)
    if not bool(xp.all(total > 0)):
        raise ValueError(
            "Acceptance 0: all acceptances are 0, the filter keeps no pattern, so there is nothing "
            "to recall. Lower beta or the power, subtract the least distance (d_min), or change "
            "the probe."
        )
    return relative / total, (total * greatest)[..., 0]


# Kernels of the distance -----------------------------------------------------------------------


@takes(patterns=_ROWS, probe=_PROBE)
def distances(patterns: Array, probe: Array) -> Array:
    """Disagreements with the known entries: ``d = (|x|_1 - xi . x) / 2``.

    For entries +-1 and 0 (unknown) it is the Hamming distance over the known ones.

    Shapes:
        patterns: (M, N)
        probe: (..., N)
        result: (..., M)
    """
    xp = array_namespace(patterns, probe)
    return (xp.sum(xp.abs(probe), axis=-1, keepdims=True) - _products(patterns, probe)) / 2.0


@takes(keys=_ROWS, probe=_PROBE)
def distance_distribution(keys: Array, probe: Array) -> Array:
    """Probability of each Hamming distance between product-state keys and a +-1 or 0 probe.

    A known bit disagrees with probability ``(1 - x_i z_i) / 2``, an unknown one never.

    Shapes:
        keys: (M, N)
        probe: (..., N), entries +-1 or 0
        result: (..., M, N + 1)
    """
    xp = array_namespace(keys, probe)
    probe = as_floating(probe)
    keys = xp.astype(keys, probe.dtype)
    known = xp.abs(probe)[..., None, :]
    wrong = known * (1.0 - probe[..., None, :] * keys) / 2.0
    zero = xp.zeros_like(wrong[..., :1])
    chances = zero + 1.0
    for i in range(wrong.shape[-1]):
        flip = wrong[..., i : i + 1]
        stay = xp.concat([chances * (1.0 - flip), zero], axis=-1)
        chances = stay + xp.concat([zero, chances * flip], axis=-1)
    return chances


@takes(distance=array(), num_neurons=count(minimum=1), controls=count(minimum=1))
def trugenberger_kernel(distance: Array, num_neurons: int, controls: int) -> Array:
    """Trugenberger's kernel ``cos^(2b)(pi d / 2n)`` with b controls; any shape.

    Source: Trugenberger 2001, arXiv:quant-ph/0012100.
    """
    xp = array_namespace(distance)
    return xp.cos(distance * (math.pi / (2.0 * num_neurons))) ** (2 * controls)


@takes(distance=array(), beta=real(minimum=0.0), least=number())
def shifted_kernel(distance: Array, beta: float, least: float | Array) -> Array:
    """Max-subtracted softmax kernel ``min(1, e^(-2 beta (d - d_min)))``.

    With ``least`` the least distance in the memory it is the same softmax at acceptance >= 1/M;
    with more, patterns nearer than ``least`` count alike.
    """
    xp = array_namespace(distance)
    beyond = distance - least
    beyond = xp.where(beyond > 0, beyond, xp.zeros_like(beyond))
    return xp.exp(-_times(beta, 2.0 * beyond))


@takes(differences=array("D+", minimum=-_NUMBERS, maximum=_NUMBERS))
def vote_kernel(differences: Array) -> tuple[Array, Array]:
    """Kernel ``|G| / max |G|`` and signs of the Krotov-Hopfield vote, from a table of G.

    Args:
        differences: ``G(h) = F(h + 1) - F(h - 1)`` at the overlaps of the other neurons.

    Shapes:
        differences: (D,)

    Raises:
        ValueError: G is 0 everywhere, so that there is no vote.
    """
    xp = array_namespace(differences)
    size = xp.abs(differences)
    greatest = xp.max(size)
    if not bool(greatest > 0):
        raise ValueError("G(h) = F(h + 1) - F(h - 1) is 0 at every overlap: there is no vote.")
    return size / greatest, xp.sign(differences)


@takes(sites=array("M"), differences=array("... M+", minimum=-_NUMBERS, maximum=_NUMBERS))
def vote(sites: Array, differences: Array) -> Array:
    """Expectation of the signed, post-selected vote: ``sum xi_i G / sum |G|``.

    Its sign is the update of Krotov and Hopfield 2016.

    Args:
        sites: ``xi_i^mu`` of the updated neuron.
        differences: G at each pattern's overlap without that neuron.

    Shapes:
        sites: (M,)
        differences: (..., M)
        result: (...)

    Raises:
        ValueError: G is 0 for every pattern: acceptance 0.
    """
    xp = array_namespace(sites, differences)
    size = xp.abs(differences)
    greatest = xp.max(size, axis=-1, keepdims=True)
    share, _ = kernel_memory(size / xp.where(greatest > 0, greatest, xp.ones_like(greatest)))
    return xp.sum(share * xp.sign(differences) * sites, axis=-1)


@takes(means=_PROBE, spins=_PROBE, beta=real(minimum=0.0))
def exponential_vote(means: Array, spins: Array, beta: float) -> Array:
    """Votes at every site from one run of the exponential filter, no site left out.

    ``sum_z z P(z) e^(-beta (1 + z s_i))``, which has the sign of the vote without site i, because
    leaving out a site changes a pattern's weight by ``e^(-beta xi_i s_i)`` only.

    Args:
        means: post-selected expectations ``<Z_i>`` with the probe ``spins``.
        spins: the +-1 state that was the probe.
        beta: inverse temperature, >= 0.

    Shapes:
        means, spins, result: (..., N)
    """
    # The common factor e^-beta keeps large beta from overflowing: the sign is what counts.
    agree = (1.0 + spins * means) / 2.0 * math.exp(-2.0 * beta)
    return spins * (agree - (1.0 - spins * means) / 2.0)


# Amplification ---------------------------------------------------------------------------------


@takes(acceptance=_SHARES, rounds=count(arrays=True))
def amplified(acceptance: Array, rounds: int | Array) -> Array:
    """Acceptance after r rounds of amplitude amplification: ``sin^2((2r + 1) arcsin sqrt P)``.

    Source: Brassard et al. 2002, arXiv:quant-ph/0005055.
    """
    xp = array_namespace(acceptance)
    return xp.sin((2 * rounds + 1) * xp.asin(xp.sqrt(acceptance))) ** 2


@takes(acceptance=array(minimum=0.0, maximum=1.0))
def best_rounds(acceptance: Array) -> Array:
    """Rounds that bring the acceptance nearest to 1 for the first time: ``floor(pi / 4 theta)``."""
    xp = array_namespace(acceptance)
    # At P = 1/2 one round and none are a tie: rounding must not choose the dearer.
    return xp.floor(math.pi / 4.0 / xp.asin(xp.sqrt(acceptance)) - 1e-12)


@takes(acceptance=array(minimum=0.0, maximum=1.0, inside=True), bound=count(minimum=1))
def random_rounds_amplified(acceptance: Array, bound: int) -> Array:
    """Mean acceptance where the rounds are drawn from 0..bound-1, for an unknown P.

    ``1/2 - sin(4 m theta) / (4 m sin 2 theta)``; at least 1/4 once ``m >= 1 / sin 2 theta``.

    Args:
        acceptance: P, strictly between 0 and 1.
        bound: m, >= 1.

    Source: Boyer et al. 1998, arXiv:quant-ph/9605034, lemma 2.
    """
    xp = array_namespace(acceptance)
    angle = xp.asin(xp.sqrt(acceptance))
    return 0.5 - xp.sin(4 * bound * angle) / (4 * bound * xp.sin(2 * angle))


@takes(acceptance=_SHARES, rounds=count(), tolerance=real(minimum=0.0, maximum=1.0, exclusive=True))
def fixed_point_amplified(acceptance: Array, rounds: int, tolerance: float) -> Array:
    """Acceptance of fixed-point amplification, ``1 - delta^2 T_L(T_(1/L)(1/delta) sqrt(1-P))^2``.

    It never overshoots: at least ``1 - delta^2`` for every
    ``P >= 1 - 1 / T_(1/L)(1/delta)^2``, with ``L = 2 rounds + 1``.

    Args:
        acceptance: P, in [0, 1].
        rounds: l, >= 0.
        tolerance: delta, in (0, 1).

    Source: Yoder, Low and Chuang 2014, arXiv:1409.3305, equation 1.
    """
    xp = array_namespace(acceptance)
    length = 2 * rounds + 1
    x = math.cosh(math.acosh(1.0 / tolerance) / length) * xp.sqrt(1.0 - acceptance)
    one = xp.ones_like(x)
    inside = xp.cos(length * xp.acos(xp.where(x < 1.0, x, one)))
    outside = xp.cosh(length * xp.acosh(xp.where(x > 1.0, x, one)))
    return 1.0 - (tolerance * xp.where(x < 1.0, inside, outside)) ** 2


# Reading out -----------------------------------------------------------------------------------


@takes(mean=array(minimum=-1.0, maximum=1.0), shots=number(minimum=1e-100), acceptance=_SHARES)
def standard_error(mean: Array, shots: float | Array, acceptance: Array) -> Array:
    """Standard error of a post-selected spin expectation: ``sqrt((1 - r^2) / (S P))``.

    Args:
        mean: r, the expectation.
        shots: S, before post-selection.
        acceptance: P; broadcast against ``mean``.
    """
    xp = array_namespace(mean, acceptance)
    with np.errstate(divide="ignore", invalid="ignore"):  # infinite where nothing is accepted
        return xp.sqrt((1.0 - mean**2) / (shots * acceptance))


@takes(
    error=real(minimum=1e-100, maximum=1e100),
    acceptance=array(minimum=0.0, maximum=1.0),
    mean=number(minimum=-1.0, maximum=1.0),
)
def shots_needed(error: float, acceptance: Array, mean: Array | float = 0.0) -> Array:
    """Shots, before post-selection, for a wanted standard error: ``(1 - r^2) / (P error^2)``.

    Args:
        error: wanted standard error, > 0.
        acceptance: P.
        mean: r; the default 0 is the worst case.

    Returns:
        Whole numbers, as floats, of the shape of ``acceptance`` and ``mean`` broadcast.
    """
    xp = array_namespace(acceptance)
    with np.errstate(divide="ignore", invalid="ignore"):  # acceptance 0 takes infinitely many
        return xp.ceil((1.0 - mean**2) / (acceptance * error**2))


@takes(first=array("M A"), second=array("M B"), probabilities=array("... M"))
def covariance(first: Array, second: Array, probabilities: Array) -> Array:
    """Covariance of two functions of the pattern under the post-selected distribution.

    Shapes:
        first: (M, A)
        second: (M, B)
        probabilities: (..., M)
        result: (..., A, B)
    """
    xp = array_namespace(first, second, probabilities)
    first = xp.astype(first, probabilities.dtype)
    second = xp.astype(second, probabilities.dtype)
    mean_first = xp.matmul(probabilities, first)
    mean_second = xp.matmul(probabilities, second)
    centred_first = first - mean_first[..., None, :]
    centred_second = second - mean_second[..., None, :]
    weighted = probabilities[..., :, None] * centred_first
    return xp.matmul(xp.matrix_transpose(weighted), centred_second)


@takes(
    patterns=_ROWS,
    probabilities=array("... M"),
    beta=number(None),
    values=array("M V"),
)
def covariance_gradient(
    patterns: Array, probabilities: Array, beta: float | Array, values: Array | None = None
) -> Array:
    """Jacobian of the softmax memory: ``d<V_i>/dx_j = beta (<V_i Z_j> - <V_i><Z_j>)``.

    Every entry comes from the accepted shots of the forward pass.

    Args:
        patterns: the +-1 patterns that were filtered.
        probabilities: ``p(mu | x)``.
        beta: inverse temperature.
        values: what is read out; the patterns by default.

    Shapes:
        patterns: (M, N)
        probabilities: (..., M)
        values: (M, V)
        result: (..., V, N)
    """
    read = patterns if values is None else values
    slopes = covariance(read, patterns, probabilities)
    try:
        return beta * slopes
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"beta must be a number, or broadcast against the Jacobian of shape {slopes.shape}; "
            f"got shape {np.shape(beta)}."
        ) from error


@takes(
    means=array("S ... N"), acceptances=array("S+ ...", minimum=0.0), sizes=array("S", minimum=0.0)
)
def combine_shards(means: Array, acceptances: Array, sizes: Array) -> tuple[Array, Array]:
    """Recombines a memory cut into shards, exactly: ``sum_s M_s P_s r_s / sum_s M_s P_s``.

    A shard's acceptance times its size is its partition function.

    Args:
        means: post-selected expectations of each shard.
        acceptances: acceptance of each shard.
        sizes: number of patterns in each shard.

    Shapes:
        means: (S, ..., N)
        acceptances: (S, ...)
        sizes: (S,)
        result: (..., N) and (...), the acceptance of the whole memory

    Raises:
        ValueError: every shard has acceptance 0.
    """
    xp = array_namespace(means, acceptances, sizes)
    sizes = xp.astype(sizes, acceptances.dtype)
    parts = acceptances * xp.reshape(sizes, (-1, *([1] * (acceptances.ndim - 1))))
    total = xp.sum(parts, axis=0)
    if not bool(xp.all(total > 0)):
        raise ValueError(
            "Acceptance 0 in every shard, all acceptances are 0: there is nothing to recombine."
        )
    share = parts / total
    return xp.sum(share[..., None] * means, axis=0), total / xp.sum(sizes)


def _products(patterns: Array, probe: Array) -> Array:
    """``xi^mu . x``, (..., M)."""
    xp = array_namespace(patterns, probe)
    probe = as_floating(probe)
    return xp.matmul(probe, xp.matrix_transpose(xp.astype(patterns, probe.dtype)))


def _softmax(logits: Array) -> Array:
    xp = array_namespace(logits)
    weights = xp.exp(logits - xp.max(logits, axis=-1, keepdims=True))
    return weights / xp.sum(weights, axis=-1, keepdims=True)


def _times(beta: float | Array, sizes: Array) -> Array:
    """``beta * sizes``, infinite without a warning where it overflows."""
    with np.errstate(over="ignore"):
        return beta * sizes


def _key_terms(keys: Array, probe: Array, beta: float | Array) -> tuple[Array, Array]:
    """Logarithm of ``e^(-beta |x|) (cosh beta x + z sinh beta x)`` over all neurons, in two parts.

    With s the sign of x, u = (1 + s z)/2 and t = 2 beta |x| a neuron's term is
    ``log(u + (1-u) e^-t)``.  At u = 0 it is -t, which has no bound in beta: of those at great
    depth only ``|x|`` is added up, so that the whole is ``first - 2 beta second``.  The sign of 0
    is taken as +1, which keeps the derivative in x right there.

    Shapes:
        result: (..., M) each
    """
    xp = array_namespace(keys, probe)
    probe = as_floating(probe)
    x = probe[..., None, :]
    s = xp.where(x < 0, -xp.ones_like(x), xp.ones_like(x))
    agree = (1.0 + s * xp.astype(keys, probe.dtype)) / 2.0
    size = s * x
    depth = _times(beta if isinstance(beta, (int, float)) else beta[..., None], 2.0 * size)
    # Only u = 0 at great depth underflows; there the logarithm is -t.
    lost = (agree <= 0) & (depth > _DEEP)
    zero = xp.zeros_like(agree * size)
    shallow = xp.where(lost, zero, depth + zero)
    inner = xp.log(xp.where(lost, zero + 1.0, agree + (1.0 - agree) * xp.exp(-shallow)))
    return xp.sum(inner, axis=-1), xp.sum(xp.where(lost, size + zero, zero), axis=-1)
