"""Which methods can be mitigated, and answers that no stored pattern explains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qhopfield.circuits.execution import Mitigation, make_noise, make_runner
from qhopfield.circuits.methods import (
    AmplifiedMemory,
    AtomizedMemory,
    DenseVote,
    FilteredMemory,
    GroverCompletion,
    NeuronDynamics,
    RejectionSampling,
    VenturaMartinez,
)
from qhopfield.circuits.methods.mitigated import keep_codewords, refuse_mitigation
from qhopfield.circuits.models import ModernHopfield

MODEL = ModernHopfield([[1, 1, 1, 1], [1, -1, 1, -1], [-1, -1, 1, 1]], beta=0.5)
RUNS, WORDS = Mitigation(zero_noise=(1, 3)), Mitigation(codewords=True)


def noisy(method, shots=2000):
    runner = make_runner(noise_model=make_noise(two_qubit=0.05, readout=0.05))
    probes = [[1, 1, 1, 1], [-1, -1, 1, 1]]
    return method.run(MODEL, probes, shots, runner, np.random.default_rng(3))


def test_only_stored_patterns_are_kept():
    before = noisy(FilteredMemory(fresh=True))
    after = keep_codewords(before, MODEL.patterns)
    stored = {tuple(row) for row in MODEL.patterns.tolist()}
    for probe in range(2):
        kept = dict(
            zip(map(tuple, after.outcomes[probe].tolist()), after.weights[probe], strict=True)
        )
        given = dict(
            zip(map(tuple, before.outcomes[probe].tolist()), before.weights[probe], strict=True)
        )
        assert kept == {state: count for state, count in given.items() if state in stored}
        assert len(given) > len(kept)
        assert after.acceptance[probe] * 2000 == pytest.approx(sum(kept.values()))
        # The right pattern's share of what is accepted goes up.
        right = max(kept, key=kept.get)
        assert kept[right] / sum(kept.values()) > given[right] / sum(given.values())
    assert after.shots == before.shots


def test_effective_shots_shrink_along_and_empty_probes_stay_empty():
    before = noisy(FilteredMemory(fresh=True), shots=50)
    empty = replace(
        before,
        outcomes=(before.outcomes[0], before.outcomes[1][:0]),
        weights=(before.weights[0], before.weights[1][:0]),
        acceptance=np.array([before.acceptance[0], 0.0]),
        effective=np.array([10.0, 0.0]),
    )
    after = keep_codewords(empty, MODEL.patterns)
    assert after.acceptance[1] == 0.0
    share = after.weights[0].sum() / before.weights[0].sum()
    np.testing.assert_allclose(after.effective, [10.0 * share, 0.0])
    none = keep_codewords(before, [[-1, 1, -1, 1]])
    assert none.acceptance.tolist() == pytest.approx(
        [
            weights[(states == [-1, 1, -1, 1]).all(axis=1)].sum() / 50
            for states, weights in zip(before.outcomes, before.weights, strict=True)
        ]
    )


@pytest.mark.parametrize(
    "method, mitigation",
    [
        (NeuronDynamics(register="coherent"), RUNS),
        (NeuronDynamics(register="reuse"), RUNS),
        (FilteredMemory(), RUNS),
        (FilteredMemory(), WORDS),
        (AmplifiedMemory(), Mitigation(zero_noise=(1, 3), codewords=True)),
        (AtomizedMemory(FilteredMemory()), WORDS),
        (VenturaMartinez(), RUNS),
        (RejectionSampling(), None),
        (RejectionSampling(), Mitigation()),
        (DenseVote(), Mitigation()),
    ],
    ids=repr,
)
def test_what_is_let_through(method, mitigation):
    refuse_mitigation(method, mitigation)


@pytest.mark.parametrize(
    "method, mitigation, message",
    [
        (NeuronDynamics(), RUNS, r"single bits.*use register='coherent' or 'reuse'"),
        (NeuronDynamics(register="reuse"), WORDS, "NeuronDynamics may rightly end"),
        (DenseVote(), RUNS, r"count of single shots.*use FilteredMemory\(\)"),
        (DenseVote(), WORDS, "DenseVote may rightly end"),
        (GroverCompletion(), WORDS, "GroverCompletion may rightly end"),
        (AmplifiedMemory(rounds="unknown"), RUNS, "use rounds='auto' or a number"),
        (FilteredMemory(least="descending"), RUNS, r"use least='given' with KernelFilter"),
        (AtomizedMemory(FilteredMemory(least="quantum")), RUNS, "least='quantum' is steered"),
        (RejectionSampling(), RUNS, "runs no circuit"),
        (RejectionSampling(), WORDS, "runs no circuit"),
    ],
)
def test_what_is_refused(method, mitigation, message):
    with pytest.raises(ValueError, match=message):
        refuse_mitigation(method, mitigation)


def test_codewords_are_patterns():
    with pytest.raises(ValueError, match=r"\+1"):
        keep_codewords(noisy(FilteredMemory(fresh=True), shots=5), [[0, 1, 2, 3]])
