"""Where jobs run: clusters of dask.distributed, started here or somebody else's."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import psutil

from .checks import check_count, shown

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

# Memory of a worker that has imported the package and done nothing yet, as measured.
PROCESS_BYTES = 180 * 2**20
# Seconds until a scheduler must have answered.
CONNECT_SECONDS = 10.0
# Workers that may die under a job before it is given up. Dask's own is 3; a long run on a machine
# that is short of memory loses more, and a job that always kills its worker is still found.
ALLOWED_FAILURES = 5
# Libraries that start a thread a core read these when they are loaded; there is a process a core.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# What dask's nannies set besides what their configuration names.
_NANNYS = ("PYTHONHASHSEED", "__DASK_PARENT_PID")
# Clients of clusters that were started here.
_LOCAL: WeakSet[Client] = WeakSet()
START_ONE = (
    "Start one with 'dask scheduler' and workers with 'dask worker ADDRESS', give the address that "
    "the scheduler prints, or leave client= out and use workers= for the cores of this machine."
)


def check_processes(count: Any, name: str, *, each: int = PROCESS_BYTES) -> int:
    """Returns how many processes are asked for, or raises if the machine cannot hold them.

    Args:
        count: the number, >= 1.
        name: its name in the error.
        each: bytes that one takes before it has begun to work.

    Raises:
        TypeError: ``count`` is no integer.
        ValueError: it is out of range, or so many processes fill the memory of the machine.
    """
    number = check_count(count, name, minimum=1)
    cores = os.cpu_count() or 1
    if number <= cores:
        return number
    from distributed.system import MEMORY_LIMIT  # of the container, where there is one

    most = max(cores, MEMORY_LIMIT // each)
    if number > most:
        raise ValueError(
            f"{name}={number} processes take {number * each / 2**30:,.0f} GiB before they begin "
            f"({each // 2**20} MiB each), and this machine has {MEMORY_LIMIT / 2**30:.1f} GiB: use "
            f"at most {most}. More than its {cores} cores seldom help; client= runs on several "
            "machines."
        )
    return number


def check_client(workers: Any, client: Any) -> None:
    """Checks where jobs are to run, see :func:`run_jobs`, without connecting to it.

    Raises:
        TypeError: ``workers`` is no integer, or ``client`` neither a client nor an address.
        ValueError: ``workers`` is out of range, more than the machine can hold, or given beside
            ``client``; the client is closed, or it is an asynchronous one.
    """
    check_processes(workers, "workers")
    if client is None:
        return
    if workers > 1:
        raise ValueError(
            f"Give either workers= (processes of this machine) or client= (a cluster), not both; "
            f"got workers={workers} and client={shown(client)}."
        )
    if isinstance(client, str):
        if not client.strip():
            raise ValueError(f"client must be the address of a scheduler, got {shown(client)}.")
        return
    from distributed import Client

    if not isinstance(client, Client):
        raise TypeError(
            "client must be a distributed.Client or the address of a scheduler such as "
            f"'tcp://host:8786', got {type(client).__name__}; a cluster gives one by "
            "cluster.get_client()."
        )
    if client.asynchronous:
        raise ValueError("client must be a blocking one, got Client(asynchronous=True).")
    if client.status != "running":
        raise ValueError(
            f"client must be connected, got one that is {client.status}. Make a new one, "
            f"distributed.Client(address). {START_ONE}"
        )


@contextmanager
def open_client(workers: int = 1, client: Client | str | None = None) -> Iterator[Client | None]:
    """Gives the client of a cluster for several runs of jobs, so that it is started once.

    Args:
        workers: processes of this machine; 1 gives None, which runs jobs here.
        client: a client, which is passed on and left open, or the address of a scheduler.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range, both are given, or the client is closed.
        ConnectionError: no scheduler answers at the address.
        RuntimeError: no worker could be started.
    """
    check_client(workers, client)
    if client is None and workers == 1:
        yield None
    elif client is None:
        with _local_client(workers) as local:
            yield local
    elif isinstance(client, str):
        with _connected(client) as connected:
            yield connected
    else:
        yield client


class Processes:
    """Where the jobs of several runs go, one run after the other.

    Processes of this machine are started when a run needs them, and never more than it has jobs; a
    later run with more jobs starts more. A single job runs here.

    Args:
        workers: the most processes of this machine; 1 runs all jobs here.
        client: a client or the address of a scheduler, in place of ``workers``.
        apart: starts a process for a single job too, so that it can be cut short.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of range, both are given, or the client is closed.
    """

    def __init__(
        self, workers: int = 1, client: Client | str | None = None, *, apart: bool = False
    ) -> None:
        check_client(workers, client)
        self._workers, self._given, self._apart = workers, client, apart
        self._stack = ExitStack()
        self._client: Client | None = None
        self._size = 0

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def client_for(self, jobs: int) -> Client | None:
        """The client for a run of so many jobs; None runs them here.

        Raises:
            ConnectionError: no scheduler answers at the address.
            RuntimeError: no worker could be started.
        """
        if self._given is not None:
            if self._client is None:
                self._client = self._stack.enter_context(open_client(client=self._given))
            return self._client
        wanted = min(self._workers, jobs)
        if self._workers == 1 or wanted < (1 if self._apart else 2):
            return None
        if self._size < wanted:
            self._stack.close()
            self._client = self._stack.enter_context(_local_client(wanted))
            self._size = wanted
        return self._client


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """A client of the scheduler at an address."""
    from distributed import Client
    from distributed.comm.addressing import get_address_host_port, normalize_address

    try:
        # A client that fails over its address is never closed, and may hang a later one (2026.8).
        get_address_host_port(normalize_address(address))
    except ValueError as error:
        raise ValueError(
            f"client must be the address of a scheduler such as 'tcp://host:8786', got "
            f"{address!r}: {error}"
        ) from error
    try:
        with _silent():
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise ConnectionError(
            f"No dask scheduler answered at {address!r} within {CONNECT_SECONDS:g} s. {START_ONE}"
        ) from error
    with client:
        yield client


@contextmanager
def _local_client(workers: int) -> Iterator[Client]:
    """A client of a cluster of processes of this machine that lives as long as the block."""
    import dask.config
    from distributed import Client, LocalCluster

    settings = {
        "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
        # Nobody looks at pages of these workers, so that they need not be served.
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }
    with _silent(), _environment():
        try:
            # The memory of a worker is not bounded: what fits the machine is checked before it is
            # built, and dask would otherwise pause and kill workers at their share.
            with dask.config.set(settings), _environment(**dict.fromkeys(_THREADS, "1")):
                cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    memory_limit=0,
                    # Without an address it would take port 8787, on all networks of the machine.
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                    silence_logs=logging.CRITICAL,
                )
        except RuntimeError as error:
            raise RuntimeError(
                f"No worker process could be started ({error}). A script that uses workers= must "
                "guard its start by 'if __name__ == \"__main__\":', because every worker imports "
                "it."
            ) from error
        try:
            with Client(cluster, set_as_default=False) as client:
                _LOCAL.add(client)
                try:
                    yield client
                except BaseException:
                    _kill(cluster)
                    raise
        finally:
            cluster.close()


def free(client: Client, futures: list[Future[Any]]) -> None:
    """Cancels jobs; workers of this machine that are at one are replaced, which alone ends it."""
    before = client.processing() if client in _LOCAL else {}
    client.cancel(futures, force=True)
    keys = {future.key for future in futures}
    stuck = {address for address, tasks in before.items() if keys & set(tasks)}
    cluster: Any = client.cluster
    for nanny in list(cluster.workers.values()) if stuck else ():
        if nanny.worker_address in stuck:
            with suppress(psutil.Error):  # it may have died just now
                psutil.Process(nanny.pid).kill()
    # A next run of the same client should find them in their places.
    patience = time.monotonic() + CONNECT_SECONDS
    while stuck and time.monotonic() < patience:
        now = set(client.nthreads())
        if len(now) >= len(before) and not now & stuck:
            return
        time.sleep(0.05)


def _kill(cluster: LocalCluster) -> None:
    """Ends the workers without waiting for what they are at."""
    for nanny in list(cluster.workers.values()):
        nanny.auto_restart = False
        with suppress(psutil.Error):  # it may have died just now
            psutil.Process(nanny.pid).kill()


@contextmanager
def _environment(**changes: str) -> Iterator[None]:
    """Changes the environment, and puts it back when the block ends.

    What dask's nannies change there for their workers is put back, too.
    """
    import dask.config

    names = {*changes, *_NANNYS, *dask.config.get("distributed.nanny.pre-spawn-environ")}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _silent() -> Iterator[None]:
    """Keeps dask's own log off standard error; what matters is raised."""
    log = logging.getLogger("distributed")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)
