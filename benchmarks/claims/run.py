"""Measuring claims and showing the outcomes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qhopfield.circuits.common.cluster import Processes
from qhopfield.circuits.common.jobs import JobKilled, run_jobs

from .record import DIFFERS, FAILED, HOLDS, Claim, Measured
from .store import Outcome, Store

_COLOURS = {HOLDS: "green", DIFFERS: "red", FAILED: "red"}


def measure(
    claims: Sequence[Claim],
    store: Store,
    *,
    seed: int,
    fresh: bool,
    workers: int = 1,
    scheduler: str | None = None,
) -> list[Outcome]:
    """Measures claims; each outcome is stored as soon as it is there.

    Args:
        claims: what to measure.
        store: keeps the outcomes; a claim that it holds for the same code is not measured again.
        seed: of everything random.
        fresh: measures those too.
        workers: processes; the outcomes do not depend on them.
        scheduler: address of a dask scheduler, in place of ``workers``.

    Returns:
        An outcome a claim, in their order. An error in a measurement becomes an outcome that is
        not stored.

    Raises:
        BlockingIOError: another process measures into the same file.
    """
    with store.writing():
        console = Console(stderr=True)
        outcomes: dict[str, Outcome] = {}
        for each in claims:
            known = None if fresh else store.stored(each, seed)
            if known is not None:
                outcomes[each.id] = known
        todo = {each.id: each for each in claims if each.id not in outcomes}
        alone = workers == 1 and scheduler is None
        with console.status("") as status:
            results = _results(todo, seed, workers, scheduler)
            for number in range(1, len(todo) + 1):
                at = (
                    list(todo)[number - 1] if alone else f"on {scheduler or f'{workers} processes'}"
                )
                status.update(f"{number} of {len(todo)}: {at}")
                each, (measured, broken, taken) = next(results)
                verdict = FAILED if broken else each.verdict(measured.value)
                outcome = _outcome(each, measured, verdict, taken, seed, store)
                if verdict != FAILED:
                    store.save(outcome)
                outcomes[each.id] = outcome
                console.print(
                    f"{number} of {len(todo)}: {each.id}: {verdict} ({outcome.seconds:.1f} s)",
                    highlight=False,
                )
        store.arrange([each.id for each in claims])
        return [outcomes[each.id] for each in claims]


Answer = tuple[Measured, bool, float]
"""What was measured, whether that failed, and seconds."""


def _results(
    claims: Mapping[str, Claim], seed: int, workers: int, scheduler: str | None
) -> Iterator[tuple[Claim, Answer]]:
    """Measures claims as jobs; those that break their workers are told like any other error."""
    todo = dict(claims)
    with Processes(workers, scheduler) as processes:
        while todo:
            try:
                with closing(
                    run_jobs(partial(_answer, seed), todo, processes=processes)
                ) as answers:
                    for name, answer in answers:
                        yield todo.pop(name), answer
            except JobKilled as error:
                yield todo.pop(error.key), (_nothing(error), True, 0.0)


def _answer(seed: int, claim: Claim) -> Answer:
    """Measures one claim; its error must not hide the others."""
    start = time.perf_counter()
    try:
        measured, broken = claim.measure(seed), False
    except Exception as error:
        measured, broken = _nothing(error), True
    return measured, broken, time.perf_counter() - start


def _nothing(error: Exception) -> Measured:
    nan = float("nan")
    return Measured(nan, nan, nan, f"{type(error).__name__}: {error}")


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
