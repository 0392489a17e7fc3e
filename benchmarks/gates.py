"""How many two-qubit gates does one update take, as written and on a device's basis?

``python -m benchmarks.gates``: level 0 takes n - 1 and a block of level 1 takes 2 (n - 1) + 1, also
after transpiling to a basis that has RZZ.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from qiskit import QuantumCircuit, transpile

from qhopfield.circuits import Hopfield, NeuronDynamics, RotationNeuron, RUSNeuron
from qhopfield.circuits.blocks.cost import circuit_cost
from qhopfield.circuits.patterns import random_patterns

from .common import RESULTS, Row, report


def two_qubit_gates(circuit: QuantumCircuit, basis: str | None = None) -> int:
    """Two-qubit gates of a circuit, as written or with one kind of two-qubit gate.

    Args:
        circuit: any circuit without loops.
        basis: the only two-qubit gate besides rz, sx and x; None counts what is written.
    """
    if basis is not None:
        circuit = transpile(
            circuit,
            basis_gates=["rz", "sx", "x", basis],
            optimization_level=1,
            seed_transpiler=0,
        )
    return circuit_cost(circuit).two_qubit_gates


def main(
    sizes: Annotated[list[int] | None, typer.Option(min=2, help="Neurons; repeatable.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "gates.csv",
) -> None:
    """Counts two-qubit gates of one update, by level, size and basis."""
    rows: list[Row] = []
    for num_neurons in sizes or [4, 8, 16, 32]:
        # An odd number of patterns leaves no weight at zero.
        memory = Hopfield.store(random_patterns(3, num_neurons, seed=seed))
        for level in (0, 1, 2):
            neuron = RUSNeuron(level, attempts=1) if level else RotationNeuron()
            method = NeuronDynamics(neuron, sweeps=1, order=[0], register="coherent")
            circuit = method.circuit(memory, [1] * num_neurons)
            # Level k holds 2^k loadings and 2^k - 1 controlled turns.
            figure = 2**level * (num_neurons - 1) + 2**level - 1
            rows.append(
                {
                    "neurons": num_neurons,
                    "level": level,
                    "figure": figure,
                    "written": two_qubit_gates(circuit),
                    "rz sx x rzz": two_qubit_gates(circuit, "rzz"),
                    "rz sx x cx": two_qubit_gates(circuit, "cx"),
                    "rz sx x cz": two_qubit_gates(circuit, "cz"),
                }
            )
    report("Two-qubit gates of one update, every block tried once", rows, csv, seed=seed)
    missed = [row for row in rows if {row["written"], row["rz sx x rzz"]} != {row["figure"]}]
    if missed:
        typer.echo(f"{len(missed)} rows differ from the figure.", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
