"""How does the time of feedforward grow with the number of neurons?

``python -m benchmarks.scaling``: N from 16 to 256, the exponent of a power law fitted to medians;
the figure is at most 2.2.  Then 1,024 neurons are recalled on Aer.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from scipy import stats

from qhopfield.circuits import Hopfield, NeuronDynamics, RecallResult, RUSNeuron, recall
from qhopfield.circuits.patterns import corrupt, random_patterns

from .common import RESULTS, Row, median, report, seconds, take_turns

FIGURE = 2.2
PATTERNS = 4


def task(num_neurons: int, seed: int) -> tuple[Hopfield, NDArray[np.int8], NDArray[np.int8]]:
    """A memory of 4 patterns, one probe each with a tenth of it flipped, and the patterns."""
    rng = np.random.default_rng([seed, num_neurons])
    patterns = random_patterns(PATTERNS, num_neurons, seed=rng)
    return Hopfield.store(patterns), corrupt(patterns, flips=0.1, seed=rng), patterns


def run(
    num_neurons: int, method: NeuronDynamics, shots: int, seed: int, progress: bool = False
) -> RecallResult:
    """One recall on Aer."""
    memory, probes, _ = task(num_neurons, seed)
    return recall(memory, probes, method, shots=shots, seed=seed, progress=progress)


def main(
    sizes: Annotated[list[int] | None, typer.Option(min=8, help="Neurons; repeatable.")] = None,
    large: Annotated[int, typer.Option(min=0, help="Neurons of the large run; 0: none.")] = 1024,
    level: Annotated[int, typer.Option(min=1)] = 3,
    shots: Annotated[int, typer.Option(min=1, help="Runs a probe.")] = 25,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of alternating runs.")] = 3,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "scaling.csv",
) -> None:
    """Times recall with feedforward by size, fits the exponent, and recalls a large memory."""
    method = NeuronDynamics(RUSNeuron(level), sweeps=2)
    numbers = sizes or [16, 32, 64, 128, 256]
    if len(set(numbers)) < 3:
        typer.echo("Error: a fit needs three different sizes at least.", err=True)
        raise typer.Exit(2)
    jobs = {str(each): partial(run, each, method, shots, seed) for each in numbers}
    taken = take_turns(jobs, repeats)
    measured = {each: taken[str(each)] for each in numbers}
    if large:
        measured[large] = [seconds(partial(run, large, method, shots, seed, progress=True))]
    rows: list[Row] = []
    for each, timings in measured.items():
        result = run(each, method, shots, seed) if each != large else None
        rows.append(
            {
                "neurons": each,
                "patterns": PATTERNS,
                "probes": PATTERNS,
                "shots": shots,
                "level": level,
                "updates a run": 2 * each,
                "seconds": median(timings),
                "exact": float("nan") if result is None else _exact(result),
            }
        )
    points = stats.linregress(
        np.log(np.repeat(numbers, repeats)),
        np.log(np.concatenate([taken[str(n)] for n in numbers])),
    )
    half = float(stats.t.ppf(0.975, len(numbers) * repeats - 2) * points.stderr)
    report(
        f"recall with feedforward, level {level}, 2 sweeps, medians of {repeats}",
        rows,
        csv,
        seed=seed,
    )
    Console().print(
        f"time ~ N^{points.slope:.2f}, 95 % interval {points.slope - half:.2f} to "
        f"{points.slope + half:.2f}; the figure is at most {FIGURE}."
    )
    if points.slope + half > FIGURE:
        raise typer.Exit(1)


def _exact(result: RecallResult) -> float:
    return float(np.mean(result.probability_of(result.patterns)))


if __name__ == "__main__":
    typer.run(main)
