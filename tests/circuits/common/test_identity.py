"""Fingerprints: what differs in anything has another one, what is the same has the same."""

from __future__ import annotations

import copy
import enum
import functools
import subprocess
import sys
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import PurePosixPath

import numpy as np
import pytest

from qhopfield.circuits import (
    AmplifiedMemory,
    AtomizedMemory,
    DenseVote,
    ExpFilter,
    Exponential,
    FilteredMemory,
    Hopfield,
    KernelFilter,
    Mitigation,
    ModernHopfield,
    NeuronDynamics,
    RUSNeuron,
    ThresholdNeuron,
)
from qhopfield.circuits.capacity import ModelSpec
from qhopfield.circuits.common.identity import Identified, fingerprint
from qhopfield.circuits.models import SeparationFunction

PATTERNS = [[1, 1, 1, -1], [1, -1, 1, -1]]

FAULT = pytest.mark.fault(
    "models and separation functions were told apart by what they print",
    kind="a journal takes another run's answers for its own",
)


def scaled(factor):
    return lambda x: factor * np.asarray(x, dtype=float)


def powered(factor):
    return lambda x: np.asarray(x, dtype=float) ** factor


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Numbers(list):
    pass


class Slotted:
    __slots__ = ("__hidden", "shown")

    def __init__(self, hidden, shown=1):
        self.__hidden, self.shown = hidden, shown


class Function(SeparationFunction):
    """Of somebody's own: no dataclass, and it prints nothing."""

    name = "F"

    def __init__(self, function):
        self.function = function

    def __call__(self, x):
        return self.function(x)


DIFFERENT = {
    "last bit": (0.1 + 0.2, 0.3),
    "sign of zero": (0.0, -0.0),
    "int and bool": (1, True),
    "int and float": (1, 1.0),
    "text and bytes": ("a", b"a"),
    "list and tuple": ([1], (1,)),
    "nesting": ([1, [2]], [[1], 2]),
    "shape": (np.zeros((1, 2)), np.zeros((2, 1))),
    "dtype": (np.zeros(2), np.zeros(2, dtype=np.float32)),
    "one entry": (np.array([0.1, 0.2]), np.array([0.1, np.nextafter(0.2, 1)])),
    "objects in an array": (np.array([1, "a"], dtype=object), np.array([1, "b"], dtype=object)),
    "mask": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[0, 0])),
    "keys": ({"a": 1}, {"b": 1}),
    "order of an ordered one": (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
    "sets": ({1, 2}, {1, 3}),
    "enums": (Colour.RED, Colour.BLUE),
    "list of a kind": (Numbers([1]), [1]),
    "entries of a list of a kind": (Numbers([1]), Numbers([2])),
    "decimals": (Decimal("1.1"), Decimal("1.10")),
    "fractions": (Fraction(1, 3), Fraction(1, 2)),
    "paths": (PurePosixPath("a"), PurePosixPath("b")),
    "queues": (deque([1]), deque([1], maxlen=3)),
    "partial": (functools.partial(scaled, 1), functools.partial(scaled, 2)),
    "generators": (np.random.default_rng(1), np.random.default_rng(2)),
    "slots": (Slotted(1), Slotted(2)),
    "code": (scaled(1), powered(1)),
    "closure": (scaled(1), scaled(2)),
    "builtins": (np.cosh, np.sinh),
    "function of a separation": (Function(scaled(2)), Function(scaled(3))),
    "a bound method": (Slotted(1).__repr__, Slotted(2).__repr__),
    "beta": (ModernHopfield(PATTERNS, 0.3), ModernHopfield(PATTERNS, np.nextafter(0.3, 1))),
    "bias": (Hopfield.store(PATTERNS), Hopfield.store(PATTERNS, bias=[0, 0, 0, 1e-300])),
    "neuron": (NeuronDynamics(RUSNeuron(2)), NeuronDynamics(ThresholdNeuron())),
    "level": (RUSNeuron(2), RUSNeuron(3)),
    "filter": (FilteredMemory(ExpFilter(0.3)), FilteredMemory(ExpFilter(0.3 + 1e-16))),
    "d_min": (KernelFilter(Exponential(1.0)), KernelFilter(Exponential(1.0), d_min=1)),
    "kernel": (KernelFilter(Exponential(1.0)), KernelFilter(Exponential(1.0 + 1e-15))),
    "shards": (AtomizedMemory(shards=2), AtomizedMemory(shards=3)),
    "votes": (DenseVote(votes=64), DenseVote(votes=65)),
    "rounds": (AmplifiedMemory(rounds=1), AmplifiedMemory(rounds="auto")),
    "mitigation": (Mitigation(), Mitigation(calibration_shots=9_999)),
    "rule": (ModelSpec(), ModelSpec(rule="storkey")),
}


@FAULT
@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_has_another_fingerprint(name):
    first, second = DIFFERENT[name]
    assert fingerprint(first) != fingerprint(second)
    for each in (first, second):
        assert fingerprint(each) == fingerprint(each)
        if not isinstance(each, (Identified, np.random.Generator)):
            continue
        assert fingerprint(copy.deepcopy(each)) == fingerprint(each)


@FAULT
def test_attributes_of_a_class_of_ones_own():
    class Sharp(Hopfield):
        sharpness = 1.0

    first, second = Sharp.store(PATTERNS), Sharp.store(PATTERNS)
    assert first.fingerprint() == second.fingerprint() != Hopfield.store(PATTERNS).fingerprint()
    second.__dict__["sharpness"] = 0.01
    assert first.fingerprint() != second.fingerprint()
    before = first.fingerprint()
    Sharp.sharpness = 2.0
    assert first.fingerprint() != before
    before = first.fingerprint()
    Sharp.local_field = lambda self, states: 2.0 * Hopfield.local_field(self, states)
    assert first.fingerprint() != before


FACTOR = 1.0


def by_global(x):
    return FACTOR * x


@FAULT
def test_a_global_that_a_function_uses(monkeypatch):
    before = fingerprint(by_global)
    monkeypatch.setattr(sys.modules[by_global.__module__], "FACTOR", 2.0, raising=False)
    monkeypatch.setitem(by_global.__globals__, "FACTOR", 2.0)
    assert fingerprint(by_global) != before


def test_what_is_kept_for_later_is_no_part():
    class Lazy(SeparationFunction):
        name = "lazy"

        def __init__(self):
            self.table = None

        def __getstate__(self):
            return {}

        @cached_property
        def slow(self):
            return object()

        def __call__(self, x):
            self.table = object()
            return x

    class Cached(Hopfield):
        @cached_property
        def slow(self):
            return object()

    lazy, model = Lazy(), Cached.store(PATTERNS)
    before = lazy.fingerprint(), model.fingerprint()
    assert lazy(1) and lazy.slow and model.slow
    assert model.noise.size and model.integer_scale
    assert (lazy.fingerprint(), model.fingerprint()) == before


def test_a_class_may_say_itself_what_it_is():
    @dataclass(frozen=True)
    class Remote(SeparationFunction):
        server: object
        version: int
        name = "remote"

        def __call__(self, x):
            return x

        def fingerprint(self):
            return f"remote {self.version}"

    lock = threading.Lock()
    models = [Function(Remote(lock, version)) for version in (1, 1, 2)]
    assert fingerprint(models[0]) == fingerprint(models[1]) != fingerprint(models[2])

    class Silent(Remote):
        def fingerprint(self):
            return None

    with pytest.raises(TypeError, match=r"Silent\.fingerprint\(\) must return a text"):
        fingerprint(Function(Silent(lock, 1)))


@FAULT
@pytest.mark.parametrize(
    ("thing", "what"),
    [
        (threading.Lock(), "a lock"),
        (object(), "a bare object"),
        (sys.stderr, "cannot be told apart"),
        ((each for each in ()), "a generator"),
        (memoryview(b"a"), "a memoryview"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(thing, what):
    with pytest.raises(ValueError, match=what) as caught:
        fingerprint(Function({"inner": [thing]}), "model")
    assert "model.function['inner'][0]" in str(caught.value)
    assert "fingerprint()" in str(caught.value) or "told apart" in str(caught.value)


def test_what_holds_itself_ends():
    loop = [1]
    loop.append(loop)
    other = [2]
    other.append(other)
    assert fingerprint(loop) == fingerprint(copy.deepcopy(loop)) != fingerprint(other)


@dataclass(frozen=True)
class Own:
    name: str = "a"
    sets: frozenset = frozenset({"x", "y", "zz", "w"})
    table: dict = field(default_factory=lambda: {"b": {1.5, 2.5}, "a": scaled(3)})


def test_another_process_finds_the_same():
    """Whatever the seed of Python's hashes: sets and addresses are others there."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from qhopfield.circuits.common.identity import fingerprint\n"
        "import test_identity as t\n"
        "print(fingerprint(t.Own()), fingerprint(t.DIFFERENT['shards'][0]),"
        " fingerprint(t.DIFFERENT['function of a separation'][1]))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code, str(PurePosixPath(__file__).parent)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
