"""Error mitigation around any runner: read-out, zero-noise extrapolation, decoupling."""

from __future__ import annotations

from .runner import MitigatedRunner
from .settings import Mitigation

__all__ = ["MitigatedRunner", "Mitigation"]
