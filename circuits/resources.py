"""What a recall costs: qubits, two-qubit gates, depth, attempts, before and after transpiling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from qiskit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.transpiler import generate_preset_pass_manager

from .blocks.cost import CircuitCost, circuit_cost
from .common.checks import check_kind, shown
from .methods import Method
from .methods.base import Bill
from .models import Model


@dataclass(frozen=True)
class Resources:
    """What a method costs on a model, for one shot of one probe.

    Attributes:
        qubits: qubits of the widest circuit.
        updates: neuron updates; 0 for a method without any.
        circuits: circuits run for one shot: one after the other (one an update with feedforward),
            or side by side, one a submodule of an atomized memory.
        two_qubit_gates: of all of them together, every loop run once.
        expected_two_qubit_gates: of all of them, loops run as often as the law expects; NaN where
            it was not computed.
        depth: of all of them, one after the other; of the deepest where they run side by side.
        expected_attempts: mean level-1 blocks an update, by the law; NaN where there are none.
        gain: angle in radians per unit of field; NaN where there is none.
        field_error: largest error of a field that had to be rounded, in units of field.
        loading: two-qubit gates of the part that loads the memory, where it is a part of its own.
        search_loadings: how often the memory is loaded to find a probe's least distance, before
            its first shot (``least="descending"`` and ``"quantum"``): the expected number, on
            average over the stored patterns as probes. What a recall took is its ``attempts``.
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
    search_loadings: float = 0.0


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
        TypeError: an argument has a wrong type.
        ValueError: the pair cannot work; the message says what would.
    """
    check_kind(model, "model", Model, "a memory such as Hopfield.store(patterns)")
    check_kind(method, "method", Method, "a method such as NeuronDynamics()")
    if backend is not None:
        check_kind(backend, "backend", BackendV2, "a BackendV2 or None")
    if pass_manager is not None and not callable(getattr(pass_manager, "run", None)):
        raise TypeError(f"pass_manager must have a run method, got {shown(pass_manager)}.")
    if pass_manager is None and backend is not None:
        pass_manager = generate_preset_pass_manager(
            optimization_level=2, backend=backend, seed_transpiler=0
        )
    bill = method.bill(model)
    if bill.side_by_side:
        return _side_by_side(bill, pass_manager)
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
        search_loadings=bill.search_loadings,
    )


def _side_by_side(bill: Bill, pass_manager: Any) -> Resources:
    """Submodules that run at the same time: the widest, the deepest, the gates of all."""
    written = [circuit_cost(circuit) for circuit in bill.side_by_side]
    circuits = bill.side_by_side
    if pass_manager is not None:
        circuits = tuple(pass_manager.run(list(circuits)))
    costs = [circuit_cost(circuit) for circuit in circuits]
    gates = sum(cost.two_qubit_gates for cost in costs)
    ratio = gates / max(1, sum(cost.two_qubit_gates for cost in written))
    widths = [cost.qubits for cost in costs]
    loopless = not any(circuit.has_control_flow_op() for circuit in bill.side_by_side)
    return Resources(
        qubits=max(widths if pass_manager is None else map(_active, circuits)),
        updates=bill.updates,
        circuits=len(circuits) * bill.repetitions,
        two_qubit_gates=gates * bill.repetitions,
        expected_two_qubit_gates=(
            float(gates * bill.repetitions) if loopless else bill.expected_two_qubit_gates * ratio
        ),
        depth=max(cost.depth for cost in costs) * bill.repetitions,
        expected_attempts=bill.expected_attempts,
        gain=bill.gain,
        field_error=bill.field_error,
        loading=round(bill.loading * ratio),
        search_loadings=bill.search_loadings,
    )


def _active(circuit: QuantumCircuit) -> int:
    """Qubits of a transpiled circuit that anything happens on."""
    return len({qubit for instruction in circuit.data for qubit in instruction.qubits})


__all__ = ["CircuitCost", "Resources", "circuit_cost", "resources"]
