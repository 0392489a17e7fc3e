"""Keywords that nobody takes, answered with the nearest that somebody does."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, Self


def parameters_of(*functions: Callable[..., Any]) -> set[str]:
    """The names that functions can be called with."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {
        name
        for function in functions
        for name, each in inspect.signature(function).parameters.items()
        if each.kind in kinds and name != "self"
    }


def refuse_keyword(what: str, given: str, known: Iterable[str], advice: str | None = None) -> None:
    """Refuses a keyword that nobody takes.

    Args:
        what: what was called.
        given: the keyword that came.
        known: those that it takes.
        advice: what to do, where that is known; None names the nearest keyword, or all.

    Raises:
        TypeError: always.
    """
    names = sorted(known)
    near = get_close_matches(given, names, 1, 0.6)
    if advice is None and near:
        advice = f"did you mean {near[0]!r}?"
    elif advice is None:
        advice = f"it takes {', '.join(names)}." if names else "it takes none."
    raise TypeError(f"{what}() got an unexpected keyword argument {given!r}; {advice}")


class Chosen:
    """Base of what is chosen by keywords: one that it does not take is answered with the nearest.

    Python itself would name the method ``__init__``, which nobody has called.
    """

    def __new__(cls, *values: Any, **keywords: Any) -> Self:
        """Makes an object whose keywords are known.

        Raises:
            TypeError: a keyword is unknown.
        """
        known = _keywords_of(cls.__init__)
        for name in keywords:
            if known is not None and name not in known:
                refuse_keyword(cls.__name__, name, known)
        if values and cls.__init__ is object.__init__:
            raise TypeError(f"{cls.__name__}() takes no arguments, got {len(values)}.")
        return super().__new__(cls)


@functools.lru_cache(maxsize=1024)
def _keywords_of(made: Callable[..., None]) -> frozenset[str] | None:
    """What an ``__init__`` takes, or None where it takes any keyword."""
    if made is object.__init__:
        return frozenset()
    given = inspect.signature(made).parameters.values()
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in given):
        return None
    return frozenset(parameters_of(made))
