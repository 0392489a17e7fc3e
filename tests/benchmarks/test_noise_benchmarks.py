"""Noise: the quick claims run as they are, the scripts at a small size, their parts by oracle."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from benchmarks import break_even, noise_curves
from benchmarks.claims import REGISTRY
from benchmarks.claims.record import HOLDS
from benchmarks.noise_curves import TARGET, Point
from qhopfield.circuits.patterns import all_states

QUICK = REGISTRY.select(["noise.*"], quick=True)


def invoke(script, *args):
    app = typer.Typer()
    app.command()(script.main)
    return CliRunner().invoke(app, [str(each) for each in args])


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def line(strength, half=0.0):
    """A recall whose overlap falls from 1 by half for each decade from 1e-4."""
    overlap = 1.0 - 0.5 * math.log10(strength / 1e-4)
    return Point(overlap, overlap - half, overlap + half, *[math.nan] * 6)


@pytest.mark.parametrize("claim", QUICK, ids=lambda claim: claim.id)
def test_quick_claim(claim):
    measured = claim.measure(7)
    assert claim.verdict(measured.value) == HOLDS, (measured, claim.wanted())
    assert math.isfinite(measured.low) and math.isfinite(measured.high)


def test_the_theme_has_claims():
    assert len(QUICK) >= 4


# Bisection.


def test_break_even_is_where_the_overlap_falls_to_the_bar():
    found = break_even.break_even(lambda p: line(p, half=0.25), 0.5, steps=20)
    # The overlap is 0.5 one decade up; its interval's ends are half a decade off.
    assert found.value == pytest.approx(1e-3, rel=1e-4)
    assert found.low == pytest.approx(10**-3.5, rel=1e-4)
    assert found.high == pytest.approx(10**-2.5, rel=1e-4)


def test_each_error_is_run_once():
    seen = []

    def at(strength):
        seen.append(strength)
        return line(strength, half=0.01)

    break_even.break_even(at, 0.5, steps=8)
    assert len(seen) == len(set(seen)) <= 2 + 3 * 8


@pytest.mark.parametrize(("bar", "value"), [(1.1, 0.0), (-3.0, math.inf)])
def test_beyond_the_range_it_says_so(bar, value):
    found = break_even.break_even(line, bar, steps=4)
    assert (found.value, found.low, found.high) == (value, value, value)
    assert break_even.said(found.value) in ("<0.0001", ">0.5")


def test_no_accepted_shot_is_no_help():
    empty = Point(math.nan, -1.0, 1.0, *[math.nan] * 6)
    found = break_even.break_even(lambda p: line(p) if p < 0.01 else empty, -0.9, steps=12)
    assert found.value == pytest.approx(0.01, rel=0.01)
    assert found.high == math.inf


# The mean overlap.


def test_mean_overlap_of_shots_that_agree():
    state, shots = TARGET[None, :], 50.0
    mean, low, high = noise_curves.mean_overlap(state, np.array([shots]), shots)
    assert (mean, high) == (1.0, 1.0)
    # Wilson's lower end of 50 successes in 50.
    assert (1.0 + low) / 2.0 == pytest.approx(50.0 / (50.0 + 1.959964**2))


def test_intervals_of_the_mean_overlap_hold_the_truth():
    """At 95 % each; all 400 of them: less than 350 would come once in 1e10."""
    rng, states = np.random.default_rng(7), all_states(6)
    overlaps = states @ TARGET / 6.0
    chances = np.exp(3.0 * overlaps)
    chances /= chances.sum()
    held = 0
    for _ in range(400):
        counts = rng.multinomial(80, chances)
        came = counts > 0
        _, low, high = noise_curves.mean_overlap(states[came], counts[came].astype(float), 80.0)
        held += low <= chances @ overlaps <= high
    assert 350 <= held < 400


# The cases and scripts.


def test_every_case_recalls_classically_and_says_what_it_costs():
    cases = noise_curves.cases()
    for case in cases.values():
        assert case.classical()[0] > 0.99
        assert case.bar == pytest.approx(5.0 / 6.0 if case.erased else 4.0 / 6.0)
    assert cases["rotation, feedforward"].cost().two_qubit_gates == 0
    fewer, more = cases["softmax"].cost(), cases["amplified kernel"].cost()
    assert 0 < fewer.two_qubit_gates < more.two_qubit_gates


def test_the_curves_fall_and_are_drawn(tmp_path):
    path, picture = tmp_path / "curves.csv", tmp_path / "curves.png"
    options = ("--only", "RUS, feedforward", "--only", "Trugenberger", "--shots", 60)
    strengths = ("--strengths", 0.001, "--strengths", 0.5)
    result = invoke(noise_curves, *options, *strengths, "--csv", path, "--picture", picture)
    assert result.exit_code == 0, result.output
    assert picture.stat().st_size > 10_000
    rows = rows_of(path)
    assert len(rows) == 2 * (1 + 3 * 2)
    assert {row["noise"] for row in rows} == {"none", *noise_curves.KINDS}
    for row in rows:
        if row["overlap"] != "nan":
            assert -1.0 <= float(row["overlap_low"]) <= float(row["overlap"]) <= 1.0
        assert 0.0 <= float(row["acceptance_low"]) <= float(row["acceptance"]) <= 1.0
    for name in ("RUS, feedforward", "Trugenberger"):
        # The ends of 95 % intervals at 0.1 % and 50 % noise are far apart.
        weak, strong = (
            next(row for row in rows if (row["method"], row["noise"], row["strength"]) == key)
            for key in ((name, "read-out", "0.001"), (name, "read-out", "0.5"))
        )
        assert float(strong["overlap_high"]) < float(weak["overlap_low"])


def test_the_break_even_table(tmp_path):
    path = tmp_path / "break_even.csv"
    names = ("rotation, feedforward", "kernel", "distributed query")
    only = [part for name in names for part in ("--only", name)]
    result = invoke(break_even, *only, "--shots", 100, "--steps", 3, "--csv", path)
    assert result.exit_code == 0, result.output
    never, kernel, useless = rows_of(path)
    # No two-qubit gate; some forty of them; a search that finds it less often than not.
    assert (never["breaks at"], useless["breaks at"]) == (">0.5", "no help")
    assert 1e-4 <= float(kernel["from"]) <= float(kernel["breaks at"]) <= float(kernel["to"]) < 0.5
    assert 0.3 < float(kernel["accepted"]) < 0.7


@pytest.mark.parametrize(
    ("script", "options"),
    [
        (noise_curves, ("--only", "psychic")),
        (noise_curves, ("--kinds", "pink")),
        (noise_curves, ("--strengths", 0.0)),
        (noise_curves, ("--strengths", 1.5)),
        (break_even, ("--only", "psychic")),
        (break_even, ("--shots", 0)),
    ],
)
def test_bad_options(tmp_path, script, options):
    assert invoke(script, *options, "--csv", tmp_path / "no.csv").exit_code == 2
    assert not (tmp_path / "no.csv").exists()
