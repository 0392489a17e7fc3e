"""Which methods can be mitigated, and answers that no stored pattern explains."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace

import numpy as np
import pytest

from qhopfield.circuits import methods as all_methods
from qhopfield.circuits import recall
from qhopfield.circuits.execution import Mitigation, make_noise, make_runner
from qhopfield.circuits.methods import (
    AmplifiedMemory,
    AtomizedMemory,
    DenseVote,
    FilteredMemory,
    GroverCompletion,
    Method,
    NeuronDynamics,
    RejectionSampling,
    VenturaMartinez,
    mitigated,
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


@dataclass(frozen=True)
class Wrapped(Method):
    """Somebody's own method around another one."""

    inner: Method

    def circuit(self, model, probe):
        return self.inner.circuit(model, probe)

    def law(self, model, probe):
        return self.inner.law(model, probe)

    def bill(self, model):
        return self.inner.bill(model)

    law_limit = property(lambda self: self.inner.law_limit)

    def sample_law(self, *given):
        return self.inner.sample_law(*given)

    def run(self, *given):
        return self.inner.run(*given)


class Declared(Wrapped):
    why_not_mitigated = property(lambda self: self.inner.why_not_mitigated)
    why_not_codewords = property(lambda self: self.inner.why_not_codewords)


@pytest.mark.fault(
    "the same algorithm under another class name was 'mitigated' without a word",
    kind="a capability is asked of a class name",
)
def test_a_method_of_ones_own_must_say_what_can_be_mitigated():
    for asked, member in ((RUNS, "why_not_mitigated"), (WORDS, "why_not_codewords")):
        for inner in (DenseVote(votes=64), FilteredMemory()):
            with pytest.raises(ValueError, match=rf"let Wrapped\.{member} return None"):
                refuse_mitigation(Wrapped(inner), asked)
        refuse_mitigation(Declared(FilteredMemory()), asked)
    with pytest.raises(ValueError, match="DenseVote decides each spin"):
        refuse_mitigation(Declared(DenseVote()), RUNS)
    with pytest.raises(ValueError, match=r"Wrapped\.why_not_mitigated"):
        recall(
            MODEL,
            MODEL.patterns,
            Wrapped(DenseVote(votes=64)),
            shots=20,
            seed=1,
            noise_model=make_noise(two_qubit=0.01),
            mitigation=RUNS,
        )


@pytest.mark.fault(
    "the same algorithm under another class name was 'mitigated' without a word",
    kind="a capability is asked of a class name",
)
def test_mitigation_asks_no_class():
    """Which methods there are is known to the methods alone."""
    source = inspect.getsource(mitigated)
    methods = [each for each in vars(all_methods).values() if inspect.isclass(each)]
    assert "isinstance" not in source
    imported = vars(mitigated).values()
    assert not [
        each
        for each in methods
        if issubclass(each, Method) and each in imported and each is not Method
    ]


def test_codewords_are_patterns():
    with pytest.raises(ValueError, match=r"\+1"):
        keep_codewords(noisy(FilteredMemory(fresh=True), shots=5), [[0, 1, 2, 3]])
