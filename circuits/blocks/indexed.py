"""Loading a memory whose patterns are parameters: one circuit for all memories of a shape.

``load_memory`` (:mod:`.loaders`) builds the best circuit for patterns that are known.  Here only
their number is known: an index register tells the patterns apart, and each key qubit turns by an
angle that depends on the index, which takes one rotation and about one CX a pattern
(:mod:`.multiplex`).  The angles may stay circuit parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj, is_numpy_array
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterExpression, Qubit
from scipy.linalg import lu_factor, lu_solve

from .. import laws
from ..common.checks import check_count
from ..laws import Array
from .multiplex import Multiplexer

Angles = Sequence[float | ParameterExpression] | NDArray[np.float64]


@dataclass(frozen=True)
class IndexedLoader:
    """Loads ``sum_mu sqrt(w_mu) |mu>|z^mu>``, whose keys and weights are parameters.

    Given mu, key qubit i is in the product state ``R_y(arccos z_mu,i)|0>``; z = +-1 is a bit.

    Attributes:
        num_patterns: M, >= 1.
        num_neurons: N, >= 1.
        weighted: whether the weights are parameters too (a weight of 0 leaves a pattern out); by
            default all patterns weigh the same, and loading the index takes constants.

    Raises:
        TypeError: a count is no integer.
        ValueError: a count < 1.

    Source: Mottonen et al. 2004, arXiv:quant-ph/0404089 (multiplexed rotations); the multiplexer
    for a number of strings that is no power of two is this package's.

    >>> import numpy as np
    >>> from qiskit import QuantumCircuit
    >>> from qiskit.quantum_info import Statevector
    >>> loader = IndexedLoader(num_patterns=3, num_neurons=2)
    >>> circuit = QuantumCircuit(loader.num_index + loader.num_neurons)
    >>> angles = loader.angles(np.array([[1, 1], [1, -1], [-1, -1]]))
    >>> loader.append(circuit, angles, index=circuit.qubits[:2], keys=circuit.qubits[2:])
    >>> print(*sorted(Statevector(circuit).probabilities_dict(decimals=3)))  # neurons, then mu
    0000 1001 1110
    """

    num_patterns: int
    num_neurons: int
    weighted: bool = False

    def __post_init__(self) -> None:
        check_count(self.num_patterns, "num_patterns", minimum=1)
        check_count(self.num_neurons, "num_neurons", minimum=1)

    @property
    def num_index(self) -> int:
        """Index qubits, ``ceil(log2 M)``."""
        return (self.num_patterns - 1).bit_length()

    @property
    def num_index_angles(self) -> int:
        """Angles that load the index; 0 where they are constants."""
        return sum(index_levels(self.num_patterns)) if self.weighted else 0

    @property
    def num_angles(self) -> int:
        """Numbers that :meth:`angles` gives, and :meth:`append` takes."""
        return self.num_index_angles + self.num_neurons * self.num_patterns

    def angles(self, keys: Any, weights: Any = None) -> Array:
        """What the circuit's parameters are bound to: the index, then neuron by neuron M rotations.

        NumPy arrays in, NumPy arrays out; torch tensors in, torch tensors out, with the gradients
        of ``laws.key_angles`` and ``laws.index_angles``.

        Args:
            keys: expectations in [-1, 1].
            weights: weights >= 0 of the patterns, not all 0, in any common unit; required where
                they are parameters and refused where they are not.

        Shapes:
            keys: (..., M, N)
            weights: (..., M)
            result: (..., num_angles)

        Raises:
            ValueError: a wrong shape, keys outside [-1, 1], weights that are negative, NaN or all
                0, weights that are missing or that this loader cannot take.
        """
        keys = keys if is_array_api_obj(keys) else np.asarray(keys)
        shape = (self.num_patterns, self.num_neurons)
        if tuple(keys.shape[-2:]) != shape:
            raise ValueError(
                f"keys must have shape (..., {shape[0]}, {shape[1]}), one row a pattern; "
                f"got {tuple(keys.shape)}."
            )
        xp = array_namespace(keys)
        if not bool(xp.all(xp.abs(keys) <= 1.0)):  # NaN fails too
            raise ValueError("keys must be numbers between -1 and 1 (expectations of the spins).")
        turns = multiplexed(xp.moveaxis(laws.key_angles(keys), -1, -2), self.num_patterns)
        turns = xp.reshape(turns, (*turns.shape[:-2], shape[0] * shape[1]))
        if not self.weighted:
            if weights is not None:
                raise ValueError(
                    "This loader's patterns all weigh the same; for weights use "
                    f"IndexedLoader({shape[0]}, {shape[1]}, weighted=True)."
                )
            return turns
        tree = self._tree(weights)
        lead = np.broadcast_shapes(tree.shape[:-1], turns.shape[:-1])
        return xp.concat(
            [xp.broadcast_to(part, (*lead, part.shape[-1])) for part in (tree, turns)], axis=-1
        )

    def append(
        self,
        circuit: QuantumCircuit,
        angles: Angles,
        *,
        index: Sequence[Qubit],
        keys: Sequence[Qubit],
    ) -> None:
        """Adds the loader to a circuit.

        Args:
            circuit: what the gates are added to.
            angles: a row of :meth:`angles`, or parameters in its place.
            index: :attr:`num_index` qubits in |0>, bit p of mu on ``index[p]``.
            keys: N qubits in |0>, neuron i on ``keys[i]``.

        Raises:
            ValueError: the wrong number of qubits or angles.
        """
        self._check("key qubits", len(keys), self.num_neurons)
        self._check("angles", len(angles), self.num_angles)
        start = self.num_index_angles
        self.append_index(circuit, angles[:start], index)
        for key in keys:
            self.append_key(circuit, angles[start : start + self.num_patterns], index, key)
            start += self.num_patterns

    def append_index(self, circuit: QuantumCircuit, angles: Angles, index: Sequence[Qubit]) -> None:
        """Adds the superposition of the index only: the first :attr:`num_index_angles` angles.

        Raises:
            ValueError: the wrong number of qubits or angles.
        """
        self._check("index qubits", len(index), self.num_index)
        self._check("index angles", len(angles), self.num_index_angles)
        turns = angles if self.weighted else uniform_turns(self.num_patterns)
        start = 0
        for level, strings in enumerate(index_levels(self.num_patterns)):
            target = self.num_index - 1 - level
            multiplexer(strings).append(
                circuit, index[target + 1 :], index[target], turns[start : start + strings]
            )
            start += strings

    def append_key(
        self, circuit: QuantumCircuit, angles: Angles, index: Sequence[Qubit], key: Qubit
    ) -> None:
        """Adds a single neuron: its M angles.  A circuit may use one key qubit again and again.

        Raises:
            ValueError: the wrong number of qubits or angles.
        """
        self._check("index qubits", len(index), self.num_index)
        self._check("angles of a neuron", len(angles), self.num_patterns)
        multiplexer(self.num_patterns).append(circuit, index, key, angles)

    def _tree(self, weights: Any) -> Array:
        """Rotations of the index, level by level."""
        if weights is None:
            raise ValueError(
                "This loader takes weights as parameters: pass weights of shape "
                f"(..., {self.num_patterns})."
            )
        weights = weights if is_array_api_obj(weights) else np.asarray(weights)
        if not weights.shape or weights.shape[-1] != self.num_patterns:
            raise ValueError(
                f"weights must have shape (..., {self.num_patterns}), one a pattern; "
                f"got {tuple(weights.shape)}."
            )
        xp = array_namespace(weights)
        if not bool(xp.all(weights >= 0)):
            raise ValueError("weights must be >= 0 and not NaN.")
        if not bool(xp.all(xp.any(weights > 0, axis=-1))):
            raise ValueError("weights are 0 for every pattern: there is nothing to load.")
        return _tree_turns(laws.index_angles(weights), self.num_patterns)

    def _check(self, name: str, given: int, wanted: int) -> None:
        if given != wanted:
            raise ValueError(
                f"IndexedLoader of {self.num_patterns} patterns on {self.num_neurons} neurons "
                f"needs {wanted} {name}, got {given}."
            )


def multiplexed(angles: Array, num_strings: int) -> Array:
    """Rotations, mask by mask, that turn a qubit by ``angles[..., s]`` where others hold s.

    The same as ``Multiplexer.of_numbers(num_strings).turns(angles)``, for any array library: one
    product with a constant matrix.

    Shapes:
        angles: (..., num_strings), in radians; returns the same
    """
    if is_numpy_array(angles):
        return multiplexer(num_strings).turns(angles)
    xp = array_namespace(angles)
    matrix = xp.asarray(_solution(num_strings), dtype=angles.dtype, device=angles.device)
    return angles @ matrix


@cache
def multiplexer(num_strings: int) -> Multiplexer:
    """The strings 0..num_strings-1, once and for all; not to be split."""
    return Multiplexer.of_numbers(num_strings)


@cache
def index_levels(num_patterns: int) -> tuple[int, ...]:
    """How many strings of more significant bits occur at each bit of the index, highest first."""
    width = (num_patterns - 1).bit_length()
    return tuple(-(-num_patterns >> (width - level)) for level in range(width))


@cache
def uniform_turns(num_patterns: int) -> tuple[float, ...]:
    """Rotations that load an index whose values all weigh the same, level by level."""
    tree = laws.index_angles(np.ones(num_patterns))
    return tuple(_tree_turns(tree, num_patterns).tolist())


def _tree_turns(tree: Array, num_patterns: int) -> Array:
    """Rotations of the tree, mask by mask, from its angles, string by string."""
    xp = array_namespace(tree)
    parts = []
    start = 0
    for strings in index_levels(num_patterns):
        parts.append(multiplexed(tree[..., start : start + strings], strings))
        start += strings
    return xp.concat(parts, axis=-1) if parts else tree


@cache
def _solution(num_strings: int) -> NDArray[np.float64]:
    """What angles are multiplied with from the right to give rotations."""
    signs = multiplexer(num_strings).signs
    matrix = lu_solve(lu_factor(signs), np.eye(num_strings)).T
    matrix[np.abs(matrix) < 1e-14] = 0.0
    return np.ascontiguousarray(matrix)
