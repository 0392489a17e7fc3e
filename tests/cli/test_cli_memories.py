"""The command line's superposition methods."""

import re

import numpy as np
import pandas as pd
import pytest

from qhopfield.circuits import ExpFilter, FilteredMemory, ModernHopfield, RecallResult
from qhopfield.circuits.patterns import load_set
from qhopfield.cli import main

CY = ["-p", "cy", "--flips", "1", "--seed", "1"]
MODERN = ["--model", "modern", "--beta", ".25"]
CUBIC = ["--model", "dense", "--separation", "rectified"]


@pytest.fixture(autouse=True)
def wide(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "ran_on", "method"),
    [
        ([*MODERN, "--method", "filtered"], "aer", "FilteredMemory(filter=None, iterations=1"),
        (
            ["--method", "filtered", "--filter", "exp", "--beta", ".3", "--iterations", "2"],
            "aer",
            "ExpFilter(beta=0.3), iterations=2",
        ),
        (
            ["--method", "filtered", "--filter", "kernel", "--least", "descending"],
            "aer",
            "KernelFilter(kernel=Exponential(beta=1.0), d_min=0), iterations=1, fresh=False, "
            "least='descending'",
        ),
        (
            ["--method", "amplified", "--filter", "trugenberger", "--controls", "2"],
            "aer",
            "TrugenbergerFilter(controls=2), rounds='auto'",
        ),
        ([*MODERN, "--method", "amplified", "--rounds", "0"], "aer", "rounds=0"),
        ([*MODERN, "--method", "amplified", "--rounds", "unknown"], "aer", "rounds='unknown'"),
        (
            [*CUBIC, "--method", "vote", "--votes", "32", "--order", "8,0,1"],
            "aer",
            "DenseVote(sweeps=1, order=(8, 0, 1), votes=32",
        ),
        (
            ["--method", "rejection", "--filter", "kernel", "--d-min", "1", "--beta", ".5"],
            "classical",
            "KernelFilter(kernel=Exponential(beta=0.5), d_min=1)",
        ),
        (["--method", "softmax"], "classical", "DirectSoftmax(filter=None, iterations=1"),
    ],
)
def test_recall_runs_each_method(capsys, options, ran_on, method):
    assert main(["recall", *CY, *options, "--shots", "40", "--save", "r.npz"]) == 0
    result = RecallResult.load("r.npz")
    assert result.run_on.split()[0] == ran_on
    assert method in result.method
    assert result.recalled.all()
    printed = capsys.readouterr().out
    assert "Neurons:" not in printed and "level-1" not in printed
    if "unknown" in options:
        assert re.search(r"Memory: \d+\.\d\d loadings of the memory", printed)


def test_beta_is_the_filters_and_the_models():
    run = ["recall", *CY, "--exact", "--save", "r.npz", "-q"]
    assert main([*run, *MODERN, "--method", "filtered"]) == 0
    own = RecallResult.load("r.npz")
    named = ["--method", "filtered", "--filter", "exp", "--beta", ".25"]
    assert main([*run, *named]) == 0
    other = RecallResult.load("r.npz")
    model = ModernHopfield(load_set("cy").patterns, beta=0.25)
    for result, method in ((own, FilteredMemory()), (other, FilteredMemory(ExpFilter(0.25)))):
        law = method.law(model, result.probes[0])
        assert result.acceptance[0] == pytest.approx(law.acceptance, rel=1e-12)
        assert np.allclose(result.expectations[0], law.expectations(), atol=1e-12)
    assert "ModernHopfield" in own.model and "rule='projection'" in other.model


@pytest.mark.parametrize(
    "options",
    [
        [*MODERN, "--method", "filtered"],
        [*MODERN, "--method", "amplified", "--rounds", "unknown"],
        [*CUBIC, "--method", "vote", "--votes", "4"],
    ],
)
def test_same_seed_same_csv(tmp_path, options):
    run = ["recall", "-p", "cy", "--flips", "2", *options, "--shots", "24", "-q"]
    for seed, name in (("1", "a.csv"), ("1", "b.csv"), ("2", "c.csv")):
        assert main([*run, "--seed", seed, "--csv", name]) == 0
    first, again, other = ((tmp_path / f"{name}.csv").read_bytes() for name in "abc")
    assert first == again != other


def test_a_device_is_as_wide_as_the_method(capsys):
    run = ["recall", *CY, *MODERN, "--method", "filtered", "--backend", "generic", "--shots", "4"]
    assert main([*run, "--save", "r.npz"]) == 0
    assert "generic_backend_10q" in RecallResult.load("r.npz").run_on  # nine neurons, an ancilla
    assert main([*run, "--qubits", "9"]) == 2
    assert "--qubits must be >= 10" in capsys.readouterr().err


def test_resources_count_the_loading(capsys):
    assert main(["resources", "-p", "cy", *MODERN, "--method", "filtered", "--basis", "cx"]) == 0
    printed = capsys.readouterr().out
    assert "FilteredMemory(" in printed
    rows = {
        name: int(re.search(rf"^ +{name} +(\d+)", printed, re.MULTILINE).group(1))
        for name in ("qubits", "two-qubit gates, expected", "two-qubit gates of loading")
    }
    assert rows["qubits"] == 10
    assert rows["two-qubit gates, expected"] == rows["two-qubit gates of loading"] + 9
    assert main(["resources", "-p", "cy", "--method", "softmax"]) == 0
    assert re.search(r"^ +qubits +0 ", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    "options",
    [
        ["--method", "filtered", "--filter", "exp"],
        ["--method", "amplified", "--filter", "kernel", "--d-min", "0"],
        ["--method", "rejection", "--model", "modern"],
        ["--method", "vote", "--model", "dense", "--votes", "8", "--sweeps", "1"],
    ],
)
def test_capacity(tmp_path, options):
    run = ["capacity", "--neurons", "6", "--patterns", "2", "--trials", "2", "--shots", "20"]
    beta = [] if "vote" in options else ["--beta", "1.5"]
    assert main([*run, *options, *beta, "--csv", "c.csv"]) == 0
    text = (tmp_path / "c.csv").read_text(encoding="utf-8")
    name = {"filtered": "FilteredMemory", "amplified": "AmplifiedMemory", "vote": "DenseVote"}
    assert name.get(options[1], "RejectionSampling") in text
    assert "beta=1.5" in text or not beta
    assert len(pd.read_csv("c.csv")) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "magic"], "--method must be one of 'neurons', 'filtered'"),
        (["--filter", "exp"], "--filter is for --method filtered and amplified and rejection"),
        (["--method", "vote", *CUBIC, "--rounds", "1"], "--rounds is for --method amplified"),
        (["--method", "filtered", "--level", "1"], "--level is for --method neurons"),
        (["--method", "filtered", "--fold"], "--fold is for --method neurons"),
        (["--method", "softmax", "--sweeps", "2"], "--sweeps is for --method neurons and vote"),
        (["--method", "vote"], "so a DenseAssociativeMemory; got Hopfield"),
        (["--method", "filtered", "--beta", "1"], "--beta is for --model dense and modern"),
        (["--method", "filtered", "--filter", ""], "--filter must be one of 'auto'"),
        (["--method", "filtered", "--controls", "2"], "--controls is for --filter trugenberger"),
        (["--method", "rejection", "--d-min", "0"], "--d-min is for --filter kernel"),
        (["--method", "vote", *CUBIC, "--d-min", "0"], "--d-min is for --method filtered"),
        (
            ["--method", "filtered", "--filter", "kernel", "--least", "quantum", "--d-min", "1"],
            "--d-min is for --least given",
        ),
        (["--method", "filtered", "--filter", "exp", "--beta", "-1"], "beta must be"),
        (["--method", "filtered", "--iterations", "2"], "which only ExpFilter takes"),
        (["--method", "amplified", "--rounds", "few"], "'auto' or 'unknown'; got 'few'"),
        (["--method", "amplified", "--rounds", "99"], "overshoot"),
        (["--method", "softmax", "--readout", ".1"], "--readout is for methods that run circuits"),
        ([*MODERN, "--neuron", "threshold"], "a ModernHopfield has neither"),
        ([*MODERN, "--register", "coherent"], "got ModernHopfield"),
        (["--model", "modern", "--power", "3"], "--power is for --model dense"),
    ],
)
def test_wrong_requests_are_one_line(capsys, arguments, message):
    assert main(["recall", *CY, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("qhopfield: error: ") and error.count("\n") == 1
    assert message in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "softmax"], "method must be one of classical, rus"),
        (["--votes", "3"], "--votes is for --method vote"),
        (["--method", "filtered", "--sweeps", "3"], "--sweeps is for --method rus, threshold"),
        (["--method", "vote", "--model", "dense", "--level", "3"], "--level is for --method rus"),
        (["--beta", "2"], "--beta is for modern, dense with --power 0"),
    ],
)
def test_wrong_capacity_requests(capsys, arguments, message):
    assert main(["capacity", "--neurons", "6", "--patterns", "2", *arguments]) == 2
    assert message in capsys.readouterr().err
