"""The same answer however work is spread, and whatever is killed on the way."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from ..distribution import killed_run, sweep, with_a_killed_worker
from .record import Measured, claim, exactly

SOURCE = "This library: every job carries its own seed"
NEURONS, TRIALS = 6, 16


def _rows_that_differ(how: str, seed: int) -> Measured:
    expected, note = sweep(NEURONS, TRIALS, seed), ""
    if how == "workers":
        found = sweep(NEURONS, TRIALS, seed, workers=2)
    elif how == "killed-worker":
        found = with_a_killed_worker(NEURONS, TRIALS, seed)
    else:
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "sweep.csv"
            kept = killed_run(table, NEURONS, TRIALS, seed, workers=2, pieces=5)
            if not kept:
                raise RuntimeError("The run that was killed left nothing.")
            found = sweep(NEURONS, TRIALS, seed, csv=table)
            note = f"{kept} pieces were not measured again"
    pairs = zip(expected.cells, found.cells, strict=True)
    return exactly(sum(one != other for one, other in pairs), note)


for _how, _what in (
    ("workers", "with one process and with two"),
    ("killed-worker", "when a worker of two is killed (SIGKILL) in mid-run"),
    ("resumed", "when the run and its workers are killed (SIGKILL) and it is resumed"),
):
    claim(
        f"distribution.{_how}",
        statement=f"A capacity sweep on circuits gives the same rows {_what}",
        source=SOURCE,
        setting=f"2 cells of {TRIALS} trials, {NEURONS} neurons; rows that differ",
        expected=0.0,
        tolerance=0.0,
        by="circuits",
        quick=True,
    )(partial(_rows_that_differ, _how))
