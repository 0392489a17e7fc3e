"""Long-range recall: one cue early, then distractors, then the question what it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import nn

from ...circuits.common.checks import check_count
from ...circuits.common.randomness import Seed
from ..transformer import MEMORIES, SequenceModel
from .base import IGNORED, Examples, Splits, Task, check_examples, matched, streams, tokens


@dataclass(frozen=True, kw_only=True)
class LongRangeRecall(Task):
    """Recall of a cue after ``distance`` tokens that have nothing to do with it.

    A cue stands at one of the first ``lead`` places; a question comes after exactly ``distance``
    further tokens, and the model must name the cue there and then. All other places hold random
    distractors. Token 0 is the question, then come the cues, then the distractors.

    Args:
        distance: tokens between cue and question.
        cues: different cues, the classes, >= 2.
        distractors: different distractors.
        lead: places where the cue may stand.
        train_examples: sequences that are learnt from.
        validation_examples: sequences that are watched meanwhile.
        test_examples: sequences that are counted in the end.
        width: entries of a token's vector.
        layers: blocks of memory and feed-forward.
        heads: heads of a memory with heads.
        feedforward: inner width of the feed-forward layer beside attention.

    Raises:
        TypeError: a setting has a wrong type.
        ValueError: a setting is out of range.

    Source: after the latch problem of Y. Bengio, P. Simard and P. Frasconi 1994, IEEE Trans. Neural
    Netw. 5, 157.

    >>> task = LongRangeRecall(distance=4, cues=2, distractors=2, lead=2, train_examples=1)
    >>> examples = task.splits(seed=0).train
    >>> examples.inputs[0].tolist(), examples.targets[0].tolist()
    ([3, 2, 4, 4, 3, 3, 0], [-100, -100, -100, -100, -100, -100, 1])
    """

    name: ClassVar[str] = "long-range"
    memories: ClassVar[tuple[str, ...]] = tuple(MEMORIES)
    circuit_examples: ClassVar[int] = 2

    distance: int = 64
    cues: int = 8
    distractors: int = 8
    lead: int = 4
    train_examples: int = 2000
    validation_examples: int = 250
    test_examples: int = 1000
    width: int = 32
    layers: int = 1
    heads: int = 4
    feedforward: int = 64
    epochs: int = 10
    learning_rate: float = 5e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.distance, "distance", minimum=0)
        check_count(self.cues, "cues", minimum=2)
        for field in ("distractors", "lead", "width", "layers", "heads", "feedforward"):
            check_count(getattr(self, field), field, minimum=1)
        check_examples(
            train_examples=self.train_examples,
            validation_examples=self.validation_examples,
            test_examples=self.test_examples,
        )

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return 1 + self.cues + self.distractors

    @property
    def length(self) -> int:
        """Tokens of a sequence."""
        return self.lead + self.distance + 1

    def describe(self) -> str:
        """The task in a sentence or two, with its sizes."""
        return (
            f"Long-range recall: one of {self.cues} cues, asked for after {self.distance} "
            f"distractors; {self.train_examples:,} sequences of {self.length} tokens to learn from."
        )

    def splits(self, seed: Seed = None) -> Splits:
        """Draws the sequences; the same seed gives the same ones."""
        counts = (self.train_examples, self.validation_examples, self.test_examples)
        return Splits(
            *(self._draw(count, rng) for count, rng in zip(counts, streams(seed, 3), strict=True))
        )

    def build_model(
        self, memory: str = "quantum", *, parameters: int | None = None, **options: Any
    ) -> nn.Module:
        """Makes an untrained, causal sequence model with the memory of that name."""

        def build(name: str, feedforward: int) -> nn.Module:
            own = options if name == memory else {}
            return SequenceModel(
                self.cues,
                num_tokens=self.vocabulary,
                length=self.length,
                memory=name,
                width=self.width,
                layers=self.layers,
                feedforward=feedforward,
                dropout=self.dropout,
                causal=True,
                **{"num_heads": self.heads, **own},
            )

        return matched(build, memory, self.memories, self.feedforward, parameters)

    def _draw(self, count: int, rng: np.random.Generator) -> Examples:
        answers = rng.integers(self.cues, size=(count, 1))
        places = rng.integers(self.lead, size=(count, 1))
        inputs = 1 + self.cues + rng.integers(self.distractors, size=(count, self.length))
        targets = np.full_like(inputs, IGNORED)
        np.put_along_axis(inputs, places, 1 + answers, axis=1)
        np.put_along_axis(inputs, places + self.distance + 1, 0, axis=1)
        np.put_along_axis(targets, places + self.distance + 1, answers, axis=1)
        return Examples(tokens(inputs), tokens(targets))
