"""The figures that this library must show, and what it shows: ``python -m benchmarks.claims``.

Every module here registers claims, see :mod:`.record`; a new theme is a new module in the import
below.
"""

from __future__ import annotations

from . import (
    amplification,
    atomized,
    bank,
    blocks,
    capacity_classical,
    circuits_and_laws,
    costs,
    dense,
    digits,
    distribution,
    hybrid,
    letters,
    mitigation,
    neuron,
    noise,
    superposition,
)
from .record import REGISTRY, Claim, Measured, Registry, claim

__all__ = [
    "REGISTRY",
    "Claim",
    "Measured",
    "Registry",
    "amplification",
    "atomized",
    "bank",
    "blocks",
    "capacity_classical",
    "circuits_and_laws",
    "claim",
    "costs",
    "dense",
    "digits",
    "distribution",
    "hybrid",
    "letters",
    "mitigation",
    "neuron",
    "noise",
    "superposition",
]
