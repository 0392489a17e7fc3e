"""Completion by search: Grover's iteration on a memory in superposition, and its two repairs.

Plain Grover from the superposition of the patterns recalls badly, because the states that are not
stored interfere.  Ventura and Martinez also turn all stored patterns once, which lifts the
other states to the same footing; Ezhov, Nifanova and Ventura mark a distribution around the probe
and reflect about the memory.  Nothing is post-selected, so that every run counts, and states that
were never stored (spurious ones) come with the probability that the law says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from ..common.checks import check_real
from ..models import Model, complete
from ..patterns import all_states, to_index
from .base import Probes
from .markov import product_distribution
from .probes import expectations_of
from .search import SearchCircuit, SearchMethod, check_rounds
from .superposition import stored_patterns

MAX_AUTO_ROUNDS = 10_000
"""Most rounds that ``rounds="auto"`` looks through; for completion enough up to 25 neurons."""

_TIE = 1e-9  # probabilities that differ by less are equal, and the fewer rounds are taken
_EMPTY = 1e-12  # a probability of all spurious states below this is rounding


class _Completion(SearchMethod):
    """Search for the states that agree with the known bits.

    All states of one kind (stored or not, matching or not) keep one amplitude, so that four numbers
    are the whole law.
    """

    loads_a_round = 0
    trick: ClassVar[bool]

    def _rows(self, model: Model, probes: Probes) -> NDArray[np.float64]:
        stored_patterns(model)
        rows = expectations_of(probes, model.num_neurons)
        soft = np.argwhere((rows != 0.0) & (np.abs(rows) != 1.0))
        if soft.size:
            row, neuron = soft[0]
            raise ValueError(
                f"{type(self).__name__} completes: a probe holds +-1 where the bit is known and 0 "
                f"where it is not; got {rows[row, neuron]:g} in row {row} at neuron {neuron}. "
                "DistributedQuery(spread=...) and FilteredMemory(ExpFilter(beta)) take any "
                "expectation between -1 and 1."
            )
        blank = np.flatnonzero(~rows.any(axis=1))
        if blank.size:
            raise ValueError(
                f"{type(self).__name__} needs at least one known bit (+-1) a probe; probe "
                f"{blank[0]} has none, and every state would match it."
            )
        return rows

    def _marked(self, row: NDArray[np.float64], rounds: int) -> tuple[int, ...]:
        return tuple(np.flatnonzero(row).tolist()) if rounds or self.trick else ()

    def _kinds(
        self, patterns: NDArray[np.int8], row: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], tuple[int, int, int, int]]:
        """Which patterns match, and how many states are of each kind."""
        matching = _matches(patterns, row)
        both = int(np.count_nonzero(matching))
        other = len(patterns) - both
        agreeing: int = 2 ** int(np.count_nonzero(row == 0.0))
        everything: int = 2 ** len(row)
        return matching, (both, other, agreeing - both, everything - agreeing - other)

    def _best_rounds(self, patterns: NDArray[np.int8], row: NDArray[np.float64]) -> int:
        limit = _search_limit(len(row))
        if limit > MAX_AUTO_ROUNDS:
            raise ValueError(
                f"rounds='auto' would look through {limit} rounds for {len(row)} neurons, and "
                f"{MAX_AUTO_ROUNDS} are the most: give rounds= as a number, or use AmplifiedMemory,"
                " whose rounds grow with sqrt(M) and not with sqrt(2^N)."
            )
        _, sizes = self._kinds(patterns, row)
        return _best_completion(sizes, self.trick, limit)

    def _vector(
        self, patterns: NDArray[np.int8], row: NDArray[np.float64], rounds: int
    ) -> NDArray[np.float64]:
        _, sizes = self._kinds(patterns, row)
        each = _weights(sizes, self.trick, rounds) / np.maximum(sizes, 1)
        matching = _matches(all_states(len(row)), row)
        stored = np.zeros(2 ** len(row), dtype=np.bool_)
        stored[to_index(patterns)] = True
        return np.asarray(each[2 * ~stored + ~matching])

    def _draw(
        self,
        patterns: NDArray[np.int8],
        row: NDArray[np.float64],
        rounds: int,
        shots: int,
        rng: np.random.Generator,
    ) -> NDArray[np.int8]:
        matching, sizes = self._kinds(patterns, row)
        counts = rng.multinomial(shots, _weights(sizes, self.trick, rounds)).tolist()
        known = patterns[matching], patterns[~matching]
        parts = [
            pool[rng.integers(len(pool), size=count)]
            for pool, count in zip(known, counts[:2], strict=True)
            if count
        ]
        spurious = _not_among(patterns)
        parts.append(_draw_until(_product(row, rng), spurious, counts[2]))
        parts.append(
            _draw_until(
                _product(np.zeros_like(row), rng),
                lambda states: spurious(states) & ~_matches(states, row),
                counts[3],
            )
        )
        return np.concatenate(parts)


@dataclass(frozen=True)
class VenturaMartinez(_Completion):
    """Completion of a partial probe: Grover's search with the memory turned once.

    From the memory ``|m>`` (equal amplitudes on the patterns), with ``I_t`` the sign of all states
    that match the known bits, ``I_P`` that of all stored patterns and G the reflection about the
    equal superposition: ``I_t, G, I_P, G``, then T rounds of ``I_t, G``.  The oracle marks what
    matches, stored or not, so that spurious states remain, and for sparse memories many:
    :class:`AmplifiedMemory` reflects about the memory instead and recalls none.  This completes
    and does not correct: a wrong known bit is never mended.

    The papers write strings left to right, here neuron 0 first: "011?" is the probe
    ``[1, -1, -1, 0]``, which Qiskit would write from the right.

    Args:
        rounds: T, the rounds after ``I_P``, or ``"auto"``: those with the greatest P(match) by law,
            which follows from N, M and how many patterns match, within the first
            ``ceil(pi/2 sqrt(2^N))``.

    Raises:
        TypeError: ``rounds`` is neither "auto" nor an integer.
        ValueError: ``rounds`` < 0.

    Source: Ventura and Martinez 2000, Information Sciences 124, 273, arXiv:quant-ph/9807053.

    >>> from qhopfield.circuits import Hopfield, VenturaMartinez
    >>> strings = ["0000", "0011", "0110", "1001", "1100", "1111"]
    >>> memory = Hopfield.store([[1 - 2 * int(bit) for bit in each] for each in strings])
    >>> law = VenturaMartinez(rounds=1).law(memory, [1, -1, -1, 1])
    >>> round(law.probability_of([1, -1, -1, 1]), 4)
    0.9902
    """

    rounds: int | str = "auto"
    trick: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_rounds(self.rounds)

    def _iterate(self, search: SearchCircuit, rounds: int) -> None:
        search.mark_query()
        search.about_uniform()
        search.mark_memory()
        search.about_uniform()
        for _ in range(rounds):
            search.mark_query()
            search.about_uniform()


@dataclass(frozen=True)
class GroverCompletion(_Completion):
    """Completion of a partial probe by plain Grover search from the memory ``|m>``.

    Rounds of ``I_t, G`` as in :class:`VenturaMartinez`, without its turn of the memory: the
    reflection about the equal superposition feeds the states that are not stored.  It is here to be
    compared with.

    Args:
        rounds: r, or ``"auto"`` as in :class:`VenturaMartinez`.

    Raises:
        TypeError: ``rounds`` is neither "auto" nor an integer.
        ValueError: ``rounds`` < 0.

    Source: Grover 1996, arXiv:quant-ph/9605043; on a memory, Ventura and Martinez 2000,
    arXiv:quant-ph/9807053.
    """

    rounds: int | str = "auto"
    trick: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_rounds(self.rounds)

    def _iterate(self, search: SearchCircuit, rounds: int) -> None:
        for _ in range(rounds):
            search.mark_query()
            search.about_uniform()


@dataclass(frozen=True)
class DistributedQuery(SearchMethod):
    """Correction of a probe by a query that is spread over the states around it.

    The query state ``|b>`` is a product state: a bit differs from the probe's with probability q,
    so that a state at distance d has the amplitude ``sqrt(q^d (1-q)^(N-d))``.  Rounds of the oracle
    ``1 - 2 |b><b|`` and of the reflection about the memory ``|m>`` turn the state from ``|m>``
    towards ``|b>``, by 2t each with ``sin t = <m|b>``.  On the way the stored patterns near the
    probe gain; at its end stands ``|b>`` itself, which is the probe and its neighbours, stored or
    not.  Spurious recall is unavoidable, and for a probe with wrong bits the gain over 1/M small:
    :class:`AmplifiedMemory` does better.

    An entry z of the probe between -1 and 1 is a product state, and the query's entry then
    ``(1 - 2 q) z``: an erased bit (0) is an equal superposition.  With q = 0 and a stored probe
    this is amplitude amplification about the memory.

    Args:
        spread: q, from 0 to 1/2.
        rounds: r, or ``"auto"``: those, before ``|b>`` is reached, after which by law a stored
            pattern with as many wrong bits as the query expects (q N) would be the most probable.

    Raises:
        TypeError: ``rounds`` is neither "auto" nor an integer, ``spread`` no number.
        ValueError: an argument is out of range.

    Source: Ezhov, Nifanova and Ventura 2000, Information Sciences 128, 271.
    """

    spread: float = 0.1
    rounds: int | str = "auto"
    loads_a_round: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_real(self.spread, "spread", minimum=0.0, maximum=0.5)
        check_rounds(self.rounds)

    def _rows(self, model: Model, probes: Probes) -> NDArray[np.float64]:
        stored_patterns(model)
        return np.asarray((1.0 - 2.0 * self.spread) * expectations_of(probes, model.num_neurons))

    def _marked(self, row: NDArray[np.float64], rounds: int) -> tuple[int, ...]:
        return tuple(range(len(row))) if rounds else ()

    def _iterate(self, search: SearchCircuit, rounds: int) -> None:
        for _ in range(rounds):
            search.mark_query()
            search.about_memory()

    def _best_rounds(self, patterns: NDArray[np.int8], row: NDArray[np.float64]) -> int:
        overlap = _overlap(patterns, row)
        angle = math.asin(min(overlap, 1.0))
        if angle * MAX_AUTO_ROUNDS < math.pi / 4.0:
            raise ValueError(
                f"The query state has an overlap of only {overlap:.3g} with the memory, and "
                f"rounds='auto' takes at most {MAX_AUTO_ROUNDS} rounds: use a greater spread than "
                f"{self.spread:g}, or give rounds= as a number."
            )
        shares = (1.0 + np.stack([row, -row])) / 2.0
        typical = math.exp(-0.5 * float(entr(shares).sum()))
        # Beyond this the state turns away from |b> again.
        limit = math.floor(math.pi / (4.0 * angle))
        found = np.array(list(islice(_plane(overlap), limit + 1)))
        stored = (found[:, 0] / math.sqrt(len(patterns)) + found[:, 1] * typical) ** 2
        return int(np.argmax(stored >= stored.max() - _TIE))

    def _vector(
        self, patterns: NDArray[np.int8], row: NDArray[np.float64], rounds: int
    ) -> NDArray[np.float64]:
        of_memory, of_query = next(islice(_plane(_overlap(patterns, row)), rounds, None))
        amplitudes = of_query * np.sqrt(product_distribution(row))
        amplitudes[to_index(patterns)] += of_memory / math.sqrt(len(patterns))
        return np.asarray(amplitudes**2)

    def _draw(
        self,
        patterns: NDArray[np.int8],
        row: NDArray[np.float64],
        rounds: int,
        shots: int,
        rng: np.random.Generator,
    ) -> NDArray[np.int8]:
        query = _query_amplitudes(patterns, row)
        of_memory, of_query = next(islice(_plane(_overlap(patterns, row)), rounds, None))
        stored = (of_memory / math.sqrt(len(patterns)) + of_query * query) ** 2
        outside = 1.0 - float((query**2).sum())
        # Where all of |b> is stored, rounding must not ask for states that do not exist.
        spurious = of_query**2 * outside if outside > _EMPTY else 0.0
        weights = np.append(stored, spurious)
        counts = rng.multinomial(shots, weights / weights.sum())
        return np.concatenate(
            [
                np.repeat(patterns, counts[:-1], axis=0),
                _draw_until(_product(row, rng), _not_among(patterns), int(counts[-1])),
            ]
        )


def _amplitudes(sizes: tuple[int, int, int, int], trick: bool) -> Iterator[NDArray[np.float64]]:
    """Amplitude of each kind of state as one normalised state, after 0, 1, 2... rounds.

    The kinds: stored and matching, stored, spurious and matching, spurious.
    """
    uniform = np.sqrt([size / sum(sizes) for size in sizes])  # whole numbers of any size
    stored = sizes[0] + sizes[1]
    state = np.sqrt([sizes[0] / stored, sizes[1] / stored, 0.0, 0.0])
    query, memory = np.array([-1.0, 1.0, -1.0, 1.0]), np.array([-1.0, -1.0, 1.0, 1.0])

    def turn(state: NDArray[np.float64], oracle: NDArray[np.float64]) -> NDArray[np.float64]:
        marked = oracle * state
        return np.asarray(2.0 * (uniform @ marked) * uniform - marked)

    if trick:
        state = turn(turn(state, query), memory)
    while True:
        yield state
        state = turn(state, query)


def _weights(sizes: tuple[int, int, int, int], trick: bool, rounds: int) -> NDArray[np.float64]:
    """Probability of each kind of state after some rounds."""
    amplitudes = next(islice(_amplitudes(sizes, trick), rounds, None))
    return np.asarray(amplitudes**2 / (amplitudes**2).sum())


@lru_cache(maxsize=256)
def _best_completion(sizes: tuple[int, int, int, int], trick: bool, limit: int) -> int:
    """The fewest rounds, up to a limit, with the greatest probability of a match."""
    states = np.stack(list(islice(_amplitudes(sizes, trick), limit + 1)))
    matched = states[:, 0] ** 2 + states[:, 2] ** 2
    return int(np.argmax(matched >= matched.max() - _TIE))


def _search_limit(num_neurons: int) -> int:
    """``ceil(pi/2 sqrt(2^N))``, exact enough where it is small enough to matter."""
    return math.ceil(0.5 * math.pi * math.sqrt(2 ** min(num_neurons, 120)))


def _matches(states: NDArray[np.int8], row: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether states agree with the known bits of a probe, (K,)."""
    known = np.flatnonzero(row)
    return np.asarray((states[:, known] == row[known]).all(axis=1))


def _query_amplitudes(patterns: NDArray[np.int8], row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amplitudes of the query state at the patterns, (M,)."""
    return np.asarray(np.sqrt((1.0 + patterns * row) / 2.0).prod(axis=1))


def _overlap(patterns: NDArray[np.int8], row: NDArray[np.float64]) -> float:
    """``<m|b>``."""
    return float(_query_amplitudes(patterns, row).sum() / math.sqrt(len(patterns)))


def _plane(overlap: float) -> Iterator[tuple[float, float]]:
    """The x and y of the state ``x |m> + y |b>`` after 0, 1, 2... rounds."""
    of_memory, of_query = 1.0, 0.0
    while True:
        yield of_memory, of_query
        of_query = -of_query - 2.0 * overlap * of_memory
        of_memory, of_query = of_memory + 2.0 * overlap * of_query, -of_query


def _product(
    row: NDArray[np.float64], rng: np.random.Generator
) -> Callable[[int], NDArray[np.int8]]:
    """What draws states of spins with these expectations."""
    return lambda count: complete(np.tile(row, (count, 1)), len(row), seed=rng)


def _not_among(
    patterns: NDArray[np.int8],
) -> Callable[[NDArray[np.int8]], NDArray[np.bool_]]:
    """What tells spurious states from the stored."""
    stored = {pattern.tobytes() for pattern in patterns}
    return lambda states: np.array([state.tobytes() not in stored for state in states])


def _draw_until(
    draw: Callable[[int], NDArray[np.int8]],
    good: Callable[[NDArray[np.int8]], NDArray[np.bool_]],
    count: int,
) -> NDArray[np.int8]:
    """``count`` states that are good, by rejection."""
    parts = [draw(1)[:0]]
    while count:
        states = draw(2 * count + 16)
        kept = states[good(states)][:count]
        parts.append(kept)
        count -= len(kept)
    return np.concatenate(parts)
