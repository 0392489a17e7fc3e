"""Bad input, generated from the public names themselves.

Every public callable of ``qhopfield.circuits`` and its sub-packages, and every public verb of its
models, methods, filters and neurons, is called with one argument at a time replaced by values of a
wrong kind.  It may work (where the value is legitimate after all), or raise a ``ValueError`` or
``TypeError`` of our own that names the argument; what NumPy, SciPy, Qiskit or Python say by
themselves is no answer.  A new public name takes part by being public: an argument without an
example fails :func:`test_every_argument_has_an_example`.
"""

from __future__ import annotations

import dataclasses
import datetime
import fractions
import importlib
import inspect
import math
import pathlib
import re
import signal
import traceback
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorSampler

import qhopfield.circuits as circuits
from qhopfield.circuits import patterns
from qhopfield.circuits.capacity import CapacityCell, CapacityResult, ModelSpec, capacity
from qhopfield.circuits.execution import AerRunner

OURS = str(pathlib.Path(circuits.__file__).parent)
PACKAGES = (
    "",
    ".blocks",
    ".blocks.filters",
    ".capacity",
    ".execution",
    ".laws",
    ".methods",
    ".models",
    ".patterns",
)
SECONDS = 20.0  # a case that takes longer hangs, on however busy a machine


class Awkward:
    """An object that refuses everything."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array")

    def __repr__(self):
        raise RuntimeError("no text")


class Anything:
    """What takes whatever it is given."""

    def __init__(self, *given, **named):
        self.given = given, named


def _tensor(**options):
    torch = pytest.importorskip("torch")
    return torch.ones(2, 4, **options)


# Values of a wrong kind, made anew for every call.
BAD = {
    "None": lambda: None,
    "text": lambda: "x",
    "empty text": lambda: "",
    "text False": lambda: "False",
    "text number": lambda: "3",
    "bytes": lambda: b"x",
    "half": lambda: 1.5,
    "whole float": lambda: 2.0,
    "-1": lambda: -1,
    "0": lambda: 0,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "10**400": lambda: 10**400,
    "10**5000": lambda: 10**5000,
    "2**63": lambda: 2**63,
    "10**12": lambda: 10**12,
    "1e308": lambda: 1e308,
    "5e-324": lambda: 5e-324,
    "complex": lambda: 1 + 2j,
    "fraction": lambda: fractions.Fraction(1, 3),
    "True": lambda: True,
    "np.bool_": lambda: np.bool_(False),
    "np.uint8": lambda: np.uint8(200),
    "np.float32": lambda: np.float32(0.5),
    "long double": lambda: np.finfo(np.longdouble).max,
    "object": object,
    "awkward": Awkward,
    "class": lambda: Anything,
    "lambda": lambda: lambda *_: None,
    "[]": list,
    "[[]]": lambda: [[]],
    "{}": dict,
    "set": lambda: {1, 2},
    "ragged": lambda: [[1, -1], [1]],
    "deep": lambda: [[[1, -1]]],
    "list of text": lambda: ["a", "b"],
    "list of None": lambda: [None],
    "list of huge": lambda: [10**400, 1],
    "objects": lambda: np.array([object(), 1], dtype=object),
    "huge floats": lambda: np.full((2, 4), 1e308),
    "nan array": lambda: np.full((2, 4), math.nan),
    "number array": lambda: np.array(1.0),
    "empty array": lambda: np.zeros((0, 4)),
    "wrong shape": lambda: np.ones((3, 7)),
    "4 axes": lambda: np.ones((1, 1, 1, 4)),
    "bools": lambda: np.ones((2, 4), dtype=bool),
    "complex array": lambda: np.ones((2, 4), dtype=complex),
    "times": lambda: np.array(["2020-01-01"], dtype="M8[D]"),
    "records": lambda: np.zeros(2, dtype=[("a", "i4")]),
    "datetime": lambda: datetime.datetime(2020, 1, 1),
    "masked": lambda: np.ma.masked_array(np.ones((2, 4)), mask=np.eye(2, 4)),
    "sparse": lambda: scipy.sparse.csr_array(np.eye(4)),
    "frame": lambda: pd.DataFrame({"a": ["x", "y"]}),
    "circuit": lambda: QuantumCircuit(1),
    "parameter": lambda: Parameter("a"),
    "tensor": _tensor,
    "tensor with grad": lambda: _tensor(requires_grad=True),
    "path": lambda: pathlib.Path("no/such/place"),
    "zero in path": lambda: "a\0b",
    "file": lambda: open(__file__, "rb"),
}

STORED = np.array([[1, 1, 1, 1], [1, -1, 1, -1]])
PROBE = [1.0, 1.0, 1.0, -1.0]
HOPFIELD = circuits.Hopfield.store(STORED)
DENSE = circuits.DenseAssociativeMemory(STORED)
MODERN = circuits.ModernHopfield(STORED)
FIELD = np.array([0.1, -0.2])
CHANCES = np.array([0.25, 0.5])

# A good value for each argument, by name; a dictionary where names mean different things.
EXAMPLES = {
    "acceptance": CHANCES,
    "acceptances": CHANCES,
    "attempts": 2,
    "backend": None,
    "beta": 1.0,
    "bias": None,
    "bits": {"to_spins": [0, 1], "": 4},
    "blocks": 2,
    "bound": 2,
    "calibration_shots": 10,
    "client": None,
    "codewords": False,
    "controls": 1,
    "corruptions": (0,),
    "csv": None,
    "d_min": {"FilteredMemory.circuit": None, "": 0},
    "dead": 0,
    "deadline": None,
    "decoupling": None,
    "detect": 0.1,
    "differences": np.array([1.0, 2.0]),
    "distance": np.array([0.0, 1.0]),
    "distinct": True,
    "erase": 1,
    "error": 0.1,
    "exact": True,
    "expectation": CHANCES,
    "extrapolation": "linear",
    "faults": None,
    "field": FIELD,
    "field_bound": 1.0,
    "field_loading": None,
    "fingerprint": "",
    "filter": circuits.ExpFilter(1.0),
    "first": STORED.astype(float),
    "flips": 1,
    "fold": False,
    "fresh": False,
    "gain": 0.1,
    "images": np.eye(2)[None],
    "index": {"image": 0, "": 3},
    "ink": "bright",
    "iterations": 1,
    "journal": None,
    "keep": 1,
    "kernel": {"": [1.0, 0.5, 0.2, 0.1, 0.0]},
    "keys": STORED.astype(float),
    "kind": "modern",
    "known": 4,
    "labels": {"PatternSet": ("a", "b"), "plot_capacity": None, "": [0, 1]},
    "late": 0,
    "least": {"FilteredMemory": "given", "": 0.0},
    "level": 1,
    "license": "none",
    "link": 1.0,
    "loads": [0.5],
    "make_model": ModelSpec("hopfield"),
    "margin": 0.0,
    "maximum": 1.0,
    "mean": CHANCES,
    "means": {"combine_shards": np.zeros((2, 4)), "": np.zeros((2, 4))},
    "memory": 1,
    "method": {
        "AtomizedMemory": None,
        "capacity": circuits.NeuronDynamics(sweeps=1),
        "CapacitySettings": "classical",
        "": circuits.FilteredMemory(),
    },
    "mitigation": None,
    "model": {
        "CapacitySettings": "a",
        "ModernHopfield": MODERN,
        "DenseVote": DENSE,
        "BlockDynamics": HOPFIELD,
        "": HOPFIELD,
    },
    "name": {
        "load_set": "cy",
        "check_patterns": "patterns",
        "check_probes": "probes",
        "check_spins": "states",
        "": "what",
    },
    "neuron": circuits.RUSNeuron(level=1),
    "noise_model": None,
    "num_neurons": 4,
    "num_patterns": 2,
    "num_qubits": 4,
    "one_qubit": 0.0,
    "one_qubit_time": 50.0,
    "order": "sequential",
    "overshoot": False,
    "pass_manager": None,
    "path": {"save_circuit": "nowhere.qpy", "": "nowhere.npy"},
    "patterns": {"capacity": [2], "": STORED},
    "power": 3,
    "probabilities": np.array([0.5, 0.5]),
    "probe": np.array(PROBE),
    "probes": {"capacity": 1, "CapacitySettings": 1, "": [PROBE]},
    "progress": False,
    "random": 0,
    "readout": {"capacity": "state", "CapacitySettings": "state", "Mitigation": False, "": 0.0},
    "readout_time": 1000.0,
    "register": "feedforward",
    "replicas": 1,
    "reset": 0.0,
    "resume": True,
    "rng": np.random.default_rng(0),
    "rounds": 1,
    "rule": {"ModelSpec": None, "": "hebb"},
    "runner": AerRunner(),
    "sampler": None,
    "second": STORED.astype(float),
    "seed": 1,
    "separation": {"ModelSpec": None, "": circuits.Polynomial(3)},
    "shape": None,
    "shards": 2,
    "shots": {"": 2, "standard_error": 10.0},
    "site": 0,
    "sites": np.array([1.0, -1.0]),
    "size": (2, 2),
    "sizes": np.array([1.0, 1.0]),
    "source": "nowhere",
    "spins": STORED,
    "spread": 0.1,
    "state": [1, 1, 1, 1],
    "states": {"": STORED},
    "steps": 2,
    "sweeps": 1,
    "synchronous": False,
    "t1": None,
    "t2": None,
    "targets": None,
    "text": "0101",
    "threshold": 0.5,
    "tolerance": 0.1,
    "trajectories": 2,
    "trials": 1,
    "two_qubit": 0.0,
    "two_qubit_time": 300.0,
    "update": "recall",
    "values": {
        "from_binary": [[0, 1], [1, 1]],
        "associate": [[1], [-1]],
        "covariance_gradient": None,
        "": STORED.astype(float),
    },
    "votes": 2,
    "weights": {
        "Hopfield": np.array([[0.0, 1.0], [1.0, 0.0]]),
        "index_angles": CHANCES,
        "kernel_memory": None,
        "": np.ones((3, 4)),
    },
    "which": 0,
    "workers": {"recall": None, "": 1},
    "xp": None,
    "zero_noise": (1, 3),
    # Arguments of verbs, and of laws whose shapes hang together.
    "h": [1.0],
    "x": [1.0],
    "circuit": QuantumCircuit(1),
    "results": capacity(ModelSpec(), num_neurons=4, patterns=[1, 2], trials=2),
    "measure": "message",
    "against": "patterns",
}
BY_CALL = {
    ("Hopfield", "patterns"): None,
    ("Hopfield", "rule"): None,
    ("VenturaMartinez.", "probe"): [1.0, 1.0, 0.0, 0.0],
    ("GroverCompletion.", "probe"): [1.0, 1.0, 0.0, 0.0],
    ("product_neuron", "bias"): np.zeros(3),
    ("repeated_product_neuron", "bias"): np.zeros(3),
    ("combine_shards", "acceptances"): np.array([0.5, 0.5]),
    ("exponential_vote", "spins"): STORED.astype(float),
    ("AmplifiedMemory", "rounds"): 1,
    ("MitigatedRunner", "mitigation"): circuits.Mitigation(decoupling="idle"),
    ("SamplerRunner", "sampler"): StatevectorSampler(),
    ("AmplifiedMemory.", "acceptance"): 0.25,
    ("DenseVote.law", "probe"): PROBE,
    ("capacity", "loads"): None,
    ("capacity", "exact"): True,
    ("CapacitySettings", "exact"): False,
    ("CapacitySettings", "shots"): 0,
    ("AtomizedMemory", "margin"): 0.1,
    ("NeuronDynamics", "gain"): "safe",
    ("BlockDynamics", "gain"): "safe",
    ("Exponential.difference", "h"): [1.0],
}


def _example(call, name):
    """A good value of an argument."""
    for length in (len(call), call.find(".") + 1):
        if (call[:length], name) in BY_CALL:
            return BY_CALL[call[:length], name]
    value = EXAMPLES[name]
    if isinstance(value, dict):
        words = [call, call.partition(".")[0], call.rpartition(".")[2]]
        return next((value[word] for word in words if word in value), value.get("", None))
    return value


# What is public.

INSTANCES = {
    "Hopfield": HOPFIELD,
    "DenseAssociativeMemory": DENSE,
    "ModernHopfield": MODERN,
    "NeuronDynamics": circuits.NeuronDynamics(sweeps=1),
    "BlockDynamics": circuits.BlockDynamics(2, sweeps=1),
    "FilteredMemory": circuits.FilteredMemory(),
    "AmplifiedMemory": circuits.AmplifiedMemory(),
    "AtomizedMemory": circuits.AtomizedMemory(),
    "DenseVote": circuits.DenseVote(votes=3),
    "VenturaMartinez": circuits.VenturaMartinez(1),
    "GroverCompletion": circuits.GroverCompletion(1),
    "DistributedQuery": circuits.DistributedQuery(0.1, 1),
    "RejectionSampling": circuits.RejectionSampling(),
    "DirectSoftmax": circuits.DirectSoftmax(),
    "ExpFilter": circuits.ExpFilter(),
    "KernelFilter": circuits.KernelFilter(circuits.Exponential(0.5)),
    "TrugenbergerFilter": circuits.TrugenbergerFilter(),
    "Polynomial": circuits.Polynomial(3),
    "RectifiedPolynomial": circuits.RectifiedPolynomial(3),
    "Exponential": circuits.Exponential(),
    "PatternSet": patterns.load_set("cy"),
    "Law": circuits.Law(STORED, np.array([0.5, 0.5])),
    "ModelSpec": ModelSpec(),
}
# What recall and other methods call, with arguments that are checked by then; docs/architecture.md.
INNER = {"run", "sample_law", "pieces", "template", "plan", "prepare", "places", "distribution"}
# Methods without a circuit say so, whatever they are given.
INNER |= {"RejectionSampling.circuit", "DirectSoftmax.circuit"}
INNER |= {"append", "grid", "answers", "exact_least", "FilteredMemory.acceptances"}


def _is_container(thing):
    """Whether a class only holds what the package computed: nobody else makes one."""
    return dataclasses.is_dataclass(thing) and (
        "__post_init__" not in vars(thing)
        or thing in (CapacityCell, CapacityResult, circuits.RecallResult)
    )


def _calls():
    """Every public callable by name."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(f"qhopfield.circuits{package}")
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) and issubclass(thing, BaseException):
                continue  # a category of warnings takes a text, and whatever else
            if inspect.isclass(thing) and thing.__module__.startswith("qhopfield"):
                protocol = getattr(thing, "_is_protocol", False)
                if not (inspect.isabstract(thing) or protocol or _is_container(thing)):
                    found[name] = thing
            elif inspect.isfunction(thing):
                found[name] = thing
    for kind, instance in INSTANCES.items():
        for name, _ in inspect.getmembers(type(instance), callable):
            inner = name.startswith("_") or {name, f"{kind}.{name}"} & INNER
            if name == "__call__" or not inner:
                found[f"{kind}.{name.strip('_')}"] = getattr(instance, name)
    return found


CALLS = _calls()
PAIRS = [
    (call, name)
    for call, function in sorted(CALLS.items())
    for name in inspect.signature(function).parameters
]


# What came of a call.


# Kinds that a plain annotation allows; all others must be refused, and not be taken by their truth.
ALLOWED = {
    "bool": (bool, np.bool_),
    "int": (int, np.integer),
    "float": (int, float, np.integer, np.floating),
    "str": (str,),
}


class Hung(BaseException):
    """A case took too long."""


def _late(*_):
    raise Hung


def _problem(call, name, value):
    """What is wrong with how a call answers to a value; None where nothing is."""
    function = CALLS[call]
    known = inspect.signature(function).parameters
    arguments = {each: _example(call, each) for each in known}
    arguments[name] = value
    before = signal.signal(signal.SIGALRM, _late) if hasattr(signal, "SIGALRM") else None
    if before is not None:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # What can be read in two ways is told in our words.
            warnings.simplefilter("ignore", patterns.AmbiguousDataWarning)
            result = function(**arguments)
            for field in dataclasses.fields(result) if dataclasses.is_dataclass(result) else ():
                repr(getattr(result, field.name))
    except Hung:
        return f"took more than {SECONDS:g} s"
    except (ValueError, TypeError, OSError) as error:
        frames = [each.filename for each in traceback.extract_tb(error.__traceback__)]
        text = str(error)
        if isinstance(error, TypeError) and len(frames) == 1 and call in text:
            return None  # Python's own word about our arguments
        where = re.sub(r".*site-packages/", "", frames[-1])
        told = f"{type(error).__name__} from {where}: {text[:300]}"
        if isinstance(error, OSError):
            return None if name in ("path", "csv", "patterns") else told
        if "/.typing/" not in frames[-1] and not frames[-1].startswith(OURS):
            return f"not ours, {told}"
        words = set(re.findall(r"\w+", text))
        # Where two arguments do not fit together, either may be the one that is named.
        named = {name, *known} if "shape" in text or "entries" in text else {name}
        if not words & {*named, *(each.removesuffix("s") for each in named)}:
            return f"does not name {name}, {told}"
        if len(text) > 700:
            return f"{len(text)} characters, {told}"
        return None
    except BaseException as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} ({frame.filename[-40:]}:{frame.lineno}): {str(error)[:200]}"
    finally:
        if before is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    wanted = ALLOWED.get(str(known[name].annotation).removesuffix(" | None"))
    if wanted is not None and value is not None and not isinstance(value, wanted):
        return f"took {type(value).__name__} for {known[name].annotation}"
    if wanted in (ALLOWED["int"], ALLOWED["float"]) and isinstance(value, (bool, np.bool_)):
        return "took a bool for a number"
    return None


def test_every_argument_has_an_example():
    missing = {name for _, name in PAIRS} - EXAMPLES.keys()
    assert not missing, f"arguments without an example: {sorted(missing)}"


@pytest.mark.parametrize("call", sorted(CALLS))
def test_examples_work(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    patterns.save_patterns("nowhere.npy", STORED)
    names = list(inspect.signature(CALLS[call]).parameters)
    for name in names[:1]:
        problem = _problem(call, name, _example(call, name))
        assert problem is None


@pytest.mark.fault(
    "503 of 11,729 generated bad inputs ended in errors of others, or in none",
    kind="an argument is not checked where it enters",
)
@pytest.mark.parametrize(("call", "name"), PAIRS)
def test_bad_input_is_answered_in_our_words(call, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    patterns.save_patterns("nowhere.npy", STORED)
    problems = {}
    for kind, make in BAD.items():
        value = make()
        problem = _problem(call, name, value)
        if problem is not None:
            problems[kind] = problem
        if hasattr(value, "close"):
            value.close()
    assert not problems, "\n".join(f"{kind}: {text}" for kind, text in problems.items())
