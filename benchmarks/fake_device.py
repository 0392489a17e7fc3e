"""What is left of a recall on a noisy device, and what mitigation gives back.

``python -m benchmarks.fake_device``: IBM's Sherbrooke as ``qiskit_ibm_runtime`` has recorded it
(127 qubits, ecr gates; relaxation, depolarising and read-out errors of each qubit, simulated by Aer
on the qubits in use).  Recalled are the letters C and Y with a wrong pixel, by neurons, and a
pattern of a small superposition memory, by three of its circuits; raw and with every kind of
mitigation.  The right pattern's share of the accepted runs and the acceptance stand beside the law
(no noise) and a classical baseline: the Hopfield update, and rejection sampling, whose shares are
the law's.

Aer's noise has no memory.  Decoupling undoes slow drifts, which have one, and cannot help here: its
pulses only add errors of their own.  It is compared with the same schedule without pulses, since
Aer lets qubits relax while they wait only where a schedule says so.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from qiskit.providers import BackendV2

from qhopfield.circuits import (
    Exponential,
    FilteredMemory,
    Hopfield,
    KernelFilter,
    ModernHopfield,
    NeuronDynamics,
    RejectionSampling,
    RotationNeuron,
    RUSNeuron,
)
from qhopfield.circuits.common.statistics import wilson_interval
from qhopfield.circuits.execution import Mitigation, SamplerRunner, make_runner
from qhopfield.circuits.methods import Method, Samples
from qhopfield.circuits.methods.mitigated import keep_codewords
from qhopfield.circuits.models import Model
from qhopfield.circuits.patterns import load_set, random_patterns

from .common import RESULTS, Row, report

READOUT = Mitigation(readout=True)
ZERO = Mitigation(zero_noise=(1, 3, 5))
BOTH = Mitigation(readout=True, zero_noise=(1, 3, 5))
WORDS = Mitigation(codewords=True)
ALL = Mitigation(readout=True, zero_noise=(1, 3, 5), codewords=True)
RAW: dict[str, Mitigation | None] = {"none": None}
LETTERS = {**RAW, "read-out": READOUT, "read-out, zero noise": BOTH}
MEMORY = {
    **RAW,
    "read-out": READOUT,
    "zero noise": ZERO,
    "read-out, zero noise": BOTH,
    "codewords": WORDS,
    "read-out, zero noise, codewords": ALL,
    "schedule, no pulses": Mitigation(decoupling="idle"),
    "schedule, XX pulses": Mitigation(decoupling="XX"),
    "schedule, XY4 pulses": Mitigation(decoupling="XY4"),
}


def load_device(name: str) -> BackendV2:
    """A recorded device."""
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError as error:
        raise typer.BadParameter("it needs pip install qhopfield[devices]") from error
    names = (f"Fake{name.capitalize()}{version}" for version in ("", "V2"))
    made = next((getattr(fake_provider, each) for each in names if hasattr(fake_provider, each)), 0)
    if not made:
        raise typer.BadParameter(f"qiskit_ibm_runtime has no device called {name!r}.")
    device: BackendV2 = made()
    return device


def shares(
    samples: Samples, wanted: NDArray[np.int8], overhead: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the wanted states among accepted runs, and acceptance; each with its interval.

    Mitigated runs count for ``1 / overhead`` of themselves.
    """
    right = [
        weights[(states == state).all(axis=1)].sum()
        for states, weights, state in zip(samples.outcomes, samples.weights, wanted, strict=True)
    ]
    accepted = sum(float(weights.sum()) for weights in samples.weights)
    runs = samples.shots * len(wanted)
    pairs = []
    for part, whole in ((sum(right), accepted), (accepted, runs)):
        if whole <= 0.0:
            pairs.append(np.full(3, math.nan))
            continue
        low, high = wilson_interval(part / overhead, whole / overhead)
        pairs.append(np.array([part / whole, low, high]))
    return pairs[0], pairs[1]


def measured(
    label: str,
    model: Model,
    method: Method,
    probes: NDArray[np.int8],
    wanted: NDArray[np.int8],
    mitigations: dict[str, Mitigation | None],
    device: BackendV2,
    classical: float,
    shots: int,
    seed: int,
) -> list[Row]:
    """One row a mitigation."""
    laws = [method.law(model, probe) for probe in probes]
    accepting = float(np.mean([law.acceptance for law in laws]))
    right = [law.acceptance * law.probability_of(w) for law, w in zip(laws, wanted, strict=True)]
    gates, qubits = math.nan, 1
    if not (isinstance(method, NeuronDynamics) and method.register == "feedforward"):
        ready = SamplerRunner(backend=device).transpiled(method.circuit(model, probes[0]))
        gates = float(sum(len(each.qubits) == 2 for each in ready.data))
        qubits = len({qubit for each in ready.data for qubit in each.qubits})
    rows: list[Row] = []
    for name, mitigation in mitigations.items():
        start = time.perf_counter()
        runner = make_runner(backend=device, mitigation=mitigation)
        samples = method.run(model, probes, shots, runner, np.random.default_rng(seed))
        if mitigation is not None and mitigation.codewords:
            samples = keep_codewords(samples, model.patterns)
        taken = time.perf_counter() - start
        typer.echo(f"{label}, {name}: {taken:.1f} s", err=True)
        words = mitigation is not None and mitigation.codewords
        chance = 1.0 / len(model.patterns) if words else 0.5**model.num_neurons
        (share, low, high), (acceptance, least, most) = shares(samples, wanted, runner.overhead)
        factors = 1 if mitigation is None else len(mitigation.zero_noise or (1,))
        rows.append(
            {
                "circuit": label,
                "mitigation": name,
                "right": share,
                "low": low,
                "high": high,
                "chance": chance,
                "law": float(np.mean(right)) / accepting,
                "classical": classical,
                "acceptance": acceptance,
                "acceptance low": least,
                "acceptance high": most,
                "acceptance law": accepting,
                "overhead": runner.overhead,
                "qubits": qubits,
                "two-qubit gates": gates,
                "runs": shots * len(probes) * factors,
                "seconds": taken,
            }
        )
    return rows


def letters(device: BackendV2, shots: int, seed: int) -> list[Row]:
    """C and Y with a wrong pixel in the middle: one sweep of neurons."""
    wanted = load_set("cy").patterns
    probes = wanted.copy()
    probes[:, 4] *= -1
    model = Hopfield.store(wanted)
    classical = float((model.recall(probes).states == wanted).all(axis=1).mean())
    rows: list[Row] = []
    # Few shots: each of the nine updates is a job for every size of a group of equal fields.
    few = min(shots, 64)
    # The field is summed beside the device: one rotation an update, not one per synapse.
    forward = NeuronDynamics(RotationNeuron(), sweeps=1, field_loading="sum")
    rows += measured(
        "letters, feedforward", model, forward, probes, wanted, RAW, device, classical, few, seed
    )
    reuse = NeuronDynamics(RotationNeuron(), sweeps=1, register="reuse")
    rows += measured(
        "letters, reuse", model, reuse, probes, wanted, LETTERS, device, classical, shots, seed
    )
    # A sharper neuron that post-selects: three times the gates, and most runs are rejected.
    sharp = NeuronDynamics(RUSNeuron(1, attempts=1), sweeps=1, register="reuse")
    rows += measured(
        "letters, reuse, RUS", model, sharp, probes, wanted, RAW, device, classical, shots, seed
    )
    return rows


def memory(device: BackendV2, neurons: int, stored: int, shots: int, seed: int) -> list[Row]:
    """A pattern with a wrong neuron, recalled from the superposition of all."""
    patterns = random_patterns(stored, neurons, seed=seed)
    model = ModernHopfield(patterns, beta=1.0)
    probes = patterns[:1].copy()
    probes[0, 0] *= -1
    # What the law recalls most: with few neurons another pattern may lie as close.
    law = RejectionSampling().law(model, probes[0])
    wanted = law.states[[int(np.argmax(law.probabilities))]]
    classical = float(law.probabilities.max())
    circuits: dict[str, Method] = {
        "memory, exp, an ancilla each": FilteredMemory(fresh=True),
        "memory, exp, one ancilla": FilteredMemory(),
        "memory, kernel": FilteredMemory(KernelFilter(Exponential(1.0))),
    }
    rows: list[Row] = []
    for label, method in circuits.items():
        rows += measured(
            label, model, method, probes, wanted, MEMORY, device, classical, shots, seed
        )
    return rows


def main(
    device: Annotated[str, typer.Option(help="A device that IBM has recorded.")] = "sherbrooke",
    shots: Annotated[int, typer.Option(min=1, help="Runs a probe of the memory.")] = 4000,
    letter_shots: Annotated[int, typer.Option(min=1, help="Runs a letter.")] = 200,
    neurons: Annotated[int, typer.Option(min=2, help="Neurons of the memory.")] = 5,
    stored: Annotated[int, typer.Option(min=2, help="Patterns of the memory.")] = 4,
    skip_letters: Annotated[bool, typer.Option(help="Leaves the letters out.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "fake_device.csv",
) -> None:
    """Recalls on a recorded device, raw and mitigated."""
    behind = load_device(device)
    rows = [] if skip_letters else letters(behind, letter_shots, seed)
    rows += memory(behind, neurons, stored, shots, seed)
    title = f"{behind.name}, {behind.num_qubits} qubits; intervals at 95 %"
    report(title, rows, csv, seed=seed, shown=[shortened(row) for row in rows])


def shortened(row: Row) -> Row:
    """A row as it is printed: a figure and its interval in one column."""
    gates = row["two-qubit gates"]
    return {
        "circuit": row["circuit"],
        "mitigation": row["mitigation"],
        "right": f"{row['right']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
        "chance": row["chance"],
        "law": row["law"],
        "classical": row["classical"],
        "accepted": f"{row['acceptance']:.3f}",
        "by law": f"{row['acceptance law']:.3f}",
        "overhead": f"{row['overhead']:.2f}",
        "qubits": row["qubits"],
        "2-qubit": "" if math.isnan(gates) else f"{gates:.0f}",
        "runs": row["runs"],
    }


if __name__ == "__main__":
    typer.run(main)
