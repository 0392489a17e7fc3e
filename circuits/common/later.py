"""Fields of frozen data that are computed when they are first looked at."""

from __future__ import annotations

import copy
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np

T = TypeVar("T")

_ATOMS = (type(None), bool, int, float, complex, str, bytes)


class Late(ABC):
    """What the late fields of one object are computed from."""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    @abstractmethod
    def values(self, name: str, owner: Any) -> dict[str, Any]:
        """The value of a field of ``owner``, and those of fields that come with it."""


class LateField:
    """A field that is computed, as long as an instance does not hold it yet."""

    def __init__(self, name: str) -> None:
        self._name = name

    # Without __set__, what an instance holds goes before this.
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            raise AttributeError(self._name)
        return instance._look(self._name)


class HasLateFields:
    """Base of frozen dataclasses whose late fields (:func:`with_late_fields`) may be missing.

    An instance that was made by its constructor holds all of them; :meth:`_defer` puts it off.
    """

    _late_fields: ClassVar[tuple[str, ...]] = ()

    def _defer(self, late: Late) -> None:
        """Takes the late fields away; they are computed when they are first looked at."""
        for name in self._late_fields:
            vars(self).pop(name, None)
        vars(self)["_late"] = late

    def _look_at_all(self) -> None:
        for name in self._late_fields:
            getattr(self, name)

    def _look(self, name: str) -> Any:
        """Computes a late field, once, whichever thread asks for it first."""
        fields = vars(self)
        late = fields.get("_late")
        if late is not None:
            with late.lock:
                if name not in fields:
                    fields.update(late.values(name, self))
                if all(each in fields for each in self._late_fields):
                    fields.pop("_late", None)  # and what it was computed from
        if name not in fields:
            raise AttributeError(name)
        return fields[name]

    def __getstate__(self) -> dict[str, Any]:
        # What travels is what there is to see, and no promise to compute it.
        self._look_at_all()
        return dict(vars(self))

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        # NumPy's arrays forget on the way that they are read-only.
        for value in state.values():
            for array in value if isinstance(value, tuple) else (value,):
                if isinstance(array, np.ndarray):
                    array.flags.writeable = False


C = TypeVar("C", bound=type[HasLateFields])


def with_late_fields(*names: str) -> Callable[[C], C]:
    """Says which fields of a dataclass (one that has no slots) are late ones."""

    def change(owner: C) -> C:
        owner._late_fields = names
        for name in names:
            setattr(owner, name, LateField(name))
        return owner

    return change


def snapshot(thing: T) -> T | None:
    """A copy that later changes of the thing do not reach, or None where it cannot be copied.

    What cannot change is shared: read-only arrays that own their numbers, and frozen dataclasses of
    numbers and texts.
    """
    if _fixed(thing):
        return thing
    kept = {id(value): value for value in getattr(thing, "__dict__", {}).values() if _fixed(value)}
    try:
        # Where all there is cannot change, a new holder of it will do.
        shallow = kept and len(kept) == len(vars(thing)) and not hasattr(thing, "__deepcopy__")
        return copy.copy(thing) if shallow else copy.deepcopy(thing, kept)
    except Exception:  # locks, handles and the like: their errors have no common class
        return None


def _fixed(value: Any) -> bool:
    if type(value) in _ATOMS:
        return True
    if isinstance(value, np.ndarray):
        return value.flags.owndata and not value.flags.writeable
    thing: Any = value
    if not is_dataclass(value) or not thing.__dataclass_params__.frozen:
        return False
    return all(map(_fixed, vars(thing).values()))
