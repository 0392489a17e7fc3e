"""Closed forms of the filtered memory against brute force, in NumPy and in torch."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from scipy.special import softmax

from qhopfield.circuits import laws
from qhopfield.circuits.patterns import random_patterns


@pytest.fixture
def case():
    rng = np.random.default_rng(5)
    patterns = random_patterns(9, 7, seed=3)
    return patterns, rng.uniform(-1, 1, (4, 7)), rng.uniform(-1, 1, (9, 7))


def test_softmax_memory_and_acceptance(case):
    patterns, probes, _ = case
    for beta in (0.0, 0.5, 2.0, 500.0):
        logits = beta * probes @ patterns.T
        np.testing.assert_allclose(
            laws.softmax_memory(patterns, probes, beta), softmax(logits, axis=-1), atol=1e-14
        )
        expected = np.exp(logits - beta * np.abs(probes).sum(axis=1, keepdims=True)).mean(axis=1)
        np.testing.assert_allclose(
            laws.exp_acceptance(patterns, probes, beta), expected, rtol=1e-10, atol=1e-300
        )
    assert laws.softmax_memory(patterns, probes[0], 1.0).shape == (9,)


def test_product_keys_are_the_plain_formula(case):
    _, probes, keys = case
    for beta in (0.3, 1.0, 4.0):
        x = beta * probes[:, None, :]
        plain = np.prod(np.cosh(x) + keys * np.sinh(x), axis=-1)
        np.testing.assert_allclose(laws.product_key_logits(keys, probes, beta), np.log(plain))
        np.testing.assert_allclose(
            laws.product_key_memory(keys, probes, beta), plain / plain.sum(axis=1, keepdims=True)
        )


@pytest.mark.parametrize("beta", [1.0, 1e3, 1e6])
def test_product_keys_of_binary_patterns_are_the_softmax_at_any_beta(case, beta):
    patterns, probes, _ = case
    found = laws.product_key_logits(patterns, probes, beta)
    np.testing.assert_allclose(found, beta * probes @ patterns.T, rtol=1e-12)


def test_kernel_memory_weighs_and_normalises():
    kept, weights = np.array([[0.5, 0.0, 1.0]]), np.array([0.2, 0.5, 0.3])
    p, acceptance = laws.kernel_memory(kept, weights)
    np.testing.assert_allclose(acceptance, [0.4])
    np.testing.assert_allclose(p, [[0.25, 0.0, 0.75]])
    np.testing.assert_allclose(laws.kernel_memory(kept)[1], [0.5])
    with pytest.raises(ValueError, match="Acceptance 0"):
        laws.kernel_memory(np.array([[0.5, 1.0], [0.0, 0.0]]))


def test_distances_leave_unknown_entries_out():
    patterns = np.array([[1, 1, 1], [1, -1, -1], [-1, -1, 1]])
    np.testing.assert_array_equal(laws.distances(patterns, np.array([1.0, 0.0, -1.0])), [1, 0, 2])


def test_distance_distribution_by_enumeration(case):
    _, _, keys = case
    probe = np.array([1.0, -1.0, 0.0, 1.0, -1.0, -1.0, 0.0])
    expected = np.zeros((9, 8))
    for code in range(2**7):
        spins = 1 - 2 * (code >> np.arange(7) & 1)
        chance = np.prod((1 + keys * spins) / 2, axis=1)
        expected[:, np.count_nonzero(probe * spins < 0)] += chance
    np.testing.assert_allclose(laws.distance_distribution(keys, probe), expected, atol=1e-14)


def test_kernels():
    d = np.arange(9.0)
    np.testing.assert_allclose(
        laws.trugenberger_kernel(d, 8, 3), [math.cos(math.pi * k / 16) ** 6 for k in range(9)]
    )
    plain = np.exp(-3.0 * d)
    shifted = laws.shifted_kernel(d, 1.5, 2)
    np.testing.assert_allclose(shifted[2:], plain[2:] / plain[2])
    np.testing.assert_array_equal(shifted[:2], 1.0)
    kernel, sign = laws.vote_kernel(np.array([-8.0, -2.0, 0.0, 4.0]))
    np.testing.assert_array_equal(kernel, [1.0, 0.25, 0.0, 0.5])
    np.testing.assert_array_equal(sign, [-1, -1, 0, 1])
    with pytest.raises(ValueError, match="no vote"):
        laws.vote_kernel(np.zeros(3))


def test_max_subtraction_keeps_the_softmax_and_accepts_at_least_one_in_m(case):
    patterns, _, _ = case
    probe = np.sign(np.random.default_rng(8).normal(size=7))
    d = laws.distances(patterns, probe)
    p, acceptance = laws.kernel_memory(laws.shifted_kernel(d, 1.5, d.min()))
    np.testing.assert_allclose(p, laws.softmax_memory(patterns, probe, 1.5), atol=1e-14)
    assert acceptance >= 1 / 9


@pytest.mark.parametrize("power", [2, 3, 4, 5])
def test_vote_has_the_sign_of_the_energy_difference(power):
    rng = np.random.default_rng(power)
    checked = 0
    for _ in range(60):
        patterns, state = rng.choice([-1, 1], (5, 6)), rng.choice([-1, 1], 6)
        for i in range(6):
            rest = patterns @ state - patterns[:, i] * state[i]
            classical = np.sum((rest + patterns[:, i]) ** power - (rest - patterns[:, i]) ** power)
            g = ((rest + 1) ** power - (rest - 1) ** power).astype(float)
            if classical == 0:
                continue
            assert np.sign(laws.vote(patterns[:, i], g)) == np.sign(classical)
            checked += 1
    assert checked > 200


@pytest.mark.parametrize("beta", [0.5, 1.0, 30.0])
def test_one_exponential_run_votes_for_every_site(beta):
    rng = np.random.default_rng(11)
    for _ in range(50):
        patterns = random_patterns(6, 8, seed=rng)
        state = rng.choice([-1.0, 1.0], 8)
        p = laws.softmax_memory(patterns, state, beta)
        votes = laws.exponential_vote(p @ patterns, state, beta)
        for i in range(8):
            logits = beta * (patterns @ state - patterns[:, i] * state[i])
            exact = np.sum(patterns[:, i] * softmax(logits))
            if abs(exact) > 1e-6 and beta <= 1.0:
                assert np.sign(votes[i]) == np.sign(exact)
            assert np.isfinite(votes[i])


def test_amplified_rotates_a_vector():
    for p in (1e-4, 0.1, 1 / 6, 0.5):
        good, bad = math.sqrt(p), math.sqrt(1 - p)
        start = np.array([bad, good])
        round_ = (2 * np.outer(start, start) - np.eye(2)) @ np.diag([1, -1])
        state = start
        for r in range(6):
            assert laws.amplified(np.array(p), r) == pytest.approx(state[1] ** 2, abs=1e-12)
            state = round_ @ state


@pytest.mark.parametrize("p", [1.0, 0.999, 0.5, 0.3, 0.1, 1e-3, 9.6e-5])
def test_best_rounds_are_the_first_maximum(p):
    r = int(laws.best_rounds(np.array(p)))
    found = laws.amplified(np.array(p), np.arange(r + 2))
    assert np.argmax(np.round(found, 12)) == r


def test_random_rounds_average_the_law():
    p = np.array([0.01, 0.3])
    for bound in (1, 3, 8):
        mean = np.mean([laws.amplified(p, r) for r in range(bound)], axis=0)
        np.testing.assert_allclose(laws.random_rounds_amplified(p, bound), mean, atol=1e-12)


def test_fixed_point_never_falls_below_its_promise():
    p = np.linspace(0.0, 1.0, 501)
    for rounds in (0, 1, 3, 10):
        found = laws.fixed_point_amplified(p, rounds, 0.1)
        length = 2 * rounds + 1
        width = 1 - 1 / math.cosh(math.acosh(10) / length) ** 2
        assert found[p >= width].min() >= 0.99 - 1e-12
        assert found[p < width].max() < 0.99
    np.testing.assert_allclose(laws.fixed_point_amplified(p, 0, 0.1), p, atol=1e-12)


def test_standard_error_and_shots_by_sampling():
    rng = np.random.default_rng(0)
    r, acceptance, shots = 0.4, 0.2, 4000
    kept = rng.binomial(shots, acceptance, 4000)
    means = 2 * rng.binomial(kept, (1 + r) / 2) / kept - 1
    expected = float(laws.standard_error(np.array(r), shots, np.array(acceptance)))
    # The spread of 4000 means is known to 1 / sqrt(8000); 5 sigma is a false alarm in 1e6.
    assert abs(means.std() / expected - 1) < 5 / math.sqrt(8000)
    needed = laws.shots_needed(expected, np.array(acceptance), r)
    assert abs(float(needed) - shots) <= 1
    assert float(laws.shots_needed(0.01, np.array(0.5))) == 20000


def test_covariance_gradient_is_the_derivative(case):
    patterns, probes, _ = case
    values = np.random.default_rng(1).normal(size=(9, 3))
    beta, step = 0.8, 1e-6
    p = laws.softmax_memory(patterns, probes, beta)
    for read in (patterns, values):
        jacobian = laws.covariance_gradient(patterns, p, beta, read)
        assert jacobian.shape == (4, read.shape[1], 7)
        for j in range(7):
            shift = step * np.eye(7)[j]
            up = laws.softmax_memory(patterns, probes + shift, beta) @ read
            down = laws.softmax_memory(patterns, probes - shift, beta) @ read
            np.testing.assert_allclose(jacobian[..., j], (up - down) / (2 * step), atol=1e-8)
    np.testing.assert_array_equal(
        laws.covariance_gradient(patterns, p, beta),
        laws.covariance_gradient(patterns, p, beta, patterns),
    )


def test_shards_recombine_exactly(case):
    patterns, probes, _ = case
    cuts = [patterns[:2], patterns[2:7], patterns[7:]]
    means = np.stack([laws.softmax_memory(cut, probes, 1.3) @ cut for cut in cuts])
    acceptances = np.stack([laws.exp_acceptance(cut, probes, 1.3) for cut in cuts])
    whole, acceptance = laws.combine_shards(means, acceptances, np.array([2, 5, 2]))
    np.testing.assert_allclose(whole, laws.softmax_memory(patterns, probes, 1.3) @ patterns)
    np.testing.assert_allclose(acceptance, laws.exp_acceptance(patterns, probes, 1.3))
    with pytest.raises(ValueError, match="every shard"):
        laws.combine_shards(means, 0 * acceptances, np.array([2, 5, 2]))


def calls(patterns, probes, keys, p, hard):
    """Every law of the memory, once, on arrays of one kind."""
    d = laws.distances(patterns, hard)
    a = laws.exp_acceptance(patterns, probes, 1.3)
    means = laws.softmax_memory(patterns, probes, 1.3) @ keys
    return {
        "softmax_memory": laws.softmax_memory(patterns, probes, 1.3),
        "product_key_logits": laws.product_key_logits(keys, probes, 1.3),
        "product_key_memory": laws.product_key_memory(keys, probes, 1.3),
        "exp_acceptances": laws.exp_acceptances(keys, probes, 1.3),
        "exp_acceptance": a,
        "kernel_memory": laws.kernel_memory(laws.exp_acceptances(keys, probes, 1.3))[0],
        "distances": d,
        "distance_distribution": laws.distance_distribution(keys, hard),
        "trugenberger_kernel": laws.trugenberger_kernel(d, 7, 2),
        "shifted_kernel": laws.shifted_kernel(d, 1.3, 2),
        "vote_kernel": laws.vote_kernel(d[0] - 3.0)[0],
        "vote": laws.vote(keys[:, 0], d - 2.5),
        "exponential_vote": laws.exponential_vote(probes, hard, 0.7),
        "amplified": laws.amplified(p, 2),
        "best_rounds": laws.best_rounds(p),
        "random_rounds_amplified": laws.random_rounds_amplified(p, 3),
        "fixed_point_amplified": laws.fixed_point_amplified(p, 2, 0.1),
        "standard_error": laws.standard_error(p, 100, p),
        "shots_needed": laws.shots_needed(0.01, p),
        "covariance": laws.covariance(keys, patterns, laws.softmax_memory(patterns, probes, 1.3)),
        "covariance_gradient": laws.covariance_gradient(
            patterns, laws.softmax_memory(patterns, probes, 1.3), 1.3
        ),
        "combine_shards": laws.combine_shards(
            means[None] * p[:, None, None], a[None] * p[:, None], p
        )[0],
    }


def test_torch_gives_the_same_numbers(case):
    torch = pytest.importorskip("torch")
    patterns, probes, keys = case
    p, hard = np.array([0.1, 0.4, 0.8]), np.sign(probes)
    numpy_results = calls(patterns, probes, keys, p, hard)
    tensors = [torch.as_tensor(a) for a in (patterns, probes, keys, p, hard)]
    torch_results = calls(*tensors)
    for name, expected in numpy_results.items():
        assert isinstance(torch_results[name], torch.Tensor), name
        np.testing.assert_allclose(torch_results[name].numpy(), expected, atol=1e-12, err_msg=name)


def test_every_law_of_the_memory_is_called_here():
    """Keeps the list above whole."""
    from qhopfield.circuits.laws import memory

    names = {
        name
        for name, value in inspect.getmembers(memory, inspect.isfunction)
        if value.__module__ == memory.__name__ and not name.startswith("_")
    }
    rng = np.random.default_rng(0)
    probes = rng.uniform(-1, 1, (4, 7))
    listed = calls(
        random_patterns(9, 7, seed=3),
        probes,
        rng.uniform(-1, 1, (9, 7)),
        np.array([0.1, 0.4, 0.8]),
        np.sign(probes),
    )
    assert names == set(listed)
    assert names <= set(laws.__all__)


def test_torch_gradients_of_the_laws(case):
    torch = pytest.importorskip("torch")
    patterns, probes, keys = (torch.as_tensor(a, dtype=torch.float64) for a in case)
    probes[0, 2] = 0.0  # where |x| has a kink and the law has none
    keys[0, :3] = torch.tensor([1.0, -1.0, 0.0])
    x, z = probes.requires_grad_(), (0.999 * keys).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: laws.softmax_memory(patterns, x, 0.7), (x,))
    assert torch.autograd.gradcheck(lambda x, z: laws.product_key_logits(z, x, 0.7), (x, z))
    (gradient,) = torch.autograd.grad(
        laws.softmax_memory(patterns, x, 0.7)[0] @ patterns[:, 1], x, retain_graph=True
    )
    jacobian = laws.covariance_gradient(patterns, laws.softmax_memory(patterns, x, 0.7), 0.7)
    torch.testing.assert_close(gradient[0], jacobian[0, 1].detach())
    binary = patterns.clone().requires_grad_()
    (slope,) = torch.autograd.grad(laws.product_key_logits(binary, x, 0.7).sum(), binary)
    assert torch.isfinite(slope).all()
