"""The Krotov-Hopfield vote: the classical update's sign, the circuit its law."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

from qhopfield.circuits import laws, recall
from qhopfield.circuits.methods import DenseVote
from qhopfield.circuits.methods.ballots import vote_outcomes
from qhopfield.circuits.models import (
    DenseAssociativeMemory,
    Exponential,
    Hopfield,
    ModernHopfield,
    Polynomial,
    RectifiedPolynomial,
)
from qhopfield.circuits.patterns import all_states, random_patterns, to_index
from qhopfield.circuits.resources import resources

XOR = [[-1, -1, -1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]]
SEPARATIONS = [
    Polynomial(2),
    Polynomial(3),
    Polynomial(4),
    Polynomial(5),
    RectifiedPolynomial(2),
    RectifiedPolynomial(3),
    Exponential(0.5),
    Exponential(1.0),
]


def classical_signs(model, state):
    """The sign of sum_mu F(xi_i + h) - F(h - xi_i), straight from the energy; 0 is a tie."""
    signs = np.empty(len(state))
    for site in range(len(state)):
        up, down = state.copy(), state.copy()
        up[site], down[site] = 1, -1
        gap = model.energy(down)[0] - model.energy(up)[0]
        size = abs(model.separation(model.patterns @ up.astype(float))).sum()
        signs[site] = 0.0 if abs(gap) <= 1e-12 * size else np.sign(gap)
    return signs


@pytest.mark.parametrize("separation", SEPARATIONS, ids=lambda each: each.name)
def test_expected_votes_are_the_classical_signs(separation):
    rng = np.random.default_rng(42)
    ties = sites = 0
    for _ in range(300):
        num_neurons = int(rng.integers(6, 9))
        patterns = random_patterns(int(rng.integers(2, 13)), num_neurons, seed=rng)
        model = DenseAssociativeMemory(patterns, separation=separation)
        state = rng.choice([-1, 1], size=num_neurons).astype(np.int8)
        wanted = classical_signs(model, state)
        votes = DenseVote().expected_votes(model, state)[0]
        np.testing.assert_array_equal(np.sign(votes), wanted)
        field = model.local_field(state)[0]
        np.testing.assert_array_equal(np.sign(votes), np.sign(field))
        ties += int((wanted == 0).sum())
        sites += num_neurons
    assert ties < sites / 2  # the comparison is about votes, not about ties


@pytest.mark.parametrize("separation", SEPARATIONS, ids=lambda each: each.name)
def test_circuit_votes_as_expected_at_every_site(separation, exact):
    """Exact readings of the circuits give the vote to 1e-9 relative, and the classical sign."""
    rng = np.random.default_rng(7)
    for num_neurons in (3, 6):
        patterns = random_patterns(min(5, 2**num_neurons), num_neurons, seed=rng)
        model = DenseAssociativeMemory(patterns, separation=separation)
        method = DenseVote()
        states = rng.choice([-1, 1], size=(2, num_neurons)).astype(np.int8)
        votes = method.expected_votes(model, states)
        for state, expected in zip(states, votes, strict=True):
            for site in range(num_neurons):
                circuit = method.circuit(model, state, site=site)
                favour = total = 0.0
                for key, weight in exact.readings(circuit).items():
                    if key >> num_neurons:  # failed
                        continue
                    spins = 1 - 2 * (key >> np.arange(num_neurons) & 1)
                    rest = float(spins @ state - spins[site] * state[site])
                    mass = float(weight[0])
                    favour += mass * spins[site] * np.sign(separation.difference(rest))
                    total += mass
                if total < 1e-12:
                    assert expected[site] == 0.0
                else:
                    assert favour / total == pytest.approx(expected[site], rel=1e-9, abs=1e-9)


def test_single_run_has_the_votes_of_all_sites():
    """exponential_vote, normalised, is the vote with the site left out."""
    rng = np.random.default_rng(3)
    method = DenseVote(synchronous=True)
    for beta in (0.3, 1.0):
        patterns = random_patterns(6, 7, seed=rng)
        model = DenseAssociativeMemory(patterns, separation=Exponential(beta))
        states = rng.choice([-1, 1], size=(5, 7)).astype(np.int8)
        shares = laws.softmax_memory(patterns.astype(float), states.astype(float), beta)
        means = shares @ patterns
        raw = laws.exponential_vote(means, states.astype(float), beta)
        agree = (1.0 + states * means) / 2.0 * math.exp(-2.0 * beta)
        both = agree + (1.0 - states * means) / 2.0
        np.testing.assert_allclose(raw / both, method.expected_votes(model, states), atol=1e-10)


def test_xor():
    """Three spins of parity -1: power 2 cannot decide, power 3 can, on 6 qubits (2016, sec. 3)."""
    inputs = np.array([[a, b, 1] for a, b in itertools.product([1, -1], repeat=2)])
    parity = -inputs[:, 0] * inputs[:, 1]
    method = DenseVote(order=[2], votes=64)
    pair = DenseAssociativeMemory(XOR, separation=Polynomial(2))
    assert not method.expected_votes(pair, inputs)[:, 2].any()
    cubic = DenseAssociativeMemory(XOR, separation=Polynomial(3))
    np.testing.assert_array_equal(np.sign(method.expected_votes(cubic, inputs)[:, 2]), parity)
    assert method.circuit(cubic, inputs[0], site=2).num_qubits == 6
    assert resources(cubic, method).qubits == 6
    result = recall(cubic, inputs, method, shots=50, seed=5)
    np.testing.assert_array_equal(result.states[:, 2], parity)
    for state, answer in zip(inputs, parity, strict=True):
        solved = np.r_[state[:2], answer]
        assert method.law(cubic, state).probability_of(solved) > 1 - 1e-9
        # Whatever an even power answers is a coin and the rule that a tie keeps the spin.
        kept = method.law(pair, state).probability_of(state)
        assert 0.5 < kept < 0.6


# The law.


def test_vote_outcomes_by_convolution():
    for plus, minus, votes in [(0.3, 0.2, 9), (0.0, 0.4, 8), (0.5, 0.5, 7), (0.0, 0.0, 3)]:
        total = np.ones(1)
        for _ in range(votes):
            total = np.convolve(total, [minus, 1.0 - plus - minus, plus])
        wanted = (total[votes + 1 :].sum(), total[votes], total[:votes].sum())
        found = vote_outcomes(np.array(plus), np.array(minus), votes)
        np.testing.assert_allclose(found, wanted, atol=1e-14)


@pytest.mark.parametrize(
    "method",
    [
        DenseVote(votes=5),
        DenseVote(votes=4, sweeps=2, order=(2, 0)),
        DenseVote(votes=3, order="random"),
        DenseVote(votes=6, synchronous=True),
    ],
    ids=["sequential", "listed", "random", "synchronous"],
)
@pytest.mark.parametrize("separation", [Polynomial(2), Polynomial(3), Exponential(0.4)], ids=repr)
def test_runs_and_samples_follow_the_law(method, separation, stats, aer):
    patterns = [[1, 1, -1], [1, -1, -1], [-1, 1, 1]]
    model = DenseAssociativeMemory(patterns, separation=separation)
    probes = np.array([[1, 1, 1], [1, -1, 0]])
    shots = 600
    rng = np.random.default_rng(11)
    ran = method.run(model, probes, shots, aer, rng)
    drawn = method.sample_law(model, probes, 4000, rng)
    for index, probe in enumerate(probes):
        law = method.law(model, probe)
        assert law.acceptance == 1.0
        stats.chi_square(stats.outcomes(ran, index), law.as_vector())
        stats.chi_square(stats.outcomes(drawn, index), law.as_vector())


def test_single_run_law_is_correlated_between_sites():
    """The joint law of one run for all sites is not the product of its sites' laws."""
    model = DenseAssociativeMemory([[1, 1, -1], [-1, -1, 1]], separation=Exponential(0.1))
    law = DenseVote(votes=1, synchronous=True).law(model, [1, 1, 1])
    # One vote elects a whole pattern at once, or keeps the state.
    kept = math.exp(-0.2) / 2, math.exp(-0.4) / 2
    assert law.probability_of([1, 1, -1]) == pytest.approx(kept[0], abs=1e-12)
    assert law.probability_of([-1, -1, 1]) == pytest.approx(kept[1], abs=1e-12)
    assert law.probability_of([1, 1, 1]) == pytest.approx(1 - sum(kept), abs=1e-12)


def test_large_memory_is_sampled_and_agrees_with_the_classical_update():
    model = DenseAssociativeMemory(random_patterns(20, 40, seed=1), separation=Polynomial(4))
    probe = model.patterns[3].copy()
    probe[:4] *= -1
    result = recall(model, probe, DenseVote(votes=4000), shots=20, seed=2, exact=True)
    assert result.run_on == "law, sampled"
    np.testing.assert_array_equal(result.states[0], model.patterns[3])


def test_fresh_ancillas_are_the_same_law(stats, aer):
    model = DenseAssociativeMemory(random_patterns(3, 4, seed=2), separation=Exponential(0.5))
    method = DenseVote(votes=8, synchronous=True, fresh=True)
    assert method.circuit(model, [1, 1, 1, 1]).num_qubits == 8
    ran = method.run(model, [1, 1, 1, 1], 2000, aer, np.random.default_rng(4))
    stats.chi_square(stats.outcomes(ran), method.law(model, [1, 1, 1, 1]).as_vector())


def test_sharing_a_run_keeps_trajectories_independent(stats, aer):
    """Two trajectories of one run: their joint outcomes are the product of the law."""
    model = DenseAssociativeMemory([[1, 1], [1, -1]], separation=Exponential(0.3))
    method = DenseVote(votes=2, order=[1])
    state = np.array([1, 1])
    up = method.law(model, state).probability_of(state)
    # All probes are in one state, so that one run of 8000 shots is dealt out to 4000 trajectories.
    samples = method.run(model, np.tile(state, (2000, 1)), 2, aer, np.random.default_rng(6))
    index = to_index(state[None])[0]
    kept = [int(stats.outcomes(samples, probe)[index]) for probe in range(2000)]
    tally = np.bincount(kept, minlength=3)
    stats.chi_square(tally, [(1 - up) ** 2, 2 * up * (1 - up), up**2])


# What comes with a result.


def test_bill_trace_and_loadings(aer):
    model = DenseAssociativeMemory(random_patterns(3, 5, seed=0), separation=Polynomial(3))
    method = DenseVote(votes=7, sweeps=2)
    cost = resources(model, method)
    assert (cost.qubits, cost.updates, cost.circuits) == (5 + 3 + 1, 10, 70)
    assert cost.loading > 0
    assert cost.two_qubit_gates == cost.expected_two_qubit_gates > cost.loading
    seen = []
    samples = method.run(
        model, model.patterns, 4, aer, np.random.default_rng(0), lambda *step: seen.append(step)
    )
    assert samples.attempts.tolist() == [70.0] * 3
    assert samples.trace.overlaps.shape == (3, 3, 3)
    np.testing.assert_allclose(samples.trace.overlaps[0].diagonal(), 1.0)
    assert seen[-1] == (10, 10)
    single = DenseAssociativeMemory(model.patterns, separation=Exponential(1.0))
    at_once = resources(single, DenseVote(votes=7, sweeps=2, synchronous=True))
    assert (at_once.qubits, at_once.updates, at_once.circuits) == (5 + 1, 10, 14)


def test_same_seed_same_answer():
    model = DenseAssociativeMemory(random_patterns(3, 4, seed=0), separation=Polynomial(3))
    first, again = (
        recall(model, [1, 1, 0, -1], DenseVote(votes=9, order="random"), shots=40, seed=8)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.expectations, again.expectations)


def test_tie_keeps_the_spin():
    """No pattern votes: G is 0 for every pattern, and the state stays."""
    model = DenseAssociativeMemory([[-1, -1, -1, -1]], separation=RectifiedPolynomial(2))
    state = [1, 1, 1, 1]
    assert not DenseVote().expected_votes(model, state).any()
    assert DenseVote().law(model, state).probability_of(state) == 1.0
    assert recall(model, state, DenseVote(votes=4), shots=5, seed=0).states.tolist() == [state]


def test_chain_of_all_states_is_normalised():
    model = DenseAssociativeMemory(random_patterns(4, 4, seed=5), separation=Polynomial(4))
    for state in all_states(4):
        assert DenseVote(votes=11).law(model, state).probabilities.sum() == pytest.approx(1.0)


# Bad input.

CUBIC = DenseAssociativeMemory(XOR, separation=Polynomial(3))


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"votes": 0}, ValueError, "votes must be >= 1, got 0"),
        ({"votes": 2.5}, TypeError, "votes must be an integer"),
        ({"sweeps": 0}, ValueError, "sweeps must be >= 1"),
        ({"order": "backwards"}, ValueError, "order must be one of"),
        ({"order": [[0, 1], [2]]}, ValueError, "rectangular"),
        ({"order": [0.5]}, ValueError, "whole neuron indices"),
        ({"synchronous": 1}, TypeError, "synchronous must be True or False"),
        ({"fresh": "yes"}, TypeError, "fresh must be True or False"),
        ({"synchronous": True, "order": "random"}, ValueError, "leave order out"),
    ],
)
def test_bad_choices(arguments, error, message):
    with pytest.raises(error, match=message):
        DenseVote(**arguments)


@pytest.mark.parametrize("verb", ["circuit", "law", "sample", "run", "bill", "filter", "votes"])
@pytest.mark.parametrize("model", [Hopfield.store(XOR[:2]), ModernHopfield(XOR)])
def test_other_models_are_refused(verb, model, aer):
    method, rng = DenseVote(), np.random.default_rng(0)
    call = {
        "circuit": lambda: method.circuit(model, XOR[0]),
        "law": lambda: method.law(model, XOR[0]),
        "sample": lambda: method.sample_law(model, XOR[0], 1, rng),
        "run": lambda: method.run(model, XOR[0], 1, aer, rng),
        "bill": lambda: method.bill(model),
        "filter": lambda: method.filter(model),
        "votes": lambda: method.expected_votes(model, XOR[0]),
    }[verb]
    with pytest.raises(TypeError, match=r"DenseAssociativeMemory; got .*NeuronDynamics"):
        call()


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: DenseVote().law(CUBIC, [1, 0.5, 1]), ValueError, "no product states.*0.5"),
        (lambda: recall(CUBIC, [1, 0.5, 1], DenseVote()), ValueError, "no product states"),
        (
            lambda: recall(CUBIC, Statevector.from_label("000"), DenseVote()),
            TypeError,
            "spin expectations",
        ),
        (lambda: DenseVote().circuit(CUBIC, [1, 0, 1]), ValueError, "whole state"),
        (lambda: DenseVote().circuit(CUBIC, [1, 1, 1], site=3), ValueError, "site must be"),
        (lambda: DenseVote().circuit(CUBIC, [1, 1]), ValueError, "3 entries"),
        (lambda: DenseVote().expected_votes(CUBIC, [1, 0, 1]), ValueError, "only"),
        (lambda: DenseVote(order=[3]).law(CUBIC, [1, 1, 1]), ValueError, "between 0 and 2"),
        (
            lambda: DenseVote().law(
                DenseAssociativeMemory(random_patterns(2, 13, seed=0)), np.ones(13)
            ),
            ValueError,
            "samples the same law",
        ),
        (
            lambda: DenseVote(synchronous=True).law(
                DenseAssociativeMemory(XOR, separation=Exponential(1.0)), [1, 1, 1]
            ),
            ValueError,
            "256 votes can fall on 4 patterns",
        ),
        (
            lambda: DenseVote().filter(DenseAssociativeMemory([[1]], separation=Polynomial(2))),
            ValueError,
            "no vote",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_too_wide_is_refused_before_it_runs():
    class Narrow:
        name = "narrow"

        def admit(self, num_qubits, alternative, *, rank=None, simpler=None):
            raise ValueError(f"{num_qubits} qubits: {alternative}")

    with pytest.raises(ValueError, match="6 qubits: Use exact=True"):
        DenseVote().run(CUBIC, XOR[0], 1, Narrow(), np.random.default_rng(0))
