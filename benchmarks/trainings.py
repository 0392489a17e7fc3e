"""Many trainings into one table: what the benchmarks of tasks share.

A row is written as soon as its training is done, and a row that stands there for the same code,
settings and seed is not measured again, so that a run that was stopped goes on.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from rich.console import Console
from rich.progress import track
from scipy import stats

import qhopfield.hybrid
from qhopfield.hybrid.tasks import Task
from qhopfield.hybrid.training import train

from .common import environment, write_csv

STYLES = {
    "quantum": ("#c8553d", "o", "quantum, +-1 keys"),
    "quantum-product": ("#e0a458", "D", "quantum, product-state keys"),
    "hopfield": ("#3a9d6e", "s", "classical Hopfield"),
    "attention": ("#2a7fb8", "^", "attention"),
    "lstm": ("#7d5ba6", "v", "LSTM"),
    "rnn": ("#4c566a", "x", "RNN"),
}
"""Colour, marker and label of each memory."""

MEMORIES = ("quantum", "quantum-product", "hopfield", "attention", "lstm", "rnn")


def measure(
    points: Sequence[tuple[Mapping[str, Any], Task]],
    memories: Sequence[str],
    seeds: Sequence[int],
    path: Path,
) -> pd.DataFrame:
    """Trains every memory on every task with every seed, and counts its answers on the law.

    Args:
        points: what tells the tasks apart in the table, and the tasks.
        memories: names of memories.
        seeds: of examples, weights and order.
        path: the table, which is read first.

    Returns:
        A row a training: the labels, memory, seed, parameters, right, asked, accuracy, seconds.

    Raises:
        ValueError: the file holds something else.
    """
    rows = _known(path)
    found = []
    work = [
        (labels, task, memory, seed)
        for labels, task in points
        for seed in seeds
        for memory in memories
    ]
    console = Console(stderr=True)
    for labels, task, memory, seed in track(work, "trainings", console=console):
        mark = _mark(task, memory, seed)
        if mark not in rows:
            result = train(task, memory, seed=seed, progress=False)
            law = result.evaluations[0]
            rows[mark] = {
                "mark": mark,
                "task": task.name,
                **labels,
                "memory": memory,
                "seed": seed,
                "parameters": result.parameters,
                "right": law.right,
                "asked": law.asked,
                "accuracy": law.accuracy,
                "seconds": round(result.seconds, 2),
                **environment(),
            }
            write_csv(path, list(rows.values()))
        found.append(rows[mark])
    table = pd.DataFrame(found)
    numbers = ["seed", "parameters", "right", "asked", "accuracy", "seconds", *points[0][0]]
    return table.assign(**{name: pd.to_numeric(table[name]) for name in numbers})


def summary(table: pd.DataFrame, by: Sequence[str]) -> list[dict[str, Any]]:
    """Mean accuracy over seeds with its Student interval, and what a training costs."""
    rows = []
    for key, group in table.groupby([*by, "memory"], sort=False):
        low, high = student(group["accuracy"].to_numpy())
        rows.append(
            {
                **dict(zip([*by, "memory"], key, strict=True)),
                "seeds": len(group),
                "parameters": int(group["parameters"].iloc[0]),
                "accuracy": group["accuracy"].mean(),
                "low": low,
                "high": high,
                "minutes a training": group["seconds"].mean() / 60.0,
            }
        )
    return rows


def student(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float]:
    """The 95 % interval of a mean, within [0, 1]."""
    middle = float(values.mean())
    if len(values) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return max(0.0, middle - float(half)), min(1.0, middle + float(half))


def styled(memories: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Memory, colour, marker and label, in the order of the legend."""
    for memory in memories:
        colour, marker, label = STYLES.get(memory, ("#888888", ".", memory))
        yield memory, colour, marker, label


def clean(axes: Axes) -> None:
    """A light grid and no box."""
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)


def _mark(task: Task, memory: str, seed: int) -> str:
    """What a row depends on: settings, seed and code."""
    parts = (task.name, sorted(asdict(task).items()), memory, seed, _code())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _code() -> str:
    folder = Path(qhopfield.hybrid.__file__).parent
    digest = hashlib.sha256()
    # What a training's outcome depends on; how circuits run does not matter to the law.
    for part in ("baselines", "layers", "tasks", "training", "transformer.py"):
        place = folder / part
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _known(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if "mark" not in (reader.fieldnames or ()):
            raise ValueError(f"{path} is no table of trainings: it has no column 'mark'.")
        return {row["mark"]: row for row in reader}
