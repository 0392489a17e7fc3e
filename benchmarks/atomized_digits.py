"""How well, and at what cost, do shards of a large memory recall pictures on gate-level circuits?

Handwritten digits with a fifth of their pixels flipped: 8x8 on circuits of some 75 qubits, 40
stored in shards of 8, beside the same memory in one piece; and 28x28 on circuits of some 800
qubits.  Aer runs them as matrix product states, which is exact, because a memory of M patterns has
Schmidt rank M.  The law and the classical update stand beside each figure.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from qhopfield.circuits import (
    AtomizedMemory,
    Exponential,
    FilteredMemory,
    KernelFilter,
    ModernHopfield,
    RecallResult,
    recall,
)
from qhopfield.circuits.common.statistics import wilson_interval
from qhopfield.circuits.patterns import corrupt, load_set

from .common import RESULTS, report

app = typer.Typer(add_completion=False)


def stored_digits(name: str, count: int, seed: int) -> np.ndarray[Any, Any]:
    """``count`` distinct digits, as many of each label as there is room for."""
    found = load_set(name)
    rng = np.random.default_rng(seed)
    by_label = [
        rng.permutation(np.flatnonzero(np.array(found.labels) == label))
        for label in sorted(set(found.labels))
    ]
    order = [
        index for rank in zip(*(each[:99] for each in by_label), strict=False) for index in rank
    ]
    chosen: list[np.ndarray[Any, Any]] = []
    for index in order:
        if not any((found.patterns[index] == each).all() for each in chosen):
            chosen.append(found.patterns[index])
        if len(chosen) == count:
            return np.stack(chosen)
    raise typer.BadParameter(f"--stored: {name} has only {len(chosen)} of these.")


def row(
    name: str, result: RecallResult, law: RecallResult, truth: np.ndarray[Any, Any], seconds: float
) -> dict[str, Any]:
    """One row of the table."""
    right = (result.states == truth).all(axis=1)
    low, high = wilson_interval(right.sum(), len(right))
    share = result.probability_of(truth)
    expected = law.probability_of(truth)
    assert result.resources is not None  # recall counts them
    sigma = np.sqrt(np.maximum(expected * (1 - expected), 1e-12) / result.effective_shots)
    return {
        "memory": name,
        "qubits": result.resources.qubits,
        "circuits": result.resources.circuits,
        "two-qubit gates": result.resources.two_qubit_gates,
        "depth": result.resources.depth,
        "acceptance": float(result.acceptance.mean()),
        "right": f"{right.sum()}/{len(right)} [{low:.2f}, {high:.2f}]",
        "right by law": f"{(law.states == truth).all(axis=1).sum()}/{len(right)}",
        "P(right)": float(share.mean()),
        "by law": float(expected.mean()),
        "greatest sigma": float(np.max(np.abs(share - expected) / sigma)),
        "seconds a probe": seconds / len(right),
    }


@app.command()
def atomized_digits(
    name: Annotated[str, typer.Option("--set", help="digits (8x8) or mnist (28x28).")] = "digits",
    stored: Annotated[int, typer.Option(min=2, help="Stored patterns.")] = 40,
    size: Annotated[int, typer.Option(min=1, help="Patterns a shard.")] = 8,
    probes: Annotated[int, typer.Option(min=1, help="Probes.")] = 40,
    flips: Annotated[float, typer.Option(min=0, max=1, help="Flipped share of pixels.")] = 0.2,
    beta: Annotated[float, typer.Option(min=0, help="Inverse temperature.")] = 0.4,
    shots: Annotated[int, typer.Option(min=1, help="Shots a submodule and probe.")] = 1000,
    whole: Annotated[
        int, typer.Option(min=0, help="Probes that the memory in one piece recalls, too.")
    ] = 3,
    search: Annotated[
        bool,
        typer.Option(
            "--search",
            help="Search the least distance by circuits, instead of subtracting the number of "
            "flips.",
        ),
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 7,
    picture: Annotated[Path | None, typer.Option(help="Where to draw the recall.")] = None,
    csv: Annotated[Path, typer.Option(help="Where the rows go.")] = RESULTS / "atomized_digits.csv",
) -> None:
    """Recalls digits by shards and in one piece, on circuits and by law."""
    patterns = stored_digits(name, stored, seed)
    memory = ModernHopfield(patterns, beta=beta)
    probes = min(probes, stored)
    which = np.random.default_rng(seed).permutation(stored)[:probes]
    truth = patterns[which]
    rows = corrupt(truth, flips=flips, seed=seed)
    least = round(flips * patterns.shape[1])
    method = (
        FilteredMemory(KernelFilter(Exponential(beta)), least="descending")
        if search
        else FilteredMemory(KernelFilter(Exponential(beta), d_min=least))
    )
    shards = -(-stored // size)
    cut = AtomizedMemory(method, shards=shards)
    sides: list[tuple[str, Any, int]] = [(f"{shards} shards of {size}", cut, probes)]
    if whole:
        sides.append(("in one piece", method, min(whole, probes)))
    table = []
    for title, side, count in sides:
        start = time.perf_counter()
        found = recall(
            memory,
            rows[:count],
            side,
            shots=shots,
            seed=seed,
            workers=workers if side is cut else None,
            progress=True,
        )
        seconds = time.perf_counter() - start
        expected = recall(memory, rows[:count], method, exact=True)
        table.append(row(title, found, expected, truth[:count], seconds))
        if picture is not None and side is cut:
            shape = load_set(name).shape
            found.plot(shape, max_probes=min(5, count)).savefig(picture, dpi=80)
    ends = memory.recall(rows).states
    classical = (ends == truth).all(axis=1).sum()
    report(
        f"{stored} {name} of {patterns.shape[1]} neurons, {flips:.0%} flipped, beta {beta:g}, "
        f"{shots} shots a submodule; classical modern Hopfield: {classical}/{len(truth)} right",
        table,
        csv,
        seed=seed,
    )


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.atomized_digits")
