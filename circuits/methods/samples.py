"""What methods answer with: laws, samples, and what submodules gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.checks import as_numbers, check_choice
from ..patterns import to_bitstring, to_index, to_spins

if TYPE_CHECKING:
    import pandas as pd

Counts: TypeAlias = dict[int, int]
"""How often each reading of the classical bits came, the reading as an integer (bit 0 first)."""


@dataclass(frozen=True)
class Law:
    """The exact distribution of what a circuit recalls from one probe.

    Attributes:
        states: the possible states, (K, N) int8, no state twice.
        probabilities: their probabilities given that the run is accepted, (K,), summing to 1.
        acceptance: probability that a run is accepted.
        attempts: mean number of level-1 blocks an update, among accepted runs; NaN where the
            method has none.
        folded: mean share of updates whose field was beyond the gain's range.
        parts: which submodules answered, where there are several.
    """

    states: NDArray[np.int8]
    probabilities: NDArray[np.float64]
    acceptance: float = 1.0
    attempts: float = float("nan")
    folded: float = 0.0
    parts: Parts | None = None

    def expectations(self) -> NDArray[np.float64]:
        """Mean spins, (N,)."""
        return np.asarray(self.probabilities @ self.states)

    def probability_of(self, state: ArrayLike) -> float:
        """Probability of one state, (N,)."""
        wanted = as_numbers(state, "state")
        if wanted.shape != (self.states.shape[1],):
            raise ValueError(
                f"state must have shape ({self.states.shape[1]},), got {wanted.shape}."
            )
        return float(self.probabilities[(self.states == wanted).all(axis=1)].sum())

    def as_vector(self) -> NDArray[np.float64]:
        """Probabilities of all 2^N states by index (neuron 0 is the lowest bit).

        Raises:
            ValueError: more than 24 neurons.
        """
        num_neurons = self.states.shape[1]
        if num_neurons > 24:
            raise ValueError(f"A vector of 2^{num_neurons} probabilities is too long (limit 24).")
        vector = np.zeros(2**num_neurons)
        vector[to_index(self.states)] = self.probabilities
        return vector

    def to_dict(self) -> dict[str, float]:
        """Probabilities by bit string, as Qiskit writes them."""
        keys = to_bitstring(self.states)
        return dict(zip(keys, map(float, self.probabilities), strict=True))


@dataclass(frozen=True)
class Trace:
    """Means over a run's trajectories, sweep by sweep (row 0 is the probe).

    Attributes:
        overlaps: (sweeps + 1, P, M)
        energies: (sweeps + 1, P)
    """

    overlaps: NDArray[np.float64]
    energies: NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """What the submodules of an atomized memory answered; C is their number.

    Attributes:
        shard: (C,) which shard of the patterns each holds.
        block: (C,) which block of neurons each sees.
        replica: (C,) which copy each is.
        patterns: (C,) stored patterns of each.
        status: (P, C) uint8, an index into :attr:`STATUS`.
        acceptance: (P, C) accepted share of its shots, or its probability; NaN where it gave none.
    """

    STATUS: ClassVar[tuple[str, ...]] = ("answered", "skipped", "dead", "late", "rejected")

    shard: NDArray[np.int64]
    block: NDArray[np.int64]
    replica: NDArray[np.int64]
    patterns: NDArray[np.int64]
    status: NDArray[np.uint8]
    acceptance: NDArray[np.float64]

    def __len__(self) -> int:
        """How many submodules there are, C."""
        return len(self.shard)

    def count(self, status: str) -> NDArray[np.int64]:
        """How many submodules have a status, probe by probe, (P,).

        Raises:
            ValueError: there is no such status.
        """
        check_choice(status, "status", self.STATUS)
        return np.asarray((self.status == self.STATUS.index(status)).sum(axis=1))

    def covered(self) -> NDArray[np.float64]:
        """Share of the stored patterns whose submodules answered for every block, (P,)."""
        sizes = np.zeros(int(self.shard.max()) + 1)
        sizes[self.shard] = self.patterns
        return np.asarray(
            complete_shards(self.shard, self.block, self.status) @ sizes / sizes.sum()
        )

    def to_dataframe(self) -> pd.DataFrame:
        """One row a probe and submodule."""
        import pandas as pd

        probes, parts = np.indices(self.status.shape)
        return pd.DataFrame(
            {
                "probe": probes.ravel(),
                "shard": self.shard[parts.ravel()],
                "block": self.block[parts.ravel()],
                "replica": self.replica[parts.ravel()],
                "patterns": self.patterns[parts.ravel()],
                "status": np.array(self.STATUS)[self.status.ravel()],
                "acceptance": self.acceptance.ravel(),
            }
        )


def complete_shards(
    shard: NDArray[np.int64], block: NDArray[np.int64], status: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Whether every block of a shard has a replica that answered, (P, S)."""
    heard = np.zeros((len(status), int(shard.max()) + 1, int(block.max()) + 1), dtype=bool)
    for part, place in enumerate(zip(shard, block, strict=True)):
        heard[:, place[0], place[1]] |= status[:, part] == Parts.STATUS.index("answered")
    return np.asarray(heard.all(axis=2))


@dataclass(frozen=True)
class Samples:
    """What P probes gave: distinct outcomes and how often, or how probably, each came.

    Attributes:
        outcomes: P arrays (K_p, N) int8 of distinct states.
        weights: P arrays (K_p,): counts of accepted shots, or probabilities given acceptance.
        shots: shots a probe; 0 for an exact distribution.
        acceptance: (P,) accepted share of the shots, or its exact probability.
        attempts: (P,) mean level-1 blocks an update of neuron dynamics; loadings of the memory
            that a method ran until it was done; NaN where neither was counted.
        folded: (P,) share of updates beyond the gain's range; NaN where that was not seen.
        trace: means sweep by sweep, where the method sees the states between sweeps.
        log_scale: (P,) logarithm of the kernel's value that was divided out before the run
            (max-subtraction), where runs with different ones are to be compared.
        effective: (P,) where the weights are no plain counts, or the shots not independent: the
            accepted shots that a plain sample would need for the same error of the most probable
            state.
        trials: (P,) where the acceptance is no plain share of the shots: the shots of which it
            would be one with the same error.
        parts: what each submodule answered, where there are several.
        ran_on: the name of what ran it, where the caller cannot know.
    """

    outcomes: tuple[NDArray[np.int8], ...]
    weights: tuple[NDArray[np.float64], ...]
    shots: int
    acceptance: NDArray[np.float64]
    attempts: NDArray[np.float64]
    folded: NDArray[np.float64]
    trace: Trace | None = field(default=None)
    log_scale: NDArray[np.float64] | None = field(default=None)
    effective: NDArray[np.float64] | None = field(default=None)
    trials: NDArray[np.float64] | None = field(default=None)
    parts: Parts | None = field(default=None)
    ran_on: str | None = field(default=None)

    @classmethod
    def from_laws(cls, laws: Sequence[Law]) -> Samples:
        """Exact distributions in the shape of samples."""
        return cls(
            outcomes=tuple(law.states for law in laws),
            weights=tuple(law.probabilities for law in laws),
            shots=0,
            acceptance=np.array([law.acceptance for law in laws]),
            attempts=np.array([law.attempts for law in laws]),
            folded=np.array([law.folded for law in laws]),
            parts=joined_parts([law.parts for law in laws]),
        )


def joined(parts: Sequence[Samples]) -> Samples:
    """Samples of several runs of probes as one."""
    if len(parts) == 1:
        return parts[0]
    traces = [part.trace for part in parts if part.trace is not None]
    trace = None
    if len(traces) == len(parts):
        trace = Trace(
            np.concatenate([each.overlaps for each in traces], axis=1),
            np.concatenate([each.energies for each in traces], axis=1),
        )
    return Samples(
        outcomes=tuple(states for part in parts for states in part.outcomes),
        weights=tuple(weights for part in parts for weights in part.weights),
        shots=parts[0].shots,
        acceptance=np.concatenate([part.acceptance for part in parts]),
        attempts=np.concatenate([part.attempts for part in parts]),
        folded=np.concatenate([part.folded for part in parts]),
        trace=trace,
        log_scale=_concatenated([part.log_scale for part in parts]),
        effective=_concatenated([part.effective for part in parts]),
        trials=_concatenated([part.trials for part in parts]),
        parts=joined_parts([part.parts for part in parts]),
    )


def joined_parts(parts: Sequence[Parts | None]) -> Parts | None:
    """What submodules answered to several runs of probes, as one; None where it is not known."""
    known = [part for part in parts if part is not None]
    if len(known) != len(parts) or not known:
        return None
    return replace(
        known[0],
        status=np.concatenate([part.status for part in known]),
        acceptance=np.concatenate([part.acceptance for part in known]),
    )


def _concatenated(columns: list[NDArray[np.float64] | None]) -> NDArray[np.float64] | None:
    known = [column for column in columns if column is not None]
    return np.concatenate(known) if len(known) == len(columns) else None


def gather(
    states: NDArray[np.int8], accepted: NDArray[np.bool_], shots: int
) -> tuple[tuple[NDArray[np.int8], ...], tuple[NDArray[np.float64], ...]]:
    """Counts the distinct accepted states of each probe.

    Args:
        states: (P * shots, N), probe by probe.
        accepted: (P * shots,).
        shots: shots a probe.

    Returns:
        Outcomes and counts, as in :class:`Samples`.
    """
    outcomes, weights = [], []
    # Rows as strings of bytes that sort as the rows do; np.unique(axis=0) makes a field a column,
    # 15 ms for a row of 4,096.
    keys = np.ascontiguousarray(states, dtype=np.int8).view(np.uint8) ^ np.uint8(128)
    strings = keys.view(np.dtype((np.void, keys.shape[1]))).reshape(-1)
    for start in range(0, len(states), shots):
        chosen = accepted[start : start + shots]
        _, first, counts = np.unique(
            strings[start : start + shots][chosen], return_index=True, return_counts=True
        )
        outcomes.append(states[start : start + shots][chosen][first])
        weights.append(counts.astype(float))
    return tuple(outcomes), tuple(weights)


def unpack_counts(
    counts: Counts, offset: int, num_neurons: int
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Distinct states and counts of N consecutive classical bits.

    Args:
        counts: readings; those with any other bit set below ``offset`` are the caller's to drop.
        offset: position of neuron 0's bit.
        num_neurons: N.

    Returns:
        States (K, N) and counts (K,).
    """
    merged: Counts = {}
    mask = (1 << num_neurons) - 1
    # Sorted: the order of a simulator's counts depends on its number of threads.
    for reading, count in sorted(counts.items()):
        key = reading >> offset & mask
        merged[key] = merged.get(key, 0) + count
    size = (num_neurons + 7) // 8
    packed = b"".join(key.to_bytes(size, "little") for key in merged)
    rows = np.frombuffer(packed, dtype=np.uint8).reshape(len(merged), size)
    bits = np.unpackbits(rows, axis=1, bitorder="little")[:, :num_neurons]
    return to_spins(bits), np.array(list(merged.values()), dtype=float)
