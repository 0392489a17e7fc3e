"""Requests that are too large: the one place that turns a cost into a refusal.

Whoever is about to allocate, or to start a loop, estimates what it costs and asks here first, so
that a request that cannot end is refused in words, before it starts.
"""

from __future__ import annotations

import psutil

MEMORY_SHARE = 0.5
"""The share of the machine's memory that one request may take."""

MOST_HOURS = 4.0
"""How long one request may take, by a rough estimate; set it higher where you mean it."""

GATE_BYTES, GATE_SECONDS = 200.0, 2e-6
"""What a gate of a circuit takes at least: measured on Qiskit 2.6 without parameters."""


class TooCostlyError(ValueError):
    """A request that is well formed and larger than the machine, or than anybody's patience."""


def refuse_memory(need: float, what: str, alternative: str) -> None:
    """Refuses what would not fit in memory.

    Args:
        need: bytes.
        what: what would take them, such as ``"1000 shots of 6 neurons"``.
        alternative: what to use instead, a sentence.

    Raises:
        TooCostlyError: more than :data:`MEMORY_SHARE` of the machine's memory.
    """
    have = psutil.virtual_memory().total
    if need > MEMORY_SHARE * have:
        raise TooCostlyError(
            f"{what} would take {in_bytes(need)} of memory; this machine has {in_bytes(have)}, of "
            f"which {MEMORY_SHARE:.0%} may be used. {alternative}"
        )


def refuse_work(seconds: float, what: str, alternative: str) -> None:
    """Refuses what would not end in hours.

    Args:
        seconds: a low estimate of the time on one core.
        what: what would take it.
        alternative: what to use instead, a sentence.

    Raises:
        TooCostlyError: more than :data:`MOST_HOURS`.
    """
    if seconds > 3600.0 * MOST_HOURS:
        raise TooCostlyError(
            f"{what} would take about {in_time(seconds)}; {MOST_HOURS:g} hours are the most here "
            f"(qhopfield.circuits.common.cost.MOST_HOURS). {alternative}"
        )


def refuse_gates(number: float, what: str, alternative: str) -> None:
    """Refuses a circuit that would not fit in memory, or not be built in hours.

    Args:
        number: gates, at least.
        what: what would have them.
        alternative: what to use instead, a sentence.

    Raises:
        TooCostlyError: too many gates.
    """
    what = f"{what}, a circuit of {number:.3g} gates,"
    refuse_memory(GATE_BYTES * number, what, alternative)
    refuse_work(GATE_SECONDS * number, what, alternative)


def in_bytes(number: float) -> str:
    """Bytes with a fitting unit."""
    number = min(number, 1e300)  # 2^(a thousand qubits) is no float
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if number < 1024:
            return f"{number:.3g} {unit}"
        number /= 1024
    return f"{number:.3g} EiB"


def in_time(seconds: float) -> str:
    """Seconds with a fitting unit."""
    for unit, size in (("s", 60.0), ("minutes", 60.0), ("hours", 24.0), ("days", 365.25)):
        if seconds < 2 * size:
            return f"{seconds:.3g} {unit}"
        seconds /= size
    return f"{seconds:.3g} years"
