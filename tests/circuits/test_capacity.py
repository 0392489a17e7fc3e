"""Capacity and basins: hand-computable cells, determinism, resuming, and bad input."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm

from qhopfield.circuits import BlockDynamics, NeuronDynamics, RUSNeuron, ThresholdNeuron
from qhopfield.circuits.capacity import (
    CapacityCell,
    CapacityResult,
    CapacitySettings,
    ModelSpec,
    capacity,
    plot_capacity,
    run,
)
from qhopfield.circuits.capacity.result import COLUMNS, _checksum
from qhopfield.circuits.capacity.run import Task, summary
from qhopfield.circuits.common.cluster import open_client
from qhopfield.circuits.common.locks import one_writer
from qhopfield.circuits.common.statistics import wilson_interval
from qhopfield.circuits.methods import Method, Samples
from qhopfield.circuits.models import (
    DenseAssociativeMemory,
    Exponential,
    Hopfield,
    ModernHopfield,
    Polynomial,
)
from qhopfield.circuits.patterns import random_patterns

FALSE_ALARM = 1e-6
HEBB = ModelSpec("hopfield", rule="hebb")
PROJECTION = ModelSpec("hopfield", rule="projection")
EXPONENTIAL = ModelSpec("dense", separation=Exponential(1.0))
SMALL = {"num_neurons": 10, "patterns": [2, 5], "corruptions": [0, 2], "trials": 9, "seed": 4}


def nothing(patterns):
    return None


def wrong_size(patterns):
    return Hopfield.store(patterns[:, :-1])


class Fixed:
    """Stays in its process."""

    def __call__(self, patterns):
        return Hopfield.store(patterns)

    def __reduce__(self):
        raise ValueError("stays here")


class Scripted(Method):
    """Gives fixed outcomes, to check how they are read."""

    def __init__(self, samples):
        self.samples = samples

    def __repr__(self):
        return "Scripted()"

    def circuit(self, model, probe):
        raise NotImplementedError

    def law(self, model, probe):
        raise NotImplementedError

    def bill(self, model):
        raise NotImplementedError

    law_limit = 0

    def sample_law(self, model, probes, shots, rng, progress=None):
        return self.samples(probes, shots)

    def run(self, model, probes, shots, runner, rng, progress=None):
        return self.samples(probes, shots)


def scripted(probes, shots):
    """4 shots in 10 give the probe, 3 flip its first bit, 3 its first two."""
    first, both = probes.copy(), probes.copy()
    first[:, :1] *= -1
    both[:, :2] *= -1
    number, empty = len(probes), np.full(len(probes), math.nan)
    return Samples(
        outcomes=tuple(
            np.stack([a, b, c]).astype(np.int8) for a, b, c in zip(probes, first, both, strict=True)
        ),
        weights=(shots * np.array([0.4, 0.3, 0.3]),) * number,
        shots=shots,
        acceptance=np.ones(number),
        attempts=empty,
        folded=empty,
    )


def rejected(probes, shots):
    number = len(probes)
    return Samples(
        outcomes=(np.empty((0, probes.shape[1]), np.int8),) * number,
        weights=(np.empty(0),) * number,
        shots=shots,
        acceptance=np.zeros(number),
        attempts=np.full(number, math.nan),
        folded=np.full(number, math.nan),
    )


# Physics.


def test_projection_recalls_every_stored_pattern():
    result = capacity(PROJECTION, num_neurons=16, loads=[0.25, 0.5, 0.75], trials=20, seed=1)
    assert not result.errors("set")[:, :, 0].any()
    assert result.loads.tolist() == [0.25, 0.5, 0.75]


def test_one_hebbian_pattern_is_recalled_from_less_than_half_and_its_mirror_from_more():
    result = capacity(
        HEBB, num_neurons=9, patterns=[1], corruptions=[0, 1, 3, 6, 9], trials=15, seed=2
    )
    # Every field (xi_i xi.s - s_i) / N points to +xi or -xi, whichever is nearer.
    assert result.errors("message")[0, :, 0].tolist() == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert result.errors("bit")[0, :, 0].tolist() == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert result.errors("set")[0, :, 0].tolist() == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_two_neurons_with_all_states_stored():
    dense = capacity(EXPONENTIAL, num_neurons=2, patterns=[4], update="one step", trials=3)
    # By symmetry every field is zero, and ties keep the spins.
    assert dense.cell(4).error("set")[0] == 0.0
    hebb = capacity(HEBB, num_neurons=2, patterns=[4], trials=3)
    assert hebb.cell(4).unstored == 3
    assert hebb.cell(4).error("message")[0] == 1.0 and hebb.cell(4).error("bit")[0] == 0.5


@pytest.mark.parametrize(
    ("neurons", "fixed", "corrected"), [(8, 0.773, 0.183), (12, 0.913, 0.368), (16, 0.967, 0.657)]
)
def test_exponential_memories_hold_exponentially_many_patterns(neurons, fixed, corrected):
    trials, known = 1500, 6000  # the reference values are shares of 6000 trials
    result = capacity(
        EXPONENTIAL,
        num_neurons=neurons,
        patterns=[2 ** (neurons // 2)],
        corruptions=[0, 1],
        trials=trials,
        probes=1,
        update="one step",
        seed=11,
    )
    found = [result.fixed_points()[0, 0], 1.0 - result.errors()[0, 1, 0]]
    for share, expected in zip(found, (fixed, corrected), strict=True):
        scale = math.sqrt(expected * (1.0 - expected) * (1.0 / trials + 1.0 / known))
        assert abs(share - expected) <= norm.isf(FALSE_ALARM / 2) * scale


def test_a_trial_is_the_classical_update_of_its_patterns():
    result = capacity(HEBB, num_neurons=8, patterns=[6], trials=12, update="one step", seed=5)
    flipped = []
    for trial in range(12):
        draws = np.random.default_rng(
            np.random.SeedSequence(5, spawn_key=(6, 0, trial)).spawn(2)[0]
        )
        stored = random_patterns(6, 8, seed=draws).astype(float)
        weights = stored.T @ stored - 6 * np.eye(8)
        flipped.append((stored @ weights) * stored < 0)
    wrong = np.array(flipped).any(axis=2)
    assert result.cell(6).error("bit")[0] == pytest.approx(np.mean(flipped))
    assert result.cell(6).error("message")[0] == pytest.approx(wrong.mean())
    assert result.cell(6).error("set")[0] == pytest.approx(wrong.any(axis=1).mean())
    assert 0.0 < wrong.mean() < 1.0
    np.testing.assert_allclose(result.fixed_points()[0, 0], 1.0 - wrong.mean())


# Methods.


def test_a_threshold_neuron_in_order_does_what_the_classical_dynamics_does():
    method = NeuronDynamics(ThresholdNeuron(), sweeps=6)
    common = {**SMALL, "num_neurons": 7, "trials": 4}
    quantum = capacity(HEBB, method, exact=True, **common)
    classical = capacity(HEBB, **common)
    np.testing.assert_allclose(quantum.errors()[:, :, 0], classical.errors()[:, :, 0])
    assert classical.errors()[1, 1, 0] > 0.0


def test_circuits_and_law_agree():
    method = NeuronDynamics(RUSNeuron(level=1), sweeps=1, synchronous=True)
    common = {
        "num_neurons": 4, "patterns": [2], "corruptions": [1], "trials": 2, "readout": "shot"
    }  # fmt: skip
    shots = 2000
    law = capacity(HEBB, method, exact=True, **common).cell(2, 1)
    run = capacity(HEBB, method, shots=shots, **common).cell(2, 1)
    scale = math.sqrt(0.25 / (shots * run.probed))  # the greatest that it can be
    for measure in ("bit", "message"):
        gap = abs(run.error(measure)[0] - law.error(measure)[0])
        assert gap <= norm.isf(FALSE_ALARM / 2) * scale
    assert 0.0 < law.error("message")[0] < 1.0 and run.acceptance == 1.0


@pytest.mark.parametrize(
    ("readout", "bit", "message", "whole"),
    [
        ("state", 0.0, 0.0, 0.0),  # 4 in 10 for the probe
        ("sign", 0.2, 1.0, 1.0),  # 6 in 10 flip the first bit
        ("shot", (0.6 + 0.3) / 5, 0.6, 1.0 - 0.4**2),
    ],
)
def test_readouts(readout, bit, message, whole):
    result = capacity(
        HEBB, Scripted(scripted), num_neurons=5, patterns=[2], trials=6, shots=10, readout=readout
    )
    found = [result.errors(measure)[0, 0, 0] for measure in ("bit", "message", "set")]
    np.testing.assert_allclose(found, [bit, message, whole])


def test_a_probe_without_an_accepted_shot_is_an_error():
    for readout in ("state", "sign", "shot"):
        result = capacity(
            HEBB, Scripted(rejected), num_neurons=5, patterns=[2], trials=3, readout=readout
        )
        cell = result.cell(2)
        assert cell.rejected == 1.0 and cell.acceptance == 0.0 and cell.unstored == 0
        assert [cell.error(m)[0] for m in ("bit", "message", "set")] == [0.5, 1.0, 1.0]


@pytest.mark.parametrize("spec", [HEBB, ModelSpec("dense"), ModelSpec("modern", beta=2.0)])
def test_every_model_runs(spec):
    for update in ("recall", "one step"):
        result = capacity(spec, num_neurons=12, patterns=[2], trials=10, update=update)
        assert result.settings.update == update and result.cell(2).probed == 20
    assert result.cell(2).error("message")[0] < 0.5


# Intervals.


def cell_of(messages, size, neurons=10):
    """A cell from the numbers of wrong probes of each set."""
    messages = np.asarray(messages, dtype=float)
    ones = np.ones(len(messages))
    rows = [size * ones, messages / neurons, messages, messages > 0, 0 * ones, ones]
    return summary((3, 0), np.array(rows).T, neurons)


def test_set_errors_have_the_interval_of_independent_trials():
    cell = cell_of([0, 1, 0, 0, 3, 0, 2, 0], size=3)
    expected = binomtest(3, 8).proportion_ci(method="wilson")
    np.testing.assert_allclose(cell.error("set"), [3 / 8, expected.low, expected.high])


def test_sets_that_fail_as_a_whole_count_once():
    together = cell_of([3, 0, 0, 3, 0, 0, 3, 0] * 5, size=3)
    expected = binomtest(15, 40).proportion_ci(method="wilson")
    np.testing.assert_allclose(together.error("message")[1:], [expected.low, expected.high])
    apart = cell_of([1, 2, 1, 1, 1, 1, 1, 1] * 5, size=3)
    assert np.ptp(apart.error("message")) < 0.8 * np.ptp(together.error("message"))
    perfect = cell_of([0] * 40, size=3)
    expected = binomtest(0, 40).proportion_ci(method="wilson")
    assert perfect.error("message")[2] == pytest.approx(expected.high)


def test_no_more_independent_messages_than_there_are():
    cell = cell_of([1, 1, 1, 2], size=3)
    expected = binomtest(5, 12).proportion_ci(method="wilson")
    low, high = cell.error("message")[1:]
    assert low <= expected.low + 1e-12 and high >= expected.high - 1e-12


def test_intervals_hold_the_truth():
    rng = np.random.default_rng(8)
    runs, held = 400, 0
    for _ in range(runs):
        share = rng.beta(1.0, 2.0, size=50)  # sets of unequal difficulty; the mean is 1/3
        _, low, high = cell_of(rng.binomial(6, share), size=6).error("message")
        held += low <= 1 / 3 <= high
    assert binomtest(held, runs, 0.93, alternative="less").pvalue > FALSE_ALARM
    assert held < runs  # nor are they so wide that they say nothing


def test_intervals_of_runs_hold_the_mean_of_many():
    """Bits and probes of a set of patterns are wrong together; 200 runs of 20 sets, at 1e-6."""
    runs, trials, neurons, key = 200, 20, 10, (4, 0)
    settings = CapacitySettings(
        model="",
        method="classical",
        update="one step",
        readout="state",
        num_neurons=neurons,
        trials=trials,
        probes=None,
        shots=0,
        exact=False,
        seed=5,
    )
    rows = run.run_trials(run.Task(HEBB, None, settings), (key, 0, runs * trials))
    pooled = run.summary(key, rows, neurons)
    least = int(binom.ppf(FALSE_ALARM, runs, 0.95))
    cells = [run.summary(key, part, neurons) for part in np.split(rows, runs)]
    for measure in ("bit", "message", "set"):
        due = pooled.error(measure)[0]
        ends = [cell.error(measure)[1:] for cell in cells]
        assert sum(low <= due <= high for low, high in ends) >= least, measure
    # It is no matter of course: as independent bits they would not be held.
    wrong = np.array([part[:, 1].sum() * neurons for part in np.split(rows, runs)])
    ends = wilson_interval(np.rint(wrong), trials * key[0] * neurons)
    due = pooled.bit_error_rate
    assert ((ends[:, 0] <= due) & (due <= ends[:, 1])).sum() < least


# The same rows, however they come about.


def test_rows_do_not_depend_on_workers_or_company(tmp_path):
    alone = capacity(HEBB, csv=tmp_path / "one.csv", **SMALL)
    with open_client(workers=2) as client:
        pooled = capacity(HEBB, csv=tmp_path / "two.csv", client=client, **SMALL)
        written = capacity(lambda patterns: Hopfield.store(patterns), client=client, **SMALL)
        with pytest.raises(TypeError, match="a memory of 10 neurons"):
            capacity(lambda patterns: Hopfield.store(patterns[:, :-1]), client=client, **SMALL)
    assert alone.cells == pooled.cells == written.cells
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2  # the journals are gone
    backwards = capacity(HEBB, **{**SMALL, "patterns": [5], "corruptions": [2, 0]})
    assert backwards.cells == tuple(cell for cell in alone.cells if cell.patterns == 5)
    assert capacity(HEBB, **{**SMALL, "seed": 5}).cells != alone.cells


def test_workers_and_client_are_handed_on(monkeypatch):
    seen = []
    original = run.run_jobs

    def noted(function, jobs, *, workers, client, **options):
        seen.append((workers, client, list(jobs.values())))
        return original(function, jobs, **options)

    monkeypatch.setattr(run, "run_jobs", noted)
    results = [
        capacity(HEBB, **options, **SMALL)
        for options in ({}, {"workers": 2}, {"client": "tcp://somewhere:1"})
    ]
    assert [each[:2] for each in seen] == [(1, None), (2, None), (1, "tcp://somewhere:1")]
    assert seen[0][2] == seen[1][2] == seen[2][2]  # the pieces do not depend on them
    assert results[0].cells == results[1].cells == results[2].cells


@pytest.mark.parametrize("trials", [1, 15, 16, 17, 100])
def test_pieces_cover_the_trials_once(monkeypatch, trials):
    made = []
    monkeypatch.setattr(Task, "trial", lambda self, key, number: made.append(number) or np.ones(6))
    capacity(HEBB, num_neurons=6, patterns=[2], trials=trials, seed=1)
    assert made == list(range(trials))


def test_methods_meet_the_same_patterns():
    seen = []

    def remember(patterns):
        seen.append(patterns.tobytes())
        return Hopfield.store(patterns)

    capacity(remember, num_neurons=6, patterns=[2], trials=3, seed=9)
    capacity(remember, Scripted(scripted), num_neurons=6, patterns=[2], trials=3, seed=9)
    assert seen[:3] == seen[3:] and len(set(seen)) == 3


def test_a_file_is_resumed(tmp_path, monkeypatch):
    full, part = tmp_path / "full.csv", tmp_path / "part.csv"
    expected = capacity(HEBB, csv=full, **SMALL)
    lines = full.read_text().splitlines(keepends=True)
    part.write_text("".join([lines[0], lines[2], lines[4]]))
    made = []
    original = Task.trial
    monkeypatch.setattr(
        Task, "trial", lambda self, key, number: made.append(key) or original(self, key, number)
    )
    resumed = capacity(HEBB, csv=part, **SMALL)
    assert set(made) == {(2, 0), (5, 0)} and len(made) == 2 * SMALL["trials"]
    assert resumed.cells == expected.cells
    assert part.read_bytes() == full.read_bytes()
    made.clear()
    narrower = capacity(HEBB, csv=part, **{**SMALL, "patterns": [5]})
    assert not made and len(narrower) == 2 and part.read_bytes() == full.read_bytes()
    assert capacity(HEBB, csv=part, resume=False, **SMALL).cells == expected.cells
    assert set(made) == {(2, 0), (2, 2), (5, 0), (5, 2)}


def test_a_journal_keeps_the_pieces_of_a_cell(tmp_path, monkeypatch):
    path, journal = tmp_path / "cells.csv", tmp_path / "cells.csv.journal"
    expected = capacity(HEBB, **SMALL)
    made = []
    original = Task.trial

    def stopping(self, key, number):
        if key == (5, 0) and number == 4:
            raise KeyboardInterrupt
        made.append((key, number))
        return original(self, key, number)

    monkeypatch.setattr(Task, "trial", stopping)
    with pytest.raises(KeyboardInterrupt):
        capacity(HEBB, csv=path, **SMALL)
    assert {cell.key for cell in CapacityResult.load_csv(path).cells} == {(2, 0), (2, 2)}
    monkeypatch.setattr(
        Task, "trial", lambda self, *trial: made.append(trial) or original(self, *trial)
    )
    # Another selection of cells leaves what it has no use for.
    assert len(capacity(HEBB, csv=path, **{**SMALL, "patterns": [2]})) == 2
    assert journal.exists() and len(made) == 2 * 9 + 4
    with pytest.raises(ValueError, match=r"other settings: (.*; )?trials is 9 instead of 10"):
        capacity(HEBB, csv=tmp_path / "cells.csv", **{**SMALL, "trials": 10})
    assert capacity(HEBB, csv=path, **SMALL).cells == expected.cells
    assert len(made) == len(set(made)) == 4 * 9 and not journal.exists()


def test_a_journal_of_other_settings_is_refused_or_begun_anew(tmp_path, monkeypatch):
    path = tmp_path / "cells.csv"

    def stop(self, key, number):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Task, "trial", stop)
        with pytest.raises(KeyboardInterrupt):
            capacity(HEBB, csv=path, **SMALL)
    assert not path.exists() and path.with_name("cells.csv.journal").exists()
    with pytest.raises(ValueError, match=r"cells\.csv\.journal .*seed is 4 instead of 5"):
        capacity(HEBB, csv=path, **{**SMALL, "seed": 5})
    anew = capacity(HEBB, csv=path, resume=False, **{**SMALL, "seed": 5})
    assert anew.cells == capacity(HEBB, **{**SMALL, "seed": 5}).cells
    assert [each.name for each in tmp_path.iterdir()] == ["cells.csv"]


def test_cells_done_before_an_error_are_kept(tmp_path):
    def only_two(patterns):
        if len(patterns) > 2:
            raise RuntimeError("stop")
        return Hopfield.store(patterns)

    only_two.__qualname__ = "only_two"
    path = tmp_path / "cells.csv"
    with pytest.raises(RuntimeError, match="stop"):
        capacity(only_two, csv=path, **SMALL)
    assert {cell.patterns for cell in CapacityResult.load_csv(path).cells} == {2}


@pytest.mark.parametrize(
    ("model", "method", "change", "message"),
    [
        (PROJECTION, None, {}, r"model is .*'hebb'.* instead of .*'projection'"),
        (HEBB, None, {"seed": 5}, "seed is 4 instead of 5"),
        (HEBB, None, {"trials": 10}, "trials is 9 instead of 10"),
        (HEBB, None, {"update": "one step"}, "update is 'recall' instead of 'one step'"),
        (HEBB, None, {"num_neurons": 11}, "num_neurons is 10 instead of 11"),
        (HEBB, None, {"probes": 1}, "probes is None instead of 1"),
        (HEBB, NeuronDynamics(), {}, "method is 'classical' instead of .NeuronDynamics"),
    ],
)
def test_a_file_of_other_settings_is_refused(tmp_path, model, method, change, message):
    path = tmp_path / "cells.csv"
    capacity(HEBB, csv=path, **SMALL)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message):
        capacity(model, method, csv=path, **{**SMALL, **change})
    assert path.read_bytes() == before


# Results.


def test_csv_round_trip_and_table(tmp_path):
    result = capacity(HEBB, probes=3, **SMALL)
    path = tmp_path / "cells.csv"
    result.to_csv(path)
    back = CapacityResult.load_csv(path)
    assert back.cells == result.cells and back.settings == result.settings
    table = result.to_dataframe()
    assert len(table) == 4 and table["probes"].tolist() == [3] * 4
    assert table["load"].tolist() == [0.2, 0.2, 0.5, 0.5]
    assert table["probed"].tolist() == [18, 18, 27, 27]
    assert "4 cells of 9 trials" in repr(result) and len(result) == 4


def test_errors_has_a_gap_where_a_cell_is_missing():
    result = capacity(HEBB, **SMALL)
    partial = CapacityResult(result.settings, result.cells[1:])
    errors = partial.errors()
    assert errors.shape == (2, 2, 3) and np.isnan(errors[0, 0]).all()
    assert not np.isnan(errors[1]).any()
    with pytest.raises(ValueError, match="There is no cell of 2 patterns and corruption 0"):
        partial.cell(2)
    partial.plot().canvas.draw()


def signed(line):
    """A row with the checksum of what stands in it now."""
    (entries,) = csv.reader([line])
    if len(entries) != len(COLUMNS) or entries[0] == "load":
        return line
    row = dict(zip(COLUMNS, entries, strict=True))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([*entries[:-1], _checksum(row)])
    return text.getvalue()


@pytest.mark.fault(
    "a changed digit of a resumed table was taken for a measurement",
    kind="a file that a run goes on from is damaged",
)
def test_any_flipped_bit_of_a_table_is_found(tmp_path):
    path = tmp_path / "cells.csv"
    capacity(HEBB, csv=path, **SMALL)
    sound, expected = path.read_bytes(), CapacityResult.load_csv(path)
    for bit in np.random.default_rng(1).integers(0, 8 * len(sound), size=300).tolist():
        broken = bytearray(sound)
        broken[bit // 8] ^= 1 << bit % 8
        path.write_bytes(broken)
        try:
            found = CapacityResult.load_csv(path)
        except ValueError as error:
            assert "cells.csv is no capacity table" in str(error)
        else:  # a quote, or the end of a line in another form
            assert found.cells == expected.cells and found.settings == expected.settings


@pytest.mark.fault(
    "models that print alike shared a capacity table",
    kind="a journal takes another run's answers for its own",
)
def test_a_table_is_of_one_model(tmp_path):
    path = tmp_path / "cells.csv"
    first, second = (Sharper(sharpness) for sharpness in (1.0, 1.0 + 1e-15))
    capacity(first, csv=path, **SMALL)
    capacity(Sharper(1.0), csv=path, **SMALL)
    with pytest.raises(ValueError, match=r"fingerprint is .* prints alike differs in its fields"):
        capacity(second, csv=path, **SMALL)


@dataclasses.dataclass(frozen=True)
class Sharper:
    sharpness: float

    def __repr__(self):
        return f"Sharper({self.sharpness:g})"

    def __call__(self, patterns):
        return ModelSpec().build(patterns)


@pytest.mark.fault(
    "two runs wrote one file, and rows of one were lost",
    kind="two writers of a file that a run goes on from",
)
def test_a_table_has_one_writer(tmp_path):
    path = tmp_path / "cells.csv"
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    for name in (path, link):
        with one_writer(path), pytest.raises(BlockingIOError, match="is being written by process"):
            capacity(HEBB, csv=name, **SMALL)
    expected = capacity(HEBB, csv=path, **SMALL).cells
    assert [each.name for each in tmp_path.iterdir() if "lock" in each.name] == []
    with one_writer(path):  # what is all there is only read
        assert capacity(HEBB, csv=path, **SMALL).cells == expected


def test_what_another_run_has_written_meanwhile_stays(tmp_path, monkeypatch):
    """Between the first look at the file and the lock another run ends."""
    path = tmp_path / "cells.csv"
    sound = run.one_writer
    other = {**SMALL, "corruptions": [0]}

    @contextmanager
    def late(target):
        monkeypatch.setattr(run, "one_writer", sound)
        capacity(HEBB, csv=path, **other)
        with sound(target):
            yield

    monkeypatch.setattr(run, "one_writer", late)
    capacity(HEBB, csv=path, **{**SMALL, "corruptions": [1]})
    assert set(CapacityResult.load_csv(path).corruptions.tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns"),
        ("a,b\n1,2\n", "expected the columns"),
        (None, "it has no rows"),
        (lambda lines: [*lines, lines[1]], "is there twice"),
        (lambda lines: [*lines[:2], lines[2].replace("hebb", "storkey")], "mixes settings: model"),
        (lambda lines: [*lines, "1,2\n"], "more or fewer entries"),
        (lambda lines: [lines[0], lines[1].replace(",False,", ",maybe,")], "exact must be one of"),
        (lambda lines: [lines[0], "x" + lines[1]], "could not convert"),
        (lambda lines: [lines[0], lines[1].replace(",18,", ",18,nan,", 1)], "more or fewer"),
        (lambda lines: [lines[0], lines[1].replace(",18,0.0,", ",18,nan,")], "must be a finite"),
        (b"\xff\xfe\x00", "is no capacity table"),
        (b"\x80\x04\x95pickle", "is no capacity table"),
    ],
)
def test_files_that_are_no_table(tmp_path, text, message):
    path = tmp_path / "cells.csv"
    capacity(HEBB, csv=path, **SMALL)
    lines = path.read_text().splitlines(keepends=True)
    if callable(text):
        assert text(lines) != lines
        path.write_text("".join(signed(line) for line in text(lines)))
    elif isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text(lines[0] if text is None else text)
    with pytest.raises(ValueError, match=message):
        CapacityResult.load_csv(path)
    with pytest.raises(ValueError, match="is no capacity table"):
        capacity(HEBB, csv=path, **SMALL)


def test_plots():
    result = capacity(HEBB, **SMALL)
    other = capacity(PROJECTION, **{**SMALL, "corruptions": [0]})
    figure = result.plot(measure="bit")
    axes = figure.axes[0]
    assert axes.get_xlabel() == "load M / N" and len(axes.containers) == 2
    drawn = axes.containers[1].lines[0].get_ydata()
    np.testing.assert_allclose(drawn, result.errors("bit")[:, 1, 0])
    ends = np.array([s[:, 1] for s in axes.containers[1].lines[2][0].get_segments()])
    np.testing.assert_allclose(ends, result.errors("bit")[:, 1, 1:])
    overlaid = plot_capacity([result, other], ["Hebb", "projection"])
    names = [text.get_text() for text in overlaid.axes[0].get_legend().get_texts()]
    assert names == ["Hebb, no flips", "Hebb, 2 flips", "projection, no flips"]
    assert "Hebb, 2 flips" in overlaid.get_label()
    basin = plot_capacity(result, against="corruption")
    assert basin.axes[0].get_xlabel() == "flipped bits"
    wide = capacity(HEBB, num_neurons=10, patterns=[1, 40], trials=2)
    assert wide.plot(against="patterns").axes[0].get_xscale() == "log"
    for each in (figure, overlaid, basin):
        each.canvas.draw()


# Specs.


def test_specs_build_their_models():
    patterns = random_patterns(3, 8, seed=0)
    assert ModelSpec(rule="storkey").build(patterns).rule == "storkey"
    assert ModelSpec().build(patterns).rule == "hebb"
    dense = ModelSpec("dense", separation=Polynomial(4)).build(patterns)
    assert isinstance(dense, DenseAssociativeMemory) and dense.separation == Polynomial(4)
    modern = ModelSpec("modern", beta=0.5).build(patterns)
    assert isinstance(modern, ModernHopfield) and modern.beta == 0.5
    assert repr(ModelSpec("modern")) == "ModelSpec('modern', beta=1.0)"
    assert PROJECTION(random_patterns(8, 3, seed=0)) is None
    with pytest.raises(ValueError, match="overflows float64"):
        ModelSpec("dense", separation=Exponential(400.0))(patterns)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"kind": "boltzmann"}, ValueError, "kind must be one of 'hopfield', 'dense', 'modern'"),
        ({"rule": "delta"}, ValueError, "rule must be one of"),
        ({"kind": "dense", "rule": "hebb"}, ValueError, "rule belongs to kind='hopfield'"),
        ({"beta": 1.0}, ValueError, "beta belongs to kind='modern'"),
        ({"kind": "modern", "separation": Polynomial(2)}, ValueError, "belongs to kind='dense'"),
        ({"kind": "dense", "separation": 3}, TypeError, "separation must be a separation function"),
        ({"kind": "modern", "beta": -1.0}, ValueError, "beta must be a finite number >"),
        ({"kind": "modern", "beta": "1"}, TypeError, "beta must be a real number"),
    ],
)
def test_bad_specs(arguments, error, message):
    with pytest.raises(error, match=message):
        ModelSpec(**arguments)


# Bad input.


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"make_model": "hebb"}, TypeError, "make_model must be a function"),
        ({"make_model": nothing, "csv": 3}, TypeError, "csv must be the name of a file, got 3"),
        ({"make_model": wrong_size}, TypeError, "a memory of 10 neurons from patterns, got Hopf"),
        ({"make_model": len}, TypeError, "a memory of 10 neurons from patterns, got 2"),
        ({"method": "rus"}, TypeError, "method must be a method such as NeuronDynamics"),
        (
            {"make_model": ModelSpec("modern"), "method": BlockDynamics(2)},
            TypeError,
            "BlockDynamics needs a Hopfield",
        ),
        ({"num_neurons": 0}, ValueError, "num_neurons must be >= 1"),
        ({"num_neurons": 2.5}, TypeError, "num_neurons must be an integer"),
        ({"patterns": None}, ValueError, "Give either loads="),
        ({"loads": [0.1]}, ValueError, "Give either loads="),
        ({"patterns": 3}, TypeError, "patterns must be a list of numbers"),
        ({"patterns": "12"}, TypeError, "patterns must be a list of numbers"),
        ({"patterns": []}, ValueError, "patterns must have at least one entry"),
        ({"patterns": [0]}, ValueError, "patterns must be >= 1"),
        ({"patterns": [2, 2]}, ValueError, "patterns must be distinct"),
        ({"patterns": [2000]}, ValueError, "at most 1024"),
        ({"patterns": None, "loads": [0.0]}, ValueError, "loads must be a finite number > 0"),
        ({"patterns": None, "loads": [math.nan]}, ValueError, "loads must be a finite number"),
        ({"patterns": None, "loads": [0.2, 0.21]}, ValueError, r"are \[2, 2\] patterns; patterns"),
        ({"corruptions": [11]}, ValueError, "corruptions must be between 0 and 10"),
        ({"corruptions": [0.1]}, TypeError, "corruptions must be an integer"),
        ({"corruptions": [1, 1]}, ValueError, "corruptions must be distinct"),
        ({"trials": 0}, ValueError, "trials must be >= 1"),
        ({"probes": 0}, ValueError, "probes must be >= 1"),
        ({"update": "sweep"}, ValueError, "update must be one of 'recall', 'one step'"),
        ({"update": "one step", "method": NeuronDynamics()}, ValueError, "is for the classical"),
        ({"readout": "mean", "method": NeuronDynamics()}, ValueError, "readout must be one of"),
        ({"readout": "sign"}, ValueError, "are for methods"),
        ({"exact": True}, ValueError, "are for methods"),
        ({"exact": 1, "method": NeuronDynamics()}, TypeError, "exact must be True or False"),
        ({"shots": 0}, ValueError, "shots must be >= 1"),
        ({"seed": None}, TypeError, "seed must be an integer"),
        ({"seed": -1}, ValueError, "seed must be >= 0"),
        ({"workers": 0}, ValueError, "workers must be >= 1"),
        ({"workers": 2, "make_model": Fixed()}, ValueError, "make_model that can be sent to"),
        ({"workers": 2, "client": "tcp://a:1"}, ValueError, "Give either workers="),
        ({"client": 3}, TypeError, "client must be a distributed.Client or the address"),
        ({"resume": 1}, TypeError, "resume must be True or False"),
        ({"csv": "there/is/none.csv"}, FileNotFoundError, "does not exist"),
        ({"csv": "."}, IsADirectoryError, "is a folder"),
        ({"csv": "cells.csv", "make_model": lambda p: None}, ValueError, "a file can name"),
    ],
)
def test_bad_input(change, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = {"make_model": HEBB, **SMALL, "trials": 2, **change}
    with pytest.raises(error, match=message):
        capacity(arguments.pop("make_model"), arguments.pop("method", None), **arguments)


def test_bad_results_and_figures():
    result = capacity(HEBB, **SMALL)
    cases = [
        (lambda: CapacityResult(result.settings, ()), ValueError, "at least one cell"),
        (lambda: replace(result, cells=result.cells * 2), ValueError, "is there twice"),
        (
            lambda: replace(result, settings=replace(result.settings, num_neurons=1)),
            ValueError,
            "does not fit",
        ),
        (lambda: replace(result.cells[0], bit_error_rate=1.5), ValueError, "bit_error_rate must"),
        (lambda: result.errors("word"), ValueError, "measure must be one of"),
        (lambda: result.fixed_points(), ValueError, "update='one step'"),
        (lambda: result.plot(measure="word"), ValueError, "measure must be one of"),
        (lambda: result.plot(against="time"), ValueError, "against must be one of"),
        (lambda: plot_capacity([]), ValueError, "at least one"),
        (lambda: plot_capacity([result], "ab"), TypeError, "labels must be a list"),
        (lambda: plot_capacity([result], ["a", "b"]), ValueError, "one a result, 1; got 2"),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()
    assert isinstance(result.cells[0], CapacityCell)
    assert isinstance(result.settings, CapacitySettings)


def test_progress_is_told_on_standard_error(capsys, monkeypatch):
    monkeypatch.setattr("qhopfield.circuits.common.progress.LINE_EVERY", 0.0)
    capacity(HEBB, progress=True, **{**SMALL, "trials": 2})
    streams = capsys.readouterr()
    assert "capacity: 8 of 8" in streams.err and not streams.out
