"""Bags of bit patterns: does one of them hold a signal?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ...circuits.common.checks import check_count
from ...circuits.common.randomness import Seed
from ...circuits.patterns import from_index
from ..baselines import AttentionPooling, ClassicalHopfieldPooling, RecurrentPooling
from ..layers import QuantumHopfieldPooling
from ..transformer import check_memory, count_parameters, match_parameters
from .base import Examples, Splits, Task, check_examples, streams

_POOLINGS: dict[str, tuple[Callable[..., nn.Module], str]] = {
    "quantum": (QuantumHopfieldPooling, "binary"),
    "quantum-product": (QuantumHopfieldPooling, "product"),
    "hopfield": (ClassicalHopfieldPooling, "real"),
    "hopfield-binary": (ClassicalHopfieldPooling, "binary"),
}


@dataclass(frozen=True, kw_only=True)
class BitPatternSets(Task):
    """Multiple-instance learning: a bag is positive if one of its patterns is a signal.

    The model pools a bag by trained queries, and one linear map reads the answer. Half of the bags
    are positive.

    Args:
        bits: bits of a pattern; the model sees them as +-1.
        instances: patterns of a bag.
        signals: different signals.
        signals_per_bag: signals put into a positive bag, at different places.
        bags: bags, the first half positive; those from an eighth to seven eighths are learnt from,
            the others are watched meanwhile.
        test_bags: further bags that are counted in the end.
        heads: heads of the pooling.
        neurons: neurons of a head; 0 takes 4, or, where ``static``, as many as a pattern has bits.
        static: takes the patterns themselves for keys, in place of a learnt projection of them.

    Raises:
        TypeError: a setting has a wrong type.
        ValueError: a setting is out of range.

    Source: the demonstration of hflayers, H. Ramsauer et al. 2020, arXiv:2008.02217: sizes, split,
    batch, AdamW at 1e-3 for 250 epochs and the clipped gradient are theirs. Deviations: their bits
    are 0 and 1, here +-1; their loop never clears the gradients; no dropout and no further
    updates; a head of theirs has 8 neurons.

    >>> task = BitPatternSets(bags=16, test_bags=2)
    >>> splits = task.splits(seed=0)
    >>> [len(part) for part in (splits.train, splits.validation, splits.test)]
    [12, 4, 2]
    >>> splits.train.inputs.shape
    torch.Size([12, 16, 8])
    """

    name: ClassVar[str] = "bit-patterns"
    memories: ClassVar[tuple[str, ...]] = (*_POOLINGS, "attention", "rnn", "lstm")

    bits: int = 8
    instances: int = 16
    signals: int = 8
    signals_per_bag: int = 1
    bags: int = 2048
    test_bags: int = 1024
    heads: int = 8
    neurons: int = 0
    static: bool = False
    epochs: int = 250
    learning_rate: float = 1e-3
    schedule: str = "constant"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.bits, "bits", minimum=1, maximum=16)
        check_count(self.instances, "instances", minimum=1)
        check_count(self.signals, "signals", minimum=1, maximum=2**self.bits - 1)
        check_count(self.signals_per_bag, "signals_per_bag", minimum=1, maximum=self.instances)
        check_count(self.heads, "heads", minimum=1)
        check_count(self.neurons, "neurons")
        check_count(self.bags, "bags", minimum=8)
        check_examples(test_bags=self.test_bags)
        if self.static and self.head_size != self.bits:
            raise ValueError(
                f"With static=True a head has a neuron a bit: neurons must be {self.bits}, got "
                f"{self.neurons}."
            )

    @property
    def head_size(self) -> int:
        """Neurons of a head."""
        return self.neurons or (self.bits if self.static else 4)

    def describe(self) -> str:
        """The task in a sentence or two, with its sizes."""
        return (
            f"Bags of {self.instances} patterns of {self.bits} bits, positive if "
            f"{self.signals_per_bag} of them is one of {self.signals} signals; "
            f"{self._held(7) - self._held(1):,} of {self.bags:,} bags to learn from."
        )

    def splits(self, seed: Seed = None) -> Splits:
        """Draws signals and bags; the same seed gives the same ones."""
        choice, draws, test_draws = streams(seed, 3)
        codes = choice.permutation(2**self.bits)
        signals, others = codes[: self.signals], codes[self.signals :]
        inputs, targets = self._draw(self.bags, signals, others, draws)
        first, last = self._held(1), self._held(7)
        learnt = np.zeros(self.bags, dtype=bool)
        learnt[first:last] = True
        test_inputs, test_targets = self._draw(self.test_bags, signals, others, test_draws)
        # In turns, so that the first few, for which circuits are run, are of both kinds.
        positive = int(test_targets.sum())
        turn = torch.arange(self.test_bags)
        mixed = torch.argsort(torch.where(turn < positive, 2 * turn, 2 * (turn - positive) + 1))
        return Splits(
            Examples(inputs[learnt], targets[learnt]),
            Examples(inputs[~learnt], targets[~learnt]),
            Examples(test_inputs[mixed], test_targets[mixed]),
        )

    def build_model(
        self, memory: str = "quantum", *, parameters: int | None = None, **options: Any
    ) -> nn.Module:
        """Makes an untrained pooling with the memory of that name, and a linear map.

        Attention pools a learnt embedding with one head; its width, or the state of a recurrent
        network, makes up the number of parameters. The default number is that of the classical
        Hopfield pooling, which is also the quantum one's.
        """
        check_memory(memory, self.memories)
        hopfield = memory not in ("attention", "rnn", "lstm")
        if parameters is None:
            if hopfield:
                return self._model(memory, self.head_size, options)
            parameters = count_parameters(self._model("hopfield", self.head_size, {}))
        width = match_parameters(
            lambda width: self._model(memory, width, options), parameters, widths=range(1, 257)
        )
        return self._model(memory, width, options)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean binary cross entropy of logits (E,) and targets 0 or 1 (E,)."""
        return functional.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype))

    def answers(self, outputs: Tensor) -> Tensor:
        """1 where the logit is positive."""
        return (outputs > 0.0).to(outputs.dtype)

    def _model(self, memory: str, width: int, options: dict[str, Any]) -> nn.Module:
        bits = self.bits
        pooling: nn.Module
        if memory == "attention":
            kept = {"num_heads": 1, "dropout": self.dropout, **options}
            pooling = nn.Sequential(nn.Linear(bits, width), AttentionPooling(width, **kept))
            inner = width
        elif memory in ("rnn", "lstm"):
            pooling = RecurrentPooling(bits, memory, hidden_size=width, **options)
            inner = bits
        else:
            maker, keys = _POOLINGS[memory]
            kept = {
                "hidden_size": width,
                "pattern_size": bits,
                "num_heads": self.heads,
                "dropout": self.dropout,
                "stored_as_static": self.static,
                "keys": keys,
                **options,
            }
            pooling = maker(bits, **kept)
            inner = int(pooling.output_size)  # type: ignore[arg-type]
        return nn.Sequential(pooling, nn.Linear(inner, 1), nn.Flatten(0))

    def _held(self, eighths: int) -> int:
        """Where the bags that are learnt from start, or end."""
        return self.bags * eighths // 8

    def _draw(
        self,
        count: int,
        signals: NDArray[np.int64],
        others: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Bags as +-1, (count, instances, bits), and 1 where a bag is positive, (count,)."""
        codes = rng.choice(others, size=(count, self.instances))
        positive = -(-count // 2)
        places = rng.random((positive, self.instances)).argsort(axis=1)[:, : self.signals_per_bag]
        implanted = rng.choice(signals, size=(positive, self.signals_per_bag))
        np.put_along_axis(codes[:positive], places, implanted, axis=1)
        spins = from_index(codes.ravel(), self.bits).reshape(*codes.shape, self.bits)
        targets = torch.zeros(count)
        targets[:positive] = 1.0
        return torch.from_numpy(spins.astype(np.float32)), targets
