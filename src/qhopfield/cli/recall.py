"""``qhopfield recall``: store patterns, corrupt them, recall them."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import atomized as cut
from . import devices as dev
from . import memories as mem
from . import options as opt
from .ending import going_on

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..circuits.methods import Method
    from ..circuits.models import Model

PROBES, OUTPUT = "Probes", "Output"


def recall(
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
    probe: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Probes from a file as for --patterns. In a .npy or .csv of only 0 and 1, 0 is "
            "-1, which is then said; beside other numbers, 0 is an erased entry.",
            rich_help_panel=PROBES,
        ),
    ] = None,
    zeros_erased: Annotated[
        bool,
        typer.Option(
            "--zeros-erased",
            help="Read each 0 of --probe as an erased entry, in a file of only 0 and 1 too.",
            rich_help_panel=PROBES,
        ),
    ] = False,
    flips: Annotated[
        str | None,
        typer.Option(
            metavar="N|X",
            help="Flip entries of stored patterns: 13 is a number, 0.2 a fraction. 0.2 if nothing "
            "else is asked for.",
            rich_help_panel=PROBES,
        ),
    ] = None,
    erase: Annotated[
        str | None,
        typer.Option(metavar="N|X", help="Erase entries, likewise.", rich_help_panel=PROBES),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            metavar="P",
            help="How many probes, going round the stored patterns. One each if left out.",
            rich_help_panel=PROBES,
        ),
    ] = None,
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
    similar: cut.Similar = False,
    blocks: cut.Blocks = None,
    replicas: cut.Replicas = None,
    keep: cut.Keep = None,
    detect: cut.Detect = None,
    dead: cut.Dead = None,
    random: cut.Random = None,
    shots: Annotated[
        int, typer.Option(metavar="N", help="Runs a probe.", rich_help_panel=opt.RUN)
    ] = 16,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Of everything random; the same seed gives the same answer.",
            rich_help_panel=opt.RUN,
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Run no circuit and take the law: exact for few neurons, else sampled.",
            rich_help_panel=opt.RUN,
        ),
    ] = False,
    backend: dev.BackendName = "aer",
    qubits: dev.Qubits = None,
    depolarizing: dev.Depolarizing = None,
    readout: dev.Readout = None,
    t1: dev.T1 = None,
    mitigate: dev.Mitigate = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Processes of this machine; the answer is the same for any number.",
            rich_help_panel=opt.RUN,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Dask scheduler to run on in place of --workers, such as tcp://host:8786.",
            rich_help_panel=opt.RUN,
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Keep each piece of the run in this file; the same command goes on from it. Needs "
            "--seed.",
            rich_help_panel=opt.RUN,
        ),
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Leave out submodules that have not answered by then.",
            rich_help_panel=opt.RUN,
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Draw the result: .png, .svg or .pdf.", rich_help_panel=OUTPUT
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write one row a probe.", rich_help_panel=OUTPUT),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write all that is known.", rich_help_panel=OUTPUT),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Write an .npz for RecallResult.load.", rich_help_panel=OUTPUT
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print nothing.", rich_help_panel=OUTPUT),
    ] = False,
) -> None:
    """Store patterns, corrupt them, and recall them by quantum neurons or from a superposition."""
    from ..circuits import AtomizedMemory
    from ..circuits import recall as run
    from ..circuits.common.randomness import as_generator
    from ..circuits.patterns.conversion import ambiguity_told
    from . import report, screen

    report.check_targets(picture=picture, csv=csv, json=json, save=save)
    as_generator(seed)  # refuses a wrong one before anything is read
    reading = opt.Reading(threshold, size)
    reading.refuse_without_pictures(patterns, probe)
    if probe is None:
        opt.refuse("probes of --probe", zeros_erased=zeros_erased or None)
    stored = opt.read_patterns(patterns, store, per_label, limit, reading)
    choices = mem.Choices(filter, controls, least, d_min, rounds, iterations, votes)
    own = choices.model_beta(beta, model == "modern" or separation == "exponential")
    memory = opt.build_memory(stored, model, rule, separation, power, own)
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
    chosen = cut.Cuts(shards, similar or None, blocks, replicas, keep, detect, dead, random).wrap(
        method, chosen, memory.model, seed
    )
    if not isinstance(chosen, AtomizedMemory):
        opt.refuse(cut.OWNER, deadline=deadline)
    if workers is not None and scheduler is not None:
        raise ValueError("Give either --workers or --scheduler, not both.")
    if journal is not None and seed is None:
        raise ValueError("--journal needs --seed, so that a resumed run goes on as it began.")
    if probe is None:
        rows, truth = _corrupted(memory, flips, erase, count, seed)
    else:
        opt.refuse("probes made from stored patterns", flips=flips, erase=erase, count=count)
        rows = opt.read_probes(probe, memory.model.num_neurons, reading, zeros_erased)
        truth = None
    if chosen.classical:
        opt.refuse(
            "methods that run circuits",
            backend=None if backend == "aer" else backend,
            qubits=qubits,
            depolarizing=depolarizing,
            readout=readout,
            t1=t1,
            mitigate=mitigate,
        )
    # Only the generic device has a width to be chosen.
    needed = _qubits(memory.model, chosen) if backend == "generic" else 0
    device = dev.build_backend(backend, qubits, needed)
    noise = dev.build_noise(depolarizing, readout, t1)
    mitigation = dev.build_mitigation(mitigate)

    start = time.perf_counter()
    try:
        # How zeros were read is said where the file is read.
        with going_on(_later(journal)), ambiguity_told():
            result = run(
                memory.model,
                rows,
                chosen,
                targets=None if truth is None else memory.stored.patterns[truth],
                shots=shots,
                backend=device,
                noise_model=noise,
                mitigation=mitigation,
                seed=seed,
                exact=exact,
                workers=workers,
                client=scheduler,
                journal=journal,
                deadline=deadline,
                progress=not quiet and sys.stderr.isatty(),
            )
    except RuntimeError as error:
        if isinstance(chosen, AtomizedMemory) or workers is not None or scheduler is not None:
            # All submodules or all workers are lost, which is no defect.
            raise ValueError(str(error)) from error
        raise
    seconds = time.perf_counter() - start

    written = report.write(result, stored, picture=picture, csv=csv, json=json, save=save)
    if not quiet:
        out = screen.console(picture, csv, json, save)
        screen.print_table(out, report.recall_table(result, stored))
        report.print_summary(out, result)
        report.print_parts(out, result)
        report.print_costs(out, result, seconds)
        report.print_written(out, written)


def _later(journal: Path | None) -> str:
    """How to go on with a run that is ended."""
    if journal is None:
        return (
            "Nothing was kept; with --journal FILE and --seed N the same command would go on from "
            "there."
        )
    return f"The pieces that are done stand in {journal}: run the same command to go on."


def _qubits(model: Model, method: Method) -> int:
    """Qubits of the widest circuit."""
    from ..circuits import NeuronDynamics, resources

    if isinstance(method, NeuronDynamics):
        return method.qubits(model)
    return resources(model, method).qubits


def _corrupted(
    memory: opt.Memory,
    flips: str | None,
    erase: str | None,
    count: int | None,
    seed: int | None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probes (P, N) made from stored patterns, and which of them, (P,)."""
    import numpy as np

    from ..circuits.common.checks import check_count
    from ..circuits.patterns import corrupt

    if flips is None and erase is None:
        flips = "0.2"
    total = len(memory.stored) if count is None else check_count(count, "--count", minimum=1)
    truth = np.arange(total) % len(memory.stored)
    # Another stream than recall's own, which starts from the bare seed.
    rng = np.random.default_rng(None if seed is None else [seed, 1])
    rows = corrupt(
        memory.stored.patterns[truth],
        flips=opt.amount(flips, "--flips"),
        erase=opt.amount(erase, "--erase"),
        seed=rng,
    )
    return rows.astype(np.float64), truth
