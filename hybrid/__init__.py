"""Quantum associative memories as differentiable PyTorch layers.

Every layer runs the same weights three ways: on the exact law of its circuits (the default, at
classical speed), on a PennyLane device, or on Aer and any other Qiskit backend with shots.
"""

from __future__ import annotations

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as _error:
    if _error.name != "torch":
        raise
    raise ImportError(
        "qhopfield.hybrid needs PyTorch, which is not installed: pip install 'qhopfield[hybrid]'."
    ) from None

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
