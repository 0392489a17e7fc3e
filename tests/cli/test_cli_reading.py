"""The command line reads pictures and probes as it is told, and says what it had to choose."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from qhopfield.circuits import RecallResult
from qhopfield.circuits.patterns import AmbiguousDataWarning, load_set
from qhopfield.cli import main

QUICK = ["recall", "-p", "cy", "--exact", "--level", "1", "--sweeps", "1", "--save", "r.npz", "-q"]
READING = "data read in one of two ways without a word"
CY = load_set("cy").patterns


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


def draw(name, darkness):
    grey = np.round(255 * (1 - np.asarray(darkness, dtype=np.float64)))
    Image.fromarray(grey.astype(np.uint8)).save(name)


def written(*arguments):
    assert main(["patterns", *arguments, "--out", "out.npy"]) == 0
    return np.load("out.npy")


# Pictures.


@pytest.mark.fault(
    "pictures of pencil and of several sizes could not be read from the command line",
    kind="what the library can do and the command line cannot say",
)
def test_pictures_take_a_threshold_and_a_size(capsys):
    os.mkdir("mixed")
    want = np.array([[1, -1, -1, 1, 1, 1], [-1, 1, 1, 1, -1, -1]])
    for name, row, times in (("a", want[0], 2), ("b", want[1], 4)):
        pencil = np.where(row.reshape(3, 2) > 0, 0.4, 0.2)
        draw(f"mixed/{name}.png", np.kron(pencil, np.ones((times, times))))
    assert (written("mixed", "--threshold", ".3", "--size", "2x3") == want).all()
    assert "mixed: 2 patterns, neurons: 6 (2x3)" in capsys.readouterr().out
    assert written("mixed/b.png", "--threshold", ".3").shape == (1, 96)
    assert main(["patterns", "mixed", "--threshold", ".3"]) == 2
    assert "on the command line --size WxH." in capsys.readouterr().err


def test_recall_and_resources_read_the_same_pictures():
    draw("ink.png", np.where(CY[0].reshape(3, 3) > 0, 0.3, 0.1))
    choice = ["--threshold", ".2"]
    assert main([*QUICK[:1], "-p", "ink.png", *QUICK[3:], *choice]) == 0
    assert (RecallResult.load("r.npz").patterns == CY[:1]).all()
    assert main(["resources", "-p", "ink.png", "--level", "1", "--basis", "cx", *choice]) == 0


def test_probes_are_pictures_too():
    draw("probe.png", np.kron(np.where(CY[1].reshape(3, 3) > 0, 0.3, 0.1), np.ones((2, 2))))
    assert main([*QUICK, "--probe", "probe.png", "--size", "3x3", "--threshold", ".2"]) == 0
    assert (RecallResult.load("r.npz").probes == CY[1]).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["patterns", "cy", "--size", "3x3"], "--size is for pictures"),
        (["patterns", "--threshold", ".2"], "--threshold is for one set, named first"),
        (["patterns", "a.png", "--size", "3"], "--size must be WxH, columns and rows >= 1"),
        (["patterns", "a.png", "--size", "0x3"], "--size must be WxH, columns and rows >= 1"),
        (["patterns", "a.png", "--size", "3x-3"], "--size must be WxH, columns and rows >= 1"),
        (["patterns", "a.png", "--size", "3x3x3"], "--size must be WxH, columns and rows >= 1"),
        (["patterns", "a.png", "--size", "999999x999999"], "would take 7.28 TiB of memory"),
        (["patterns", "a.png", "--threshold", "2"], "--threshold must be a finite number > 0"),
        (["patterns", "a.png", "--threshold", "nan"], "--threshold must be a finite number > 0"),
        ([*QUICK, "--threshold", ".2"], "--threshold is for pictures"),
        ([*QUICK, "--probe", "p.csv", "--size", "3x3"], "--size is for pictures"),
        ([*QUICK, "--zeros-erased"], "--zeros-erased is for probes of --probe"),
        ([*QUICK, "--probe", "a.png", "--zeros-erased"], "--zeros-erased is for a .npy or .csv"),
        ([*QUICK, "--probe", "b.npy", "--zeros-erased"], "--zeros-erased is for numbers, not True"),
    ],
)
def test_options_that_do_not_fit_are_refused(capsys, arguments, message):
    draw("a.png", np.eye(3))
    np.savetxt("p.csv", CY, delimiter=",")
    np.save("b.npy", CY > 0)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_warnings_are_lines_of_the_command():
    draw("pale.png", 0.1 * np.eye(3))
    call = [sys.executable, "-m", "qhopfield", "patterns", "pale.png"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stderr.startswith("qhopfield: warning: pale.png lost all contrast: ")
    assert done.stderr.count("\n") == 1
    with pytest.warns(AmbiguousDataWarning, match="pale.png"):
        assert main(["patterns", "pale.png"]) == 0


# Probes of zeros and ones.


@pytest.mark.fault("probes of 0 and 1 were read as 0 = -1 without a word", kind=READING)
@pytest.mark.parametrize("name", ["p.csv", "p.npy"])
def test_how_zeros_and_ones_are_read_is_said(capsys, name):
    bits = (CY > 0).astype(float)
    np.save("p.npy", bits)
    np.savetxt("p.csv", bits, delimiter=",")
    assert main([*QUICK, "--probe", name]) == 0
    said = capsys.readouterr().err
    assert re.fullmatch(
        rf"qhopfield: {name} holds only 0 and 1, .* 0 is -1\. .* add --zeros-erased\.\n", said
    )
    assert (RecallResult.load("r.npz").probes == CY).all()
    assert main([*QUICK, "--probe", name, "--zeros-erased"]) == 0
    assert capsys.readouterr().err == ""
    assert (RecallResult.load("r.npz").probes == bits).all()


@pytest.mark.parametrize(
    "rows, read",
    [
        (np.where(CY > 0, 1.0, 0.0) * [1, 1, 1, 1, 1, 1, 1, 1, -1], None),  # -1 beside 0
        (CY, None),
        (np.ones((1, 9)), None),
        (CY > 0, CY),
        (np.full((1, 9), 0.5), None),
    ],
)
def test_what_is_not_ambiguous_is_read_in_silence(capsys, rows, read):
    np.save("p.npy", rows)
    assert main([*QUICK, "--probe", "p.npy"]) == 0
    assert capsys.readouterr().err == ""
    assert (RecallResult.load("r.npz").probes == (rows if read is None else read)).all()


def test_tables_of_probes_may_have_headings(capsys):
    rows = ["pixel0,pixel1,pixel2,pixel3,pixel4,pixel5,pixel6,pixel7,pixel8"]
    rows += [",".join(map(str, row)) for row in (CY * 0.5).tolist()]
    with open("p.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(rows) + "\n")
    assert main([*QUICK, "--probe", "p.csv"]) == 0
    assert (RecallResult.load("r.npz").probes == CY * 0.5).all()


def test_the_help_says_how_probes_are_read(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["recall", "--help"]) == 0
    text = " ".join(re.sub(r"[^\w.,'-]+", " ", capsys.readouterr().out).split())
    for words in ("In a .npy or .csv of only 0 and 1, 0 is -1", "--zeros-erased", "--threshold"):
        assert words in text


# Escape codes.


def on_a_terminal(arguments, **environment):
    """What a command prints on a terminal, as bytes."""
    pty = pytest.importorskip("pty")
    inherited = {name: value for name, value in os.environ.items() if name not in FORCING}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "qhopfield", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=inherited | environment,
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # how Linux tells that the other end is closed
            break
        if not piece:
            break
        printed += piece
    os.close(ours)
    assert process.wait() == 0
    return printed


FORCING = ("NO_COLOR", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TTY_COMPATIBLE", "TERM")
RUN = ["recall", "-p", "cy", "--shots", "4", "--seed", "1", "--level", "1"]
COLOUR = rb"\x1b\[[0-9;]*(3|4|9|10)[0-9][0-9;]*m"


@pytest.mark.parametrize("arguments", [RUN, ["--help"], ["patterns"]], ids=" ".join)
def test_a_dumb_terminal_gets_no_escape_codes(arguments):
    printed = on_a_terminal(arguments, TERM="dumb")
    assert len(printed) > 100 and b"\x1b" not in printed


@pytest.mark.parametrize("arguments", [["--help"], ["patterns"]], ids=" ".join)
def test_no_color_takes_the_colours(arguments):
    assert not re.search(COLOUR, on_a_terminal(arguments, TERM="xterm-256color", NO_COLOR="1"))


def test_the_colours_are_there_otherwise():
    assert re.search(COLOUR, on_a_terminal(["--help"], TERM="xterm-256color"))


@pytest.mark.parametrize("arguments", [RUN, ["recall", "--help"]], ids=" ".join)
def test_a_pipe_gets_no_escape_codes(capsys, monkeypatch, arguments):
    for name in FORCING:
        monkeypatch.delenv(name, raising=False)
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert len(printed.out) > 100 and "\x1b" not in printed.out + printed.err
