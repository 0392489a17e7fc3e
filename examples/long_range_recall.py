"""Long-range recall: what a memory with an index keeps, and a recurrent state forgets.

A cue comes early, distractors follow, and the question comes after ``distance`` tokens.
``python examples/long_range_recall.py``, a few minutes; ``python -m benchmarks.long_range`` draws
the whole curve.
"""

from qhopfield.hybrid.tasks import LongRangeRecall
from qhopfield.hybrid.training import train

for distance in (8, 64):
    task = LongRangeRecall(distance=distance)
    print(task.describe())
    for memory in ("quantum", "rnn"):
        result = train(task, memory, seed=7)
        low, high = result.interval
        print(f"  {memory}: {result.accuracy:.3f} [{low:.3f}, {high:.3f}], {result.seconds:.0f} s")
