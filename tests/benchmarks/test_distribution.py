"""Distribution: the benchmark at a small size, and claims that are measured as jobs."""

from __future__ import annotations

import csv

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import distribution
from benchmarks.claims import REGISTRY, Measured, Registry, claim, run
from benchmarks.claims.store import COLUMNS, Store
from qhopfield.circuits.capacity import CapacityResult
from qhopfield.circuits.common.jobs import JobKilled


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_benchmark_finds_the_same_rows_and_what_was_kept(tmp_path):
    app = typer.Typer()
    app.command()(distribution.main)
    path = tmp_path / "new" / "table.csv"
    result = CliRunner().invoke(app, ["--neurons", "4", "--trials", "16", "--csv", str(path)])
    assert result.exit_code == 0, result.output
    rows = rows_of(path)
    assert [row["same rows"] for row in rows] == ["True"] * 4
    assert [row["processes"] for row in rows] == ["1", "2", "2", "2"]
    kept = [int(row["not measured again"]) for row in rows]
    assert kept[:3] == [0, 0, 0] and 10 <= kept[3] < 32


def test_rows_that_differ_are_told(tmp_path, monkeypatch):
    original = distribution.sweep
    short = original(6, 4, 7)
    other = original(6, 4, 8)
    assert short.cells != other.cells
    monkeypatch.setattr(
        distribution, "sweep", lambda *_, **options: other if "csv" in options else short
    )
    monkeypatch.setattr(distribution, "with_a_killed_worker", lambda *_: short)
    monkeypatch.setattr(distribution, "killed_run", lambda *_, **__: 1)
    app = typer.Typer()
    app.command()(distribution.main)
    path = tmp_path / "table.csv"
    assert CliRunner().invoke(app, ["--csv", str(path)]).exit_code == 1
    assert [row["same rows"] for row in rows_of(path)] == ["True"] * 3 + ["False"]
    assert isinstance(short, CapacityResult)


def test_claims_come_out_the_same_on_workers(tmp_path):
    claims = REGISTRY.select(["costs.*", "neuron.majority"], quick=True)
    found = {}
    for workers in (1, 2):
        store = Store(tmp_path / f"{workers}.csv")
        found[workers] = run.measure(claims, store, seed=7, fresh=False, workers=workers)
        assert [row["id"] for row in rows_of(store.path)] == [each.id for each in claims]
    names = [name for name in COLUMNS if name != "seconds"]
    for one, two in zip(*found.values(), strict=True):
        assert [getattr(one, name) for name in names] == [getattr(two, name) for name in names]


@pytest.fixture
def three():
    registry = Registry()
    for name in ("a", "b", "c"):
        claim(
            name,
            statement="It is 1",
            source="this test",
            setting="none",
            expected=1.0,
            tolerance=0.0,
            by="law",
            registry=registry,
        )(lambda seed: Measured(1.0, 1.0, 1.0))
    return registry.all()


def test_a_claim_that_kills_its_workers_does_not_hide_the_others(three, tmp_path, monkeypatch):
    original = run.run_jobs

    def killing(function, jobs, **options):
        for key, answer in original(function, jobs, **options):
            if key == "b":
                raise JobKilled("b", 6)
            yield key, answer

    monkeypatch.setattr(run, "run_jobs", killing)
    outcomes = run.measure(three, Store(tmp_path / "claims.csv"), seed=1, fresh=False)
    assert [each.verdict for each in outcomes] == ["holds", "error", "holds"]
    assert "JobKilled: Job 'b' was given up: 6 workers died" in outcomes[1].note
    assert [row["id"] for row in rows_of(tmp_path / "claims.csv")] == ["a", "c"]


def test_rows_are_kept_in_the_order_of_the_claims(three, tmp_path, monkeypatch):
    original = run.run_jobs

    def backwards(function, jobs, **options):
        yield from reversed(list(original(function, jobs, **options)))

    monkeypatch.setattr(run, "run_jobs", backwards)
    path = tmp_path / "claims.csv"
    outcomes = run.measure(three, Store(path), seed=1, fresh=False)
    assert [each.id for each in outcomes] == ["a", "b", "c"]
    assert [row["id"] for row in rows_of(path)] == ["a", "b", "c"]
    assert [each.id for each in run.measure(three[1:], Store(path), seed=2, fresh=False)] == [
        "b",
        "c",
    ]
    assert [row["id"] for row in rows_of(path)] == ["a", "b", "c"]
