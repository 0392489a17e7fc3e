"""What does a bank of submodules cost beside the same memory in one piece?

``python -m benchmarks.bank``: a lookup layer of M stored patterns, in one piece and cut into shards
of a fixed size, with the same weights.  By law: forward and backward of a batch of queries, both
sides in turns.  On circuits: their number a query, qubits (``coherent`` and ``reuse``), two-qubit
gates and depth of one, and the seconds that Aer takes for a query by shots, transpiled before, with
product-state keys (the circuits of keys +-1 are of the same shape).

The law is one function, and both sides compute it in one piece, so their times should be equal;
that circuits agree with it is measured by the claims, ``hybrid.bank.*``.
"""

from __future__ import annotations

import math
from functools import cache, partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from qiskit_aer import AerSimulator
from torch import Tensor

from qhopfield.circuits.blocks.cost import circuit_cost
from qhopfield.hybrid import QuantumHopfieldLayer, SubmoduleBank, run_on
from qhopfield.hybrid.programs.memory import MemoryProgram

from .common import RESULTS, Row, median, ratio, report, take_turns
from .layer_speed import Step, cores, torch_threads

SIDES = ("one piece", "bank")


def layers(
    patterns: int, size: int, neurons: int, heads: int, keys: str
) -> dict[str, QuantumHopfieldLayer]:
    """A layer in one piece and a bank with its weights, by name."""
    given = {"num_heads": heads, "quantity": patterns, "keys": keys}
    one = QuantumHopfieldLayer(heads * neurons, **given)
    bank = SubmoduleBank(heads * neurons, shards=-(-patterns // size), **given)
    bank.load_state_dict(one.state_dict())
    return dict(zip(SIDES, (one, bank), strict=True))


@cache
def circuit(patterns: int, neurons: int) -> Row:
    """Qubits, two-qubit gates and depth of a head's memory of so many patterns."""
    program = MemoryProgram(patterns, neurons)
    cost = circuit_cost(program.circuit().circuit)
    return {
        "qubits": program.num_qubits(),
        "qubits, reuse": program.num_qubits("reuse"),
        "two-qubit gates": cost.two_qubit_gates,
        "depth": cost.depth,
    }


def on_aer(
    sides: dict[str, QuantumHopfieldLayer], query: Tensor, shots: int, repeats: int, seed: int
) -> dict[str, float]:
    """Seconds of a query by shots, side by side."""
    models = torch.nn.ModuleList(sides.values())
    with (
        torch.no_grad(),
        run_on(models, backend=AerSimulator(), shots=shots, empty="prior", seed=seed),
    ):
        taken = take_turns({name: partial(layer, query) for name, layer in sides.items()}, repeats)
    return {name: median(taken[name]) for name in sides}


def main(
    sizes: Annotated[
        list[int] | None, typer.Option("--patterns", min=1, help="M; repeatable.")
    ] = None,
    shard: Annotated[int, typer.Option(min=1, help="Patterns of a shard.")] = 16,
    neurons: Annotated[int, typer.Option(min=1, help="Neurons of a head.")] = 4,
    heads: Annotated[int, typer.Option(min=1)] = 2,
    queries: Annotated[int, typer.Option(min=1, help="Queries of a step by law.")] = 256,
    aer: Annotated[int, typer.Option(min=0, help="The largest M that runs on Aer.")] = 256,
    shots: Annotated[int, typer.Option(min=1)] = 1000,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of alternating steps.")] = 10,
    threads: Annotated[int | None, typer.Option(min=1, help="All processors if left out.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "bank.csv",
) -> None:
    """Times a bank of submodules and the same memory in one piece, and counts their circuits."""
    rows: list[Row] = []
    with torch.random.fork_rng(), torch_threads(threads or cores()):
        torch.manual_seed(seed)
        for patterns in sizes or (64, 256, 1024, 4096):
            for keys in ("binary", "product"):
                sides = layers(patterns, min(shard, patterns), neurons, heads, keys)
                inputs, slope = torch.randn(2, 1, queries, heads * neurons)
                taken = take_turns(
                    {name: Step(layer, inputs, slope) for name, layer in sides.items()}, repeats
                )
                asked = dict.fromkeys(SIDES, math.nan)
                if patterns <= aer and keys == "product":  # circuits of bits are no others
                    asked = on_aer(sides, inputs[:, :1], shots, min(3, repeats), seed)
                rng = np.random.default_rng(seed)
                value, low, high = ratio(taken[SIDES[1]], taken[SIDES[0]], rng)
                for name, layer in sides.items():
                    bank = layer if isinstance(layer, SubmoduleBank) else None
                    rows.append(
                        {
                            "patterns": patterns,
                            "keys": keys,
                            "memory": name,
                            "law (ms)": 1e3 * median(taken[name]),
                            "to one piece": value if bank else 1.0,
                            "low": low if bank else 1.0,
                            "high": high if bank else 1.0,
                            "circuits": bank.circuits if bank else heads,
                            **circuit(max(bank.sizes) if bank else patterns, neurons),
                            "Aer (s a query)": asked[name],
                        }
                    )
    report(
        f"A bank of shards of {shard} beside one piece: {heads} heads of {neurons} neurons; a step "
        f"of {queries} queries by law, {shots} shots a circuit on Aer",
        rows,
        csv,
        seed=seed,
    )


if __name__ == "__main__":
    typer.run(main)
