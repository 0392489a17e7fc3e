"""How does the time of feedforward grow with the number of neurons?

``python -m benchmarks.scaling``: N from 16 to 256, the exponent of a power law fitted to the times;
the figure is at most 2.2.  Then 1,024 neurons are recalled on Aer.  With ``--load`` the number of
patterns grows with N, and with it the number of different fields that a circuit runs for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from scipy import stats

from qhopfield.circuits import Hopfield, NeuronDynamics, RecallResult, RUSNeuron, recall
from qhopfield.circuits.patterns import corrupt, random_patterns

from .common import RESULTS, Row, median, report, take_turns

FIGURE = 2.2
PROBES = 4


@dataclass(frozen=True)
class Job:
    """One recall on Aer: four probes with a tenth flipped, of a memory of N neurons."""

    neurons: int
    patterns: int
    method: NeuronDynamics
    shots: int
    seed: int

    def targets(self) -> NDArray[np.int8]:
        """The patterns."""
        return random_patterns(self.patterns, self.neurons, seed=self.seed)

    def __call__(self, progress: bool = False) -> RecallResult:
        """Runs it."""
        patterns = self.targets()
        probes = corrupt(patterns[np.arange(PROBES) % self.patterns], flips=0.1, seed=self.seed)
        return recall(
            Hopfield.store(patterns),
            probes,
            self.method,
            shots=self.shots,
            seed=self.seed,
            progress=progress,
        )

    def exact(self, result: RecallResult) -> float:
        """Share of the runs that ended in their pattern."""
        targets = self.targets()[np.arange(PROBES) % self.patterns]
        return float(np.mean(result.probability_of(targets)))


def main(
    sizes: Annotated[list[int] | None, typer.Option(min=8, help="Neurons; repeatable.")] = None,
    large: Annotated[int, typer.Option(min=0, help="Neurons of the large run; 0: none.")] = 1024,
    level: Annotated[int, typer.Option(min=1)] = 3,
    shots: Annotated[int, typer.Option(min=1, help="Runs a probe.")] = 25,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of alternating runs.")] = 3,
    load: Annotated[bool, typer.Option("--load", help="N / 16 patterns instead of 4.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "scaling.csv",
) -> None:
    """Times recall with feedforward by size, fits the exponent, and recalls a large memory."""
    method = NeuronDynamics(RUSNeuron(level), sweeps=2)
    numbers = sizes or [16, 32, 64, 128, 256]
    if len(set(numbers)) < 3:
        typer.echo("Error: a fit needs three different sizes at least.", err=True)
        raise typer.Exit(2)
    jobs = {
        each: Job(each, max(2, each // 16) if load else PROBES, method, shots, seed)
        for each in [*numbers, *([large] if large else [])]
    }
    taken = take_turns({str(each): jobs[each] for each in numbers}, repeats)
    rows: list[Row] = []
    for each, job in jobs.items():
        start = time.perf_counter()
        result = job(progress=each == large)
        # The large one runs once.
        took = median(taken[str(each)]) if each in numbers else time.perf_counter() - start
        rows.append(
            {
                "neurons": each,
                "patterns": job.patterns,
                "probes": PROBES,
                "shots": shots,
                "level": level,
                "updates a run": 2 * each,
                "qubits": 1 + level,
                "seconds": took,
                "recalled exactly": job.exact(result),
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


if __name__ == "__main__":
    typer.run(main)
