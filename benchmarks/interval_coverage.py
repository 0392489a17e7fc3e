"""How often do 95 % intervals hold what the law says?

``python -m benchmarks.interval_coverage``: every recall of :mod:`.every_method`, 200 times with
seeds of its own, on Aer and drawn from the law.  Each time the interval of the most probable
state's share, and that of the acceptance, either hold the law's figure or not.  They should in 95 %
of the runs; below what 200 runs of that show but once in a million, an interval is wrong, and the
command ends with status 1.

The most probable state is the one that came most often.  Where several are about equally probable
("filtered, ties") it is the luckiest of them, which its interval has to allow for, the more the
fewer shots there are: ``--only ties --shots 50``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from scipy.stats import binom

from qhopfield.circuits import RecallResult
from qhopfield.circuits.execution import make_runner
from qhopfield.circuits.methods import Samples

from .common import RESULTS, Row, report
from .every_method import CASES, Case

CONFIDENCE, FALSE_ALARM = 0.95, 1e-6


@dataclass(frozen=True)
class Coverage:
    """How many runs' intervals hold the law's figure.

    Attributes:
        runs: how many there were.
        share: those of the most probable state's share.
        acceptance: those of the acceptance.
        effective: mean of effective shots, relative to the accepted ones.
    """

    runs: int
    share: int
    acceptance: int
    effective: float

    @property
    def least(self) -> int:
        """What an honest interval stays above, but for one case in a million."""
        return least(self.runs)

    @property
    def honest(self) -> bool:
        """Whether both intervals do."""
        return min(self.share, self.acceptance) >= self.least


def least(runs: int) -> int:
    """The least number of runs that intervals of 95 % hold, but for one case in a million."""
    return int(binom.ppf(FALSE_ALARM, runs, CONFIDENCE))


def result_of(case: Case, samples: Samples) -> RecallResult:
    """Samples as the result that a recall gives, without what it costs beside."""
    return RecallResult.from_samples(
        samples,
        model=case.model,
        method=repr(case.method),
        probes=np.repeat(case.row[None, :], len(samples.outcomes), axis=0),
        run_on="",
        seed=None,
        resources=None,
        classical=None,
    )


def coverage(
    case: Case, runs: int, shots: int, seed: int, *, circuits: bool, together: bool = False
) -> Coverage:
    """Runs a case again and again.

    Args:
        case: what runs.
        runs: how often.
        shots: of each run.
        seed: of the first run; the others have the next ones.
        circuits: runs circuits on Aer instead of drawing from the law.
        together: asks all runs as probes of one recall, which is faster; probes are independent
            unless a method draws something for all of them.
    """
    law = case.method.law(case.model, case.row)
    runner = make_runner()
    share = acceptance = 0
    worth: list[float] = []
    for number in range(1 if together else runs):
        rng = np.random.default_rng(seed + number)
        rows = np.repeat(case.row[None, :], runs if together else 1, axis=0)
        samples = (
            case.method.run(case.model, rows, shots, runner, rng)
            if circuits
            else case.method.sample_law(case.model, rows, shots, rng)
        )
        result = result_of(case, samples)
        slack = 1e-12  # where a distribution is computed its interval has no width
        for row in range(len(rows)):
            low, high = result.probability_intervals[row]
            due = law.probability_of(result.states[row]) if result.recalled[row] else math.nan
            share += bool(low - slack <= due <= high + slack) or not result.recalled[row]
            low, high = result.acceptance_intervals[row]
            acceptance += bool(low - slack <= law.acceptance <= high + slack)
        with np.errstate(divide="ignore", invalid="ignore"):
            worth += (result.effective_shots / result.accepted).tolist()
    return Coverage(runs, share, acceptance, float(np.nanmean(worth)))


def main(
    runs: Annotated[int, typer.Option(min=2, help="Runs of each method.")] = 200,
    shots: Annotated[int, typer.Option(min=1, help="Shots of each run.")] = 200,
    only: Annotated[str, typer.Option(help="Part of the name of the methods to run.")] = "",
    law: Annotated[bool, typer.Option(help="Draw from the law only; run no circuit.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS
    / "interval_coverage.csv",
) -> None:
    """Counts how often the intervals of every method hold the law."""
    rows: list[Row] = []
    missed: list[str] = []
    for name, case in CASES.items():
        if only not in name:
            continue
        for circuits in (False,) if law else (False, True):
            fewer = min(shots, 60) if case.slow and circuits else shots
            found = coverage(case, runs, fewer, seed, circuits=circuits)
            rows.append(
                {
                    "method": name,
                    "drawn from": "Aer" if circuits else "law",
                    "runs": runs,
                    "shots": fewer,
                    "share": found.share / runs,
                    "acceptance": found.acceptance / runs,
                    "at least": found.least / runs,
                    "effective / accepted": found.effective,
                }
            )
            if not found.honest:
                missed.append(name)
    if not rows:
        typer.echo(f"Error: no method is called {only!r}; there are {', '.join(CASES)}.", err=True)
        raise typer.Exit(2)
    report("coverage of 95 % intervals", rows, csv, seed=seed)
    if missed:
        typer.echo(f"Intervals miss the law: {', '.join(missed)}.", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
