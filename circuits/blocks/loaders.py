"""Loading a memory: the superposition of M stored patterns, at O(M) two-qubit gates a neuron.

Without an index register the memory is ``sum_mu sqrt(w_mu) |xi^mu>``, with one it is
``sum_mu sqrt(w_mu) |mu>|xi^mu>``; value qubits ``|v^mu>`` may follow the pattern.  Neuron by
neuron, a multiplexed rotation sets the qubit as the bits before it demand, and asks only about the
bit strings that occur among the patterns (:mod:`.multiplex`).  A column that is the XOR of a few
loaded ones is copied instead.  No ancilla, no multi-controlled gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Qubit
from qiskit.circuit.library import StatePreparation

from ..common.checks import check_count
from ..patterns.checks import as_rows
from .multiplex import Multiplexer, two_qubit_gates

MAX_DENSE_QUBITS = 8
"""Widest memory for which Qiskit's own state preparation (2^n gates) is tried beside."""


@dataclass(frozen=True)
class LoaderChoice:
    """Which way of loading was taken, and what both cost.

    Attributes:
        method: "sparse" (this package's, O(M n)) or "dense" (Qiskit's ``StatePreparation``, 2^n).
        sparse_gates: CX gates of the sparse loader after decomposition into ``u`` and ``cx``.
        dense_gates: those of ``StatePreparation``; None where the memory is too wide to try it.
    """

    method: Literal["sparse", "dense"]
    sparse_gates: int
    dense_gates: int | None

    @property
    def two_qubit_gates(self) -> int:
        """CX gates of the loader that was chosen."""
        if self.method == "dense" and self.dense_gates is not None:
            return self.dense_gates
        return self.sparse_gates


@dataclass(frozen=True)
class Loader:
    """A circuit that loads a memory into qubits in |0>.

    Attributes:
        circuit: the gates, on the memory qubits, then the value qubits, then the index qubits.
        num_neurons: memory qubits, n.
        num_values: value qubits.
        num_index: index qubits.
        choice: how it loads, and what the alternative costs.
    """

    circuit: QuantumCircuit
    num_neurons: int
    num_values: int
    num_index: int
    choice: LoaderChoice

    def append(
        self,
        circuit: QuantumCircuit,
        memory: Sequence[Qubit],
        *,
        values: Sequence[Qubit] = (),
        index: Sequence[Qubit] = (),
        inverse: bool = False,
    ) -> None:
        """Adds the loader, or its inverse, to a circuit.

        Args:
            circuit: what the gates are added to.
            memory: n qubits, neuron i on ``memory[i]``.
            values: the value qubits.
            index: the index qubits, bit 0 of mu first.
            inverse: whether the memory is unloaded.

        Raises:
            ValueError: the wrong number of qubits.
        """
        wanted = (self.num_neurons, self.num_values, self.num_index)
        given = (len(memory), len(values), len(index))
        if wanted != given:
            raise ValueError(
                "The loader needs (memory, values, index) registers of "
                f"{wanted} qubits, got {given}."
            )
        gates = self.circuit.inverse() if inverse else self.circuit
        circuit.compose(gates, [*memory, *values, *index], inplace=True)


def load_memory(
    patterns: Any,
    *,
    values: Any = None,
    weights: Any = None,
    index: bool = False,
    max_dense_qubits: int = MAX_DENSE_QUBITS,
) -> Loader:
    """Builds the circuit that loads patterns into a superposition.

    Args:
        patterns: what is stored, the keys of a hetero-association.  With an index register the
            entries may be any expectations z in [-1, 1]: a product state ``R_y(arccos z)|0>`` a
            neuron.
        values: what goes with each pattern, on qubits of their own; entries as in ``patterns``.
        weights: the probability of each pattern in the superposition, >= 0 with sum 1; equal ones
            by default.
        index: whether an index register of ``ceil(log2 M)`` qubits keeps the pattern's number.
        max_dense_qubits: up to this width Qiskit's ``StatePreparation`` is built too and taken if
            it needs fewer CX gates; 0 never tries it.

    Shapes:
        patterns: (M, N) or (N,)
        values: (M, V)
        weights: (M,)

    Returns:
        The loader.  Amplitudes of +-1 memories are real and positive.

    Raises:
        TypeError: entries that are not real numbers.
        ValueError: malformed arrays, entries outside [-1, 1], entries other than +-1 without an
            index register, two equal rows without an index register, weights that are negative or
            do not sum to 1.

    Source: the order of qubits is a trie as in Gleinig and Hoefler 2021 (DAC, sparse state
    preparation); the sparse multiplexer that replaces their multi-controlled gates is this
    package's.

    >>> loader = load_memory([[1, 1, 1], [1, -1, -1]])
    >>> loader.choice.two_qubit_gates, loader.circuit.num_qubits
    (1, 3)
    """
    max_dense_qubits = check_count(max_dense_qubits, "max_dense_qubits")
    keys = _expectations(patterns, "patterns")
    num_patterns, num_neurons = keys.shape
    attached = np.zeros((num_patterns, 0))
    if values is not None:
        attached = _expectations(values, "values")
        if len(attached) != num_patterns:
            raise ValueError(
                f"values must have one row a pattern, {num_patterns}; got {len(attached)}."
            )
    rows = np.hstack([keys, attached])
    share = _check_weights(weights, num_patterns)
    num_index = (num_patterns - 1).bit_length() if index else 0
    if not index:
        _refuse_without_index(rows)
    numbers = np.arange(num_patterns)[:, None] >> np.arange(num_index) & 1
    table = np.hstack([rows, 1.0 - 2.0 * numbers])
    split = rows.shape[1]
    candidates = []
    # With an index register every string is told apart before the first neuron is loaded.
    for widest in (True,) if index else (True, False):
        plan = _Plan(table, share, first=range(split, table.shape[1]))
        plan.load(split_most=widest)
        candidates.append(plan.circuit)
    sparse = min(candidates, key=_count_cx)
    cost = _count_cx(sparse)
    dense_cost: int | None = None
    chosen = sparse
    method: Literal["sparse", "dense"] = "sparse"
    if table.shape[1] <= max_dense_qubits:
        dense = _dense(table, share)
        dense_cost = two_qubit_gates(dense)
        if dense_cost < cost:
            chosen, method = dense, "dense"
    return Loader(
        circuit=chosen,
        num_neurons=num_neurons,
        num_values=attached.shape[1],
        num_index=num_index,
        choice=LoaderChoice(method, cost, dense_cost),
    )


class _Plan:
    """The sparse loader at work: which columns are loaded, which strings they tell apart.

    Args:
        table: expectations of all qubits, (M, qubits).
        share: probabilities of the rows, (M,).
        first: columns that are loaded before all others (the index register).
    """

    def __init__(
        self, table: NDArray[np.float64], share: NDArray[np.float64], first: Sequence[int]
    ) -> None:
        self.circuit = QuantumCircuit(table.shape[1])
        self._table = table
        self._share = share
        self._first = first
        self._branches = Multiplexer(len(table))
        self._pivots: list[int] = []
        # Loaded +-1 columns as integers, one bit a row, and the XORs of two of them.
        self._columns: dict[int, tuple[int, ...]] = {0: ()}
        self._pairs: dict[int, tuple[int, ...]] = {}
        self._all_ones = (1 << len(table)) - 1
        self._binary = np.all(np.abs(table) == 1.0, axis=0)
        self._codes = [_code(column) for column in table.T]

    def load(self, *, split_most: bool) -> None:
        """Loads all columns; ``split_most`` says which comes first where costs are equal."""
        for column in self._first:
            self._load(column)
        left = set(range(self._table.shape[1])) - set(self._first)
        binary = {column for column in left if self._binary[column]}
        while binary:
            column = min(binary, key=lambda c: (*self._estimate(c, split_most), c))
            self._load(column)
            binary.remove(column)
        for column in sorted(left - set(np.flatnonzero(self._binary).tolist())):
            self._rotate(column)

    def _estimate(self, column: int, split_most: bool) -> tuple[int, int]:
        """What a column costs now, and how welcome it is among equals."""
        copied = self._xor(self._codes[column])
        branches = self._branches
        if copied is not None and len(copied) <= branches.num_strings:
            return len(copied), 0
        zero, one = branches.values(self._bits(column))
        new = int(np.count_nonzero(zero & one))
        return branches.num_strings, -new if split_most else new

    def _load(self, column: int) -> None:
        """Sets one +-1 column, by copying or by a multiplexed rotation."""
        branches = self._branches
        bits = self._bits(column)
        zero, one = branches.values(bits)
        if (zero & one).any():
            mass = np.zeros((2, branches.num_strings))
            np.add.at(mass, (bits, branches.labels), self._share)
            self._turn(column, 2.0 * np.arctan2(np.sqrt(mass[1]), np.sqrt(mass[0])))
            branches.split(bits)
            self._pivots.append(column)
        else:
            turns = branches.turns(np.where(one, np.pi, 0.0))
            copied = self._xor(self._codes[column])
            if copied is not None and len(copied) <= branches.cost(turns):
                self._copy(column, copied)
            else:
                branches.append(
                    self.circuit, self._qubits(self._pivots), self.circuit.qubits[column], turns
                )
        self._remember(column)

    def _rotate(self, column: int) -> None:
        """Sets one column of product states, known string by string."""
        expectations = np.zeros(self._branches.num_strings)
        expectations[self._branches.labels] = self._table[:, column]
        self._turn(column, np.arccos(expectations))

    def _turn(self, column: int, angles: NDArray[np.float64]) -> None:
        turns = self._branches.turns(angles)
        target = self.circuit.qubits[column]
        self._branches.append(self.circuit, self._qubits(self._pivots), target, turns)

    def _copy(self, column: int, sources: tuple[int, ...]) -> None:
        code = 0
        for source in sources:
            self.circuit.cx(source, column)
            code ^= self._codes[source]
        if code != self._codes[column]:
            self.circuit.x(column)

    def _xor(self, code: int) -> tuple[int, ...] | None:
        """At most three loaded columns whose XOR is this column or its complement."""
        key = self._normal(code)
        for known in (self._columns, self._pairs):
            if key in known:
                return known[key]
        for other, (source,) in list(self._columns.items())[1:]:
            pair = self._pairs.get(key ^ other)
            if pair is not None and source not in pair:
                return (source, *pair)
        return None

    def _remember(self, column: int) -> None:
        key = self._normal(self._codes[column])
        if key in self._columns:
            return
        for other, sources in list(self._columns.items())[1:]:
            self._pairs.setdefault(key ^ other, (*sources, column))
        self._columns[key] = (column,)

    def _normal(self, code: int) -> int:
        """A column or its complement, whichever has a 0 in row 0."""
        return code ^ self._all_ones if code & 1 else code

    def _bits(self, column: int) -> NDArray[np.uint8]:
        return (self._table[:, column] < 0).astype(np.uint8)

    def _qubits(self, columns: Sequence[int]) -> list[Qubit]:
        return [self.circuit.qubits[column] for column in columns]


def _code(column: NDArray[np.float64]) -> int:
    """A column's bits as one integer, row mu being bit mu."""
    return sum(1 << row for row in np.flatnonzero(column < 0).tolist())


def _count_cx(circuit: QuantumCircuit) -> int:
    """CX gates of a sparse loader, whose other gates act on one qubit."""
    return int(circuit.count_ops().get("cx", 0))


def _dense(table: NDArray[np.float64], share: NDArray[np.float64]) -> QuantumCircuit:
    """The same state by Qiskit's ``StatePreparation``, lowered to plain gates."""
    width = table.shape[1]
    amplitudes = np.zeros(2**width)
    for row, weight in zip(table, share, strict=True):
        state = np.ones(1)
        for z in row:  # later qubits are the higher bits
            state = np.kron([np.sqrt((1.0 + z) / 2.0), np.sqrt((1.0 - z) / 2.0)], state)
        amplitudes += np.sqrt(weight) * state
    circuit = QuantumCircuit(width)
    circuit.append(StatePreparation(amplitudes / np.linalg.norm(amplitudes)), range(width))
    return transpile(circuit, basis_gates=["u", "cx"], optimization_level=0)


def _expectations(rows: Any, name: str) -> NDArray[np.float64]:
    """Returns rows of numbers in [-1, 1], float64."""
    array = as_rows(rows, name).astype(np.float64)
    outside = np.argwhere(np.abs(array) > 1.0)
    if outside.size:
        row, column = outside[0]
        raise ValueError(
            f"{name} must hold numbers between -1 and 1; got {array[row, column]} in row {row} "
            f"at position {column}."
        )
    return array


def _check_weights(weights: Any, num_patterns: int) -> NDArray[np.float64]:
    """Returns the probabilities of the patterns."""
    if weights is None:
        return np.full(num_patterns, 1.0 / num_patterns)
    array = np.asarray(weights)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"weights must hold real numbers, got dtype {array.dtype}.")
    if array.shape != (num_patterns,):
        raise ValueError(
            f"weights must have shape ({num_patterns},), one a pattern; got {array.shape}."
        )
    if not (array >= 0).all():  # NaN fails too
        raise ValueError(f"weights must be >= 0, got {array.min()}.")
    total = float(array.sum())
    if not abs(total - 1.0) <= 1e-9:
        raise ValueError(f"weights must sum to 1, got a sum of {total:.12g}.")
    return array.astype(np.float64) / total


def _refuse_without_index(rows: NDArray[np.float64]) -> None:
    """Raises where only an index register keeps two patterns apart."""
    soft = np.argwhere(np.abs(rows) != 1.0)
    if soft.size:
        row, column = soft[0]
        raise ValueError(
            f"An entry other than +-1 ({rows[row, column]:g} in row {row} at position {column}) is "
            "a product state, which needs an index register: pass index=True."
        )
    _, place, times = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    again = times[place.reshape(-1)] > 1
    if again.any():
        first = int(np.argmax(again))
        second = int(np.flatnonzero(place.reshape(-1) == place.reshape(-1)[first])[1])
        raise ValueError(
            f"Rows {first} and {second} are the same pattern, which one superposition cannot "
            "hold twice: drop one, give it a greater weight, or pass index=True."
        )
