"""Angles of the memory circuits: the laws they give, their gradients where slopes are infinite."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qhopfield.circuits import ExpFilter, laws
from qhopfield.circuits.patterns import random_patterns


def acceptances(angles, keys):
    """What the filter's rotations keep of each key: ``cos^2`` of half their sum or difference."""
    before, after = angles[..., None, 0::2], angles[..., None, 1::2]
    agree, differ = ((before + after) / 2).cos() ** 2, ((before - after) / 2).cos() ** 2
    return ((1 + keys) / 2 * agree + (1 - keys) / 2 * differ).prod(-1)


def memory(angles, keys):
    kept = acceptances(angles, keys)
    return kept / kept.sum(-1, keepdim=True)


@pytest.fixture
def case():
    rng = np.random.default_rng(4)
    probes = torch.tensor(rng.uniform(-1, 1, (3, 5)))
    probes[0, 1], probes[1, 0], probes[2, 3] = 0.0, 1.0, -1.0
    return probes, torch.tensor(rng.uniform(-1, 1, (4, 5)))


@pytest.mark.parametrize("beta", [0.0, 0.3, 2.0, 50.0])
def test_filter_angles_are_the_filters(beta):
    rng = np.random.default_rng(1)
    probes = rng.choice([-1.0, -0.3, 0.0, 0.7, 1.0], (4, 6))
    found = laws.exp_filter_angles(probes, beta)
    np.testing.assert_array_equal(found, ExpFilter(beta).angles(probes))
    # arccos e^-depth, by hand.
    half = np.arccos(np.exp(-beta * np.abs(probes)))
    np.testing.assert_allclose(found[:, 0::2], half, atol=1e-7)
    np.testing.assert_allclose(found[:, 1::2], np.where(probes > 0, -half, half), atol=1e-7)
    assert np.all(found[:, 0::2][probes == 0] == 0.0)


@pytest.mark.parametrize("beta", [0.0, 0.3, 2.0, 50.0])
def test_torch_filter_angles_follow_the_law(case, beta):
    probes, keys = case
    found = memory(laws.exp_filter_angles(probes, beta), keys)
    expected = laws.product_key_memory(keys.numpy(), probes.numpy(), beta)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-10)


def test_beta_may_differ_probe_by_probe_and_may_be_negative(case):
    probes, _ = case
    beta = torch.tensor([[0.5], [2.0], [-1.0]], dtype=torch.float64)
    found = laws.exp_filter_angles(probes, beta)
    rows = [laws.exp_filter_angles(probes[0], 0.5), laws.exp_filter_angles(probes[1], 2.0)]
    rows.append(laws.exp_filter_angles(-probes[2], 1.0))
    torch.testing.assert_close(found, torch.stack(rows), rtol=0, atol=1e-15)


def test_filter_gradients_are_those_of_the_law(case):
    """Entries 0 included, where the angle itself has an infinite slope."""
    probes, keys = (tensor.clone().requires_grad_() for tensor in case)
    for beta in (0.0, 0.7, 3.0):
        inverse = torch.tensor(beta, dtype=torch.float64, requires_grad=True)
        weight = torch.linspace(-1, 2, 12, dtype=torch.float64).reshape(3, 4)
        leaves = (probes, keys, inverse)
        p = memory(laws.exp_filter_angles(probes, inverse), keys)
        found = torch.autograd.grad((weight * p).sum(), leaves)
        # The plain product: the law's own clamps have no gradient to compare with at 0.
        x = inverse * probes[:, None, :]
        plain = (torch.cosh(x) + keys * torch.sinh(x)).prod(-1)
        plain = plain / plain.sum(-1, keepdim=True)
        expected = torch.autograd.grad((weight * plain).sum(), leaves)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-9)


def test_unnormalised_gradient_at_zero_is_that_from_the_left():
    keys = torch.tensor([[0.4, -0.2]], dtype=torch.float64)

    def kept(x):
        return acceptances(laws.exp_filter_angles(x, 1.3), keys).sum()

    at = torch.tensor([0.0, 0.6], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(kept(at), at)
    with torch.no_grad():
        step = torch.tensor([1e-7, 0.0], dtype=torch.float64)
        left = (kept(at) - kept(at - step)) / 1e-7
        right = (kept(at + step) - kept(at)) / 1e-7
    assert abs(slope[0] - left) < 1e-5
    assert abs(left - right) > 1.0  # a kink: the test could fail


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("entry", [0.0, 1e-30, 1e-13, 1e-9, 1.0, -1.0])
def test_filter_gradients_are_finite(dtype, entry):
    x = torch.full((3,), entry, dtype=dtype, requires_grad=True)
    for beta in (0.0, 1.0, 200.0):
        angles = laws.exp_filter_angles(x, beta)
        assert angles.dtype == dtype
        (slope,) = torch.autograd.grad(angles.sum() + angles[::2].sum(), x)
        assert torch.isfinite(slope).all()


# torch loads its own scripted rules for forward derivatives.
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_filter_gradients_in_forward_mode():
    keys = torch.tensor([[0.4, -0.2], [-0.9, 0.5]], dtype=torch.float64)
    x = torch.tensor([0.0, 0.6], dtype=torch.float64)

    def p(x):
        return memory(laws.exp_filter_angles(x, 1.3), keys)

    torch.testing.assert_close(torch.func.jacfwd(p)(x), torch.func.jacrev(p)(x))


def test_key_angles():
    z = np.array([1.0, 1 - 1e-12, 0.3, 0.0, -0.8, -1 + 1e-12, -1.0])
    found = laws.key_angles(z)
    np.testing.assert_allclose(np.cos(found), z, rtol=0, atol=1e-15)
    np.testing.assert_allclose(found[2:5], np.arccos(z[2:5]), rtol=1e-14)
    assert found[0] == 0.0 and found[-1] == np.pi
    assert torch.isnan(laws.key_angles(torch.tensor([1.5, torch.nan]))).all()
    tensor = torch.tensor(z, requires_grad=True)
    angles = laws.key_angles(tensor)
    np.testing.assert_allclose(angles.detach().numpy(), found)
    (slope,) = torch.autograd.grad(angles.sum(), tensor)
    assert slope[0] == slope[-1] == 0.0
    np.testing.assert_allclose(slope[2:5].numpy(), -1 / np.sqrt(1 - z[2:5] ** 2))


def test_integers_are_taken_in_double_precision():
    keys = random_patterns(3, 4, seed=2)
    assert keys.dtype == np.int8
    assert laws.key_angles(keys).dtype == np.float64
    assert laws.exp_filter_angles(keys, 1.0).dtype == np.float64
    assert laws.index_angles(np.array([1, 0, 2])).dtype == np.float64
    assert laws.key_angles(torch.tensor(keys)).dtype == torch.float64


def tree_weights(angles, num_patterns):
    """The weights that a tree of splits gives, from the top down."""
    width = (num_patterns - 1).bit_length()
    weights, start = torch.ones(*angles.shape[:-1], 1, dtype=angles.dtype), 0
    for level in range(width):
        count = -(-num_patterns // 2 ** (width - level))
        half = angles[..., start : start + count] / 2
        split = torch.stack([half.cos() ** 2, half.sin() ** 2], -1)
        weights = (weights[..., :count, None] * split).reshape(*angles.shape[:-1], 2 * count)
        start += count
    assert start == angles.shape[-1]
    assert (weights[..., num_patterns:] == 0).all()
    return weights[..., :num_patterns]


@pytest.mark.parametrize("num_patterns", [1, 2, 3, 4, 5, 6, 7, 8, 11, 17])
def test_index_angles_make_the_weights(num_patterns):
    rng = np.random.default_rng(num_patterns)
    weights = rng.uniform(0.1, 1, (4, num_patterns))
    if num_patterns > 2:
        weights[1, ::2] = 0.0
        weights[2, num_patterns // 2 :] = 0.0
        weights[3, :-1] = 0.0
    angles = laws.index_angles(weights)
    found = tree_weights(torch.tensor(angles), num_patterns)
    expected = weights / weights.sum(1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-15)
    if num_patterns == 2 ** (num_patterns - 1).bit_length():
        assert angles.shape[-1] == num_patterns - 1
    if num_patterns == 1:
        return
    tensor = torch.tensor(weights, requires_grad=True)
    again = laws.index_angles(tensor)
    np.testing.assert_allclose(again.detach().numpy(), angles, atol=1e-15)
    # Gradients: those of w / sum w, and finite (0) where a weight is 0.
    weight = torch.linspace(-1, 2, 4 * num_patterns, dtype=torch.float64).reshape(4, -1)
    normalised = tensor / tensor.sum(-1, keepdim=True)
    one, other = (
        torch.autograd.grad((weight * w).sum(), tensor, retain_graph=True)[0]
        for w in (tree_weights(again, num_patterns), normalised)
    )
    assert torch.isfinite(one).all()
    torch.testing.assert_close(one[0], other[0])


def test_index_angles_of_nothing_are_those_of_pattern_0():
    weights = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    angles = laws.index_angles(weights)
    assert (angles == 0).all()
    assert (torch.autograd.grad(angles.sum(), weights)[0] == 0).all()


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_batches(batch):
    probes, keys = torch.zeros(batch, 2, 4), torch.zeros(batch, 5, 4)
    assert laws.exp_filter_angles(probes, 1.0).shape == (batch, 2, 8)
    assert laws.key_angles(keys).shape == (batch, 5, 4)
    assert laws.index_angles(torch.ones(batch, 5)).shape == (batch, 6)
    assert laws.index_angles(np.ones((batch, 8))).shape == (batch, 7)
