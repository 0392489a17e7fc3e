"""One small recall of every kind that the package has: what tests and benchmarks go through.

A method, neuron, filter or model that is added to the package joins by a case of its own here; a
test fails until it has one (``tests/circuits/methods/test_every_method.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhopfield.circuits import (
    AmplifiedMemory,
    AtomizedMemory,
    BlockDynamics,
    DenseAssociativeMemory,
    DenseVote,
    DirectSoftmax,
    DistributedQuery,
    ExpFilter,
    Exponential,
    Faults,
    FilteredMemory,
    GroverCompletion,
    Hopfield,
    KernelFilter,
    ModernHopfield,
    NeuronDynamics,
    Polynomial,
    RectifiedPolynomial,
    RejectionSampling,
    RotationNeuron,
    RUSNeuron,
    ThresholdNeuron,
    TrugenbergerFilter,
    VenturaMartinez,
)
from qhopfield.circuits.methods import Method
from qhopfield.circuits.models import Model
from qhopfield.circuits.patterns import random_patterns

NUM_NEURONS, NUM_PATTERNS = 4, 5


@dataclass(frozen=True)
class Case:
    """A recall that is small enough for its law.

    Attributes:
        method: the method.
        memory: name of the memory, see :func:`memory`.
        probe: what recall starts from, (N,).
        shots: enough of them to tell the law from another one.
        slow: whether every shot is simulated on its own, so that there are few of them.
    """

    method: Method
    memory: str = "modern"
    probe: tuple[float, ...] = (1.0, -1.0, 0.4, 0.0)
    shots: int = 4000
    slow: bool = False

    @property
    def model(self) -> Model:
        """The memory."""
        return memory(self.memory)

    @property
    def row(self) -> NDArray[np.float64]:
        """The probe as an array."""
        return np.array(self.probe)


@cache
def memory(name: str) -> Model:
    """A memory of four neurons by name."""
    patterns = random_patterns(NUM_PATTERNS, NUM_NEURONS, seed=3)
    if name == "modern":
        return ModernHopfield(patterns, beta=0.3)
    if name == "hopfield":
        return Hopfield.store(patterns[:2], bias=[0.1, 0.0, -0.2, 0.05])
    if name == "cubic":
        return DenseAssociativeMemory(patterns, separation=Polynomial(3))
    if name == "exponential":
        return DenseAssociativeMemory(patterns[:3], separation=Exponential(0.3))
    if name == "single":
        return ModernHopfield(patterns[:1], beta=0.3)
    if name == "all":  # every state
        return ModernHopfield(1 - 2 * (np.arange(16)[:, None] >> np.arange(4) & 1), beta=0.3)
    if name == "even":  # eight of sixteen states
        states = 1 - 2 * (np.arange(16)[:, None] >> np.arange(4) & 1)
        return ModernHopfield(states[states.prod(axis=1) > 0], beta=0.3)
    raise ValueError(f"There is no memory {name!r}.")


HARD = (1.0, -1.0, 1.0, 0.0)
KNOWN = (1.0, -1.0, 1.0, 1.0)
_EXP = ExpFilter(0.3)
_KERNEL = KernelFilter(Exponential(0.3))
_TABLE = KernelFilter([0.0, 1.0, 0.5, 0.2, 0.1])
_SHARDS = [[0, 3, 4], [1], [2]]


def _filtered() -> dict[str, Case]:
    cases = {
        "filtered": Case(FilteredMemory()),
        "filtered, fresh": Case(FilteredMemory(_EXP, fresh=True)),
        # Sixteen states that are about equally probable: the most frequent one is the luckiest.
        "filtered, ties": Case(FilteredMemory(), memory="all", probe=(0.4, 0.0, 0.0, 0.0)),
        "filtered, kernel": Case(FilteredMemory(_KERNEL), probe=HARD),
        "filtered, kernel, fresh": Case(FilteredMemory(_TABLE, fresh=True), probe=HARD),
        "filtered, kernel, d_min": Case(
            FilteredMemory(KernelFilter(Exponential(0.4), d_min=1)), probe=HARD
        ),
        "filtered, rectified": Case(
            FilteredMemory(KernelFilter(RectifiedPolynomial(2))), probe=KNOWN
        ),
        "filtered, trugenberger": Case(FilteredMemory(TrugenbergerFilter(2)), probe=KNOWN),
        "filtered, trugenberger, fresh": Case(
            FilteredMemory(TrugenbergerFilter(1), fresh=True), probe=KNOWN
        ),
        "filtered, hopfield": Case(FilteredMemory(), "hopfield", probe=KNOWN),
        "filtered, cubic": Case(FilteredMemory(_KERNEL, fresh=True), "cubic", probe=HARD),
        "filtered, one pattern": Case(FilteredMemory(fresh=True), "single"),
        "filtered, dense memory": Case(FilteredMemory(_EXP, fresh=True), "even"),
        "filtered, iterated": Case(FilteredMemory(_EXP, iterations=3, fresh=True), shots=2000),
    }
    for least in ("given", "descending", "quantum"):
        cases[f"filtered, least {least}"] = Case(
            FilteredMemory(_KERNEL, least=least), probe=(1.0, 1.0, -1.0, 1.0)
        )
        cases[f"filtered, least {least}, table"] = Case(
            FilteredMemory(KernelFilter([0.2, 0.3, 0.5, 0.2, 0.1]), least=least, fresh=True),
            probe=(1.0, 1.0, -1.0, 0.0),
        )
    return cases


def _amplified() -> dict[str, Case]:
    sharp = ExpFilter(0.5)
    cases = {
        f"amplified, rounds {rounds}": Case(AmplifiedMemory(sharp, rounds=rounds))
        for rounds in (0, 1, "auto", "unknown")
    }
    cases["amplified, kernel"] = Case(AmplifiedMemory(_KERNEL), probe=HARD)
    cases["amplified, kernel, unknown"] = Case(
        AmplifiedMemory(KernelFilter(Exponential(0.8)), rounds="unknown"), probe=HARD
    )
    cases["amplified, trugenberger"] = Case(
        AmplifiedMemory(TrugenbergerFilter(2), rounds="auto"), probe=(-1.0, -1.0, -1.0, 1.0)
    )
    cases["amplified, overshoot"] = Case(AmplifiedMemory(sharp, rounds=3, overshoot=True))
    cases["amplified, fixed point"] = Case(AmplifiedMemory(sharp, tolerance=0.4))
    cases["amplified, fixed point, 2 rounds"] = Case(
        AmplifiedMemory(sharp, rounds=2, tolerance=0.6)
    )
    return cases


def _searches() -> dict[str, Case]:
    partial = (1.0, -1.0, 0.0, 0.0)
    cases = {}
    for rounds in (0, 1, 3, "auto"):
        cases[f"grover, rounds {rounds}"] = Case(GroverCompletion(rounds), probe=partial)
        cases[f"ventura-martinez, rounds {rounds}"] = Case(VenturaMartinez(rounds), probe=partial)
        cases[f"query, rounds {rounds}"] = Case(DistributedQuery(0.1, rounds))
    cases["query, no spread"] = Case(
        DistributedQuery(0.0), probe=tuple(memory("modern").patterns[0].astype(float))
    )
    return cases


def _votes() -> dict[str, Case]:
    whole = (1.0, -1.0, -1.0, 0.0)
    return {
        "vote": Case(DenseVote(votes=6), "cubic", whole, shots=1500),
        "vote, two sweeps": Case(
            DenseVote(2, order=[3, 1, 0, 2], votes=3, fresh=True), "exponential", whole, shots=1500
        ),
        "vote, partial order": Case(
            DenseVote(2, order=[[3, 1], [0, 3]], votes=4), "cubic", whole, shots=1500
        ),
        "vote, random": Case(DenseVote(order="random", votes=4), "cubic", whole, shots=1500),
        "vote, synchronous": Case(DenseVote(synchronous=True, votes=5), "cubic", whole, shots=1000),
        "vote, at once": Case(
            DenseVote(2, synchronous=True, votes=4, fresh=True), "exponential", whole, shots=1500
        ),
        "vote, at once, reused ancilla": Case(
            DenseVote(synchronous=True, votes=3), "exponential", whole, shots=300, slow=True
        ),
    }


def _neurons() -> dict[str, Case]:
    neurons = {
        "rotation": RotationNeuron(),
        "rus 1": RUSNeuron(1),
        "rus 2": RUSNeuron(2),
        "rus 2, 1 attempt": RUSNeuron(2, attempts=1),
        "rus 1, 3 attempts": RUSNeuron(1, attempts=3),
        "threshold": ThresholdNeuron(bits=4),
    }
    start = (1.0, -1.0, 0.4, 0.0)
    cases = {}
    for name, neuron in neurons.items():
        for register in ("feedforward", "reuse", "coherent"):
            loops = isinstance(neuron, RUSNeuron) and register != "coherent"
            slow = register == "reuse" and not isinstance(neuron, RotationNeuron)
            cases[f"{name}, {register}"] = Case(
                NeuronDynamics(neuron, sweeps=1, register=register),
                "hopfield",
                start,
                shots=300 if slow else 800 if loops else 3000,
                slow=slow,
            )
    for register in ("feedforward", "reuse", "coherent"):
        for name, order in (
            ("given order", (2, 0, 3)),
            ("orders", ((2, 0, 3, 1), (1, 1, 0, 2))),
            ("random", "random"),
        ):
            sweeps = 1 if register == "coherent" and name != "orders" else 2
            cases[f"{name}, {register}"] = Case(
                NeuronDynamics(RotationNeuron(), sweeps=sweeps, order=order, register=register),
                "hopfield",
                start,
                shots=2000,
            )
        cases[f"synchronous, {register}"] = Case(
            NeuronDynamics(RotationNeuron(), sweeps=1, synchronous=True, register=register),
            "hopfield",
            start,
            shots=2000,
        )
    rotation = RotationNeuron()
    cases["cubic field"] = Case(NeuronDynamics(rotation, sweeps=2), "cubic", start)
    cases["typical gain"] = Case(
        NeuronDynamics(RUSNeuron(1), sweeps=2, gain="typical"), "hopfield", start, shots=600
    )
    cases["folded gain"] = Case(
        NeuronDynamics(RUSNeuron(1), sweeps=2, gain=1.1, fold=True), "hopfield", start, shots=600
    )
    for register in ("feedforward", "reuse"):
        for link in (1.0, 0.5):
            cases[f"blocks, {register}, link {link:g}"] = Case(
                BlockDynamics(
                    [[0, 3], [1, 2]], neuron=rotation, sweeps=2, link=link, register=register
                ),
                "hopfield",
                start,
                shots=2000,
            )
    cases["blocks, one of them"] = Case(
        BlockDynamics(1, neuron=RUSNeuron(1), sweeps=1), "hopfield", start, shots=600
    )
    return cases


def _cut() -> dict[str, Case]:
    fresh = FilteredMemory(_EXP, fresh=True)
    kernel = FilteredMemory(KernelFilter(Exponential(0.3)), fresh=True)
    return {
        "shards": Case(AtomizedMemory(fresh, shards=_SHARDS)),
        "shards, reused ancilla": Case(AtomizedMemory(FilteredMemory(_EXP), shards=2)),
        "shards, replicas": Case(AtomizedMemory(fresh, shards=_SHARDS, replicas=3), shots=1500),
        "shards, kernel": Case(AtomizedMemory(kernel, shards=2), probe=HARD),
        "shards, least": Case(
            AtomizedMemory(FilteredMemory(_KERNEL, least="descending", fresh=True), shards=2),
            probe=HARD,
        ),
        "shards, twin": Case(AtomizedMemory(RejectionSampling(_EXP), shards=2)),
        "shards, trugenberger": Case(
            AtomizedMemory(FilteredMemory(TrugenbergerFilter(1), fresh=True), shards=2),
            probe=KNOWN,
        ),
        "shards, dead and late": Case(
            AtomizedMemory(
                fresh, shards=_SHARDS, replicas=2, faults=Faults(dead=[0, 2, 3], late=[4])
            )
        ),
        "shards, detected": Case(
            AtomizedMemory(
                fresh, shards=_SHARDS, replicas=2, detect=1e-6, faults=Faults(random=[1])
            )
        ),
        "shards, kept": Case(AtomizedMemory(fresh, shards=[[0, 3], [1, 2], [4]], keep=2)),
        "blocks of neurons": Case(AtomizedMemory(fresh, shards=1, blocks=2), shots=1500),
        "grid": Case(AtomizedMemory(fresh, shards=2, blocks=2, replicas=2), shots=1500),
        "shards, iterated": Case(
            AtomizedMemory(FilteredMemory(_EXP, iterations=2, fresh=True), shards=2)
        ),
    }


CASES: dict[str, Case] = {
    **_filtered(),
    "rejection sampling": Case(RejectionSampling()),
    "softmax": Case(DirectSoftmax()),
    "softmax, iterated": Case(DirectSoftmax(_EXP, iterations=3)),
    **_amplified(),
    **_searches(),
    **_votes(),
    **_neurons(),
    **_cut(),
}
"""One recall of every kind."""


def parts_within(value: Any) -> list[Any]:
    """A strategy object and all that it is made of: filters, neurons, submodules' methods."""
    found = [value]
    if is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            found += parts_within(getattr(value, each.name))
    return found
