"""Jobs: the one way in which work is spread over processes and machines, by dask.distributed.

A job is what one call of a function needs, its seed included, so that its result does not depend
on where or when it runs. Shards of a recall, trials of a capacity run and claims are all jobs.
"""

from __future__ import annotations

import itertools
import math
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import nullcontext, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from .checks import check_real, shown
from .cluster import START_ONE, Processes, check_client, free
from .journal import Journal

if TYPE_CHECKING:
    from distributed import Client, Future

Job = TypeVar("Job")
Result = TypeVar("Result")

# Seconds for which a run goes on waiting while its cluster has no worker: a queue of batch jobs may
# take that long to start one, and a killed worker of this machine is back in two.
WORKERS_SECONDS = 300.0
# Every so many seconds a waiting run looks whether its cluster is still there.
_TICK = 1.0
# Jobs handed to the scheduler at a time, a thread of the cluster. What waits at a worker behind a
# job that hangs would be late with it, and what waits there when it dies is charged with its death.
_AHEAD = 1
# What is larger than this is sent as a task of its own: once to the scheduler, not with every job.
_LARGE = 1 << 20


class JobKilled(RuntimeError):
    """A job was given up, because every worker that it was given to died.

    Attributes:
        key: of the job.
    """

    def __init__(self, key: str, workers: int) -> None:
        super().__init__(
            f"Job {key!r} was given up: {workers} workers died that had it. It may need more "
            "memory than they have, or crash the interpreter; run it alone with workers=1 to see."
        )
        self.key = key


def run_jobs(
    function: Callable[[Job], Result],
    jobs: Mapping[str, Job],
    *,
    workers: int = 1,
    client: Client | str | None = None,
    processes: Processes | None = None,
    journal: Journal | None = None,
    encode: Callable[[Result], Any] | None = None,
    decode: Callable[[Any], Result] | None = None,
    deadline: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Generator[tuple[str, Result], None, None]:
    """Calls a function for every job, here, in processes of this machine or on a cluster.

    A worker that dies is replaced or done without, and its jobs are done again by others; every
    result is given once. Dask pickles functions and jobs for its workers, which must be trusted
    machines with the same packages; what is stored is never a pickle.

    Args:
        function: from a job to its result, a function of a module that the workers can import.
            What all jobs share is best bound to it, ``functools.partial(function, shared)``: it is
            pickled once, and where it is large it is sent once.
        jobs: by key; a job that draws random numbers carries its seed.
        workers: processes, one thread each, that are started for this run, and no more than there
            are jobs; 1 runs the jobs here. A script that asks for more must guard its start by
            ``if __name__ == "__main__":``.
        client: a ``distributed.Client``, or the address of a scheduler, ``"tcp://host:8786"``, to
            run the jobs on; in place of ``workers``.
        processes: what several runs share, in place of ``workers`` and ``client``; it stays open.
        journal: keeps each result as soon as it is there; what it holds is not run again.
        encode: from a result to what JSON holds, for the journal; None takes results as they are.
        decode: from that to a result again.
        deadline: seconds, > 0, after which jobs that are not done are cancelled and left out; None
            waits for all. Processes that are started for the run are started before it counts. A
            job that runs here is not cut short, and one on a worker of a cluster runs to its end
            there, unheard.
        progress: is told how many jobs are done, of how many.

    Returns:
        A generator of pairs of key and result, those of the journal first and the others as they
        are done. Closed early, as ``contextlib.closing`` does, it cancels what is not done and ends
        the processes that it started.

    Raises:
        TypeError: an argument has a wrong type, or what is sent to a worker cannot be pickled.
        ValueError: ``workers`` or ``deadline`` is out of range, both ``workers`` and ``client`` are
            given, or the client is closed.
        ConnectionError: no scheduler answers at the address within 10 s, or it is lost.
        JobKilled: every worker that was given the job died (6 of this machine; a cluster's own
            scheduler knows its number).
        RuntimeError: the cluster has had no worker for 300 s (dask's setting
            ``qhopfield.workers-timeout``, such as ``"1h"``), or no worker could be started. The
            errors that a job raises are raised as they are.

    >>> dict(run_jobs(abs, {"one": -1, "two": -2}))
    {'one': 1, 'two': 2}
    """
    if not callable(function):
        raise TypeError(f"function must be a function of one job, got {shown(function)}.")
    if not isinstance(jobs, Mapping) or not all(isinstance(key, str) for key in jobs):
        raise TypeError(f"jobs must be a mapping of text keys to jobs, got {type(jobs).__name__}.")
    if journal is not None and not isinstance(journal, Journal):
        raise TypeError(f"journal must be a Journal or None, got {shown(journal)}.")
    check_client(workers, client)
    if deadline is not None:
        check_real(deadline, "deadline", minimum=0.0, exclusive=True)
    own = processes is None
    shared = processes or Processes(workers, client, apart=deadline is not None)
    return _run(function, dict(jobs), shared, own, journal, encode, decode, deadline, progress)


# Where jobs run.


def _run(
    function: Callable[[Job], Result],
    jobs: dict[str, Job],
    processes: Processes,
    own: bool,
    journal: Journal | None,
    encode: Callable[[Result], Any] | None,
    decode: Callable[[Any], Result] | None,
    deadline: float | None,
    progress: Callable[[int, int], None] | None,
) -> Generator[tuple[str, Result], None, None]:
    total, done = len(jobs), 0
    for key in [each for each in jobs if journal is not None and each in journal]:
        assert journal is not None
        kept = journal.get(key)
        del jobs[key]
        done += 1
        if progress is not None:
            progress(done, total)
        yield key, kept if decode is None else _decoded(decode, kept, key, journal)
    if not jobs:
        return
    with processes if own else nullcontext():
        opened = processes.client_for(len(jobs))
        end = math.inf if deadline is None else time.monotonic() + deadline
        results = (
            _here(function, jobs, end) if opened is None else _there(function, jobs, opened, end)
        )
        try:
            for key, result in results:
                if journal is not None:
                    journal.put(key, result if encode is None else encode(result))
                done += 1
                if progress is not None:
                    progress(done, total)
                yield key, result
        finally:
            results.close()  # cancels what is not done before the client is closed


def _decoded(decode: Callable[[Any], Result], kept: Any, key: str, journal: Journal) -> Result:
    """A result from what a journal kept of it."""
    try:
        return decode(kept)
    except Exception as error:  # what content of another kind raises has no common class
        raise ValueError(
            f"{journal.path.name} is a damaged journal: result {key!r} is no result of this run "
            f"({type(error).__name__}: {error}). Delete it to start anew."
        ) from error


def _here(
    function: Callable[[Job], Result], jobs: Mapping[str, Job], end: float
) -> Generator[tuple[str, Result], None, None]:
    for key, job in jobs.items():
        if time.monotonic() > end:
            return
        yield key, function(job)


def _there(
    function: Callable[[Job], Result], jobs: Mapping[str, Job], client: Client, end: float
) -> Generator[tuple[str, Result], None, None]:
    """Keeps a bounded number of jobs with the scheduler and gives each result as it comes."""
    import dask.config

    shared: Any = _pickled(function, "the function")
    run = f"qhopfield-{uuid.uuid4().hex}"
    finished: SimpleQueue[str] = SimpleQueue()
    futures: dict[str, Future[Any]] = {}
    waiting = iter(jobs.items())
    watch = _Watch(client)

    def submit(call: Callable[..., Any], *arguments: Any, name: str) -> Future[Any]:
        # Dask warns of tasks that are as large as a memory of many neurons.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            return client.submit(call, *arguments, key=f"{run}-{name}", pure=False)

    try:
        if len(shared) > _LARGE:
            # A task and no scattered data: if the worker that holds it dies, it is made again.
            shared = submit(_same, shared, name="shared")
        while True:
            room = max(0, watch.ahead() - len(futures))
            for key, job in itertools.islice(waiting, room):
                future = submit(_call, shared, _pickled(job, f"job {key!r}"), name=f"job-{key}")
                futures[key] = future
                future.add_done_callback(lambda _, key=key: finished.put(key))
            if not futures:
                return
            left = end - time.monotonic()
            if left <= 0.0:
                free(client, list(futures.values()))
                return
            try:
                key = finished.get(timeout=min(_TICK, left))
            except Empty:
                watch.look()
                continue
            result = _taken(key, futures[key], watch)
            futures.pop(key).release()  # its worker can forget it
            yield key, result
    finally:
        if futures and client.status == "running":
            with suppress(Exception):  # the scheduler may be lost just now
                client.cancel(list(futures.values()), force=True)


def _taken(key: str, future: Future[Any], watch: _Watch) -> Any:
    """The result of a finished job; a worker may die before it has handed it over."""
    from distributed import KilledWorker

    patience = _TICK
    while True:
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                raise JobKilled(key, error.allowed_failures + 1) from error
            raise error.with_traceback(future.traceback())
        if future.status == "cancelled":
            watch.look()
            raise ConnectionError(
                f"Job {key!r} was cancelled by the cluster at {watch.address}: its scheduler was "
                "lost, restarted, or told to. Results that are journalled are kept; run again."
            )
        try:
            return future.result(timeout=patience)
        except TimeoutError:
            watch.look()
            patience *= 2.0  # a large result on a slow line
        except Exception:
            # Its state changed meanwhile; the next look at it tells how.
            if future.status == "finished":
                raise
            watch.look()


class _Watch:
    """Looks after a cluster: how much it can take, and whether it is still there.

    Args:
        client: its client.
    """

    def __init__(self, client: Client) -> None:
        import dask.config
        import dask.utils

        self.address = client.scheduler.address if client.scheduler else "its address"
        self._client = client
        limit = dask.config.get("qhopfield.workers-timeout", default=WORKERS_SECONDS)
        self._limit = float(dask.utils.parse_timedelta(limit))
        self._seen = self._looked = time.monotonic()
        self._threads = 0
        self.look()

    def ahead(self) -> int:
        """How many jobs the scheduler should hold."""
        if time.monotonic() - self._looked > _TICK:
            self.look()
        return _AHEAD * max(1, self._threads)

    def look(self) -> None:
        """Counts the workers.

        Raises:
            ConnectionError: the scheduler is lost.
            RuntimeError: there has been no worker for too long.
        """
        try:
            lost = self._client.status != "running"
            self._threads = 0 if lost else sum(self._client.nthreads().values())
        except (OSError, TimeoutError):
            lost = True
        if lost:
            raise ConnectionError(
                f"The dask scheduler at {self.address} was lost. Results that are journalled are "
                f"kept; run again once there is one. {START_ONE}"
            )
        self._looked = time.monotonic()
        if self._threads:
            self._seen = self._looked
        elif self._looked - self._seen > self._limit:
            raise RuntimeError(
                f"The cluster at {self.address} has had no worker for {self._limit:g} s. Start "
                f"workers with 'dask worker {self.address}' and run again; results that are "
                "journalled are kept. Where workers take longer to come, set "
                "dask.config.set({'qhopfield.workers-timeout': '1h'})."
            )


# What a worker calls.


def _pickled(value: Any, name: str) -> bytes:
    """A pickle by value of what is in no module that a worker can import."""
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(value))
    except Exception as error:  # what refuses to be pickled raises anything
        raise TypeError(f"{name} cannot be sent to a worker: {error}") from error


def _call(function: bytes, job: bytes) -> Any:
    """Runs a job."""
    import cloudpickle

    return cloudpickle.loads(function)(cloudpickle.loads(job))


def _same(value: bytes) -> bytes:
    return value
