"""What tells one object from another: fingerprints of exact bytes, for resumable files.

What an object prints is for people; it rounds numbers and leaves things out. A fingerprint holds
everything that the object's answers may depend on: the class with its code and attributes, and all
fields, down to the bits of each number. What it cannot see into it refuses, so that two things are
never taken for one.
"""

from __future__ import annotations

import copyreg
import enum
import functools
import hashlib
import inspect
import struct
import sys
import sysconfig
import types
from collections import OrderedDict
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from .keywords import Chosen

_PACKAGE = __name__.split(".", 1)[0]
_VERSIONS = ("qhopfield", "qiskit", "qiskit-aer", "numpy")
_HOW = (
    "Make it a dataclass of numbers, texts and arrays, or give its class a method fingerprint() "
    "that returns a text with all that its answers depend on"
)


class Unidentified(ValueError):
    """Something cannot be told apart from others of its kind."""


class Identified(Chosen):
    """What has a fingerprint made from its class and its fields."""

    def fingerprint(self) -> str:
        """Tells this object from others, for journals and other files that a run goes on from.

        It is made from the class (its code and attributes) and from all fields as exact bytes:
        arrays, numbers, texts, functions, nested objects. What ``functools.cached_property`` keeps
        is left out; so is what a class's own ``__getstate__`` leaves out. A class whose objects
        hold what cannot be looked into (an open file, a handle of C) defines this method itself and
        returns a text with all that its answers depend on.

        Returns:
            32 hexadecimal digits.

        Raises:
            ValueError: a field cannot be told apart from others; the message names it.
        """
        return fingerprint(self)


def fingerprint(value: Any, name: str | None = None) -> str:
    """Tells a value from others by exact bytes.

    Args:
        value: numbers, texts, arrays, containers, functions, classes and objects made of these.
        name: what errors call it; None takes the name of its type.

    Returns:
        32 hexadecimal digits; those of two values differ where their types, shapes, bytes or code
        do.

    Raises:
        ValueError: a part cannot be told apart from others; the message names it.

    >>> fingerprint([0.1 + 0.2]) == fingerprint([0.3])
    False
    >>> fingerprint({"a": 1, "b": (2, None)}) == fingerprint({"b": (2, None), "a": 1})
    True
    """
    return _Encoder().digest(value, type(value).__name__ if name is None else name).hex()[:32]


def printed(value: Any) -> str:
    """What a value prints, in one line without addresses, for errors; it tells nothing apart."""
    text = " ".join(repr(value).split())
    if " object at 0x" in text[:200]:
        return f"a {type(value).__name__}"
    return text if len(text) <= 300 else f"{text[:300]}..."


def versions(*more: str) -> dict[str, str]:
    """The versions that seeded answers depend on, those of further packages included."""
    found = {"python": ".".join(map(str, sys.version_info[:2]))}
    for each in (*_VERSIONS, *more):
        try:
            found[each] = version(each)
        except PackageNotFoundError:
            found[each] = "not installed"
    return found


Describe = Callable[[Any], Any]
_SPECIAL: list[tuple[type, Describe]] = []


def describe_as(kind: type, describe: Describe) -> None:
    """Registers what stands in for objects of a kind that cannot be looked into as they are.

    Args:
        kind: a class of another package.
        describe: from an object to a value that holds all that its answers depend on.
    """
    _SPECIAL.append((kind, describe))


# Encoding.

_SKIPPED = frozenset(
    {
        *("__module__", "__qualname__", "__name__", "__dict__", "__weakref__", "__doc__"),
        *("__annotations__", "__abstractmethods__", "_abc_impl", "__dataclass_fields__"),
        *("__dataclass_params__", "__match_args__", "__firstlineno__", "__static_attributes__"),
        *("__orig_bases__", "__parameters__", "__slots__", "__annotate__", "__annotate_func__"),
        *(
            "__annotations_cache__",
            "__classcell__",
            "__slotnames__",
            "__classdictcell__",
            "__type_params__",
        ),
        *("_is_protocol", "__protocol_attrs__", "_is_runtime_protocol", "__annotate_cache__"),
    }
)
_CACHED = type(functools.cache(lambda: None))
_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_BUILTIN = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    type(np.add),
)


class _Encoder:
    """Digests of values; one is used for one fingerprint."""

    def __init__(self) -> None:
        # Digests by id, with the object, so that no other gets its id meanwhile.
        self._known: dict[int, tuple[Any, bytes]] = {}
        self._open: dict[int, int] = {}
        self._classes: dict[type, bytes | None] = {}

    def digest(self, value: Any, path: str) -> bytes:
        """The digest of a value, 32 bytes."""
        plain = _plain(value)
        if plain is not None:
            return _hash(*plain)
        key = id(value)
        if key in self._known:
            return self._known[key][1]
        if key in self._open:
            # It holds itself: how far up says where.
            return _hash(b"again", str(len(self._open) - self._open[key]).encode())
        self._open[key] = len(self._open)
        try:
            found = _hash(*self._parts(value, path))
        except RecursionError:
            raise Unidentified(
                f"{path} is nested too deeply to be told apart from others."
            ) from None
        finally:
            del self._open[key]
        self._known[key] = (value, found)
        return found

    def _parts(self, value: Any, path: str) -> list[bytes]:
        """What is hashed for a value that is no plain one."""
        kind = type(value)
        if kind in (list, tuple):
            return [kind.__name__.encode(), *self._each(value, path)]
        if kind in (dict, types.MappingProxyType):
            return [b"dict", *sorted(self._items(value, path))]
        if kind is OrderedDict:
            return [b"OrderedDict", *self._items(value, path)]
        if kind in (set, frozenset):
            return [kind.__name__.encode(), *sorted(self._each(value, path))]
        if isinstance(value, np.ndarray):
            return self._array(value, path)
        if isinstance(value, type):
            return [b"class", self._class(value, path)]
        if isinstance(value, types.ModuleType):
            return [b"module", value.__name__.encode(), _version_of(value.__name__)]
        if isinstance(value, types.CodeType):
            return self._code(value, path)
        if isinstance(value, enum.Enum):
            return [b"enum", self._class(kind, path), value.name.encode()]
        if isinstance(value, types.FunctionType):
            return self._function(value, path)
        if isinstance(value, types.MethodType):
            return [
                b"method",
                self.digest(value.__func__, path),
                self.digest(value.__self__, f"{path}.__self__"),
            ]
        if isinstance(value, _BUILTIN):
            return self._builtin(value, path)
        if isinstance(value, (staticmethod, classmethod)):
            return [kind.__name__.encode(), self.digest(value.__func__, path)]
        if isinstance(value, property):
            parts = (value.fget, value.fset, value.fdel)
            return [b"property", *(self.digest(each, path) for each in parts)]
        if isinstance(value, functools.cached_property):
            return [b"cached_property", self.digest(value.func, path)]
        if isinstance(value, _CACHED):
            return [b"cached", self.digest(value.__wrapped__, path)]
        module, called = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if isinstance(called, str) and _installed(module) and _found(module, called) is value:
            return [b"global", _name(value), _version_of(module)]
        for special, describe in reversed(_SPECIAL):
            if isinstance(value, special) and not _says_itself(kind):
                stands = describe(value)
                # Classes made on the way have no module (those of Qiskit's singleton gates).
                kind = next(each for each in kind.__mro__ if isinstance(each.__module__, str))
                return [b"described", self._class(kind, path), self.digest(stands, path)]
        return self._object(value, path)

    def _each(self, values: Any, path: str) -> list[bytes]:
        return [self.digest(each, f"{path}[{number}]") for number, each in enumerate(values)]

    def _items(self, values: Mapping[Any, Any], path: str) -> list[bytes]:
        return [
            self.digest(key, f"a key of {path}") + self.digest(each, f"{path}[{key!r}]")
            for key, each in values.items()
        ]

    def _array(self, array: Any, path: str) -> list[bytes]:
        kind = type(array)
        parts = [b"array", repr(array.shape).encode()]
        if kind not in (np.ndarray, np.memmap):
            parts.append(self._class(kind, path))
            parts.append(self._fields(array, path))
        plain = np.asarray(array)
        if plain.dtype.hasobject:
            if plain.dtype != object:
                raise Unidentified(
                    f"{path} is an array of records with objects in it, which cannot be told apart "
                    "from others. Use arrays of numbers."
                )
            return [*parts, b"objects", *self._each(plain.ravel().tolist(), path)]
        return [*parts, repr(plain.dtype.descr).encode(), plain.tobytes()]

    def _class(self, kind: type, path: str) -> bytes:
        """A class: where it comes from, and its code and attributes where that is no package's."""
        name = _name(kind)
        if belongs_to_a_package(kind):
            return _hash(b"class", name, _version_of(kind.__module__))
        if kind in self._classes:
            return self._classes[kind] or _hash(b"class again", name)
        self._classes[kind] = None
        parts = [name, *(self._class(each, f"{path}'s class") for each in kind.__bases__)]
        for key, value in sorted(vars(kind).items()):
            if key not in _SKIPPED and not isinstance(value, _DESCRIPTORS):
                parts.append(key.encode() + self.digest(value, f"{kind.__qualname__}.{key}"))
        found = self._classes[kind] = _hash(b"own class", *parts)
        return found

    def _function(self, value: types.FunctionType, path: str) -> list[bytes]:
        parts = [b"function", _name(value)]
        top = value.__module__.partition(".")[0] if value.__module__ else ""
        known = _found(value.__module__, value.__qualname__) is value
        if known and _installed(value.__module__):
            return [*parts, _version_of(top)]
        parts += self._code(value.__code__, path)
        parts.append(self.digest(value.__defaults__, f"the defaults of {path}"))
        parts.append(self.digest(value.__kwdefaults__, f"the defaults of {path}"))
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            try:
                held = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            if name == "__class__":
                continue  # the class that the method stands in, which is looked at itself
            parts.append(name.encode() + self.digest(held, f"{name} in {path}"))
        if vars(value):
            held = {key: each for key, each in vars(value).items() if not key.startswith("__")}
            parts.append(self.digest(held, path))
        if top != _PACKAGE and not _installed(value.__module__):  # those have a version
            for name in sorted(_globals_of(value.__code__)):
                if name in value.__globals__:
                    held = value.__globals__[name]
                    parts.append(name.encode() + self.digest(held, f"{name}, which {path} uses,"))
        return parts

    def _code(self, code: types.CodeType, path: str) -> list[bytes]:
        constants = [
            _hash(*self._code(each, path))
            if isinstance(each, types.CodeType)
            else self.digest(each, path)
            for each in code.co_consts
        ]
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        return [
            b"code",
            code.co_code,
            repr((code.co_argcount, code.co_kwonlyargcount, code.co_flags, names)).encode(),
            *constants,
        ]

    def _builtin(self, value: Any, path: str) -> list[bytes]:
        owner = getattr(value, "__self__", None)
        if owner is not None and not isinstance(owner, (type, types.ModuleType)):
            return [
                b"builtin method",
                value.__name__.encode(),
                self.digest(owner, f"{path}.__self__"),
            ]
        where = getattr(value, "__module__", None) or getattr(
            getattr(value, "__objclass__", owner), "__name__", ""
        )
        name = getattr(value, "__qualname__", value.__name__)
        return [b"builtin", str(where).encode(), str(name).encode()]

    def _object(self, value: Any, path: str) -> list[bytes]:
        kind = type(value)
        if _says_itself(kind):
            said = value.fingerprint()
            if not isinstance(said, str) or not said:
                raise TypeError(
                    f"{kind.__name__}.fingerprint() must return a text with all that its answers "
                    f"depend on, got {said!r}."
                )
            return [b"says", _name(kind), said.encode()]
        if kind is object:
            raise Unidentified(
                f"{path} is a bare object(), which cannot be told apart from another. {_HOW}."
            )
        return [b"object", self._class(kind, path), self._fields(value, path)]

    def _fields(self, value: Any, path: str) -> bytes:
        """All that an object holds."""
        kind = type(value)
        parts: list[bytes] = []
        plain, own = _reduces_plainly(kind), _getstate_of(kind)
        if own is not None:
            parts.append(self.digest(own(value), path))
        elif plain or not _installed(kind.__module__):
            fields = fields_of(value)
            parts += [
                name.encode() + b"=" + self.digest(fields[name], f"{path}.{name}")
                for name in sorted(fields)
            ]
        if own is None or not plain:
            parts.append(self._reduced(value, path, plain or own is not None))
        return _hash(b"fields", *parts)

    def _reduced(self, value: Any, path: str, known: bool) -> bytes:
        """What pickle would write of an object, which refuses where C hides something.

        Args:
            value: the object.
            path: what errors call it.
            known: whether its state is looked at already.
        """
        kind = type(value)
        refused = f"{path} is a {kind.__name__}, which cannot be told apart from another. {_HOW}."
        if isinstance(value, np.ndarray):
            return b""  # its bytes are told with its shape
        try:
            reduce = copyreg.dispatch_table.get(kind)
            reduced: Any = value.__reduce_ex__(4) if reduce is None else reduce(value)
        except Exception as error:  # what refuses to be copied raises anything
            raise Unidentified(refused) from error
        if isinstance(reduced, str):
            if _found(kind.__module__, reduced) is not value:
                raise Unidentified(refused)
            return _hash(b"global", str(kind.__module__).encode(), reduced.encode())
        call, arguments, *rest = reduced
        state = rest[0] if rest and not known else None
        items = [None if each is None else list(each) for each in rest[1:3]]
        return _hash(
            *(
                b"itself" if each is kind else self.digest(each, path)
                for each in (call, *arguments, state, items)
            )
        )


def fields_of(value: Any) -> dict[str, Any]:
    """The attributes of an object, without what ``functools.cached_property`` keeps there."""
    fields = dict(getattr(value, "__dict__", {}))
    for each in type(value).__mro__:
        slots = vars(each).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else tuple(slots):
            hidden = slot.startswith("__") and not slot.endswith("__")
            name = f"_{each.__name__.lstrip('_')}{slot}" if hidden else slot
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                fields[name] = getattr(value, name)
        for name, attribute in vars(each).items():
            if isinstance(attribute, functools.cached_property):
                fields.pop(attribute.attrname or name, None)
    return fields


def _plain(value: Any) -> tuple[bytes, ...] | None:
    """What is hashed for numbers and texts; None for anything else."""
    kind = type(value)
    if value is None or value is Ellipsis or value is NotImplemented:
        return b"constant", repr(value).encode()
    if kind in (np.bool_, np.int64, np.float64, np.complex128, np.str_):
        value = value.item()
        kind = type(value)
    if kind is bool:
        return b"bool", repr(value).encode()
    if kind is int:
        return b"int", hex(value).encode()
    if kind is float:
        return b"float", struct.pack("<d", value)
    if kind is complex:
        return b"complex", struct.pack("<dd", value.real, value.imag)
    if kind is str:
        return b"str", value.encode("utf-8", "surrogatepass")
    if kind in (bytes, bytearray):
        return kind.__name__.encode(), bytes(value)
    if isinstance(value, np.generic) and not value.dtype.hasobject:
        return b"scalar", repr(value.dtype.descr).encode(), value.tobytes()
    if isinstance(value, np.dtype) and not value.hasobject:
        return b"dtype", repr(value.descr).encode()
    return None


def _hash(*parts: bytes) -> bytes:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "little"))
        whole.update(part)
    return whole.digest()


def _name(value: Any) -> bytes:
    return f"{value.__module__}.{value.__qualname__}".encode()


def _found(module: str | None, name: str) -> Any:
    """What a name of a module stands for; None where there is no such thing."""
    found: Any = sys.modules.get(module or "")
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _says_itself(kind: type) -> bool:
    """Whether a class has a fingerprint of its own making."""
    own = inspect.getattr_static(kind, "fingerprint", None)
    if not isinstance(own, types.FunctionType) or own is Identified.fingerprint:
        return False
    needed = [
        each for each in inspect.signature(own).parameters.values() if each.default is each.empty
    ]
    return len(needed) == 1


def _reduces_plainly(kind: type) -> bool:
    """Whether pickle would take the fields of an object as they are."""
    names = ("__reduce__", "__reduce_ex__", "__getstate__")
    return all(getattr(kind, name, None) is getattr(object, name, None) for name in names)


def _getstate_of(kind: type) -> Any:
    """How a class that is written in Python says what of its objects is worth keeping."""
    for each in kind.__mro__:
        own = vars(each).get("__getstate__")
        if own is not None:
            return own if isinstance(own, types.FunctionType) else None
    return None


def _globals_of(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            names |= _globals_of(each)
    return names


@functools.cache
def _places() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple(
        str(Path(paths[name]).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    )


@functools.cache
def _installed(module: Any) -> bool:
    """Whether a module belongs to Python or to an installed package, which has a version."""
    top = module.partition(".")[0] if isinstance(module, str) else ""
    if top == "__main__" or not top or top == _PACKAGE:
        return False
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return False
    place = str(Path(file).resolve())
    return any(place.startswith(each) for each in _places())


@functools.cache
def _version_of(module: str | None) -> bytes:
    top = (module or "").partition(".")[0]
    found = getattr(sys.modules.get(top), "__version__", "")
    return str(found).encode() if isinstance(found, str) else b""


def belongs_to_a_package(kind: type) -> bool:
    """Whether a class is one of Python or of an installed package, which has a version."""
    return _installed(kind.__module__) and _found(kind.__module__, kind.__qualname__) is kind


__all__ = [
    "Identified",
    "Unidentified",
    "belongs_to_a_package",
    "describe_as",
    "fields_of",
    "fingerprint",
    "printed",
    "versions",
]
