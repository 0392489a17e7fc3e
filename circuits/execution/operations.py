"""What a circuit holds that a device may lack."""

from __future__ import annotations

from collections.abc import Iterable

from qiskit import QuantumCircuit
from qiskit.circuit import Qubit

# No translation replaces these.
_SPECIAL = (
    "mid-circuit measurement",
    "reset",
    "if_else",
    "while_loop",
    "for_loop",
    "break_loop",
    "store",
)


def operations(circuit: QuantumCircuit) -> set[str]:
    """Names of all operations of a circuit, those inside loops and branches too."""
    names = set()
    for instruction in circuit.data:
        names.add(instruction.operation.name)
        for block in getattr(instruction.operation, "blocks", ()):
            names |= operations(block)
    return names


def refuse_missing(circuit: QuantumCircuit, supported: Iterable[str], device: str) -> None:
    """Refuses a circuit with operations that a device lacks and no translation replaces.

    Args:
        circuit: the circuit before it is transpiled.
        supported: names of the device's operations.
        device: its name, for the error.

    Raises:
        ValueError: an operation is missing; the message says what needs none.
    """
    used, known = operations(circuit), set(supported)
    if _measures_on_the_way(circuit):
        used.add("mid-circuit measurement")
    # Classical stores come with control flow and are rarely listed.
    if known & {"if_else", "while_loop"}:
        known.add("store")
    # A device that resets measures on the way, and none lists it.
    if "reset" in known:
        known.add("mid-circuit measurement")
    missing = [name for name in _SPECIAL if name in used and name not in known]
    if not missing:
        return
    if missing == ["break_loop"]:
        raise ValueError(
            f"{device} lacks break_loop, which a bounded RUSNeuron(attempts=...) needs; "
            "RUSNeuron(attempts=None) and RUSNeuron(attempts=1) do without."
        )
    raise ValueError(
        f"{device} lacks {', '.join(missing)}, which this circuit needs. "
        "RUSNeuron(attempts=1) needs no loops, register='coherent' neither resets nor "
        "branches, and RotationNeuron() with register='feedforward' needs neither."
    )


def _measures_on_the_way(circuit: QuantumCircuit) -> bool:
    """Whether a qubit is used again after a measurement."""
    measured: set[Qubit] = set()
    for instruction in circuit.data:
        if measured.intersection(instruction.qubits) and instruction.operation.name != "barrier":
            return True
        if instruction.operation.name == "measure":
            measured.update(instruction.qubits)
    return False
