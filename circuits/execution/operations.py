"""What a circuit holds that a device may lack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Qubit
from qiskit.transpiler import Target, TranspilerError
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

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


@dataclass(frozen=True)
class Advice:
    """What a method would have a user do where a device does not do what its circuit needs.

    Attributes:
        narrower: where there are too few qubits.
        simpler: where loops, resets or measurements on the way are missing.
    """

    narrower: str = "Use fewer neurons, or another device."
    simpler: str | None = None

    @property
    def without(self) -> str:
        """What to use where an operation is missing."""
        return self.simpler or "Use a device that has them, or leave backend and sampler out."


_PLAIN = Advice()


def operations(circuit: QuantumCircuit) -> set[str]:
    """Names of all operations of a circuit, those inside loops and branches too."""
    names = set()
    for instruction in circuit.data:
        names.add(instruction.operation.name)
        for block in getattr(instruction.operation, "blocks", ()):
            names |= operations(block)
    return names


def refuse_missing(
    circuit: QuantumCircuit, supported: Iterable[str], device: str, advice: Advice = _PLAIN
) -> None:
    """Refuses a circuit with operations that a device lacks and no translation replaces.

    Args:
        circuit: the circuit before it is transpiled.
        supported: names of the device's operations.
        device: its name, for the error.
        advice: what fits the method.

    Raises:
        ValueError: an operation is missing; the message says what needs none.
    """
    used, known = operations(circuit), set(supported)
    if measures_on_the_way(circuit):
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
        f"{device} lacks {', '.join(missing)}, which this circuit needs. {advice.without}"
    )


def measures_on_the_way(circuit: QuantumCircuit) -> bool:
    """Whether a qubit is used again after a measurement."""
    measured: set[Qubit] = set()
    for instruction in circuit.data:
        if measured.intersection(instruction.qubits) and instruction.operation.name != "barrier":
            return True
        if instruction.operation.name == "measure":
            measured.update(instruction.qubits)
    return False


def refuse_parts(
    circuit: QuantumCircuit, target: Target | None, device: str, advice: Advice = _PLAIN
) -> None:
    """Refuses a circuit whose qubits must be connected, and are more than a device connects.

    A device loses qubits and couplings that are out of order: what is left may fall into parts.

    Args:
        circuit: the circuit before it is transpiled.
        target: the device; None, or one without couplings, connects all.
        device: its name, for the error.
        advice: what fits the method.

    Raises:
        ValueError: the circuit needs more connected qubits than the device has.
    """
    couplings = None if target is None else target.build_coupling_map()
    if target is None or couplings is None:
        return
    # Some tell a broken qubit by leaving its read-out out.
    working = {each[0] for each in target.qargs_for_operation_name("measure") or ()}
    pairs = [pair for pair in couplings.get_edges() if working.issuperset(pair)]
    have = _largest_part(pairs, target.num_qubits) if working else 0
    need = _connected(circuit)
    if need > have:
        raise ValueError(
            f"The circuit needs {need} connected qubits; {device} has {target.num_qubits} qubits, "
            f"and the largest part of them that works and is connected has {have}. "
            f"{advice.narrower}"
        )


def made_ready(
    manager: Any, circuit: QuantumCircuit, device: str, named: int | None = None
) -> QuantumCircuit:
    """A circuit transpiled for a device.

    Args:
        manager: the passes.
        circuit: the circuit.
        device: its name, for the error.
        named: qubits that a simulator names, where it simulates more.

    Raises:
        ValueError: the passes found no way to run it.
    """
    try:
        ready: QuantumCircuit = manager.run(circuit)
    except TranspilerError as error:
        if named is not None and circuit.num_qubits > named:
            raise ValueError(
                f"The circuit has {circuit.num_qubits} qubits, and pass_manager= refuses it: made "
                f"with backend=, it keeps to the {named} that {device} names, though Aer simulates "
                "what fits in memory. Make it by generate_preset_pass_manager(level, "
                "basis_gates=[...]), or leave pass_manager out."
            ) from error
        raise ValueError(
            f"No way was found to run this circuit on {device}: {error.message} Where a qubit or "
            "gate of the device is out of order, pass_manager=generate_preset_pass_manager(2, "
            "backend, initial_layout=[...]) names the qubits to use."
        ) from error
    return ready


def _connected(circuit: QuantumCircuit) -> int:
    """The most qubits of a circuit that gates connect."""
    pairs: list[tuple[int, int]] = []
    for instruction in circuit.data:
        if instruction.operation.name != "barrier":
            places = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
            pairs.extend(pairwise(places))
    return _largest_part(pairs, circuit.num_qubits)


def _largest_part(pairs: Sequence[tuple[int, int]], number: int) -> int:
    """How many of a number of nodes the largest connected part of a graph has."""
    starts, ends = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    graph = coo_array((np.ones(len(starts)), (starts, ends)), shape=(number, number))
    _, labels = connected_components(graph, directed=False)
    return int(np.bincount(labels).max())
