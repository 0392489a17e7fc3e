"""A recall as rounds of independent pieces, which can run anywhere."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from qiskit.quantum_info import Statevector

from ..models import Model
from ..patterns import check_probes
from .samples import Samples

PROBES_A_PIECE = 32
"""The most probes of one piece."""


class Piece(Protocol):
    """A part of a recall that depends on no other, with a seed of its own."""

    def run(self, runner: Any) -> Samples:
        """Runs it; the answer is the same wherever that is."""
        ...


class Recalls(Protocol):
    """What of a method a piece needs."""

    def run(
        self, model: Model, probes: Any, shots: int, runner: Any, rng: np.random.Generator
    ) -> Samples:
        """Runs the circuits and reads them."""
        ...

    def sample_law(
        self, model: Model, probes: Any, shots: int, rng: np.random.Generator
    ) -> Samples:
        """Draws from the law."""
        ...


@dataclass(frozen=True)
class ProbesPiece:
    """A few probes of a recall by one method.

    Attributes:
        method: what it runs.
        model: on which memory.
        probes: for which probes.
        shots: runs a probe.
        seed: of everything random in it.
        law: draws from the law instead of running circuits.
    """

    method: Recalls
    model: Model
    probes: Any
    shots: int
    seed: int
    law: bool = False

    def run(self, runner: Any) -> Samples:
        """Runs it; the answer is the same wherever that is."""
        rng = np.random.default_rng(self.seed)
        if self.law:
            return self.method.sample_law(self.model, self.probes, self.shots, rng)
        return self.method.run(self.model, self.probes, self.shots, runner, rng)


Pieces: TypeAlias = Generator[Sequence[Piece], list[Samples | None], Samples]
"""A recall as rounds of independent pieces: gives lists of pieces, is sent what they gave (None
where a piece gave nothing in time), and returns the whole."""


def draw_seeds(rng: np.random.Generator, count: int) -> list[int]:
    """Seeds of independent pieces of work."""
    seeds: list[int] = rng.integers(0, 2**63, size=count).tolist()
    return seeds


def cut_probes(probes: Any, num_neurons: int) -> list[Any]:
    """Probes in runs of at most :data:`PROBES_A_PIECE`, checked."""
    if isinstance(probes, Statevector):
        return [[probes]]
    if isinstance(probes, (list, tuple)) and any(isinstance(each, Statevector) for each in probes):
        rows: Any = list(probes)
    else:
        rows = check_probes(probes, num_neurons)
    return [rows[start : start + PROBES_A_PIECE] for start in range(0, len(rows), PROBES_A_PIECE)]


def finish(pieces: Pieces, execute: Callable[[Sequence[Piece]], list[Samples | None]]) -> Samples:
    """Runs all rounds of a recall.

    Args:
        pieces: what :meth:`Method.pieces` gave.
        execute: runs the pieces of one round, in whatever order and place.
    """
    try:
        todo = next(pieces)
        while True:
            todo = pieces.send(execute(todo))
    except StopIteration as stop:
        whole: Samples = stop.value
        return whole
