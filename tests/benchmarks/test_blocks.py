"""Blocks of neurons: the quick claims run as they are, and the benchmark at a small size."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from benchmarks import blocks
from benchmarks.claims import REGISTRY
from benchmarks.claims.record import HOLDS
from qhopfield.circuits import ThresholdNeuron
from qhopfield.circuits.methods import BlockDynamics
from qhopfield.circuits.patterns import corrupt

QUICK = REGISTRY.select(["blocks.*"], quick=True)


def invoke(*args):
    app = typer.Typer()
    app.command()(blocks.main)
    return CliRunner().invoke(app, [str(each) for each in args])


@pytest.mark.parametrize("claim", QUICK, ids=lambda claim: claim.id)
def test_quick_claim(claim):
    measured = claim.measure(7)
    assert claim.verdict(measured.value) == HOLDS, (measured, claim.wanted())


def test_the_theme_has_claims():
    assert len(QUICK) >= 4


def test_the_script_prints_a_table_and_writes_a_csv(tmp_path):
    path = tmp_path / "blocks.csv"
    options = ("--sources", "random", "--probes", 12, "--blocks", 1, "--blocks", 4, "--links", 1)
    result = invoke(*options, "--sweeps", 2, "--level", 1, "--circuits", "--csv", path)
    assert result.exit_code == 0, result.output
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["blocks"], row["by"], row["steps"]) for row in rows] == [
        ("none", "law", "128"),
        ("1", "law", "128"),
        ("4", "law", "32"),
        ("4", "Aer", "32"),
    ]
    for row in rows:
        for name in ("recalled", "signs"):
            low, share, high = (float(row[name + end]) for end in (", low", "", ", high"))
            assert 0.0 <= low <= share <= high <= 1.0
    assert invoke("--sources", "words", "--csv", path).exit_code == 2


@pytest.mark.parametrize("number", [1, 4, 64])
def test_its_sign_updates_are_threshold_neurons(number):
    task = blocks.Task.of("random", 20, 0.3, seed=3)
    method = BlockDynamics(number, neuron=ThresholdNeuron(), sweeps=2)
    samples = method.sample_law(task.memory, task.given, 1, np.random.default_rng(0))
    ended = blocks.sign_updates(task.memory, method.partition(task.memory), task.given, 2)
    np.testing.assert_array_equal(np.concatenate(samples.outcomes), ended)
    assert blocks.recalled(samples, ended) == 20
    other = corrupt(ended[:1], flips=1, seed=1)
    assert blocks.recalled(samples, np.vstack([other, ended[1:]])) == 19
