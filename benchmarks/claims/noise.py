"""Noise: what wholly depolarised memories accept, read-out by formula, and what breaks first."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from scipy import stats

from qhopfield.circuits import (
    AmplifiedMemory,
    AtomizedMemory,
    ExpFilter,
    Exponential,
    FilteredMemory,
    Hopfield,
    KernelFilter,
    ModernHopfield,
    NeuronDynamics,
    RUSNeuron,
    recall,
)
from qhopfield.circuits.blocks.filters import MemoryFilter
from qhopfield.circuits.execution import make_noise
from qhopfield.circuits.methods import Method
from qhopfield.circuits.models import Model
from qhopfield.circuits.patterns import corrupt, random_patterns

from ..break_even import LEAST, MOST, BreakEven, break_even
from ..noise_curves import PATTERNS, Case, noise_of
from .record import Measured, claim, exactly, share

SOURCE = "This library"
NEURONS, SHOTS = 4, 20_000


def _memory(seed: int) -> tuple[ModernHopfield, np.ndarray]:
    """Four patterns of four neurons, and a probe with one wrong spin."""
    patterns = random_patterns(4, NEURONS, seed=seed)
    return ModernHopfield(patterns, 0.5), corrupt(patterns[:1], flips=1, seed=seed)


# 1. Nothing but noise.


def _mixed(chosen: MemoryFilter, seed: int) -> Measured:
    memory, probe = _memory(seed)
    method = FilteredMemory(chosen, fresh=True)
    result = recall(
        memory, probe, method, shots=SHOTS, seed=seed, noise_model=make_noise(two_qubit=1)
    )
    clean = method.law(memory, probe).acceptance
    overlap = float(result.expectations[0] @ memory.patterns[0]) / NEURONS
    note = f"without noise {clean:.4f}; mean overlap with the pattern {overlap:.3f}"
    return share(float(result.accepted[0]), SHOTS, note)


for _name, _chosen, _questions in (
    ("softmax", ExpFilter(0.5), NEURONS),
    ("kernel", KernelFilter(Exponential(0.5)), 1),
):
    _uniform = 0.5**_questions
    claim(
        f"noise.mixed.{_name}",
        statement=f"A wholly depolarised memory accepts as coins do, {_questions} a run: {_name}",
        source=SOURCE,
        setting="every two-qubit gate depolarises its qubits, n = 4, M = 4, 20,000 shots; 5 sigma",
        expected=_uniform,
        tolerance=5.0 * math.sqrt(_uniform * (1.0 - _uniform) / SHOTS),
        by="circuits",
        quick=True,
    )(partial(_mixed, _chosen))


# 2. Read-out errors by a formula.

READOUT = 0.05


@claim(
    "noise.readout.acceptance",
    statement="Read-out errors r accept mean_mu prod_i ((1 - r) a_i + r (1 - a_i)), a_i the "
    "acceptances of the questions",
    source=SOURCE,
    setting="p-value of the formula, softmax, n = 4, M = 4, beta = 0.5, r = 0.05, 20,000 shots",
    expected=1e-6,
    tolerance=0.0,
    relation=">=",
    by="circuits",
    quick=True,
)
def readout(seed: int) -> Measured:
    memory, probe = _memory(seed)
    result = recall(
        memory,
        probe,
        FilteredMemory(ExpFilter(0.5), fresh=True),
        shots=SHOTS,
        seed=seed,
        noise_model=make_noise(readout=READOUT),
    )
    one = np.where(memory.patterns == probe, 1.0, math.exp(-1.0))
    formula = float(((1.0 - READOUT) * one + READOUT * (1.0 - one)).prod(axis=1).mean())
    accepted = int(result.accepted[0])
    p_value = float(stats.binomtest(accepted, SHOTS, formula).pvalue)
    note = (
        f"accepted {accepted / SHOTS:.4f}, by formula {formula:.4f}, "
        f"without errors {one.prod(axis=1).mean():.4f}"
    )
    return exactly(p_value, note)


# 3. What breaks first: ratios of break-even points.

STEPS = 5


def _breaks(model: Model, method: Method, shots: int, seed: int) -> BreakEven:
    """The two-qubit error at which a recall of the common task stops helping."""
    case = Case("", model, method, "")
    return break_even(
        lambda strength: case.run(shots, seed, noise_of("two-qubit", strength)), case.bar, STEPS
    )


def _ratio(later: BreakEven, sooner: BreakEven) -> Measured:
    """The ends of the range stand for break-even points and intervals that reach beyond it."""
    ends = [
        [min(max(each, LEAST), MOST) for each in (found.value, found.low, found.high)]
        for found in (later, sooner)
    ]
    (value, low, high), (other, other_low, other_high) = ends
    note = f"p = {value:.3g}{' or more' if later.value > MOST else ''} and {other:.3g}"
    return Measured(value / other, low / other_high, high / other_low, note)


def _registers(other: str, seed: int) -> Measured:
    memory = Hopfield.store(PATTERNS)
    feedforward, coherent = (
        NeuronDynamics(RUSNeuron(1, attempts=1), 1, (0, 1, 2), register=register, gain="typical")
        for register in ("feedforward", other)
    )
    return _ratio(_breaks(memory, feedforward, 400, seed), _breaks(memory, coherent, 400, seed))


for _register in ("reuse", "coherent"):
    claim(
        f"noise.break-even.{_register}",
        statement=f"Feed-forward dynamics stands more noise than on register {_register!r}",
        source=SOURCE,
        setting="ratio of two-qubit errors at which recall stops helping, n = 6, M = 2, three "
        "updates of level 1, tried once, 400 shots",
        expected=1.0,
        tolerance=0.0,
        relation=">=",
        by="circuits",
        quick=True,
    )(partial(_registers, _register))


def _stored() -> ModernHopfield:
    """The task's two patterns and six more, all at least two flips from its probe."""
    away = np.array(
        [
            [-1, -1, 1, -1, 1, 1],
            [-1, 1, 1, -1, 1, -1],
            [1, -1, 1, -1, -1, 1],
            [-1, -1, 1, 1, 1, -1],
            [1, 1, 1, -1, 1, 1],
            [-1, -1, -1, -1, 1, -1],
        ],
        dtype=np.int8,
    )
    return ModernHopfield(np.concatenate([PATTERNS, away]), 1.0)


@claim(
    "noise.break-even.shards",
    statement="A memory in shards stands more noise than in one piece: fewer gates a circuit",
    source=SOURCE,
    setting="ratio of two-qubit errors at which recall stops helping, n = 6, M = 8, softmax at "
    "beta = 1, 4 shards of 300 shots against 1,200",
    expected=1.0,
    tolerance=0.0,
    relation=">=",
    by="circuits",
    quick=True,
)
def shards(seed: int) -> Measured:
    memory, whole = _stored(), FilteredMemory(ExpFilter(1.0))
    cut = AtomizedMemory(whole, shards=4)
    return _ratio(_breaks(memory, cut, 300, seed), _breaks(memory, whole, 1200, seed))


@claim(
    "noise.break-even.filters",
    statement="The softmax filter, a gate a neuron, stands more noise than the kernel's register",
    source=SOURCE,
    setting="ratio of two-qubit errors at which recall stops helping, n = 6, M = 2, beta = 1, "
    "600 against 150 shots",
    expected=1.0,
    tolerance=0.0,
    relation=">=",
    by="circuits",
    quick=True,
)
def filters(seed: int) -> Measured:
    memory = ModernHopfield(PATTERNS, 1.0)
    softmax = FilteredMemory(ExpFilter(1.0))
    kernel = FilteredMemory(KernelFilter(Exponential(1.0), d_min=1))
    return _ratio(_breaks(memory, softmax, 600, seed), _breaks(memory, kernel, 150, seed))


@claim(
    "noise.break-even.amplified",
    statement="A filtered memory stands at most twice the noise of its amplification: seven times "
    "the acceptance is worth some ten times the gates",
    source=SOURCE,
    setting="ratio of two-qubit errors at which recall stops helping, n = 6, M = 2, kernel "
    "e^(-2 d), 1,500 shots against 150 of two rounds",
    expected=2.0,
    tolerance=0.0,
    relation="<=",
    by="circuits",
)
def amplified(seed: int) -> Measured:
    memory, kernel = ModernHopfield(PATTERNS, 1.0), KernelFilter(Exponential(1.0))
    twice = AmplifiedMemory(kernel, rounds=2, overshoot=True)
    return _ratio(
        _breaks(memory, FilteredMemory(kernel), 1500, seed), _breaks(memory, twice, 150, seed)
    )
