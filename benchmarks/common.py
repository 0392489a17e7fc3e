"""What the benchmarks share: the machine and versions, timing in turns, tables and CSV."""

from __future__ import annotations

import csv
import io
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from qhopfield.circuits.common.files import whole_file

RESULTS = Path("results")
"""Where CSV files go unless told otherwise."""

PACKAGES = (
    "qhopfield",
    "qiskit",
    "qiskit-aer",
    "numpy",
    "scipy",
    "torch",
    "pennylane",
    "pennylane-lightning",
    "lightning",
    "distributed",
    "mthree",
    "qiskit-ibm-runtime",
)

Row = Mapping[str, Any]


def environment() -> dict[str, str]:
    """Versions and machine, as columns of a CSV; what is not installed has no version."""
    machine = {
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cpus": str(os.cpu_count()),
    }
    return machine


def _version(name: str) -> str:
    """The version of an installed package, or nothing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def seconds(work: Callable[[], Any]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def take_turns(
    sides: Mapping[str, Callable[[], Any]], repeats: int, warm_up: bool = True
) -> dict[str, list[float]]:
    """Times several sides in turns, so that a slow spell of the machine hits all of them.

    Args:
        sides: what to time, by name.
        repeats: rounds.
        warm_up: whether every side runs once before, untimed.

    Returns:
        The seconds of each round, by name; and those of the processor, as ``"NAME, cpu"``, which
        other work on the machine disturbs less.
    """
    if warm_up:
        for work in sides.values():
            work()
    taken: dict[str, list[float]] = {name: [] for name in sides}
    taken |= {cpu(name): [] for name in sides}
    for _ in range(repeats):
        for name, work in sides.items():
            processor = time.process_time()
            taken[name].append(seconds(work))
            taken[cpu(name)].append(time.process_time() - processor)
    return taken


def cpu(name: str) -> str:
    """Under which name :func:`take_turns` keeps a side's processor time."""
    return f"{name}, cpu"


def median(values: Sequence[float]) -> float:
    """The median."""
    return float(np.median(values))


def ratio(
    numerator: Sequence[float], denominator: Sequence[float], rng: np.random.Generator
) -> tuple[float, float, float]:
    """Ratio of the medians of two timings taken in turns, with a bootstrap 95 % interval.

    Args:
        numerator: seconds, round by round.
        denominator: seconds of the same rounds.
        rng: draws the rounds again.

    Returns:
        The ratio and the ends of its interval.
    """
    top, bottom = np.asarray(numerator), np.asarray(denominator)
    rounds = rng.integers(0, len(top), size=(2000, len(top)))
    drawn = np.median(top[rounds], axis=1) / np.median(bottom[rounds], axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(np.median(top) / np.median(bottom)), float(low), float(high)


def write_csv(path: Path, rows: Sequence[Row], columns: Sequence[str] | None = None) -> None:
    """Writes rows to a CSV file, whole or not at all; its folder is made.

    Args:
        path: the file.
        rows: the rows.
        columns: the columns; None takes those of the first row.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(columns or rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with whole_file(path) as file:
        file.write(text.getvalue().encode())


def wide_console() -> Console:
    """Standard output, at least 120 columns where it is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=max(120, console.width))


def report(
    title: str, rows: Sequence[Row], path: Path, *, seed: int, shown: Sequence[Row] | None = None
) -> None:
    """Prints rows as a table and writes them, with versions, seed and machine, to a CSV file.

    Args:
        title: of the table.
        rows: what is written.
        path: the file.
        seed: of the run.
        shown: what is printed, where it is less than what is written.
    """
    console = wide_console()
    printed = rows if shown is None else shown
    table = Table(title=title)
    for column in printed[0]:
        table.add_column(column, overflow="fold")
    for row in printed:
        table.add_row(*(show(value) for value in row.values()))
    console.print(table)
    extra = {"seed": str(seed), **environment()}
    write_csv(path, [{**row, **extra} for row in rows])
    console.print(f"{path}", highlight=False)


def show(value: Any) -> str:
    """A value as a table shows it: four digits of a float, nothing for NaN."""
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.4g}"
    return str(value)
