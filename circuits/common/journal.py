"""A journal of results: what a run that is killed needs to go on, one row a job, in SQLite."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

# Marks the file as a journal in SQLite's header ("qhop"), and the layout of its tables.
_APPLICATION, _VERSION = 0x71686F70, 2
_TABLES = {
    "run": "CREATE TABLE run (kind TEXT NOT NULL, settings TEXT NOT NULL, looks TEXT NOT NULL, "
    "checksum TEXT NOT NULL)",
    "results": "CREATE TABLE results (key TEXT PRIMARY KEY, value TEXT NOT NULL, "
    "checksum TEXT NOT NULL)",
}
_CANNOT_WRITE = (
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
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
        looks: how settings look to people, where their values are fingerprints; errors show it, and
            it tells nothing apart.

    Every row has a checksum, which is looked at when the file is opened and when the row is read.

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
        looks: Mapping[str, str] | None = None,
    ) -> None:
        self.path = Path(path)
        if not isinstance(kind, str) or not kind:
            raise TypeError(f"kind must be a text such as 'capacity', got {kind!r}.")
        if not isinstance(settings, Mapping):
            raise TypeError(f"settings must be a mapping of names to values, got {settings!r}.")
        self.kind = kind
        self.settings = _json(dict(settings), "settings", sort=True)
        self._looks = _json(dict(looks or {}), "looks", sort=True)
        if self.path.is_dir():
            raise IsADirectoryError(f"{self.path} is a folder; a file name was expected.")
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"The folder {self.path.parent} does not exist.")
        with self._told():
            # Transactions are written out below; a generator may be closed by another thread.
            self._database = sqlite3.connect(
                self.path, timeout=0.0, isolation_level=None, check_same_thread=False
            )
        try:
            with self._told():
                self._open(anew)
        except BaseException:
            self._database.close()
            raise

    def _open(self, anew: bool) -> None:
        """Takes the file for this process and checks or writes what it says of itself."""
        name = self.path.name
        with self.path.open("rb") as file:
            header = file.read(20)
        # Journals are never in another mode; SQLite would call a damaged one read-only.
        if header[:16] == b"SQLite format 3\0" and header[18:20] != b"\1\1":
            raise self._damaged("its header")
        # The lock is kept from the first transaction until the file is closed, or the process ends
        # in any way.
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
                quoted = table.replace('"', '""')
                self._database.execute(f'DROP TABLE "{quoted}"')
            self._database.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
            for statement in _TABLES.values():
                self._database.execute(statement)
            row = (self.kind, self.settings, self._looks)
            self._database.execute("INSERT INTO run VALUES (?, ?, ?, ?)", (*row, _checksum(*row)))
        self._database.execute("COMMIT")

    def _check(self) -> None:
        """Refuses a journal that is damaged, of another layout, kind or other settings."""
        name, version = self.path.name, self._number("user_version")
        if version != _VERSION:
            raise ValueError(
                f"{name} is a journal of version {version}; this qhopfield reads {_VERSION}. It "
                "was made by another version of qhopfield: give the name of a new file."
            )
        made = self._database.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL")
        if dict(made.fetchall()) != _TABLES:
            raise self._damaged("its tables")
        if self._database.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
            raise self._damaged("its pages")
        rows = self._database.execute("SELECT kind, settings, looks, checksum FROM run").fetchall()
        if len(rows) != 1:
            raise self._damaged(f"it says {len(rows)} times what it is")
        kind, settings, looks, checksum = rows[0]
        if checksum != _checksum(kind, settings, looks):
            raise self._damaged("what it says of itself")
        for row in self._database.execute("SELECT key, value, checksum FROM results"):
            self._sound(*row)
        if kind != self.kind:
            raise ValueError(f"{name} is a journal of {kind!r}; one of {self.kind!r} was expected.")
        if settings != self.settings:
            ours = json.loads(self.settings), json.loads(self._looks)
            theirs = json.loads(settings), json.loads(looks)
            raise ValueError(
                f"{name} belongs to a run with other settings: {_differences(ours, theirs)}. Use "
                "the same settings, another file, or delete this one to start anew."
            )

    def _sound(self, key: Any, value: Any, checksum: Any) -> None:
        """Refuses a row that is not as it was written."""
        if checksum != _checksum(key, value):
            raise self._damaged(f"result {key!r} is not as it was written")

    def _damaged(self, what: str) -> ValueError:
        return ValueError(
            f"{self.path.name} is a damaged journal: {what}. Delete it to start anew, or give the "
            "name of a new file."
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Says what SQLite's errors mean."""
        name = self.path.name
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # a defect here, or a closed journal
        except (sqlite3.DatabaseError, MemoryError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise BlockingIOError(
                    f"{name} is in use by another process, which runs or resumes the same thing. "
                    "Wait for it, or give another file."
                ) from error
            if code in _CANNOT_WRITE:
                raise PermissionError(f"{name} cannot be written: {error}.") from error
            raise ValueError(
                f"{name} is no journal, or is damaged ({error}). Give the name of a new file."
            ) from error

    def _number(self, pragma: str) -> int:
        return int(self._database.execute(f"PRAGMA {pragma}").fetchone()[0])

    def _tables(self) -> list[str]:
        found = self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return [row[0] for row in found.fetchall()]

    def __len__(self) -> int:
        """How many results there are."""
        with self._told():
            return int(self._database.execute("SELECT count(*) FROM results").fetchone()[0])

    def __iter__(self) -> Iterator[str]:
        """The keys of the results."""
        with self._told():
            found = self._database.execute("SELECT key FROM results ORDER BY rowid").fetchall()
        return iter([row[0] for row in found])

    def __contains__(self, key: object) -> bool:
        """Whether there is a result for a key."""
        with self._told():
            found = self._database.execute("SELECT 1 FROM results WHERE key = ?", (key,))
            return found.fetchone() is not None

    def get(self, key: str) -> Any:
        """The result put under a key, as JSON gives it back (tuples are lists), or None.

        Raises:
            ValueError: the row is damaged.
        """
        with self._told():
            found = self._database.execute(
                "SELECT key, value, checksum FROM results WHERE key = ?", (key,)
            )
            row = found.fetchone()
        if row is None:
            return None
        self._sound(*row)
        return json.loads(row[1])

    def put(self, key: str, value: Any) -> None:
        """Keeps a result; it is on disk when this returns.

        Floats come back exactly.

        Raises:
            OSError: the file cannot be written.
            TypeError: ``key`` is no text, or JSON cannot hold the value.
            ValueError: there is a result for this key: a result is never replaced; or the file is
                damaged.
        """
        if not isinstance(key, str):
            raise TypeError(f"key must be a text, got {key!r}.")
        text = _json(value, f"the result of {key!r}")
        try:
            with self._told():
                self._database.execute(
                    "INSERT INTO results VALUES (?, ?, ?)", (key, text, _checksum(key, text))
                )
        except ValueError as error:
            if not isinstance(error.__cause__, sqlite3.IntegrityError):
                raise
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


def _checksum(*parts: Any) -> str:
    """Of the texts of a row; nothing else has one."""
    if not all(isinstance(part, str) for part in parts):
        return ""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        whole.update(len(data).to_bytes(8, "little"))
        whole.update(data)
    return whole.hexdigest()


Told = tuple[Mapping[str, Any], Mapping[str, str]]
"""Settings, and how some of them look."""


def _differences(expected: Told, found: Told) -> str:
    """Names the settings that differ, with both values, or with how these look."""
    absent = "absent"

    def look(told: Told, name: str) -> str:
        return told[1][name] if name in told[1] else repr(told[0].get(name, absent))

    parts = []
    for name in sorted({*expected[0], *found[0]}):
        if expected[0].get(name, absent) != found[0].get(name, absent):
            theirs, ours = look(found, name), look(expected, name)
            parts.append(
                f"{name} is another {_short(ours)} (it prints alike, and differs in its fields or "
                "its code)"
                if theirs == ours
                else f"{name} is {_short(theirs)} instead of {_short(ours)}"
            )
    return "; ".join(parts)


def _short(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:140]}... ({len(text)} characters)"
