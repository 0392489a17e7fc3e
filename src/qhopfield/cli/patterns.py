"""``qhopfield patterns``: the sets there are, what they look like, and copies of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options as opt

if TYPE_CHECKING:
    from rich.console import Console

    from ..circuits.patterns import PatternSet

MOST_SHOWN = 100


def patterns(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[SET|PATH]", help="What to show: a bundled set or a file. All if left out."
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="LABELS", help="Which: labels between commas ('3,8'), '#12' for an index."
        ),
    ] = None,
    per_label: Annotated[
        int | None,
        typer.Option(metavar="K", help="The first K of every label, 0 for all. 1 if left out."),
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="M", help="The first M of these.")] = None,
    threshold: opt.Threshold = None,
    size: opt.Size = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Write them: .npy or .csv of +-1, or a picture of them (.png, .svg, .pdf).",
        ),
    ] = None,
) -> None:
    """List the pattern sets, show one in the terminal, or write it to a file."""
    from . import report
    from .screen import console

    screen = console(out)
    if name is None:
        opt.refuse(
            "one set, named first",
            store=store,
            per_label=per_label,
            limit=limit,
            threshold=threshold,
            size=size,
            out=out,
        )
        _list(screen)
        return
    if out is not None:
        _check(out)
    reading = opt.Reading(threshold, size)
    reading.refuse_without_pictures(name)
    chosen = opt.read_patterns(name, store, per_label, limit, reading)
    if out is not None:
        _write(chosen, out)
    screen.print(
        f"{chosen.name}: {len(chosen):,} patterns, neurons: {_size(chosen)}\n"
        f"Source: {chosen.source}\nLicence: {chosen.license}",
        markup=False,
    )
    _show(screen, chosen)
    if out is not None:
        report.print_written(screen, [out])


def _list(screen: Console) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from ..circuits.patterns import available_sets, load_set
    from .screen import print_table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("set", "patterns", "neurons", "source", "licence"):
        table.add_column(heading, justify="right" if heading == "patterns" else "left")
    for name in available_sets():
        each = load_set(name)
        table.add_row(name, f"{len(each):,}", _size(each), each.source, each.license)
    print_table(screen, table)


def _size(chosen: PatternSet) -> str:
    picture = f" ({chosen.shape[1]}x{chosen.shape[0]})" if chosen.shape else ""
    return f"{chosen.num_neurons}{picture}"


def _show(screen: Console, chosen: PatternSet) -> None:
    from . import report

    shown = chosen.patterns[:MOST_SHOWN]
    shape = chosen.shape or (1, chosen.num_neurons)
    titles = list(chosen.labels[:MOST_SHOWN])
    for line in report.side_by_side(screen, shown, shape, titles):
        screen.print(line, markup=False, no_wrap=True, overflow="crop")
    if len(chosen) > MOST_SHOWN:
        screen.print(f"and {len(chosen) - MOST_SHOWN:,} more")


def _check(path: Path) -> None:
    from . import report

    kinds = (".npy", ".csv", *report.PICTURES)
    if path.suffix.lower() not in kinds:
        raise ValueError(f"--out must end in {', '.join(kinds)}; got {path.name!r}.")
    report.check_targets(out=path)


def _write(chosen: PatternSet, path: Path) -> None:
    from ..circuits.patterns import save_patterns
    from . import report

    if path.suffix.lower() in report.PICTURES:
        from ..circuits.plotting import plot_patterns

        report.save_figure(plot_patterns(chosen), path)
    else:
        save_patterns(path, chosen)
