"""Amplitude amplification of a memory, and the searches that came before it."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from qhopfield.circuits import (
    AmplifiedMemory,
    Exponential,
    GroverCompletion,
    Hopfield,
    KernelFilter,
    ModernHopfield,
    VenturaMartinez,
)
from qhopfield.circuits.patterns import corrupt, random_patterns, to_index

from .exact import readings
from .record import Measured, Relation, claim, exactly

VENTURA = "Ventura and Martinez 2000, Information Sciences 124, 273, arXiv:quant-ph/9807053"
STRINGS = ("0000", "0011", "0110", "1001", "1100", "1111")
QUERY = "0110"
GROVER_ROUNDS = 12


def _spins(text: str) -> NDArray[np.int8]:
    return np.array([1 - 2 * int(bit) for bit in text], dtype=np.int8)


def _law(rounds: int, seed: int) -> Measured:
    rng = np.random.default_rng(seed)
    patterns = random_patterns(8, 5, seed=rng)
    probe = corrupt(patterns[:1], flips=1, seed=rng)[0]
    model = ModernHopfield(patterns, 0.7)
    chosen = KernelFilter(Exponential(0.7))
    acceptance = np.exp(-1.4 * np.count_nonzero(patterns != probe, axis=1)).mean()
    due = np.sin((2 * rounds + 1) * np.arcsin(np.sqrt(acceptance))) ** 2
    method = AmplifiedMemory(chosen, rounds=rounds, overshoot=True)
    reached = readings(method.circuit(model, probe), bits=5).sum()
    return exactly(abs(reached - due), f"{acceptance:.4f} -> {reached:.4f}")


for _rounds in (0, 1, 2, 5):
    claim(
        f"amplification.law.{_rounds}",
        statement="r rounds take the acceptance P to sin^2((2 r + 1) arcsin sqrt P)",
        source="Brassard et al. 2002, arXiv:quant-ph/0005055",
        setting=f"gap, n = 5, M = 8, softmax kernel, beta = 0.7, r = {_rounds}, statevector",
        expected=0.0,
        tolerance=1e-10,
        by="circuits",
        quick=True,
    )(partial(_law, _rounds))


def _found(method: VenturaMartinez | GroverCompletion | AmplifiedMemory) -> float:
    """P(0110) of the circuit's accepted readings."""
    memory = Hopfield.store(np.stack([_spins(each) for each in STRINGS]))
    answer = readings(method.circuit(memory, _spins(QUERY)), bits=4)[0]
    return float(answer[to_index(_spins(QUERY)[None, :])[0]])


def _ventura(rounds: int, seed: int) -> Measured:
    return exactly(_found(VenturaMartinez(rounds=rounds)))


def _grover(seed: int) -> Measured:
    found = [_found(GroverCompletion(rounds=rounds)) for rounds in range(GROVER_ROUNDS + 1)]
    return exactly(max(found), f"after {int(np.argmax(found))} rounds")


def _about_memory(seed: int) -> Measured:
    return exactly(_found(AmplifiedMemory(KernelFilter([1.0, 0.0, 0.0, 0.0, 0.0]), rounds=1)))


_SEARCHES: tuple[tuple[str, str, str, float, Relation], ...] = (
    ("ventura-martinez.0", "P(0110) after the memory's turn", "T = 0", 0.8438, "="),
    ("ventura-martinez.1", "P(0110) one round later", "T = 1", 0.9902, "="),
    ("grover", "Plain Grover's P(0110) is at most .4444", "greatest of 0 to 12", 0.4444, "<="),
    ("about-memory", "P(0110) by one round about the memory", "exact-match kernel", 0.9074, "="),
)
for _id, _statement, _how, _expected, _relation in _SEARCHES:
    claim(
        f"amplification.{_id}",
        statement=_statement,
        source="Brassard et al. 2002, arXiv:quant-ph/0005055" if _id[0] == "a" else VENTURA,
        setting=f"n = 4, six patterns, query 0110, {_how}, statevector",
        expected=_expected,
        tolerance=1e-3,
        relation=_relation,
        by="circuits",
        quick=True,
    )(
        _grover
        if _id == "grover"
        else _about_memory
        if _id == "about-memory"
        else partial(_ventura, int(_id[-1]))
    )
