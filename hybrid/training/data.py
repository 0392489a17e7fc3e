"""A task's examples as Lightning wants them."""

from __future__ import annotations

from collections.abc import Iterator

import lightning.pytorch as lightning
from torch import Tensor
from torch.utils.data import TensorDataset
from torch.utils.data.distributed import DistributedSampler

from ..tasks import Examples, Splits

EVALUATION_BATCH = 256


class Batches:
    """Examples that are in memory, batch by batch, in the order that a sampler gives.

    It does what a DataLoader without workers does, at a tenth of the time: a batch is one look into
    each tensor. Lightning tells the sampler which epoch it is.

    Args:
        examples: the examples.
        batch_size: examples a batch and process.
        shuffle: whether each epoch has an order of its own.
        seed: of the order; it and the epoch's number settle it.
        processes: how many deal the examples out among themselves.
        process: which of them this is.
    """

    batch_sampler = None  # which Lightning asks for wherever it finds a sampler

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int = 0,
        processes: int = 1,
        process: int = 0,
    ) -> None:
        self.examples, self.batch_size = examples, batch_size
        self.sampler: DistributedSampler[tuple[Tensor, ...]] = DistributedSampler(
            TensorDataset(examples.inputs, examples.targets),
            num_replicas=processes,
            rank=process,
            shuffle=shuffle,
            seed=seed,
        )

    def __len__(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.sampler) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = list(self.sampler)
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            yield self.examples.inputs[chosen], self.examples.targets[chosen]


class ExamplesModule(lightning.LightningDataModule):
    """Training and validation examples of a task.

    Args:
        splits: the examples.
        batch_size: examples a step and process.
        seed: of the epochs' order, an integer.
    """

    def __init__(self, splits: Splits, batch_size: int, seed: int) -> None:
        super().__init__()
        self.splits, self.batch_size, self.seed = splits, batch_size, seed

    def train_dataloader(self) -> Batches:
        """Shuffled anew each epoch."""
        return self._batches(self.splits.train, self.batch_size, shuffle=True)

    def val_dataloader(self) -> Batches:
        """In order."""
        return self._batches(self.splits.validation, EVALUATION_BATCH, shuffle=False)

    def _batches(self, examples: Examples, batch_size: int, *, shuffle: bool) -> Batches:
        trainer = self.trainer
        return Batches(
            examples,
            batch_size,
            shuffle=shuffle,
            seed=self.seed,
            processes=1 if trainer is None else trainer.world_size,
            process=0 if trainer is None else trainer.global_rank,
        )
