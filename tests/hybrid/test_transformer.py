"""The sequence model, its memories by name, and equal parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from qhopfield.hybrid.transformer import (
    MEMORIES,
    SequenceModel,
    ShortConvolution,
    count_parameters,
    make_memory,
    match_parameters,
)

SIZES = {"num_tokens": 7, "length": 6, "width": 8, "layers": 2, "feedforward": 12}


@pytest.mark.parametrize("memory", MEMORIES)
def test_no_place_sees_a_later_one(memory):
    model = SequenceModel(
        5, memory=memory, causal=True, convolution=3, num_heads=2, **SIZES
    ).double()
    x = torch.randint(7, (2, 6))
    changed = x.clone()
    changed[:, 4:] = (changed[:, 4:] + 1) % 7
    before, after = model(x), model(changed)
    assert before.shape == (2, 6, 5)
    torch.testing.assert_close(before[:, :4], after[:, :4], atol=1e-12, rtol=1e-12)
    assert not torch.allclose(before[:, 4:], after[:, 4:])
    # and every parameter learns
    before.square().sum().backward()
    assert all(each.grad is not None for each in model.parameters())


@pytest.mark.parametrize("memory", [name for name in MEMORIES if name not in ("rnn", "lstm")])
def test_without_causal_each_place_sees_all(memory):
    model = SequenceModel(5, memory=memory, num_heads=2, **SIZES)
    x = torch.zeros(1, 6, dtype=torch.long)
    changed = x.clone()
    changed[:, -1] = 3
    assert not torch.allclose(model(x)[:, 0], model(changed)[:, 0])


@pytest.mark.parametrize("pool", ["mean", "last"])
@pytest.mark.parametrize("memory", ["quantum", "attention", "lstm"])
def test_padding_changes_nothing(memory, pool):
    model = SequenceModel(3, memory=memory, pool=pool, num_heads=2, causal=True, **SIZES).double()
    x = torch.randint(7, (2, 6))
    padding = torch.tensor([[False] * 6, [False] * 4 + [True] * 2])
    whole = model(x, padding)
    assert whole.shape == (2, 3)
    torch.testing.assert_close(whole[:1], model(x[:1]))
    torch.testing.assert_close(whole[1:], model(x[1:, :4]))


def test_vectors_are_embedded_too():
    model = SequenceModel(3, input_size=2, length=6, width=8, memory="rnn", pool="mean")
    assert model(torch.zeros(4, 6, 2)).shape == (4, 3)
    assert model(torch.zeros(0, 6, 2)).shape == (0, 3)


def test_short_convolution_starts_as_the_identity_and_shifts():
    layer = ShortConvolution(2, 3)
    x = torch.randn(1, 5, 2)
    assert torch.equal(layer(x), x)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0]]))
    found = layer(x)
    assert torch.equal(found[0, 1:, 0], x[0, :-1, 0]) and found[0, 0, 0] == 0
    torch.testing.assert_close(found[0, 2:, 1], x[0, 2:, 1] + 2 * x[0, :-2, 1])


def test_dropout_of_the_model_and_of_the_memory():
    model = SequenceModel(3, memory="quantum", dropout=0.5, num_heads=2, **SIZES)
    x = torch.randint(7, (2, 6))
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_a_memory_of_ones_own_joins(monkeypatch):
    class Nothing(nn.Module):
        def forward(self, x, **masks):
            return 0.0 * x

    monkeypatch.setitem(MEMORIES, "nothing", lambda input_size, **options: Nothing())
    assert SequenceModel(3, memory="nothing", **SIZES)(torch.randint(7, (2, 6))).shape == (2, 6, 3)


def test_match_parameters_finds_the_nearest():
    sizes = {width: width * 10 + 10 for width in range(4, 513)}
    for wanted in (50, 211, 3004, 5130):
        width = match_parameters(lambda wide: nn.Linear(wide, 10), wanted, tolerance=0.1)
        assert width == min(sizes, key=lambda each: abs(sizes[each] - wanted))
    assert match_parameters(lambda wide: nn.Linear(wide, 10), 105, widths=[10]) == 10


def test_counting_leaves_random_numbers_alone():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    match_parameters(lambda wide: SequenceModel(3, memory="lstm", **{**SIZES, "width": wide}), 900)
    assert torch.equal(torch.rand(3), wanted)


def test_count_parameters_counts_what_learns():
    layer = nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    assert count_parameters(layer) == 6


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: make_memory("gru", 8), ValueError, "memory must be one of 'quantum', "),
        (lambda: make_memory(None, 8), ValueError, "memory must be one of 'quantum', "),
        (lambda: make_memory("lstm", 0), ValueError, "input_size must be >= 1, got 0"),
        (lambda: make_memory("rnn", 8, num_heads=0), ValueError, "num_heads must be >= 1, got 0"),
        (lambda: make_memory("quantum", 8, num_heads=3), ValueError, "num_heads=3 must divide"),
        (
            lambda: make_memory("lstm", 8, shots=10),
            TypeError,
            "memory='lstm' takes no argument 'shots'",
        ),
        (
            lambda: make_memory("quantum", 8, colour="red"),
            TypeError,
            "memory='quantum' takes no argument 'colour'",
        ),
        (
            lambda: make_memory("attention", 8, scaling=1.0),
            TypeError,
            "takes no argument 'scaling'",
        ),
        (
            lambda: SequenceModel(3, length=4),
            ValueError,
            "one of the two; got num_tokens=None and input_size=None",
        ),
        (
            lambda: SequenceModel(3, length=4, num_tokens=3, input_size=2),
            ValueError,
            "got num_tokens=3 and input_size=2",
        ),
        (lambda: SequenceModel(0, length=4, num_tokens=3), ValueError, "num_outputs must be >= 1"),
        (lambda: SequenceModel(3, length=0, num_tokens=3), ValueError, "length must be >= 1"),
        (lambda: SequenceModel(3, length=4, num_tokens=0), ValueError, "num_tokens must be >= 1"),
        (
            lambda: SequenceModel(3, length=4, num_tokens=3, pool="max"),
            ValueError,
            "pool must be one of 'mean', 'last'",
        ),
        (
            lambda: SequenceModel(3, length=4, num_tokens=3, convolution=-1),
            ValueError,
            "convolution must be >= 0",
        ),
        (
            lambda: SequenceModel(3, length=4, num_tokens=3, dropout=1.5),
            ValueError,
            "dropout must be a finite number",
        ),
        (
            lambda: SequenceModel(3, length=4, num_tokens=3, memory="rnn")(
                torch.zeros(1, 5, dtype=torch.long)
            ),
            ValueError,
            "A sequence may have 4 places, got 5.",
        ),
        (lambda: match_parameters(nn.Identity, 0), ValueError, "parameters must be >= 1, got 0"),
        (lambda: match_parameters(nn.Identity, 1.5), TypeError, "parameters must be an integer"),
        (
            lambda: match_parameters(nn.Identity, 3, widths=[]),
            ValueError,
            "widths must hold at least one width",
        ),
        (
            lambda: match_parameters(lambda wide: nn.Linear(wide, 10), 100_000),
            ValueError,
            "No width from 4 to 512 gives a model of 100,000 parameters within 5 %; the nearest, "
            "512, has 5,130.",
        ),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)
