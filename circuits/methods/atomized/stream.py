"""The law of a memory that is too large to write down: shard by shard, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...common.checks import check_count, check_flag, check_path, check_real
from ...common.cluster import check_client
from ...common.jobs import run_jobs
from ...common.progress import progress_bar
from ...patterns.checks import as_rows, check_probes
from ...patterns.conversion import tell_ambiguous_probes

if TYPE_CHECKING:
    from distributed import Client

_MIB = 2**20
# Overlaps that differ by less of the probe's size are equal: rounding is not what beta decides.
_TIE = 8.0 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class SoftmaxRecall:
    """What a large memory recalls by law.

    Attributes:
        expectations: (P, N) mean spins, ``Xi^T softmax(beta Xi x)``.
        nearest: (P,) index of the most probable pattern; the first of equals.
        probabilities: (P,) its probability.
        log_acceptance: (P,) logarithm of the exponential filter's acceptance,
            ``ln mean_mu e^(beta xi^mu . x) - beta |x|_1``; -inf below -1.8e308.
        shards: how many shards the memory was cut into.
        shard_bytes: memory that one of them took.
    """

    expectations: NDArray[np.float64]
    nearest: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    log_acceptance: NDArray[np.float64]
    shards: int
    shard_bytes: int


@dataclass(frozen=True, eq=False)
class _Partial:
    """What some shards give: sums relative to ``exp(beta top)``, top the greatest overlap."""

    sums: NDArray[np.float64]
    total: NDArray[np.float64]
    top: NDArray[np.float64]
    nearest: NDArray[np.int64]


def softmax_recall(
    patterns: ArrayLike | str | os.PathLike[str],
    probes: ArrayLike,
    beta: float = 1.0,
    *,
    memory: int = 256,
    workers: int = 1,
    client: Client | str | None = None,
    progress: bool = False,
) -> SoftmaxRecall:
    """The law of a filtered memory of any size, in a fixed amount of memory.

    The memory is cut into shards of patterns that are taken one after the other; what each gives is
    recombined exactly as submodules are, ``sum_s M_s P_s r_s / sum_s M_s P_s`` with acceptances
    kept as logarithms.  It is what :class:`FilteredMemory` with ``ExpFilter(beta)`` recalls, and
    the attention of a modern Hopfield network.

    Args:
        patterns: the +-1 patterns, best int8; or the name of a ``.npy`` file of them, of which no
            more than a shard is read at a time.
        probes: what recall starts from, entries in [-1, 1].
        beta: inverse temperature, >= 0; however large, for only overlaps relative to the greatest
            are multiplied by it, and those that are equal up to rounding share.
        memory: MiB that the work on one shard may take beside the patterns, the probes and the
            answer, >= 1; with workers, in each.
        workers: processes that share the shards; see :func:`~.recall`.
        client: a ``distributed.Client`` or the address of a scheduler, in place of ``workers``; its
            workers read a file under the same name.
        progress: whether to draw a progress bar on standard error.

    Shapes:
        patterns: (M, N)
        probes: (P, N) or (N,)

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: an argument has a wrong type, or entries are no real numbers.
        ValueError: a wrong shape or value, a file that is no ``.npy`` array of numbers, or
            ``memory`` too small for a single pattern.

    Source: attention of Ramsauer et al. 2020, arXiv:2008.02217; partial softmaxes combine as in
    Milakov and Gimelshein 2018, arXiv:1805.02867.

    >>> found = softmax_recall([[1, 1, 1, 1], [1, -1, 1, -1]], [1, 1, 1, 0.5], beta=1.0)
    >>> found.nearest.tolist(), found.expectations.round(3).tolist()
    ([0], [[1.0, 0.905, 1.0, 0.905]])
    """
    progress = check_flag(progress, "progress")
    check_client(workers, client)
    stored = _opened(patterns)
    rows = check_probes(probes, stored.shape[1])
    tell_ambiguous_probes(rows)
    beta = check_real(beta, "beta", minimum=0.0)
    room = check_count(memory, "memory", minimum=1) * _MIB
    size = _shard_size(len(stored), rows.shape, room)
    starts = range(0, len(stored), size)
    # A piece of work is a run of shards, so that what comes back is small beside the work.
    pieces = np.array_split(np.asarray(starts), min(len(starts), 16))
    source: Any = (
        str(Path(patterns).resolve()) if isinstance(patterns, (str, os.PathLike)) else None
    )
    jobs: dict[str, tuple[Any, list[tuple[int, int]]]] = {}
    for number, piece in enumerate(pieces):
        spans = [(int(start), min(int(start) + size, len(stored))) for start in piece]
        held = source if source is not None else stored[spans[0][0] : spans[-1][1]]
        jobs[str(number)] = held, spans
    with progress_bar("shards", progress) as advance:
        found: Mapping[str, _Partial] = dict(
            run_jobs(
                partial(_some_shards, rows, beta),
                jobs,
                workers=workers,
                client=client,
                progress=advance,
            )
        )
    # In the order of the shards, so that rounding does not depend on who was first.
    whole = _Running(rows, beta)
    for name in jobs:
        whole.add(found[name])
    return SoftmaxRecall(
        expectations=whole.sums / whole.total[:, None],
        nearest=whole.nearest,
        probabilities=1.0 / whole.total,
        log_acceptance=_times(beta, whole.below(whole.top, np.abs(rows).sum(axis=1)))
        + np.log(whole.total / len(stored)),
        shards=len(starts),
        shard_bytes=_shard_bytes(size, rows.shape),
    )


class _Running:
    """Sums over shards, relative to the greatest overlap so far."""

    def __init__(self, rows: NDArray[np.float64], beta: float) -> None:
        self.sums = np.zeros(rows.shape)
        self.total = np.zeros(len(rows))
        self.top = np.full(len(rows), -np.inf)
        self.nearest = np.zeros(len(rows), dtype=np.int64)
        self._beta = beta
        self.noise = _TIE * np.abs(rows).sum(axis=1)

    def below(self, overlaps: NDArray[np.float64], top: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far overlaps lie below the greatest, (P,): 0 where only rounding is between them."""
        gap = overlaps - top
        return np.where(np.abs(gap) <= self.noise, 0.0, gap)

    def shares(
        self, overlaps: NDArray[np.float64], top: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """``exp(beta (overlap - top))``, (P,); 0 where the overlap is -inf, that of no pattern."""
        gap = self.below(overlaps, top)
        some = np.isfinite(gap)
        return np.where(some, np.exp(_times(self._beta, np.where(some, gap, 0.0))), 0.0)

    def add(self, part: _Partial) -> None:
        """Adds what some shards gave."""
        top = np.maximum(self.top, part.top)
        old, new = self.shares(self.top, top), self.shares(part.top, top)
        self.sums *= old[:, None]
        self.sums += part.sums * new[:, None]
        self.total = self.total * old + part.total * new
        better = part.top - self.top > self.noise
        self.nearest[better] = part.nearest[better]
        self.top = top

    def partial(self) -> _Partial:
        """All that was added."""
        return _Partial(self.sums, self.total, self.top, self.nearest)


def _times(beta: float, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """``beta * sizes``, infinite without a warning where it overflows."""
    with np.errstate(over="ignore"):
        return np.asarray(beta * sizes)


def _some_shards(
    rows: NDArray[np.float64], beta: float, job: tuple[Any, list[tuple[int, int]]]
) -> _Partial:
    """Works through a run of shards."""
    source, spans = job
    first = spans[0][0]
    if isinstance(source, str):
        source, first = _read(Path(source)), 0
    running = _Running(rows, beta)
    for start, end in spans:
        shard = np.asarray(source[start - first : end - first])
        if not (np.abs(shard) == 1).all():
            raise ValueError(
                f"patterns must be +-1; patterns {start} to {end - 1} hold something else."
            )
        keys = shard.astype(np.float64)
        shares = rows @ keys.T
        top = shares.max(axis=1)
        shares -= top[:, None]
        shares[shares >= -running.noise[:, None]] = 0.0
        # The first of equals, whatever rounding makes of them.
        best = (shares == 0.0).argmax(axis=1)
        with np.errstate(over="ignore"):
            shares *= beta
        np.exp(shares, out=shares)
        running.add(_Partial(shares @ keys, shares.sum(axis=1), top, best + start))
    return running.partial()


def _shard_bytes(size: int, shape: tuple[int, ...]) -> int:
    """Memory of a shard's work: patterns as they are, checked and as floats; logits; the answer."""
    probes, neurons = shape
    return size * (8 * (neurons + probes) + 3 * neurons) + 4 * 8 * probes * neurons


def _shard_size(total: int, shape: tuple[int, ...], room: int) -> int:
    """Patterns a shard."""
    fixed = _shard_bytes(0, shape)
    size = (room - fixed) // (_shard_bytes(1, shape) - fixed)
    if size < 1:
        raise ValueError(
            f"memory={room // _MIB} MiB is too little for {shape[0]} probes of {shape[1]} neurons "
            f"and a single pattern: {-(-_shard_bytes(1, shape) // _MIB)} MiB are needed. Ask fewer "
            "probes at a time."
        )
    return int(min(size, total))


def _opened(patterns: Any) -> NDArray[Any]:
    """The patterns as an array, or as a file that is read when it is needed."""
    if not isinstance(patterns, (str, os.PathLike)):
        return as_rows(patterns, "patterns")
    path = Path(check_path(patterns, "patterns"))
    if path.suffix.lower() != ".npy":
        raise ValueError(f"patterns must be an array or a .npy file, got {path.name}.")
    found = _read(path)
    if found.ndim != 2 or not found.size or found.dtype.kind not in "if":
        raise ValueError(
            f"{path.name} must hold patterns of shape (M, N), got {found.dtype} of shape "
            f"{found.shape}."
        )
    return found


def _read(path: Path) -> NDArray[Any]:
    """Maps a file of patterns.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no ``.npy`` file of numbers.
    """
    with path.open("rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise ValueError(
                f"patterns: {path.name} is no .npy file of numbers: it does not start like one."
            )
    try:
        # Mapped, so that a header that promises more than the file holds allocates nothing.
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # what NumPy raises for damaged headers has no common class
        reason = " ".join(str(error).split())
        raise ValueError(
            f"patterns: {path.name} is no .npy file of numbers, or is damaged: {reason[:160]}"
        ) from error
    return found
