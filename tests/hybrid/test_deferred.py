"""Modules that are made without memory first, and filled later, are the same functions."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from qhopfield.hybrid import (
    MemoryContext,
    QuantumHopfield,
    QuantumHopfieldEncoderLayer,
    QuantumHopfieldLayer,
    QuantumHopfieldNetwork,
    QuantumHopfieldPooling,
    SubmoduleBank,
)
from qhopfield.hybrid.baselines import (
    Attention,
    AttentionPooling,
    ClassicalHopfield,
    ClassicalHopfieldLayer,
    ClassicalHopfieldPooling,
    Recurrent,
    RecurrentPooling,
)
from qhopfield.hybrid.transformer import SequenceModel

KIND = "what no checkpoint holds is computed, not kept"
VALUES = [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
PATTERNS = [[1.0, -1, 1, 1], [-1, 1, 1, -1], [1, 1, -1, 1]]


def _scaling():
    return torch.tensor([0.5, 2.0])


# A maker of each module by its keywords, and the shape of its input.
MODULES = {
    "binary": (lambda **k: QuantumHopfield(4, num_heads=2, **k), (2, 3, 4)),
    "product": (lambda **k: QuantumHopfield(4, num_heads=2, keys="product", **k), (2, 3, 4)),
    "ten neurons": (lambda **k: QuantumHopfield(4, 10, keys="product", **k), (2, 3, 4)),
    "scaling": (
        lambda **k: QuantumHopfield(4, num_heads=2, keys="product", scaling=_scaling(), **k),
        (2, 3, 4),
    ),
    "trained scaling": (
        lambda **k: QuantumHopfield(4, num_heads=2, scaling=nn.Parameter(_scaling()), **k),
        (2, 3, 4),
    ),
    "stored": (lambda **k: QuantumHopfield.store(PATTERNS, VALUES, **k), (1, 2, 4)),
    "pooling": (
        lambda **k: QuantumHopfieldPooling(4, num_heads=2, quantity=2, keys="product", **k),
        (2, 3, 4),
    ),
    "lookup": (
        lambda **k: QuantumHopfieldLayer(4, num_heads=2, quantity=3, keys="product", **k),
        (2, 3, 4),
    ),
    "bank": (
        lambda **k: SubmoduleBank(4, quantity=5, shards=2, keys="product", **k),
        (2, 3, 4),
    ),
    "bank of patterns": (lambda **k: SubmoduleBank.store(PATTERNS, shards=2, **k), (1, 2, 4)),
    "encoder": (
        lambda **k: QuantumHopfieldEncoderLayer(4, 2, 8, dropout=0.0, keys="product", **k),
        (2, 3, 4),
    ),
    "context": (lambda **k: MemoryContext(4, 3, num_heads=2, keys="product", **k), (2, 3, 4)),
    "network": (lambda **k: QuantumHopfieldNetwork(4, level=2, **k), (2, 4)),
    "network in order": (
        lambda **k: QuantumHopfieldNetwork(4, update="sequential", steps=2, **k),
        (2, 4),
    ),
    "network stored": (lambda **k: QuantumHopfieldNetwork.store(PATTERNS, **k), (2, 4)),
    "attention": (lambda **k: Attention(4, 2, **k), (2, 3, 4)),
    "classical": (
        lambda **k: ClassicalHopfield(4, num_heads=2, scaling=_scaling(), **k),
        (2, 3, 4),
    ),
    "classical pooling": (lambda **k: ClassicalHopfieldPooling(4, quantity=2, **k), (2, 3, 4)),
    "classical lookup": (lambda **k: ClassicalHopfieldLayer(4, quantity=3, **k), (2, 3, 4)),
    "attention pooling": (lambda **k: AttentionPooling(4, quantity=2, **k), (2, 3, 4)),
    "recurrent": (lambda **k: Recurrent(4, **k), (2, 3, 4)),
    "recurrent pooling": (lambda **k: RecurrentPooling(4, **k), (2, 3, 4)),
}
SEQUENCES = {
    memory: lambda memory=memory: SequenceModel(
        3, input_size=4, length=5, memory=memory, width=8, convolution=2, num_heads=2
    )
    for memory in ("quantum", "quantum-product", "hopfield", "attention", "lstm")
}


def _input(shape):
    return torch.tanh(torch.randn(shape))


def _spoil(module):
    """What ``to_empty`` leaves may be anything; here it is never right by luck."""
    with torch.no_grad():
        for each in (*module.parameters(), *module.buffers()):
            each.fill_(torch.nan if each.is_floating_point() else -(2**31))


def _same(late, good, shape):
    x = _input(shape)
    torch.testing.assert_close(late.eval()(x), good.eval()(x))


@pytest.mark.fault("constants stayed garbage: NaN, though all keys matched", kind=KIND)
@pytest.mark.parametrize("name", MODULES)
def test_meta_to_empty_and_load(name):
    make, shape = MODULES[name]
    good, late = make(), make(device="meta").to_empty(device="cpu")
    _spoil(late)
    late.load_state_dict(good.state_dict())
    _same(late, good, shape)


@pytest.mark.fault("assign=True left constants on the meta device", kind=KIND)
@pytest.mark.parametrize("name", [*MODULES, *SEQUENCES])
def test_made_on_meta_and_assigned(name):
    make, shape = MODULES.get(name) or (SEQUENCES[name], (2, 3, 4))
    good = make()
    with torch.device("meta"):
        late = make()
    late.load_state_dict(good.state_dict(), assign=True)
    assert not any(each.is_meta for each in (*late.parameters(), *late.buffers()))
    _same(late, good, shape)


@pytest.mark.fault("skip_init of the network indexed with garbage", kind=KIND)
@pytest.mark.parametrize(
    ("kind", "arguments", "shape"),
    [
        (QuantumHopfieldNetwork, {"num_neurons": 4}, (2, 4)),
        (QuantumHopfield, {"input_size": 4, "keys": "product"}, (2, 3, 4)),
        (QuantumHopfieldPooling, {"input_size": 4, "keys": "product"}, (2, 3, 4)),
        (QuantumHopfieldLayer, {"input_size": 4, "quantity": 3}, (2, 3, 4)),
        (SubmoduleBank, {"input_size": 4, "quantity": 3, "shards": 2}, (2, 3, 4)),
        (QuantumHopfieldEncoderLayer, {"d_model": 4, "nhead": 2}, (2, 3, 4)),
        (MemoryContext, {"input_size": 4, "memory_size": 3}, (2, 3, 4)),
        (ClassicalHopfield, {"input_size": 4, "scaling": torch.tensor(0.5)}, (2, 3, 4)),
    ],
)
def test_skip_init(kind, arguments, shape):
    good = kind(**arguments)
    late = nn.utils.skip_init(kind, **arguments)
    _spoil(late)
    late.load_state_dict(good.state_dict())
    _same(late, good, shape)


@pytest.mark.fault("reset_parameters left constants as they were", kind=KIND)
@pytest.mark.parametrize("name", [*MODULES, *SEQUENCES])
@pytest.mark.parametrize("place", ["cpu", "meta"])
def test_each_module_made_anew_as_fsdp_does(name, place):
    """Every module's own memory is emptied and its ``reset_parameters`` called, one by one."""
    if name in MODULES:
        make, shape = MODULES[name]
        late = make(device=place)
    else:
        make, shape = SEQUENCES[name], (2, 3, 4)
        with torch.device(place):
            late = make()
    good = make()
    for each in late.modules():
        own = [*each.parameters(recurse=False), *each.buffers(recurse=False)]
        if not own:
            continue
        if place == "meta":
            each.to_empty(device="cpu", recurse=False)
            if isinstance(each, nn.MultiheadAttention):
                continue  # has no reset_parameters; its owner draws it
        given = {"stored_patterns", "stored_values", "target_patterns"}
        with torch.no_grad():
            for key, tensor in (*each.named_parameters(recurse=False), *each.named_buffers()):
                if place == "meta" or key not in given:
                    tensor.fill_(torch.nan)
    for each in reversed([*late.modules()]):  # owners last, whose draws count
        if hasattr(each, "reset_parameters"):
            each.reset_parameters()
    assert bool(late.eval()(_input(shape)).isfinite().all())
    # What is given, not drawn, is what it was.
    drawn = copy.deepcopy(good.state_dict())
    for key in drawn:
        if key.rpartition(".")[2] in ("scaling",) or "stored" in name or "of patterns" in name:
            if key.endswith(("synapses", "bias")):
                continue  # the network draws these
            torch.testing.assert_close(late.state_dict()[key], drawn[key])


def test_numbers_that_nobody_knows_are_not_made_up():
    with torch.device("meta"):
        late = QuantumHopfield(4, num_heads=2, scaling=torch.ones(2))
    late.to_empty(device="cpu")
    with pytest.raises(ValueError, match="scaling= was a tensor on the meta device"):
        late.reset_parameters()


def test_state_dicts_are_what_they_were():
    """Checkpoints of earlier versions load: no constant ever was in one."""
    assert set(QuantumHopfieldNetwork(4).state_dict()) == {"synapses", "bias"}
    found = set(QuantumHopfield(4, keys="product").state_dict())
    assert found == {
        f"{name}_projection.{part}"
        for name in ("state", "stored", "value", "output")
        for part in ("weight", "bias")
    }


def test_weights_follow_their_synapses():
    """W from the synapses, row by row above the diagonal, and its gradient."""
    network = QuantumHopfieldNetwork(4, dtype=torch.float64)
    wanted = torch.zeros(4, 4, dtype=torch.float64)
    number = 0
    for i in range(4):
        for j in range(i + 1, 4):
            wanted[i, j] = wanted[j, i] = network.synapses.detach()[number]
            number += 1
    assert torch.equal(network.weights.detach(), wanted)
    cotangent = torch.randn(4, 4, dtype=torch.float64)
    (slope,) = torch.autograd.grad((network.weights * cotangent).sum(), network.synapses)
    rows, columns = torch.triu_indices(4, 4, 1)
    torch.testing.assert_close(slope, (cotangent + cotangent.T)[rows, columns])
