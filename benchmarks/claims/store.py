"""Outcomes of claims in a CSV file: one row a claim, each written whole as soon as it is there."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from qhopfield.circuits.common.locks import one_writer

from ..common import environment, write_csv
from .record import Claim


@dataclass(frozen=True)
class Outcome:
    """One row: a claim, what was measured, and under which circumstances.

    Attributes are those of :class:`.record.Claim` and :class:`.record.Measured`, and:
        verdict: ``holds``, ``does not hold`` or ``differs``.
        seconds: how long it took.
        seed: the seed.
        fingerprint: of what the outcome depends on, see :meth:`.record.Claim.fingerprint`.
    """

    id: str
    statement: str
    source: str
    setting: str
    by: str
    relation: str
    expected: float
    tolerance: float
    found: float | None
    value: float
    low: float
    high: float
    verdict: str
    note: str
    seconds: float
    seed: int
    fingerprint: str


COLUMNS = tuple(field.name for field in fields(Outcome))
_FLOATS = ("expected", "tolerance", "value", "low", "high", "seconds")


class Store:
    """The outcomes in a CSV file.

    Args:
        path: the file; it need not exist.

    Raises:
        ValueError: the file is there and holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._environment = environment()
        self._columns = (*COLUMNS, *self._environment, "checksum")
        self._rows: dict[str, dict[str, Any]] = {}
        self._read()

    def _read(self) -> None:
        """Takes the rows that the file has now."""
        path = self.path
        if not path.exists():
            self._rows = {}
            return
        try:
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file, strict=True)
                header = tuple(reader.fieldnames or ())
                rows = list(reader)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path} is no CSV file of claims: {error}") from error
        # What stands there of other versions is measured anew; its columns are these.
        if header != self._columns or any(None in (*row, *row.values()) for row in rows):
            raise ValueError(
                f"{path} is no CSV file of claims: expected the columns "
                f"{','.join(self._columns)}; got {','.join(header)[:200]!r}."
            )
        self._rows = {row["id"]: row for row in rows}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keeps other processes from writing the file, and starts from what they have written.

        Raises:
            BlockingIOError: another process writes it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with one_writer(self.path):
            self._read()
            yield

    @property
    def versions(self) -> dict[str, str]:
        """The versions that outcomes depend on (the machine is only recorded)."""
        machine = ("platform", "processor", "cpus")
        return {name: value for name, value in self._environment.items() if name not in machine}

    def stored(self, claim: Claim, seed: int) -> Outcome | None:
        """The outcome of the same claim, seed and code, if it is there."""
        row = self._rows.get(claim.id)
        if row is None or row["fingerprint"] != claim.fingerprint(seed, self.versions):
            return None
        if row["checksum"] != _checksum(row):
            return None  # it is not as it was written, and is measured again
        values: dict[str, Any] = {name: row[name] for name in COLUMNS}
        for name in _FLOATS:
            values[name] = float(values[name])
        values["found"] = float(values["found"]) if values["found"] else None
        values["seed"] = int(values["seed"])
        return Outcome(**values)

    def save(self, outcome: Outcome) -> None:
        """Writes a row in the place of an older one of the same claim."""
        row = {name: getattr(outcome, name) for name in COLUMNS}
        row["found"] = "" if outcome.found is None else outcome.found
        row = {**row, **self._environment}
        self._rows[outcome.id] = {**row, "checksum": _checksum(row)}
        write_csv(self.path, list(self._rows.values()), self._columns)

    def arrange(self, ids: Sequence[str]) -> None:
        """Brings the rows of some claims into an order, in the places that these rows have."""
        there = [each for each in ids if each in self._rows]
        places = iter(there)
        named = set(there)
        order = [next(places) if each in named else each for each in self._rows]
        if order != list(self._rows):
            self._rows = {each: self._rows[each] for each in order}
            write_csv(self.path, list(self._rows.values()), self._columns)


def _checksum(row: Mapping[str, Any]) -> str:
    """Of the entries of a row as text."""
    entries = (str(value) for name, value in row.items() if name != "checksum")
    return hashlib.sha256("\0".join(entries).encode()).hexdigest()[:16]
