"""Running the layers' circuits: PennyLane devices, Aer, other Qiskit backends and samplers."""

from __future__ import annotations

from .base import EmptyRun, Executor, Gradient, Records, normalise, once
from .keywords import check_keywords, parameters_of
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
    "check_keywords",
    "normalise",
    "once",
    "parameters_of",
    "split_device",
]
