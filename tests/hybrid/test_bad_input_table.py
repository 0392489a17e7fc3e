"""Wrong values for every argument of every public name: errors that name the argument.

The table is made from the public names and their signatures, so a new layer or argument joins by
itself.  A call may succeed where a value means something; what may not come out is an error from
the inside.
"""

from __future__ import annotations

import inspect
import math
import warnings

import numpy as np
import pytest
import torch
from qiskit_aer import AerSimulator

from qhopfield import hybrid
from qhopfield.hybrid import (
    Execution,
    MemoryContext,
    QuantumHopfield,
    QuantumHopfieldEncoderLayer,
    QuantumHopfieldLayer,
    QuantumHopfieldNetwork,
    QuantumHopfieldPooling,
    SubmoduleBank,
    run_on,
)

KIND = "a wrong argument is named, and nothing is taken by its truth"
PATTERNS = [[1, 1, -1, -1], [1, -1, 1, -1]]

WRONG = {
    "object": object(),
    "text": "False",
    "empty text": "",
    "nan": math.nan,
    "infinite": math.inf,
    "negative": -1,
    "zero": 0,
    "half": 0.5,
    "huge": 10**400,
    "many": 10**12,
    "complex": 1j,
    "list": [1.5],
    "empty": [],
    "dict": {"a": 1},
    "true": True,
    "array": np.zeros((2, 2)),
    "ragged": [[1, 1], [1]],
    "bytes": b"1",
    "function": lambda *given: None,
    "class": int,
    "tensor of ints": torch.ones(2, 3, 4, dtype=torch.int64),
    "complex tensor": torch.ones(2, 3, 4, dtype=torch.complex64),
    "other dtype": torch.zeros(2, 3, 4, dtype=torch.float64),
    "other device": torch.zeros(2, 3, 4, device="meta"),
    "scalar tensor": torch.tensor(0.5),
    "nan tensor": torch.full((2, 3, 4), math.nan),
    "sparse": torch.ones(2, 3, 4).to_sparse(),
    "nested": torch.nested.nested_tensor([torch.zeros(1, 4), torch.zeros(2, 4)])
    if not warnings.simplefilter("ignore")
    else None,
    "packed": torch.nn.utils.rnn.pack_sequence([torch.zeros(2, 4)]),
}

# What each is called with, all right; one argument after the other is replaced.
MAKERS = {
    QuantumHopfield: {"input_size": 4},
    QuantumHopfieldPooling: {"input_size": 4},
    QuantumHopfieldLayer: {"input_size": 4},
    SubmoduleBank: {"input_size": 4, "quantity": 4, "shards": 2},
    QuantumHopfieldEncoderLayer: {"d_model": 4, "nhead": 2, "dim_feedforward": 8},
    MemoryContext: {"input_size": 4, "memory_size": 3},
    QuantumHopfieldNetwork: {"num_neurons": 4},
    Execution: {},
}
STORES = {
    QuantumHopfield: {"patterns": PATTERNS},
    SubmoduleBank: {"patterns": PATTERNS, "shards": 2},
    QuantumHopfieldNetwork: {"patterns": PATTERNS},
}


def _sequences():
    return torch.zeros(2, 3, 4)


def _methods():
    """Each layer's public methods with right arguments."""
    hopfield, pooling = QuantumHopfield(4), QuantumHopfieldPooling(4)
    lookup, bank = QuantumHopfieldLayer(4, quantity=3), SubmoduleBank(4, quantity=4, shards=2)
    encoder, context = QuantumHopfieldEncoderLayer(4, 2, 8), MemoryContext(4, 3)
    network = QuantumHopfieldNetwork(4)
    x = _sequences()
    for layer, name in (
        (hopfield, "state"),
        (pooling, "stored"),
        (lookup, "state"),
        (bank, "state"),
    ):
        for method in ("forward", "associate", "circuit", "qnode"):
            yield getattr(layer, method), {name: x}
    yield hopfield.program, {"num_patterns": 2}
    yield QuantumHopfield.store(PATTERNS).recall, {"probes": [1, 1, -1, 1]}
    yield bank.acceptances, {"state": x}
    yield encoder.forward, {"src": x}
    yield context.forward, {"tokens": x}
    yield context.queries, {"tokens": x}
    yield network.forward, {"input": x}
    yield network.energy, {"state": x}
    yield network.recall, {"probes": [1, 1, -1, 1]}
    yield network.circuit, {"state": torch.zeros(4)}
    yield network.qnode, {"state": torch.zeros(4)}
    yield run_on, {"module": hopfield}


def _cases():
    for kind, right in MAKERS.items():
        names = [*_parameters(kind), *(_parameters(QuantumHopfield) if kind in INNER else ())]
        for name in dict.fromkeys([*names, *(() if kind is Execution else _parameters(Execution))]):
            yield pytest.param(kind, right, name, id=f"{kind.__name__}-{name}")
    for kind, right in STORES.items():
        for name in _parameters(kind.store):
            yield pytest.param(kind.store, right, name, id=f"{kind.__name__}.store-{name}")
    for method, right in _methods():
        owner = type(getattr(method, "__self__", None)).__name__
        names = [*_parameters(method), *(_parameters(Execution) if method is run_on else ())]
        for name in names:
            yield pytest.param(method, right, name, id=f"{owner}.{method.__name__}-{name}")


def _parameters(function):
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        n for n, each in inspect.signature(function).parameters.items() if each.kind not in kinds
    ]


INNER = (QuantumHopfieldPooling, QuantumHopfieldLayer, SubmoduleBank)


def _call(function, arguments):
    found = function(**arguments)
    if function is run_on:
        with found:
            pass


@pytest.mark.fault("wrong arguments ended in errors from the inside, or were taken", kind=KIND)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("function", "right", "name"), _cases())
def test_wrong_arguments_are_named(function, right, name):
    unclear = []
    for kind, value in WRONG.items():
        try:
            _call(function, {**right, name: value})
        except (ValueError, TypeError, IndexError) as error:
            text = str(error)
            if isinstance(error, IndexError) and "must be between" not in text:
                unclear.append(f"{kind}: IndexError: {text[:100]}")
            elif not _names(text, name) or "\n" in text.strip():
                unclear.append(f"{kind}: {type(error).__name__}: {text[:160]}")
        except Exception as error:
            unclear.append(f"{kind}: {type(error).__name__}: {str(error)[:160]}")
    assert not unclear, "\n".join(unclear)


def _names(text, name):
    """Whether an error names the argument, or the thing that it is."""
    return name.rstrip("s") in text or any(word in text for word in SAME.get(name, ()))


# What an argument is called where it is not by its name.
SAME: dict[str, tuple[str, ...]] = {}


def test_every_public_name_is_in_the_table():
    called = {kind.__name__ for kind in MAKERS} | {"run_on"}
    data = {"Associated", "EmptyRun"}  # what comes out, not what goes in
    assert called | data == set(hybrid.__all__)


@pytest.mark.fault("flags were taken by their truth", kind=KIND)
@pytest.mark.parametrize(
    ("kind", "right", "name"),
    [
        pytest.param(kind, right, name, id=f"{kind.__name__}-{name}")
        for kind, right in MAKERS.items()
        for name, each in inspect.signature(kind).parameters.items()
        if isinstance(each.default, bool)
    ],
)
@pytest.mark.parametrize("value", ["False", 1, 0, None, [True], torch.tensor(True)])
def test_flags_are_flags(kind, right, name, value):
    with pytest.raises(TypeError, match=f"{name} must be True or False"):
        kind(**{**right, name: value})


def test_flags_of_calls():
    layer, x = QuantumHopfield(4), _sequences()
    for name in ("is_causal", "need_weights"):
        with pytest.raises(TypeError, match=f"{name} must be True or False"):
            layer(x, **{name: "False"})
    with pytest.raises(TypeError, match="need_acceptance must be True or False"):
        QuantumHopfieldNetwork(4)(x, need_acceptance=1)


@pytest.mark.fault("masks of a right shape were refused by another layer's names", kind=KIND)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
def test_encoder_names_its_own_arguments(batch_first, norm_first):
    layer = QuantumHopfieldEncoderLayer(4, 2, 8, batch_first=batch_first, norm_first=norm_first)
    x = torch.zeros((2, 3, 4) if batch_first else (3, 2, 4))
    for given, error, message in (
        ({"src": x.double()}, TypeError, "src must be torch.float32"),
        ({"src": x[..., :3]}, ValueError, r"src must have shape \(batch, length, 4\)"),
        ({"src_mask": torch.ones(3, 3, dtype=torch.int64)}, TypeError, "src_mask must hold bools"),
        ({"src_mask": torch.zeros(3, 3, device="meta")}, ValueError, "src_mask is on meta"),
        (
            {"src_key_padding_mask": torch.zeros(3, 2)},
            ValueError,
            r"src_key_padding_mask must have shape \(batch, patterns\)=\(2, 3\)",
        ),
        ({"is_causal": 1}, TypeError, "is_causal must be True or False"),
    ):
        with pytest.raises(error, match=message):
            layer(**{"src": x, **given})
    assert layer(x[0] if batch_first else x[:, 0], None, torch.zeros(3).bool()).shape == (3, 4)


def test_encoder_stays_one_graph():
    layer = QuantumHopfieldEncoderLayer(4, 2, 8, dropout=0.0)
    x, mask = torch.linspace(-1.0, 1.0, 24).view(2, 3, 4), torch.ones(3, 3).bool().triu(1)
    whole = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(whole(x, mask), layer(x, mask))


def test_context_refuses_a_mask_elsewhere():
    mask = torch.zeros(2, 3, dtype=torch.bool, device="meta")
    with pytest.raises(ValueError, match="key_padding_mask is on meta and tokens on cpu"):
        MemoryContext(4, 3)(_sequences(), mask)


def test_energy_of_double_states():
    network = QuantumHopfieldNetwork(4)
    state = torch.linspace(-1.0, 1.0, 12).view(3, 4)
    found = network.energy(state.double())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), network.energy(state))


@pytest.mark.fault("num_head=4 was answered by Execution.__init__()", kind=KIND)
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: QuantumHopfield(16, num_head=4),
            r"QuantumHopfield\(\) .*'num_head'; did you mean 'num_heads'\?",
        ),
        (
            lambda: QuantumHopfieldPooling(16, quantities=4),
            r"QuantumHopfieldPooling\(\) .*did you mean 'quantity'\?",
        ),
        (lambda: QuantumHopfieldLayer(16, embed_dim=4), r"QuantumHopfieldLayer\(\) .*'input_size'"),
        (lambda: SubmoduleBank(16, shard=2, quantity=4), r"SubmoduleBank\(\) .*'shards'"),
        (
            lambda: QuantumHopfieldEncoderLayer(16, 4, dim_feed_forward=4),
            r"QuantumHopfieldEncoderLayer\(\) .*'dim_feedforward'",
        ),
        (lambda: MemoryContext(16, 4, num_token=2), r"MemoryContext\(\) .*'num_tokens'"),
        (lambda: QuantumHopfieldNetwork(4, shot=1), r"QuantumHopfieldNetwork\(\) .*'shots'"),
        (lambda: run_on(QuantumHopfield(4), back_end=1).__enter__(), r"run_on\(\) .*'backend'"),
        (
            lambda: QuantumHopfield(16, normalize_stored_pattern=True),
            "no layer norm inside: put a torch.nn.LayerNorm before",
        ),
        (lambda: QuantumHopfield(16, xyz=True), "'xyz'; it takes .*num_heads"),
    ],
)
def test_unknown_keywords(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_missing_packages_are_named(tmp_path):
    """In a process where they cannot be imported."""
    import subprocess
    import sys

    code = (
        "import sys, importlib.abc\n"
        "class Missing(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == {0!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "try:\n    import {1}\n"
        "except ImportError as error:\n    print(error)\n"
    )
    for missing, module, wanted in (
        ("torch", "qhopfield.hybrid", "qhopfield.hybrid needs PyTorch"),
        ("pennylane", "qhopfield.hybrid.templates", "PennyLane is not installed"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code.format(missing, module)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith(wanted) and "pip install 'qhopfield[hybrid]'" in done.stdout


def test_too_many_shots_are_refused_before_they_start():
    with pytest.raises(ValueError, match=r"shots=1,000,000,000,000 .* would take about"):
        QuantumHopfield(4, backend=AerSimulator(), shots=10**12)
