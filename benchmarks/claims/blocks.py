"""Networks split into blocks of neurons that are updated in parallel."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from qhopfield.circuits import Hopfield, NeuronDynamics, RUSNeuron, ThresholdNeuron
from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.methods import BlockDynamics, Law, Samples
from qhopfield.circuits.patterns import all_states, corrupt, load_set

from .record import Measured, Relation, claim, exactly, mean

SOURCE = "This library's block dynamics"
BRUCK = "Bruck and Goodman 1988, IEEE Trans. Inf. Theory 34, 1089 (parallel updates may cycle)"
DIGITS = "UCI optical recognition of handwritten digits (Alpaydin and Kaynak 1998)"


def _network(num_neurons: int, seed: int) -> Hopfield:
    """Real weights and a bias, so that no two fields agree by chance."""
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.normal(size=(num_neurons, num_neurons)), 1)
    return Hopfield(weights + weights.T, rng.normal(size=num_neurons) / 2.0)


def _weights(law: Law) -> NDArray[np.float64]:
    return law.acceptance * law.as_vector()


def _limit(synchronous: bool, seed: int) -> Measured:
    model, probe = _network(8, seed), np.linspace(-1.0, 1.0, 8)
    worst = 0.0
    for neuron in (RUSNeuron(2), RUSNeuron(1, attempts=2)):
        blocks = BlockDynamics(8 if synchronous else 1, neuron=neuron)
        whole = NeuronDynamics(neuron, synchronous=synchronous)
        gap = np.abs(_weights(blocks.law(model, probe)) - _weights(whole.law(model, probe)))
        worst = max(worst, float(gap.max()))
    return exactly(worst)


for _name, _synchronous in (("one", False), ("single-neurons", True)):
    claim(
        f"blocks.law.{_name}",
        statement=(
            "Blocks of one neuron each are the synchronous network"
            if _synchronous
            else "One block is the network updated in order"
        ),
        source=SOURCE,
        setting="largest gap of any probability, n = 8, level 2 and bounded level 1, three sweeps",
        expected=0.0,
        tolerance=1e-12,
        by="law",
        quick=True,
    )(partial(_limit, _synchronous))


def _sampled(register: str, seed: int) -> Measured:
    """p-value of all starts together."""
    model, states, shots = _network(4, seed), all_states(4), 200
    method = BlockDynamics(
        [[2, 0], [1, 3]], neuron=RUSNeuron(1), sweeps=2, link=0.5, register=register
    )
    samples = method.run(model, states, shots, AerRunner(), np.random.default_rng(seed))
    statistic, freedom = 0.0, 0
    for probe, state in enumerate(states):
        law = method.law(model, state).as_vector()
        seen = np.zeros(16)
        places = (samples.outcomes[probe] < 0) @ (1 << np.arange(4))
        seen[places] = samples.weights[probe]
        due = law * seen.sum()
        # Rare states share a cell.
        rare = due < 5.0
        cells_seen = np.append(seen[~rare], seen[rare].sum())
        cells_due = np.append(due[~rare], due[rare].sum())
        kept = cells_due > 0.0
        statistic += float(((cells_seen - cells_due)[kept] ** 2 / cells_due[kept]).sum())
        freedom += int(kept.sum()) - 1
    p_value = float(chi2.sf(statistic, freedom))
    return exactly(p_value, f"chi-square {statistic:.1f}, {freedom} degrees of freedom")


for _register in ("feedforward", "reuse"):
    claim(
        f"blocks.circuits.{_register}",
        statement=f"Blocks on register {_register!r} draw from the law",
        source=SOURCE,
        setting="p-value, n = 4 in two blocks, link 0.5, level 1, two sweeps, all inputs, 200 "
        "shots each",
        expected=1e-6,
        tolerance=0.0,
        relation=">=",
        by="circuits",
        quick=True,
    )(partial(_sampled, _register))


def _swept(method: BlockDynamics, model: Hopfield, states: NDArray[np.int8]) -> NDArray[np.int8]:
    """Where threshold neurons take states; they answer without chance."""
    samples: Samples = method.sample_law(model, states, 1, np.random.default_rng(0))
    return np.concatenate(samples.outcomes)


def _rise(link: float, seed: int) -> Measured:
    """Greatest rise of the energy in one sweep, over networks and all their states."""
    rng, states = np.random.default_rng(seed), all_states(8)
    method = BlockDynamics(2, neuron=ThresholdNeuron(), sweeps=1, link=link)
    greatest = -np.inf
    climbing = 0.0
    for _ in range(10):
        weights = np.triu(rng.choice([-1.0, 1.0], size=(8, 8)), 1)
        network = method.network(Hopfield(weights + weights.T))
        gained = network.energy(_swept(method, network, states)) - network.energy(states)
        greatest = max(greatest, float(gained.max()))
        climbing += float((gained > 1e-9).mean()) / 10
    return exactly(greatest, f"it rises from {climbing:.1%} of the states")


_BOUNDS: dict[float, tuple[Relation, float]] = {1.0: (">=", 4.0), 0.125: ("<=", 0.0)}
for _link, (_relation, _expected) in _BOUNDS.items():
    claim(
        f"blocks.energy.link-{_link:g}",
        statement=(
            "Blocks in parallel may raise the energy"
            if _link == 1.0
            else "Weakly linked blocks never raise the energy: link <= m / 2c"
        ),
        source=SOURCE,
        setting="greatest rise in one sweep of sign updates, ten networks of +-1 weights, n = 8 in "
        "two blocks (m = 1, c = 4), all states",
        expected=_expected,
        tolerance=1e-9,
        relation=_relation,
        by="law",
        quick=True,
    )(partial(_rise, _link))


@claim(
    "blocks.cycle",
    statement="Two linked neurons, a block each, swap their spins for ever",
    source=BRUCK,
    setting="states of n = 2, weight 1, that two sweeps bring back and one does not",
    expected=2.0,
    tolerance=0.0,
    by="law",
    quick=True,
)
def cycle(seed: int) -> Measured:
    model, states = Hopfield([[0, 1], [1, 0]]), all_states(2)

    def cycles(blocks: int) -> int:
        method = BlockDynamics(blocks, neuron=ThresholdNeuron(), sweeps=1)
        once = _swept(method, model, states)
        twice = _swept(method, model, once)
        return int(((once != states).any(axis=1) & (twice == states).all(axis=1)).sum())

    return exactly(cycles(2), f"{cycles(1)} in one block")


@claim(
    "blocks.digits",
    statement="Sixteen blocks in parallel recall digits no worse than the whole network in order",
    source=DIGITS,
    setting="N = 64, ten stored, projection rule, 13 pixels flipped, level 4, 5 sweeps: 20 steps "
    "against 320; 1,000 probes, one run each; difference of the recalled shares",
    expected=0.0,
    tolerance=0.0,
    relation=">=",
    by="law",
    quick=True,
)
def digits(seed: int) -> Measured:
    patterns = load_set("digits").one_per_label().patterns
    memory, targets = Hopfield.store(patterns, rule="projection"), np.tile(patterns, (100, 1))
    probes = corrupt(targets, flips=0.2, seed=seed)
    shares = []
    for blocks in (16, 1):
        method = BlockDynamics(blocks, neuron=RUSNeuron(4), sweeps=5)
        samples = method.sample_law(memory, probes, 1, np.random.default_rng(seed))
        shares.append((np.concatenate(samples.outcomes) == targets).all(axis=1).astype(float))
    many, one = shares
    return mean(many - one, f"{many.mean():.3f} against {one.mean():.3f}")
