"""Quantum circuits that recall: models, methods and what runs them."""

from __future__ import annotations

from .association import Association, Classification, associate, classify
from .blocks import RotationNeuron, RUSNeuron, ThresholdNeuron
from .blocks.filters import ExpFilter, KernelFilter, TrugenbergerFilter
from .execution import Mitigation, make_noise
from .methods import (
    AmplifiedMemory,
    AtomizedMemory,
    BlockDynamics,
    DenseVote,
    DirectSoftmax,
    DistributedQuery,
    Faults,
    FilteredMemory,
    GroverCompletion,
    Law,
    NeuronDynamics,
    RejectionSampling,
    SoftmaxRecall,
    VenturaMartinez,
    similar_shards,
    softmax_recall,
)
from .models import (
    DenseAssociativeMemory,
    Exponential,
    Hopfield,
    ModernHopfield,
    Polynomial,
    RectifiedPolynomial,
)
from .recall import recall
from .resources import Resources, resources
from .result import RecallResult

__all__ = [
    "AmplifiedMemory",
    "Association",
    "AtomizedMemory",
    "BlockDynamics",
    "Classification",
    "DenseAssociativeMemory",
    "DenseVote",
    "DirectSoftmax",
    "DistributedQuery",
    "ExpFilter",
    "Exponential",
    "Faults",
    "FilteredMemory",
    "GroverCompletion",
    "Hopfield",
    "KernelFilter",
    "Law",
    "Mitigation",
    "ModernHopfield",
    "NeuronDynamics",
    "Polynomial",
    "RUSNeuron",
    "RecallResult",
    "RectifiedPolynomial",
    "RejectionSampling",
    "Resources",
    "RotationNeuron",
    "SoftmaxRecall",
    "ThresholdNeuron",
    "TrugenbergerFilter",
    "VenturaMartinez",
    "associate",
    "classify",
    "make_noise",
    "recall",
    "resources",
    "similar_shards",
    "softmax_recall",
]
