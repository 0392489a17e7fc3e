"""The quantum neurons: what turns a loaded field into the neuron's new state."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pennylane as qml
from pennylane.decomposition import resource_rep
from pennylane.operation import Operator
from pennylane.wires import Wires, WiresLike

from ...circuits.common.checks import check_count
from .base import Template, check_parameter, register_decomposition
from .fields import LocalField


class RotationNeuron(Template):
    """The plain rotation, level 0: ``P(+1) = (1 + sin(2 gain h)) / 2``.

    The twin of ``circuits.RotationNeuron``.

    Args:
        turns: angle of each synapse, as ``LocalField.angles`` gives it.
        offset: angle of the output's own rotation, from the same.
        neurons: n wires, neuron j on ``neurons[j]``.
        output: a wire in |0> that receives the new state, |0> for spin +1.

    Shapes:
        turns: (n,) or (B, n)
        offset: () or (B,)

    Raises:
        ValueError: a wrong shape, or wires that are not all different.

    Source: Miller and Mukhopadhyay 2021, arXiv:2105.11590; Cao et al. 2017, arXiv:1711.11240.
    """

    num_params = 2
    ndim_params = (1, 0)
    resource_keys = frozenset({"num_neurons"})

    def __init__(self, turns: Any, offset: Any, neurons: WiresLike, output: WiresLike) -> None:
        num_neurons = len(Wires(neurons))
        wires = self._join({"neurons": neurons, "output": output}, num_neurons=num_neurons)
        shapes = self.shape(num_neurons)
        turns = check_parameter(turns, "turns", shapes[0])
        offset = check_parameter(offset, "offset", shapes[1])
        super().__init__(turns, offset, wires=wires)

    @staticmethod
    def register_sizes(num_neurons: int) -> dict[str, int]:
        """Wires of each register."""
        return {"neurons": num_neurons, "output": 1}

    @staticmethod
    def shape(num_neurons: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of ``turns`` and ``offset`` without a batch: (n,) and ()."""
        return LocalField.shape(num_neurons)

    @staticmethod
    def compute_decomposition(
        turns: Any, offset: Any, wires: Any, num_neurons: int
    ) -> list[Operator]:
        """A :class:`~.fields.LocalField` on the output."""
        return [LocalField(turns, offset, wires[:num_neurons], wires[num_neurons])]


class RUSNeuron(Template):
    """The neuron of level k with every block tried once: a heat bath once all ancillas read 0.

    The twin of ``circuits.RUSNeuron(level, attempts=1)`` with nothing measured on the way.
    Where the ancillas all read 0 (probability ``p^m + (1 - p)^m``, ``m = 2^k``), the output's mean
    is ``<Z> = tanh(2^(k+1) artanh tan(gain h))``.  Never differentiate through a post-selection:
    take the un-normalised ``<Z P_0>`` and ``<P_0>``, P_0 projecting on ancillas that read 0.

    Args:
        turns: angle of each synapse, as ``LocalField.angles`` gives it.
        offset: angle of the target's own rotation, from the same.
        neurons: n wires, neuron j on ``neurons[j]``.
        output: a wire in |0> that receives the new state, |0> for spin +1.
        ancillas: ``2^level - 1`` wires in |0>.
        level: number of nested blocks, >= 1; level 0 is :class:`RotationNeuron`.

    Shapes:
        turns: (n,) or (B, n)
        offset: () or (B,)

    Raises:
        TypeError: ``level`` is no integer.
        ValueError: ``level`` < 1, a wrong shape or number of wires, wires that are not all
            different.

    Source: Cao, Guerreschi and Aspuru-Guzik 2017, arXiv:1711.11240.

    >>> import numpy as np
    >>> turns, offset = LocalField.angles(np.array([1.0, 1.0]), 0.0, gain=0.2)
    >>> @qml.qnode(qml.device("default.qubit"))
    ... def circuit():  # spins +1, +1, so that h = 2
    ...     RUSNeuron(turns, offset, neurons=[0, 1], output=2, ancillas=[3], level=1)
    ...     kept = qml.Projector([0], wires=3)
    ...     return qml.expval(qml.Z(2) @ kept), qml.expval(kept)
    >>> signed, accepted = circuit()
    >>> print(f"{signed / accepted:.6f} = {np.tanh(4 * np.arctanh(np.tan(0.4))):.6f}")
    0.947255 = 0.947255
    """

    num_params = 2
    ndim_params = (1, 0)
    resource_keys = frozenset({"num_neurons", "level"})

    def __init__(
        self,
        turns: Any,
        offset: Any,
        neurons: WiresLike,
        output: WiresLike,
        ancillas: WiresLike,
        level: int,
    ) -> None:
        if check_count(level, "level", maximum=12) == 0:
            raise ValueError("RUSNeuron needs level >= 1; use RotationNeuron for level 0.")
        num_neurons = len(Wires(neurons))
        wires = self._join(
            {"neurons": neurons, "output": output, "ancillas": ancillas},
            num_neurons=num_neurons,
            level=int(level),
        )
        shapes = self.shape(num_neurons)
        turns = check_parameter(turns, "turns", shapes[0])
        offset = check_parameter(offset, "offset", shapes[1])
        super().__init__(turns, offset, wires=wires)

    @staticmethod
    def register_sizes(num_neurons: int, level: int) -> dict[str, int]:
        """Wires of each register."""
        return {"neurons": num_neurons, "output": 1, "ancillas": 2**level - 1}

    @staticmethod
    def shape(num_neurons: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of ``turns`` and ``offset`` without a batch: (n,) and ()."""
        return LocalField.shape(num_neurons)

    @staticmethod
    def compute_decomposition(
        turns: Any, offset: Any, wires: Any, num_neurons: int, level: int
    ) -> list[Operator]:
        """``2^level`` fields and ``2^level - 1`` controlled turns, see :class:`RUSNeuron`."""
        neurons, output = wires[:num_neurons], wires[num_neurons]
        ancillas = iter(wires[num_neurons + 1 :])

        def unit(depth: int, target: Any, inverse: bool) -> Iterator[Operator]:
            sign = -1.0 if inverse else 1.0
            if depth == 0:
                yield LocalField(sign * turns, sign * offset, neurons, target)
                return
            ancilla = next(ancillas)
            yield from unit(depth - 1, ancilla, False)
            yield from _controlled_turn(ancilla, target, sign)
            yield from unit(depth - 1, ancilla, True)

        return list(unit(level, output, False))


def _controlled_turn(control: Any, target: Any, sign: float) -> Iterator[Operator]:
    """Controlled ``R_y(sign pi)``, with one two-qubit gate."""
    yield qml.RX(math.pi / 2.0, target)
    yield qml.IsingZZ(-sign * math.pi / 2.0, [control, target])
    yield qml.RX(-math.pi / 2.0, target)
    yield qml.RY(sign * math.pi / 2.0, target)


def _rotation_resources(num_neurons: int) -> dict[Any, int]:
    return {resource_rep(LocalField, num_neurons=num_neurons): 1}


def _rus_resources(num_neurons: int, level: int) -> dict[Any, int]:
    blocks = 2**level - 1
    return {
        resource_rep(LocalField, num_neurons=num_neurons): 2**level,
        qml.RX: 2 * blocks,
        qml.IsingZZ: blocks,
        qml.RY: blocks,
    }


register_decomposition(RotationNeuron, _rotation_resources)
register_decomposition(RUSNeuron, _rus_resources)
