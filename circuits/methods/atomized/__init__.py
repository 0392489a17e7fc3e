"""Memories cut into many small submodules that act as one."""

from __future__ import annotations

from .faults import Faults
from .memory import AtomizedMemory
from .similar import similar_shards
from .stream import SoftmaxRecall, softmax_recall

__all__ = ["AtomizedMemory", "Faults", "SoftmaxRecall", "similar_shards", "softmax_recall"]
