"""The benchmarks and quick claims of atomized memories, at small sizes."""

import csv

import pytest
from typer.testing import CliRunner

from benchmarks import atomized_digits, large_memory, shard_failures
from benchmarks.claims import REGISTRY
from benchmarks.claims.record import HOLDS

LAWS = [
    each
    for each in REGISTRY.all()
    if each.id.startswith("atomized.") and each.quick and each.by != "circuits"
]


def invoke(script, *args):
    return CliRunner().invoke(script.app, [str(each) for each in args])


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("each", LAWS, ids=lambda each: each.id)
def test_quick_claims_hold(each):
    assert each.verdict(each.measure(11).value) == HOLDS


def test_digits_in_shards_and_in_one_piece(tmp_path):
    path, picture = tmp_path / "digits.csv", tmp_path / "digits.png"
    small = ("--stored", 4, "--size", 2, "--probes", 2, "--whole", 1, "--shots", 100, "--beta", 1)
    result = invoke(atomized_digits, *small, "--csv", path, "--picture", picture)
    assert result.exit_code == 0, result.output
    shards, whole = rows_of(path)
    assert (shards["circuits"], whole["circuits"]) == ("2", "1")
    assert shards["right"].startswith("2/2") and whole["right"].startswith("1/1")
    assert float(shards["greatest sigma"]) < 5.0
    assert int(shards["two-qubit gates"]) > int(whole["two-qubit gates"]) > 600
    assert picture.stat().st_size > 5_000


def test_digits_refuse_more_than_there_are():
    result = invoke(atomized_digits, "--stored", 100_000)
    assert result.exit_code == 2 and "has only" in result.output


@pytest.mark.parametrize("how", ["law", "circuits"])
def test_failures(tmp_path, how):
    path, picture = tmp_path / "failures.csv", tmp_path / "failures.png"
    small = ("--stored", 16, "--draws", 3, "--probes", 1, "--shots", 100)
    if how == "circuits":
        small = ("--stored", 8, *small[2:], "--circuits")
    result = invoke(shard_failures, *small, "--csv", path, "--picture", picture)
    assert result.exit_code == 0, result.output
    rows = rows_of(path)
    dead = [row for row in rows if row["failure"] == "dead"]
    assert [float(row["patterns covered"]) for row in dead[:5]] == [1, 0.875, 0.75, 0.625, 0.5]
    assert all(float(row["patterns covered"]) >= 0.5 for row in dead[5:])
    tested = [row for row in rows if row["failure"] == "random, tested"]
    assert [row["found"] for row in tested] == ["1/1", "2/2", "4/4"]
    assert all(row["false alarms"].startswith("0/") for row in tested)
    assert picture.stat().st_size > 5_000


def test_large_memory(tmp_path):
    path = tmp_path / "large.csv"
    small = ("--patterns", 300, "--probes", 5, "--memory", 2, "--repeats", 1)
    result = invoke(large_memory, *small, "--csv", path)
    # Of so small a job the time is all overhead: the figure may be missed.
    assert result.exit_code in (0, 1), result.output
    rows = rows_of(path)
    assert [row["right"] for row in rows] == ["1.0"] * 3
    assert all(float(row["largest gap"]) < 1e-12 for row in rows)
    assert int(rows[1]["shards"]) > 1
