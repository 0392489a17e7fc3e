"""Quantum associative memories as differentiable PyTorch layers.

Every layer runs the same weights three ways: on the exact law of its circuits (the default, at
classical speed), on a PennyLane device, or on Aer and any other Qiskit backend with shots.
"""

from __future__ import annotations

from .execution import EmptyRun, Execution
from .layers import (
    Associated,
    MemoryContext,
    QuantumHopfield,
    QuantumHopfieldEncoderLayer,
    QuantumHopfieldLayer,
    QuantumHopfieldNetwork,
    QuantumHopfieldPooling,
    SubmoduleBank,
    run_on,
)

__all__ = [
    "Associated",
    "EmptyRun",
    "Execution",
    "MemoryContext",
    "QuantumHopfield",
    "QuantumHopfieldEncoderLayer",
    "QuantumHopfieldLayer",
    "QuantumHopfieldNetwork",
    "QuantumHopfieldPooling",
    "SubmoduleBank",
    "run_on",
]
