"""Training and evaluating memories on tasks."""

from __future__ import annotations

from .evaluate import PATHS, evaluate, noisy_device
from .result import Evaluation, TrainingResult
from .train import train
from .twins import compare_curves

__all__ = [
    "PATHS",
    "Evaluation",
    "TrainingResult",
    "compare_curves",
    "evaluate",
    "noisy_device",
    "train",
]
