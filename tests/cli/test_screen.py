"""What the commands print on terminals of any width, in pipes, and in other encodings."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from rich.console import Console
from rich.table import Table

from qhopfield.circuits.common import progress
from qhopfield.cli import main
from qhopfield.cli.screen import console, make_printable, print_table

CUT = "a table is cut"
RECALL = ["recall", "-p", "cy", "--method", "filtered", "--model", "modern", "--beta", ".5"]
RECALL += ["--shots", "50", "--seed", "1"]


def wide(columns: int) -> Table:
    table = Table(title="Title", caption="Caption")
    for number in range(columns):
        table.add_column(f"heading{number}\nbelow", justify="right" if number % 2 else "left")
    for row in range(3):
        table.add_row(*(f"[bold]{row}.{column:06d}[/]" for column in range(columns)))
    return table


@pytest.mark.fault("headings at 80 columns read 'recall...'", kind=CUT)
@pytest.mark.parametrize("width", [12, 25, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("columns", [1, 2, 3, 9])
def test_nothing_of_a_table_is_cut(width, columns):
    out = Console(file=io.StringIO(), width=width)
    print_table(out, wide(columns))
    printed = out.file.getvalue()
    assert "\N{HORIZONTAL ELLIPSIS}" not in printed
    for column in range(columns):
        assert f"heading{column}" in printed
        for row in range(3):
            assert f"{row}.{column:06d}" in printed
    assert printed.count("Title") == printed.count("Caption") == 1
    if width >= 25:  # the first column and one more fit
        assert max(map(len, printed.splitlines())) <= width


@pytest.mark.fault("headings at 80 columns read 'recall...'", kind=CUT)
@pytest.mark.parametrize("width", ["40", "80"])
def test_a_recall_is_whole_on_a_narrow_screen(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    assert main(RECALL) == 0
    printed = capsys.readouterr().out
    for word in ("recalled", "accepted", "classical", "correct?", "overlap", "energy"):
        assert word in printed
    assert "\N{HORIZONTAL ELLIPSIS}" not in printed


def test_a_pipe_is_wide_unless_columns_says_otherwise(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert console().width == 120
    monkeypatch.setenv("COLUMNS", "70")
    assert console().width == 70


@pytest.mark.fault("what is not UTF-8 crashed in the middle", kind="output of an encoding fails")
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_every_encoding_is_printed_to(monkeypatch, encoding):
    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, name, stream)
    assert main(["patterns", "cy"]) == 0
    assert main(RECALL) == 0
    assert main(["capacity", "--neurons", "10", "--loads", "0.1", "--trials", "2"]) == 0
    assert main(["recall", "--model", "\N{GREEK SMALL LETTER BETA}"]) == 2
    sys.stdout.flush()
    printed = sys.stdout.buffer.getvalue().decode(encoding)
    assert '#""' in printed and "recalled" in printed and "bit" in printed


def test_streams_of_others_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    make_printable()


@pytest.mark.fault("--json - made a file called -", kind="an output replaces something else")
@pytest.mark.parametrize("option", ["--json", "--csv", "--picture"])
def test_a_dash_is_standard_output_and_people_read_standard_error(tmp_path, option):
    code = "import sys; from qhopfield.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *RECALL, option, "-"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    start = {"--json": b'{"kind"', "--csv": b"probe,", "--picture": b"\x89PNG"}[option]
    assert done.stdout.startswith(start)
    assert b"recalled" in done.stderr and b"recalled" not in done.stdout[:20]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("a bad output was found out after the work", kind="found out too late")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recall", "--csv", "no/x.csv"], "--csv: The folder no does not exist"),
        (["recall", "--json", "."], "--json: . is a folder"),
        (["recall", "--picture", "x.abc"], "--picture must end in .png"),
        (["recall", "--save", "x.csv"], "--save must end in .npz"),
        (["capacity", "--csv", "no/x.csv"], "--csv: The folder no does not exist"),
        (["capacity", "--plot", "x.abc"], "--plot must end in .png"),
        (["capacity", "--plot", "no/x.png"], "--plot: The folder no does not exist"),
        (["capacity", "--measure", "bits"], "--measure must be bit, message or set; got 'bits'"),
        (["patterns", "cy", "--out", "no/x.csv"], "--out: The folder no does not exist"),
        (["showcase", "--picture", "no/x.png"], "--picture: The folder no does not exist"),
    ],
)
def test_outputs_are_checked_before_the_work(capsys, monkeypatch, tmp_path, arguments, message):
    def work(*_, **__):
        raise AssertionError("the work began")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qhopfield.circuits.recall", work)
    monkeypatch.setattr("qhopfield.circuits.capacity.capacity", work)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.fault("a pipe became a file and its reader got nothing", kind="an output replaces")
def test_a_capacity_table_goes_into_a_pipe_once(tmp_path, capfdbinary):
    arguments = ["capacity", "--neurons", "8", "--loads", "0.1,0.2", "--trials", "2"]
    assert main([*arguments, "--csv", "/dev/fd/1"]) == 0
    printed = capfdbinary.readouterr().out
    assert printed.count(b"load,patterns") == 1 and printed.count(b"\n") == 3


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.fault("a progress bar was drawn into a pipe", kind="progress in pipes")
def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    for kind, every, expected in (
        (Terminal, 1e9, "2/2"),
        (io.StringIO, 0.0, "work: 1 of 2, 0 s\nwork: 2 of 2, 0 s\n"),
        (io.StringIO, 1e9, ""),
    ):
        monkeypatch.setattr(sys, "stderr", kind())
        monkeypatch.setattr(progress, "LINE_EVERY", every)
        with progress.progress_bar("work", True) as advance:
            advance(1, 2)
            advance(2, 2)
        printed = sys.stderr.getvalue()
        assert expected in printed if kind is Terminal else printed == expected


def test_a_dumb_terminal_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    with progress.progress_bar("work", True) as advance:
        advance(1, 2)
    assert sys.stderr.getvalue() == "work: 1 of 2, 0 s\n"
