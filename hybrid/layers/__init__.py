"""Quantum associative memories as PyTorch modules."""

from __future__ import annotations

from .bank import SubmoduleBank
from .base import QuantumModule, run_on
from .context import MemoryContext
from .encoder import QuantumHopfieldEncoderLayer
from .hopfield import Associated, QuantumHopfield
from .network import QuantumHopfieldNetwork
from .pooling import QuantumHopfieldLayer, QuantumHopfieldPooling

__all__ = [
    "Associated",
    "MemoryContext",
    "QuantumHopfield",
    "QuantumHopfieldEncoderLayer",
    "QuantumHopfieldLayer",
    "QuantumHopfieldNetwork",
    "QuantumHopfieldPooling",
    "QuantumModule",
    "SubmoduleBank",
    "run_on",
]
