"""A recall as jobs: its pieces run here, in processes, or on a cluster, to the same answer."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2
from qiskit_aer.noise import NoiseModel

from .common.checks import check_count, shown
from .common.cluster import Processes
from .common.identity import Unidentified, fingerprint, printed, versions
from .common.jobs import run_jobs
from .common.journal import Journal
from .execution import Mitigation, make_runner
from .methods import Method, Runner, Samples, Trace
from .methods.base import Pieces, Probes, Progress
from .methods.pieces import Piece, finish
from .methods.probes import as_states
from .models import Model

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class RunnerRecipe:
    """How to make a runner, as what travels to workers.

    Attributes:
        backend: as in :func:`~.execution.make_runner`.
        sampler: likewise.
        noise_model: likewise.
        pass_manager: likewise.
        mitigation: likewise.
        token: tells runners of one recall from those of another, in a worker's memory.
    """

    backend: BackendV2 | None = None
    sampler: BaseSamplerV2 | None = None
    noise_model: NoiseModel | None = None
    pass_manager: Any = None
    mitigation: Mitigation | None = None
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def make(self) -> Runner:
        """A runner."""
        return make_runner(
            backend=self.backend,
            sampler=self.sampler,
            noise_model=self.noise_model,
            pass_manager=self.pass_manager,
            mitigation=self.mitigation,
        )

    def kept(self) -> Runner:
        """The runner of this thread, made once: circuits are transpiled once and bound often."""
        if getattr(_KEPT, "token", None) != self.token:
            _KEPT.runner, _KEPT.token = self.make(), self.token
        runner: Runner = _KEPT.runner
        return runner

    def parts(self) -> dict[str, Any]:
        """What the results depend on, by name; what is not given is left out."""
        names = ("backend", "sampler", "noise_model", "pass_manager", "mitigation")
        given = {name: getattr(self, name) for name in names}
        return {name: each for name, each in given.items() if each is not None}


_KEPT = threading.local()


def run_piece(recipe: RunnerRecipe, piece: Piece) -> Samples:
    """Runs one piece on this thread's runner."""
    runner = recipe.kept()
    samples = weighed(piece.run(runner), runner)
    runner.close()
    return replace(samples, ran_on=runner.name)


def weighed(samples: Samples, runner: Runner) -> Samples:
    """Samples with what their mitigation has cost: fewer effective shots."""
    overhead = float(getattr(runner, "overhead", 1.0))
    plain = all((weights == np.rint(weights)).all() for weights in samples.weights)
    if overhead == 1.0 and plain:
        return samples
    effective = samples.effective
    if effective is None:
        effective = samples.acceptance * samples.shots
    trials = None if samples.trials is None else samples.trials / overhead
    return replace(samples, effective=effective / overhead, trials=trials)


def run_pieces(
    pieces: Pieces,
    recipe: RunnerRecipe,
    *,
    workers: int = 1,
    client: Client | str | None = None,
    journal: Journal | None = None,
    deadline: float | None = None,
    progress: Progress | None = None,
) -> Samples:
    """Runs all pieces of a recall as jobs.

    Args:
        pieces: what :meth:`~.methods.base.Method.pieces` gave.
        recipe: makes the runners.
        workers: as in :func:`~.common.jobs.run_jobs`.
        client: likewise.
        journal: keeps what each piece gave; what it holds is not run again.
        deadline: seconds a round of pieces may take; what has not answered by then is left out.
        progress: is told of every piece.
    """
    rounds = 0
    names: list[str] = []
    with Processes(workers, client, apart=deadline is not None) as processes:

        def execute(todo: Sequence[Piece]) -> list[Samples | None]:
            nonlocal rounds
            rounds += 1
            keys = [f"{rounds}.{number}" for number in range(len(todo))]
            answers: dict[str, Samples] = dict(
                run_jobs(
                    partial(run_piece, recipe),
                    dict(zip(keys, todo, strict=True)),
                    processes=processes,
                    journal=journal,
                    encode=encode_samples,
                    decode=decode_samples,
                    deadline=deadline,
                    progress=progress,
                )
            )
            names.extend(each.ran_on for each in answers.values() if each.ran_on)
            return [answers.get(key) for key in keys]

        try:
            samples = finish(pieces, execute)
            return replace(samples, ran_on=", ".join(sorted(set(names))) or None)
        finally:
            vars(_KEPT).clear()


def recall_journal(
    path: str | os.PathLike[str],
    model: Model,
    method: Method,
    probes: Probes,
    shots: int,
    seed: Any,
    recipe: RunnerRecipe,
    law: bool,
) -> Journal:
    """The journal of a recall, told from others by all that its answer depends on.

    Raises:
        ValueError: the seed is no number, something cannot be told apart from others (see
            :meth:`~.common.identity.Identified.fingerprint`), or the file is no journal of this
            recall.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ValueError(
            f"journal= needs seed= to be an integer, so that a resumed run goes on as it began; "
            f"got {shown(seed)}."
        )
    states = as_states(probes)
    given = probes if states is None else np.stack([np.asarray(each.data) for each in states])
    parts = {"model": model, "method": method, **recipe.parts()}
    try:
        told = {name: fingerprint(each, name) for name, each in parts.items()}
    except Unidentified as error:
        raise ValueError(f"journal= cannot tell this run from another: {error}") from error
    settings = {
        **told,
        "probes": fingerprint(np.asarray(given).astype(np.complex128)),
        "shots": shots,
        "seed": int(seed),
        "law": law,
        **{f"version of {name}": each for name, each in versions().items()},
    }
    looks = {name: printed(each) for name, each in parts.items()}
    return Journal(path, "recall", settings, looks=looks)


def encode_samples(samples: Samples) -> dict[str, Any]:
    """Samples as what JSON holds; states as strings of + and -."""
    content: dict[str, Any] = {
        "outcomes": [
            ["".join("+" if spin > 0 else "-" for spin in state) for state in states]
            for states in samples.outcomes
        ],
        "widths": [states.shape[1] for states in samples.outcomes],
        "weights": [weights.tolist() for weights in samples.weights],
        "shots": samples.shots,
        "ran_on": samples.ran_on,
    }
    for name in _COLUMNS:
        column = getattr(samples, name)
        content[name] = None if column is None else column.tolist()
    if samples.trace is not None:
        content["trace"] = [samples.trace.overlaps.tolist(), samples.trace.energies.tolist()]
    return content


def decode_samples(content: dict[str, Any]) -> Samples:
    """What :func:`encode_samples` wrote.

    Raises:
        KeyError: something is missing.
        TypeError: something has a wrong type.
        ValueError: the parts do not fit together, or no run can give such numbers.
    """
    outcomes = tuple(
        np.array([[_SPINS[spin] for spin in state] for state in states], dtype=np.int8).reshape(
            len(states), width
        )
        for states, width in zip(content["outcomes"], content["widths"], strict=True)
    )
    weights = tuple(np.array(row, dtype=np.float64) for row in content["weights"])
    for states, row in zip(outcomes, weights, strict=True):
        if row.shape != (len(states),) or not (np.isfinite(row) & (row >= 0.0)).all():
            raise ValueError("weights must be finite numbers >= 0, one for each outcome")
    columns: dict[str, Any] = {
        name: None if content[name] is None else np.array(content[name], dtype=np.float64)
        for name in _COLUMNS
    }
    for name, column in columns.items():
        if column is None and name in ("acceptance", "attempts", "folded"):
            raise ValueError(f"{name} is missing")
        if column is not None and column.shape != (len(outcomes),):
            raise ValueError(f"{name} must have shape ({len(outcomes)},), got {column.shape}")
    if not ((columns["acceptance"] >= 0.0) & (columns["acceptance"] <= 1.0 + 1e-9)).all():
        raise ValueError("acceptance must be from 0 to 1")
    trace = content.get("trace")
    return Samples(
        outcomes=outcomes,
        weights=weights,
        shots=check_count(content["shots"], "shots"),
        ran_on=content["ran_on"],
        trace=None if trace is None else Trace(*(np.array(each) for each in trace)),
        **columns,
    )


_SPINS = {"+": 1, "-": -1}
_COLUMNS = ("acceptance", "attempts", "folded", "log_scale", "effective", "trials")
