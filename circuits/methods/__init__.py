"""The methods: each a circuit, its law, and how recall runs the one and reads it."""

from __future__ import annotations

from .amplified import AmplifiedMemory
from .atomized import (
    AtomizedMemory,
    Faults,
    SoftmaxRecall,
    similar_shards,
    softmax_recall,
)
from .base import Law, Method, Runner, Samples, Trace
from .block_dynamics import BlockDynamics
from .dynamics import NeuronDynamics
from .filtered import FilteredMemory
from .grover import DistributedQuery, GroverCompletion, VenturaMartinez
from .superposition import filter_for
from .twins import DirectSoftmax, RejectionSampling
from .vote import DenseVote

__all__ = [
    "AmplifiedMemory",
    "AtomizedMemory",
    "BlockDynamics",
    "DenseVote",
    "DirectSoftmax",
    "DistributedQuery",
    "Faults",
    "FilteredMemory",
    "GroverCompletion",
    "Law",
    "Method",
    "NeuronDynamics",
    "RejectionSampling",
    "Runner",
    "Samples",
    "SoftmaxRecall",
    "Trace",
    "VenturaMartinez",
    "filter_for",
    "similar_shards",
    "softmax_recall",
]
