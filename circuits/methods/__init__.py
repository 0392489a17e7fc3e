"""The methods: each a circuit, its law, and how recall runs the one and reads it."""

from __future__ import annotations

from .amplified import AmplifiedMemory
from .base import Law, Method, Runner, Samples, Trace
from .dynamics import NeuronDynamics
from .filtered import FilteredMemory
from .grover import DistributedQuery, GroverCompletion, VenturaMartinez
from .superposition import filter_for
from .twins import DirectSoftmax, RejectionSampling
from .vote import DenseVote

__all__ = [
    "AmplifiedMemory",
    "DenseVote",
    "DirectSoftmax",
    "DistributedQuery",
    "FilteredMemory",
    "GroverCompletion",
    "Law",
    "Method",
    "NeuronDynamics",
    "RejectionSampling",
    "Runner",
    "Samples",
    "Trace",
    "VenturaMartinez",
    "filter_for",
]
