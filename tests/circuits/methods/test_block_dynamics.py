"""Networks split into blocks: circuits against their law, limits, symmetry, energy, bad input.

Every statistical test has a false-alarm rate of 1e-6 and a fixed seed.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

from qhopfield.circuits import recall, resources
from qhopfield.circuits.blocks import RotationNeuron, RUSNeuron, ThresholdNeuron
from qhopfield.circuits.blocks.cost import circuit_cost
from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.methods import BlockDynamics, NeuronDynamics
from qhopfield.circuits.methods.block_circuits import one_block, one_block_values
from qhopfield.circuits.models import DenseAssociativeMemory, Hopfield, ModernHopfield, Polynomial
from qhopfield.circuits.patterns import all_states, corrupt, random_patterns, to_index

ROTATION, THRESHOLD = RotationNeuron(), ThresholdNeuron()
REGISTERS = ["feedforward", "reuse"]
SPLIT = [[2, 0], [1, 3]]


def weighed(law):
    """Accepted weight of all 2^N states."""
    return law.acceptance * law.as_vector()


def sign_sweep(network, states, blocks):
    """One sweep of sign updates, block by block, written out: what threshold neurons must do."""
    after = states.copy()
    for block in blocks:
        seen = states.copy()  # the others as they stood, the own spins as they become
        for i in block:
            field = np.rint(1e9 * (seen @ network.weights[i] + network.bias[i]))
            seen[:, i] = np.where(field == 0, seen[:, i], np.sign(field))
        after[:, block] = seen[:, block]
    return after


def complete_signs(num_neurons, seed):
    """All weights +-1, so that in a block of four no field of the block alone is zero."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(num_neurons, num_neurons))
    weights = np.triu(signs, 1)
    return Hopfield(weights + weights.T)


# Circuits are the law, exactly.


@pytest.mark.parametrize("register", REGISTERS)
@pytest.mark.parametrize(
    "kind, neuron, blocks, sweeps",
    [
        ("real", ROTATION, SPLIT, 2),
        ("real", ROTATION, [[1], [0, 3, 2]], 3),
        ("hebb", ROTATION, 1, 2),
        ("real", RUSNeuron(1), [[2, 0], [1]], 1),
        ("real", RUSNeuron(1, attempts=1), [[0], [2, 1]], 1),
        ("real", RUSNeuron(1, attempts=2), [[0], [2, 1]], 1),
        ("hebb", ThresholdNeuron(4), [[2, 0], [1]], 2),
    ],
    ids=repr,
)
def test_the_circuit_is_the_law(
    register, kind, neuron, blocks, sweeps, memory, exact, basis_angles
):
    num_neurons = 4 if isinstance(blocks, int) else sum(map(len, blocks))
    model = memory(kind, num_neurons)
    method = BlockDynamics(blocks, neuron=neuron, sweeps=sweeps, link=0.6, register=register)
    made = exact.table(method.template(model), basis_angles(num_neurons), num_neurons)
    np.testing.assert_allclose(made, exact.law_table(method, model), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "neuron", [ROTATION, RUSNeuron(1), RUSNeuron(1, attempts=2), ThresholdNeuron(4)], ids=repr
)
def test_circuits_of_single_blocks_multiply_to_the_law(neuron, memory, exact):
    model, states = memory("real", 4), all_states(4)
    method = BlockDynamics(SPLIT, neuron=neuron, sweeps=1, link=0.7, register="reuse")
    prepared = method.prepared(model)
    product = np.ones((16, 16))
    for block in SPLIT:
        values = one_block_values(prepared, block, states)
        template = one_block(method.neuron, prepared, block)
        assert template.circuit.num_qubits == method.qubits(model)
        product *= exact.table(template, values, 2)[:, to_index(states[:, block])]
    np.testing.assert_allclose(product, exact.law_table(method, model), rtol=0, atol=1e-10)


@pytest.mark.parametrize("register", REGISTERS)
def test_a_bound_circuit_prepares_the_probe(register, memory, exact):
    model, probe = memory("real", 3), [0.3, -1, 0]
    method = BlockDynamics(2, neuron=ROTATION, sweeps=1, register=register)
    made = exact.readings(method.circuit(model, probe))
    table = np.zeros(8)
    for key, weight in made.items():
        table[key & 7] += weight[0]
    np.testing.assert_allclose(table, weighed(method.law(model, probe)), rtol=0, atol=1e-10)


# Circuits are the law, on Aer.


@pytest.mark.parametrize("register", REGISTERS)
@pytest.mark.parametrize(
    "kind, neuron",
    [
        ("hebb", ROTATION),
        ("real", RUSNeuron(1)),
        ("projection", RUSNeuron(2)),
        ("real", RUSNeuron(1, attempts=1)),
        ("real", RUSNeuron(1, attempts=2)),
    ],
    ids=repr,
)
def test_runs_are_samples_of_the_law(register, kind, neuron, memory, aer, stats):
    model, shots = memory(kind, 4), 500
    method = BlockDynamics(SPLIT, neuron=neuron, sweeps=2, link=0.5, register=register)
    probes = np.array([[1, 1, 1, 1], [0, 0.4, -1, -1]])
    samples = method.run(model, probes, shots, aer, np.random.default_rng(7))
    for index, probe in enumerate(probes):
        law = method.law(model, probe)
        stats.chi_square(stats.outcomes(samples, index), law.as_vector())
        accepted = round(samples.acceptance[index] * shots)
        assert accepted == samples.weights[index].sum()
        if law.acceptance < 1.0 - 1e-12:
            stats.binomial(accepted, shots, law.acceptance)
        if not math.isnan(law.attempts):
            # Blocks of an update deviate by less than 6 at levels 1 and 2; eight updates a shot.
            spread = 6 / math.sqrt(8 * accepted)
            assert samples.attempts[index] == pytest.approx(law.attempts, abs=5 * spread)
    assert np.isnan(samples.folded).all() == (register == "reuse")


@pytest.mark.parametrize("register", REGISTERS)
@pytest.mark.parametrize("blocks", [1, 2, [[3, 0, 2], [1]], 4], ids=repr)
def test_threshold_runs_are_sign_updates(register, blocks, memory, aer):
    model = memory("hebb", 4)
    method = BlockDynamics(blocks, neuron=THRESHOLD, sweeps=2, register=register)
    probes = all_states(4)[:: 1 if register == "feedforward" else 3]
    samples = method.run(model, probes, 2, aer, np.random.default_rng(1))
    wanted = probes
    for _ in range(2):
        wanted = sign_sweep(model, wanted, list(map(list, method.partition(model))))
    np.testing.assert_array_equal(np.concatenate(samples.outcomes), wanted)


@pytest.mark.parametrize(
    "neuron", [ROTATION, RUSNeuron(2), RUSNeuron(1, attempts=2), THRESHOLD], ids=repr
)
def test_the_sampled_law_is_the_law(neuron, memory, stats):
    model, shots, probe = memory("real", 5), 20_000, [1, 0, -0.5, -1, 1]
    method = BlockDynamics([[4, 1], [0, 2, 3]], neuron=neuron, sweeps=3, link=0.8)
    samples = method.sample_law(model, probe, shots, np.random.default_rng(3))
    law = method.law(model, probe)
    stats.chi_square(stats.outcomes(samples), law.as_vector())
    if law.acceptance < 1.0 - 1e-12:
        stats.binomial(samples.weights[0].sum(), shots, law.acceptance)


# Limits.


@pytest.mark.parametrize(
    "neuron", [ROTATION, RUSNeuron(2), RUSNeuron(1, attempts=2), THRESHOLD], ids=repr
)
def test_one_block_is_sequential_and_single_neurons_are_synchronous(neuron, memory):
    model, probe = memory("hebb", 5), [1, 0, -0.5, -1, 1]
    for blocks, whole in (
        (1, NeuronDynamics(neuron, 2)),
        ([range(5)], NeuronDynamics(neuron, 2)),
        (5, NeuronDynamics(neuron, 2, synchronous=True)),
    ):
        law = BlockDynamics(blocks, neuron=neuron, sweeps=2).law(model, probe)
        wanted = whole.law(model, probe)
        np.testing.assert_allclose(weighed(law), weighed(wanted), rtol=0, atol=1e-14)
        assert law.attempts == pytest.approx(wanted.attempts, nan_ok=True)
        assert law.folded == pytest.approx(wanted.folded, abs=1e-14)


def test_one_block_gives_the_same_samples_as_the_whole_network(memory):
    model, probes = memory("real", 6), [[1, 0, -0.5, -1, 1, 1], [1] * 6]
    for neuron in (RUSNeuron(2), RUSNeuron(1, attempts=2)):
        block, whole = BlockDynamics(1, neuron=neuron), NeuronDynamics(neuron)
        for one, other in (
            [m.sample_law(model, probes, 40, np.random.default_rng(5)) for m in (block, whole)],
            [
                m.run(model, probes, 40, AerRunner(), np.random.default_rng(5))
                for m in (block, whole)
            ],
        ):
            for a, b in zip(
                one.outcomes + one.weights, other.outcomes + other.weights, strict=True
            ):
                np.testing.assert_array_equal(a, b)
            np.testing.assert_allclose(one.attempts, other.attempts)
            np.testing.assert_allclose(one.trace.energies, other.trace.energies)
            np.testing.assert_allclose(one.trace.overlaps, other.trace.overlaps)


@pytest.mark.parametrize("register", REGISTERS)
def test_without_links_the_law_is_a_product(register, memory, exact, basis_angles):
    model, blocks = memory("real", 5), ([3, 0], [1, 4, 2])
    method = BlockDynamics(blocks, neuron=ROTATION, sweeps=2, link=0.0, register=register)
    gain, probe = method.prepared(model).gain, [1, 0, -0.5, -1, 1]
    product = np.ones(32)
    for block in blocks:
        alone = Hopfield(model.weights[np.ix_(block, block)], model.bias[block])
        own = NeuronDynamics(ROTATION, 2, gain=gain)  # the network's one gain, in range here too
        law = own.law(alone, np.array(probe)[block])
        product *= law.as_vector()[to_index(all_states(5)[:, block])]
    np.testing.assert_allclose(method.law(model, probe).as_vector(), product, atol=1e-14)
    # And no gate joins two blocks, whose registers end in their numbers.
    circuit = method.circuit(model, probe)
    of = {qubit: each.name[-1] for each in circuit.qregs for qubit in each}
    assert set(of.values()) == {"0", "1"}
    assert all(len({of[q] for q in instruction.qubits}) == 1 for instruction in circuit.data)


def test_names_of_neurons_do_not_matter(memory):
    model, probe = memory("projection", 6), np.array([1, 0, -0.5, -1, 1, 0.2])
    blocks = [[4, 1, 0], [5], [3, 2]]
    order = np.random.default_rng(2).permutation(6)  # new neuron k is the old order[k]
    renamed = Hopfield(model.weights[np.ix_(order, order)], model.bias[order])
    name = np.argsort(order)
    for neuron in (RUSNeuron(1, attempts=2), THRESHOLD):
        old = BlockDynamics(blocks, neuron=neuron, link=0.4)
        new = BlockDynamics(
            [name[block].tolist() for block in reversed(blocks)], neuron=neuron, link=0.4
        )
        wanted = weighed(old.law(model, probe))
        law = weighed(new.law(renamed, probe[order]))
        states = all_states(6)
        np.testing.assert_allclose(law[to_index(states[:, order])], wanted, atol=1e-14)


def test_a_network_scales_only_what_is_between_blocks(memory):
    model = memory("real", 5)
    network = BlockDynamics([[0, 2], [1, 3, 4]], link=0.25).network(model)
    for i, j in itertools.product(range(5), repeat=2):
        together = ({i, j} <= {0, 2}) or ({i, j} <= {1, 3, 4})
        assert network.weights[i, j] == model.weights[i, j] * (1.0 if together else 0.25)
    np.testing.assert_array_equal(network.bias, model.bias)
    method = BlockDynamics([[0, 2], [1, 3, 4]], link=0.25)
    assert method.prepared(model).gain == NeuronDynamics().resolved_gain(network)
    assert BlockDynamics(2).network(model) is model
    assert BlockDynamics(1, link=0.0).network(model) is model


def test_cutting_and_steps():
    model = Hopfield.store(np.ones((1, 10), dtype=int))
    method = BlockDynamics(4, sweeps=3)
    assert method.partition(model) == ((0, 1, 2), (3, 4, 5), (6, 7), (8, 9))
    assert method.steps(model) == 9
    assert BlockDynamics(np.array([[0, 1], [2, 3]])) == BlockDynamics([[0, 1], (2, 3)])
    assert hash(BlockDynamics([[0], [1]])) == hash(BlockDynamics(((0,), (1,))))


# Energy: parallel blocks may climb and cycle, weakly linked ones or a single one may not.


def sweep_states(method, model, states):
    """Where one sweep of threshold neurons takes each state."""
    samples = method.sample_law(model, states, 1, np.random.default_rng(0))
    return np.concatenate(samples.outcomes)


def test_two_blocks_swap_for_ever():
    model = Hopfield([[0, 1], [1, 0]])
    start = np.array([[1, -1]])
    both = BlockDynamics(2, neuron=THRESHOLD, sweeps=1)
    once = sweep_states(both, model, start)
    np.testing.assert_array_equal(once, -start)
    np.testing.assert_array_equal(sweep_states(both, model, once), start)
    one = sweep_states(BlockDynamics(1, neuron=THRESHOLD, sweeps=1), model, start)
    assert model.is_fixed_point(one).all()


@pytest.mark.parametrize("seed", range(4))
def test_weak_links_and_single_blocks_descend(seed):
    model, states = complete_signs(8, seed), all_states(8)

    def rise(method):
        network = method.network(model)
        assert method.prepared(model).integers.quantization.error == 0.0
        return (network.energy(sweep_states(method, model, states)) - network.energy(states)).max()

    # Two blocks of four: m = 1 and c = 4, so that links up to 1/8 are weak enough.
    assert rise(BlockDynamics(2, neuron=THRESHOLD, sweeps=1, link=0.125)) <= 1e-12
    assert rise(BlockDynamics(1, neuron=THRESHOLD, sweeps=1)) <= 1e-12
    assert rise(BlockDynamics(2, neuron=THRESHOLD, sweeps=1)) >= 4.0


# The package's verbs.


@pytest.mark.parametrize("register", REGISTERS)
def test_recall_runs_blocks(register):
    patterns = random_patterns(1, 8, seed=1)
    probes = corrupt(patterns, flips=1, seed=2)
    method = BlockDynamics(2, sweeps=2, register=register)
    result = recall(Hopfield.store(patterns), probes, method, shots=50, seed=3)
    again = recall(Hopfield.store(patterns), probes, method, shots=50, seed=3)
    np.testing.assert_array_equal(result.states, patterns)
    np.testing.assert_array_equal(result.expectations, again.expectations)
    exact = recall(Hopfield.store(patterns), probes, method, exact=True)
    assert exact.run_on == "law"
    np.testing.assert_array_equal(exact.states, patterns)


@pytest.mark.parametrize("register, total", [("feedforward", 6), ("reuse", 4)])
def test_progress_ends_where_it_says(register, total, memory, aer):
    seen = []
    method = BlockDynamics([[0, 1, 2], [3]], neuron=ROTATION, sweeps=2, register=register)
    rng = np.random.default_rng(0)
    method.run(memory("real", 4), [1] * 4, 4, aer, rng, lambda *at: seen.append(at))
    assert seen == [(step + 1, total) for step in range(total)]


@pytest.mark.parametrize("register", REGISTERS)
def test_runs_without_an_accepted_shot(register, memory, aer):
    # Two blocks of level 2, each tried once, a fair chance at best: 3 shots of 24 updates all fail.
    method = BlockDynamics(2, neuron=RUSNeuron(2, attempts=1), sweeps=6, register=register)
    samples = method.run(memory("hebb", 4), [1, 1, 1, 1], 3, aer, np.random.default_rng(0))
    assert samples.acceptance.tolist() == [0.0]
    assert len(samples.outcomes[0]) == 0
    assert np.isnan(samples.attempts).all()


def test_what_is_billed():
    model = Hopfield.store([[1, 1, 1, -1, 1], [1, -1, 1, 1, 1]])
    neuron = RUSNeuron(1)
    synapses = np.count_nonzero(model.weights, axis=1)
    prepared = NeuronDynamics(neuron).prepared(model)
    tries = prepared.blocks(model.local_field(model.patterns)).mean(axis=0)
    alone = resources(model, BlockDynamics(2, neuron=neuron, sweeps=2))
    assert (alone.qubits, alone.updates, alone.circuits, alone.two_qubit_gates) == (2, 10, 10, 10)
    assert alone.expected_two_qubit_gates == pytest.approx(2 * tries.sum())
    assert alone.expected_attempts == pytest.approx(tries.mean())
    # Blocks of three and two neurons: the widest circuit has 3 + 1 + 1 qubits.
    method = BlockDynamics(2, neuron=neuron, sweeps=2, register="reuse")
    bill, cost = method.bill(model), resources(model, method)
    inner = np.count_nonzero(model.weights[:3, :3]) + np.count_nonzero(model.weights[3:, 3:])
    assert inner < synapses.sum()
    assert (cost.qubits, method.qubits(model), cost.updates) == (5, 5, 10)
    assert [circuit.num_qubits for circuit in bill.side_by_side] == [5, 4]
    per_sweep = sum(circuit_cost(circuit).two_qubit_gates for circuit in bill.side_by_side)
    assert per_sweep == 2 * inner + 5
    assert (cost.circuits, cost.two_qubit_gates) == (4, 2 * per_sweep)
    assert cost.depth == 2 * max(circuit_cost(each).depth for each in bill.side_by_side)
    assert cost.expected_two_qubit_gates == bill.expected_two_qubit_gates
    assert (cost.gain, cost.expected_attempts) == (bill.gain, pytest.approx(tries.mean()))
    own = np.array(
        [np.count_nonzero(row[:3]) for row in model.weights[:3]]
        + [np.count_nonzero(row[3:]) for row in model.weights[3:]]
    )
    assert bill.expected_two_qubit_gates == pytest.approx(2 * float((tries * (2 * own + 1)).sum()))
    assert bill.gain == prepared.gain
    exact = resources(model, BlockDynamics(2, neuron=THRESHOLD, sweeps=2, register="reuse"))
    assert exact.field_error == 0.0 and math.isnan(exact.gain)
    assert exact.expected_two_qubit_gates == exact.two_qubit_gates
    unknown = BlockDynamics(2, neuron=neuron, register="reuse")
    assert math.isnan(resources(Hopfield(model.weights), unknown).expected_two_qubit_gates)


# Bad input.


@pytest.mark.parametrize(
    "blocks, options, error, message",
    [
        (0, {}, ValueError, "blocks must be >= 1, got 0"),
        (-2, {}, ValueError, "blocks must be >= 1, got -2"),
        (True, {}, TypeError, "blocks must be a number of parts or the indices"),
        (2.0, {}, TypeError, "blocks must be a number of parts or the indices"),
        (None, {}, TypeError, "blocks must be a number of parts or the indices"),
        ("01", {}, TypeError, "blocks must be a number of parts or the indices"),
        ([], {}, ValueError, "blocks must have at least one part"),
        ([[0, 1], []], {}, ValueError, r"blocks\[1\] is empty"),
        ([0, 1], {}, TypeError, r"blocks\[0\] must be a list of whole indices, got 0"),
        (["01"], {}, TypeError, r"blocks\[0\] must be a list of whole indices, got '01'"),
        ([[0, 1], [1, 2]], {}, ValueError, r"index 1 is in blocks\[0\] and in blocks\[1\]"),
        ([[0, 1], [2, 2]], {}, ValueError, r"index 2 is twice in blocks\[1\]"),
        ([[0, -1]], {}, ValueError, r"an index in blocks\[0\] must be >= 0, got -1"),
        ([[0], [1.5]], {}, TypeError, r"an index in blocks\[1\] must be an integer"),
        ([[0], [True]], {}, TypeError, r"an index in blocks\[1\] must be an integer"),
        (2, {"link": 1.5}, ValueError, "link must be a finite number >= 0 and <= 1, got 1.5"),
        (2, {"link": -0.1}, ValueError, "link must be a finite number >= 0"),
        (2, {"link": math.nan}, ValueError, "link must be a finite number"),
        (2, {"link": None}, TypeError, "link must be a real number"),
        (2, {"link": True}, TypeError, "link must be a real number"),
        (2, {"register": "coherent"}, ValueError, "one of 'feedforward', 'reuse'; got 'coherent'"),
        (2, {"neuron": 2}, TypeError, "neuron must be RotationNeuron"),
        (2, {"sweeps": 0}, ValueError, "sweeps must be >= 1, got 0"),
        (2, {"gain": "huge"}, ValueError, "gain must be one of 'safe', 'typical'"),
        (2, {"gain": -1.0}, ValueError, "gain must be a finite number > 0"),
        (2, {"fold": 1}, TypeError, "fold must be True or False"),
    ],
    ids=repr,
)
def test_bad_methods(blocks, options, error, message):
    with pytest.raises(error, match=message):
        BlockDynamics(blocks, **options)


MODEL = Hopfield.store([[1, 1, 1, -1], [1, -1, 1, 1]])
LEFT = Hopfield([[0, 0, 1], [0, 0, 0], [1, 0, 0]])


def verbs(method):
    """Everything that takes a model and a probe."""
    rng = np.random.default_rng(0)
    return {
        "circuit": lambda model, probe: method.circuit(model, probe),
        "law": lambda model, probe: method.law(model, probe),
        "sample_law": lambda model, probe: method.sample_law(model, probe, 2, rng),
        "run": lambda model, probe: method.run(model, probe, 2, AerRunner(), rng),
    }


@pytest.mark.parametrize("verb", ["circuit", "law", "sample_law", "run"])
@pytest.mark.parametrize(
    "blocks, options, model, error, message",
    [
        (5, {}, MODEL, ValueError, "blocks=5 would leave parts empty: there are only 4 neurons"),
        ([[0, 1], [2, 4]], {}, MODEL, ValueError, "hold index 4, but there are 4 neurons"),
        ([[3], [0]], {}, MODEL, ValueError, "missing: 1, 2"),
        (2, {}, "a model", TypeError, "model must be a memory such as"),
        (
            2,
            {},
            DenseAssociativeMemory([[1, 1, 1, -1]], Polynomial(3)),
            TypeError,
            r"got DenseAssociativeMemory. NeuronDynamics\(\) updates",
        ),
        (2, {}, ModernHopfield([[1, 1, 1, -1]], beta=1.0), TypeError, r"FilteredMemory\(\)"),
        ([[0, 1], [2]], {"link": 0.0}, LEFT, ValueError, "No weight is left.*link > 0"),
        (2, {"gain": 9.0}, MODEL, ValueError, "gain 9 folds.*fold=True"),
        (2, {"gain": "typical"}, Hopfield(MODEL.weights), ValueError, "needs the stored patterns"),
    ],
)
def test_pairs_that_cannot_work(verb, blocks, options, model, error, message):
    method = BlockDynamics(blocks, **options)
    probe = np.ones(getattr(model, "num_neurons", 4))
    with pytest.raises(error, match=message):
        verbs(method)[verb](model, probe)
    if verb == "circuit" and not isinstance(model, str):
        with pytest.raises(error, match=message):
            resources(model, method)


@pytest.mark.parametrize("verb", ["circuit", "law", "sample_law", "run"])
@pytest.mark.parametrize("register", REGISTERS)
@pytest.mark.parametrize(
    "probe, error, message",
    [
        ([1, 1, 1], ValueError, "must have 4 entries a row, one a neuron; got 3"),
        ([1, 1, 1, 2], ValueError, "between -1 and 1; got 2"),
        ([1, 1, 1, math.nan], ValueError, "finite numbers; got nan"),
        ([], ValueError, "must not be empty"),
        ("++-+", TypeError, "must hold real numbers, got str"),
        (Statevector.from_int(0, 16), ValueError, r"amplitudes play no part.*register='reuse'"),
    ],
)
def test_bad_probes(verb, register, probe, error, message):
    with pytest.raises(error, match=message):
        verbs(BlockDynamics(2, neuron=ROTATION, register=register))[verb](MODEL, probe)


@pytest.mark.parametrize("blocks, num_neurons", [(1, 19), (2, 13), ([[0], range(1, 13)], 13)])
def test_a_long_law_is_refused_and_sampled(blocks, num_neurons):
    model = Hopfield.store(np.ones((1, num_neurons), dtype=int))
    method = BlockDynamics(blocks, neuron=ROTATION, sweeps=1)
    assert method.law_limit == num_neurons - 1
    with pytest.raises(ValueError, match=f"{num_neurons} neurons in .*exact=True"):
        method.law(model, np.ones(num_neurons))
    result = recall(model, np.ones(num_neurons), method, shots=5, seed=1, exact=True)
    assert result.run_on == "law, sampled"


def test_a_wide_block_is_refused_before_it_is_built(aer):
    model = Hopfield.store(np.ones((1, 100), dtype=int))
    method = BlockDynamics(2, neuron=ROTATION, sweeps=1, register="reuse")
    assert method.qubits(model) == 51
    with pytest.raises(ValueError, match=r"51 qubits need .*Use smaller blocks"):
        method.run(model, np.ones(100), 2, aer, np.random.default_rng(0))
    assert BlockDynamics(20, neuron=ROTATION, register="reuse").qubits(model) == 6
