"""Second derivatives: right on the law and by parameter shifts, refused where none are known."""

from __future__ import annotations

import pytest
import torch
from qiskit_aer import AerSimulator
from torch.autograd import gradcheck, gradgradcheck

from qhopfield.hybrid import QuantumHopfield, QuantumHopfieldNetwork, run_on
from qhopfield.hybrid.layers.mixing import product_mix, softmax_mix

# PyTorch scripts some of its own forward-mode rules.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.* is deprecated")

KIND = "a gradient can be differentiated, or says that it cannot"


def _operands(blocks, factor):
    def draw(*shape):
        return torch.randn(*shape, dtype=torch.float64)

    g, length, patterns, v = 2, 3, 4, 2
    probe, key = draw(blocks, g, length, 16).exp(), draw(blocks, g, patterns, 16).softmax(-1)
    weights = None
    if factor is not None:
        weights = draw(g if "heads" in factor else 1, length, patterns).exp()
    return probe, key, draw(g, patterns, v), weights


@pytest.mark.fault("no double backward on the law", kind=KIND)
@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("factor", [None, "shared", "heads"])
def test_the_fused_product_is_differentiated_twice(blocks, factor):
    *given, weights = _operands(blocks, factor)
    given = [each.requires_grad_() for each in given]

    def mixed(*each):
        return product_mix(*each, weights)[0]

    assert gradgradcheck(mixed, given, fast_mode=True)
    # The gradient that is differentiated is the gradient.
    cotangent = torch.randn(2, 2, 3, dtype=torch.float64)
    once = torch.autograd.grad(mixed(*given), given, cotangent)
    again = torch.autograd.grad(mixed(*given), given, cotangent, create_graph=True)
    torch.testing.assert_close(again, once)


@pytest.mark.fault("no double backward on the law", kind=KIND)
@pytest.mark.parametrize("prior", [None, "shared", "heads"])
def test_the_fused_softmax_is_differentiated_twice(prior):
    probe, key, values, weights = _operands(1, prior)
    given = [
        each.detach().requires_grad_() for each in (probe[0, ..., :3], key[0, ..., :3], values)
    ]

    def mixed(*each):
        return softmax_mix(*each, weights)[0]

    assert gradgradcheck(mixed, given, fast_mode=True)
    cotangent = torch.randn(2, 2, 3, dtype=torch.float64)
    once = torch.autograd.grad(mixed(*given), given, cotangent)
    again = torch.autograd.grad(mixed(*given), given, cotangent, create_graph=True)
    torch.testing.assert_close(again, once)


@pytest.mark.fault("gradient penalties and forward mode broke off on the law", kind=KIND)
@pytest.mark.parametrize(("keys", "neurons"), [("binary", 2), ("product", 2), ("product", 6)])
@pytest.mark.parametrize("masked", [False, True])
def test_layers_are_differentiated_twice_and_forwards(draw, keys, neurons, masked):
    layer = QuantumHopfield(4, neurons, num_heads=2, keys=keys, dtype=torch.float64)
    x, fixed = draw(2, 3, 4).requires_grad_(), draw(2, 3, 4)
    mask = torch.tensor([[False, True, False]]).expand(3, 3) if masked else None

    def call(x):  # keys of bits have no slope that differences would see
        stored = (fixed, fixed) if keys == "binary" else ()
        return layer(x, *stored, attn_mask=mask)

    assert gradgradcheck(call, (x,), fast_mode=True)
    assert gradcheck(call, (x,), fast_mode=True, check_forward_ad=True)


def test_the_network_is_differentiated_twice_and_forwards():
    layer = QuantumHopfieldNetwork(4, level=2, steps=2, dtype=torch.float64)
    x = (0.8 * torch.rand(2, 4, dtype=torch.float64)).requires_grad_()
    assert gradgradcheck(layer, (x,), fast_mode=True)
    assert gradcheck(layer, (x,), fast_mode=True, check_forward_ad=True)


@pytest.mark.fault("Hessians broke off on the law", kind=KIND)
@pytest.mark.parametrize("keys", ["binary", "product"])
def test_transforms_agree(small, draw, keys):
    """``torch.func``, ``torch.autograd``, functional calls and checkpoints say the same."""
    layer, x = small(keys), draw(1, 2, 4)

    def loss(x):
        return layer(x).square().sum()

    wanted = torch.autograd.functional.hessian(loss, x)
    torch.testing.assert_close(torch.func.hessian(loss)(x), wanted)
    torch.testing.assert_close(torch.func.jacrev(torch.func.jacrev(loss))(x), wanted)
    tangent = draw(1, 2, 4)
    moved = torch.func.jvp(loss, (x,), (tangent,))[1]
    slope = torch.func.grad(loss)(x)
    torch.testing.assert_close(moved, (slope * tangent).sum())

    parameters = {name: each.detach() for name, each in layer.named_parameters()}

    def penalty(parameters, x):  # as in MAML: a step of training inside
        def inner(given):
            return torch.func.functional_call(layer, given, (x,)).square().sum()

        slopes = torch.func.grad(inner)(parameters)
        return inner({name: parameters[name] - 0.1 * slopes[name] for name in parameters})

    each = torch.func.grad(penalty)(parameters, x)
    plain = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    first = torch.func.functional_call(layer, plain, (x,)).square().sum()
    slopes = torch.autograd.grad(first, list(plain.values()), create_graph=True)
    stepped = {
        name: value - 0.1 * slope
        for (name, value), slope in zip(plain.items(), slopes, strict=True)
    }
    second = torch.func.functional_call(layer, stepped, (x,)).square().sum()
    found = torch.autograd.grad(second, list(plain.values()))
    torch.testing.assert_close(dict(zip(plain, found, strict=True)), each)
    batch = draw(3, 1, 2, 4)
    many = torch.func.vmap(torch.func.grad(loss))(batch)
    torch.testing.assert_close(many[1], torch.func.grad(loss)(batch[1]))

    y = draw(1, 2, 4).requires_grad_()
    kept = torch.utils.checkpoint.checkpoint(layer, y, use_reentrant=False).square().sum()
    (one,) = torch.autograd.grad(kept, y, create_graph=True)
    (two,) = torch.autograd.grad(loss(y), y, create_graph=True)
    torch.testing.assert_close(
        torch.autograd.grad(one.square().sum(), y), torch.autograd.grad(two.square().sum(), y)
    )


def _penalty(layer, x):
    (slope,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    return torch.autograd.grad(slope.square().sum(), x)[0]


@pytest.mark.fault("circuits refused to be differentiated twice by parameter shifts", kind=KIND)
@pytest.mark.parametrize(
    "place",
    [
        {"device": "default.qubit"},
        {"device": "default.qubit", "gradient": "parameter-shift"},
        {"backend": AerSimulator()},
    ],
    ids=["backprop", "shifts", "aer"],
)
def test_exact_circuits_are_differentiated_twice(draw, place):
    for layer, x in (
        (QuantumHopfield(2, 1, keys="product", dtype=torch.float64), draw(1, 2, 2)),
        (QuantumHopfieldNetwork(2, dtype=torch.float64), 0.5 * torch.tanh(draw(1, 2))),
    ):
        x.requires_grad_()
        wanted = _penalty(layer, x)
        with run_on(layer, **place):
            torch.testing.assert_close(_penalty(layer, x), wanted)


@pytest.mark.fault("second derivatives from recorded shots were 0 without a word", kind=KIND)
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True to a scalar")
@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ("binary", {"backend": AerSimulator(), "shots": 50, "seed": 1}),
        ("product", {"backend": AerSimulator(), "shots": 50, "seed": 1}),
        ("binary", {"device": "default.qubit", "gradient": "covariance"}),
        ("product", {"device": "lightning.qubit"}),
    ],
)
def test_estimators_of_first_derivatives_refuse_second_ones(draw, keys, place):
    layer = QuantumHopfield(2, 1, keys=keys, scaling=0.3, dtype=torch.float64)
    x = draw(1, 2, 2).requires_grad_()
    with run_on(layer, **place):
        (slope,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
        assert slope.isfinite().all()
        with pytest.raises(ValueError, match="gives first derivatives only; for second ones"):
            slope.square().sum().backward()


def test_the_neurons_shots_refuse_second_derivatives():
    layer = QuantumHopfieldNetwork(2, dtype=torch.float64)
    x = torch.tensor([[0.3, -0.2]], dtype=torch.float64, requires_grad=True)
    with run_on(layer, backend=AerSimulator(), shots=50, seed=1):
        (slope,) = torch.autograd.grad(layer(x).sum(), x, create_graph=True)
        with pytest.raises(ValueError, match="The covariance rule gives first derivatives only"):
            slope.square().sum().backward()
