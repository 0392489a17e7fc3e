"""The exact law of updates one neuron at a time: a Markov chain over all 2^N states."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..blocks.neurons import PreparedNeuron
from ..patterns import all_states

# Above these, the chain is refused: 2^N states, or 2^N x 2^N pairs where the sweep needs them.
CHAIN_LIMIT = 18
PAIRS_LIMIT = 12


class Chain:
    """Distribution over states, moved update by update, with two running totals.

    ``weight`` is each state's probability times the chance that all updates so far were accepted.
    ``totals`` carries two sums along every trajectory (level-1 blocks run, updates folded),
    weighted in the same way, so that dividing by the final weight gives means over accepted runs.

    Args:
        up: probability that updating neuron i in each state gives +1, (2^N, N), by index.
        start: probabilities of the 2^N states at the start, by index.
        accept: probability that the update is accepted, (2^N, N); None accepts all.
        gains: level-1 blocks and folds that the update adds, (2, 2^N, N); None adds none.
    """

    def __init__(
        self,
        up: NDArray[np.float64],
        start: NDArray[np.float64],
        *,
        accept: NDArray[np.float64] | None = None,
        gains: NDArray[np.float64] | None = None,
    ) -> None:
        self._num_neurons = up.shape[1]
        self._up = up
        self._accept = np.ones_like(up) if accept is None else accept
        self._gains = np.zeros((2, *up.shape)) if gains is None else gains
        # Rows: weight, blocks, folded.
        self.table = np.vstack([start, np.zeros((2, len(start)))])

    @classmethod
    def of_neuron(cls, prepared: PreparedNeuron, start: NDArray[np.float64]) -> Chain:
        """The chain of a quantum neuron in its model."""
        model = prepared.model
        states = all_states(model.num_neurons)
        fields = model.local_field(states)
        up = np.empty_like(fields)
        for neuron in range(model.num_neurons):
            up[:, neuron] = prepared.probability(neuron, fields[:, neuron], states[:, neuron])
        gains = np.stack([prepared.blocks(fields), prepared.folded(fields).astype(float)])
        return cls(up, start, accept=prepared.acceptance(fields), gains=gains)

    def update(self, neuron: int) -> None:
        """Updates one neuron."""
        self.table = self._updated(self.table, neuron)

    def sweep_random(self) -> None:
        """Updates every neuron once, in a uniformly random order of each trajectory's own.

        Sums over all N! orders by dynamic programming over the set of neurons already updated.
        """
        layer: dict[int, NDArray[np.float64]] = {0: self.table}
        for size in range(self._num_neurons):
            following: dict[int, NDArray[np.float64]] = {}
            for done, table in layer.items():
                share = table / (self._num_neurons - size)
                for neuron in range(self._num_neurons):
                    if not done >> neuron & 1:
                        moved = self._updated(share, neuron)
                        both = done | 1 << neuron
                        following[both] = following[both] + moved if both in following else moved
            layer = following
        self.table = layer[2**self._num_neurons - 1]

    def sweep_synchronous(self) -> None:
        """Updates all neurons at once, each from the state before the sweep."""
        accept = self._accept.prod(axis=1)
        table = self._scored(self.table, accept, self._gains.sum(axis=2))
        moved = np.ones((len(self._up), 1))
        for neuron in range(self._num_neurons):
            up = self._up[:, neuron, None]
            moved = np.concatenate([moved * up, moved * (1.0 - up)], axis=1)
        self.table = table @ moved

    def _updated(self, table: NDArray[np.float64], neuron: int) -> NDArray[np.float64]:
        scored = self._scored(table, self._accept[:, neuron], self._gains[:, :, neuron])
        # The pair of states that differ in this neuron only.
        shape = (len(scored), -1, 2, 2**neuron)
        up = (scored * self._up[:, neuron]).reshape(shape).sum(axis=2)
        both = scored.reshape(shape).sum(axis=2)
        return np.stack([up, both - up], axis=2).reshape(table.shape)

    @staticmethod
    def _scored(
        table: NDArray[np.float64], accept: NDArray[np.float64], gains: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Multiplies by the chance to be accepted and adds the update's blocks and folds."""
        scored = table * accept
        scored[1:] += gains * scored[0]
        return scored


def product_distribution(expectations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of the 2^N states of independent spins with these expectations, by index."""
    distribution = np.ones(1)
    for value in expectations:
        distribution = np.concatenate(
            [distribution * (1.0 + value) / 2.0, distribution * (1.0 - value) / 2.0]
        )
    return distribution
