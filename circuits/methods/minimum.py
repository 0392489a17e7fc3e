"""Finding the least distance in a memory, for max-subtraction."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from .. import laws
from ..blocks.filters import KernelFilter
from .base import Runner, unpack_counts
from .superposition import amplified_template, filtered_template
from .template import Template

SEARCHES = ("descending", "quantum")

# Chance that a pattern below the threshold is missed in one descending step.
_MISS = 1e-4
# A try at the greatest bound fails with probability below 3/4: so many in a row, below 1e-4.
_PATIENCE = 32
# How the bound on the rounds grows after a failure (Boyer et al. 1998, section 4).
_GROWTH = 1.2


@dataclass(frozen=True)
class LeastDistances:
    """Least distances that were found, and what finding them cost.

    Attributes:
        distances: (P,) whole numbers.
        loadings: (P,) how often the memory was loaded.
    """

    distances: NDArray[np.int64]
    loadings: NDArray[np.float64]


def least_distances(
    patterns: NDArray[np.int8],
    probes: NDArray[np.float64],
    runner: Runner,
    rng: np.random.Generator,
    *,
    search: str,
) -> LeastDistances:
    """Finds each probe's least Hamming distance to a pattern, by running circuits.

    ``"descending"`` keeps a threshold t: a filter lets through distances below t, and the least one
    read becomes the next threshold, until ``M ln 10^4`` shots in a row let nothing through (a
    pattern is missed with probability below 1e-4).  ``"quantum"`` finds a pattern below the
    threshold by amplitude amplification with random rounds, in O(sqrt(M)) loadings.

    Args:
        patterns: (M, N) +-1.
        probes: (P, N), entries +-1 or 0.
        runner: what runs the circuits.
        rng: seeds the runs.
        search: ``"descending"`` or ``"quantum"``.

    Source: Durr and Hoyer 1996, arXiv:quant-ph/9607014; Boyer et al. 1998, arXiv:quant-ph/9605034.
    """
    known = np.count_nonzero(probes, axis=1)
    finder = _Finder(patterns, runner, rng, search)
    found = np.array(
        [finder.least(row, count) for row, count in zip(probes, known.tolist(), strict=True)]
    )
    return LeastDistances(found[:, 0].astype(np.int64), found[:, 1])


def note_least(
    circuit: QuantumCircuit, exact: NDArray[np.int64] | None, given: NDArray[np.int64] | None
) -> None:
    """Writes into a circuit's metadata which least distance it subtracts, and where it is from."""
    held = exact if given is None else given
    circuit.metadata = {
        **(circuit.metadata or {}),
        "d_min": None if held is None else int(held[0]),
        "d_min_from": "computed classically" if given is None else "given",
    }


def expected_loadings(
    patterns: NDArray[np.int8], probe: NDArray[np.float64], *, search: str
) -> float:
    """Expected loadings of :func:`least_distances` for one probe.

    A search is a chain of falling thresholds t, and what it costs at t depends only on how many
    patterns are nearer: ``L(t) = cost(t) + sum_d P(d is read next) L(d)``.

    Args:
        patterns: (M, N) +-1.
        probe: (N,), entries +-1 or 0.
        search: ``"descending"`` or ``"quantum"``.
    """
    far = np.rint(laws.distances(patterns.astype(float), probe)).astype(np.intp)
    known = int(np.count_nonzero(probe))
    held = np.bincount(far, minlength=known + 1) / len(patterns)
    total = np.zeros(known + 2)
    for threshold in range(1, known + 2):
        below = held[:threshold]
        share = float(below.sum())
        if search == "descending":
            shots = math.ceil(len(patterns) * math.log(1.0 / _MISS))
            # The least of all shots is at least d.
            least = (1.0 - np.append(0.0, np.cumsum(below))) ** shots
            cost, chances = float(shots), least[:-1] - least[1:]
        else:
            cost, failed = _tries(share, len(patterns))
            chances = (1.0 - failed) * below / share if share > 0.0 else below
        total[threshold] = cost + float(chances @ total[:threshold])
    return float(total[known + 1])


def _tries(share: float, count: int) -> tuple[float, float]:
    """Expected loadings until one of random rounds succeeds or all fail, and that all fail."""
    angle, greatest = math.asin(math.sqrt(min(share, 1.0))), math.sqrt(count)
    bound, failures, left, cost = 1.0, 0, 1.0, 0.0
    while failures < _PATIENCE:
        rounds = np.arange(math.ceil(bound))
        cost += left * float(np.mean(2 * rounds + 1))
        left *= 1.0 - float(np.mean(np.sin((2 * rounds + 1) * angle) ** 2))
        failures += bound >= greatest
        bound = min(_GROWTH * bound, greatest)
    return cost, left


class _Finder:
    """Runs the circuits of one memory; threshold and probe are parameters of one circuit."""

    def __init__(
        self, patterns: NDArray[np.int8], runner: Runner, rng: np.random.Generator, search: str
    ) -> None:
        self._patterns = patterns
        self._runner = runner
        self._rng = rng
        self._below = self._sampled if search == "descending" else self._amplified
        # The table of the kernel enters as angles: any will do to build the circuits.
        self._any = KernelFilter([1.0] * (patterns.shape[1] + 1))
        self._templates: dict[int | None, Template] = {}

    def least(self, probe: NDArray[np.float64], known: int) -> tuple[int, int]:
        """The least distance of one probe, and the loadings it took."""
        num_neurons = self._patterns.shape[1]
        threshold, loadings = known + 1, 0
        while threshold > 0:
            below = KernelFilter([1.0] * threshold + [0.0] * (num_neurons + 1 - threshold))
            least, cost = self._below(probe, below)
            loadings += cost
            if least is None:
                break
            threshold = least
        return threshold, loadings

    def _sampled(self, probe: NDArray[np.float64], below: KernelFilter) -> tuple[int | None, int]:
        """The least distance below the threshold in a batch of shots, one loading a shot."""
        shots = math.ceil(len(self._patterns) * math.log(1.0 / _MISS))
        return self._read(None, below, probe, shots), shots

    def _amplified(self, probe: NDArray[np.float64], below: KernelFilter) -> tuple[int | None, int]:
        """A distance below the threshold, by amplification with random rounds, growing bound."""
        greatest = math.sqrt(len(self._patterns))
        bound, loadings, failures = 1.0, 0, 0
        while failures < _PATIENCE:
            rounds = int(self._rng.integers(0, math.ceil(bound)))
            loadings += 2 * rounds + 1
            least = self._read(rounds, below, probe, 1)
            if least is not None:
                return least, loadings
            failures += bound >= greatest
            bound = min(_GROWTH * bound, greatest)
        return None, loadings

    def _template(self, rounds: int | None) -> Template:
        """The circuit with so many rounds of amplification, None for the filter alone."""
        if rounds not in self._templates:
            made = (
                filtered_template(self._patterns, self._any, fresh=False)
                if rounds is None
                else amplified_template(self._patterns, self._any, rounds)
            )
            self._templates[rounds] = made[0]
        return self._templates[rounds]

    def _read(
        self, rounds: int | None, below: KernelFilter, probe: NDArray[np.float64], shots: int
    ) -> int | None:
        """The least distance between the probe and what a run's accepted shots recall."""
        template = self._template(rounds)
        counts = self._runner.run(
            template.circuit,
            template.parameters,
            below.angles(probe),
            np.array([shots]),
            self._rng,
        )[0]
        kept = {key: count for key, count in counts.items() if not key & template.rejecting}
        if not kept:
            return None
        states, _ = unpack_counts(kept, 0, len(probe))
        return int(np.rint(laws.distances(states.astype(float), probe)).min())
