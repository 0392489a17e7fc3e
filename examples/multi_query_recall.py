"""Multi-query associative recall: a quantum memory beside attention, at equal parameters.

A sequence lists pairs of key and value, then asks for the value of each key.  Run it with
``python examples/multi_query_recall.py``; it takes about two minutes on two cores.
"""

from qhopfield.hybrid.tasks import MultiQueryRecall
from qhopfield.hybrid.training import train

task = MultiQueryRecall(pairs=4, length=32)
print(task.describe())

results = {
    memory: train(task, memory, seed=7, progress=True) for memory in ("quantum", "attention")
}
for memory, result in results.items():
    low, high = result.interval
    print(
        f"{memory}: {result.accuracy:.3f} [{low:.3f}, {high:.3f}], {result.parameters:,} parameters"
    )

# The trained weights as circuits, one a head and query, wide ones as matrix product states.
quantum = results["quantum"].evaluate("aer", limit=1, shots=1000)
print(quantum.to_dataframe()[["path", "examples", "accuracy", "low", "high", "empty_runs"]])
