"""Raising the noise of a circuit that is ready to run, gate by gate."""

from __future__ import annotations

from qiskit import QuantumCircuit
from qiskit.circuit import Gate

from ...common.cost import refuse_gates


def fold(circuit: QuantumCircuit, factor: int) -> QuantumCircuit:
    """Puts ``G G^-1`` behind each gate G on two or more qubits until it acts ``factor`` times.

    The circuit does what it did, with ``factor`` times the two-qubit gates and about as much more
    of their noise.  It must be folded after it is transpiled, and run as it is: a transpiler would
    take the pairs out.  Gates on one qubit, whose errors are about ten times smaller on today's
    devices, resets and measurements stay.

    Args:
        circuit: without control flow.
        factor: odd, >= 1.

    Source: local folding, Giurgica-Tiron et al. 2020, arXiv:2005.10921, section II.B.
    """
    if factor == 1:
        return circuit
    refuse_gates(
        float(factor) * sum(len(each.qubits) > 1 for each in circuit.data),
        f"A circuit with zero_noise={factor} times its gates",
        "Use small factors, such as (1, 3, 5).",
    )
    folded = circuit.copy_empty_like()
    for instruction in circuit.data:
        folded._append(instruction)
        gate = instruction.operation
        if len(instruction.qubits) < 2 or not isinstance(gate, Gate):
            continue
        back = instruction.replace(operation=gate.inverse())
        for _ in range((factor - 1) // 2):
            folded._append(back)
            folded._append(instruction)
    return folded
