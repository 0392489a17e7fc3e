"""Running circuits: Aer by default, any BackendV2 or SamplerV2, noise and its mitigation."""

from __future__ import annotations

from . import identity
from .aer import AerRunner, statevector_bytes
from .export import save_circuit
from .mitigation import MitigatedRunner, Mitigation
from .noise import make_noise
from .primitives import SamplerRunner
from .seeds import settle_seed
from .select import make_runner

__all__ = [
    "AerRunner",
    "MitigatedRunner",
    "Mitigation",
    "SamplerRunner",
    "identity",
    "make_noise",
    "make_runner",
    "save_circuit",
    "settle_seed",
    "statevector_bytes",
]
