"""A memory cut into shards: which pattern is where, and what the shards weigh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...circuits.common.checks import check_count


@dataclass(frozen=True)
class Shards:
    """Patterns in order, cut into shards whose sizes differ by one at most, the larger ones first.

    All shards are cut to the size of the largest, so that one circuit serves them all; the rest of
    a smaller one is filled up with patterns of weight 0.

    Attributes:
        num_patterns: M, >= 1.
        number: shards, between 1 and M: an empty one has nothing to load.

    Raises:
        TypeError: a count is no integer.
        ValueError: a count out of range.

    >>> Shards(num_patterns=10, number=4).sizes
    (3, 3, 2, 2)
    """

    num_patterns: int
    number: int = 1

    def __post_init__(self) -> None:
        check_count(self.num_patterns, "num_patterns", minimum=1)
        check_count(self.number, "shards", minimum=1)
        if self.number > self.num_patterns:
            raise ValueError(
                f"shards={self.number} is more than there are patterns, {self.num_patterns}: a "
                "shard would be empty. Use at most one shard a pattern."
            )

    @property
    def size(self) -> int:
        """Patterns of the largest shard, ``ceil(M / shards)``: what a circuit holds."""
        return -(-self.num_patterns // self.number)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Patterns of each shard."""
        return (self.size,) * self._larger + (self.size - 1,) * (self.number - self._larger)

    @property
    def even(self) -> bool:
        """Whether all shards are of one size, so that nothing is filled up."""
        return self.num_patterns == self.number * self.size

    def slices(self) -> Iterator[slice]:
        """The patterns of each shard."""
        start = 0
        for size in self.sizes:
            yield slice(start, start + size)
            start += size

    def owners(self, device: torch.device | None = None) -> Tensor:
        """The shard of each pattern, (M,)."""
        places = torch.arange(self.num_patterns, device=device)
        beyond = places - self._larger * self.size
        smaller = self._larger + beyond // max(1, self.size - 1)
        return torch.where(beyond < 0, places // self.size, smaller)

    def cut(self, tensor: Tensor, axis: int) -> Tensor:
        """Cuts an axis over patterns, M -> (shards, size); what is filled up is 0."""
        if not self.even:
            shape = list(tensor.shape)
            shape[axis] = self.number * self.size
            tensor = tensor.new_zeros(shape).index_copy(axis, self._places(tensor), tensor)
        cut: Tensor = tensor.unflatten(axis, (self.number, self.size))
        return cut

    def join(self, tensor: Tensor, axis: int) -> Tensor:
        """The other way round: the axes ``axis`` and ``axis + 1`` of shards and size become M."""
        flat = tensor.flatten(axis, axis + 1)
        return flat if self.even else flat.index_select(axis, self._places(tensor))

    def _places(self, like: Tensor) -> Tensor:
        """Where each pattern is among the shards' places in a row, (M,)."""
        # Every shard before that is smaller than the largest leaves a place empty.
        skipped = (self.owners(like.device) - self._larger).clamp(min=0)
        return torch.arange(self.num_patterns, device=like.device) + skipped

    @property
    def _larger(self) -> int:
        """Shards of the largest size."""
        return self.num_patterns - self.number * (self.size - 1)
