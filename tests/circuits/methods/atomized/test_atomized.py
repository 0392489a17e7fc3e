"""Submodules recombine to the whole, by law and by circuits, whoever fails."""

import numpy as np
import pytest
from qiskit.primitives import BackendSamplerV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import generate_preset_pass_manager
from scipy import stats

from qhopfield.circuits import (
    AtomizedMemory,
    DenseAssociativeMemory,
    ExpFilter,
    Exponential,
    Faults,
    FilteredMemory,
    Hopfield,
    KernelFilter,
    ModernHopfield,
    NeuronDynamics,
    Polynomial,
    RecallResult,
    RejectionSampling,
    TrugenbergerFilter,
    recall,
    resources,
    similar_shards,
)
from qhopfield.circuits.common.randomness import as_generator
from qhopfield.circuits.execution import make_noise, make_runner
from qhopfield.circuits.patterns import corrupt, random_patterns

FALSE_ALARM = 1e-6
BETA = 0.5
SEARCHED = FilteredMemory(KernelFilter(Exponential(BETA)), least="descending")
WHOLES = {
    "exp": FilteredMemory(ExpFilter(BETA)),
    "subtracted": SEARCHED,
    "square": FilteredMemory(KernelFilter(Polynomial(2))),
    "trugenberger": FilteredMemory(TrugenbergerFilter(3)),
    "iterated": FilteredMemory(ExpFilter(BETA), iterations=3),
}


@pytest.fixture(scope="module")
def memory():
    return ModernHopfield(random_patterns(10, 8, seed=1), beta=BETA)


@pytest.fixture(scope="module")
def probes(memory):
    return corrupt(memory.patterns[:3], flips=1, seed=2)


def random_partition(rng, total):
    """Any partition: a random number of parts, random members."""
    parts = int(rng.integers(1, total + 1))
    cuts = np.sort(rng.choice(np.arange(1, total), size=parts - 1, replace=False))
    return [part.tolist() for part in np.split(rng.permutation(total), cuts)]


def agree(first, second, tolerance=1e-12):
    """Two exact results are the same."""
    assert np.abs(first.expectations - second.expectations).max() < tolerance
    assert np.abs(first.acceptance - second.acceptance).max() < tolerance


@pytest.mark.parametrize("name", WHOLES)
def test_any_partition_of_patterns_recombines_by_law(memory, probes, name):
    rng = np.random.default_rng(5)
    whole = recall(memory, probes, WHOLES[name], exact=True)
    for _ in range(10):
        cut = AtomizedMemory(WHOLES[name], shards=random_partition(rng, 10))
        agree(recall(memory, probes, cut, exact=True), whole)


def test_any_grid_recombines_by_law(memory):
    rng = np.random.default_rng(6)
    rows = np.random.default_rng(7).uniform(-1, 1, size=(3, 8))
    whole = recall(memory, rows, WHOLES["exp"], exact=True)
    for _ in range(10):
        cut = AtomizedMemory(
            WHOLES["exp"], shards=random_partition(rng, 10), blocks=random_partition(rng, 8)
        )
        agree(recall(memory, rows, cut, exact=True), whole)


def test_blocks_of_a_subtracted_kernel_give_the_same_shares(memory, probes):
    # Each block subtracts its own least distance, so that the acceptance is another.
    whole = recall(memory, probes, SEARCHED, exact=True)
    cut = recall(memory, probes, AtomizedMemory(SEARCHED, shards=2, blocks=3), exact=True)
    assert np.abs(cut.expectations - whole.expectations).max() < 1e-12


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("subtracted", {"shards": 3}),
        ("subtracted", {"shards": 2, "blocks": 2}),
        ("subtracted", {"shards": [[0, 9], [1, 2, 3, 4, 5, 6, 7, 8]], "replicas": 2}),
        ("square", {"shards": 4}),
        ("trugenberger", {"shards": 2}),
    ],
)
def test_circuits_recombine_to_the_law(memory, probes, name, options):
    method = WHOLES[name]
    if name == "trugenberger":
        method = FilteredMemory(TrugenbergerFilter(3), fresh=True)
    whole = recall(memory, probes, method, exact=True)
    cut = recall(memory, probes, AtomizedMemory(method, **options), shots=4000, seed=8)
    share = whole.probability_of(cut.states)
    measured = cut.probability_of(cut.states)
    error = np.sqrt(share * (1 - share) / cut.effective)
    limit = stats.norm.isf(FALSE_ALARM / 2 / len(probes))
    assert (np.abs(measured - share) < limit * error).all()
    means = np.abs(cut.expectations - whole.expectations) / np.maximum(cut.standard_errors, 1e-2)
    assert means.max() < stats.norm.isf(FALSE_ALARM / 2 / means.size)


def test_acceptance_is_the_partition_function(memory, probes):
    """Fails if shards of unequal sizes were averaged instead of weighted."""
    method = WHOLES["square"]
    cut = AtomizedMemory(method, shards=[[0], list(range(1, 10))])
    shots = 20_000
    found = recall(memory, probes, cut, shots=shots, seed=9)
    expected = recall(memory, probes, method, exact=True).acceptance
    # Two shards of S shots each, weighted 1 : 9, scatter at most as 0.82 S shots do.
    error = np.sqrt(expected * (1 - expected) / shots) * np.sqrt(0.1**2 + 0.9**2) * 1.2
    assert (np.abs(found.acceptance - expected) < 5.3 * error).all()


def test_effective_is_the_accepted_shots_of_one_shard(memory, probes):
    one = recall(memory, probes, AtomizedMemory(WHOLES["square"], shards=1), shots=500, seed=3)
    assert np.allclose(one.effective, one.accepted)
    assert (one.probability_intervals[:, 0] < one.probabilities).all()


def test_effective_tells_the_scatter(memory):
    """The spread of the greatest share over many runs is what ``effective`` says."""
    probe = memory.patterns[:1]
    method = AtomizedMemory(WHOLES["exp"], shards=3, blocks=2)
    rng = as_generator(4)
    shares, effective = [], []
    for _ in range(400):
        samples = method.sample_law(memory, probe, 2000, rng)
        first = (samples.outcomes[0] == probe[0]).all(axis=1)
        shares.append(samples.weights[0][first].sum() / samples.weights[0].sum())
        effective.append(samples.effective[0])
    p = float(np.mean(shares))
    ratio = np.var(shares) / (p * (1 - p) / np.mean(effective))
    # Chi-square of 399 degrees of freedom, and Poisson counts overstate the scatter by < 1 - p.
    low, high = stats.chi2.ppf([5e-7, 1 - 5e-7], 399) / 399
    assert low * 0.5 < ratio < high


def test_classical_twin_recombines(memory, probes):
    twin = AtomizedMemory(RejectionSampling(ExpFilter(BETA)), shards=3)
    found = recall(memory, probes, twin, shots=20_000, seed=2)
    whole = recall(memory, probes, WHOLES["exp"], exact=True)
    assert found.run_on == "classical"
    error = np.maximum(found.standard_errors, 1e-2)
    assert (np.abs(found.expectations - whole.expectations) < 5.5 * error).all()


def test_same_seed_same_answer_in_any_number_of_pieces(memory):
    rows = corrupt(np.repeat(memory.patterns[:2], 40, axis=0), flips=1, seed=3)
    cut = AtomizedMemory(WHOLES["square"], shards=2)
    once = recall(memory, rows, cut, shots=50, seed=5)
    assert recall(memory, rows, cut, shots=50, seed=5, workers=1).counts == once.counts
    assert recall(memory, rows, cut, shots=50, seed=6).counts != once.counts
    direct = cut.run(memory, rows, 50, make_runner(), as_generator(5))
    for weights, found in zip(direct.weights, once.weights, strict=True):
        assert np.array_equal(np.sort(weights), np.sort(found))


def test_circuit_is_all_submodules_side_by_side(memory):
    cut = AtomizedMemory(SEARCHED, shards=2, blocks=2, replicas=2)
    each = cut.circuits(memory, memory.patterns[0])
    whole = cut.circuit(memory, memory.patterns[0])
    assert len(each) == 8
    assert whole.num_qubits == sum(circuit.num_qubits for circuit in each)
    assert whole.num_clbits == sum(circuit.num_clbits for circuit in each)
    assert whole.size() == sum(circuit.size() for circuit in each)
    assert "s1b1r1_index" in {register.name for register in whole.cregs}
    costs = resources(memory, cut)
    assert costs.circuits == 8
    assert costs.qubits == max(circuit.num_qubits for circuit in each)
    assert costs.two_qubit_gates == sum(resources_of(circuit).two_qubit_gates for circuit in each)


def resources_of(circuit):
    from qhopfield.circuits.blocks.cost import circuit_cost

    return circuit_cost(circuit)


# Which shards run


def test_coarse_memory_runs_the_right_shards():
    rng = np.random.default_rng(3)
    centres = random_patterns(4, 12, seed=3)
    patterns = np.unique(
        np.concatenate([corrupt(centres, flips=1, seed=k) for k in range(4)]), axis=0
    )
    memory = ModernHopfield(patterns, beta=1.0)
    shards = similar_shards(patterns, 4, seed=1)
    assert sorted(index for part in shards for index in part) == list(range(len(patterns)))
    assert max(map(len, shards)) <= -(-len(patterns) // 4)
    probes = patterns[rng.permutation(len(patterns))[:6]]
    method = FilteredMemory(KernelFilter(Exponential(1.0)), least="descending")
    cut = AtomizedMemory(method, shards=shards, keep=1)
    for found in (
        recall(memory, probes, cut, exact=True),
        recall(memory, probes, cut, shots=400, seed=2),
    ):
        assert (found.states == probes).all()
        assert found.parts.count("skipped").tolist() == [3] * 6
        sizes = np.array([len(part) for part in shards])
        ran = found.parts.status == 0
        assert found.parts.covered() == pytest.approx(ran @ sizes / len(patterns))
    assert resources(memory, cut).circuits == 4 + 1


@pytest.mark.parametrize("shards", [1, 4, 7, 25, 30])
def test_similar_shards_are_all_there_and_even(shards):
    patterns = random_patterns(30, 6, seed=4)
    found = similar_shards(patterns, shards, seed=2)
    assert sorted(index for part in found for index in part) == list(range(30))
    sizes = [len(part) for part in found]
    assert len(sizes) == shards and max(sizes) - min(sizes) <= 1


def test_keeping_all_shards_needs_no_coarse_memory(memory, probes):
    cut = AtomizedMemory(WHOLES["exp"], shards=3, keep=3)
    agree(
        recall(memory, probes, cut, exact=True), recall(memory, probes, WHOLES["exp"], exact=True)
    )
    assert resources(memory, cut).circuits == 3


# Failures


def test_dead_shards_leave_the_rest_exact(memory, probes):
    cut = AtomizedMemory(WHOLES["exp"], shards=5, faults=Faults(dead=[0, 3]))
    alive = [2, 3, 4, 5, 8, 9]
    rest = ModernHopfield(memory.patterns[alive], beta=BETA)
    found = recall(memory, probes, cut, exact=True)
    expected = recall(rest, probes, WHOLES["exp"], exact=True)
    assert np.abs(found.expectations - expected.expectations).max() < 1e-12
    assert found.parts.covered().tolist() == [0.6] * 3
    assert found.parts.count("dead").tolist() == [2] * 3
    measured = recall(memory, probes, cut, shots=100, seed=1)
    assert (measured.parts.status == found.parts.status).all()


def test_with_shards_dead_law_and_shots_subtract_the_same(memory, probes):
    """Fails if the law were relative to the least distance of a shard that is dead."""
    nearest = int(np.abs(memory.patterns @ probes[0]).argmax())
    cut = AtomizedMemory(SEARCHED, shards=5, faults=Faults(dead=[nearest // 2]))
    law = recall(memory, probes[:1], cut, exact=True)
    shots = 4000
    drawn = cut.sample_law(memory, probes[:1], shots, as_generator(2))
    error = np.sqrt(law.acceptance / shots)
    assert np.abs(drawn.acceptance - law.acceptance) < 5.3 * error


def test_replicas_restore_the_whole(memory, probes):
    whole = recall(memory, probes, WHOLES["exp"], exact=True)
    cut = AtomizedMemory(WHOLES["exp"], shards=4, replicas=2, faults=Faults(dead=[0, 2, 5, 7]))
    agree(recall(memory, probes, cut, exact=True), whole)
    assert recall(memory, probes, cut, exact=True).parts.covered().tolist() == [1.0] * 3


def test_a_shard_lacks_if_one_of_its_blocks_does(memory, probes):
    cut = AtomizedMemory(WHOLES["exp"], shards=2, blocks=2, faults=Faults(late=[1]))
    found = recall(memory, probes, cut, exact=True)
    assert found.parts.covered().tolist() == [0.5] * 3
    assert np.isin(found.nearest_patterns, np.arange(5, 10)).all()


def test_random_answers_are_found_out(memory, probes):
    """Both ways: who answers at random is rejected, and who does not is not."""
    method = WHOLES["square"]
    faults = Faults(random=[1, 6])
    cut = AtomizedMemory(method, shards=4, replicas=2, detect=FALSE_ALARM, faults=faults)
    found = recall(memory, probes, cut, shots=1000, seed=4)
    rejected = found.parts.status == found.parts.STATUS.index("rejected")
    assert rejected[:, [1, 6]].all()
    assert not np.delete(rejected, [1, 6], axis=1).any()
    whole = recall(memory, probes, method, exact=True)
    means = np.abs(found.expectations - whole.expectations) / np.maximum(
        found.standard_errors, 0.02
    )
    assert means.max() < 5.5
    trusting = AtomizedMemory(method, shards=4, replicas=2, faults=faults)
    blind = recall(memory, probes, trusting, shots=1000, seed=4)
    assert set(blind.parts.status.ravel()) == {0}
    stored = {pattern.tobytes() for pattern in memory.patterns}
    strange = [
        weights[[state.tobytes() not in stored for state in states]].sum() / weights.sum()
        for states, weights in zip(blind.outcomes, blind.weights, strict=True)
    ]
    assert min(strange) > 0.1


def test_the_margin_forgives(memory, probes):
    """Known noise moves every acceptance: without a margin all are rejected, with one none."""
    noisy = {"shots": 4000, "seed": 1, "noise_model": make_noise(two_qubit=0.01, readout=0.03)}
    tests = {"method": WHOLES["trugenberger"], "shards": 2, "detect": 1e-6}
    with pytest.raises(RuntimeError, match="rejected"):
        recall(memory, probes, AtomizedMemory(**tests), **noisy)
    forgiven = recall(memory, probes, AtomizedMemory(**tests, margin=0.8), **noisy)
    assert (forgiven.parts.status == 0).all()
    with pytest.raises(ValueError, match="margin belongs to the test"):
        AtomizedMemory(margin=0.5)


def test_faults_are_drawn_from_their_seed_alone():
    first, second = Faults(dead=3, random=0.25, seed=1), Faults(dead=3, random=0.25, seed=1)
    assert (first.fates(16) == second.fates(16)).all()
    assert np.bincount(first.fates(16)).tolist() == [9, 3, 0, 4]
    assert any((Faults(dead=3, seed=k).fates(16) != first.fates(16)).any() for k in range(3))


def test_all_dead_says_what_failed(memory, probes):
    cut = AtomizedMemory(WHOLES["exp"], shards=3, faults=Faults(dead=[0, 1], late=[2]))
    for options in ({"exact": True}, {"shots": 10, "seed": 1}):
        with pytest.raises(RuntimeError, match=r"No submodule .* of 3 submodules, 2 dead, 1 late"):
            recall(memory, probes, cut, **options)
    torn = AtomizedMemory(WHOLES["exp"], shards=2, blocks=2, faults=Faults(dead=[0, 3]))
    for options in ({"exact": True}, {"shots": 10, "seed": 1}):
        with pytest.raises(
            RuntimeError, match=r"No shard with all its blocks .* 2 answered, 2 dead"
        ):
            recall(memory, probes, torn, **options)


# Results and journals


def test_results_with_parts_survive_a_file(memory, probes, tmp_path):
    cut = AtomizedMemory(WHOLES["square"], shards=3, replicas=2, faults=Faults(dead=1))
    result = recall(memory, probes, cut, shots=200, seed=1)
    result.save(tmp_path / "r.npz")
    again = RecallResult.load(tmp_path / "r.npz")
    assert (again.parts.status == result.parts.status).all()
    assert np.array_equal(again.parts.acceptance, result.parts.acceptance, equal_nan=True)
    assert np.array_equal(again.effective, result.effective)
    assert again.counts == result.counts
    frame = result.parts.to_dataframe()
    assert len(frame) == 3 * 6 and set(frame.status) == {"answered", "dead"}
    result.to_json(tmp_path / "r.json")
    assert '"parts": {' in (tmp_path / "r.json").read_text()


def test_a_journal_holds_what_was_measured(memory, probes, tmp_path, monkeypatch):
    from qhopfield.circuits.methods.atomized.submodule import Submodule

    cut = AtomizedMemory(SEARCHED, shards=3)
    plain = recall(memory, probes, cut, shots=100, seed=3)
    real, calls = Submodule.run, []

    def dies(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *arguments)

    monkeypatch.setattr(Submodule, "run", dies)
    with pytest.raises(KeyboardInterrupt):
        recall(memory, probes, cut, shots=100, seed=3, journal=tmp_path / "j")
    resumed = recall(memory, probes, cut, shots=100, seed=3, journal=tmp_path / "j")
    assert len(calls) == 4  # two kept, one tried again
    assert resumed.counts == plain.counts
    with pytest.raises(ValueError, match="other settings: seed"):
        recall(memory, probes, cut, shots=100, seed=4, journal=tmp_path / "j")
    with pytest.raises(ValueError, match="journal= needs seed="):
        recall(memory, probes, cut, shots=100, journal=tmp_path / "k")


def test_who_is_late_is_left_out(memory, probes, monkeypatch):
    import time

    from qhopfield.circuits.methods.atomized.submodule import Submodule

    real = Submodule.run

    def slow(self, *arguments):
        time.sleep(0.2)
        return real(self, *arguments)

    monkeypatch.setattr(Submodule, "run", slow)
    cut = AtomizedMemory(WHOLES["square"], shards=5)
    found = recall(memory, probes, cut, shots=20, seed=1, deadline=0.1)
    assert found.parts.count("late").tolist() == [4] * 3
    assert found.parts.covered().tolist() == [0.2] * 3


# Bad input


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": NeuronDynamics()}, TypeError, "method must be FilteredMemory"),
        ({"shards": 0}, ValueError, "shards must be >= 1, got 0"),
        ({"shards": "two"}, TypeError, "shards must be a number of parts or the indices"),
        ({"shards": True}, TypeError, "shards must be a number of parts"),
        ({"shards": []}, ValueError, "at least one part"),
        ({"shards": [[0], []]}, ValueError, r"shards\[1\] is empty"),
        ({"shards": [[0, 1], [1, 2]]}, ValueError, r"index 1 is in shards\[0\] and in shards\[1\]"),
        ({"shards": [[0.5]]}, TypeError, "must be an integer"),
        ({"blocks": [[0], [0]]}, ValueError, "blocks overlap"),
        ({"replicas": 0}, ValueError, "replicas must be >= 1, got 0"),
        ({"keep": 0}, ValueError, "keep must be >= 1"),
        ({"detect": 0.0}, ValueError, "detect must be"),
        ({"detect": float("nan")}, ValueError, "detect must be"),
        ({"margin": 1.5, "detect": 0.1}, ValueError, "margin must be"),
        ({"faults": "all"}, TypeError, "faults must be Faults"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        AtomizedMemory(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shards": 11}, "shards=11 would leave parts empty: there are only 10 patterns"),
        ({"blocks": 9}, "only 8 neurons"),
        ({"shards": [[0, 1], [2]]}, "missing: 3, 4, 5"),
        ({"shards": [list(range(11))]}, "hold index 10, but there are 10 patterns"),
        ({"shards": 2, "keep": 3}, "keep=3 of only 2 shards"),
        ({"blocks": 2, "method": WHOLES["trugenberger"]}, "no product over neurons"),
        ({"blocks": 2, "method": WHOLES["square"]}, "no product over neurons"),
        (
            {"blocks": 2, "method": FilteredMemory(KernelFilter(Exponential(1.0), d_min=1))},
            "each block has its own least",
        ),
        ({"faults": Faults(dead=[7])}, "faults name submodule 7, but there are 2"),
        ({"faults": Faults(dead=3)}, "3 failures of one kind where 2 of 2"),
        ({"faults": Faults(dead=[0], late=[0])}, "submodule 0 twice"),
        ({"faults": Faults(random=1)}, "no place in the law"),
    ],
)
def test_what_does_not_fit_the_memory(memory, probes, options, message):
    with pytest.raises(ValueError, match=message):
        AtomizedMemory(**options).law(memory, probes[0])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dead": -1}, ValueError, "dead must be >= 0"),
        ({"dead": 1.5}, ValueError, "dead must be"),
        ({"late": "x"}, TypeError, "late must be a number of submodules"),
        ({"random": [0.5]}, TypeError, "an index in random"),
        ({"seed": -1}, ValueError, "seed must be >= 0"),
    ],
)
def test_bad_faults(options, error, message):
    with pytest.raises(error, match=message):
        Faults(**options)


def test_models_that_cannot_be_cut(probes):
    weights = Hopfield(np.array([[0.0, 1.0], [1.0, 0.0]]))
    with pytest.raises(ValueError, match="no patterns"):
        AtomizedMemory().law(weights, [1, 1])
    dense = DenseAssociativeMemory(random_patterns(4, 6, seed=1), separation=Exponential(0.3))
    whole = recall(dense, dense.patterns, FilteredMemory(), exact=True)
    agree(recall(dense, dense.patterns, AtomizedMemory(), exact=True), whole)


def test_no_pattern_passes():
    patterns = random_patterns(4, 6, seed=1)
    memory = Hopfield.store(patterns)
    method = FilteredMemory(KernelFilter([1.0] + [0.0] * 6))
    with pytest.raises(ValueError, match="acceptance 0"):
        AtomizedMemory(method).law(memory, -patterns[0])
    # One shard may be empty where others are not.
    found = recall(memory, patterns[:1], AtomizedMemory(method, shards=4), shots=50, seed=1)
    assert (found.states == patterns[:1]).all() and found.acceptance[0] == pytest.approx(0.25)


def test_spread_options_are_checked(memory, probes):
    cut = AtomizedMemory(WHOLES["exp"])
    for options, error, message in (
        ({"workers": 0}, ValueError, "workers must be >= 1"),
        ({"workers": 2, "client": "tcp://127.0.0.1:1"}, ValueError, "either workers="),
        ({"client": 3}, TypeError, "client must be a distributed.Client"),
        ({"deadline": 0.0}, ValueError, "deadline must be"),
        ({"workers": 1, "exact": True}, ValueError, "computed at once"),
    ):
        with pytest.raises(error, match=message):
            recall(memory, probes, cut, **options)
    with pytest.raises(ValueError, match="only an AtomizedMemory"):
        recall(memory, probes, FilteredMemory(), deadline=1.0)


# Devices


class Counted:
    """A pass manager that counts its circuits."""

    def __init__(self, inner):
        self.inner, self.calls = inner, 0

    def run(self, circuit):
        self.calls += 1
        return self.inner.run(circuit)


@pytest.mark.filterwarnings("ignore:Qiskit backend.*has no QubitProperties")
@pytest.mark.parametrize("by", ["backend", "sampler"])
def test_submodules_are_transpiled_once_for_a_device(by):
    device = GenericBackendV2(5, noise_info=False, seed=1)
    memory = ModernHopfield(random_patterns(4, 3, seed=2), beta=0.5)
    rows = np.repeat(memory.patterns, 10, axis=0)  # two pieces a submodule
    manager = Counted(generate_preset_pass_manager(1, backend=device, seed_transpiler=1))
    runs = {"backend": device} if by == "backend" else {"sampler": BackendSamplerV2(backend=device)}
    cut = AtomizedMemory(FilteredMemory(TrugenbergerFilter(1), fresh=True), shards=2)
    found = recall(memory, rows, cut, shots=200, seed=3, pass_manager=manager, **runs)
    assert manager.calls == 2
    law = recall(memory, rows[:1], cut, exact=True)
    # Ten probes are the same: 2,000 shots a submodule in all.
    assert abs(found.acceptance[:10].mean() - law.acceptance[0]) < 5.3 * np.sqrt(0.25 / 2000)


def test_a_device_that_is_too_small_says_what_to_cut(memory, probes):
    device = GenericBackendV2(5, noise_info=False)
    with pytest.raises(ValueError, match=r"needs 13 qubits .* has 5. Cut the memory into more"):
        recall(memory, probes, AtomizedMemory(SEARCHED, shards=2), backend=device)
