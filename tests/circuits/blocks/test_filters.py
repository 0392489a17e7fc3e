"""Filters and amplification: circuits against their laws, cost, and what they refuse."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator
from scipy.special import softmax
from scipy.stats import chi2

from qhopfield.circuits import laws
from qhopfield.circuits.blocks.amplification import amplify, fixed_point_phases, phase_of_zero
from qhopfield.circuits.blocks.filters import ExpFilter, KernelFilter, TrugenbergerFilter
from qhopfield.circuits.blocks.loaders import load_memory
from qhopfield.circuits.models import Exponential, Polynomial, RectifiedPolynomial
from qhopfield.circuits.patterns import random_patterns, to_index

PLAIN = {"h", "x", "p", "ry", "rz", "rzz", "cx", "cz", "cp", "mcphase", "u", "measure"}


def coherent(loader, chosen, angles):
    """Loader and filter with coherent ancillas, registers memory, index, distance, ancillas."""
    n = loader.num_neurons
    memory, index = QuantumRegister(n), QuantumRegister(loader.num_index)
    register = QuantumRegister(chosen.register_width(n))
    ancillas = QuantumRegister(chosen.steps(n))
    circuit = QuantumCircuit(memory, index, register, ancillas)
    loader.append(circuit, memory, index=index)
    chosen.append(circuit, memory, angles, ancillas=ancillas, register=register)
    assert set(circuit.count_ops()) <= PLAIN
    return circuit, list(ancillas)


def kept_state(circuit, ancillas):
    """Unnormalised state of the other qubits where the ancillas are 0 (they are the last)."""
    return Statevector(circuit).data[: 2 ** (circuit.num_qubits - len(ancillas))]


def kept_patterns(circuit, ancillas, patterns):
    """Probability that each pattern is kept, and the rest that should be 0."""
    n = patterns.shape[1]
    chances = np.abs(kept_state(circuit, ancillas)) ** 2
    memory = chances.reshape(-1, 2**n).sum(axis=0)
    found = memory[to_index(patterns)]
    return found, memory.sum() - found.sum()


def check(chosen, patterns, probe, p, acceptance):
    """The circuit and the law against p(mu | x) and the acceptance."""
    circuit, ancillas = coherent(load_memory(patterns), chosen, chosen.angles(probe)[0])
    found, spurious = kept_patterns(circuit, ancillas, patterns)
    assert abs(spurious) < 1e-12
    assert found.sum() == pytest.approx(acceptance, abs=1e-10)
    np.testing.assert_allclose(found / found.sum(), p, atol=1e-10)
    law, law_acceptance = laws.kernel_memory(chosen.acceptances(patterns, probe))
    np.testing.assert_allclose(law[0], p, atol=1e-12)
    assert law_acceptance[0] == pytest.approx(acceptance, rel=1e-12)


def flipped(patterns, seed, flips=1):
    rng = np.random.default_rng(seed)
    probe = patterns[0].astype(float)
    probe[rng.choice(len(probe), flips, replace=False)] *= -1
    return probe


# The laws, by state vector ---------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("kind", ["real", "binary", "partial"])
def test_exp_filter_is_the_softmax(beta, kind):
    n = 6
    patterns = random_patterns(10, n, seed=4)
    rng = np.random.default_rng(int(10 * beta))
    probe = {
        "real": rng.uniform(-1, 1, n),
        "binary": rng.choice([-1.0, 1.0], n),
        "partial": np.array([1.0, 0.0, -0.4, -1.0, 0.0, 0.3]),
    }[kind]
    logits = beta * patterns @ probe
    acceptance = np.exp(-beta * np.abs(probe).sum()) * np.exp(logits).mean()
    check(ExpFilter(beta), patterns, probe, softmax(logits), acceptance)


def test_kept_amplitudes_are_real_and_positive():
    """What is kept is the loaded state with smaller amplitudes: no phase is picked up."""
    patterns = random_patterns(6, 5, seed=1)
    probe = flipped(patterns, 1)
    for chosen in (ExpFilter(0.8), KernelFilter(Exponential(0.8)), TrugenbergerFilter(2)):
        circuit, ancillas = coherent(load_memory(patterns), chosen, chosen.angles(probe)[0])
        state = kept_state(circuit, ancillas)
        expected = np.sqrt(chosen.acceptances(patterns, probe)[0] / 6)
        where = to_index(patterns)
        if chosen.register_width(5):
            where = where + 2**5 * laws.distances(patterns, probe).astype(int)
        np.testing.assert_allclose(state[where], expected, atol=1e-12)


@pytest.mark.parametrize(
    "separation",
    [Exponential(0.7), Polynomial(2), Polynomial(4), *map(RectifiedPolynomial, (2, 3, 4, 5))],
    ids=repr,
)
@pytest.mark.parametrize("known", ["all", "some"])
def test_kernel_filter_realises_separation_functions(separation, known):
    patterns = random_patterns(9, 7, seed=6)
    probe = flipped(patterns, 2, flips=2)
    if known == "some":
        probe[[1, 4]] = 0.0
    size = int(np.abs(probe).sum())
    weights = separation(patterns @ probe)
    greatest = separation(size - 2.0 * np.arange(size + 1)).max()
    check(
        KernelFilter(separation),
        patterns,
        probe,
        weights / weights.sum(),
        weights.mean() / greatest,
    )


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8])
def test_kernel_filter_takes_any_table(n):
    rng = np.random.default_rng(n)
    table = rng.uniform(0, 5, n + 1)
    codes = rng.choice(2**n, min(2**n, 7), replace=False)
    patterns = 1 - 2 * (codes[:, None] >> np.arange(n) & 1)
    probe = rng.choice([-1, 1], n)
    weights = table[np.count_nonzero(patterns != probe, axis=1)]
    check(
        KernelFilter(table), patterns, probe, weights / weights.sum(), weights.mean() / table.max()
    )


@pytest.mark.parametrize("power", [3, 5])
def test_vote_kernels_of_odd_differences(power):
    """|G| as a table, as the signed vote needs it; the register holds the distance for the sign."""
    patterns = random_patterns(6, 6, seed=9)
    probe = flipped(patterns, 5)
    g = Polynomial(power - 1).difference(6 - 2.0 * np.arange(7))
    kernel, _ = laws.vote_kernel(g)
    chosen = KernelFilter(kernel)
    d = np.count_nonzero(patterns != probe, axis=1)
    check(chosen, patterns, probe, kernel[d] / kernel[d].sum(), kernel[d].mean())
    circuit, ancillas = coherent(load_memory(patterns), chosen, chosen.angles(probe)[0])
    chances = np.abs(kept_state(circuit, ancillas)) ** 2
    by_distance = chances.reshape(-1, 2**6).sum(axis=1)
    expected = np.bincount(d, kernel[d] / 6, minlength=8)
    np.testing.assert_allclose(by_distance, expected, atol=1e-12)


@pytest.mark.parametrize("controls", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [5, 6])
def test_trugenberger_filter_is_his_cosine(controls, n):
    patterns = random_patterns(8, n, seed=n)
    probe = flipped(patterns, 3)
    d = np.count_nonzero(patterns != probe, axis=1)
    weights = np.cos(np.pi * d / (2 * n)) ** (2 * controls)
    check(TrugenbergerFilter(controls), patterns, probe, weights / weights.sum(), weights.mean())
    table = np.cos(np.pi * np.arange(n + 1) / (2 * n)) ** (2 * controls)
    np.testing.assert_allclose(
        KernelFilter(table).acceptances(patterns, probe),
        TrugenbergerFilter(controls).acceptances(patterns, probe),
        atol=1e-14,
    )


def test_trugenberger_filter_takes_real_and_partial_probes():
    patterns = random_patterns(8, 5, seed=2)
    probe = np.array([0.5, 0.0, -1.0, -0.2, 1.0])
    d = np.sum(np.abs(probe) - probe * patterns, axis=1) / 2
    weights = np.cos(np.pi * d / 10) ** 4
    check(TrugenbergerFilter(2), patterns, probe, weights / weights.sum(), weights.mean())


@pytest.mark.parametrize(
    "chosen", [ExpFilter(0.9), KernelFilter(Exponential(0.6)), TrugenbergerFilter(3)], ids=repr
)
@pytest.mark.parametrize("probe", [[1, -1, 1, 1], [1, 0, -1, 0]])
def test_product_state_keys(chosen, probe):
    rng = np.random.default_rng(3)
    keys = rng.uniform(-1, 1, (3, 4))
    keys[0] = [1, -1, 1, 0]
    weights = np.array([0.2, 0.5, 0.3])
    loader = load_memory(keys, weights=weights, index=True)
    circuit, ancillas = coherent(loader, chosen, chosen.angles(probe)[0])
    chances = np.abs(kept_state(circuit, ancillas)) ** 2
    found = chances.reshape(-1, 4, 2**4).sum(axis=(0, 2))
    expected = np.append(weights * chosen.acceptances(keys, probe)[0], 0.0)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_real_probes_on_product_state_keys():
    rng = np.random.default_rng(4)
    keys, probe = rng.uniform(-1, 1, (4, 4)), rng.uniform(-1, 1, 4)
    for chosen in (ExpFilter(1.1), TrugenbergerFilter(2)):
        loader = load_memory(keys, index=True)
        circuit, ancillas = coherent(loader, chosen, chosen.angles(probe)[0])
        chances = np.abs(kept_state(circuit, ancillas)) ** 2
        found = chances.reshape(4, 2**4).sum(axis=1)
        np.testing.assert_allclose(found, chosen.acceptances(keys, probe)[0] / 4, atol=1e-10)
    p, _ = laws.kernel_memory(ExpFilter(1.1).acceptances(keys, probe))
    np.testing.assert_allclose(p[0], laws.product_key_memory(keys, probe, 1.1), atol=1e-14)


def test_values_follow_the_kept_keys():
    keys, values = random_patterns(6, 5, seed=7), random_patterns(6, 3, seed=8)
    probe = np.random.default_rng(1).uniform(-1, 1, 5)
    chosen = ExpFilter(1.0)
    memory, value = QuantumRegister(5), QuantumRegister(3)
    ancillas = QuantumRegister(5)
    circuit = QuantumCircuit(memory, value, ancillas)
    load_memory(keys, values=values).append(circuit, memory, values=value)
    chosen.append(circuit, memory, chosen.angles(probe)[0], ancillas=ancillas)
    chances = np.abs(Statevector(circuit).data[: 2**8]) ** 2
    chances = chances.reshape(2**3, 2**5).sum(axis=1) / chances.sum()
    spins = 1 - 2 * (np.arange(8)[:, None] >> np.arange(3) & 1)
    expected = softmax(keys @ probe) @ values
    np.testing.assert_allclose(chances @ spins, expected, atol=1e-10)


# Max-subtraction -------------------------------------------------------------------------------


def test_max_subtraction_keeps_the_softmax_and_lifts_the_acceptance():
    patterns = random_patterns(12, 8, seed=21)
    probe = flipped(patterns, 3, flips=3)
    d = np.count_nonzero(patterns != probe, axis=1)
    least, beta = int(d.min()), 1.5
    assert least > 0
    expected = softmax(beta * patterns @ probe)
    acceptance = np.exp(-2 * beta * (d - least)).mean()
    check(KernelFilter(Exponential(beta), d_min=least), patterns, probe, expected, acceptance)
    assert acceptance >= 1 / 12
    chosen = KernelFilter(Exponential(beta))
    np.testing.assert_array_equal(
        chosen.acceptances(patterns, [probe, probe], d_min=[0, least]),
        [
            chosen.acceptances(patterns, probe)[0],
            KernelFilter(Exponential(beta), d_min=least).acceptances(patterns, probe)[0],
        ],
    )


def test_a_cut_that_is_too_deep_counts_nearer_patterns_alike():
    patterns = random_patterns(12, 6, seed=2)
    probe = patterns[0]
    d = np.count_nonzero(patterns != probe, axis=1)
    weights = np.minimum(1.0, np.exp(-2.0 * (d - 2.0)))
    check(
        KernelFilter(Exponential(1.0), d_min=2),
        patterns,
        probe,
        weights / weights.sum(),
        weights.mean(),
    )


def test_max_subtraction_of_a_table_and_of_a_sharp_exponential():
    table = [8.0, 4.0, 2.0, 1.0, 0.0]
    patterns = np.array([[1, 1, -1, -1], [1, -1, -1, -1], [-1, -1, -1, -1]])
    found = KernelFilter(table, d_min=2).acceptances(patterns, [1, 1, 1, 1])
    np.testing.assert_allclose(found, [[1.0, 0.5, 0.0]])
    sharp = KernelFilter(Exponential(500.0), d_min=2).acceptances(patterns, [1, 1, 1, 1])
    np.testing.assert_allclose(sharp, [[1.0, 0.0, 0.0]], atol=1e-300)


def test_acceptance_of_the_literature_by_the_law():
    """n = 16, M = 32, two flips, beta 1.5: 9.6e-5 becomes 3.36e-2, within 10 %."""
    rng = np.random.default_rng(12)
    plain, lifted = [], []
    for _ in range(600):
        patterns = random_patterns(32, 16, seed=rng)
        probe = patterns[0].astype(float)
        probe[rng.choice(16, 2, replace=False)] *= -1
        least = int(laws.distances(patterns, probe).min())
        filters = (KernelFilter(Exponential(1.5)), KernelFilter(Exponential(1.5), d_min=least))
        for chosen, into in zip(filters, (plain, lifted), strict=True):
            into.append(chosen.acceptances(patterns, probe).mean())
    assert np.mean(plain) == pytest.approx(9.6e-5, rel=0.1)
    assert np.mean(lifted) == pytest.approx(3.36e-2, rel=0.1)


# Running them ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chosen",
    [ExpFilter(0.6), KernelFilter(Exponential(0.6)), TrugenbergerFilter(2)],
    ids=repr,
)
def test_one_parametrised_circuit_serves_all_probes_with_one_ancilla(chosen):
    """On Aer as it stands: chi-square of the kept counts against the law, false alarm 1e-6."""
    n, shots = 4, 4000
    patterns = random_patterns(5, n, seed=3)
    probes = np.array([[1, -1, 1, 1], [-1, -1, 0, 1], [1, 1, 1, -1]])
    memory, ancilla = QuantumRegister(n, "m"), QuantumRegister(1, "a")
    register = QuantumRegister(chosen.register_width(n), "d")
    kept, read = ClassicalRegister(chosen.steps(n), "kept"), ClassicalRegister(n, "read")
    circuit = QuantumCircuit(memory, register, ancilla, kept, read)
    load_memory(patterns).append(circuit, memory)
    parameters = ParameterVector("t", chosen.num_angles(n))
    chosen.append(circuit, memory, parameters, ancillas=ancilla, register=register, flags=kept)
    circuit.measure(memory, read)
    rows = chosen.angles(probes)
    binds = {p: rows[:, i].tolist() for i, p in enumerate(parameters)}
    result = AerSimulator(seed_simulator=11).run(circuit, shots=shots, parameter_binds=[binds])
    law = chosen.acceptances(patterns, probes) / len(patterns)
    statistic = 0.0
    for row, probability in enumerate(law):
        observed = np.zeros(len(patterns) + 1)
        for bits, count in result.result().get_counts(row).items():
            state, flags = bits.split(" ")
            slot = len(patterns)
            if "1" not in flags:
                slot = int(np.flatnonzero(to_index(patterns) == int(state, 2))[0])
            observed[slot] += count
        expected = shots * np.append(probability, 1 - probability.sum())
        statistic += np.sum((observed - expected) ** 2 / expected)
    assert statistic < chi2.isf(1e-6, 3 * len(patterns))


@pytest.mark.parametrize(
    "chosen", [ExpFilter(0.6), KernelFilter([5, 2, 0, 1, 3]), TrugenbergerFilter(2)], ids=repr
)
def test_parameters_and_numbers_give_the_same_circuit(chosen):
    patterns = random_patterns(5, 4, seed=3)
    loader = load_memory(patterns)
    parameters = ParameterVector("t", chosen.num_angles(4))
    template, ancillas = coherent(loader, chosen, parameters)
    for probe in ([1, -1, 1, 1], [0, -1, 0, 1], [0, 0, 0, 0]):
        row = chosen.angles(probe)[0]
        numbers, other = coherent(loader, chosen, row)
        np.testing.assert_allclose(
            kept_state(template.assign_parameters(row), ancillas),
            kept_state(numbers, other),
            atol=1e-12,
        )


@pytest.mark.parametrize("n", [1, 2, 5, 8, 16, 33])
def test_exp_filter_costs_at_most_two_gates_a_neuron(n):
    assert ExpFilter(1.0).two_qubit_gates(n) == n <= 2 * n


def test_kernel_filter_beats_the_known_counts():
    found = {n: KernelFilter(Exponential(1.0)).two_qubit_gates(n) for n in (8, 12, 16)}
    assert found[8] <= 92
    assert found[12] <= 124
    assert found[16] <= 212
    for n, cost in found.items():
        w = n.bit_length()
        assert cost <= n * (w + 1) + 2 * w + w * (w - 1) + n + w


def test_trugenberger_costs_two_gates_a_neuron_and_control():
    assert TrugenbergerFilter(3).two_qubit_gates(7) == 2 * 7 * 3


def test_unknown_bits_of_a_bound_filter_cost_nothing():
    chosen = ExpFilter(1.0)
    circuit, _ = coherent(load_memory([[1, 1, 1]]), chosen, chosen.angles([1, 0, 0])[0])
    assert circuit.count_ops()["cz"] == 1


# Amplification ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [0, 1, 2, 3, 7])
@pytest.mark.parametrize(
    "chosen", [ExpFilter(0.8), KernelFilter(Exponential(0.8)), TrugenbergerFilter(2)], ids=repr
)
def test_amplification_follows_the_sine(chosen, rounds):
    patterns = random_patterns(6, 4, seed=5)
    probe = flipped(patterns, 2)
    prepare, ancillas = coherent(load_memory(patterns), chosen, chosen.angles(probe)[0])
    p, acceptance = laws.kernel_memory(chosen.acceptances(patterns, probe))
    circuit = prepare.copy()
    amplify(circuit, prepare, ancillas, rounds)
    assert set(circuit.count_ops()) <= PLAIN
    found, _ = kept_patterns(circuit, ancillas, patterns)
    assert found.sum() == pytest.approx(laws.amplified(acceptance, rounds)[0], abs=1e-10)
    if found.sum() > 1e-6:
        np.testing.assert_allclose(found / found.sum(), p[0], atol=1e-9)


def test_rounds_keep_the_sign_of_the_amplitudes():
    """Global phase included: Q = -A S_0 A^-1 S_good is a rotation by 2 theta."""
    patterns = random_patterns(6, 4, seed=5)
    chosen = ExpFilter(0.8)
    probe = flipped(patterns, 2)
    prepare, ancillas = coherent(load_memory(patterns), chosen, chosen.angles(probe)[0])
    before = kept_state(prepare, ancillas)
    circuit = prepare.copy()
    amplify(circuit, prepare, ancillas, 1)
    theta = np.arcsin(np.linalg.norm(before))
    scale = np.sin(3 * theta) / np.sin(theta)
    np.testing.assert_allclose(kept_state(circuit, ancillas), scale * before, atol=1e-12)


@pytest.mark.parametrize("rounds", [0, 1, 2, 4])
@pytest.mark.parametrize("tolerance", [0.1, 0.5])
@pytest.mark.parametrize("beta", [0.2, 1.0])
def test_fixed_point_amplification_is_its_law(rounds, tolerance, beta):
    patterns = random_patterns(6, 4, seed=5)
    chosen = KernelFilter(Exponential(beta))
    probe = flipped(patterns, 2)
    prepare, ancillas = coherent(load_memory(patterns), chosen, chosen.angles(probe)[0])
    p, acceptance = laws.kernel_memory(chosen.acceptances(patterns, probe))
    circuit = prepare.copy()
    amplify(circuit, prepare, ancillas, rounds, tolerance=tolerance)
    found, _ = kept_patterns(circuit, ancillas, patterns)
    expected = laws.fixed_point_amplified(acceptance, rounds, tolerance)[0]
    assert found.sum() == pytest.approx(expected, abs=1e-10)
    np.testing.assert_allclose(found / found.sum(), p[0], atol=1e-9)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_phase_of_zero_marks_one_state(width):
    circuit = QuantumCircuit(width)
    circuit.h(range(width))
    phase_of_zero(circuit, circuit.qubits, 0.7)
    expected = np.full(2**width, 2 ** (-width / 2), dtype=complex)
    expected[0] *= np.exp(0.7j)
    np.testing.assert_allclose(Statevector(circuit).data, expected, atol=1e-12)


# Bad input -------------------------------------------------------------------------------------


def rejected(action):
    circuit = QuantumCircuit(9, 4)
    q, c = circuit.qubits, circuit.clbits
    chosen = ExpFilter(1.0)
    return {
        "angles": lambda: chosen.append(circuit, q[:4], [0.0] * 7, ancillas=q[4:8]),
        "ancillas": lambda: chosen.append(circuit, q[:4], [0.0] * 8, ancillas=q[4:7]),
        "flags": lambda: chosen.append(circuit, q[:4], [0.0] * 8, ancillas=q[4:5], flags=c[:3]),
        "reused": lambda: chosen.append(circuit, q[:4], [0.0] * 8, ancillas=q[4:8], flags=c),
        "register": lambda: KernelFilter([1.0] * 5).append(
            circuit, q[:4], [0.0] * 10, ancillas=q[4:5]
        ),
        "empty": lambda: chosen.append(circuit, [], [], ancillas=[]),
        "good": lambda: amplify(circuit, QuantumCircuit(9), [], 1),
    }[action]


@pytest.mark.parametrize(
    "action, error, message",
    [
        (lambda: ExpFilter(-0.1), ValueError, "beta must be a finite number >= 0, got -0.1"),
        (lambda: ExpFilter(float("nan")), ValueError, "beta must be a finite number"),
        (lambda: ExpFilter("hot"), TypeError, "beta must be a real number"),
        (lambda: TrugenbergerFilter(0), ValueError, "controls must be >= 1, got 0"),
        (lambda: TrugenbergerFilter(1.5), TypeError, "controls must be an integer"),
        (lambda: KernelFilter([1.0, -0.5]), ValueError, r"K\(1\) = -0.5"),
        (lambda: KernelFilter([1.0, float("nan")]), ValueError, r"K\(1\) = nan"),
        (lambda: KernelFilter([1.0, float("inf")]), ValueError, r"K\(1\) = inf"),
        (lambda: KernelFilter([0.0, 0.0]), ValueError, "0 everywhere"),
        (lambda: KernelFilter([1.0]), ValueError, r"shape \(N \+ 1,\)"),
        (lambda: KernelFilter("softmax"), TypeError, "separation function"),
        (lambda: KernelFilter([1.0, 0.5], d_min=-1), ValueError, "d_min must be >= 0"),
        (lambda: KernelFilter([1.0, 0.5]).angles([1, 1]), ValueError, "must have 3 entries"),
        (lambda: KernelFilter(Polynomial(3)).angles([1, 1, 1]), ValueError, "RectifiedPolynomial"),
        (lambda: KernelFilter(Polynomial(900)).angles([1] * 3), ValueError, "is inf at overlap"),
        (lambda: KernelFilter([1, 1, 1]).angles([1, 0.5]), ValueError, "ExpFilter takes real"),
        (lambda: KernelFilter([1, 0, 0], d_min=1).angles([1, 1]), ValueError, "acceptance 0"),
        (lambda: KernelFilter([1, 1, 1], d_min=2).angles([1, 0]), ValueError, "at most the 1"),
        (
            lambda: KernelFilter([1, 1, 1]).angles([1, 1], d_min=[-1]),
            ValueError,
            "d_min must be >= 0, got -1",
        ),
        (
            lambda: KernelFilter([1, 1, 1]).angles([1, 1], d_min=0.5),
            TypeError,
            "d_min must be an integer",
        ),
        (
            lambda: KernelFilter([1, 1, 1]).angles([1, 1], d_min=[0, 1]),
            ValueError,
            "one d_min a probe, 1; got 2",
        ),
        (lambda: ExpFilter().angles([1, 1.5]), ValueError, "between -1 and 1; got 1.5"),
        (lambda: ExpFilter().acceptances([[1, 1]], [1, 1, 1]), ValueError, "must have 3 entries"),
        (rejected("angles"), ValueError, "needs 8 angles, got 7"),
        (rejected("ancillas"), ValueError, "needs 4 ancillas, got 3"),
        (rejected("flags"), ValueError, "needs 4 flags, got 3"),
        (rejected("reused"), ValueError, "needs 1 ancillas, got 4"),
        (rejected("register"), ValueError, "needs 3 register qubits, got 0"),
        (rejected("empty"), ValueError, "memory qubits must be >= 1"),
        (rejected("good"), ValueError, "reflected qubits must be >= 1"),
        (lambda: fixed_point_phases(-1, 0.1), ValueError, "rounds must be >= 0"),
        (lambda: fixed_point_phases(2, 0.0), ValueError, "tolerance must be"),
        (lambda: fixed_point_phases(2, 1.0), ValueError, "tolerance must be"),
    ],
)
def test_bad_input(action, error, message):
    with pytest.raises(error, match=message):
        action()


@pytest.mark.parametrize(
    "chosen",
    [ExpFilter(0.5), KernelFilter(np.array([2.0, 1.0])), TrugenbergerFilter(2)],
    ids=repr,
)
def test_filters_are_frozen_values(chosen):
    assert pickle.loads(pickle.dumps(chosen)) == chosen
    assert hash(chosen) == hash(dataclasses.replace(chosen))
    with pytest.raises(dataclasses.FrozenInstanceError):
        chosen.beta = 2.0
