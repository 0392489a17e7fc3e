"""Trugenberger's filter: cosines of the distance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterExpression, Qubit
from scipy.special import gammaln

from ... import laws
from ...common.checks import check_count
from ...common.cost import refuse_work
from .base import Angle, MemoryFilter, key_rows, probe_rows

# Controls up to which 4^b is a float.
_EXACT = 500


@dataclass(frozen=True)
class TrugenbergerFilter(MemoryFilter):
    """Trugenberger's filter: ``p(mu|x) ~ cos^(2b)(pi d_mu / 2n)`` with b control qubits.

    Each control is one question that all neurons turn together.  For entries of the probe between
    -1 and 1 the distance is ``d = sum_i (|x_i| - x_i xi_i) / 2``, n counting unknown entries too.
    ``KernelFilter`` with the table of the same cosine has a cost that does not grow with b.

    Attributes:
        controls: b, >= 1.  The more, the nearer a pattern must be: an inverse temperature.

    Raises:
        TypeError: ``controls`` is no integer.
        ValueError: ``controls`` < 1.

    Source: Trugenberger 2001, arXiv:quant-ph/0012100; 2002, arXiv:quant-ph/0210176 (b controls).
    The controlled phases are RZZ gates here.
    """

    controls: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "controls", check_count(self.controls, "controls", minimum=1))

    def steps(self, num_neurons: int) -> int:
        """See :meth:`MemoryFilter.steps`: one a control."""
        check_count(num_neurons, "num_neurons", minimum=1)
        return self.controls

    def num_angles(self, num_neurons: int) -> int:
        """See :meth:`MemoryFilter.num_angles`: one a neuron and a common one."""
        return check_count(num_neurons, "num_neurons", minimum=1) + 1

    def angles(self, probes: Any) -> NDArray[np.float64]:
        """See :meth:`MemoryFilter.angles`: the RZZ of each neuron, then the control's own RZ."""
        rows = probe_rows(probes)
        reach = np.hstack([rows, -np.abs(rows).sum(axis=1, keepdims=True)])
        return np.asarray(reach * (math.pi / (2.0 * rows.shape[1])))

    def acceptances(self, patterns: Any, probes: Any) -> NDArray[np.float64]:
        """See :meth:`MemoryFilter.acceptances`."""
        keys, rows = key_rows(patterns, probes)
        num_neurons = rows.shape[1]
        if np.all(np.abs(keys) == 1.0):
            found = laws.distances(keys, rows)
            return np.asarray(laws.trugenberger_kernel(found, num_neurons, self.controls))
        # cos^2b is a sum of harmonics, and the mean of each factorises over product-state keys.
        wrong, right = (1.0 - keys) / 2.0, (1.0 + keys) / 2.0
        kept = np.zeros((len(rows), len(keys)))
        refuse_work(
            2e-5 * self.controls * max(1.0, keys.size * len(rows) / 1000.0),
            f"controls={self.controls} on product-state keys",
            "Use fewer controls, or a KernelFilter with the table of the same cosine.",
        )
        for k in range(2 * self.controls + 1):
            share = (
                math.comb(2 * self.controls, k) / 4.0**self.controls
                if self.controls <= _EXACT
                else math.exp(
                    gammaln(2 * self.controls + 1)
                    - gammaln(k + 1)
                    - gammaln(2 * self.controls - k + 1)
                    - 2.0 * self.controls * math.log(2.0)
                )
            )
            turn = (self.controls - k) * math.pi / num_neurons
            phase = np.exp(1j * turn * (np.abs(rows) - rows) / 2.0)[:, None, :]
            other = np.exp(1j * turn * (np.abs(rows) + rows) / 2.0)[:, None, :]
            kept += share * np.prod(right * phase + wrong * other, axis=-1).real
        return np.clip(kept, 0.0, 1.0)  # the harmonics cancel up to rounding

    def _step(
        self,
        circuit: QuantumCircuit,
        memory: Sequence[Qubit],
        angles: Sequence[Angle],
        step: int,
        ancilla: Qubit,
        register: Sequence[Qubit],
    ) -> None:
        circuit.h(ancilla)
        for qubit, angle in zip(memory, angles, strict=False):
            if isinstance(angle, ParameterExpression) or angle:
                circuit.rzz(angle, qubit, ancilla)
        circuit.rz(angles[-1], ancilla)
        circuit.h(ancilla)
