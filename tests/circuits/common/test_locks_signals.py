"""One writer a file, and ends by signals in good order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from qhopfield.circuits.common.locks import one_writer
from qhopfield.circuits.common.signals import Terminated, ending_by_signal
from qhopfield.cli import main

TWO = pytest.mark.fault(
    "two trainings in one folder mixed their files, two claims runs lost rows",
    kind="two writers of a file that a run goes on from",
)
ENDED = pytest.mark.fault(
    "SIGTERM ended a training with status 0 and no word",
    kind="a run that is ended says nothing, or success",
)


pytestmark = pytest.mark.usefixtures("heard")


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_by_signal():
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.05)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@TWO
@pytest.mark.parametrize("folder", [False, True])
def test_one_writer_at_a_time(folder, tmp_path):
    path = tmp_path / "run"
    if folder:
        path.mkdir()
    with one_writer(path):
        with pytest.raises(BlockingIOError, match=f"run is being written by process {os.getpid()}"):
            with one_writer(path):
                pass
        other = tmp_path / "link"
        other.symlink_to(path)
        with pytest.raises(BlockingIOError), one_writer(other):
            pass
        with one_writer(tmp_path / "another"):
            pass
    with one_writer(path):
        pass
    assert not [each for each in tmp_path.rglob("*") if "lock" in each.name]
    with pytest.raises(FileNotFoundError), one_writer(tmp_path / "none" / "file"):
        pass


@TWO
def test_a_killed_writer_leaves_no_lock(tmp_path):
    code = (
        "import sys, time; from qhopfield.circuits.common.locks import one_writer\n"
        "with one_writer(sys.argv[1]):\n"
        "    print('mine', flush=True); time.sleep(100)\n"
    )
    path = tmp_path / "file"
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with pytest.raises(BlockingIOError, match=f"process {process.pid}"), one_writer(path):
            pass
        process.kill()
        process.wait()
    assert [each.name for each in tmp_path.iterdir()] == [".file.lock"]
    with one_writer(path):
        pass
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_needs_no_lock(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "read-only")

    monkeypatch.setattr(os, "open", refuse)
    with one_writer(tmp_path / "file"), one_writer(tmp_path / "file"):
        pass


def test_many_writers_take_turns(tmp_path):
    """A lock's file that its owner removes just now is not taken for the lock."""
    inside, most, done = [], [], []

    def work():
        while len(done) < 60:
            try:
                with one_writer(tmp_path / "file"):
                    inside.append(1)
                    most.append(len(inside))
                    done.append(1)
                    inside.pop()
            except BlockingIOError:
                time.sleep(0.0005)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert max(most) == 1 and not list(tmp_path.iterdir())


@ENDED
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_is_an_error_in_the_block(name, status):
    number = getattr(signal, name)
    assert signal.getsignal(number) == signal.SIG_DFL
    with pytest.raises(Terminated, match=f"ended by {name}") as caught, ending_by_signal():
        os.kill(os.getpid(), number)
        time.sleep(5)
    assert caught.value.code == status and caught.value.signal is number
    assert signal.getsignal(number) == signal.SIG_DFL


def test_handlers_of_others_stay():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
    try:
        with ending_by_signal():
            os.kill(os.getpid(), signal.SIGTERM)
        assert seen == [1]
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with ending_by_signal():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    # and another thread changes nothing
    thread = threading.Thread(target=lambda: ending_by_signal().__enter__())
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@ENDED
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
@pytest.mark.parametrize(
    ("command", "kept", "words"),
    [
        (["recall", "--shots", "5", "--seed", "1", "--journal", "j"], "run_pieces", "stand in j"),
        (["recall", "--shots", "5", "--workers", "1"], "run_pieces", "with --journal FILE"),
        (["capacity", "--csv", "t.csv", "--trials", "2"], "trial", "stands in t.csv"),
        (["capacity", "--trials", "2"], "trial", "with --csv FILE"),
    ],
)
def test_a_command_that_is_ended_says_how_to_go_on(
    command, kept, words, name, status, capsys, tmp_path, monkeypatch
):
    from qhopfield.circuits.capacity.run import Task

    def ended(*_, **__):
        os.kill(os.getpid(), getattr(signal, name))
        time.sleep(5)

    monkeypatch.chdir(tmp_path)
    if kept == "trial":
        monkeypatch.setattr(Task, "trial", ended)
    else:
        monkeypatch.setattr(sys.modules["qhopfield.circuits.recall"], "run_pieces", ended)
    assert main(command) == status
    what = "interrupted" if name == "SIGINT" else f"ended by {name}"
    said = capsys.readouterr().err
    assert f"qhopfield: {what}. " in said and words in " ".join(said.split())
