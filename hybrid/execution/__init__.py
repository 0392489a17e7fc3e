"""Running the layers' circuits: PennyLane devices, Aer, other Qiskit backends and samplers."""

from __future__ import annotations

from .base import EmptyRun, Executor, Gradient, Records, normalise, once
from .pennylane import PennyLaneExecutor
from .qiskit import QiskitExecutor
from .select import Execution, split_device

__all__ = [
    "EmptyRun",
    "Execution",
    "Executor",
    "Gradient",
    "PennyLaneExecutor",
    "QiskitExecutor",
    "Records",
    "normalise",
    "once",
    "split_device",
]
