"""Dense associative memories and separation functions."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest

from qhopfield.circuits.models import (
    DenseAssociativeMemory,
    Exponential,
    Hopfield,
    Polynomial,
    RectifiedPolynomial,
    SeparationFunction,
)
from qhopfield.circuits.patterns import all_states, random_patterns

XOR = np.array([[-1, -1, -1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]])

SEPARATIONS = [
    Polynomial(2),
    Polynomial(3),
    Polynomial(5),
    RectifiedPolynomial(2),
    RectifiedPolynomial(3),
    Exponential(0.3),
    Exponential(1.0),
    Exponential(20.0),
]


@dataclass(frozen=True)
class Cosh(SeparationFunction):
    """A separation function a user might write: only F and a name."""

    @property
    def name(self) -> str:
        return "cosh(x)"

    def __call__(self, x):
        return np.cosh(np.asarray(x, dtype=float))


def scalar(separation):
    """F for one number, by plain Python."""
    if isinstance(separation, Polynomial):
        return lambda x: float(x) ** separation.power
    if isinstance(separation, RectifiedPolynomial):
        return lambda x: max(float(x), 0.0) ** separation.power
    if isinstance(separation, Cosh):
        return lambda x: float(np.cosh(x))
    return lambda x: float(np.exp(separation.beta * x))


@pytest.mark.parametrize("separation", [*SEPARATIONS, Cosh()], ids=repr)
def test_separation_and_difference_are_the_formulas(separation):
    f = scalar(separation)
    x = np.arange(-6, 7)
    np.testing.assert_allclose(separation(x), [f(v) for v in x], rtol=1e-13)
    np.testing.assert_allclose(
        separation.difference(x), [f(v + 1) - f(v - 1) for v in x], rtol=1e-12, atol=1e-300
    )
    assert separation(2).shape == ()
    assert separation.name


def test_names_of_separation_functions():
    assert Polynomial(3).name == "x^3"
    assert RectifiedPolynomial(4).name == "max(x, 0)^4"
    assert Exponential(0.5).name == "exp(0.5 x)"


def test_integer_powers_are_exact():
    assert Polynomial(7)(np.array([121]))[0] == 121**7
    assert Polynomial(33)(np.array([-3]))[0] == (-3) ** 33
    assert Polynomial(600)(3.0) == pytest.approx(3.0**600)  # 3^1024 would overflow on the way


@pytest.mark.parametrize("separation", [*SEPARATIONS, Cosh()], ids=repr)
@pytest.mark.parametrize("num_neurons", [1, 5, 6])
def test_the_field_is_the_published_update(separation, num_neurons):
    # Section 2 of arXiv:1606.01164: sign of sum_mu F(xi_i + rest) - F(-xi_i + rest) = 2 h_i.
    patterns = random_patterns(min(4, 2**num_neurons), num_neurons, seed=2)
    model = DenseAssociativeMemory(patterns, separation)
    f = scalar(separation)
    states = all_states(num_neurons)
    literal = np.zeros(states.shape)
    scale = np.zeros(states.shape)
    for p, s in enumerate(states.astype(int)):
        for i in range(num_neurons):
            for xi in patterns.astype(int):
                rest = sum(xi[j] * s[j] for j in range(num_neurons) if j != i)
                literal[p, i] += f(xi[i] + rest) - f(-xi[i] + rest)
                scale[p, i] += abs(f(xi[i] + rest)) + abs(f(-xi[i] + rest))
    assert (np.abs(2 * model.local_field(states) - literal) <= 1e-12 * scale).all()


@pytest.mark.parametrize("separation", SEPARATIONS, ids=repr)
def test_a_flip_costs_twice_the_field_in_every_state(separation):
    model = DenseAssociativeMemory(random_patterns(5, 7, seed=4), separation)
    states = all_states(7)
    fields = model.local_field(states)
    for i in range(7):
        up, down = states.copy(), states.copy()
        up[:, i], down[:, i] = 1, -1
        low, high = model.energy(up), model.energy(down)
        assert (np.abs(high - low - 2 * fields[:, i]) <= 1e-12 * (np.abs(low) + np.abs(high))).all()


def test_energy_is_the_formula():
    patterns = random_patterns(3, 6, seed=0).astype(int)
    states = all_states(6).astype(int)
    model = DenseAssociativeMemory(patterns, Polynomial(3))
    literal = [-sum(int(xi @ s) ** 3 for xi in patterns) for s in states]
    np.testing.assert_array_equal(model.energy(states), literal)
    assert DenseAssociativeMemory(patterns).separation == Polynomial(3)


@pytest.mark.parametrize("num_neurons", [5, 8])
def test_power_two_is_hebb_times_two_n(num_neurons):
    # G(h) = (h + 1)^2 - (h - 1)^2 = 4 h, so h_i = 2 sum_mu xi_i (xi . s - xi_i s_i) = 2 N h_i^Hebb.
    patterns = random_patterns(4, num_neurons, seed=7)
    states = all_states(num_neurons)
    dense = DenseAssociativeMemory(patterns, Polynomial(2))
    hebb = Hopfield.store(patterns)
    np.testing.assert_allclose(
        dense.local_field(states), 2 * num_neurons * hebb.local_field(states), rtol=0, atol=1e-10
    )
    # Energies differ by the constant M N that the diagonal carries.
    np.testing.assert_allclose(
        dense.energy(states), 2 * num_neurons * hebb.energy(states) - 4 * num_neurons, atol=1e-9
    )


def test_xor_needs_power_three():
    probes = XOR.copy()
    probes[:, 2] = 1
    flat = DenseAssociativeMemory(XOR, Polynomial(2))
    assert (flat.local_field(probes)[:, 2] == 0).all()
    cubic = DenseAssociativeMemory(XOR, Polynomial(3))
    # Twice the field is the energy difference of section 2: -48, +48, +48, -48.
    assert (2 * cubic.local_field(probes)[:, 2]).tolist() == [-48, 48, 48, -48]
    for wrong in (probes, XOR * [1, 1, -1]):
        np.testing.assert_array_equal(cubic.update(wrong, order=[2]), XOR)


@pytest.mark.parametrize("separation", [*SEPARATIONS, Cosh()], ids=repr)
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("trajectories", [1, 25])
def test_tracker_keeps_the_fields(separation, own, trajectories):
    model = DenseAssociativeMemory(random_patterns(6, 8, seed=1), separation)
    rng = np.random.default_rng(5)
    states = rng.choice([-1, 1], size=(trajectories, 8)).astype(np.int8)
    tracker = model.tracker(states)
    rows = np.arange(trajectories)
    for _ in range(40):
        neurons = rng.integers(0, 8, trajectories) if own else int(rng.integers(8))
        expected = model.local_field(states)[rows, neurons]
        np.testing.assert_allclose(tracker.field(neurons), expected, rtol=1e-9)
        new = rng.choice([-1, 1], size=trajectories)
        tracker.assign(neurons, new)
        states[rows, neurons] = new
        np.testing.assert_array_equal(tracker.states, states)
    np.testing.assert_array_equal(tracker.all_fields(), model.local_field(states))


@pytest.mark.parametrize("seed", range(5))
def test_fields_that_cancel_are_exactly_zero(seed):
    # Each pattern comes with its mirror image in neuron 0, in a mixed order, so that sums of
    # exp(0.1 h) cancel in neuron 0 only up to rounding.
    patterns = random_patterns(30, 9, seed=seed)
    patterns = np.unique(np.vstack([patterns, patterns * np.r_[-1, [1] * 8]]), axis=0)
    patterns = np.random.default_rng(seed).permutation(patterns)
    model = DenseAssociativeMemory(patterns, Exponential(0.1))
    states = all_states(9)
    assert not model.local_field(states)[:, 0].any()
    assert not model.tracker(states).field(0).any()
    assert model.local_field(states)[:, 1:].all(axis=1).any()


@pytest.mark.parametrize("separation", [*SEPARATIONS, Cosh()], ids=repr)
def test_field_bound_is_never_passed(separation):
    for num_patterns in (1, 4):
        model = DenseAssociativeMemory(random_patterns(num_patterns, 6, seed=8), separation)
        greatest = np.abs(model.local_field(all_states(6))).max()
        assert greatest <= model.field_bound() * (1 + 1e-12)
        if num_patterns == 1:  # one pattern reaches it at itself
            assert greatest == pytest.approx(model.field_bound())


def test_typical_field_is_mean_plus_three_deviations_over_the_patterns():
    model = DenseAssociativeMemory(random_patterns(3, 10, seed=8), Exponential(0.5))
    sizes = np.abs(model.local_field(model.patterns))
    assert sizes.mean() + 3 * sizes.std() < model.field_bound()
    assert model.typical_field() == pytest.approx(sizes.mean() + 3 * sizes.std())


@pytest.mark.parametrize(
    ("separation", "num_neurons", "scale"),
    [
        (Polynomial(2), 5, 1),
        (Polynomial(3), 6, 1),
        (RectifiedPolynomial(2), 6, 1),
        (RectifiedPolynomial(2), 5, 2),  # G(0) = 1: half a unit
        (RectifiedPolynomial(3), 5, 2),
        (Exponential(1.0), 5, None),
        (Polynomial(30), 6, None),  # beyond 2^53
    ],
    ids=repr,
)
def test_integer_scale(separation, num_neurons, scale):
    patterns = random_patterns(3, num_neurons, seed=3)
    model = DenseAssociativeMemory(patterns, separation)
    assert model.integer_scale == scale
    if scale is not None:
        fields = scale * model.local_field(all_states(num_neurons))
        np.testing.assert_array_equal(fields, np.rint(fields))
        if scale == 2:
            assert np.mod(fields, 2).any()


def test_attributes_are_safe_and_survive_pickling():
    patterns = random_patterns(3, 5, seed=3).copy()
    kept = patterns.copy()
    model = DenseAssociativeMemory(patterns, Exponential(beta=1))
    patterns[:] = 1
    np.testing.assert_array_equal(model.patterns, kept)
    with pytest.raises(ValueError, match="read-only"):
        model.patterns[0] = 1
    with pytest.raises(FrozenInstanceError):
        model.separation.beta = 2.0
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.energy(kept), model.energy(kept))
    assert repr(model) == (
        "DenseAssociativeMemory(num_neurons=5, patterns=3, separation=Exponential(beta=1.0))"
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Polynomial(1), ValueError, "power must be >= 2, got 1"),
        (lambda: Polynomial(2.0), TypeError, "power must be an integer, got 2.0"),
        (lambda: RectifiedPolynomial(0), ValueError, "power must be >= 2, got 0"),
        (lambda: RectifiedPolynomial(True), TypeError, "power must be an integer, got True"),
        (lambda: Exponential(0), ValueError, "beta must be a finite number > 0, got 0"),
        (lambda: Exponential(np.nan), ValueError, "beta must be a finite number > 0, got nan"),
        (lambda: Exponential("1"), TypeError, "beta must be a real number, got '1'"),
        (lambda: DenseAssociativeMemory(XOR, 3), TypeError, "separation must be .*got 3"),
        (lambda: DenseAssociativeMemory(XOR, np.exp), TypeError, "separation must be"),
        (lambda: DenseAssociativeMemory([[1, 0, 1]]), ValueError, "patterns"),
        (lambda: DenseAssociativeMemory([[1, 1], [1, 1]]), ValueError, "patterns"),
        (
            lambda: DenseAssociativeMemory(random_patterns(2, 800, seed=0), Exponential(1.0)),
            ValueError,
            r"overflows float64 for 2 patterns of 800 neurons; beta \* N = 800 must stay below "
            r"709.1: choose beta below 0.886",
        ),
        (
            lambda: DenseAssociativeMemory(random_patterns(2, 100, seed=0), Polynomial(155)),
            ValueError,
            r"F\(x\) = x\^155 overflows float64.*choose a smaller power",
        ),
    ],
)
def test_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_the_largest_beta_that_fits_is_taken():
    model = DenseAssociativeMemory(random_patterns(2, 800, seed=0), Exponential(0.885))
    assert np.isfinite(model.energy(model.patterns)).all()
    assert model.is_fixed_point(model.patterns).all()


@pytest.mark.parametrize("method", ["energy", "local_field", "tracker", "is_fixed_point", "update"])
@pytest.mark.parametrize("states", [[1, 0, 1], [1, 1], [[1, 1, np.nan]], []])
def test_states_must_be_spins(method, states):
    with pytest.raises(ValueError, match="states"):
        getattr(DenseAssociativeMemory(XOR), method)(states)
