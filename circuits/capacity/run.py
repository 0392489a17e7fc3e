"""Running it: sets of random patterns, probes of them, and the errors that are left."""

from __future__ import annotations

import os
import types
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..common.checks import check_count, check_flag, check_listed, check_path, check_real, shown
from ..common.cluster import check_client
from ..common.cost import refuse_memory, refuse_work
from ..common.files import check_writable, is_special
from ..common.identity import Unidentified, fingerprint, versions
from ..common.jobs import run_jobs
from ..common.journal import Journal
from ..common.locks import one_writer
from ..common.progress import progress_bar
from ..common.statistics import effective_trials, wilson_interval
from ..execution import make_runner
from ..methods import Method, Samples
from ..models import Model
from ..patterns import corrupt, random_patterns
from ..result import RecallResult
from .result import CLASSICAL, CapacityCell, CapacityResult, CapacitySettings, differences, merged
from .spec import MakeModel

if TYPE_CHECKING:
    from distributed import Client

# Trials of a cell are measured in at most so many pieces. How many does not depend on the workers,
# so that a run that was killed goes on with any number of them.
_PIECES = 16


def capacity(
    make_model: MakeModel,
    method: Method | None = None,
    *,
    num_neurons: int,
    loads: Sequence[float] | None = None,
    patterns: Sequence[int] | None = None,
    corruptions: Sequence[int] = (0,),
    trials: int = 100,
    probes: int | None = None,
    update: str = "recall",
    readout: str = "state",
    shots: int = 1024,
    exact: bool = False,
    seed: int = 0,
    workers: int = 1,
    client: Client | str | None = None,
    csv: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool = False,
) -> CapacityResult:
    """Measures recall errors against load and against corruption.

    A trial draws M random distinct patterns, stores them, flips bits of them and recalls. What a
    trial draws follows from the seed, M, the corruption and the trial's number alone: rows are the
    same whatever else is run and by how many workers, and two methods with the same seed meet
    the same memories and probes.

    Args:
        make_model: from patterns (M, N) to a memory: a :class:`ModelSpec`, or any function; None
            as its answer says that these patterns leave nothing to store.
        method: the method; None runs the classical dynamics of the same model.
        num_neurons: N.
        loads: loads M / N, > 0; each is rounded to the nearest M >= 1.
        patterns: the numbers of patterns M themselves, in place of ``loads``.
        corruptions: numbers of flipped bits of each probe, 0 to N.
        trials: sets of patterns a cell, >= 1.
        probes: the most patterns probed a set, >= 1; None probes all. The set error rate is about
            those probed.
        update: what the classical dynamics does: ``"recall"`` runs it to its end, ``"one step"``
            makes one synchronous update. Then 1 - message error rate is, at corruption 0, the
            probability that a pattern is a fixed point.
        readout: what a method's distribution over states is taken for: ``"state"`` its most
            probable state, ``"sign"`` the sign of each mean spin (the probe's own where the mean
            is 0), ``"shot"`` one accepted shot, on average.
        shots: shots a probe; the classical dynamics takes none.
        exact: takes the method's law and runs no circuit.
        seed: an integer.
        workers: processes; more than one need a ``make_model`` and a ``method`` that can be
            pickled, and a script that guards its start by ``if __name__ == "__main__":``.
        client: a ``distributed.Client`` or the address of a dask scheduler, in place of
            ``workers``; see :func:`~qhopfield.circuits.common.jobs.run_jobs`.
        csv: file that is rewritten, whole, whenever a cell is done. What is measured of the others
            stands in a journal beside it, ``NAME.journal``, until all are done.
        resume: keeps the cells and pieces of cells that the files already have; False starts anew.
        progress: whether to draw a progress bar on standard error.

    Returns:
        Bit, message and set error rates with intervals, cell by cell.

    Raises:
        BlockingIOError: another process writes the same file.
        ConnectionError: no scheduler answers at the address, or it is lost.
        RuntimeError: the workers are lost, see :func:`~qhopfield.circuits.common.jobs.run_jobs`.
        TypeError: an argument has a wrong type, or the method cannot run the model.
        ValueError: an argument is out of range or does not fit the others, cannot be sent to a
            worker, or the file holds something else or other settings.

    Source: the names of the error rates follow Meinhardt, Neumann and Phillipson 2020, LNCS 12142,
    606; their definitions are those of :class:`CapacityCell`.

    >>> from qhopfield.circuits.capacity import ModelSpec, capacity
    >>> spec = ModelSpec("hopfield", rule="projection")
    >>> result = capacity(spec, num_neurons=20, loads=[0.2, 0.6], trials=5, seed=1)
    >>> result.errors("message")[:, 0, 0].tolist()
    [0.0, 0.0]
    """
    num_neurons = check_count(num_neurons, "num_neurons", minimum=1)
    cells = _check_cells(num_neurons, loads, patterns, corruptions)
    settings = _settings(
        *(make_model, method, num_neurons, trials, probes, update, readout, shots, exact, seed),
        filed=csv is not None,
    )
    check_client(workers, client)
    resume, progress = check_flag(resume, "resume"), check_flag(progress, "progress")
    target = None if csv is None else Path(check_path(csv, "csv"))
    most = max(count for count, _ in cells)
    refuse_memory(
        4.0 * most * num_neurons,
        f"A set of {most} patterns of num_neurons={num_neurons}",
        "Use fewer neurons or a lower load.",
    )
    refuse_work(
        1e-4 * settings.trials * len(cells) / (workers if client is None else 1000),
        f"trials={settings.trials} of {len(cells)} cells",
        "Use fewer trials, or more workers.",
    )
    task = Task(make_model, method, settings)
    if workers > 1 or client is not None:
        _check_picklable(task)
    with ExitStack() as lock:
        if target is not None and not _is_done(target, settings, resume, cells):
            lock.enter_context(one_writer(target))
        # What another run has written by now stays in the file.
        kept = _kept(target, settings, resume)
        wanted = [cell for cell in cells if cell not in {each.key for each in kept}]
        run = partial(_run, task, wanted, workers, client)
        done: dict[tuple[int, int], CapacityCell] = {}
        with (
            progress_bar("capacity", progress) as advance,
            _journal(target, settings, bool(wanted), resume) as journal,
            closing(run(journal, advance)) as found,
        ):
            for cell in found:
                done[cell.key] = cell
                if target is not None:
                    merged(settings, kept, done.values()).to_csv(target)
            everything = {cell.key: cell for cell in (*kept, *done.values())}
            # Pieces of cells that this run did not ask for may be all that is left of another.
            spent = journal is not None and all(_cell_of(name) in everything for name in journal)
        if journal is not None and spent:
            journal.path.unlink()
    return CapacityResult(settings, tuple(everything[key] for key in cells))


# Trials.


@dataclass(frozen=True)
class Task:
    """What a worker needs to know."""

    make_model: MakeModel
    method: Method | None
    settings: CapacitySettings

    def trial(self, key: tuple[int, int], number: int) -> NDArray[np.float64]:
        """One set of patterns: probes, the sum of each error, rejected probes, acceptance.

        A set that cannot be stored has acceptance -1.
        """
        settings = self.settings
        neurons, (count, flips) = settings.num_neurons, key
        # The patterns and probes do not depend on how many numbers a method draws.
        sequence = np.random.SeedSequence(settings.seed, spawn_key=(count, flips, number))
        draws, rng = (np.random.default_rng(each) for each in sequence.spawn(2))
        stored = random_patterns(count, neurons, seed=draws)
        targets = stored if settings.probes is None else stored[: settings.probes]
        starts = corrupt(targets, flips=flips, seed=draws) if flips else targets
        model = self.make_model(stored)
        if model is None:
            return np.array([len(targets), len(targets) / 2.0, len(targets), 1.0, 0.0, -1.0])
        if not isinstance(model, Model) or model.num_neurons != neurons:
            raise TypeError(
                f"make_model must make a memory of {neurons} neurons from patterns, got "
                f"{shown(model)}."
            )
        if self.method is not None:
            return self._by_method(self.method, model, targets, starts, rng)
        if settings.update == "one step":
            ends = model.update(starts, synchronous=True)
        else:
            ends = model.recall(starts, seed=rng).states
        return _row((ends != targets).mean(axis=1), (ends != targets).any(axis=1))

    def _by_method(
        self,
        method: Method,
        model: Model,
        targets: NDArray[np.int8],
        starts: NDArray[np.int8],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        settings = self.settings
        probes = starts.astype(np.float64)
        if not settings.exact:
            samples = method.run(model, probes, settings.shots, make_runner(), rng)
        elif method.has_law(model, probes):
            samples = Samples.from_laws([method.law(model, probe) for probe in probes])
        else:
            samples = method.sample_law(model, probes, settings.shots, rng)
        result = RecallResult.from_samples(
            samples, model=model, method="", probes=probes, run_on="", seed=None
        )
        found = result.recalled
        bits, messages = np.full(len(probes), 0.5), np.ones(len(probes))
        if settings.readout == "shot":
            for probe in np.flatnonzero(found):
                share = result.weights[probe] / result.weights[probe].sum()
                wrong = result.outcomes[probe] != targets[probe]
                bits[probe] = min(1.0, share @ wrong.mean(axis=1))
                messages[probe] = min(1.0, share @ wrong.any(axis=1))
        else:
            states = result.states
            if settings.readout == "sign":
                means = result.expectations
                # A law's zero is a zero up to rounding; ties keep the spin, as in the dynamics.
                states = np.where(np.abs(means) < 1e-12, starts, np.sign(means))
            wrong = states[found] != targets[found]
            bits[found], messages[found] = wrong.mean(axis=1), wrong.any(axis=1)
        return _row(bits, messages, float((~found).sum()), float(result.acceptance.mean()))


def _row(
    bits: NDArray[Any], messages: NDArray[Any], rejected: float = 0.0, acceptance: float = 1.0
) -> NDArray[np.float64]:
    """A trial's numbers. Messages are probabilities; each probe of the set is read once."""
    one_fails = 1.0 - np.prod(1.0 - messages)
    return np.array([len(bits), bits.sum(), messages.sum(), one_fails, rejected, acceptance])


Piece = tuple[tuple[int, int], int, int]
"""A cell, its first trial and the one after its last."""


def run_trials(task: Task, piece: Piece) -> NDArray[np.float64]:
    """The trials of a piece, one row each, (last - first, 6)."""
    key, first, last = piece
    return np.array([task.trial(key, number) for number in range(first, last)])


def summary(key: tuple[int, int], rows: NDArray[np.float64], neurons: int) -> CapacityCell:
    """One cell from the rows of its trials."""
    sizes, bits, messages, sets, rejected, acceptance = rows.T
    size = float(sizes[0])  # all trials of a cell probe as many
    built = acceptance >= 0.0
    bit = _rate(bits / size, size * neurons)
    message = _rate(messages / size, size)
    whole = _rate(sets, 1.0)
    return CapacityCell(
        *key,
        int(sizes.sum()),
        *bit,
        *message,
        *whole,
        unstored=int((~built).sum()),
        rejected=float(rejected[built].sum() / sizes[built].sum()) if built.any() else 0.0,
        acceptance=float(acceptance[built].mean()) if built.any() else 0.0,
    )


def _rate(shares: NDArray[np.float64], size: float) -> tuple[float, float, float]:
    """Mean of T shares of independent sets, with an interval that allows for how they scatter.

    It is Wilson's for the number of independent events that the sets are worth, see
    :func:`~qhopfield.circuits.common.statistics.effective_trials`: T at least.

    Args:
        shares: (T,) of wrong ones.
        size: how many could be wrong in a set.
    """
    rate = min(1.0, max(0.0, float(shares.mean())))
    wrong = np.clip(shares, 0.0, 1.0) * size
    effective = effective_trials(wrong, np.full(len(shares), size))
    low, high = wilson_interval(rate * effective, effective)
    return rate, min(float(low), rate), max(float(high), rate)


# Running them.


def _run(
    task: Task,
    keys: Sequence[tuple[int, int]],
    workers: int,
    client: Client | str | None,
    journal: Journal | None,
    advance: Callable[[int, int], None] | None,
) -> Generator[CapacityCell, None, None]:
    """Gives each cell when it is done."""
    trials = task.settings.trials
    size = -(-trials // _PIECES)
    starts = range(0, trials, size)
    pieces: dict[str, Piece] = {
        f"{key[0]},{key[1]},{first}": (key, first, min(first + size, trials))
        for key in keys
        for first in starts
    }
    parts: dict[tuple[int, int], dict[int, NDArray[np.float64]]] = {key: {} for key in keys}
    made = 0
    measured = run_jobs(
        partial(run_trials, task),
        pieces,
        workers=workers,
        client=client,
        journal=journal,
        encode=np.ndarray.tolist,
        decode=np.array,
    )
    with closing(measured):
        for name, rows in measured:
            key, first, _ = pieces[name]
            parts[key][first] = rows
            made += len(rows)
            if advance is not None:
                advance(made, trials * len(keys))
            if len(parts[key]) == len(starts):
                whole = parts.pop(key)
                yield summary(
                    key,
                    np.concatenate([whole[each] for each in starts]),
                    task.settings.num_neurons,
                )


# Checks.


def _check_cells(
    num_neurons: int, loads: Any, patterns: Any, corruptions: Any
) -> list[tuple[int, int]]:
    check_count(num_neurons, "num_neurons", minimum=1)
    if (loads is None) == (patterns is None):
        raise ValueError(
            "Give either loads= (shares M / N) or patterns= (numbers M), one of the two."
        )
    if loads is not None:
        shares = [
            check_real(each, "loads", minimum=0.0, exclusive=True)
            for each in _listed(loads, "loads")
        ]
        counts = [max(1, int(share * num_neurons + 0.5)) for share in shares]
        hint = f"loads {shares} of {num_neurons} neurons are {counts} patterns; "
    else:
        counts = [
            check_count(each, "patterns", minimum=1) for each in _listed(patterns, "patterns")
        ]
        hint = ""
    flips = [
        check_count(each, "corruptions", maximum=num_neurons)
        for each in _listed(corruptions, "corruptions")
    ]
    for values, name in ((counts, "patterns"), (flips, "corruptions")):
        if len(set(values)) < len(values):
            raise ValueError(
                f"{hint if name == 'patterns' else ''}{name} must be distinct, got {values}."
            )
    if num_neurons < 63 and max(counts) > 2**num_neurons:
        raise ValueError(
            f"patterns must be at most {2**num_neurons}: there are no more distinct patterns of "
            f"{num_neurons} neurons; got {max(counts)}."
        )
    return [(count, flip) for count in counts for flip in flips]


def _listed(values: Any, name: str) -> list[Any]:
    return check_listed(values, name)


def _settings(
    make_model: Any,
    method: Any,
    num_neurons: int,
    trials: Any,
    probes: Any,
    update: Any,
    readout: Any,
    shots: Any,
    exact: Any,
    seed: Any,
    filed: bool,
) -> CapacitySettings:
    if not callable(make_model):
        raise TypeError(
            "make_model must be a function from patterns to a memory, such as "
            f"ModelSpec('hopfield'), got {shown(make_model)}."
        )
    if method is not None and not isinstance(method, Method):
        raise TypeError(
            "method must be a method such as NeuronDynamics(), or None for the classical "
            f"dynamics, got {shown(method)}."
        )
    check_count(shots, "shots", minimum=1)
    settings = CapacitySettings(
        model=_name(make_model),
        method=CLASSICAL if method is None else repr(method),
        update=update,
        readout=readout,
        num_neurons=int(num_neurons),
        trials=trials,
        probes=probes,
        shots=0 if method is None else shots,
        exact=exact,
        seed=seed,
        fingerprint=_fingerprint(make_model, method, filed),
    )
    if method is None and (exact or readout != "state"):
        raise ValueError(
            "exact= and readout= are for methods; the classical dynamics (method=None) ends in "
            "one state. Leave them out."
        )
    if method is not None and update != "recall":
        raise ValueError(
            f"update={update!r} is for the classical dynamics (method=None); the steps of a method "
            "are its own, for example NeuronDynamics(sweeps=1, synchronous=True)."
        )
    return settings


def _fingerprint(make_model: Any, method: Any, filed: bool) -> str:
    """Tells runs apart whose models and methods print alike.

    Raises:
        ValueError: that cannot be told, and the run goes into a file.
    """
    given = {"make_model": make_model, "method": method}
    try:
        told = {name: fingerprint(each, name) for name, each in given.items()}
    except Unidentified as error:
        if filed:
            raise ValueError(f"csv= cannot tell this run from another: {error}") from error
        return ""
    return fingerprint({**told, **versions()})


def _name(make_model: Any) -> str:
    """How the maker of models prints in a file."""
    if isinstance(make_model, (types.FunctionType, type)):
        return f"{make_model.__module__}.{make_model.__qualname__}"
    return repr(make_model)


def _kept(target: Path | None, settings: CapacitySettings, resume: bool) -> list[CapacityCell]:
    """The cells that are there already."""
    if target is None:
        return []
    for what, text in (("make_model", settings.model), ("method", settings.method)):
        if " at 0x" in text or "<lambda>" in text or "<locals>" in text:
            raise ValueError(
                f"csv= needs a {what} that a file can name, such as ModelSpec('hopfield') or a "
                f"function of a module; got {text}."
            )
    if is_special(target):
        raise ValueError(
            f"csv= is a file that a later run goes on from, and {target} is no regular file: leave "
            "csv out, and write the result with its to_csv()."
        )
    check_writable(target)
    if not resume or not target.exists():
        return []
    found = CapacityResult.load_csv(target)
    if found.settings != settings:
        raise ValueError(
            f"{target.name} was made with other settings: {differences(settings, found.settings)}. "
            "Use another file, the same settings, or resume=False to start this one anew."
        )
    return list(found.cells)


def _is_done(
    target: Path, settings: CapacitySettings, resume: bool, cells: Sequence[tuple[int, int]]
) -> bool:
    """Whether the file has all cells already, so that it is only read."""
    kept = {cell.key for cell in _kept(target, settings, resume)}
    return kept.issuperset(cells) and not _journal_of(target).exists()


def _check_picklable(task: Task) -> None:
    import cloudpickle

    for name in ("make_model", "method"):
        try:
            cloudpickle.dumps(getattr(task, name))
        except Exception as error:  # what refuses to be pickled raises anything
            raise ValueError(
                f"workers= and client= need a {name} that can be sent to another process, such as "
                f"ModelSpec('hopfield'): {error}. Use workers=1 or a function of a module."
            ) from error


def _journal(
    target: Path | None, settings: CapacitySettings, needed: bool, resume: bool
) -> AbstractContextManager[Journal | None]:
    """The journal beside a table: the pieces of cells that are not done."""
    if target is None:
        return nullcontext()
    path = _journal_of(target)
    if not needed and not path.exists():
        return nullcontext()
    return Journal(path, "capacity", asdict(settings), anew=not resume)


def _journal_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.journal")


def _cell_of(name: str) -> tuple[int, int]:
    """The cell of a piece, from its key."""
    patterns, flips, _ = name.split(",")
    return int(patterns), int(flips)
