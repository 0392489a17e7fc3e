"""The command line's submodules: how they are cut, fail, are spread, and reported."""

import re
import sys

import numpy as np
import pytest

from qhopfield.circuits import AtomizedMemory, ExpFilter, FilteredMemory, RecallResult, recall
from qhopfield.circuits.models import Hopfield
from qhopfield.circuits.patterns import load_set
from qhopfield.cli import main

CY = ["-p", "cy", "--flips", "1", "--seed", "1"]
EXP = ["--method", "filtered", "--filter", "exp", "--beta", ".3"]
TEN = ["-p", "digits", "--seed", "1", *EXP]


@pytest.fixture(autouse=True)
def wide(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


def test_the_command_is_the_librarys_recall(capsys):
    run = ["recall", *CY, *EXP, "--shards", "2", "--blocks", "3", "--replicas", "2"]
    assert main([*run, "--shots", "60", "--save", "r.npz"]) == 0
    result = RecallResult.load("r.npz")
    memory = Hopfield.store(load_set("cy").patterns, rule="projection")
    method = AtomizedMemory(FilteredMemory(ExpFilter(0.3)), shards=2, blocks=3, replicas=2)
    same = recall(memory, result.probes, method, shots=60, seed=1)
    assert result.method == repr(method)
    assert result.counts == same.counts
    printed = capsys.readouterr().out
    assert "Submodules: 12 (2 shards x 3 blocks x 2 replicas); for a probe 12 answered" in printed
    assert "100.0% of the patterns covered" in printed
    assert "Circuits: 12 side by side, 4 qubits and depth 12 at most, 36 two-qubit gates" in printed
    assert "updates a shot" not in printed


def test_cut_or_whole_the_law_is_the_same():
    assert main(["recall", *TEN, "--exact", "--save", "whole.npz", "-q"]) == 0
    whole = RecallResult.load("whole.npz")
    for options in (["--shards", "3"], ["--shards", "4", "--similar"], ["--blocks", "8"]):
        assert main(["recall", *TEN, "--exact", *options, "--save", "cut.npz", "-q"]) == 0
        cut = RecallResult.load("cut.npz")
        assert np.abs(cut.expectations - whole.expectations).max() < 1e-12
        assert np.abs(cut.acceptance / whole.acceptance - 1.0).max() < 1e-12


def test_failures_are_counted(capsys):
    fails = ["--replicas", "2", "--dead", ".3", "--random", "1", "--detect", "1e-3"]
    assert main(["recall", *TEN, "--exact", "--shards", "5", *fails, "--save", "r.npz"]) == 0
    parts = RecallResult.load("r.npz").parts
    assert parts.count("dead").tolist() == [3] * 10
    assert parts.count("rejected").tolist() == [1] * 10
    printed = capsys.readouterr().out
    assert "10 (5 shards x 2 replicas); for a probe 6 answered, 3 dead, 1 rejected" in printed
    assert f"{parts.covered().mean():.1%} of the patterns covered" in printed


def test_kept_shards_are_counted(capsys):
    twin = ["-p", "digits", "--seed", "1", "--method", "rejection", "--filter", "exp"]
    keep = ["--beta", ".1", "--shards", "5", "--similar", "--keep", "2", "--shots", "500"]
    assert main(["recall", *twin, *keep]) == 0
    printed = capsys.readouterr().out
    assert "Submodules: 5 (5 shards); for a probe 2 answered, 3 skipped; 40.0% of" in printed
    assert "Circuits:" not in printed  # the twin runs none


def test_all_dead_is_one_line(capsys):
    assert main(["recall", *CY, *EXP, "--shards", "2", "--dead", "2"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("qhopfield: error: No submodule answered") and error.count("\n") == 1


def test_a_journal_is_resumed_and_belongs_to_its_run(capsys, tmp_path):
    run = ["recall", *CY, *EXP, "--shards", "2", "--shots", "40", "--journal", "kept.db"]
    assert main([*run, "--csv", "a.csv", "-q"]) == 0
    assert main([*run, "--csv", "b.csv", "-q"]) == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert main([*run, "--shots", "41"]) == 2
    assert "kept.db" in capsys.readouterr().err


def test_workers_do_not_change_the_answer(tmp_path):
    run = ["recall", *CY, *EXP, "--shards", "2", "--shots", "40", "--deadline", "300", "-q"]
    for workers in ("1", "2"):
        assert main([*run, "--workers", workers, "--csv", f"{workers}.csv"]) == 0
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


def test_mitigation_and_a_fake_device():
    pytest.importorskip("qiskit_ibm_runtime")
    pytest.importorskip("mthree")
    run = ["recall", *CY, *EXP, "--shards", "2", "--blocks", "3", "--shots", "100", "-q"]
    run += ["--backend", "fake_manila", "--mitigate", "readout, zne,codewords", "--save", "r.npz"]
    assert main(run) == 0
    result = RecallResult.load("r.npz")
    assert result.run_on == "fake_manila, mitigated: read-out, zero noise linear"
    stored = {row.tobytes() for row in load_set("cy").patterns}
    assert {row.tobytes() for states in result.outcomes for row in states} <= stored


def test_codewords_are_rejected_without_any_extra():
    run = ["recall", *CY, *EXP, "--readout", ".1", "--shots", "200", "-q", "--save", "r.npz"]
    states = []
    for options in ([], ["--mitigate", "codewords"]):
        assert main([*run, *options]) == 0
        states.append(max(len(each) for each in RecallResult.load("r.npz").outcomes))
    assert states[0] > 2 >= states[1]


def test_a_fake_device_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    assert main(["recall", *CY, *EXP, "--backend", "fake_manila"]) == 2
    error = capsys.readouterr().err
    assert "pip install qhopfield[devices]" in error and error.count("\n") == 1


def test_resources_of_submodules(capsys):
    pytest.importorskip("qiskit_ibm_runtime")
    run = ["resources", "-p", "cy", *EXP, "--shards", "2", "--blocks", "3", "--replicas", "2"]
    assert main([*run, "--backend", "fake_manila"]) == 0
    printed = capsys.readouterr().out
    assert "fake_manila, 5 qubits" in printed
    for name, number in (
        ("qubits of the widest", 4),
        ("circuits, side by side", 12),
        ("two-qubit gates, loops run once", 36),
        ("depth of the deepest", 12),
    ):
        assert re.search(rf"^ +{name} +{number} ", printed, re.MULTILINE), name


def test_mnist_is_shown(capsys):
    assert main(["patterns", "mnist", "--limit", "2"]) == 0
    printed = capsys.readouterr().out
    assert "mnist: 2 patterns, neurons: 784 (28x28)" in printed
    assert max(len(line) for line in printed.splitlines()[3:]) <= 2 * 28 + 2
    assert printed.count("█") > 50


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shards", "2"], "--shards is for --method filtered and rejection; leave"),
        (["--method", "softmax", "--replicas", "2"], "--replicas is for --method filtered"),
        ([*EXP, "--shards", "3"], "shards=3 would leave parts empty"),
        ([*EXP, "--shards", "0"], "shards must be"),
        ([*EXP, "--blocks", "10"], "blocks=10 would leave parts empty"),
        ([*EXP, "--blocks", "3", "--keep", "1"], "--keep is for memories that --shards cuts"),
        ([*EXP, "--blocks", "3", "--similar"], "--similar is for memories that --shards cuts"),
        ([*EXP, "--keep", "1"], "--keep is for memories that --shards cuts"),
        ([*EXP, "--shards", "2", "--keep", "3"], "keep=3 of only 2 shards"),
        ([*EXP, "--detect", ".1"], "--detect is for memories that --shards, --blocks or"),
        ([*EXP, "--dead", "1"], "--dead is for memories that --shards, --blocks or --replicas"),
        ([*EXP, "--random", "1"], "--random is for memories that --shards, --blocks or"),
        ([*EXP, "--deadline", "9"], "--deadline is for memories that --shards, --blocks or"),
        ([*EXP, "--shards", "2", "--detect", "2"], "detect must be"),
        ([*EXP, "--shards", "2", "--dead", "x"], "--dead must be a number"),
        ([*EXP, "--shards", "2", "--dead", "3"], "faults ask for 3 failures"),
        ([*EXP, "--shards", "2", "--dead", "nan"], "dead must be"),
        ([*EXP, "--shards", "2", "--deadline", "0"], "deadline must be"),
        ([*EXP, "--shards", "2", "--random", "1", "--exact"], "have no place in the law"),
        ([*EXP, "--shards", "2", "--workers", "0"], "workers must be"),
        (["--workers", "1", "--scheduler", "tcp://h:1"], "either --workers or --scheduler"),
        (["--method", "rejection", "--filter", "kernel", "--d-min", "1", "--blocks", "2"], "d_min"),
        ([*EXP, "--mitigate", ""], "each of --mitigate must be one of 'readout', 'zne'"),
        ([*EXP, "--mitigate", "readout;zne"], "each of --mitigate must be one of"),
        (["--mitigate", "zne"], "register='feedforward'"),
        (["--method", "softmax", "--mitigate", "zne"], "--mitigate is for methods that run"),
        ([*EXP, "--backend", "brisbane"], "'generic', 'fake_...'; got 'brisbane'"),
        ([*EXP, "--backend", "fake_atlantis"], "has no device fake_atlantis; there are fake_man"),
        ([*EXP, "--backend", "fake_manila"], "fake_manila has 5"),
        ([*EXP, "--backend", "fake_manila", "--qubits", "5"], "--qubits is for --backend generic"),
    ],
)
def test_wrong_requests_are_one_line(capsys, arguments, message):
    if "fake_" in "".join(arguments):
        pytest.importorskip("qiskit_ibm_runtime")
    assert main(["recall", *CY, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("qhopfield: error: ") and error.count("\n") == 1
    assert message in error


def test_a_journal_needs_a_seed(capsys):
    assert main(["recall", "-p", "cy", *EXP, "--journal", "j.db"]) == 2
    assert "--journal needs --seed" in capsys.readouterr().err
