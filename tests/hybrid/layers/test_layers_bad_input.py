"""Wrong arguments of every layer, and what is said about them."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from qhopfield.hybrid import (
    MemoryContext,
    QuantumHopfield,
    QuantumHopfieldEncoderLayer,
    QuantumHopfieldLayer,
    QuantumHopfieldPooling,
    run_on,
)
from qhopfield.hybrid.programs.memory import MemoryProgram

NAN, INF = float("nan"), float("inf")

MAKING = [
    # sizes
    (QuantumHopfield, {"input_size": 0}, ValueError, "input_size must be >= 1, got 0."),
    (QuantumHopfield, {"input_size": 4.0}, TypeError, "input_size must be an integer, got 4.0"),
    (QuantumHopfield, {"input_size": None}, TypeError, "input_size must be an integer, got None"),
    (QuantumHopfield, {"input_size": True}, TypeError, "input_size must be an integer, got True"),
    (QuantumHopfield, {"hidden_size": -1}, ValueError, "hidden_size must be >= 1, got -1."),
    (QuantumHopfield, {"output_size": 0}, ValueError, "output_size must be >= 1, got 0."),
    (QuantumHopfield, {"pattern_size": 0}, ValueError, "pattern_size must be >= 1, got 0."),
    (QuantumHopfield, {"stored_size": 0}, ValueError, "stored_size must be >= 1, got 0."),
    (QuantumHopfield, {"projection_size": "a"}, TypeError, "projection_size must be an integer"),
    (QuantumHopfield, {"num_heads": 0}, ValueError, "num_heads must be >= 1, got 0."),
    (QuantumHopfield, {"num_heads": None}, TypeError, "num_heads must be an integer, got None"),
    (
        QuantumHopfield,
        {"num_heads": 3},
        ValueError,
        "num_heads=3 must divide input_size=4 where hidden_size is not given; pass hidden_size",
    ),
    # scaling
    (QuantumHopfield, {"scaling": 0.0}, ValueError, "scaling must be a finite number > 0, got 0."),
    (QuantumHopfield, {"scaling": -1}, ValueError, "scaling must be a finite number > 0, got -1."),
    (QuantumHopfield, {"scaling": NAN}, ValueError, "scaling must be a finite number > 0, got nan"),
    (QuantumHopfield, {"scaling": INF}, ValueError, "scaling must be a finite number > 0, got inf"),
    (QuantumHopfield, {"scaling": "1"}, TypeError, "scaling must be a real number, got '1' (str)"),
    (
        QuantumHopfield,
        {"scaling": torch.tensor([1.0, -2.0]), "num_heads": 2},
        ValueError,
        "scaling must be finite and > 0, got [1.0, -2.0].",
    ),
    (
        QuantumHopfield,
        {"scaling": nn.Parameter(torch.tensor(NAN))},
        ValueError,
        "scaling must be finite and > 0, got nan.",
    ),
    (
        QuantumHopfield,
        {"scaling": torch.ones(3), "num_heads": 2},
        ValueError,
        "scaling must be a number or have shape (2,), one a head; got (3,).",
    ),
    # the rest
    (
        QuantumHopfield,
        {"keys": "ternary"},
        ValueError,
        "keys must be one of 'binary', 'product'; got 'ternary'.",
    ),
    (QuantumHopfield, {"dropout": 1.0}, ValueError, "dropout must be in [0, 1), got 1."),
    (QuantumHopfield, {"dropout": -0.1}, ValueError, "dropout must be a finite number >= 0"),
    (
        QuantumHopfield,
        {"update_steps_max": -1},
        ValueError,
        "update_steps_max must be >= 0, got -1",
    ),
    (QuantumHopfield, {"update_steps_max": 1.5}, TypeError, "update_steps_max must be an integer"),
    (QuantumHopfield, {"update_steps_eps": -1.0}, ValueError, "update_steps_eps must be a finite"),
    (
        QuantumHopfield,
        {"num_heads": 2, "hidden_size": 3, "state_as_static": True},
        ValueError,
        "A static state pattern must be hidden_size or num_heads * hidden_size wide, 3 or 6; got",
    ),
    (
        QuantumHopfield,
        {"num_heads": 2, "stored_size": 5, "stored_as_static": True},
        ValueError,
        "A static stored pattern must be hidden_size or num_heads * hidden_size wide, 2 or 4; got",
    ),
    (
        QuantumHopfield,
        {"num_heads": 2, "pattern_size": 3, "projection_as_static": True},
        ValueError,
        "A static projection must be pattern_size or num_heads * pattern_size wide: 3 or 6; got 4.",
    ),
    (
        QuantumHopfield,
        {"num_heads": 2, "output_size": 3, "disable_out_projection": True},
        ValueError,
        "the output is num_heads * pattern_size = 4 wide; got output_size=3.",
    ),
    (QuantumHopfield, {"qubits": 3}, TypeError, "unexpected keyword argument 'qubits'"),
    (QuantumHopfield, {"shots": 100}, ValueError, "shots= is for circuits, and without device="),
    (QuantumHopfield, {"device": "quantum"}, ValueError, "device must be a torch device such as"),
    (QuantumHopfieldPooling, {"quantity": 0}, ValueError, "quantity must be >= 1, got 0."),
    (QuantumHopfieldPooling, {"num_heads": 3}, ValueError, "num_heads=3 must divide input_size=4"),
    (QuantumHopfieldLayer, {"quantity": 2.0}, TypeError, "quantity must be an integer, got 2.0"),
    (QuantumHopfieldLayer, {"target_size": 0}, ValueError, "target_size must be >= 1, got 0."),
    (
        QuantumHopfieldLayer,
        {"target_size": 3, "trainable_targets": False},
        ValueError,
        "target_size is for targets of their own",
    ),
    (MemoryContext, {"memory_size": 0}, ValueError, "memory_size must be >= 1, got 0."),
    (MemoryContext, {"memory_size": 2, "num_tokens": 0}, ValueError, "num_tokens must be >= 1"),
    (
        MemoryContext,
        {"memory_size": 2, "mode": "suffix"},
        ValueError,
        "mode must be one of 'prefix', 'state'; got 'suffix'.",
    ),
    (
        MemoryContext,
        {"memory_size": 2, "state_size": 3},
        ValueError,
        "state_size and num_layers are for mode='state'.",
    ),
    (
        MemoryContext,
        {"memory_size": 2, "num_tokens": 2, "mode": "state"},
        ValueError,
        "num_tokens is for mode='prefix'.",
    ),
    (
        MemoryContext,
        {"memory_size": 2, "mode": "state", "state_size": -1},
        ValueError,
        "state_size must be >= 1, got -1.",
    ),
    (
        QuantumHopfieldEncoderLayer,
        {"nhead": 2, "activation": "tanh"},
        ValueError,
        "activation must be one of 'relu', 'gelu'; got 'tanh'.",
    ),
    (
        QuantumHopfieldEncoderLayer,
        {"nhead": 3},
        ValueError,
        "nhead=3 must divide d_model=4",
    ),
    (
        QuantumHopfieldEncoderLayer,
        {"nhead": 2, "dim_feedforward": 0},
        ValueError,
        "dim_feedforward must be >= 1, got 0.",
    ),
    (QuantumHopfieldEncoderLayer, {"nhead": 2, "dropout": 2}, ValueError, "dropout must be in [0,"),
    (MemoryProgram, {"num_patterns": 0, "num_neurons": 2}, ValueError, "num_patterns must be >= 1"),
    (MemoryProgram, {"num_patterns": 2, "num_neurons": 0}, ValueError, "num_neurons must be >= 1"),
]


@pytest.mark.parametrize(("make", "given", "error", "message"), MAKING)
def test_making_a_layer(make, given, error, message):
    size = "d_model" if make is QuantumHopfieldEncoderLayer else "input_size"
    with pytest.raises(error, match=re.escape(message)):
        made = make(**given if make is MemoryProgram else {size: 4} | given)
        made.circuit()  # of a program


def x(*shape, value=0.5, **options):
    return torch.full(shape, value, **options)


PAD = torch.zeros(2, 3, dtype=torch.bool)
CALLS = [
    # the state
    (([[1.0]],), {}, TypeError, "state must be a torch.Tensor, got list."),
    ((None,), {}, TypeError, "state must be a torch.Tensor, got NoneType."),
    ((x(2, 3, 5),), {}, ValueError, "state must have shape (batch, length, 4); got (2, 3, 5)."),
    ((x(4),), {}, ValueError, "state must have shape (batch, length, 4); got (4,)."),
    (
        (x(1, 2, 3, 4),),
        {},
        ValueError,
        "state must have shape (batch, length, 4); got (1, 2, 3, 4).",
    ),
    ((x(2, 3, 4).int(),), {}, TypeError, "state must be a floating-point tensor, got torch.int32."),
    ((x(2, 3, 4).bool(),), {}, TypeError, "state must be a floating-point tensor, got torch.bool."),
    ((x(2, 3, 4).cfloat(),), {}, TypeError, "state must be a floating-point tensor, got torch.c"),
    ((x(2, 3, 4, value=NAN),), {}, ValueError, "state must be finite; got nan at (0, 0, 0)."),
    ((x(2, 3, 4, value=-INF),), {}, ValueError, "state must be finite; got -inf at (0, 0, 0)."),
    # stored patterns and projections
    ((x(2, 3, 4), [[1.0]]), {}, TypeError, "stored must be a torch.Tensor, got list."),
    ((x(3, 4), [[1.0]]), {}, TypeError, "stored must be a torch.Tensor, got list."),
    ((x(2, 3, 4), x(2, 3, 5)), {}, ValueError, "stored must have shape (batch, length, 4); got"),
    (
        (x(2, 3, 4), x(3, 4)),
        {},
        ValueError,
        "stored must have shape (batch, length, 4); got (3, 4).",
    ),
    (
        (x(2, 3, 4), x(3, 3, 4)),
        {},
        ValueError,
        "stored must have a batch of 2, as the state has; got 3.",
    ),
    ((x(2, 3, 4), x(2, 0, 4)), {}, ValueError, "stored must hold at least one pattern; got 0."),
    ((x(2, 3, 4), x(2, 3, 4, value=NAN)), {}, ValueError, "stored must be finite; got nan at"),
    (
        (x(2, 3, 4), x(2, 3, 4), x(2, 2, 4)),
        {},
        ValueError,
        "projection must have one row a stored pattern, 3; got 2.",
    ),
    (
        (x(2, 3, 4), x(2, 3, 4), x(2, 3, 5)),
        {},
        ValueError,
        "projection must have shape (batch, length, 4); got (2, 3, 5).",
    ),
    ((x(2, 3, 4), x(2, 3, 4), 3), {}, TypeError, "projection must be a torch.Tensor, got int."),
    # masks
    (
        (x(2, 3, 4),),
        {"key_padding_mask": [[True] * 3] * 2},
        TypeError,
        "key_padding_mask must be a torch.Tensor, got list.",
    ),
    (
        (x(3, 4),),
        {"key_padding_mask": [True]},
        TypeError,
        "key_padding_mask must be a torch.Tensor",
    ),
    (
        (x(2, 3, 4),),
        {"key_padding_mask": PAD.T},
        ValueError,
        "key_padding_mask must have shape (batch, patterns)=(2, 3); got (3, 2).",
    ),
    (
        (x(2, 3, 4),),
        {"key_padding_mask": PAD[0]},
        ValueError,
        "key_padding_mask must have shape (batch, patterns)=(2, 3); got (3,).",
    ),
    (
        (x(2, 3, 4),),
        {"key_padding_mask": PAD.int()},
        TypeError,
        "key_padding_mask must hold bools (True hides a pattern) or floats that are added to the "
        "logits, got torch.int32.",
    ),
    (
        (x(2, 3, 4),),
        {"attn_mask": [[0.0]]},
        TypeError,
        "attn_mask must be a torch.Tensor, got list",
    ),
    (
        (x(2, 3, 4), x(2, 5, 4)),
        {"attn_mask": torch.zeros(5, 3)},
        ValueError,
        "attn_mask must have shape (length, patterns)=(3, 5) or (batch * heads, length, "
        "patterns)=(4, 3, 5); got (5, 3).",
    ),
    ((x(2, 3, 4),), {"attn_mask": torch.zeros(2, 3, 3)}, ValueError, "got (2, 3, 3)."),
    (
        (x(2, 3, 4),),
        {"attn_mask": torch.zeros(3, 3).long()},
        TypeError,
        "attn_mask must hold bools",
    ),
    ((x(2, 3, 4),), {"attn_mask": x(3, 3, value=NAN)}, ValueError, "A mask holds NaN; expected"),
    (
        (x(2, 3, 4), x(2, 5, 4)),
        {"is_causal": True},
        ValueError,
        "is_causal=True needs as many queries as patterns; got 3 queries and 5 patterns.",
    ),
    (
        (x(2, 3, 4),),
        {"key_padding_mask": ~PAD},
        ValueError,
        "Every pattern is masked for 2 of 2 queries (the first at (0, 0, 0))",
    ),
    (
        (x(2, 3, 4),),
        {
            "attn_mask": torch.eye(3).bool(),
            "key_padding_mask": torch.tensor([[False, True, True], [False] * 3]),
        },
        ValueError,
        "Every pattern is masked for 1 of 6 queries (the first at (0, 0, 0))",
    ),
]


@pytest.mark.parametrize("keys", ["binary", "product"])
@pytest.mark.parametrize(("given", "masks", "error", "message"), CALLS)
def test_calling_a_layer(keys, given, masks, error, message):
    layer = QuantumHopfield(4, num_heads=2, keys=keys)
    for call in (layer, layer.associate):
        with pytest.raises(error, match=re.escape(message)):
            call(*given, **masks)
    if len(given) < 3:
        for call in (layer.circuit, layer.qnode):
            with pytest.raises(error, match=re.escape(message)):
                call(*given, **masks)


def test_widths_that_stand_in_for_each_other():
    layer = QuantumHopfield(4, stored_size=3, projection_size=5)
    with pytest.raises(
        ValueError, match="stored is left out, so the state takes its place; it must"
    ):
        layer(x(1, 2, 4))
    with pytest.raises(
        ValueError, match="projection is left out, so the stored pattern takes its pl"
    ):
        layer(x(1, 2, 4), x(1, 2, 3))


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        ("binary", 0.5, "Static stored patterns must be +-1 where keys='binary'; use their signs"),
        ("binary", 0.0, "Static stored patterns must be +-1 where keys='binary'"),
        (
            "product",
            1.5,
            "Static stored patterns must lie in [-1, 1] where keys='product'; use torch",
        ),
    ],
)
def test_given_keys_that_no_qubit_holds(keys, value, message):
    layer = QuantumHopfield(4, keys=keys, stored_as_static=True)
    with pytest.raises(ValueError, match=re.escape(message)):
        layer(x(1, 2, 4), x(1, 2, 4, value=value))


@pytest.mark.parametrize(
    ("layer", "given", "masks", "error", "message"),
    [
        (
            QuantumHopfieldPooling(4),
            (x(2, 3, 5),),
            {},
            ValueError,
            "stored must have shape (batch,",
        ),
        (QuantumHopfieldPooling(4), (x(3, 4),), {}, ValueError, "stored must have shape (batch,"),
        (
            QuantumHopfieldPooling(4),
            ([1.0],),
            {},
            TypeError,
            "stored must be a torch.Tensor, got list",
        ),
        (
            QuantumHopfieldPooling(4),
            (x(2, 3, 4),),
            {"key_padding_mask": ~PAD},
            ValueError,
            "Every pattern is masked for 2 of 2 queries",
        ),
        (
            QuantumHopfieldLayer(4, quantity=3),
            (x(2, 3, 5),),
            {},
            ValueError,
            "state must have shape",
        ),
        (
            QuantumHopfieldLayer(4, quantity=3),
            ("x",),
            {},
            TypeError,
            "state must be a torch.Tensor",
        ),
        (
            QuantumHopfieldLayer(4, quantity=3),
            (x(2, 2, 4),),
            {"attn_mask": PAD.T},
            ValueError,
            "attn_mask must have shape (length, patterns)=(2, 3)",
        ),
        (
            MemoryContext(4, 2),
            (x(2, 4),),
            {},
            ValueError,
            "tokens must have shape (batch, length, 4)",
        ),
        (
            MemoryContext(4, 2),
            ([[1.0]],),
            {},
            TypeError,
            "tokens must be a torch.Tensor, got list.",
        ),
        (
            MemoryContext(4, 2),
            (x(2, 0, 4),),
            {},
            ValueError,
            "tokens must hold at least one token a sequence, got length 0.",
        ),
        (
            MemoryContext(4, 2),
            (x(2, 3, 4),),
            {"key_padding_mask": PAD.T},
            ValueError,
            "key_padding_mask must have shape (batch, length)=(2, 3); got (3, 2).",
        ),
        (
            MemoryContext(4, 2),
            (x(2, 3, 4),),
            {"key_padding_mask": PAD.float()},
            TypeError,
            "key_padding_mask must be bool, got torch.float32.",
        ),
        (
            MemoryContext(4, 2),
            (x(2, 3, 4),),
            {"key_padding_mask": [[True]]},
            TypeError,
            "key_padding_mask must be a torch.Tensor, got list.",
        ),
        (
            MemoryContext(4, 2),
            (x(2, 3, 4),),
            {"key_padding_mask": ~PAD},
            ValueError,
            "A sequence is padded altogether, so it has no summary.",
        ),
        (
            QuantumHopfieldEncoderLayer(4, 2),
            (x(2, 3, 4),),
            {"src_mask": torch.zeros(2, 2)},
            ValueError,
            "src_mask must have shape (length, patterns)=(3, 3)",
        ),
    ],
)
def test_calling_other_layers(layer, given, masks, error, message):
    with pytest.raises(error, match=re.escape(message)):
        layer(*given, **masks)


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        ([[1, 2]], {}, ValueError, "patterns must hold only +1 and -1; got 2.0 in row 0"),
        ([[1, -1], [1, -1]], {}, ValueError, "patterns must be distinct, but rows 0 and 1"),
        ([[0.5, 2.0]], {"keys": "product"}, ValueError, "patterns must lie in [-1, 1]"),
        ([[1, -1, 1]], {"num_heads": 2}, ValueError, "num_heads=2 must divide the 3 neurons"),
        ([[1, -1]], {"num_heads": 0}, ValueError, "num_heads must be >= 1, got 0."),
        (
            [[1, -1]],
            {"values": [[1.0], [2.0]]},
            ValueError,
            "values must have one row a pattern, 1; got 2",
        ),
        ([[1, -1]], {"scaling": 0}, ValueError, "scaling must be a finite number > 0, got 0."),
        ([[1, -1]], {"shots": 3}, ValueError, "shots= is for circuits"),
        ("ab", {}, TypeError, "patterns"),
        ([[1, -1]], {"values": [["a"]]}, TypeError, "values"),
        ([[1, NAN]], {"keys": "product"}, ValueError, "patterns"),
        ([[1, -1]], {"values": [[NAN]]}, ValueError, "values"),
    ],
)
def test_storing(given, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        QuantumHopfield.store(given, **options)


@pytest.mark.parametrize(
    ("probes", "options", "error", "message"),
    [
        ([1.0, 1.0, 1.0], {}, ValueError, "probes must have shape (batch, length, 2)"),
        ([[1.0, NAN]], {}, ValueError, "probes"),
        (torch.tensor([[1.0, NAN]]), {}, ValueError, "probes must be finite; got nan"),
        ("ab", {}, TypeError, "probes"),
        ([[1.0, 1.0]], {"steps": 0}, ValueError, "steps must be >= 1, got 0."),
        ([[1.0, 1.0]], {"steps": 1.0}, TypeError, "steps must be an integer"),
    ],
)
def test_recalling(probes, options, error, message):
    memory = QuantumHopfield.store([[1, -1]])
    with pytest.raises(error, match=re.escape(message)):
        memory.recall(probes, **options)


def test_recalling_from_a_layer_that_stores_nothing():
    with pytest.raises(ValueError, match="This layer stores no patterns: make one with Quantum"):
        QuantumHopfield(2).recall([[1.0, 1.0]])


def test_running_what_is_no_quantum_layer():
    with pytest.raises(ValueError, match="Linear holds no quantum layer"), run_on(nn.Linear(2, 2)):
        pass
