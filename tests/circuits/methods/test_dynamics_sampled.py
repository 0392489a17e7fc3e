"""Neuron dynamics as it runs on Aer: samples of its law, counted attempts, seeds.

Every statistical test has a false-alarm rate of 1e-6 and a fixed seed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit.quantum_info import random_statevector

from qhopfield.circuits.blocks import RotationNeuron, RUSNeuron, ThresholdNeuron
from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.methods import NeuronDynamics, dynamics
from qhopfield.circuits.patterns import all_states, to_index

ROTATION, THRESHOLD = RotationNeuron(), ThresholdNeuron()
REGISTERS = ["coherent", "reuse", "feedforward"]


def run(method, model, probes, shots, runner, seed=7):
    return method.run(model, probes, shots, runner, np.random.default_rng(seed))


def agree(samples, laws, stats, shots):
    """States by chi-square, acceptance by the binomial law."""
    for probe, law in enumerate(laws):
        stats.chi_square(stats.outcomes(samples, probe), law.as_vector())
        accepted = round(samples.acceptance[probe] * shots)
        assert accepted == samples.weights[probe].sum()
        if law.acceptance == pytest.approx(1.0, abs=1e-12):
            assert accepted == shots
        else:
            stats.binomial(accepted, shots, law.acceptance)


@pytest.mark.parametrize("register", REGISTERS)
@pytest.mark.parametrize(
    "kind, neuron",
    [
        ("hebb", ROTATION),
        ("real", RUSNeuron(1)),
        ("projection", RUSNeuron(2)),
        ("real", RUSNeuron(1, attempts=1)),
        ("real", RUSNeuron(2, attempts=2)),
        ("cubic", ROTATION),
        ("cubic", RUSNeuron(1)),
        ("exponential", ROTATION),
    ],
    ids=repr,
)
def test_runs_are_samples_of_the_law(register, kind, neuron, memory, aer, stats):
    dense = kind in ("cubic", "exponential")
    num_neurons = 3 if register == "coherent" or (dense and register == "reuse") else 4
    model = memory(kind, num_neurons)
    method = NeuronDynamics(neuron, sweeps=1, register=register)
    probes = np.array([np.ones(num_neurons), [0, 0.4, *[-1] * (num_neurons - 2)]])
    shots = 600
    samples = run(method, model, probes, shots, aer)
    agree(samples, [method.law(model, probe) for probe in probes], stats, shots)


@pytest.mark.parametrize("kind", ["hebb", "cubic"])
@pytest.mark.parametrize("register", REGISTERS)
@pytest.mark.parametrize("synchronous", [False, True])
def test_threshold_runs_are_the_classical_dynamics(register, kind, synchronous, memory, aer):
    num_neurons = 4 if register == "feedforward" or kind == "hebb" else 3
    model = memory(kind, num_neurons)
    probes = all_states(num_neurons)
    if register != "feedforward":
        probes = probes[:: 3 if kind == "cubic" else 1]
    method = NeuronDynamics(THRESHOLD, 1, register=register, synchronous=synchronous)
    samples = run(method, model, probes, 3, aer)
    wanted = model.update(probes, synchronous=synchronous)
    for outcome, weight, state in zip(samples.outcomes, samples.weights, wanted, strict=True):
        np.testing.assert_array_equal(outcome, state[None])
        assert weight.tolist() == [3.0]
    assert np.isnan(samples.attempts).all()


@pytest.mark.parametrize(
    "kind, neuron", [("hebb", ROTATION), ("real", RUSNeuron(1)), ("cubic", ROTATION)], ids=repr
)
def test_all_registers_draw_from_one_law(kind, neuron, memory, aer, stats):
    model, shots = memory(kind, 3), 1500
    rows, law = [], None
    for register in REGISTERS:
        if register == "coherent" and isinstance(neuron, RUSNeuron):
            continue
        method = NeuronDynamics(neuron, sweeps=2, register=register)
        samples = run(method, model, [1, -1, 1], shots, aer, seed=len(rows))
        rows.append(stats.outcomes(samples))
        law = method.law(model, [1, -1, 1])
        stats.chi_square(rows[-1], law.as_vector())
    stats.same(*rows)


def test_the_coherent_law_is_its_own(memory, aer, stats):
    # Enough shots that the repeating law would be rejected: the samples tell the two apart.
    model, probe = memory("real", 3), [0, 0, 1]
    coherent = NeuronDynamics(RUSNeuron(1), 1, register="coherent")
    samples = run(coherent, model, probe, 20_000, aer)
    stats.chi_square(stats.outcomes(samples), coherent.law(model, probe).as_vector())
    repeating = NeuronDynamics(RUSNeuron(1), 1, register="reuse").law(model, probe)
    with pytest.raises(AssertionError, match="chi-square"):
        stats.chi_square(stats.outcomes(samples), repeating.as_vector())


@pytest.mark.parametrize("register", ["reuse", "feedforward"])
def test_synchronous_loops(register, memory, aer, stats):
    model = memory("real", 3)
    method = NeuronDynamics(RUSNeuron(2), sweeps=2, register=register, synchronous=True)
    samples = run(method, model, [1, 1, -1], 500, aer)
    agree(samples, [method.law(model, [1, 1, -1])], stats, 500)


@pytest.mark.parametrize("register", ["coherent", "reuse"])
def test_entangled_probes(register, memory, aer, stats):
    model = memory("hebb", 3)
    states = [random_statevector(8, seed=1), random_statevector(8, seed=2)]
    method = NeuronDynamics(RUSNeuron(1, attempts=1), 1, register=register)
    samples = run(method, model, states, 2000, aer)
    agree(samples, [method.law(model, state) for state in states], stats, 2000)


# Random orders.


@pytest.mark.parametrize("neuron", [ROTATION, RUSNeuron(2)], ids=repr)
def test_random_orders_of_every_trajectory(neuron, memory, aer, stats):
    model = memory("real", 4)
    method = NeuronDynamics(neuron, sweeps=2, order="random")
    samples = run(method, model, [1, 0, -1, 1], 800, aer)
    agree(samples, [method.law(model, [1, 0, -1, 1])], stats, 800)


@pytest.mark.parametrize("register", ["coherent", "reuse"])
def test_random_orders_of_the_qubit_registers(register, memory, aer, stats, monkeypatch):
    # One order a shot: shots that share an order are not independent.
    monkeypatch.setattr(dynamics, "SCHEDULES", 300)
    model = memory("real", 3)
    method = NeuronDynamics(ROTATION, sweeps=1, order="random", register=register)
    samples = run(method, model, [1, 1, -1], 300, aer)
    agree(samples, [method.law(model, [1, 1, -1])], stats, 300)


def test_a_qubit_register_runs_every_order_that_was_drawn(memory, aer):
    model = memory("real", 3)
    method = NeuronDynamics(ROTATION, sweeps=1, order="random", register="reuse")
    done = []
    samples = method.run(
        model,
        [[1, 1, 1], [1, -1, 0]],
        70,
        aer,
        np.random.default_rng(1),
        lambda step, steps: done.append((step, steps)),
    )
    assert [weights.sum() for weights in samples.weights] == [70, 70]
    assert done == [(step + 1, 6) for step in range(6)]  # 3! orders, all of which came


# The law, sampled.


@pytest.mark.parametrize(
    "options",
    [
        {"neuron": ROTATION, "sweeps": 2},
        {"neuron": RUSNeuron(2), "order": "random", "sweeps": 1},
        {"neuron": RUSNeuron(1, attempts=2), "synchronous": True, "sweeps": 2},
        {"neuron": RUSNeuron(1), "register": "coherent", "sweeps": 1},
        {"neuron": RUSNeuron(2), "gain": "typical", "sweeps": 1},
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["hebb", "cubic"])
def test_sampled_law_is_the_law(options, kind, memory, stats):
    model, probe, shots = memory(kind, 4), [1, 0, -0.5, -1], 20_000
    method = NeuronDynamics(**options)
    samples = method.sample_law(model, probe, shots, np.random.default_rng(3))
    law = method.law(model, probe)
    agree(samples, [law], stats, shots)
    if not math.isnan(law.attempts):
        # A mean over an update's law has less spread than its attempts, below 4 here.
        accepted = samples.weights[0].sum()
        assert samples.attempts[0] == pytest.approx(law.attempts, abs=5 * 4 / math.sqrt(accepted))
    assert samples.folded[0] == pytest.approx(law.folded, abs=5 * 0.5 / math.sqrt(shots))


# Attempts, acceptance, traces.


@pytest.mark.parametrize("register", ["reuse", "feedforward"])
@pytest.mark.parametrize("attempts", [None, 3])
def test_counted_attempts_are_the_laws(register, attempts, memory, aer):
    model, shots = memory("hebb", 4), 800
    method = NeuronDynamics(RUSNeuron(2, attempts=attempts), 1, register=register)
    samples = run(method, model, [1, 1, -1, 1], shots, aer)
    law = method.law(model, [1, 1, -1, 1])
    # Blocks of one update at level 2 have a mean and a deviation below 8; four updates a shot.
    spread = 8 / math.sqrt(4 * samples.weights[0].sum())
    assert samples.attempts[0] == pytest.approx(law.attempts, abs=5 * spread)
    assert law.attempts > 2.5


@pytest.mark.parametrize("register", REGISTERS)
@pytest.mark.parametrize("level", [1, 2])
def test_post_selected_attempts_are_known(register, level, memory, aer):
    model = memory("real", 3)
    method = NeuronDynamics(RUSNeuron(level, attempts=1), 1, register=register, order=[0, 2])
    samples = run(method, model, [1, 1, 1], 50, aer)
    assert samples.attempts[0] == 2 ** (level - 1)
    assert method.law(model, [1, 1, 1]).attempts == pytest.approx(2 ** (level - 1))


def test_a_trace_follows_the_sweeps(memory, aer):
    model = memory("hebb", 5)
    method = NeuronDynamics(THRESHOLD, sweeps=3)
    probe = np.array([1, -1, 1, 1, -1])
    samples = run(method, model, probe, 4, aer)
    trace = samples.trace
    assert trace is not None
    state = probe[None]
    for sweep in range(4):
        assert trace.energies[sweep, 0] == pytest.approx(model.energy(state)[0])
        np.testing.assert_allclose(trace.overlaps[sweep, 0], state[0] @ model.patterns.T / 5)
        state = model.update(state)
    assert run(NeuronDynamics(ROTATION, register="reuse"), model, probe, 2, aer).trace is None


# Seeds.


@pytest.mark.parametrize("register", REGISTERS)
@pytest.mark.parametrize("order", ["sequential", "random"])
def test_same_seed_same_answer(register, order, memory):
    model = memory("real", 3)
    method = NeuronDynamics(RUSNeuron(1), 1, register=register, order=order)
    probes = [[1, 0, -1], [0.5, 1, 1]]
    first, again, other = (run(method, model, probes, 24, AerRunner(), seed) for seed in (5, 5, 6))
    for one, two in zip(
        first.outcomes + first.weights, again.outcomes + again.weights, strict=True
    ):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(first.attempts, again.attempts)
    assert any(
        not np.array_equal(one, two) for one, two in zip(first.weights, other.weights, strict=True)
    )


def test_shots_of_probes_do_not_mix(memory, aer):
    # At the threshold every probe has one answer; many probes share binds and circuits.
    model = memory("hebb", 5)
    probes = all_states(5)
    samples = run(NeuronDynamics(THRESHOLD, 2, order="sequential"), model, probes, 2, aer)
    wanted = to_index(model.update(model.update(probes)))
    assert [int(to_index(outcome)[0]) for outcome in samples.outcomes] == wanted.tolist()
