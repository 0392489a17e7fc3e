"""Which memories learn multi-query associative recall, at equal parameters?

``python -m benchmarks.associative_recall``: quantum, classical Hopfield, attention, LSTM and RNN,
five seeds each; mean accuracy with its 95 % interval over seeds, as CSV and as a picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer

from qhopfield.circuits.figures import new_figure
from qhopfield.hybrid.tasks import MultiQueryRecall

from .common import RESULTS, report
from .trainings import MEMORIES, clean, measure, student, styled, summary


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draws the accuracy of each memory, seed by seed and on average."""
    figure = new_figure(6.4, 3.6, layout="constrained")
    axes = figure.subplots()
    memories = list(dict.fromkeys(table["memory"]))
    chance = 2.0 / MultiQueryRecall().vocabulary
    for place, (memory, colour, marker, _) in enumerate(styled(memories)):
        found = table[table["memory"] == memory]["accuracy"].to_numpy()
        axes.scatter([place] * len(found), found, color=colour, marker=marker, alpha=0.4, s=22)
        low, high = student(found)
        axes.errorbar(
            place + 0.16, found.mean(), [[found.mean() - low], [high - found.mean()]],
            color=colour, marker=marker, capsize=4,
        )  # fmt: skip
    axes.axhline(chance, color="#999999", linestyle=":", linewidth=1.0)
    axes.annotate(
        "a guess among the values",
        (len(memories) - 0.6, chance),
        ha="right",
        va="bottom",
        fontsize=8,
        color="#777777",
    )
    labels = [label.replace(", ", ",\n") for *_, label in styled(memories)]
    axes.set_xticks(range(len(memories)), labels)
    axes.set_ylim(-0.02, 1.04)
    axes.set_ylabel("accuracy on the test sequences")
    axes.set_title("Multi-query associative recall, equal parameters", loc="left", fontsize=11)
    clean(axes)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main(
    memory: Annotated[list[str] | None, typer.Option(help="A memory; repeatable.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds a memory.")] = 5,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of key and value.")] = 8,
    length: Annotated[int, typer.Option(min=8, help="Tokens of a sequence.")] = 64,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the examples.")] = 10,
    examples: Annotated[int, typer.Option(min=1, help="Sequences to learn from.")] = 4000,
    threads: Annotated[int, typer.Option(min=1, help="Threads of PyTorch.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 7,
    rows: Annotated[Path, typer.Option(help="A row a training; read first.")] = RESULTS
    / "associative_recall_trainings.csv",
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS
    / "associative_recall.csv",
    figure: Annotated[Path, typer.Option(help="Where the figure goes.")] = RESULTS
    / "associative_recall.png",
) -> None:
    """Trains and draws."""
    torch.set_num_threads(threads)
    task = MultiQueryRecall(pairs=pairs, length=length, epochs=epochs, train_examples=examples)
    typer.echo(task.describe())
    numbers = range(seed, seed + seeds)
    table = measure([({"pairs": pairs}, task)], memory or MEMORIES, numbers, rows)
    report("Multi-query associative recall", summary(table, ["pairs"]), csv, seed=seed)
    draw(table, figure)
    typer.echo(f"{figure}")


if __name__ == "__main__":
    typer.run(main)
