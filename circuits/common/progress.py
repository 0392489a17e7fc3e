"""Progress bars, from rich."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .checks import check_flag

# Seconds between two lines where there is no terminal.
LINE_EVERY = 10.0


@contextmanager
def progress_bar(title: str, show: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Gives a callback ``(done, total)`` that draws a bar on standard error, or None.

    In a pipe, a file or the log of a build it prints a plain line now and then instead.

    Args:
        title: what is being done.
        show: whether there is a bar at all.
    """
    if not check_flag(show, "progress"):
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    draws = console.is_jupyter or (console.is_terminal and not console.is_dumb_terminal)
    if not draws:
        yield _lines(title)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield advance


def _lines(title: str) -> Callable[[int, int], None]:
    """Says how far the work is, in a line of its own every few seconds."""
    start = last = time.monotonic()

    def advance(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINE_EVERY:
            last = now
            print(f"{title}: {done} of {total}, {now - start:.0f} s", file=sys.stderr, flush=True)

    return advance
