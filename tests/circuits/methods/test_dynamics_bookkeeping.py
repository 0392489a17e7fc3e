"""Bookkeeping of the neurons: costs, traces, intervals, seeds and memory, each by its definition.

Every statistical test has a false-alarm rate of 1e-6 and a fixed seed.
"""

from __future__ import annotations

import gc
import math
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from qiskit import QuantumCircuit
from scipy.stats import binom

from qhopfield.circuits import Hopfield, laws, recall
from qhopfield.circuits.blocks import RotationNeuron, RUSNeuron, ThresholdNeuron
from qhopfield.circuits.common.statistics import wilson_interval
from qhopfield.circuits.methods import BlockDynamics, NeuronDynamics, dynamics
from qhopfield.circuits.methods.streams import Streams
from qhopfield.circuits.methods.template import Template
from qhopfield.circuits.methods.trajectories import drive
from qhopfield.circuits.models import Model, draw_schedule
from qhopfield.circuits.patterns import random_patterns, to_index

# Costs and traces, replayed from the drawn spins.

WIDE = Hopfield.store(random_patterns(3, 40, seed=0), bias=np.linspace(-0.05, 0.05, 40))


@dataclass
class Drawing:
    """Draws new spins blindly, and writes down what it gave to which trajectory and neuron."""

    rng: np.random.Generator
    counted: bool
    count: int
    log: list[tuple[int, int, int, bool, float]] = field(default_factory=list)

    def __call__(self, updates):
        size = len(updates.fields)
        # Mostly kept spins, so that energies move and trajectories differ.
        new = np.where(self.rng.random(size) < 0.3, -updates.spins, updates.spins).astype(np.int8)
        accepted = self.rng.random(size) < 0.998
        blocks = self.rng.integers(1, 9, size).astype(float)
        live = np.arange(self.count)[updates.live]
        who = np.repeat(live, size // len(live))
        which = np.broadcast_to(updates.neurons, size)
        # One batch an entry: batches see the state before them.
        self.log.append((who, which, new, accepted, blocks))
        return new, accepted, blocks if self.counted else None


def replayed(model, gain, starts, log, shots, steps, seen_before):
    """Attempts, folded shares and traces from the log, in plain steps, for level-2 neurons.

    Args:
        seen_before: gives the state that a neuron sees, from the states now and at the sweep's
            start.
        steps: batches of a sweep.
    """
    states, began = starts.astype(float), starts.astype(float)
    alive = np.ones(len(starts), dtype=bool)
    blocks, by_law, folds = (np.zeros(len(starts)) for _ in range(3))
    trace = [observed(model, states, alive, shots)]
    for number, (who, which, new, accepted, used) in enumerate(log):
        after = states.copy()
        for t, i, spin, kept, cost in zip(who, which, new, accepted, used, strict=True):
            seen = seen_before(int(i), states[t], began[t])
            angle = gain * float(model.weights[i] @ seen + model.bias[i])
            folds[t] += abs(angle) > math.pi / 4
            by_law[t] += (
                float(laws.neuron_rotations(np.array([angle / gain]), gain, 2, None)[0]) / 2
            )
            blocks[t] += cost
            alive[t] &= kept
            after[t, i] = spin
        # A rejected trajectory stays where it is; nobody looks at it again.
        states[alive] = after[alive]
        if (number + 1) % steps == 0:
            trace.append(observed(model, states, alive, shots))
            began = states.copy()
    kept = alive.reshape(-1, shots)

    def mean(totals):
        return (totals.reshape(-1, shots) * kept).sum(axis=1) / kept.sum(axis=1)

    return SimpleNamespace(
        blocks=mean(blocks), by_law=mean(by_law), folds=mean(folds), trace=trace, kept=kept
    )


def observed(model, states, alive, shots):
    overlaps, energies = [], []
    for start in range(0, len(states), shots):
        mine = states[start : start + shots][alive[start : start + shots]]
        overlaps.append(np.mean([[s @ p / len(s) for p in model.patterns] for s in mine], axis=0))
        energies.append(np.mean([-0.5 * s @ model.weights @ s - model.bias @ s for s in mine]))
    return np.array(overlaps), np.array(energies)


LOST = "figures of the bookkeeping that nothing computes another way"


@pytest.mark.fault("accounts thrown away every 64 updates passed all tests", kind=LOST)
@pytest.mark.fault("a trace taken after a sweep's first update passed all tests", kind=LOST)
@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("kind", ["sequential", "random", "synchronous", "blocks"])
def test_costs_and_traces_of_long_runs(kind, counted):
    # 160 updates, beyond the 64 that are looked at together; from probes that move.
    sweeps, shots, gain = 4, 8, 3.0
    rng = np.random.default_rng(3)
    starts = rng.choice(np.array([-1, 1], dtype=np.int8), size=(2 * shots, 40))
    drawing = Drawing(rng, counted, len(starts))
    given = {"gain": gain, "fold": True}
    steps, see = 40, lambda _, now, __: now
    if kind == "blocks":
        method = BlockDynamics(
            [range(0, 25), range(25, 40)], neuron=RUSNeuron(2), sweeps=4, **given
        )
        prepared = method.prepared(WIDE)
        samples = method._drive(WIDE, prepared, starts, shots, drawing, None)
        steps = 25

        def see(i, now, began):
            own = (np.arange(40) < 25) == (i < 25)
            return np.where(own, now, began)

    else:
        prepared = NeuronDynamics(RUSNeuron(2), sweeps=sweeps, **given).prepared(WIDE)
        order = "random" if kind == "random" else "sequential"
        schedule = draw_schedule(order, 40, sweeps, len(starts), rng)
        together = kind == "synchronous"
        steps = 1 if together else 40
        samples = drive(WIDE, prepared, starts, schedule, sweeps, together, shots, drawing)
    wanted = replayed(WIDE, gain, starts, drawing.log, shots, steps, see)
    assert 0 < wanted.kept.sum() < wanted.kept.size
    np.testing.assert_array_equal(samples.acceptance, wanted.kept.mean(axis=1))
    blocks = wanted.blocks if counted else wanted.by_law
    np.testing.assert_allclose(samples.attempts, blocks / 160, rtol=1e-9)
    np.testing.assert_allclose(samples.folded, wanted.folds / 160, rtol=1e-12)
    assert (samples.folded > 0.0).all()
    assert samples.trace.energies.shape == (sweeps + 1, 2)
    for row, (overlaps, energies) in enumerate(wanted.trace):
        np.testing.assert_allclose(samples.trace.overlaps[row], overlaps, atol=1e-12)
        np.testing.assert_allclose(samples.trace.energies[row], energies, atol=1e-9)
    assert len(np.unique(samples.trace.energies.round(6), axis=0)) == sweeps + 1


# Orders that shots share, and the intervals that know it.

CORRELATED = "intervals that count shots which vary together as independent ones"
SMALL = Hopfield.store(random_patterns(3, 4, seed=5)[:2], bias=[0.1, 0, -0.2, 0.05])
UNSURE = [0.4, -0.7, 0.0, 1]


class OrdersRunner:
    """Draws readings from the law of the order that a circuit stands for."""

    name, ideal = "law of each order", True

    def __init__(self, method, model, probe):
        self.method, self.model, self.probe = method, model, probe
        self.laws, self.orders = {}, []

    def template(self, model, plan, state=None, count=False):
        order = np.array([step[0] for step in plan.steps]).reshape(self.method.sweeps, -1)
        circuit = QuantumCircuit(1)
        circuit.metadata = {"order": tuple(map(tuple, order.tolist()))}
        # The bit after the answer's rejects.
        return Template(circuit, (), rejecting=1 << model.num_neurons, counter=None)

    def admit(self, *_, **__):
        return None

    def run(self, circuit, parameters, values, shots, rng):
        order = circuit.metadata["order"]
        self.orders.append((order, shots.tolist()))
        if order not in self.laws:
            given = NeuronDynamics(
                self.method.neuron, self.method.sweeps, order=order, register=self.method.register
            )
            law = given.law(self.model, self.probe)
            chances = np.append(law.acceptance * law.probabilities, 1.0 - law.acceptance)
            self.laws[order] = (to_index(law.states).tolist(), np.clip(chances, 0.0, 1.0))
        states, chances = self.laws[order]
        keys = [*states, 1 << self.model.num_neurons]
        drawn = [rng.multinomial(count, chances / chances.sum()) for count in shots]
        return [dict(zip(keys, row.tolist(), strict=True)) for row in drawn]


def covered(method, model, probe, shots, monkeypatch, runs=200):
    """How often the 95 % intervals of the most probable state and of acceptance hold the law."""
    law, runner = method.law(model, probe), OrdersRunner(method, model, probe)
    monkeypatch.setattr(NeuronDynamics, "template", runner.template)
    hits, accepts, samples = 0, 0, None
    for seed in range(runs):
        samples = method.run(model, probe, shots, runner, np.random.default_rng(seed))
        weights = samples.weights[0]
        best = int(weights.argmax())
        share, accepted = weights[best] / weights.sum(), weights.sum()
        effective = accepted if samples.effective is None else samples.effective[0]
        low, high = wilson_interval(share * effective, effective)
        hits += low <= law.probability_of(samples.outcomes[0][best]) <= high
        trials = shots * effective / accepted
        low, high = wilson_interval(accepted / shots * trials, trials)
        accepts += low - 1e-9 <= law.acceptance <= high + 1e-9
    return hits, accepts, samples


@pytest.mark.fault("shots shared 32 orders and counted as independent", kind=CORRELATED)
@pytest.mark.parametrize(
    "neuron, sweeps, shots",
    [
        (ThresholdNeuron(), 1, 5_000),  # 24 orders: every shot draws its own
        (ThresholdNeuron(), 2, 20_000),  # 576 orders
        (RUSNeuron(2, attempts=1), 2, 5_000),
    ],
    ids=repr,
)
def test_intervals_cover_the_law(neuron, sweeps, shots, monkeypatch):
    method = NeuronDynamics(neuron, sweeps, order="random", register="coherent")
    hits, accepts, samples = covered(method, SMALL, UNSURE, shots, monkeypatch)
    assert binom.cdf(hits, 200, 0.95) > 1e-6, hits
    assert binom.cdf(accepts, 200, 0.95) > 1e-6, accepts
    if sweeps == 1:
        assert samples.effective is None
    else:
        assert 10 < samples.effective[0] <= samples.weights[0].sum()


@pytest.mark.parametrize("register", ["coherent", "reuse"])
def test_every_shot_draws_its_order_where_orders_are_few(register, monkeypatch):
    method = NeuronDynamics(RotationNeuron(), 1, order="random", register=register)
    runner = OrdersRunner(method, SMALL, UNSURE)
    monkeypatch.setattr(NeuronDynamics, "template", runner.template)
    samples = method.run(SMALL, [UNSURE] * 2, 5_000, runner, np.random.default_rng(0))
    assert samples.effective is None
    table = np.array([shots for _, shots in runner.orders])
    assert len({order for order, _ in runner.orders}) == len(table) == 24
    assert table.sum(axis=0).tolist() == [5_000, 5_000]
    # Multinomial, and not the same for both probes.
    assert (table[:, 0] != table[:, 1]).any()
    spread = ((table - 5_000 / 24) ** 2 / (5_000 / 24)).sum(axis=0)
    assert (spread > 3.0).all()
    assert (spread < 80.0).all()


def test_shots_of_one_order_each_are_independent(monkeypatch):
    method = NeuronDynamics(RotationNeuron(), 3, order="random", register="reuse")
    runner = OrdersRunner(method, SMALL, UNSURE)
    monkeypatch.setattr(NeuronDynamics, "template", runner.template)
    few = method.run(SMALL, [UNSURE] * 3, 60, runner, np.random.default_rng(0))
    assert few.effective is None
    many = method.run(SMALL, [UNSURE] * 3, 6_000, runner, np.random.default_rng(0))
    assert len(runner.orders) == 60 + dynamics.SCHEDULES
    assert many.effective.shape == (3,)
    assert (many.effective <= 6_000).all()


def test_shots_that_all_agree_are_worth_their_orders():
    counts, shots = np.full(64, 100.0), np.full(64, 100)
    assert 55 < dynamics._effective_shots(counts, counts, shots) <= 64
    assert dynamics._effective_shots(np.zeros(64), np.zeros(64), shots) == 0.0
    # Binomial counts are worth nearly all their shots, halves of all or nothing their orders.
    hits = np.random.default_rng(1).binomial(100, 0.4, 64).astype(float)
    assert 3_500 < dynamics._effective_shots(counts, hits, shots) <= 6_400
    assert 55 < dynamics._effective_shots(counts, 100.0 * (np.arange(64) % 2), shots) < 70


@pytest.mark.parametrize(
    "method",
    [
        NeuronDynamics(RotationNeuron(), sweeps=2),
        NeuronDynamics(RUSNeuron(1, attempts=1), sweeps=1, order="random"),
        BlockDynamics(2, neuron=RotationNeuron(), sweeps=2),
    ],
    ids=repr,
)
def test_intervals_of_the_sampled_law_cover_it(method):
    law, hits, accepts = method.law(SMALL, UNSURE), 0, 0
    for seed in range(200):
        samples = method.sample_law(SMALL, UNSURE, 500, np.random.default_rng(seed))
        weights = samples.weights[0]
        low, high = wilson_interval(weights.max(), weights.sum())
        hits += low <= law.probability_of(samples.outcomes[0][weights.argmax()]) <= high
        low, high = wilson_interval(weights.sum(), 500)
        accepts += low - 1e-9 <= law.acceptance <= high + 1e-9
    assert binom.cdf(hits, 200, 0.95) > 1e-6, hits
    assert binom.cdf(accepts, 200, 0.95) > 1e-6, accepts


# Seeds: a probe's shots are its own.

TOGETHER = "an answer that changes with what else is asked"


@pytest.mark.fault("a probe's shots changed with how many probes were asked with it", kind=TOGETHER)
@pytest.mark.parametrize(
    "method",
    [
        NeuronDynamics(RUSNeuron(1, attempts=2), sweeps=2),
        NeuronDynamics(RUSNeuron(1), sweeps=2, order="random"),
        NeuronDynamics(RotationNeuron(), sweeps=2, synchronous=True),
        BlockDynamics([[0, 1, 2], [3]], neuron=RUSNeuron(1, attempts=2), sweeps=3),
    ],
    ids=repr,
)
def test_a_probes_shots_do_not_depend_on_the_others(method, monkeypatch):
    probes = np.array([[0.4, -0.7, 0, 1], [1, 1, -1, 1], [0, 0, 0, 0.5]])

    def drawn(rows):
        return method.sample_law(SMALL, rows, 50, np.random.default_rng(4))

    whole = drawn(probes)
    for rows in (probes[:1], probes[:2], probes[[0, 2, 1]]):
        part = drawn(rows)
        np.testing.assert_array_equal(part.outcomes[0], whole.outcomes[0])
        np.testing.assert_array_equal(part.weights[0], whole.weights[0])
        np.testing.assert_array_equal(part.trace.energies[:, 0], whole.trace.energies[:, 0])
    # Nor on how many numbers are drawn ahead.
    monkeypatch.setattr("qhopfield.circuits.methods.streams._AHEAD_NUMBERS", 30)
    again = drawn(probes)
    for one, two in zip(again.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(one, two)
    assert again.acceptance.tolist() == whole.acceptance.tolist()


def test_streams_give_every_number_once():
    streams = Streams(np.random.default_rng(0), 3, 5)
    blocks = [streams.uniform(each) for each in (1, 4, 2, 1)]
    assert [block.shape for block in blocks] == [(15, 1), (15, 4), (15, 2), (15, 1)]
    numbers = np.concatenate([block.ravel() for block in blocks])
    assert len(np.unique(numbers)) == len(numbers)
    assert streams.count(slice(None)) == 15
    assert streams.count(np.array([2, 7])) == 2


# Memory: circuits are freed.

LEAK = "memory that is never freed"


@pytest.fixture
def circuits():
    """How many circuits there are that were made since; looking is fast, as the rest is frozen."""
    gc.collect()
    gc.freeze()

    def count():
        for _ in range(12):  # bodies are freed one nesting deeper with every collection
            gc.collect()
        return sum(isinstance(each, QuantumCircuit) for each in gc.get_objects())

    yield count
    gc.unfreeze()


@pytest.mark.fault("circuits with nested loops were kept for ever, 38 KiB a recall", kind=LEAK)
@pytest.mark.parametrize("neuron", [RUSNeuron(2), RUSNeuron(1, attempts=2)], ids=repr)
@pytest.mark.parametrize("register", ["feedforward", "reuse"])
def test_circuits_are_freed(neuron, register, circuits):
    model = Hopfield.store([[1, 1, -1], [1, -1, 1]])
    method = NeuronDynamics(neuron, sweeps=1, register=register)
    for _ in range(5):
        method.circuit(model, [1, 1, 1])
    assert circuits() == 0


@pytest.mark.fault("recalls kept their circuits for ever", kind=LEAK)
@pytest.mark.parametrize("exact", [True, False])
def test_recalls_do_not_grow(exact, circuits):
    model = Hopfield.store([[1, 1, -1], [1, -1, 1]])
    method = NeuronDynamics(RUSNeuron(1), sweeps=1)
    for seed in range(300 if exact else 25):
        recall(model, [1, 1, 1], method, seed=seed, **({"exact": True} if exact else {"shots": 5}))
    assert circuits() <= 4  # what the last one holds


# Models of one's own: what is asked for is a capability.


class Mine(Model):
    """A network that shows no weights: only what every model offers."""

    def __init__(self, patterns):
        self.hidden = Hopfield.store(patterns)
        self.num_neurons, self.patterns = self.hidden.num_neurons, self.hidden.patterns

    def energy(self, states):
        return self.hidden.energy(states)

    def local_field(self, states):
        return self.hidden.local_field(states)

    def field_bound(self):
        return self.hidden.field_bound()

    def tracker(self, states):
        return self.hidden.tracker(states)

    @property
    def integer_scale(self):
        return self.hidden.integer_scale


@pytest.mark.fault("a model with a field of its own was refused", kind="refused by class name")
@pytest.mark.parametrize(
    "neuron", [RotationNeuron(), RUSNeuron(1), RUSNeuron(1, attempts=2)], ids=repr
)
def test_feedforward_needs_a_local_field_only(neuron):
    patterns = random_patterns(2, 5, seed=1)
    own, network = Mine(patterns), Hopfield.store(patterns)
    method = NeuronDynamics(neuron, sweeps=2)
    law = method.law(own, patterns[0])
    np.testing.assert_allclose(law.as_vector(), method.law(network, patterns[0]).as_vector())
    for given in ({"shots": 200}, {"exact": True}):
        one, two = (recall(each, patterns, method, seed=3, **given) for each in (own, network))
        for mine, theirs in zip(one.weights, two.weights, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert np.isfinite(method.bill(own).circuit.num_qubits)


@pytest.mark.parametrize(
    "method, message",
    [
        (NeuronDynamics(ThresholdNeuron()), "Mine has neither. RUSNeuron.*local field only"),
        (NeuronDynamics(register="reuse"), "got Mine. register='feedforward' needs the local"),
        (NeuronDynamics(register="coherent"), "got Mine. register='feedforward' needs the local"),
    ],
    ids=repr,
)
def test_what_a_model_of_ones_own_lacks_is_said(method, message):
    own = Mine([[1, 1, 1, -1], [1, -1, 1, -1]])
    with pytest.raises(TypeError, match=message):
        recall(own, [1, 1, 1, 1], method, shots=5)
    with pytest.raises(ValueError, match=r"loads quadratic fields only.*recall"):
        NeuronDynamics().circuit(own, [1, 1, 1, 1])
