"""Requests that no machine can serve are refused at once, with their cost and what would fit."""

from __future__ import annotations

import time

import numpy as np
import pytest

from qhopfield.circuits import (
    AmplifiedMemory,
    AtomizedMemory,
    BlockDynamics,
    DenseAssociativeMemory,
    DenseVote,
    DirectSoftmax,
    DistributedQuery,
    ExpFilter,
    Exponential,
    FilteredMemory,
    GroverCompletion,
    Hopfield,
    Mitigation,
    ModernHopfield,
    NeuronDynamics,
    RejectionSampling,
    RUSNeuron,
    TrugenbergerFilter,
    VenturaMartinez,
    associate,
    make_noise,
    recall,
    resources,
    softmax_recall,
)
from qhopfield.circuits.capacity import ModelSpec, capacity
from qhopfield.circuits.common import cost
from qhopfield.circuits.models import draw_schedule
from qhopfield.circuits.patterns import random_patterns

STORED = [[1, 1, 1, 1, -1, -1], [1, -1, 1, -1, 1, -1]]
PROBE = [1, 1, 1, 1, -1, 1]
PART = [1, 1, -1, 0, 0, 0]
HOPFIELD = Hopfield.store(STORED)
DENSE = DenseAssociativeMemory(STORED)
WIDE = DenseAssociativeMemory(random_patterns(3, 30, seed=0), separation=Exponential(0.1))
STEEP = DenseAssociativeMemory(STORED, separation=Exponential(0.5))
MODERN = ModernHopfield(STORED)
MANY = 10**12

REFUSED = {
    "shots of neurons": (lambda: recall(HOPFIELD, PROBE, shots=MANY), "shots"),
    "shots of a register": (
        lambda: recall(HOPFIELD, PROBE, NeuronDynamics(register="reuse"), shots=MANY),
        "shots",
    ),
    "shots of blocks": (lambda: recall(HOPFIELD, PROBE, BlockDynamics(2), shots=MANY), "shots"),
    "shots of votes": (lambda: recall(DENSE, PROBE, DenseVote(), shots=MANY), "shots"),
    "shots of votes by law": (
        lambda: recall(WIDE, [1] * 30, DenseVote(synchronous=True), shots=MANY, exact=True),
        "shots",
    ),
    "shots of a filter": (lambda: recall(MODERN, PROBE, shots=MANY), "shots"),
    "shots drawn": (lambda: recall(MODERN, PROBE, RejectionSampling(), shots=MANY), "shots"),
    "shots amplified": (lambda: recall(MODERN, PROBE, AmplifiedMemory(), shots=MANY), "shots"),
    "shots of unknown rounds": (
        lambda: recall(MODERN, PROBE, AmplifiedMemory(rounds="unknown"), shots=MANY),
        "shots",
    ),
    "shots of submodules": (lambda: recall(MODERN, PROBE, AtomizedMemory(), shots=MANY), "shots"),
    "shots of a search": (lambda: recall(HOPFIELD, PART, GroverCompletion(), shots=MANY), "shots"),
    "shots of values": (
        lambda: associate(STORED, [[1], [-1]], PROBE, ExpFilter(1.0), shots=MANY),
        "shots",
    ),
    "shots of capacity": (
        lambda: capacity(
            ModelSpec(), NeuronDynamics(), num_neurons=9, patterns=[2], trials=1, shots=MANY
        ),
        "shots",
    ),
    "sweeps by law": (
        lambda: recall(HOPFIELD, PROBE, NeuronDynamics(sweeps=10**9), exact=True),
        "sweeps",
    ),
    "sweeps": (lambda: recall(HOPFIELD, PROBE, NeuronDynamics(sweeps=10**9)), "sweeps"),
    "sweeps at once": (
        lambda: recall(HOPFIELD, PROBE, NeuronDynamics(sweeps=10**9, synchronous=True)),
        "sweeps",
    ),
    "sweeps of blocks": (lambda: recall(HOPFIELD, PROBE, BlockDynamics(2, sweeps=MANY)), "sweeps"),
    "sweeps of votes": (lambda: recall(DENSE, PROBE, DenseVote(sweeps=10**9)), "sweeps"),
    "sweeps counted": (lambda: resources(HOPFIELD, NeuronDynamics(sweeps=10**9)), "sweeps"),
    "sweeps of an order": (
        lambda: draw_schedule("random", 9, MANY, 1, np.random.default_rng(0)),
        "sweeps",
    ),
    "iterations": (
        lambda: recall(MODERN, PROBE, FilteredMemory(iterations=10**9), exact=True),
        "iterations",
    ),
    "iterations computed": (
        lambda: recall(MODERN, PROBE, DirectSoftmax(iterations=10**9)),
        "iterations",
    ),
    "rounds": (
        lambda: recall(MODERN, PROBE, AmplifiedMemory(rounds=10**9, tolerance=0.1)),
        "rounds",
    ),
    "rounds of a search": (lambda: recall(HOPFIELD, PART, VenturaMartinez(10**9)), "rounds"),
    "rounds of a query": (
        lambda: recall(HOPFIELD, PROBE, DistributedQuery(0.1, MANY), exact=True),
        "rounds",
    ),
    "replicas": (
        lambda: recall(MODERN, PROBE, AtomizedMemory(replicas=10**9), exact=True),
        "replicas",
    ),
    "votes": (lambda: recall(DENSE, PROBE, DenseVote(votes=MANY), exact=True), "votes"),
    "votes on a circuit": (lambda: recall(DENSE, PROBE, DenseVote(votes=MANY)), "shots"),
    "attempts": (
        lambda: recall(HOPFIELD, PROBE, NeuronDynamics(RUSNeuron(2, attempts=10**9)), shots=9),
        "attempts",
    ),
    "levels": (
        lambda: recall(HOPFIELD, PROBE, NeuronDynamics(RUSNeuron(12), register="coherent")),
        "qubits",
    ),
    "neurons": (lambda: Hopfield.store(random_patterns(3, 200_000, seed=1)), "neurons"),
    "neurons of capacity": (
        lambda: capacity(ModelSpec(), num_neurons=200_000, patterns=[3], trials=1),
        "neurons",
    ),
    "trials": (
        lambda: capacity(ModelSpec(), num_neurons=9, patterns=[3], trials=10**9),
        "trials",
    ),
    "patterns": (lambda: random_patterns(MANY, 100), "num_patterns"),
    "controls": (
        lambda: associate(
            [[0.5, 0.2], [1, -1]], [[1], [-1]], [1, 1], TrugenbergerFilter(10**9), exact=True
        ),
        "controls",
    ),
    "noise factors": (
        lambda: recall(
            MODERN,
            PROBE,
            FilteredMemory(fresh=True),
            mitigation=Mitigation(zero_noise=(1, 10**9 + 1)),
            noise_model=make_noise(two_qubit=0.01),
        ),
        "zero_noise",
    ),
}


@pytest.mark.fault(
    "shots=10**12, sweeps=10**9, iterations, rounds, replicas, votes, attempts, trials and 200,000 "
    "neurons hung or ended in MemoryError or std::bad_alloc",
    kind="a number of repetitions is not held against the machine",
)
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_end_is_refused(case):
    call, name = REFUSED[case]
    start = time.process_time()
    with pytest.raises(ValueError) as caught:
        call()
    assert name in str(caught.value)
    assert any(unit in str(caught.value) for unit in ("iB", "hours", "years"))
    assert time.process_time() - start < 5.0  # seconds, and not the hours that were asked for


@pytest.mark.parametrize(
    "call",
    [
        lambda: recall(HOPFIELD, PROBE, shots=MANY, exact=True),
        lambda: recall(MODERN, PROBE, shots=MANY, exact=True),
        lambda: recall(MODERN, PROBE, AtomizedMemory(), shots=MANY, exact=True),
        lambda: FilteredMemory().sample_law(MODERN, PROBE, MANY, np.random.default_rng(0)),
        lambda: recall(STEEP, PROBE, DenseVote(votes=MANY, synchronous=True), shots=9, exact=True),
        lambda: recall(
            HOPFIELD, PROBE, NeuronDynamics(RUSNeuron(2, attempts=MANY)), shots=9, exact=True
        ),
        lambda: HOPFIELD.recall(PROBE, sweeps=MANY),
        lambda: MODERN.converge(PROBE, steps=MANY, tolerance=0.0),
        lambda: softmax_recall(STORED, PROBE, memory=MANY),
    ],
)
def test_what_costs_nothing_is_not_refused(call):
    call()


def test_drawn_shots_are_streamed(monkeypatch):
    from qhopfield.circuits.methods import twins

    method, rng = RejectionSampling(), np.random.default_rng
    whole = method.run(MODERN, [PROBE], 3000, None, rng(1))
    monkeypatch.setattr(twins, "_DRAWN", 256)
    pieces = method.run(MODERN, [PROBE], 3000, None, rng(1))
    share = FilteredMemory().law(MODERN, PROBE)
    for samples in (whole, pieces):
        accepted = samples.weights[0].sum()
        assert accepted == samples.acceptance[0] * 3000
        spread = np.sqrt(3000 * share.acceptance * (1.0 - share.acceptance))
        assert abs(accepted - 3000 * share.acceptance) < 5.0 * spread  # 1e-6, two-sided


def test_a_refusal_of_a_model_is_not_an_empty_memory():
    # A learning rule may leave nothing to store, which capacity counts; a refusal it must not.
    with pytest.raises(cost.TooCostlyError, match="200000 neurons"):
        ModelSpec()(random_patterns(2, 200_000, seed=0))


@pytest.mark.parametrize(
    ("number", "text"), [(10, "10 B"), (2048, "2 KiB"), (3 * 2**40, "3 TiB"), (2**5000, "EiB")]
)
def test_bytes(number, text):
    assert text in cost.in_bytes(number)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(90, "90 s"), (600, "10 minutes"), (3600 * 30, "30 hours"), (1e9, "31.7 years")],
)
def test_times(seconds, text):
    assert cost.in_time(seconds) == text


@pytest.mark.fault(
    "the classical dynamics of 10**9 synchronous sweeps went round a cycle of two for hours",
    kind="a number of repetitions is not held against the machine",
)
def test_synchronous_cycles_are_taken_at_once():
    swaps = Hopfield([[0.0, -1.0], [-1.0, 0.0]])
    for sweeps in (10**9, 10**9 + 1):
        end = swaps.recall([[1, 1], [1, -1]], sweeps=sweeps, synchronous=True)
        assert end.states.tolist() == [[1, 1] if sweeps % 2 == 0 else [-1, -1], [1, -1]]
        assert end.sweeps.tolist() == [sweeps, 0]
        assert end.converged.tolist() == [False, True]


@pytest.mark.parametrize("sweeps", [0, 1, 2, 3, 7, 30, 31])
def test_cycles_end_where_sweep_by_sweep_does(sweeps):
    rng = np.random.default_rng(sweeps)
    dense = DenseAssociativeMemory(random_patterns(5, 7, seed=1))
    weights = np.triu(rng.normal(size=(7, 7)), 1)
    for model in (dense, Hopfield(weights + weights.T)):
        starts = rng.choice([-1, 1], size=(40, 7))
        states = starts
        for _ in range(sweeps):
            states = model.update(states, synchronous=True)
        end = model.recall(starts, sweeps=sweeps, synchronous=True)
        np.testing.assert_array_equal(end.states, states)
        assert (end.sweeps[~end.converged] == sweeps).all()
