"""The law of large memories, shard by shard."""

import numpy as np
import pytest
from scipy.special import softmax

from qhopfield.circuits import ExpFilter, FilteredMemory, ModernHopfield, softmax_recall
from qhopfield.circuits.patterns import corrupt, random_patterns


@pytest.fixture(scope="module")
def patterns():
    return random_patterns(3000, 40, seed=1)


@pytest.mark.parametrize("beta", [0.0, 0.3, 5.0, 300.0])
def test_it_is_the_softmax(patterns, beta):
    probes = np.random.default_rng(2).uniform(-1, 1, size=(7, 40))
    shares = softmax(beta * (probes @ patterns.T), axis=1)
    found = softmax_recall(patterns, probes, beta, memory=1)
    assert found.shards > 1
    assert np.abs(found.expectations - shares @ patterns).max() < 1e-12
    assert np.abs(found.probabilities - shares.max(axis=1)).max() < 1e-12
    assert (shares[np.arange(7), found.nearest] >= shares.max(axis=1) * (1 - 1e-12)).all()


def test_it_is_the_filtered_memory(patterns):
    few = patterns[:50]
    probes = corrupt(few[:4], flips=3, seed=3).astype(float)
    found = softmax_recall(few, probes, 0.4)
    memory, method = ModernHopfield(few, beta=0.4), FilteredMemory(ExpFilter(0.4))
    for probe, mean, log in zip(probes, found.expectations, found.log_acceptance, strict=True):
        law = method.law(memory, probe)
        assert np.abs(law.expectations() - mean).max() < 1e-12
        assert log == pytest.approx(np.log(law.acceptance), rel=1e-12)


def test_memory_is_bounded_and_does_not_change_the_answer(patterns):
    probes = patterns[:5]
    small, large = (softmax_recall(patterns, probes, 0.2, memory=m) for m in (1, 64))
    assert small.shards > large.shards == 1
    assert small.shard_bytes <= 2**20
    assert np.abs(small.expectations - large.expectations).max() < 1e-12
    assert (small.nearest == large.nearest).all()


def test_a_file_is_read_shard_by_shard(patterns, tmp_path):
    np.save(tmp_path / "p.npy", patterns)
    probes = patterns[:3]
    from_file = softmax_recall(tmp_path / "p.npy", probes, 0.2, memory=1)
    from_array = softmax_recall(patterns, probes, 0.2, memory=1)
    assert np.array_equal(from_file.expectations, from_array.expectations)


def test_two_processes_give_the_same(patterns):
    probes = patterns[:3]
    one = softmax_recall(patterns, probes, 0.2, memory=1)
    two = softmax_recall(patterns, probes, 0.2, memory=1, workers=2)
    assert np.array_equal(one.expectations, two.expectations)
    assert np.array_equal(one.log_acceptance, two.log_acceptance)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"patterns": np.zeros((2, 3))}, ValueError, "patterns must be"),
        ({"patterns": [[1, 2, 1]]}, ValueError, "patterns must be"),
        ({"patterns": [[1, np.nan, 1]]}, ValueError, "finite"),
        ({"patterns": np.zeros((0, 3))}, ValueError, "empty"),
        ({"probes": [[1, 1]]}, ValueError, "3 entries"),
        ({"probes": [[1, 1, 2]]}, ValueError, "probes"),
        ({"beta": -1.0}, ValueError, "beta must be"),
        ({"beta": float("inf")}, ValueError, "beta must be"),
        ({"memory": 0}, ValueError, "memory must be >= 1"),
        ({"workers": 0}, ValueError, "workers must be >= 1"),
        ({"patterns": "p.txt"}, ValueError, "a .npy file, got p.txt"),
        ({"patterns": "absent.npy"}, FileNotFoundError, "absent"),
    ],
)
def test_bad_input(change, error, message):
    given = {"patterns": [[1, 1, -1], [1, -1, 1]], "probes": [1, 1, 1], "beta": 1.0} | change
    with pytest.raises(error, match=message):
        softmax_recall(**given)


def test_memory_for_less_than_a_pattern():
    with pytest.raises(ValueError, match="MiB are needed"):
        softmax_recall(np.ones((1, 4096)), np.ones((64, 4096)), memory=1)


@pytest.mark.parametrize(
    ("content", "message"),
    [(np.zeros(3), "shape"), (np.array([["a"]]), "must hold patterns"), (None, "no .npy file")],
)
def test_files_that_are_none(tmp_path, content, message):
    path = tmp_path / "p.npy"
    if content is None:
        path.write_bytes(b"nonsense")
    else:
        np.save(path, content)
    with pytest.raises(ValueError, match=message):
        softmax_recall(path, [1, 1, 1])
