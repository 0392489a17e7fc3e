"""The hybrid layers: law, PennyLane and Aer are one function; by shots; what a head costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit_aer import AerSimulator
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional

from qhopfield.hybrid import (
    MemoryContext,
    QuantumHopfield,
    QuantumHopfieldEncoderLayer,
    QuantumHopfieldLayer,
    QuantumHopfieldNetwork,
    QuantumHopfieldPooling,
    run_on,
)
from qhopfield.hybrid.programs.base import Layout
from qhopfield.hybrid.tasks import BitPatternSets
from qhopfield.hybrid.training.twins import compare_curves

from ..gates import two_qubit_gates
from .record import Measured, claim, exactly

RAMSAUER = "Ramsauer et al. 2020, arXiv:2008.02217"
LAYER = f"This library's layers; the association of {RAMSAUER}"
CAO = "Cao, Guerreschi and Aspuru-Guzik 2017, arXiv:1711.11240, on product states"

# Neurons of a head and stored patterns whose circuit has 2 + 2 * 5 = 12 qubits.
NEURONS, PATTERNS = 5, 4


# What runs: a layer with something to put into it.


@dataclass(frozen=True)
class Case:
    """A layer on its law, its inputs, and what it is called with.

    Attributes:
        layer: the layer.
        inputs: tensors of double precision; gradients by them are compared too.
        masks: keywords of the call.
    """

    layer: nn.Module
    inputs: tuple[Tensor, ...]
    masks: dict[str, Any]

    def __call__(self) -> Tensor:
        """The outputs."""
        output: Tensor = self.layer(*self.inputs, **self.masks)
        return output

    def gradients(self, output: Tensor) -> dict[str, Tensor]:
        """Gradients of a fixed linear function of the outputs, by name."""
        slope = torch.linspace(-1.0, 1.0, output.numel(), dtype=output.dtype).view_as(output)
        named: dict[str, Tensor] = dict(self.layer.named_parameters())
        named |= {f"input {number}": given for number, given in enumerate(self.inputs)}
        slopes = torch.autograd.grad(output, list(named.values()), slope, allow_unused=True)
        return {
            name: torch.zeros_like(each) if found is None else found
            for (name, each), found in zip(named.items(), slopes, strict=True)
        }


def _inputs(*shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    return tuple(torch.randn(shape, requires_grad=True) for shape in shapes)


def _association(keys: str, neurons: int = NEURONS, heads: int = 1, masked: bool = False) -> Case:
    width = neurons * heads
    layer = QuantumHopfield(width, num_heads=heads, keys=keys)  # type: ignore[arg-type]
    masks: dict[str, Any] = {}
    if masked:
        padding = torch.zeros(1, PATTERNS, dtype=torch.bool)
        padding[0, 1] = True
        masks = {"is_causal": True, "key_padding_mask": padding}
    return Case(layer, _inputs((1, PATTERNS, width)), masks)


def _pooling() -> Case:
    layer = QuantumHopfieldPooling(6, hidden_size=NEURONS, quantity=2, keys="product")
    return Case(layer, _inputs((2, PATTERNS, 6)), {})


def _lookup() -> Case:
    layer = QuantumHopfieldLayer(6, hidden_size=NEURONS, quantity=PATTERNS, keys="product")
    return Case(layer, _inputs((1, 3, 6)), {})


def _encoder() -> Case:
    layer = QuantumHopfieldEncoderLayer(
        NEURONS, nhead=1, dim_feedforward=8, dropout=0.0, keys="product"
    )
    encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
    causal = nn.Transformer.generate_square_subsequent_mask(3, dtype=torch.float64)
    return Case(encoder, _inputs((1, 3, NEURONS)), {"mask": causal})


def _context() -> Case:
    layer = MemoryContext(6, PATTERNS, num_tokens=2, hidden_size=NEURONS, keys="product")
    return Case(layer, _inputs((1, 3, 6)), {})


def _network(neurons: int, level: int, steps: int = 1) -> Case:
    layer = QuantumHopfieldNetwork(neurons, level, steps)
    assert layer.bias is not None
    nn.init.uniform_(layer.bias, -0.2, 0.2)
    states = torch.empty(2, neurons).uniform_(-0.95, 0.95).requires_grad_()
    return Case(layer, (states,), {})


# Every circuit here has 12 qubits or one less.
CASES: dict[str, tuple[str, Callable[[], Case]]] = {
    "association.binary": ("keys +-1, 5 neurons, 4 patterns", partial(_association, "binary")),
    "association.product": (
        "product-state keys, 5 neurons, 4 patterns",
        partial(_association, "product"),
    ),
    "association.masked": (
        "product-state keys, 4 neurons, 2 heads, causal and padding masks",
        partial(_association, "product", neurons=4, heads=2, masked=True),
    ),
    "pooling": ("2 queries, 4 patterns, batch 2", _pooling),
    "lookup": ("3 queries, 4 patterns", _lookup),
    "encoder": ("in a TransformerEncoder of 2 layers, causal, 3 tokens", _encoder),
    "context": ("2 tokens out of 4 patterns", _context),
    "network.level-0": ("12 neurons, 1 step, batch 2", partial(_network, 12, 0)),
    "network.level-1": ("6 neurons, 2 steps, batch 2", partial(_network, 6, 1, steps=2)),
    "network.level-2": ("9 neurons, 1 step, batch 2", partial(_network, 9, 2)),
}
PATHS: dict[str, Callable[[], dict[str, Any]]] = {
    "default-qubit": lambda: {"device": "default.qubit"},
    "lightning-qubit": lambda: {"device": "lightning.qubit"},
    "aer": lambda: {"backend": AerSimulator(method="statevector")},
}


@contextmanager
def _double(seed: int) -> Iterator[None]:
    """Draws from a seed, in double precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_default_dtype(before)


# 1. One function, three ways.


def _gap(name: str, path: str, seed: int) -> Measured:
    with _double(seed):
        case = CASES[name][1]()
        output = case()
        due = case.gradients(output)
        with run_on(case.layer, **PATHS[path]()):
            found = case()
            slopes = case.gradients(found)
    outputs = float((found - output).detach().abs().max())
    gaps = {each: float((slopes[each] - due[each]).abs().max()) for each in due}
    worst = max(gaps, key=lambda each: gaps[each])
    numbers = sum(each.numel() for each in due.values())
    return exactly(
        max(outputs, gaps[worst]),
        f"{output.numel()} outputs: {outputs:.1e}; {numbers} gradients: {gaps[worst]:.1e}",
    )


for _name, (_sizes, _) in CASES.items():
    for _path in PATHS:
        claim(
            f"hybrid.exact.{_name}.{_path}",
            statement="Outputs and all gradients of the law are those of its circuits",
            source=CAO if _name.startswith("network") else LAYER,
            setting=f"largest gap, {_sizes}; float64, {_path.replace('-', '.')}, exact",
            expected=0.0,
            tolerance=1e-9,
            by="circuits",
            quick=True,
        )(partial(_gap, _name, _path))


# 2. By shots.

SHOTS, RUNS = 4000, 40


def _sigmas(chance: float) -> float:
    """A two-sided p-value in standard deviations of the normal distribution."""
    return float(stats.norm.isf(max(chance, 1e-300) / 2.0))


def _deviations(hits: Tensor, trials: Tensor, chances: Tensor) -> list[float]:
    """Exact binomial p-values of counts, in standard deviations of the normal distribution."""
    rows = zip(
        hits.flatten().tolist(),
        trials.expand_as(hits).flatten().tolist(),
        chances.flatten().tolist(),
        strict=True,
    )
    return [
        _sigmas(stats.binomtest(round(count), round(of), min(1.0, chance)).pvalue)
        for count, of, chance in rows
    ]


def _counted(shots: int, keys: str, seed: int) -> Measured:
    """Greatest deviation of an acceptance, or of a share among the accepted runs."""
    with _double(seed), torch.no_grad():
        case = _association(keys, neurons=4, heads=2)
        layer, (state,) = case.layer, case.inputs
        assert isinstance(layer, QuantumHopfield)
        due = layer.associate(state)
        with run_on(layer, backend=AerSimulator(), shots=shots, seed=seed):
            found = layer.associate(state)
    accepted = (found.acceptance * shots).round()
    deviations = _deviations(accepted, torch.tensor(float(shots)), due.acceptance)
    hits = (found.association * accepted[..., None]).round()
    deviations += _deviations(hits, accepted[..., None], due.association)
    return exactly(
        max(deviations),
        f"{len(deviations)} entries, {int(accepted.min()):,} accepted runs or more a query",
    )


def _neurons_counted(level: int, seed: int) -> Measured:
    """The same of a network's mean spins and acceptances."""
    shots = 20_000
    with _double(seed), torch.no_grad():
        case = _network(6, level)
        spins, acceptance = case.layer(*case.inputs, need_acceptance=True)
        with run_on(case.layer, backend=AerSimulator(), shots=shots, seed=seed):
            found, kept = case.layer(*case.inputs, need_acceptance=True)
    # The one step's.
    acceptance, accepted = acceptance[..., 0, :], (kept[..., 0, :] * shots).round()
    deviations = _deviations(accepted, torch.tensor(float(shots)), acceptance)
    ups = (accepted * (1.0 + found) / 2.0).round()
    deviations += _deviations(ups, accepted, (1.0 + spins) / 2.0)
    return exactly(max(deviations), f"{len(deviations)} entries")


def _gradient_sigmas(make: Callable[[], Case], gradient: str, runs: int, seed: int) -> Measured:
    """Greatest deviation of the mean gradient of many runs from the law's, Student's t."""
    with _double(seed):
        case = make()
        due = _flat(case.gradients(case()))
        rng = np.random.default_rng(seed)
        drawn = []
        for _ in range(runs):
            backend = {"backend": AerSimulator(), "shots": SHOTS, "gradient": gradient}
            with run_on(case.layer, **backend, seed=rng):
                drawn.append(_flat(case.gradients(case())))
    each_run = np.stack(drawn)
    middle, spread = each_run.mean(axis=0), each_run.std(axis=0, ddof=1) / math.sqrt(runs)
    # Some gradients do not depend on what was drawn, such as those of output biases.
    sure = spread < 1e-12
    if not np.allclose(middle[sure], due[sure], rtol=0.0, atol=1e-9):
        return exactly(math.inf, "a gradient without spread is off")
    t = (middle - due)[~sure] / spread[~sure]
    deviations = [_sigmas(each) for each in 2.0 * stats.t.sf(abs(t), runs - 1)]
    beyond = sum(each > 2.0 for each in deviations)
    return exactly(
        max(deviations),
        f"{len(deviations)} entries, {beyond} beyond 2 sigma; one run is off by "
        f"{float(np.median(spread[~sure]) * math.sqrt(runs)):.2g} (median), the law is at most "
        f"{float(abs(due).max()):.2g}",
    )


def _flat(gradients: dict[str, Tensor]) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = torch.cat(
        [each.flatten() for each in gradients.values()]
    ).numpy()
    return numbers


for _keys in ("binary", "product"):
    claim(
        f"hybrid.shots.association.{_keys}",
        statement="Acceptances and associations by shots are the law's within 4 sigma",
        source=LAYER,
        setting=f"greatest deviation, {_keys} keys, 2 heads of 4 neurons, 4 patterns, Aer, 20,000 "
        "shots; binomial p-values as sigmas",
        expected=4.0,
        tolerance=0.0,
        relation="<=",
        by="circuits",
        quick=True,
    )(partial(_counted, 20_000, _keys))

for _level in (0, 1, 2):
    claim(
        f"hybrid.shots.network.level-{_level}",
        statement="Acceptances and mean spins by shots are the law's within 4 sigma",
        source=CAO,
        setting="greatest deviation, 6 neurons, batch 2, Aer, 20,000 shots; binomial p-values as "
        "sigmas",
        expected=4.0,
        tolerance=0.0,
        relation="<=",
        by="circuits",
        quick=True,
    )(partial(_neurons_counted, _level))

_SHOT_CASES: dict[str, tuple[str, Callable[[], Case]]] = {
    "binary": ("keys +-1, 3 neurons, 4 patterns", partial(_association, "binary", neurons=3)),
    "product": ("product-state keys, 3 neurons, 4 patterns", partial(_association, "product", 3)),
    "network": ("a network of 4 neurons, level 1, batch 2", partial(_network, 4, 1)),
}
for _name, (_sizes, _make) in _SHOT_CASES.items():
    for _gradient in ("covariance", "parameter-shift"):
        claim(
            f"hybrid.shots.gradient.{_gradient}.{_name}",
            statement=f"Gradients by shots are the law's within 4 sigma: {_gradient}",
            source="Covariance rule of this library"
            if _gradient == "covariance"
            else "Wierichs et al. 2022, arXiv:2107.12390",
            setting=f"greatest deviation of a mean of {RUNS} runs, {_sizes}, {SHOTS:,} shots; "
            "Student's t as sigmas",
            expected=4.0,
            tolerance=0.0,
            relation="<=",
            by="circuits",
        )(partial(_gradient_sigmas, _make, _gradient, RUNS))


# 3. Keys of bits are attention.


def _attention_gap(path: str | None, seed: int) -> Measured:
    """Largest gap of outputs and input gradients to torch's softmax attention over the signs."""
    heads, neurons = 2, 4
    with _double(seed):
        layer = QuantumHopfield(heads * neurons, num_heads=heads)
        (state,) = _inputs((2, PATTERNS, heads * neurons))
        parts = (layer.state_projection, layer.stored_projection, layer.value_projection)
        x, z, v = (
            each(state).unflatten(-1, (heads, neurons)).transpose(1, 2)  # type: ignore[misc]
            for each in parts
        )
        inside = z.clamp(-1.0, 1.0)
        z = torch.where(z < 0.0, -1.0, 1.0) + (inside - inside.detach())
        mixed = functional.scaled_dot_product_attention(x, z, v, is_causal=True)
        assert layer.output_projection is not None
        due = layer.output_projection(mixed.transpose(1, 2).flatten(2))
        case = Case(layer, (state,), {"is_causal": True})
        with run_on(layer, **({} if path is None else PATHS[path]())):
            found = case()
            slopes = case.gradients(found)
        wanted = case.gradients(due)
    gaps = [float((slopes[each] - wanted[each]).abs().max()) for each in wanted]
    return exactly(max(float((found - due).detach().abs().max()), *gaps))


for _where, _by in ((None, "law"), ("aer", "circuits")):
    claim(
        f"hybrid.attention.{_by}",
        statement="A layer with keys +-1 is softmax attention over the keys' signs",
        source=f"{RAMSAUER}; torch's scaled_dot_product_attention",
        setting="largest gap of outputs and gradients, 2 heads of 4 neurons, 4 tokens, causal, "
        + ("law" if _where is None else "Aer's statevector"),
        expected=0.0,
        tolerance=1e-9,
        by=_by,  # type: ignore[arg-type]
        quick=True,
    )(partial(_attention_gap, _where))


# 4. What a head costs.

HEAD_NEURONS, HEAD_PATTERNS = 8, 64


def _head(what: str, layout: Layout, seed: int) -> Measured:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        layer = QuantumHopfield(8 * HEAD_NEURONS, num_heads=8)
        state = torch.randn(1, HEAD_PATTERNS, 8 * HEAD_NEURONS)
        circuit = layer.circuit(state, layout=layout)
    if what == "qubits":
        return exactly(circuit.num_qubits)
    return exactly(two_qubit_gates(circuit), f"{circuit.num_qubits} qubits")


for _what, _layout, _figure, _formula in (
    ("qubits", "coherent", 22, "log2 M + 2 n qubits"),
    ("qubits", "reuse", 8, "log2 M + 2 qubits, whatever the number of neurons"),
    ("two-qubit-gates", "coherent", 520, "n (M + 1) two-qubit gates"),
    ("two-qubit-gates", "reuse", 520, "n (M + 1) two-qubit gates"),
):
    claim(
        f"hybrid.cost.{_what}.{_layout}",
        statement=f"A head's circuit takes {_formula}",
        source="This library's loader: M CX a neuron, and one CZ a neuron for the filter",
        setting=f"n = {HEAD_NEURONS}, M = {HEAD_PATTERNS}, {_layout}, as written",
        expected=float(_figure),
        tolerance=0.0,
        by="circuits",
        quick=True,
    )(partial(_head, _what, _layout))  # type: ignore[arg-type]


# 5. Quantum pooling learns as classical Hopfield pooling does.


def _curves(static: bool, steps: int, seed: int) -> Measured:
    task = BitPatternSets(bags=256, test_bags=8, static=static)
    table = compare_curves(task, "quantum", "hopfield-binary", steps=steps, seed=seed)
    first, last = table["quantum"].iloc[0], table["quantum"].iloc[-1]
    return exactly(table["gap"].max(), f"{steps} steps, loss {first:.4f} -> {last:.4f}")


for _static in (True, False):
    claim(
        f"hybrid.pooling.curve.{'given' if _static else 'learnt'}-keys",
        statement="Quantum pooling has the learning curve of classical Hopfield pooling",
        source=f"{RAMSAUER}, their bit-pattern sets",
        setting="largest gap of the loss in any of 100 steps, keys +-1, "
        + ("the patterns themselves" if _static else "signs of a learnt projection")
        + ", same weights and batches, float64",
        expected=0.0,
        tolerance=1e-5,
        by="law",
        quick=True,
    )(partial(_curves, _static, 100))
