"""Multi-query associative recall: pairs of key and value, then keys that ask for their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import nn

from ...circuits.common.checks import check_choice, check_count, check_real
from ...circuits.common.randomness import Seed
from ..transformer import MEMORIES, SequenceModel
from .base import IGNORED, Examples, Splits, Task, check_examples, matched, streams, tokens

FILLS = ("blank", "random")


@dataclass(frozen=True, kw_only=True)
class MultiQueryRecall(Task):
    """Multi-query associative recall (MQAR).

    A sequence starts with ``pairs`` pairs of a key and its value. Later each key comes once more,
    and the model must say its value there and then. Half of the vocabulary are keys, half values;
    token 0 is blank. How long a key waits for its question follows a power law.

    Args:
        vocabulary: tokens, even, >= 4; at least ``pairs`` keys beside the blank.
        length: tokens of a sequence, even; at least 4 a pair.
        pairs: pairs of key and value.
        power: exponent of the waiting times, ``P(t) ~ t^(power - 1)``, > 0; 1 is uniform.
        fill: what stands between the questions, ``"blank"`` or ``"random"`` tokens.
        train_examples: sequences that are learnt from.
        validation_examples: sequences that are watched meanwhile.
        test_examples: sequences that are counted in the end.
        width: entries of a token's vector.
        layers: blocks of memory and feed-forward.
        heads: heads of a memory with heads.
        feedforward: inner width of the feed-forward layer beside attention.
        convolution: places that the short convolution before each memory mixes, 0 for none. It lets
            one layer see which value stands behind a key; without it a memory needs two.

    Raises:
        TypeError: a setting has a wrong type.
        ValueError: a setting is out of range.

    Source: S. Arora et al. 2023, Zoology, arXiv:2312.04927, section 4. They take 8,192 tokens,
    100,000 sequences, and random tokens as filling; in a small vocabulary these would often make
    up second pairs with the same key, so the default here is blank.

    >>> task = MultiQueryRecall(vocabulary=8, length=12, pairs=2, train_examples=1)
    >>> examples = task.splits(seed=1).train
    >>> examples.inputs[0].tolist()
    [2, 5, 3, 7, 0, 0, 3, 0, 2, 0, 0, 0]
    >>> examples.targets[0, 6:9].tolist()
    [7, -100, 5]
    """

    name: ClassVar[str] = "mqar"
    memories: ClassVar[tuple[str, ...]] = tuple(MEMORIES)
    circuit_examples: ClassVar[int] = 2

    vocabulary: int = 64
    length: int = 64
    pairs: int = 8
    power: float = 0.01
    fill: str = "blank"
    train_examples: int = 4000
    validation_examples: int = 250
    test_examples: int = 500
    width: int = 32
    layers: int = 1
    heads: int = 4
    feedforward: int = 64
    convolution: int = 2
    epochs: int = 10
    learning_rate: float = 5e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.pairs, "pairs", minimum=1)
        for field, least in (("vocabulary", 2 * (self.pairs + 1)), ("length", 4 * self.pairs)):
            if check_count(getattr(self, field), field, minimum=least) % 2:
                raise ValueError(f"{field} must be even, got {getattr(self, field)}.")
        check_real(self.power, "power", minimum=0.0, exclusive=True)
        check_choice(self.fill, "fill", FILLS)
        for field in ("width", "layers", "heads", "feedforward"):
            check_count(getattr(self, field), field, minimum=1)
        check_count(self.convolution, "convolution")
        check_examples(
            train_examples=self.train_examples,
            validation_examples=self.validation_examples,
            test_examples=self.test_examples,
        )

    def describe(self) -> str:
        """The task in a sentence or two, with its sizes."""
        return (
            f"Multi-query associative recall: {self.pairs} pairs of key and value, then each key "
            f"asks for its value, in {self.length} of {self.vocabulary} tokens; "
            f"{self.train_examples:,} sequences to learn from."
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
                self.vocabulary,
                num_tokens=self.vocabulary,
                length=self.length,
                memory=name,
                width=self.width,
                layers=self.layers,
                feedforward=feedforward,
                dropout=self.dropout,
                causal=True,
                convolution=self.convolution,
                **{"num_heads": self.heads, **own},
            )

        return matched(build, memory, self.memories, self.feedforward, parameters)

    def _draw(self, count: int, rng: np.random.Generator) -> Examples:
        half, pairs = self.vocabulary // 2, self.pairs
        keys = 1 + _subsets(np.zeros(half - 1), pairs, count, rng)
        values = half + _subsets(np.zeros(half), pairs, count, rng)
        inputs = np.zeros((count, self.length), dtype=np.int64)
        inputs[:, 0 : 2 * pairs : 2], inputs[:, 1 : 2 * pairs : 2] = keys, values
        if self.fill == "random":
            rest = inputs[:, 2 * pairs :]
            rest[:] = rng.integers(self.vocabulary, size=rest.shape)
        room = (self.length - 2 * pairs) // 2
        waits = (self.power - 1.0) * np.log(np.arange(1, room + 1))
        places = 2 * pairs + 2 * _subsets(waits, pairs, count, rng)
        targets = np.full_like(inputs, IGNORED)
        np.put_along_axis(inputs, places, keys, axis=1)
        np.put_along_axis(targets, places, values, axis=1)
        return Examples(tokens(inputs), tokens(targets))


def _subsets(
    log_weights: np.ndarray[Any, np.dtype[np.float64]],
    size: int,
    count: int,
    rng: np.random.Generator,
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Draws ``size`` of the items one after the other, by weight and without replacement.

    The largest of the log weights with Gumbel noise follow this law (J. Vieira 2014, "Gumbel-max
    trick and weighted reservoir sampling"), and that is one sort for all rows.

    Shapes:
        log_weights: (items,); returns (count, size)
    """
    noisy = log_weights + rng.gumbel(size=(count, len(log_weights)))
    return np.argsort(-noisy, axis=1)[:, :size]
