"""Read-out errors: calibrated on the qubits that are measured, undone by M3."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

Counted = Mapping[int, float]

# Runs circuits that are ready, each with so many shots.
RunOnce = Callable[[Sequence[QuantumCircuit], int], Sequence[Counted]]


def load_mthree() -> Any:
    """The package mthree.

    Raises:
        ImportError: it is not installed.
    """
    try:
        return import_module("mthree")
    except ImportError as error:
        raise ImportError(
            "Read-out mitigation needs mthree: pip install qhopfield[devices]. Without it, leave "
            "Mitigation(readout=True) out."
        ) from error


def measured_qubits(circuit: QuantumCircuit) -> dict[int, int]:
    """Which qubit each classical bit is read from last, by index of the bit."""
    read = {
        circuit.find_bit(instruction.clbits[0]).index: circuit.find_bit(instruction.qubits[0]).index
        for instruction in circuit.data
        if instruction.operation.name == "measure"
    }
    return dict(sorted(read.items()))


class Calibration:
    """Assignment matrices of qubits, measured when they are first asked for, and kept.

    Args:
        shots: shots by which each of a qubit's two states is calibrated.
    """

    def __init__(self, shots: int) -> None:
        self._mthree = load_mthree()
        self._shots = shots
        self.matrices: dict[int, NDArray[np.float64]] = {}

    def calibrate(self, qubits: Sequence[int], width: int, run: RunOnce) -> None:
        """Calibrates the qubits that are not known yet.

        Half the circuits prepare a qubit in 1, no two qubits in the same ones, so that what
        neighbours do averages out (M3's balanced calibration).

        Args:
            qubits: the device's own numbers.
            width: its number of qubits.
            run: runs circuits on the device's own qubits.

        Raises:
            ValueError: a qubit is read wrongly half the time or more.
        """
        new = sorted(set(qubits) - set(self.matrices))
        if not new:
            return
        generators = import_module("mthree.generators")
        patterns = np.array(list(generators.HadamardGenerator(len(new))))
        circuits = []
        for pattern in patterns:
            circuit = QuantumCircuit(width, len(new))
            for qubit, bit in zip(new, pattern.tolist(), strict=True):
                if bit:
                    circuit.x(qubit)
            circuit.measure(new, range(len(new)))
            circuits.append(circuit)
        ones = np.zeros((2, len(new)))
        shots = np.zeros((2, len(new)))
        each = -(-2 * self._shots // len(circuits))
        for pattern, counts in zip(patterns, run(circuits, each), strict=True):
            seen = np.zeros(len(new))
            for reading, count in counts.items():
                seen += count * np.array([reading >> k & 1 for k in range(len(new))])
            for state in (0, 1):
                ones[state] += np.where(pattern == state, seen, 0.0)
                shots[state] += np.where(pattern == state, sum(counts.values()), 0.0)
        for qubit, low, high in zip(new, *(ones / shots), strict=True):
            if not high > low:
                raise ValueError(
                    f"Qubit {qubit} reads 1 in a share {low:.3f} of its zeros and {high:.3f} of "
                    "its ones, so that its read-out tells nothing and cannot be mitigated; keep "
                    "circuits off it by pass_manager=."
                )
            self.matrices[qubit] = np.array([[1.0 - low, 1.0 - high], [low, high]])

    def correct(self, counts: Counted, read: Mapping[int, int]) -> tuple[dict[int, float], float]:
        """Undoes the read-out errors of one run.

        The errors of two bits are independent, also where a qubit is read several times: an error
        of the record does not change the state that is left.

        Args:
            counts: counts of each reading.
            read: which qubit each bit was read from.

        Returns:
            Signed weights of the readings, with sum 1, and a bound on the inflation of variance.
        """
        bits, qubits = list(read), list(read.values())
        names = {
            reading: "".join("1" if reading >> bit & 1 else "0" for bit in reversed(bits))
            for reading in counts
        }
        mitigation = self._mthree.M3Mitigation()
        mitigation.cals_from_matrices(
            [
                self.matrices[qubit].astype(np.float32) if qubit in self.matrices else None
                for qubit in range(max(qubits) + 1)
            ]
        )
        quasi = mitigation.apply_correction(
            {names[reading]: count for reading, count in counts.items()},
            qubits,
            distance=len(bits),
            tol=1e-6,
            max_iter=100,
            return_mitigation_overhead=True,
        )
        weights = {reading: float(quasi[name]) for reading, name in names.items()}
        return weights, max(1.0, float(quasi.mitigation_overhead))
