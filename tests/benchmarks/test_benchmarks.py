"""The benchmark scripts: each runs at a small size, and what they lean on is right."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from benchmarks import (
    common,
    exact_recall,
    gates,
    law_speed,
    recall_overhead,
    registers,
    scaling,
)
from qhopfield.circuits import Hopfield, NeuronDynamics, RotationNeuron, RUSNeuron
from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.patterns import random_patterns


def invoke(script, *args):
    app = typer.Typer()
    app.command()(script.main)
    return CliRunner().invoke(app, [str(each) for each in args])


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


SHORT = ("--level", 1, "--shots", 2, "--repeats", 1)


# Timings of small jobs are all noise, so that these scripts may end with 1: the figure was missed.
@pytest.mark.parametrize(
    ("script", "options", "number"),
    [
        (gates, ("--sizes", 4), 3),
        (recall_overhead, ("--repeats", 1, "--only", "coherent, level 1"), 1),
        (registers, ("--neurons", 5, "--shots", 5, "--repeats", 1, "--unmeasured"), 6),
        (
            scaling,
            ("--sizes", 8, "--sizes", 10, "--sizes", 12, "--large", 16, *SHORT),
            4,
        ),
        (exact_recall, ("--repeats", 3, "--patterns", "3,20"), 2),
        (law_speed, ("--neurons", 32, "--probes", 5, "--patterns", 2, "--repeats", 1), 6),
    ],
)
def test_every_script_prints_a_table_and_writes_a_csv(tmp_path, script, options, number):
    path = tmp_path / "new" / "table.csv"
    result = invoke(script, *options, "--csv", path)
    assert result.exit_code in (0, 1) and not isinstance(result.exception, ValueError), (
        result.output
    )
    rows = rows_of(path)
    assert len(rows) == number
    environment = common.environment()
    for row in rows:
        assert row["seed"] == "7"
        assert {name: row[name] for name in environment} == environment


def test_gates_meet_their_figure(tmp_path):
    assert invoke(gates, "--sizes", 6, "--csv", tmp_path / "gates.csv").exit_code == 0
    for row in rows_of(tmp_path / "gates.csv"):
        level = int(row["level"])
        assert int(row["written"]) == int(row["rz sx x rzz"]) == 5 * 2**level + 2**level - 1


def test_a_replay_makes_the_same_runs():
    case = recall_overhead.Case(NeuronDynamics(RUSNeuron(1), sweeps=1), 6, 2, 20)
    job = case.job(3)
    replay, results = recall_overhead.record(job)
    assert len(results) >= 6
    again = recall_overhead.record(replay)[1]
    assert [each.get_counts() for each in again] == [each.get_counts() for each in results]
    first, second = job(), job()
    assert first.counts == second.counts


def test_measuring_new_neurons_at_once_keeps_the_law(stats_of_counts):
    patterns = random_patterns(3, 4, seed=5)
    memory, probe = Hopfield.store(patterns), patterns[0]
    for neuron in (RotationNeuron(), RUSNeuron(1)):
        method = NeuronDynamics(neuron, sweeps=2, register="reuse")
        template = method.template(memory, method.plan(memory, np.random.default_rng(0)))
        circuit = registers.measured_at_once(template.circuit, 4)
        seen = [
            circuit.find_bit(each.qubits[0]).index
            for each in circuit.data
            if each.operation.name == "measure" and each.clbits[0] == circuit.clbits[-1]
        ]
        # The first new neuron is on the spare qubit, each later one where the last old one was.
        assert seen == [4, 0, 1, 2, 3, 4, 0, 1]
        states = registers.spins_of(template, circuit, probe, 2000, 1)
        stats_of_counts(states, method.law(memory, probe))


def test_feedforward_states_come_from_the_law(stats_of_counts):
    patterns = random_patterns(3, 4, seed=5)
    memory, probe = Hopfield.store(patterns), patterns[0]
    method = NeuronDynamics(RUSNeuron(1), sweeps=1)
    samples = method.run(memory, probe, 2000, AerRunner(), np.random.default_rng(2))
    stats_of_counts(registers.spins_of_samples(samples), method.law(memory, probe))


@pytest.fixture
def stats_of_counts():
    """Chi-square of final states against a law, at a false-alarm rate of 1e-6."""
    from scipy.stats import chi2

    def check(states, law):
        observed = np.array([(states == each).all(axis=1).sum() for each in law.states])
        assert observed.sum() == len(states)
        expected = law.probabilities * len(states)
        kept = expected >= 5.0
        seen = np.append(observed[kept], observed[~kept].sum())
        due = np.append(expected[kept], expected[~kept].sum())
        seen, due = seen[due > 0], due[due > 0]
        assert len(due) > 1
        assert chi2.sf(((seen - due) ** 2 / due).sum(), len(due) - 1) > 1e-6

    return check


def test_equal_samples_agree_and_others_do_not():
    rng = np.random.default_rng(0)
    pattern = np.ones(32, dtype=np.int8)
    draw = {p: np.where(rng.random((40, 32)) < p, 1, -1).astype(np.int8) for p in (0.9, 0.5)}
    other = np.where(rng.random((40, 32)) < 0.9, 1, -1).astype(np.int8)
    assert registers.same_distribution(draw[0.9], other, pattern) > 1e-3
    assert registers.same_distribution(draw[0.9], draw[0.5], pattern) < 1e-3
    still = np.ones((5, 32), dtype=np.int8)
    assert registers.same_distribution(still, still, pattern) == 1.0


def test_sides_take_turns():
    order: list[str] = []
    taken = common.take_turns(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=2
    )
    assert order == ["a", "b"] * 3  # one round of warming up
    assert set(taken) == {"a", "b", "a, cpu", "b, cpu"}
    assert all(len(each) == 2 for each in taken.values())


def test_ratio_of_medians():
    value, low, high = common.ratio([2.0, 4.0, 30.0], [1.0, 2.0, 3.0], np.random.default_rng(0))
    assert value == 2.0 and low <= 2.0 <= high


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        (recall_overhead, ("--only", "nothing"), "no case is called 'nothing'"),
        (recall_overhead, ("--repeats", 0), "Invalid value for '--"),
        (scaling, ("--sizes", 16, "--sizes", 32), "three different sizes"),
        (registers, ("--shots", 1), "Invalid value for '--"),
        (gates, ("--sizes", 1), "Invalid value for '--"),
        (law_speed, ("--sweeps", 0), "Invalid value for '--"),
    ],
)
def test_wrong_requests(tmp_path, script, options, message):
    path = tmp_path / "table.csv"
    result = invoke(script, *options, "--csv", path)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())
    assert not path.exists()
