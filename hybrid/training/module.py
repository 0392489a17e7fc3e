"""A task and a model as Lightning wants them, and what is kept of each epoch."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint
from torch import Tensor, nn

from ...circuits.common.files import whole_file
from ..tasks import Task

COLUMNS = (
    "epoch",
    "step",
    "learning_rate",
    "train_loss",
    "validation_loss",
    "validation_accuracy",
    "seconds",
)


class TaskModule(lightning.LightningModule):
    """One step of training and of validation.

    Args:
        task: gives loss, score and the optimiser's settings.
        model: what learns.
    """

    def __init__(self, task: Task, model: nn.Module) -> None:
        super().__init__()
        self.task, self.model = task, model

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of a batch."""
        inputs, targets = batch
        loss = self.task.loss(self.model(inputs), targets)
        self.log(
            "train_loss",
            loss,
            on_step=False,
            on_epoch=True,
            prog_bar=True,
            batch_size=len(inputs),
            sync_dist=True,
        )
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Loss and accuracy of a batch."""
        inputs, targets = batch
        outputs = self.model(inputs)
        right, asked = self.task.score(outputs, targets)
        values: dict[str, Tensor | float] = {
            "validation_loss": self.task.loss(outputs, targets),
            "validation_accuracy": right / asked,
        }
        self.log_dict(values, prog_bar=True, batch_size=asked, sync_dist=True)

    def configure_optimizers(self) -> Any:
        """AdamW, its learning rate set at every step."""
        task = self.task
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=task.learning_rate, weight_decay=task.weight_decay
        )
        total = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: task.learning_rate_at(step, total)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


class Curve(Callback):
    """Keeps one row an epoch, in the checkpoint and in a CSV file that is always whole.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []
        self._start = 0.0

    def on_train_epoch_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Starts the clock."""
        self._start = time.perf_counter()

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Adds the epoch that ended."""
        known = trainer.callback_metrics
        self.rows.append(
            {
                "epoch": trainer.current_epoch + 1,
                "step": trainer.global_step,
                "learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
                **{name: float(known[name]) for name in COLUMNS[3:6]},
                "seconds": time.perf_counter() - self._start,
            }
        )
        if trainer.is_global_zero:
            write_rows(self.path, COLUMNS, self.rows)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: the rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up the rows of the run that is resumed."""
        self.rows = [dict(row) for row in state_dict["rows"]]


class EpochCheckpoint(Checkpoint):
    """Writes one checkpoint, anew after each epoch; Lightning calls it after all other callbacks.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Writes weights, optimiser, schedule and curve."""
        trainer.save_checkpoint(self.path)


class StepSeed(Callback):
    """Seeds PyTorch before each step, so that a resumed run drops out the same.

    Args:
        seed: an integer; the step and the process are mixed in.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Seeds the step that starts."""
        key = [self.seed, trainer.global_step, trainer.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))


def write_rows(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Writes a table; the file is whole or not there."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with whole_file(path) as file:
        file.write(buffer.getvalue().encode("utf-8"))
