"""Random numbers of copies: each copy of what draws shots has a stream of its own."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

# How often each pickle was opened in this process; the oldest are forgotten.
_opened: dict[bytes, int] = {}
_REMEMBERED = 10_000


def branch(rng: np.random.Generator, which: int = 1) -> np.random.Generator:
    """A generator with a stream of its own; the same one for the same history of ``rng``.

    What ``rng`` itself draws does not change.

    Args:
        rng: where it comes from, by NumPy's seed sequences.
        which: 1 for the next branch, 2 for the one after it, and so on.
    """
    try:
        return rng.spawn(which)[-1]
    except TypeError:  # its bits come from elsewhere than a seed sequence
        return np.random.default_rng([int(each) for each in rng.integers(2**32, size=3 + which)])


class Stream:
    """A generator that goes on in its owner, and branches off in each of its copies.

    A copy (``copy.deepcopy``, as in :class:`torch.nn.TransformerEncoder`) or a pickle gets the next
    branch, so that the same model, built and copied in the same way from the same seed, draws the
    same again.  A pickle that is opened several times in a process gives a branch each time; in
    other processes it begins as the first did.  Without a seed, copies begin anew.

    Attributes:
        rng: the generator.
        seeded: whether it came from a seed.
    """

    def __init__(self, rng: np.random.Generator, *, seeded: bool) -> None:
        self.rng = rng
        self.seeded = seeded

    def branch(self) -> Stream:
        """The stream of a copy."""
        rng = branch(self.rng) if self.seeded else np.random.default_rng()
        return Stream(rng, seeded=self.seeded)

    def __deepcopy__(self, memo: dict[int, Any]) -> Stream:
        return self.branch()

    def __getstate__(self) -> dict[str, Any]:
        return {"rng": self.branch().rng, "seeded": self.seeded, "written": os.urandom(16)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.rng, self.seeded = state["rng"], state["seeded"]
        if not self.seeded:
            self.rng = np.random.default_rng()
            return
        opened = _opened.pop(state["written"], 0)
        _opened[state["written"]] = opened + 1
        if len(_opened) > _REMEMBERED:
            del _opened[next(iter(_opened))]
        if opened:  # this pickle has been opened here before
            self.rng = branch(self.rng, opened)
