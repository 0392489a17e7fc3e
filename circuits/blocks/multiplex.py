"""Rotations that depend on which of r bit strings some qubits hold, at about one CX a string.

A rotation of a target between CX gates from the controls in a mask j changes sign with the parity
``s . j`` of the string s, so a tour through masks turns the target by
``sum_j (-1)^(s . j) t_j``.  For all ``2^k`` strings all ``2^k`` masks are needed (Mottonen et al.
2004, arXiv:quant-ph/0404089).  Where only r strings can occur, r masks whose characters are
independent on these strings are enough: that is what makes loading M patterns O(M) a neuron.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import ParameterExpression, Qubit
from scipy.linalg import lu_factor, lu_solve

_NO_TURN = 1e-14  # radians; a Walsh coefficient below this is rounding


class Multiplexer:
    """The strings that can occur, and as many masks as it takes to tell functions of them apart.

    It starts with no control and one (empty) string; :meth:`split` adds a control.

    Args:
        rows: how many labelled rows (patterns) the strings belong to.

    Attributes:
        labels: which string each row has, (rows,), numbered from 0.
        masks: r masks, bit p standing for control p.
        signs: ``(-1)^(s . j)`` for string s and mask j, (r, r), invertible.
        num_controls: controls so far.
    """

    def __init__(self, rows: int) -> None:
        self.labels: NDArray[np.intp] = np.zeros(rows, dtype=np.intp)
        self.masks: list[int] = [0]
        self.signs: NDArray[np.float64] = np.ones((1, 1))
        self.num_controls = 0
        self._factors: tuple[NDArray[np.float64], NDArray[np.int32]] | None = None

    @classmethod
    def of_numbers(cls, count: int) -> Multiplexer:
        """Strings that are the numbers 0..count-1 in order, control p holding bit p."""
        multiplexer = cls(count)
        numbers = np.arange(count)
        for position in range((count - 1).bit_length()):
            multiplexer.split((numbers >> position & 1).astype(np.uint8))
        multiplexer.signs = multiplexer.signs[multiplexer.labels]
        multiplexer.labels = numbers.astype(np.intp)
        return multiplexer

    @property
    def num_strings(self) -> int:
        """How many strings can occur, r."""
        return len(self.masks)

    def values(self, column: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether a 0 and whether a 1 occurs in ``column`` among the rows of each string, (r,)."""
        zero = np.zeros(self.num_strings, dtype=bool)
        one = np.zeros(self.num_strings, dtype=bool)
        zero[self.labels[column == 0]] = True
        one[self.labels[column == 1]] = True
        return zero, one

    def split(self, column: NDArray[np.uint8]) -> None:
        """Adds a control that holds ``column[row]`` where the others hold the string of the row.

        Any function on the new strings is a function on the old ones plus the new control's sign
        times a function on those that split, so new masks are old ones with the control added.

        Shapes:
            column: (rows,) of 0 and 1
        """
        zero, one = self.values(column)
        both = np.flatnonzero(zero & one)
        control = self.num_controls
        added = _independent(self.signs[both], self.masks)
        # String 2 s + b, renumbered without gaps.
        codes = 2 * self.labels + column
        present, labels = np.unique(codes, return_inverse=True)
        old, bit = present // 2, present % 2
        masks = self.masks + [self.masks[j] | 1 << control for j in added]
        signs = np.hstack([self.signs[old], self.signs[old][:, added] * (1.0 - 2.0 * bit)[:, None]])
        order = sorted(range(len(masks)), key=lambda j: _gray_rank(masks[j]))
        self.masks = [masks[j] for j in order]
        self.signs = np.ascontiguousarray(signs[:, order])
        self.labels = labels.astype(np.intp)
        self.num_controls = control + 1
        self._factors = None

    def turns(self, angles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rotations ``t_j``, mask by mask, that turn string s by ``angles[..., s]`` altogether.

        Shapes:
            angles: (..., r); returns (..., r), in radians
        """
        if self._factors is None:
            self._factors = lu_factor(self.signs)
        solved = lu_solve(self._factors, angles.reshape(-1, self.num_strings).T).T
        solved[np.abs(solved) < _NO_TURN] = 0.0
        turns: NDArray[np.float64] = solved.reshape(angles.shape)
        return turns

    def cost(self, turns: NDArray[np.float64]) -> int:
        """CX gates that :meth:`append` spends on these rotations."""
        at = cost = 0
        for mask, turn in zip(self.masks, turns, strict=True):
            if turn:
                cost += (mask ^ at).bit_count()
                at = mask
        return cost + at.bit_count()

    def append(
        self,
        circuit: QuantumCircuit,
        controls: Sequence[Qubit],
        target: Qubit,
        turns: Sequence[float | ParameterExpression] | NDArray[np.float64],
        *,
        postselected: bool = False,
    ) -> None:
        """Turns ``target`` about Y by the angle of the string that the controls hold.

        Args:
            circuit: what the gates are added to.
            controls: the qubits of the controls, in the order of their :meth:`split`.
            target: the qubit that turns.
            turns: r rotations from :meth:`turns`, or parameters that stand for them.
            postselected: whether only the outcome 0 of a target that starts in |0> counts.  CZ
                then takes the place of CX, and those that would close the tour are left out:
                they change nothing where the target is 0.
        """
        couple = circuit.cz if postselected else circuit.cx
        at = 0
        for mask, turn in zip(self.masks, turns, strict=True):
            if not isinstance(turn, ParameterExpression) and not turn:
                continue
            for control in _members(mask ^ at):
                couple(controls[control], target)
            at = mask
            circuit.ry(turn if isinstance(turn, ParameterExpression) else float(turn), target)
        if not postselected:
            for control in _members(at):
                couple(controls[control], target)


def two_qubit_gates(circuit: QuantumCircuit) -> int:
    """CX gates of a circuit once every gate is decomposed into ``u`` and ``cx``, not optimised."""
    lowered = transpile(circuit, basis_gates=["u", "cx"], optimization_level=0)
    return int(lowered.count_ops().get("cx", 0))


def _members(mask: int) -> list[int]:
    return [position for position in range(mask.bit_length()) if mask >> position & 1]


def _gray_rank(mask: int) -> int:
    """The step at which a Gray code visits ``mask``: neighbours in the tour differ in few bits."""
    rank = 0
    while mask:
        rank ^= mask
        mask >>= 1
    return rank


def _independent(rows: NDArray[np.float64], masks: Sequence[int]) -> list[int]:
    """Columns of ``rows`` that form a basis, lightest masks first.

    Lightest first keeps the chosen masks closed under taking submasks, so that none has more than
    log2(r) members and no step of the tour more than 2 log2(r).
    """
    wanted = len(rows)
    chosen: list[int] = []
    basis = np.zeros((wanted, wanted))
    for j in sorted(range(len(masks)), key=lambda j: (masks[j].bit_count(), masks[j])):
        if len(chosen) == wanted:
            break
        rest = rows[:, j].copy()
        found = basis[: len(chosen)]
        for _ in range(2):  # twice is enough for orthogonality to rounding
            rest -= found.T @ (found @ rest)
        length = float(np.linalg.norm(rest))
        if length > 1e-8 * np.sqrt(wanted):
            basis[len(chosen)] = rest / length
            chosen.append(j)
    return chosen
