"""At what error of a two-qubit gate does recall stop helping, method by method?

``python -m benchmarks.break_even``: on the task of :mod:`benchmarks.noise_curves` (two patterns of
six neurons, one spin of the probe wrong or erased) two-qubit gates depolarise their qubits with
probability p, and nothing else errs.  Recall helps as long as the mean overlap of an accepted
shot's state with the pattern meant is above that of the probe itself.  The p at which it no longer
is, is found by bisection on a log scale from 1e-4 to 0.5, all runs with one seed.  The ends of its
interval are where the ends of the overlap's 95 % interval cross.

``gates`` are the two-qubit gates of all the circuits of one shot, ``classical`` the overlap that
the same recall has without circuits, and ``clean`` that of the circuits without noise.  Where that
is below the probe's already, recall is no help at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from .common import RESULTS, Row, report
from .noise_curves import Case, Point, chosen_cases, noise_of

app = typer.Typer(add_completion=False)

LEAST, MOST = 1e-4, 0.5
"""Where the bisection starts: probabilities that a two-qubit gate depolarises its qubits."""

End: TypeAlias = Literal["overlap_low", "overlap", "overlap_high"]


@dataclass(frozen=True)
class BreakEven:
    """Where recall stops helping.

    Attributes:
        value: the two-qubit error; 0 where recall does not even help at the least error, infinite
            where it still does at the greatest.
        low: where the low end of the overlap's interval crosses; 0 or infinite likewise.
        high: where its high end does.
    """

    value: float
    low: float
    high: float


def break_even(at: Callable[[float], Point], bar: float, steps: int) -> BreakEven:
    """Finds the error at which the overlap falls to a bar, and its interval.

    Args:
        at: recall at an error; called once for each.
        bar: the overlap to beat.
        steps: halvings of the range on a log scale.
    """
    seen: dict[float, Point] = {}

    def above(strength: float, end: End) -> bool:
        if strength not in seen:
            seen[strength] = at(strength)
        value: float = getattr(seen[strength], end)
        # Without an accepted shot there is no overlap, and no help: NaN is not above.
        return value > bar

    def crossing(end: End) -> tuple[float, float]:
        """The last bracket of the bisection."""
        low, high = math.log(LEAST), math.log(MOST)
        if not above(LEAST, end):
            return 0.0, 0.0
        if above(MOST, end):
            return math.inf, math.inf
        for _ in range(steps):
            middle = (low + high) / 2.0
            if above(math.exp(middle), end):
                low = middle
            else:
                high = middle
        return math.exp(low), math.exp(high)

    first, last = crossing("overlap")
    value = math.sqrt(first * last)
    return BreakEven(value, crossing("overlap_low")[0], crossing("overlap_high")[1])


def table_row(case: Case, shots: int, steps: int, seed: int) -> Row:
    """One method's row."""

    def at(strength: float) -> Point:
        return case.run(shots, seed, noise_of("two-qubit", strength))

    clean, cost = case.run(shots, seed), case.cost()
    # Without noise the whole interval must lie below, so that no method is dropped by chance.
    helps = clean.overlap_high > case.bar
    found = BreakEven(math.inf, math.inf, math.inf)
    if helps and cost.two_qubit_gates:
        found = break_even(at, case.bar, steps)
    acceptance = clean.acceptance
    if helps and found.value:
        acceptance = at(min(found.value, MOST)).acceptance
    ends = [said(each) if helps else "no help" for each in (found.value, found.low, found.high)]
    return {
        "method": case.name,
        "qubits": cost.qubits,
        "circuits": cost.circuits,
        "gates": round(cost.expected_two_qubit_gates),
        "probe": case.bar,
        "classical": case.classical()[0],
        "clean": clean.overlap,
        **dict(zip(("breaks at", "from", "to"), ends, strict=True)),
        "accepted": acceptance,
    }


def said(strength: float) -> float | str:
    """A break-even point as the table shows it."""
    if strength == 0.0:
        return f"<{LEAST:g}"
    return f">{MOST:g}" if math.isinf(strength) else float(f"{strength:.3g}")


@app.command()
def main(
    only: Annotated[list[str] | None, typer.Option(help="Names of methods; repeatable.")] = None,
    shots: Annotated[
        int, typer.Option(min=1, help="Shots; some methods take more or less.")
    ] = 1000,
    steps: Annotated[int, typer.Option(min=1, help="Halvings; 6 give a point within 14 %.")] = 6,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "break_even.csv",
) -> None:
    """Bisects the break-even point of every method."""
    rows = [table_row(case, shots, steps, seed) for case in chosen_cases(only)]
    title = (
        "Break-even: the two-qubit depolarising error at which the mean overlap of an accepted "
        "shot's state with the pattern falls to that of the probe itself "
        f"(95 % interval; accepted at break-even; {shots} shots)"
    )
    report(title, rows, csv, seed=seed)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.break_even")
