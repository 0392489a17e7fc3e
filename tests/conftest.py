"""Settings that every test shares, and the table of faults that tests hold (``make faults``)."""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Iterator

import hypothesis
import pytest

# Wall-clock deadlines make property tests flaky on a busy machine.
hypothesis.settings.register_profile("qhopfield", deadline=None)
hypothesis.settings.load_profile("qhopfield")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fault-table",
        action="store_true",
        help="print which tests hold each fault that was found once (marker: fault)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "fault(what, *, kind): the test holds a fault that was found once; `what` came out wrong, "
        "and `kind` is what it is an example of",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("fault"):
            (what,) = mark.args
            item.user_properties.append(("fault", (mark.kwargs["kind"], what)))


@pytest.fixture
def heard() -> Iterator[None]:
    """Signals end a process, and its children, even where the tests were started without them.

    ``nohup`` ignores SIGHUP, and shells ignore SIGINT in what they start in the background.
    """
    before = {}
    for name, handler in (("SIGHUP", signal.SIG_DFL), ("SIGINT", signal.default_int_handler)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    yield
    for number in before:
        signal.signal(number, signal.SIG_IGN)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not terminalreporter.config.getoption("--fault-table"):
        return
    held: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", ()):
                if name == "fault":
                    test = report.nodeid.split("[")[0]
                    held[tuple(value)][test].add(outcome)
    terminalreporter.section("faults and the tests that hold them")
    for kind in sorted({kind for kind, _ in held}):
        terminalreporter.write_line(f"\n{kind}")
        for (_, what), tests in sorted((k, v) for k, v in held.items() if k[0] == kind):
            terminalreporter.write_line(f"  - {what}")
            for test, outcomes in sorted(tests.items()):
                terminalreporter.write_line(f"      {test}: {', '.join(sorted(outcomes))}")
    terminalreporter.write_line(f"\n{len(held)} faults")
