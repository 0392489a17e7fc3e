"""Registers that add in the Fourier basis, and multiplexed rotations, as plain gates.

A register of w qubits holds ``v mod 2^w``, qubit k being bit k.  In its Fourier form (without the
swaps of the textbook transform) qubit k carries the phase ``2 pi v / 2^(k+1)`` on |1>: adding a
number is one phase a qubit, adding a number if a qubit is 1 one controlled phase a qubit (Draper
2000, arXiv:quant-ph/0008033).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterExpression, Qubit


def phase_of(value: float, position: int) -> float:
    """Phase that ``value`` leaves on qubit ``position`` of a Fourier register, in (-pi, pi]."""
    turn = math.ldexp(value, -(position + 1)) % 1.0
    return 2.0 * math.pi * (turn if turn <= 0.5 else turn - 1.0)


def open_register(circuit: QuantumCircuit, register: Sequence[Qubit]) -> None:
    """Brings a register in |0> to the Fourier form of 0, or back."""
    for qubit in register:
        circuit.h(qubit)


def fourier(circuit: QuantumCircuit, register: Sequence[Qubit]) -> None:
    """Brings a register in a basis state to its Fourier form."""
    for high in range(len(register) - 1, -1, -1):
        circuit.h(register[high])
        for low in range(high - 1, -1, -1):
            circuit.cp(math.pi / 2 ** (high - low), register[low], register[high])


def inverse_fourier(circuit: QuantumCircuit, register: Sequence[Qubit]) -> None:
    """Brings a register from its Fourier form to the basis state of its value."""
    for high in range(len(register)):
        for low in range(high):
            circuit.cp(-math.pi / 2 ** (high - low), register[low], register[high])
        circuit.h(register[high])


def add_constant(
    circuit: QuantumCircuit,
    register: Sequence[Qubit],
    value: float | ParameterExpression,
    places: Sequence[int] | None = None,
) -> None:
    """Adds a number, or a circuit parameter, to a register in Fourier form.

    Args:
        circuit: what the gates are added to.
        register: the register.
        value: a number, whose phases of 0 are left out, or a parameter.
        places: the qubits that a parameter's number turns (:func:`turned_places`); None for all.
    """
    for position, qubit in enumerate(register):
        if isinstance(value, ParameterExpression):
            if places is not None and position not in places:
                continue
            circuit.p(value * (2.0 * math.pi / 2 ** (position + 1)), qubit)
        elif phase := phase_of(value, position):
            circuit.p(phase, qubit)


def turned_places(value: int, width: int) -> tuple[int, ...]:
    """The qubits of a Fourier register of some width that adding ``value`` turns."""
    return tuple(place for place in range(width) if phase_of(value, place))


def add_if(
    circuit: QuantumCircuit, control: Qubit, register: Sequence[Qubit], value: float
) -> None:
    """Adds a number to a register in Fourier form where ``control`` is 1."""
    for position, qubit in enumerate(register):
        if phase := phase_of(value, position):
            circuit.cp(phase, control, qubit)


def multiplexed_ry(
    circuit: QuantumCircuit,
    controls: Sequence[Qubit],
    target: Qubit,
    angles: NDArray[np.float64],
) -> None:
    """Turns ``target`` by ``R_y(angles[v])`` where the controls hold v; ``2^w`` CX, no ancilla.

    Args:
        circuit: what the gates are added to.
        controls: w qubits, the first being bit 0 of v.
        target: the qubit that turns.
        angles: ``2^w`` angles in radians.

    Source: Mottonen et al. 2004, arXiv:quant-ph/0404089 (uniformly controlled rotation).
    """
    if not np.any(angles):
        return
    if not controls:
        circuit.ry(float(angles[0]), target)
        return
    size = len(angles)
    # Between two CX on a control the target's rotation changes sign, so that branch v collects
    # sum_j (-1)^(v . gray(j)) t_j; the Walsh transform inverts this.
    gray = [step ^ (step >> 1) for step in range(size)]
    for step in range(size):
        signs = [(-1) ** (value & gray[step]).bit_count() for value in range(size)]
        turn = float(np.dot(signs, angles)) / size
        if turn:
            circuit.ry(turn, target)
        flipped = gray[step] ^ gray[(step + 1) % size]
        circuit.cx(controls[flipped.bit_length() - 1], target)


def multiplexed_phase(
    circuit: QuantumCircuit,
    controls: Sequence[Qubit],
    register: Sequence[Qubit],
    values: NDArray[np.int64],
) -> None:
    """Adds ``values[v]`` to a register in Fourier form where the controls hold v.

    Each register qubit gets the phases of ``values`` as a sum over subsets of the controls (the
    Moebius transform of the table), a multi-controlled phase a subset: exact, and short for the
    small distance registers that it serves.

    Args:
        circuit: what the gates are added to.
        controls: w qubits, the first being bit 0 of v.
        register: the register that is added to.
        values: ``2^w`` integers.
    """
    coefficients = [int(value) for value in values]
    for bit in range(len(controls)):
        for index in range(len(coefficients)):
            if index >> bit & 1:
                coefficients[index] -= coefficients[index ^ (1 << bit)]
    for index, coefficient in enumerate(coefficients):
        chosen = [qubit for bit, qubit in enumerate(controls) if index >> bit & 1]
        for position, qubit in enumerate(register):
            phase = phase_of(coefficient, position)
            if not phase:
                continue
            if not chosen:
                circuit.p(phase, qubit)
            else:
                circuit.mcp(phase, chosen, qubit)
