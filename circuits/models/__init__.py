"""The classical models: energies, local fields, learning rules and reference dynamics."""

from __future__ import annotations

from .base import ClassicalRecall, FieldTracker, Model, complete
from .dense import DenseAssociativeMemory
from .hopfield import Hopfield
from .modern import ModernConvergence, ModernHopfield
from .rules import hebb, projection, storkey
from .schedule import Order, check_order, draw_schedule
from .separation import Exponential, Polynomial, RectifiedPolynomial, SeparationFunction

__all__ = [
    "ClassicalRecall",
    "DenseAssociativeMemory",
    "Exponential",
    "FieldTracker",
    "Hopfield",
    "Model",
    "ModernConvergence",
    "ModernHopfield",
    "Order",
    "Polynomial",
    "RectifiedPolynomial",
    "SeparationFunction",
    "check_order",
    "complete",
    "draw_schedule",
    "hebb",
    "projection",
    "storkey",
]
