"""How does recall fall where submodules fail, and are those that answer at random found out?

40 handwritten digits in 8 shards, a fifth of the pixels flipped.  Shards are dead: recall by law,
over many draws of who is dead, with one and two replicas of each shard, beside as many whole copies
of the memory in one piece, each failing as often.  Shards answer at random: recall from shots with
and without the test of their acceptance, how many the test finds, and its false alarms.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from qhopfield.circuits import (
    AtomizedMemory,
    Exponential,
    Faults,
    FilteredMemory,
    KernelFilter,
    ModernHopfield,
    RecallResult,
    recall,
)
from qhopfield.circuits.common.statistics import wilson_interval
from qhopfield.circuits.patterns import corrupt

from .atomized_digits import stored_digits
from .common import RESULTS, report

app = typer.Typer(add_completion=False)

_FALSE_ALARM = 1e-6


def dead_rows(
    memory: ModernHopfield, method: FilteredMemory, rows: Any, truth: Any, shards: int, draws: int
) -> list[dict[str, Any]]:
    """Recall by law with 0 to half of the shards' machines dead."""
    whole = method.distribution(memory, rows.astype(float))[0].argmax(axis=1)
    alone = float((memory.patterns[whole] == truth).all(axis=1).mean())
    table = []
    for replicas in (1, 2):
        for dead in range(shards // 2 + 1):
            right, covered, share = [], [], []
            for draw in range(draws if dead else 1):
                faults = Faults(dead=dead * replicas, seed=draw)
                cut = AtomizedMemory(method, shards=shards, replicas=replicas, faults=faults)
                shares, _, parts = cut.distribution(cut.grid(memory), rows.astype(float))
                found = memory.patterns[shares.argmax(axis=1)]
                right.append(float((found == truth).all(axis=1).mean()))
                covered.append(float(parts.covered().mean()))
                share.append(float(shares[np.arange(len(truth)), np.arange(len(truth))].mean()))
            # Draws are independent; probes of one draw are not.
            error = 1.96 * np.std(right, ddof=1) / np.sqrt(len(right)) if len(right) > 1 else 0.0
            table.append(
                {
                    "failure": "dead",
                    "of 8": dead,
                    "replicas": replicas,
                    "right": f"{np.mean(right):.3f} +- {error:.3f}",
                    "P(right)": float(np.mean(share)),
                    "patterns covered": float(np.mean(covered)),
                    # Whole copies of the memory on as many machines, each failing as often.
                    "in one piece": alone * (1.0 - (dead / shards) ** replicas),
                    "found": "",
                    "false alarms": "",
                }
            )
    return table


def random_rows(
    memory: ModernHopfield,
    method: FilteredMemory,
    rows: Any,
    truth: Any,
    shards: int,
    shots: int,
    circuits: bool,
    seed: int,
) -> list[dict[str, Any]]:
    """Recall with some shards answering at random, believed and tested."""
    table = []
    for broken in (1, 2, 4):
        faults = Faults(random=broken, seed=seed)
        for tested in (False, True):
            cut = AtomizedMemory(
                method, shards=shards, detect=_FALSE_ALARM if tested else None, faults=faults
            )
            if circuits:
                result = recall(memory, rows, cut, shots=shots, seed=seed, progress=True)
            else:
                drawn = cut.sample_law(memory, rows, shots, np.random.default_rng(seed))
                result = RecallResult.from_samples(
                    drawn, model=memory, method=repr(cut), probes=rows, run_on="law, sampled"
                )
            parts = result.parts
            assert parts is not None  # an atomized memory tells
            hits = (result.states == truth).all(axis=1)
            low, high = wilson_interval(hits.sum(), len(hits))
            bad = faults.fates(shards) != 0
            rejected = parts.status == parts.STATUS.index("rejected")
            table.append(
                {
                    "failure": "random, tested" if tested else "random, believed",
                    "of 8": broken,
                    "replicas": 1,
                    "right": f"{hits.mean():.3f} [{low:.3f}, {high:.3f}]",
                    "P(right)": float(np.nanmean(result.probability_of(truth))),
                    "patterns covered": float(parts.covered().mean()),
                    "in one piece": float("nan"),
                    "found": f"{rejected[:, bad].sum()}/{rejected[:, bad].size}" if tested else "",
                    "false alarms": f"{rejected[:, ~bad].sum()}/{rejected[:, ~bad].size}"
                    if tested
                    else "",
                }
            )
    return table


@app.command()
def shard_failures(
    stored: Annotated[int, typer.Option(min=8, help="Stored digits, in 8 shards.")] = 40,
    beta: Annotated[float, typer.Option(min=0, help="Inverse temperature.")] = 0.5,
    draws: Annotated[int, typer.Option(min=2, help="Draws of who is dead.")] = 200,
    shots: Annotated[int, typer.Option(min=1, help="Shots a submodule.")] = 500,
    circuits: Annotated[
        bool,
        typer.Option("--circuits", help="Run circuits for random answers, not the law's shots."),
    ] = False,
    probes: Annotated[int, typer.Option(min=1, help="Probes for random answers.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 7,
    picture: Annotated[Path | None, typer.Option(help="Where to draw the curves.")] = None,
    csv: Annotated[Path, typer.Option(help="Where the rows go.")] = RESULTS / "shard_failures.csv",
) -> None:
    """Measures recall against failed shards."""
    patterns = stored_digits("digits", stored, seed)
    memory = ModernHopfield(patterns, beta=beta)
    rows = corrupt(patterns, flips=0.2, seed=seed)
    method = FilteredMemory(KernelFilter(Exponential(beta), d_min=round(0.2 * patterns.shape[1])))
    table = dead_rows(memory, method, rows, patterns, 8, draws)
    if picture is not None:
        draw_curves(table, picture)
    some = slice(0, min(probes, stored))
    table += random_rows(memory, method, rows[some], patterns[some], 8, shots, circuits, seed)
    report(
        f"{stored} digits in 8 shards, 20% flipped, beta {beta:g}; {draws} draws of the dead; "
        f"{shots} shots {'on circuits' if circuits else 'by law'} for random answers",
        table,
        csv,
        seed=seed,
    )


def draw_curves(table: list[dict[str, Any]], picture: Path) -> None:
    """Recall against dead machines."""
    from qhopfield.circuits.figures import new_figure

    figure = new_figure(5.5, 3.6, layout="constrained")
    axes = figure.subplots()
    for replicas, marker in ((1, "o"), (2, "s")):
        chosen = [row for row in table if row["replicas"] == replicas]
        means = [float(row["right"].split(" ")[0]) for row in chosen]
        errors = [float(row["right"].split(" ")[2]) for row in chosen]
        axes.errorbar(
            [row["of 8"] for row in chosen],
            means,
            errors,
            marker=marker,
            capsize=3,
            label=f"8 shards, {replicas} replica{'s' if replicas > 1 else ''}",
        )
        axes.plot(
            [row["of 8"] for row in chosen],
            [row["in one piece"] for row in chosen],
            "k--" if replicas == 1 else "k:",
            label=f"in one piece, {replicas} cop{'ies' if replicas > 1 else 'y'}, on average",
        )
    axes.set(xlabel="failed submodules of 8", ylabel="share of probes recalled", ylim=(0, 1.02))
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.shard_failures")
