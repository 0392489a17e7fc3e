"""The modern Hopfield network: the log-sum-exp energy whose update is attention."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, softmax

from ..common.checks import check_count, check_flag, check_real, shown
from ..common.randomness import Seed
from ..patterns import check_patterns, check_probes, check_spins
from ..patterns.conversion import tell_ambiguous_probes
from .base import ClassicalRecall, FieldTracker, Model, complete
from .schedule import Order, check_order

# Log-ratios below this share of the terms that cancelled in them are rounding noise, and zero.
_NOISE = 1e-13
# Overlaps that differ by less of the probe's size are equal.
_TIE = 8.0 * float(np.finfo(np.float64).eps)
# How far an expectation may still move, in spins, where an iteration counts as ended.
_TOLERANCE = 1e-10
_UNDECIDED = 1e-8  # expectations below have no sign: an ended iteration may be off by this much


@dataclass(frozen=True, eq=False)
class ModernConvergence:
    """Where the iterated update of a modern Hopfield network ended.

    Attributes:
        expectations: (P, N) float, the last states x, in [-1, 1].
        association: (P, M) float, softmax(beta Xi x) at ``expectations``; rows sum to 1.
        energies: (P, T + 1) float, the energy before the first update and after each; T is the
            greatest of ``steps``. A row that ended sooner repeats its last energy.
        steps: (P,) int, updates made.
        converged: (P,) bool, whether another update moves no entry by more than the tolerance.
    """

    expectations: NDArray[np.float64]
    association: NDArray[np.float64]
    energies: NDArray[np.float64]
    steps: NDArray[np.int64]
    converged: NDArray[np.bool_]


class ModernHopfield(Model):
    """A modern Hopfield network (Ramsauer et al. 2020, arXiv:2008.02217, eqs. 2 and 3).

    For real states x in [-1, 1]^N, with the patterns as the rows of Xi,
    E(x) = -lse(beta, Xi x) + x.x / 2 + ln(M) / beta + N / 2,
    lse(beta, z) = ln(sum_mu exp(beta z_mu)) / beta, and x <- Xi^T softmax(beta Xi x) never
    raises it. N / 2 is the paper's (greatest norm)^2 / 2 for +-1 patterns, so 0 <= E <= 2N.

    On +-1 states x.x = N is constant and E has the local field
    h_i = artanh(tanh(beta) tanh(D_i / 2)) / beta, at most 1 in size,
    D_i = ln sum_{mu: xi_i = +1} exp(beta a_mu) - ln sum_{mu: xi_i = -1} exp(beta a_mu),
    a_mu = sum_{j != i} xi_j^mu s_j. Its sign is that of ``DenseAssociativeMemory`` with
    ``Exponential(beta)``: both energies fall with the same sum of exponentials. ``update`` moves
    +-1 states by this field; ``retrieve``, ``converge`` and ``recall`` move real ones.

    Args:
        patterns: the +-1 patterns to store.
        beta: inverse temperature per unit of the overlap xi . x, from 1e-300 to the
            greatest float: only differences of overlaps are multiplied by it.

    Shapes:
        patterns: (M, N) or (N,)

    Raises:
        TypeError: ``beta`` or a pattern is not a real number.
        ValueError: malformed patterns, the same pattern twice, or ``beta`` out of range.

    >>> memory = ModernHopfield([[1, 1, 1, -1], [1, -1, -1, -1]], beta=2.0)
    >>> memory.retrieve([1, 1, 0, -0.5]).round(3).tolist()
    [[1.0, 0.964, 0.964, -1.0]]
    """

    patterns: NDArray[np.int8]

    def __init__(self, patterns: ArrayLike, beta: float = 1.0) -> None:
        stored = check_patterns(patterns)
        stored.flags.writeable = False
        self.patterns = stored
        self.num_neurons = stored.shape[1]
        self.beta = check_real(beta, "beta", minimum=1e-300)
        self._matrix = stored.astype(np.float64)
        self._matrix.flags.writeable = False
        self._sites = np.ascontiguousarray(stored.T, dtype=np.int64)  # (N, M)
        self._sites.flags.writeable = False

    def __repr__(self) -> str:
        sizes = f"num_neurons={self.num_neurons}, patterns={len(self.patterns)}"
        return f"ModernHopfield({sizes}, beta={self.beta:g})"

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """Returns E = -lse(beta, Xi x) + x.x / 2 + ln(M) / beta + N / 2.

        Shapes:
            states: (P, N) or (N,), real numbers in [-1, 1]; +-1 states are some of them
            result: (P,)

        Raises:
            ValueError: ``states`` is not a table of rows of length N within [-1, 1].
        """
        rows = check_probes(states, self.num_neurons, name="states")
        overlaps = rows @ self._matrix.T
        greatest = overlaps.max(axis=1)
        terms = _times(self.beta, overlaps - greatest[:, None])
        # lse - ln(M) / beta is the log of a mean. Near 1 (small beta) the mean itself has lost
        # the digits that log1p needs; far from it, log1p has lost those that logsumexp keeps.
        below = np.expm1(terms).mean(axis=1)
        far = logsumexp(terms, axis=1) - math.log(terms.shape[1])
        log_mean = np.where(below > -0.5, np.log1p(below), far)
        constant = 0.5 * (np.square(rows).sum(axis=1) + self.num_neurons)
        energies: NDArray[np.float64] = constant - greatest - log_mean / self.beta
        return energies

    def association(self, states: ArrayLike) -> NDArray[np.float64]:
        """Returns softmax_mu(beta xi^mu . x), the share of each pattern in the update.

        Shapes:
            states: (P, N) or (N,), real numbers in [-1, 1]
            result: (P, M)

        Raises:
            ValueError: ``states`` is not a table of rows of length N within [-1, 1].
        """
        rows = check_probes(states, self.num_neurons, name="states")
        below = rows @ self._matrix.T
        below -= below.max(axis=1, keepdims=True)
        # Rounding is not what beta decides: overlaps that are equal up to it share.
        below[below >= -_TIE * np.abs(rows).sum(axis=1, keepdims=True)] = 0.0
        weights: NDArray[np.float64] = softmax(_times(self.beta, below), axis=1)
        return weights

    def retrieve(self, states: ArrayLike) -> NDArray[np.float64]:
        """Makes one update, x <- Xi^T softmax(beta Xi x).

        Shapes:
            states: (P, N) or (N,), real numbers in [-1, 1]
            result: (P, N), in [-1, 1]

        Raises:
            ValueError: ``states`` is not a table of rows of length N within [-1, 1].
        """
        # Rounding may carry a mean of +-1 past 1.
        return np.clip(self.association(states) @ self._matrix, -1.0, 1.0)

    def converge(
        self, probes: ArrayLike, *, steps: int = 100, tolerance: float = _TOLERANCE
    ) -> ModernConvergence:
        """Repeats the update from each probe until it no longer moves.

        Args:
            probes: where to start, in [-1, 1].
            steps: the most updates to make, >= 0.
            tolerance: the greatest move of an entry that counts as none, in spins, >= 0.

        Shapes:
            probes: (P, N) or (N,)

        Raises:
            TypeError: an argument has a wrong type.
            ValueError: ``probes``, ``steps`` or ``tolerance`` is malformed.
        """
        steps = check_count(steps, "steps")
        tolerance = check_real(tolerance, "tolerance", minimum=0.0)
        states = check_probes(probes, self.num_neurons)
        energies = [self.energy(states)]
        made = np.zeros(len(states), dtype=np.int64)
        converged = np.zeros(len(states), dtype=np.bool_)
        active = np.arange(len(states))
        while True:
            updated = self.retrieve(states[active])
            still = (np.abs(updated - states[active]) <= tolerance).all(axis=1)
            converged[active[still]] = True
            active, updated = active[~still], updated[~still]
            if not active.size or len(energies) > steps:
                break
            states[active] = updated
            made[active] += 1
            latest = energies[-1].copy()
            latest[active] = self.energy(updated)
            energies.append(latest)
        history = np.stack(energies, axis=1)
        return ModernConvergence(states, self.association(states), history, made, converged)

    def recall(
        self,
        probes: ArrayLike,
        *,
        sweeps: int = 100,
        order: Order = "sequential",
        synchronous: bool = False,
        seed: Seed = None,
    ) -> ClassicalRecall:
        """Runs :meth:`converge` from each probe and returns the signs of where it ended.

        Unlike the base class it starts from the probe's real entries and fills none at random.
        ``converged`` says whether the real iteration ended; ``energies`` are those of the signs.

        Args:
            probes: expectations of the spins, in [-1, 1]; 0 is an erased entry.
            sweeps: the most updates to make, >= 0; one update moves every neuron.
            order: ``"sequential"`` only: all neurons move at once, whatever ``synchronous`` says.
            synchronous: part of the interface; both values mean the same here.
            seed: of the sign of an expectation that ends at 0 (to 1e-8): it keeps the probe's
                +-1, and an entry between is drawn, see :func:`complete`.

        Shapes:
            probes: (P, N) or (N,)

        Raises:
            TypeError: an argument has a wrong type.
            ValueError: ``probes`` or ``sweeps`` is malformed, or an order is given.
        """
        sweeps = check_count(sweeps, "sweeps")
        checked = check_order(order, self.num_neurons, sweeps)
        if not (isinstance(checked, str) and checked == "sequential"):
            raise ValueError(
                f"order must be left out, all neurons move at once; got {shown(order)}."
            )
        check_flag(synchronous, "synchronous")
        drawn = complete(probes, self.num_neurons, seed=seed)
        tell_ambiguous_probes(check_probes(probes, self.num_neurons))
        end = self.converge(probes, steps=sweeps)
        decided = np.abs(end.expectations) > _UNDECIDED
        states = np.where(decided, np.sign(end.expectations), drawn).astype(np.int8)
        return ClassicalRecall(states, end.steps, end.converged, self.energy(states))

    def local_field(self, states: ArrayLike) -> NDArray[np.float64]:
        """Returns h_i = artanh(tanh(beta) tanh(D_i / 2)) / beta, half the energy of a flip.

        Shapes:
            states: (P, N) or (N,), all +-1
            result: (P, N)

        Raises:
            ValueError: ``states`` is not a table of +-1 rows of length N.
        """
        return self.tracker(states).all_fields()

    def field_bound(self) -> float:
        """Returns 1: a field reaches it where all patterns agree, and none exceeds it."""
        return 1.0

    def tracker(self, states: ArrayLike) -> FieldTracker:
        """Returns a tracker that holds the T x M overlaps; refuses states other than +-1."""
        return ModernTracker(self, check_spins(states, self.num_neurons))

    @property
    def integer_scale(self) -> int | None:
        """None: the fields are logarithms."""
        return None

    def _field(
        self, overlaps: NDArray[np.int64], sites: NDArray[np.int64], spins: NDArray[np.int8]
    ) -> NDArray[np.float64]:
        """Fields (T,) from overlaps (T, M), one site of the patterns (M,) or (T, M), spins (T,)."""
        # Each group is summed relative to its own greatest overlap, a whole number, so that the
        # difference of the two is exact whatever beta. A group without patterns stands at -inf.
        plus = np.broadcast_to(sites > 0, overlaps.shape)
        rest = (overlaps - spins[:, None] * sites).astype(np.float64)
        top_plus = np.where(plus, rest, -np.inf).max(axis=1)
        top_minus = np.where(plus, -np.inf, rest).max(axis=1)
        top = np.where(plus, top_plus[:, None], top_minus[:, None])
        terms = np.exp(_times(self.beta, rest - top))
        gap = top_plus - top_minus
        # A sum holds its greatest term, exp(0), unless its group is empty.
        sums = np.log(np.maximum(np.where(plus, terms, 0.0).sum(axis=1), 1.0))
        sums -= np.log(np.maximum(np.where(plus, 0.0, terms).sum(axis=1), 1.0))
        # Over beta, so that it is of the size of an overlap however large beta is.
        ratio = gap + sums / self.beta
        ratio[np.abs(ratio) < _NOISE * (1.0 / self.beta + np.abs(gap))] = 0.0
        return _half_flip(ratio, self.beta)


class ModernTracker(FieldTracker):
    """The overlaps (T, M), to which a flip adds a site of the patterns."""

    def __init__(self, model: ModernHopfield, states: NDArray[np.int8]) -> None:
        super().__init__(states)
        self._model = model
        # In floating point for the sake of BLAS; whole numbers this small are exact.
        self._overlaps = np.rint(states @ model._matrix.T).astype(np.int64)

    def field(self, neurons: int | NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns the local fields of ``neurons``, (T,)."""
        return self._model._field(self._overlaps, self._model._sites[neurons], self.spins(neurons))

    def all_fields(self) -> NDArray[np.float64]:
        """Returns the local fields of all neurons, (T, N)."""
        return np.stack([self.field(i) for i in range(self._model.num_neurons)], axis=1)

    def _flip(
        self, neurons: int | NDArray[np.int64], changed: NDArray[np.intp], spins: NDArray[np.int8]
    ) -> None:
        self._overlaps[changed] += 2 * spins[:, None].astype(np.int64) * self._model._sites[neurons]


def _half_flip(ratio: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    """artanh(tanh(beta) tanh(D / 2)) / beta, with the ratio D / beta.

    It is ln(cosh(D/2 + beta) / cosh(D/2 - beta)) / 2 beta, too.
    """
    # The first form keeps digits for small beta, the second where tanh(beta) is near 1.
    size = np.abs(ratio)
    if beta <= 1.0:
        flip = np.arctanh(np.tanh(beta) * np.tanh(0.5 * beta * size)) / beta
    else:
        flip = np.log1p(np.exp(_times(-beta, size + 2.0)))
        flip -= np.log1p(np.exp(_times(-beta, np.abs(size - 2.0))))
        flip = 0.5 * (np.minimum(size, 2.0) + flip / beta)
    fields: NDArray[np.float64] = np.sign(ratio) * np.minimum(flip, 1.0)
    return fields


def _times(beta: float, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """``beta * sizes``, infinite without a warning where it overflows."""
    with np.errstate(over="ignore"):
        return np.asarray(beta * sizes)
