"""Ending in good order when a scheduler, a terminal or a user says so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Sent by schedulers, containers and service managers (SIGTERM), and where a terminal goes away.
_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Terminated(SystemExit):
    """The process was told to end by a signal.

    Where nothing catches it, the process ends with the exit status that shells give to that signal.

    Attributes:
        signal: which one.
        code: the exit status, 128 and the signal's number: 143 for SIGTERM, 129 for SIGHUP.
    """

    def __init__(self, number: int, message: str = "") -> None:
        self.signal = signal.Signals(number)
        super().__init__(message or f"ended by {self.signal.name}")
        self.code: int = 128 + int(number)

    def __str__(self) -> str:
        return str(self.args[0])


@contextmanager
def ending_by_signal() -> Iterator[None]:
    """Raises :class:`Terminated` in the block where SIGTERM or SIGHUP would end the process.

    Blocks end as they do for any error: files are whole, processes that were started are ended. A
    second signal ends the process at once. Signals that are ignored (``nohup``) or handled
    otherwise stay so, and threads other than the main one change nothing.
    """
    before: dict[int, Any] = {}

    def end(number: int, _: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        raise Terminated(number)

    if threading.current_thread() is threading.main_thread():
        for each in _ENDING:
            if signal.getsignal(each) == signal.SIG_DFL:
                before[each] = signal.signal(each, end)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
