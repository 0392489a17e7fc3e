"""Does the memory of a process grow while it recalls again and again?

``python -m benchmarks.soak``: a small recall is repeated by law, and fewer times on Aer, with
neurons whose circuits hold loops.  The first tenth of them warms up what is loaded and kept once;
the growth of the resident memory after it is at most 20 MiB.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer

from qhopfield.circuits import Hopfield, NeuronDynamics, RUSNeuron
from qhopfield.circuits import recall as recall_
from qhopfield.circuits.patterns import random_patterns

from .common import RESULTS, Row, report

FIGURE = 20.0
"""The most growth, MiB."""

MEASUREMENTS = 10
"""How often the memory is looked at."""


def resident() -> float:
    """Resident memory of this process, MiB, with everything freed that can be."""
    # A circuit's bodies are freed one nesting deeper with every collection.
    for _ in range(5):
        gc.collect()
    return float(psutil.Process().memory_info().rss / 2**20)


def soak(job: Callable[[int], Any], times: int) -> list[float]:
    """Repeats a job; resident memory after each tenth, MiB."""
    sizes = []
    for part in np.array_split(np.arange(times), min(MEASUREMENTS, times)):
        for number in part.tolist():
            job(number)
        sizes.append(resident())
    return sizes


def main(
    recalls: Annotated[int, typer.Option(min=2, help="Recalls by law.")] = 20_000,
    aer: Annotated[int, typer.Option(min=0, help="Recalls on Aer, for each register.")] = 500,
    neurons: Annotated[int, typer.Option(min=2, help="Neurons.")] = 6,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "soak.csv",
) -> None:
    """Repeats recalls and reports how much the process has grown."""
    patterns = random_patterns(2, neurons, seed=seed)
    memory = Hopfield.store(patterns)
    by_law = NeuronDynamics(RUSNeuron(1), sweeps=1)
    on_qubits = NeuronDynamics(RUSNeuron(1), sweeps=1, register="reuse")

    def law(number: int) -> None:
        recall_(memory, patterns[:1], by_law, exact=True, seed=number)

    def run(method: NeuronDynamics) -> Callable[[int], None]:
        def job(number: int) -> None:
            recall_(memory, patterns[:1], method, shots=50, seed=number)

        return job

    cases: list[tuple[str, Callable[[int], None], int]] = [("law", law, recalls)]
    if aer:
        cases += [
            ("Aer, feedforward", run(by_law), aer),
            ("Aer, reuse", run(on_qubits), aer),
        ]
    rows: list[Row] = []
    for name, job, times in cases:
        started = time.perf_counter()
        sizes = soak(job, times)
        rows.append(
            {
                "recalls": name,
                "number": times,
                "first tenth (MiB)": sizes[0],
                "end (MiB)": sizes[-1],
                "growth (MiB)": sizes[-1] - sizes[0],
                "seconds": time.perf_counter() - started,
                "at most (MiB)": FIGURE,
            }
        )
    report("resident memory while recalls are repeated", rows, csv, seed=seed)
    missed = [str(row["recalls"]) for row in rows if row["growth (MiB)"] > FIGURE]
    if missed:
        typer.echo(f"Above {FIGURE:g} MiB: {', '.join(missed)}.", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
