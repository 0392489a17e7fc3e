"""Amplitude amplification of a memory, and the searches that came before it."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from qhopfield.circuits import (
    AmplifiedMemory,
    Exponential,
    GroverCompletion,
    Hopfield,
    KernelFilter,
    ModernHopfield,
    VenturaMartinez,
    recall,
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


# The same by what users run: counts of a recall, as p-values of the closed form.

SHOTS = 20_000


def _counted(count: float, shots: int, due: float) -> Measured:
    """The p-value of a count of shots, each of which had one chance."""
    test = stats.binomtest(round(count), shots, min(1.0, max(0.0, due)))
    return exactly(float(test.pvalue), f"{count / shots:.4f} for {due:.4f}")


def _recalled(rounds: int | str, seed: int) -> Measured:
    rng = np.random.default_rng(seed)
    patterns = random_patterns(8, 5, seed=rng)
    probe = corrupt(patterns[:1], flips=1, seed=rng)[0]
    acceptance = np.exp(-1.4 * np.count_nonzero(patterns != probe, axis=1)).mean()
    angle = np.arcsin(np.sqrt(acceptance))
    method = AmplifiedMemory(
        KernelFilter(Exponential(0.7)), rounds=rounds, overshoot=rounds != "auto"
    )
    found = recall(ModernHopfield(patterns, 0.7), probe, method, shots=SHOTS, seed=seed)
    # The best number of rounds is the first maximum.
    best = rounds if isinstance(rounds, int) else round(np.pi / (4.0 * angle) - 0.5)
    return _counted(found.accepted[0], SHOTS, float(np.sin((2 * best + 1) * angle) ** 2))


def _loadings(seed: int) -> Measured:
    """p-value of the mean loadings of random rounds under a growing bound."""
    patterns = random_patterns(6, 5, seed=seed)
    probe = corrupt(patterns[:1], flips=1, seed=seed)[0]
    acceptance = np.exp(-1.4 * np.count_nonzero(patterns != probe, axis=1)).mean()
    angle, greatest = np.arcsin(np.sqrt(acceptance)), np.sqrt(len(patterns) * 4.0)
    bound, left, due = 1.0, 1.0, 0.0
    for _ in range(200):
        rounds = np.arange(np.ceil(bound))
        due += left * float(np.mean(2 * rounds + 1))
        left *= 1.0 - float(np.mean(np.sin((2 * rounds + 1) * angle) ** 2))
        bound = min(1.2 * bound, greatest)
    method = AmplifiedMemory(KernelFilter(Exponential(0.7)), rounds="unknown")
    probes = np.repeat(probe[None, :], 20, axis=0)
    found = recall(ModernHopfield(patterns, 0.7), probes, method, shots=30, seed=seed)
    test = stats.ttest_1samp(found.attempts, due)
    return exactly(float(test.pvalue), f"{found.attempts.mean():.3f} for {due:.3f}")


for _kind in (0, 1, 2, 5, "auto"):
    claim(
        f"amplification.recall.{_kind}",
        statement="recall accepts with probability sin^2((2 r + 1) arcsin sqrt P)",
        source="Brassard et al. 2002, arXiv:quant-ph/0005055",
        setting=f"p-value, n = 5, M = 8, softmax kernel, beta = 0.7, r = {_kind}, 20,000 shots",
        expected=1e-6,
        tolerance=0.0,
        relation=">=",
        by="circuits",
        quick=True,
    )(partial(_recalled, _kind))
claim(
    "amplification.recall.unknown",
    statement="Random rounds load the memory as often as their schedule says",
    source="Boyer et al. 1998, arXiv:quant-ph/9605034",
    setting="p-value of the mean, n = 5, M = 6, softmax kernel, beta = 0.7, 20 recalls of 30 shots",
    expected=1e-6,
    tolerance=0.0,
    relation=">=",
    by="circuits",
    quick=True,
)(_loadings)


def _found(method: VenturaMartinez | GroverCompletion | AmplifiedMemory) -> float:
    """P(0110) of the circuit's accepted readings."""
    memory = Hopfield.store(np.stack([_spins(each) for each in STRINGS]))
    answer = readings(method.circuit(memory, _spins(QUERY)), bits=4)[0]
    return float(answer[to_index(_spins(QUERY)[None, :])[0]])


def _found_by_recall(method: VenturaMartinez | GroverCompletion, seed: int) -> Measured:
    """p-value of how often recall gives 0110, against the circuit's amplitudes."""
    memory = Hopfield.store(np.stack([_spins(each) for each in STRINGS]))
    result = recall(memory, _spins(QUERY), method, shots=SHOTS, seed=seed)
    count = float(result.probability_of(_spins(QUERY))[0]) * SHOTS
    return _counted(count, SHOTS, _found(method))


for _name, _method in (
    ("ventura-martinez", VenturaMartinez(rounds=1)),
    ("grover", GroverCompletion(rounds=2)),
):
    claim(
        f"amplification.recall.{_name}",
        statement="recall draws what the circuit's amplitudes say",
        source=VENTURA,
        setting=f"p-value of P(0110), n = 4, six patterns, {_method!r}, 20,000 shots",
        expected=1e-6,
        tolerance=0.0,
        relation=">=",
        by="circuits",
        quick=True,
    )(partial(_found_by_recall, _method))


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
