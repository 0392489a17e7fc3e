"""Does the law over shards keep up with a plain softmax, in bounded memory?

100,000 patterns of 784 neurons (MNIST digits with a few pixels changed), 1,000 probes with a fifth
of their pixels flipped: ``softmax_recall`` here and in two worker processes (started before),
beside a NumPy softmax that holds everything.  Sides take turns; the peak of each side's memory is
measured in a process of its own.  Exit status 1 where the law takes more than 1.5 times as long, or
more memory than it was given.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from qhopfield.circuits import softmax_recall
from qhopfield.circuits.common.cluster import open_client
from qhopfield.circuits.patterns import corrupt, load_set

from .common import RESULTS, median, ratio, report, take_turns

app = typer.Typer(add_completion=False)

LIMIT = 1.5
_CHANGED = 0.05


def many_digits(count: int, seed: int) -> NDArray[np.int8]:
    """MNIST digits, each many times over with other pixels changed."""
    digits = load_set("mnist").patterns
    rng = np.random.default_rng(seed)
    rows = digits[np.arange(count) % len(digits)]
    changed = rng.random(rows.shape, dtype=np.float32) < _CHANGED
    return np.where(changed, -rows, rows).astype(np.int8)


def plain_softmax(
    patterns: NDArray[np.float64], probes: NDArray[np.float64], beta: float
) -> NDArray[np.float64]:
    """``softmax(beta x Xi^T) Xi`` with all logits at once."""
    logits = beta * (probes @ patterns.T)
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return np.asarray(logits @ patterns)


def peak(side: str, folder: str, beta: float, memory: int) -> float:
    """MiB by which one side's peak rises above the patterns, probes and imports."""
    probes = np.load(f"{folder}/probes.npy")
    small = np.load(f"{folder}/patterns.npy", mmap_mode="r")[:10]
    softmax_recall(small, probes[:2], beta)  # what is loaded on first use
    patterns = np.load(f"{folder}/patterns.npy")
    before = _high_water()
    if side == "plain":
        plain_softmax(patterns.astype(np.float64), probes, beta)
    else:
        softmax_recall(patterns, probes, beta, memory=memory)
    return _high_water() - before


def _high_water() -> float:
    """The most memory that this process has had, MiB (Linux; NaN elsewhere)."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


@app.command()
def large_memory(
    patterns: Annotated[int, typer.Option(min=1, help="Stored patterns.")] = 100_000,
    probes: Annotated[int, typer.Option(min=1, help="Probes.")] = 1_000,
    beta: Annotated[float, typer.Option(min=0, help="Inverse temperature.")] = 0.1,
    memory: Annotated[int, typer.Option(min=1, help="MiB that a shard's work may take.")] = 256,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 7,
    csv: Annotated[Path, typer.Option(help="Where the rows go.")] = RESULTS / "large_memory.csv",
) -> None:
    """Times the law of a large memory over shards beside a NumPy softmax."""
    stored = many_digits(patterns, seed)
    probes = min(probes, patterns)
    rows = corrupt(stored[:probes], flips=0.2, seed=seed).astype(np.float64)
    whole = stored.astype(np.float64)
    answers: dict[str, Any] = {}

    def plain() -> None:
        answers["plain"] = plain_softmax(whole, rows, beta)

    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/patterns.npy", stored)
        np.save(f"{folder}/probes.npy", rows)
        with open_client(2) as client:

            def here() -> None:
                answers["1"] = softmax_recall(stored, rows, beta, memory=memory)

            def there() -> None:
                # The workers read their shards from the file.
                source = f"{folder}/patterns.npy"
                answers["2"] = softmax_recall(source, rows, beta, memory=memory, client=client)

            sides = {"NumPy softmax": plain, "shards": here, "shards, 2 workers": there}
            taken = take_turns(sides, repeats)
        peaks = {}
        for side in ("plain", "shards"):
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                peaks[side] = pool.submit(peak, side, folder, beta, memory).result()
    rng = np.random.default_rng(seed)
    table = []
    worst = 0.0
    for name in sides:
        against, low, high = ratio(taken[name], taken["NumPy softmax"], rng)
        found = answers["plain"] if name == "NumPy softmax" else None
        if found is None:
            result = answers["2" if "2" in name else "1"]
            found = result.expectations
            right = float((result.nearest == np.arange(probes)).mean())
        else:
            right = float((np.sign(found) == stored[:probes]).all(axis=1).mean())
        gap = float(np.abs(found - answers["plain"]).max())
        worst = max(worst, against if name == "shards" else 0.0)
        table.append(
            {
                "side": name,
                "seconds": median(taken[name]),
                "against NumPy": f"{against:.2f} [{low:.2f}, {high:.2f}]",
                "shards": 1 if name == "NumPy softmax" else answers["1"].shards,
                "peak (MiB)": peaks["plain" if name == "NumPy softmax" else "shards"]
                if "2" not in name
                else float("nan"),
                "largest gap": gap,
                "right": right,
            }
        )
    report(
        f"{patterns:,} patterns x 784 neurons, {probes:,} probes, beta {beta:g}, "
        f"memory={memory} MiB",
        table,
        csv,
        seed=seed,
    )
    over = peaks["shards"] > memory + answers["1"].expectations.nbytes / 2**20
    if worst > LIMIT or over:
        raise typer.Exit(1)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.large_memory")
