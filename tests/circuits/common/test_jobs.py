"""Jobs: the same results wherever they run, workers and schedulers that die, and bad input."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import cloudpickle
import dask.config
import distributed
import psutil
import pytest
from distributed import Client, LocalCluster

from qhopfield.circuits.common import cluster as places
from qhopfield.circuits.common import jobs as module
from qhopfield.circuits.common.cluster import open_client
from qhopfield.circuits.common.jobs import JobKilled, run_jobs
from qhopfield.circuits.common.journal import Journal

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # no worker can import a test

NUMBERS = {f"job {number}": number for number in range(40)}
NO_PAGES = {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}}
LONG = 60.0  # longer than any test waits
KILLS = 1  # that a job outlives in these tests


class Own(Exception):
    """An error that takes two arguments."""


def draw(seed):
    return random.Random(seed).random()


def variables(_):
    return os.getpid(), [os.environ.get(name) for name in places._THREADS]


def until(condition):
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def wait_for(path):
    until(path.exists)


def first_time_killed(folder, number):
    """Number 0 writes where it runs and waits; run again, it finds that it was killed."""
    if number == 0:
        killed = Path(folder, "killed")
        if not killed.exists():
            Path(folder, "pid").write_text(str(os.getpid()))
            Path(folder, "there").touch()
            wait_for(killed)
            time.sleep(LONG)
    return number


def kill_own_worker(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail(number):
    if number == 3:
        raise Own("no", number)
    if number > 3:
        time.sleep(LONG)
    return number


def slow(seconds):
    time.sleep(seconds)
    return seconds


def wait_at(folder, number):
    Path(folder, "there").touch()
    wait_for(Path(folder, "never"))


@pytest.fixture(scope="module")
def client():
    """Two processes of this machine, started by an environment of many threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "ALLOWED_FAILURES", KILLS)
        patch.setenv("OMP_NUM_THREADS", "7")
        before = dict(os.environ)
        with open_client(workers=2) as opened:
            assert os.environ["OMP_NUM_THREADS"] == "7"
            yield opened
        after = dict(os.environ)
        before.pop("PYTEST_CURRENT_TEST"), after.pop("PYTEST_CURRENT_TEST")
        assert after == before


# The same results.


def test_jobs_run_here_in_their_order():
    told = []
    results = list(run_jobs(draw, NUMBERS, progress=lambda *state: told.append(state)))
    assert results == [(key, draw(number)) for key, number in NUMBERS.items()]
    assert told == [(done, 40) for done in range(1, 41)]
    assert list(run_jobs(draw, {})) == [] == list(run_jobs(draw, {}, workers=2))


def test_workers_give_the_same_results_each_once(client):
    told = []
    results = list(
        run_jobs(draw, NUMBERS, client=client, progress=lambda *state: told.append(state))
    )
    assert len(results) == 40 and dict(results) == dict(run_jobs(draw, NUMBERS))
    assert told == [(done, 40) for done in range(1, 41)]
    until(lambda: not client.futures)  # what was taken is forgotten


def test_workers_have_one_thread(client):
    first = client.run(variables, 0)
    os.kill(next(iter(first.values()))[0], signal.SIGKILL)
    until(lambda: len(set(client.nthreads()) - set(first)) == 1)
    found = {**first, **client.run(variables, 0)}  # the one that replaces it, too
    assert len({pid for pid, _ in found.values()} - {os.getpid()}) == 3
    assert {tuple(values) for _, values in found.values()} == {("1", "1", "1")}


def test_what_jobs_share_may_be_large(client):
    shared = bytes(module._LARGE + 1)
    found = dict(
        run_jobs(partial(lambda data, job: len(data) + job, shared), NUMBERS, client=client)
    )
    assert found == {key: len(shared) + number for key, number in NUMBERS.items()}


def test_a_bounded_number_of_jobs_is_with_the_scheduler(client):
    most = 0
    for _ in run_jobs(draw, {str(number): number for number in range(60)}, client=client):
        most = max(most, len(client.futures))
    assert 0 < most <= 8  # some that were released may not be forgotten yet


@pytest.mark.parametrize("remote", [False, True])
def test_what_is_journalled_is_not_run_again(tmp_path, request, remote):
    client = request.getfixturevalue("client") if remote else None
    ran = tmp_path / "ran"
    ran.mkdir()

    def noted(number):
        (ran / f"{number}.{uuid.uuid4()}").touch()
        return complex(number, 0.1)

    codec = {
        "encode": lambda value: [value.real, value.imag],
        "decode": lambda pair: complex(*pair),
    }
    with Journal(tmp_path / "run.journal", "test", {}) as journal:
        run = run_jobs(noted, NUMBERS, client=client, journal=journal, **codec)
        with closing(run):
            half = dict(next(run) for _ in range(20))
        assert set(journal) == set(half)
    with Journal(tmp_path / "run.journal", "test", {}) as journal:
        told = []
        rest = run_jobs(
            noted,
            NUMBERS,
            client=client,
            journal=journal,
            progress=lambda *state: told.append(state),
            **codec,
        )
        results = list(rest)
    assert told == [(done, 40) for done in range(1, 41)]
    assert dict(results[:20]) == half
    assert dict(results) == {key: complex(number, 0.1) for key, number in NUMBERS.items()}
    assert len(results) == 40
    # Some that were run may not have been taken; those that were taken ran once.
    times = Counter(each.name.split(".")[0] for each in ran.iterdir())
    assert len(times) == 40 and all(times[key.split()[1]] == 1 for key in half)


# What goes wrong.


def test_the_work_of_a_killed_worker_is_done_again(client, tmp_path):
    def kill():
        wait_for(tmp_path / "there")
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        (tmp_path / "killed").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    results = list(run_jobs(partial(first_time_killed, tmp_path), NUMBERS, client=client))
    killer.join()
    assert (tmp_path / "killed").exists()
    assert len(results) == 40 and dict(results) == NUMBERS


def test_a_job_that_kills_its_workers_is_named_and_the_cluster_goes_on(client):
    with pytest.raises(JobKilled, match=r"Job 'job 3' was given up: 2 workers died") as caught:
        list(run_jobs(kill_own_worker, {"job 3": 3}, client=client))
    assert caught.value.key == "job 3" and isinstance(caught.value, RuntimeError)
    assert dict(run_jobs(draw, NUMBERS, client=client)) == dict(run_jobs(draw, NUMBERS))


def test_late_jobs_are_left_out_and_their_workers_freed(client):
    until(lambda: len(client.nthreads()) == 2)
    waits = {"soon": 0.0, "never": LONG}
    assert dict(run_jobs(slow, waits, client=client, deadline=4.0)) == {"soon": 0.0}
    start = time.monotonic()
    assert len(dict(run_jobs(draw, NUMBERS, client=client))) == 40
    assert time.monotonic() - start < LONG / 2


def test_here_no_job_is_begun_after_the_deadline():
    waits = {"soon": 0.0, "late": 0.2, "never": LONG}
    assert dict(run_jobs(slow, waits, deadline=0.1)) == {"soon": 0.0, "late": 0.2}


@pytest.mark.parametrize("remote", [False, True])
def test_an_error_of_a_job_is_raised_as_it_is(request, remote):
    client = request.getfixturevalue("client") if remote else None
    with pytest.raises(Own) as caught, closing(run_jobs(fail, NUMBERS, client=client)) as run:
        list(run)
    assert caught.value.args == ("no", 3)
    assert caught.traceback[-1].name == "fail"
    if remote:
        until(lambda: not client.futures)
        # One job sleeps on: it is ended by what ends any late job.
        dict(run_jobs(slow, {"a": LONG, "b": LONG}, client=client, deadline=0.5))


def test_left_early_a_run_ends_its_processes():
    before = set(psutil.Process().children(recursive=True))
    with closing(run_jobs(slow, {"a": 0.0, "b": LONG, "c": LONG}, workers=2)) as run:
        assert next(run) == ("a", 0.0)
        assert len(set(psutil.Process().children(recursive=True)) - before) >= 2
    # The resource tracker of multiprocessing stays until the end of the interpreter.
    left = [
        each
        for each in set(psutil.Process().children(recursive=True)) - before
        if "resource_tracker" not in " ".join(each.cmdline())
    ]
    assert not left


def test_a_cluster_without_workers_is_told():
    with (
        LocalCluster(n_workers=0, processes=False, **NO_PAGES) as cluster,
        Client(cluster, set_as_default=False) as empty,
        dask.config.set({"qhopfield.workers-timeout": "100ms"}),
        pytest.raises(RuntimeError, match=r"has had no worker for 0\.1 s\. Start workers with"),
    ):
        list(run_jobs(draw, NUMBERS, client=empty))


def test_a_lost_scheduler_is_told(tmp_path):
    cluster = LocalCluster(
        n_workers=1, processes=False, protocol="tcp", silence_logs=logging.CRITICAL, **NO_PAGES
    )
    with (
        # A cluster that has lost its scheduler takes as long to close.
        dask.config.set({"distributed.comm.timeouts.connect": "500ms"}),
        cluster,
        Client(cluster.scheduler_address, set_as_default=False, timeout=2) as other,
    ):

        def lose():
            wait_for(tmp_path / "there")
            cluster.sync(cluster.scheduler.close)
            (tmp_path / "never").touch()

        loser = threading.Thread(target=lose)
        loser.start()
        with pytest.raises(ConnectionError, match=r"scheduler .*was.* lost"):
            list(run_jobs(partial(wait_at, tmp_path), NUMBERS, client=other))
        loser.join()


def test_nobody_is_at_the_address(monkeypatch):
    monkeypatch.setattr(places, "CONNECT_SECONDS", 0.3)
    with pytest.raises(ConnectionError, match=r"answered at 'tcp://127.0.0.1:9' within 0.3 s"):
        list(run_jobs(draw, NUMBERS, client="tcp://127.0.0.1:9"))


def test_an_address_is_enough(client):
    address = client.scheduler.address
    assert dict(run_jobs(draw, NUMBERS, client=address)) == dict(run_jobs(draw, NUMBERS))


def test_a_script_without_a_guard_is_told(monkeypatch):
    def fails(**_):
        raise RuntimeError("Nanny failed to start.")  # as it does while the script is imported

    monkeypatch.setattr(distributed, "LocalCluster", fails)
    with pytest.raises(
        RuntimeError, match="must guard its start by 'if __name__ == \"__main__\":'"
    ):
        list(run_jobs(draw, NUMBERS, workers=2))


class Closed:
    """Stands for what cannot be pickled."""

    def __reduce__(self):
        raise ValueError("stays here")


def test_what_cannot_be_pickled_is_named(client):
    with pytest.raises(TypeError, match="job 'a' cannot be sent to a worker: stays here"):
        list(run_jobs(draw, {"a": Closed()}, client=client))
    with pytest.raises(TypeError, match="the function cannot be sent to a worker: stays here"):
        list(run_jobs(partial(draw, Closed()), NUMBERS, client=client))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"function": 3}, TypeError, "function must be a function of one job"),
        ({"jobs": ["a"]}, TypeError, "jobs must be a mapping of text keys to jobs"),
        ({"jobs": {1: 2}}, TypeError, "jobs must be a mapping of text keys to jobs"),
        ({"workers": 0}, ValueError, "workers must be >= 1"),
        ({"workers": 1.5}, TypeError, "workers must be an integer"),
        ({"workers": 2, "client": "tcp://a:1"}, ValueError, "Give either workers="),
        ({"client": " "}, ValueError, "client must be the address of a scheduler"),
        ({"client": 3}, TypeError, r"client must be a distributed\.Client or the address"),
        ({"journal": "run.journal"}, TypeError, "journal must be a Journal or None"),
        ({"deadline": 0}, ValueError, "deadline must be a finite number > 0"),
        ({"deadline": float("nan")}, ValueError, "deadline must be a finite number > 0"),
        ({"deadline": "1 s"}, TypeError, "deadline must be a real number"),
    ],
)
def test_bad_input_is_refused_at_once(change, error, message):
    arguments = {"function": draw, "jobs": NUMBERS, **change}
    with pytest.raises(error, match=message):
        run_jobs(arguments.pop("function"), arguments.pop("jobs"), **arguments)


def test_no_address_and_closed_clients_are_refused(client, monkeypatch):
    monkeypatch.setattr(places, "CONNECT_SECONDS", 0.3)
    with pytest.raises(ValueError, match=r"address of a scheduler such as .*got 'nowhere'"):
        list(run_jobs(draw, NUMBERS, client="nowhere"))
    own = Client(client.scheduler.address, set_as_default=False)
    own.close()
    with pytest.raises(ValueError, match=r"client must be connected, got one that is closed"):
        run_jobs(draw, NUMBERS, client=own)
