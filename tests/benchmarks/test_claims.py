"""The claims: a quick subset is measured, and the machinery around them."""

from __future__ import annotations

import csv
import math
import os
import signal
import time

import pytest
from typer.testing import CliRunner

from benchmarks.claims import REGISTRY, Measured, Registry, claim, store
from benchmarks.claims import __main__ as command
from benchmarks.claims.record import exactly, mean, share
from benchmarks.claims.store import COLUMNS, Store
from benchmarks.common import environment

pytestmark = pytest.mark.usefixtures("heard")

QUICK = (
    "capacity.projection",
    "costs.gates.*",
    "digits.hebb.stable",
    "law.exact.cubic.level-1",
    "law.exact.cubic.threshold",
    "letters.classical",
    "neuron.attempts.*",
    "neuron.majority",
    "neuron.recovery.*",
    "neuron.rotations.law.*",
    "neuron.temperature.*",
)


def invoke(*args):
    return CliRunner().invoke(command.app, [str(each) for each in args])


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def calls():
    return []


@pytest.fixture
def registry(monkeypatch, calls):
    """Four small claims in the place of the real ones; ``calls`` lists what was measured."""
    small = Registry()

    def add(name, value, expected, **more):
        def measure(seed):
            calls.append((name, seed))
            return value(seed) if callable(value) else exactly(value, "seen [here]")

        settings = {"setting": "none", "by": "law", "tolerance": 0.1, **more}
        claim(
            name,
            statement=f"It is {expected}",
            source="this test",
            expected=expected,
            registry=small,
            **settings,
        )(measure)

    add("good.one", 1.05, 1.0, quick=True)
    add("good.two", lambda seed: share(5, 10), 0.5, quick=True)
    add("known.wrong", 0.2, 1.0, found=0.25)
    add("bad.one", 1.2, 1.0)
    monkeypatch.setattr(command, "REGISTRY", small)
    small.extra = add
    return small


# The real claims.


def test_a_quick_subset_comes_out(tmp_path):
    path = tmp_path / "claims.csv"
    options = [option for pattern in QUICK for option in ("--only", pattern)]
    result = invoke("--quick", *options, "--csv", path)
    assert result.exit_code == 0, result.output
    rows = {row["id"]: row for row in rows_of(path)}
    assert len(rows) >= 18
    assert {row["verdict"] for row in rows.values()} == {"holds", "does not hold"}
    assert rows["neuron.recovery.sign-as-printed"]["verdict"] == "does not hold"
    measured = rows["neuron.attempts.uniform"]
    assert float(measured["low"]) < math.sqrt(2.0) < float(measured["high"])


def test_every_claim_is_complete_and_some_are_quick():
    claims = REGISTRY.all()
    assert len({each.id for each in claims}) == len(claims) >= 50
    for each in claims:
        assert each.statement and each.source and each.setting, each.id
        assert each.by in ("circuits", "law", "classical"), each.id
        assert math.isfinite(each.expected) and each.tolerance >= 0.0, each.id
    themes = {each.id.split(".")[0] for each in claims}
    assert {"neuron", "letters", "digits", "capacity", "costs", "law"} <= themes
    for theme in ("neuron", "letters", "digits", "costs", "law"):
        assert any(each.quick for each in claims if each.id.startswith(f"{theme}.")), theme


def test_what_the_quick_subset_names_exists():
    for pattern in QUICK:
        assert REGISTRY.select([pattern], quick=True)


@pytest.mark.fault(
    "two claims runs on one CSV: both exit 0, the rows of one are lost",
    kind="two writers of a file that a run goes on from",
)
def test_a_csv_of_claims_has_one_writer(registry, tmp_path):
    path = tmp_path / "claims.csv"
    with Store(path).writing():
        result = invoke("--only", "good.*", "--csv", path)
        assert result.exit_code == 2 and "is being written by process" in result.output
    before = Store(path)  # opened before another run wrote
    invoke("--only", "good.one", "--csv", path)
    with before.writing():
        before.save(before_outcome := Store(path).stored(registry.all()[0], 7))
    assert [row["id"] for row in rows_of(path)] == ["good.one"] == [before_outcome.id]
    invoke("--only", "good.two", "--csv", path)
    assert [row["id"] for row in rows_of(path)] == ["good.one", "good.two"]


@pytest.mark.fault(
    "a changed digit of a claim's row was shown as measured",
    kind="a file that a run goes on from is damaged",
)
def test_a_changed_row_is_measured_again(registry, tmp_path):
    path = tmp_path / "claims.csv"
    invoke("--only", "good.one", "--csv", path)
    sound = path.read_text()
    path.write_text(sound.replace(",1.05,", ",1.04,"))
    assert path.read_text() != sound
    assert Store(path).stored(registry.all()[0], 7) is None
    invoke("--only", "good.one", "--csv", path)
    assert float(rows_of(path)[0]["value"]) == 1.05


@pytest.mark.fault(
    "a run that was ended by SIGTERM said nothing",
    kind="a run that is ended says nothing, or success",
)
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_claims_that_are_ended_say_how_to_go_on(registry, tmp_path, name, status):
    def ended(seed):
        os.kill(os.getpid(), getattr(signal, name))
        time.sleep(5)

    registry.extra("ended.one", ended, 1.0)
    result = invoke("--only", "ended.*", "--csv", tmp_path / "claims.csv")
    assert result.exit_code == status and "run the same command to go on" in result.output


# The command.


def test_the_csv_holds_the_claim_the_outcome_and_the_circumstances(registry, tmp_path):
    path = tmp_path / "new folder" / "claims.csv"
    result = invoke("--only", "good.*", "--csv", path, "--seed", 3)
    assert result.exit_code == 0
    one, two = rows_of(path)
    assert tuple(one) == (*COLUMNS, *environment(), "checksum")
    assert one["id"] == "good.one" and one["verdict"] == "holds" and one["seed"] == "3"
    assert float(one["value"]) == 1.05 and float(one["expected"]) == 1.0
    assert float(two["low"]) == pytest.approx(0.2366, abs=1e-4)
    assert one["qiskit"] == environment()["qiskit"] and one["cpus"] == environment()["cpus"]


def test_a_second_run_measures_only_what_is_new(registry, calls, tmp_path):
    path = tmp_path / "claims.csv"
    invoke("--only", "good.one", "--csv", path)
    before = rows_of(path)
    result = invoke("--only", "good.*", "--csv", path)
    assert result.exit_code == 0
    assert [name for name, _ in calls] == ["good.one", "good.two"]
    assert rows_of(path)[:1] == before
    assert "1.05" in result.output  # stored outcomes are shown as well


@pytest.mark.parametrize("change", [("--fresh",), ("--seed", "8")])
def test_fresh_or_another_seed_measures_again(registry, calls, tmp_path, change):
    path = tmp_path / "claims.csv"
    invoke("--only", "good.one", "--csv", path)
    invoke("--only", "good.one", "--csv", path, *change)
    assert len(calls) == 2
    assert len(rows_of(path)) == 1


def test_other_code_other_versions_or_another_setting_measure_again(
    registry, calls, tmp_path, monkeypatch
):
    path = tmp_path / "claims.csv"
    run = ("--only", "good.one", "--csv", path)
    invoke(*run)
    monkeypatch.setattr("benchmarks.claims.record._code", lambda: "another")
    invoke(*run)
    assert len(calls) == 2
    versions = {**environment(), "qiskit": "0.1"}
    monkeypatch.setattr(store, "environment", lambda: versions)
    invoke(*run)
    assert len(calls) == 3
    machine = {**versions, "cpus": "512"}
    monkeypatch.setattr(store, "environment", lambda: machine)
    invoke(*run)
    assert len(calls) == 3  # the machine is recorded, and decides nothing


def test_an_interrupted_run_keeps_what_it_has(registry, tmp_path):
    def interrupt(seed):
        raise KeyboardInterrupt

    registry.extra("later.interrupted", interrupt, 1.0)
    path = tmp_path / "claims.csv"
    invoke("--only", "good.one", "--only", "later.*", "--csv", path)
    assert [row["id"] for row in rows_of(path)] == ["good.one"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_claim_that_fails_ends_with_status_1(registry, calls, tmp_path):
    path = tmp_path / "claims.csv"
    result = invoke("--csv", path)
    assert result.exit_code == 1
    assert "Failed: bad.one" in result.output
    verdicts = {row["id"]: row["verdict"] for row in rows_of(path)}
    assert verdicts == {
        "good.one": "holds",
        "good.two": "holds",
        "known.wrong": "does not hold",
        "bad.one": "differs",
    }
    # A stored failure stays a failure.
    assert invoke("--csv", path).exit_code == 1
    assert len(calls) == 4


def test_an_error_in_one_claim_does_not_hide_the_others(registry, tmp_path):
    def broken(seed):
        raise ValueError("no such [memory]")

    registry.extra("aaa.broken", broken, 1.0)
    path = tmp_path / "claims.csv"
    result = invoke("--only", "aaa.*", "--only", "good.*", "--csv", path)
    assert result.exit_code == 1
    assert "no such [memory]" in result.output
    assert [row["id"] for row in rows_of(path)] == ["good.one", "good.two"]


def test_quick_leaves_out_the_rest(registry, calls, tmp_path):
    assert invoke("--quick", "--csv", tmp_path / "claims.csv").exit_code == 0
    assert [name for name, _ in calls] == ["good.one", "good.two"]


def test_list_measures_nothing(registry, calls, tmp_path):
    result = invoke("--list", "--csv", tmp_path / "claims.csv")
    assert result.exit_code == 0 and not calls
    assert "known.wrong  It is 1.0" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--only", "good.three"), "Error: no claim is called 'good.three'"),
        (("--only", "good.one", "--only", "x*"), "Error: no claim is called 'x*'"),
        (("--only", "bad.one", "--quick"), "Error: none of the selected claims is quick"),
        (("--seed", "-1"), "Invalid value for '--seed'"),
        (("--seed", "seven"), "Invalid value for '--seed'"),
    ],
)
def test_wrong_requests(registry, calls, tmp_path, options, message):
    result = invoke(*options, "--csv", tmp_path / "claims.csv")
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())
    assert not calls


@pytest.mark.parametrize(
    "content", [b"id,value\nx,1\n", b"", b"\xff\xfe\x00", b"just a text, with a comma\n"]
)
def test_a_file_that_holds_something_else_is_left_alone(registry, calls, tmp_path, content):
    path = tmp_path / "claims.csv"
    path.write_bytes(content)
    result = invoke("--only", "good.one", "--csv", path)
    assert result.exit_code == 2
    assert "is no CSV file of claims" in result.output
    assert path.read_bytes() == content and not calls


# Records.


@pytest.mark.parametrize(
    ("value", "settings", "verdict"),
    [
        (1.1, {}, "holds"),
        (1.11, {}, "differs"),
        (math.nan, {}, "differs"),
        (7.0, {"relation": ">="}, "holds"),
        (0.89, {"relation": ">="}, "differs"),
        (-7.0, {"relation": "<="}, "holds"),
        (1.11, {"relation": "<="}, "differs"),
        (0.3, {"found": 0.25}, "does not hold"),
        (1.0, {"found": 0.25}, "differs"),
        (0.6, {"found": 0.25}, "differs"),
        (math.nan, {"found": 0.25}, "differs"),
    ],
)
def test_verdicts(value, settings, verdict):
    registry = Registry()
    claim(
        "x",
        statement="s",
        source="s",
        setting="s",
        expected=1.0,
        tolerance=0.1 + 1e-12,
        by="law",
        registry=registry,
        **settings,
    )(lambda seed: exactly(value))
    assert registry.all()[0].verdict(value) == verdict


def test_an_id_is_taken_once(registry):
    with pytest.raises(ValueError, match=r"Two claims are called 'good\.one'"):
        registry.extra("good.one", 1.0, 1.0)


def test_intervals():
    counted = share(8, 10)
    assert (counted.low, counted.high) == pytest.approx((0.490, 0.943), abs=1e-3)
    averaged = mean([1.0, 2.0, 3.0])
    # Student, 2 degrees of freedom: 4.303 * 1 / sqrt(3).
    assert (averaged.low, averaged.high) == pytest.approx((2 - 2.484, 2 + 2.484), abs=1e-3)
    assert mean([2.0, 2.0]) == Measured(2.0, 2.0, 2.0)
    assert exactly(3) == Measured(3.0, 3.0, 3.0)


def test_outcomes_survive_the_file(registry, tmp_path):
    path = tmp_path / "claims.csv"
    invoke("--csv", path)
    for each in registry.all():
        outcome = Store(path).stored(each, 7)
        assert outcome is not None
        assert outcome.verdict == each.verdict(outcome.value)
        assert outcome.found == each.found
    assert Store(path).stored(registry.all()[0], 8) is None
