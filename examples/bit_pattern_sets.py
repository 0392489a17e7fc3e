"""Bit-pattern sets with a plain PyTorch loop: does a bag of patterns hold a signal?

A quantum pooling stores the bag's patterns as they are, +-1, and trained queries look for the
signals.  The trained layer then answers on Aer.  ``python examples/bit_pattern_sets.py``, about a
minute.
"""

import torch
from qiskit_aer import AerSimulator
from torch import nn

from qhopfield.hybrid import QuantumHopfieldPooling, run_on
from qhopfield.hybrid.tasks import BitPatternSets

task = BitPatternSets(bits=6, instances=4, signals=2, test_bags=200)
data = task.splits(seed=7)
torch.manual_seed(7)

# Two heads of six neurons; the stored patterns need no projection, they are bits already.
pooling = QuantumHopfieldPooling(6, hidden_size=6, num_heads=2, stored_as_static=True, scaling=1.0)
model = nn.Sequential(pooling, nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)

for epoch in range(30):
    for batch in torch.randperm(len(data.train)).split(128):
        bags, answers = data.train.inputs[batch], data.train.targets[batch]
        loss = nn.functional.binary_cross_entropy_with_logits(model(bags), answers)
        # Shots are only worth what is accepted, so acceptance is trained too.
        acceptance = pooling.associate(bags).acceptance
        optimizer.zero_grad()
        (loss - 0.05 * acceptance.log().mean()).backward()
        optimizer.step()
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}")


def accuracy(bags: torch.Tensor, answers: torch.Tensor) -> float:
    """Share of right answers."""
    with torch.no_grad():
        return ((model(bags) > 0) == (answers > 0)).float().mean().item()


bags, answers = data.test.inputs, data.test.targets
print(f"law, all bags: {accuracy(bags, answers):.3f}")
print(f"law, 100 bags: {accuracy(bags[:100], answers[:100]):.3f}")
with run_on(model, backend=AerSimulator(), shots=1000, seed=7, empty="prior"):
    print(f"Aer, 1,000 shots, 100 bags: {accuracy(bags[:100], answers[:100]):.3f}")
