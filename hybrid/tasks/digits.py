"""Handwritten digits of 8x8 pixels, read as a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from ...circuits.common.checks import check_choice, check_count
from ...circuits.common.randomness import Seed, as_generator
from ...circuits.patterns import load_set
from ..transformer import MEMORIES, SequenceModel
from .base import Examples, Splits, Task, check_examples, matched, tokens

READINGS = {"rows": (8, 8), "pixels": (64, 1)}
"""Places and entries a place."""


@dataclass(frozen=True, kw_only=True)
class DigitSequence(Task):
    """The 1,797 digits of the set "digits", row by row or pixel by pixel; 10 classes.

    Args:
        reading: ``"rows"``, 8 places of 8 pixels, or ``"pixels"``, 64 places of one.
        validation_examples: pictures that are watched meanwhile.
        test_examples: pictures that are counted in the end; the rest is learnt from.
        width: entries of a place's vector.
        layers: blocks of memory and feed-forward.
        heads: heads of a memory with heads.
        feedforward: inner width of the feed-forward layer beside attention.

    Raises:
        TypeError: a setting has a wrong type.
        ValueError: a setting is out of range, or nothing is left to learn from.

    Source: E. Alpaydin and C. Kaynak 1998, https://doi.org/10.24432/C50P49, CC BY 4.0, thresholded.

    >>> DigitSequence().splits(seed=1).train.inputs.shape
    torch.Size([1197, 8, 8])
    """

    name: ClassVar[str] = "digits"
    memories: ClassVar[tuple[str, ...]] = tuple(MEMORIES)
    circuit_examples: ClassVar[int] = 16

    reading: str = "rows"
    validation_examples: int = 200
    test_examples: int = 400
    width: int = 32
    layers: int = 1
    heads: int = 4
    feedforward: int = 64
    epochs: int = 30
    learning_rate: float = 5e-3
    dropout: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.reading, "reading", READINGS)
        for field in ("width", "layers", "heads", "feedforward"):
            check_count(getattr(self, field), field, minimum=1)
        check_examples(
            validation_examples=self.validation_examples, test_examples=self.test_examples
        )
        total, held = len(load_set("digits")), self.validation_examples + self.test_examples
        if held >= total:
            raise ValueError(
                "validation_examples and test_examples must leave some of the "
                f"{total:,} pictures to learn from; got {held:,} together."
            )

    def describe(self) -> str:
        """The task in a sentence or two, with its sizes."""
        places, entries = READINGS[self.reading]
        held = self.validation_examples + self.test_examples
        return (
            f"Digits of 8x8 pixels, read as {places} {self.reading} of {entries}; 10 classes, "
            f"{len(load_set('digits')) - held:,} pictures to learn from."
        )

    def splits(self, seed: Seed = None) -> Splits:
        """Deals the pictures out; the same seed deals them alike."""
        digits = load_set("digits")
        order = as_generator(seed).permutation(len(digits))
        pictures = digits.patterns[order].reshape(len(digits), *READINGS[self.reading])
        inputs = torch.from_numpy(pictures.astype(np.float32))
        targets = tokens([int(digits.labels[index]) for index in order])
        first, second = self.test_examples, self.test_examples + self.validation_examples
        test, validation, train = (
            Examples(inputs[part], targets[part])
            for part in (slice(first), slice(first, second), slice(second, None))
        )
        return Splits(train, validation, test)

    def build_model(
        self, memory: str = "quantum", *, parameters: int | None = None, **options: Any
    ) -> nn.Module:
        """Makes an untrained sequence model, pooled over all places."""
        places, entries = READINGS[self.reading]

        def build(name: str, feedforward: int) -> nn.Module:
            own = options if name == memory else {}
            return SequenceModel(
                10,
                input_size=entries,
                length=places,
                memory=name,
                width=self.width,
                layers=self.layers,
                feedforward=feedforward,
                dropout=self.dropout,
                pool="mean",
                **{"num_heads": self.heads, **own},
            )

        return matched(build, memory, self.memories, self.feedforward, parameters)
