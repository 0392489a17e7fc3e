"""Classical peers of the quantum layers: modern Hopfield, attention, RNN and LSTM."""

from __future__ import annotations

from .attention import Attention
from .hopfield import ClassicalHopfield
from .pooling import (
    AttentionPooling,
    ClassicalHopfieldLayer,
    ClassicalHopfieldPooling,
    RecurrentPooling,
)
from .recurrent import Recurrent

__all__ = [
    "Attention",
    "AttentionPooling",
    "ClassicalHopfield",
    "ClassicalHopfieldLayer",
    "ClassicalHopfieldPooling",
    "Recurrent",
    "RecurrentPooling",
]
