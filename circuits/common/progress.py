"""Progress bars, from rich."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .checks import check_flag


@contextmanager
def progress_bar(title: str, show: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Gives a callback ``(done, total)`` that draws a bar on standard error, or None.

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

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield advance
