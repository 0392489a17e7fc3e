"""What was meant: accuracy, overlaps, tables, files and pictures against the target."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from scipy.stats import binomtest

from qhopfield.circuits import (
    AtomizedMemory,
    DirectSoftmax,
    ExpFilter,
    FilteredMemory,
    Hopfield,
    Mitigation,
    ModernHopfield,
    NeuronDynamics,
    RecallResult,
    ThresholdNeuron,
    make_noise,
    recall,
)
from qhopfield.circuits.common.archive import read_archive, write_archive
from qhopfield.circuits.patterns import corrupt, load_set, random_patterns
from qhopfield.circuits.plotting import plot_trace
from qhopfield.circuits.result_files import FILE_KIND, FILE_VERSION

ALPHABET = load_set("alphabet")
LETTERS, NAMES = ALPHABET.patterns[:6], list(ALPHABET.labels[:6])
MEMORY = Hopfield.store(LETTERS, rule="projection")
MEANT, GOT = 1, 3
DRAWN = "a probe of B that ends in D was drawn, tabled and summed up as a perfect recall"
KIND = "a failure shown as a success"


def failed(targets):
    """A recall of B that ends in D for all shots, beside one of A that succeeds."""
    rows = np.stack([LETTERS[0], corrupt(LETTERS[MEANT], flips=3, seed=6)])
    method = NeuronDynamics(ThresholdNeuron(bits=12))
    result = recall(MEMORY, rows, method, targets=targets, shots=20, seed=1)
    assert (result.states == LETTERS[[0, GOT]]).all()
    return result


@pytest.fixture(scope="module")
def missed():
    return failed(LETTERS[[0, MEANT]])


@pytest.mark.fault(DRAWN, kind=KIND)
def test_a_failed_recall_is_no_success(missed):
    true = float(LETTERS[GOT] @ LETTERS[MEANT]) / 25
    assert missed.correct.tolist() == [True, False]
    assert missed.accuracy == 0.5
    np.testing.assert_allclose(
        missed.accuracy_interval, tuple(binomtest(1, 2).proportion_ci(method="wilson"))
    )
    np.testing.assert_allclose(missed.target_overlaps, [1.0, true])
    np.testing.assert_array_equal(missed.target_patterns, [0, MEANT])
    np.testing.assert_array_equal(missed.nearest_patterns, [0, GOT])
    np.testing.assert_allclose(missed.target_probabilities, missed.probability_of(LETTERS[[0, 1]]))
    for probe, share in enumerate(missed.target_probabilities):
        hits = round(share * missed.accepted[probe])
        expected = binomtest(hits, int(missed.accepted[probe])).proportion_ci(method="wilson")
        np.testing.assert_allclose(missed.target_probability_intervals[probe], tuple(expected))
    table = missed.to_dataframe()
    np.testing.assert_allclose(table["overlap"], [1.0, true])
    assert table["pattern"].tolist() == [0, MEANT]
    assert table["against"].tolist() == ["target", "target"]
    assert table["correct"].tolist() == [True, False]
    assert table["nearest_pattern"].tolist() == [0, GOT]
    assert table["nearest_overlap"].tolist() == [1.0, 1.0]
    right = (missed.classical_states == LETTERS[[0, MEANT]]).all(axis=1)
    assert table["classical_correct"].tolist() == right.tolist()
    assert missed.classical_accuracy == right.mean()
    assert "1 correct" in repr(missed)


@pytest.mark.fault(DRAWN, kind=KIND)
def test_a_failed_recall_is_framed(missed):
    figure = missed.plot(shape=(5, 5), labels=NAMES)
    drawn = [axes for axes in figure.axes if axes.collections and not axes.lines]
    frames = [len(axes.patches) for axes in drawn]
    wrong = int((LETTERS[GOT] != LETTERS[MEANT]).sum())
    assert wrong
    assert frames[2:4] == [0, wrong]
    captions = [axes.get_xlabel() for axes in drawn]
    assert f"overlap {missed.target_overlaps[1]:.2f}" in captions[3]
    assert captions[3].endswith("nearest: D")
    assert captions[-1] == "B"
    rows = [axes.get_ylabel() for axes in figure.axes]
    assert "target" in rows and "nearest\nstored" not in rows
    assert "unlike the target" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert "the target, B (nearest: D)" in figure.get_label()
    words = " ".join(text.get_text() for text in figure.texts)
    assert "1 of 2 recalled exactly" in words
    overlaps = missed.trace.overlaps[:, 1, MEANT]
    np.testing.assert_array_equal(plot_trace(missed).axes[0].lines[1].get_ydata(), overlaps)
    assert plot_trace(missed).axes[0].get_title("left") == "Overlap with the target"


@pytest.mark.fault(DRAWN, kind=KIND)
def test_without_targets_nearest_is_said():
    result = failed(None)
    for name in (
        "targets target_patterns target_overlaps target_probabilities correct accuracy "
        "target_probability_intervals accuracy_interval classical_correct classical_accuracy"
    ).split():
        assert getattr(result, name) is None, name
    table = result.to_dataframe()
    assert table["against"].tolist() == ["nearest", "nearest"]
    assert "correct" not in table
    figure = result.plot(shape=(5, 5), labels=NAMES)
    rows = [axes.get_ylabel() for axes in figure.axes]
    assert "nearest\nstored" in rows and "target" not in rows
    for axes in figure.axes:
        assert "overlap" not in axes.get_xlabel() or "with nearest" in axes.get_xlabel()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "unlike the nearest stored pattern" in legend
    assert "with the nearest stored pattern, D" in figure.get_label()
    assert plot_trace(result).axes[0].get_title("left") == "Overlap with the nearest stored pattern"


def test_targets_that_are_not_stored():
    target = -LETTERS[0] * np.where(np.arange(25) < 3, -1, 1)
    method = NeuronDynamics(ThresholdNeuron(bits=12))
    result = recall(MEMORY, LETTERS[0], method, targets=target, shots=5, seed=1)
    assert result.target_patterns.tolist() == [-1]
    assert result.accuracy == 0.0
    np.testing.assert_allclose(result.target_overlaps, [LETTERS[0] @ target / 25])
    table = result.to_dataframe()
    assert table["pattern"].isna().all()
    np.testing.assert_allclose(table["overlap"], result.target_overlaps)
    figure = result.plot(labels=NAMES)
    assert "not stored" in [axes.get_xlabel() for axes in figure.axes]
    assert len(plot_trace(result).axes) == 1  # the overlaps with the target were not recorded


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(
    "method",
    [FilteredMemory(), AtomizedMemory(FilteredMemory(), shards=2), DirectSoftmax()],
    ids=lambda each: type(each).__name__,
)
def test_accuracy_is_the_methods(method, exact):
    patterns = random_patterns(4, 6, seed=2)
    probes = corrupt(patterns, flips=1, seed=3)
    result = recall(
        ModernHopfield(patterns, 0.5), probes, method, targets=patterns, exact=exact, seed=4
    )
    right = (result.states == patterns).all(axis=1)
    assert result.accuracy == right.mean()
    np.testing.assert_allclose(
        result.accuracy_interval,
        tuple(binomtest(int(right.sum()), 4).proportion_ci(method="wilson")),
    )
    shares = [
        weights[(states == row).all(axis=1)].sum() / weights.sum()
        for states, weights, row in zip(result.outcomes, result.weights, patterns, strict=True)
    ]
    np.testing.assert_allclose(result.target_probabilities, shares)


def test_one_target_for_all_and_nothing_accepted():
    result = recall(MEMORY, LETTERS[:2], DirectSoftmax(), targets=LETTERS[MEANT], exact=True)
    np.testing.assert_array_equal(result.targets, LETTERS[[MEANT, MEANT]])
    assert result.correct.tolist() == [False, True]
    patterns = random_patterns(2, 12, seed=1)
    none = recall(
        ModernHopfield(patterns, 3.0),
        -patterns[0],
        FilteredMemory(ExpFilter(3.0)),
        targets=patterns[0],
        shots=1,
        seed=1,
    )
    assert not none.recalled[0]
    assert none.accuracy == 0.0
    assert math.isnan(none.target_overlaps[0])
    assert math.isnan(none.target_probabilities[0])
    none.plot()
    none.to_dataframe()


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        ([0, 1], ValueError, r"targets=model\.patterns\[numbers\]"),
        (1, ValueError, r"targets=model\.patterns\[numbers\]"),
        (LETTERS[:3], ValueError, "one pattern or 2, one a probe; got 3"),
        (LETTERS[:2] * 0, ValueError, r"targets must hold only \+1 and -1"),
        (LETTERS[:2, :4], ValueError, "targets must have 25 entries"),
        ([["a"] * 25] * 2, TypeError, "targets must hold real numbers"),
    ],
)
def test_targets_are_checked_before_anything_runs(monkeypatch, targets, error, message):
    monkeypatch.setattr(NeuronDynamics, "run", lambda *_: 1 / 0)
    with pytest.raises(error, match=message):
        recall(MEMORY, LETTERS[:2], NeuronDynamics(ThresholdNeuron()), targets=targets)


def test_targets_in_files(missed, tmp_path):
    path = tmp_path / "result.npz"
    missed.save(path)
    for other in (RecallResult.load(path), pickle.loads(pickle.dumps(missed))):
        np.testing.assert_array_equal(other.targets, missed.targets)
        assert other.targets.dtype == np.int8 and not other.targets.flags.writeable
        assert other.accuracy == missed.accuracy
        assert other.chance == missed.chance
    missed.to_json(tmp_path / "result.json")
    content = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert content["accuracy"] == 0.5
    assert content["correct"] == [True, False]
    assert content["targets"] == missed.targets.tolist()
    missed.to_csv(tmp_path / "result.csv")
    assert "target_probability_low" in (tmp_path / "result.csv").read_text(encoding="utf-8")
    # Files of before this was known still load, and older readers can read the new ones.
    with np.load(path) as file:
        names = file.files
    header, arrays = read_archive(path, FILE_KIND, FILE_VERSION, names)
    assert set(header) == {"method", "model", "run_on", "seed", "shots", "resources"}
    for name in ("targets", "chance"):
        arrays.pop(name)
    write_archive(path, FILE_KIND, FILE_VERSION, header, arrays)
    old = RecallResult.load(path)
    assert old.targets is None and old.chance is None and old.accuracy is None
    assert old.to_dataframe()["chance"].isna().all()
    old.plot()


def test_targets_are_copied():
    targets = LETTERS[[0, MEANT]].copy()
    result = recall(MEMORY, LETTERS[:2], DirectSoftmax(), targets=targets, exact=True)
    targets[:] = 1
    np.testing.assert_array_equal(result.targets, LETTERS[[0, MEANT]])


@pytest.mark.fault(
    "codewords=True gives the right pattern 1/M of pure noise, which was stated nowhere",
    kind="a floor that is not shown",
)
@pytest.mark.parametrize("stored", [1, 2, 4])
def test_chance_is_what_noise_gives(stored):
    patterns = random_patterns(4, 3, seed=2)[:stored]
    noise = make_noise(two_qubit=1.0, one_qubit=1.0)
    for words in (True, False):
        result = recall(
            ModernHopfield(patterns, 0.4),
            patterns[0],
            FilteredMemory(ExpFilter(0.4)),
            targets=patterns[0],
            shots=8000,
            noise_model=noise,
            mitigation=Mitigation(codewords=words),
            seed=2,
        )
        assert result.chance == (1 / stored if words else 2.0**-3)
        hits = round(result.target_probabilities[0] * result.accepted[0])
        total = round(result.accepted[0])
        assert total > 20
        assert binomtest(hits, total, result.chance).pvalue > 1e-6
        assert result.to_dataframe()["chance"].tolist() == [result.chance]


@pytest.mark.fault(
    "seed=np.int64(3) was not seed=3 for the classical comparison, and the result forgot it",
    kind="NumPy's integers are not Python's",
)
def test_numpy_integers_are_integers(tmp_path):
    memory, probes = Hopfield.store(random_patterns(2, 6, seed=0)), np.zeros((40, 6))
    method = FilteredMemory(ExpFilter(0.3))
    plain = recall(memory, probes, method, shots=20, seed=3)
    for kind in (np.int64, np.uint8, np.int32):
        other = recall(memory, probes, method, shots=kind(20), seed=kind(3))
        assert type(other.seed) is int and other.seed == 3
        assert type(other.shots) is int
        np.testing.assert_array_equal(other.classical_states, plain.classical_states)
        assert other.counts == plain.counts
        other.save(tmp_path / "r.npz")
        other.to_json(tmp_path / "r.json")
    path = tmp_path / "run.journal"
    first = recall(memory, probes[:3], method, shots=np.int64(20), seed=np.int64(3), journal=path)
    again = recall(memory, probes[:3], method, shots=20, seed=3, journal=path)
    assert first.counts == again.counts
    loose = recall(memory, probes[:1], method, shots=5, seed=np.random.default_rng(3))
    assert loose.seed is None
