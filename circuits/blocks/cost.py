"""Counting the gates of a circuit, inside loops and branches too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qiskit import QuantumCircuit


@dataclass(frozen=True)
class CircuitCost:
    """What one circuit holds, the body of a loop or branch counted once.

    Attributes:
        qubits: width.
        two_qubit_gates: gates on two or more qubits.
        gates: all gates; measurements, resets and classical steps are not gates.
        depth: longest path; a loop or branch counts as the depth of its body.
        measurements: measurements.
        resets: resets.
    """

    qubits: int
    two_qubit_gates: int
    gates: int
    depth: int
    measurements: int
    resets: int


def circuit_cost(circuit: QuantumCircuit) -> CircuitCost:
    """Counts a circuit, looking inside loops and branches.

    Args:
        circuit: any circuit.
    """
    two = gates = measurements = resets = 0
    depths: dict[Any, int] = {}
    for instruction in circuit.data:
        operation = instruction.operation
        blocks = getattr(operation, "blocks", ())
        length = 0
        if blocks:
            inner = [circuit_cost(block) for block in blocks]
            two += sum(cost.two_qubit_gates for cost in inner)
            gates += sum(cost.gates for cost in inner)
            measurements += sum(cost.measurements for cost in inner)
            resets += sum(cost.resets for cost in inner)
            length = max(cost.depth for cost in inner)
        elif operation.name == "measure":
            measurements, length = measurements + 1, 1
        elif operation.name == "reset":
            resets, length = resets + 1, 1
        elif operation.name not in ("barrier", "store", "break_loop", "continue_loop"):
            gates, length = gates + 1, 1
            two += len(instruction.qubits) > 1
        wires = [*instruction.qubits, *instruction.clbits]
        start = max((depths.get(wire, 0) for wire in wires), default=0)
        for wire in wires:
            depths[wire] = start + length
    return CircuitCost(
        qubits=circuit.num_qubits,
        two_qubit_gates=two,
        gates=gates,
        depth=max(depths.values(), default=0),
        measurements=measurements,
        resets=resets,
    )
