"""What a capacity run gave: one row a cell of load and corruption, as data, table and file."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..common.checks import check_choice, check_count, check_flag, check_kind, check_real
from ..common.files import whole_file
from ..common.randomness import LARGEST_SEED

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

UPDATES = ("recall", "one step")
READOUTS = ("state", "sign", "shot")
MEASURES = ("bit", "message", "set")
CLASSICAL = "classical"


@dataclass(frozen=True)
class CapacitySettings:
    """What all cells of a run have in common; cells of other settings are not comparable.

    Attributes:
        model: how the memories were made, as it prints.
        method: the method, as it prints, or ``"classical"``.
        update: ``"recall"`` or ``"one step"``.
        readout: ``"state"``, ``"sign"`` or ``"shot"``.
        num_neurons: N.
        trials: sets of patterns a cell.
        probes: the most patterns probed a set; None probed all.
        shots: shots a probe; 0 for the classical dynamics.
        exact: whether the law was taken instead of circuits.
        seed: the seed.
        fingerprint: tells models, methods and versions apart that print alike (see
            :meth:`~qhopfield.circuits.common.identity.Identified.fingerprint`); empty where that
            cannot be told.
    """

    model: str
    method: str
    update: str
    readout: str
    num_neurons: int
    trials: int
    probes: int | None
    shots: int
    exact: bool
    seed: int
    fingerprint: str = ""

    def __post_init__(self) -> None:
        check_choice(self.update, "update", UPDATES)
        check_choice(self.readout, "readout", READOUTS)
        for name, minimum in (("num_neurons", 1), ("trials", 1), ("shots", 0)):
            number = check_count(getattr(self, name), name, minimum=minimum)
            object.__setattr__(self, name, number)
        seed = check_count(self.seed, "seed", maximum=LARGEST_SEED)
        object.__setattr__(self, "seed", seed)
        if self.probes is not None:
            object.__setattr__(self, "probes", check_count(self.probes, "probes", minimum=1))
        object.__setattr__(self, "exact", check_flag(self.exact, "exact"))
        for name in ("model", "method", "fingerprint"):
            check_kind(getattr(self, name), name, str, "a text")


@dataclass(frozen=True)
class CapacityCell:
    """Errors at one load and one corruption.

    Every rate comes with the ends of its 95 % Wilson interval. Probes of one set share a memory,
    so bits and messages are not counted as independent: their numbers are replaced by the number of
    independent ones whose rate would scatter as the rates of the sets do, and never by less than
    the number of sets.

    Attributes:
        patterns: M.
        corruption: flipped bits of each probe.
        probed: probes of all trials together.
        bit_error_rate: mean share of wrong bits.
        bit_error_low: lower end.
        bit_error_high: upper end.
        message_error_rate: share of probes that came out with a wrong bit or more.
        message_error_low: lower end.
        message_error_high: upper end.
        set_error_rate: share of sets of which a probe or more came out wrong.
        set_error_low: lower end.
        set_error_high: upper end.
        unstored: trials whose patterns left nothing to make a memory from; all messages of these
            count as wrong and half their bits.
        rejected: share of probes of which no shot was accepted, in the other trials; they count
            in the same way.
        acceptance: mean acceptance, in the other trials.
    """

    patterns: int
    corruption: int
    probed: int
    bit_error_rate: float
    bit_error_low: float
    bit_error_high: float
    message_error_rate: float
    message_error_low: float
    message_error_high: float
    set_error_rate: float
    set_error_low: float
    set_error_high: float
    unstored: int
    rejected: float
    acceptance: float

    def __post_init__(self) -> None:
        check_count(self.patterns, "patterns", minimum=1)
        check_count(self.corruption, "corruption")
        check_count(self.probed, "probed", minimum=1)
        check_count(self.unstored, "unstored")
        for measure in MEASURES:
            rate, low, high = self.error(measure)
            low = check_real(low, f"{measure}_error_low", minimum=0.0, maximum=1.0)
            high = check_real(high, f"{measure}_error_high", minimum=low, maximum=1.0)
            check_real(rate, f"{measure}_error_rate", minimum=low, maximum=high)

    @property
    def key(self) -> tuple[int, int]:
        """Which cell it is: patterns and corruption."""
        return self.patterns, self.corruption

    def error(self, measure: str = "message") -> tuple[float, float, float]:
        """A rate and the ends of its interval; ``measure`` is bit, message or set.

        Raises:
            ValueError: another measure.
        """
        name = f"{check_choice(measure, 'measure', MEASURES)}_error"
        return (
            getattr(self, f"{name}_rate"),
            getattr(self, f"{name}_low"),
            getattr(self, f"{name}_high"),
        )


_CELL = tuple(field.name for field in fields(CapacityCell))
_SETTINGS = tuple(field.name for field in fields(CapacitySettings))
COLUMNS = ("load", *_CELL, *_SETTINGS, "checksum")
# Files that were written before there were fingerprints and checksums can be read; no run goes on
# from them.
_BEFORE = COLUMNS[:-2]
_INTEGERS = ("patterns", "corruption", "probed", "unstored", "num_neurons", "trials", "shots")


@dataclass(frozen=True, eq=False, repr=False)
class CapacityResult:
    """Recall errors against load and corruption, with intervals.

    Made by :func:`~qhopfield.circuits.capacity.capacity`; :meth:`load_csv` reads a file.

    Attributes:
        settings: what all cells have in common.
        cells: the cells, by number of patterns and then by corruption.

    Raises:
        ValueError: no cell, a cell twice, or one that does not fit the settings.
    """

    settings: CapacitySettings
    cells: tuple[CapacityCell, ...]

    def __post_init__(self) -> None:
        cells = tuple(sorted(self.cells, key=lambda cell: cell.key))
        if not cells:
            raise ValueError("A capacity result needs at least one cell, got none.")
        for earlier, later in itertools.pairwise(cells):
            if earlier.key == later.key:
                raise ValueError(
                    f"Patterns {later.patterns}, corruption {later.corruption} is there twice."
                )
        for cell in cells:
            if cell.corruption > self.settings.num_neurons or cell.unstored > self.settings.trials:
                raise ValueError(f"{cell} does not fit {self.settings}.")
        object.__setattr__(self, "cells", cells)

    def __repr__(self) -> str:
        s = self.settings
        return (
            f"CapacityResult({len(self.cells)} cells of {s.trials} trials, {s.num_neurons} "
            f"neurons, model={s.model}, method={s.method}, update={s.update!r})"
        )

    def __len__(self) -> int:
        """How many cells there are."""
        return len(self.cells)

    @property
    def patterns(self) -> NDArray[np.int64]:
        """The numbers of patterns M, (L,), ascending."""
        return np.array(sorted({cell.patterns for cell in self.cells}), dtype=np.int64)

    @property
    def loads(self) -> NDArray[np.float64]:
        """The loads M / N, (L,), ascending."""
        return np.asarray(self.patterns / self.settings.num_neurons)

    @property
    def corruptions(self) -> NDArray[np.int64]:
        """The numbers of flipped bits, (C,), ascending."""
        return np.array(sorted({cell.corruption for cell in self.cells}), dtype=np.int64)

    def cell(self, patterns: int, corruption: int = 0) -> CapacityCell:
        """One cell.

        Raises:
            ValueError: it is not there.
        """
        for cell in self.cells:
            if cell.key == (patterns, corruption):
                return cell
        raise ValueError(
            f"There is no cell of {patterns} patterns and corruption {corruption}; there are "
            f"patterns {self.patterns.tolist()} and corruptions {self.corruptions.tolist()}."
        )

    def errors(self, measure: str = "message") -> NDArray[np.float64]:
        """Rates and the ends of their intervals, (L, C, 3); NaN where a cell is not there.

        Args:
            measure: ``"bit"``, ``"message"`` or ``"set"``.

        Raises:
            ValueError: another measure.
        """
        rows, columns = self.patterns.tolist(), self.corruptions.tolist()
        table = np.full((len(rows), len(columns), 3), math.nan)
        for cell in self.cells:
            place = rows.index(cell.patterns), columns.index(cell.corruption)
            table[place] = cell.error(measure)
        return table

    def fixed_points(self) -> NDArray[np.float64]:
        """Probability that a stored pattern is a fixed point, with its interval, (L, 3).

        Raises:
            ValueError: the run was not of one step, or has no cells of corruption 0.
        """
        if self.settings.update != "one step" or 0 not in self.corruptions:
            raise ValueError(
                "Fixed points are seen by update='one step' at corruption 0; this run has "
                f"update={self.settings.update!r} and corruptions {self.corruptions.tolist()}."
            )
        rates = self.errors("message")[:, 0]
        return np.asarray(1.0 - rates[:, [0, 2, 1]])

    def to_dataframe(self) -> pd.DataFrame:
        """Returns a table with one row a cell; the settings stand in every row."""
        import pandas as pd

        table = pd.DataFrame(self._rows())
        table["probes"] = table["probes"].astype("Int64")
        return table

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes the table as comma separated text; the file is whole or not there.

        Raises:
            FileNotFoundError: the folder does not exist.
            IsADirectoryError: ``path`` is a folder.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in self._rows():  # floats as repr, which reads back exactly
            writer.writerow({**row, "checksum": _checksum(row)})
        with whole_file(path) as file:
            file.write(text.getvalue().encode("utf-8"))

    @classmethod
    def load_csv(cls, path: str | os.PathLike[str]) -> CapacityResult:
        """Reads what :meth:`to_csv` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            IsADirectoryError: ``path`` is a folder.
            ValueError: the file is no such table, is damaged, or mixes settings.
        """
        source = Path(path)
        try:
            with source.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file, strict=True)
                header = tuple(reader.fieldnames or ())
                if header not in (COLUMNS, _BEFORE):
                    raise ValueError(
                        f"expected the columns {','.join(COLUMNS)}; got {','.join(header)[:200]!r}"
                    )
                rows = [_parsed(row) for row in reader]
            if not rows:
                raise ValueError("it has no rows")
            settings = CapacitySettings(**{name: rows[0][name] for name in _SETTINGS})
            for row in rows:
                other = CapacitySettings(**{name: row[name] for name in _SETTINGS})
                if other != settings:
                    raise ValueError(f"it mixes settings: {differences(settings, other)}")
            cells = [CapacityCell(**{name: row[name] for name in _CELL}) for row in rows]
            return cls(settings, tuple(cells))
        except (csv.Error, TypeError, ValueError) as error:  # UnicodeDecodeError is a ValueError
            raise ValueError(f"{source.name} is no capacity table: {error}") from error

    def plot(self, *, measure: str = "message", against: str | None = None) -> Figure:
        """Draws errors with their intervals, see :func:`.plot.plot_capacity`.

        Args:
            measure: ``"bit"``, ``"message"`` or ``"set"``.
            against: ``"load"``, ``"patterns"`` or ``"corruption"``; None takes the load where
                there are several, and the corruption otherwise.

        Raises:
            ValueError: another measure or axis.
        """
        from .plot import plot_capacity

        return plot_capacity([self], measure=measure, against=against)

    def _rows(self) -> list[dict[str, Any]]:
        settings = asdict(self.settings)
        return [
            {"load": cell.patterns / self.settings.num_neurons, **asdict(cell), **settings}
            for cell in self.cells
        ]


_ALIKE = (
    " (what prints alike differs in its fields or its code, or the version of qhopfield, Qiskit, "
    "Aer, NumPy or Python is another)"
)


def differences(expected: CapacitySettings, found: CapacitySettings) -> str:
    """Names the settings in which two runs differ, with both values."""
    pairs = ((name, getattr(expected, name), getattr(found, name)) for name in _SETTINGS)
    return "; ".join(
        f"{name} is {theirs!r} instead of {ours!r}" + (_ALIKE if name == "fingerprint" else "")
        for name, ours, theirs in pairs
        if ours != theirs
    )


def merged(
    settings: CapacitySettings, old: Sequence[CapacityCell], new: Iterable[CapacityCell]
) -> CapacityResult:
    """The cells of two runs of the same settings; the new ones replace old ones."""
    by_key = {cell.key: cell for cell in (*old, *new)}
    return CapacityResult(settings, tuple(by_key.values()))


def _checksum(row: Mapping[str, Any]) -> str:
    """Of the entries of a row as text."""
    entries = (
        "" if row.get(name) is None else str(row[name]) for name in COLUMNS[:-1] if name in row
    )
    return hashlib.sha256("\0".join(entries).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _parsed(row: dict[str | Any, str | Any]) -> dict[str, Any]:
    """Text to values."""
    if None in row or None in row.values():
        raise ValueError("a row has more or fewer entries than the header")
    if row.get("checksum", _checksum(row)) != _checksum(row):
        raise ValueError("a row is not as it was written: its checksum is another")
    values: dict[str, Any] = {"fingerprint": "", **row}
    for name in ("load", *_CELL):
        values[name] = int(row[name]) if name in _INTEGERS else float(row[name])
    for name in ("num_neurons", "trials", "shots", "seed"):
        values[name] = int(row[name])
    values["probes"] = int(row["probes"]) if row["probes"] else None
    values["exact"] = check_choice(row["exact"], "exact", ("True", "False")) == "True"
    return values
