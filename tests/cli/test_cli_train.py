"""The command line's training."""

import re
import sys

import pandas as pd
import pytest

from qhopfield.cli import main

BAGS = [
    "train", "bit-patterns", "--epochs", "2", "--seed", "1",
    *(each for name in ("bits=3", "neurons=2", "instances=3", "signals=1", "heads=1", "bags=64",
                        "test_bags=12") for each in ("--set", name)),
]  # fmt: skip
SEQUENCE = [
    "train", "long-range", "--epochs", "1",
    *(each for name in ("distance=2", "train_examples=32", "test_examples=8")
      for each in ("--set", name)),
]  # fmt: skip


@pytest.fixture(autouse=True)
def wide(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)


def test_every_path_is_a_row(capsys, tmp_path):
    paths = ["--evaluate", "aer, law,noise,pennylane", "--shots", "50", "--limit", "6"]
    assert main([*BAGS, *paths, "--output", "run"]) == 0
    printed = capsys.readouterr().out
    assert "Bags of 3 patterns of 3 bits" in printed
    assert re.search(r"bit-patterns, quantum: \d+ parameters, 2 epochs", printed)
    table = pd.read_csv(tmp_path / "run" / "result.csv")
    assert table["path"].tolist() == ["law", "pennylane", "aer", "noise"]
    assert table["examples"].tolist() == [12, 6, 6, 6]
    assert table["shots"].tolist()[2:] == [50, 50]
    for path in table["path"]:
        assert re.search(rf"^. {path} ", printed, re.MULTILINE)
    assert (tmp_path / "run" / "result.png").stat().st_size > 1000
    assert len(pd.read_csv(tmp_path / "run" / "curve.csv")) == 2
    assert str(tmp_path / "run" / "result.csv").removeprefix(str(tmp_path) + "/") in printed


def test_a_finished_run_is_evaluated_later(capsys, tmp_path):
    assert main([*BAGS, "--output", "run"]) == 0
    curve = (tmp_path / "run" / "curve.csv").read_bytes()
    assert main([*BAGS, "--output", "run"]) == 2
    assert "holds a run already" in capsys.readouterr().err
    later = ["--resume", "--evaluate", "law,aer", "--shots", "20", "--limit", "2"]
    assert main([*BAGS, "--output", "run", *later]) == 0
    assert (tmp_path / "run" / "curve.csv").read_bytes() == curve
    assert pd.read_csv(tmp_path / "run" / "result.csv")["path"].tolist() == ["law", "aer"]


@pytest.mark.parametrize("memory", ["attention", "lstm", "hopfield-binary"])
def test_classical_memories_train_too(capsys, memory):
    assert main([*SEQUENCE, "--memory", memory]) == 0
    assert f"long-range, {memory}: " in capsys.readouterr().out


def test_same_seed_same_answer(tmp_path):
    for seed, folder in (("1", "a"), ("1", "b"), ("2", "c")):
        assert main([*SEQUENCE, "--memory", "rnn", "--seed", seed, "--output", folder]) == 0
    first, again, other = (
        pd.read_csv(tmp_path / each / "curve.csv").drop(columns="seconds") for each in "abc"
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_settings_are_listed(capsys):
    assert main(["train", "mqar", "--set", "pairs=4", "--settings"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"pairs +. +4 ", printed) and "4 pairs of key and value" in printed


def test_what_is_not_installed_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning", None)
    assert main(["train", "mqar"]) == 2
    assert 'pip install "qhopfield[hybrid]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["copy"], "task must be one of mqar, bit-patterns, digits, long-range; got 'copy'"),
        (["mqar", "--memory", "gru"], "memory must be one of quantum, quantum-product"),
        (["mqar", "--set", "colour=3"], "--set takes NAME=VALUE with a setting of mqar"),
        (["mqar", "--set", "pairs"], "got 'pairs'"),
        (["mqar", "--set", "pairs=two"], "--set pairs=two: the value must be an integer"),
        (["mqar", "--set", "power=x"], "--set power=x: the value must be a number"),
        (["bit-patterns", "--set", "static=3"], "the value must be true or false"),
        (["mqar", "--set", "pairs=0"], "pairs must be >= 1, got 0"),
        (["mqar", "--evaluate", "hardware"], "evaluate must be some of law, pennylane, aer, noise"),
        (
            ["mqar", "--memory", "lstm", "--evaluate", "law,aer"],
            "--memory lstm has no circuits to run on aer",
        ),
        (["mqar", "--resume"], "--resume goes on with the run in a folder"),
        (["mqar", "--evaluate", "noise", "--readout", "2"], "readout must be a finite number"),
        (["mqar", "--epochs", "0"], "epochs must be >= 1, got 0"),
        (["mqar", "--seed", "-1"], "seed must be >= 0, got -1"),
        (["mqar", "--parameters", "10"], "gives a model of 10 parameters within 5 %"),
        ([], "Missing argument"),
    ],
)
def test_wrong_requests_are_one_line(capsys, arguments, message):
    assert main(["train", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("qhopfield: error: ") and error.count("\n") == 1
    assert message in error
