"""How well does a network recall that is cut into blocks updated in parallel?

``python -m benchmarks.blocks``: stored patterns of 64 neurons with a share of their spins flipped
are recalled by quantum neurons in 1 to 16 blocks whose links are scaled from 0 to 1.  Beside each
stand sign updates of the same blocks from the same probes, written here without the library's
dynamics.  The whole network is there twice, in sequential order (one block) and in random order.
Digits are stored by the projection rule, random patterns by Hebb's.  One run a probe, so that the
Wilson intervals are honest; ``--circuits`` adds a row of four blocks on Aer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from qhopfield.circuits import Hopfield, NeuronDynamics, RUSNeuron
from qhopfield.circuits.common.statistics import wilson_interval
from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.methods import BlockDynamics, Samples
from qhopfield.circuits.patterns import corrupt, load_set, random_patterns

from .common import RESULTS, Row, report

NEURONS = 64
SOURCES = ("digits", "random")


@dataclass(frozen=True)
class Task:
    """A memory and its probes.

    Attributes:
        source: where its patterns come from.
        memory: the network.
        given: the probes, (P, 64).
        targets: what each should become, (P, 64).
        seed: of the runs.
    """

    source: str
    memory: Hopfield
    given: NDArray[np.int8]
    targets: NDArray[np.int8]
    seed: int

    @classmethod
    def of(cls, source: str, probes: int, flips: float, seed: int) -> Task:
        """Ten digits, or four random patterns, and corrupted copies of them."""
        if source == "digits":
            patterns, rule = load_set("digits").one_per_label().patterns, "projection"
        else:
            patterns, rule = random_patterns(4, NEURONS, seed=seed), "hebb"
        targets = patterns[np.arange(probes) % len(patterns)]
        memory = Hopfield.store(patterns, rule=rule)
        return cls(source, memory, corrupt(targets, flips=flips, seed=seed), targets, seed)

    def row(
        self,
        method: BlockDynamics | NeuronDynamics,
        place: str,
        settings: dict[str, int | float | str],
        ended: NDArray[np.int8],
        settled: float,
    ) -> Row:
        """Runs the quantum neurons, one run a probe, and counts both sides.

        Args:
            method: the dynamics.
            place: "law" or "Aer".
            settings: the first columns.
            ended: where the sign updates ended, (P, 64).
            settled: which share of them are fixed points.
        """
        rng = np.random.default_rng(self.seed)
        samples = (
            method.sample_law(self.memory, self.given, 1, rng)
            if place == "law"
            else method.run(self.memory, self.given, 1, AerRunner(), rng)
        )
        signs = int((ended == self.targets).all(axis=1).sum())
        quantum = recalled(samples, self.targets)
        columns: dict[str, int | float | str] = {"memory": self.source, **settings, "by": place}
        for name, hits in (("recalled", quantum), ("signs", signs)):
            low, high = wilson_interval(hits, len(self.targets))
            columns |= {
                name: hits / len(self.targets),
                f"{name}, low": float(low),
                f"{name}, high": float(high),
            }
        return {**columns, "signs settled": settled}


def sign_updates(
    network: Hopfield, blocks: tuple[tuple[int, ...], ...], states: NDArray[np.int8], sweeps: int
) -> NDArray[np.int8]:
    """Where sign updates of blocks in parallel end; a field of zero keeps the spin."""
    now = states.astype(float)
    for _ in range(sweeps):
        before = now.copy()
        for block in blocks:
            seen = before.copy()
            for i in block:
                field = seen @ network.weights[i] + network.bias[i]
                seen[:, i] = np.where(np.abs(field) < 1e-9, seen[:, i], np.sign(field))
            now[:, list(block)] = seen[:, list(block)]
    return now.astype(np.int8)


def recalled(samples: Samples, targets: NDArray[np.int8]) -> int:
    """How many probes of one run each ended in their pattern."""
    return sum(
        int((outcome == target).all(axis=1).sum())
        for outcome, target in zip(samples.outcomes, targets, strict=True)
    )


def main(
    sources: Annotated[list[str] | None, typer.Option(help="digits, random; repeatable.")] = None,
    blocks: Annotated[list[int] | None, typer.Option(help="Numbers of blocks.")] = None,
    links: Annotated[list[float] | None, typer.Option(help="Factors between blocks.")] = None,
    probes: Annotated[int, typer.Option(min=1, help="Probes, one run each.")] = 1000,
    flips: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of spins flipped.")] = 0.2,
    level: Annotated[int, typer.Option(min=1, help="Level of the neurons.")] = 4,
    sweeps: Annotated[int, typer.Option(min=1)] = 5,
    circuits: Annotated[bool, typer.Option(help="Adds four blocks on Aer.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "blocks.csv",
) -> None:
    """Recalls the same probes at every number of blocks and strength of links."""
    rows: list[Row] = []
    neuron = RUSNeuron(level)
    for source in sources or SOURCES:
        if source not in SOURCES:
            raise typer.BadParameter(f"sources must be of {', '.join(SOURCES)}; got {source!r}.")
        task = Task.of(source, probes, flips, seed)
        classical = task.memory.recall(task.given, sweeps=sweeps, order="random", seed=seed)
        whole: dict[str, int | float | str] = {"blocks": "none", "link": 1.0}
        whole["steps"] = sweeps * NEURONS
        random_order = NeuronDynamics(neuron, sweeps, order="random")
        settled = float(classical.converged.mean())
        rows.append(task.row(random_order, "law", whole, classical.states, settled))
        for number in blocks or [1, 2, 4, 8, 16]:
            # One block has no links.
            for link in [1.0] if number == 1 else links or [0.0, 0.25, 0.5, 0.75, 1.0]:
                method = BlockDynamics(number, neuron=neuron, sweeps=sweeps, link=link)
                network = method.network(task.memory)
                ended = sign_updates(network, method.partition(network), task.given, sweeps)
                settled = float(network.is_fixed_point(ended).mean())
                settings: dict[str, int | float | str] = {"blocks": number, "link": link}
                settings["steps"] = method.steps(network)
                rows.append(task.row(method, "law", settings, ended, settled))
                if circuits and (number, link) == (4, 1.0):
                    rows.append(task.row(method, "Aer", settings, ended, settled))
    title = f"N = {NEURONS}, {flips:.0%} flipped, {probes} probes, level {level}, {sweeps} sweeps"
    report(title, rows, csv, seed=seed)


if __name__ == "__main__":
    typer.run(main)
