"""The command line: what it prints, what it writes, and how it refuses."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qhopfield import __version__, cli
from qhopfield.circuits import RecallResult
from qhopfield.circuits.patterns import load_patterns, load_set
from qhopfield.cli import main

QUICK = ["-p", "cy", "--flips", "1", "--level", "1", "--sweeps", "1", "--seed", "1"]


@pytest.fixture(autouse=True)
def wide(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


def test_help_and_version_import_nothing_heavy():
    code = (
        "import sys; from qhopfield.cli import main; "
        "assert main(['--help']) == 0 and main(['recall', '--help']) == 0; "
        "assert main(['--version']) == 0; "
        "print([name for name in ('numpy', 'qiskit', 'pandas', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith(f"qhopfield {__version__}\n[]\n")
    for word in ("recall", "resources", "patterns", "showcase", "--erase", "--depolarizing"):
        assert word in done.stdout


def test_module_is_the_command():
    call = [sys.executable, "-m", "qhopfield"]
    done = subprocess.run([*call, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"qhopfield {__version__}\n"
    wrong = subprocess.run([*call, "recal"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("qhopfield: error: No such command")
    assert wrong.stderr.count("\n") == 1


# A person's first command.


def test_without_a_command_there_is_the_showcase(monkeypatch):
    called = []
    monkeypatch.setattr(cli, "run_showcase", lambda: called.append(True))
    assert main([]) == 0
    assert called == [True]


def test_showcase(capsys, tmp_path):
    assert main(["showcase", "--shots", "1", "--level", "1"]) == 0
    output = capsys.readouterr().out
    for digit in range(10):
        assert re.search(rf"^ +{digit} +0\.594 +-?\d\.\d+ +100 % ", output, re.MULTILINE)
    assert "13 of 64 pixels flipped" in output
    assert re.search(r"of the classical dynamics, \d", output)
    assert "Circuits: 2 qubits, 128 updates a shot" in output
    assert re.search(r"Run: 10 probes x 1 shot on aer statevector in \d+\.\d s", output)
    assert f"Wrote {tmp_path / 'recall.png'}" in output
    assert max(map(len, output.splitlines()[:-1])) <= 100
    with Image.open(tmp_path / "recall.png") as picture:
        picture.load()
        assert min(picture.size) > 500
    assert [path.name for path in tmp_path.iterdir()] == ["recall.png"]  # nothing half-written


# recall


def test_recall_writes_whole_files_and_the_same_ones_again(capsys, tmp_path):
    names = ["r.csv", "r.json", "r.npz", "r.png"]
    options = [
        part
        for kind, name in zip(["csv", "json", "save", "picture"], names, strict=True)
        for part in (f"--{kind}", name)
    ]
    assert main(["recall", *QUICK, "--shots", "30", *options]) == 0
    printed = capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert all(f"Wrote {tmp_path / name}" in printed for name in names)
    table = pd.read_csv("r.csv")
    assert table["shots"].tolist() == [30, 30] and table["seed"].tolist() == [1, 1]
    result = RecallResult.load("r.npz")
    assert result.probabilities.tolist() == table["probability"].tolist()
    assert json.loads((tmp_path / "r.json").read_text())["shots"] == 30
    assert (result.probes == load_set("cy").patterns).sum(axis=1).tolist() == [8, 8]

    first = (tmp_path / "r.csv").read_bytes()
    assert main(["recall", *QUICK, "--shots", "30", "--csv", "again.csv", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "again.csv").read_bytes() == first
    other = [*QUICK[:-1], "2"]
    assert main(["recall", *other, "--shots", "30", "--csv", "other.csv", "--quiet"]) == 0
    assert (tmp_path / "other.csv").read_bytes() != first


@pytest.mark.parametrize(
    ("options", "ran_on", "method"),
    [
        (["--exact"], "law", "RUSNeuron(level=1"),
        (["--neuron", "threshold"], "aer statevector", "ThresholdNeuron(bits=10)"),
        (["--neuron", "rotation", "--register", "reuse"], "aer statevector", "register='reuse'"),
        (["--order", "random", "--attempts", "3"], "aer statevector", "attempts=3"),
        (["--order", "8,0,1", "--gain", "typical"], "aer statevector", "order=(8, 0, 1)"),
        (["--synchronous", "--gain", ".5"], "aer statevector", "gain=0.5"),
        (["--depolarizing", ".01", "--readout", ".02"], "aer density_matrix with noise", "RUS"),
        (["--t1", "50"], "aer density_matrix with noise", "RUS"),
        (["--backend", "generic"], "generic_backend_2q", "RUSNeuron(level=1"),
        (["--backend", "mps"], "aer matrix_product_state", "RUSNeuron(level=1"),
    ],
)
def test_recall_runs_what_was_asked_for(options, ran_on, method):
    choice = ["-p", "cy", "--flips", "1", "--sweeps", "1", "--seed", "1"]
    level = [] if "--neuron" in options else ["--level", "1"]
    assert main(["recall", *choice, *level, *options, "--shots", "8", "--save", "r.npz", "-q"]) == 0
    result = RecallResult.load("r.npz")
    assert result.run_on == ran_on
    assert method in result.method
    assert result.recalled.all()


@pytest.mark.parametrize(
    ("options", "model"),
    [
        (["--rule", "hebb"], "rule='hebb'"),
        (["--model", "dense", "--power", "4"], "Polynomial(power=4)"),
        (["--model", "dense", "--separation", "rectified"], "RectifiedPolynomial(power=3)"),
        (
            ["--model", "dense", "--separation", "exponential", "--beta", ".5"],
            "Exponential(beta=0.5)",
        ),
    ],
)
def test_models(options, model):
    assert main(["recall", *QUICK, *options, "--exact", "--save", "r.npz", "-q"]) == 0
    assert model in RecallResult.load("r.npz").model


def test_noise_is_applied():
    """Read-out that always errs returns the complement of what the threshold neuron recalls."""
    quick = ["-p", "cy", "--flips", "0", "--neuron", "threshold", "--sweeps", "1", "--seed", "1"]
    quick += ["--register", "reuse", "--shots", "5", "--save", "r.npz", "-q"]
    for readout, sign in (("0", 1), ("1", -1)):
        assert main(["recall", *quick, "--readout", readout]) == 0
        assert (RecallResult.load("r.npz").states == sign * load_set("cy").patterns).all()


def test_choosing_what_is_stored():
    def stored(*options):
        run = ["recall", *options, "--exact", "--shots", "1", "--save", "r.npz", "-q"]
        assert main(run) == 0
        return RecallResult.load("r.npz").patterns

    digits, letters = load_set("digits"), load_set("alphabet")
    assert (stored() == digits.one_per_label().patterns).all()
    assert (stored("--store", "7, 3") == digits.one_per_label().patterns[[7, 3]]).all()
    assert (stored("--store", "3", "--per-label", "2") == digits.select("3").patterns[:2]).all()
    assert (stored("--store", "#10,#0") == digits.patterns[[10, 0]]).all()  # both are zeros
    assert (stored("-p", "alphabet", "--limit", "3") == letters.patterns[:3]).all()


def test_own_patterns_and_probes(capsys, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    cy = load_set("cy")
    for index, label in enumerate(cy.labels):
        Image.fromarray(np.where(cy.image(index) > 0, 0, 255).astype(np.uint8)).save(
            folder / f"{label}.png"
        )
    probes = cy.patterns.astype(float)
    probes[:, :2] = 0.0
    probes[1, 2] = 0.5
    np.save("probes.npy", probes)
    np.savetxt("probes.csv", probes, delimiter=",")
    saved = []
    for probe in ("probes.npy", "probes.csv"):
        choice = ["-p", "pictures", "--probe", probe, "--exact", "--level", "2", "--save", "r.npz"]
        assert main(["recall", *choice]) == 0
        saved.append(RecallResult.load("r.npz"))
        assert (saved[-1].probes == probes).all()
        assert (saved[-1].patterns == cy.patterns).all()
    printed = capsys.readouterr().out
    assert re.search(r"^ +0 +0\.778 +1\.000 +C ", printed, re.MULTILINE)
    assert re.search(r"^ +1 +0\.722 +1\.000 +Y ", printed, re.MULTILINE)
    assert main(["recall", "-p", "pictures", "--probe", "pictures", "--exact", "-q"]) == 0


def test_counts_and_corruption():
    run = ["recall", "-p", "cy", "--exact", "--level", "1", "--save", "r.npz", "-q"]
    assert main([*run, "--count", "5", "--erase", ".34", "--seed", "3"]) == 0
    probes = RecallResult.load("r.npz").probes
    assert probes.shape == (5, 9)
    assert (probes == 0).sum(axis=1).tolist() == [3] * 5
    assert main([*run, "--flips", "2", "--erase", "1"]) == 0
    probes = RecallResult.load("r.npz").probes
    assert (probes * load_set("cy").patterns < 0).sum(axis=1).tolist() == [2, 2]


def test_nothing_accepted_is_said(capsys):
    """Level 5 post-selected over 27 updates keeps a shot with probability below 1e-20."""
    choice = ["-p", "cy", "--flips", "4", "--attempts", "1", "--level", "5", "--gain", ".01"]
    assert main(["recall", *choice, "--shots", "2", "--seed", "1"]) == 0
    printed = capsys.readouterr().out
    assert "No shot was accepted" in printed
    assert "0.0% of shots accepted" in printed


# resources


def test_resources_before_and_after_transpiling(capsys):
    """Level 1 on n = N + 1 qubits: 2 (n - 2) + 1 rotations a block, with RZZ as without."""
    choice = ["-p", "cy", "--register", "reuse", "--level", "1", "--sweeps", "1"]
    assert main(["resources", *choice, "--rule", "hebb", "--store", "C"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"as written +basis cx +basis rzz", printed)
    row = re.search(r"two-qubit gates, loops run once +([\d,]+) +([\d,]+) +([\d,]+)", printed)
    assert row is not None
    written, cx, rzz = (int(text.replace(",", "")) for text in row.groups())
    assert written == rzz == 9 * (2 * 8 + 1)
    assert cx > rzz
    assert re.search(r"^ +qubits +11 +11 +11 *$", printed, re.MULTILINE)


def test_resources_on_a_device(capsys):
    choice = ["-p", "cy", "--level", "1", "--backend", "generic", "--qubits", "5"]
    assert main(["resources", *choice, "--basis", "cx"]) == 0
    assert re.search(r"as written +basis cx +generic, 5 qubits", capsys.readouterr().out)
    assert main(["resources", "-p", "cy", "--neuron", "threshold", "--basis", "rzz"]) == 0
    assert "attempts" not in capsys.readouterr().out


# patterns


def test_patterns_lists_sets(capsys):
    assert main(["patterns"]) == 0
    printed = capsys.readouterr().out
    for text in ("cy", "alphabet", "digits", "1,797", "8x8", "Alpaydin", "CC BY 4.0", "Apache-2.0"):
        assert text in printed


def test_patterns_shows_pictures(capsys):
    assert main(["patterns", "cy"]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith(" C    Y\n█▀▀  ▀▄▀\n▀▀▀   ▀\n")
    assert main(["patterns", "digits", "--per-label", "0"]) == 0
    printed = capsys.readouterr().out
    assert "and 1,697 more" in printed
    assert max(map(len, printed.splitlines())) <= 100


def test_patterns_writes_files(capsys, tmp_path):
    for name in ("a.npy", "a.csv", "a.png"):
        assert main(["patterns", "alphabet", "--store", "T,E", "--out", name]) == 0
        assert f"Wrote {tmp_path / name}" in capsys.readouterr().out
    chosen = load_set("alphabet").select(["T", "E"]).patterns
    assert (load_patterns("a.npy").patterns == chosen).all()
    assert (load_patterns("a.csv").patterns == chosen).all()
    with Image.open("a.png") as picture:
        picture.load()
    assert len(list(tmp_path.iterdir())) == 3
    assert main(["patterns", "a.npy"]) == 0  # no pictures: one line of blocks each
    assert "unknown" in capsys.readouterr().out


# Refusals


@pytest.fixture
def traps(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "note.txt").write_text("hello")
    (tmp_path / "fake.png").write_text("hello")
    (tmp_path / "words.csv").write_text("a,b\n")
    np.save(tmp_path / "wide.npy", np.ones((1, 10)))
    np.save(tmp_path / "seven.npy", np.array([[7.0, 0, 0, 0, 0, 0, 0, 0, 0]]))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)


CY = ["recall", "-p", "cy"]
THIRTY_ONE = ["--order", ",".join(["0", "1", "2"] * 10 + ["0"])]


@pytest.mark.usefixtures("traps")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recal"], "No such command 'recal'"),
        (["recall", "--frob"], "No such option"),
        (["recall", "--shots", "many"], "Invalid value for '--shots'"),
        (["recall", "-p", "letters"], "'letters' is neither a file"),
        (["recall", "-p", "missing.png"], "'missing.png' is neither a file"),
        (["recall", "-p", "empty"], "The folder empty holds no pictures"),
        (["recall", "-p", "texts"], "must hold pictures only"),
        (["recall", "-p", "fake.png"], "fake.png is no PNG picture"),
        (["recall", "-p", "words.csv"], "words.csv must hold numbers"),
        (["recall", "-p", "objects.npy"], "objects.npy is no .npy file of plain numbers"),
        (["recall", "--store", "Q"], "No pattern of 'digits' is labelled 'Q'"),
        (["recall", "--store", "#x"], "an index is written '#' and a whole number, got '#x'"),
        (["recall", "--limit", "0"], "--limit must be >= 1, got 0"),
        (["recall", "--per-label", "-1"], "--per-label must be >= 0, got -1"),
        ([*CY, "--flips", "10"], "flips must be between 0 and 9, got 10"),
        ([*CY, "--flips", "1.5"], "flips must be a finite number >= 0 and <= 1, got 1.5"),
        ([*CY, "--flips", "nan"], "flips must be a finite number"),
        ([*CY, "--flips", "few"], "--flips must be a number of entries (13) or a fraction"),
        ([*CY, "--flips", "5", "--erase", "5"], "may ask for 9 entries at most"),
        ([*CY, "--count", "0"], "--count must be >= 1, got 0"),
        ([*CY, "--probe", "missing.npy"], "there is no file missing.npy"),
        ([*CY, "--probe", "wide.npy"], "wide.npy must have 9 entries a row"),
        ([*CY, "--probe", "seven.npy"], "seven.npy must hold numbers between -1 and 1; got 7.0"),
        ([*CY, "--probe", "objects.npy"], "objects.npy is no .npy file of plain numbers"),
        ([*CY, "--probe", "fake.png"], "fake.png is no PNG picture"),
        ([*CY, "--probe", "fake.png", "--flips", "1"], "--flips is for probes made from stored"),
        ([*CY, "--model", "boltzmann"], "--model must be one of 'hopfield', 'dense'"),
        ([*CY, "--rule", "oja"], "rule must be one of"),
        ([*CY, "--model", "dense", "--rule", "hebb"], "--rule is for --model hopfield"),
        ([*CY, "--power", "3"], "--power is for --model dense"),
        ([*CY, "--model", "dense", "--separation", "cubic"], "--separation must be one of"),
        ([*CY, "--model", "dense", "--beta", "1"], "--beta is for --separation exponential"),
        (
            [*CY, "--model", "dense", "--separation", "exponential", "--power", "3"],
            "--power is for --separation polynomial",
        ),
        ([*CY, "--neuron", "spiking"], "--neuron must be one of"),
        ([*CY, "--neuron", "rotation", "--level", "1"], "--level is for --neuron rus"),
        ([*CY, "--bits", "5"], "--bits is for --neuron threshold"),
        ([*CY, "--level", "-1"], "level must be >= 0, got -1"),
        ([*CY, "--level", "0"], "use RotationNeuron() for level 0"),
        ([*CY, "--attempts", "0"], "attempts must be >= 1, got 0"),
        ([*CY, "--register", "tape"], "register must be one of"),
        ([*CY, "--order", "upward"], "order must be one of"),
        ([*CY, "--order", "0,9"], "order must hold neuron indices between 0 and 8, got 9"),
        ([*CY, "--sweeps", "0"], "sweeps must be >= 1, got 0"),
        ([*CY, "--gain", "9"], "gain 9 folds"),
        ([*CY, "--gain", "big"], "gain must be one of"),
        ([*CY, "--shots", "0"], "shots must be >= 1, got 0"),
        ([*CY, "--seed", "-1"], "seed must be >= 0, got -1"),
        ([*CY, "--backend", "ibm"], "--backend must be one of"),
        ([*CY, "--qubits", "9"], "--qubits is for --backend generic"),
        ([*CY, "--backend", "generic", "--qubits", "3"], "--qubits must be >= 4"),
        ([*CY, "--readout", "2"], "--readout must be a finite number >= 0 and <= 1, got 2"),
        ([*CY, "--depolarizing", "-1"], "--depolarizing must be a finite number"),
        ([*CY, "--t1", "0"], "--t1 must be a finite number > 0"),
        ([*CY, "--backend", "generic", "--readout", ".1"], "noise_model= is for Aer"),
        ([*CY, "--exact", "--readout", ".1"], "exact=True takes the law"),
        # A fresh qubit an update: 9 + 31.
        (
            [*CY, "--register", "coherent", "--neuron", "rotation", "--sweeps", "1", *THIRTY_ONE],
            "40 qubits need 16 TiB",
        ),
        ([*CY, "--csv", "nowhere/r.csv"], "The folder nowhere does not exist"),
        ([*CY, "--json", "empty"], "empty is a folder"),
        ([*CY, "--picture", "r.txt"], "--picture must end in .png or .svg or .pdf"),
        ([*CY, "--save", "r.pkl"], "--save must end in .npz"),
        ([*CY, "--csv", "r", "--json", "r"], "Two outputs have one path"),
        (["resources", "--basis", "swap"], "--basis must be one of 'cx', 'rzz'"),
        (["resources", "--backend", "aer"], "--backend must be one of 'generic'"),
        (["resources", "--qubits", "9"], "--qubits is for --backend generic"),
        (["patterns", "letters"], "'letters' is neither a file"),
        (["patterns", "--limit", "3"], "--limit is for one set, named first"),
        (["patterns", "cy", "--out", "r.txt"], "--out must end in .npy"),
        (["patterns", "cy", "--out", "nowhere/r.npy"], "The folder nowhere does not exist"),
        (["showcase", "--shots", "0"], "shots must be >= 1, got 0"),
        (["showcase", "--picture", "nowhere/r.png"], "The folder nowhere does not exist"),
    ],
)
def test_refusals_are_one_line(capsys, tmp_path, arguments, message):
    before = sorted(tmp_path.rglob("*"))
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("qhopfield: error: ")
    assert error.endswith("\n") and error.count("\n") == 1
    assert message in error
    assert sorted(tmp_path.rglob("*")) == before


def test_an_interrupt_ends_quietly(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run_showcase", interrupted)
    assert main([]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_defects_keep_their_traceback(monkeypatch):
    def broken():
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "run_showcase", broken)
    with pytest.raises(ZeroDivisionError):
        main([])
