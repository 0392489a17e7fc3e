"""Training a task's model with Lightning, and taking up a run that was killed."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...circuits.common.archive import write_json
from ...circuits.common.checks import check_count
from ...circuits.common.cluster import check_processes
from ...circuits.common.identity import Unidentified, fingerprint, printed, versions
from ...circuits.common.locks import one_writer
from ...circuits.common.randomness import Seed, as_generator, draw_seed
from ...circuits.common.signals import Terminated, ending_by_signal
from ..tasks import TASKS, Task
from ..transformer import count_parameters
from .evaluate import evaluate
from .result import TrainingResult

CHECKPOINT, CURVE, SETTINGS = "last.ckpt", "curve.csv", "settings.json"

# Memory of a training process that has imported PyTorch and Lightning and done nothing yet.
_PROCESS_BYTES = 400 * 2**20

_NOISE = (
    "Experiment logs directory .* exists and is not empty",
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",
)
"""What Lightning warns of that is meant, or that is its own affair."""


def train(
    task: Task | str,
    memory: str = "quantum",
    *,
    epochs: int | None = None,
    seed: Seed = 0,
    output: str | Path | None = None,
    resume: bool = False,
    parameters: int | None = None,
    layer: Mapping[str, Any] | None = None,
    progress: bool = False,
    callbacks: Sequence[Any] = (),
    logger: Any = None,
    devices: Any = 1,
    strategy: Any = "auto",
    accelerator: str = "auto",
    **trainer: Any,
) -> TrainingResult:
    """Trains a task's model, keeps what it needs to go on, and counts its answers.

    The seed settles the examples, the first weights, each epoch's order and what is dropped out in
    it, so that a run that was killed and resumed has the curve of one that was not.

    Args:
        task: a task, or the name of one.
        memory: one of the task's memories.
        epochs: passes over the training examples; None takes the task's.
        seed: of everything random.
        output: a folder for the checkpoint, the curve and the logs; None keeps none of them.
        resume: goes on where the run in ``output`` stopped; starts where there is none.
        parameters: how many the model should have; None takes the task's choice.
        layer: arguments of the memory layer, such as ``{"hidden_size": 4}``.
        progress: whether to draw a progress bar on standard error.
        callbacks: further Lightning callbacks.
        logger: a Lightning logger or several; None writes CSV into ``output``.
        devices: how many processes (or which devices), as Lightning takes it.
        strategy: how several processes work together, such as ``"ddp"``.
        accelerator: what computes, as Lightning takes it.
        trainer: further arguments of Lightning's Trainer, such as ``precision="64-true"``.

    Returns:
        The trained model with its curve and its accuracy on the test examples.

    Raises:
        BlockingIOError: another process trains into ``output``.
        FileExistsError: ``output`` holds a run already, and ``resume`` is False.
        KeyboardInterrupt: Ctrl-C; nothing is lost of the epochs that are done.
        Terminated: SIGTERM or SIGHUP, where nothing else handles them; a ``SystemExit`` of status
            143 or 129 (:class:`qhopfield.circuits.common.signals.Terminated`). The epochs that are
            done stand in ``output``.
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range, the run in ``output`` has other settings, or
            something that a run there depends on cannot be told apart from others.

    >>> from qhopfield.hybrid.tasks import LongRangeRecall
    >>> task = LongRangeRecall(distance=2, train_examples=64)
    >>> train(task, "attention", epochs=1, seed=1).curve["epoch"].tolist()
    [1]
    """
    task = _task(task)
    epochs = task.epochs if epochs is None else check_count(epochs, "epochs", minimum=1)
    rng = as_generator(seed)
    number = int(seed) if isinstance(seed, (int, np.integer)) else draw_seed(rng)
    if isinstance(devices, int) and not isinstance(devices, bool) and devices > 1:
        check_processes(devices, "devices", each=_PROCESS_BYTES)
    splits = task.splits(number)
    first, order, dropped = (
        int(part) for part in np.random.SeedSequence([number, 1]).generate_state(3)
    )
    layer = dict(layer or {})
    with _random_state():
        torch.manual_seed(first)
        model = task.build_model(memory, parameters=parameters, **layer)
    settings: dict[str, Any] = {}
    if output is not None:
        settings = _settings(task, memory, epochs, number, parameters, layer, trainer, model)
    with _folder(output) as folder:
        going_on = _goes_on(folder, settings, resume)
        from . import loop

        with _random_state(), _quiet(), _ending(output):
            curve = loop.fit(
                model,
                task,
                splits,
                folder=folder,
                checkpoint=folder / CHECKPOINT,
                curve=folder / CURVE,
                resume=going_on,
                epochs=epochs,
                order=order,
                dropped=dropped,
                progress=progress,
                callbacks=list(callbacks),
                logger=logger,
                keep_logs=output is not None,
                trainer={
                    "devices": devices,
                    "strategy": strategy,
                    "accelerator": accelerator,
                    **trainer,
                },
            )
        model.eval()
    found = evaluate(model, task, examples=splits.test)
    return TrainingResult(
        task=task,
        memory=memory,
        seed=number,
        epochs=epochs,
        parameters=count_parameters(model),
        seconds=float(curve["seconds"].sum()),
        curve=curve,
        evaluations=(found,),
        model=model,
        output=None if output is None else Path(output),
    )


def _task(task: Any) -> Task:
    if isinstance(task, Task):
        return task
    if isinstance(task, str):
        if task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(map(repr, TASKS))}; got {task!r}.")
        return TASKS[task]()
    raise TypeError(f"task must be a Task or the name of one, got {task!r}.")


def _settings(
    task: Task,
    memory: str,
    epochs: int,
    seed: int,
    parameters: int | None,
    layer: Mapping[str, Any],
    trainer: Mapping[str, Any],
    model: nn.Module,
) -> dict[str, Any]:
    """What two runs must share for one to go on with the other."""
    return {
        "task": task.name,
        **{f"task.{name}": value for name, value in asdict(task).items()},
        "memory": memory,
        "epochs": epochs,
        "seed": seed,
        "parameters": parameters,
        **{f"layer.{name}": printed(value) for name, value in layer.items()},
        **{
            f"trainer.{name}": value
            for name, value in trainer.items()
            if isinstance(value, (str, int, float))
        },
        "model": str(model),
        # What prints alike may differ in its fields or its code.
        "fingerprint of task": fingerprint(task, "task"),
        **{
            f"fingerprint of layer.{name}": fingerprint(value, f"layer[{name!r}]")
            for name, value in layer.items()
        },
        **{
            f"fingerprint of trainer.{name}": _told(value)
            for name, value in trainer.items()
            if not isinstance(value, (str, int, float))
        },
        **{f"version of {name}": each for name, each in versions("torch", "lightning").items()},
    }


def _told(value: Any) -> str:
    """What tells an argument from others; a plug-in that holds handles has its class only."""
    try:
        return fingerprint(value)
    except Unidentified:
        return f"a {type(value).__module__}.{type(value).__qualname__}"


def _goes_on(folder: Path, settings: Mapping[str, Any], resume: bool) -> bool:
    """Whether a run of these settings is there to go on with; notes those of one that starts."""
    checkpoint, noted = folder / CHECKPOINT, folder / SETTINGS
    if not checkpoint.exists():
        write_json(noted, settings)
        return False
    if not resume:
        raise FileExistsError(
            f"{folder} holds a run already; go on with it by resume=True, or take another folder."
        )
    try:
        before = json.loads(noted.read_text(encoding="utf-8"))
        if not isinstance(before, dict):
            raise ValueError("it holds no settings")
    except (OSError, ValueError) as error:
        raise ValueError(f"{noted} cannot be read, so the run cannot go on: {error}") from error
    now = json.loads(json.dumps(settings))
    for name in dict.fromkeys([*now, *before]):
        if before.get(name) != now.get(name):
            raise ValueError(
                f"The run in {folder} has other settings: {name} is {before.get(name)!r} there, "
                f"and {now.get(name)!r} here."
            )
    return True


@contextmanager
def _folder(output: str | Path | None) -> Iterator[Path]:
    """The folder of the run, made where it is missing; a passing one where none is wanted."""
    if output is None:
        with tempfile.TemporaryDirectory(prefix="qhopfield-") as name:
            yield Path(name)
        return
    folder = Path(output)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; a folder was expected.")
    folder.mkdir(parents=True, exist_ok=True)
    # Processes that train together run the same command; the first of them writes.
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    with one_writer(folder) if first else nullcontext():
        yield folder


@contextmanager
def _ending(output: str | Path | None) -> Iterator[None]:
    """Says how to go on where a signal ends the training."""
    try:
        with ending_by_signal():
            yield
    except Terminated as error:
        how = (
            "it kept nothing (output=None)"
            if output is None
            else f"the epochs that are done stand in {output}: go on with the same arguments and "
            "resume=True"
        )
        raise Terminated(
            error.signal, f"The training was ended by {error.signal.name}; {how}."
        ) from (error)


@contextmanager
def _random_state() -> Iterator[None]:
    """PyTorch's random numbers as they were, in the end."""
    cards = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices=cards):
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advice and its notes on the hardware."""
    names = ("lightning.pytorch", "lightning.fabric")
    levels = {name: logging.getLogger(name).level for name in names}
    with warnings.catch_warnings():
        for message in _NOISE:
            warnings.filterwarnings("ignore", message=f".*{message}")
        for name in names:
            logging.getLogger(name).setLevel(logging.WARNING)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
