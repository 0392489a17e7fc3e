"""Shots: what comes back is a sample of the law, gradients too, and seeds decide it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from qiskit.primitives import StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2
from scipy.stats import chi2
from torch import nn

from qhopfield.hybrid import (
    EmptyRun,
    QuantumHopfieldEncoderLayer,
    QuantumHopfieldPooling,
    run_on,
)
from qhopfield.hybrid.execution import PennyLaneExecutor, normalise

KINDS = pytest.mark.parametrize("keys", ["binary", "product"])

SAMPLED = {
    "aer": lambda: {"backend": AerSimulator(), "layout": "coherent"},
    "aer, one key qubit": lambda: {"backend": AerSimulator(), "layout": "reuse"},
    "aer by itself": lambda: {"backend": AerSimulator()},
    "default.qubit": lambda: {"device": "default.qubit"},
    "lightning.qubit": lambda: {"device": "lightning.qubit"},
    "aer, shifts": lambda: {"backend": AerSimulator(), "gradient": "parameter-shift"},
    "qiskit sampler": lambda: {"sampler": StatevectorSampler(seed=7)},
    "aer sampler": lambda: {"sampler": SamplerV2(seed=7), "layout": "reuse"},
    "aer sampler, coherent": lambda: {"sampler": SamplerV2(seed=7), "layout": "coherent"},
}


def affordable(path, shots):
    """Aer runs a circuit with resets shot by shot, at 100 times the cost."""
    return shots // 8 if "one key qubit" in path or path == "aer sampler" else shots


def place(name, **more):
    made = SAMPLED[name]()
    return made | ({} if "sampler" in made else {"seed": 11}) | more


@KINDS
@pytest.mark.parametrize("path", SAMPLED)
def test_runs_are_a_sample_of_the_law(path, keys, small, draw, chance):
    """Every circuit's counts: each pattern's, and of runs that do not count."""
    shots, layer = affordable(path, 2000), small(keys)
    x, stored = draw(2, 2, 4), draw(2, 3, 4)
    causal = {"attn_mask": torch.tensor([[False, False, True], [False, False, False]])}
    for masks in ({}, causal):
        law = layer.associate(x, stored, **masks)
        with torch.no_grad(), run_on(layer, shots=shots, **place(path)):
            found = layer.associate(x, stored, **masks)
        counts = (found.association * found.acceptance[..., None] * shots).view(-1, 3)
        torch.testing.assert_close(counts, counts.round(), atol=1e-6, rtol=0)
        due = (law.association * law.acceptance[..., None]).detach().view(-1, 3)
        chance.chi_square(
            torch.cat([counts, shots - counts.sum(1, keepdim=True)], 1).round(),
            torch.cat([due, 1 - due.sum(1, keepdim=True)], 1),
        )


def _output_errors(layer, x, stored, shots):
    """Standard errors of all outputs: of mixed values, from multinomial counts."""
    law = layer.associate(x, stored)
    values = law.values.transpose(1, 2).flatten(2)  # (B, S, H * v)
    weight = layer.output_projection.weight.view(-1, layer.num_heads, layer.pattern_size)
    read = torch.einsum("ohv,bshv->bhso", weight, values.view(*values.shape[:2], *weight.shape[1:]))
    mean = law.association @ read
    spread = law.association @ read**2 - mean**2
    return (spread / (shots * law.acceptance[..., None])).sum(1).sqrt().detach()


@KINDS
@pytest.mark.parametrize("path", ["aer", "aer, one key qubit", "lightning.qubit"])
def test_outputs_within_their_standard_error(path, keys, small, draw, chance):
    """Bounds at a false-alarm rate of 1e-6 over the 64 outputs; 4 sigma hold with this seed."""
    shots, layer = affordable(path, 3000), small(keys)
    x, stored = draw(4, 4, 4), draw(4, 4, 4)
    squares = []
    with torch.no_grad():
        law = layer(x, stored)
        for seed in range(12):
            with run_on(layer, shots=shots, **place(path, seed=11 + seed)):
                found = layer(x, stored)
            deviations = chance.normal(found, law, _output_errors(layer, x, stored, shots))
            squares.append((deviations**2).mean())
            if seed == 0:
                assert abs(deviations).max() < 4.0
    # Errors are neither smaller nor greater than said; of the 64 outputs 16 rows are independent.
    independent = 16 * len(squares)
    low, high = chi2.ppf([1e-6, 1.0 - 1e-6], independent) / independent
    assert low < np.mean(squares) < high


@KINDS
@pytest.mark.parametrize(
    ("layout", "gradient"),
    [("coherent", "covariance"), ("reuse", "covariance"), ("coherent", "parameter-shift")],
)
def test_gradients_within_their_standard_error(layout, gradient, keys, small, draw, answer, chance):
    """16 runs: the mean gradient of every input, weight and scaling is the law's (Student's t)."""
    scaling = nn.Parameter(torch.tensor([0.8, 1.1], dtype=torch.float64))
    layer = small(keys, scaling=scaling)
    queries = 2 if gradient == "covariance" else 1  # shifts cost 26 circuits a query
    x, stored = 0.7 * draw(1, queries, 4), draw(1, 3, 4)
    mask = torch.tensor([[0.0, 0.5, -0.5], [-torch.inf, 0.0, 0.0]]).double()
    masks = {"attn_mask": mask[:queries]}
    law = answer(layer, x, stored, **masks)
    shots = 1000 if layout == "coherent" else 250
    execution = {"backend": AerSimulator(), "shots": shots, "seed": 2, "layout": layout}
    with run_on(layer, gradient=gradient, **execution):
        runs = [answer(layer, x, stored, **masks) for _ in range(16)]
    assert runs[0]["output"].ne(runs[1]["output"]).any()  # one run's seed follows the other's
    for name, wanted in law.items():
        chance.sampled(torch.stack([run[name] for run in runs]), wanted)
    # All at once too, so that the many small entries do not hide a common error.
    joined = [torch.cat([value.flatten() for value in run.values()]) for run in (law, *runs)]
    chance.sampled(torch.stack([run @ joined[0] for run in joined[1:]]), joined[0] @ joined[0])


def test_gradients_with_shots_on_pennylane(small, draw, answer, chance):
    layer = small("product")
    x, stored = draw(1, 2, 4), draw(1, 2, 4)
    law = answer(layer, x, stored)
    with run_on(layer, device="default.qubit", shots=2000, seed=3):
        runs = [answer(layer, x, stored) for _ in range(16)]
    for name, wanted in law.items():
        chance.sampled(torch.stack([run[name] for run in runs]), wanted)


@KINDS
def test_pooling_and_encoder_with_shots(keys, draw, answer):
    """A whole layer runs and can learn: all its gradients together are near the law's."""
    options = {"keys": keys, "dtype": torch.float64}
    pooling = QuantumHopfieldPooling(4, num_heads=2, quantity=2, **options)
    encoder = QuantumHopfieldEncoderLayer(4, 2, 8, dropout=0.0, **options)
    nn.init.normal_(pooling.state_patterns)  # near 0, as they start, gradients are too small
    x = draw(2, 3, 4)
    for layer in (pooling, encoder):
        law = answer(layer, x)
        with run_on(layer, backend=AerSimulator(), shots=20_000, seed=1):
            found = answer(layer, x)
        for part in ("output", "d "):  # one gradient is small: a shift of all keys changes little
            names = [name for name in law if name.startswith(part)]
            off = torch.cat([(found[name] - law[name]).flatten() for name in names])
            wanted = torch.cat([law[name].flatten() for name in names])
            assert off.norm() < 0.05 * wanted.norm()


# Seeds -------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("path", ["aer", "aer, shifts", "default.qubit", "lightning.qubit"])
def test_same_seed_same_answer(path, keys, small, draw, answer, close):
    layer, x = small(keys), draw(1, 2, 4)

    def once(seed):
        with run_on(layer, shots=100, **place(path) | {"seed": seed}):
            return answer(layer, x)

    first = once(4)
    close(once(4), first, 0.0)
    assert once(5)["output"].ne(first["output"]).any()
    assert once(None)["output"].ne(once(None)["output"]).any()


def test_one_seed_for_all_layers_of_a_model(small, draw):
    """Layers alike do not draw alike: one generator serves them in turn."""
    layer, x = small(), draw(1, 2, 4)
    model = nn.ModuleList([layer, small()])
    model[1].load_state_dict(layer.state_dict())
    with torch.no_grad(), run_on(model, backend=AerSimulator(), shots=50, seed=1):
        first = [each(x) for each in model]
    assert first[0].ne(first[1]).any()
    with torch.no_grad(), run_on(model, backend=AerSimulator(), shots=50, seed=1):
        torch.testing.assert_close([each(x) for each in model], first, atol=0, rtol=0)


# Devices and noise -------------------------------------------------------------------------------


@KINDS
def test_a_device_model(keys, small, draw):
    """Two qubits beside the index: three patterns of any width fit a device of four."""
    layer = small(keys)
    x, stored = draw(1, 2, 4), draw(1, 3, 4)
    law = layer.associate(x, stored).association
    backend = GenericBackendV2(4, seed=1)
    with run_on(layer, backend=backend, shots=4000, seed=2):
        found = layer.associate(x, stored).association
    found.square().sum().backward()
    assert layer.state_projection.weight.grad.isfinite().all()
    assert (found - law).abs().max() < 0.2  # noise of some 1e-2, and shots
    with run_on(layer, backend=backend, layout="coherent", shots=10):
        message = "needs 6 qubits and generic_backend_4q has 4. Use layout='reuse'"
        with pytest.raises(ValueError, match=message):
            layer(x, stored)


@KINDS
def test_noise_moves_towards_even_shares(keys, small, draw, depolarizing):
    """Depolarised qubits carry less: shares come nearer to 1/M, more so with more noise."""
    layer = small(keys, scaling=1.5)
    x, stored = 2.0 * draw(3, 2, 4), draw(3, 4, 4)
    spread = []
    for strength in (None, 0.005, 0.05):
        noise = None if strength is None else depolarizing(strength / 4, strength)
        backend = AerSimulator(noise_model=noise)
        with torch.no_grad(), run_on(layer, backend=backend):
            spread.append((layer.associate(x, stored).association - 0.25).norm().item())
    exact = (layer.associate(x, stored).association - 0.25).norm().item()
    assert spread[0] == pytest.approx(exact)
    assert 0.95 * spread[0] > spread[1] > 1.1 * spread[2]


@KINDS
@pytest.mark.parametrize("patterns", [3, 4])
def test_noisy_shots_are_a_sample_of_the_noisy_probabilities(
    keys, patterns, small, draw, depolarizing, chance
):
    """Exact probabilities under noise (a density matrix) against shots of the same circuit.

    With 3 patterns noise also reaches the index 3, which is no pattern: such runs do not count.
    """
    shots, layer = 1500, small(keys)
    noise = depolarizing(0.01, 0.05, reading=0.0)
    x, stored = draw(1, 2, 4), draw(1, patterns, 4)
    with torch.no_grad():
        with run_on(layer, noise_model=noise):
            exact = layer.associate(x, stored)
        with run_on(layer, noise_model=noise, layout="coherent", shots=shots, seed=1):
            found = layer.associate(x, stored)
    law = layer.associate(x, stored)
    assert (exact.association - law.association).abs().max() > 0.01
    torch.testing.assert_close(exact.association.sum(-1), torch.ones_like(exact.acceptance))
    due = (exact.association * exact.acceptance[..., None]).view(-1, patterns)
    counts = (found.association * found.acceptance[..., None] * shots).round().view(-1, patterns)
    chance.chi_square(
        torch.cat([counts, shots - counts.sum(1, keepdim=True)], 1),
        torch.cat([due, 1 - due.sum(1, keepdim=True)], 1),
    )


def test_a_noisy_gradient_is_that_of_the_noisy_probabilities(small, draw, depolarizing, answer):
    """By parameter shift, against finite differences of the density matrix."""
    layer = small("product", num_heads=1, size=2)
    x, stored = draw(1, 1, 2), draw(1, 2, 2)
    with run_on(layer, noise_model=depolarizing(0.01, 0.04)):
        found = answer(layer, x, stored)["d input 0"]
        step = 1e-5
        for place in range(2):
            moved = torch.zeros_like(x)
            moved[..., place] = step
            ends = [answer(layer, x + sign * moved, stored)["output"] for sign in (1.0, -1.0)]
            cotangent = torch.cos(torch.arange(2, dtype=x.dtype) + 0.5)
            slope = ((ends[0] - ends[1]) * cotangent).sum() / (2 * step)
            assert found[0, 0, place].item() == pytest.approx(slope.item(), abs=1e-6)


# Runs that do not count --------------------------------------------------------------------------


def _hopeless(small, keys="binary", **execution):
    """Probes far from every pattern, filtered strongly: almost no run counts."""
    layer = small(keys, size=6, num_heads=1, scaling=4.0, **execution)
    layer.state_projection.weight.data.copy_(torch.eye(6))
    layer.stored_projection.weight.data.copy_(3.0 * torch.eye(6))
    for each in (layer.state_projection, layer.stored_projection):
        each.bias.data.zero_()
    stored = torch.ones(1, 2, 6, dtype=torch.float64)
    stored[0, 1, 0] = -1.0
    return layer, torch.cat([-stored[:, :1], stored[:, :1]], 1), stored


@pytest.mark.parametrize("execution", [{"backend": AerSimulator()}, {"device": "default.qubit"}])
@KINDS
def test_no_run_counts(keys, execution, small):
    layer, x, stored = _hopeless(small, keys)
    with run_on(layer, shots=20, seed=1, **execution), pytest.raises(EmptyRun) as error:
        layer(x, stored)
    message = str(error.value)
    assert "1 of 2 circuits had no accepted run among 20 shots on" in message
    assert "more shots, a lower scaling, or smaller probes" in message
    with run_on(layer, shots=20, seed=1, empty="prior", **execution):
        share = layer(x, stored, need_weights=True)[1]
        assert layer.executor.empty_runs == 1
    torch.testing.assert_close(share[0, 0, 0], torch.tensor([0.5, 0.5], dtype=torch.float64))
    assert share[0, 0, 1, 0] > 0.7


@KINDS
@pytest.mark.parametrize("gradient", ["covariance", "parameter-shift"])
def test_empty_runs_take_the_weights_that_were_loaded(gradient, keys, small, answer):
    layer, x, stored = _hopeless(small, keys)
    mask = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    execution = {"backend": AerSimulator(), "shots": 20, "seed": 1, "gradient": gradient}
    with run_on(layer, empty="prior", **execution):
        found = answer(layer, x, stored, attn_mask=mask, need_weights=True)
    torch.testing.assert_close(found["also 0"][0, 0, 0], torch.softmax(mask[0], 0))
    assert all(value.isfinite().all() for value in found.values())
    # Nothing was learnt from no run.
    if gradient == "covariance":
        assert found["d input 0"][0, 0].abs().max() == 0.0


def test_nothing_left_of_exact_probabilities():
    """Underflow; no layer of a size that runs in a test gets there."""
    executor = PennyLaneExecutor("default.qubit")
    weights = torch.tensor([[0.0, 0.0], [0.1, 0.2]])
    with pytest.raises(EmptyRun, match=r"acceptance of 1 of 2 circuits is 0 to rounding"):
        normalise(weights, executor)
    share, acceptance = normalise(weights[1:], executor)
    torch.testing.assert_close(share, torch.tensor([[1 / 3, 2 / 3]]))
    torch.testing.assert_close(acceptance, torch.tensor([0.3]))
