"""Loading a neuron's local field: the one step in which a circuit reads the other neurons."""

from __future__ import annotations

import math
from typing import Any

import pennylane as qml
from pennylane.operation import Operator
from pennylane.wires import Wires, WiresLike

from .base import Template, check_parameter, register_decomposition


class LocalField(Template):
    """Turns a target by ``R_y(2 phi)``, ``phi = pi/4 - gain h``, with h the field of other neurons.

    The twin of ``QuadraticField.rotate``.  The synapse rotations ``exp(-i turn_j Z_j Y / 2)`` are
    IsingZZ gates between two one-qubit changes of basis on the target: one two-qubit gate a
    synapse.  Negative angles undo it.

    Args:
        turns: angle of each synapse, ``-2 gain W_ij``.
        offset: angle of the target's own rotation, ``pi/2 - 2 gain b_i``.
        neurons: n wires, neuron j on ``neurons[j]``.
        target: the wire that turns; in |0> it comes out as |0> (spin +1) with probability
            ``(1 + sin(2 gain h)) / 2`` where the neurons are in a basis state.

    Shapes:
        turns: (n,) or (B, n)
        offset: () or (B,)

    Raises:
        ValueError: a wrong shape, or wires that are not all different.

    Source: Cao et al. 2017, arXiv:1711.11240; the IsingZZ form is this package's.

    >>> import numpy as np
    >>> turns, offset = LocalField.angles(np.array([1.0, -1.0]), 0.0, gain=0.25)
    >>> @qml.qnode(qml.device("default.qubit"))
    ... def circuit():
    ...     qml.X(1)  # spins +1, -1, so that h = 2
    ...     LocalField(turns, offset, neurons=[0, 1], target=2)
    ...     return qml.expval(qml.Z(2))
    >>> print(f"{circuit():.4f} = {np.sin(2 * 0.25 * 2):.4f}")
    0.8415 = 0.8415
    """

    num_params = 2
    ndim_params = (1, 0)
    resource_keys = frozenset({"num_neurons"})

    def __init__(self, turns: Any, offset: Any, neurons: WiresLike, target: WiresLike) -> None:
        num_neurons = len(Wires(neurons))
        wires = self._join({"neurons": neurons, "target": target}, num_neurons=num_neurons)
        shapes = self.shape(num_neurons)
        turns = check_parameter(turns, "turns", shapes[0])
        offset = check_parameter(offset, "offset", shapes[1])
        super().__init__(turns, offset, wires=wires)

    @staticmethod
    def register_sizes(num_neurons: int) -> dict[str, int]:
        """Wires of each register."""
        return {"neurons": num_neurons, "target": 1}

    @staticmethod
    def shape(num_neurons: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of ``turns`` and ``offset`` without a batch: (n,) and ()."""
        return (num_neurons,), ()

    @staticmethod
    def angles(weights: Any, bias: Any, gain: Any) -> tuple[Any, Any]:
        """The template's ``turns`` and ``offset``, for NumPy arrays or torch tensors.

        Args:
            weights: row i of the weight matrix, at the neurons that are loaded.
            bias: the neuron's bias b_i.
            gain: angle in radians per unit of field.

        Shapes:
            weights: (..., n)
            bias: (...)
        """
        return -2.0 * gain * weights, math.pi / 2.0 - 2.0 * gain * bias

    @staticmethod
    def compute_decomposition(
        turns: Any, offset: Any, wires: Any, num_neurons: int
    ) -> list[Operator]:
        """The gates; see :class:`LocalField`."""
        neurons, target = wires[:num_neurons], wires[num_neurons]
        # R_x(-pi/2) Z R_x(pi/2) = Y.
        return [
            qml.RX(math.pi / 2.0, target),
            *(qml.IsingZZ(turns[..., j], [neurons[j], target]) for j in range(num_neurons)),
            qml.RX(-math.pi / 2.0, target),
            qml.RY(offset, target),
        ]


def _resources(num_neurons: int) -> dict[Any, int]:
    return {qml.RX: 2, qml.IsingZZ: num_neurons, qml.RY: 1}


register_decomposition(LocalField, _resources)
