"""`qhopfield capacity`: errors against load and against corruption."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from . import memories as mem
from . import options as opt
from .ending import going_on

if TYPE_CHECKING:
    from qhopfield.circuits.capacity import CapacityResult, ModelSpec
    from qhopfield.circuits.methods import Method

Number = TypeVar("Number", int, float)
METHODS = ("classical", "rus", "threshold", "filtered", "amplified", "vote", "rejection")


def capacity(
    neurons: Annotated[int, typer.Option(help="Number of neurons N.")] = 40,
    loads: Annotated[
        str, typer.Option(help="Loads M/N, separated by commas.")
    ] = "0.05,0.1,0.15,0.2,0.3",
    patterns: Annotated[
        str, typer.Option(help="Numbers of patterns M, separated by commas, instead of loads.")
    ] = "",
    corruptions: Annotated[
        str, typer.Option(help="Flipped bits of each probe, separated by commas.")
    ] = "0",
    model: Annotated[str, typer.Option(help="hopfield, dense or modern.")] = "hopfield",
    rule: Annotated[str, typer.Option(help="hopfield: hebb, storkey or projection.")] = "hebb",
    power: Annotated[
        int, typer.Option(help="dense: power of the separation function; 0 takes exp(beta x).")
    ] = 3,
    beta: Annotated[
        float | None,
        typer.Option(
            help="modern, dense with power 0, filters exp and kernel: sharpness. 1 if left out."
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="classical (the model's own dynamics), rus or threshold neurons, filtered, "
            "amplified, vote or rejection."
        ),
    ] = "classical",
    level: Annotated[
        int | None, typer.Option(help="rus: nesting of the neuron. 2 if left out.")
    ] = None,
    sweeps: Annotated[
        int | None,
        typer.Option(
            help="rus, threshold, vote: updates of every neuron. 3 if left out, 1 for vote."
        ),
    ] = None,
    filter: mem.FilterName = None,
    controls: mem.Controls = None,
    least: mem.Least = None,
    d_min: mem.DMin = None,
    rounds: mem.Rounds = None,
    iterations: mem.Iterations = None,
    votes: mem.Votes = None,
    update: Annotated[
        str, typer.Option(help="classical: recall, or one step (one synchronous update).")
    ] = "recall",
    readout: Annotated[str, typer.Option(help="All but classical: state, sign or shot.")] = "state",
    trials: Annotated[int, typer.Option(help="Sets of random patterns a point.")] = 100,
    probes: Annotated[int, typer.Option(help="Most patterns probed a set; 0 probes all.")] = 0,
    shots: Annotated[int, typer.Option(help="All but classical: shots a probe.")] = 1024,
    exact: Annotated[bool, typer.Option(help="Take the method's law, run no circuit.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes of this machine.")] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a dask scheduler, such as tcp://host:8786, to run on."),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Table, written point by point and resumed.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Keep the points that the table has.")] = True,
    plot: Annotated[Path | None, typer.Option(help="Figure to write (.png, .svg, .pdf).")] = None,
    measure: Annotated[
        str, typer.Option(help="What the figure shows: bit, message or set errors.")
    ] = "message",
) -> None:
    """Measure recall errors of random patterns against load and against corruption."""
    from qhopfield.circuits.capacity import capacity as measure_capacity
    from qhopfield.circuits.common.files import is_special

    from . import report

    report.check_targets(csv=csv, plot=plot)
    # A pipe gets the table once, at the end; there is nothing to go on from.
    stream = csv if csv is not None and is_special(csv) else None
    if measure not in ("bit", "message", "set"):
        raise ValueError(f"--measure must be bit, message or set; got {measure!r}.")
    choices = mem.Choices(filter, controls, least, d_min, rounds, iterations, votes)
    takes = model == "modern" or (model == "dense" and power == 0)
    with going_on(_later(None if stream is not None else csv)):
        result = measure_capacity(
            _spec(model, rule, power, choices.model_beta(beta, takes), takes),
            _method(method, level, sweeps, choices, beta),
            num_neurons=neurons,
            loads=None if patterns else _numbers(loads, "loads", float),
            patterns=_numbers(patterns, "patterns", int) if patterns else None,
            corruptions=_numbers(corruptions, "corruptions", int),
            trials=trials,
            probes=probes or None,
            update=update,
            readout=readout,
            shots=shots,
            exact=exact,
            seed=seed,
            workers=workers,
            client=scheduler,
            csv=None if stream is not None else csv,
            resume=resume,
            progress=True,
        )
    if stream is not None:
        result.to_csv(stream)
    _show(result, csv, plot)
    if plot is not None:
        report.save_figure(result.plot(measure=measure), plot)


def _later(csv: Path | None) -> str:
    """How to go on with a run that is ended."""
    if csv is None:
        return "Nothing was kept; with --csv FILE the same command would go on from there."
    return f"What was measured stands in {csv} and beside it: run the same command to go on."


def _spec(model: str, rule: str, power: int, beta: float | None, takes: bool) -> ModelSpec:
    from qhopfield.circuits.capacity import ModelSpec
    from qhopfield.circuits.models import Exponential, Polynomial

    if not takes:
        opt.refuse("modern, dense with --power 0, and filters exp and kernel", beta=beta)
    sharpness = 1.0 if beta is None else beta
    if model == "dense":
        return ModelSpec("dense", separation=Polynomial(power) if power else Exponential(sharpness))
    if model == "modern":
        return ModelSpec("modern", beta=sharpness)
    return ModelSpec(model, rule=rule)


def _method(
    name: str, level: int | None, sweeps: int | None, choices: mem.Choices, beta: float | None
) -> Method | None:
    from qhopfield.circuits import NeuronDynamics, RUSNeuron, ThresholdNeuron

    if name not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {name!r}.")
    if name != "rus":
        opt.refuse("--method rus", level=level)
    if name not in ("rus", "threshold", "vote"):
        opt.refuse("--method rus, threshold and vote", sweeps=sweeps)
    if name in mem.TAKEN:
        return mem.build_superposition(name, choices, beta=beta, sweeps=sweeps)
    choices.refuse_for(name)
    if name == "classical":
        return None
    neuron = RUSNeuron(level=2 if level is None else level) if name == "rus" else ThresholdNeuron()
    return NeuronDynamics(neuron, sweeps=3 if sweeps is None else sweeps)


def _numbers(text: str, name: str, kind: Callable[[str], Number]) -> list[Number]:
    """Numbers separated by commas."""
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"{name} must be numbers separated by commas such as 1,2; got {text!r}."
        ) from None


def _show(result: CapacityResult, *outputs: Path | None) -> None:
    """Prints one row for each point, shares with their intervals."""
    from rich.table import Table

    from .screen import console, print_table

    table = Table(title="Error rates in percent, with 95 % intervals")
    for name in ("M", "M/N", "flips", "bit", "message", "set"):
        table.add_column(name, justify="right")
    for cell in result.cells:
        rates = (cell.error(measure) for measure in ("bit", "message", "set"))
        load = cell.patterns / result.settings.num_neurons
        table.add_row(
            str(cell.patterns),
            f"{load:.3g}",
            str(cell.corruption),
            *(
                f"{100 * rate:.1f} ({100 * low:.1f} to {100 * high:.1f})"
                for rate, low, high in rates
            ),
        )
    print_table(console(*outputs), table)
