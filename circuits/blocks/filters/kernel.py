"""The kernel filter: any kernel of the Hamming distance, by a distance register."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterExpression, Qubit

from ... import laws
from ...common.checks import as_array, check_count, shown
from ...common.cost import refuse_memory
from ...models import Exponential, SeparationFunction
from ..arithmetic import inverse_fourier, open_register
from ..multiplex import Multiplexer
from .base import Angle, MemoryFilter, key_rows, probe_rows


@dataclass(frozen=True)
class KernelFilter(MemoryFilter):
    """Any filter ``p(mu|x) ~ K(d_mu)`` with a kernel K >= 0 of the Hamming distance to the probe.

    A register of ``ceil(log2(n + 1))`` qubits counts the disagreements, and one multiplexed
    rotation keeps distance d with probability ``K(d) / max K``.  The register keeps the distance,
    so that it can be measured beside the memory.

    Attributes:
        kernel: the table K(0), ..., K(n); or a separation function F, whose kernel is
            ``K(d) = F(k - 2 d)`` with k the number of known probe entries.
        d_min: the least distance that occurs, if it is known: the kernel is divided by its
            greatest value at or beyond it (max-subtraction) and cut at 1, so that nearer patterns
            would count alike.

    Raises:
        TypeError: ``kernel`` is neither a separation function nor a table of real numbers.
        ValueError: a table with a negative or non-finite entry, of less than two entries, or 0
            everywhere; ``d_min`` < 0.

    Source: Krotov and Hopfield 2016, arXiv:1606.01164, for the separation functions; distance
    register by phase estimation; the circuit is this package's.
    """

    kernel: SeparationFunction | Sequence[float] | NDArray[np.float64]
    d_min: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "d_min", check_count(self.d_min, "d_min"))
        if not isinstance(self.kernel, SeparationFunction):
            object.__setattr__(self, "kernel", _check_table(self.kernel))

    def steps(self, num_neurons: int) -> int:
        """See :meth:`MemoryFilter.steps`: one."""
        check_count(num_neurons, "num_neurons", minimum=1)
        return 1

    def register_width(self, num_neurons: int) -> int:
        """See :meth:`MemoryFilter.register_width`."""
        return check_count(num_neurons, "num_neurons", minimum=1).bit_length()

    def num_angles(self, num_neurons: int) -> int:
        """See :meth:`MemoryFilter.num_angles`: the probe, its known entries, the table."""
        return 2 * check_count(num_neurons, "num_neurons", minimum=1) + 2

    def angles(self, probes: Any, *, d_min: Any = None) -> NDArray[np.float64]:
        """See :meth:`MemoryFilter.angles`.

        Args:
            probes: entries +-1, or 0 for an unknown one.
            d_min: least distances, (P,), in place of :attr:`d_min`.
        """
        rows = _hard_rows(probes)
        kept = self._tables(rows, d_min)
        turns = _distances(rows.shape[1]).turns(
            2.0 * np.arctan2(np.sqrt(1.0 - kept), np.sqrt(kept))
        )
        return np.hstack([rows, np.abs(rows).sum(axis=1, keepdims=True), turns])

    def acceptances(self, patterns: Any, probes: Any, *, d_min: Any = None) -> NDArray[np.float64]:
        """See :meth:`MemoryFilter.acceptances`; ``d_min`` as in :meth:`angles`."""
        keys, rows = key_rows(patterns, _hard_rows(probes))
        kept = self._tables(rows, d_min)
        if np.all(np.abs(keys) == 1.0):
            found = np.rint(laws.distances(keys, rows)).astype(np.intp)
            return np.asarray(np.take_along_axis(kept, found, axis=1))
        chances = laws.distance_distribution(keys, rows)
        return np.asarray(np.einsum("pmd,pd->pm", chances, kept))

    def log_scale(self, probes: Any, *, d_min: Any = None) -> NDArray[np.float64]:
        """Logarithm of the kernel's value that is divided out, (P,): ``max K(d)``, ``d >= d_min``.

        A pattern's kernel is ``exp(log_scale)`` times its acceptance, whatever was subtracted; so
        memories with different least distances can be compared.  Up to a constant factor of the
        kernel that depends on the number of known entries alone.

        Args:
            probes: as in :meth:`angles`.
            d_min: as in :meth:`angles`.
        """
        rows = _hard_rows(probes)
        least = _check_least(self.d_min if d_min is None else d_min, len(rows))
        if isinstance(self.kernel, Exponential):
            with np.errstate(over="ignore"):  # -inf where the largest numbers are passed
                return np.asarray(self.kernel.beta * (-2.0 * least), dtype=np.float64)
        known = np.count_nonzero(rows, axis=1)
        scales = []
        for count, start in zip(known.tolist(), least.tolist(), strict=True):
            table = self.table(rows.shape[1], count)
            scales.append(math.log(table[start : count + 1].max() / table.max()))
        return np.array(scales)

    def table(self, num_neurons: int, known: int | None = None) -> NDArray[np.float64]:
        """K(0), ..., K(n), not yet divided by its maximum.

        Args:
            num_neurons: n.
            known: known entries of the probe, n by default; beyond it a separation function's
                kernel is 0.

        Raises:
            ValueError: a table of the wrong length; a separation function that is negative,
                infinite or NaN at an overlap that can occur.
        """
        num_neurons = check_count(num_neurons, "num_neurons", minimum=1)
        known = check_count(num_neurons if known is None else known, "known", maximum=num_neurons)
        refuse_memory(32.0 * num_neurons, f"A table for num_neurons={num_neurons}", "Use fewer.")
        if not isinstance(self.kernel, SeparationFunction):
            if len(self.kernel) != num_neurons + 1:
                raise ValueError(
                    f"A kernel table for num_neurons={num_neurons} must have {num_neurons + 1} "
                    f"entries K(0)..K({num_neurons}), got {len(self.kernel)}."
                )
            return np.asarray(self.kernel, dtype=np.float64)
        overlaps = known - 2.0 * np.arange(known + 1)
        if isinstance(self.kernel, Exponential):
            overlaps -= known  # the same kernel up to a factor, and it cannot overflow
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.asarray(self.kernel(overlaps), dtype=np.float64)
        wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if wrong.size:
            raise ValueError(
                f"F(x) = {self.kernel.name} is {values[wrong[0]]:g} at overlap "
                f"{overlaps[wrong[0]]:g}, but a kernel must be finite and >= 0. Use an even or a "
                "rectified power, such as RectifiedPolynomial(3), or the table of |F|."
            )
        return np.concatenate([values, np.zeros(num_neurons - known)])

    def _tables(self, rows: NDArray[np.float64], d_min: Any) -> NDArray[np.float64]:
        """Probability of keeping each distance, probe by probe, (P, N + 1)."""
        num_neurons = rows.shape[1]
        known = np.count_nonzero(rows, axis=1)
        least = _check_least(self.d_min if d_min is None else d_min, len(rows))
        tables = np.empty((len(rows), num_neurons + 1))
        for row, (count, start) in enumerate(zip(known.tolist(), least.tolist(), strict=True)):
            if start > count:
                raise ValueError(
                    f"d_min must be at most the {count} known entries of the probe, got {start}."
                )
            if isinstance(self.kernel, Exponential):
                numbers = np.arange(num_neurons + 1)
                tables[row] = laws.shifted_kernel(numbers, self.kernel.beta, start)
                continue
            table = self.table(num_neurons, count)
            # First by the greatest of all, so that the second quotient cannot overflow.
            table = table / max(table.max(), np.finfo(float).tiny)
            greatest = table[start : count + 1].max()
            if not greatest > 0:
                raise ValueError(
                    f"The kernel is 0 at every distance from {start} to {count}: acceptance 0."
                )
            with np.errstate(over="ignore"):
                tables[row] = np.minimum(1.0, table / greatest)
        return tables

    def _step(
        self,
        circuit: QuantumCircuit,
        memory: Sequence[Qubit],
        angles: Sequence[Angle],
        step: int,
        ancilla: Qubit,
        register: Sequence[Qubit],
    ) -> None:
        n = len(memory)
        open_register(circuit, register)
        _count_disagreements(circuit, memory, register, ancilla, angles[:n], angles[n])
        inverse_fourier(circuit, register)
        _distances(n).append(circuit, register, ancilla, angles[n + 1 :], postselected=True)


def _count_disagreements(
    circuit: QuantumCircuit,
    memory: Sequence[Qubit],
    register: Sequence[Qubit],
    spare: Qubit,
    probe: Sequence[Angle],
    known: Angle,
) -> None:
    """Adds ``d = sum_i (|x_i| - x_i Z_i) / 2`` to a register in Fourier form.

    Register qubit k takes the phase ``phi_k d`` with ``phi_k = 2 pi / 2^(k+1)``, that is a
    constant, an RZ on each neuron and a ZZ rotation for each pair.  The ZZ rotations are RZs on
    the parity of neuron and register qubit.  With the register brought to the XORs of
    neighbouring qubits, and the last one copied to ``spare`` (in |0>, and left there), one CX
    takes a neuron from one parity to the next and the last CX back: ``w + 1`` CX a neuron, where
    w controlled phases would be ``2 w``.
    """
    phases = [2.0 * math.pi / 2 ** (position + 1) for position in range(len(register))]
    for phase, qubit in zip(phases, register, strict=True):
        circuit.p(known * (phase / 2.0), qubit)
    circuit.cx(register[-1], spare)
    for high in range(len(register) - 1, 0, -1):
        circuit.cx(register[high - 1], register[high])
    for qubit, x in zip(memory, probe, strict=True):
        if not isinstance(x, ParameterExpression) and not x:
            continue
        circuit.rz(x * (sum(phases) / 2.0), qubit)
        for phase, control in zip(phases, register, strict=True):
            circuit.cx(control, qubit)
            circuit.rz(x * (-phase / 2.0), qubit)
        circuit.cx(spare, qubit)
    for high in range(1, len(register)):
        circuit.cx(register[high - 1], register[high])
    circuit.cx(register[-1], spare)


@cache
def _distances(num_neurons: int) -> Multiplexer:
    """The register values 0..n that can occur."""
    return Multiplexer.of_numbers(num_neurons + 1)


def _check_table(kernel: Any) -> tuple[float, ...]:
    """Returns a kernel table as floats."""
    table = as_array(kernel, "kernel")
    if table.dtype.kind not in "iuf":
        raise TypeError(
            "kernel must be a separation function, such as Exponential(1.0), or a table of real "
            f"numbers, got {shown(kernel)}."
        )
    if table.ndim != 1 or table.size < 2:
        raise ValueError(
            "kernel must be a table of shape (N + 1,), one entry a distance 0..N; "
            f"got {table.shape}."
        )
    wrong = np.flatnonzero(~(np.isfinite(table) & (table >= 0)))
    if wrong.size:
        raise ValueError(
            f"kernel must be finite and >= 0, got K({wrong[0]}) = {table[wrong[0]]:g}."
        )
    if not table.any():
        raise ValueError("kernel must be positive at some distance; this one is 0 everywhere.")
    return tuple(table.astype(np.float64).tolist())


def _check_least(d_min: Any, num_probes: int) -> NDArray[np.int64]:
    """Returns least distances, one a probe."""
    least = as_array(d_min, "d_min")
    if least.dtype.kind not in "iu" or least.ndim > 1:
        raise TypeError(f"d_min must be an integer or one a probe, got {shown(d_min)}.")
    if (least < 0).any():
        raise ValueError(f"d_min must be >= 0, got {least.min()}.")
    if least.ndim and len(least) != num_probes:
        raise ValueError(f"There must be one d_min a probe, {num_probes}; got {len(least)}.")
    return np.full(num_probes, least, dtype=np.int64)


def _hard_rows(probes: Any) -> NDArray[np.float64]:
    """Returns probes as (P, N) of +-1 and 0."""
    rows = probe_rows(probes)
    soft = np.argwhere(~np.isin(rows, (-1.0, 0.0, 1.0)))
    if soft.size:
        row, neuron = soft[0]
        raise ValueError(
            "A kernel filter counts disagreements, so a probe must hold only +1, -1 and 0 "
            f"(unknown); got {rows[row, neuron]:g} in row {row} at neuron {neuron}. "
            "ExpFilter takes real probes."
        )
    return rows
