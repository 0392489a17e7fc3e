"""How long does a training step of the quantum layer take beside attention?

``python -m benchmarks.layer_speed``: forward and backward of one layer in single precision, batch
32, length 64, width 64, 8 heads, every side in turns in one run, as written and compiled.  On the
exact law, +-1 keys take at most 0.8 times as long as attention, product-state keys at most 1.3
times, and 1.0 times where both sides are compiled.

Attention is ``torch.nn.MultiheadAttention``, the faster of ``need_weights`` True and False.  The
classical modern Hopfield layer stands beside it: that of this package, and the original
``hflayers`` where it can be imported.  The former is the same arithmetic as +-1 keys.

Memory is the most that one step holds at a time beyond parameters and inputs: every block that
PyTorch takes and gives back, as its profiler lists them (on a GPU, what its allocator counts).  The
process's own peak would be mostly libraries.
"""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from qhopfield.hybrid import QuantumHopfield
from qhopfield.hybrid.baselines import ClassicalHopfield

from .common import RESULTS, Row, median, ratio, report, take_turns

ATTENTION = ("attention", "attention, weights")
HOPFIELD = ("classical Hopfield", "hflayers")
COMPILED = ", compiled"
# At most so many times as long as attention: as written, and with both sides compiled.
FIGURES = {"quantum, +-1 keys": (0.8, 0.8), "quantum, product keys": (1.3, 1.0)}


class SelfAttention(nn.Module):
    """Torch's attention, called with one argument.

    Args:
        width: of the tokens.
        heads: heads.
        need_weights: whether the association is computed as a matrix of its own.
    """

    def __init__(self, width: int, heads: int, need_weights: bool) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(width, heads, batch_first=True)
        self.need_weights = need_weights

    def forward(self, x: Tensor) -> Tensor:
        """Attends to itself."""
        output: Tensor = self.inner(x, x, x, need_weights=self.need_weights)[0]
        return output


def original_hopfield(width: int, heads: int) -> nn.Module | None:
    """The layer of hflayers without its norms, which the others lack; None if it is not there.

    Source: https://github.com/ml-jku/hopfield-layers, Ramsauer et al. 2020, arXiv:2008.02217.
    """
    if importlib.util.find_spec("hflayers") is None:
        return None
    from hflayers import Hopfield  # type: ignore[import-not-found]

    parts = ("stored_pattern", "state_pattern", "pattern_projection")
    norms = {f"normalize_{part}{kind}": False for part in parts for kind in ("", "_affine")}
    layer: nn.Module = Hopfield(width, num_heads=heads, **norms)
    return layer


def layers(width: int, heads: int) -> dict[str, nn.Module]:
    """What is compared, by name."""
    found: dict[str, nn.Module | None] = {
        ATTENTION[0]: SelfAttention(width, heads, need_weights=False),
        ATTENTION[1]: SelfAttention(width, heads, need_weights=True),
        HOPFIELD[0]: ClassicalHopfield(width, num_heads=heads),
        HOPFIELD[1]: original_hopfield(width, heads),
        "quantum, +-1 keys": QuantumHopfield(width, num_heads=heads, keys="binary"),
        "quantum, product keys": QuantumHopfield(width, num_heads=heads, keys="product"),
    }
    return {name: layer for name, layer in found.items() if layer is not None}


class Step:
    """A training step without its optimiser: forward, and backward to the input and all weights.

    Args:
        layer: takes and returns (batch, length, width).
        inputs: the input.
        slope: the gradient of a loss by the output.
    """

    def __init__(self, layer: nn.Module, inputs: Tensor, slope: Tensor) -> None:
        self.layer = layer
        self.inputs = inputs.detach().clone().requires_grad_()
        self.slope = slope

    def clear(self) -> None:
        """Drops the gradients."""
        self.layer.zero_grad(set_to_none=True)
        self.inputs.grad = None

    def __call__(self) -> None:
        """Runs it, to the end on a GPU too."""
        self.clear()
        self.layer(self.inputs).backward(self.slope)
        if self.inputs.device.type == "cuda":
            torch.cuda.synchronize()


def peak_memory(step: Step) -> int:
    """Bytes that a step holds at most beyond what was there before it."""
    step.clear()
    if step.inputs.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    blocks = sorted(
        (event["ts"], event["args"]["Bytes"]) for event in events if event["name"] == "[memory]"
    )
    held = np.cumsum([size for _, size in blocks])
    return int(held.max(initial=0))


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """So many threads for PyTorch, and as many as before in the end."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_device(device: str) -> torch.device:
    """Returns the device, or ends with status 2 where it is not there."""
    if device not in ("cpu", "cuda"):
        typer.echo(f"Error: --device must be cpu or cuda, got {device!r}.", err=True)
        raise typer.Exit(2)
    if device == "cuda" and not torch.cuda.is_available():
        typer.echo("Error: this PyTorch sees no GPU; leave out --device cuda.", err=True)
        raise typer.Exit(2)
    return torch.device(device)


def faster(taken: Mapping[str, list[float]], names: Sequence[str]) -> str:
    """The side with the least median."""
    return min(names, key=lambda name: median(taken[name]))


def main(
    batch: Annotated[int, typer.Option(min=1)] = 32,
    length: Annotated[int, typer.Option(min=1, help="Tokens of a sequence.")] = 64,
    width: Annotated[int, typer.Option(min=1, help="Width of a token.")] = 64,
    heads: Annotated[int, typer.Option(min=1)] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of alternating steps.")] = 50,
    threads: Annotated[int | None, typer.Option(min=1, help="All processors if left out.")] = None,
    device: Annotated[str, typer.Option(help="cpu, or cuda where there is one.")] = "cpu",
    compiled: Annotated[bool, typer.Option(help="Also under torch.compile.")] = True,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    csv: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "layer_speed.csv",
) -> None:
    """Times a training step of each layer, in turns, with its memory."""
    place = check_device(device)
    if width % heads:
        typer.echo(f"Error: --heads {heads} must divide --width {width}.", err=True)
        raise typer.Exit(2)
    with torch.random.fork_rng(), torch_threads(threads or cores()):
        torch.manual_seed(seed)
        inputs, slope = torch.randn(2, batch, length, width, device=place)
        made = {name: layer.to(place) for name, layer in layers(width, heads).items()}
        sides = {name: Step(layer, inputs, slope) for name, layer in made.items()}
        if compiled:
            sides |= {
                name + COMPILED: Step(torch.compile(layer), inputs, slope)  # type: ignore[arg-type]
                for name, layer in made.items()
            }
        taken = take_turns(sides, repeats)
        memory = {name: peak_memory(step) for name, step in sides.items()}
        where = f"{torch.get_num_threads()} threads"
    if place.type == "cuda":
        where = torch.cuda.get_device_name()
    rows: list[Row] = []
    for mode, suffix in enumerate(("", COMPILED) if compiled else ("",)):
        attention = faster(taken, [name + suffix for name in ATTENTION])
        classical = faster(taken, [name + suffix for name in HOPFIELD if name in made])
        for name in made:
            step, rng = name + suffix, np.random.default_rng(seed)
            value, low, high = ratio(taken[step], taken[attention], rng)
            rows.append(
                {
                    "layer": step,
                    "on": where,
                    "median (ms)": 1e3 * median(taken[step]),
                    "least (ms)": 1e3 * min(taken[step]),
                    "to attention": value,
                    "low": low,
                    "high": high,
                    "at most": FIGURES[name][mode] if name in FIGURES else float("nan"),
                    "to Hopfield": ratio(taken[step], taken[classical], rng)[0],
                    "peak (MB)": memory[step] / 1e6,
                }
            )
    report(
        f"A training step: batch {batch}, length {length}, width {width}, {heads} heads; {where}, "
        f"{repeats} rounds in turns",
        rows,
        csv,
        seed=seed,
    )
    if any(row["to attention"] > row["at most"] for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
