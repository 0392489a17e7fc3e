"""Filters: what keeps a pattern of the superposition, the likelier the better it fits the probe."""

from __future__ import annotations

from .base import Angle, MemoryFilter
from .exponential import ExpFilter
from .kernel import KernelFilter
from .trugenberger import TrugenbergerFilter

__all__ = ["Angle", "ExpFilter", "KernelFilter", "MemoryFilter", "TrugenbergerFilter"]
