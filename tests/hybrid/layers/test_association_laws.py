"""The exact law of the layers: softmax for bits, products for product states, fused or not."""

from __future__ import annotations

import math

import pytest
import torch
from torch.autograd import gradcheck
from torch.nn import functional

from qhopfield.circuits import laws
from qhopfield.hybrid import QuantumHopfield
from qhopfield.hybrid.layers.association import key_features, probe_features
from qhopfield.hybrid.layers.mixing import product_mix, softmax_mix

KINDS = pytest.mark.parametrize("keys", ["binary", "product"])


def expected(layer, state, stored, projection, mask=None):
    """The layer written out by hand: projections, heads, association, values, output."""

    def heads(tensor, width):
        return tensor.view(*tensor.shape[:2], layer.num_heads, width).transpose(1, 2)

    q = heads(layer.state_projection(state), layer.hidden_size)
    k = heads(layer.stored_projection(stored), layer.hidden_size)
    v = heads(layer.value_projection(projection), layer.pattern_size)
    beta = torch.as_tensor(layer.scaling, dtype=state.dtype)
    beta = beta[..., None, None] if beta.dim() else beta
    if layer.keys == "binary":
        k = torch.where(k < 0, -1.0, 1.0).to(k)
        logits = (beta * q) @ k.mT
    else:
        z = torch.tanh(k)
        logits = torch.stack(
            [
                torch.log(
                    torch.cosh(a)[..., None, :] + z[..., None, :, :] * torch.sinh(a)[..., None, :]
                )
                for a in [beta * q]
            ]
        )[0].sum(-1)
    share = torch.softmax(logits if mask is None else logits + mask, -1)
    mixed = (share @ v).transpose(1, 2).flatten(2)
    return layer.output_projection(mixed), share


@KINDS
@pytest.mark.parametrize("neurons", [1, 3, 4, 5, 8, 10])
def test_layer_by_hand(keys, neurons, small, draw):
    layer = small(keys, size=6, hidden_size=neurons, pattern_size=3, scaling=torch.tensor([0.5, 2]))
    x, stored, read = draw(2, 3, 6), draw(2, 5, 6), draw(2, 5, 6)
    wanted, share = expected(layer, x, stored, read)
    output, association = layer(x, stored, read, need_weights=True)
    torch.testing.assert_close(output, wanted)
    torch.testing.assert_close(association, share)
    torch.testing.assert_close(layer(x, stored, read), wanted)  # fused where keys are products
    torch.testing.assert_close(layer(x), expected(layer, x, x, x)[0])


def test_bits_are_an_attention(small, draw):
    """``keys="binary"`` is torch's attention with the signs of the keys."""
    layer = small(size=6)
    x, stored = draw(2, 3, 6), draw(2, 4, 6)
    found = layer.associate(x, stored)
    assert found.keys.abs().eq(1).all()
    wanted = functional.scaled_dot_product_attention(
        found.queries, found.keys, found.values, scale=1 / math.sqrt(3)
    )
    torch.testing.assert_close(found.association @ found.values, wanted)
    projected = layer.output_projection(wanted.transpose(1, 2).flatten(2))
    torch.testing.assert_close(layer(x, stored), projected)


@pytest.mark.parametrize("neurons", [2, 6, 9])
def test_product_states_follow_the_circuits_law(neurons, small, draw):
    layer = small("product", size=neurons, num_heads=1, scaling=0.7)
    found = layer.associate(draw(1, 3, neurons), draw(1, 4, neurons))
    for query in range(3):
        probe, z = found.queries[0, 0, query].detach(), found.keys[0, 0].detach()
        wanted = laws.product_key_memory(z, probe, 0.7)
        torch.testing.assert_close(found.association[0, 0, query].detach(), wanted)
        torch.testing.assert_close(
            found.acceptance[0, 0, query].detach(), laws.exp_acceptance(z, probe, 0.7)
        )


@KINDS
def test_masks_by_hand(keys, small, draw):
    layer, x = small(keys), draw(2, 3, 4)
    causal = torch.ones(3, 3, dtype=torch.bool).triu(1)
    padding = torch.tensor([[False, False, True], [False, True, False]])
    as_floats = torch.zeros(3, 3, dtype=torch.float64).masked_fill(causal, -math.inf)
    bias = draw(4, 3, 3)
    hidden = torch.zeros(2, 1, 1, 3).double().masked_fill(padding[:, None, None], -math.inf)
    cases = [
        ({"is_causal": True}, as_floats),
        ({"attn_mask": causal}, as_floats),
        ({"attn_mask": causal, "is_causal": True}, as_floats),
        ({"attn_mask": as_floats}, as_floats),
        ({"attn_mask": bias}, bias.view(2, 2, 3, 3)),
        ({"key_padding_mask": padding}, hidden),
        ({"key_padding_mask": hidden[:, 0, 0]}, hidden),
        ({"key_padding_mask": padding, "attn_mask": bias}, bias.view(2, 2, 3, 3) + hidden),
    ]
    for masks, prior in cases:
        wanted, share = expected(layer, x, x, x, prior)
        output, association = layer(x, need_weights=True, **masks)
        torch.testing.assert_close(output, wanted)
        torch.testing.assert_close(association, share)
        torch.testing.assert_close(layer(x, **masks), wanted)
        assert association[share == 0].eq(0).all()


@KINDS
@pytest.mark.parametrize("mask", ["none", "shared", "each"])
def test_gradcheck(keys, mask, small, draw):
    """Inputs and parameters.  Bits: their straight-through gradient is no derivative, so the keys
    are held fixed there."""
    layer = small(keys, size=4, hidden_size=5, scaling=torch.tensor([0.7, 1.2]).double())
    x, stored, read = (draw(2, 2, 4), draw(2, 3, 4), draw(2, 3, 4))
    masks = {
        "none": {},
        "shared": {"attn_mask": torch.tensor([[False, True, False], [False, False, False]])},
        "each": {"attn_mask": draw(4, 2, 3), "key_padding_mask": torch.eye(3).bool()[:2]},
    }[mask]
    parameters = dict(layer.named_parameters())
    if keys == "binary":
        fixed = {name: each for name, each in parameters.items() if name.startswith("stored")}
        parameters = {name: each for name, each in parameters.items() if name not in fixed}
    else:
        stored.requires_grad_()
    x.requires_grad_()
    read.requires_grad_()
    for need_weights in (None, True):

        def call(x, stored, read, *values, need=need_weights):
            named = dict(zip(parameters, values, strict=True))
            found = torch.func.functional_call(
                layer, named, (x, stored, read), {"need_weights": need, **masks}
            )
            return found

        given = [each.detach().clone().requires_grad_() for each in parameters.values()]
        assert gradcheck(call, (x, stored, read, *given), fast_mode=True)


def test_gradient_of_a_float_mask(small, draw):
    """On the law the mask may be trained, as relative positions are."""
    for keys in ("binary", "product"):
        layer, x = small(keys), draw(1, 3, 4)
        mask = draw(3, 3).requires_grad_()
        assert gradcheck(lambda m, a=layer, b=x: a(b, attn_mask=m), (mask,), fast_mode=True)


@KINDS
@pytest.mark.parametrize("steps", [1, 3])
def test_gradcheck_of_update_steps(keys, steps, small, draw):
    layer = small(keys, update_steps_max=steps, update_steps_eps=0.0)
    x, stored = draw(1, 2, 4).requires_grad_(), draw(1, 3, 4)
    assert gradcheck(lambda a: layer(a, stored), (x,), fast_mode=True)


def test_straight_through_gradient_is_that_of_a_clipped_identity(small, draw):
    """Bits take the gradient of an attention with the same keys, as if they were real.

    Where a projected pattern lies beyond +-1 it takes none.
    """
    layer = small("binary")
    x, stored = draw(2, 3, 4), draw(2, 4, 4).requires_grad_()
    keys = layer.associate(x, stored).keys
    found = torch.autograd.grad(keys, stored, torch.ones_like(keys))[0]
    clipped = layer.stored_projection(stored).clamp(-1.0, 1.0)
    wanted = torch.autograd.grad(clipped.sum(), stored)[0]
    torch.testing.assert_close(found, wanted)
    raw = layer.stored_projection(stored).detach().view(2, 4, 2, 2).transpose(1, 2)
    bits = torch.where(raw < 0, -1.0, 1.0).double().requires_grad_()
    queries = layer.associate(x, stored).queries.detach()
    share = torch.softmax(queries @ bits.mT / math.sqrt(2), -1)
    read = torch.cos(torch.arange(share.numel())).view_as(share).double()
    (slope,) = torch.autograd.grad((share * read).sum(), bits)
    found = torch.autograd.grad(
        (layer.associate(x, stored).association * read).sum(), layer.stored_projection.bias
    )[0]
    assert 0 < int((raw.abs() > 1.0).sum()) < raw.numel()
    slope = slope * (raw.abs() <= 1.0)
    torch.testing.assert_close(found, slope.transpose(1, 2).flatten(2).sum((0, 1)))


@KINDS
def test_zero_counts_as_plus_one(keys, small):
    layer = small(keys, size=2, num_heads=1)
    layer.stored_projection.bias.data.zero_()
    found = layer.associate(torch.zeros(1, 1, 2).double(), torch.zeros(1, 1, 2).double()).keys
    wanted = torch.ones(1, 1, 1, 2) if keys == "binary" else torch.zeros(1, 1, 1, 2)
    torch.testing.assert_close(found, wanted.double())


def test_patterns_may_be_permuted(small, draw):
    layer = small("product", size=6)
    x, stored = draw(2, 3, 6), draw(2, 5, 6)
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(layer(x, stored[:, order]), layer(x, stored))
    torch.testing.assert_close(
        layer(x, stored[:, order], need_weights=True)[1],
        layer(x, stored, need_weights=True)[1][..., order],
    )


# The fused operator ------------------------------------------------------------------------------


def _mixing(draw, blocks, factor):
    scores, logits = draw(2, 2, 3, 4 * blocks), draw(2, 2, 5, 4 * blocks)
    probe = probe_features(scores).flatten(1, 2)
    key = key_features(logits).flatten(1, 2)
    masks = {
        "none": None,
        "shared": torch.rand(1, 3, 5).double(),
        "a row for all": torch.rand(1, 1, 5).double(),
        "each": torch.rand(4, 3, 5).double(),
        "each, a row for all": torch.rand(4, 1, 5).double(),
    }
    mask = masks[factor]
    if mask is not None:
        mask[..., 1] = 0.0
    return probe / probe.amax(), key, draw(4, 5, 3), mask


@pytest.mark.parametrize(
    "factor", ["none", "shared", "a row for all", "each", "each, a row for all"]
)
@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("chunk", [1, 1 << 18])
def test_fused_operator(blocks, factor, chunk, draw, monkeypatch):
    """Values and gradients, whether heads go through the cache one by one or all at once."""
    monkeypatch.setattr("qhopfield.hybrid.layers.mixing._CHUNK", chunk)
    *given, mask = _mixing(draw, blocks, factor)
    probe, key, values = (each.detach().requires_grad_() for each in given)
    weight = (probe @ key.mT).prod(0)
    weight = weight if mask is None else weight * mask
    wanted = (weight @ values) / weight.sum(-1, keepdim=True)
    mixed, total = product_mix(probe, key, values, mask)
    torch.testing.assert_close(mixed.mT, wanted)
    torch.testing.assert_close(total.mT, weight.sum(-1, keepdim=True))
    assert gradcheck(
        lambda *each: product_mix(*each, mask)[0], (probe, key, values), fast_mode=True
    )


@pytest.mark.parametrize("factor", ["none", "shared"])
def test_fused_operator_is_an_operator(factor, draw):
    """Schema, fake tensors, autograd and compilation, as PyTorch checks its own."""
    *given, mask = _mixing(draw, 2, factor)
    probe, key, values = (each.detach().requires_grad_() for each in given)
    torch.library.opcheck(product_mix, (probe, key, values, mask))


@pytest.mark.parametrize("prior", ["none", "shared", "a row for all", "each"])
@pytest.mark.parametrize("chunk", [1, 1 << 18])
def test_fused_softmax(prior, chunk, draw, monkeypatch):
    monkeypatch.setattr("qhopfield.hybrid.layers.mixing._CHUNK", chunk)
    mask = {
        "none": None,
        "shared": draw(1, 3, 5),
        "a row for all": draw(1, 1, 5),
        "each": draw(4, 3, 5),
    }[prior]
    if mask is not None:
        mask = mask.detach()
        mask[..., 1] = -float("inf")
    a, z, v = (draw(4, *size).requires_grad_() for size in ((3, 6), (5, 6), (5, 2)))
    logits = a @ z.mT
    share = torch.softmax(logits if mask is None else logits + mask, -1)
    mixed, kept = softmax_mix(a, z, v, mask)
    torch.testing.assert_close(mixed.mT, share @ v)
    torch.testing.assert_close(kept, share)
    assert gradcheck(lambda *each: softmax_mix(*each, mask)[0], (a, z, v), fast_mode=True)
    torch.library.opcheck(
        softmax_mix,
        (a, z, v, mask),
        test_utils=("test_schema", "test_faketensor", "test_aot_dispatch_dynamic"),
    )


# Large memories and extreme numbers --------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("neurons", [3, 10, 64])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_inputs_stay_finite(keys, neurons, size, dtype):
    layer = QuantumHopfield(8, neurons, num_heads=2, keys=keys, dtype=dtype)
    x = (size * torch.randn(2, 5, 8, dtype=dtype)).requires_grad_()
    mask = torch.randn(5, 5, dtype=dtype) * 20.0
    for given in ({}, {"attn_mask": mask}, {"is_causal": True}):
        for need_weights in (None, True):
            found = layer(x, need_weights=need_weights, **given)
            output = found[0] if need_weights else found
            slopes = torch.autograd.grad(output.sum(), [x, *layer.parameters()])
            assert output.isfinite().all()
            assert all(slope.isfinite().all() for slope in slopes)
            if need_weights:
                torch.testing.assert_close(found[1].sum(-1), torch.ones_like(found[1][..., 0]))
    assert layer.associate(x).acceptance.isfinite().all()


def test_product_keys_far_apart_in_single_precision():
    """The fused operator against double precision, where weights differ by e^80."""
    layer = QuantumHopfield(8, 8, num_heads=1, keys="product", scaling=1.0)
    x, stored = 8.0 * torch.randn(4, 3, 8), 8.0 * torch.randn(4, 6, 8)
    found = layer(x, stored)
    torch.testing.assert_close(found, layer.double()(x.double(), stored.double()).float())


def test_keys_that_all_disagree_in_single_precision():
    """Each block of four weighs e^-77: the product of two would underflow if it were not lifted."""
    layer = QuantumHopfield(8, keys="product", scaling=1.0)
    for each in (layer.state_projection, layer.stored_projection):
        each.weight.data.copy_(torch.eye(8))
    x, stored = torch.full((1, 1, 8), 10.0), torch.full((1, 2, 8), -10.0)
    stored[0, 1, 0] = -8.0
    output, association = layer(x, stored, need_weights=True)
    wanted = layer.double()(x.double(), stored.double(), need_weights=True)
    torch.testing.assert_close(association, wanted[1].float())
    torch.testing.assert_close(output, wanted[0].float())
    torch.testing.assert_close(layer.float()(x, stored), wanted[0].float())
    assert 0.6 < association[0, 0, 0, 1] < 0.999  # both patterns count


def test_scaling_to_the_nearest_pattern(small, draw):
    """At low temperature the nearest pattern takes all; at high, all share alike."""
    x, stored = draw(2, 3, 4), draw(2, 5, 4)
    for scaling, wanted in ((1e-9, 0.2), (1e9, 1.0)):
        layer = small("binary", size=4, num_heads=1, scaling=scaling)
        share = layer(x, stored, need_weights=True)[1]
        overlaps = layer.associate(x, stored)
        best = (overlaps.queries @ overlaps.keys.mT).amax(-1)
        ties = ((overlaps.queries @ overlaps.keys.mT) >= best[..., None] - 1e-12).sum(-1)
        torch.testing.assert_close(
            share.amax(-1), torch.full_like(best, wanted) / (ties if wanted == 1.0 else 1)
        )


# Updates -----------------------------------------------------------------------------------------


@KINDS
def test_updates_by_hand(keys, small, draw):
    layer, x, stored = small(keys), draw(1, 3, 4), draw(1, 4, 4)
    plain = layer.associate(x, stored)
    queries = plain.queries
    for _ in range(2):
        share = small_association(layer, queries, plain.keys)
        queries = share @ plain.keys
    layer.update_steps_max, layer.update_steps_eps = 2, 0.0
    found = layer.associate(x, stored)
    torch.testing.assert_close(found.queries, queries)
    torch.testing.assert_close(found.association, small_association(layer, queries, plain.keys))


def small_association(layer, queries, keys):
    a = queries[..., None, :] * layer.scaling
    return torch.softmax(
        torch.log(torch.cosh(a) + keys[..., None, :, :] * torch.sinh(a)).sum(-1), -1
    )


@KINDS
def test_updates_end_in_a_fixed_point(keys, small, draw):
    layer = small(keys, scaling=1.5, update_steps_max=None, update_steps_eps=1e-9)
    x, stored = draw(2, 3, 4), draw(2, 4, 4)
    found = layer.associate(x, stored)
    torch.testing.assert_close(found.association @ found.keys, found.queries, atol=1e-7, rtol=0)
    assert (found.queries - small(keys).associate(x, stored).queries).abs().max() > 0.01
    bounded = small(keys, scaling=1.5, update_steps_max=500, update_steps_eps=1e-9)
    bounded.load_state_dict(layer.state_dict())
    torch.testing.assert_close(bounded(x, stored), layer(x, stored))


def test_a_state_that_stands_still_is_left_alone(small, draw):
    """Each query ends by itself: its last move is less than eps, and the others go on."""
    layer = small("binary", update_steps_max=50, update_steps_eps=0.05, scaling=1.2)
    x, stored = draw(1, 8, 4), draw(1, 4, 4)
    together = layer(x, stored)
    alone = torch.cat([layer(x[:, query : query + 1], stored) for query in range(8)], 1)
    torch.testing.assert_close(together, alone)


def test_states_that_never_rest(small, draw, monkeypatch):
    monkeypatch.setattr("qhopfield.hybrid.layers.hopfield._UNBOUNDED_STEPS", 3)
    layer = small("product", update_steps_max=None, update_steps_eps=0.0)
    with pytest.raises(ValueError, match="still moved after 3 updates; raise update_steps_eps"):
        layer(draw(1, 3, 4))


# What is asked for --------------------------------------------------------------------------------


@KINDS
def test_associate_is_what_forward_does(keys, small, draw):
    layer = small(keys, stored_size=3, projection_size=5, hidden_size=2, pattern_size=3)
    given = (draw(2, 3, 4), draw(2, 6, 3), draw(2, 6, 5))
    masks = {"key_padding_mask": torch.rand(2, 6) < 0.3}
    found = layer.associate(*given, **masks)
    shapes = {name: tuple(each.shape) for name, each in found._asdict().items()}
    assert shapes == {
        "queries": (2, 2, 3, 2),
        "keys": (2, 2, 6, 2),
        "values": (2, 2, 6, 3),
        "association": (2, 2, 3, 6),
        "acceptance": (2, 2, 3),
    }
    output, association = layer(*given, need_weights=True, **masks)
    torch.testing.assert_close(found.association, association)
    mixed = (found.association @ found.values).transpose(1, 2).flatten(2)
    torch.testing.assert_close(layer.output_projection(mixed), output)
    torch.testing.assert_close(association.sum(-1), torch.ones(2, 2, 3).double())
    assert (
        association.transpose(1, 2)[masks["key_padding_mask"][:, None, None].expand(2, 3, 2, 6)]
        .eq(0)
        .all()
    )


@KINDS
def test_static_patterns(keys, small, draw):
    """No projection: as they come, dealt out to the heads or the same for all."""
    bits = torch.where(draw(2, 3, 4) < 0, -1.0, 1.0).double()
    stored = bits if keys == "binary" else 0.9 * bits
    layer = small(keys, state_as_static=True, stored_as_static=True, projection_as_static=True)
    x = draw(2, 3, 4)
    found = layer.associate(x, stored)
    torch.testing.assert_close(found.queries, x.view(2, 3, 2, 2).transpose(1, 2))
    torch.testing.assert_close(found.keys, stored.view(2, 3, 2, 2).transpose(1, 2))
    torch.testing.assert_close(found.values, stored.view(2, 3, 2, 2).transpose(1, 2))
    shared = small(keys, hidden_size=4, state_as_static=True, stored_as_static=True)
    found = shared.associate(x, stored)
    assert found.queries.shape == (2, 2, 3, 4)
    for head in range(2):
        torch.testing.assert_close(found.queries[:, head], x)
        torch.testing.assert_close(found.keys[:, head], stored)
    assert [name for name, _ in layer.named_parameters()] == [
        "output_projection.weight",
        "output_projection.bias",
    ]


def test_one_stored_set_for_a_batch(small, draw):
    """A batch of one is the same for every state."""
    for keys in ("binary", "product"):
        layer = small(keys)
        x, stored, read = draw(3, 2, 4), draw(1, 5, 4), draw(1, 5, 4)
        everyone = (stored.expand(3, -1, -1), read.expand(3, -1, -1))
        for need_weights in (None, True):
            found = layer(x, stored, read, need_weights=need_weights)
            torch.testing.assert_close(found, layer(x, *everyone, need_weights=need_weights))
        torch.testing.assert_close(layer(x, stored, everyone[1]), layer(x, *everyone))
        torch.testing.assert_close(layer(x, everyone[0], read), layer(x, *everyone))


@pytest.mark.parametrize("size", [2, 4])
def test_without_output_projection(size, small, draw):
    layer = small(size=4, pattern_size=size, disable_out_projection=True)
    x = draw(1, 3, 4)
    assert layer.output_size == 2 * size
    found = layer.associate(x)
    torch.testing.assert_close(
        layer(x), (found.association @ found.values).transpose(1, 2).flatten(2)
    )
