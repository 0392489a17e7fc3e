"""What does ``recall(exact=True)`` cost beside the law that it takes?

``python -m benchmarks.exact_recall``: one probe of 64 neurons is filtered by 100, 1,000 and 4,000
patterns; the method's own ``law`` and ``recall(exact=True)`` take turns. The figure is at most 1.5:
no circuit is built or counted, and energies and the classical dynamics are computed when they are
looked at. The last columns say what that takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from qhopfield.circuits import FilteredMemory, ModernHopfield, RecallResult
from qhopfield.circuits import recall as recall_
from qhopfield.circuits.patterns import corrupt, random_patterns

from .common import RESULTS, Row, cpu, median, ratio, report, seconds, take_turns

FIGURE = 1.5
NEURONS = 64
BETA = 0.2
PATTERNS = "100,1000,4000"


def look(result: RecallResult) -> None:
    """Looks at what is computed on the first look, but for the circuits."""
    assert result.energies.size and result.converged.size and result.outcomes
    assert result.classical_states is not None


def main(
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of alternating runs.")] = 201,
    patterns: Annotated[str, typer.Option(help="Numbers of patterns.")] = PATTERNS,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "exact_recall.csv",
) -> None:
    """Times recall(exact=True) against the law."""
    rows: list[Row] = []
    for count in map(int, patterns.split(",")):
        rng = np.random.default_rng(seed)
        stored = random_patterns(count, NEURONS, seed=rng)
        probe = corrupt(stored[0], flips=6, seed=rng)
        memory, method = ModernHopfield(stored, BETA), FilteredMemory()
        taken = take_turns(
            {
                "law": lambda method=method, memory=memory, probe=probe: method.law(memory, probe),
                "recall": lambda method=method, memory=memory, probe=probe: recall_(
                    memory, probe, method, exact=True
                ),
            },
            repeats,
        )
        value, low, high = ratio(taken["recall"], taken["law"], rng)
        result = recall_(memory, probe, method, exact=True)
        rows.append(
            {
                "patterns": count,
                "neurons": NEURONS,
                "law (ms)": 1e3 * median(taken["law"]),
                "recall (ms)": 1e3 * median(taken["recall"]),
                "ratio": value,
                "low": low,
                "high": high,
                "ratio, cpu": median(taken[cpu("recall")]) / median(taken[cpu("law")]),
                "at most": FIGURE,
                "a look at the rest (ms)": 1e3 * seconds(lambda result=result: look(result)),
            }
        )
    report(
        f"recall(exact=True) against the law, medians of {repeats} runs in turns",
        rows,
        csv,
        seed=seed,
    )
    # Both clocks: a busy machine must not fail what the processor time clears.
    missed = [
        str(row["patterns"]) for row in rows if min(row["low"], row["ratio, cpu"]) > row["at most"]
    ]
    if missed:
        typer.echo(f"Above {FIGURE}: {', '.join(missed)} patterns.", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
