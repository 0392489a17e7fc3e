"""Measures the claims: ``python -m benchmarks.claims [--only ID-or-glob ...] [--quick] ...``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qhopfield.circuits.common.signals import Terminated, ending_by_signal

from ..common import RESULTS, wide_console
from . import REGISTRY, run
from .store import Store

app = typer.Typer(add_completion=False)


@app.command()
def claims(
    only: Annotated[
        list[str] | None, typer.Option(help="An id or a glob such as 'neuron.*'; repeatable.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Only what takes seconds.")] = False,
    csv: Annotated[Path, typer.Option(help="Where outcomes are kept.")] = RESULTS / "claims.csv",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again what the CSV holds for this code.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 7,
    workers: Annotated[int, typer.Option(min=1, help="Processes of this machine.")] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a dask scheduler whose workers can import this folder."),
    ] = None,
    names: Annotated[bool, typer.Option("--list", help="List the claims and stop.")] = False,
) -> None:
    """Measures claims, prints expected against measured, and keeps the outcomes in a CSV.

    Outcomes of the same code, seed and versions are not measured again, and do not depend on the
    number of workers. The exit status is 1 where a claim fails and 2 where the request is wrong,
    130, 143 or 129 after Ctrl-C, SIGTERM or SIGHUP.
    """
    try:
        chosen = REGISTRY.select(only or [], quick=quick)
        if names:
            for each in chosen:
                typer.echo(f"{each.id}  {each.statement}")
            return
        store = Store(csv)
        with ending_by_signal():
            outcomes = run.measure(
                chosen, store, seed=seed, fresh=fresh, workers=workers, scheduler=scheduler
            )
    except (KeyboardInterrupt, Terminated) as error:
        typer.echo(
            f"{str(error).capitalize() or 'Interrupted'}. What was measured stands in {csv}: run "
            "the same command to go on.",
            err=True,
        )
        raise typer.Exit(error.code if isinstance(error, Terminated) else 130) from error
    except (ValueError, OSError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from error
    except ModuleNotFoundError as error:
        typer.echo(
            f"Error: a worker cannot import what a claim needs ({error}). Start the workers with "
            "PYTHONPATH set to the folder that holds benchmarks/.",
            err=True,
        )
        raise typer.Exit(2) from error
    console = wide_console()
    console.print(run.table(chosen, outcomes))
    failed = [outcome.id for outcome in outcomes if not run.succeeded([outcome])]
    console.print(f"{len(outcomes)} claims, {len(failed)} failed. {csv}", highlight=False)
    if failed:
        typer.echo(f"Failed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.claims")
