"""What a measured circuit gives without shots: the probability of every reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator


def readings(
    circuit: QuantumCircuit,
    parameters: Sequence[Parameter] = (),
    values: NDArray[np.float64] | None = None,
    *,
    bits: int | None = None,
) -> NDArray[np.float64]:
    """Probabilities of the classical readings of a circuit that measures at its end.

    Args:
        circuit: the circuit; its measurements may not be followed by gates.
        parameters: its open parameters.
        values: a row of their values a run; None where the circuit has none.
        bits: how many classical bits are read, the lowest; the others must be 0. None reads all.

    Shapes:
        values: (R, parameters)
        result: (R, 2^bits), bit 0 of the index being classical bit 0

    Raises:
        ValueError: a classical bit is used before the end.
    """
    data = list(circuit.data)
    measured: dict[int, int] = {}
    while data and data[-1].operation.name == "measure":
        instruction = data.pop()
        bit = circuit.find_bit(instruction.clbits[0]).index
        measured[bit] = circuit.find_bit(instruction.qubits[0]).index
    if any(instruction.clbits for instruction in data):
        raise ValueError("The circuit measures before its end; it has no amplitudes to read.")
    open_ended = circuit.copy_empty_like()
    for instruction in data:
        open_ended.append(instruction)
    open_ended.save_probabilities([measured[bit] for bit in sorted(measured)], label="p")
    binds = None
    if values is not None:
        binds = [{each: values[:, j].tolist() for j, each in enumerate(parameters)}]
    result = (
        AerSimulator(method="statevector")
        .run(open_ended, parameter_binds=binds, runtime_parameter_bind_enable=binds is not None)
        .result()
    )
    if not result.success:
        raise RuntimeError(f"Aer failed: {result.status}")
    size = 2 ** (len(measured) if bits is None else bits)
    return np.stack([each.data.p[:size] for each in result.results])
