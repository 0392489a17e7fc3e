"""What every task is: seeded examples, a model that fits them, a loss and a score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from ...circuits.common.checks import check_choice, check_count, check_real
from ...circuits.common.randomness import Seed, as_generator
from ..transformer import check_memory, count_parameters, match_parameters

IGNORED = -100
"""Target of a position where nothing is asked: neither the loss nor the score counts it."""

SCHEDULES = ("cosine", "constant")


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs with their targets.

    Attributes:
        inputs: (E, L) token numbers, or (E, L, features) vectors.
        targets: (E,) or (E, L) class numbers, or (E,) of 0 and 1 as floats.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise ValueError(
                f"targets must be one an input, {len(self.inputs)}; got {len(self.targets)}."
            )

    def __len__(self) -> int:
        """How many examples there are, E."""
        return len(self.inputs)

    def take(self, count: int) -> Examples:
        """The first ``count`` examples, or all where there are fewer."""
        return Examples(self.inputs[:count], self.targets[:count])


@dataclass(frozen=True, eq=False)
class Splits:
    """What is learnt from, what is watched meanwhile, and what is counted in the end."""

    train: Examples
    validation: Examples
    test: Examples


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """A learning problem with the settings that it is learnt with.

    Args:
        epochs: passes over the training examples.
        batch_size: examples a step.
        learning_rate: of AdamW, at its highest.
        weight_decay: of AdamW.
        schedule: ``"cosine"`` warms the learning rate up over a twentieth of the steps and lets it
            fall to 0 along a cosine; ``"constant"`` keeps it.
        gradient_clip: the largest norm of the gradient; 0 clips nothing.
        dropout: share of a layer's outputs that training drops.

    Raises:
        TypeError: a setting has a wrong type.
        ValueError: a setting is out of range.
    """

    name: ClassVar[str]
    """What the task is called on the command line."""
    memories: ClassVar[tuple[str, ...]]
    """The memories that its model can be built with."""
    circuit_examples: ClassVar[int] = 64
    """Test examples that a minute or two on circuits suffice for."""

    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    schedule: str = "cosine"
    gradient_clip: float = 1.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for field in ("epochs", "batch_size"):
            check_count(getattr(self, field), field, minimum=1)
        check_real(self.learning_rate, "learning_rate", minimum=0.0, exclusive=True)
        for field in ("weight_decay", "gradient_clip"):
            check_real(getattr(self, field), field, minimum=0.0)
        check_real(self.dropout, "dropout", minimum=0.0, maximum=1.0)
        check_choice(self.schedule, "schedule", SCHEDULES)

    @abstractmethod
    def describe(self) -> str:
        """The task in a sentence or two, with its sizes."""

    @abstractmethod
    def splits(self, seed: Seed = None) -> Splits:
        """Draws the examples; the same seed gives the same ones.

        Raises:
            TypeError: ``seed`` is no seed.
            ValueError: ``seed`` is negative.
        """

    @abstractmethod
    def build_model(
        self, memory: str = "quantum", *, parameters: int | None = None, **options: Any
    ) -> nn.Module:
        """Makes an untrained model with the memory of that name.

        Args:
            memory: one of :attr:`memories`.
            parameters: how many the model should have, within a few percent; None takes as many as
                the task's model with attention has.
            options: of the memory layer, such as ``num_heads`` or ``backend``.

        Raises:
            TypeError: an option that the memory does not take.
            ValueError: an unknown memory, or no width comes near ``parameters``.
        """

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross entropy of the answers that are asked for.

        Shapes:
            outputs: (..., classes); targets: (...); returns ()
        """
        return functional.cross_entropy(
            outputs.reshape(-1, outputs.shape[-1]), targets.reshape(-1), ignore_index=IGNORED
        )

    def answers(self, outputs: Tensor) -> Tensor:
        """What a model says: the most probable class.

        Shapes:
            outputs: (..., classes); returns (...)
        """
        return outputs.argmax(dim=-1)

    def score(self, outputs: Tensor, targets: Tensor) -> tuple[int, int]:
        """How many answers are right, and how many were asked for."""
        right = (self.answers(outputs) == targets) & (targets != IGNORED)
        return int(right.sum()), self.asked(targets)

    def asked(self, targets: Tensor) -> int:
        """How many answers are asked for."""
        return int((targets != IGNORED).sum())

    def learning_rate_at(self, step: int, total: int) -> float:
        """The learning rate of a step as a share of the highest.

        Args:
            step: from 0.
            total: steps of the whole training.
        """
        if self.schedule == "constant":
            return 1.0
        warm = max(1, total // 20)
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1.0 + float(np.cos(np.pi * (step - warm) / max(1, total - warm))))


def streams(seed: Seed, count: int) -> list[np.random.Generator]:
    """Independent generators from one seed: more examples of one split leave the others alone."""
    return list(as_generator(seed).spawn(count))


def tokens(values: ArrayLike) -> Tensor:
    """Numbers of tokens or classes as PyTorch wants them, int64."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64))


def check_examples(**counts: Any) -> None:
    """Refuses splits without examples."""
    for name, value in counts.items():
        check_count(value, name, minimum=1)


def matched(
    build: Callable[[str, int], nn.Module],
    memory: str,
    known: tuple[str, ...],
    feedforward: int,
    parameters: int | None,
) -> nn.Module:
    """A model whose feed-forward layers make up for what its memory has more or less of.

    Args:
        build: from a memory's name and the width of the feed-forward layers to a model.
        memory: the memory's name.
        known: the names that there are.
        feedforward: the width that the model with attention has.
        parameters: how many parameters to have; None takes those of the model with attention.
    """
    check_memory(memory, known)
    if parameters is None:
        if memory == "attention":
            return build(memory, feedforward)
        parameters = count_parameters(build("attention", feedforward))
    width = match_parameters(lambda wide: build(memory, wide), parameters)
    return build(memory, width)
