"""Measurements on the way, put off to the end by qubits of their own."""

from __future__ import annotations

from qiskit import QuantumCircuit, QuantumRegister
from qiskit.circuit import CircuitInstruction, Qubit
from qiskit.circuit.library import CXGate


def unfolded(circuit: QuantumCircuit) -> QuantumCircuit | None:
    """The circuit with everything measured at the end, on more qubits.

    A qubit that is reset goes on as a fresh qubit: what a reset forgets may as well be kept and
    never looked at.  A qubit that goes on after it was measured leaves a copy of its bit (a CX) on
    a fresh qubit, which is measured in its place.  The readings have the same distribution, and a
    simulator evolves one state for all shots in place of one a shot.

    Args:
        circuit: any circuit.

    Returns:
        The circuit, or None where it branches or repeats by what it has measured, or measures
        nothing on the way.

    Source: the principle of deferred measurement, Nielsen and Chuang 2000, section 4.4.
    """
    if circuit.has_control_flow_op():
        return None
    given = [each for each in circuit.data if each.operation.name != "barrier"]
    goes_on = _goes_on(given)
    # Of two readings of one bit the second counts, and nothing has looked at the first.
    last = {each.clbits[0]: k for k, each in enumerate(given) if each.operation.name == "measure"}
    now: dict[Qubit, Qubit] = {qubit: qubit for qubit in circuit.qubits}
    used: set[Qubit] = set()
    fresh: list[Qubit] = []

    def new() -> Qubit:
        fresh.append(Qubit())
        return fresh[-1]

    placed: list[CircuitInstruction] = []
    for number, instruction in enumerate(given):
        qubits = [now[qubit] for qubit in instruction.qubits]
        name = instruction.operation.name
        if name == "reset":
            if qubits[0] in used:
                now[instruction.qubits[0]] = new()
            continue
        used.update(qubits)
        if name == "measure":
            if number in goes_on:
                copy = new()
                placed.append(CircuitInstruction(CXGate(), (qubits[0], copy)))
                qubits = [copy]
            if last[instruction.clbits[0]] != number:
                continue
        placed.append(instruction.replace(qubits=qubits))
    if not fresh:
        return None
    wide = circuit.copy_empty_like()
    wide.add_register(QuantumRegister(bits=fresh, name="unfolded"))
    # The measurements last, so that a simulator sees that nothing follows them.
    for last_ones in (False, True):
        for instruction in placed:
            if (instruction.operation.name == "measure") == last_ones:
                wide._append(instruction)
    return wide


def _goes_on(given: list[CircuitInstruction]) -> set[int]:
    """Numbers of the measurements whose qubit is used again before it is reset."""
    follows: dict[Qubit, str] = {}
    found = set()
    for number in reversed(range(len(given))):
        instruction = given[number]
        name = instruction.operation.name
        if name == "measure" and follows.get(instruction.qubits[0], "reset") != "reset":
            found.add(number)
        for qubit in instruction.qubits:
            follows[qubit] = name
    return found
