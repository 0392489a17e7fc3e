"""How much faster is feedforward than the best simulation of neurons on qubits?

``python -m benchmarks.registers``: the same dynamics of N = 32 neurons, the same law.  A
statevector of 33 qubits and more needs 128 GiB and more, so neurons on qubits leave Aer's
matrix-product-state method; extended_stabilizer knows no control flow.  Two circuits stand for it:
register "reuse" as it is, and "reuse" with every new neuron measured at once, which leaves the law
from a basis-state probe as it is and keeps the simulated state a product.  The first entangles all
neurons and takes minutes a shot, so that it runs on request (``--unmeasured``, few shots).  The
figure is 10 times, against the best.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit_aer import AerSimulator
from scipy import stats

from qhopfield.circuits import Hopfield, NeuronDynamics, RotationNeuron, RUSNeuron
from qhopfield.circuits.execution import AerRunner, statevector_bytes
from qhopfield.circuits.methods import Samples
from qhopfield.circuits.methods.base import unpack_counts
from qhopfield.circuits.methods.registers import probe_angles
from qhopfield.circuits.methods.template import Template
from qhopfield.circuits.patterns import corrupt, random_patterns

from .common import RESULTS, Row, cpu, median, ratio, report, take_turns

FIGURE = 10.0


def measured_at_once(circuit: QuantumCircuit, num_neurons: int) -> QuantumCircuit:
    """A circuit of register "reuse" with each new neuron measured before the old one is reset."""
    measured = circuit.copy_empty_like()
    scratch = ClassicalRegister(1, "seen")
    measured.add_register(scratch)
    free = circuit.qubits[num_neurons]  # the register "spare" follows the neurons
    for instruction in circuit.data:
        if instruction.operation.name == "reset":
            measured.measure(free, scratch[0])
            free = instruction.qubits[0]
        measured.append(instruction)
    return measured


def spins_of(
    template: Template, circuit: QuantumCircuit, probe: NDArray[np.int8], shots: int, seed: int
) -> NDArray[np.int8]:
    """Final states (shots, N) of a whole circuit on matrix product states."""
    # Two options that AerRunner turns off for circuits with loops, too.
    simulator = AerSimulator(method="matrix_product_state", fusion_enable=False)
    angles = probe_angles(probe.astype(float))
    bound = circuit.assign_parameters(dict(zip(template.parameters, angles, strict=True)))
    result = simulator.run(bound, shots=shots, seed_simulator=seed).result()
    if not result.success:
        raise RuntimeError(f"Aer failed: {result.status}")
    counts = {int(key, 16): count for key, count in result.results[0].data.counts.items()}
    states, numbers = unpack_counts(counts, 0, len(probe))
    return np.repeat(states, numbers.astype(int), axis=0)


def spins_of_samples(samples: Samples) -> NDArray[np.int8]:
    """Final states (shots, N) of one probe."""
    return np.repeat(samples.outcomes[0], samples.weights[0].astype(int), axis=0)


def same_distribution(
    one: NDArray[np.int8], other: NDArray[np.int8], pattern: NDArray[np.int8]
) -> float:
    """p-value of two samples having one distribution of the overlap with a pattern."""
    overlaps = [states.astype(int) @ pattern for states in (one, other)]
    # Exact permutation test of the mean; equal samples without spread agree.
    if np.ptp(np.concatenate(overlaps)) == 0:
        return 1.0
    test = stats.permutation_test(
        overlaps,
        lambda a, b, axis: np.mean(a, axis=axis) - np.mean(b, axis=axis),
        vectorized=True,
        n_resamples=9999,
        rng=np.random.default_rng(0),
    )
    return float(test.pvalue)


def main(
    neurons: Annotated[int, typer.Option(min=3)] = 32,
    shots: Annotated[int, typer.Option(min=2, help="Runs of the one probe.")] = 100,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of alternating runs.")] = 3,
    levels: Annotated[list[int] | None, typer.Option(help="Levels; repeatable.")] = None,
    unmeasured: Annotated[bool, typer.Option(help="Also times 'reuse' as it is.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "registers.csv",
) -> None:
    """Times one sweep from one probe in each register, in turns, at the same shots."""
    rng = np.random.default_rng(seed)
    patterns = random_patterns(3, neurons, seed=rng)
    memory = Hopfield.store(patterns)
    probe = corrupt(patterns[:1], flips=0.1, seed=rng)[0]
    rows: list[Row] = []
    worst = math.inf
    for level in [0, 1] if levels is None else levels:
        neuron = RUSNeuron(level) if level else RotationNeuron()
        forward = NeuronDynamics(neuron, sweeps=1)
        reuse = NeuronDynamics(neuron, sweeps=1, register="reuse")
        template = reuse.template(memory, reuse.plan(memory, np.random.default_rng(0)))
        product = measured_at_once(template.circuit, neurons)
        seen: dict[str, NDArray[np.int8]] = {}

        def feedforward(method: NeuronDynamics, seen: dict[str, NDArray[np.int8]]) -> None:
            samples = method.run(memory, probe, shots, AerRunner(), np.random.default_rng(seed))
            seen["feedforward"] = spins_of_samples(samples)

        def on_qubits(
            name: str,
            circuit: QuantumCircuit,
            template: Template,
            seen: dict[str, NDArray[np.int8]],
        ) -> None:
            seen[name] = spins_of(template, circuit, probe, shots, seed)

        circuits = {"reuse, measured at once": product}
        if unmeasured:
            circuits["reuse"] = template.circuit
        sides = {
            "feedforward": partial(feedforward, forward, seen),
            **{
                name: partial(on_qubits, name, circuit, template, seen)
                for name, circuit in circuits.items()
            },
        }
        taken = take_turns(sides, repeats, warm_up=False)
        width = template.circuit.num_qubits
        for name in sides:
            timings = taken[name]
            value, low, high = ratio(timings, taken["feedforward"], np.random.default_rng(seed))
            if name != "feedforward":
                worst = min(worst, value)
            rows.append(
                {
                    "level": level,
                    "register": name,
                    "simulated by": (
                        "statevector" if name == "feedforward" else "matrix product states"
                    ),
                    "qubits": 1 + level if name == "feedforward" else width,
                    "statevector (GiB)": (
                        statevector_bytes(1 + level if name == "feedforward" else width) / 2**30
                    ),
                    "shots": shots,
                    "seconds": median(timings),
                    "seconds, cpu": median(taken[cpu(name)]),
                    "times feedforward": value,
                    "low": low,
                    "high": high,
                    "mean overlap": float((seen[name].astype(float) @ patterns[0]).mean())
                    / neurons,
                    "p, same overlap": same_distribution(
                        seen[name], seen["feedforward"], patterns[0]
                    ),
                }
            )
    report(f"N = {neurons}, one sweep, medians of {repeats} runs in turns", rows, csv, seed=seed)
    typer.echo(
        f"feedforward is {worst:.0f} times as fast as the best simulation on qubits; the figure is "
        f"{FIGURE:.0f}."
    )
    if worst < FIGURE:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
