"""The network layer: one set of weights on the law, on PennyLane and on Aer; PyTorch's habits."""

from __future__ import annotations

import copy
import io
import math
import pickle
import re
import warnings

import numpy as np
import pytest
import torch
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qhopfield.circuits import Hopfield, NeuronDynamics, RotationNeuron, RUSNeuron, laws, recall
from qhopfield.circuits.patterns import random_patterns
from qhopfield.hybrid.execution import EmptyRun
from qhopfield.hybrid.layers import run_on
from qhopfield.hybrid.layers.network import QuantumHopfieldNetwork

EXACT = [{"device": "default.qubit"}, {"device": "lightning.qubit"}, {"backend": AerSimulator()}]
NAMES = ["default.qubit", "lightning.qubit", "aer"]


def network(num_neurons=4, level=1, steps=1, seed=0, **options):
    """A double-precision network with random weights and bias."""
    options.setdefault("dtype", torch.float64)
    layer = QuantumHopfieldNetwork(num_neurons, level, steps, **options)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        layer.synapses.copy_(torch.randn(layer.synapses.shape, generator=generator))
        if layer.bias is not None:
            layer.bias.copy_(torch.randn(num_neurons, generator=generator))
    return layer


def states(rows, num_neurons, seed=1, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, num_neurons, generator=generator, dtype=dtype) * 2 - 1


def outcome(layer, state):
    """Output, acceptance, and the gradients of a sum in which every entry counts differently."""
    state = state.clone().requires_grad_()
    output, acceptance = layer(state, need_acceptance=True)
    total = sum(
        (part * torch.arange(1.0, part.numel() + 1, dtype=part.dtype).view(part.shape)).sum()
        for part in (output, acceptance)
    )
    return output, acceptance, *torch.autograd.grad(total, [state, *layer.parameters()])


def by_hand(layer, state, i):
    """The mean spin and the acceptance of neuron i, by the sum over all spins."""
    count = layer.num_neurons
    spins = 1.0 - 2.0 * (torch.arange(2**count)[:, None] >> torch.arange(count) & 1).double()
    chances = ((1 + spins * state) / 2).prod(-1)
    bound = (layer.weights.abs().sum(-1) + layer.bias.abs()).max()
    gain = (math.pi / 4) / bound if layer.gain == "safe" else layer.gain
    fields = spins @ layer.weights[i] + layer.bias[i]
    response = laws.neuron_expectation(fields, gain, layer.level)
    kept = laws.neuron_acceptance(fields, gain, layer.level, 1)
    return (chances * kept * response).sum() / (chances * kept).sum(), (chances * kept).sum()


# The law ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", ["safe", 0.3])
@pytest.mark.parametrize("level", range(5))
def test_one_step_is_the_sum_over_all_spins(level, gain):
    layer = network(5, level, gain=gain)
    state = states(2, 5)
    state[0, 0] = 1.0
    output, acceptance = layer(state, need_acceptance=True)
    for row in range(2):
        for i in range(5):
            mean, kept = by_hand(layer, state[row], i)
            assert float((output[row, i] - mean).detach().abs()) < 1e-12
            assert float((acceptance[row, 0, i] - kept).detach().abs()) < 1e-12


def test_steps_take_the_answers_of_the_step_before():
    layer = network(4, 1, 3)
    once = network(4, 1, 1)
    state = states(2, 4)
    output, acceptance = layer(state, need_acceptance=True)
    expected = []
    for _ in range(3):
        state, kept = once(state, need_acceptance=True)
        expected.append(kept)
    torch.testing.assert_close(output, state, rtol=0, atol=1e-14)
    torch.testing.assert_close(acceptance, torch.cat(expected, 1), rtol=0, atol=1e-14)


def test_sequential_updates_read_the_answers_before_them():
    layer = network(4, 2, 1, update="sequential")
    state = states(1, 4)[0]
    output = layer(state)
    current = state.clone()
    for i in range(4):
        current[i] = by_hand(layer, current, i)[0].detach()
    torch.testing.assert_close(output.detach(), current, rtol=0, atol=1e-12)
    assert float((output - network(4, 2, 1)(state)).detach().abs().max()) > 1e-3


@pytest.mark.parametrize("level", range(3))
def test_one_update_is_that_of_neuron_dynamics(level):
    # The recall method and the layer describe the same circuit.
    layer, state = network(4, level), states(1, 4)[0]
    neuron = RUSNeuron(level, attempts=1) if level else RotationNeuron()
    output, acceptance = layer(state, need_acceptance=True)
    for i in range(4):
        method = NeuronDynamics(neuron, sweeps=1, order=[i], register="coherent")
        law = method.law(layer.model(), state.numpy())
        mean = float(law.probabilities @ law.states[:, i])
        assert mean == pytest.approx(float(output[i].detach()), abs=1e-12)
        assert law.acceptance == pytest.approx(float(acceptance[0, i].detach()), abs=1e-12)


@pytest.mark.parametrize("update", ["synchronous", "sequential"])
@pytest.mark.parametrize("level", [0, 1, 2, 4])
def test_gradients_of_the_law(level, update):
    layer = network(3, level, 2, update=update)

    def run(state, synapses, bias):
        values = {"synapses": synapses, "bias": bias}
        return torch.func.functional_call(layer, values, (state, True))

    inputs = [states(2, 3), *(p.detach() for p in layer.parameters())]
    assert torch.autograd.gradcheck(run, [x.clone().requires_grad_() for x in inputs])


def test_the_weights_are_symmetric_and_bare_on_the_diagonal():
    layer = network(5)
    weights = layer.weights.detach()
    assert torch.equal(weights, weights.T)
    assert not weights.diagonal().any()
    rows, columns = torch.triu_indices(5, 5, 1)
    assert torch.equal(weights[rows, columns], layer.synapses.detach())


def test_the_safe_gain_follows_the_weights():
    layer = network(4)
    assert float(layer.reach.detach()) == pytest.approx(1.0)
    before = layer(states(2, 4)).detach()
    with torch.no_grad():
        layer.synapses.mul_(7.0)
        layer.bias.mul_(7.0)
    torch.testing.assert_close(layer(states(2, 4)).detach(), before, rtol=0, atol=1e-13)
    fixed = network(4, gain=0.3)
    bound = fixed.model().field_bound()
    assert float(fixed.reach.detach()) == pytest.approx(0.3 * bound / (math.pi / 4))


def test_without_weights_every_neuron_is_undecided():
    layer = QuantumHopfieldNetwork(3, 1)
    with torch.no_grad():
        layer.synapses.zero_()
    output = layer(states(2, 3, dtype=torch.float32).requires_grad_())
    assert torch.equal(output.detach(), torch.zeros(2, 3))
    output.sum().backward()
    assert bool(torch.isfinite(layer.synapses.grad).all())


# The same on circuits --------------------------------------------------------------------------


@pytest.mark.parametrize("execution", EXACT, ids=NAMES)
@pytest.mark.parametrize(
    "num_neurons, level, steps, update",
    [
        (4, 0, 2, "synchronous"),
        (3, 1, 2, "sequential"),
        (4, 1, 2, "synchronous"),
        (3, 2, 2, "synchronous"),
    ],
)
def test_exact_circuits_are_the_law(execution, num_neurons, level, steps, update):
    options = {"level": level, "steps": steps, "update": update}
    state = states(2, num_neurons)
    state[0, 0], state[1, 1] = 1.0, -1.0  # where arccos has an infinite slope
    law = outcome(network(num_neurons, **options), state)
    circuits = outcome(network(num_neurons, **options, **execution), state)
    for found, wanted in zip(circuits, law, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("execution", EXACT, ids=NAMES)
@pytest.mark.parametrize("num_neurons, level", [(12, 0), (11, 1), (9, 2)])
def test_twelve_qubits(execution, num_neurons, level):
    state = states(1, num_neurons)
    layer = network(num_neurons, level)
    assert layer.program.num_qubits() == 12
    law = outcome(layer, state)
    with run_on(layer, **execution):
        circuits = outcome(layer, state)
    for found, wanted in zip(circuits, law, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)


def sampled(layer, state, runs):
    """What independent runs say, each a flat row of output, acceptance and gradients."""
    return torch.stack([flat(outcome(layer, state)) for _ in range(runs)])


def flat(parts):
    return torch.cat([part.detach().flatten() for part in parts])


@pytest.mark.parametrize("gradient", ["covariance", "parameter-shift"])
@pytest.mark.parametrize("num_neurons, level", [(4, 0), (3, 1), (2, 2)])
def test_shots_say_what_the_law_says(num_neurons, level, gradient, chance):
    # Of 4000 shots a quotient is biased by less than a tenth of the standard error of 20 runs.
    shifts = gradient == "parameter-shift"  # many circuits
    layer, state = network(num_neurons, level), states(1 if shifts else 2, num_neurons)
    state[0, 0], state[-1, 1] = 1.0, -1.0  # where neither angles nor scores have a slope
    law = flat(outcome(layer, state))
    with run_on(layer, backend=AerSimulator(), shots=4000, gradient=gradient, seed=8):
        chance.sampled(sampled(layer, state, 10 if shifts else 20), law)


def test_shots_on_pennylane_say_what_the_law_says(chance):
    layer, state = network(3, 1), states(1, 3)
    law = flat(outcome(layer, state))
    with run_on(layer, device="default.qubit", shots=4000, seed=3):
        chance.sampled(sampled(layer, state, 10), law)


def test_steps_with_shots_train():
    layer, state = network(3, 1, 2), states(4, 3)
    with run_on(layer, backend=AerSimulator(), shots=400, seed=4):
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
        losses = []
        for _ in range(15):
            optimizer.zero_grad()
            loss = ((layer(state) - 0.5) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]


def test_noise_moves_the_answer_and_reuse_runs():
    layer, state = network(3, 1), states(1, 3)
    clean = layer(state).detach()
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx", "rzz"])
    with torch.no_grad(), run_on(layer, noise_model=noise):
        noisy = layer(state)
    assert 1e-3 < float((noisy - clean).abs().max()) < 0.5
    options = {"noise_model": noise, "shots": 4000, "layout": "reuse", "seed": 1}
    with torch.no_grad(), run_on(layer, **options):
        assert float((layer(state) - noisy).abs().max()) < 0.1


def test_no_accepted_run_is_an_error():
    layer = network(3, 2, backend=AerSimulator(), shots=1, seed=0, gain=1e-6)
    with pytest.raises(EmptyRun, match="had no accepted run among 1 shots"):
        layer(states(8, 3))


@pytest.mark.parametrize("neuron", [0, 2])
def test_circuit_and_qnode(neuron, chance):
    layer, state = network(3, 1), states(1, 3)[0]
    output, acceptance = layer(state, need_acceptance=True)
    for layout in ("coherent", "reuse"):
        circuit = layer.circuit(state, neuron=neuron, layout=layout)
        assert not circuit.parameters and circuit.num_qubits == 4
        counts = AerSimulator(seed_simulator=1).run(circuit, shots=20_000).result().get_counts()
        seen = [0, 0, 0]  # spin +1, spin -1, rejected: the bits are "read rejected spin"
        for key, count in counts.items():
            _, rejected, spin = key.split()
            seen[2 if rejected == "1" else int(spin)] += count
        mean, kept = float(output.detach()[neuron]), float(acceptance.detach()[0, neuron])
        chance.chi_square([seen], [[kept * (1 + mean) / 2, kept * (1 - mean) / 2, 1 - kept]])
    node, angles = layer.qnode(state, neuron=neuron)
    up, down = node(angles)[:2]
    assert float((up - down) / (up + down)) == pytest.approx(float(output[neuron].detach()))


# Storing, recalling, energy --------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["hebb", "storkey", "projection"])
def test_a_stored_network_recalls(rule):
    patterns = random_patterns(2, 24, seed=3)
    layer = QuantumHopfieldNetwork.store(patterns, rule=rule, level=3, steps=5)
    np.testing.assert_allclose(layer.model().weights, Hopfield.store(patterns, rule=rule).weights)
    probes = patterns.astype(float)
    probes[:, :3] *= -1
    probes[:, 3:6] = 0.0
    found = layer.recall(probes)
    assert found.shape == (2, 24) and not found.requires_grad
    np.testing.assert_array_equal(found.sign().numpy(), patterns)
    np.testing.assert_array_equal(layer.recall(probes[0]).sign().numpy(), patterns[0])
    assert layer.recall(probes[:1]).shape == (1, 24)
    assert layer.recall(probes[:1].tolist()).shape == (1, 24)
    one = layer.recall(torch.tensor(probes), steps=1)
    assert float((one - found).abs().max()) > 1e-3


def test_a_typical_gain_is_a_number_above_the_safe_one():
    patterns = random_patterns(9, 96, seed=1)
    layer = QuantumHopfieldNetwork.store(patterns, gain="typical", bias=np.full(96, 0.1))
    assert isinstance(layer.gain, float)
    assert float(layer.reach.detach()) > 1.5
    assert torch.allclose(layer.bias.detach(), torch.tensor(0.1))
    safe = QuantumHopfieldNetwork.store(patterns, bias=np.full(96, 0.1))
    cosines = [
        float((net.recall(patterns) * torch.tensor(patterns)).mean()) for net in (layer, safe)
    ]
    assert cosines[0] > cosines[1]


def test_trained_weights_go_to_the_recall_methods():
    patterns = random_patterns(1, 8, seed=2)
    layer = QuantumHopfieldNetwork.store(patterns)
    result = recall(layer.model(), patterns, NeuronDynamics(RUSNeuron(2)), shots=20, seed=1)
    np.testing.assert_array_equal(result.states, patterns)


@pytest.mark.parametrize("level", range(4))
def test_the_energy_never_rises_along_its_flow(level):
    layer = network(6, level, seed=level)
    gain = laws.safe_gain(layer.model().field_bound())
    weights, bias = layer.weights.detach(), layer.bias.detach()
    fields = 0.99 * states(8, 6, seed=5) * (math.pi / 4 / gain)

    def means(x):
        return laws.neuron_expectation(x, gain, level)

    energies = []
    for _ in range(400):
        energies.append(layer.energy(means(fields)).detach())
        fields = fields + 0.02 * (means(fields) @ weights + bias - fields)
    change = torch.stack(energies).diff(dim=0)
    assert bool((change < 1e-9).all())
    assert bool((change[0] < -1e-4).all())
    # Its slope is the one that the flow follows.
    z = (0.9 * states(3, 6)).index_fill(1, torch.tensor(0), 1.0).requires_grad_()
    (slope,) = torch.autograd.grad(layer.energy(z).sum(), z)
    inverse = laws.neuron_field(z.detach(), gain, level)
    torch.testing.assert_close(slope, inverse - z.detach() @ weights - bias, rtol=0, atol=1e-9)


@pytest.mark.parametrize("level", range(4))
def test_mean_field_updates_one_at_a_time_never_raise_the_energy(level):
    layer = network(5, level, seed=3)
    gain = laws.safe_gain(layer.model().field_bound())
    weights, bias = layer.weights.detach(), layer.bias.detach()
    z = states(6, 5)
    before = layer.energy(z).detach()
    for i in [0, 3, 1, 4, 2] * 3:
        z[:, i] = laws.neuron_expectation(z @ weights[i] + bias[i], gain, level)
        after = layer.energy(z).detach()
        assert bool((after <= before + 1e-12).all())
        before = after


# PyTorch's habits ------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("execution", [{}, *EXACT], ids=["law", *NAMES])
def test_batches(rows, execution):
    layer = network(3, 1, 2, **execution)
    output, acceptance = layer(states(rows, 3), need_acceptance=True)
    assert output.shape == (rows, 3) and acceptance.shape == (rows, 2, 3)
    output.sum().backward()
    assert layer.synapses.grad.shape == (3,)


@pytest.mark.parametrize("execution", [{}, {"device": "default.qubit"}], ids=["law", "pennylane"])
@pytest.mark.parametrize("update", ["synchronous", "sequential"])
def test_leading_dimensions(execution, update):
    layer = network(3, 1, 2, update=update, **execution)
    state = states(6, 3)
    output, acceptance = layer(state.view(2, 3, 3), need_acceptance=True)
    flat = layer(state, need_acceptance=True)
    torch.testing.assert_close(output.view(6, 3), flat[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(acceptance.view(6, 2, 3), flat[1], rtol=0, atol=1e-12)
    torch.testing.assert_close(layer(state[0]), flat[0][0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("level", range(5))
def test_single_precision(level):
    layer = network(9, level, 2)
    state = states(5, 9)
    wanted = layer(state).detach()
    single = copy.deepcopy(layer).float()
    output = single(state.float())
    assert output.dtype == torch.float32
    assert float((output.detach() - wanted).abs().max()) < 1e-5
    output.sum().backward()
    assert single.synapses.grad.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    layer, state = network(5, 2, 2), states(4, 5)
    half = copy.deepcopy(layer).to(dtype)
    output = half(state.to(dtype))
    rounded = copy.deepcopy(half).float()(state.to(dtype).float())
    assert output.dtype == dtype
    assert torch.equal(output, rounded.to(dtype))


def test_autocast_changes_nothing():
    layer, state = network(5, 2, 2, dtype=torch.float32), states(4, 5, dtype=torch.float32)
    wanted = layer(state)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer(state), wanted)


def test_factory_arguments():
    layer = QuantumHopfieldNetwork(3, device="meta", dtype=torch.float16)
    assert layer.synapses.device.type == "meta" and layer.bias.dtype == torch.float16
    assert layer(torch.empty(2, 3, device="meta", dtype=torch.float16)).shape == (2, 3)
    with torch.device("meta"):
        assert QuantumHopfieldNetwork(3).synapses.device.type == "meta"
    assert QuantumHopfieldNetwork(3, bias=False).bias is None
    torch.manual_seed(1)
    first = QuantumHopfieldNetwork(3)
    torch.manual_seed(1)
    assert torch.equal(QuantumHopfieldNetwork(3).synapses, first.synapses)
    assert float(first.synapses.detach().abs().max()) <= 1 / math.sqrt(3)


def test_repr():
    layer = QuantumHopfieldNetwork(4, 2, 3, gain=0.25, bias=False, update="sequential")
    assert repr(layer) == (
        "QuantumHopfieldNetwork(num_neurons=4, level=2, steps=3, gain=0.25, bias=False, "
        "update='sequential')"
    )
    shown = repr(QuantumHopfieldNetwork(4, backend=AerSimulator(), shots=100))
    assert "gain='safe'" in shown and "(100 shots)" in shown


def test_state_dict_deepcopy_and_pickle():
    layer, state = network(4, 1, 2), states(3, 4)
    wanted = layer(state)
    assert list(layer.state_dict()) == ["synapses", "bias"]
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    loaded = network(4, 1, 2, seed=9)
    loaded.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(loaded(state), wanted)
    assert torch.equal(copy.deepcopy(layer)(state), wanted)
    for execution in ({}, {"backend": AerSimulator()}, {"device": "default.qubit"}):
        moved = network(4, 1, 2, **execution)
        again = pickle.loads(pickle.dumps(moved))
        torch.testing.assert_close(again(state), wanted, rtol=0, atol=1e-9)
        torch.testing.assert_close(copy.deepcopy(moved)(state), wanted, rtol=0, atol=1e-9)


def test_vmap_and_second_derivatives():
    layer, state = network(3, 1, 2), states(4, 3)
    torch.testing.assert_close(torch.func.vmap(layer)(state), layer(state), rtol=0, atol=1e-13)
    jacobian = torch.func.vmap(torch.func.jacrev(layer))(state)
    expected = torch.autograd.functional.jacobian(lambda x: layer(x).sum(0), state)
    torch.testing.assert_close(jacobian, expected.permute(1, 0, 2), rtol=0, atol=1e-12)
    first = state[:1].clone().requires_grad_()
    assert torch.autograd.gradgradcheck(layer, (first,))


@pytest.mark.parametrize("level, steps, update", [(1, 2, "synchronous"), (2, 1, "sequential")])
def test_compile(level, steps, update):
    layer, state = network(3, level, steps, update=update), states(3, 3)
    wanted = outcome(layer, state)
    torch._dynamo.reset()
    # The graph is what counts here; a code generator would take its time.
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    for found, expected in zip(outcome_of(compiled, layer, state), wanted, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def outcome_of(compiled, layer, state):
    state = state.clone().requires_grad_()
    output, acceptance = compiled(state, need_acceptance=True)
    total = sum(
        (part * torch.arange(1.0, part.numel() + 1, dtype=part.dtype).view(part.shape)).sum()
        for part in (output, acceptance)
    )
    return output, acceptance, *torch.autograd.grad(total, [state, *layer.parameters()])


def test_export():
    layer = network(5, 1, 2).eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(layer, (states(3, 5),), dynamic_shapes=({0: batch},))
    state = states(7, 5)
    torch.testing.assert_close(program.module()(state), layer(state), rtol=0, atol=1e-13)


def test_training_on_the_law_stores_patterns():
    patterns = torch.tensor(random_patterns(3, 10, seed=4), dtype=torch.float32)
    torch.manual_seed(0)
    layer = QuantumHopfieldNetwork(10, level=2, steps=2)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    noisy = patterns.clone()
    noisy[:, :2] = 0.0
    for _ in range(150):
        optimizer.zero_grad()
        loss = ((layer(noisy) - patterns) ** 2).mean()
        loss.backward()
        optimizer.step()
    assert torch.equal(layer.recall(noisy).sign(), patterns)


# Bad input -------------------------------------------------------------------------------------


def test_expectations_may_exceed_one_by_rounding():
    layer = network(3, dtype=torch.float32)
    above = torch.full((1, 3), 1.0 + torch.finfo(torch.float32).eps)
    assert float((layer(above) - layer(torch.ones(1, 3))).detach().abs().max()) < 1e-5
    with torch.no_grad(), run_on(layer, backend=AerSimulator(), shots=50):
        assert layer(above).shape == (1, 3)


LAYER = network(3)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: QuantumHopfieldNetwork(1), ValueError, "num_neurons must be >= 2, got 1"),
        (lambda: QuantumHopfieldNetwork(3.0), TypeError, "num_neurons must be an integer"),
        (lambda: QuantumHopfieldNetwork(3, 5), ValueError, "level must be between 0 and 4, got 5"),
        (lambda: QuantumHopfieldNetwork(3, 1, 0), ValueError, "steps must be >= 1, got 0"),
        (
            lambda: QuantumHopfieldNetwork(3, gain=0.0),
            ValueError,
            "gain must be a finite number > 0",
        ),
        (lambda: QuantumHopfieldNetwork(3, gain="large"), ValueError, "gain must be one of 'safe'"),
        (
            lambda: QuantumHopfieldNetwork(3, gain="typical"),
            ValueError,
            "is set by stored patterns",
        ),
        (lambda: QuantumHopfieldNetwork(3, gain=None), TypeError, "gain must be a real number"),
        (lambda: QuantumHopfieldNetwork(3, bias=1), TypeError, "bias must be True or False, got 1"),
        (lambda: QuantumHopfieldNetwork(3, update="random"), ValueError, "update must be one of"),
        (lambda: QuantumHopfieldNetwork(3, shots=10), ValueError, "shots= is for circuits"),
        (
            lambda: QuantumHopfieldNetwork(3, device="no.such"),
            ValueError,
            "PennyLane has no device",
        ),
        (
            lambda: LAYER(torch.zeros(2, 4, dtype=torch.float64)),
            ValueError,
            "input must have shape (..., 3), one entry a neuron; got (2, 4)",
        ),
        (lambda: LAYER(torch.tensor(0.5)), ValueError, "one entry a neuron; got ()"),
        (lambda: LAYER([0.0, 0.0, 0.0]), TypeError, "input must be a torch.Tensor, got list"),
        (lambda: LAYER(torch.zeros(3, dtype=torch.int64)), TypeError, "floating-point tensor"),
        (
            lambda: LAYER(torch.tensor([[0.0, 0.0, 0.0], [0.0, -1.5, 0.0]])),
            ValueError,
            "input must lie in [-1, 1] (expectations of the spins); got -1.5 at (1, 1). Put a "
            "torch.tanh or a clamp before the layer.",
        ),
        (lambda: LAYER(torch.tensor([0.0, math.nan, 0.0])), ValueError, "got nan at (1,)"),
        (lambda: LAYER(torch.tensor([0.0, math.inf, 0.0])), ValueError, "got inf at (1,)"),
        (lambda: LAYER.energy(torch.zeros(2)), ValueError, "state must have shape (..., 3)"),
        (lambda: LAYER.recall([[2.0, 0.0, 0.0]]), ValueError, "numbers between -1 and 1"),
        (lambda: LAYER.recall(torch.zeros(2, 4)), ValueError, "3 entries a row"),
        (lambda: LAYER.recall([1, 1, 1], steps=0), ValueError, "steps must be >= 1"),
        (lambda: LAYER.circuit(torch.zeros(1, 3)), ValueError, "state must be one state, (3,)"),
        (lambda: LAYER.circuit(torch.zeros(3), neuron=3), IndexError, "between 0 and 2, got 3"),
        (
            lambda: LAYER.circuit(torch.zeros(3), neuron=-1),
            IndexError,
            "neuron must be between 0 and 2",
        ),
        (lambda: LAYER.circuit(torch.ones(3) * 2), ValueError, "state must lie in [-1, 1]"),
        (lambda: LAYER.circuit(torch.zeros(3), layout="x"), ValueError, "layout must be one of"),
        (lambda: LAYER.qnode(torch.zeros(4)), ValueError, "state must have shape (..., 3)"),
        (lambda: QuantumHopfieldNetwork.store([[1, 2]]), ValueError, "only +1 and -1"),
        (lambda: QuantumHopfieldNetwork.store([[1, 1]], rule="x"), ValueError, "rule must be one"),
        (lambda: QuantumHopfieldNetwork.store([[1, 1]], gain="x"), ValueError, "gain must be one"),
        (
            lambda: network(3, backend=AerSimulator(), gradient="covariance")(states(1, 3)),
            ValueError,
            "reads the recorded shots, and exact probabilities have none",
        ),
    ],
)
def test_bad_input(call, error, message):
    with warnings.catch_warnings(), pytest.raises(error, match=re.escape(message)):
        call()
