"""``qhopfield resources``: what a recall costs, before and after transpiling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from . import atomized as cut
from . import devices as dev
from . import memories as mem
from . import options as opt

if TYPE_CHECKING:
    from rich.table import Table

    from ..circuits.resources import Resources

BASES = {"cx": ["rz", "sx", "x", "cx"], "rzz": ["rz", "sx", "x", "rx", "rzz"]}


def resources(
    patterns: opt.Patterns = "digits",
    store: opt.Store = None,
    per_label: opt.PerLabel = None,
    limit: opt.Limit = None,
    threshold: opt.Threshold = None,
    size: opt.Size = None,
    model: opt.ModelName = "hopfield",
    rule: opt.Rule = None,
    separation: opt.Separation = None,
    power: opt.Power = None,
    beta: opt.Beta = None,
    method: mem.MethodName = "neurons",
    neuron: opt.NeuronName = None,
    level: opt.Level = None,
    attempts: opt.Attempts = None,
    bits: opt.Bits = None,
    register: opt.Register = None,
    order: opt.Order = None,
    synchronous: opt.Synchronous = False,
    sweeps: opt.Sweeps = None,
    gain: opt.Gain = None,
    fold: opt.Fold = False,
    filter: mem.FilterName = None,
    controls: mem.Controls = None,
    least: mem.Least = None,
    d_min: mem.DMin = None,
    rounds: mem.Rounds = None,
    iterations: mem.Iterations = None,
    votes: mem.Votes = None,
    shards: cut.Shards = None,
    blocks: cut.Blocks = None,
    replicas: cut.Replicas = None,
    keep: cut.Keep = None,
    basis: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Two-qubit gate to transpile to: cx or rzz; may come twice. Both if left out.",
            rich_help_panel="Transpiling",
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Transpile for a device: generic (Qiskit's GenericBackendV2), or fake_brisbane "
            "and its like (qiskit-ibm-runtime).",
            rich_help_panel="Transpiling",
        ),
    ] = None,
    qubits: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Qubits of the generic device. As many as needed if left out.",
            rich_help_panel="Transpiling",
        ),
    ] = None,
) -> None:
    """Count qubits, two-qubit gates, depth and attempts of one shot of one probe."""
    from qiskit.transpiler import generate_preset_pass_manager

    from ..circuits import AtomizedMemory
    from ..circuits import resources as count
    from ..circuits.common.checks import check_choice
    from .screen import console, print_table

    names = list(dict.fromkeys(basis or ([] if backend else BASES)))
    for name in names:
        check_choice(name, "--basis", BASES)
    if backend is None:
        opt.refuse("--backend generic", qubits=qubits)
    elif not backend.startswith("fake_"):
        check_choice(backend, "--backend", ("generic", "fake_..."))
    reading = opt.Reading(threshold, size)
    reading.refuse_without_pictures(patterns)
    stored = opt.read_patterns(patterns, store, per_label, limit, reading)
    choices = mem.Choices(filter, controls, least, d_min, rounds, iterations, votes)
    own = choices.model_beta(beta, model == "modern" or separation == "exponential")
    memory = opt.build_memory(stored, model, rule, separation, power, own).model
    chosen = mem.build_any(
        method,
        choices,
        beta=beta,
        neuron=neuron,
        level=level,
        attempts=attempts,
        bits=bits,
        register=register,
        order=order,
        synchronous=synchronous,
        sweeps=sweeps,
        gain=gain,
        fold=fold,
    )
    cuts = cut.Cuts(shards=shards, blocks=blocks, replicas=replicas, keep=keep)
    chosen = cuts.wrap(method, chosen, memory, None)
    costs = {"as written": count(memory, chosen)}
    for name in names:
        manager = generate_preset_pass_manager(
            optimization_level=2, basis_gates=BASES[name], seed_transpiler=0
        )
        costs[f"basis {name}"] = count(memory, chosen, pass_manager=manager)
    if backend is not None:
        device = dev.build_backend(backend, qubits, costs["as written"].qubits)
        assert device is not None  # Aer's names are refused above
        costs[f"{backend}, {device.num_qubits} qubits"] = count(memory, chosen, backend=device)

    out = console()
    side_by_side = isinstance(chosen, AtomizedMemory)
    out.print(f"{memory!r}\n{chosen!r}", markup=False)
    print_table(out, _table(costs, side_by_side))


def _table(costs: dict[str, Resources], side_by_side: bool) -> Table:
    """One column a way of counting."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    table.add_column("one shot of one probe")
    for name in costs:
        table.add_column(name, justify="right")
    each = list(costs.values())
    first = each[0]

    def add(name: str, values: list[float], digits: int = 0) -> None:
        if any(math.isfinite(value) for value in values):
            cells = [f"{value:,.{digits}f}" if math.isfinite(value) else "-" for value in values]
            table.add_row(name, *cells)

    add("qubits of the widest" if side_by_side else "qubits", [cost.qubits for cost in each])
    order = "side by side" if side_by_side else "one after the other"
    add(f"circuits, {order}", [cost.circuits for cost in each])
    add("neuron updates", [cost.updates for cost in each])
    add("two-qubit gates, loops run once", [cost.two_qubit_gates for cost in each])
    add("two-qubit gates, expected", [cost.expected_two_qubit_gates for cost in each])
    if first.updates:
        expected = [cost.expected_two_qubit_gates / cost.updates for cost in each]
        add("two-qubit gates an update, expected", expected, 1)
    if first.loading:
        add("two-qubit gates of loading", [cost.loading for cost in each])
    add(
        "depth of the deepest" if side_by_side else "depth, loops run once",
        [cost.depth for cost in each],
    )
    add("attempts (level-1 blocks) an update", [first.expected_attempts], 2)
    add("gain, radians per unit of field", [first.gain], 4)
    add("largest rounding error of a field", [first.field_error or math.nan], 6)
    return table
