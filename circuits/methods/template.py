"""Measured circuits with their parameters open, and how to read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from .base import Samples, unpack_counts


@dataclass(frozen=True)
class Template:
    """A measured circuit with its parameters open, and how to read it.

    Attributes:
        circuit: its first N (or, of a single neuron, 1) classical bits are the answer.
        parameters: what a run binds: the angles of a product-state probe (``arccos z``), or the
            value of a classical field.
        rejecting: mask of the classical bits of which none may be 1 in an accepted run.
        counter: position and width of the counter of level-1 blocks, or None.
        postselected: level-1 blocks of every accepted run where each block is tried once; 0 where
            there are none, or where they repeat.
        width: classical bits of the answer; 0 where the caller knows.
    """

    circuit: QuantumCircuit
    parameters: tuple[Parameter, ...]
    rejecting: int
    counter: tuple[int, int] | None
    postselected: int = 0
    width: int = 0

    def blocks(self, reading: int) -> int:
        """Level-1 blocks that a reading has counted, or that every accepted run has made."""
        if self.counter is None:
            return self.postselected
        start, width = self.counter
        return reading >> start & ((1 << width) - 1)


def read_counts(
    template: Template,
    readings: Sequence[dict[int, int]],
    num_neurons: int,
    shots: int,
    updates: int,
) -> Samples:
    """Samples from the classical bits of whole circuits.

    Args:
        template: what ran.
        readings: counts of each probe.
        num_neurons: N; the first N bits are the answer.
        shots: shots a probe.
        updates: neuron updates of one shot, by which counted blocks are divided.
    """
    outcomes, weights, acceptance, attempts = [], [], [], []
    for counts in readings:
        kept = {key: count for key, count in counts.items() if not key & template.rejecting}
        states, numbers = unpack_counts(kept, 0, num_neurons)
        outcomes.append(states)
        weights.append(numbers)
        accepted = sum(kept.values())
        acceptance.append(accepted / shots)
        blocks = sum(template.blocks(key) * count for key, count in kept.items())
        counted = accepted > 0 and (template.counter is not None or template.postselected > 0)
        attempts.append(blocks / accepted / updates if counted else math.nan)
    return Samples(
        outcomes=tuple(outcomes),
        weights=tuple(weights),
        shots=shots,
        acceptance=np.array(acceptance),
        attempts=np.array(attempts),
        folded=np.full(len(outcomes), math.nan),
    )
