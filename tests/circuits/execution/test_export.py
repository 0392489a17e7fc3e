"""Circuits in files: what Qiskit reads back."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from qiskit import qasm3, qpy

from qhopfield.circuits import FilteredMemory, Hopfield, NeuronDynamics, RUSNeuron
from qhopfield.circuits.execution import save_circuit

# Qiskit's importer is a package of its own, which nothing here needs.
IMPORTER = find_spec("qiskit_qasm3_import") is not None
MODEL = Hopfield.store([[1, 1, -1], [1, -1, 1]])


def circuits():
    for register in ("coherent", "reuse", "feedforward"):
        for attempts in (1, 2, None):
            method = NeuronDynamics(RUSNeuron(1, attempts=attempts), sweeps=1, register=register)
            loops = attempts != 1 and register != "coherent"
            yield method.circuit(MODEL, [1, 1, 1]), loops
    yield FilteredMemory().circuit(MODEL, [1, 1, 1]), False


@pytest.mark.fault(
    "OpenQASM 3 of RUS circuits cannot be read back by Qiskit",
    kind="what another program gets and cannot use",
)
def test_every_circuit_is_read_back_or_refused(tmp_path):
    for number, (circuit, loops) in enumerate(circuits()):
        path = tmp_path / f"{number}.qpy"
        save_circuit(circuit, path)
        with path.open("rb") as file:
            assert qpy.load(file)[0] == circuit
        text = tmp_path / f"{number}.qasm"
        if loops:
            with pytest.raises(ValueError, match=r"cannot read it back.*\.qpy"):
                save_circuit(circuit, text)
            assert not text.exists()
            # When Qiskit's importer learns it, the refusal can go.
            if IMPORTER:
                with pytest.raises(Exception, match="not supported"):
                    qasm3.loads(qasm3.dumps(circuit))
        else:
            save_circuit(circuit, str(text))
            assert text.read_text().startswith("OPENQASM 3")
            if IMPORTER:
                assert qasm3.load(str(text)).num_qubits == circuit.num_qubits


def test_bad_input(tmp_path):
    circuit = FilteredMemory().circuit(MODEL, [1, 1, 1])
    with pytest.raises(ValueError, match=r"path must end in \.qpy"):
        save_circuit(circuit, tmp_path / "circuit.txt")
    with pytest.raises(TypeError, match="circuit must be a QuantumCircuit"):
        save_circuit("circuit", tmp_path / "circuit.qpy")
    with pytest.raises(TypeError, match="path must be"):
        save_circuit(circuit, 3)
