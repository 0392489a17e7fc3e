"""How much faster is the law of the quantum neuron than PennyLane's TorchLayer on its circuit?

``python -m benchmarks.torchlayer``: a level-0 neuron of 10 qubits (9 inputs ``R_y(arccos z_j)|0>``,
9 synapse rotations, one output), batch 512, forward and backward with respect to inputs and
weights.  Outputs and gradients are compared first, in double and in single precision; then both
are timed in turns, in single precision, the law as written and compiled.

The figure is at least 1,000 times as fast, for one neuron and for a layer of 10, each of which
reads the 9 others: one call of the law, and 10 circuits.  One neuron misses it against
default.qubit: its law is over in less than a millisecond, most of which is spent on starting
operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import array_api_compat.torch as xp
import numpy as np
import pennylane as qml
import torch
import typer
from torch import Tensor, nn

from qhopfield.circuits import laws
from qhopfield.hybrid import QuantumHopfieldNetwork
from qhopfield.hybrid.templates import RotationNeuron

from .common import RESULTS, Row, cpu, median, ratio, report, take_turns
from .layer_speed import cores, torch_threads

FIGURE = 1000.0
DEVICES = {"default.qubit": "backprop", "lightning.qubit": "adjoint"}
# Largest gap of outputs and gradients, over the greatest entry of each.
GAPS = {torch.float64: 1e-9, torch.float32: 1e-6}
COMPILED = "law, compiled"
# Steps of the law that are timed together, as one is over in a millisecond.
LAW_STEPS = 100


def torch_layer(device: str, weights: Tensor, bias: Tensor, gain: float) -> nn.Module:
    """One neuron as a PennyLane user writes it: a QNode in a TorchLayer, its weights not batched.

    Shapes:
        weights: (n,)
        bias: ()
    """
    inputs_of_neuron = len(weights)

    @qml.qnode(qml.device(device), interface="torch", diff_method=DEVICES[device])
    def neuron(inputs: Tensor, weights: Tensor, bias: Tensor) -> Any:
        for j in range(inputs_of_neuron):
            qml.RY(torch.arccos(inputs[..., j]), wires=j)
        RotationNeuron(
            -2.0 * gain * weights,
            math.pi / 2.0 - 2.0 * gain * bias,
            neurons=range(inputs_of_neuron),
            output=inputs_of_neuron,
        )
        return qml.expval(qml.Z(inputs_of_neuron))

    layer: nn.Module = qml.qnn.TorchLayer(neuron, {"weights": (inputs_of_neuron,), "bias": ()})
    layer.to(weights)
    with torch.no_grad():
        layer.weights.copy_(weights)  # type: ignore[operator]
        layer.bias.copy_(bias)  # type: ignore[operator]
    return layer


class LawNeuron(nn.Module):
    """The same neuron by its law."""

    def __init__(self, weights: Tensor, bias: Tensor, gain: float) -> None:
        super().__init__()
        self.weights, self.bias = nn.Parameter(weights.clone()), nn.Parameter(bias.clone())
        self.gain = gain

    def forward(self, z: Tensor) -> Tensor:
        """Mean spins, (B,)."""
        mean, _ = laws.product_neuron(
            self.weights[None], self.bias[None], self.gain, z, level=0, xp=xp
        )
        return mean[..., 0]  # type: ignore[no-any-return]


class CircuitLayer(nn.Module):
    """The neurons of a network, each a TorchLayer that reads all others."""

    def __init__(self, network: QuantumHopfieldNetwork, device: str) -> None:
        super().__init__()
        weights, bias = network.weights.detach(), network.bias
        assert bias is not None and isinstance(network.gain, float)
        everyone = range(network.num_neurons)
        self.others = [[j for j in everyone if j != i] for i in everyone]
        self.neurons = nn.ModuleList(
            torch_layer(device, weights[i, self.others[i]], bias[i].detach(), network.gain)
            for i in everyone
        )

    def forward(self, z: Tensor) -> Tensor:
        """One synchronous step, (B, N)."""
        parts = [each(z[:, others]) for each, others in zip(self.neurons, self.others, strict=True)]
        return torch.stack(parts, dim=-1)

    def synapse_slopes(self) -> Tensor:
        """Gradients by the weights above the diagonal, whose entries W_ij and W_ji are one."""
        size = len(self.others)
        full = torch.stack(
            [
                each.weights.grad.new_zeros(size).index_copy(
                    0, torch.tensor(others), each.weights.grad
                )
                for each, others in zip(self.neurons, self.others, strict=True)
            ]
        )
        rows, columns = torch.triu_indices(size, size, 1)
        return full[rows, columns] + full[columns, rows]


def step(layer: nn.Module, z: Tensor, slope: Tensor) -> Tensor:
    """Forward and backward; returns the outputs."""
    layer.zero_grad(set_to_none=True)
    z.grad = None
    output: Tensor = layer(z)
    output.backward(slope)
    return output.detach()


def slopes(layer: nn.Module) -> list[Tensor]:
    """Gradients by the weights and biases, in the same order for every layer here."""
    if isinstance(layer, CircuitLayer):
        biases = torch.stack([each.bias.grad for each in layer.neurons])  # type: ignore[misc]
        return [layer.synapse_slopes(), biases]
    names = ("synapses",) if isinstance(layer, QuantumHopfieldNetwork) else ("weights",)
    return [getattr(layer, name).grad for name in (*names, "bias")]


def gap(one: nn.Module, other: nn.Module, z: Tensor, slope: Tensor) -> float:
    """Largest gap of outputs and gradients, each over its greatest entry or 1."""
    found = []
    for layer in (one, other):
        output = step(layer, z, slope)
        assert z.grad is not None
        found.append([output, z.grad.clone(), *(each.clone() for each in slopes(layer))])
    return max(
        float((a - b).abs().max() / max(1.0, float(a.abs().max())))
        for a, b in zip(*found, strict=True)
    )


def several(layer: nn.Module, z: Tensor, slope: Tensor) -> None:
    """Steps that are timed together."""
    for _ in range(LAW_STEPS):
        step(layer, z, slope)


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """PennyLane gives a batch on lightning.qubit PyTorch's default dtype, whatever it got."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def make(neurons: int, whole: bool, dtype: torch.dtype) -> dict[str, nn.Module]:
    """The law and its circuits on each device, one neuron or the whole layer, same weights."""
    network = QuantumHopfieldNetwork(neurons, level=0, gain=0.25, dtype=dtype)
    assert network.bias is not None and isinstance(network.gain, float)
    nn.init.uniform_(network.bias, -0.1, 0.1)
    if whole:
        return {"law": network, **{name: CircuitLayer(network, name) for name in DEVICES}}
    given = (network.weights[0, 1:].detach(), network.bias[0].detach(), network.gain)
    return {"law": LawNeuron(*given), **{name: torch_layer(name, *given) for name in DEVICES}}


def main(
    qubits: Annotated[int, typer.Option(min=3, max=16, help="Inputs and the output.")] = 10,
    batch: Annotated[int, typer.Option(min=1)] = 512,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of alternating steps.")] = 5,
    whole: Annotated[bool, typer.Option(help="Also the layer of as many neurons.")] = True,
    compiled: Annotated[bool, typer.Option(help="Also the law under torch.compile.")] = True,
    threads: Annotated[int | None, typer.Option(min=1, help="All processors if left out.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "torchlayer.csv",
) -> None:
    """Compares the law with PennyLane's TorchLayer on the same circuit, and times both in turns."""
    rows: list[Row] = []
    with torch.random.fork_rng(), torch_threads(threads or cores()):
        for size in (1, qubits)[: 1 + whole]:
            gaps: dict[torch.dtype, dict[str, float]] = {}
            for dtype in GAPS:
                with default_dtype(dtype):
                    torch.manual_seed(seed)
                    made = make(qubits, size > 1, dtype)
                    width = qubits - (size == 1)
                    z = (2.0 * torch.rand(batch, width) - 1.0).requires_grad_()
                    slope = torch.randn(batch, width) if size > 1 else torch.randn(batch)
                    slope /= batch  # a mean loss
                    gaps[dtype] = {name: gap(made["law"], made[name], z, slope) for name in DEVICES}
            sides: dict[str, Callable[[], Any]] = {
                name: partial(step, made[name], z, slope) for name in DEVICES
            }
            sides["law"] = partial(several, made["law"], z, slope)
            if compiled:
                sides[COMPILED] = partial(several, torch.compile(made["law"]), z, slope)
            taken = take_turns(sides, repeats)
            for law, name in product(["law", COMPILED][: 1 + compiled], DEVICES):
                wall, processor = (
                    [each / LAW_STEPS for each in taken[of]] for of in (law, cpu(law))
                )
                value, low, high = ratio(taken[name], wall, np.random.default_rng(seed))
                rows.append(
                    {
                        "neurons": size,
                        "side": law,
                        "against": name,
                        "gap, double": gaps[torch.float64][name],
                        "gap, single": gaps[torch.float32][name],
                        "law (ms)": 1e3 * median(wall),
                        "TorchLayer (ms)": 1e3 * median(taken[name]),
                        "times faster": value,
                        "low": low,
                        "high": high,
                        "by cpu": median(taken[cpu(name)]) / median(processor),
                        "at least": FIGURE,
                    }
                )
    report(
        f"A level-0 neuron of {qubits} qubits, batch {batch}, forward and backward, medians of "
        f"{repeats}",
        rows,
        csv,
        seed=seed,
    )
    wrong = [
        row
        for row in rows
        if row["gap, double"] > GAPS[torch.float64] or row["gap, single"] > GAPS[torch.float32]
    ]
    if wrong:
        typer.echo("Error: the law and the circuit differ.", err=True)
    missed = [row for row in rows if row["times faster"] < FIGURE]
    if wrong or missed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
