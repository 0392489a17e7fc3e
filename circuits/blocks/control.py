"""Branches and loops of a circuit, built without Qiskit's ``with`` blocks.

A block that is built by ``with circuit.if_test(...)`` inside of ``with circuit.while_loop(...)`` is
never freed (Qiskit 2.6): the placeholder that stands for it until the loop is closed, and the scope
that it was collected in, hold each other where Python's garbage collector does not look.  Circuits
whose bodies are written out and appended are freed like any other.
"""

from __future__ import annotations

from collections.abc import Callable

from qiskit import QuantumCircuit
from qiskit.circuit import (
    BreakLoopOp,
    CircuitInstruction,
    Clbit,
    ForLoopOp,
    IfElseOp,
    Qubit,
    Store,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr

Steps = Callable[[QuantumCircuit], None]
"""Adds gates, measurements and further branches to the circuit that it is given."""


def branch(
    circuit: QuantumCircuit, bit: Clbit, value: int, steps: Steps, otherwise: Steps | None = None
) -> None:
    """Adds steps that are taken where a classical bit has a value.

    Args:
        circuit: what they are added to.
        bit: the bit.
        value: 0 or 1.
        steps: adds them to a circuit.
        otherwise: adds what is done where the bit has the other value, on the same qubits.
    """
    body = _body(_recorded(circuit, steps), bit)
    other = None if otherwise is None else _body(_recorded(circuit, otherwise), bit)
    circuit.append(IfElseOp((bit, value), body, other), body.qubits, body.clbits)


def repeat_while(circuit: QuantumCircuit, bit: Clbit, steps: Steps) -> None:
    """Adds steps that are repeated as long as a classical bit is 1.

    Args:
        circuit: what they are added to.
        bit: the bit.
        steps: adds them to a circuit.
    """
    body = _body(_recorded(circuit, steps), bit)
    circuit.append(WhileLoopOp((bit, 1), body), body.qubits, body.clbits)


def repeat_at_most(
    circuit: QuantumCircuit, times: int, bit: Clbit, steps: Steps, otherwise: Steps
) -> None:
    """Adds steps that are repeated until they leave a classical bit at 0, or so often at most.

    Args:
        circuit: what they are added to.
        times: the most repetitions.
        bit: the bit.
        steps: adds what is repeated.
        otherwise: adds what follows each repetition that leaves the bit at 1.
    """
    first, then = _recorded(circuit, steps), _recorded(circuit, otherwise)
    body = _body([*first, *then], bit, count=len(first))
    leave = QuantumCircuit(body.qubits, body.clbits)
    # A break belongs to its loop: it spans all of the loop's qubits and bits.
    jump = BreakLoopOp(body.num_qubits, body.num_clbits)
    leave.append(jump, leave.qubits, leave.clbits)
    body.append(IfElseOp((bit, 0), leave, None), body.qubits, body.clbits)
    for instruction in then:
        body.append(instruction)
    circuit.append(ForLoopOp(range(times), None, body), body.qubits, body.clbits)


def _recorded(circuit: QuantumCircuit, steps: Steps) -> list[CircuitInstruction]:
    """What steps would add to a circuit."""
    scratch = QuantumCircuit(circuit.qubits, circuit.clbits)
    steps(scratch)
    return list(scratch.data)


def _body(
    instructions: list[CircuitInstruction], bit: Clbit, count: int | None = None
) -> QuantumCircuit:
    """A circuit of the qubits and bits that instructions use, holding the first ``count``."""
    qubits: dict[Qubit, None] = {}
    clbits: dict[Clbit, None] = {bit: None}
    for instruction in instructions:
        qubits.update(dict.fromkeys(instruction.qubits))
        clbits.update(dict.fromkeys(instruction.clbits))
        operation = instruction.operation
        if isinstance(operation, Store):
            # Stores name their bits in expressions only.
            for side in (operation.lvalue, operation.rvalue):
                clbits.update((each.var, None) for each in expr.iter_vars(side))
    body = QuantumCircuit(list(qubits), list(clbits))
    for instruction in instructions[:count]:
        body.append(instruction)
    return body
