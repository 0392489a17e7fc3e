"""Submodules that fail: dead, late, or answering at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.checks import check_count, check_listed, check_real
from ...common.keywords import Chosen
from ...common.randomness import LARGEST_SEED

HEALTHY, DEAD, LATE, RANDOM = range(4)
"""What may become of a submodule."""


@dataclass(frozen=True)
class Faults(Chosen):
    """Which submodules of an atomized memory fail, for studies of failure.

    Each of the three is a number of submodules, a fraction of them (a float), or their indices;
    who fails is drawn from ``seed`` and from nothing else.  Submodules are numbered shard by shard,
    in a shard block by block, in a block replica by replica.

    Args:
        dead: never answer.
        late: answer when it is too late to count.
        random: answer every measured bit with a fair coin, as a submodule does whose qubits have
            lost all memory.
        seed: draws who fails, >= 0.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range.
    """

    dead: Any = 0
    late: Any = 0
    random: Any = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("dead", "late", "random"):
            object.__setattr__(self, name, _amount(getattr(self, name), name))
        object.__setattr__(self, "seed", check_count(self.seed, "seed", maximum=LARGEST_SEED))

    def fates(self, count: int) -> NDArray[np.uint8]:
        """What becomes of each of ``count`` submodules.

        Raises:
            ValueError: more failures than submodules, an index out of range, or one named twice.
        """
        fates = np.full(count, HEALTHY, dtype=np.uint8)
        named = [(DEAD, self.dead), (LATE, self.late), (RANDOM, self.random)]
        for fate, amount in named:
            if isinstance(amount, tuple):
                for index in amount:
                    if index >= count:
                        raise ValueError(
                            f"faults name submodule {index}, but there are {count}: 0 to "
                            f"{count - 1}."
                        )
                    if fates[index] != HEALTHY:
                        raise ValueError(f"faults name submodule {index} twice.")
                    fates[index] = fate
        rng = np.random.default_rng([self.seed, count])
        order = rng.permutation(count)
        for fate, amount in named:
            if isinstance(amount, tuple):
                continue
            wanted = round(amount * count) if isinstance(amount, float) else int(amount)
            free = order[fates[order] == HEALTHY]
            if wanted > len(free):
                raise ValueError(
                    f"faults ask for {wanted} failures of one kind where {len(free)} of {count} "
                    "submodules are left."
                )
            fates[free[:wanted]] = fate
        return fates


def _amount(value: Any, name: str) -> int | float | tuple[int, ...]:
    if isinstance(value, (float, np.floating)):
        return check_real(value, name, minimum=0.0, maximum=1.0)
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return check_count(value, name)
    expected = "a number of submodules, a fraction (a float) or a list of indices"
    listed = check_listed(value, name, expected, empty=True)
    return tuple(check_count(each, f"an index in {name}") for each in listed)
