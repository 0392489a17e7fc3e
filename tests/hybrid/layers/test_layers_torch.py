"""What PyTorch users rely on: dtypes, copies, compilation, function transforms, state dicts."""

from __future__ import annotations

import copy
import io
import pickle
import re
import subprocess
import sys
import warnings

import pytest
import torch
from qiskit_aer import AerSimulator
from torch import nn
from torch.func import functional_call, grad, vmap

from qhopfield.hybrid import (
    Execution,
    MemoryContext,
    QuantumHopfield,
    QuantumHopfieldEncoderLayer,
    QuantumHopfieldLayer,
    QuantumHopfieldPooling,
    run_on,
)

KINDS = pytest.mark.parametrize("keys", ["binary", "product"])
LAYERS = {
    "hopfield": lambda **given: QuantumHopfield(4, num_heads=2, **given),
    "steps": lambda **given: QuantumHopfield(4, num_heads=2, update_steps_max=2, **given),
    "pooling": lambda **given: QuantumHopfieldPooling(4, num_heads=2, quantity=2, **given),
    "lookup": lambda **given: QuantumHopfieldLayer(4, num_heads=2, quantity=3, **given),
    "prefix": lambda **given: MemoryContext(4, 3, num_heads=2, num_tokens=2, **given),
    "state": lambda **given: MemoryContext(4, 3, "state", num_heads=2, **given),
    "encoder": lambda **given: QuantumHopfieldEncoderLayer(4, 2, 6, dropout=0.0, **given),
}
EVERY = pytest.mark.parametrize("name", LAYERS)
# A compiler takes seconds: each layer once, with either keys.
COMPILED = pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("hopfield", "binary"),
        ("hopfield", "product"),
        ("steps", "product"),
        ("pooling", "product"),
        ("lookup", "binary"),
        ("state", "product"),
        ("encoder", "binary"),
    ],
)


@KINDS
@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept(name, keys, dtype):
    layer, x = LAYERS[name](keys=keys, dtype=dtype), torch.randn(2, 3, 4, dtype=dtype)
    x.requires_grad_()
    output = layer(x)
    output.sum().backward()
    assert output.dtype == x.grad.dtype == dtype
    assert all(each.dtype == each.grad.dtype == dtype for each in layer.parameters())
    other = torch.float64 if dtype == torch.float32 else torch.float32
    assert layer.to(other)(x.detach().to(other)).dtype == other


@KINDS
@pytest.mark.parametrize(
    "execution",
    [
        {"device": "default.qubit"},
        {"device": "lightning.qubit"},
        {"backend": AerSimulator()},
        {"backend": AerSimulator(), "shots": 300, "seed": 1},
    ],
    ids=["default.qubit", "lightning.qubit", "aer", "shots"],
)
def test_dtype_is_kept_on_circuits(keys, execution, answer):
    layer = QuantumHopfield(4, num_heads=2, keys=keys)
    x = torch.randn(1, 2, 4)
    wanted = answer(layer, x, need_weights=True)
    with run_on(layer, **execution):
        found = answer(layer, x, need_weights=True)
        assert layer.associate(x).acceptance.dtype == torch.float32
    assert {value.dtype for value in found.values()} == {torch.float32}
    if "shots" not in execution:
        for name, value in wanted.items():
            torch.testing.assert_close(found[name], value, atol=1e-5, rtol=1e-4)


def test_single_precision_on_circuits_where_few_runs_count():
    """|beta x| of 15: an angle in single precision would have lost e^-15 beside pi/2."""
    layer = QuantumHopfield(
        2, num_heads=1, scaling=1.0, state_as_static=True, stored_as_static=True
    )
    state = torch.tensor([[[15.0, 16.0]]])
    stored = torch.tensor([[[-1.0, 1.0], [1.0, -1.0]]])  # e^-30 against e^-32
    law = layer.associate(state, stored)
    wanted = torch.softmax(torch.tensor([1.0, -1.0]), 0)
    torch.testing.assert_close(law.association[0, 0, 0], wanted)
    for device in ("default.qubit", "lightning.qubit"):
        with run_on(layer, device=device):
            found = layer.associate(state, stored)
        torch.testing.assert_close(found.association, law.association)
        torch.testing.assert_close(found.acceptance, law.acceptance)


@KINDS
@EVERY
def test_factory_arguments(name, keys):
    layer = LAYERS[name](keys=keys, device="meta", dtype=torch.float64)
    tensors = [*layer.parameters(), *layer.buffers()]
    assert all(each.is_meta for each in tensors)
    assert all(each.dtype == torch.float64 for each in layer.parameters())
    output = layer(torch.empty(2, 3, 4, device="meta", dtype=torch.float64))
    there = LAYERS[name](keys=keys, dtype=torch.float64)
    wanted = there(torch.randn(2, 3, 4, dtype=torch.float64))
    assert output.is_meta
    assert output.shape == wanted.shape
    empty = layer.to_empty(device="cpu")
    empty.load_state_dict(there.state_dict())


@EVERY
def test_layers_move(name):
    layer = LAYERS[name]().to("meta")
    assert layer(torch.empty(2, 3, 4, device="meta")).is_meta


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@KINDS
@EVERY
def test_cuda(name, keys, answer):
    layer, x = LAYERS[name](keys=keys, dtype=torch.float64), torch.randn(2, 3, 4).double()
    wanted = answer(layer, x)
    found = answer(layer.cuda(), x.cuda())
    for part, value in wanted.items():
        assert found[part].is_cuda
        torch.testing.assert_close(found[part].cpu(), value, atol=1e-9, rtol=1e-9)
    with run_on(layer, device="default.qubit"):
        again = answer(layer, x.cuda())
    for part, value in wanted.items():
        assert again[part].is_cuda
        torch.testing.assert_close(again[part].cpu(), value, atol=1e-9, rtol=1e-9)


# State and copies --------------------------------------------------------------------------------

NAMES = ["output_projection", "state_projection", "stored_projection", "value_projection"]
KEYS = {
    "hopfield": [f"{name}.{part}" for name in NAMES for part in ("bias", "weight")],
    "pooling": ["state_patterns"],
    "lookup": ["stored_patterns", "target_patterns"],
    "prefix": ["memory.stored_patterns", "memory.target_patterns", "query.bias", "query.weight"],
    "encoder": [
        f"{n}.{p}" for n in ("linear1", "linear2", "norm1", "norm2") for p in ("bias", "weight")
    ],
}
WITHIN = {"pooling": "hopfield.", "lookup": "hopfield.", "prefix": "memory.hopfield."}


@pytest.mark.parametrize("name", KEYS)
def test_names_of_parameters_are_stable(name):
    inner = {"hopfield": "", "encoder": "self_attn."}.get(name, WITHIN.get(name))
    wanted = (
        KEYS[name]
        if name == "hopfield"
        else KEYS[name] + [inner + each for each in KEYS["hopfield"]]
    )
    layer = LAYERS[name]()
    assert sorted(layer.state_dict()) == sorted(wanted)
    with run_on(layer, device="default.qubit"):  # where it runs is no part of what it learnt
        assert sorted(layer.state_dict()) == sorted(wanted)


@pytest.mark.parametrize(
    ("scaling", "saved", "trained"),
    [
        (0.5, False, False),
        (torch.tensor(0.5), True, False),
        (torch.tensor([0.5, 2.0]), True, False),
        (nn.Parameter(torch.tensor([0.5, 2.0])), True, True),
    ],
    ids=["number", "tensor", "heads", "parameter"],
)
def test_scaling_is_saved_where_it_is_a_tensor(scaling, saved, trained):
    layer = QuantumHopfield(4, num_heads=2, scaling=scaling)
    assert ("scaling" in layer.state_dict()) == saved
    assert ("scaling" in dict(layer.named_parameters())) == trained
    assert layer.double()(torch.randn(1, 2, 4).double()).dtype == torch.float64


@KINDS
@EVERY
def test_state_dict_round_trip(name, keys):
    layer, x = LAYERS[name](keys=keys), torch.randn(2, 3, 4)
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    buffer.seek(0)
    other = LAYERS[name](keys=keys)
    assert (other(x) - layer(x)).abs().max() > 1e-3
    other.load_state_dict(torch.load(buffer, weights_only=True))
    torch.testing.assert_close(other(x), layer(x), atol=0, rtol=0)


@pytest.mark.parametrize("name", ["hopfield", "pooling", "lookup", "prefix"])
def test_reset_parameters(name):
    layer = LAYERS[name]()
    with torch.no_grad():
        for each in layer.parameters():
            each.fill_(9.0)
    layer.reset_parameters()
    assert not any(bool(each.eq(9.0).any()) for each in layer.parameters())


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))],
    ids=["copy", "pickle"],
)
@pytest.mark.parametrize(
    "execution",
    [
        {},
        {"device": "default.qubit"},
        {"device": "lightning.qubit"},
        {"backend": AerSimulator(), "shots": 100, "seed": 1},
    ],
    ids=["law", "default.qubit", "lightning.qubit", "aer"],
)
@pytest.mark.parametrize("name", ["hopfield", "prefix", "encoder"])
def test_copies(name, execution, copied):
    layer, x = LAYERS[name](**execution), torch.randn(1, 2, 4)
    for _ in range(2):  # new, and after it ran
        twin = copied(layer)
        found, wanted = twin(x), layer(x)
        if "shots" in execution:  # of its own
            assert found.shape == wanted.shape and not torch.equal(found, wanted)
        else:
            torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)
        assert repr(twin) == repr(layer)
    with torch.no_grad():
        next(twin.parameters()).add_(1.0)
    assert not torch.equal(next(twin.parameters()), next(layer.parameters()))


def test_how_it_runs_is_shown():
    layer = QuantumHopfield(4, num_heads=2, scaling=0.5)
    assert layer.extra_repr() == (
        "input_size=4, hidden_size=2, output_size=4, pattern_size=2, num_heads=2, "
        "keys='binary', scaling=0.5"
    )
    layer = QuantumHopfield(4, scaling=torch.tensor(2.0), update_steps_max=3, dropout=0.1)
    assert layer.extra_repr().endswith("scaling=tensor, update_steps_max=3, dropout=0.1")
    with run_on(layer, device="lightning.qubit"):
        assert layer.extra_repr().endswith(", runs on lightning.qubit (exact)")
    with run_on(layer, backend=AerSimulator(), shots=10):
        assert re.search(r", runs on aer \w+ \(10 shots\)$", layer.extra_repr())
    assert "quantity=2" in repr(LAYERS["pooling"]())
    assert "quantity=3" in repr(LAYERS["lookup"]())
    assert "mode='state', quantity=1" in repr(LAYERS["state"]())
    stored = QuantumHopfield.store([[1, -1], [1, 1]])
    assert "stored=2 patterns" in repr(stored)


# Shapes ------------------------------------------------------------------------------------------


@KINDS
@EVERY
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_batches(name, keys, batch):
    layer = LAYERS[name](keys=keys, dtype=torch.float64)
    x = torch.randn(batch, 3, 4, dtype=torch.float64).requires_grad_()
    output = layer(x)
    output.sum().backward()
    assert x.grad.shape == x.shape
    assert output.shape[1 if name == "state" else 0] == batch
    for sample in range(batch):
        alone = layer(x[sample : sample + 1])
        together = (
            output[:, sample : sample + 1] if name == "state" else output[sample : sample + 1]
        )
        torch.testing.assert_close(alone, together)


@KINDS
@pytest.mark.parametrize(
    "execution",
    [
        {"device": "default.qubit"},
        {"device": "lightning.qubit"},
        {"backend": AerSimulator()},
        {"backend": AerSimulator(), "shots": 10},
        {"backend": AerSimulator(), "shots": 10, "gradient": "parameter-shift"},
    ],
    ids=["default.qubit", "lightning.qubit", "aer", "shots", "shifts"],
)
def test_empty_batch_on_circuits(keys, execution):
    layer = QuantumHopfield(4, num_heads=2, keys=keys, **execution)
    x = torch.randn(0, 3, 4).requires_grad_()
    output, association = layer(x, need_weights=True)
    output.sum().backward()
    assert output.shape == x.grad.shape == (0, 3, 4)
    assert association.shape == (0, 2, 3, 3)


@KINDS
def test_single_sequences(keys, small, draw):
    for first in (True, False):
        layer = small(keys, stored_size=3, projection_size=5, batch_first=first, hidden_size=2)
        x, stored, read = draw(2, 4), draw(3, 3), draw(3, 5)
        batch = (each.unsqueeze(0 if first else 1) for each in (x, stored, read))
        padding = torch.tensor([False, True, False])
        wanted, share = layer(*batch, key_padding_mask=padding[None], need_weights=True)
        output, association = layer(x, stored, read, key_padding_mask=padding, need_weights=True)
        assert output.shape == (2, 4)
        assert association.shape == (2, 2, 3)
        torch.testing.assert_close(output, wanted[0] if first else wanted[:, 0])
        torch.testing.assert_close(association, share[0])
        found = layer.associate(x, stored, read, key_padding_mask=padding)
        torch.testing.assert_close(found.association, association)
        assert found.acceptance.shape == (2, 2)
        circuits = [
            layer.circuit(x, stored, query=1, key_padding_mask=padding),
            layer.circuit(
                x.unsqueeze(0 if first else 1),
                stored.unsqueeze(0 if first else 1),
                query=1,
                key_padding_mask=padding[None],
            ),
        ]
        assert circuits[0] == circuits[1]


@KINDS
@pytest.mark.parametrize("name", ["hopfield", "pooling", "lookup", "prefix", "state", "encoder"])
def test_length_first(name, keys):
    layer = LAYERS[name](keys=keys, dtype=torch.float64)
    other = LAYERS[name](keys=keys, dtype=torch.float64, batch_first=False)
    other.load_state_dict(layer.state_dict())
    x = torch.randn(3, 5, 4, dtype=torch.float64)
    wanted, found = layer(x), other(x.transpose(0, 1))
    if name in ("hopfield", "lookup", "prefix", "encoder"):
        found = found.transpose(0, 1)
    torch.testing.assert_close(found, wanted)


# Dropout -----------------------------------------------------------------------------------------


@KINDS
def test_dropout_in_training_only(keys, chance):
    layer, x = QuantumHopfield(4, num_heads=2, keys=keys, dropout=0.5), torch.randn(2, 6, 4)
    plain = QuantumHopfield(4, num_heads=2, keys=keys)
    plain.load_state_dict(layer.state_dict())
    layer.eval()
    for need_weights in (None, True):  # by the fused operators, and by the association
        found = layer(x, need_weights=need_weights)
        torch.testing.assert_close(found, plain(x, need_weights=need_weights))
    layer.train()
    assert layer(x).ne(layer(x)).any()
    association = layer(x, need_weights=True)[1]
    torch.testing.assert_close(association, plain(x, need_weights=True)[1])
    with torch.no_grad():
        chance.sampled(torch.stack([layer(x) for _ in range(300)]).double(), plain(x).double())


# Compilation -------------------------------------------------------------------------------------


@COMPILED
def test_compile(name, keys):
    torch.compiler.reset()
    layer, x = LAYERS[name](keys=keys).eval(), torch.randn(2, 3, 4)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    given, same = x.clone().requires_grad_(), x.clone().requires_grad_()
    found, wanted = compiled(given), layer(same)
    torch.testing.assert_close(found, wanted)
    slopes = torch.autograd.grad(found.square().sum(), [given, *layer.parameters()])
    for slope, due in zip(
        slopes, torch.autograd.grad(wanted.square().sum(), [same, *layer.parameters()]), strict=True
    ):
        torch.testing.assert_close(slope, due, atol=1e-5, rtol=1e-4)


@KINDS
def test_compile_with_masks_and_association(keys, small, draw):
    torch.compiler.reset()
    layer, x = small(keys), draw(2, 3, 4)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    padding = torch.tensor([[False, False, True], [False, False, False]])
    for given in ({"key_padding_mask": padding, "is_causal": True}, {"need_weights": True}):
        torch.testing.assert_close(compiled(x, **given), layer(x, **given))


def test_compile_by_inductor():
    """Once: it runs a C++ compiler, for many seconds."""
    torch.compiler.reset()
    layer, x = QuantumHopfield(4, num_heads=2, keys="product"), torch.randn(2, 3, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, from its compiler
        found = torch.compile(layer, fullgraph=True)(x)
        torch.testing.assert_close(found, layer(x))
        found.sum().backward()
    assert layer.state_projection.weight.grad.isfinite().all()


def test_compile_around_circuits(small, draw):
    """Circuits run outside the graph, and a compiled model still runs."""
    torch.compiler.reset()
    layer, x = small("product", device="default.qubit"), draw(1, 2, 4)
    model = nn.Sequential(nn.Linear(4, 4).double(), layer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, where a graph ends
        compiled = torch.compile(model, backend="aot_eager")
        torch.testing.assert_close(compiled(x), model(x))


@COMPILED
def test_export(name, keys):
    layer, x = LAYERS[name](keys=keys).eval(), torch.randn(2, 3, 4)
    sizes = {"hopfield": "state", "steps": "state", "pooling": "stored", "lookup": "state"}
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    given = sizes.get(name, "src" if name == "encoder" else "tokens")
    exported = torch.export.export(layer, (x,), dynamic_shapes={given: {0: batch, 1: length}})
    for other in (x, torch.randn(5, 7, 4)):
        torch.testing.assert_close(exported.module()(other), layer(other))


# Mixed precision and function transforms ----------------------------------------------------------


@KINDS
@EVERY
def test_autocast(name, keys):
    """Projections in half precision, the association in single."""
    layer, x = LAYERS[name](keys=keys), torch.randn(2, 3, 4)
    wanted = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = layer(x)
        output.float().sum().backward()
    assert output.isfinite().all()
    assert all(each.grad.dtype == torch.float32 for each in layer.parameters())
    if keys == "product":  # a bit may flip
        torch.testing.assert_close(output.float(), wanted, atol=0.1, rtol=0.1)


def test_autocast_keeps_the_association_single():
    layer, x = QuantumHopfield(4, num_heads=2, keys="product"), torch.randn(2, 3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        association = layer(x, need_weights=True)[1]
    assert association.dtype == torch.float32
    torch.testing.assert_close(association.sum(-1), torch.ones(2, 2, 3), atol=1e-6, rtol=0)


@KINDS
@EVERY
def test_half_precision(name, keys):
    layer = LAYERS[name](keys=keys, dtype=torch.bfloat16)
    x = torch.randn(2, 3, 4, dtype=torch.bfloat16)
    output = layer(x)
    assert output.dtype == torch.bfloat16
    output.sum().backward()
    assert all(each.grad.isfinite().all() for each in layer.parameters())


@KINDS
@pytest.mark.parametrize("name", ["hopfield", "steps", "pooling", "lookup", "encoder"])
def test_gradients_of_each_sample(name, keys):
    """``functional_call`` under ``vmap`` of ``grad``, against one sample at a time."""
    layer, x = LAYERS[name](keys=keys, dtype=torch.float64), torch.randn(3, 2, 4).double()
    parameters = {key: value.detach() for key, value in layer.named_parameters()}

    def loss(values, sample):
        return functional_call(layer, values, (sample[None],)).square().sum()

    together = vmap(grad(loss), in_dims=(None, 0))(parameters, x)
    for sample in range(3):
        layer.zero_grad()
        layer(x[sample : sample + 1]).square().sum().backward()
        for key, value in layer.named_parameters():
            torch.testing.assert_close(together[key][sample], value.grad)


def test_training_moves_it():
    """A few steps of Adam learn a lookup that starts at random."""
    torch.manual_seed(1)
    for keys in ("binary", "product"):
        layer = QuantumHopfieldLayer(6, num_heads=2, quantity=8, keys=keys, scaling=2.0)
        x, target = torch.randn(8, 1, 6), torch.randn(8, 1, 6)
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
        losses = []
        for _ in range(150):
            loss = (layer(x) - target).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.2 * losses[0]


# Moving to another path ---------------------------------------------------------------------------


def test_run_on_moves_and_comes_back(draw):
    model = nn.Sequential(LAYERS["hopfield"](), nn.Tanh(), LAYERS["encoder"]()).double()
    model[0].execution = Execution(device="lightning.qubit")
    inner = model[2].self_attn
    x = draw(1, 2, 4)
    wanted = model(x)
    before = [each.executor for each in (model[0], inner)]
    with run_on(model, backend=AerSimulator()) as moved:
        assert moved is model
        assert model[0].executor is inner.executor is not None
        torch.testing.assert_close(model(x), wanted)
        with run_on(model):  # the law, inside
            assert model[0].executor is inner.executor is None
            torch.testing.assert_close(model(x), wanted)
        assert model[0].executor.name.startswith("aer")
    assert [each.executor for each in (model[0], inner)] == before
    assert model[0].execution.device == "lightning.qubit"
    assert inner.execution.is_law


def test_run_on_comes_back_after_an_error():
    layer = QuantumHopfield(4)
    with pytest.raises(KeyError), run_on(layer, device="default.qubit"):
        raise KeyError
    assert layer.executor is None
    with (
        pytest.raises(ValueError, match="shots must be >= 1"),
        run_on(layer, device="default.qubit", shots=0),
    ):
        pass
    assert layer.executor is None


# Imports -----------------------------------------------------------------------------------------


def test_importing_is_light():
    """What only some paths need is imported by them."""
    code = (
        "import sys, qhopfield.hybrid\n"
        "heavy = {'pennylane', 'lightning', 'pennylane_lightning', 'matplotlib', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "import torch\n"
        "qhopfield.hybrid.QuantumHopfield(4)(torch.zeros(1, 2, 4))\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
