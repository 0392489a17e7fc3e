"""Banks of submodules: recombined they are the layer in one piece, and hold more than a circuit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from qiskit_aer import AerSimulator
from torch import Tensor

from qhopfield.circuits.laws import combine_shards
from qhopfield.hybrid import QuantumHopfieldLayer, SubmoduleBank, run_on
from qhopfield.hybrid.programs.base import Layout

from .hybrid import PATHS, Case
from .record import Measured, claim, exactly

SOURCE = "This library: a shard's acceptance is its partition function"
HEADS, NEURONS, QUERIES, CUTS = 2, 3, 3, 50
SHOTS = 20_000
# More than a circuit holds: so many patterns, in shards of 16.
PATTERNS, SHARDS = 4096, 256


@contextmanager
def _drawn(seed: int) -> Iterator[None]:
    """Draws from a seed."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        yield


def _pair(keys: str, patterns: int, shards: int) -> tuple[QuantumHopfieldLayer, SubmoduleBank]:
    """A layer in one piece, and a bank with its weights."""
    sizes = {"num_heads": HEADS, "quantity": patterns, "keys": keys, "dtype": torch.float64}
    one = QuantumHopfieldLayer(HEADS * NEURONS, scaling=1.0, **sizes)
    bank = SubmoduleBank(HEADS * NEURONS, scaling=1.0, shards=shards, **sizes)
    bank.load_state_dict(one.state_dict())
    return one, bank


def _states() -> Tensor:
    return torch.randn(1, QUERIES, HEADS * NEURONS, dtype=torch.float64, requires_grad=True)


# 1. Recombination is exact.


def _by_shards(layer: QuantumHopfieldLayer, sizes: tuple[int, ...], state: Tensor) -> Tensor:
    """Outputs of a layer whose shards are memories by themselves, by law, then recombined."""
    means, acceptances = [], []
    assert layer.target_patterns is not None
    pieces = zip(
        layer.stored_patterns.split(sizes), layer.target_patterns.split(sizes), strict=True
    )
    for stored, targets in pieces:
        alone = layer.hopfield.associate(state, stored[None], targets[None])
        means.append(alone.association @ alone.values)
        acceptances.append(alone.acceptance)
    mixed, _ = combine_shards(torch.stack(means), torch.stack(acceptances), torch.tensor(sizes))
    assert layer.hopfield.output_projection is not None
    output: Tensor = layer.hopfield.output_projection(mixed.transpose(1, 2).flatten(2))
    return output


def _law_gap(keys: str, seed: int) -> Measured:
    """Largest gap of outputs and gradients over random cuts of random memories."""
    rng = np.random.default_rng(seed)
    worst = 0.0
    with _drawn(seed):
        for _ in range(CUTS):
            patterns = int(rng.integers(2, 41))
            sizes = rng.multinomial(patterns, np.ones(4) / 4.0)
            cut = tuple(int(size) for size in sizes if size)
            one, bank = _pair(keys, patterns, len(cut))
            case = Case(one, (_states(),), {})
            wanted, found = case(), _by_shards(one, cut, case.inputs[0])
            same = bank(*case.inputs)
            due, got = case.gradients(wanted), case.gradients(found)
            gaps = [got[name] - due[name] for name in due] + [found - wanted, same - wanted]
            worst = max(worst, *(float(gap.detach().abs().max()) for gap in gaps))
    return exactly(worst, f"{CUTS} memories of 2 to 40 patterns, cut at random into up to 4 shards")


def _circuit_gap(keys: str, path: str, seed: int) -> Measured:
    """Largest gap of outputs and gradients, a shard being smaller than the others and one dead."""
    with _drawn(seed):
        one, bank = _pair(keys, 11, 4)
        bank.dead = {1}
        hidden = torch.zeros(QUERIES, 11, dtype=torch.bool)
        hidden[:, 3:6] = True
        case = Case(one, (_states(),), {"attn_mask": hidden})
        wanted = case()
        due = case.gradients(wanted)
        cut = Case(bank, case.inputs, {})
        with run_on(bank, **PATHS[path]()):
            found = cut()
            got = cut.gradients(found)
    outputs = float((found - wanted).detach().abs().max())
    slopes = max(float((got[name] - due[name]).abs().max()) for name in due)
    return exactly(max(outputs, slopes), f"outputs: {outputs:.1e}; gradients: {slopes:.1e}")


def _deviation(bank: SubmoduleBank, state: Tensor, shots: int, seed: int) -> Measured:
    """Greatest deviation of the recombined mean values from the law's, in standard errors.

    The error is that of a ratio of sums of multinomial counts, shard by shard.
    """
    sizes, total = bank.sizes, bank.quantity
    with torch.no_grad():
        law = bank.associate(state)
        with run_on(bank, backend=AerSimulator(), shots=shots, seed=seed, **_layout(bank)):
            found = bank.associate(state)
        mean = law.association @ law.values
        off = law.values[:, :, None] - mean[..., None, :]  # (B, H, L, M, v)
        kept = (law.association * law.acceptance[..., None])[..., None]
        variance = torch.zeros_like(mean)
        for each, distance, size in zip(
            kept.split(sizes, dim=3), off.split(sizes, dim=3), sizes, strict=True
        ):
            chance = each * total / size
            spread = (chance * distance**2).sum(3) - (chance * distance).sum(3) ** 2
            variance += (size / total) ** 2 * spread / shots
        error = variance.sqrt() / law.acceptance[..., None]
        deviations = ((found.association @ law.values - mean) / error).abs()
    return exactly(
        float(deviations.max()),
        f"{deviations.numel()} means of values; {bank.circuits} circuits a query",
    )


def _layout(bank: SubmoduleBank) -> dict[str, Layout]:
    """Narrow circuits where the wide ones would not fit in memory."""
    return {"layout": "reuse"} if bank.num_qubits() > 24 else {}


def _sampled(keys: str, seed: int) -> Measured:
    with _drawn(seed):
        _, bank = _pair(keys, 11, 4)
        return _deviation(bank, _states().detach(), SHOTS, seed)


for _keys in ("binary", "product"):
    claim(
        f"hybrid.bank.law.{_keys}",
        statement="Shards recombined by acceptance are the memory in one piece",
        source=SOURCE,
        setting=f"largest gap of outputs and gradients, {_keys} keys, {HEADS} heads of {NEURONS} "
        "neurons; float64, law",
        expected=0.0,
        tolerance=1e-12,
        by="law",
        quick=True,
    )(partial(_law_gap, _keys))
    for _path in ("default-qubit", "aer"):
        claim(
            f"hybrid.bank.exact.{_keys}.{_path}",
            statement="A bank's circuits, recombined, are the layer in one piece by law",
            source=SOURCE,
            setting=f"largest gap of outputs and gradients, {_keys} keys, {HEADS} heads of "
            f"{NEURONS} neurons, 11 patterns in 4 shards of which one is dead; float64, "
            f"{_path.replace('-', '.')}, exact",
            expected=0.0,
            tolerance=1e-10,
            by="circuits",
            quick=True,
        )(partial(_circuit_gap, _keys, _path))
    claim(
        f"hybrid.bank.shots.{_keys}",
        statement="A bank by shots is the layer in one piece within 4 sigma",
        source=SOURCE,
        setting=f"greatest deviation, {_keys} keys, {HEADS} heads of {NEURONS} neurons, 11 "
        f"patterns in 4 shards, Aer, {SHOTS:,} shots a circuit",
        expected=4.0,
        tolerance=0.0,
        relation="<=",
        by="circuits",
        quick=True,
    )(partial(_sampled, _keys))


# 2. More memory than a circuit holds.


def _large(keys: str, neurons: int) -> SubmoduleBank:
    """A bank of 4,096 patterns, product states or all strings of 12 bits."""
    if keys == "product":
        rows = torch.rand(PATTERNS, neurons, dtype=torch.float64) * 2.0 - 1.0
    else:
        order = torch.randperm(PATTERNS)[:, None]
        rows = 1.0 - 2.0 * (order >> torch.arange(neurons) & 1)
    return SubmoduleBank.store(
        rows,
        shards=SHARDS,
        scaling=0.5,
        keys=keys,
        dtype=torch.float64,
    )


def _large_gap(seed: int) -> Measured:
    with _drawn(seed), torch.no_grad():
        bank = _large("product", 4)
        probe = torch.randn(1, 4, dtype=torch.float64)
        wanted = bank(probe)
        with run_on(bank, backend=AerSimulator(method="statevector")):
            gap = float((bank(probe) - wanted).abs().max())
        one = bank.hopfield.program(PATTERNS)
    return exactly(
        gap,
        f"{bank.circuits} circuits of {bank.num_qubits()} qubits; in one piece {one.num_qubits()}",
    )


def _large_sampled(seed: int) -> Measured:
    with _drawn(seed):
        bank = _large("binary", 12)
        return _deviation(bank, torch.randn(1, 1, 12, dtype=torch.float64), 100, seed)


def _large_qubits(layout: Layout, seed: int) -> Measured:
    bank = SubmoduleBank(8, quantity=PATTERNS, shards=SHARDS)
    one = bank.hopfield.program(PATTERNS).num_qubits(layout)
    circuit = bank.circuit(torch.zeros(1, 1, 8), shard=SHARDS - 1, layout=layout)
    return exactly(circuit.num_qubits, f"in one piece {one}")


claim(
    "hybrid.bank.large.exact",
    statement="4,096 patterns on circuits of 12 qubits answer as in one piece",
    source=SOURCE,
    setting=f"largest gap to the law, 4 neurons, product-state keys, {SHARDS} shards of 16, Aer's "
    "statevector",
    expected=0.0,
    tolerance=1e-10,
    by="circuits",
    quick=True,
)(_large_gap)
claim(
    "hybrid.bank.large.shots",
    statement="All 4,096 patterns of 12 bits on circuits of 6 qubits answer as in one piece",
    source=SOURCE,
    setting=f"greatest deviation in sigma, {SHARDS} shards of 16, Aer, layout reuse, 100 shots a "
    "circuit",
    expected=4.0,
    tolerance=0.0,
    relation="<=",
    by="circuits",
)(_large_sampled)
for _where, _figure in (("coherent", 20), ("reuse", 6)):
    claim(
        f"hybrid.bank.large.qubits.{_where}",
        statement="A shard's circuit takes log2 (M / shards) index qubits",
        source=SOURCE,
        setting=f"8 neurons, {PATTERNS:,} patterns in {SHARDS} shards, {_where}",
        expected=float(_figure),
        tolerance=0.0,
        by="circuits",
        quick=True,
    )(partial(_large_qubits, _where))
