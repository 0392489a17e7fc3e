"""Would the tests notice?  Faults are planted one at a time, and the tests that hold them run.

``python -m benchmarks.planted_faults``: each fault replaces an exact piece of text in a temporary
copy of the tree, where the named tests must then fail.  A text that is no longer there, or that is
there twice, ends the command, as does a fault that no test caught.  The tests must pass in the
untouched copy, too, or a failure there would say nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .common import RESULTS, Row, report

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("circuits", "hybrid", "src", "tests", "benchmarks", "pyproject.toml")
METHODS = "tests/circuits/methods/test_every_method.py"
BOOKS = "tests/circuits/test_bookkeeping.py"


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: what goes wrong.
        file: where, below the root.
        before: the text that is right; it stands there once.
        after: the text that is wrong.
        tests: what pytest runs: a file, and words that select from it.
    """

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, str]


FAULTS = (
    Fault(
        "one round of amplification too many",
        "circuits/methods/amplified.py",
        "template, _ = self._template(model, rounds)\n            counted",
        "template, _ = self._template(model, rounds + 1)\n            counted",
        (METHODS, "run_is_the_law and amplified"),
    ),
    Fault(
        "iterations feed nothing back",
        "circuits/methods/filtered.py",
        "rows, samples = feedback.follow(rows, samples)",
        "_, samples = feedback.follow(rows, samples)",
        (METHODS, "run_is_the_law and iterated"),
    ),
    Fault(
        "iterations of submodules feed nothing back",
        "circuits/methods/atomized/memory.py",
        "rows, samples = feedback.follow(rows, samples)",
        "_, samples = feedback.follow(rows, samples)",
        (METHODS, "recombined_weights and iterated"),
    ),
    Fault(
        "the minimum search stops a step early",
        "circuits/methods/minimum.py",
        "while threshold > 0:",
        "while threshold > 1:",
        (METHODS, "least_distances"),
    ),
    Fault(
        "loadings of unknown rounds miscounted",
        "circuits/methods/amplified.py",
        "loadings += (2 * rounds + 1) * portion",
        "loadings += (rounds + 1) * portion",
        (METHODS, "loadings_of_unknown"),
    ),
    Fault(
        "loadings of the quantum search miscounted",
        "circuits/methods/minimum.py",
        "loadings += 2 * rounds + 1",
        "loadings += rounds + 1",
        (METHODS, "least_distances or attempts_of_searched"),
    ),
    Fault(
        "attempts of amplified memories one too few",
        "circuits/methods/amplified.py",
        "attempts=2.0 * needed + 1.0",
        "attempts=2.0 * needed",
        (METHODS, "attempts_of_amplified"),
    ),
    Fault(
        "false-alarm level not divided by the number of tests",
        "circuits/methods/atomized/grid.py",
        "level = rate / (4 * len(places))",
        "level = rate",
        (METHODS, "false_alarms"),
    ),
    Fault(
        "the most frequent state's interval not allowing for its having been picked",
        "circuits/result.py",
        "trials, self._rivals(shares, trials))",
        "trials, 1.0)",
        (METHODS, "among_ties"),
    ),
    Fault(
        "mitigation's overhead left out of effective shots",
        "circuits/distribution.py",
        "effective=effective / overhead",
        "effective=effective",
        (BOOKS, "mitigated"),
    ),
    Fault(
        "shots left out of a journal's key",
        "circuits/distribution.py",
        '"shots": shots,\n        "seed": int(seed),',
        '"seed": int(seed),',
        (BOOKS, "journal"),
    ),
    Fault(
        "accounts of long trajectories lost",
        "circuits/methods/trajectories.py",
        "if len(self._waiting) >= _BATCH:\n            self._look()",
        "if len(self._waiting) >= _BATCH:\n            self._waiting.clear()",
        (BOOKS, "accounts"),
    ),
    Fault(
        "the trace of votes lags a sweep behind",
        "circuits/methods/vote.py",
        "if (step + 1) % (steps // self.sweeps) == 0:",
        "if step % (steps // self.sweeps) == 0:",
        (METHODS, "traces and vote"),
    ),
    Fault(
        "the trace of neurons lags a step behind",
        "circuits/methods/trajectories.py",
        "if synchronous or (step + 1) % stride == 0:",
        "if synchronous or step % stride == 0:",
        (METHODS, "traces and feedforward"),
    ),
    Fault(
        "shards weigh alike, whatever they hold",
        "circuits/methods/atomized/combine.py",
        "unit = size / reading.shots",
        "unit = 2 / reading.shots",
        (METHODS, "run_is_the_law and shards"),
    ),
    Fault(
        "replicas are added instead of averaged",
        "circuits/methods/atomized/combine.py",
        "* math.exp(reading.log_scale - scale) / len(found)",
        "* math.exp(reading.log_scale - scale)",
        (METHODS, "run_is_the_law and replicas"),
    ),
    Fault(
        "effective shots of submodules twice too many",
        "circuits/methods/atomized/combine.py",
        "effective = p * (1.0 - p) / error if",
        "effective = 4.0 * p * (1.0 - p) / error if",
        (METHODS, "intervals and shards"),
    ),
    Fault(
        "acceptance intervals of submodules from the greatest share",
        "circuits/methods/atomized/combine.py",
        "trials = chance * (1.0 - chance) / error",
        "trials = 4.0 * chance * (1.0 - chance) / error",
        (METHODS, "intervals and shards"),
    ),
    Fault(
        "votes of one site are cast on another",
        "circuits/methods/ballots.py",
        "each = spins[:, asked[index]] * signs[apart]",
        "each = spins[:, asked[index] - 1] * signs[apart]",
        (METHODS, "run_is_the_law and vote"),
    ),
    Fault(
        "a tied vote sets the spin",
        "circuits/methods/vote.py",
        "np.where(sums == 0, states[rows, sites], np.sign(sums))",
        "np.where(sums == 0, 1, np.sign(sums))",
        (METHODS, "run_is_the_law and vote"),
    ),
    Fault(
        "the memory is not marked",
        "circuits/methods/grover.py",
        "        search.mark_memory()\n",
        "",
        (METHODS, "run_is_the_law and ventura"),
    ),
    Fault(
        "a rejected reading is kept",
        "circuits/methods/template.py",
        "if not key & template.rejecting}",
        "if not key & template.rejecting & (template.rejecting - 1)}",
        (METHODS, "run_is_the_law and fresh"),
    ),
    Fault(
        "the last digit of shots is not run",
        "circuits/execution/aer.py",
        "digits = remaining % 4",
        "digits = remaining % 4 * (power > 1)",
        (METHODS, "shot_counts"),
    ),
    Fault(
        "exact recall samples where there is a law",
        "circuits/methods/base.py",
        "model.num_neurons <= self.law_limit",
        "model.num_neurons < self.law_limit",
        (METHODS, "law_limits"),
    ),
    Fault(
        "a capacity counts right bits as wrong",
        "circuits/capacity/run.py",
        "wrong = states[found] != targets[found]",
        "wrong = states[found] == targets[found]",
        ("tests/circuits/test_capacity.py", ""),
    ),
    Fault(
        "shards of a layer weigh nothing of what they loaded",
        "hybrid/layers/measured.py",
        "if self.factors is not None:\n            found",
        "if self.factors is None:\n            found",
        ("tests/hybrid/layers/test_bank.py", ""),
    ),
)


class Missing(Exception):
    """The text of a fault is not there once."""


def copied(folder: Path) -> None:
    """Copies the tree into a folder, and links it together under its import name."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    package = folder / ".typing" / "qhopfield"
    package.mkdir(parents=True)
    for name in ("circuits", "hybrid"):
        (package / name).symlink_to(folder / name)
    for each in (folder / "src" / "qhopfield").iterdir():
        (package / each.name).symlink_to(each)


def plant(folder: Path, fault: Fault) -> str:
    """Puts a fault into the copy; returns what stood there.

    Raises:
        Missing: its text is not there, or there more than once.
    """
    path = folder / fault.file
    text = path.read_text(encoding="utf-8")
    found = text.count(fault.before)
    if found != 1:
        raise Missing(f"{fault.file} holds the text of {fault.name!r} {found} times, not once.")
    path.write_text(text.replace(fault.before, fault.after), encoding="utf-8")
    return text


def failed_tests(folder: Path, tests: tuple[str, str]) -> list[str]:
    """The tests that fail in the copy.

    Raises:
        RuntimeError: none ran.
    """
    path, words = tests
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", path]
    command += ["-x", "--no-header", "-rfE", *(("-k", words) if words else ())]
    environment = {**os.environ, "PYTHONPATH": str(folder / ".typing"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(command)} gave {done.returncode}:\n{done.stdout[-2000:]}")
    if done.returncode == 0:
        return []
    return re.findall(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", done.stdout, flags=re.MULTILINE)


def main(
    only: Annotated[str, typer.Option(help="Part of the name of the faults to plant.")] = "",
    clean: Annotated[bool, typer.Option(help="Run the tests without a fault first.")] = True,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS
    / "planted_faults.csv",
) -> None:
    """Plants every fault and says which test fails."""
    chosen = [fault for fault in FAULTS if only in fault.name]
    if not chosen:
        typer.echo(f"Error: no fault is called {only!r}.", err=True)
        raise typer.Exit(2)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copied(folder)
        if clean:
            for tests in sorted({fault.tests for fault in chosen}):
                red = failed_tests(folder, tests)
                if red:
                    typer.echo(f"Error: without any fault {red[0]} fails.", err=True)
                    raise typer.Exit(2)
        for fault in chosen:
            try:
                before = plant(folder, fault)
            except Missing as error:
                typer.echo(f"Error: {error}", err=True)
                raise typer.Exit(2) from error
            red = failed_tests(folder, fault.tests)
            (folder / fault.file).write_text(before, encoding="utf-8")
            caught = red[0].rpartition("/")[2] if red else "NOT CAUGHT"
            rows.append({"fault": fault.name, "file": fault.file, "caught by": caught})
            typer.echo(f"{fault.name}: {caught}", err=True)
    report("faults that were planted", rows, csv, seed=0)
    missed = [row["fault"] for row in rows if row["caught by"] == "NOT CAUGHT"]
    if missed:
        typer.echo(f"Not caught: {', '.join(map(str, missed))}.", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
