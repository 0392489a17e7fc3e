"""The layer in the place of ``self_attn`` inside torch's own transformer layers."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from qhopfield.hybrid import (
    QuantumHopfield,
    QuantumHopfieldLayer,
    QuantumHopfieldPooling,
    SubmoduleBank,
)
from qhopfield.hybrid.baselines import (
    ClassicalHopfield,
    ClassicalHopfieldLayer,
    ClassicalHopfieldPooling,
)

KIND = "[0] of an answer is the output, not the first sample"


@pytest.mark.fault("need_weights=False returned a bare tensor, of which [0] is a sample", kind=KIND)
@pytest.mark.parametrize(
    "make",
    [
        lambda: QuantumHopfield(4, num_heads=2),
        lambda: QuantumHopfieldPooling(4, num_heads=2, quantity=3),
        lambda: QuantumHopfieldLayer(4, num_heads=2, quantity=3),
        lambda: SubmoduleBank(4, num_heads=2, quantity=4, shards=2),
        lambda: ClassicalHopfield(4, num_heads=2),
        lambda: ClassicalHopfieldPooling(4, num_heads=2, quantity=3),
        lambda: ClassicalHopfieldLayer(4, num_heads=2, quantity=3),
    ],
)
def test_an_explicit_need_weights_gives_a_pair(make):
    layer, x = make(), torch.randn(3, 5, 4)
    output = layer(x)
    assert isinstance(output, torch.Tensor)
    first, nothing = layer(x, need_weights=False)
    assert nothing is None
    second, share = layer(x, need_weights=True)
    assert share.dim() == 4 and share.shape[:2] == (3, 2)
    torch.testing.assert_close(first, output)
    torch.testing.assert_close(second, output)


def _encoder(**options):
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, **options)
    layer.self_attn = QuantumHopfield(8, num_heads=2)
    return lambda x, **given: layer(x, **given), layer


def _decoder(**options):
    layer = nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0, batch_first=True, **options)
    layer.self_attn = QuantumHopfield(8, num_heads=2)
    layer.multihead_attn = QuantumHopfield(8, num_heads=2)
    return lambda x, **given: layer(x, x, **given), layer


@pytest.mark.fault("torch's layers gave every sample the first sample's attention", kind=KIND)
@pytest.mark.parametrize("make", [_encoder, _decoder])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("options", [{}, {"norm_first": True}, {"activation": "gelu"}])
def test_samples_do_not_see_each_other(make, training, grad, options):
    call, layer = make(**options)
    layer.train(training)
    x = torch.randn(3, 5, 8)
    with torch.set_grad_enabled(grad):
        together = call(x)
        for sample in range(3):
            one = slice(sample, sample + 1)
            torch.testing.assert_close(together[one], call(x[one]), atol=1e-5, rtol=1e-5)


def test_the_layer_is_called_as_it_would_be_alone():
    """The encoder layer is what its parts say, with masks, in training and evaluation."""
    call, layer = _encoder()
    x = torch.randn(2, 5, 8)
    causal = nn.Transformer.generate_square_subsequent_mask(5)
    padding = torch.zeros(2, 5)  # as the causal mask: torch wants both of one kind
    padding[0, 3:] = -torch.inf
    for training in (True, False):
        layer.train(training)
        with torch.no_grad():
            for given in (
                {},
                {"src_mask": causal, "is_causal": True},
                {"src_key_padding_mask": padding},
                {"src_mask": causal, "src_key_padding_mask": padding},
            ):
                mixed = layer.self_attn(
                    x,
                    attn_mask=given.get("src_mask"),
                    key_padding_mask=given.get("src_key_padding_mask"),
                )
                hidden = layer.norm1(x + mixed)
                wanted = layer.norm2(hidden + layer.linear2(layer.linear1(hidden).relu()))
                torch.testing.assert_close(call(x, **given), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.fault("torch's encoder broke off in evaluation: no in_proj_weight", kind=KIND)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("norm", [None, 8])
def test_in_a_whole_encoder_with_padding(when, norm):
    """Set before the encoder copies its layer, or in each copy: no nested tensor reaches it."""

    def put(layer):
        layer.self_attn = QuantumHopfield(8, num_heads=2)

    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    if when == "before":
        put(layer)
    last = None if norm is None else nn.LayerNorm(norm)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch says why it cannot use its kernel
        encoder = nn.TransformerEncoder(layer, 2, norm=last)
    if when == "after":
        for each in encoder.layers:
            put(each)
    x, padding = torch.randn(3, 5, 8), torch.zeros(3, 5, dtype=torch.bool)
    padding[1, 2:] = True
    wanted = encoder.train()(x, src_key_padding_mask=padding)
    with torch.no_grad():
        found = encoder.eval()(x, src_key_padding_mask=padding)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    alone = encoder(x[1:2, :2])
    torch.testing.assert_close(found[1:2, :2], alone, atol=1e-5, rtol=1e-5)


def test_in_a_whole_transformer():
    model = nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True)
    for each in (*model.encoder.layers, *model.decoder.layers):
        each.self_attn = QuantumHopfield(8, num_heads=2)
    model.decoder.layers[0].multihead_attn = QuantumHopfield(8, num_heads=2)
    source, target = torch.randn(3, 5, 8), torch.randn(3, 4, 8)
    causal = nn.Transformer.generate_square_subsequent_mask(4)
    for training in (True, False):
        model.train(training)
        with torch.no_grad():
            together = model(source, target, tgt_mask=causal, tgt_is_causal=True)
            alone = model(source[1:2], target[1:2], tgt_mask=causal, tgt_is_causal=True)
        torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-5)


def test_whoever_computes_with_stacked_projections_is_told():
    layer = QuantumHopfield(8, num_heads=2)
    with pytest.raises(TypeError, match="no stacked projections as nn"):
        torch.nn.functional.linear(torch.zeros(1, 8), layer.in_proj_weight)
    with pytest.raises(TypeError, match="no stacked projections"):
        torch.nn.functional.linear(torch.zeros(1, 8), layer.out_proj.weight)


def test_layers_of_another_signature_are_refused():
    """What stores its patterns inside is no attention of three sequences."""
    for inner in (
        QuantumHopfieldLayer(8, num_heads=2, quantity=3),
        QuantumHopfieldPooling(8, num_heads=2),
        SubmoduleBank(8, num_heads=2, quantity=4, shards=2),
    ):
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        layer.self_attn = inner
        with pytest.raises(TypeError):
            layer(torch.randn(2, 5, 8))
