"""What the commands print on: terminals of any width and encoding, pipes and files."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

# Where nothing says how wide it is: a pipe, a file, the log of a build.
UNKNOWN_WIDTH = 120


def console(*outputs: Path | None) -> Console:
    """Standard output, as wide as the terminal; text in brackets and numbers stay as they are.

    Args:
        outputs: files that the command writes; where one of them is standard output, what is said
            to people goes to standard error.
    """
    from ..circuits.common.files import is_standard_output

    taken = any(path is not None and is_standard_output(path) for path in outputs)
    screen = Console(highlight=False, stderr=taken)
    if not screen.is_terminal and "COLUMNS" not in os.environ:
        screen = Console(highlight=False, stderr=taken, width=UNKNOWN_WIDTH)
    return screen


def takes_blocks(screen: Console) -> bool:
    """Whether block characters can be shown, which only Unicode has."""
    return screen.encoding.lower().startswith("utf")


def make_printable() -> None:
    """Lets standard output and error replace what their encoding lacks, in place of failing."""
    for stream in (sys.stdout, sys.stderr):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        if not encoding.lower().startswith("utf") and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Gives warnings for users as one line of the command, not as a line of somebody's code."""
    usual = warnings.formatwarning

    def plain(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        line: str | None = None,
    ) -> str:
        if not issubclass(category, UserWarning):
            return usual(message, category, filename, lineno, line)
        return f"qhopfield: warning: {' '.join(str(message).split())}\n"

    warnings.formatwarning = plain
    try:
        yield
    finally:
        warnings.formatwarning = usual


def print_table(screen: Console, table: Table) -> None:
    """Prints a table of which nothing is cut.

    Where it is too wide it moves closer together; where that is not enough it becomes several
    tables below each other, each with the first column.
    """
    for column in table.columns:
        column.overflow = "fold"
        column.min_width = _least_width(column)
    if _width(table, table.columns) > screen.width:
        table.padding = (0, 0)
        table.pad_edge = False
    groups = _groups(table, screen.width)
    if len(groups) == 1:
        _print_whole(screen, table)
        return
    for number, columns in enumerate(groups):
        part = Table(box=table.box, padding=(0, 0), pad_edge=False, caption_justify="left")
        part.title = table.title if number == 0 else None
        part.caption = table.caption if number == len(groups) - 1 else None
        for column in columns:
            part.add_column(
                column.header,
                justify=column.justify,
                overflow="fold",
                min_width=column.min_width,
            )
        for cells in zip(*(column.cells for column in columns), strict=True):
            part.add_row(*cells)
        _print_whole(screen, part)


def _print_whole(screen: Console, table: Table) -> None:
    """Prints a table; a screen narrower than two columns breaks its lines, and nothing is lost."""
    screen.print(table, width=max(screen.width, _width(table, table.columns)), crop=False)


def _groups(table: Table, width: int) -> list[list[Column]]:
    """The columns in tables that fit; the first column stands in each."""
    first, *others = table.columns
    groups = [[first]]
    for column in others:
        if len(groups[-1]) > 1 and _width(table, [*groups[-1], column]) > width:
            groups.append([first])
        groups[-1].append(column)
    return groups


def _width(table: Table, columns: Sequence[Column]) -> int:
    """Least width of a table of these columns."""
    _, right, _, left = table.padding
    edges = 2 if table.box is not None and table.show_edge else 0
    gaps = (left + right) * len(columns) - (0 if table.pad_edge else left + right)
    return sum(column.min_width or 0 for column in columns) + gaps + len(columns) - 1 + edges


def _least_width(column: Column) -> int:
    """Width below which words are cut; numbers, which stand to the right, are never broken."""
    lines = [line for cell in (column.header, *column.cells) for line in _lines(cell)]
    if column.justify != "right":
        lines = [word for line in lines for word in line.split()]
    return max([1, *map(cell_len, lines)])


def _lines(cell: Any) -> list[str]:
    text = Text.from_markup(cell).plain if isinstance(cell, str) else str(cell)
    return text.splitlines()
