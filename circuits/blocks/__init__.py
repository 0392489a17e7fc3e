"""Pieces of circuit: arithmetic registers, local fields, neurons."""

from __future__ import annotations

from .neurons import Neuron, RotationNeuron, RUSNeuron, ThresholdNeuron

__all__ = ["Neuron", "RUSNeuron", "RotationNeuron", "ThresholdNeuron"]
