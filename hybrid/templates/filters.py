"""Filters: what keeps a pattern of the superposition, the likelier the better it fits the probe."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pennylane as qml
from pennylane.operation import Operator
from pennylane.wires import Wires, WiresLike

from ...circuits.blocks.indexed import multiplexer
from .base import (
    Template,
    check_parameter,
    multiplexed_gates,
    multiplexed_ry,
    register_decomposition,
)


class ExpFilter(Template):
    """The exact softmax filter: ``p(mu|x) = softmax_mu(beta xi^mu . x)`` for real x in [-1, 1].

    The twin of ``circuits.ExpFilter`` with one ancilla a neuron: a run counts if all read 0.  Its
    parameters are those of ``laws.exp_filter_angles``; each is the angle of one RY gate.

    Args:
        angles: before the CZ of each neuron, then after it.
        memory: n wires, neuron i on ``memory[i]``.
        ancillas: n wires in |0>.

    Shapes:
        angles: (2n,) or (B, 2n)

    Raises:
        ValueError: a wrong shape or number of wires, wires that are not all different.

    Source: update of Ramsauer et al. 2020, arXiv:2008.02217; the circuit is this package's.

    >>> import numpy as np
    >>> from qhopfield.circuits import laws
    >>> angles = laws.exp_filter_angles(np.array([0.5, -1.0]), beta=1.0)
    >>> @qml.qnode(qml.device("default.qubit"))
    ... def circuit():
    ...     qml.X(0)  # spins -1, +1: the distance to x is 1.5
    ...     ExpFilter(angles, memory=[0, 1], ancillas=[2, 3])
    ...     return qml.expval(qml.Projector([0, 0], wires=[2, 3]))
    >>> print(f"{circuit():.6f} = {np.exp(-2 * 1.5):.6f}")
    0.049787 = 0.049787
    """

    num_params = 1
    ndim_params = (1,)
    resource_keys = frozenset({"num_neurons"})

    def __init__(self, angles: Any, memory: WiresLike, ancillas: WiresLike) -> None:
        num_neurons = len(Wires(memory))
        wires = self._join({"memory": memory, "ancillas": ancillas}, num_neurons=num_neurons)
        angles = check_parameter(angles, "angles", self.shape(num_neurons))
        super().__init__(angles, wires=wires)

    @staticmethod
    def register_sizes(num_neurons: int) -> dict[str, int]:
        """Wires of each register."""
        return {"memory": num_neurons, "ancillas": num_neurons}

    @staticmethod
    def shape(num_neurons: int) -> tuple[int]:
        """Shape of ``angles`` without a batch: (2n,)."""
        return (2 * num_neurons,)

    @staticmethod
    def compute_decomposition(angles: Any, wires: Any, num_neurons: int) -> list[Operator]:
        """One CZ between two RY gates a neuron."""
        gates: list[Operator] = []
        for i in range(num_neurons):
            ancilla = wires[num_neurons + i]
            gates += [
                qml.RY(angles[..., 2 * i], ancilla),
                qml.CZ([wires[i], ancilla]),
                qml.RY(angles[..., 2 * i + 1], ancilla),
            ]
        return gates


class KernelFilter(Template):
    """Any filter ``p(mu|x) ~ K(d_mu)`` with a kernel K >= 0 of the Hamming distance to the probe.

    The twin of ``circuits.KernelFilter``, whose ``angles`` give the parameters.  The register holds
    the distance in the end; a run counts if the ancilla reads 0.

    Args:
        angles: the n entries of the probe, how many of them are known, and the n + 1 rotations
            that keep each distance.
        memory: n wires, neuron i on ``memory[i]``.
        register: ``ceil(log2(n + 1))`` wires in |0>, bit p of the distance on ``register[p]``.
        ancilla: a wire in |0>.

    Shapes:
        angles: (2n + 2,) or (B, 2n + 2)

    Raises:
        ValueError: a wrong shape or number of wires, wires that are not all different.

    Source: Krotov and Hopfield 2016, arXiv:1606.01164, for the separation functions; distance
    register by phase estimation; the circuit is this package's.

    >>> from qhopfield.circuits import KernelFilter as Kernel
    >>> angles = Kernel([1.0, 0.5, 0.25]).angles([1, -1])[0]
    >>> @qml.qnode(qml.device("default.qubit"))
    ... def circuit():  # spins +1, +1: the distance to x is 1
    ...     KernelFilter(angles, memory=[0, 1], register=[2, 3], ancilla=4)
    ...     return qml.expval(qml.Projector([0], wires=4)), qml.probs(wires=[3, 2])
    >>> kept, distance = circuit()
    >>> print(f"{kept:.4f}", distance.round(4))
    0.5000 [0. 1. 0. 0.]
    """

    num_params = 1
    ndim_params = (1,)
    resource_keys = frozenset({"num_neurons"})

    def __init__(
        self, angles: Any, memory: WiresLike, register: WiresLike, ancilla: WiresLike
    ) -> None:
        num_neurons = len(Wires(memory))
        wires = self._join(
            {"memory": memory, "register": register, "ancilla": ancilla}, num_neurons=num_neurons
        )
        angles = check_parameter(angles, "angles", self.shape(num_neurons))
        super().__init__(angles, wires=wires)

    @staticmethod
    def register_sizes(num_neurons: int) -> dict[str, int]:
        """Wires of each register."""
        return {"memory": num_neurons, "register": num_neurons.bit_length(), "ancilla": 1}

    @staticmethod
    def shape(num_neurons: int) -> tuple[int]:
        """Shape of ``angles`` without a batch: (2n + 2,)."""
        return (2 * num_neurons + 2,)

    @staticmethod
    def compute_decomposition(angles: Any, wires: Any, num_neurons: int) -> list[Operator]:
        """The distance is counted in Fourier form, read back, and one multiplexed RY keeps it."""
        n = num_neurons
        memory, register, ancilla = wires[:n], wires[n:-1], wires[-1]
        turns = [angles[..., n + 1 + distance] for distance in range(n + 1)]
        masks = multiplexer(n + 1).masks
        return [
            *(qml.Hadamard(wire) for wire in register),
            *_count_disagreements(angles, memory, register, ancilla),
            *_inverse_fourier(register),
            *multiplexed_ry(turns, masks, register, ancilla, postselected=True),
        ]


def _count_disagreements(angles: Any, memory: Any, register: Any, spare: Any) -> Iterator[Operator]:
    """Adds the distance to a register in Fourier form, as the Qiskit block does."""
    phases = [2.0 * math.pi / 2 ** (position + 1) for position in range(len(register))]
    known = angles[..., len(memory)]
    for phase, wire in zip(phases, register, strict=True):
        # The block's phase gate, up to a global phase, without the complex numbers that it would
        # bring into autograd's derivatives.
        yield qml.RZ(known * (phase / 2.0), wire)
    yield qml.CNOT([register[-1], spare])
    for high in range(len(register) - 1, 0, -1):
        yield qml.CNOT([register[high - 1], register[high]])
    for i, wire in enumerate(memory):
        x = angles[..., i]
        yield qml.RZ(x * (sum(phases) / 2.0), wire)
        for phase, control in zip(phases, register, strict=True):
            yield qml.CNOT([control, wire])
            yield qml.RZ(x * (-phase / 2.0), wire)
        yield qml.CNOT([spare, wire])
    for high in range(1, len(register)):
        yield qml.CNOT([register[high - 1], register[high]])
    yield qml.CNOT([register[-1], spare])


def _inverse_fourier(register: Any) -> Iterator[Operator]:
    """Brings a register from its Fourier form to the basis state of its value."""
    for high in range(len(register)):
        for low in range(high):
            phase = -math.pi / 2 ** (high - low)
            yield qml.ControlledPhaseShift(phase, [register[low], register[high]])
        yield qml.Hadamard(register[high])


def _exp_resources(num_neurons: int) -> dict[Any, int]:
    return {qml.RY: 2 * num_neurons, qml.CZ: num_neurons}


def _kernel_resources(num_neurons: int) -> dict[Any, int]:
    n, width = num_neurons, num_neurons.bit_length()
    rotations, couples = multiplexed_gates(
        [True] * (n + 1), multiplexer(n + 1).masks, postselected=True
    )
    return {
        qml.Hadamard: 2 * width,
        qml.CNOT: 2 * width + n * (width + 1),
        qml.RZ: width + n * (width + 1),
        qml.ControlledPhaseShift: width * (width - 1) // 2,
        qml.RY: rotations,
        qml.CZ: couples,
    }


register_decomposition(ExpFilter, _exp_resources)
register_decomposition(KernelFilter, _kernel_resources)
