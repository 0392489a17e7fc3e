"""Counting the votes of a dense memory's update: drawn from their law, or from circuits."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc
from scipy.stats import binom

from .. import laws
from ..blocks.filters import MemoryFilter
from ..models import DenseAssociativeMemory, Exponential
from .base import Counts, Runner, unpack_counts
from .superposition import ONCE, filtered_template

# Votes below this share of what cancelled in them are rounding noise, and a tie.
NOISE = 1e-13
# Numbers in one piece of a table over trajectories and patterns.
_PIECE = 4_000_000


class Ballots(ABC):
    """What counts the votes of T trajectories at once."""

    def __init__(
        self,
        model: DenseAssociativeMemory,
        chosen: MemoryFilter,
        votes: int,
        rng: np.random.Generator,
    ) -> None:
        self.model = model
        self._filter = chosen
        self._votes = votes
        self._rng = rng

    @abstractmethod
    def one_site(
        self, states: NDArray[np.int8], sites: int | NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The sum of the votes on a site, (T,), in the states (T, N)."""

    @abstractmethod
    def all_sites(self, states: NDArray[np.int8]) -> NDArray[np.int8]:
        """New states, (T, N), from one run of the exponential filter."""

    @abstractmethod
    def loadings(self, number: int) -> float:
        """How often the memory was loaded, if a circuit does it so often."""


class DrawnVotes(Ballots):
    """Votes drawn from their law."""

    def one_site(
        self, states: NDArray[np.int8], sites: int | NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """See :meth:`Ballots.one_site`: a binomial of accepted shots, and one of those for +1."""
        plus, minus = vote_chances(self.model, states, sites)
        total = np.clip(plus + minus, 0.0, 1.0)
        accepted = self._rng.binomial(self._votes, total)
        favour = self._rng.binomial(accepted, _share(plus, minus))
        return np.asarray(2 * favour - accepted, dtype=np.int64)

    def all_sites(self, states: NDArray[np.int8]) -> NDArray[np.int8]:
        """See :meth:`Ballots.all_sites`: a multinomial over the patterns and rejection."""
        patterns = self.model.patterns
        new = np.empty_like(states)
        for part in _pieces(len(states), len(patterns)):
            kept = self._filter.acceptances(patterns, states[part].astype(float)) / len(patterns)
            lost = np.maximum(0.0, 1.0 - kept.sum(axis=1, keepdims=True))
            chances = np.hstack([kept, lost])
            chances /= chances.sum(axis=1, keepdims=True)
            falls = self._rng.multinomial(self._votes, chances)[:, :-1]
            new[part] = elected(sharpness(self.model), falls, patterns, states[part])
        return new

    def loadings(self, number: int) -> float:
        """See :meth:`Ballots.loadings`: no circuit ran."""
        return math.nan


class CountedVotes(Ballots):
    """Votes counted from circuits."""

    def __init__(
        self,
        model: DenseAssociativeMemory,
        chosen: MemoryFilter,
        votes: int,
        rng: np.random.Generator,
        runner: Runner,
        *,
        fresh: bool,
    ) -> None:
        super().__init__(model, chosen, votes, rng)
        self._runner = runner
        num_neurons = model.num_neurons
        runner.admit(
            num_neurons
            + self._filter.register_width(num_neurons)
            + (chosen.steps(num_neurons) if fresh else 1),
            "Use exact=True, which draws the votes from their law at any size, or fewer neurons.",
            rank=len(model.patterns),
            simpler=None if fresh else "fresh=True " + ONCE,
        )
        self._template, _ = filtered_template(model.patterns, chosen, fresh=fresh)

    def one_site(
        self, states: NDArray[np.int8], sites: int | NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """See :meth:`Ballots.one_site`: equal states and sites share a run."""
        votes = self._votes
        _, signs = signed_kernel(self.model)
        every = np.broadcast_to(np.asarray(sites, dtype=np.int64), len(states))
        both = np.column_stack([states.astype(np.int64), every])
        distinct, group, sizes = np.unique(both, axis=0, return_inverse=True, return_counts=True)
        rows = distinct[:, :-1].astype(float)
        asked = distinct[:, -1]
        rows[np.arange(len(rows)), asked] = 0.0
        sums = np.empty(len(states), dtype=np.int64)
        members = _members(group, sizes)
        for index, counts in enumerate(self._run(rows, sizes)):
            spins, numbers, _ = self._kept(counts)
            # The sign of G comes from the other bits that were measured: S is diagonal.
            apart = np.rint(laws.distances(spins.astype(float), rows[index])).astype(np.intp)
            each = spins[:, asked[index]] * signs[apart]
            favour, against = int(numbers[each > 0].sum()), int(numbers[each < 0].sum())
            idle = int(sizes[index]) * votes - favour - against
            dealt = _dealt([favour, against, idle], int(sizes[index]), votes, self._rng)
            sums[members[index]] = dealt[:, 0] - dealt[:, 1]
        return sums

    def all_sites(self, states: NDArray[np.int8]) -> NDArray[np.int8]:
        """See :meth:`Ballots.all_sites`: equal states share a run."""
        votes = self._votes
        distinct, group, sizes = np.unique(states, axis=0, return_inverse=True, return_counts=True)
        new = np.empty_like(states)
        members = _members(group, sizes)
        for index, counts in enumerate(self._run(distinct.astype(float), sizes)):
            spins, numbers, rejected = self._kept(counts)
            parts = int(sizes[index])
            falls = _dealt([*numbers.tolist(), rejected], parts, votes, self._rng)[:, :-1]
            current = np.broadcast_to(distinct[index], (parts, states.shape[1]))
            new[members[index]] = elected(sharpness(self.model), falls, spins, current)
        return new

    def loadings(self, number: int) -> float:
        """See :meth:`Ballots.loadings`."""
        return float(number)

    def _run(self, rows: NDArray[np.float64], sizes: NDArray[np.int64]) -> list[Counts]:
        return self._runner.run(
            self._template.circuit,
            self._template.parameters,
            self._filter.angles(rows),
            sizes * self._votes,
            self._rng,
        )

    def _kept(self, counts: Counts) -> tuple[NDArray[np.int8], NDArray[np.int64], int]:
        """Measured patterns (K, N) of the accepted shots, their counts, and the rejected shots."""
        kept = {key: n for key, n in counts.items() if not key & self._template.rejecting}
        spins, numbers = unpack_counts(kept, 0, self.model.num_neurons)
        return spins, numbers.astype(np.int64), sum(counts.values()) - sum(kept.values())


def vote_outcomes(
    plus: NDArray[np.float64], minus: NDArray[np.float64], votes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities that a sum of votes is positive, zero and negative.

    Args:
        plus: probability that a vote is +1.
        minus: probability that a vote is -1; the others are 0.
        votes: how many are summed.

    Shapes:
        plus, minus: (...)
        result: three of (...)

    >>> [round(float(p), 4) for p in vote_outcomes(np.array(0.5), np.array(0.25), 2)]
    [0.5, 0.3125, 0.1875]
    """
    accepted = np.arange(votes + 1)
    number = binom.pmf(accepted, votes, np.clip(plus + minus, 0.0, 1.0)[..., None])
    half = accepted // 2
    won = (number * bdtrc(half, accepted, _share(plus, minus)[..., None])).sum(axis=-1)
    lost = (number * bdtrc(half, accepted, _share(minus, plus)[..., None])).sum(axis=-1)
    return won, np.clip(1.0 - won - lost, 0.0, 1.0), lost


def _share(part: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """``part / (part + rest)``, one half where both are 0."""
    total = part + rest
    some = total > 0.0
    return np.where(some, part / np.where(some, total, 1.0), 0.5)


def vote_chances(
    model: DenseAssociativeMemory, states: NDArray[np.int8], sites: int | NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities that a shot votes +1 and -1 on a site, (T,) each, in the states (T, N)."""
    kernel, signs = signed_kernel(model)
    patterns = model.patterns.astype(np.float64)
    plus, minus = np.empty(len(states)), np.empty(len(states))
    every = np.broadcast_to(np.asarray(sites, dtype=np.int64), len(states))
    for part in _pieces(len(states), len(patterns)):
        site = every[part]
        own = states[part][np.arange(len(site)), site]
        voters = patterns.T[site]
        rest = states[part].astype(np.float64) @ patterns.T - own[:, None] * voters
        apart = np.rint((model.num_neurons - 1 - rest) / 2.0).astype(np.intp)
        kept = kernel[apart] / len(patterns)
        direction = signs[apart] * voters
        plus[part] = (kept * (direction > 0)).sum(axis=1)
        minus[part] = (kept * (direction < 0)).sum(axis=1)
    return plus, minus


def elected(
    beta: float,
    falls: NDArray[np.int64],
    patterns: NDArray[np.int8],
    states: NDArray[np.int8],
) -> NDArray[np.int8]:
    """New states from how often each pattern came in one run of the exponential filter.

    Shapes:
        falls: (T, K)
        patterns: (K, N)
        states, result: (T, N)
    """
    accepted = falls.sum(axis=1)[:, None]
    # Without a vote the means are 0, whose vote is overruled below.
    means = falls @ patterns.astype(np.float64) / np.maximum(accepted, 1)
    votes = laws.exponential_vote(means, states.astype(np.float64), beta)
    decided = (np.abs(votes) > NOISE * math.exp(-2.0 * beta)) & (accepted > 0)
    return np.where(decided, np.sign(votes), states).astype(np.int8)


def compositions(total: int, parts: int) -> NDArray[np.int64]:
    """All rows of ``parts`` whole numbers >= 0 whose sum is at most ``total``."""
    rows = np.zeros((1, 0), dtype=np.int64)
    left = np.array([total])
    for _ in range(parts):
        sizes = left + 1
        number = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows = np.column_stack([np.repeat(rows, sizes, axis=0), number])
        left = np.repeat(left, sizes) - number
    return rows


def _dealt(counts: list[int], parts: int, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Deals shots of several kinds out to ``parts`` runs of ``size`` shots each, (parts, kinds).

    The shots of one run are exchangeable, so that this is what runs of their own would give.
    """
    left = np.array(counts, dtype=np.int64)
    dealt = np.empty((parts, len(left)), dtype=np.int64)
    for part in range(parts - 1):
        dealt[part] = rng.multivariate_hypergeometric(left, size)
        left -= dealt[part]
    dealt[-1] = left
    return dealt


def _members(group: NDArray[np.intp], sizes: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Which trajectories are in each group."""
    order = np.argsort(group.reshape(-1), kind="stable")
    return np.split(order, np.cumsum(sizes)[:-1])


def _pieces(rows: int, columns: int) -> list[slice]:
    """Slices of ``rows`` that keep a table of so many columns small."""
    step = max(1, _PIECE // columns)
    return [slice(start, start + step) for start in range(0, rows, step)]


def signed_kernel(model: DenseAssociativeMemory) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``|G| / max |G|`` and the sign of G at the distances 0..N-1 of the other neurons."""
    last = model.num_neurons - 1
    kernel, signs = laws.vote_kernel(
        model.separation.difference(last - 2.0 * np.arange(model.num_neurons))
    )
    return np.asarray(kernel), np.asarray(signs)


def sharpness(model: DenseAssociativeMemory) -> float:
    """The beta of an exponential separation function."""
    assert isinstance(model.separation, Exponential)  # only asked where one run serves all sites
    return model.separation.beta
