"""Warnings that point at the line of the user's own code that they are about."""

from __future__ import annotations

import sys
import warnings

_PACKAGE = __name__.partition(".")[0]


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warns about the first line outside this package among those that led here."""
    depth = 2  # 1 is this function
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == (
        _PACKAGE
    ):
        frame = frame.f_back
        depth += 1
    warnings.warn(message, category, stacklevel=depth)
