"""Refusing mitigation that cannot help, and rejecting what no stored pattern explains.

A method says itself what can be mitigated: :attr:`.Method.why_not_mitigated` and
:attr:`.Method.why_not_codewords`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..patterns import check_spins
from .base import Method, Samples


class Wanted(Protocol):
    """What is asked of mitigation (see :class:`qhopfield.circuits.execution.Mitigation`)."""

    @property
    def runs(self) -> bool:
        """Whether circuits run differently."""
        ...

    @property
    def codewords(self) -> bool:
        """Whether answers that are no stored patterns are rejected."""
        ...


def keep_codewords(samples: Samples, patterns: ArrayLike) -> Samples:
    """Rejects the accepted runs whose answer is no stored pattern.

    A filtered memory returns stored patterns only, so that any other answer shows that an error
    has happened, as a word outside of an error-detecting code does.  An error that turns one stored
    pattern into another is not seen, and patterns that lie close together show less.

    Args:
        samples: of a method that can only return stored patterns.
        patterns: the stored patterns.

    Returns:
        The samples with fewer outcomes, and an acceptance that is as much smaller.

    Shapes:
        patterns: (M, N)

    Raises:
        ValueError: ``patterns`` is no table of +-1 rows.
    """
    stored = check_spins(patterns, samples.outcomes[0].shape[1])
    known = {row.tobytes() for row in np.ascontiguousarray(stored, dtype=np.int8)}
    outcomes, weights, shares = [], [], []
    for states, mass in zip(samples.outcomes, samples.weights, strict=True):
        rows = np.ascontiguousarray(states, dtype=np.int8)
        kept = np.array([row.tobytes() in known for row in rows], dtype=np.bool_)
        outcomes.append(states[kept])
        weights.append(mass[kept])
        total = float(mass.sum())
        shares.append(float(mass[kept].sum()) / total if total > 0.0 else 1.0)
    share = np.array(shares)
    return replace(
        samples,
        outcomes=tuple(outcomes),
        weights=tuple(weights),
        acceptance=samples.acceptance * share,
        effective=None if samples.effective is None else samples.effective * share,
    )


def refuse_mitigation(method: Method, mitigation: Wanted | None) -> None:
    """Refuses mitigation of a method that it would not help or would break.

    Args:
        method: the method.
        mitigation: what is asked for; None asks for nothing.

    Raises:
        ValueError: the method uses single shots, or may rightly return what was never stored; the
            message says what to use instead.
    """
    if mitigation is None or not (mitigation.runs or mitigation.codewords):
        return
    if method.classical:
        raise ValueError(
            f"{type(method).__name__} runs no circuit, so that there is nothing to mitigate."
        )
    for asked, reason in (
        (mitigation.runs, method.why_not_mitigated),
        (mitigation.codewords, method.why_not_codewords),
    ):
        if asked and reason is not None:
            raise ValueError(reason)


def wanders(method: Method) -> str:
    """The reason of methods whose answers need not be stored patterns."""
    return (
        f"codewords=True rejects what was never stored, and {type(method).__name__} may rightly "
        "end in such a state (a spurious one, or one on its way): use FilteredMemory() or "
        "AmplifiedMemory(), or leave codewords out."
    )
