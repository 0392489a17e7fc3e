"""A journal of results: what a run that is killed needs to go on, one row a job, in SQLite."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

# Marks the file as a journal in SQLite's header ("qhop"), and the layout of its tables.
_APPLICATION, _VERSION = 0x71686F70, 1
_TABLES = (
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_VERSION}",
    "CREATE TABLE run (kind TEXT NOT NULL, settings TEXT NOT NULL)",
    "CREATE TABLE results (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
)


class Journal:
    """Results by key in a file, each on disk as soon as :meth:`put` returns.

    A process that is killed at any moment leaves a whole file: it holds the results that were put
    and nothing of one that was being put. While it is open no other process can open it.

    Args:
        path: the file; a new one is made where there is none.
        kind: what run it belongs to, such as ``"capacity"``.
        settings: what the results depend on; anything that JSON holds. A journal of other settings
            is refused, so that results of two runs never mix.
        anew: whether to empty a journal that is there, whatever its kind and settings.

    Raises:
        BlockingIOError: another process has it open.
        FileNotFoundError: the folder does not exist.
        IsADirectoryError: ``path`` is a folder.
        OSError: the file cannot be written.
        TypeError: ``kind`` is no text, or ``settings`` no mapping that JSON holds.
        ValueError: the file is no journal, is damaged, or is one of another kind or of other
            settings.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "run.journal"
    >>> with Journal(path, "example", {"seed": 1}) as journal:
    ...     journal.put("first", [0.25, 3])
    >>> with Journal(path, "example", {"seed": 1}) as journal:
    ...     journal.get("first"), "second" in journal
    ([0.25, 3], False)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        kind: str,
        settings: Mapping[str, Any],
        *,
        anew: bool = False,
    ) -> None:
        self.path = Path(path)
        if not isinstance(kind, str) or not kind:
            raise TypeError(f"kind must be a text such as 'capacity', got {kind!r}.")
        if not isinstance(settings, Mapping):
            raise TypeError(f"settings must be a mapping of names to values, got {settings!r}.")
        self.kind = kind
        self.settings = _json(dict(settings), "settings", sort=True)
        if self.path.is_dir():
            raise IsADirectoryError(f"{self.path} is a folder; a file name was expected.")
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"The folder {self.path.parent} does not exist.")
        try:
            # Transactions are written out below; a generator may be closed by another thread.
            self._database = sqlite3.connect(
                self.path, timeout=0.0, isolation_level=None, check_same_thread=False
            )
        except sqlite3.OperationalError as error:
            raise PermissionError(f"{self.path} cannot be opened: {error}.") from error
        try:
            self._open(anew)
        except BaseException:
            self._database.close()
            raise

    def _open(self, anew: bool) -> None:
        """Takes the file for this process and checks or writes what it says of itself."""
        name = self.path.name
        try:
            # The lock is kept from the first transaction until the file is closed, or the process
            # ends in any way.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("BEGIN EXCLUSIVE")
            ours = self._number("application_id") == _APPLICATION
            if not ours and (self._number("application_id") or self._tables()):
                raise ValueError(
                    f"{name} is no journal of qhopfield, but another SQLite database. Give the "
                    "name of a new file."
                )
            if ours and not anew:
                self._check()
            else:
                for table in self._tables():
                    self._database.execute(f"DROP TABLE {table}")
                for statement in _TABLES:
                    self._database.execute(statement)
                self._database.execute("INSERT INTO run VALUES (?, ?)", (self.kind, self.settings))
            self._database.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            code = error.sqlite_errorcode & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise BlockingIOError(
                    f"{name} is in use by another process, which runs or resumes the same thing. "
                    "Wait for it, or give another file."
                ) from error
            if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL):
                raise OSError(f"{name} cannot be written: {error}.") from error
            raise ValueError(
                f"{name} is no journal, or is damaged ({error}). Give the name of a new file."
            ) from error

    def _check(self) -> None:
        """Refuses a journal of another layout, kind or other settings."""
        name, version = self.path.name, self._number("user_version")
        if version != _VERSION:
            raise ValueError(
                f"{name} is a journal of version {version}; this qhopfield reads {_VERSION}."
            )
        rows = self._database.execute("SELECT kind, settings FROM run").fetchall()
        if len(rows) != 1:
            raise ValueError(f"{name} is a damaged journal: it says {len(rows)} times what it is.")
        kind, settings = rows[0]
        if kind != self.kind:
            raise ValueError(f"{name} is a journal of {kind!r}; one of {self.kind!r} was expected.")
        if settings != self.settings:
            raise ValueError(
                f"{name} belongs to a run with other settings: "
                f"{_differences(json.loads(self.settings), json.loads(settings))}. Use the same "
                "settings, another file, or delete this one to start anew."
            )

    def _number(self, pragma: str) -> int:
        return int(self._database.execute(f"PRAGMA {pragma}").fetchone()[0])

    def _tables(self) -> list[str]:
        found = self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return [row[0] for row in found.fetchall()]

    def __len__(self) -> int:
        """How many results there are."""
        return int(self._database.execute("SELECT count(*) FROM results").fetchone()[0])

    def __iter__(self) -> Iterator[str]:
        """The keys of the results."""
        found = self._database.execute("SELECT key FROM results ORDER BY rowid")
        return iter([row[0] for row in found.fetchall()])

    def __contains__(self, key: object) -> bool:
        """Whether there is a result for a key."""
        found = self._database.execute("SELECT 1 FROM results WHERE key = ?", (key,))
        return found.fetchone() is not None

    def get(self, key: str) -> Any:
        """The result put under a key, as JSON gives it back (tuples are lists), or None.

        Raises:
            ValueError: the row is damaged.
        """
        found = self._database.execute("SELECT value FROM results WHERE key = ?", (key,))
        row = found.fetchone()
        if row is None:
            return None
        try:
            return json.loads(row[0])
        except ValueError as error:
            raise ValueError(f"{self.path.name} is damaged: result {key!r} is no JSON.") from error

    def put(self, key: str, value: Any) -> None:
        """Keeps a result; it is on disk when this returns.

        Floats come back exactly.

        Raises:
            TypeError: ``key`` is no text, or JSON cannot hold the value.
            ValueError: there is a result for this key: a result is never replaced.
        """
        if not isinstance(key, str):
            raise TypeError(f"key must be a text, got {key!r}.")
        text = _json(value, f"the result of {key!r}")
        try:
            self._database.execute("INSERT INTO results VALUES (?, ?)", (key, text))
        except sqlite3.IntegrityError:
            raise ValueError(f"{self.path.name} has a result for {key!r} already.") from None

    def close(self) -> None:
        """Closes the file, so that others can open it; what was put stays."""
        self._database.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r}, {self.kind!r})"


def _json(value: Any, name: str, *, sort: bool = False) -> str:
    """JSON text of a value."""
    try:
        return json.dumps(value, sort_keys=sort, ensure_ascii=False)
    except (TypeError, ValueError) as error:  # a ValueError: a list that holds itself
        raise TypeError(f"{name} must be something that JSON holds: {error}") from error


def _differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Names the settings that differ, with both values."""
    absent = "absent"
    return "; ".join(
        f"{name} is {_short(found.get(name, absent))} instead of "
        f"{_short(expected.get(name, absent))}"
        for name in sorted({*expected, *found})
        if expected.get(name, absent) != found.get(name, absent)
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:100]}... ({len(text)} characters)"
