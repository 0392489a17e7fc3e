"""What an update costs in two-qubit gates."""

from __future__ import annotations

from functools import partial

from qhopfield.circuits import Hopfield, NeuronDynamics, RotationNeuron, RUSNeuron
from qhopfield.circuits.patterns import random_patterns

from ..gates import two_qubit_gates
from .record import Measured, claim, exactly

SOURCE = "This library's RZZ form of the neuron of Cao et al. 2017, arXiv:1711.11240"
NUM_NEURONS = 16


def _gates(level: int, basis: str | None, seed: int) -> Measured:
    # An odd number of patterns leaves no weight at zero.
    memory = Hopfield.store(random_patterns(3, NUM_NEURONS, seed=seed))
    neuron = RUSNeuron(level, attempts=1) if level else RotationNeuron()
    method = NeuronDynamics(neuron, sweeps=1, order=[0], register="coherent")
    return exactly(two_qubit_gates(method.circuit(memory, [1] * NUM_NEURONS), basis))


for _level, _figure, _formula in (
    (0, NUM_NEURONS - 1, "n - 1"),
    (1, 2 * (NUM_NEURONS - 1) + 1, "2 (n - 1) + 1"),
):
    for _basis in (None, "rzz"):
        claim(
            f"costs.gates.level-{_level}.{_basis or 'written'}",
            statement=f"{_formula} two-qubit gates "
            + ("an update at level 0" if _level == 0 else "a block at level 1"),
            source=SOURCE,
            setting=f"n = {NUM_NEURONS}, "
            + ("transpiled to rz, sx, x, rzz" if _basis else "as written"),
            expected=float(_figure),
            tolerance=0.0,
            by="circuits",
            quick=True,
        )(partial(_gates, _level, _basis))


@claim(
    "costs.gates.level-1.cx",
    statement="A level-1 block takes 4 (n - 1) + 2 CX, two a controlled rotation",
    source="The form with controlled rotations of Cao et al. 2017, counted",
    setting=f"n = {NUM_NEURONS}, transpiled to rz, sx, x, cx; an upper bound",
    expected=4.0 * (NUM_NEURONS - 1) + 2.0,
    tolerance=0.0,
    relation="<=",
    by="circuits",
    quick=True,
)
def gates_in_cx(seed: int) -> Measured:
    return _gates(1, "cx", seed)
