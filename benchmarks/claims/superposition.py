"""Superposition memories: the exact softmax, any kernel, max-subtraction, cost and size."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import softmax

from qhopfield.circuits import (
    ExpFilter,
    Exponential,
    FilteredMemory,
    KernelFilter,
    ModernHopfield,
    RecallResult,
    RectifiedPolynomial,
    RejectionSampling,
    TrugenbergerFilter,
    laws,
    recall,
)
from qhopfield.circuits.blocks.filters import MemoryFilter
from qhopfield.circuits.methods.superposition import filtered_template
from qhopfield.circuits.patterns import all_states, corrupt, load_set, random_patterns, to_index

from .exact import readings
from .record import Measured, claim, exactly, mean

RAMSAUER = "Ramsauer et al. 2020, arXiv:2008.02217, as a circuit of this library"
TRUGENBERGER = "Trugenberger 2001, arXiv:quant-ph/0012100"
NUM_NEURONS, NUM_PATTERNS, PROBES = 8, 16, 6
KEYS, KEY_NEURONS = 8, 6


def _task(seed: int) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Patterns, and probes: half of them +-1, half of them real."""
    rng = np.random.default_rng(seed)
    patterns = random_patterns(NUM_PATTERNS, NUM_NEURONS, seed=rng)
    hard = rng.choice([-1.0, 1.0], size=(PROBES // 2, NUM_NEURONS))
    soft = rng.uniform(-1.0, 1.0, size=(PROBES // 2, NUM_NEURONS))
    return patterns, np.concatenate([hard, soft])


def _accepted(
    patterns: NDArray[np.int8], chosen: MemoryFilter, probes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Accepted probability (P, 2^N) of every state, by statevector."""
    template, _ = filtered_template(patterns, chosen, fresh=True)
    angles = chosen.angles(probes)
    return readings(template.circuit, template.parameters, angles, bits=patterns.shape[1])


# 1. The exact softmax.


def _softmax_gap(beta: float, what: str, seed: int) -> Measured:
    patterns, probes = _task(seed)
    accepted = _accepted(patterns, ExpFilter(beta), probes)
    acceptance = accepted.sum(axis=1)
    scores = probes @ patterns.T
    if what == "acceptance":
        formula = np.exp(beta * (scores - np.abs(probes).sum(axis=1)[:, None])).mean(axis=1)
        return exactly(np.abs(acceptance - formula).max(), f"acceptances {acceptance.round(6)}")
    means = accepted @ all_states(NUM_NEURONS) / acceptance[:, None]
    update = softmax(beta * scores, axis=1) @ patterns
    return exactly(np.abs(means - update).max())


def _softmax_shots(beta: float, seed: int) -> Measured:
    """Largest deviation of any mean spin, as sigmas of its binomial distribution."""
    patterns, probes = _task(seed)
    method = FilteredMemory(ExpFilter(beta), fresh=True)
    model = ModernHopfield(patterns, beta)
    result = recall(model, probes, method, shots=200_000, seed=seed)
    update = softmax(beta * probes @ patterns.T, axis=1) @ patterns
    greatest = 0.0
    for row, count in enumerate(result.accepted.astype(int).tolist()):
        for found, due in zip(result.expectations[row], update[row], strict=True):
            chance = stats.binomtest(
                round(count * (1.0 + found) / 2.0), count, min(1.0, max(0.0, (1.0 + due) / 2.0))
            ).pvalue
            greatest = max(greatest, float(stats.norm.isf(chance / 2.0)))
    return exactly(greatest, f"{int(result.accepted.min()):,} accepted shots or more a probe")


for _beta in (0.5, 1.0, 2.0):
    for _what, _statement in (
        ("update", "Mean spins of the accepted runs are Xi^T softmax(beta Xi x)"),
        ("acceptance", "The acceptance is e^(-beta |x|_1) mean e^(beta xi . x)"),
    ):
        claim(
            f"superposition.softmax.{_what}.beta-{_beta:g}",
            statement=_statement,
            source=RAMSAUER,
            setting=f"largest gap, n = 8, M = 16, beta = {_beta:g}, 3 probes +-1 and 3 real",
            expected=0.0,
            tolerance=1e-10,
            by="circuits",
            quick=True,
        )(partial(_softmax_gap, _beta, _what))
    claim(
        f"superposition.softmax.shots.beta-{_beta:g}",
        statement="Mean spins by shots are the softmax update within 4 sigma",
        source=RAMSAUER,
        setting=f"greatest of 48 deviations, n = 8, M = 16, beta = {_beta:g}, 200,000 shots; "
        "binomial p-values as sigmas",
        expected=4.0,
        tolerance=0.0,
        relation="<=",
        by="circuits",
        quick=_beta == 1.0,
    )(partial(_softmax_shots, _beta))


@claim(
    "superposition.softmax.product-keys",
    statement="Keys in product states are filtered as prod(cosh beta x + z sinh beta x)",
    source="This library",
    setting="largest gap of any index or acceptance, n = 6, M = 8, beta = 1, 6 probes",
    expected=0.0,
    tolerance=1e-10,
    by="circuits",
    quick=True,
)
def product_keys(seed: int) -> Measured:
    rng = np.random.default_rng(seed)
    keys = rng.uniform(-1.0, 1.0, size=(KEYS, KEY_NEURONS))
    probes = rng.uniform(-1.0, 1.0, size=(PROBES, KEY_NEURONS))
    chosen = ExpFilter(1.0)
    template, loader = filtered_template(keys, chosen, fresh=True)
    # The index is read in place of the neurons.
    circuit = template.circuit.copy_empty_like()
    for instruction in template.circuit.data:
        if instruction.operation.name != "measure" or instruction.clbits[0] in circuit.cregs[1]:
            circuit.append(instruction)
    index = next(register for register in circuit.qregs if register.name == "index")
    circuit.measure(index, circuit.cregs[0][: loader.num_index])
    accepted = readings(circuit, template.parameters, chosen.angles(probes), bits=loader.num_index)
    weights = (
        np.prod(np.cosh(probes)[:, None] + keys * np.sinh(probes)[:, None], axis=2)
        * np.exp(-np.abs(probes).sum(axis=1))[:, None]
    )
    return exactly(np.abs(accepted[:, :KEYS] - weights / KEYS).max())


# What a recall adds to one circuit: means that are fed back, least distances that are found.


def _iterated(iterations: int, seed: int) -> Measured:
    """Greatest deviation of a mean spin after some iterations, as sigmas."""
    patterns, probes = _task(seed)
    # Fewer neurons, whose state vectors are short.
    patterns, probes = np.unique(patterns[:, :5], axis=0), probes[:, :5]
    method = FilteredMemory(ExpFilter(0.3), iterations=iterations, fresh=True)
    shots = 100_000
    result = recall(ModernHopfield(patterns, 0.3), probes, method, shots=shots, seed=seed)
    due = probes
    for _ in range(iterations):
        due = softmax(0.3 * due @ patterns.T, axis=1) @ patterns
    # What is fed back scatters too: as much again, at so small a beta.
    sigma = np.sqrt(2.0 * (1.0 - due**2) / result.accepted[:, None])
    return exactly(float(np.max(np.abs(result.expectations - due) / sigma)))


for _iterations in (2, 3):
    claim(
        f"superposition.recall.iterations-{_iterations}",
        statement="Mean spins fed back by recall are the iterated softmax update within 5 sigma",
        source=RAMSAUER,
        setting=f"greatest of 30 deviations, n = 5, beta = 0.3, {_iterations} iterations, "
        "100,000 shots",
        expected=5.0,
        tolerance=0.0,
        relation="<=",
        by="circuits",
        quick=True,
    )(partial(_iterated, _iterations))


def _least(search: str, seed: int) -> Measured:
    """p-value of the acceptance after max-subtraction by a search, probes that are stored."""
    patterns = np.array([[1, 1, 1, 1], [1, 1, 1, -1], [-1, -1, 1, 1]], dtype=np.int8)
    model, shots = ModernHopfield(patterns, 0.5), 4000
    method = FilteredMemory(KernelFilter(Exponential(0.5)), least=search)
    result = recall(model, patterns, method, shots=shots, seed=seed)
    far = np.count_nonzero(patterns[:, None] != patterns, axis=2)
    due = np.exp(-2.0 * 0.5 * far).mean(axis=1)
    values = [
        stats.binomtest(int(count), shots, chance).pvalue
        for count, chance in zip(result.accepted, due, strict=True)
    ]
    return exactly(float(min(values)), f"acceptances {result.acceptance.round(4)}")


for _search in ("descending", "quantum"):
    claim(
        f"superposition.recall.least-{_search}",
        statement=f"The {_search} search finds distance 0 where the probe is stored",
        source="Durr and Hoyer 1996, arXiv:quant-ph/9607014",
        setting="least p-value of three acceptances, n = 4, M = 3, beta = 0.5, 4,000 shots",
        expected=1e-6,
        tolerance=0.0,
        relation=">=",
        by="circuits",
        quick=True,
    )(partial(_least, _search))


# 2. Kernels.


def _cosine(controls: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda d: np.cos(np.pi * d / (2 * NUM_NEURONS)) ** (2 * controls)


def _power(power: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda d: np.abs((NUM_NEURONS - 2 * d) ** power) / NUM_NEURONS**power


_DISTANCES = np.arange(NUM_NEURONS + 1.0)
# The filter, and the kernel that it must have.  An odd power is negative beyond n/2, and |F| taken.
KERNELS: dict[str, tuple[MemoryFilter, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "softmax": (KernelFilter(Exponential(1.0)), lambda d: np.exp(-2.0 * d)),
    **{f"power-{p}": (KernelFilter(_power(p)(_DISTANCES)), _power(p)) for p in (2, 3, 4, 5)},
    "rectified-3": (
        KernelFilter(RectifiedPolynomial(3)),
        lambda d: np.maximum(1.0 - 2.0 * d / NUM_NEURONS, 0.0) ** 3,
    ),
    **{f"trugenberger-{b}": (TrugenbergerFilter(b), _cosine(b)) for b in (1, 2, 3, 4)},
}


def _kernel_gap(name: str, seed: int) -> Measured:
    patterns, probes = _task(seed)
    chosen, kernel = KERNELS[name]
    hard = probes[: PROBES // 2]
    accepted = _accepted(patterns, chosen, hard)
    due = np.zeros_like(accepted)
    far = np.count_nonzero(hard[:, None, :] != patterns, axis=2).astype(float)
    due[:, to_index(patterns)] = kernel(far) / NUM_PATTERNS
    return exactly(np.abs(accepted - due).max(), f"acceptances {accepted.sum(axis=1).round(6)}")


for _name in KERNELS:
    claim(
        f"superposition.kernel.{_name}",
        statement=f"The filter keeps distance d with its kernel: {_name}",
        source=TRUGENBERGER
        if _name.startswith("trugenberger")
        else "Krotov and Hopfield 2016, arXiv:1606.01164, as a kernel of this library",
        setting="largest gap of any accepted probability, n = 8, M = 16, 3 probes",
        expected=0.0,
        tolerance=1e-10,
        by="circuits",
        quick=True,
    )(partial(_kernel_gap, _name))


def _counts(result: RecallResult, patterns: NDArray[np.int8], row: int) -> NDArray[np.float64]:
    """How often each pattern came, and how often none."""
    counts = np.zeros(2**NUM_NEURONS)
    counts[to_index(result.outcomes[row])] = result.weights[row]
    return np.append(counts[to_index(patterns)], result.shots - result.accepted[row])


def _rejection(name: str, seed: int) -> Measured:
    """p-value of circuit and rejection sampling having one distribution, all probes together."""
    patterns, probes = _task(seed)
    hard, shots = probes[: PROBES // 2], 20_000
    model, chosen = ModernHopfield(patterns, 1.0), KERNELS[name][0]
    both = [
        recall(model, hard, method, shots=shots, seed=seed + number)
        for number, method in enumerate(
            # One ancilla that is used again would be simulated shot by shot.
            (FilteredMemory(chosen, fresh=True), RejectionSampling(chosen))
        )
    ]
    statistic, freedom = 0.0, 0
    for row in range(len(hard)):
        table = np.stack([_counts(each, patterns, row) for each in both])
        rare = table.sum(axis=0) < 10
        table = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
        test = stats.chi2_contingency(table[:, table.sum(axis=0) > 0])
        statistic, freedom = statistic + float(test.statistic), freedom + int(test.dof)
    return exactly(
        float(stats.chi2.sf(statistic, freedom)),
        f"chi-square {statistic:.1f}, {freedom} degrees of freedom",
    )


for _name in ("softmax", "power-3", "trugenberger-4"):
    claim(
        f"superposition.rejection.{_name}",
        statement=f"The circuit draws what rejection sampling draws, acceptance included: {_name}",
        source="Brun et al. 2003, arXiv:quant-ph/0303091",
        setting="p-value of one distribution, n = 8, M = 16, 3 probes, 20,000 shots each",
        expected=1e-6,
        tolerance=0.0,
        relation=">=",
        by="circuits",
        quick=True,
    )(partial(_rejection, _name))


# 3. Max-subtraction.

BETA, FLIPS, DRAWS = 1.5, 2, 600


def _acceptances(draws: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Acceptances of the plain and of the subtracted filter, n = 16, M = 32, 2 flips."""
    rng = np.random.default_rng(seed)
    plain, subtracted = [], []
    for _ in range(draws):
        patterns = random_patterns(32, 16, seed=rng)
        probe = corrupt(patterns[:1], flips=FLIPS, seed=rng).astype(float)
        distance = laws.distances(patterns.astype(float), probe)
        plain.append(laws.exp_acceptance(patterns, probe, BETA)[0])
        subtracted.append(laws.shifted_kernel(distance, BETA, distance.min()).mean())
    return np.array(plain), np.array(subtracted)


def _subtraction(what: str, seed: int) -> Measured:
    plain, subtracted = _acceptances(DRAWS, seed)
    if what == "rounds-before":
        return mean(laws.best_rounds(plain))
    return mean(laws.best_rounds(subtracted) if what == "rounds-after" else subtracted)


for _what, _statement, _expected, _tolerance in (
    ("acceptance", "Max-subtraction raises the mean acceptance to 3.36e-2", 3.36e-2, 3.36e-3),
    ("rounds-before", "86 rounds of amplification without max-subtraction", 86.0, 8.6),
    ("rounds-after", "4 rounds of amplification with max-subtraction", 4.0, 0.4),
):
    claim(
        f"superposition.subtraction.{_what}",
        statement=_statement,
        source="This library's laws",
        setting=f"n = 16, M = 32, {FLIPS} flipped, beta = {BETA}, mean of {DRAWS} draws",
        expected=_expected,
        tolerance=_tolerance,
        by="law",
        quick=True,
    )(partial(_subtraction, _what))


@claim(
    "superposition.subtraction.plain",
    statement="Without max-subtraction the mean acceptance is 9.6e-5",
    source="A mean of 600 draws, which rare near patterns leave uncertain by 2.8e-5",
    setting=f"n = 16, M = 32, {FLIPS} flipped, beta = {BETA}, exact mean over all memories",
    expected=9.6e-5,
    tolerance=9.6e-6,
    found=1.1e-4,
    by="law",
    quick=True,
)
def plain_acceptance(seed: int) -> Measured:
    # The other patterns are uniform over all states but the probe's own pattern.
    own, states = np.exp(-2.0 * BETA * FLIPS), 2.0**16
    others = (states * ((1.0 + np.exp(-2.0 * BETA)) / 2.0) ** 16 - own) / (states - 1.0)
    found = mean(_acceptances(DRAWS, seed)[0])
    return exactly(
        (own + 31.0 * others) / 32.0,
        f"{DRAWS} draws: {found.value:.3g} [{found.low:.2g}, {found.high:.2g}]",
    )


@claim(
    "superposition.subtraction.circuits",
    statement="Both circuits accept what the law says, and leave the same softmax",
    source="This library's laws",
    setting="largest gap of an acceptance (relative) or pattern share, one draw, n = 16, M = 32",
    expected=0.0,
    tolerance=1e-9,
    by="circuits",
)
def subtraction_circuits(seed: int) -> Measured:
    rng = np.random.default_rng(seed)
    patterns = random_patterns(32, 16, seed=rng)
    probe = corrupt(patterns[:1], flips=FLIPS, seed=rng).astype(float)
    distance = laws.distances(patterns.astype(float), probe)[0]
    least = int(distance.min())
    gaps, seen = [], []
    for d_min in (0, least):
        accepted = _accepted(patterns, KernelFilter(Exponential(BETA), d_min=d_min), probe)[0]
        acceptance = accepted.sum()
        law = np.exp(-2.0 * BETA * (distance - d_min)).mean()
        shares = accepted[to_index(patterns)] / acceptance
        due = softmax(BETA * (patterns @ probe[0]))
        gaps += [abs(acceptance - law) / law, np.abs(shares - due).max()]
        seen.append(f"{acceptance:.3g}")
    return exactly(max(gaps), f"acceptances {' -> '.join(seen)}, d_min = {least}")


# 7. Two-qubit gates.

for _id, _filter, _neurons, _figure in (
    ("exponential", ExpFilter(1.0), 16, 32.0),
    ("kernel-8", KernelFilter(Exponential(1.0)), 8, 92.0),
    ("kernel-16", KernelFilter(Exponential(1.0)), 16, 212.0),
):

    def _gates(chosen: MemoryFilter, neurons: int, seed: int) -> Measured:
        return exactly(chosen.two_qubit_gates(neurons))

    claim(
        f"superposition.gates.{_id}",
        statement=f"{_figure:g} CX gates or fewer at n = {_neurons}, without the loader",
        source="Two CX a controlled rotation: 2 n, and n w + w (w - 1) / 2 phases with 2^w more",
        setting=f"{type(_filter).__name__}, decomposed into u and cx, not optimised",
        expected=_figure,
        tolerance=0.0,
        relation="<=",
        by="circuits",
        quick=True,
    )(partial(_gates, _filter, _neurons))


# 8. Size.

SHOTS = 1000


def _wide(seed: int) -> tuple[RecallResult, RecallResult, float]:
    """64 neurons on Aer, by law, and the seconds that Aer took."""
    patterns = load_set("digits").one_per_label().patterns[:8]
    probe = corrupt(patterns[:1], flips=13, seed=seed)
    least = int(np.count_nonzero(patterns != probe, axis=1).min())
    method = FilteredMemory(KernelFilter(Exponential(1.0), d_min=least))
    model = ModernHopfield(patterns, 1.0)
    start = time.perf_counter()
    result = recall(model, probe, method, shots=SHOTS, seed=seed)
    taken = time.perf_counter() - start
    return result, recall(model, probe, method, exact=True), taken


def _wide_figure(what: str, seed: int) -> Measured:
    result, law, taken = _wide(seed)
    if result.run_on != "aer matrix_product_state" or result.resources is None:
        raise RuntimeError(f"Expected matrix product states, got {result.run_on}.")
    note = f"{result.resources.qubits} qubits, {SHOTS} shots, {result.run_on}"
    if what == "seconds":
        return exactly(taken, note)
    strangers = [
        state for state in result.outcomes[0] if not (state == result.patterns).all(1).any()
    ]
    if strangers:
        return exactly(0.0, f"{len(strangers)} recalled states are not stored")
    # Exact binomial test of what the law says is kept: the acceptance, and the nearest pattern.
    best, share = law.outcomes[0][0], float(law.weights[0][0])
    acceptance, accepted = float(law.accepted[0]), round(float(result.accepted[0]))
    hits = sum(
        weight
        for state, weight in zip(result.outcomes[0], result.weights[0], strict=True)
        if (state == best).all()
    )
    chances = (
        stats.binomtest(accepted, SHOTS, acceptance).pvalue,
        stats.binomtest(round(hits), accepted, min(share, 1.0)).pvalue,
    )
    return exactly(min(chances), f"{note}; acceptance {accepted / SHOTS:.3f}, law {acceptance:.3f}")


for _what, _statement, _expected, _relation in (
    ("seconds", "64 neurons and 8 patterns run in seconds", 60.0, "<="),
    ("law", "64 neurons and 8 patterns run on the law", 1e-6, ">="),
):
    claim(
        f"superposition.wide.{_what}",
        statement=_statement,
        source="A superposition of M patterns has Schmidt rank M or less; this library",
        setting="digits 8 x 8, 13 pixels flipped, beta = 1, Aer's matrix product states; "
        + ("seconds" if _what == "seconds" else "least p-value of acceptance and best pattern"),
        expected=_expected,
        tolerance=0.0,
        relation=_relation,  # type: ignore[arg-type]
        by="circuits",
        quick=_what == "law",
    )(partial(_wide_figure, _what))
