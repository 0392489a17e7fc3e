"""How fast is the law beside the vectorised classical dynamics?

``python -m benchmarks.law_speed``: one sample of the law a probe and the classical dynamics make
the same number of sweeps over the same probes.  The figure is at most 3 times at N = 4,096, 100
probes, 5 sweeps, at levels that recall.  Beside them stands one that is too hot to: there a third
of the neurons flips at every update, and each flip changes 4,096 fields, whereas the classical
dynamics has come to rest after two sweeps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from qhopfield.circuits import Hopfield, NeuronDynamics, RUSNeuron
from qhopfield.circuits.patterns import corrupt, random_patterns

from .common import RESULTS, Row, cpu, median, ratio, report, take_turns

FIGURE = 3.0
# At this level the safe gain leaves 50 patterns above the critical temperature.
HOT_LEVEL = 2


def classical_sweeps(
    memory: Hopfield, probes: NDArray[np.int8], sweeps: int, order: str, seed: int
) -> NDArray[np.int8]:
    """Sweeps of ``s_i <- sign h_i``, not stopped by convergence."""
    states = probes
    rng = np.random.default_rng(seed)
    for _ in range(sweeps):
        states = memory.update(states, order=order, seed=rng)
    return states


def main(
    neurons: Annotated[int, typer.Option(min=8)] = 4096,
    probes: Annotated[int, typer.Option(min=1)] = 100,
    sweeps: Annotated[int, typer.Option(min=1)] = 5,
    patterns: Annotated[int, typer.Option(min=1, help="Stored patterns.")] = 50,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of alternating runs.")] = 5,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "law_speed.csv",
) -> None:
    """Times the sampled law against the classical dynamics, at equal sweeps."""
    rng = np.random.default_rng(seed)
    stored = random_patterns(patterns, neurons, seed=rng)
    memory = Hopfield.store(stored)
    targets = stored[np.arange(probes) % patterns]
    starts = corrupt(targets, flips=0.2, seed=rng)
    rows: list[Row] = []
    for order in ("sequential", "random"):
        for level in (HOT_LEVEL, 4, 6):
            method = NeuronDynamics(RUSNeuron(level), sweeps=sweeps, order=order)
            sides = {
                "law": lambda method=method: method.sample_law(
                    memory, starts, 1, np.random.default_rng(seed)
                ),
                "classical": lambda order=order: classical_sweeps(
                    memory, starts, sweeps, order, seed
                ),
            }
            taken = take_turns(sides, repeats)
            value, low, high = ratio(taken["law"], taken["classical"], np.random.default_rng(seed))
            samples = method.sample_law(memory, starts, 1, np.random.default_rng(seed))
            final = np.concatenate(samples.outcomes)
            rows.append(
                {
                    "order": order,
                    "level": level,
                    "law (s)": median(taken["law"]),
                    "classical (s)": median(taken["classical"]),
                    "ratio": value,
                    "low": low,
                    "high": high,
                    "ratio, cpu": median(taken[cpu("law")]) / median(taken[cpu("classical")]),
                    "at most": float("nan") if level == HOT_LEVEL else FIGURE,
                    "overlap, law": float((final * targets).mean()),
                    "overlap, classical": float(
                        (classical_sweeps(memory, starts, sweeps, order, seed) * targets).mean()
                    ),
                }
            )
    report(
        f"N = {neurons}, {probes} probes, {sweeps} sweeps, medians of {repeats} runs in turns",
        rows,
        csv,
        seed=seed,
    )
    if any(min(row["ratio"], row["ratio, cpu"]) > row["at most"] for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
