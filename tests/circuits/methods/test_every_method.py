"""Every method, filter, neuron and register against its law, through what users call.

The cases are ``benchmarks/every_method.py``; one that is added there is in every test below.
Statistical bounds are at 1e-6, and every run has a seed.
"""

import inspect
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from qiskit import transpile
from qiskit_aer import AerSimulator
from scipy import stats as distributions

from benchmarks.every_method import CASES, NUM_NEURONS, Case, memory, parts_within
from benchmarks.interval_coverage import coverage, result_of
from qhopfield import circuits
from qhopfield.circuits import (
    AmplifiedMemory,
    AtomizedMemory,
    BlockDynamics,
    DenseAssociativeMemory,
    DenseVote,
    DistributedQuery,
    ExpFilter,
    Exponential,
    FilteredMemory,
    GroverCompletion,
    Hopfield,
    KernelFilter,
    Law,
    ModernHopfield,
    NeuronDynamics,
    Polynomial,
    RotationNeuron,
    RUSNeuron,
    VenturaMartinez,
    make_noise,
    recall,
    resources,
)
from qhopfield.circuits.blocks.filters import MemoryFilter
from qhopfield.circuits.blocks.neurons import Neuron
from qhopfield.circuits.common.randomness import as_generator
from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.methods import Method
from qhopfield.circuits.methods.ballots import vote_chances
from qhopfield.circuits.methods.minimum import SEARCHES, expected_loadings, least_distances
from qhopfield.circuits.methods.registers import REGISTERS
from qhopfield.circuits.methods.superposition import filtered_template
from qhopfield.circuits.models import Model
from qhopfield.circuits.patterns import random_patterns, to_index

BOUND = 1e-6

every = pytest.mark.parametrize("name", CASES)


def vector(states, weights, num_neurons):
    """Weights of all 2^N states."""
    table = np.zeros(2**num_neurons)
    np.add.at(table, to_index(np.asarray(states)), weights)
    return table


def mean_is(values, expected):
    """Asserts that independent values have a mean (t test at 1e-6)."""
    values = np.asarray(values, dtype=float)
    if np.ptp(values) < 1e-12:
        # Nothing random is left but what comes with a chance of 1e-4.
        assert values[0] == pytest.approx(expected, rel=1e-3, abs=1e-9)
        return
    p_value = distributions.ttest_1samp(values, expected).pvalue
    assert p_value > BOUND, f"mean {values.mean():.5g} for {expected:.5g}, p = {p_value:.2g}"


def holds(stats, case, result, law, row=0):
    """Asserts that one probe's answer comes from the law, acceptance included."""
    method, shots = case.method, result.shots
    due = law.as_vector()
    if not shots:  # DirectSoftmax computes
        found = vector(result.outcomes[row], result.weights[row], law.states.shape[1])
        np.testing.assert_allclose(found, due, atol=1e-12)
        assert result.acceptance[row] == pytest.approx(law.acceptance, abs=1e-12)
        return
    assert result.weights[row].sum() == pytest.approx(result.accepted[row])
    assert result.acceptance[row] == pytest.approx(result.accepted[row] / shots)
    if isinstance(method, AtomizedMemory):
        submodules_hold(stats, method, case.model, case.row, result, law, row)
        return
    correlated = result.effective is not None
    # On registers that hold an order a circuit, shots share the orders that were drawn.
    assert iterated(method) or getattr(method, "order", "") == "random" or not correlated
    seen = vector(result.outcomes[row], result.weights[row], law.states.shape[1])
    assert (seen == np.rint(seen)).all()
    if correlated:
        # The mean spins that are fed back scatter, too: coverage is what intervals are held to.
        scale = min(1.0, result.effective[row] / result.accepted[row])
        stats.chi_square(seen * scale, due)
        if law.acceptance == 1.0:
            assert result.acceptance[row] == 1.0
            return
        tried = shots * scale if result.trials is None else result.trials[row]
        error = (result.acceptance[row] - law.acceptance) / math.sqrt(
            law.acceptance * (1 - law.acceptance) / tried
        )
        assert abs(error) < distributions.norm.isf(BOUND / 2)
        return
    stats.chi_square(seen, due)
    accepted = int(result.accepted[row])
    if method == replace_unknown(method) and law.acceptance < 1.0:
        stats.binomial(accepted, shots, law.acceptance)
    elif law.acceptance == 1.0 and method == replace_unknown(method):
        assert accepted == shots
    else:  # a shot is given up with a chance below 1e-4
        assert distributions.binom.sf(shots - accepted - 1, shots, 1e-4) > BOUND


def replace_unknown(method):
    """The method, with rounds that are known."""
    unknown = isinstance(method, AmplifiedMemory) and method.rounds == "unknown"
    return replace(method, rounds="auto") if unknown else method


def iterated(method):
    inner = method.method if isinstance(method, AtomizedMemory) else method
    return getattr(inner, "iterations", 1) > 1


def submodules_hold(stats, method, model, probe, result, law, row):
    """Asserts that submodules accept by their laws, and are recombined into the law."""
    parts, shots = result.parts, result.shots
    grid = method.grid(model)
    if iterated(method):
        return  # test_recombined_weights_have_the_mean_of_the_law
    assert (parts.status[row] == law.parts.status[0]).all() or method.keep or method.detect
    chances = np.full(len(parts), math.nan)
    for number, (shard, block) in enumerate(zip(parts.shard, parts.block, strict=True)):
        submodule = grid.submodules[shard, block]
        chances[number] = submodule.kept(probe[None, :])[0].mean()
        assert parts.patterns[number] == len(grid.shards[shard])
        if parts.STATUS[parts.status[row, number]] != "answered":
            continue
        count = parts.acceptance[row, number] * shots
        assert count == pytest.approx(round(count))
        stats.binomial(round(count), shots, chances[number])
    if grid.num_blocks > 1 or method.keep:
        return  # test_recombined_weights_have_the_mean_of_the_law
    answered = parts.status[row] == parts.STATUS.index("answered")
    scales = np.array(
        [grid.submodules[s, 0].kept(probe[None, :])[1][0] for s in range(len(grid.shards))]
    )
    heard = [shard for shard in range(len(grid.shards)) if answered[parts.shard == shard].any()]
    top = max(scales[shard] for shard in heard)
    for shard in heard:
        replicas = int(answered[parts.shard == shard].sum())
        members = grid.patterns[grid.shards[shard]]
        # Each weight is a count again: K(mu) / M = M_s c / (S R M), times what was subtracted.
        unit = len(members) / (replicas * len(grid.patterns)) * math.exp(scales[shard] - top)
        table = vector(result.outcomes[row], result.weights[row], result.num_neurons)
        counts = table[to_index(members)] / unit
        np.testing.assert_allclose(counts, np.rint(counts), atol=1e-6)
        kept = grid.submodules[shard, 0].kept(probe[None, :])[0][0] / len(members)
        trials = shots * replicas
        stats.chi_square(
            [*np.rint(counts), trials - np.rint(counts).sum()], [*kept, 1 - kept.sum()]
        )
        due = law.as_vector()[to_index(members)] * law.acceptance * len(grid.patterns)
        np.testing.assert_allclose(
            kept * len(members) * math.exp(scales[shard] - top), due, rtol=1e-9, atol=1e-12
        )


# The cases are all there is.


def test_every_public_kind_has_a_case():
    """A method, neuron, filter or model that joins the package must join these tests."""
    used = {
        type(part) for case in CASES.values() for part in [*parts_within(case.method), case.model]
    }
    for name in circuits.__all__:
        kind = getattr(circuits, name)
        if inspect.isclass(kind) and issubclass(kind, (Method, Neuron, MemoryFilter, Model)):
            assert kind in used, f"{name} has no case in benchmarks/every_method.py"


def test_every_choice_has_a_case():
    """Words that a method takes are as many algorithms: each has a case."""

    def chosen(kind, name):
        parts = [part for case in CASES.values() for part in parts_within(case.method)]
        return {getattr(each, name) for each in parts if isinstance(each, kind)}

    assert {
        (type(c.method.neuron), c.method.register)
        for c in CASES.values()
        if isinstance(c.method, NeuronDynamics)
    } >= {
        (getattr(circuits, name), register)
        for name in ("RotationNeuron", "RUSNeuron", "ThresholdNeuron")
        for register in REGISTERS
    }
    assert chosen(BlockDynamics, "register") == {"feedforward", "reuse"}
    assert chosen(FilteredMemory, "least") == {"given", *SEARCHES}
    assert chosen(FilteredMemory, "fresh") == {True, False}
    assert chosen(AmplifiedMemory, "rounds") >= {0, 1, "auto", "unknown"}
    for kind in (NeuronDynamics, DenseVote):
        orders = chosen(kind, "order")
        assert {"sequential", "random"} < orders, kind
        assert chosen(kind, "synchronous") == {True, False}, kind


# Run, sampled law, pieces and plain circuits, each against the law.


@pytest.mark.fault(
    "amplified memories were compared with their law nowhere: a round too many passed",
    kind="a method that no test runs",
)
@every
def test_run_is_the_law(name, stats):
    case = CASES[name]
    law = case.method.law(case.model, case.row)
    result = recall(case.model, case.row, case.method, shots=case.shots, seed=11)
    holds(stats, case, result, law)


@every
def test_sampled_law_is_the_law(name, stats, monkeypatch):
    case = CASES[name]
    law = case.method.law(case.model, case.row)
    monkeypatch.setattr(type(case.method), "law_limit", property(lambda self: 0))
    result = recall(case.model, case.row, case.method, shots=4000, seed=12, exact=True)
    assert result.run_on == "law, sampled"
    holds(stats, case, result, law)


PIECES = (
    "filtered, fresh",
    "filtered, least descending",
    "filtered, iterated",
    "rejection sampling",
    "softmax",
    "amplified, rounds auto",
    "amplified, rounds unknown",
    "grover, rounds 1",
    "ventura-martinez, rounds 1",
    "query, rounds 1",
    "vote",
    "rotation, feedforward",
    "rotation, coherent",
    "blocks, feedforward, link 1",
    "shards",
    "grid",
)


def test_pieces_are_of_every_method():
    assert {type(CASES[name].method) for name in PIECES} == {
        type(case.method) for case in CASES.values()
    }


@pytest.mark.parametrize("name", PIECES)
def test_pieces_are_the_law(name, stats):
    """More probes than a piece holds, in pieces with seeds of their own."""
    case, shots = CASES[name], 120
    probes = np.repeat(case.row[None, :], 33, axis=0)
    law = case.method.law(case.model, case.row)
    found = recall(case.model, probes, case.method, shots=shots, seed=13, workers=1)
    assert found.num_probes == 33
    tables = [
        vector(*each, NUM_NEURONS) for each in zip(found.outcomes, found.weights, strict=True)
    ]
    if not found.shots:
        np.testing.assert_allclose(tables, [law.as_vector()] * 33, atol=1e-12)
        return
    if isinstance(case.method, AtomizedMemory):
        for weights, due in zip(np.transpose(tables), law.as_vector(), strict=True):
            mean_is(weights / shots, due * law.acceptance)
        return
    if iterated(case.method):
        return  # what few shots feed back is biased
    stats.chi_square(np.sum(tables, axis=0), law.as_vector())
    if law.acceptance < 1.0:
        stats.binomial(int(found.accepted.sum()), 33 * shots, law.acceptance)


def plainly(circuit, shots, seed):
    """Readings of a circuit that anyone runs on Aer: accepted states by index, and rejections."""
    simulator = AerSimulator(seed_simulator=seed, max_parallel_threads=1)
    job = simulator.run(transpile(circuit, simulator, optimization_level=0), shots=shots)
    table, rejected = np.zeros(2**NUM_NEURONS), 0
    (neurons,) = (each for each in circuit.cregs if each.name.endswith("neurons"))
    states = [circuit.find_bit(bit).index for bit in neurons]
    failed = [
        circuit.find_bit(bit).index
        for register in circuit.cregs
        if any(word in register.name for word in ("failed", "rejected"))
        for bit in register
    ]
    for key, count in job.result().data()["counts"].items():
        reading = int(key, 16)
        if any(reading >> bit & 1 for bit in failed):
            rejected += count
        else:
            table[sum((reading >> bit & 1) << i for i, bit in enumerate(states))] += count
    return table, rejected


@every
def test_the_plain_circuit_is_the_law(name, stats):
    """``method.circuit`` on a bare simulator, read as its docstring says."""
    case = CASES[name]
    method, model, row = case.method, case.model, case.row
    if method.classical or method != replace_unknown(method):
        with pytest.raises(ValueError, match=r"no circuit|single circuit"):
            method.circuit(model, row)
        return
    shots = 300 if case.slow else 1500
    if name == "cubic field":
        with pytest.raises(ValueError, match="quadratic"):
            method.circuit(model, row)
        return
    if isinstance(method, DenseVote):
        vote_runs_plainly(stats, method, model)
        return
    if isinstance(method, AtomizedMemory):
        submodules_run_plainly(stats, method, model, row, shots)
        return
    if isinstance(method, NeuronDynamics) and method.order == "random":
        # A circuit holds one drawn order, and its law is that order's.
        circuit = method.circuit(model, row, seed=5)
        steps = [step[0] for step in method.plan(model, as_generator(5)).steps]
        law = replace(method, order=np.reshape(steps, (method.sweeps, -1))).law(model, row)
    else:
        circuit = method.circuit(model, row)
        # One circuit is one iteration.
        once = replace(method, iterations=1) if iterated(method) else method
        law = once.law(model, row)
    table, rejected = plainly(circuit, shots, seed=14)
    assert table.sum() + rejected == shots
    stats.chi_square(table, law.as_vector())
    if law.acceptance < 1.0:
        stats.binomial(int(table.sum()), shots, law.acceptance)
    else:
        assert not rejected


def submodules_run_plainly(stats, method, model, row, shots):
    """The first and the last submodule, read as ``circuits`` says."""
    grid = method.grid(model)
    places, made = method.places(grid), method.circuits(model, row)
    whole = method.circuit(model, row)
    assert whole.num_qubits == sum(each.num_qubits for each in made)
    for number in (0, len(made) - 1):
        submodule = grid.submodules[places[number].shard, places[number].block]
        circuit, kept = made[number], submodule.kept(row[None, :])[0][0]
        simulator = AerSimulator(seed_simulator=number, max_parallel_threads=1)
        width = len(circuit.cregs[0])
        answers = np.zeros(2**width + 1)
        for key, count in simulator.run(circuit, shots=shots).result().data()["counts"].items():
            reading = int(key, 16)
            answers[2**width if reading >> width else reading] += count
        due = np.zeros(2**width + 1)
        np.add.at(due, to_index(submodule.answers()), kept / len(kept))
        due[-1] = max(0.0, 1.0 - due.sum())
        stats.chi_square(answers, due)


def vote_runs_plainly(stats, method, model):
    """One vote: which pattern passes, and so how the site is voted on."""
    state, site = np.array([1, -1, -1, 1], dtype=np.int8), 2
    table, rejected = plainly(method.circuit(model, state, site=site), 1500, seed=15)
    if method.synchronous and isinstance(model.separation, Exponential):
        kept = np.exp(-2 * 0.3 * np.count_nonzero(model.patterns != state, axis=1))
    else:
        rest = model.patterns @ state - model.patterns[:, site] * state[site]
        possible = model.separation.difference(np.arange(-3.0, 4.0, 2.0))
        kept = np.abs(model.separation.difference(rest)) / np.abs(possible).max()
        plus, minus = vote_chances(model, state[None, :], site)
        assert kept.mean() == pytest.approx(float(plus[0] + minus[0]))
    due = vector(model.patterns, kept / len(kept), NUM_NEURONS)
    stats.chi_square([*table, rejected], [*due, 1.0 - due.sum()])


# Reported figures, each from its definition.


class Recorder(AerRunner):
    """Aer, and a note of what ran."""

    def __init__(self):
        super().__init__()
        self.ran = []

    def run(self, circuit, parameters, values, shots, rng):
        self.ran.append((circuit, np.array(shots)))
        return super().run(circuit, parameters, values, shots, rng)

    def loadings(self, once):
        """Loadings of all shots, by a gate that loading and filter have and reflections have not.

        ``once`` holds one loading and one filter.
        """
        name = next(name for name in ("cx", "ry", "cry") if once.count_ops().get(name))
        held = once.count_ops()[name]
        return sum(c.count_ops()[name] / held * shots.sum() for c, shots in self.ran)


def best_rounds(acceptance):
    """The first maximum of sin^2((2 r + 1) a)."""
    angle, rounds = math.asin(math.sqrt(acceptance)), 0
    while math.sin((2 * rounds + 3) * angle) ** 2 > math.sin((2 * rounds + 1) * angle) ** 2:
        rounds += 1
    return rounds


@pytest.mark.parametrize(
    "name", [n for n, c in CASES.items() if n.startswith("amplified") and "unknown" not in n]
)
def test_attempts_of_amplified_memories_are_loadings(name):
    """As many as the circuit holds: each round takes loader and filter off and on again."""
    case = CASES[name]
    runner = Recorder()
    samples = case.method.run(case.model, case.row, 10, runner, np.random.default_rng(1))
    plain = FilteredMemory(case.method.filter, fresh=True)
    acceptance = plain.law(case.model, case.row).acceptance
    rounds = case.method.rounds
    if rounds == "auto":
        rounds = best_rounds(acceptance)
        if case.method.tolerance is not None:
            assert case.method.law(case.model, case.row).acceptance >= 1 - case.method.tolerance**2
            rounds = case.method.rounds_for(acceptance)
    assert samples.attempts.tolist() == [2 * rounds + 1]
    once = plain.circuit(case.model, case.row)
    assert runner.loadings(once) == 10 * (2 * rounds + 1)


@pytest.mark.fault(
    "loadings of rounds='unknown' were compared with nothing", kind="bookkeeping without an oracle"
)
@pytest.mark.parametrize("name", ["amplified, rounds unknown", "amplified, kernel, unknown"])
def test_loadings_of_unknown_rounds(name):
    """The expectation of the schedule, and what the circuits that ran hold."""
    case = CASES[name]
    plain = FilteredMemory(case.method.filter, fresh=True)
    acceptance = plain.law(case.model, case.row).acceptance
    steps = plain.resolved(case.model).steps(NUM_NEURONS)
    greatest = math.sqrt(len(case.model.patterns) * 4.0**steps)
    angle, bound, left, expected = math.asin(math.sqrt(acceptance)), 1.0, 1.0, 0.0
    for _ in range(200):
        rounds = np.arange(math.ceil(bound))
        expected += left * np.mean(2 * rounds + 1)
        left *= 1.0 - np.mean(np.sin((2 * rounds + 1) * angle) ** 2)
        bound = min(1.2 * bound, greatest)
    runner = Recorder()
    probes = np.repeat(case.row[None, :], 60, axis=0)
    samples = case.method.run(case.model, probes, 25, runner, np.random.default_rng(2))
    mean_is(samples.attempts, expected)
    ledger = runner.loadings(plain.circuit(case.model, case.row))
    assert samples.attempts.sum() * 25 == pytest.approx(ledger)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if isinstance(c.method, DenseVote)])
def test_attempts_of_votes_are_loadings(name):
    """Every vote is a shot of a circuit that loads the memory once."""
    case = CASES[name]
    runner = Recorder()
    samples = case.method.run(case.model, case.row, 20, runner, np.random.default_rng(3))
    assert samples.attempts[0] == sum(shots.sum() for _, shots in runner.ran) / 20
    at_once = case.method.synchronous and isinstance(case.model.separation, Exponential)
    order = np.asarray(case.method.order)
    updates = NUM_NEURONS if order.ndim == 0 else order.shape[-1]
    runs = case.method.sweeps * (1 if at_once else updates)
    assert samples.attempts[0] == case.method.votes * runs


@pytest.mark.fault(
    "the minimum search could stop a step early: patterns at distance 0 and 1 came alike",
    kind="an algorithm whose end is not tested",
)
@pytest.mark.parametrize("search", SEARCHES)
def test_least_distances_are_the_least(search):
    """For all probes of a memory with distances 0, 1, 2; missed with a chance below 1e-4."""
    patterns = np.array([[1, 1, 1], [1, 1, -1], [-1, -1, 1]], dtype=np.int8)
    probes = np.array(
        [[a, b, c] for a in (1, -1) for b in (1, 0, -1) for c in (1, -1)], dtype=float
    )
    runner = Recorder()
    found = least_distances(patterns, probes, runner, np.random.default_rng(4), search=search)
    exact = np.array([min(np.sum((x != 0) & (x != p)) for p in patterns) for x in probes])
    assert (found.distances >= exact).all()
    missed = int((found.distances != exact).sum())
    assert distributions.binom.sf(missed - 1, len(probes), 1e-4) > BOUND
    once = FilteredMemory(KernelFilter([1.0] * 4), fresh=True).circuit(
        ModernHopfield(patterns), probes[0]
    )
    # A shot of the plain filter loads once, one with r rounds 2 r + 1 times.
    assert found.loadings.sum() == pytest.approx(runner.loadings(once))
    if search == "descending":
        assert (found.loadings % math.ceil(3 * math.log(1e4)) == 0).all()


@pytest.mark.parametrize("least", SEARCHES)
def test_attempts_of_searched_memories_are_loadings(least):
    case = CASES[f"filtered, least {least}"]
    runner = Recorder()
    samples = case.method.run(case.model, case.row, 20, runner, np.random.default_rng(5))
    _, last = runner.ran.pop()
    assert last.tolist() == [20]
    once = replace(case.method, fresh=True).circuit(case.model, case.row)
    assert samples.attempts[0] == pytest.approx(runner.loadings(once))


@pytest.mark.parametrize(
    "chosen",
    [
        KernelFilter(Exponential(0.4), d_min=2),
        KernelFilter([1.0, 0.5, 0.25, 0.125, 0.0625], d_min=1),
    ],
)
def test_log_scale_is_what_was_divided_out(chosen):
    """Acceptances with and without max-subtraction differ by exp(log_scale), beyond the least."""
    model = memory("modern")
    probe = np.array([1.0, 1.0, -1.0, 1.0])
    distances = np.count_nonzero(model.patterns != probe, axis=1)
    scale = chosen.log_scale(probe[None, :])[0]
    subtracted = chosen.acceptances(model.patterns, probe[None, :])[0]
    plain = replace(chosen, d_min=0).acceptances(model.patterns, probe[None, :])[0]
    beyond = distances >= chosen.d_min
    assert beyond.any()
    np.testing.assert_allclose(subtracted[beyond] * math.exp(scale), plain[beyond])
    samples = FilteredMemory(chosen).run(model, probe, 10, AerRunner(), np.random.default_rng(6))
    assert samples.log_scale[0] == pytest.approx(scale)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.slow])
def test_traces_begin_at_the_probe_and_end_at_the_answer(name):
    case = CASES[name]
    row = np.where(case.row == 0.0, 1.0, np.sign(case.row))
    probes = np.stack([row, row])
    runner = AerRunner()
    result = result_of(
        case, case.method.run(case.model, probes, 40, runner, np.random.default_rng(16))
    )
    trace = result.trace
    if trace is None:
        feeds = iterated(case.method) and not isinstance(case.method, AtomizedMemory)
        moves = isinstance(case.method, (DenseVote, BlockDynamics)) or (
            isinstance(case.method, NeuronDynamics) and case.method.register == "feedforward"
        )
        assert not feeds and not moves
        return
    patterns = case.model.patterns
    steps = getattr(case.method, "iterations", None) or case.method.sweeps
    assert trace.overlaps.shape == (steps + 1, 2, len(patterns))
    assert trace.energies.shape == (steps + 1, 2)
    np.testing.assert_allclose(trace.overlaps[0], probes @ patterns.T / NUM_NEURONS, atol=1e-12)
    np.testing.assert_allclose(
        trace.overlaps[-1], result.expectations @ patterns.T / NUM_NEURONS, atol=1e-12
    )
    for number in range(2):
        states, weights = result.outcomes[number], result.weights[number]
        if isinstance(case.method, (NeuronDynamics, BlockDynamics, DenseVote)):
            due = weights @ case.model.energy(states) / weights.sum()
        else:
            due = ModernHopfield(patterns, 0.3).energy(result.expectations[[number]])[0]
        assert trace.energies[-1, number] == pytest.approx(due)


@pytest.mark.parametrize("name", ["blocks of neurons", "grid", "shards, kept", "shards, iterated"])
def test_recombined_weights_have_the_mean_of_the_law(name):
    """Products of blocks' counts estimate ``K(mu) / M`` without bias."""
    case = CASES[name]
    law = case.method.law(case.model, case.row)
    # What is fed back, or chosen by a coarse memory, is the law's at many shots.
    many = iterated(case.method) or case.method.keep is not None
    shots, probes = (20_000, 12) if many else (300, 60)
    rows = np.repeat(case.row[None, :], probes, axis=0)
    found = recall(case.model, rows, case.method, shots=shots, seed=17)
    tables = [
        vector(*each, NUM_NEURONS) for each in zip(found.outcomes, found.weights, strict=True)
    ]
    for weights, due in zip(np.transpose(tables), law.as_vector(), strict=True):
        mean_is(weights / shots, due * law.acceptance)


@pytest.mark.fault(
    "the false-alarm level could lose its division by the number of tests",
    kind="bookkeeping without an oracle",
)
def test_false_alarms_are_as_rare_as_asked():
    """One recall of one probe leaves a sound submodule out with at most the chance of detect=."""
    model = ModernHopfield(random_patterns(16, 8, seed=0), beta=0.3)
    rate, probes, seeds = 0.05, random_patterns(30, 8, seed=5), 8
    method = AtomizedMemory(FilteredMemory(), shards=8, detect=rate)
    alarms = 0
    for seed in range(seeds):
        found = method.sample_law(model, probes, 400, np.random.default_rng(seed))
        alarms += int((found.parts.count("rejected") > 0).sum())
    total = seeds * len(probes)
    assert distributions.binom.sf(alarms - 1, total, rate) > BOUND, f"{alarms} of {total}"


# Intervals.

# Where intervals are made from something else than plain counts of independent shots.
ON_AER = [
    name
    for name, case in CASES.items()
    if iterated(case.method) or isinstance(case.method, AtomizedMemory)
    if not case.slow and "reused" not in name and "least" not in name
] + ["filtered, fresh", "amplified, rounds auto", "random, coherent"]


@pytest.mark.fault(
    "shots that start from means fed back, and recombined acceptances, had too narrow intervals",
    kind="intervals over correlated shots",
)
@pytest.mark.parametrize(
    ("name", "circuits"), [(name, False) for name in CASES] + [(name, True) for name in ON_AER]
)
def test_intervals_hold_the_law(name, circuits):
    """Intervals of 95 % in 200 runs; fewer than a chance of 1e-6 allows is a wrong interval."""
    found = coverage(CASES[name], 200, 200, 7, circuits=circuits, together=True)
    assert found.honest, found


@pytest.mark.parametrize(
    "method",
    [
        FilteredMemory(ExpFilter(0.6), iterations=3, fresh=True),
        AtomizedMemory(FilteredMemory(ExpFilter(0.6)), shards=[[0], [1, 2], range(3, 12)]),
        AtomizedMemory(FilteredMemory(ExpFilter(0.6)), shards=1, blocks=4),
        AtomizedMemory(FilteredMemory(ExpFilter(0.6), iterations=3), shards=3),
    ],
    ids=repr,
)
def test_intervals_hold_where_they_are_hard(method):
    """Rounds of feeding back, shards of unequal size, products of four counts."""
    patterns = random_patterns(12, 6, seed=25)
    case = Wide(method, probe=tuple(patterns[0] * np.r_[0.2, np.ones(5)]), patterns=patterns)
    circuits = isinstance(method, FilteredMemory)
    found = coverage(case, 200, 600, 8, circuits=circuits, together=True)
    assert found.honest, found


@pytest.mark.fault(
    "the interval of the luckiest of 16 about equally probable states held in 58 % of runs",
    kind="an interval of what was picked for its luck",
)
@pytest.mark.parametrize("circuits", [False, True])
@pytest.mark.parametrize("shots", [20, 50])
def test_intervals_hold_among_ties(shots, circuits):
    found = coverage(CASES["filtered, ties"], 200, shots, 9, circuits=circuits, together=True)
    assert found.honest, found


@dataclass(frozen=True)
class Wide(Case):
    """A case with patterns of its own."""

    patterns: object = None

    @property
    def model(self):
        return ModernHopfield(self.patterns, 0.6)


# Sizes on both sides of every switch.


@pytest.mark.fault(
    "AmplifiedMemory crashed from 10 neurons on", kind="a size at which no test runs a method"
)
@pytest.mark.parametrize("num_neurons", [9, 10])
@pytest.mark.parametrize("backend", [None, "automatic", "statevector"])
def test_amplified_memories_on_both_sides_of_the_simulators_switch(num_neurons, backend, stats):
    """18 qubits and 20; a state vector and Aer's own choice."""
    model = ModernHopfield(random_patterns(3, num_neurons, seed=0), beta=0.15)
    probe = random_patterns(1, num_neurons, seed=1)[0]
    method = AmplifiedMemory(ExpFilter(0.15))
    given = None if backend is None else AerSimulator(method=backend)
    found = recall(model, probe, method, shots=600, seed=18, backend=given)
    law = method.law(model, probe)
    table = vector(found.outcomes[0], found.weights[0], num_neurons)
    stats.chi_square(table, law.as_vector())
    stats.binomial(int(found.accepted[0]), 600, law.acceptance)


_SIZES = [
    (FilteredMemory(ExpFilter(0.05), fresh=True), 9),
    (FilteredMemory(ExpFilter(0.05), fresh=True), 10),
    (FilteredMemory(KernelFilter(Exponential(0.05)), fresh=True), 13),
    (FilteredMemory(KernelFilter(Exponential(0.05)), fresh=True), 15),
    (AmplifiedMemory(KernelFilter(Exponential(0.1))), 13),
    (AmplifiedMemory(KernelFilter(Exponential(0.1))), 14),
    (AmplifiedMemory(ExpFilter(0.1), rounds="unknown"), 10),
    (FilteredMemory(KernelFilter(Exponential(0.1)), least="descending"), 15),
    (AtomizedMemory(FilteredMemory(ExpFilter(0.05), fresh=True), shards=3), 10),
    (GroverCompletion(1), 8),
    (GroverCompletion(1), 9),
    (VenturaMartinez(1), 9),
]


@pytest.mark.parametrize(("method", "num_neurons"), _SIZES, ids=[f"{m!r}, {n}" for m, n in _SIZES])
def test_both_sides_of_18_qubits_and_of_dense_loading(method, num_neurons, stats):
    """Statevector and matrix product state; memories loaded densely (8 qubits) and sparsely."""
    model = ModernHopfield(random_patterns(3, num_neurons, seed=2), beta=0.1)
    probe = random_patterns(1, num_neurons, seed=3)[0].astype(float)
    if isinstance(method, (GroverCompletion, VenturaMartinez)):
        probe[2:] = 0.0
    shots = 400
    found = recall(model, probe, method, shots=shots, seed=19)
    law = method.law(model, probe)
    if isinstance(method, AtomizedMemory):
        submodules_hold(stats, method, model, probe, found, law, 0)
        return
    stats.chi_square(vector(found.outcomes[0], found.weights[0], num_neurons), law.as_vector())
    if law.acceptance < 1.0:
        stats.binomial(int(found.accepted[0]), shots, law.acceptance)


@pytest.mark.parametrize("shots", [60, 4000])
def test_both_sides_of_the_density_matrix_switch(shots, stats):
    """Noise that never strikes: a state a shot below 2^n shots, one density matrix above."""
    model = ModernHopfield(random_patterns(3, 3, seed=4), beta=0.3)
    probe = np.array([1.0, -1.0, 1.0])
    method = FilteredMemory(KernelFilter(Exponential(0.3)), fresh=True)
    noise = make_noise(two_qubit=1e-12)
    found = recall(model, probe, method, shots=shots, seed=20, noise_model=noise)
    law = method.law(model, probe)
    stats.chi_square(vector(found.outcomes[0], found.weights[0], 3), law.as_vector())
    stats.binomial(int(found.accepted[0]), shots, law.acceptance)


@pytest.mark.parametrize("different", [4, 5])
def test_few_and_many_different_shot_counts(different, stats):
    """A batch in runs of equal shots, or digit by digit."""
    model, chosen = memory("modern"), ExpFilter(0.3)
    template, _ = filtered_template(model.patterns, chosen, fresh=True)
    wanted = np.array([1000, 1003, 1530, 2047, 2500][:different])
    rows = np.repeat([[1.0, -1.0, 0.4, 0.0]], different, axis=0)
    counted = AerRunner().run(
        template.circuit,
        template.parameters,
        chosen.angles(rows),
        wanted,
        np.random.default_rng(21),
    )
    law = FilteredMemory(chosen).law(model, rows[0])
    for counts, total in zip(counted, wanted.tolist(), strict=True):
        assert sum(counts.values()) == total
        table = np.zeros(2**NUM_NEURONS)
        for key, count in counts.items():
            if not key & template.rejecting:
                table[key & 15] += count
        stats.chi_square(table, law.as_vector())
        stats.binomial(int(table.sum()), total, law.acceptance)


_ROTATION = RotationNeuron()
_LIMITS = [
    (NeuronDynamics(_ROTATION, sweeps=1), 18),
    (NeuronDynamics(_ROTATION, sweeps=1, order="random"), 12),
    (NeuronDynamics(_ROTATION, sweeps=1, synchronous=True), 12),
    (BlockDynamics(1, neuron=_ROTATION, sweeps=1), 18),
    (BlockDynamics(2, neuron=_ROTATION, sweeps=1), 12),
    (DenseVote(votes=3), 12),
    (GroverCompletion(1), 18),
]


@pytest.mark.parametrize(("method", "limit"), _LIMITS, ids=[repr(m) for m, _ in _LIMITS])
def test_law_limits(method, limit, monkeypatch):
    """recall(exact=True) is exact up to the limit and samples beyond it."""
    # What is exact takes seconds there, and is not what is asked.
    monkeypatch.setattr(
        type(method), "law", lambda self, model, probe: Law(model.patterns[:1], np.ones(1))
    )
    for size, ran_on in ((limit + 1, "law, sampled"), (limit, "law")):
        patterns = random_patterns(2, size, seed=6)
        model = Hopfield.store(patterns)
        if isinstance(method, DenseVote):
            model = DenseAssociativeMemory(patterns, separation=Polynomial(3))
        found = recall(model, patterns[0], method, exact=True, shots=3, seed=22)
        assert found.run_on == ran_on


def test_a_sampled_law_beyond_its_limit_is_the_law(stats):
    """Nineteen neurons of which four do not see the others: their law is the small network's."""
    small, other = memory("hopfield"), Hopfield.store(random_patterns(1, 15, seed=7))
    weights = np.zeros((19, 19))
    weights[:4, :4], weights[4:, 4:] = small.weights, other.weights
    large = Hopfield(weights, np.concatenate([small.bias, np.zeros(15)]))
    probe = np.concatenate([[1.0, -1.0, 0.4, 0.0], other.patterns[0]])
    for options in ({}, {"order": "random"}, {"synchronous": True}):
        method = NeuronDynamics(RUSNeuron(1), sweeps=2, gain=0.2, fold=True, **options)
        found = recall(large, probe, method, exact=True, shots=4000, seed=23)
        assert found.run_on == "law, sampled"
        law = method.law(small, probe[:4])
        stats.chi_square(vector(found.outcomes[0][:, :4], found.weights[0], 4), law.as_vector())


@pytest.mark.parametrize("kind", [GroverCompletion, VenturaMartinez, DistributedQuery])
def test_a_sampled_search_beyond_its_limit_is_the_law(kind, stats):
    """Stored patterns by name and all others as one, by the closed form that has no limit."""
    patterns = random_patterns(3, 19, seed=8)
    model, probe = ModernHopfield(patterns, 0.1), np.zeros(19)
    probe[:3] = patterns[0, :3]
    method = kind(rounds=2)
    found = recall(model, probe, method, exact=True, shots=4000, seed=24)
    assert found.run_on == "law, sampled"
    law = method._vector(patterns, method._rows(model, probe)[0], 2)
    table, stored = vector(found.outcomes[0], found.weights[0], 19), to_index(patterns)
    cells, due = table[stored], law[stored]
    stats.chi_square([*cells, 4000 - cells.sum()], [*due, law.sum() - due.sum()])


# What a method costs, and what its circuit holds.


@pytest.mark.fault(
    "resources left out the loadings of the search for least distances",
    kind="a cost that is not counted",
)
@pytest.mark.parametrize("search", SEARCHES)
def test_the_searchs_loadings_are_in_the_resources(search):
    """The expectation that resources give is the mean of what recalls took."""
    model = ModernHopfield(random_patterns(4, 4, seed=3), beta=0.3)
    method = FilteredMemory(KernelFilter(Exponential(0.3)), least=search)
    due = resources(model, method).search_loadings
    runner, rng = AerRunner(), np.random.default_rng(26)
    found = []
    for _ in range(1 if search == "descending" else 8):
        taken = least_distances(
            model.patterns, model.patterns.astype(float), runner, rng, search=search
        )
        found.append(taken.loadings.mean())
    mean_is(found, due)
    assert resources(model, replace(method, least="given")).search_loadings == 0.0
    # A probe that is not stored: a threshold that nothing is below is tried last.
    probe = np.array([1.0, 1.0, -1.0, 0.0])
    taken = [
        least_distances(model.patterns, probe[None, :], runner, rng, search=search).loadings[0]
        for _ in range(12)
    ]
    mean_is(taken, expected_loadings(model.patterns, probe, search=search))
    cut = AtomizedMemory(method, shards=2, replicas=3)
    halves = [method.search_loadings(part) for part in (model.patterns[:2], model.patterns[2:])]
    assert resources(model, cut).search_loadings == pytest.approx(3 * sum(halves))


@pytest.mark.fault(
    "a circuit held the classically computed least distance without saying so",
    kind="a circuit that holds more than it says",
)
@pytest.mark.parametrize("search", SEARCHES)
def test_a_circuit_says_which_least_distance_it_holds(search, stats):
    case = CASES[f"filtered, least {search}"]
    exact = int(np.count_nonzero(case.model.patterns != case.row, axis=1).min())
    circuit = case.method.circuit(case.model, case.row)
    assert circuit.metadata == {"d_min": exact, "d_min_from": "computed classically"}
    told = case.method.circuit(case.model, case.row, d_min=0)
    assert told.metadata == {"d_min": 0, "d_min_from": "given"}
    law = replace(case.method, least="given").law(case.model, case.row)
    table, _ = plainly(told, 2000, seed=27)
    stats.binomial(int(table.sum()), 2000, law.acceptance)
    with pytest.raises(ValueError, match="least='given' makes none"):
        replace(case.method, least="given").circuit(case.model, case.row, d_min=1)
    (part, _) = AtomizedMemory(case.method, shards=2).circuits(case.model, case.row)
    assert part.metadata["d_min_from"] == "computed classically"


@pytest.mark.fault(
    "recall(exact=True) sampled a synchronous DenseVote whose law exists",
    kind="a law that is not used",
)
@pytest.mark.parametrize("name", ["vote, synchronous", "vote, at once"])
def test_exact_recall_takes_the_law_of_synchronous_votes(name):
    case = CASES[name]
    found = recall(case.model, case.row, case.method, exact=True)
    assert found.run_on == "law"
    law = case.method.law(case.model, case.row)
    table = vector(found.outcomes[0], found.weights[0], NUM_NEURONS)
    np.testing.assert_allclose(table, law.as_vector())
    many = replace(case.method, votes=4000)
    if name == "vote, at once":  # too many ways to fall
        sampled = recall(case.model, case.row, many, exact=True, shots=5, seed=1)
        assert sampled.run_on == "law, sampled"
