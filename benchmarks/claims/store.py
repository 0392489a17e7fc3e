"""Outcomes of claims in a CSV file: one row a claim, each written whole as soon as it is there."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

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
        self._columns = (*COLUMNS, *self._environment)
        self._rows: dict[str, dict[str, Any]] = {}
        if path.exists():
            try:
                with path.open(newline="", encoding="utf-8") as file:
                    reader = csv.DictReader(file)
                    header = tuple(reader.fieldnames or ())
                    rows = list(reader)
            except (UnicodeDecodeError, csv.Error) as error:
                raise ValueError(f"{path} is no CSV file of claims: {error}") from error
            if header != self._columns or any(None in row.values() for row in rows):
                raise ValueError(
                    f"{path} is no CSV file of claims: expected the columns "
                    f"{','.join(self._columns)}; got {','.join(header)[:200]!r}."
                )
            self._rows = {row["id"]: row for row in rows}

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
        self._rows[outcome.id] = {**row, **self._environment}
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
