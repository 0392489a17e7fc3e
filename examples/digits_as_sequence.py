"""Handwritten digits read row by row: quantum, classical Hopfield and LSTM beside one another.

``python examples/digits_as_sequence.py``: the 8x8 digits of qhopfield, eight tokens of eight
pixels each, ten classes; a minute or two.
"""

from qhopfield.hybrid.tasks import DigitSequence
from qhopfield.hybrid.training import train

task = DigitSequence()
print(task.describe())

for memory in ("quantum", "quantum-product", "hopfield", "lstm"):
    result = train(task, memory, seed=7, progress=True)
    low, high = result.interval
    print(f"{memory}: {result.accuracy:.3f} [{low:.3f}, {high:.3f}], {result.seconds:.0f} s")
