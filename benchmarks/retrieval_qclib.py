"""What does retrieval cost here and with qclib's ``pqm``, at the same kernel?

``python -m benchmarks.retrieval_qclib``: Trugenberger's memory with one control, the same patterns
and the same probe on both sides, loaded by each library's own sparse loader (qclib's merge) and
retrieved by its own circuit.  Up to 8 neurons this package's loader also builds Qiskit's state
preparation and takes the better of both, which costs it time.  Both
give the same distribution, or the run fails.  Needs qclib:
``pip install 'qhopfield[benchmarks]'``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from qiskit import QuantumCircuit, QuantumRegister, transpile
from qiskit.quantum_info import Statevector

from qhopfield.circuits import TrugenbergerFilter
from qhopfield.circuits.blocks.loaders import load_memory
from qhopfield.circuits.patterns import corrupt, random_patterns, to_bits, to_bitstring, to_index

from .common import RESULTS, Row, median, ratio, report, take_turns

TOLERANCE = 1e-9

Circuit = QuantumCircuit


def sides_of(
    patterns: NDArray[np.int8], probe: NDArray[np.int8]
) -> dict[str, tuple[Callable[[], Circuit], Callable[[], Circuit]]]:
    """How each library makes its loader and its retrieval, on neurons and one more qubit.

    Raises:
        ImportError: qclib is not installed.
    """
    from qclib.memory import pqm
    from qclib.state_preparation import MergeInitialize

    num_patterns, num_neurons = patterns.shape
    filtering = TrugenbergerFilter(1)

    def empty() -> tuple[Circuit, list[Any], list[Any]]:
        memory, ancilla = QuantumRegister(num_neurons, "s"), QuantumRegister(1, "filter")
        return QuantumCircuit(memory, ancilla), list(memory), list(ancilla)

    def our_loader() -> Circuit:
        circuit, memory, _ = empty()
        load_memory(patterns).append(circuit, memory)
        return circuit

    def our_retrieval() -> Circuit:
        circuit, memory, ancilla = empty()
        angles = filtering.angles(probe.astype(float))[0]
        filtering.append(circuit, memory, angles.tolist(), ancillas=ancilla)
        return circuit

    def their_loader() -> Circuit:
        circuit, memory, _ = empty()
        # Merge reads a string from qubit 0 on, Qiskit writes it from the last one.
        state = {to_bitstring(each)[::-1]: 1.0 / math.sqrt(num_patterns) for each in patterns}
        circuit.append(MergeInitialize(state).definition, memory)
        return circuit

    def their_retrieval() -> Circuit:
        circuit, memory, ancilla = empty()
        pqm.initialize(circuit, to_bits(probe).tolist(), memory, ancilla, is_classical_pattern=True)
        return circuit

    return {"qhopfield": (our_loader, our_retrieval), "qclib": (their_loader, their_retrieval)}


def lowered(circuit: Circuit) -> Circuit:
    """The circuit in one kind of two-qubit gate, optimised alike for both."""
    return transpile(circuit, basis_gates=["u", "cx"], optimization_level=1, seed_transpiler=0)


def distribution(circuit: Circuit) -> NDArray[np.float64]:
    """Accepted probability of every state of the neurons: the last qubit reads 0."""
    return np.asarray(Statevector(circuit).probabilities()[: 2 ** (circuit.num_qubits - 1)])


def main(
    sizes: Annotated[list[int] | None, typer.Option(min=3, help="Neurons; repeatable.")] = None,
    patterns: Annotated[int, typer.Option(min=2, help="Stored patterns.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of alternating runs.")] = 5,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS
    / "retrieval_qclib.csv",
) -> None:
    """Counts gates and times both sides in turns: build, transpile and simulate."""
    rows: list[Row] = []
    worst = 0.0
    for num_neurons in sizes or [4, 8, 12]:
        rng = np.random.default_rng([seed, num_neurons])
        stored = random_patterns(patterns, num_neurons, seed=rng)
        probe = corrupt(stored[:1], flips=1, seed=rng)[0]
        try:
            sides = sides_of(stored, probe)
        except ImportError as error:
            typer.echo(
                f"Error: this benchmark needs qclib ({error}): pip install 'qhopfield[benchmarks]'",
                err=True,
            )
            raise typer.Exit(2) from error

        found: dict[str, NDArray[np.float64]] = {}
        work: dict[str, Callable[[], None]] = {}
        for name, (loader, retrieval) in sides.items():

            def whole(
                name: str = name,
                loader: Callable[[], Circuit] = loader,
                retrieval: Callable[[], Circuit] = retrieval,
                found: dict = found,  # type: ignore[type-arg]
            ) -> None:
                found[name] = distribution(lowered(loader().compose(retrieval())))

            work[name] = whole
        taken = take_turns(work, repeats)
        law = np.zeros(2**num_neurons)
        kept = np.cos(np.pi * np.count_nonzero(stored != probe, axis=1) / (2 * num_neurons)) ** 2
        law[to_index(stored)] = kept / patterns
        for name, (loader, retrieval) in sides.items():
            gap = float(np.abs(found[name] - law).max())
            worst = max(worst, gap)
            asked, loaded = lowered(retrieval()), lowered(loader())
            value, low, high = ratio(taken[name], taken["qclib"], np.random.default_rng(seed))
            rows.append(
                {
                    "neurons": num_neurons,
                    "patterns": patterns,
                    "library": name,
                    "retrieval CX": asked.count_ops().get("cx", 0),
                    "retrieval depth": asked.depth(),
                    "loader CX": loaded.count_ops().get("cx", 0),
                    "loader depth": loaded.depth(),
                    "seconds": median(taken[name]),
                    "times qclib": value,
                    "low": low,
                    "high": high,
                    "gap from the law": gap,
                }
            )
    report(
        f"Retrieval, u and cx, {repeats} rounds in turns: build, transpile, simulate",
        rows,
        csv,
        seed=seed,
    )
    if worst > TOLERANCE:
        typer.echo(f"A distribution differs by {worst:.2g} from the law.", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
