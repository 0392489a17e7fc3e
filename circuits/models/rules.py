"""Learning rules: from patterns to the weights of a Hopfield network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.cost import refuse_memory
from ..patterns import check_patterns


def hebb(patterns: ArrayLike) -> NDArray[np.float64]:
    r"""Hebb's rule: W_ij = (1/N) sum_mu xi_i^mu xi_j^mu, W_ii = 0 (Hopfield 1982).

    Args:
        patterns: the +-1 patterns to store.

    Shapes:
        patterns: (M, N) or (N,)
        result: (N, N), symmetric

    Raises:
        TypeError: ``patterns`` does not hold numbers.
        ValueError: ``patterns`` is not a table of distinct +-1 rows.

    >>> hebb([[1, -1, 1, 1]])[0].tolist()
    [0.0, -0.25, 0.25, 0.25]
    """
    spins = _spins(patterns)
    weights = spins.T @ spins
    weights /= spins.shape[1]
    np.fill_diagonal(weights, 0.0)
    return weights


def storkey(patterns: ArrayLike) -> NDArray[np.float64]:
    r"""Storkey's rule, one pattern after the other (Storkey 1997, ICANN).

    W_ij += (xi_i xi_j - xi_i h_ji - h_ij xi_j) / N with h_ij = sum_{k != i, j} W_ik xi_k over
    the weights before the update. The diagonal stays zero. The result depends on the order of
    the patterns.

    Args:
        patterns: the +-1 patterns to store, in the order they are learnt.

    Shapes:
        patterns: (M, N) or (N,)
        result: (N, N), symmetric

    Raises:
        TypeError: ``patterns`` does not hold numbers.
        ValueError: ``patterns`` is not a table of distinct +-1 rows.
    """
    spins = _spins(patterns)
    num_neurons = spins.shape[1]
    weights = np.zeros((num_neurons, num_neurons))
    for xi in spins:
        # With a = W xi and W_ii = 0: h_ij = a_i - W_ij xi_j, and xi_j^2 = 1 turns the two
        # excluded terms into + 2 W_ij.
        field = weights @ xi
        crossed = np.outer(xi, field)
        weights += (np.outer(xi, xi) - (crossed + crossed.T) + 2.0 * weights) / num_neurons
        np.fill_diagonal(weights, 0.0)
    return weights


def projection(patterns: ArrayLike) -> NDArray[np.float64]:
    r"""Projection (pseudo-inverse) rule: W = Xi^+ Xi, the projector on the patterns' span.

    For linearly independent patterns this is Xi^T (Xi Xi^T)^{-1} Xi (Personnaz, Guyon and
    Dreyfus 1985). Linearly dependent patterns are allowed: the projector on what they span is
    the same for every choice of patterns that spans it. Every stored pattern is a fixed point:
    without the diagonal P_ii <= 1 its field is h_i = (1 - P_ii) xi_i.

    Args:
        patterns: the +-1 patterns to store; they must span less than all N dimensions.

    Shapes:
        patterns: (M, N) or (N,)
        result: (N, N), symmetric, zero diagonal

    Raises:
        TypeError: ``patterns`` does not hold numbers.
        ValueError: ``patterns`` is not a table of distinct +-1 rows, or its rank is N, where the
            projector is the identity and stores nothing.
    """
    spins = _spins(patterns)
    num_neurons = spins.shape[1]
    _, singular, basis = np.linalg.svd(spins, full_matrices=False)
    cutoff = singular[0] * max(spins.shape) * np.finfo(np.float64).eps
    basis = basis[singular > cutoff]
    if len(basis) == num_neurons:
        raise ValueError(
            f"The patterns span all {num_neurons} dimensions, so the projection rule gives the "
            f"identity and stores nothing; give it patterns of rank below {num_neurons}."
        )
    weights: NDArray[np.float64] = basis.T @ basis
    weights[np.abs(weights) < 1e-12] = 0.0  # rounding must not decide ties
    weights = 0.5 * (weights + weights.T)
    np.fill_diagonal(weights, 0.0)
    return weights


def _spins(patterns: ArrayLike) -> NDArray[np.float64]:
    """Patterns (M, N) whose N x N weights fit in memory."""
    spins = check_patterns(patterns)
    size = spins.shape[1]
    refuse_memory(
        24.0 * size**2,
        f"The weights of {size} neurons ({size} x {size}) that store these patterns",
        "ModernHopfield and DenseAssociativeMemory keep the patterns and no weights.",
    )
    return spins.astype(np.float64)


RULES: dict[str, Callable[[ArrayLike], NDArray[np.float64]]] = {
    "hebb": hebb,
    "storkey": storkey,
    "projection": projection,
}
