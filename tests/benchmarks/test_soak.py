"""The soak: at a small size it prints a table, writes a CSV and fails where memory grows."""

from __future__ import annotations

import csv

import typer
from typer.testing import CliRunner

from benchmarks import soak


def invoke(*args):
    app = typer.Typer()
    app.command()(soak.main)
    return CliRunner().invoke(app, [str(each) for each in args])


def test_a_short_soak(tmp_path, monkeypatch):
    monkeypatch.setattr(soak, "MEASUREMENTS", 2)  # each collects a whole test run's garbage
    path = tmp_path / "soak.csv"
    result = invoke("--recalls", 20, "--aer", 3, "--csv", path)
    assert result.exit_code == 0, result.output
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["recalls"], row["number"]) for row in rows] == [
        ("law", "20"),
        ("Aer, feedforward", "3"),
        ("Aer, reuse", "3"),
    ]


def test_growth_is_seen(tmp_path, monkeypatch):
    sizes = iter(range(0, 10_000, 5))
    monkeypatch.setattr(soak, "resident", lambda: float(next(sizes)))
    result = invoke("--recalls", 10, "--aer", 0, "--csv", tmp_path / "soak.csv")
    assert result.exit_code == 1
    assert "Above 20 MiB: law." in result.output
    assert soak.soak(lambda number: None, 3) == [50.0, 55.0, 60.0]
