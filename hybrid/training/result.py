"""What training and evaluating leave behind: data first, tables and pictures from that."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from torch import nn

from ...circuits.common.files import whole_file
from ...circuits.common.statistics import wilson_interval
from ..tasks import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Evaluation:
    """Answers of a trained model that were counted on one path.

    Attributes:
        path: ``"law"``, ``"pennylane"``, ``"aer"`` or ``"noise"``; ``"classical"`` for a model
            without quantum layers.
        right: right answers.
        asked: answers that were asked for.
        examples: examples that were run.
        shots: runs a circuit; None where probabilities are exact.
        empty_runs: circuits of which no shot was accepted; they tell nothing.
        seconds: how long it took.
        effective: independent answers whose share would scatter as that of these does, which the
            interval is made from: answers about one example go right and wrong together. None
            where each example asks for one answer.
    """

    path: str
    right: int
    asked: int
    examples: int
    shots: int | None
    empty_runs: int
    seconds: float
    effective: float | None = None

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return self.right / self.asked

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy, about further examples of the task.

        Examples are independent. Where they ask for several answers each, these are not: they
        count as ``effective`` ones.
        """
        trials = self.asked if self.effective is None else self.effective
        low, high = wilson_interval(self.accuracy * trials, trials)
        return float(low), float(high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.path}: {self.accuracy:.3f} ({low:.3f} to {high:.3f})"


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """A trained model, how it got there, and what it is worth.

    Attributes:
        task: what was learnt.
        memory: the memory's name.
        seed: of the examples, the first weights, the order and the shots.
        epochs: passes over the training examples.
        parameters: numbers that were learnt.
        seconds: time of training, its validation included; that of a resumed run counts in.
        curve: a row an epoch: epoch, step, learning_rate, train_loss, validation_loss,
            validation_accuracy, seconds.
        evaluations: on the test examples; the first on the law, or of the classical model itself.
        model: the trained model, in evaluation mode.
        output: the folder that holds the files, if any.
    """

    task: Task
    memory: str
    seed: int
    epochs: int
    parameters: int
    seconds: float
    curve: pd.DataFrame
    evaluations: tuple[Evaluation, ...]
    model: nn.Module = field(repr=False)
    output: Path | None = None

    @property
    def accuracy(self) -> float:
        """Share of right answers on the test examples, on the law."""
        return self.evaluations[0].accuracy

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of :attr:`accuracy`, see :attr:`Evaluation.interval`."""
        return self.evaluations[0].interval

    def __repr__(self) -> str:
        return (
            f"TrainingResult({self.task.name!r}, memory={self.memory!r}, seed={self.seed}, "
            f"epochs={self.epochs}, parameters={self.parameters:,}, "
            f"accuracy={self.accuracy:.3f})"
        )

    def evaluate(self, path: str, **options: Any) -> TrainingResult:
        """Returns the result with one more evaluation, of the same test examples.

        Args:
            path: see :func:`.evaluate`, as for ``options``.
            options: see there.
        """
        from .evaluate import evaluate

        found = evaluate(self.model, self.task, path, **{"seed": self.seed, **options})
        return replace(self, evaluations=(*self.evaluations, found))

    def to_dataframe(self) -> pd.DataFrame:
        """A row an evaluation, with what training cost."""
        rows = []
        for each in self.evaluations:
            low, high = each.interval
            rows.append(
                {
                    "task": self.task.name,
                    "memory": self.memory,
                    "seed": self.seed,
                    "epochs": self.epochs,
                    "parameters": self.parameters,
                    "training_seconds": self.seconds,
                    "path": each.path,
                    "shots": each.shots,
                    "empty_runs": each.empty_runs,
                    "examples": each.examples,
                    "right": each.right,
                    "asked": each.asked,
                    "effective": each.asked if each.effective is None else each.effective,
                    "accuracy": each.accuracy,
                    "low": low,
                    "high": high,
                    "seconds": each.seconds,
                }
            )
        return pd.DataFrame(rows).astype({"shots": "Int64"})

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes :meth:`to_dataframe`; the file is whole or not there.

        Raises:
            FileNotFoundError: the folder does not exist.
            IsADirectoryError: ``path`` is a folder.
        """
        text = self.to_dataframe().to_csv(index=False, lineterminator="\n")
        with whole_file(path) as file:
            file.write(text.encode("utf-8"))

    def write(self, folder: str | os.PathLike[str] | None = None) -> list[Path]:
        """Writes the table ``result.csv`` and the picture ``result.png``.

        Args:
            folder: where to; None takes :attr:`output`.

        Returns:
            The two paths.

        Raises:
            FileNotFoundError: the folder does not exist.
            ValueError: no folder is given, and the run has none.
        """
        if folder is None and self.output is None:
            raise ValueError("This run has no output folder; pass one to write(folder).")
        place = Path(self.output if folder is None else folder)  # type: ignore[arg-type]
        table, picture = place / "result.csv", place / "result.png"
        self.to_csv(table)
        figure = self.plot()
        with whole_file(picture) as file:
            figure.savefig(file, format="png", dpi=150)
        return [table, picture]

    def plot(self) -> Figure:
        """Draws the accuracy epoch by epoch, and beside it each path with its interval."""
        from .plot import plot_training

        return plot_training(self)
