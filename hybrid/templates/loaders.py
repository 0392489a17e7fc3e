"""Loading a memory whose patterns are parameters, with an index register."""

from __future__ import annotations

from typing import Any

import pennylane as qml
from pennylane.operation import Operator
from pennylane.wires import Wires, WiresLike

from ...circuits.blocks.indexed import IndexedLoader as IndexedBlock
from ...circuits.blocks.indexed import index_levels, multiplexer, uniform_turns
from ...circuits.common.checks import check_count
from .base import (
    Template,
    check_parameter,
    multiplexed_gates,
    multiplexed_ry,
    register_decomposition,
)


class IndexedLoader(Template):
    """Loads ``sum_mu sqrt(w_mu) |mu>|z^mu>``; key qubit i is in ``R_y(arccos z_mu,i)|0>``.

    The twin of :class:`qhopfield.circuits.blocks.indexed.IndexedLoader`, whose ``angles`` give the
    parameters.  Every angle is that of one RY gate.

    Args:
        angles: the index (where the weights are parameters), then neuron by neuron M rotations.
        num_patterns: M, >= 1.
        weighted: whether the weights are parameters too.
        index: ``ceil(log2 M)`` wires in |0>, bit p of mu on ``index[p]``.
        keys: N wires in |0>, neuron i on ``keys[i]``.

    Shapes:
        angles: (A,) or (B, A), with ``(A,) = IndexedLoader.shape(M, N, weighted)``

    Raises:
        TypeError: ``num_patterns`` is no integer.
        ValueError: ``num_patterns`` < 1, a wrong shape or number of wires, wires that are not all
            different.

    Source: Mottonen et al. 2004, arXiv:quant-ph/0404089 (multiplexed rotations).

    >>> import numpy as np
    >>> from qhopfield.circuits.blocks import indexed
    >>> angles = indexed.IndexedLoader(2, 3).angles(np.array([[1, 1, 1], [1, -1, -1]]))
    >>> @qml.qnode(qml.device("default.qubit"))
    ... def circuit():
    ...     IndexedLoader(angles, num_patterns=2, weighted=False, index=[3], keys=[0, 1, 2])
    ...     return qml.probs(wires=[3, 0, 1, 2])
    >>> [f"{code:04b}" for code in np.flatnonzero(circuit() > 1e-9)]  # mu, then neurons 0, 1, 2
    ['0000', '1011']
    """

    num_params = 1
    ndim_params = (1,)
    resource_keys = frozenset({"num_patterns", "weighted", "num_neurons"})

    def __init__(
        self, angles: Any, num_patterns: int, weighted: bool, index: WiresLike, keys: WiresLike
    ) -> None:
        num_patterns = check_count(num_patterns, "num_patterns", minimum=1)
        num_neurons = len(Wires(keys))
        wires = self._join(
            {"index": index, "keys": keys},
            num_neurons=num_neurons,
            num_patterns=num_patterns,
            weighted=bool(weighted),
        )
        shape = self.shape(num_patterns, num_neurons, weighted)
        super().__init__(check_parameter(angles, "angles", shape), wires=wires)

    @staticmethod
    def register_sizes(num_neurons: int, num_patterns: int, weighted: bool) -> dict[str, int]:
        """Wires of each register."""
        return {"index": (num_patterns - 1).bit_length(), "keys": num_neurons}

    @staticmethod
    def shape(num_patterns: int, num_neurons: int, weighted: bool = False) -> tuple[int]:
        """Shape of ``angles`` without a batch."""
        return (IndexedBlock(num_patterns, num_neurons, weighted).num_angles,)

    @staticmethod
    def compute_decomposition(
        angles: Any, wires: Any, num_neurons: int, num_patterns: int, weighted: bool
    ) -> list[Operator]:
        """A multiplexed rotation a qubit: the index from its last bit down, then the keys."""
        block = IndexedBlock(num_patterns, num_neurons, weighted)
        index, keys = wires[: block.num_index], wires[block.num_index :]
        gates: list[Operator] = []
        start = 0
        for level, strings in enumerate(index_levels(num_patterns)):
            target = block.num_index - 1 - level
            turns = (
                [angles[..., start + j] for j in range(strings)]
                if weighted
                else _constants(num_patterns, start, strings)
            )
            masks = multiplexer(strings).masks
            gates += multiplexed_ry(turns, masks, index[target + 1 :], index[target])
            start += strings
        start = block.num_index_angles
        masks = multiplexer(num_patterns).masks
        for key in keys:
            turns = [angles[..., start + j] for j in range(num_patterns)]
            gates += multiplexed_ry(turns, masks, index, key)
            start += num_patterns
        return gates


def _constants(num_patterns: int, start: int, count: int) -> list[float | None]:
    """Rotations of an index whose values weigh the same; those by 0 are left out."""
    turns = uniform_turns(num_patterns)[start : start + count]
    return [turn if turn else None for turn in turns]


def _resources(num_neurons: int, num_patterns: int, weighted: bool) -> dict[Any, int]:
    rotations, couples = multiplexed_gates([True] * num_patterns, multiplexer(num_patterns).masks)
    rotations, couples = num_neurons * rotations, num_neurons * couples
    start = 0
    for strings in index_levels(num_patterns):
        constants = _constants(num_patterns, start, strings)
        present = [weighted or turn is not None for turn in constants]
        more = multiplexed_gates(present, multiplexer(strings).masks)
        rotations, couples = rotations + more[0], couples + more[1]
        start += strings
    return {qml.RY: rotations, qml.CNOT: couples}


register_decomposition(IndexedLoader, _resources)
