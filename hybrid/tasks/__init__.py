"""What memories are trained and compared on."""

from __future__ import annotations

from .base import IGNORED, Examples, Splits, Task
from .bit_patterns import BitPatternSets
from .digits import DigitSequence
from .long_range import LongRangeRecall
from .mqar import MultiQueryRecall

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (MultiQueryRecall, BitPatternSets, DigitSequence, LongRangeRecall)
}
"""The tasks by the names that the command line knows."""

__all__ = [
    "IGNORED",
    "TASKS",
    "BitPatternSets",
    "DigitSequence",
    "Examples",
    "LongRangeRecall",
    "MultiQueryRecall",
    "Splits",
    "Task",
]
