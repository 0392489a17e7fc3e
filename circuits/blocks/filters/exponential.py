"""The exponential filter: the exact softmax, one gate a neuron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterExpression, Qubit

from ... import laws
from ...common.checks import check_count, check_real
from .base import Angle, MemoryFilter, key_rows, probe_rows


@dataclass(frozen=True)
class ExpFilter(MemoryFilter):
    """The exact softmax filter: ``p(mu|x) = softmax_mu(beta xi^mu . x)`` for real x in [-1, 1].

    The mean spins it leaves, ``Xi^T softmax(beta Xi x)``, are the update of the modern Hopfield
    network.  Each neuron is one question: where its bit disagrees with the sign of ``x_i`` the
    ancilla reads 0 with amplitude ``e^(-beta |x_i|)``.  One CZ a neuron, no register.

    Attributes:
        beta: inverse temperature, >= 0.

    Raises:
        TypeError: ``beta`` is no real number.
        ValueError: ``beta`` is negative, NaN or infinite.

    Source: update of Ramsauer et al. 2020, arXiv:2008.02217; the circuit is this package's.
    """

    beta: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", check_real(self.beta, "beta", minimum=0.0))

    def steps(self, num_neurons: int) -> int:
        """See :meth:`MemoryFilter.steps`: one a neuron."""
        return check_count(num_neurons, "num_neurons", minimum=1)

    def num_angles(self, num_neurons: int) -> int:
        """See :meth:`MemoryFilter.num_angles`: two a neuron."""
        return 2 * check_count(num_neurons, "num_neurons", minimum=1)

    def angles(self, probes: Any) -> NDArray[np.float64]:
        """See :meth:`MemoryFilter.angles`: before the CZ of each neuron, then after it."""
        return np.asarray(laws.exp_filter_angles(probe_rows(probes), self.beta))

    def acceptances(self, patterns: Any, probes: Any) -> NDArray[np.float64]:
        """See :meth:`MemoryFilter.acceptances`."""
        keys, rows = key_rows(patterns, probes)
        return np.asarray(laws.exp_acceptances(keys, rows, self.beta))

    def _step(
        self,
        circuit: QuantumCircuit,
        memory: Sequence[Qubit],
        angles: Sequence[Angle],
        step: int,
        ancilla: Qubit,
        register: Sequence[Qubit],
    ) -> None:
        # A rotation by the sum where the bit is 0 and by the difference where it is 1.  The CZ
        # that would close the pair acts on the ancilla's |1> only, which is thrown away.
        before, after = angles[2 * step : 2 * step + 2]
        if isinstance(before, ParameterExpression) or before:
            circuit.ry(before, ancilla)
            circuit.cz(memory[step], ancilla)
            circuit.ry(after, ancilla)
