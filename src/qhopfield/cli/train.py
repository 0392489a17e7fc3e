"""`qhopfield train`: a memory learns a task, and its circuits answer."""

from __future__ import annotations

import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .ending import going_on

if TYPE_CHECKING:
    from qhopfield.hybrid.tasks import Task
    from qhopfield.hybrid.training import TrainingResult

TASK_NAMES = ("mqar", "bit-patterns", "digits", "long-range")
PATH_NAMES = ("law", "pennylane", "aer", "noise")


def train(
    task: Annotated[str, typer.Argument(help="mqar, bit-patterns, digits or long-range.")],
    memory: Annotated[
        str,
        typer.Option(
            help="quantum (+-1 keys), quantum-product, hopfield, hopfield-binary, attention, lstm "
            "or rnn."
        ),
    ] = "quantum",
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the examples; the task's own if left out.")
    ] = None,
    parameters: Annotated[
        int | None,
        typer.Option(help="Parameters of the model; those of attention's if left out."),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the task, such as pairs=4; repeatable."),
    ] = None,
    settings: Annotated[
        bool, typer.Option("--settings", help="List the task's settings and stop.")
    ] = False,
    evaluate: Annotated[
        str,
        typer.Option(
            help="Where the trained model answers: law, pennylane, aer (shots), noise (shots of a "
            "noisy device), separated by commas. Memories without circuits have the law only."
        ),
    ] = "law",
    shots: Annotated[int, typer.Option(help="aer, noise: runs a circuit.")] = 1000,
    limit: Annotated[
        int | None,
        typer.Option(
            help="pennylane, aer, noise: the most test examples that are run; as many as take a "
            "few minutes if left out."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="pennylane: the device.")] = "default.qubit",
    depolarizing: Annotated[
        float, typer.Option(help="noise: depolarising error of a two-qubit gate.")
    ] = 1e-3,
    readout: Annotated[float, typer.Option(help="noise: error of a read bit.")] = 0.01,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for checkpoint, curve, table and picture; none if left out."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the output folder.")
    ] = False,
    processes: Annotated[int, typer.Option(help="Processes that train together.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Train a memory on a task, and count its answers by law, on PennyLane, and on Aer."""
    try:
        import lightning  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"qhopfield train needs PyTorch and Lightning ({error.name} is missing): "
            'pip install "qhopfield[hybrid]".'
        ) from error
    problem = _task(task, setting or [])
    if settings:
        _list(problem)
        return
    paths = _paths(evaluate)
    _check_memory(problem, memory, paths)
    from qhopfield.hybrid.training import noisy_device
    from qhopfield.hybrid.training import train as fit

    # What is wrong with an evaluation is said before the training, not after.
    noise = noisy_device(depolarizing, readout) if "noise" in paths else None
    if resume and output is None:
        raise ValueError("--resume goes on with the run in a folder: give it with --output.")
    typer.echo(problem.describe())
    with going_on(_later(output)):
        result = fit(
            problem,
            memory,
            epochs=epochs,
            seed=seed,
            output=output,
            resume=resume,
            parameters=parameters,
            progress=sys.stderr.isatty(),
            devices=processes,
            accelerator="cpu" if processes > 1 else "auto",
            strategy="ddp" if processes > 1 else "auto",
        )
        if os.environ.get("LOCAL_RANK", "0") != "0":
            return  # each of several processes runs this command, and the first one reports
        for path in paths:
            if path == "pennylane":
                result = result.evaluate(path, limit=limit, device=device)
            elif path == "aer":
                result = result.evaluate(path, limit=limit, shots=shots)
            elif path == "noise":
                result = result.evaluate(path, limit=limit, shots=shots, noise_model=noise)
    _show(result)
    if output is not None:
        for written in result.write():
            typer.echo(str(written))


def _later(output: Path | None) -> str:
    """How to go on with a run that is ended."""
    if output is None:
        return "Nothing was kept; with --output FOLDER it could go on by --resume."
    return (
        f"The epochs that are done stand in {output}: run the same command with --resume to go on."
    )


def _task(name: str, settings: list[str]) -> Task:
    """The task with its settings."""
    if name not in TASK_NAMES:
        raise ValueError(f"task must be one of {', '.join(TASK_NAMES)}; got {name!r}.")
    from qhopfield.hybrid.tasks import TASKS

    kind = TASKS[name]
    known = {field.name: field for field in fields(kind)}
    given: dict[str, Any] = {}
    for each in settings:
        key, equals, text = each.partition("=")
        if not equals or key not in known:
            raise ValueError(
                f"--set takes NAME=VALUE with a setting of {name}, one of {', '.join(known)}; "
                f"got {each!r}."
            )
        given[key] = _value(text, type(known[key].default), each)
    return kind(**given)


def _value(text: str, kind: type, given: str) -> Any:
    """A setting's value, of the type of its default."""
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (KeyError, ValueError):
        wanted = {bool: "true or false", int: "an integer", float: "a number"}.get(kind, "text")
        raise ValueError(f"--set {given}: the value must be {wanted}.") from None


def _paths(text: str) -> list[str]:
    paths = [part.strip() for part in text.split(",")]
    for path in paths:
        if path not in PATH_NAMES:
            raise ValueError(
                f"evaluate must be some of {', '.join(PATH_NAMES)}, separated by commas; "
                f"got {path!r}."
            )
    return [path for path in PATH_NAMES if path in paths]


def _check_memory(task: Task, memory: str, paths: list[str]) -> None:
    if memory not in task.memories:
        raise ValueError(f"memory must be one of {', '.join(task.memories)}; got {memory!r}.")
    circuits = [path for path in paths if path != "law"]
    if circuits and not memory.startswith("quantum"):
        raise ValueError(
            f"--memory {memory} has no circuits to run on {circuits[0]}; use --memory quantum or "
            "quantum-product, or --evaluate law."
        )


def _list(task: Task) -> None:
    """Prints what --set takes."""
    from rich.table import Table

    from .screen import console, print_table

    table = Table(title=f"Settings of {task.name}")
    table.add_column("setting")
    table.add_column("value", justify="right")
    for field in fields(task):
        table.add_row(field.name, str(getattr(task, field.name)))
    out = console()
    out.print(task.describe(), markup=False)
    print_table(out, table)


def _show(result: TrainingResult) -> None:
    """Prints a row a path."""
    from rich.table import Table

    from .screen import console, print_table

    table = Table(
        title=f"{result.task.name}, {result.memory}: {result.parameters:,} parameters, "
        f"{result.epochs} epochs in {result.seconds:.1f} s"
    )
    table.add_column("path")
    for name in ("shots", "examples", "accuracy [95 %]", "empty runs", "seconds"):
        table.add_column(name, justify="right")
    for each in result.evaluations:
        low, high = each.interval
        table.add_row(
            each.path,
            "exact" if each.shots is None else str(each.shots),
            str(each.examples),
            f"{each.accuracy:.3f} [{low:.3f}, {high:.3f}]",
            str(each.empty_runs),
            f"{each.seconds:.1f}",
        )
    print_table(console(), table)
