"""Is quantum pooling classical pooling, and what is left of it on shots and under noise?

``python -m benchmarks.bit_patterns``: bags of bit patterns, at the published sizes (16 patterns of
8 bits, 8 signals).  First the learning curves: with +-1 keys the quantum pooling is the classical
modern-Hopfield pooling, so trained from the same weights on the same batches their losses agree
step by step.  Then a pooling is trained with and without a price on rejected shots, and the same
weights answer on the law, on Aer with 1,000 shots a circuit, and under a noise model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer
from torch import nn

from qhopfield.circuits.common.statistics import wilson_interval
from qhopfield.circuits.figures import new_figure
from qhopfield.hybrid import QuantumHopfieldPooling, run_on
from qhopfield.hybrid.tasks import BitPatternSets, Splits
from qhopfield.hybrid.training import compare_curves, noisy_device

from .common import RESULTS, Row, report
from .trainings import clean

FIGURE = 1e-5


def trained(
    task: BitPatternSets, data: Splits, price: float, epochs: int, seed: int
) -> tuple[nn.Module, QuantumHopfieldPooling]:
    """A pooling over the patterns themselves, and a small head.

    Args:
        task: sizes.
        data: what is learnt from.
        price: weight of ``-log(acceptance)`` in the loss.
        epochs: passes over the training bags.
        seed: of weights and order.
    """
    torch.manual_seed(seed)
    pooling = QuantumHopfieldPooling(
        task.bits,
        hidden_size=task.bits,
        num_heads=task.heads,
        stored_as_static=True,
        scaling=1.0,
    )
    head = nn.Sequential(nn.Linear(task.bits, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
    model = nn.Sequential(pooling, head)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(epochs):
        for batch in torch.randperm(len(data.train)).split(64):
            bags = data.train.inputs[batch]
            loss = task.loss(model(bags), data.train.targets[batch])
            if price:
                loss = loss - price * pooling.associate(bags).acceptance.log().mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return model.eval(), pooling


def answers(
    model: nn.Module, pooling: QuantumHopfieldPooling, data: Splits, limit: int, shots: int
) -> list[Row]:
    """Right answers on each path; positive and negative test bags take turns."""
    rows: list[Row] = []
    noise = noisy_device()
    with torch.no_grad():
        acceptance = pooling.associate(data.test.inputs).acceptance.log().mean().exp().item()
        for name, count, keywords in (
            ("law, all test bags", len(data.test), {}),
            ("law", limit, {}),
            (f"Aer, {shots} shots", limit, {"shots": shots, "backend": _aer()}),
            (f"noise, {shots} shots", limit, {"shots": shots, "noise_model": noise}),
        ):
            bags, wanted = data.test.inputs[:count], data.test.targets[:count]
            options = {**keywords, "seed": 7, "empty": "prior"} if keywords else {}
            with run_on(model, **options):
                right = int(((model(bags) > 0) == (wanted > 0)).sum())
                runner = pooling.hopfield.executor
                empty = 0 if runner is None else runner.empty_runs
            low, high = wilson_interval(right, count)
            rows.append(
                {
                    "path": name,
                    "bags": count,
                    "accuracy": right / count,
                    "low": float(low),
                    "high": float(high),
                    "acceptance": acceptance,
                    "empty circuits": empty,
                }
            )
    return rows


def _aer() -> object:
    from qiskit_aer import AerSimulator

    return AerSimulator()


def draw(curve: pd.DataFrame, rows: list[Row], path: Path) -> None:
    """Draws the two curves with their gap, and the accuracies of each path."""
    figure = new_figure(9.6, 3.8, layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(curve["step"], curve["hopfield-binary"], color="#3a9d6e", lw=4, alpha=0.5,
              label="classical Hopfield pooling")  # fmt: skip
    left.plot(curve["step"], curve["quantum"], color="#c8553d", lw=1, label="quantum pooling")
    left.set_xlabel("training step")
    left.set_ylabel("loss of the batch")
    left.set_title(f"One curve: largest gap {curve['gap'].max():.0e}", loc="left", fontsize=11)
    left.legend(frameon=False, fontsize=8.5)
    clean(left)
    prices = list(dict.fromkeys(row["price"] for row in rows))
    for shift, (price, colour) in enumerate(zip(prices, ("#2a7fb8", "#e0a458"), strict=False)):
        mine = [row for row in rows if row["price"] == price]
        places = [place + 0.2 * shift - 0.1 for place in range(len(mine))]
        means = [row["accuracy"] for row in mine]
        ends = [[m - row["low"] for m, row in zip(means, mine, strict=True)],
                [row["high"] - m for m, row in zip(means, mine, strict=True)]]  # fmt: skip
        label = f"acceptance {mine[0]['acceptance']:.2g}" + (", trained" if price else "")
        right.errorbar(places, means, ends, fmt="o", color=colour, capsize=4, label=label)
        right.set_xticks(range(len(mine)), [row["path"].replace(", ", ",\n") for row in mine])
    right.axhline(0.5, color="#999999", linestyle=":", linewidth=1.0)
    right.set_ylim(0.4, 1.02)
    right.set_ylabel("accuracy, 95 % interval")
    right.set_title("The same weights on each path", loc="left", fontsize=11)
    right.legend(frameon=False, fontsize=8.5, loc="lower left")
    clean(right)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main(
    steps: Annotated[int, typer.Option(min=1, help="Steps that the curves are compared.")] = 500,
    epochs: Annotated[int, typer.Option(min=1, help="Passes of the second training.")] = 40,
    price: Annotated[float, typer.Option(min=0.0, help="Price of rejected shots.")] = 0.003,
    limit: Annotated[int, typer.Option(min=2, help="Bags that circuits answer.")] = 20,
    shots: Annotated[int, typer.Option(min=1, help="Shots a circuit.")] = 1000,
    threads: Annotated[int, typer.Option(min=1, help="Threads of PyTorch.")] = 2,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "bit_patterns.csv",
    figure: Annotated[Path, typer.Option(help="Where the figure goes.")] = RESULTS
    / "bit_patterns.png",
) -> None:
    """Compares the curves, trains, and counts answers on every path."""
    torch.set_num_threads(threads)
    static = BitPatternSets(static=True)
    typer.echo(static.describe())
    curve = compare_curves(static, steps=steps, seed=seed)
    gap = float(curve["gap"].max())
    typer.echo(f"{steps} steps: largest gap of the losses {gap:.1e} (at most {FIGURE:g}).")
    data = static.splits(seed)
    rows: list[Row] = []
    for each in dict.fromkeys([0.0, price]):
        model, pooling = trained(static, data, each, epochs, seed)
        rows += [{"price": each, **row} for row in answers(model, pooling, data, limit, shots)]
    report("Bit-pattern sets: the same weights on each path", rows, csv, seed=seed)
    draw(curve, rows, figure)
    typer.echo(f"{figure}")
    if gap > FIGURE:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
