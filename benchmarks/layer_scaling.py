"""How does the cost of the quantum layer grow with batch, sequence, neurons and heads?

``python -m benchmarks.layer_scaling``: seconds and memory of a training step on the exact law
beside attention, and the circuits that the same step stands for: how many, their qubits, two-qubit
gates and depth.  Each axis is varied alone; a power law is fitted to every column.  The table goes
to a CSV file, the exponents to another, and a picture lies beside them.

Neurons are those of a head, heads times neurons the width of the tokens: along both axes the
projections, which grow as the square of the width, take over in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from scipy import stats

from qhopfield.circuits.blocks.cost import circuit_cost
from qhopfield.circuits.plotting import LINES, MARKERS
from qhopfield.hybrid import QuantumHopfield
from qhopfield.hybrid.programs.memory import MemoryProgram

from .common import RESULTS, Row, median, report, take_turns
from .layer_speed import SelfAttention, Step, check_device, cores, peak_memory, torch_threads

QUANTUM = ("quantum, +-1 keys", "quantum, product keys")
CIRCUIT = ("circuits", "qubits", "qubits, reuse", "two-qubit gates", "depth")
AXES: dict[str, tuple[int, ...]] = {
    "batch": (8, 16, 32, 64, 128),
    "length": (32, 64, 128, 256, 512),
    "neurons": (8, 16, 32, 64),
    "heads": (4, 8, 16, 32),
}


@dataclass(frozen=True)
class Size:
    """Sizes of a layer and of what it is given.

    Attributes:
        batch: sequences.
        length: tokens of each, which are queries and stored patterns.
        neurons: neurons of a head.
        heads: heads.
    """

    batch: int = 8
    length: int = 64
    neurons: int = 8
    heads: int = 8

    def steps(self, device: torch.device) -> dict[str, Step]:
        """A training step of each layer."""
        width = self.neurons * self.heads
        inputs, slope = torch.randn(2, self.batch, self.length, width, device=device)
        layers = {
            QUANTUM[0]: QuantumHopfield(width, num_heads=self.heads, keys="binary"),
            QUANTUM[1]: QuantumHopfield(width, num_heads=self.heads, keys="product"),
            "attention": SelfAttention(width, self.heads, need_weights=False),
            "attention, weights": SelfAttention(width, self.heads, need_weights=True),
        }
        return {name: Step(layer.to(device), inputs, slope) for name, layer in layers.items()}

    def circuits(self) -> dict[str, int]:
        """What a forward pass runs: one circuit a sequence, head and query."""
        return {
            "circuits": self.batch * self.heads * self.length,
            **head_cost(self.length, self.neurons),
        }


@cache
def head_cost(patterns: int, neurons: int) -> dict[str, int]:
    """The circuit of one query, as written: two-qubit gates are CX and CZ."""
    program = MemoryProgram(patterns, neurons)
    cost = circuit_cost(program.circuit().circuit)
    return {
        "qubits": cost.qubits,
        "qubits, reuse": program.num_qubits("reuse"),
        "two-qubit gates": cost.two_qubit_gates,
        "depth": cost.depth,
    }


def measure(axis: str, size: int, base: Size, repeats: int, device: torch.device) -> list[Row]:
    """One row a layer, with all of its timings under ``rounds``."""
    here = replace(base, **{axis: size})
    steps = here.steps(device)
    taken = take_turns(steps, repeats)
    missing = dict.fromkeys(CIRCUIT, float("nan"))
    return [
        {
            "axis": axis,
            "size": size,
            "layer": name,
            "seconds": median(taken[name]),
            "least": min(taken[name]),
            "peak (MB)": peak_memory(step) / 1e6,
            **(here.circuits() if name in QUANTUM else missing),
            "rounds": taken[name],
        }
        for name, step in steps.items()
    ]


def exponent(sizes: Sequence[float], values: Sequence[float]) -> tuple[float, float, float]:
    """The exponent of a power law through points, with its 95 % interval (a line on log scales)."""
    line = stats.linregress(np.log(sizes), np.log(values))
    half = float(stats.t.ppf(0.975, len(sizes) - 2) * line.stderr)
    return float(line.slope), float(line.slope) - half, float(line.slope) + half


def exponents(rows: Sequence[Row]) -> list[Row]:
    """Exponents of every column by axis and layer; those of circuits once, as both share them."""
    found: list[Row] = []
    for axis in AXES:
        for layer in dict.fromkeys(row["layer"] for row in rows):
            some = [row for row in rows if (row["axis"], row["layer"]) == (axis, layer)]
            if not some:
                continue
            sizes = [row["size"] for row in some]
            rounds = [(row["size"], each) for row in some for each in row["rounds"]]
            fits = {"seconds": exponent(*zip(*rounds, strict=True))}
            fits["peak (MB)"] = exponent(sizes, [row["peak (MB)"] for row in some])
            if layer == QUANTUM[0]:
                fits |= {name: exponent(sizes, [row[name] for row in some]) for name in CIRCUIT}
            for name, (value, low, high) in fits.items():
                what = "one head's circuit" if name in CIRCUIT else layer
                found.append(
                    {
                        "axis": axis,
                        "from": min(sizes),
                        "to": max(sizes),
                        "of": what,
                        "what": name,
                        "exponent": value,
                        "low": low,
                        "high": high,
                    }
                )
    return found


def draw(rows: Sequence[Row], fits: Sequence[Row], path: Path) -> None:
    """Seconds and circuits against each axis, on log scales."""
    from matplotlib.ticker import NullLocator

    from qhopfield.circuits.figures import new_figure

    names = list(dict.fromkeys(row["axis"] for row in rows))
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    figure = new_figure(max(4.0, 3.6 * len(names)), 8.0, layout="constrained")
    grid = figure.subplots(2, len(names), squeeze=False, sharey="row", sharex="col")
    slopes = {(fit["axis"], fit["of"], fit["what"]): fit["exponent"] for fit in fits}
    for column, axis in enumerate(names):
        here = [row for row in rows if row["axis"] == axis]
        lines = [(layer, layer, "seconds", grid[0, column]) for layer in layers]
        lines += [(name, QUANTUM[0], name, grid[1, column]) for name in CIRCUIT]
        for place, (label, layer, what, panel) in enumerate(lines):
            points = [(row["size"], row[what]) for row in here if row["layer"] == layer]
            power = slopes[axis, "one head's circuit" if what in CIRCUIT else layer, what]
            panel.loglog(
                *zip(*points, strict=True),
                color=LINES[place % len(LINES)],
                marker=MARKERS[place % len(MARKERS)],
                markersize=4,
                label=f"{label}: {power:.2f}",
            )
        sizes = sorted({row["size"] for row in here})
        for panel in grid[:, column]:
            panel.set_xticks(sizes, [str(size) for size in sizes])
            panel.xaxis.set_minor_locator(NullLocator())
            panel.grid(alpha=0.3)
            above = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
            panel.legend(fontsize=7, title="exponents", title_fontsize=7, frameon=False, **above)
        grid[1, column].set_xlabel(axis)
    grid[0, 0].set_ylabel("seconds a training step")
    grid[1, 0].set_ylabel("circuits of a step, and the circuit of a query")
    figure.savefig(path, dpi=120)


def beside(path: Path, ending: str) -> Path:
    """A file of the same name with another ending."""
    return path.with_name(f"{path.stem}{ending}")


def main(
    axes: Annotated[
        list[str] | None, typer.Option("--axis", help="One of them; repeatable.")
    ] = None,
    points: Annotated[int, typer.Option(min=3, max=5, help="Sizes an axis, at most.")] = 5,
    batch: Annotated[int, typer.Option(min=1, help="Where another axis is varied.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of alternating steps.")] = 10,
    threads: Annotated[int | None, typer.Option(min=1, help="All processors if left out.")] = None,
    device: Annotated[str, typer.Option(help="cpu, or cuda where there is one.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS
    / "layer_scaling.csv",
) -> None:
    """Times layers by size, counts their circuits, fits exponents and draws them."""
    place = check_device(device)
    unknown = set(axes or ()) - set(AXES)
    if unknown:
        typer.echo(
            f"Error: --axis must be one of {', '.join(AXES)}, got {unknown.pop()}.", err=True
        )
        raise typer.Exit(2)
    rows: list[Row] = []
    with torch.random.fork_rng(), torch_threads(threads or cores()):
        torch.manual_seed(seed)
        for axis in axes or AXES:
            for size in AXES[axis][:points]:
                rows += measure(axis, size, Size(batch=batch), repeats, place)
    fits = exponents(rows)
    table: list[Mapping[str, object]] = [
        {name: value for name, value in row.items() if name != "rounds"} for row in rows
    ]
    report(f"A training step on {device}, medians of {repeats}", table, csv, seed=seed)
    report("Exponents", fits, beside(csv, "_exponents.csv"), seed=seed)
    draw(rows, fits, beside(csv, ".png"))
    typer.echo(beside(csv, ".png"))


if __name__ == "__main__":
    typer.run(main)
