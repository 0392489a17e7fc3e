"""Capacity and basins: how much a memory holds, and how far a probe may be off."""

from __future__ import annotations

from .plot import plot_capacity
from .result import CapacityCell, CapacityResult, CapacitySettings
from .run import capacity
from .spec import MakeModel, ModelSpec

__all__ = [
    "CapacityCell",
    "CapacityResult",
    "CapacitySettings",
    "MakeModel",
    "ModelSpec",
    "capacity",
    "plot_capacity",
]
