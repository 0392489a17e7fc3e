"""How does capacity grow with the number of neurons, power by power?

``python -m benchmarks.capacity_powers``: the most patterns of which 9 in 10 are fixed points, for
F = x^2 to x^4 and exp, as CSV and as a figure on logarithmic axes.  A Hopfield network's line has
slope 1 or less; F = x^n nears n - 1; the exponential bends away from every power.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from qhopfield.circuits import Exponential, Polynomial
from qhopfield.circuits.figures import new_figure

from .claims.dense import STABLE, most_patterns
from .common import RESULTS, Row, report

FUNCTIONS = {
    "x^2 (Hopfield)": Polynomial(2),
    "x^3": Polynomial(3),
    "x^4": Polynomial(4),
    "exp(x)": Exponential(1.0),
}
COLOURS = ("#4c566a", "#2a7fb8", "#3a9d6e", "#c8553d")
MARKERS = ("o", "s", "^", "D")


def draw(rows: list[Row], path: Path) -> None:
    """Draws capacity against neurons, a line a separation function."""
    figure = new_figure(7.0, 4.4, layout="constrained")
    axes = figure.subplots()
    for name, colour, marker in zip(FUNCTIONS, COLOURS, MARKERS, strict=True):
        points = [
            (row["neurons"], row["patterns"])
            for row in rows
            if row["F"] == name and not np.isnan(row["patterns"])
        ]
        if not points:
            continue
        neurons, patterns = zip(*points, strict=True)
        axes.plot(neurons, patterns, color=colour, marker=marker, markersize=5, linewidth=1.4)
        axes.annotate(
            f"F = {name}",
            points[-1],
            xytext=(8, 0),
            textcoords="offset points",
            color=colour,
            fontsize=9,
            va="center",
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({row["neurons"] for row in rows})
    axes.set_xticks(ticks, [str(each) for each in ticks])
    axes.set_xlim(right=1.7 * max(ticks))
    axes.set_xlabel("neurons N")
    axes.set_ylabel("patterns M")
    axes.set_title(f"Patterns of which {STABLE:.0%} are fixed points", loc="left", fontsize=11)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main(
    sizes: Annotated[list[int] | None, typer.Option(min=8, help="Neurons; repeatable.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="Sets of patterns a point.")] = 60,
    limit: Annotated[int, typer.Option(min=8, help="The most patterns tried.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS
    / "capacity_powers.csv",
    figure: Annotated[Path, typer.Option(help="Where the figure goes.")] = RESULTS
    / "capacity_powers.png",
) -> None:
    """Measures and draws capacity against neurons."""
    rows: list[Row] = []
    for name, separation in FUNCTIONS.items():
        for num_neurons in sorted(sizes or [8, 12, 16, 20, 24, 32, 48]):
            found = most_patterns(separation, num_neurons, seed, trials=trials, limit=limit)
            rows.append({"F": name, "neurons": num_neurons, "patterns": found})
            if np.isnan(found):
                break  # larger ones hold even more than the limit
    report(f"Patterns of which {STABLE:.0%} are fixed points", rows, csv, seed=seed)
    draw(rows, figure)
    typer.echo(f"{figure}")


if __name__ == "__main__":
    typer.run(main)
