"""How does recall fall with the distance to what is recalled, memory by memory?

``python -m benchmarks.long_range``: a cue, ``distance`` distractors, a question; quantum, classical
Hopfield, attention, LSTM and RNN at equal parameters, trained at each distance, as CSV and as a
picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer

from qhopfield.circuits.figures import new_figure
from qhopfield.hybrid.tasks import LongRangeRecall

from .common import RESULTS, report
from .trainings import MEMORIES, clean, measure, student, styled, summary


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draws accuracy against distance, a line a memory."""
    figure = new_figure(6.8, 4.0, layout="constrained")
    axes = figure.subplots()
    for memory, colour, marker, label in styled(list(dict.fromkeys(table["memory"]))):
        groups = table[table["memory"] == memory].groupby("distance")["accuracy"]
        distances = np.array(list(groups.groups))
        means = groups.mean().to_numpy()
        ends = np.array([student(each.to_numpy()) for _, each in groups])
        axes.plot(distances, means, color=colour, marker=marker, label=label, linewidth=1.4)
        if not np.isnan(ends).any():
            axes.fill_between(distances, ends[:, 0], ends[:, 1], color=colour, alpha=0.15, lw=0)
    axes.axhline(1.0 / LongRangeRecall().cues, color="#999999", linestyle=":", linewidth=1.0)
    place = (distances[0], 1.0 / LongRangeRecall().cues)
    axes.annotate("chance", place, va="bottom", fontsize=8, color="#777777")
    axes.set_xscale("log", base=2)
    axes.set_xticks(distances, [str(each) for each in distances])
    axes.set_ylim(0.0, 1.04)
    axes.set_xlabel("tokens between cue and question")
    axes.set_ylabel("accuracy on the test sequences")
    axes.set_title("Long-range recall, equal parameters", loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=8.5, loc="lower left")
    clean(axes)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main(
    memory: Annotated[list[str] | None, typer.Option(help="A memory; repeatable.")] = None,
    distance: Annotated[list[int] | None, typer.Option(min=0, help="Repeatable.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds a memory and distance.")] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the examples.")] = 10,
    examples: Annotated[int, typer.Option(min=1, help="Sequences to learn from.")] = 2000,
    threads: Annotated[int, typer.Option(min=1, help="Threads of PyTorch.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 7,
    rows: Annotated[Path, typer.Option(help="A row a training; read first.")] = RESULTS
    / "long_range_trainings.csv",
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "long_range.csv",
    figure: Annotated[Path, typer.Option(help="Where the figure goes.")] = RESULTS
    / "long_range.png",
) -> None:
    """Trains and draws."""
    torch.set_num_threads(threads)
    points = [
        ({"distance": each}, LongRangeRecall(distance=each, epochs=epochs, train_examples=examples))
        for each in sorted(distance or [4, 16, 64])
    ]
    numbers = range(seed, seed + seeds)
    table = measure(points, memory or MEMORIES, numbers, rows)
    report("Long-range recall", summary(table, ["distance"]), csv, seed=seed)
    draw(table, figure)
    typer.echo(f"{figure}")


if __name__ == "__main__":
    typer.run(main)
