"""Quantum circuits that recall: models, methods and what runs them."""

from __future__ import annotations

from .association import Association, Classification, associate, classify
from .blocks import RotationNeuron, RUSNeuron, ThresholdNeuron
from .blocks.filters import ExpFilter, KernelFilter, TrugenbergerFilter
from .methods import (
    AmplifiedMemory,
    DenseVote,
    DirectSoftmax,
    DistributedQuery,
    FilteredMemory,
    GroverCompletion,
    Law,
    NeuronDynamics,
    RejectionSampling,
    VenturaMartinez,
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
    "Classification",
    "DenseAssociativeMemory",
    "DenseVote",
    "DirectSoftmax",
    "DistributedQuery",
    "ExpFilter",
    "Exponential",
    "FilteredMemory",
    "GroverCompletion",
    "Hopfield",
    "KernelFilter",
    "Law",
    "ModernHopfield",
    "NeuronDynamics",
    "Polynomial",
    "RUSNeuron",
    "RecallResult",
    "RectifiedPolynomial",
    "RejectionSampling",
    "Resources",
    "RotationNeuron",
    "ThresholdNeuron",
    "TrugenbergerFilter",
    "VenturaMartinez",
    "associate",
    "classify",
    "recall",
    "resources",
]
