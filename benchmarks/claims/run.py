"""Measuring claims and showing the outcomes."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .record import DIFFERS, FAILED, HOLDS, Claim, Measured
from .store import Outcome, Store

_COLOURS = {HOLDS: "green", DIFFERS: "red", FAILED: "red"}


def measure(claims: Sequence[Claim], store: Store, *, seed: int, fresh: bool) -> list[Outcome]:
    """Measures claims one after the other; each outcome is stored as soon as it is there.

    Args:
        claims: what to measure.
        store: keeps the outcomes; a claim that it holds for the same code is not measured again.
        seed: of everything random.
        fresh: measures those too.

    Returns:
        An outcome a claim. An error in a measurement becomes an outcome that is not stored.
    """
    console = Console(stderr=True)
    outcomes = []
    for number, each in enumerate(claims, start=1):
        known = None if fresh else store.stored(each, seed)
        if known is not None:
            outcomes.append(known)
            continue
        start = time.perf_counter()
        with console.status(f"{number} of {len(claims)}: {each.id}"):
            try:
                measured = each.measure(seed)
                verdict = each.verdict(measured.value)
            except Exception as error:  # one broken claim must not hide the others
                nan = float("nan")
                measured = Measured(nan, nan, nan, f"{type(error).__name__}: {error}")
                verdict = FAILED
        outcome = _outcome(each, measured, verdict, time.perf_counter() - start, seed, store)
        if verdict != FAILED:
            store.save(outcome)
        outcomes.append(outcome)
        console.print(
            f"{number} of {len(claims)}: {each.id}: {verdict} ({outcome.seconds:.1f} s)",
            highlight=False,
        )
    return outcomes


def _outcome(
    claim: Claim, measured: Measured, verdict: str, taken: float, seed: int, store: Store
) -> Outcome:
    return Outcome(
        id=claim.id,
        statement=claim.statement,
        source=claim.source,
        setting=claim.setting,
        by=claim.by,
        relation=claim.relation,
        expected=claim.expected,
        tolerance=claim.tolerance,
        found=claim.found,
        value=measured.value,
        low=measured.low,
        high=measured.high,
        verdict=verdict,
        note=measured.note,
        seconds=round(taken, 3),
        seed=seed,
        fingerprint=claim.fingerprint(seed, store.versions),
    )


def succeeded(outcomes: Sequence[Outcome]) -> bool:
    """Whether no claim failed."""
    return not any(outcome.verdict in (DIFFERS, FAILED) for outcome in outcomes)


def table(claims: Sequence[Claim], outcomes: Sequence[Outcome]) -> Table:
    """Expected, measured with its interval, and the verdict."""
    sheet = Table(title="Claims", show_lines=True)
    sheet.add_column("claim", ratio=1)
    sheet.add_column("by")
    sheet.add_column("expected", justify="right")
    sheet.add_column("measured [95 %]", justify="right")
    sheet.add_column("verdict")
    for each, outcome in zip(claims, outcomes, strict=True):
        colour = _COLOURS.get(outcome.verdict, "yellow")
        lines = [f"[bold]{escape(each.id)}[/bold]", escape(each.statement)]
        lines += [f"[dim]{escape(line)}[/dim]" for line in (each.setting, outcome.note) if line]
        sheet.add_row(
            "\n".join(lines),
            each.by,
            each.wanted(),
            escape(_measured(outcome)),
            f"[{colour}]{outcome.verdict}[/{colour}]",
        )
    return sheet


def _measured(outcome: Outcome) -> str:
    if not outcome.low < outcome.high:
        return f"{outcome.value:.4g}"
    return f"{outcome.value:.4g} [{outcome.low:.4g}, {outcome.high:.4g}]"
