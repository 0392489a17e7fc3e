"""Does a capacity sweep give the same rows however it is spread, and whatever is killed?

``python -m benchmarks.distribution``: the sweep with one process and with two, with a worker that
is killed in mid-run, and killed as a whole and resumed. The exit status is 1 where rows differ.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console

from qhopfield.circuits import NeuronDynamics, RUSNeuron
from qhopfield.circuits.capacity import CapacityResult, ModelSpec, capacity
from qhopfield.circuits.common.cluster import open_client
from qhopfield.circuits.common.journal import Journal

from .common import RESULTS, Row, report, seconds

# Seconds between two looks at a run that is to be killed.
LOOK = 0.02
# Seconds that a run may take until it has measured what is waited for.
PATIENCE = 300.0


def sweep(neurons: int, trials: int, seed: int, **options: Any) -> CapacityResult:
    """Errors of the dynamics of RUS neurons, on circuits, at two loads."""
    return capacity(
        ModelSpec("hopfield"),
        NeuronDynamics(RUSNeuron(1), sweeps=2),
        num_neurons=neurons,
        patterns=[1, 3],
        corruptions=[2],
        trials=trials,
        shots=64,
        seed=seed,
        **options,
    )


def measured(table: Path) -> int:
    """Pieces in the journal of a run that was killed."""
    journal = table.with_name(f"{table.name}.journal")
    if not journal.exists():
        return 0
    database = sqlite3.connect(journal)
    try:
        return int(database.execute("SELECT count(*) FROM results").fetchone()[0])
    finally:
        database.close()


def with_a_killed_worker(neurons: int, trials: int, seed: int, workers: int = 2) -> CapacityResult:
    """The sweep; one worker is killed (SIGKILL) as soon as a piece is being measured."""
    with open_client(workers) as client:
        assert client is not None
        victims = list(client.run(os.getpid).values())

        def kill() -> None:
            busy = [address for address, keys in client.processing().items() if keys]
            if busy and victims:
                os.kill(victims.pop(), signal.SIGKILL)

        with _Pacer(kill, lambda: len(victims) < workers):
            result = sweep(neurons, trials, seed, client=client)
    if len(victims) == workers:
        raise RuntimeError("The run ended before a worker was killed; take more trials.")
    return result


class _Pacer:
    """Calls a function every now and then, from a thread, until it has had its effect."""

    def __init__(self, call: Callable[[], None], done: Callable[[], bool]) -> None:
        self._call, self._done, self._end = call, done, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._done() and not self._end.wait(LOOK):
            self._call()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def killed_run(
    table: Path, neurons: int, trials: int, seed: int, *, workers: int, pieces: int
) -> int:
    """Starts the sweep in a process of its own, and kills it and its workers in mid-run.

    Args:
        table: its CSV file.
        neurons: N.
        trials: sets of patterns a cell.
        seed: the seed.
        workers: processes.
        pieces: how many must have been measured before it is killed.

    Returns:
        How many pieces its journal holds.
    """
    command = [
        *(sys.executable, "-m", "benchmarks.distribution", "--only-run", str(table)),
        *(
            "--neurons",
            str(neurons),
            "--trials",
            str(trials),
            "--seed",
            str(seed),
            "--workers",
            str(workers),
        ),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        end = time.monotonic() + PATIENCE
        for number, _ in enumerate(process.stdout, start=1):  # a line a piece
            if number >= pieces or time.monotonic() > end:
                break
        everyone = [psutil.Process(process.pid)]
        everyone += everyone[0].children(recursive=True)
        for each in everyone:
            each.kill()
    return measured(table)


def main(
    neurons: Annotated[int, typer.Option(min=4)] = 16,
    trials: Annotated[int, typer.Option(min=16, help="Sets of patterns a cell.")] = 64,
    workers: Annotated[int, typer.Option(min=2, help="Processes.")] = 2,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "distribution.csv",
    only_run: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Runs the sweep in four ways and compares the rows with those of one process."""
    if only_run is not None:
        _told(only_run, neurons, trials, seed, workers)
        return
    rows: list[Row] = []
    results: dict[str, CapacityResult] = {}

    def take(name: str, processes: int, work: Callable[[], CapacityResult], kept: int = 0) -> None:
        taken = seconds(lambda: results.__setitem__(name, work()))
        first = rows[0]["seconds"] if rows else taken
        rows.append(
            {
                "run": name,
                "processes": processes,
                "seconds": taken,
                "speed-up": first / taken,
                "not measured again": kept,
                "same rows": results[name].cells == results["one process"].cells,
            }
        )

    take("one process", 1, lambda: sweep(neurons, trials, seed))
    take(f"{workers} processes", workers, lambda: sweep(neurons, trials, seed, workers=workers))
    take("a worker killed", workers, lambda: with_a_killed_worker(neurons, trials, seed, workers))
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "sweep.csv"
        kept = killed_run(table, neurons, trials, seed, workers=workers, pieces=10)
        take(
            "killed as a whole, resumed",
            workers,
            lambda: sweep(neurons, trials, seed, workers=workers, csv=table),
            kept,
        )
    report(
        f"capacity sweep, {neurons} neurons, 2 cells of {trials} trials on circuits",
        rows,
        csv,
        seed=seed,
    )
    Console().print("Times include about a second in which processes start.")
    if not all(row["same rows"] for row in rows):
        raise typer.Exit(1)


def _told(table: Path, neurons: int, trials: int, seed: int, workers: int) -> None:
    """The sweep, with a line on standard output for every piece that is on disk."""
    put = Journal.put

    def told(self: Journal, key: str, value: Any) -> None:
        put(self, key, value)
        print(key, flush=True)

    Journal.put = told
    sweep(neurons, trials, seed, workers=workers, csv=table)


if __name__ == "__main__":
    typer.run(main)
