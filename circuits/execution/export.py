"""Circuits written to files that other programs read."""

from __future__ import annotations

import os
from pathlib import Path

from qiskit import QuantumCircuit, qasm3, qpy

from ..common.checks import check_kind, check_path
from ..common.files import whole_file
from .operations import operations

# What Qiskit writes as an assignment to a classical bit, which its own importer does not know.
_ASSIGNMENTS = ("store",)


def save_circuit(circuit: QuantumCircuit, path: str | os.PathLike[str]) -> None:
    """Saves a circuit for other programs, or for later.

    The file's ending says how: ``.qpy`` is Qiskit's own format and holds everything, loops and
    open parameters too (``qiskit.qpy.load`` reads it); ``.qasm`` is OpenQASM 3
    (``qiskit.qasm3.load`` reads it).

    Args:
        circuit: what a method's ``circuit`` gave, or any other.
        path: the file to write.

    Raises:
        OSError: the file cannot be written.
        TypeError: an argument has a wrong type.
        ValueError: an ending that is neither, or a circuit whose OpenQASM 3 Qiskit could not read
            back.

    Example:
        >>> import tempfile
        >>> from qiskit import qpy
        >>> from qhopfield.circuits import Hopfield, NeuronDynamics
        >>> from qhopfield.circuits.execution import save_circuit
        >>> circuit = NeuronDynamics().circuit(Hopfield.store([[1, 1, -1]]), [1, 1, 1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_circuit(circuit, f"{folder}/recall.qpy")
        ...     with open(f"{folder}/recall.qpy", "rb") as file:
        ...         qpy.load(file)[0] == circuit
        True
    """
    check_kind(circuit, "circuit", QuantumCircuit, "a QuantumCircuit")
    check_path(path, "path")
    ending = Path(path).suffix.lower()
    if ending == ".qpy":
        with whole_file(path) as file:
            qpy.dump(circuit, file)
    elif ending in (".qasm", ".qasm3"):
        missing = [name for name in _ASSIGNMENTS if name in operations(circuit)]
        if missing:
            raise ValueError(
                "This circuit assigns to a classical bit (a RUS neuron's loop does: "
                "'flag[0] = true;'). Qiskit writes that as OpenQASM 3 and cannot read it back: its "
                "importer does not support assignments. Save it as .qpy, which holds everything; "
                "RUSNeuron(attempts=1) makes circuits without assignments; and "
                "qiskit.qasm3.dumps(circuit) gives the text to programs that do read it."
            )
        content = qasm3.dumps(circuit).encode()
        with whole_file(path) as file:
            file.write(content)
    else:
        raise ValueError(
            f"path must end in .qpy (all circuits) or .qasm (OpenQASM 3), got {os.fspath(path)!r}."
        )
