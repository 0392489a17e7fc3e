"""Storing and recalling without training, and the layers around the association."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from qiskit_aer import AerSimulator
from scipy.linalg import hadamard
from torch import nn

from qhopfield.circuits import FilteredMemory, ModernHopfield
from qhopfield.hybrid import (
    MemoryContext,
    QuantumHopfield,
    QuantumHopfieldEncoderLayer,
    QuantumHopfieldLayer,
    QuantumHopfieldPooling,
    run_on,
)

KINDS = pytest.mark.parametrize("keys", ["binary", "product"])

# Store and recall --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def patterns():
    """Each differs from each other in four places."""
    return hadamard(8)[1:6]


@pytest.fixture(scope="module")
def probes():
    """Real ones, with an unknown entry."""
    rows = np.random.default_rng(1).uniform(-1, 1, (4, 8))
    rows[0, 2] = 0.0
    return rows


def test_recall_is_the_modern_hopfield_network(patterns, probes):
    """The same states and associations as the package's network and its circuit's law."""
    memory = QuantumHopfield.store(patterns, scaling=0.7, dtype=torch.float64)
    model = ModernHopfield(patterns, beta=0.7)
    found = memory.recall(probes)
    np.testing.assert_allclose(found, model.retrieve(probes), atol=1e-12)
    seen = memory.associate(torch.as_tensor(probes)[None])
    np.testing.assert_allclose(seen.association[0, 0], model.association(probes), atol=1e-12)
    for row, probe in enumerate(probes):
        law = FilteredMemory().law(model, probe)
        assert seen.acceptance[0, 0, row].item() == pytest.approx(law.acceptance)
        np.testing.assert_allclose(found[row], law.expectations(), atol=1e-12)
        np.testing.assert_allclose(seen.association[0, 0, row], law.probabilities, atol=1e-12)


def test_recall_repeats_the_update(patterns, probes):
    memory = QuantumHopfield.store(patterns, scaling=0.7, dtype=torch.float64)
    once = memory.recall(probes)
    torch.testing.assert_close(memory.recall(probes, steps=3), memory.recall(memory.recall(once)))
    settled = ModernHopfield(patterns, beta=0.7).converge(probes)
    np.testing.assert_allclose(memory.recall(probes, steps=300), settled.expectations, atol=1e-8)
    layer = QuantumHopfield.store(
        patterns, scaling=0.7, dtype=torch.float64, update_steps_max=None, update_steps_eps=1e-10
    )
    found = layer.associate(torch.as_tensor(probes)[None])
    np.testing.assert_allclose(found.queries[0, 0], settled.expectations, atol=1e-8)


def test_damaged_patterns_come_back(patterns):
    damaged = patterns.copy()
    damaged[:, 0] *= -1
    memory = QuantumHopfield.store(patterns, scaling=3.0)
    assert (memory.recall(damaged).sign().numpy() == patterns).all()
    assert memory.recall(damaged[0]).shape == (1, 8)
    assert not any(each.requires_grad for each in memory.parameters())


@KINDS
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_values_go_with_patterns(keys, heads, patterns):
    """The layer itself is a lookup: what goes with the pattern nearest to a state, in a batch."""
    values = np.eye(5)
    memory = QuantumHopfield.store(
        patterns, values, scaling=40.0, num_heads=heads, keys=keys, dtype=torch.float64
    )
    states = torch.as_tensor(patterns[[3, 1, 4, 4]], dtype=torch.float64).view(2, 2, 8)
    found = memory(states)
    if heads == 1:
        torch.testing.assert_close(found, torch.as_tensor(values[[3, 1, 4, 4]]).view(2, 2, 5))
    # Five columns do not divide into heads: then each head mixes all of them.
    assert found.shape == (2, 2, 5 * heads)
    dealt = QuantumHopfield.store(patterns, np.eye(8)[:5], num_heads=heads, keys=keys)
    assert dealt(states.float()).shape == (2, 2, 8)
    torch.testing.assert_close(found[1:], memory(states[1:]))
    _, association = memory(states, need_weights=True)
    assert association.shape == (2, heads, 2, 5)


@KINDS
def test_recall_on_circuits(keys, patterns, chance):
    small = patterns[:3, :3] if keys == "binary" else [[0.3, -0.9, 0.1], [0.8, 0.2, -0.4]]
    memory = QuantumHopfield.store(small, scaling=0.6, keys=keys, dtype=torch.float64)
    probes = [[0.5, -1.0, 0.0], [1.0, 1.0, -1.0]]
    wanted = memory.recall(probes)
    for device in ("default.qubit", "lightning.qubit"):
        with run_on(memory, device=device):
            torch.testing.assert_close(memory.recall(probes), wanted)
    moved = QuantumHopfield.store(
        small,
        scaling=0.6,
        keys=keys,
        dtype=torch.float64,
        backend=AerSimulator(),
        shots=3000,
        seed=1,
    )
    found = moved.recall(probes)
    seen = memory.associate(torch.tensor(probes).double()[None])
    spread = seen.association[0, 0] @ seen.keys[0, 0] ** 2 - wanted**2
    spread = spread.clamp(min=0.0)
    chance.normal(found, wanted, (spread / (3000 * seen.acceptance[0, 0, :, None])).sqrt())


def test_product_states_are_stored_as_they_are(probes):
    z = np.array([[0.3, -1.0, 0.0], [1.0, 0.2, -0.5]])
    memory = QuantumHopfield.store(z, keys="product", dtype=torch.float64)
    found = memory.associate(torch.zeros(1, 1, 3).double()).keys[0, 0]
    np.testing.assert_allclose(found, z, atol=1e-8)  # poles are held 4e-9 off


def test_a_stored_memory_is_saved_and_moves(patterns, probes):
    memory = QuantumHopfield.store(patterns, np.eye(5), scaling=torch.tensor(2.0))
    state = memory.state_dict()
    assert sorted(state) == ["scaling", "stored_patterns", "stored_values"]
    assert memory.double().recall(probes).dtype == torch.float64
    assert "stored=5 patterns" in memory.extra_repr()
    # What is given with the call takes the place of what is stored.
    other = torch.as_tensor(-patterns[None, :2], dtype=torch.float64)
    read = torch.eye(5).double()[None, :2]
    found = memory(torch.as_tensor(probes)[None], other, read)
    fresh = QuantumHopfield.store(-patterns[:2], np.eye(5)[:2], scaling=2.0, dtype=torch.float64)
    torch.testing.assert_close(found, fresh(torch.as_tensor(probes)[None]))


# Pooling and lookup ------------------------------------------------------------------------------


@KINDS
def test_pooling_is_an_association_with_trained_states(keys, small, draw):
    layer = small(keys, cls=QuantumHopfieldPooling, quantity=3)
    stored, read = draw(2, 5, 4), draw(2, 5, 4)
    padding = torch.tensor([[False] * 5, [True, False, False, True, False]])
    states = layer.state_patterns[None].expand(2, -1, -1)
    wanted, share = layer.hopfield(
        states, stored, read, key_padding_mask=padding, need_weights=True
    )
    found, association = layer(stored, read, key_padding_mask=padding, need_weights=True)
    torch.testing.assert_close(found, wanted.flatten(1))
    torch.testing.assert_close(association, share)
    assert found.shape == (2, layer.output_size) == (2, 12)
    torch.testing.assert_close(layer(stored, read, key_padding_mask=padding), found)
    torch.testing.assert_close(
        layer.associate(stored, read, key_padding_mask=padding).association, share
    )


@KINDS
def test_pooling_does_not_mind_the_order(keys, small, draw):
    layer = small(keys, cls=QuantumHopfieldPooling)
    stored, order = draw(2, 5, 4), torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(layer(stored[:, order]), layer(stored))
    padded = torch.cat([stored, draw(2, 2, 4)], 1)
    hidden = torch.arange(7).expand(2, -1) >= 5
    torch.testing.assert_close(layer(padded, key_padding_mask=hidden), layer(stored))


@KINDS
def test_lookup_is_an_association_with_trained_patterns(keys, small, draw):
    x = draw(2, 3, 4)
    layer = small(keys, cls=QuantumHopfieldLayer, quantity=5, target_size=6, output_size=7)
    assert layer.target_patterns.shape == (5, 6)
    everyone = (layer.stored_patterns.expand(2, 5, 4), layer.target_patterns.expand(2, 5, 6))
    torch.testing.assert_close(layer(x), layer.hopfield(x, *everyone))
    assert layer.output_size == 7
    mask = torch.eye(3, 5).bool()
    _, share = layer(x, attn_mask=mask, need_weights=True)
    assert share.masked_select(mask).eq(0).all()
    torch.testing.assert_close(layer.associate(x, attn_mask=mask).association, share)
    torch.testing.assert_close(layer(x[0]), layer(x)[0])  # a single sequence
    own = small(keys, cls=QuantumHopfieldLayer, quantity=5, trainable_targets=False)
    assert own.target_patterns is None
    torch.testing.assert_close(own(x), own.hopfield(x, own.stored_patterns.expand(2, 5, 4)))


# Context -----------------------------------------------------------------------------------------


@KINDS
def test_context_asks_with_the_mean_of_the_tokens(keys, draw):
    layer = MemoryContext(4, 6, num_tokens=2, num_heads=2, keys=keys, dtype=torch.float64)
    tokens = draw(2, 5, 4)
    padding = torch.tensor([[False] * 5, [False, True, False, False, True]])
    wanted = torch.stack([tokens[0].mean(0), tokens[1, [0, 2, 3]].mean(0)])
    asked = layer.query(wanted).view(2, 2, 4)
    torch.testing.assert_close(layer.queries(tokens, padding), asked)
    torch.testing.assert_close(layer(tokens, padding), layer.memory(asked))
    junk = tokens.clone()
    junk[1, [1, 4]] = 1e6
    torch.testing.assert_close(layer(junk, padding), layer(tokens, padding))


def test_context_as_a_prefix_and_as_a_state(draw):
    prefix = MemoryContext(4, 6, num_tokens=3, dtype=torch.float64)
    tokens = draw(2, 5, 4)
    assert prefix(tokens).shape == (2, 3, 4)
    state = MemoryContext(4, 6, "state", state_size=7, num_layers=2, dtype=torch.float64)
    recurrent = nn.GRU(4, 7, num_layers=2, batch_first=True, dtype=torch.float64)
    start = state(tokens)
    assert start.shape == (2, 2, 7)
    output = recurrent(tokens, start)[0]
    output.sum().backward()
    assert all(each.grad.abs().max() > 0 for each in state.parameters())


# In a transformer --------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder_layer_by_hand(keys, norm_first, draw):
    layer = QuantumHopfieldEncoderLayer(
        4, 2, 6, 0.0, norm_first=norm_first, keys=keys, dtype=torch.float64
    )
    x = draw(2, 3, 4)

    def feed(y):
        return layer.linear2(torch.relu(layer.linear1(y)))

    if norm_first:
        hidden = x + layer.self_attn(layer.norm1(x))
        wanted = hidden + feed(layer.norm2(hidden))
    else:
        hidden = layer.norm1(x + layer.self_attn(x))
        wanted = layer.norm2(hidden + feed(hidden))
    torch.testing.assert_close(layer(x), wanted)


@KINDS
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_inside_transformer_encoder(keys, norm_first, batch_first, draw):
    """Later tokens do not reach earlier ones, padded ones reach none; in training and in eval."""
    layer = QuantumHopfieldEncoderLayer(
        4, 2, 6, 0.0, norm_first=norm_first, keys=keys, batch_first=batch_first, dtype=torch.float64
    )
    encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(4).double(), enable_nested_tensor=False)
    x = draw(2, 5, 4)
    causal = nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    padding = torch.zeros(2, 5, dtype=torch.bool)
    padding[1, 3:] = True

    def run(tokens, **masks):
        given = tokens if batch_first else tokens.transpose(0, 1)
        output = encoder(given, **masks)
        return output if batch_first else output.transpose(0, 1)

    for training in (True, False):
        encoder.train(training)
        wanted = run(x, mask=causal)
        torch.testing.assert_close(run(x, mask=causal, is_causal=True), wanted)
        torch.testing.assert_close(run(x, mask=causal.isinf()), wanted)
        later = x.clone()
        later[:, 3:] *= -1.0
        torch.testing.assert_close(run(later, mask=causal)[:, :3], wanted[:, :3])
        assert (run(later)[:, :3] - run(x)[:, :3]).abs().max() > 1e-3
        hidden = run(x, src_key_padding_mask=padding)
        torch.testing.assert_close(hidden[1:, :3], run(x[1:, :3]))
        torch.testing.assert_close(hidden[:1], run(x[:1]))
        both = run(x, mask=causal.isinf(), src_key_padding_mask=padding)
        torch.testing.assert_close(both[1, :3], wanted[1, :3])
    given = x.clone().requires_grad_()
    (run(given, mask=causal)[:, 2] @ torch.arange(4.0).double()).sum().backward()
    assert given.grad[:, 3:].eq(0).all()
    assert given.grad[:, :3].ne(0).any(-1).all()
    assert all(each.grad.isfinite().all() for each in encoder.parameters())


def test_encoder_layer_takes_the_arguments_of_torch(draw):
    ours = QuantumHopfieldEncoderLayer(8, 2, 16, 0.1, nn.functional.silu, 1e-3, True, True, False)
    torchs = nn.TransformerEncoderLayer(8, 2, 16, 0.1, nn.functional.silu, 1e-3, True, True, False)
    for name in ("linear1.weight", "linear2.weight", "norm1.weight", "norm2.weight"):
        assert ours.get_parameter(name).shape == torchs.get_parameter(name).shape
    names = [name for name, _ in ours.named_parameters()]
    assert not any(name.endswith("bias") for name in names)
    assert ours.norm1.eps == 1e-3
    assert ours.self_attn.batch_first is True
    assert ours.self_attn.dropout == 0.1
    x = torch.randn(2, 3, 8)
    assert ours.train()(x).ne(ours(x)).any()
    torch.testing.assert_close(ours.eval()(x), ours(x))
