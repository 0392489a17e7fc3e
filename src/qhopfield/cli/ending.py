"""What a command says when it is ended before it is done."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_WAYS: list[str] = []


@contextmanager
def going_on(how: str) -> Iterator[None]:
    """Ends the block in good order on SIGTERM and SIGHUP, and says how to go on.

    Args:
        how: a sentence for standard error; Ctrl-C gives it too.
    """
    from ..circuits.common.signals import ending_by_signal

    _WAYS.append(how)
    try:
        with ending_by_signal():
            yield
    except Exception:
        _WAYS.remove(how)  # an error says itself what to do
        raise
    _WAYS.remove(how)


def ended(error: BaseException) -> int:
    """Says on standard error what has ended a command.

    Returns:
        The exit status: 143 for SIGTERM, 129 for SIGHUP, else 130.
    """
    by = getattr(error, "signal", None)
    what = "interrupted" if by is None else f"ended by {by.name}"
    how = f" {_WAYS[-1]}" if _WAYS else ""
    _WAYS.clear()
    # Of processes that train together the first one speaks.
    if os.environ.get("LOCAL_RANK", "0") == "0":
        print(f"qhopfield: {what}.{how}", file=sys.stderr)
    return 130 if by is None else 128 + int(by)
