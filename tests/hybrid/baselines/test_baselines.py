"""The classical peers: oracles, masks, and the quantum layers' twins."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from qhopfield.hybrid import QuantumHopfield, QuantumHopfieldLayer, QuantumHopfieldPooling
from qhopfield.hybrid.baselines import (
    Attention,
    AttentionPooling,
    ClassicalHopfield,
    ClassicalHopfieldLayer,
    ClassicalHopfieldPooling,
    Recurrent,
    RecurrentPooling,
)
from qhopfield.hybrid.baselines.hopfield import signs

DOUBLE = {"dtype": torch.float64}


def twins(quantum, classical, *arguments, **keywords):
    """The two layers from one seed, and that they start alike."""
    torch.manual_seed(3)
    first = quantum(*arguments, **DOUBLE, **keywords)
    torch.manual_seed(3)
    second = classical(*arguments, **DOUBLE, keys="binary", **keywords)
    one, other = first.state_dict(), second.state_dict()
    assert list(one) == list(other)
    assert all(torch.equal(one[name], other[name]) for name in one)
    with torch.no_grad():
        for name, parameter in first.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.1)
    second.load_state_dict(first.state_dict())
    return first, second


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_heads": 2},
        {"num_heads": 2, "update_steps_max": 3, "scaling": torch.tensor([0.5, 2.0])},
        {"num_heads": 2, "hidden_size": 3, "pattern_size": 2, "output_size": 5, "bias": False},
        {"num_heads": 2, "hidden_size": 4, "stored_as_static": True},
        {"num_heads": 2, "hidden_size": 2, "stored_as_static": True, "scaling": 3.0},
        {"num_heads": 2, "update_steps_max": None, "scaling": 0.1},
    ],
)
def test_binary_keys_are_the_quantum_layer(arguments, answer, close, draw):
    quantum, classical = twins(QuantumHopfield, ClassicalHopfield, 4, **arguments)
    # Small, so that no raw key passes 1, where straight-through gradients end.
    state = 0.2 * draw(3, 5, 4)
    fixed = {}
    if "stored_as_static" in arguments:
        fixed["stored"] = torch.where(draw(3, 5, 4) > 0, 1.0, -1.0).to(torch.float64)
    for options in ({}, {"is_causal": True}, {"need_weights": True}):
        options = {**fixed, **options}
        close(answer(classical, state, **options), answer(quantum, state, **options), 1e-10)


def test_pooling_and_lookup_are_the_quantum_ones(answer, close, draw):
    state = 0.2 * draw(3, 5, 4)
    padding = torch.zeros(3, 5, dtype=torch.bool)
    padding[1, 3:] = True
    quantum, classical = twins(
        QuantumHopfieldPooling, ClassicalHopfieldPooling, 4, num_heads=2, quantity=3
    )
    for options in ({}, {"key_padding_mask": padding}, {"need_weights": True}):
        close(answer(classical, state, **options), answer(quantum, state, **options), 1e-10)
    assert classical.output_size == quantum.output_size == 12
    for targets in ({"trainable_targets": False}, {"target_size": 3}):
        quantum, classical = twins(
            QuantumHopfieldLayer, ClassicalHopfieldLayer, 4, num_heads=2, quantity=6, **targets
        )
        for layer in (quantum, classical):
            layer.stored_patterns.data *= 0.2
        close(answer(classical, state), answer(quantum, state), 1e-10)
        assert classical.output_size == 4


def test_signs_pass_gradients_up_to_one():
    values = torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0], requires_grad=True)
    bits = signs(values)
    assert bits.tolist() == [-1, -1, -1, 1, 1, 1, 1]
    (bits * torch.arange(1.0, 8.0)).sum().backward()
    assert values.grad.tolist() == [0, 2, 3, 4, 5, 6, 0]


@pytest.mark.parametrize("masked", [False, True])
def test_real_keys_are_torchs_attention(masked, draw):
    layer = ClassicalHopfield(6, num_heads=3, **DOUBLE)
    attention = nn.MultiheadAttention(6, 3, batch_first=True, **DOUBLE)
    parts = (layer.state_projection, layer.stored_projection, layer.value_projection)
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        attention.in_proj_bias.copy_(torch.cat([part.bias.normal_() for part in parts]))
        attention.out_proj.load_state_dict(layer.output_projection.state_dict())
    state, stored = draw(2, 4, 6), draw(2, 4, 6)
    options = {}
    if masked:
        options["key_padding_mask"] = torch.tensor([[False] * 4, [False, False, True, True]])
        options["attn_mask"] = draw(6, 4, 4)
    found, share = layer(state, stored, **options, need_weights=True)
    if masked:
        padding = torch.zeros(2, 4, **DOUBLE).masked_fill(options["key_padding_mask"], -math.inf)
        options["key_padding_mask"] = padding
    wanted, weights = attention(state, stored, stored, **options, average_attn_weights=False)
    torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(share, weights, atol=1e-12, rtol=1e-12)


def test_updates_are_repeated_recalls(draw):
    layer = ClassicalHopfield(
        4, state_as_static=True, stored_as_static=True, scaling=0.7, update_steps_max=4, **DOUBLE
    )
    state, stored = draw(1, 3, 4), draw(1, 5, 4)
    moved = state
    for _ in range(4):
        moved = torch.softmax(0.7 * moved @ stored.mT, dim=-1) @ stored
    plain = ClassicalHopfield(4, state_as_static=True, stored_as_static=True, scaling=0.7, **DOUBLE)
    plain.load_state_dict(layer.state_dict())
    layer.update_steps_eps = 0.0
    torch.testing.assert_close(layer(state, stored), plain(moved, stored), atol=1e-12, rtol=1e-12)
    assert not torch.allclose(layer(state, stored), plain(state, stored))


def test_sequence_first_is_the_same(draw):
    first = ClassicalHopfieldPooling(4, num_heads=2, **DOUBLE)
    second = ClassicalHopfieldPooling(4, num_heads=2, batch_first=False, **DOUBLE)
    second.load_state_dict(first.state_dict())
    bags = draw(3, 5, 4)
    torch.testing.assert_close(first(bags), second(bags.transpose(0, 1)))
    lookup = ClassicalHopfieldLayer(4, quantity=3, batch_first=False, **DOUBLE)
    assert lookup(bags).shape == (3, 5, 4)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_drops_in_training_only(training, draw):
    layer = ClassicalHopfield(4, dropout=0.5, **DOUBLE).train(training)
    state = draw(2, 5, 4)
    assert torch.equal(layer(state), layer(state)) != training


def test_attention_is_torchs(draw):
    layer = Attention(6, num_heads=2, **DOUBLE)
    state = draw(2, 4, 6)
    later = torch.ones(4, 4, dtype=torch.bool).triu(1)
    wanted, _ = layer.attention(state, state, state, attn_mask=later)
    torch.testing.assert_close(layer(state, is_causal=True), wanted)
    queries = draw(2, 3, 6)
    wanted, _ = layer.attention(queries, state, state)
    torch.testing.assert_close(layer(queries, state), wanted)


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
def test_recurrent_networks_are_torchs(kind, draw):
    layer = Recurrent(4, kind, **DOUBLE)
    state = draw(2, 5, 4)
    assert torch.equal(layer(state, is_causal=True), layer.recurrent(state)[0])
    wide = Recurrent(4, kind, hidden_size=7, num_layers=2, dropout=0.1, **DOUBLE)
    assert wide(state).shape == (2, 5, 4)


def test_pooling_passes_over_padding(draw):
    bags = draw(2, 5, 4)
    padding = torch.tensor([[False] * 5, [False, False, False, True, True]])
    for pooling in (
        AttentionPooling(4, num_heads=2, quantity=2, **DOUBLE),
        ClassicalHopfieldPooling(4, num_heads=2, **DOUBLE),
        RecurrentPooling(4, "lstm", hidden_size=3, **DOUBLE),
    ):
        whole = pooling(bags, key_padding_mask=padding)
        torch.testing.assert_close(whole[1:], pooling(bags[1:, :3]))
        torch.testing.assert_close(whole[:1], pooling(bags[:1]))
        assert whole.shape == (2, pooling.output_size)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ClassicalHopfield(0), ValueError, "input_size must be >= 1, got 0"),
        (lambda: ClassicalHopfield(5, num_heads=2), ValueError, "must divide input_size=5"),
        (lambda: ClassicalHopfield(4, num_heads=1.5), TypeError, "num_heads must be an integer"),
        (lambda: ClassicalHopfield(4, scaling=0.0), ValueError, "scaling must be a finite number"),
        (
            lambda: ClassicalHopfield(4, scaling=-torch.ones(1)),
            ValueError,
            "scaling must be finite and > 0",
        ),
        (lambda: ClassicalHopfield(4, keys="product"), ValueError, "keys must be one of 'real'"),
        (lambda: ClassicalHopfield(4, dropout=2.0), ValueError, "dropout must be a finite number"),
        (lambda: ClassicalHopfield(4, update_steps_max=-1), ValueError, "update_steps_max must"),
        (
            lambda: ClassicalHopfield(4, 3, state_as_static=True),
            ValueError,
            "A static state pattern must be hidden_size or num_heads * hidden_size wide, 3 or 3",
        ),
        (
            lambda: ClassicalHopfield(4, pattern_size=3, projection_as_static=True),
            ValueError,
            "A static projection must be pattern_size or num_heads * pattern_size wide, 3 or 3",
        ),
        (
            lambda: ClassicalHopfield(4, output_size=5, disable_out_projection=True),
            ValueError,
            "num_heads * pattern_size = 4 wide; got output_size=5",
        ),
        (lambda: ClassicalHopfieldPooling(4, quantity=0), ValueError, "quantity must be >= 1"),
        (
            lambda: ClassicalHopfieldLayer(4, target_size=3, trainable_targets=False),
            ValueError,
            "target_size is for targets of their own",
        ),
        (lambda: AttentionPooling(4, quantity=0), ValueError, "quantity must be >= 1, got 0"),
        (lambda: Attention(4, num_heads=3), ValueError, "num_heads must divide input_size=4"),
        (lambda: Recurrent(4, "gru"), ValueError, "kind must be one of 'rnn', 'lstm'; got 'gru'"),
        (lambda: Recurrent(4, hidden_size=0), ValueError, "hidden_size must be >= 1, got 0"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)


STATE = torch.zeros(2, 3, 4)


@pytest.mark.parametrize(
    ("module", "keywords", "message"),
    [
        (ClassicalHopfield, {"state": STATE[0]}, "state must have shape (batch, length, 4)"),
        (
            ClassicalHopfield,
            {"stored": STATE[..., :3]},
            "stored must have shape (batch, length, 4)",
        ),
        (
            ClassicalHopfield,
            {"attn_mask": torch.zeros(2, 2)},
            "attn_mask must have shape (length, patterns)=(3, 3)",
        ),
        (
            ClassicalHopfield,
            {"key_padding_mask": torch.zeros(3, 3, dtype=torch.bool)},
            "key_padding_mask must have shape (batch, patterns)=(2, 3)",
        ),
        (
            ClassicalHopfield,
            {"key_padding_mask": torch.ones(2, 3, dtype=torch.bool)},
            "Every pattern is masked for a query",
        ),
        (
            ClassicalHopfield,
            {"stored": torch.zeros(2, 5, 4), "is_causal": True},
            "got 3 queries and 5 patterns",
        ),
        (Attention, {"stored": torch.zeros(2, 5, 4), "is_causal": True}, "got 3 queries and 5"),
        (Recurrent, {"attn_mask": torch.zeros(3, 3)}, "attn_mask must be None for kind='lstm'"),
        (
            Recurrent,
            {"key_padding_mask": torch.tensor([[True, False, False]] * 2)},
            "key_padding_mask must mask places at the end only",
        ),
    ],
)
def test_bad_calls(module, keywords, message):
    with pytest.raises(ValueError) as caught:
        module(4)(**{"state": STATE, **keywords})
    assert message in str(caught.value)
