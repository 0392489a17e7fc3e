"""Dense memories: the vote is the classical update, and capacity grows with the power."""

from __future__ import annotations

from functools import cache, partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qhopfield.circuits import (
    DenseAssociativeMemory,
    ExpFilter,
    Exponential,
    KernelFilter,
    Polynomial,
    RectifiedPolynomial,
    laws,
)
from qhopfield.circuits.capacity import ModelSpec, capacity
from qhopfield.circuits.methods.superposition import filtered_template
from qhopfield.circuits.methods.template import Template
from qhopfield.circuits.methods.vote import DenseVote
from qhopfield.circuits.models import SeparationFunction
from qhopfield.circuits.patterns import all_states, corrupt, random_patterns

from .exact import readings
from .record import By, Measured, claim, exactly, mean, share

KROTOV = "Krotov and Hopfield 2016, arXiv:1606.01164"
DEMIRCIGIL = "Demircigil et al. 2017, arXiv:1702.01929, model; the figure is ours"
FUNCTIONS: dict[str, SeparationFunction] = {
    **{f"x{power}": Polynomial(power) for power in (2, 3, 4, 5)},
    "rectified-3": RectifiedPolynomial(3),
    "exp": Exponential(1.0),
}
TIE = 1e-9


def _energies(memory: DenseAssociativeMemory, state: NDArray[np.int8]) -> NDArray[np.float64]:
    """``E(s_i = -1) - E(s_i = +1)`` at every site, straight from the energy, relative to its terms.

    Its sign is the classical update, and 0 is a tie.
    """
    differences = []
    for site in range(len(state)):
        up, down = state.copy(), state.copy()
        up[site], down[site] = 1, -1
        terms = [memory.separation(memory.patterns @ each.astype(float)) for each in (up, down)]
        size = sum(np.abs(each).sum() for each in terms)
        differences.append((terms[0].sum() - terms[1].sum()) / size if size else 0.0)
    return np.array(differences)


@cache
def _template(patterns: bytes, num_neurons: int, exponential: bool) -> Template:
    """The circuit of one memory, patterns given as the bytes of an int8 array."""
    stored = np.frombuffer(patterns, dtype=np.int8).reshape(-1, num_neurons)
    chosen = ExpFilter(1.0) if exponential else KernelFilter(np.ones(num_neurons + 1))
    return filtered_template(stored, chosen, fresh=True)[0]


def circuit_votes(memory: DenseAssociativeMemory, state: NDArray[np.int8]) -> NDArray[np.float64]:
    """The vote at every site, from the exact amplitudes of the circuits of :class:`DenseVote`."""
    num_neurons = memory.num_neurons
    spins = all_states(num_neurons).astype(float)
    exponential = isinstance(memory.separation, Exponential)
    chosen = DenseVote(synchronous=exponential).filter(memory)
    # Kernels differ in angles only: one circuit serves all of a memory's separation functions.
    template = _template(memory.patterns.tobytes(), num_neurons, exponential)
    probes = np.tile(state.astype(float), (1 if exponential else num_neurons, 1))
    if not exponential:
        np.fill_diagonal(probes, 0.0)
    accepted = readings(
        template.circuit, template.parameters, chosen.angles(probes), bits=num_neurons
    )
    if exponential:
        assert isinstance(memory.separation, Exponential)
        means = accepted[0] @ spins / accepted[0].sum()
        return np.asarray(laws.exponential_vote(means, state.astype(float), memory.separation.beta))
    signs = np.sign(memory.separation.difference(probes @ spins.T))
    total = accepted.sum(axis=1)
    # No pattern votes where G is 0 at all of them: a tie.
    return (accepted * signs * spins.T).sum(axis=1) / np.where(total > TIE, total, 1.0)


def _mismatches(name: str, draws: int, by: By, seed: int) -> Measured:
    """Sites at which the vote's sign is not the classical update's, ties left out."""
    rng = np.random.default_rng(seed)
    wrong = sites = ties = 0
    for draw in range(draws):
        num_neurons = 6 + draw % 3
        patterns = random_patterns(int(rng.integers(2, 9)), num_neurons, seed=rng)
        state = rng.choice(np.array([-1, 1], dtype=np.int8), size=num_neurons)
        memory = DenseAssociativeMemory(patterns, separation=FUNCTIONS[name])
        due = _energies(memory, state)
        votes = (
            circuit_votes(memory, state)
            if by == "circuits"
            else DenseVote().expected_votes(memory, state)[0]
        )
        tied = np.abs(due) < TIE
        # A tie must be one on both sides.
        wrong += int((np.sign(votes) != np.sign(due))[~tied].sum() + (abs(votes[tied]) > TIE).sum())
        sites, ties = sites + num_neurons, ties + int(tied.sum())
    return exactly(wrong, f"{sites:,} sites, {ties} ties")


for _name in FUNCTIONS:
    for _by, _draws in (("law", 300), ("circuits", 300), ("circuits", 12)):
        claim(
            f"dense.vote.{_name}.{_by}" + (".few" if _draws < 300 else ""),
            statement=f"Votes have the sign of the classical update at every site: {_name}",
            source=KROTOV,
            setting=f"mismatches outside ties, n = 6 to 8, M = 2 to 8, {_draws} draws"
            + (", one run for all sites" if _name == "exp" and _by == "circuits" else ""),
            expected=0.0,
            tolerance=0.0,
            by=_by,  # type: ignore[arg-type]
            quick=_by == "law" or _draws < 300,
        )(partial(_mismatches, _name, _draws, _by))


# XOR.

XOR = np.array([[-1, -1, -1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]], dtype=np.int8)


def _xor(power: int, what: str, seed: int) -> Measured:
    memory = DenseAssociativeMemory(XOR, separation=Polynomial(power))
    votes = []
    for row in XOR:
        # Both values of the third spin must be led to the right one.
        for spin in (-1, 1):
            state = row.copy()
            state[2] = spin
            votes.append(circuit_votes(memory, state)[2] * row[2])
    qubits = DenseVote().circuit(memory, XOR[0], site=2).num_qubits
    if what == "qubits":
        return exactly(qubits)
    note = f"votes for the right answer {np.round(votes, 3).tolist()}, {qubits} qubits"
    return exactly(np.mean(np.array(votes) > TIE), note)


for _power, _expected, _statement in (
    (2, 0.0, "Power 2 gives no decision on XOR"),
    (3, 1.0, "Power 3 solves XOR"),
):
    claim(
        f"dense.xor.power-{_power}",
        statement=_statement,
        source=KROTOV,
        setting="share of right votes, four 3-spin patterns, both starts of the answer",
        expected=_expected,
        tolerance=0.0,
        by="circuits",
        quick=True,
    )(partial(_xor, _power, "right"))
claim(
    "dense.xor.qubits",
    statement="XOR by a dense memory takes 6 qubits",
    source="This library: 3 neurons, 2 of the distance, 1 of the filter",
    setting="width of one vote",
    expected=6.0,
    tolerance=0.0,
    by="circuits",
    quick=True,
)(partial(_xor, 3, "qubits"))


# Capacity.

TRIALS, LIBRARY_TRIALS = 6000, 2000
_EXPONENTIAL = ((8, (0.773, 0.183)), (12, (0.913, 0.368)), (16, (0.967, 0.657)))
# Of 16 patterns of 8 neurons, two are often equal, which helps them; a memory stores each once.
_DISTINCT = 0.148


def _independent(num_neurons: int, flips: int, seed: int) -> Measured:
    """Recovery in one synchronous step of patterns drawn independently, so that some are equal."""
    rng = np.random.default_rng(seed)
    right, chunk = 0, 500
    shape = (chunk, 2 ** (num_neurons // 2), num_neurons)
    for _ in range(TRIALS // chunk):
        patterns = rng.choice(np.array([-1.0, 1.0]), size=shape)
        states = patterns[:, 0].copy()
        where = rng.permuted(np.tile(np.arange(num_neurons), (chunk, 1)), axis=1)[:, :flips]
        np.put_along_axis(states, where, -np.take_along_axis(states, where, 1), axis=1)
        rest = np.einsum("tmn,tn->tm", patterns, states)[:, :, None] - patterns * states[:, None]
        differences = Exponential(1.0).difference(rest)
        votes = (patterns * differences).sum(axis=1)
        decided = np.abs(votes) > TIE * differences.sum(axis=1)
        new = np.where(decided, np.sign(votes), states)
        right += int((new == patterns[:, 0]).all(axis=1).sum())
    return share(right, TRIALS)


@cache
def _one_step(num_neurons: int, seed: int) -> tuple[float, float]:
    """The same by :func:`capacity`, whose patterns are distinct, from 0 and from 1 flip."""
    result = capacity(
        ModelSpec("dense", separation=Exponential(1.0)),
        num_neurons=num_neurons,
        patterns=[2 ** (num_neurons // 2)],
        corruptions=[0, 1],
        trials=LIBRARY_TRIALS,
        probes=1,
        update="one step",
        seed=seed,
    )
    errors = result.errors("message")[0, :, 0]
    return 1.0 - float(errors[0]), 1.0 - float(errors[1])


def _distinct(num_neurons: int, flips: int, seed: int) -> Measured:
    return share(round(_one_step(num_neurons, seed)[flips] * LIBRARY_TRIALS), LIBRARY_TRIALS)


for _neurons, _shares in _EXPONENTIAL:
    for _flips, _share in enumerate(_shares):
        for _kind, _trials, _measure in (
            ("independent", TRIALS, _independent),
            ("distinct", LIBRARY_TRIALS, _distinct),
        ):
            claim(
                f"dense.exponential.{_neurons}.flips-{_flips}.{_kind}",
                statement="Of 2^(N/2) patterns one is "
                + ("corrected in one step" if _flips else "a fixed point")
                + ", F = exp",
                source=DEMIRCIGIL,
                setting=f"N = {_neurons}, {_kind} patterns, {_flips} flipped, one synchronous "
                f"step, {_trials:,} trials",
                expected=_share,
                tolerance=0.02,
                found=_DISTINCT if (_neurons, _flips, _kind) == (8, 1, "distinct") else None,
                by="classical",
                quick=_kind == "independent",
            )(partial(_measure, _neurons, _flips))

MEMORIES = 250


@cache
def _by_circuits(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Shares of recovered patterns by memory, from 0 and 1 flip, and sites that differ, N = 8."""
    rng = np.random.default_rng(seed)
    # On +-1 probes the kernel filter is the exponential filter, on 13 qubits instead of 16.
    spins, chosen = all_states(8).astype(float), KernelFilter(Exponential(1.0))
    shares, differing = [], 0
    for _ in range(MEMORIES):
        patterns = random_patterns(16, 8, seed=rng)
        memory = DenseAssociativeMemory(patterns, separation=Exponential(1.0))
        probes = np.concatenate([patterns, corrupt(patterns, flips=1, seed=rng)])
        template, _ = filtered_template(patterns, chosen, fresh=True)
        angles = chosen.angles(probes.astype(float))
        accepted = readings(template.circuit, template.parameters, angles, bits=8)
        means = accepted @ spins / accepted.sum(axis=1, keepdims=True)
        votes = laws.exponential_vote(means, probes.astype(float), 1.0)
        new = np.where(np.abs(votes) > TIE, np.sign(votes), probes)
        differing += int((new != memory.update(probes, synchronous=True)).sum())
        right = (new == np.concatenate([patterns, patterns])).all(axis=1)
        shares.append([right[:16].mean(), right[16:].mean()])
    found = np.array(shares)
    return found[:, 0], found[:, 1], differing


def _circuits(flips: int, seed: int) -> Measured:
    *found, differing = _by_circuits(seed)
    return mean(found[flips], f"{differing} sites differ from the classical step")


for _flips, _share in enumerate((0.773, 0.183)):
    claim(
        f"dense.exponential.8.flips-{_flips}.circuits",
        statement="Of 16 patterns one is "
        + ("corrected in one step" if _flips else "a fixed point")
        + ", F = exp, by one run for all sites",
        source=DEMIRCIGIL,
        setting=f"N = 8, all of 16 distinct patterns of {MEMORIES} memories, amplitudes of the "
        "filter's circuit",
        expected=_share,
        tolerance=0.02,
        found=_DISTINCT if _flips else None,
        by="circuits",
    )(partial(_circuits, _flips))


# Capacity against power: the most patterns of which 9 in 10 are fixed points.

STABLE = 0.9
SIZES = (16, 24, 32, 48)


def most_patterns(
    separation: SeparationFunction,
    num_neurons: int,
    seed: int,
    *,
    trials: int = 60,
    probes: int = 20,
    limit: int = 20_000,
) -> float:
    """The number of patterns at which the share of fixed points falls to :data:`STABLE`.

    Found between neighbours of a geometric grid, by interpolating in log M; NaN where the grid's
    end is reached first.
    """
    counts = sorted({round(2 ** (step / 2)) for step in range(40)})
    counts = [each for each in counts if each <= min(limit, 2 ** (num_neurons - 1))]
    shares: list[float] = []
    for count in counts:
        result = capacity(
            ModelSpec("dense", separation=separation),
            num_neurons=num_neurons,
            patterns=[count],
            trials=trials,
            probes=probes,
            update="one step",
            seed=seed,
        )
        shares.append(1.0 - float(result.errors("message")[0, 0, 0]))
        if shares[-1] < STABLE:
            break
    for (left, right), (high, low) in zip(pairwise(counts), pairwise(shares), strict=False):
        if low < STABLE <= high:
            part = (high - STABLE) / (high - low)
            return float(np.exp(np.log(left) + part * np.log(right / left)))
    return float("nan")


def _growth(power: int, seed: int) -> Measured:
    """Exponent of M ~ N^a, fitted to the sizes."""
    found = [most_patterns(Polynomial(power), each, seed) for each in SIZES]
    slope = float(np.polyfit(np.log(SIZES), np.log(found), 1)[0])
    return exactly(slope, f"M = {', '.join(f'{each:.0f}' for each in found)}")


# N^(n-1) / (2 (2n-3)!! ln N): the logarithm takes 1 / ln N, some 0.3, off the exponent n - 1.
for _power, _least in ((3, 1.4), (4, 2.3)):
    claim(
        f"dense.growth.power-{_power}",
        statement=f"Capacity grows faster than linearly with N, F = x^{_power}",
        source=f"{KROTOV}: N^(n-1) / (2 (2n-3)!! ln N), an exponent near {_power - 1.3:.1f} here",
        setting=f"exponent, N = {', '.join(map(str, SIZES))}, 9 in 10 patterns fixed points",
        expected=_least,
        tolerance=0.0,
        relation=">=",
        by="classical",
    )(partial(_growth, _power))
