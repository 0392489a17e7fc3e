"""Running circuits: Aer by default, any BackendV2 or SamplerV2."""

from __future__ import annotations

from .aer import AerRunner, statevector_bytes
from .primitives import SamplerRunner
from .select import make_runner

__all__ = ["AerRunner", "SamplerRunner", "make_runner", "statevector_bytes"]
