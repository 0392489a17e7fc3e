"""Lightning's loop with what a run needs here; the only place that makes a Trainer."""

from __future__ import annotations

import inspect
import signal
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import pandas as pd
from lightning.pytorch.callbacks import Callback, RichProgressBar
from lightning.pytorch.loggers import CSVLogger
from torch import nn

from ...circuits.common.signals import Terminated
from ..tasks import Splits, Task
from .checkpoints import SafeCheckpoints, load_checkpoint
from .data import ExamplesModule
from .module import Curve, EpochCheckpoint, StepSeed, TaskModule


def fit(
    model: nn.Module,
    task: Task,
    splits: Splits,
    *,
    folder: Path,
    checkpoint: Path,
    curve: Path,
    resume: bool,
    epochs: int,
    order: int,
    dropped: int,
    progress: bool,
    callbacks: list[Any],
    logger: Any,
    keep_logs: bool,
    trainer: dict[str, Any],
) -> pd.DataFrame:
    """Trains the model in place.

    Args:
        model: what learns; it ends with the trained weights.
        task: loss, score and settings.
        splits: the examples.
        folder: where logs go.
        checkpoint: the file that is written after each epoch.
        curve: the table that is written after each epoch.
        resume: whether to go on from the checkpoint.
        epochs: passes over the training examples.
        order: seed of the epochs' order.
        dropped: seed of what is dropped out.
        progress: whether there is a progress bar.
        callbacks: further ones.
        logger: a logger or several; None for CSV, where logs are kept.
        keep_logs: whether logs are kept at all.
        trainer: further arguments of the Trainer.

    Returns:
        The curve, a row an epoch.

    Raises:
        KeyboardInterrupt: Ctrl-C.
        Terminated: SIGTERM or SIGHUP.
    """
    if logger is None:
        logger = CSVLogger(folder, name="logs") if keep_logs else False
    rows = Curve(curve)
    own: list[Callback] = [StepSeed(dropped), rows, EpochCheckpoint(checkpoint)]
    if progress:
        own.append(RichProgressBar(console_kwargs={"stderr": True}))
    options: dict[str, Any] = {
        "max_epochs": epochs,
        "gradient_clip_val": task.gradient_clip or None,
        "num_sanity_val_steps": 0,
        "enable_progress_bar": progress,
        "enable_model_summary": False,
        "log_every_n_steps": 1,
        "logger": logger,
        "callbacks": [*own, *callbacks],
        "plugins": [SafeCheckpoints()],
        "default_root_dir": folder,
        **trainer,
    }
    runner = lightning.Trainer(**options)
    data = ExamplesModule(splits, task.batch_size, order)
    module = TaskModule(task, model)
    start: dict[str, Any] = {}
    if resume:
        load_checkpoint(checkpoint)  # refuses a damaged one in words
        start["ckpt_path"] = checkpoint
        if "weights_only" in inspect.signature(runner.fit).parameters:
            start["weights_only"] = True
    try:
        runner.fit(module, datamodule=data, **start)
    except Terminated:
        raise
    except SystemExit as error:
        # Lightning makes an exit of its own of both: status 1, and 0 for SIGTERM.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        if runner.received_sigterm:
            raise Terminated(signal.SIGTERM) from error
        raise
    if runner.received_sigterm:
        raise Terminated(signal.SIGTERM)
    # Processes that were spawned kept their rows to themselves, and left the file.
    return pd.DataFrame(rows.rows) if rows.rows else pd.read_csv(curve)
