"""The submodules of an atomized memory: where they stand, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc

from ...blocks.filters import ExpFilter, KernelFilter, MemoryFilter
from ...models import Exponential
from ...patterns import to_index
from ..samples import Parts, Samples, complete_shards
from .combine import Place, Reading
from .faults import DEAD, LATE
from .submodule import Submodule

ANSWERED, SKIPPED, IS_DEAD, IS_LATE, REJECTED = range(len(Parts.STATUS))
"""Indices into :attr:`~..samples.Parts.STATUS`."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The submodules of an atomized memory.

    Attributes:
        patterns: all stored patterns, (M, N).
        shards: indices of each shard's patterns.
        submodules: by shard and block.
        coarse: the memory of the shards' prototypes, block by block; empty where none chooses.
        num_blocks: blocks of neurons.
        iterations: how often the mean spins are fed back.
    """

    patterns: NDArray[np.int8]
    shards: list[NDArray[np.intp]]
    submodules: dict[tuple[int, int], Submodule]
    coarse: dict[int, Submodule]
    num_blocks: int
    iterations: int


def refuse_blocks(chosen: MemoryFilter, blocks: int) -> None:
    """Raises for a filter that is no product over blocks of neurons."""
    if blocks == 1 or isinstance(chosen, ExpFilter):
        return
    if isinstance(chosen, KernelFilter) and isinstance(chosen.kernel, Exponential):
        if chosen.d_min:
            raise ValueError(
                f"d_min={chosen.d_min} is about all neurons, and each block has its own least "
                "distance: use FilteredMemory(KernelFilter(Exponential(beta)), "
                "least='descending')."
            )
        return
    raise ValueError(
        f"{chosen!r} is no product over neurons, so blocks of neurons would not multiply to it. "
        "Use ExpFilter or KernelFilter(Exponential(beta)), or shards of patterns alone "
        "(blocks=1)."
    )


def statuses(
    places: Sequence[Place], fates: NDArray[np.uint8], chosen: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """What becomes of each submodule for each probe, (P, C), as far as it is known beforehand."""
    shard = np.array([place.shard for place in places])
    status = np.where(chosen[:, shard], ANSWERED, SKIPPED).astype(np.uint8)
    for fate, name in ((DEAD, IS_DEAD), (LATE, IS_LATE)):
        status[:, fates == fate] = np.where(
            status[:, fates == fate] == ANSWERED, name, status[:, fates == fate]
        )
    return status


def heard_or_refused(places: Sequence[Place], status: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether all blocks of a shard have a replica that answered, (P, S).

    Raises:
        RuntimeError: no shard has, for some probe.
    """
    shard = np.array([place.shard for place in places])
    block = np.array([place.block for place in places])
    found = complete_shards(shard, block, status)
    silent = np.flatnonzero(~found.any(axis=1))
    if silent.size:
        row = status[silent[0]]
        listed = ", ".join(
            f"{int((row == code).sum())} {name}"
            for code, name in enumerate(Parts.STATUS)
            if (row == code).any()
        )
        whole = "No submodule" if not (row == ANSWERED).any() else "No shard with all its blocks"
        raise RuntimeError(
            f"{whole} answered for probe {int(silent[0])}: of {len(row)} submodules, {listed}. "
            "More replicas, a larger margin for detect, or a longer wait may help."
        )
    return found


def refuse_empty(total: NDArray[np.float64]) -> None:
    """Raises where no pattern of the shards that answer passes."""
    empty = np.flatnonzero(~(total > 0.0))
    if empty.size:
        raise ValueError(
            f"No stored pattern passes the filter for probe {int(empty[0])} in any shard that "
            "answers: acceptance 0. Use a softer filter, or keep more shards."
        )


def parts_of(
    grid: Grid,
    places: Sequence[Place],
    status: NDArray[np.uint8],
    acceptance: NDArray[np.float64],
) -> Parts:
    """What became of each submodule, for the result."""
    return Parts(
        shard=np.array([place.shard for place in places]),
        block=np.array([place.block for place in places]),
        replica=np.array([place.replica for place in places]),
        patterns=np.array([len(grid.shards[place.shard]) for place in places]),
        status=status,
        acceptance=acceptance,
    )


def coarse_kernels(
    grid: Grid, answers: Sequence[Samples | None], probes: int
) -> NDArray[np.float64]:
    """Log-kernels of the shards' prototypes (P, S) as the coarse memory's shots show them."""
    kernels = np.zeros((probes, len(grid.shards)))
    for answer in answers:
        if answer is None:
            continue
        for probe in range(probes):
            counts = np.zeros(2 ** answer.outcomes[probe].shape[1])
            if len(answer.outcomes[probe]):
                counts[to_index(answer.outcomes[probe])] = answer.weights[probe]
            # Half a count stands for none, so that one block that saw nothing does not decide.
            kernels[probe] += np.log(counts[: len(grid.shards)] + 0.5)
    return kernels


def contradicting(
    grid: Grid,
    places: Sequence[Place],
    rows: NDArray[np.float64],
    readings: Mapping[tuple[int, int], Reading],
    shots: int,
    rate: float,
    margin: float,
) -> list[tuple[int, int]]:
    """Probes and submodules whose counts the submodule's law does not explain.

    Two numbers are tested, each on two sides: how many shots were accepted, and how many of those
    name a stored pattern.

    Args:
        grid: the submodules.
        places: where each stands.
        rows: the probes, (P, N).
        readings: by probe and submodule.
        shots: runs a probe and submodule.
        rate: of false alarms, a probe.
        margin: relative deviation of an acceptance that is forgiven.
    """
    laws = {key: each.kept(rows)[0].mean(axis=1) for key, each in grid.submodules.items()}
    known = {
        key: {state.tobytes() for state in each.answers()} for key, each in grid.submodules.items()
    }
    level = rate / (4 * len(places))
    found = []
    for (probe, number), reading in readings.items():
        key = places[number].shard, places[number].block
        expected = float(laws[key][probe])
        sound = [state.tobytes() in known[key] for state in reading.states]
        counts = float(reading.counts.sum()), float(reading.counts[sound].sum())
        if any(_unlikely(count, shots, expected, margin, level) for count in counts):
            found.append((probe, number))
    return found


def _unlikely(count: float, shots: int, expected: float, margin: float, level: float) -> bool:
    """Whether a binomial count is beyond what a probability within the margin explains."""
    high = min(1.0, expected * (1.0 + margin))
    low = expected * (1.0 - margin)
    above = count > 0 and float(bdtrc(count - 1, shots, high)) < level
    below = float(bdtr(count, shots, low)) < level
    return above or below
