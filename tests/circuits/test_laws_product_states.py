"""The neuron's law on product states against sums over all spins, in NumPy and in torch."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
import torch

from qhopfield.circuits import laws

LEVELS = range(laws.MAX_LEVEL + 1)


def draw(inputs, neurons=3, rows=4, seed=0):
    """Weights, bias and means; some means are +-1 and 0."""
    rng = np.random.default_rng(seed + 100 * inputs)
    means = rng.uniform(-1.0, 1.0, size=(rows, inputs))
    means[0, 0], means[1, 0], means[2, 0] = 1.0, -1.0, 0.0
    return rng.normal(size=(neurons, inputs)), rng.normal(size=neurons), means


def sums(weights, bias, gain, means, level):
    """Mean spin and chance of accepted runs, and the mean spin without post-selection."""
    spins = np.array(list(itertools.product([1, -1], repeat=weights.shape[1])))
    chances = np.prod((1 + spins * means[:, None, :]) / 2, axis=-1)
    fields = spins @ weights.T + bias
    response = laws.neuron_expectation(fields, gain, level)
    kept = laws.neuron_acceptance(fields, gain, level, 1)
    accepted = chances @ kept
    return chances @ (response * kept) / accepted, accepted, chances @ response


def safe(weights, bias):
    return laws.safe_gain(float((np.abs(weights).sum(1) + np.abs(bias)).max()))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("inputs", range(1, 15))
def test_the_law_is_the_sum_over_all_inputs(inputs, level):
    weights, bias, means = draw(inputs)
    for gain in (safe(weights, bias), 0.7):  # the second folds
        wanted = sums(weights, bias, gain, means, level)
        found = laws.product_neuron(weights, bias, gain, means, level)
        np.testing.assert_allclose(found[0], wanted[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(found[1], wanted[1], rtol=0, atol=1e-13)
        tensors = [torch.tensor(x) for x in (weights, bias, means)]
        found = laws.product_neuron(*tensors[:2], gain, tensors[2], level)
        np.testing.assert_allclose(found[0].numpy(), wanted[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(found[1].numpy(), wanted[1], rtol=0, atol=1e-13)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("inputs", [1, 3, 4, 9])
def test_repeating_until_success_is_the_plain_average(inputs, level):
    weights, bias, means = draw(inputs, seed=1)
    for gain in (safe(weights, bias), 0.7):
        wanted = sums(weights, bias, gain, means, level)[2]
        found = laws.repeated_product_neuron(weights, bias, gain, means, level)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-15 * 2**level)
        single = [torch.tensor(x, dtype=torch.float32) for x in (weights, bias, means)]
        found = laws.repeated_product_neuron(*single[:2], gain, single[2], level)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=0, atol=2e-6 * 2**level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("inputs", [16, 20, 37, 67])
def test_many_blocks_against_complex_numbers(inputs, level):
    # Block counts of every kind: even, odd on the way, and more than three halvings.
    weights, bias, means = draw(inputs, neurons=2, rows=3)
    gain, m = 0.11, 2**level

    def chi(r):
        turns = 2 * r * gain * weights
        factors = np.cos(turns) + 1j * means[:, None, :] * np.sin(turns)
        return np.exp(2j * r * gain * bias) * factors.prod(axis=-1)

    up, down = (
        sum(
            (sign * 1j) ** q * math.comb(2 * m, m + q) / 4**m * chi(q) for q in range(-m, m + 1)
        ).real
        for sign in (-1, 1)
    )
    expectation, acceptance = laws.product_neuron(weights, bias, gain, means, level)
    np.testing.assert_allclose(acceptance, up + down if m > 1 else 1.0, rtol=0, atol=1e-14)
    np.testing.assert_allclose(expectation, (up - down) / (up + down), rtol=0, atol=1e-12)


def test_a_level_1_neuron_written_out():
    # laws: Re chi(2) / (3/4 + Re chi(4)/4) in angles phi = pi/4 - gain h, here in u = 2 gain h.
    weights, bias, gain, z = 0.8, 0.3, 0.4, 0.6
    sine = np.imag(np.exp(2j * gain * bias) * (np.cos(0.64) + 1j * z * np.sin(0.64)))
    double = np.real(np.exp(4j * gain * bias) * (np.cos(1.28) + 1j * z * np.sin(1.28)))
    expectation, acceptance = laws.product_neuron(
        np.array([[weights]]), np.array([bias]), gain, np.array([z]), 1
    )
    assert acceptance[0] == pytest.approx(0.75 - 0.25 * double, abs=1e-15)
    assert expectation[0] == pytest.approx(sine / (0.75 - 0.25 * double), abs=1e-15)


@pytest.mark.parametrize("level", LEVELS)
def test_known_inputs_are_the_plain_neuron(level):
    weights, bias, _ = draw(6)
    spins = np.sign(np.random.default_rng(3).normal(size=(5, 6)))
    gain = safe(weights, bias)
    fields = spins @ weights.T + bias
    expectation, acceptance = laws.product_neuron(weights, bias, gain, spins, level)
    wanted = laws.neuron_expectation(fields, gain, level)
    np.testing.assert_allclose(expectation, wanted, rtol=0, atol=1e-11)
    kept = laws.neuron_acceptance(fields, gain, level, 1)
    np.testing.assert_allclose(acceptance, kept, rtol=0, atol=1e-14)


@pytest.mark.parametrize("level", LEVELS)
def test_single_precision(level):
    # The sums lose what the least acceptance, 2^(1 - 2^level), leaves of it; level 4 takes doubles.
    weights, bias, means = draw(12, rows=64)
    gain = safe(weights, bias)
    wanted, kept, _ = sums(weights, bias, gain, means, level)
    found = laws.product_neuron(
        *(torch.tensor(x, dtype=torch.float32) for x in (weights, bias)),
        gain,
        torch.tensor(means, dtype=torch.float32),
        level,
    )
    assert found[0].dtype == found[1].dtype == torch.float32
    np.testing.assert_allclose(found[0].numpy(), wanted, rtol=0, atol=2e-5 if level == 3 else 4e-6)
    np.testing.assert_allclose(found[1].numpy(), kept, rtol=0, atol=1e-6)


@pytest.mark.parametrize("level", LEVELS)
def test_gradients(level):
    weights, bias, means = draw(5, neurons=2, rows=3)
    tensors = [torch.tensor(x, requires_grad=True) for x in (weights, bias, means)]
    gain = torch.tensor(safe(weights, bias), dtype=torch.float64, requires_grad=True)

    def law(weights, bias, gain, means):
        return laws.product_neuron(weights, bias, gain, means, level)

    inputs = (tensors[0], tensors[1], gain, tensors[2])
    assert torch.autograd.gradcheck(law, inputs)
    if level in (0, 1):
        assert torch.autograd.gradgradcheck(law, inputs)


@pytest.mark.parametrize("lead", [(), (0,), (1,), (3,), (2, 3), (2, 0, 3)])
@pytest.mark.parametrize("inputs, level", [(2, 0), (5, 1), (17, 2)])
def test_leading_dimensions(lead, inputs, level):
    weights, bias, _ = draw(inputs)
    means = np.random.default_rng(5).uniform(-1, 1, size=(*lead, inputs))
    found = laws.product_neuron(weights, bias, 0.2, means, level)
    rows = means.reshape(-1, inputs) if means.size else means.reshape(0, inputs)
    flat = [laws.product_neuron(weights, bias, 0.2, row, level) for row in rows]
    for part, values in enumerate(found):
        assert values.shape == (*lead, 3)
        if flat:
            one_by_one = np.stack([each[part] for each in flat]).reshape(values.shape)
            np.testing.assert_allclose(values, one_by_one, rtol=0, atol=1e-14)


@pytest.mark.parametrize("level", LEVELS)
def test_the_field_is_the_inverse_of_the_response(level):
    gain = 0.4
    fields = np.linspace(-0.95, 0.95, 21) * math.pi / 4 / gain
    means = laws.neuron_expectation(fields, gain, level)
    # Near saturation 1 - |z| holds few digits of the field.
    inside = 1 - np.abs(means) > 1e-6
    np.testing.assert_allclose(
        laws.neuron_field(means, gain, level)[inside], fields[inside], rtol=0, atol=1e-8
    )
    edges = laws.neuron_field(np.array([-1.0, 0.0, 1.0]), gain, level)
    np.testing.assert_allclose(edges, np.array([-1, 0, 1]) * math.pi / 4 / gain, atol=1e-15)


@pytest.mark.parametrize("level", LEVELS)
def test_the_slope_of_the_lagrangian_is_the_response(level):
    gain = torch.tensor(0.4, dtype=torch.float64)
    fields = torch.linspace(-2.5, 2.5, 41, dtype=torch.float64, requires_grad=True)  # folds too
    total = laws.neuron_lagrangian(fields, gain, level).sum()
    (slope,) = torch.autograd.grad(total, fields)
    wanted = laws.neuron_expectation(fields.detach(), gain, level)
    np.testing.assert_allclose(slope.numpy(), wanted.numpy(), rtol=0, atol=1e-10)
    at_zero = laws.neuron_lagrangian(np.zeros(1), 0.4, level)[0]
    assert at_zero == pytest.approx(0.0, abs=1e-15)


def test_level_0_has_the_lagrangian_of_the_papers():
    fields = np.linspace(-1.5, 1.5, 7)
    got = laws.neuron_lagrangian(fields, 0.4, 0)
    np.testing.assert_allclose(got, (1 - np.cos(0.8 * fields)) / 0.8, rtol=0, atol=1e-15)


W, B, Z = np.ones((1, 2)), np.zeros(1), np.zeros(2)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: laws.product_neuron(W, B, 0.1, Z, -1), ValueError, "level must be between 0 and"),
        (lambda: laws.product_neuron(W, B, 0.1, Z, 5), ValueError, "between 0 and 4, got 5"),
        (lambda: laws.product_neuron(W, B, 0.1, Z, 1.0), TypeError, "level must be an integer"),
        (
            lambda: laws.product_neuron(W, B, 0.1, np.zeros(3), 1),
            ValueError,
            "means must have shape (..., 2), as the weights (1, 2) have inputs, got (3,)",
        ),
        (
            lambda: laws.product_neuron(W, np.zeros(2), 0.1, Z, 1),
            ValueError,
            "bias must have shape (1,), as the weights (1, 2) have rows, got (2,)",
        ),
        (
            lambda: laws.product_neuron(W[0], B, 0.1, Z, 1),
            ValueError,
            "weights must have shape (A, N), one row a neuron, got (2,)",
        ),
        (lambda: laws.repeated_product_neuron(W, B, 0.1, Z, 5), ValueError, "0 and 4, got 5"),
        (lambda: laws.repeated_product_neuron(W, B, 0.1, np.zeros(1), 1), ValueError, "(..., 2)"),
        (lambda: laws.neuron_field(Z, 0.1, -1), ValueError, "level must be between 0 and"),
        (lambda: laws.neuron_lagrangian(Z, 0.1, 0.5), TypeError, "level must be an integer"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()
