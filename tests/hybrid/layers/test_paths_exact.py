"""Law = default.qubit = lightning.qubit = Aer: outputs and all gradients, to 1e-9."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from qhopfield.hybrid import (
    MemoryContext,
    QuantumHopfield,
    QuantumHopfieldEncoderLayer,
    QuantumHopfieldLayer,
    QuantumHopfieldPooling,
)

KINDS = pytest.mark.parametrize("keys", ["binary", "product"])


@KINDS
@pytest.mark.parametrize("steps", [0, 2])
def test_self_association(keys, steps, small, draw, everywhere):
    layer = small(keys, update_steps_max=steps, update_steps_eps=0.0)
    everywhere(layer, draw(2, 3, 4), need_weights=True)


@KINDS
@pytest.mark.parametrize("patterns", [1, 2, 5])
def test_stored_patterns_and_values_of_their_own(keys, patterns, small, draw, everywhere):
    layer = small(keys, stored_size=3, projection_size=5, hidden_size=2, pattern_size=3)
    everywhere(layer, draw(1, 2, 4), draw(1, patterns, 3), draw(1, patterns, 5))


@KINDS
@pytest.mark.parametrize("scaling", ["number", "heads", "parameter", "parameters"])
def test_scaling(keys, scaling, small, draw, everywhere):
    given = {
        "number": 0.7,
        "heads": torch.tensor([0.4, 1.2]),
        "parameter": nn.Parameter(torch.tensor(0.9, dtype=torch.float64)),
        "parameters": nn.Parameter(torch.tensor([0.4, 1.2], dtype=torch.float64)),
    }[scaling]
    layer = small(keys, scaling=given)
    answer = everywhere(layer, draw(1, 2, 4), draw(1, 3, 4))
    assert ("d scaling" in answer) == scaling.startswith("parameter")


def _masks(name, batch, heads, length, patterns):
    padding = torch.zeros(batch, patterns, dtype=torch.bool)
    padding[0, -1] = padding[-1, 0] = True
    inside = torch.linspace(-1.0, 1.0, length * patterns, dtype=torch.float64)
    floats = inside.view(length, patterns).clone()
    floats[0, 1] = -torch.inf
    each = torch.zeros(batch * heads, length, patterns, dtype=torch.bool)
    each.view(-1)[::4] = True
    return {
        "padding": {"key_padding_mask": padding},
        "causal": {"is_causal": True},
        "floats": {"attn_mask": floats},
        "of each head": {"attn_mask": each},
        "floats and padding": {"attn_mask": inside.view(length, patterns)}
        | {"key_padding_mask": padding},
    }[name]


@KINDS
@pytest.mark.parametrize(
    "mask", ["padding", "causal", "floats", "of each head", "floats and padding"]
)
def test_masks(keys, mask, small, draw, everywhere):
    layer = small(keys)
    x = draw(2, 3, 4)
    answer = everywhere(layer, x, need_weights=True, **_masks(mask, 2, 2, 3, 3))
    plain = layer(x, need_weights=True)[1]
    assert (answer["also 0"] - plain).abs().max() > 0.1  # the mask does something


@KINDS
@pytest.mark.parametrize(("neurons", "patterns"), [(5, 4), (4, 7)])
def test_wide_circuits(keys, neurons, patterns, small, draw, everywhere):
    """12 and 11 qubits."""
    layer = small(keys, size=neurons, num_heads=1, scaling=0.6)
    assert layer.program(patterns).num_qubits() >= 11
    everywhere(layer, draw(1, 1, neurons), draw(1, patterns, neurons))


@KINDS
def test_length_first(keys, small, draw, everywhere):
    everywhere(small(keys, batch_first=False), draw(2, 1, 4), draw(3, 1, 4))


@KINDS
def test_given_keys_without_projection(keys, small, draw, everywhere):
    layer = small(keys, stored_as_static=True)
    stored = torch.tanh(draw(1, 3, 4))
    everywhere(layer, draw(1, 2, 4), stored if keys == "product" else stored.sign())


@KINDS
def test_pooling(keys, small, draw, everywhere):
    layer = small(keys, cls=QuantumHopfieldPooling, quantity=2)
    padding = torch.tensor([[False, True, False], [False, False, False]])
    everywhere(layer, draw(2, 3, 4), key_padding_mask=padding)


@KINDS
@pytest.mark.parametrize("trained", [False, True])
def test_lookup(keys, trained, small, draw, everywhere):
    layer = small(keys, cls=QuantumHopfieldLayer, quantity=3, trainable_targets=trained)
    everywhere(layer, draw(2, 2, 4))


@KINDS
@pytest.mark.parametrize("mode", ["prefix", "state"])
def test_context(keys, mode, draw, everywhere):
    layer = MemoryContext(4, 3, mode, num_heads=2, keys=keys, dtype=torch.float64)
    padding = torch.tensor([[False, False, True], [False, False, False]])
    everywhere(layer, draw(2, 3, 4), key_padding_mask=padding)


@KINDS
@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder(keys, norm_first, draw, everywhere):
    layer = QuantumHopfieldEncoderLayer(
        4, 2, 6, 0.0, "gelu", norm_first=norm_first, keys=keys, dtype=torch.float64
    )
    encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
    causal = torch.ones(3, 3, dtype=torch.bool).triu(1)
    padding = torch.tensor([[False, False, True]])
    everywhere(encoder, draw(1, 3, 4), mask=causal, src_key_padding_mask=padding)


@KINDS
def test_acceptance(keys, small, draw):
    """What a run of the circuit costs, without running it."""
    layer, x, stored = small(keys), draw(2, 3, 4), draw(2, 3, 4)
    masks = {"attn_mask": torch.tensor([[0, 1, 0], [0, 0, 1], [1, 0, 0]]).bool()}
    for given in ({}, masks):
        wanted = layer.associate(x, stored, **given)
        assert float(wanted.acceptance.detach().min()) < 0.5
        for device in ("default.qubit", "lightning.qubit"):
            moved = QuantumHopfield(4, num_heads=2, keys=keys, device=device, dtype=torch.float64)
            moved.load_state_dict(layer.state_dict())
            found = moved.associate(x, stored, **given)
            for name, value in wanted._asdict().items():
                torch.testing.assert_close(getattr(found, name), value, msg=name)


def test_memory_made_on_a_path(small, draw, answer, close):
    """The constructor takes the same keywords as ``run_on``."""
    layer, x = small("product"), draw(1, 2, 4)
    moved = small("product", device="lightning.qubit")
    moved.load_state_dict(layer.state_dict())
    assert moved.executor.name == "lightning.qubit"
    close(answer(moved, x), answer(layer, x))
