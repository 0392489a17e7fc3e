"""Memories cut into submodules: recombination, failures, and how large they may be."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy.special import softmax

from qhopfield.circuits import (
    AtomizedMemory,
    ExpFilter,
    Exponential,
    Faults,
    FilteredMemory,
    KernelFilter,
    Law,
    ModernHopfield,
    Polynomial,
    RejectionSampling,
    TrugenbergerFilter,
    recall,
    resources,
    similar_shards,
    softmax_recall,
)
from qhopfield.circuits.patterns import corrupt, load_set, random_patterns

from .record import Measured, Relation, claim, exactly, share

SOURCE = "This library's recombination by acceptance"
ATTENTION = (
    "Partial softmaxes combine as in Milakov and Gimelshein 2018, arXiv:1805.02867; "
    "attention of Ramsauer et al. 2020, arXiv:2008.02217"
)
DIGITS = "UCI optical recognition of handwritten digits (Alpaydin and Kaynak 1998)"

BETA = 0.4
METHODS: dict[str, FilteredMemory] = {
    "exp": FilteredMemory(ExpFilter(BETA)),
    "subtracted": FilteredMemory(KernelFilter(Exponential(BETA)), least="descending"),
    "square": FilteredMemory(KernelFilter(Polynomial(2))),
    "trugenberger": FilteredMemory(TrugenbergerFilter(3), fresh=True),
}


def partition(rng: np.random.Generator, total: int) -> list[list[int]]:
    """A random number of parts of random members."""
    parts = int(rng.integers(1, total + 1))
    cuts = np.sort(rng.choice(np.arange(1, total), size=parts - 1, replace=False))
    return [part.tolist() for part in np.split(rng.permutation(total), cuts)]


def _gap(first: Law, second: Law) -> float:
    """Largest difference of any probability, and of the acceptances."""
    return max(
        float(np.abs(first.probabilities - second.probabilities).max()),
        abs(first.acceptance - second.acceptance),
    )


def _by_law(name: str, blocks: bool, seed: int) -> Measured:
    rng = np.random.default_rng(seed)
    worst = 0.0
    for _ in range(200):
        memory = ModernHopfield(random_patterns(12, 8, seed=rng), beta=BETA)
        probe = (
            rng.uniform(-1, 1, size=8)
            if name == "exp"
            else corrupt(memory.patterns[:1], flips=1, seed=rng)[0]
        )
        cut = AtomizedMemory(
            METHODS[name],
            shards=partition(rng, 12),
            blocks=partition(rng, 8) if blocks else 1,
        )
        worst = max(worst, _gap(cut.law(memory, probe), METHODS[name].law(memory, probe)))
    return exactly(worst)


for _name in METHODS:
    claim(
        f"atomized.law.{_name}",
        statement=f"Shards of a filtered memory are the memory ({_name})",
        source=SOURCE,
        setting="largest gap of any probability or acceptance, 200 random memories (M = 12, "
        "n = 8), probes and partitions of the patterns",
        expected=0.0,
        tolerance=1e-12,
        by="law",
        quick=True,
    )(partial(_by_law, _name, False))

claim(
    "atomized.law.grid",
    statement="Shards of patterns and blocks of neurons together are the memory",
    source=SOURCE,
    setting="exp filter, real probes; 200 random partitions of both, as above",
    expected=0.0,
    tolerance=1e-12,
    by="law",
    quick=True,
)(partial(_by_law, "exp", True))


def _by_circuits(name: str, options: dict[str, Any], seed: int) -> Measured:
    rng = np.random.default_rng(seed)
    worst = 0.0
    for _ in range(4):
        memory = ModernHopfield(random_patterns(9, 7, seed=rng), beta=BETA)
        probes = corrupt(memory.patterns[:3], flips=1, seed=rng)
        given = {
            key: partition(rng, 9 if key == "shards" else 7) if value is None else value
            for key, value in options.items()
        }
        cut = recall(memory, probes, AtomizedMemory(METHODS[name], **given), shots=2000, seed=rng)
        whole = recall(memory, probes, METHODS[name], exact=True)
        due = whole.probability_of(cut.states)
        seen = cut.probability_of(cut.states)
        sigma = np.sqrt(due * (1 - due) / cut.effective_shots)
        worst = max(worst, float((np.abs(seen - due) / sigma).max()))
    return exactly(worst)


for _label, _name, _options in (
    ("shards", "subtracted", {"shards": None}),
    ("grid", "subtracted", {"shards": 2, "blocks": None}),
    ("replicas", "square", {"shards": None, "replicas": 2}),
):
    claim(
        f"atomized.circuits.{_label}",
        statement=f"Circuits of the submodules recombine to the law of the whole ({_label})",
        source=SOURCE,
        setting="largest deviation of the greatest share in standard errors, 4 random memories "
        "(M = 9, n = 7) and partitions, 3 probes each, 2,000 shots a submodule on Aer",
        expected=4.0,
        tolerance=0.0,
        relation="<=",
        by="circuits",
        quick=_label != "grid",
    )(partial(_by_circuits, _name, _options))


def _twin(seed: int) -> Measured:
    memory = ModernHopfield(random_patterns(12, 8, seed=seed), beta=BETA)
    probes = corrupt(memory.patterns, flips=1, seed=seed)
    twin = AtomizedMemory(RejectionSampling(ExpFilter(BETA)), shards=4)
    found = recall(memory, probes, twin, shots=20_000, seed=seed)
    whole = recall(memory, probes, METHODS["exp"], exact=True)
    due = whole.probability_of(found.states)
    sigma = np.sqrt(due * (1 - due) / found.effective_shots)
    return exactly(float((np.abs(found.probability_of(found.states) - due) / sigma).max()))


claim(
    "atomized.classical-twin",
    statement="Classical rejection sampling of the shards recombines to the same law",
    source="Brun et al. 2003, arXiv:quant-ph/0303091, and this library's recombination",
    setting="largest deviation of the greatest share in standard errors, M = 12 in 4 shards, "
    "20,000 draws",
    expected=4.0,
    tolerance=0.0,
    relation="<=",
    by="classical",
    quick=True,
)(_twin)


def _digits(stored: int, seed: int) -> tuple[ModernHopfield, Any, Any]:
    chosen = load_set("digits").select(list(range(stored))).patterns
    memory = ModernHopfield(np.unique(chosen, axis=0), beta=0.5)
    return memory, memory.patterns, corrupt(memory.patterns, flips=0.2, seed=seed)


def _wide(seed: int) -> Measured:
    memory, truth, rows = _digits(16, seed)
    method = FilteredMemory(KernelFilter(Exponential(0.5), d_min=13))
    cut = AtomizedMemory(method, shards=4)
    found = recall(memory, rows[:2], cut, shots=400, seed=seed)
    whole = recall(memory, rows[:2], method, exact=True)
    due = whole.probability_of(truth[:2])
    sigma = np.sqrt(due * (1 - due) / found.effective_shots)
    gap = np.abs(found.probability_of(truth[:2]) - due) / np.maximum(sigma, 1e-9)
    qubits = resources(memory, cut).qubits
    return exactly(float(gap.max()), f"{qubits} qubits")


claim(
    "atomized.circuits.64-neurons",
    statement="Digits of 64 neurons in shards of 4, on circuits of some 70 qubits, follow the law",
    source=DIGITS,
    setting="deviation of the right pattern's share in standard errors, 2 probes with 20 % of "
    "their pixels flipped, 400 shots, Aer's matrix product states",
    expected=4.0,
    tolerance=0.0,
    relation="<=",
    by="circuits",
)(_wide)


def _dead(replicas: int, seed: int) -> Measured:
    memory, truth, rows = _digits(40, seed)
    method = FilteredMemory(KernelFilter(Exponential(0.5), d_min=13))
    right = []
    for draw in range(100):
        faults = Faults(dead=2 * replicas, seed=draw)
        cut = AtomizedMemory(method, shards=8, replicas=replicas, faults=faults)
        shares, _, _ = cut.distribution(cut.grid(memory), rows.astype(float))
        right.append(float((memory.patterns[shares.argmax(axis=1)] == truth).all(axis=1).mean()))
    whole = method.distribution(memory, rows.astype(float))[0].argmax(axis=1)
    alone = float((memory.patterns[whole] == truth).all(axis=1).mean())
    ratios = np.array(right) / alone
    error = 1.96 * float(ratios.std(ddof=1)) / 10.0
    value = float(ratios.mean())
    return Measured(value, value - error, value + error)


claim(
    "atomized.failures.one-replica",
    statement="With a quarter of the shards dead, three quarters of what the whole recalls is left",
    source=SOURCE,
    setting="share of the whole memory's recall, 40 digits in 8 shards, 2 dead, 100 draws, by law",
    expected=0.75,
    tolerance=0.03,
    by="law",
    quick=True,
)(partial(_dead, 1))

claim(
    "atomized.failures.two-replicas",
    statement="Two replicas restore most of it",
    source=SOURCE,
    setting="the same with 4 of 16 submodules dead",
    expected=0.9,
    tolerance=0.0,
    relation=">=",
    by="law",
    quick=True,
)(partial(_dead, 2))


def _found_out(wanted: str, seed: int) -> Measured:
    memory, _, rows = _digits(40, seed)
    method = FilteredMemory(KernelFilter(Exponential(0.5), d_min=13))
    faults = Faults(random=2, seed=seed)
    cut = AtomizedMemory(method, shards=8, detect=1e-6, faults=faults)
    samples = cut.sample_law(memory, rows, 500, np.random.default_rng(seed))
    parts = samples.parts
    assert parts is not None  # an atomized memory tells
    bad = faults.fates(8) != 0
    rejected = parts.status == parts.STATUS.index("rejected")
    chosen = rejected[:, bad] if wanted == "found" else rejected[:, ~bad]
    return share(int(chosen.sum()), chosen.size)


for _wanted, _statement, _expected in (
    ("found", "Submodules that answer at random are found out by their acceptance", 1.0),
    ("false-alarms", "and no sound one is taken for broken", 0.0),
):
    claim(
        f"atomized.detection.{_wanted}",
        statement=_statement,
        source=SOURCE,
        setting="2 of 8 shards answer at random, 40 digits, 40 probes, 500 shots drawn from the "
        "law, false-alarm rate 1e-6 a probe",
        expected=_expected,
        tolerance=0.0,
        by="law",
        quick=True,
    )(partial(_found_out, _wanted))


def _coarse(what: str, seed: int) -> Measured:
    digits = load_set("digits")
    chosen = np.unique(digits.patterns[:400], axis=0)
    memory = ModernHopfield(chosen, beta=0.5)
    rows = corrupt(chosen[:100], flips=0.1, seed=seed).astype(float)
    method = FilteredMemory(KernelFilter(Exponential(0.5)), least="descending")
    if what == "similar":
        shards: Any = similar_shards(chosen, 16, seed=seed)
    else:
        order = np.random.default_rng(seed).permutation(len(chosen))
        shards = [part.tolist() for part in np.array_split(order, 16)]
    whole = method.distribution(memory, rows)[0].argmax(axis=1)
    cut = AtomizedMemory(method, shards=shards, keep=4)
    found = cut.distribution(cut.grid(memory), rows)[0].argmax(axis=1)
    return share(int((found == whole).sum()), len(whole))


_COARSE: tuple[tuple[str, Relation, float], ...] = (
    ("similar", ">=", 0.9),
    ("shuffled", "<=", 0.7),
)
for _what, _relation, _bound in _COARSE:
    claim(
        f"atomized.coarse.{_what}",
        statement=(
            "A coarse memory that keeps 4 of 16 shards of similar patterns finds the same pattern"
            if _what == "similar"
            else "and with patterns shuffled into the shards it does not"
        ),
        source=DIGITS,
        setting="share of 100 probes with 10 % flipped, 400 digits, by law",
        expected=_bound,
        tolerance=0.0,
        relation=_relation,
        by="law",
        quick=True,
    )(partial(_coarse, _what))


def _stream(seed: int) -> Measured:
    patterns = random_patterns(20_000, 64, seed=seed)
    probes = np.random.default_rng(seed).uniform(-1, 1, size=(20, 64))
    shares = softmax(0.5 * (probes @ patterns.T), axis=1)
    found = softmax_recall(patterns, probes, 0.5, memory=1)
    gap = float(np.abs(found.expectations - shares @ patterns).max())
    return exactly(gap, f"{found.shards} shards")


claim(
    "atomized.law.stream",
    statement="The law of a large memory, shard by shard in 1 MiB, is the softmax",
    source=ATTENTION,
    setting="largest gap of any mean spin, 20,000 patterns of 64 neurons, 20 real probes",
    expected=0.0,
    tolerance=1e-12,
    by="law",
    quick=True,
)(_stream)


def _widths(seed: int) -> Measured:
    memory = ModernHopfield(random_patterns(64, 24, seed=seed), beta=0.5)
    whole = resources(memory, METHODS["exp"])
    cut = resources(memory, AtomizedMemory(METHODS["exp"], shards=16, blocks=4))
    note = (
        f"{whole.qubits} qubits and depth {whole.depth} in one piece; "
        f"{cut.qubits} and {cut.depth} in 64 circuits with "
        f"{cut.two_qubit_gates} gates together ({whole.two_qubit_gates} in one piece)"
    )
    return exactly(cut.qubits, note)


claim(
    "atomized.cost.grid",
    statement="A grid of 16 shards and 4 blocks of a 64 x 24 memory runs on 9 qubits a circuit",
    source=SOURCE,
    setting="exp filter with one ancilla: 6 neurons, 2 qubits of the number, 1 ancilla",
    expected=9.0,
    tolerance=0.0,
    by="circuits",
    quick=True,
)(_widths)
