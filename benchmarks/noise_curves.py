"""How much does noise take from recall, method by method?

``python -m benchmarks.noise_curves``: two patterns of six neurons are stored and one is recalled
from a copy with one wrong spin, by every method that runs circuits, at rising strengths of three
kinds of noise: depolarising two-qubit gates, read-out errors, relaxation.  Searches that complete
and do not correct get the wrong spin erased instead.  Each row holds the mean overlap of an
accepted shot's state with the pattern meant, how often it is that pattern, both with 95 %
intervals, and the acceptance.  Beside it stands what the same recall gives classically, which no
noise touches: sign updates, rejection sampling by its law, or the nearest pattern.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from qiskit_aer.noise import NoiseModel
from rich.table import Table

from qhopfield.circuits import (
    AmplifiedMemory,
    AtomizedMemory,
    DenseAssociativeMemory,
    DenseVote,
    DistributedQuery,
    ExpFilter,
    Exponential,
    FilteredMemory,
    GroverCompletion,
    Hopfield,
    KernelFilter,
    ModernHopfield,
    NeuronDynamics,
    RecallResult,
    RejectionSampling,
    Resources,
    RotationNeuron,
    RUSNeuron,
    TrugenbergerFilter,
    VenturaMartinez,
    recall,
    resources,
)
from qhopfield.circuits.blocks.filters import MemoryFilter
from qhopfield.circuits.common.statistics import wilson_interval
from qhopfield.circuits.execution import make_noise
from qhopfield.circuits.methods import BlockDynamics, Method
from qhopfield.circuits.models import Model

from .common import RESULTS, Row, environment, wide_console, write_csv

app = typer.Typer(add_completion=False)

# The two agree on neurons 0, 2 and 4 and differ on the others: each half holds itself, and sign
# updates mend any one spin.  The pattern meant is stored last: an index that relaxes, or is lost,
# names the first.
PATTERNS = np.array([[1, -1, -1, -1, -1, 1], [1, 1, -1, 1, -1, -1]], dtype=np.int8)
TARGET = PATTERNS[-1]
WRONG = 0
"""The neuron whose spin the probe has wrong, or erased."""

KINDS = ("two-qubit", "read-out", "relaxation")
STRENGTHS: dict[str, tuple[float, ...]] = {
    "two-qubit": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
    "read-out": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
    "relaxation": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
}
GATE_TIME = 300.0
"""Nanoseconds of a two-qubit gate; relaxation is given as its ratio to T1."""


@dataclass(frozen=True)
class Case:
    """A method on the common task.

    Attributes:
        name: how the tables call it.
        model: the memory.
        method: the method.
        family: methods of one family share a colour.
        erased: whether the probe has a spin erased, and not wrong.
        share: of the shots, for methods that are slow to simulate.
    """

    name: str
    model: Model
    method: Method
    family: str
    erased: bool = False
    share: float = 1.0

    @property
    def probe(self) -> NDArray[np.float64]:
        """What recall starts from."""
        probe: NDArray[np.float64] = TARGET.astype(np.float64)
        probe[WRONG] = 0.0 if self.erased else -probe[WRONG]
        return probe

    @property
    def bar(self) -> float:
        """Overlap of the probe itself with the target."""
        return float(self.probe @ TARGET / len(TARGET))

    def run(self, shots: int, seed: int, noise: NoiseModel | None = None) -> Point:
        """Runs the circuits."""
        wanted = max(1, round(shots * self.share))
        with warnings.catch_warnings():
            # One kind of error at a time: some methods have no gate that it acts on.
            warnings.filterwarnings("ignore", "Noise without effect", UserWarning)
            result = recall(
                self.model, self.probe, self.method, shots=wanted, seed=seed, noise_model=noise
            )
        return Point.of(result)

    def classical(self) -> tuple[float, float]:
        """Overlap and share of the target of the same recall without circuits."""
        if self.family == "search":
            nearest = PATTERNS[(PATTERNS @ self.probe).argmax()]
            return float(nearest @ TARGET / len(TARGET)), float((nearest == TARGET).all())
        chosen = self.filter()
        if chosen is not None:
            law = RejectionSampling(chosen).law(self.model, self.probe)
            overlap = float(law.probabilities @ law.states @ TARGET) / len(TARGET)
            return overlap, float(law.probability_of(TARGET))
        states = self.model.recall(self.probe[None, :], seed=0).states
        return float(states[0] @ TARGET / len(TARGET)), float((states[0] == TARGET).all())

    def filter(self) -> MemoryFilter | None:
        """The filter of a superposition memory."""
        method = self.method.method if isinstance(self.method, AtomizedMemory) else self.method
        return method.filter if isinstance(method, (FilteredMemory, AmplifiedMemory)) else None

    def cost(self) -> Resources:
        """What the circuits cost; they are written in gates of two qubits at most."""
        return resources(self.model, self.method)


@dataclass(frozen=True)
class Point:
    """What one recall gave: figures with the ends of their 95 % intervals.

    Attributes:
        overlap: mean overlap of an accepted shot's state with the target; NaN without any.
        overlap_low: lower end.
        overlap_high: upper end.
        target: share of the target among the accepted shots.
        target_low: lower end.
        target_high: upper end.
        acceptance: accepted share of the shots.
        acceptance_low: lower end.
        acceptance_high: upper end.
    """

    overlap: float
    overlap_low: float
    overlap_high: float
    target: float
    target_low: float
    target_high: float
    acceptance: float
    acceptance_low: float
    acceptance_high: float

    @classmethod
    def of(cls, result: RecallResult) -> Point:
        """Reads the result of one probe."""
        overlaps, share, reached = (math.nan, -1.0, 1.0), math.nan, (0.0, 1.0)
        if result.recalled[0]:
            shots = float(result.effective_shots[0])
            overlaps = mean_overlap(result.outcomes[0], result.weights[0], shots)
            share = float(result.probability_of(TARGET)[0])
            low, high = wilson_interval(share * shots, shots).tolist()
            reached = (low, high)
        accepted = result.acceptance_intervals[0].tolist()
        return cls(*overlaps, share, *reached, float(result.acceptance[0]), *accepted)


def mean_overlap(
    states: NDArray[np.int8], weights: NDArray[np.float64], shots: float
) -> tuple[float, float, float]:
    """Mean overlap with the target and the ends of its 95 % interval.

    The interval is Wilson's for ``(1 + overlap) / 2``, with as many trials as give a share the
    variance that the overlaps have; where they do not vary, the shots.

    Shapes:
        states: (K, N)
        weights: (K,)
    """
    values = (1.0 + states @ TARGET.astype(float) / len(TARGET)) / 2.0
    chances = weights / weights.sum()
    share = min(1.0, max(0.0, float(chances @ values)))
    variance = float(chances @ (values - share) ** 2)
    trials = shots * share * (1.0 - share) / variance if variance > 1e-12 else shots
    low, high = wilson_interval(share * trials, trials).tolist()
    return 2.0 * share - 1.0, 2.0 * low - 1.0, 2.0 * high - 1.0


def cases() -> dict[str, Case]:
    """Every method that runs circuits, with settings that recall the target without noise.

    Coherent dynamics takes a new qubit an update and is simulated shot by shot: it updates the
    first half of the neurons once, the wrong one among them, where the other registers take two
    sweeps of all.  The three searches find the target less often than not even without noise, for
    their oracles mark what is not stored, too.  Blocks answer by a pattern's number, so that no
    error makes them name a state that is not stored.
    """
    plain, modern = Hopfield.store(PATTERNS), ModernHopfield(PATTERNS, 1.0)
    dense = DenseAssociativeMemory(PATTERNS, Exponential(1.0))
    softmax, kernel = ExpFilter(1.0), KernelFilter(Exponential(1.0))
    first_half = tuple(range(PATTERNS.shape[1] // 2))

    def dynamics(neuron: RotationNeuron | RUSNeuron, register: str) -> NeuronDynamics:
        if register == "coherent":
            return NeuronDynamics(neuron, 1, first_half, register=register, gain="typical")
        return NeuronDynamics(neuron, 2, register=register, gain="typical")

    once = RUSNeuron(1, attempts=1)
    shards = AtomizedMemory(FilteredMemory(softmax), shards=2)
    blocks = AtomizedMemory(FilteredMemory(softmax), shards=1, blocks=2)
    # Two rounds are the best for this probe; "auto" is billed for a stored pattern as probe.
    amplified = AmplifiedMemory(kernel, rounds=2, overshoot=True)
    listed = [
        Case("rotation, feedforward", plain, dynamics(RotationNeuron(), "feedforward"), "dynamics"),
        Case("rotation, reuse", plain, dynamics(RotationNeuron(), "reuse"), "dynamics"),
        Case("rotation, coherent", plain, dynamics(RotationNeuron(), "coherent"), "dynamics"),
        Case("RUS, feedforward", plain, dynamics(RUSNeuron(1), "feedforward"), "dynamics"),
        Case("RUS, reuse", plain, dynamics(once, "reuse"), "dynamics"),
        Case("RUS, coherent", plain, dynamics(once, "coherent"), "dynamics"),
        Case(
            "RUS, two blocks",
            plain,
            BlockDynamics(2, neuron=RUSNeuron(1), sweeps=2, gain="typical"),
            "dynamics",
        ),
        Case("softmax", modern, FilteredMemory(softmax), "filter", share=4.0),
        Case("softmax, fresh", modern, FilteredMemory(softmax, fresh=True), "filter"),
        Case("kernel", modern, FilteredMemory(KernelFilter(Exponential(1.0), d_min=1)), "filter"),
        Case("Trugenberger", modern, FilteredMemory(TrugenbergerFilter(4)), "filter"),
        Case("amplified kernel", modern, amplified, "filter", share=0.2),
        Case("softmax, 2 shards", modern, shards, "atomized", share=2.0),
        Case("softmax, 2 blocks", modern, blocks, "atomized", share=2.0),
        Case("vote", dense, DenseVote(synchronous=True, votes=64), "vote", share=0.1),
        Case("Grover", plain, GroverCompletion(), "search", erased=True),
        Case("Ventura-Martinez", plain, VenturaMartinez(), "search", erased=True),
        Case("distributed query", plain, DistributedQuery(0.15), "search"),
    ]
    return {case.name: case for case in listed}


def chosen_cases(only: list[str] | None) -> list[Case]:
    """The cases with these names, or all."""
    known = cases()
    unknown = sorted(set(only or ()) - set(known))
    if unknown:
        raise typer.BadParameter(f"--only: no {unknown[0]!r}; there are {', '.join(known)}.")
    return [known[name] for name in only or known]


def noise_of(kind: str, strength: float) -> NoiseModel:
    """One kind of noise.

    Args:
        kind: one of :data:`KINDS`.
        strength: probability that a two-qubit gate depolarises its qubits, or that a bit is read
            wrongly; or the ratio of a two-qubit gate's 300 ns to T1.
    """
    if kind == "two-qubit":
        return make_noise(two_qubit=strength)
    if kind == "read-out":
        return make_noise(readout=strength)
    return make_noise(t1=GATE_TIME / strength / 1e3, two_qubit_time=GATE_TIME)


@app.command()
def main(
    only: Annotated[list[str] | None, typer.Option(help="Names of methods; repeatable.")] = None,
    kinds: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(KINDS)}; repeatable.")
    ] = None,
    strengths: Annotated[list[float] | None, typer.Option(help="In place of the usual.")] = None,
    shots: Annotated[int, typer.Option(min=1, help="Shots; some methods take more or less.")] = 400,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "noise_curves.csv",
    picture: Annotated[Path | None, typer.Option(help="Where to draw the curves.")] = None,
) -> None:
    """Recalls the same probe by every method at every strength of noise."""
    for kind in kinds or KINDS:
        if kind not in KINDS:
            raise typer.BadParameter(f"--kinds: no {kind!r}; there are {', '.join(KINDS)}.")
    if not all(0.0 < each <= 1.0 for each in strengths or ()):
        raise typer.BadParameter("--strengths: above 0 and at most 1.")
    rows: list[Row] = []
    for case in chosen_cases(only):
        cost, (overlap, target) = case.cost(), case.classical()
        head = {
            "method": case.name,
            "qubits": cost.qubits,
            "circuits": cost.circuits,
            "updates": cost.updates,
            "two-qubit gates": round(cost.expected_two_qubit_gates),
        }
        tail = {"classical overlap": overlap, "classical target": target, "probe": case.bar}
        points = [("none", 0.0, case.run(shots, seed))]
        points += [
            (kind, strength, case.run(shots, seed, noise_of(kind, strength)))
            for kind in kinds or KINDS
            for strength in strengths or STRENGTHS[kind]
        ]
        rows += [
            {**head, "noise": kind, "strength": strength, **vars(point), **tail}
            for kind, strength, point in points
        ]
    show_overlaps(rows, f"one spin of six wrong or erased, {shots} shots")
    write_csv(csv, [{**row, "seed": seed, **environment()} for row in rows])
    print(csv)
    if picture is not None:
        draw(rows, picture)


def show_overlaps(rows: list[Row], title: str) -> None:
    """Prints the mean overlaps, a table a kind of noise; the rest is in the CSV file."""
    for kind in dict.fromkeys(row["noise"] for row in rows if row["noise"] != "none"):
        table = Table(title=f"Mean overlap under {kind} noise: {title}")
        strengths = dict.fromkeys(row["strength"] for row in rows if row["noise"] == kind)
        for column in (
            "method",
            "gates",
            "classical",
            "none",
            *(f"{each:g}" for each in strengths),
        ):
            table.add_column(column)
        for name in dict.fromkeys(row["method"] for row in rows):
            line = [row for row in rows if row["method"] == name and row["noise"] in ("none", kind)]
            table.add_row(
                name,
                str(line[0]["two-qubit gates"]),
                f"{line[0]['classical overlap']:.2f}",
                *(
                    f"{row['overlap']:.2f} ({row['overlap_low']:.2f}, {row['overlap_high']:.2f})"
                    for row in line
                ),
            )
        wide_console().print(table)


COLOURS = {
    "dynamics": "#0072b2",
    "filter": "#009e73",
    "atomized": "#cc79a7",
    "vote": "#000000",
    "search": "#d55e00",
}
LABELS = {
    "two-qubit": "p of a two-qubit gate",
    "read-out": "p of a wrong bit",
    "relaxation": "two-qubit gate time / T1",
}


def draw(rows: list[Row], picture: Path) -> None:
    """A panel a kind of noise, a line a method, the classical recall dashed in its colour."""
    from qhopfield.circuits.figures import new_figure

    known = cases()
    kinds = [kind for kind in KINDS if any(row["noise"] == kind for row in rows)]
    figure = new_figure(1.5 + 4.0 * len(kinds), 5.2, layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(kinds), sharey=True))
    for axes, kind in zip(panels, kinds, strict=True):
        seen: dict[str, int] = {}
        for name in dict.fromkeys(row["method"] for row in rows):
            family = known[name].family
            number = seen[family] = seen.get(family, -1) + 1
            line = [row for row in rows if (row["method"], row["noise"]) == (name, kind)]
            found = np.array([row["overlap"] for row in line])
            ends = [np.array([row[end] for row in line]) for end in ("overlap_low", "overlap_high")]
            # Methods would hide one another's intervals.
            shift = 10 ** (0.012 * (list(known).index(name) - len(known) / 2))
            axes.errorbar(
                np.array([row["strength"] for row in line]) * shift,
                found,
                np.maximum([found - ends[0], ends[1] - found], 0.0),
                color=COLOURS[family],
                marker="osv^D<>P"[number],
                markerfacecolor=COLOURS[family] if number % 2 == 0 else "white",
                linestyle=("-", ":", "--", "-.")[number % 4],
                markersize=4,
                linewidth=1,
                capsize=2,
                label=name,
            )
        for family in seen:
            twins = {
                row["classical overlap"] for row in rows if known[row["method"]].family == family
            }
            for place in twins:
                axes.axhline(place, color=COLOURS[family], linewidth=0.8, linestyle="--")
        bar = axes.axhline(known["softmax"].bar, color="grey", linewidth=1.2, linestyle=":")
        axes.set(xscale="log", xlabel=LABELS[kind], title=kind)
    panels[0].set_ylabel("mean overlap with the pattern meant")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        [*handles, bar],
        [*labels, "the probe itself"],
        loc="outside right center",
        frameon=False,
        fontsize=8,
    )
    figure.suptitle("Recall under noise; dashed, at the top: classical, by family", fontsize=10)
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.noise_curves")
