"""Putting answers of submodules together: exactly, by acceptance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...patterns import to_index
from ..base import Parts, Samples
from .submodule import Submodule

# Of a variance that cancels, what is left below this share is rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Place:
    """Where a submodule stands: its shard of patterns, block of neurons, and replica."""

    shard: int
    block: int
    replica: int


@dataclass(frozen=True)
class Reading:
    """What one submodule gave for one probe.

    Attributes:
        states: (K, W) distinct answers.
        counts: (K,) how often each came, accepted.
        shots: of how many.
        log_scale: logarithm of what was divided out of its kernel.
        inflation: by how much the counts scatter more than counts do, where errors were mitigated.
    """

    states: NDArray[np.int8]
    counts: NDArray[np.float64]
    shots: int
    log_scale: float
    inflation: float = 1.0


@dataclass(frozen=True)
class _Estimate:
    """Kernels that a shard's block was read to have, by answer: values and variances."""

    values: dict[bytes, float]
    variances: dict[bytes, float]


@dataclass(frozen=True)
class Whole:
    """One probe's answer.

    Attributes:
        states: (K, N) recalled states.
        weights: (K,) estimates of ``K(mu) / M``, which sum to the acceptance.
        effective: accepted shots of a plain sample with the same error of the greatest share.
        trials: shots of a plain sample with the same error of the acceptance.
    """

    states: NDArray[np.int8]
    weights: NDArray[np.float64]
    effective: float
    trials: float


def combine(
    readings: Sequence[tuple[Place, Reading]],
    submodules: dict[tuple[int, int], Submodule],
    patterns: NDArray[np.int8],
    shards: Sequence[NDArray[np.intp]],
    num_blocks: int,
) -> Whole:
    """Recombines what submodules gave for one probe.

    A shard's acceptance is its partition function: among S shots of a memory of M_s patterns the
    answer mu came c times, so its kernel is ``K(mu) = M_s c / S`` (times what max-subtraction took
    out).  Replicas are averaged.  Blocks of neurons multiply: ``K(mu) = prod_b K_b(mu)``.  The
    memory's acceptance is ``sum_mu K(mu) / M``.

    Args:
        readings: of the submodules that count.
        submodules: by shard and block.
        patterns: all stored patterns, (M, N).
        shards: indices of each shard's patterns.
        num_blocks: blocks of neurons; a shard counts where all of them were read.

    Returns:
        The answer; without states where nothing was accepted.
    """
    grouped: dict[tuple[int, int], list[Reading]] = {}
    for place, reading in readings:
        grouped.setdefault((place.shard, place.block), []).append(reading)
    complete = [
        shard
        for shard in range(len(shards))
        if all((shard, block) in grouped for block in range(num_blocks))
    ]
    scales = {key: max(each.log_scale for each in found) for key, found in grouped.items()}
    totals = {shard: sum(scales[shard, block] for block in range(num_blocks)) for shard in complete}
    top = max(totals.values(), default=0.0)
    states: list[NDArray[np.int8]] = []
    weights: list[float] = []
    relative: list[float] = []
    origin: list[int] = []
    fewest: dict[int, float] = {}
    for shard in complete:
        estimates = [
            _estimate(grouped[shard, block], len(shards[shard]), scales[shard, block])
            for block in range(num_blocks)
        ]
        # Counts of one submodule share its shots: one over them, block by block.
        fewest[shard] = sum(
            max(each.inflation for each in grouped[shard, block])
            / sum(each.shots for each in grouped[shard, block])
            for block in range(num_blocks)
        )
        factor = math.exp(totals[shard] - top)
        for answer in estimates[0].values:
            values = [each.values.get(answer, 0.0) for each in estimates]
            value = math.prod(values) * factor / len(patterns)
            if not value > 0.0:
                continue
            state = _state(answer, submodules[shard, 0], patterns, shards[shard])
            if state is None:
                continue
            states.append(state)
            origin.append(shard)
            weights.append(value)
            relative.append(
                sum(
                    each.variances[answer] / one**2
                    for each, one in zip(estimates, values, strict=True)
                )
            )
    if not states:
        tried = max((reading.shots for _, reading in readings), default=0)
        return Whole(np.zeros((0, patterns.shape[1]), dtype=np.int8), np.zeros(0), 0.0, tried)
    shared = np.array([fewest.get(shard, 0.0) for shard in range(len(shards))])
    return _merged(states, np.array(weights), np.array(relative), np.array(origin), shared)


def _estimate(found: Sequence[Reading], size: int, scale: float) -> _Estimate:
    """Kernels of one shard and block, the replicas averaged, relative to ``exp(scale)``."""
    values: dict[bytes, float] = {}
    variances: dict[bytes, float] = {}
    for reading in found:
        unit = size / reading.shots * math.exp(reading.log_scale - scale) / len(found)
        for state, count in zip(reading.states, reading.counts.tolist(), strict=True):
            key = state.tobytes()
            values[key] = values.get(key, 0.0) + unit * count
            # Counts scatter as independent Poisson numbers do, at most.
            scatter = unit**2 * abs(count) * reading.inflation
            variances[key] = variances.get(key, 0.0) + scatter
    return _Estimate(values, variances)


def _state(
    answer: bytes, submodule: Submodule, patterns: NDArray[np.int8], shard: NDArray[np.intp]
) -> NDArray[np.int8] | None:
    """The state that an answer means; None where it is no number of a stored pattern."""
    spins = np.frombuffer(answer, dtype=np.int8)
    if not submodule.indexed:
        whole = np.empty(len(spins), dtype=np.int8)
        whole[submodule.neurons] = spins
        return whole
    number = int(to_index(spins[None, :])[0])
    return patterns[shard[number]] if number < len(shard) else None


def _merged(
    states: list[NDArray[np.int8]],
    weights: NDArray[np.float64],
    relative: NDArray[np.float64],
    origin: NDArray[np.intp],
    shared: NDArray[np.float64],
) -> Whole:
    """Equal states together, and what their shares and their sum are worth.

    By the delta method: independent Poisson counts would give an estimate f the variance
    ``sum_i (df/dln c_i)^2 v_i``, v_i their relative variances; that the counts of one submodule
    and its rejections sum to its shots S takes ``(sum_i df/dln c_i)^2 / S`` from it.

    Args:
        states: K answers, some of them equal.
        weights: their estimates, (K,).
        relative: their relative variances as independent counts, all blocks together, (K,).
        origin: the shards that they come from, (K,).
        shared: the sum of 1 / S over a shard's blocks, (shards,).
    """
    rows, place = np.unique(np.stack(states), axis=0, return_inverse=True)
    place = place.reshape(-1)
    mass = np.bincount(place, weights=weights).astype(np.float64)
    total = float(mass.sum())
    best = int(mass.argmax())
    p = float(mass[best]) / total

    def variance(slopes: NDArray[np.float64]) -> float:
        sums = np.bincount(origin, weights=slopes, minlength=len(shared))
        found = float(np.sum(slopes**2 * relative) - np.sum(sums**2 * shared))
        return found if found > _ROUNDING * float(np.sum(slopes**2 * relative)) else 0.0

    error = variance((weights / total) * ((place == best) - p))
    own = relative[place == best].max()
    effective = p * (1.0 - p) / error if error > 0.0 else 1.0 / float(own)
    error, chance = variance(weights), min(total, 1.0)
    tried = 1.0 / float(shared[np.unique(origin)].max())
    if not error > 0.0:  # everything was accepted
        trials = tried
    elif chance < 1.0:
        trials = chance * (1.0 - chance) / error
    else:  # so many that the interval at 1 is as wide as the error
        trials = 2.0 / math.sqrt(error)
    return Whole(rows, mass, effective, trials)


def samples_of(wholes: Sequence[Whole], shots: int, parts: Parts) -> Samples:
    """Answers of all probes as samples; their weights are shares of ``shots``."""
    acceptance = np.array([whole.weights.sum() for whole in wholes])
    unknown = np.full(len(wholes), math.nan)
    return Samples(
        outcomes=tuple(whole.states for whole in wholes),
        weights=tuple(whole.weights * shots for whole in wholes),
        shots=shots,
        acceptance=acceptance,
        attempts=unknown,
        folded=unknown,
        effective=np.array([whole.effective for whole in wholes]),
        trials=np.array([whole.trials for whole in wholes]),
        parts=parts,
    )
