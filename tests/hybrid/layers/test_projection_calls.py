"""A layer's projections are modules: whatever their call does happens, on every path."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from qiskit_aer import AerSimulator
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from qhopfield.hybrid import (
    QuantumHopfield,
    QuantumHopfieldEncoderLayer,
    QuantumHopfieldLayer,
    QuantumHopfieldPooling,
    SubmoduleBank,
    run_on,
)

KIND = "a module's contract is its call"
PROJECTIONS = ("state_projection", "stored_projection", "value_projection")


class Adapted(nn.Module):
    """A low-rank adapter around a linear map, as peft puts one."""

    def __init__(self, base):
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, 2, bias=False, dtype=base.weight.dtype)
        self.up = nn.Linear(2, base.out_features, bias=False, dtype=base.weight.dtype)

    def forward(self, given):
        return self.base(given) + self.up(self.down(given))


class Steered(nn.Linear):
    """A subclass, as loralib's."""

    def forward(self, given):
        return super().forward(given) * 0.5


class Sum(nn.Module):
    """A parametrisation."""

    def forward(self, weight):
        return weight + 0.25


class Counting(torch.Tensor):
    """A weight that computes in its own way, as quantised and distributed ones do."""

    calls = 0

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.nn.functional.linear:
            Counting.calls += 1
            given, weight, *bias = args
            return func(given, weight.as_subclass(torch.Tensor) * 3.0, *bias, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs or {})


def _replaced(layer, make):
    for name in PROJECTIONS:
        setattr(layer, name, make(getattr(layer, name)))


def _subclass(layer):
    for name in PROJECTIONS:
        old = getattr(layer, name)
        new = Steered(old.in_features, old.out_features, dtype=old.weight.dtype)
        new.load_state_dict(old.state_dict())
        setattr(layer, name, new)


def _each(function):
    return lambda layer: [function(getattr(layer, name)) for name in PROJECTIONS] and None


def _lengthened(lengths):
    """A norm of weights starts as they are; this is its first step of training."""
    with torch.no_grad():
        lengths.mul_(1.5)


def _overridden(layer):
    module = layer.stored_projection
    old = module.forward
    module.forward = lambda given: old(given).flip(-1)


def _compiled_calls(layer):
    layer.value_projection._compiled_call_impl = lambda given: given * 0.0


def _tensor_weights(layer):
    for name in PROJECTIONS:
        module = getattr(layer, name)
        weight = module.weight.detach().clone().as_subclass(Counting)
        module.weight = nn.Parameter(weight)


def _quiet(function):
    def call(layer):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            function(layer)

    return call


CHANGES = {
    "adapter": lambda layer: _replaced(layer, Adapted),
    "adapter of one": lambda layer: setattr(
        layer, "value_projection", Adapted(layer.value_projection)
    ),
    "subclass": _subclass,
    "wrapped": lambda layer: _replaced(layer, lambda old: nn.Sequential(old, nn.Tanh())),
    "pruned": _each(lambda each: prune.l1_unstructured(each, "weight", 0.5)),
    "old spectral norm": _quiet(_each(nn.utils.spectral_norm)),
    "old weight norm": _quiet(_each(lambda each: _lengthened(nn.utils.weight_norm(each).weight_g))),
    "parametrised": _each(lambda each: parametrize.register_parametrization(each, "weight", Sum())),
    "weight norm": _each(
        lambda each: _lengthened(
            parametrizations.weight_norm(each).parametrizations.weight.original0
        )
    ),
    "forward hook": lambda layer: layer.value_projection.register_forward_hook(
        lambda module, given, out: torch.zeros_like(out)
    ),
    "forward hook with keywords": lambda layer: layer.state_projection.register_forward_hook(
        lambda module, given, keywords, out: -out, with_kwargs=True
    ),
    "forward pre-hook": lambda layer: layer.stored_projection.register_forward_pre_hook(
        lambda module, given: (given[0] * 2.0,)
    ),
    "overridden forward": _overridden,
    "compiled call": _compiled_calls,
    "no bias of values": lambda layer: setattr(layer.value_projection, "bias", None),
    "no bias of states": lambda layer: setattr(layer.state_projection, "bias", None),
    "no bias of stored": lambda layer: setattr(layer.stored_projection, "bias", None),
    "tensor subclass": _tensor_weights,
}


@pytest.fixture
def changed(small):
    def build(change, **arguments):
        layer = small(**{"keys": "product", **arguments})
        before = copy.deepcopy(layer)
        CHANGES[change](layer)
        layer.eval()  # old spectral norm moves on at each call in training
        return layer, before.eval()

    return build


@pytest.mark.fault(
    "adapters, hooks, pruning and norms on projections had no effect in self-association", kind=KIND
)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("keys", ["binary", "product"])
def test_a_layer_calls_its_projections(changed, draw, change, keys):
    """``layer(x)`` is ``layer(x, x.clone(), x.clone())``, and neither is the unchanged layer."""
    layer, before = changed(change, keys=keys)
    x = draw(2, 3, 4)
    found, wanted = layer(x), layer(x, x.clone(), x.clone())
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer(x, x, x), wanted, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(found, before(x), atol=1e-4), "the change had no effect"
    found, share = layer(x, need_weights=True)
    again, other = layer(x, x.clone(), x.clone(), need_weights=True)
    torch.testing.assert_close((found, share), (again, other), rtol=1e-12, atol=1e-12)


@pytest.mark.fault("on circuits, too, hooks on projections did not run", kind=KIND)
@pytest.mark.parametrize("change", ["adapter", "forward hook", "no bias of values"])
@pytest.mark.parametrize(
    "place", [{"backend": AerSimulator()}, {"device": "default.qubit"}], ids=["aer", "pennylane"]
)
def test_circuits_call_the_projections(changed, draw, change, place):
    layer, _ = changed(change)
    x = draw(1, 2, 4)
    with torch.no_grad(), run_on(layer, **place):
        torch.testing.assert_close(layer(x), layer(x, x.clone(), x.clone()))


@pytest.mark.fault("adapters were never trained in self-association", kind=KIND)
@pytest.mark.parametrize(
    "change", ["adapter", "pruned", "old spectral norm", "old weight norm", "parametrised"]
)
def test_gradients_reach_what_the_call_uses(changed, draw, change):
    layer, _ = changed(change)
    layer(draw(2, 3, 4)).square().sum().backward()
    missing = [name for name, each in layer.named_parameters() if each.grad is None]
    assert not missing
    x = draw(2, 3, 4)
    slopes = [
        torch.autograd.grad(out.sum(), list(layer.parameters()))
        for out in (layer(x), layer(x, x.clone(), x.clone()))
    ]
    torch.testing.assert_close(*slopes, rtol=1e-10, atol=1e-10)


@pytest.mark.fault("a pruned checkpoint loaded to another function", kind=KIND)
def test_a_pruned_checkpoint_is_the_same_function(changed, draw):
    one, other = changed("pruned")[0], changed("pruned")[0]
    other.load_state_dict(one.state_dict())
    x = draw(2, 3, 4)
    torch.testing.assert_close(other(x), one(x))


@pytest.mark.fault("hooks of all modules did not run on projections", kind=KIND)
def test_hooks_of_all_modules_run(small, draw):
    layer, x, seen = small("product"), draw(2, 3, 4).requires_grad_(), []
    hooks = [
        nn.modules.module.register_module_forward_pre_hook(
            lambda module, given: seen.append(("before", module))
        ),
        nn.modules.module.register_module_forward_hook(
            lambda module, given, out: seen.append(("after", module))
        ),
        nn.modules.module.register_module_full_backward_hook(
            lambda module, inside, outside: seen.append(("back", module))
        ),
    ]
    try:
        layer(x).sum().backward()
    finally:
        for hook in hooks:
            hook.remove()
    for name in (*PROJECTIONS, "output_projection"):
        came = {what for what, module in seen if module is getattr(layer, name)}
        assert came == {"before", "after", "back"}, name


@pytest.mark.fault("backward hooks did not run on projections", kind=KIND)
@pytest.mark.parametrize(
    "register", ["register_full_backward_hook", "register_full_backward_pre_hook"]
)
def test_backward_hooks_run(small, draw, register):
    layer, seen = small("product"), []
    for name in PROJECTIONS:
        getattr(getattr(layer, name), register)(lambda *given, name=name: seen.append(name) or None)
    layer(draw(2, 3, 4).requires_grad_()).sum().backward()
    assert sorted(seen) == sorted(PROJECTIONS)


@pytest.mark.fault("a quantised output projection crashed: its weight is no tensor", kind=KIND)
def test_dynamically_quantised_projections():
    class Rounded(nn.Module):
        """As torch.ao's quantised maps: no parameters, ``weight`` a method."""

        def __init__(self, base):
            super().__init__()
            self._kept = (base.weight.detach(), base.bias.detach())

        def weight(self):
            return self._kept[0]

        bias = weight

        def forward(self, given):
            return torch.nn.functional.linear(given, *self._kept)

    layer = QuantumHopfield(4, num_heads=2)
    x = torch.randn(2, 3, 4)
    wanted = layer(x)
    for name in (*PROJECTIONS, "output_projection"):
        setattr(layer, name, Rounded(getattr(layer, name)))
    torch.testing.assert_close(layer(x), wanted)


def test_other_layers_call_their_projections():
    """Pooling, lookup, banks and encoders hold the same projections."""
    makers = {
        "pooling": lambda: QuantumHopfieldPooling(4, num_heads=2, quantity=2),
        "lookup": lambda: QuantumHopfieldLayer(4, num_heads=2, quantity=3),
        "bank": lambda: SubmoduleBank(4, num_heads=2, quantity=4, shards=2),
        "encoder": lambda: QuantumHopfieldEncoderLayer(4, 2, 8, dropout=0.0),
    }
    for name, make in makers.items():
        module, x = make(), torch.randn(2, 3, 4)
        inner = module.self_attn if name == "encoder" else module.hopfield
        seen = []
        for part in (*PROJECTIONS, "output_projection"):
            getattr(inner, part).register_forward_hook(
                lambda *_, part=part, seen=seen: seen.append(part)
            )
        module(x)
        assert sorted(seen) == sorted((*PROJECTIONS, "output_projection")), name


def test_plain_projections_are_one_product(small, draw, monkeypatch):
    """The fast way is still taken where nobody could tell."""
    layer, x, products = small(), draw(2, 3, 4), []
    linear = torch.nn.functional.linear
    monkeypatch.setattr(
        torch.nn.functional, "linear", lambda *given: products.append(given) or linear(*given)
    )
    layer(x)
    assert len(products) == 2  # all three, and the output's


def test_drawing_anew_asks_what_a_projection_is():
    layer = QuantumHopfield(4, num_heads=2)
    layer.value_projection = nn.Sequential(layer.value_projection)
    with pytest.raises(TypeError, match="Sequential, which has no reset_parameters"):
        layer.reset_parameters()
    layer = QuantumHopfield(4, num_heads=2)
    prune.l1_unstructured(layer.value_projection, "weight", 0.5)
    with pytest.raises(TypeError, match="weight is computed from other parameters"):
        layer.reset_parameters()
