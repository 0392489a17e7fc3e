"""Pulses that keep a waiting qubit from drifting: dynamical decoupling."""

from __future__ import annotations

import math

from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.circuit.library import RZGate, XGate
from qiskit.transpiler import PassManager, Target, TranspilerError
from qiskit.transpiler.passes import (
    ALAPScheduleAnalysis,
    ConstrainedReschedule,
    PadDelay,
    PadDynamicalDecoupling,
    TimeUnitConversion,
)

SEQUENCES = ("idle", "XX", "XY4")
"""Names of the sequences of pulses; ``"idle"`` writes the waiting times down and leaves them."""


def decoupling_passes(sequence: str, target: Target) -> PassManager:
    """Passes that schedule a circuit as late as possible and fill its waiting times.

    Args:
        sequence: one of :data:`SEQUENCES`.
        target: the device, with the durations of its gates.

    Source: Viola, Knill and Lloyd 1999, arXiv:quant-ph/9809071; XY4 after Maudsley 1986, J. Magn.
    Reson. 69, 488.
    """
    passes = [
        TimeUnitConversion(target=target),
        ALAPScheduleAnalysis(target=target),
        ConstrainedReschedule(target=target),
    ]
    if sequence == "idle":
        return PassManager([*passes, PadDelay(target=target)])
    # Devices have no Y, which is X and a change of frame.
    pulses: list[Gate] = [XGate(), XGate()]
    spacing = None
    if sequence == "XY4":
        pulses = [XGate(), XGate(), RZGate(math.pi), XGate(), XGate(), RZGate(math.pi)]
        spacing = [0.125, 0.25, 0.0, 0.25, 0.25, 0.0, 0.125]
    return PassManager(
        [*passes, PadDynamicalDecoupling(target=target, dd_sequence=pulses, spacing=spacing)]
    )


def decoupled(
    circuit: QuantumCircuit, sequence: str, target: Target | None, device: str
) -> QuantumCircuit:
    """A circuit that is ready to run, its waiting times filled.

    Args:
        circuit: on the device's own qubits and gates, without control flow.
        sequence: one of :data:`SEQUENCES`.
        target: the device, or None where none is known.
        device: its name, for the error.

    Raises:
        ValueError: the device has no durations, or lacks a gate of the sequence.
    """
    if target is None or target.dt is None or not _timed(circuit, target):
        raise ValueError(
            f"Decoupling fills the waiting times of a schedule, and {device} tells no durations of "
            "its gates: give backend= a device that does, or leave decoupling out."
        )
    try:
        filled = decoupling_passes(sequence, target).run(circuit)
    except TranspilerError as error:
        raise ValueError(
            f"Decoupling by {sequence} does not work on {device}: {error.message}"
        ) from error
    # Qubits that the circuit leaves alone wait too, and would be simulated.
    used = {
        qubit
        for instruction in circuit.data
        if instruction.operation.name not in ("barrier", "delay")
        for qubit in instruction.qubits
    }
    kept = filled.copy_empty_like()
    for instruction in filled.data:
        if instruction.operation.name != "delay" or used.issuperset(instruction.qubits):
            kept._append(instruction)
    return kept


def _timed(circuit: QuantumCircuit, target: Target) -> bool:
    """Whether the target tells how long every operation of the circuit takes."""
    for instruction in circuit.data:
        name = instruction.operation.name
        if name in ("barrier", "delay"):
            continue
        place = tuple(circuit.find_bit(qubit).index for qubit in instruction.qubits)
        properties = target[name].get(place) if name in target.operation_names else None
        if properties is None or properties.duration is None:
            return False
    return True
