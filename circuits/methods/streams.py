"""Random numbers of many trajectories, every probe's from a seed of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..models import complete, draw_schedule
from ..patterns import check_probes
from .base import Probes
from .probes import as_states, draw_starts

# Numbers that are drawn ahead, for all probes together: a call a probe and step would take longer
# than the dynamics.
_AHEAD_STEPS, _AHEAD_NUMBERS = 64, 1 << 22


class Streams:
    """One generator a probe, so that what a probe draws does not depend on the others.

    Args:
        rng: seeds them; advanced by one number, whatever the number of probes.
        probes: how many probes there are, P.
        shots: trajectories of each.
    """

    def __init__(self, rng: np.random.Generator, probes: int, shots: int) -> None:
        entropy = int(rng.integers(0, 2**63))
        self.generators = [
            np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(probe,)))
            for probe in range(probes)
        ]
        self._shots = shots
        self._ahead = np.zeros((probes, 0))
        self._used = 0

    def uniform(self, each: int) -> NDArray[np.float64]:
        """The next numbers in [0, 1), (P * shots, each), probe by probe."""
        need = self._shots * each
        have = self._ahead.shape[1] - self._used
        if need > have:
            # What is drawn ahead is kept: how far ahead must not change what comes.
            ahead = min(_AHEAD_STEPS * need, _AHEAD_NUMBERS // len(self.generators))
            more = max(need - have, ahead)
            fresh = np.stack([generator.random(more) for generator in self.generators])
            self._ahead = np.hstack([self._ahead[:, self._used :], fresh])
            self._used = 0
        taken = self._ahead[:, self._used : self._used + need]
        self._used += need
        return taken.reshape(-1, each)

    def count(self, live: NDArray[np.intp] | slice) -> int:
        """How many trajectories an index of them names."""
        whole = len(self.generators) * self._shots
        return len(range(whole)[live]) if isinstance(live, slice) else len(live)

    def starts(self, probes: Probes, num_neurons: int) -> NDArray[np.int8]:
        """Measures every probe ``shots`` times, classically: (P * shots, N), probe by probe."""
        states = as_states(probes)
        if states is not None:
            pairs = zip(states, self.generators, strict=True)
            drawn = [draw_starts(each, num_neurons, self._shots, rng) for each, rng in pairs]
            return np.concatenate(drawn)
        rows = check_probes(probes, num_neurons)
        starts = np.repeat(np.sign(rows).astype(np.int8), self._shots, axis=0)
        for probe in np.flatnonzero((np.abs(rows) < 1.0).any(axis=1)).tolist():
            repeated = np.repeat(rows[probe : probe + 1], self._shots, axis=0)
            mine = slice(probe * self._shots, (probe + 1) * self._shots)
            starts[mine] = complete(repeated, num_neurons, seed=self.generators[probe])
        return starts

    def schedule(self, order: object, num_neurons: int, sweeps: int) -> NDArray[np.int64]:
        """The neuron that each step updates: (steps,), or (P * shots, steps) where it is drawn."""
        random_order = isinstance(order, str) and order == "random"
        drawn = [
            draw_schedule(order, num_neurons, sweeps, self._shots, rng)  # type: ignore[arg-type]
            for rng in (self.generators if random_order else self.generators[:1])
        ]
        return np.concatenate(drawn)
