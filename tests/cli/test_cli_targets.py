"""The command line knows what its probes were made from, and says so where it does not."""

import json

import numpy as np
import pytest

from qhopfield.circuits import RecallResult
from qhopfield.circuits.patterns import load_set
from qhopfield.cli import main

KIND = "a failure shown as a success"
MEMORY = ["-p", "cy", "--method", "filtered", "--filter", "exp", "--beta", ".3"]


@pytest.fixture(autouse=True)
def wide(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)


@pytest.mark.fault("files and pictures of the command line forgot what was meant", kind=KIND)
def test_what_was_meant_is_in_every_file(capsys):
    run = ["recall", *MEMORY, "--flips", "1", "--count", "4", "--shots", "50", "--seed", "2"]
    assert main([*run, "--save", "r.npz", "--json", "r.json", "--csv", "r.csv"]) == 0
    printed = capsys.readouterr().out
    assert "correct?" in printed and "nearest" not in printed
    result = RecallResult.load("r.npz")
    np.testing.assert_array_equal(result.targets, load_set("cy").patterns[[0, 1, 0, 1]])
    low, high = result.accuracy_interval
    assert f"Accuracy {result.accuracy:.0%} ({low:.0%} to {high:.0%})" in printed
    with open("r.json", encoding="utf-8") as file:
        assert json.load(file)["accuracy"] == result.accuracy
    with open("r.csv", encoding="utf-8") as file:
        assert "target_probability" in file.readline()


@pytest.mark.fault("overlaps with the nearest pattern did not say so", kind=KIND)
def test_nearest_is_said_where_nothing_is_known(capsys):
    np.save("probes.npy", -load_set("cy").patterns.astype(float))
    assert main(["recall", *MEMORY, "--probe", "probes.npy", "--shots", "50", "--seed", "2"]) == 0
    printed = capsys.readouterr().out
    assert "nearest" in printed and "no targets are known" in printed
    assert "correct?" not in printed and "Accuracy" not in printed


@pytest.mark.parametrize(("mitigate", "chance"), [([], "0.2%"), (["codewords"], "50.0%")])
def test_chance_stands_beside(capsys, mitigate, chance):
    run = ["recall", *MEMORY, "--flips", "1", "--shots", "50", "--seed", "2", "--readout", ".05"]
    assert main([*run, *(["--mitigate", *mitigate] if mitigate else [])]) == 0
    assert f"noise alone would give each stored pattern {chance}" in capsys.readouterr().out
