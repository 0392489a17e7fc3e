"""What every method is: a circuit, its law, and how recall runs the one and reads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector

from ..models import Model
from ..patterns import to_bitstring, to_index, to_spins

Probes: TypeAlias = ArrayLike | Statevector | Sequence[Statevector]
"""Spin expectations in [-1, 1], (P, N) or (N,); or states of N qubits, amplitudes and all."""

Counts: TypeAlias = dict[int, int]
"""How often each reading of the classical bits came, the reading as an integer (bit 0 first)."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the steps done and the steps to do."""


class Runner(Protocol):
    """What runs circuits: Aer, a backend or a sampler (see :mod:`..execution`)."""

    name: str

    def admit(self, num_qubits: int, alternative: str, *, rank: int | None = None) -> None:
        """Refuses a circuit that is too wide, naming the alternative, before it is built.

        ``rank`` bounds the Schmidt rank of its states, where a bound is known.
        """
        ...

    def run(
        self,
        circuit: QuantumCircuit,
        parameters: Sequence[Parameter],
        values: NDArray[np.float64],
        shots: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> list[Counts]:
        """Runs one circuit for every row of ``values`` (B, parameters), ``shots`` (B,) each."""
        ...


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
    """

    states: NDArray[np.int8]
    probabilities: NDArray[np.float64]
    acceptance: float = 1.0
    attempts: float = float("nan")
    folded: float = 0.0

    def expectations(self) -> NDArray[np.float64]:
        """Mean spins, (N,)."""
        return np.asarray(self.probabilities @ self.states)

    def probability_of(self, state: ArrayLike) -> float:
        """Probability of one state, (N,)."""
        wanted = np.asarray(state)
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
    """

    outcomes: tuple[NDArray[np.int8], ...]
    weights: tuple[NDArray[np.float64], ...]
    shots: int
    acceptance: NDArray[np.float64]
    attempts: NDArray[np.float64]
    folded: NDArray[np.float64]
    trace: Trace | None = field(default=None)

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
        )


@dataclass(frozen=True)
class Bill:
    """What :func:`..resources.resources` needs to know of a method on a model.

    Attributes:
        circuit: the circuit that is counted.
        repetitions: how often it runs, one after the other, for one shot.
        updates: neuron updates of one shot.
        expected_two_qubit_gates: two-qubit gates of one shot as written, loops by expectation.
        expected_attempts: mean level-1 blocks an update.
        gain: angle in radians per unit of field.
        field_error: largest rounding error of a field.
        loading: two-qubit gates that load the memory.
    """

    circuit: QuantumCircuit
    repetitions: int = 1
    updates: int = 0
    expected_two_qubit_gates: float = float("nan")
    expected_attempts: float = float("nan")
    gain: float = float("nan")
    field_error: float = 0.0
    loading: int = 0


class Method(ABC):
    """An algorithm that recalls: the same verbs for every one."""

    @abstractmethod
    def circuit(self, model: Model, probe: Probes) -> QuantumCircuit:
        """The circuit for one probe, measured, ready for any backend."""

    @abstractmethod
    def law(self, model: Model, probe: Probes) -> Law:
        """The exact distribution of the recalled states for one probe."""

    @abstractmethod
    def bill(self, model: Model) -> Bill:
        """The circuit to count, how often it runs, and what loops are expected to add."""

    @property
    @abstractmethod
    def law_limit(self) -> int:
        """The most neurons whose exact law is computed; beyond it the law is sampled."""

    @property
    def classical(self) -> bool:
        """Whether the method runs no circuit at all."""
        return False

    @abstractmethod
    def sample_law(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Draws from the law, at any size."""

    @abstractmethod
    def run(
        self,
        model: Model,
        probes: Probes,
        shots: int,
        runner: Runner,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Samples:
        """Runs the circuits and reads them."""


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
    for reading, count in counts.items():
        key = reading >> offset & mask
        merged[key] = merged.get(key, 0) + count
    size = (num_neurons + 7) // 8
    packed = b"".join(key.to_bytes(size, "little") for key in merged)
    rows = np.frombuffer(packed, dtype=np.uint8).reshape(len(merged), size)
    bits = np.unpackbits(rows, axis=1, bitorder="little")[:, :num_neurons]
    return to_spins(bits), np.array(list(merged.values()), dtype=float)
