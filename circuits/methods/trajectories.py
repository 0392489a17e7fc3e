"""Many trajectories of neuron dynamics at once, whatever draws the new spins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..blocks.neurons import PreparedNeuron
from ..common.checks import as_array, check_choice, shown
from ..models import FieldTracker, Hopfield, Model
from ..patterns import overlaps
from .base import Progress, Samples, Trace, gather
from .streams import Streams


@dataclass(frozen=True)
class Updates:
    """Updates that are made at the same time: U of each of some trajectories, E = U * live ones.

    Attributes:
        neurons: which neuron each updates: one for all, or (E,).
        fields: their fields, (E,).
        spins: their old spins, (E,).
        live: the trajectories, by index or as a slice of all; each has U updates in a row.
        seen: gives the states that the updated neurons see, (E, N).
    """

    neurons: int | NDArray[np.int64]
    fields: NDArray[np.float64]
    spins: NDArray[np.int8]
    live: NDArray[np.intp] | slice
    seen: Callable[[], NDArray[np.int8]]


Draw: TypeAlias = Callable[
    [Updates], tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.float64] | None]
]
"""From updates: new spins, whether each update was accepted, and the level-1 blocks it took (None
where their mean by the law is to be taken), (E,) each."""

_UP_OR_DOWN = np.array([-1, 1], dtype=np.int8)
# So many steps' fields wait for one vectorised look at what they cost.
_BATCH = 64


def frozen_order(order: Any) -> Any:
    """An order of updates as a frozen dataclass can hold it: a word, or indices as nested tuples.

    Raises:
        ValueError: neither a known word nor whole numbers of shape (L,) or (sweeps, L).
    """
    if isinstance(order, str):
        return check_choice(order, "order", ("sequential", "random"))
    indices = as_array(order, "order")
    if indices.ndim not in (1, 2) or indices.dtype.kind not in "iu" or not indices.size:
        raise ValueError(
            "order must be 'sequential', 'random' or whole neuron indices of shape (L,) or "
            f"(sweeps, L), got {shown(order)}."
        )
    rows = indices.tolist()
    return tuple(map(tuple, rows)) if indices.ndim == 2 else tuple(rows)


def draw_from_law(prepared: PreparedNeuron, streams: Streams) -> Draw:
    """Draws new spins from the neuron's law, each probe's from its own generator."""
    bounded = prepared.attempts is not None and bool(prepared.level)

    def draw(updates: Updates) -> tuple[NDArray[np.int8], NDArray[np.bool_], None]:
        fields = updates.fields
        each = len(fields) // streams.count(updates.live)
        chance = prepared.probability(updates.neurons, fields, updates.spins)
        up = streams.uniform(each)[updates.live].reshape(-1) < chance
        accepted = np.ones(len(fields), dtype=bool)
        if bounded:
            numbers = streams.uniform(each)[updates.live].reshape(-1)
            accepted = numbers < prepared.acceptance(fields)
        return _UP_OR_DOWN[up.view(np.int8)], accepted, None

    return draw


class Account:
    """What the trajectories' updates have cost so far: level-1 blocks, and fields that folded.

    Fields are looked at in batches, many steps at once: step by step it would take longer than the
    dynamics.  What is noted for a trajectory that has been rejected is never read.
    """

    def __init__(self, prepared: PreparedNeuron, count: int) -> None:
        self._prepared = prepared
        self._blocks, self._folds = np.zeros(count), np.zeros(count)
        self._by_law = True
        self._waiting: list[NDArray[np.float64]] = []

    def note(
        self,
        fields: NDArray[np.float64],
        live: NDArray[np.intp] | slice,
        blocks: NDArray[np.float64] | None,
    ) -> None:
        """Notes updates of every trajectory.

        Args:
            fields: their fields, (T,), or (T, U) where each has made U updates.
            live: the trajectories that ``blocks`` is about.
            blocks: the level-1 blocks of their updates, or None to take the law's mean.
        """
        if blocks is not None:
            self._by_law = False
            self._blocks[live] += blocks
        self._waiting.extend(fields.T if fields.ndim == 2 else (fields,))
        if len(self._waiting) >= _BATCH:
            self._look()

    def totals(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Blocks and folded fields of every trajectory, (T,) each."""
        self._look()
        return self._blocks, self._folds

    def _look(self) -> None:
        for start in range(0, len(self._waiting), _BATCH):
            fields = np.stack(self._waiting[start : start + _BATCH])
            self._folds += self._prepared.folded(fields).sum(axis=0)
            if self._by_law:
                self._blocks += self._prepared.blocks(fields).sum(axis=0)
        self._waiting.clear()


def drive(
    model: Model,
    prepared: PreparedNeuron,
    starts: NDArray[np.int8],
    schedule: NDArray[np.int64],
    sweeps: int,
    synchronous: bool,
    shots: int,
    draw: Draw,
    progress: Progress | None = None,
) -> Samples:
    """Moves trajectories through a schedule of updates.

    Args:
        model: the memory, whose energies and patterns the trace reports.
        prepared: the neuron's law in it.
        starts: (P * shots, N) +-1, probe by probe.
        schedule: (steps,) or (P * shots, steps); unused when synchronous.
        sweeps: how many equal parts the schedule has.
        synchronous: whether a sweep updates all neurons at once.
        shots: trajectories a probe.
        draw: gives the new spins.
        progress: told of every step.
    """
    tracker = prepared.model.tracker(starts)
    count = len(starts)
    alive = np.ones(count, dtype=bool)
    account = Account(prepared, count)
    steps = schedule.shape[-1]
    stride = max(1, steps // sweeps) if sweeps else 1
    total = sweeps if synchronous else steps
    trace = [observe(model, tracker.states, alive, shots, _energies(model, tracker, prepared))]

    for step in range(total):
        if not synchronous:
            neurons = schedule[:, step] if schedule.ndim == 2 else int(schedule[step])
            _step(tracker, neurons, alive, account, draw)
        else:
            _sweep_at_once(tracker, alive, account, draw)
        if synchronous or (step + 1) % stride == 0:
            energies = _energies(model, tracker, prepared)
            trace.append(observe(model, tracker.states, alive, shots, energies))
        if progress is not None:
            progress(step + 1, total)

    return tally(
        tracker.states,
        alive,
        shots,
        sweeps * model.num_neurons if synchronous else steps,
        *account.totals(),
        repeats=bool(prepared.level),
        trace=trace,
    )


def tally(
    states: NDArray[np.int8],
    alive: NDArray[np.bool_],
    shots: int,
    updates: int,
    blocks: NDArray[np.float64],
    folds: NDArray[np.float64] | None,
    *,
    repeats: bool,
    trace: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> Samples:
    """What trajectories gave, as samples.

    Args:
        states: where they ended, (P * shots, N), probe by probe.
        alive: which were accepted, (P * shots,).
        shots: trajectories a probe.
        updates: neuron updates of each.
        blocks: level-1 blocks of each, (P * shots,).
        folds: folded fields of each, (P * shots,); None where they were not seen.
        repeats: whether the neuron has blocks at all.
        trace: what :func:`observe` saw, sweep by sweep.
    """
    probes = len(states) // shots
    outcomes, weights = gather(states, alive, shots)
    accepted = alive.reshape(probes, shots).sum(axis=1)

    def mean(totals: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", divide="ignore"):
            kept = (totals * alive).reshape(probes, shots).sum(axis=1)
            return np.asarray(kept / accepted / updates)

    unknown = np.full(probes, np.nan)
    return Samples(
        outcomes=outcomes,
        weights=weights,
        shots=shots,
        acceptance=accepted / shots,
        attempts=mean(blocks) if repeats else unknown,
        folded=unknown if folds is None else mean(folds),
        trace=Trace(np.stack([each[0] for each in trace]), np.stack([each[1] for each in trace])),
    )


def _step(
    tracker: FieldTracker,
    neurons: int | NDArray[np.int64],
    alive: NDArray[np.bool_],
    account: Account,
    draw: Draw,
) -> None:
    """Updates one neuron of every live trajectory."""
    fields, spins = tracker.field(neurons), tracker.spins(neurons)
    if alive.all():
        updates = Updates(neurons, fields, spins, slice(None), lambda: tracker.states)
        new, accepted, used = draw(updates)
        account.note(fields, slice(None), used)
        alive &= accepted
        tracker.assign(neurons, new)
        return
    live = np.flatnonzero(alive)
    if not live.size:
        return
    chosen = neurons[live] if isinstance(neurons, np.ndarray) else neurons
    updates = Updates(chosen, fields[live], spins[live], live, lambda: tracker.states[live])
    new, accepted, used = draw(updates)
    account.note(fields, live, used)
    alive[live] = accepted
    spins[live] = new
    tracker.assign(neurons, spins)


def _sweep_at_once(
    tracker: FieldTracker,
    alive: NDArray[np.bool_],
    account: Account,
    draw: Draw,
) -> None:
    """Updates all neurons of every live trajectory from the same state."""
    fields = tracker.all_fields().copy()
    neurons = np.arange(fields.shape[1])

    def seen(live: NDArray[np.intp]) -> NDArray[np.int8]:
        return np.repeat(tracker.states[live], len(neurons), axis=0)

    moved = update_together(neurons, fields, tracker.states, alive, account, draw, seen)
    for neuron in range(len(neurons)):
        tracker.assign(neuron, moved[:, neuron])


def update_together(
    neurons: NDArray[np.int64],
    fields: NDArray[np.float64],
    spins: NDArray[np.int8],
    alive: NDArray[np.bool_],
    account: Account,
    draw: Draw,
    seen: Callable[[NDArray[np.intp]], NDArray[np.int8]],
) -> NDArray[np.int8]:
    """Updates several neurons of every live trajectory, none of which sees another's new spin.

    Args:
        neurons: which, (U,).
        fields: their fields, (T, U).
        spins: their old spins, (T, U).
        alive: which trajectories count, (T,); those with a rejected update are taken out.
        account: told of the updates.
        draw: gives the new spins.
        seen: gives, for some trajectories, the states that their neurons see, (live * U, N).

    Returns:
        The new spins, (T, U); the old ones where a trajectory no longer counts.
    """
    live = np.flatnonzero(alive)
    moved = spins.copy()
    if not live.size:
        return moved
    size = len(neurons)
    updates = Updates(
        np.tile(neurons, live.size),
        fields[live].reshape(-1),
        spins[live].reshape(-1),
        live,
        lambda: seen(live),
    )
    new, accepted, used = draw(updates)
    if used is not None:
        used = used.reshape(live.size, size).sum(axis=1)
    account.note(fields, live, used)
    alive[live] = accepted.reshape(live.size, size).all(axis=1)
    moved[live] = new.reshape(live.size, size)
    return moved


def _energies(model: Model, tracker: FieldTracker, prepared: PreparedNeuron) -> NDArray[np.float64]:
    """Energies of all trajectories, (T,)."""
    if isinstance(model, Hopfield) and prepared.model is model:
        # From the fields at hand: T x N numbers rather than T x N x N.
        fields = tracker.all_fields() + model.bias
        return np.asarray(-0.5 * np.einsum("ti,ti->t", fields, tracker.states))
    return model.energy(tracker.states)


def observe(
    model: Model,
    states: NDArray[np.int8],
    alive: NDArray[np.bool_],
    shots: int,
    energies: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean overlaps (P, M) and energies (P,) of the live trajectories of each probe.

    Args:
        model: the memory.
        states: (P * shots, N).
        alive: which of them count, (P * shots,).
        shots: trajectories a probe.
        energies: their energies where they are known, (P * shots,).
    """
    probes = len(states) // shots
    live = alive.reshape(probes, shots)
    number = live.sum(axis=1)
    known = model.energy(states) if energies is None else energies
    energies = known.reshape(probes, shots)
    with np.errstate(invalid="ignore"):
        mean_energy = (energies * live).sum(axis=1) / number
        if model.patterns is None:
            return np.zeros((probes, 0)), mean_energy
        each = overlaps(states, model.patterns).reshape(probes, shots, -1)
        return (each * live[:, :, None]).sum(axis=1) / number[:, None], mean_energy
