"""Capacities of the classical models that every quantum figure stands beside."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from qhopfield.circuits import DenseAssociativeMemory, Exponential, Hopfield, Polynomial
from qhopfield.circuits.patterns import corrupt, random_patterns

from .record import Measured, Relation, claim, exactly, mean, share

AGS = "Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530"
KROTOV = "Krotov and Hopfield 2016, arXiv:1606.01164"
DEMIRCIGIL = "Demircigil et al. 2017, arXiv:1702.01929"
DRAWS, CUBIC_DRAWS = 5, 20


def _final_overlap(load: float, seed: int) -> Measured:
    """Mean overlap with the stored pattern after the dynamics has started from it."""
    rng = np.random.default_rng(seed)
    final = []
    for _ in range(DRAWS):
        patterns = random_patterns(round(load * 1000), 1000, seed=rng)
        states = Hopfield.store(patterns).recall(patterns).states
        final.append(float((states * patterns).mean()))
    return mean(final, ", ".join(f"{value:.3f}" for value in final))


_HOPFIELD: tuple[tuple[float, Relation, float, float], ...] = (
    (0.05, "=", 1.0, 0.002),
    (0.10, "=", 0.995, 0.005),
    (0.13, "=", 0.98, 0.015),
    (0.138, ">=", 0.94, 0.0),
    (0.20, "<=", 0.4, 0.0),
)
for _load, _relation, _expected, _tolerance in _HOPFIELD:
    claim(
        f"capacity.hopfield.load-{_load}",
        statement=f"At load {_load} the Hopfield network "
        + ("forgets" if _relation == "<=" else "keeps its patterns"),
        source=f"{AGS}: the critical load is 0.138",
        setting=f"N = 1,000, {DRAWS} draws, mean over all patterns of the final overlap",
        expected=_expected,
        tolerance=_tolerance,
        relation=_relation,
        by="classical",
    )(partial(_final_overlap, _load))


@claim(
    "capacity.hopfield.load-0.15",
    statement="At load 0.15, above the critical load, a network of 1,000 forgets",
    source=f"{AGS}: the critical load is 0.138, for large N",
    setting=f"N = 1,000, {DRAWS} draws, mean over all patterns of the final overlap",
    expected=0.5,
    tolerance=0.08,
    relation="<=",
    found=0.85,
    by="classical",
)
def just_above_the_critical_load(seed: int) -> Measured:
    measured = _final_overlap(0.15, seed)
    note = f"{measured.note}: four in five are kept at this N, the others fall to some 0.4"
    return replace(measured, note=note)


def _cubic(num_patterns: int, what: str, seed: int) -> Measured:
    """One step from the stored patterns of a cubic memory of 100 neurons."""
    rng = np.random.default_rng(seed)
    wrong, stable = [], []
    for _ in range(CUBIC_DRAWS):
        patterns = random_patterns(num_patterns, 100, seed=rng)
        memory = DenseAssociativeMemory(patterns, separation=Polynomial(3))
        flips = memory.local_field(patterns) * patterns < 0.0
        wrong.append(float(flips.mean()))
        stable.append(float(1.0 - flips.any(axis=1).mean()))
    return mean(wrong if what == "bits" else stable)


# 362 and 502 patterns are the paper's K without errors and with 0.5 % of them, at N = 100.
for _number, _bits, _margin in ((362, 0.00132, 0.0003), (502, 0.0056, 0.0006)):
    claim(
        f"capacity.cubic.bit-error.{_number}",
        statement=f"{_bits:.2%} of the bits of {_number} stored patterns flip, F = x^3",
        source=f"{KROTOV}: sqrt(3 K / 2 pi N^2) exp(-N^2 / 6 K)",
        setting=f"N = 100, {CUBIC_DRAWS} draws, one step",
        expected=_bits,
        tolerance=_margin,
        by="classical",
        quick=_number == 362,
    )(partial(_cubic, _number, "bits"))

claim(
    "capacity.cubic.half-percent",
    statement="K_max = alpha_3 N^2 patterns have 0.5 % of their bits wrong, F = x^3",
    source=f"{KROTOV}: alpha_n = 1 / (2.576^2 (2n - 3)!!), for large N",
    setting=f"N = 100, K = 502, {CUBIC_DRAWS} draws, one step",
    expected=0.005,
    tolerance=0.001,
    by="classical",
)(partial(_cubic, 502, "bits"))
claim(
    "capacity.cubic.no-error",
    statement="K = N^2 / (2 3!! ln N) patterns are stored without an error, F = x^3",
    source=f"{KROTOV}, for large N",
    setting=f"N = 100, K = 362, {CUBIC_DRAWS} draws, one step; share of stored fixed points",
    expected=1.0,
    tolerance=0.03,
    found=0.88,
    by="classical",
)(partial(_cubic, 362, "stable"))


def _exponential(num_patterns: int, flips: int, seed: int) -> Measured:
    """Share of patterns recovered in one step from flipped bits, F = exp, N = 16."""
    rng = np.random.default_rng(seed)
    trials, right = 4000, 0
    for _ in range(trials):
        patterns = random_patterns(num_patterns, 16, seed=rng)
        probe = corrupt(patterns[:1], flips=flips, seed=rng)
        memory = DenseAssociativeMemory(patterns, separation=Exponential(1.0))
        right += bool((memory.update(probe, synchronous=True) == patterns[:1]).all())
    return share(right, trials)


for _number, _shares in ((8, (0.988, 0.939)), (19, (0.972, 0.846)), (52, (0.927, 0.618))):
    for _flips, _expected in enumerate(_shares, start=1):
        claim(
            f"capacity.exponential.{_number}.flips-{_flips}",
            statement=f"Of {_number} patterns one is recovered in one step, F = exp",
            source=f"{DEMIRCIGIL}, model; the figure is ours",
            setting=f"N = 16, {_flips} flipped, 4,000 trials",
            expected=_expected,
            tolerance=0.02,
            by="classical",
        )(partial(_exponential, _number, _flips))


@claim(
    "capacity.projection",
    statement="The projection rule keeps as many independent patterns as are stored, up to N - 1",
    source="Personnaz, Guyon and Dreyfus 1985, J. Physique Lett. 46, L359",
    setting="N = 64, M = 48, 5 draws; share of stored fixed points",
    expected=1.0,
    tolerance=0.0,
    by="classical",
    quick=True,
)
def projection(seed: int) -> Measured:
    rng = np.random.default_rng(seed)
    stable = []
    for _ in range(5):
        patterns = random_patterns(48, 64, seed=rng)
        stable.append(Hopfield.store(patterns, rule="projection").is_fixed_point(patterns).mean())
    return exactly(float(np.mean(stable)))
