"""What results and journals say of a run, each compared with its definition."""

import numpy as np
import pytest
from scipy.stats import chi2, ttest_ind

from qhopfield.circuits import (
    AtomizedMemory,
    ExpFilter,
    FilteredMemory,
    Hopfield,
    Mitigation,
    ModernHopfield,
    NeuronDynamics,
    RUSNeuron,
    make_noise,
    recall,
)
from qhopfield.circuits.patterns import random_patterns

MODEL = ModernHopfield(random_patterns(3, 3, seed=1), beta=0.3)
METHOD = FilteredMemory(ExpFilter(0.3), fresh=True)


@pytest.mark.fault(
    "the overhead of mitigation could be left out of effective shots",
    kind="bookkeeping without an oracle",
)
@pytest.mark.parametrize(
    "method",
    [
        METHOD,
        FilteredMemory(ExpFilter(0.3), iterations=2, fresh=True),
        AtomizedMemory(METHOD, shards=[[0, 2], [1]]),
    ],
    ids=repr,
)
def test_mitigated_shots_are_worth_as_many_fewer(method):
    """Their number is that of a run without mitigation divided by the overhead; so is the scatter.

    Without noise, so that both runs have the same means. Welch's test of effective shots and of
    trials, and a chi-square bound on how 200 runs scatter around their mean; each false alarm 1e-6.
    """
    probes, mitigation = np.repeat(MODEL.patterns[:1], 200, axis=0), Mitigation(zero_noise=(1, 3))
    found = recall(MODEL, probes, method, shots=1000, seed=4, mitigation=mitigation)
    plain = recall(MODEL, probes, method, shots=1000, seed=5)
    overhead = 1.5**2 + 0.5**2  # of the line through two factors 1 and 3: weights 3/2 and -1/2
    pairs = [(found.effective_shots, plain.effective_shots)]
    if plain.trials is not None:
        pairs.append((found.trials, plain.trials))
    for mitigated, bare in pairs:
        assert ttest_ind(mitigated * overhead, bare, equal_var=False).pvalue > 1e-6
        assert ttest_ind(mitigated, bare, equal_var=False).pvalue < 1e-6
    shares = found.probability_of(MODEL.patterns[0])
    due = np.mean(shares * (1.0 - shares) / found.effective_shots)
    scatter = 199 * shares.var(ddof=1) / due
    low, high = chi2.ppf(0.5e-6, 199), chi2.isf(0.5e-6, 199)
    assert low < scatter < high
    assert 199 * shares.var(ddof=1) / (due / overhead) > high  # as many shots as without


@pytest.mark.fault(
    "shots could be left out of a journal's key", kind="bookkeeping without an oracle"
)
def test_a_journal_is_of_all_settings(tmp_path):
    """Each thing that decides an answer, changed alone, makes another journal."""
    settings = {
        "model": MODEL,
        "probes": MODEL.patterns,
        "method": METHOD,
        "shots": 20,
        "seed": 1,
    }
    path = tmp_path / "kept"
    recall(**settings, journal=path)
    for name, other in (
        ("model", ModernHopfield(MODEL.patterns, beta=0.4)),
        ("probes", MODEL.patterns[::-1]),
        ("method", FilteredMemory(ExpFilter(0.3))),
        ("shots", 21),
        ("seed", 2),
        ("noise_model", make_noise(two_qubit=0.1)),
        ("mitigation", Mitigation(zero_noise=(1, 3))),
    ):
        with pytest.raises(ValueError, match="settings"):
            recall(**settings | {name: other}, journal=path)


@pytest.mark.fault(
    "accounts of more than 64 steps could be lost", kind="bookkeeping without an oracle"
)
def test_accounts_of_long_trajectories():
    """Attempts and folded fields are means over all updates, not over the last batch of them.

    Neurons that do not feel each other: every sweep costs the same, however many there are.
    """
    bias = np.array([0.9, -0.4, 0.2])
    model = Hopfield(1e-9 * (np.ones((3, 3)) - np.eye(3)), bias)
    for sweeps in (20, 21, 22, 70):
        method = NeuronDynamics(RUSNeuron(2), sweeps=sweeps, gain=1.2, fold=True)
        law = method.law(model, [1, 1, 1])
        found = method.sample_law(model, [1, 1, 1], 5, np.random.default_rng(1))
        assert found.attempts[0] == pytest.approx(law.attempts)
        assert found.folded[0] == pytest.approx(law.folded)
        # By hand: a field folds where the gain turns it beyond pi/4.
        assert law.folded == pytest.approx(np.mean(1.2 * np.abs(bias) > np.pi / 4))
        assert law.folded > 0.0
