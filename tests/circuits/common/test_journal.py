"""Journals: exact round trips, what is refused, and a process that is killed while it writes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from qhopfield.circuits.common.journal import Journal

SETTINGS = {"seed": 3, "names": ("a", "b"), "probes": None}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.journal"


def test_results_come_back_as_they_were_put(path):
    values = {"a": [0.1, 1e-300, -1 / 3], "b": None, "ü,1": {"x": [1, "text", True]}, "": []}
    with Journal(path, "test", SETTINGS) as journal:
        for key, value in values.items():
            assert key not in journal
            journal.put(key, value)
            assert journal.get(key) == value
    with Journal(path, "test", dict(reversed(SETTINGS.items()))) as journal:
        assert list(journal) == list(values) and len(journal) == 4
        assert {key: journal.get(key) for key in journal} == values
        assert "b" in journal and journal.get("none") is None and "none" not in journal
        assert "run.journal" in repr(journal)


def test_a_result_is_never_replaced(path):
    with Journal(path, "test", {}) as journal:
        journal.put("a", 1)
        with pytest.raises(ValueError, match="has a result for 'a' already"):
            journal.put("a", 2)
        with pytest.raises(TypeError, match="the result of 'b' must be something that JSON holds"):
            journal.put("b", {1, 2})
        with pytest.raises(TypeError, match="key must be a text, got 1"):
            journal.put(1, 1)
        assert {key: journal.get(key) for key in journal} == {"a": 1}


def test_a_journal_is_begun_anew(path):
    with Journal(path, "test", SETTINGS) as journal:
        journal.put("a", 1)
    with Journal(path, "other", {}, anew=True) as journal:
        assert len(journal) == 0
        journal.put("a", 2)
    with Journal(path, "other", {}) as journal:
        assert journal.get("a") == 2


def test_one_process_at_a_time(path):
    with Journal(path, "test", {}) as journal:
        journal.put("a", 1)
        for anew in (False, True):
            with pytest.raises(BlockingIOError, match=r"run\.journal is in use by another process"):
                Journal(path, "test", {}, anew=anew)
        journal.put("b", 2)
    with Journal(path, "test", {}) as journal:
        assert list(journal) == ["a", "b"]


def test_a_killed_process_loses_nothing_it_had_put(path):
    code = (
        "import sys; from qhopfield.circuits.common.journal import Journal\n"
        "journal = Journal(sys.argv[1], 'test', {})\n"
        "for number in range(10**6):\n"
        "    journal.put(str(number), [number] * 200)\n"
        "    print(number, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as process:
        for _ in range(50):
            process.stdout.readline()
        process.kill()
        said = 50 + len(process.stdout.read().splitlines())
    with Journal(path, "test", {}) as journal:
        assert said <= len(journal) <= said + 1  # one may be there that was not told yet
        assert all(journal.get(key) == [int(key)] * 200 for key in journal)


def other_database(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE results (key TEXT)")
    database.close()


def changed(statement):
    def change(path):
        with Journal(path, "test", SETTINGS) as journal:
            journal.put("a", 1)
        database = sqlite3.connect(path, isolation_level=None)
        database.execute(statement)
        database.close()

    return change


def of_another_run(kind, settings):
    return lambda path: Journal(path, kind, settings).close()


def cut(path):
    with Journal(path, "test", SETTINGS) as journal:
        journal.put("a", "x" * 20000)
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda path: path.write_bytes(b"load,patterns\n1,2\n" * 50), ValueError, "no journal"),
        (other_database, ValueError, "another SQLite database"),
        (lambda path: path.mkdir(), IsADirectoryError, "is a folder"),
        (cut, ValueError, "damaged"),
        (changed("PRAGMA user_version = 1"), ValueError, "of version 1; this qhopfield reads 2"),
        (changed("DELETE FROM run"), ValueError, "says 0 times what it is"),
        (changed("DROP TABLE run"), ValueError, "damaged"),
        (of_another_run("recall", SETTINGS), ValueError, "a journal of 'recall'; one of"),
        (
            of_another_run("test", {"seed": 4, "names": ["a", "b"], "more": 1}),
            ValueError,
            "more is 1 instead of 'absent'; probes is 'absent' instead of None; seed is 4 instead",
        ),
        (changed("UPDATE results SET value = '2'"), ValueError, "'a' is not as it was written"),
        (changed("UPDATE results SET value = X'31'"), ValueError, "'a' is not as it was written"),
        (changed("UPDATE results SET key = 'b'"), ValueError, "'b' is not as it was written"),
        (changed("UPDATE results SET value = '[1'"), ValueError, "'a' is not as it was written"),
        (changed("DROP TABLE results"), ValueError, "damaged journal: its tables"),
        (changed("ALTER TABLE results ADD COLUMN more"), ValueError, "damaged journal: its tables"),
        (changed("UPDATE run SET settings = 'x'"), ValueError, "damaged journal: what it says"),
        (changed("UPDATE run SET settings = '[1]'"), ValueError, "damaged journal: what it says"),
        (changed("PRAGMA journal_mode = WAL"), ValueError, "damaged journal: its header"),
    ],
)
def test_files_that_are_refused(path, make, error, message):
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(error, match=message):
        Journal(path, "test", SETTINGS)
    assert before is None or path.read_bytes() == before


@pytest.mark.fault(
    "damaged journals raised KeyError, TypeError or OperationalError, or gave another result",
    kind="a file that a run goes on from is damaged",
)
def test_any_flipped_bit_is_found_or_harmless(path):
    """Flips over the whole file: a ValueError that names it, or every result as it was put."""
    values = {f"{number}": [number / 7, "x" * 40, None] for number in range(60)}
    with Journal(path, "test", SETTINGS) as journal:
        for key, value in values.items():
            journal.put(key, value)
    sound = path.read_bytes()
    rng = np.random.default_rng(1)
    # More of the header, which says what all the rest is.
    bits = [*rng.integers(0, 800, size=120), *rng.integers(800, 8 * len(sound), size=230)]
    refused = 0
    for bit in bits:
        broken = bytearray(sound)
        broken[bit // 8] ^= 1 << int(bit % 8)
        path.write_bytes(broken)
        try:
            with Journal(path, "test", SETTINGS) as journal:
                found = {key: journal.get(key) for key in journal}
                if bit % 5 == 0:
                    journal.put("new", 1)
            # A row that is gone is measured again; none that is there may be another.
            assert found.items() <= values.items()
            assert {key: values[key] for key in found} == found
        except ValueError as error:
            refused += 1
            assert "run.journal" in str(error)
    assert refused > 100  # the others fell on empty space


@pytest.mark.fault(
    "a truncated journal raised OperationalError",
    kind="a file that a run goes on from is damaged",
)
def test_a_journal_cut_anywhere_is_refused(path):
    with Journal(path, "test", SETTINGS) as journal:
        for number in range(60):
            journal.put(str(number), [number, "x" * 200])
    sound = path.read_bytes()
    for length in np.random.default_rng(2).integers(1, len(sound) - 1, size=60).tolist():
        path.write_bytes(sound[:length])
        with pytest.raises(ValueError, match=r"run\.journal"):
            Journal(path, "test", SETTINGS)


def test_errors_show_how_settings_look(path):
    looks = {"model": "Hopfield(6)"}
    Journal(path, "test", {"model": "f1", "shots": 2}, looks=looks).close()
    with pytest.raises(ValueError, match=r"model is Hopfield\(6\) instead of Hopfield\(8\)"):
        Journal(path, "test", {"model": "f2", "shots": 2}, looks={"model": "Hopfield(8)"})
    with pytest.raises(ValueError, match=r"model is another Hopfield\(6\) \(it prints alike"):
        Journal(path, "test", {"model": "f2", "shots": 2}, looks=looks)
    # What it looks like tells nothing apart.
    Journal(path, "test", {"model": "f1", "shots": 2}, looks={"model": "x"}).close()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("there/is/none.journal", "test", {}), FileNotFoundError, "does not exist"),
        (("run.journal", "", {}), TypeError, "kind must be a text"),
        (("run.journal", 3, {}), TypeError, "kind must be a text"),
        (("run.journal", "test", [1]), TypeError, "settings must be a mapping"),
        (("run.journal", "test", {"a": {1}}), TypeError, "settings must be something that JSON"),
    ],
)
def test_bad_input(arguments, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        Journal(*arguments)
    assert not list(tmp_path.iterdir())
