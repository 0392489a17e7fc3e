"""Handwritten digits, one of each stored, 20 % of the pixels flipped.

The level that is necessary comes from the scan ``digits.scan.*``: with the safe gain, level 3 is a
heat bath still so warm that it loses one probe in ten that the classical dynamics recalls, and
level 4 is within .02 of it.  Each level doubles the inverse temperature, and a gain set by the
typical field buys one level.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from qhopfield.circuits import Hopfield, NeuronDynamics, RUSNeuron, laws, recall
from qhopfield.circuits.methods import Samples
from qhopfield.circuits.patterns import corrupt, load_set

from .record import Measured, claim, exactly, mean

SOURCE = "UCI optical recognition of handwritten digits (Alpaydin and Kaynak 1998)"
LEVEL, TYPICAL_LEVEL, SWEEPS = 4, 3, 5
SHOTS = 20
SETTING = f"N = 64, ten stored, 13 pixels flipped, {SWEEPS} sequential sweeps"


def _task(rule: str, each: int, seed: int) -> tuple[Hopfield, NDArray[np.int8], NDArray[np.int8]]:
    """The memory, ``each`` probes a digit, and what each should become."""
    digits = load_set("digits").one_per_label().patterns
    targets = np.repeat(digits, each, axis=0)
    return Hopfield.store(digits, rule=rule), corrupt(targets, flips=0.2, seed=seed), targets


def _method(level: int, gain: str) -> NeuronDynamics:
    return NeuronDynamics(RUSNeuron(level), sweeps=SWEEPS, gain=gain)


def _recalled(samples: Samples, targets: NDArray[np.int8]) -> NDArray[np.float64]:
    """Share of each probe's accepted runs that ended in its target."""
    return np.array(
        [
            weights[(outcomes == target).all(axis=1)].sum() / weights.sum()
            for outcomes, weights, target in zip(
                samples.outcomes, samples.weights, targets, strict=True
            )
        ]
    )


def _against_classical(
    memory: Hopfield,
    probes: NDArray[np.int8],
    targets: NDArray[np.int8],
    shares: NDArray[np.float64],
    note: str,
) -> Measured:
    """Difference from the classical dynamics, probe by probe."""
    classical = (memory.recall(probes).states == targets).all(axis=1)
    return mean(
        shares - classical, f"{shares.mean():.3f} against {classical.mean():.3f} classical{note}"
    )


def _on_aer(level: int, gain: str, seed: int) -> Measured:
    memory, probes, targets = _task("projection", 10, seed)
    result = recall(memory, probes, _method(level, gain), shots=SHOTS, seed=seed)
    shares = result.probability_of(targets)
    voted = float((result.states == targets).all(axis=1).mean())
    return _against_classical(
        memory,
        probes,
        targets,
        shares,
        f"; most probable state of {SHOTS} runs right in {voted:.2f}; {result.attempts.mean():.1f} "
        f"level-1 blocks an update; fields folded {result.folded.mean():.2%}",
    )


def _scan(level: int, gain: str, seed: int) -> Measured:
    memory, probes, targets = _task("projection", 100, seed)
    method = _method(level, gain)
    samples = method.sample_law(memory, probes, 10, np.random.default_rng(seed))
    beta = laws.inverse_temperature(method.resolved_gain(memory), level)
    return _against_classical(
        memory,
        probes,
        targets,
        _recalled(samples, targets),
        f"; beta = {beta:.1f}, {samples.attempts.mean():.1f} level-1 blocks an update",
    )


for _gain, _level in (("safe", LEVEL), ("typical", TYPICAL_LEVEL)):
    claim(
        f"digits.circuits.{_gain}-gain.level-{_level}",
        statement=f"Level {_level} with the {_gain} gain recalls digits as the classical dynamics",
        source=SOURCE,
        setting=f"{SETTING}, projection rule, 100 probes of {SHOTS} runs on Aer, feedforward; "
        "difference of the recalled shares",
        expected=0.0,
        tolerance=0.02,
        by="circuits",
    )(partial(_on_aer, _level, _gain))
    claim(
        f"digits.scan.{_gain}-gain.level-{_level}",
        statement=f"Level {_level} is enough with the {_gain} gain",
        source=SOURCE,
        setting=f"{SETTING}, projection rule, 1,000 probes of 10 runs; difference from classical",
        expected=0.0,
        tolerance=0.02,
        by="law",
    )(partial(_scan, _level, _gain))
    claim(
        f"digits.scan.{_gain}-gain.level-{_level - 1}",
        statement=f"Level {_level - 1} is not enough with the {_gain} gain",
        source=SOURCE,
        setting=f"{SETTING}, projection rule, 1,000 probes of 10 runs; difference from classical",
        expected=-0.02,
        tolerance=0.0,
        relation="<=",
        by="law",
    )(partial(_scan, _level - 1, _gain))


@claim(
    "digits.hebb.stable",
    statement="Under Hebb's rule not one of the ten correlated digits is a fixed point",
    source=SOURCE,
    setting="N = 64, ten stored; number of stored fixed points",
    expected=0.0,
    tolerance=0.0,
    by="classical",
    quick=True,
)
def hebb_stable(seed: int) -> Measured:
    memory, _, _ = _task("hebb", 1, seed)
    projection, _, targets = _task("projection", 1, seed)
    kept = int(projection.is_fixed_point(targets).sum())
    return exactly(memory.is_fixed_point(targets).sum(), f"{kept} of 10 under the projection rule")


@claim(
    "digits.hebb.circuits",
    statement="Hebb's rule recalls none of the same digits",
    source=SOURCE,
    setting="N = 64, ten stored, 13 pixels flipped, 20 probes of 10 runs on Aer, feedforward, "
    "level 2, 3 sweeps",
    expected=0.0,
    tolerance=0.0,
    by="circuits",
)
def hebb_on_aer(seed: int) -> Measured:
    memory, probes, targets = _task("hebb", 2, seed)
    method = NeuronDynamics(RUSNeuron(2), sweeps=3)
    result = recall(memory, probes, method, shots=10, seed=seed)
    overlap = float((result.expectations * targets).mean())
    return mean(result.probability_of(targets), f"mean overlap with the digit {overlap:.2f}")
