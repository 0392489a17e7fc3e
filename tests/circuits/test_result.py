from __future__ import annotations

import json
import math
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from qhopfield.circuits.common.archive import write_archive
from qhopfield.circuits.common.statistics import leader_interval, wilson_interval
from qhopfield.circuits.methods import Law, NeuronDynamics, Samples, Trace
from qhopfield.circuits.models import Hopfield
from qhopfield.circuits.patterns import load_set
from qhopfield.circuits.resources import Resources
from qhopfield.circuits.result import RecallResult
from qhopfield.circuits.result_files import FILE_KIND, FILE_VERSION

PATTERNS = np.array([[1, 1, 1, 1], [1, 1, -1, -1]])
PROBES = np.array([[1, 1, 0, 1], [1, -1, -1, 0.5], [1, 1, 1, 1]])
BILL = Resources(
    qubits=5,
    updates=8,
    circuits=8,
    two_qubit_gates=70,
    expected_two_qubit_gates=math.nan,
    depth=90,
    expected_attempts=2.25,
    gain=0.125,
)
ARRAYS = ("probes", "patterns", "accepted", "attempts", "folded", "energies", "converged")


def make_samples(shots=10):
    # Probe 0: a tie at the second place; probe 1: one state; probe 2: nothing accepted.
    outcomes = (
        np.array([[-1, 1, 1, 1], [1, 1, 1, -1], [1, 1, 1, 1], [-1, -1, 1, 1]], dtype=np.int8),
        np.array([[1, -1, 1, 1]], dtype=np.int8),
        np.empty((0, 4), dtype=np.int8),
    )
    weights = (np.array([2.0, 2.0, 4.0, 0.0]), np.array([10.0]), np.empty(0))
    if not shots:
        weights = (weights[0] / 8, weights[1] / 10, weights[2])
    return Samples(
        outcomes=outcomes,
        weights=weights,
        shots=shots,
        acceptance=np.array([0.8, 1.0, 0.0]),
        attempts=np.array([1.5, 2.0, math.nan]),
        folded=np.array([0.0, 0.25, math.nan]),
        trace=Trace(np.full((3, 3, 2), 0.5), np.arange(9.0).reshape(3, 3)),
    )


def make(shots=10, **changes):
    model = Hopfield.store(PATTERNS)
    arguments = {
        "model": model,
        "method": "Method(level=2)",
        "probes": PROBES,
        "run_on": "aer statevector",
        "seed": 7,
        "resources": BILL,
        "classical": model.recall(PROBES, seed=1),
    }
    return RecallResult.from_samples(make_samples(shots), **(arguments | changes))


@pytest.fixture
def result():
    return make()


def test_outcomes_come_most_probable_first_ties_by_state_index(result):
    # Bits: 0000 came 4 times; 0001 (neuron 0 down) and 1000 (neuron 3 down) came twice.
    assert result.counts == [{"0000": 4, "0001": 2, "1000": 2}, {"0010": 10}, {}]
    assert all(isinstance(count, int) for counts in result.counts for count in counts.values())
    np.testing.assert_array_equal(result.weights[0], [4.0, 2.0, 2.0])
    np.testing.assert_array_equal(result.outcomes[0][1], [-1, 1, 1, 1])


def test_rounding_does_not_reorder_equal_probabilities():
    states = np.array([[-1, -1], [1, 1]], dtype=np.int8)
    law = Law(states, np.array([0.5 + 1e-16, 0.5 - 1e-16]))
    result = RecallResult.from_samples(
        Samples.from_laws([law]),
        model=Hopfield.store([1, 1]),
        method="m",
        probes=[0.0, 0.0],
        run_on="law",
    )
    np.testing.assert_array_equal(result.states, [[1, 1]])


def test_order_holds_beyond_sixty_two_neurons():
    states = np.ones((3, 100), dtype=np.int8)
    states[0, 99] = states[1, 98] = -1
    samples = Samples(
        (states,), (np.ones(3),), 3, np.array([1.0]), np.array([math.nan]), np.array([0.0])
    )
    model = Hopfield.store(np.ones(100))
    result = RecallResult.from_samples(
        samples, model=model, method="m", probes=np.ones(100), run_on="law"
    )
    np.testing.assert_array_equal(result.outcomes[0], states[[2, 1, 0]])


def test_statistics_of_shots(result):
    np.testing.assert_array_equal(result.states, [[1, 1, 1, 1], [1, -1, 1, 1], [0, 0, 0, 0]])
    np.testing.assert_allclose(result.probabilities, [0.5, 1.0, math.nan])
    np.testing.assert_array_equal(result.accepted, [8, 10, 0])
    np.testing.assert_allclose(result.acceptance, [0.8, 1.0, 0.0])
    np.testing.assert_allclose(result.expectations[0], [0.5, 1.0, 1.0, 0.5])
    np.testing.assert_allclose(result.standard_errors[0, 0], math.sqrt(0.75 / 8))
    np.testing.assert_array_equal(result.standard_errors[1], np.zeros(4))
    for values in (result.expectations, result.standard_errors, result.overlaps):
        assert np.isnan(values[2]).all()
        assert np.isfinite(values[:2]).all()
    np.testing.assert_allclose(result.overlaps[:2], [[1.0, 0.0], [0.5, -0.5]])
    np.testing.assert_array_equal(result.nearest_patterns, [0, 0, -1])
    np.testing.assert_array_equal(result.recalled, [True, True, False])


def test_statistics_of_exact_distributions():
    result = make(shots=0)
    assert result.exact
    assert result.counts[0] == {"0000": 0.5, "0001": 0.25, "1000": 0.25}
    np.testing.assert_allclose(result.acceptance, [0.8, 1.0, 0.0])
    np.testing.assert_allclose(result.probabilities, [0.5, 1.0, math.nan])
    np.testing.assert_array_equal(result.standard_errors[:2], np.zeros((2, 4)))
    assert np.isnan(result.standard_errors[2]).all()
    np.testing.assert_array_equal(result.acceptance_intervals[0], [0.8, 0.8])
    np.testing.assert_array_equal(result.probability_intervals[0], [0.5, 0.5])


def test_energy_and_fixed_points_are_the_models(result):
    model = Hopfield.store(PATTERNS)
    np.testing.assert_allclose(result.energies[:2], model.energy(result.states[:2]))
    np.testing.assert_array_equal(result.converged[:2], model.is_fixed_point(result.states[:2]))
    assert math.isnan(result.energies[2])
    assert not result.converged[2]
    assert {bool(value) for value in result.converged[:2]} == {True, False}


def test_probability_of(result):
    np.testing.assert_allclose(result.probability_of([-1, 1, 1, 1]), [0.25, 0.0, math.nan])
    mine = [[1, 1, 1, -1], [1, -1, 1, 1], [1, 1, 1, 1]]
    np.testing.assert_allclose(result.probability_of(mine), [0.25, 1.0, math.nan])
    np.testing.assert_allclose(result.probability_of(mine[:1]), [0.25, 0.0, math.nan])


@pytest.mark.parametrize(
    ("states", "error", "message"),
    [
        ([1, 1, 1], ValueError, "must have 4 entries"),
        ([[1, 1, 1, 1]] * 2, ValueError, "one state or 3"),
        ([1, 1, 1, 0], ValueError, r"only \+1 and -1"),
        ("1111", TypeError, "real numbers"),
    ],
)
def test_probability_of_refuses(result, states, error, message):
    with pytest.raises(error, match=message):
        result.probability_of(states)


def test_wilson_is_scipys():
    hits, trials = [0, 1, 5, 17, 1000, 3], [1, 1, 10, 17, 100000, 8]
    for confidence in (0.8, 0.95):
        expected = [
            tuple(binomtest(k, n).proportion_ci(confidence, method="wilson"))
            for k, n in zip(hits, trials, strict=True)
        ]
        found = wilson_interval(hits, trials, confidence=confidence)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert np.isnan(wilson_interval(0, 0)).all()
    for trials_made in range(1, 50):
        assert wilson_interval(trials_made, trials_made)[1] == 1.0
        assert wilson_interval(0, trials_made)[0] == 0.0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((1, 2, 0.0), ValueError),
        ((1, 2, 1.0), ValueError),
        ((1, 2, "0.9"), TypeError),
        ((3, 2, 0.9), ValueError),
        ((-1, 2, 0.9), ValueError),
    ],
)
def test_wilson_refuses(arguments, error):
    with pytest.raises(error):
        wilson_interval(*arguments[:2], confidence=arguments[2])


def test_intervals_use_what_was_accepted(result):
    # Any of the 16 states could be the most probable; the upper end is Wilson's all the same.
    np.testing.assert_allclose(result.probability_intervals[0], leader_interval(4, 8, 16))
    expected = binomtest(4, 8).proportion_ci(method="wilson")
    assert result.probability_intervals[0, 1] == pytest.approx(expected.high)
    assert result.probability_intervals[0, 0] < expected.low - 0.05
    # One state in all ten shots leads.
    expected = binomtest(10, 10).proportion_ci(method="wilson")
    np.testing.assert_allclose(result.probability_intervals[1], tuple(expected))
    expected = binomtest(8, 10).proportion_ci(method="wilson")
    np.testing.assert_allclose(result.acceptance_intervals[0], tuple(expected))
    assert np.isnan(result.probability_intervals[2]).all()
    assert result.acceptance_intervals[2, 0] == 0.0


def test_results_cannot_be_changed(result):
    with pytest.raises(FrozenInstanceError):
        result.shots = 3
    for name in (*ARRAYS, "classical_states", "classical_energies"):
        assert not getattr(result, name).flags.writeable, name
    for array in (*result.outcomes, *result.weights, result.trace.overlaps, result.trace.energies):
        assert not array.flags.writeable


def test_results_are_copies():
    samples = make_samples()
    probes = PROBES.copy()
    result = RecallResult.from_samples(
        samples, model=Hopfield.store(PATTERNS), method="m", probes=probes, run_on="x"
    )
    probes[:] = 0
    samples.outcomes[1][:] = 1
    np.testing.assert_array_equal(result.probes, PROBES)
    np.testing.assert_array_equal(result.states[1], [1, -1, 1, 1])


def test_repr_is_one_short_line(result):
    assert repr(result) == (
        "RecallResult(3 probes of 4 neurons, 2 patterns, 10 shots each, "
        "run_on='aer statevector', mean acceptance 0.6)"
    )
    assert len(result) == 3
    assert "exact" in repr(make(shots=0))


def test_dataframe(result):
    table = result.to_dataframe()
    assert len(table) == 3
    assert list(table["probe"]) == [0, 1, 2]
    assert list(table["state"][:2]) == ["0000", "0010"]
    assert list(table["pattern"][:2]) == [0, 0]
    assert list(table["overlap"][:2]) == [1.0, 0.5]
    missing = [
        "state",
        "probability",
        "probability_low",
        "pattern",
        "overlap",
        "energy",
        "converged",
        "attempts",
        "folded",
    ]
    assert table.loc[2, missing].isna().all()
    assert table.loc[2, "acceptance"] == 0.0
    assert set(table["shots"]) == {10}
    assert set(table["seed"]) == {7}
    assert len(table["classical_state"][0]) == 4
    assert table["classical_overlap"].notna().all()


def test_dataframe_without_patterns_classical_and_seed():
    model = Hopfield(Hopfield.store(PATTERNS).weights)
    samples = replace(make_samples(), trace=None)
    result = RecallResult.from_samples(
        samples, model=model, method="m", probes=PROBES, run_on="law"
    )
    assert result.patterns.shape == (0, 4)
    assert result.overlaps.shape == (3, 0)
    assert result.classical_overlaps is None
    np.testing.assert_array_equal(result.nearest_patterns, [-1, -1, -1])
    table = result.to_dataframe()
    assert table[["pattern", "overlap", "seed"]].isna().all(axis=None)
    assert not [name for name in table if name.startswith("classical")]
    assert np.isfinite(result.energies[:2]).all()
    with_classical = RecallResult.from_samples(
        samples,
        model=model,
        method="m",
        probes=PROBES,
        run_on="law",
        classical=model.recall(PROBES, seed=1),
    )
    assert with_classical.to_dataframe()["classical_overlap"].isna().all()


def test_csv_round_trip(result, tmp_path):
    path = tmp_path / "table.csv"
    result.to_csv(path)
    table = pd.read_csv(path, dtype={"state": str, "classical_state": str})
    assert list(table.columns) == list(result.to_dataframe().columns)
    assert table["state"][1] == "0010"
    np.testing.assert_allclose(table["energy"], result.energies)
    assert b"\r" not in path.read_bytes()


def test_json_is_strict(result, tmp_path):
    path = tmp_path / "result.json"
    result.to_json(path)

    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert content["counts"] == result.counts
    assert content["energies"][2] is None
    assert content["resources"]["expected_two_qubit_gates"] is None
    assert content["trace"]["energies"] == result.trace.energies.tolist()
    assert content["method"] == "Method(level=2)"
    np.testing.assert_array_equal(content["states"], result.states)


@pytest.mark.parametrize("shots", [0, 10])
@pytest.mark.parametrize("bare", [False, True])
def test_save_and_load(tmp_path, shots, bare):
    result = make(shots)
    if bare:
        result = replace(
            result,
            classical_states=None,
            classical_energies=None,
            trace=None,
            resources=None,
            seed=None,
        )
    path = tmp_path / "result.npz"
    result.save(path)
    loaded = RecallResult.load(path)
    for name in ("method", "model", "run_on", "seed", "shots", "counts"):
        assert getattr(loaded, name) == getattr(result, name), name
    for name in (*ARRAYS, "states", "expectations", "overlaps", "acceptance_intervals"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(result, name))
        assert getattr(loaded, name).dtype == getattr(result, name).dtype
    pd.testing.assert_frame_equal(loaded.to_dataframe(), result.to_dataframe())
    if bare:
        assert (loaded.trace, loaded.resources, loaded.classical_states) == (None, None, None)
    else:
        np.testing.assert_array_equal(loaded.trace.overlaps, result.trace.overlaps)
        np.testing.assert_array_equal(loaded.classical_energies, result.classical_energies)
        assert math.isnan(loaded.resources.expected_two_qubit_gates)
        assert replace(loaded.resources, expected_two_qubit_gates=0.0) == replace(
            BILL, expected_two_qubit_gates=0.0
        )
    assert list(tmp_path.iterdir()) == [path]


def test_saving_what_cannot_be_saved_leaves_the_file(result, tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.npz"):
        result.save(tmp_path / "result.txt")
    with pytest.raises(FileNotFoundError):
        result.save(tmp_path / "nowhere" / "result.npz")
    with pytest.raises(FileNotFoundError):
        RecallResult.load(tmp_path / "result.npz")
    path = tmp_path / "result.npz"
    path.write_text("precious")
    broken = replace(result, method=object())
    with pytest.raises(TypeError):
        broken.save(path)
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


def test_load_refuses_other_files(result, tmp_path):
    path = tmp_path / "file.npz"

    def refused(message):
        with pytest.raises(ValueError, match=message):
            RecallResult.load(path)

    path.write_text("no archive")
    refused("is no qhopfield.RecallResult: it is no .npz file")
    path.write_bytes(b"")
    refused("no .npz file")
    path.write_bytes(pickle.dumps({"a": 1}))
    refused("no .npz file")
    np.savez(path, a=np.ones(3))
    refused("is no qhopfield.RecallResult, or is damaged")
    np.savez(path, header=np.array([{"kind": FILE_KIND}], dtype=object))
    refused("damaged")
    np.savez(path, header=np.array("[1]"))
    refused("damaged")
    write_archive(path, "something.Else", 1, {}, {})
    refused("but a something.Else")
    write_archive(path, FILE_KIND, FILE_VERSION + 1, {}, {})
    refused(f"version {FILE_VERSION + 1}; this qhopfield reads {FILE_VERSION}")
    write_archive(path, FILE_KIND, FILE_VERSION, {}, {})
    refused("damaged")
    result.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("damaged")
    path.write_bytes(whole)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.savez(path, **(arrays | {"energies": np.ones(5)}))
    refused(r"energies must have shape \(3,\)")
    np.savez(path, **(arrays | {"lengths": np.array([1, 1, 1])}))
    refused("damaged .* must sum to")
    header = json.loads(str(arrays["header"])) | {"surprise": 1}
    np.savez(path, **(arrays | {"header": np.array(json.dumps(header))}))
    refused("damaged")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probes": np.ones(4)}, r"probes must have shape \(P, N\)"),
        ({"patterns": np.ones((2, 5))}, r"patterns must have shape \(M, 4\)"),
        ({"outcomes": ()}, "one array a probe, 3; got 0 and 3"),
        ({"weights": (np.ones(3), np.ones(2), np.empty(0))}, r"outcomes must have shape \(K, 4\)"),
        ({"weights": (-np.ones(3), np.ones(1), np.empty(0))}, "not negative"),
        ({"weights": (np.full(3, math.nan), np.ones(1), np.empty(0))}, "finite"),
        ({"converged": np.ones(2, bool)}, r"converged must have shape \(3,\), got \(2,\)"),
        ({"classical_states": np.ones((3, 3))}, r"classical_states must have shape \(3, 4\)"),
        ({"trace": Trace(np.ones((2, 3, 5)), np.ones((2, 3)))}, r"trace.overlaps must have"),
        ({"trace": Trace(np.ones((2, 3, 2)), np.ones((3, 3)))}, r"trace.energies must have"),
        ({"accepted": np.ones(2)}, r"accepted must have shape \(3,\), got \(2,\)"),
        ({"shots": -1}, "shots must be >= 0"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(result, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(result, **changes)


def test_contradicting_samples_are_refused():
    for acceptance in ([0.8, 1.0, 0.5], [0.9, 1.0, 0.0]):
        samples = replace(make_samples(), acceptance=np.array(acceptance))
        with pytest.raises(ValueError, match="outcomes must sum to"):
            RecallResult.from_samples(
                samples, model=Hopfield.store(PATTERNS), method="m", probes=PROBES, run_on="x"
            )


@pytest.mark.parametrize("exact", [False, True])
def test_with_a_real_method(exact, tmp_path):
    letters = load_set("cy")
    model = Hopfield.store(letters)
    probes = letters.patterns.astype(float)
    probes[:, 4] = 0.0
    method = NeuronDynamics(sweeps=2)
    if exact:
        samples = Samples.from_laws([method.law(model, probe) for probe in probes])
    else:
        samples = method.sample_law(model, probes, 400, np.random.default_rng(3))
    result = RecallResult.from_samples(
        samples, model=model, method=repr(method), probes=probes, run_on="law", seed=3
    )
    np.testing.assert_array_equal(result.states, letters.patterns)
    np.testing.assert_array_equal(result.nearest_patterns, [0, 1])
    for counts in result.counts:
        assert sum(counts.values()) == pytest.approx(1.0 if exact else 400)
    np.testing.assert_allclose(result.probability_of(letters.patterns), result.probabilities)
    law = method.law(model, probes[0])
    low, high = wilson_interval(
        result.probabilities * 400, [400, 400], confidence=1.0 - 1e-6
    ).T  # false alarm: 1 in a million
    assert low[0] - 1e-9 <= law.probability_of(letters.patterns[0]) <= high[0] + 1e-9
    assert (result.trace is None) == exact
    result.save(tmp_path / "r.npz")
    assert RecallResult.load(tmp_path / "r.npz").counts == result.counts
