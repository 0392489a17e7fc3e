"""What a recall costs: qubits, two-qubit gates, depth, attempts, before and after transpiling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from qiskit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.transpiler import generate_preset_pass_manager

from .blocks.cost import CircuitCost, circuit_cost
from .methods import Method
from .models import Model


@dataclass(frozen=True)
class Resources:
    """What a method costs on a model, for one shot of one probe.

    Attributes:
        qubits: qubits of the widest circuit.
        updates: neuron updates; 0 for a method without any.
        circuits: circuits run one after the other for one shot (one an update with feedforward).
        two_qubit_gates: of all of them, every loop run once.
        expected_two_qubit_gates: of all of them, loops run as often as the law expects; NaN where
            it was not computed.
        depth: of all of them, one after the other.
        expected_attempts: mean level-1 blocks an update, by the law; NaN where there are none.
        gain: angle in radians per unit of field; NaN where there is none.
        field_error: largest error of a field that had to be rounded, in units of field.
        loading: two-qubit gates of the part that loads the memory, where it is a part of its own.
    """

    qubits: int
    updates: int
    circuits: int
    two_qubit_gates: int
    expected_two_qubit_gates: float
    depth: int
    expected_attempts: float = math.nan
    gain: float = math.nan
    field_error: float = 0.0
    loading: int = 0


def resources(
    model: Model,
    method: Method,
    *,
    backend: BackendV2 | None = None,
    pass_manager: Any = None,
) -> Resources:
    """What a method costs on a model, as its circuits are written or as a backend runs them.

    Args:
        model: the memory.
        method: the method.
        backend: the device to transpile for (Qiskit's preset of level 2); None counts the circuits
            as they are written.
        pass_manager: transpiles instead of the preset.

    Raises:
        ValueError: the pair cannot work; the message says what would.
    """
    if pass_manager is None and backend is not None:
        pass_manager = generate_preset_pass_manager(
            optimization_level=2, backend=backend, seed_transpiler=0
        )
    bill = method.bill(model)
    circuit = bill.circuit if pass_manager is None else pass_manager.run(bill.circuit)
    cost = circuit_cost(circuit)
    # A transpiler changes every pass of a loop in the same proportion.
    written = circuit_cost(bill.circuit).two_qubit_gates
    ratio = cost.two_qubit_gates / written if written else 1.0
    return Resources(
        qubits=cost.qubits if pass_manager is None else _active(circuit),
        updates=bill.updates,
        circuits=bill.repetitions,
        two_qubit_gates=cost.two_qubit_gates * bill.repetitions,
        expected_two_qubit_gates=bill.expected_two_qubit_gates * ratio,
        depth=cost.depth * bill.repetitions,
        expected_attempts=bill.expected_attempts,
        gain=bill.gain,
        field_error=bill.field_error,
        loading=round(bill.loading * ratio),
    )


def _active(circuit: QuantumCircuit) -> int:
    """Qubits of a transpiled circuit that anything happens on."""
    return len({qubit for instruction in circuit.data for qubit in instruction.qubits})


__all__ = ["CircuitCost", "Resources", "circuit_cost", "resources"]
