"""Search memories: the papers' figures, circuits against laws, sampling, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

from qhopfield.circuits import (
    DenseAssociativeMemory,
    DistributedQuery,
    GroverCompletion,
    Hopfield,
    ModernHopfield,
    VenturaMartinez,
    recall,
)
from qhopfield.circuits.blocks.loaders import load_memory
from qhopfield.circuits.blocks.multiplex import two_qubit_gates
from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.patterns import all_states, random_patterns, to_index

COMPLETIONS = (VenturaMartinez, GroverCompletion)
SHOTS = 20_000


def read(text):
    """A paper's string, left to right, as the expectations of neurons 0, 1, 2..."""
    return np.array([{"0": 1, "1": -1, "?": 0}[character] for character in text])


@pytest.fixture(scope="module")
def paper():
    """The six patterns of Ventura and Martinez's example."""
    strings = ("0000", "0011", "0110", "1001", "1100", "1111")
    return Hopfield.store([read(each) for each in strings])


def match(law, query):
    """Probability of the states that agree with the known bits."""
    known = query != 0
    return law.probabilities[(law.states[:, known] == query[known]).all(axis=1)].sum()


def stored(law, patterns):
    """Probability of the stored patterns."""
    return sum(law.probability_of(pattern) for pattern in patterns)


# The same algorithms once more, as reflections of a vector of 2^n amplitudes.


def reflect(state, axis):
    return 2.0 * axis * (axis @ state) - state


def vector_by_reflections(method, patterns, row, rounds):
    states = all_states(patterns.shape[1])
    memory = np.zeros(len(states))
    memory[to_index(patterns)] = 1 / math.sqrt(len(patterns))
    state = memory.copy()
    if isinstance(method, DistributedQuery):
        up = (1 + (1 - 2 * method.spread) * row) / 2
        query = np.sqrt(np.where(states > 0, up, 1 - up)).prod(axis=1)
        for _ in range(rounds):
            state = reflect(-reflect(state, query), memory)
        return state**2
    uniform = np.full(len(states), 1 / math.sqrt(len(states)))
    hit = np.where([all(s[row != 0] == row[row != 0]) for s in states], -1.0, 1.0)
    if isinstance(method, VenturaMartinez):
        state = reflect(hit * state, uniform)
        state = reflect(np.where(memory > 0, -1.0, 1.0) * state, uniform)
    for _ in range(rounds):
        state = reflect(hit * state, uniform)
    return state**2


def cases():
    rng = np.random.default_rng(5)
    for number in range(16):
        n = int(rng.integers(1, 6))
        count = int(rng.integers(1, 2**n + 1))
        codes = rng.choice(2**n, count, replace=False)
        patterns = 1 - 2 * (codes[:, None] >> np.arange(n) & 1)
        partial = rng.choice([-1.0, 0.0, 1.0], n)
        partial[rng.integers(n)] = 1.0
        model = (DenseAssociativeMemory(patterns), ModernHopfield(patterns, beta=1.0))[number % 2]
        yield model, partial, rng.uniform(-1, 1, n), int(rng.integers(0, 5))


def exact_vector(circuit):
    """Probabilities of the classical bits, neuron i being bit i, of a circuit measured last."""
    measured = {
        circuit.find_bit(each.clbits[0]).index: circuit.find_bit(each.qubits[0]).index
        for each in circuit.data
        if each.operation.name == "measure"
    }
    bare = circuit.remove_final_measurements(inplace=False)
    return Statevector(bare).probabilities([measured[bit] for bit in sorted(measured)])


@pytest.mark.parametrize("rounds", ["given", "auto"])
@pytest.mark.parametrize("model, partial, soft, given", list(cases()))
def test_circuit_law_and_reflections_agree(model, partial, soft, given, rounds):
    chosen = given if rounds == "given" else "auto"
    for method, probe in (
        (VenturaMartinez(chosen), partial),
        (GroverCompletion(chosen), partial),
        (DistributedQuery(0.15, chosen), partial),
        (DistributedQuery(0.3, chosen), soft),
    ):
        number = method.resolved_rounds(model, probe)
        assert rounds == "auto" or number == given
        law = method.law(model, probe)
        assert law.acceptance == 1.0
        circuit = method.circuit(model, probe)
        np.testing.assert_allclose(exact_vector(circuit), law.as_vector(), atol=1e-10)
        expected = vector_by_reflections(method, model.patterns, probe, number)
        np.testing.assert_allclose(law.as_vector(), expected, atol=1e-10)


# Figures.


@pytest.mark.parametrize("rounds, expected", [(0, 0.84375), (1, 0.9902), (2, 0.677)])
def test_ventura_martinez_completes_0110(paper, rounds, expected):
    law = VenturaMartinez(rounds).law(paper, read("0110"))
    assert law.probability_of(read("0110")) == pytest.approx(expected, abs=1e-3)


def test_plain_grover_stays_below_four_ninths(paper):
    query = read("0110")
    laws = [GroverCompletion(rounds).law(paper, query) for rounds in range(40)]
    assert max(law.probability_of(query) for law in laws) == pytest.approx(0.4444, abs=1e-3)


def test_ventura_martinez_completes_a_partial_query(paper):
    query = read("011?")
    assert query.tolist() == [1, -1, -1, 0]  # neuron 3 is the unknown one
    law = VenturaMartinez(1).law(paper, query)
    assert match(law, query) == pytest.approx(0.9635, abs=1e-3)
    assert law.probability_of(read("0110")) == pytest.approx(0.9401, abs=1e-3)
    # 0111 matches and was never stored: a spurious state, in the law with what it weighs.
    assert law.probability_of(read("0111")) == pytest.approx(0.9635 - 0.9401, abs=1e-3)


def test_reflecting_about_the_memory_is_the_distributed_query_without_spread(paper):
    query = read("0110")
    for rounds, expected in enumerate((1 / 6, 0.9074, 0.7428)):
        law = DistributedQuery(0.0, rounds).law(paper, query)
        assert law.probability_of(query) == pytest.approx(expected, abs=1e-3)
        exact = math.sin((2 * rounds + 1) * math.asin(math.sqrt(1 / 6))) ** 2
        assert law.probability_of(query) == pytest.approx(exact, abs=1e-12)
    assert DistributedQuery(0.0).resolved_rounds(paper, query) == 1


@pytest.mark.parametrize("n, m, expected", [(6, 10, 0.81), (8, 30, 0.73), (10, 100, 0.66)])
def test_the_turned_memory_degrades_where_memories_are_sparse(n, m, expected):
    best = []
    for seed in range(30):
        patterns = random_patterns(m, n, seed=seed)
        model = DenseAssociativeMemory(patterns)
        laws = (VenturaMartinez(rounds).law(model, patterns[0]) for rounds in range(61))
        best.append(max(law.probability_of(patterns[0]) for law in laws))
    error = np.std(best) * math.sqrt(1 / 30 + 1 / 30)  # theirs is a mean of 30 draws as well
    assert np.mean(best) == pytest.approx(expected, abs=0.005 + 4.9 * error)
    assert np.mean(best) < 0.9


def test_a_distributed_query_prefers_what_is_near_and_recalls_what_was_not_stored():
    patterns = random_patterns(8, 8, seed=3)
    model = DenseAssociativeMemory(patterns)
    probe = patterns[0].copy()
    probe[0] *= -1
    law = DistributedQuery(0.1).law(model, probe)
    shares = [law.probability_of(pattern) for pattern in patterns]
    assert np.argmax(shares) == 0 and shares[0] > 1 / 8
    assert stored(law, patterns) < 0.9
    # At the first maximum of <b|psi> the state is the probe's neighbourhood, and recalls little.
    late = DistributedQuery(0.1, rounds=6).law(model, probe)
    assert late.probability_of(probe) > late.probability_of(patterns[0])


# Rounds.


@pytest.mark.parametrize("kind", COMPLETIONS)
def test_auto_takes_the_best_rounds_within_the_search(kind, paper):
    query = read("0110")
    limit = math.ceil(math.pi / 2 * 4)
    found = [match(kind(rounds).law(paper, query), query) for rounds in range(limit + 1)]
    assert kind().resolved_rounds(paper, query) == np.argmax(found)


def test_auto_takes_the_fewest_rounds_where_equal():
    """Everything matches that is stored, and everything is stored that matches: no round helps."""
    model = DenseAssociativeMemory([[1, 1], [1, -1]])
    assert GroverCompletion().resolved_rounds(model, [1, 0]) == 0


def test_auto_for_a_distributed_query_stops_before_the_query_itself():
    rng = np.random.default_rng(2)
    for seed in range(20):
        patterns = random_patterns(8, 7, seed=seed)
        model = DenseAssociativeMemory(patterns)
        probe = rng.choice([-1, 1], 7)
        rounds = DistributedQuery(0.1).resolved_rounds(model, probe)
        distances = (patterns != probe).sum(axis=1)
        overlap = np.sqrt(0.1**distances * 0.9 ** (7 - distances)).sum() / math.sqrt(8)
        assert (2 * rounds + 1) * math.asin(overlap) <= math.pi / 2 + math.asin(overlap)


# Running.


def test_one_circuit_serves_all_probes_that_know_the_same_bits(paper, stats):
    class Counting(AerRunner):
        calls = 0

        def run(self, *arguments):
            self.calls += 1
            return super().run(*arguments)

    probes = np.stack([read(each) for each in ("011?", "0?01", "100?", "1?11", "110?")])
    method, runner = VenturaMartinez(1), Counting()
    steps = []
    samples = method.run(
        paper,
        probes,
        SHOTS,
        runner,
        np.random.default_rng(1),
        lambda done, of: steps.append((done, of)),
    )
    assert runner.calls == 2 and steps == [(1, 2), (2, 2)]
    for number, probe in enumerate(probes):
        vector = method.law(paper, probe).as_vector()
        stats.chi_square(stats.outcomes(samples, number), vector)


@pytest.mark.parametrize(
    "method, probes",
    [
        (VenturaMartinez(), [[1, -1, 0, 0, 1], [0, -1, 1, 1, 1]]),
        (GroverCompletion(2), [[1, -1, 0, 0, 1]]),
        (GroverCompletion(0), [[1, -1, 0, 0, 1]]),
        (DistributedQuery(0.2, 2), [[1, -1, 0, 0.4, 1], [1, 1, -1, 1, 1]]),
    ],
)
def test_recall_on_aer_follows_the_law(method, probes, stats):
    model = Hopfield.store(random_patterns(4, 5, seed=11))
    result = recall(model, probes, method, shots=SHOTS, seed=4)
    assert result.run_on == "aer statevector"
    assert result.acceptance.tolist() == [1.0] * len(probes)
    exact = recall(model, probes, method, exact=True)
    for number, probe in enumerate(probes):
        vector = method.law(model, probe).as_vector()
        stats.chi_square(stats.outcomes(result, number), vector)
        np.testing.assert_allclose(stats.outcomes(exact, number), vector, atol=1e-12)


@pytest.mark.parametrize(
    "method, probe",
    [
        (VenturaMartinez(2), [1, -1, 0, 0, 1]),
        (GroverCompletion(1), [1, 0, 0, 0, 0]),
        (DistributedQuery(0.2, 2), [1, -1, 0, 0.4, 1]),
        (DistributedQuery(0.0, 1), [1, -1, 1, 1, 1]),
    ],
)
def test_drawing_from_the_law_follows_it(method, probe, stats):
    model = Hopfield.store(random_patterns(4, 5, seed=11))
    samples = method.sample_law(model, [probe, probe], SHOTS, np.random.default_rng(6))
    for number in range(2):
        vector = method.law(model, probe).as_vector()
        stats.chi_square(stats.outcomes(samples, number), vector)


def test_drawing_where_every_possible_state_is_stored():
    model = DenseAssociativeMemory(all_states(2))
    for method in (VenturaMartinez(3), DistributedQuery(0.3, 2)):
        samples = method.sample_law(model, [1, -1], 500, np.random.default_rng(0))
        assert samples.weights[0].sum() == 500


@pytest.mark.parametrize(
    "method", [VenturaMartinez(), GroverCompletion(3), DistributedQuery(0.05, 2)]
)
def test_wide_memories_are_sampled(method, stats):
    """20 neurons: the shares of the kinds of states, against the vector of 2^20 amplitudes."""
    n = 20
    patterns = random_patterns(12, n, seed=8)
    model = DenseAssociativeMemory(patterns)
    probe = patterns[0].astype(float)
    if not isinstance(method, DistributedQuery):
        probe[3:] = 0.0
    with pytest.raises(ValueError, match="2\\^20 probabilities; 18 neurons are the most"):
        method.law(model, probe)
    samples = method.sample_law(model, probe, 4000, np.random.default_rng(3))
    rounds = method.resolved_rounds(model, probe)
    vector = vector_by_indices(method, patterns, probe, rounds)
    for kind in range(4):
        drawn = samples.weights[0][kinds(samples.outcomes[0], patterns, probe) == kind].sum()
        stats.binomial(int(drawn), 4000, min(1.0, vector[kind]))


def kinds(states, patterns, probe):
    """Stored and matching, stored, spurious and matching, spurious: 0 to 3."""
    known = probe != 0
    inside = np.isin(to_index(states), to_index(patterns))
    return 2 * ~inside + ~(states[:, known] == probe[known]).all(axis=1)


def vector_by_indices(method, patterns, probe, rounds):
    """Shares of the kinds, by reflections of the vector of 2^n amplitudes."""
    n = patterns.shape[1]
    index = np.arange(2**n)
    bits = [index >> i & 1 for i in range(n)]
    memory = np.zeros(2**n)
    memory[to_index(patterns)] = 1 / math.sqrt(len(patterns))
    hit = np.ones(2**n, dtype=bool)
    query = np.ones(2**n)
    for i in range(n):
        z = probe[i]
        if z:
            hit &= bits[i] == (z < 0)
        if isinstance(method, DistributedQuery):
            up = (1 + (1 - 2 * method.spread) * z) / 2
            query *= np.sqrt(np.where(bits[i], 1 - up, up))
    uniform = np.full(2**n, 2.0 ** (-n / 2))
    sign = np.where(hit, -1.0, 1.0)
    state = memory.copy()
    if isinstance(method, VenturaMartinez):
        state = reflect(sign * state, uniform)
        state = reflect(np.where(memory > 0, -1.0, 1.0) * state, uniform)
    for _ in range(rounds):
        if isinstance(method, DistributedQuery):
            state = reflect(-reflect(state, query), memory)
        else:
            state = reflect(sign * state, uniform)
    weight = state**2
    inside = memory > 0
    return [
        weight[inside & hit].sum(),
        weight[inside & ~hit].sum(),
        weight[~inside & hit].sum(),
        weight[~inside & ~hit].sum(),
    ]


# Cost.


@pytest.mark.parametrize("kind", COMPLETIONS)
def test_the_bill_counts_decomposed_gates_and_loading(kind):
    patterns = random_patterns(5, 6, seed=2)
    model = Hopfield.store(patterns)
    loader = load_memory(patterns).choice.two_qubit_gates
    costs = []
    for rounds in range(3):
        bill = kind(rounds).bill(model)
        assert set(bill.circuit.count_ops()) <= {"u", "cx", "measure"}
        written = kind(rounds).circuit(model, patterns[0])
        assert bill.expected_two_qubit_gates == two_qubit_gates(written)
        assert bill.loading == loader
        costs.append(bill.expected_two_qubit_gates)
    # A round is a marked query and a reflection: two phases on six qubits.
    assert costs[2] - costs[1] == costs[1] - costs[0] > 0
    if kind is GroverCompletion:
        assert costs[0] == loader


def test_the_bill_of_a_distributed_query_has_two_loaders_a_round():
    patterns = random_patterns(5, 6, seed=2)
    model = Hopfield.store(patterns)
    loader = load_memory(patterns).choice.two_qubit_gates
    for rounds in range(3):
        bill = DistributedQuery(0.1, rounds).bill(model)
        written = DistributedQuery(0.1, rounds).circuit(model, patterns[0])
        assert bill.expected_two_qubit_gates == two_qubit_gates(written)
        assert bill.loading == loader * (1 + 2 * rounds)
    result = recall(model, patterns[0], DistributedQuery(0.1, 2), shots=10, seed=1)
    assert result.resources.two_qubit_gates == bill.expected_two_qubit_gates
    assert result.resources.loading == bill.loading
    assert result.resources.qubits == 6


# Bad input.


@pytest.mark.parametrize("kind", [VenturaMartinez, GroverCompletion, DistributedQuery])
@pytest.mark.parametrize(
    "rounds, error, message",
    [
        (-1, ValueError, "rounds must be >= 0, got -1"),
        (1.5, TypeError, "rounds must be an integer"),
        (True, TypeError, "rounds must be an integer"),
        (None, TypeError, "rounds must be an integer"),
        ("many", ValueError, "rounds must be 'auto' or an integer >= 0, got 'many'"),
    ],
)
def test_bad_rounds(kind, rounds, error, message):
    with pytest.raises(error, match=message):
        kind(rounds=rounds)


@pytest.mark.parametrize(
    "spread, error",
    [(-0.1, ValueError), (0.6, ValueError), (math.nan, ValueError), ("q", TypeError)],
)
def test_bad_spread(spread, error):
    with pytest.raises(error, match="spread must be"):
        DistributedQuery(spread=spread)


@pytest.mark.parametrize("kind", COMPLETIONS)
@pytest.mark.parametrize(
    "probe, message",
    [
        ([0, 0, 0, 0], "at least one known bit .* probe 0 has none"),
        ([1, 0.3, 0, 1], r"got 0.3 in row 0 at neuron 1. DistributedQuery\(spread=...\) and Filt"),
        ([1, -1, 1], "must have 4 entries a row"),
        ([1, -2, 1, 1], "between -1 and 1"),
        ([[1, 1, 1, 1], [1, 1, 1, 1]], "must be one probe"),
    ],
)
def test_bad_probes(kind, probe, message, paper):
    method = kind(1)
    for call in (method.law, method.circuit, method.resolved_rounds):
        with pytest.raises(ValueError, match=message):
            call(paper, probe)


@pytest.mark.parametrize(
    "method", [VenturaMartinez(1), GroverCompletion(1), DistributedQuery(0.1, 1)]
)
def test_refused_models_and_states(method, paper, aer):
    state = Statevector.from_label("0110")
    rng = np.random.default_rng(0)
    for call in (
        lambda: method.law(paper, state),
        lambda: method.circuit(paper, state),
        lambda: method.sample_law(paper, state, 5, rng),
        lambda: method.run(paper, state, 5, aer, rng),
    ):
        with pytest.raises(TypeError, match="takes spin expectations"):
            call()
    weights = np.ones((4, 4)) - np.eye(4)
    with pytest.raises(ValueError, match="has weights but no patterns"):
        method.law(Hopfield(weights), [1, 1, 1, 1])
    with pytest.raises(ValueError, match="has weights but no patterns"):
        method.bill(Hopfield(weights))


def test_auto_does_not_look_too_far(paper):
    wide = DenseAssociativeMemory(random_patterns(3, 40, seed=1))
    with pytest.raises(ValueError, match="would look through 1647100 rounds for 40 neurons"):
        VenturaMartinez().resolved_rounds(wide, wide.patterns[0])
    with pytest.raises(ValueError, match="overlap of only 0 with the memory"):
        DistributedQuery(0.0).law(paper, read("0111"))
    # A number of rounds is what it is: a query that the memory does not hold changes nothing.
    law = DistributedQuery(0.0, 2).law(paper, read("0111"))
    assert stored(law, paper.patterns) == pytest.approx(1.0)
    assert DistributedQuery(0.1).resolved_rounds(wide, wide.patterns[0]) < 20


def test_a_circuit_that_does_not_fit_is_refused():
    wide = DenseAssociativeMemory(random_patterns(3, 60, seed=1))
    with pytest.raises(ValueError, match="exact=True, which samples the law at any size"):
        recall(wide, wide.patterns[0], DistributedQuery(0.1, 1), shots=10)
