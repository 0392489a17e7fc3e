"""The exact law of updates one neuron at a time: a Markov chain over all 2^N states."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..blocks.neurons import PreparedNeuron
from ..patterns import all_states
from .base import Law

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
        up, accept, gains = _updates_of(prepared)
        return cls(up, start, accept=accept, gains=gains)

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
        table = _scored(self.table, accept, self._gains.sum(axis=2))
        moved = np.ones((len(self._up), 1))
        for neuron in range(self._num_neurons):
            up = self._up[:, neuron, None]
            moved = np.concatenate([moved * up, moved * (1.0 - up)], axis=1)
        self.table = table @ moved

    def _updated(self, table: NDArray[np.float64], neuron: int) -> NDArray[np.float64]:
        scored = _scored(table, self._accept[:, neuron], self._gains[:, :, neuron])
        return _resample(scored, self._up[:, neuron], neuron)


class BlockChain:
    """The chain of a network split into blocks of neurons.

    In a sweep every block updates its neurons one after the other, and sees the other blocks as
    they stood when the sweep began: ``P(s' | s) = prod_b P_b(s'_b | s)``.

    Args:
        prepared: the neuron's law in the network.
        blocks: two or more blocks, a partition of the neurons, each in its order of updates.
        start: probabilities of the 2^N states at the start, by index.
    """

    def __init__(
        self,
        prepared: PreparedNeuron,
        blocks: Sequence[Sequence[int]],
        start: NDArray[np.float64],
    ) -> None:
        tables = _updates_of(prepared)
        # The blocks in two groups of about equal size: what the new states of each group weigh
        # from every old state is written out, and one matrix product sums over the old states.
        groups: tuple[list[Sequence[int]], list[Sequence[int]]] = ([], [])
        for block in sorted(blocks, key=len, reverse=True):
            min(groups, key=lambda group: sum(map(len, group))).append(block)
        self._halves = [_moves_of_group(group, *tables) for group in groups]
        self._where = (self._halves[0][0][:, None] + self._halves[1][0]).reshape(-1)
        # Rows: weight, blocks of the neuron, folded; as in Chain.
        self.table = np.vstack([start, np.zeros((2, len(start)))])

    def sweep(self) -> None:
        """Updates every neuron once, all blocks at the same time."""
        (_, one), (_, other) = self._halves
        old = self.table[:, :, None]
        moved = np.empty_like(self.table)
        for row in range(3):
            both = (old[row] * one[0]).T @ other[0]
            if row:
                both += (old[0] * one[row]).T @ other[0] + (old[0] * one[0]).T @ other[row]
            moved[row, self._where] = both.reshape(-1)
        self.table = moved


def law_of_table(table: NDArray[np.float64], updates: int, repeats: bool) -> Law:
    """The law that a chain's table holds.

    Args:
        table: rows of weight, level-1 blocks and folds, (3, 2^N), as in :class:`Chain`.
        updates: neuron updates of one run.
        repeats: whether the neuron has blocks.

    Raises:
        ValueError: no run is accepted.
    """
    weight = table[0]
    acceptance = float(weight.sum())
    if acceptance <= 0.0:
        raise ValueError("No run is accepted: the post-selected law is empty.")
    possible = np.flatnonzero(weight > 0.0)
    return Law(
        states=all_states(len(weight).bit_length() - 1)[possible],
        probabilities=weight[possible] / acceptance,
        acceptance=acceptance,
        attempts=float(table[1].sum()) / acceptance / updates if repeats else math.nan,
        folded=float(table[2].sum()) / acceptance / updates,
    )


def product_distribution(expectations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of the 2^N states of independent spins with these expectations, by index."""
    distribution = np.ones(1)
    for value in expectations:
        distribution = np.concatenate(
            [distribution * (1.0 + value) / 2.0, distribution * (1.0 - value) / 2.0]
        )
    return distribution


def _updates_of(
    prepared: PreparedNeuron,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """What updating each neuron in each state does: ``up``, ``accept``, ``gains`` of a Chain."""
    model = prepared.model
    states = all_states(model.num_neurons)
    fields = model.local_field(states)
    up = np.empty_like(fields)
    for neuron in range(model.num_neurons):
        up[:, neuron] = prepared.probability(neuron, fields[:, neuron], states[:, neuron])
    gains = np.stack([prepared.blocks(fields), prepared.folded(fields).astype(float)])
    return up, prepared.acceptance(fields), gains


def _moves_of_group(
    group: Sequence[Sequence[int]],
    up: NDArray[np.float64],
    accept: NDArray[np.float64],
    gains: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """One sweep of several blocks at the same time.

    Returns:
        Which state index each of the K new states of the group stands for, (K,), and their weight,
        blocks and folds from every old state of the network, (3, 2^N, K).
    """
    where = np.zeros(1, dtype=np.int64)
    moves = np.zeros((3, len(up), 1))
    moves[0] = 1.0
    for block in group:
        own, more = _moves_of_block(block, up, accept, gains)
        product = moves[:, :, :, None] * more[0][:, None, :]
        product[1:] += moves[0][:, :, None] * more[1:, :, None, :]
        moves = product.reshape(3, len(up), -1)
        where = (where[:, None] + own).reshape(-1)
    return where, moves


def _moves_of_block(
    block: Sequence[int],
    up: NDArray[np.float64],
    accept: NDArray[np.float64],
    gains: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """One sweep of one block, the rest frozen; as :func:`_moves_of_group`."""
    own = _subset_indices(block)
    rest = _subset_indices([i for i in range(up.shape[1]) if i not in set(block)])
    states = rest[:, None] + own  # (R, C): the network's state by rest and by block
    size = len(own)
    # Axes: weight, blocks, folds; rest; the block's old state; its new state.
    table = np.zeros((3, len(rest), size, size))
    table[0, :, np.arange(size), np.arange(size)] = 1.0
    for position, neuron in enumerate(block):
        now = states[:, None, :]
        table = _scored(table, accept[now, neuron], gains[:, now, neuron])
        table = _resample(table, up[now, neuron], position)
    moves = np.empty((3, len(up), size))
    moves[:, states.reshape(-1)] = table.reshape(3, -1, size)
    return own, moves


def _subset_indices(neurons: Sequence[int]) -> NDArray[np.int64]:
    """State indices, neuron k of the subset being bit k of the place, all others +1."""
    places = np.arange(2 ** len(neurons))
    indices = np.zeros_like(places)
    for position, neuron in enumerate(neurons):
        indices |= (places >> position & 1) << neuron
    return indices


def _scored(
    table: NDArray[np.float64], accept: NDArray[np.float64], gains: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Multiplies by the chance to be accepted and adds the update's blocks and folds."""
    scored = table * accept
    scored[1:] += gains * scored[0]
    return scored


def _resample(table: NDArray[np.float64], up: NDArray[np.float64], bit: int) -> NDArray[np.float64]:
    """Draws one bit of the last axis' index anew: it is 0, spin +1, with probability ``up``."""
    # The pair of states that differ in this bit only.
    shape = (*table.shape[:-1], -1, 2, 2**bit)
    plus = (table * up).reshape(shape).sum(axis=-2)
    both = table.reshape(shape).sum(axis=-2)
    return np.stack([plus, both - plus], axis=-2).reshape(table.shape)
