"""Circuits made ready to run, kept so that what runs often is made ready once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from qiskit import QuantumCircuit

T = TypeVar("T")


class Kept(Generic[T]):
    """What was made of the circuits that were seen last, circuit by circuit.

    Circuits are told apart by identity, and held, so that no two have one ``id``.

    Args:
        limit: how many circuits to hold; the one that was used least recently goes first.
    """

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._made: OrderedDict[int, tuple[QuantumCircuit, T]] = OrderedDict()

    def get(self, circuit: QuantumCircuit, make: Callable[[QuantumCircuit], T]) -> T:
        """What ``make`` gives for a circuit; it is only called for a circuit that is not held."""
        key = id(circuit)
        if key not in self._made:
            self._made[key] = (circuit, make(circuit))
            if len(self._made) > self._limit:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key][1]
