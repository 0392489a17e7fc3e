"""What a result computes on the first look: late, once, and of the things as they were."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pandas as pd
import pytest

from qhopfield.circuits import (
    AmplifiedMemory,
    AtomizedMemory,
    DenseAssociativeMemory,
    DirectSoftmax,
    ExpFilter,
    Exponential,
    FilteredMemory,
    Hopfield,
    ModernHopfield,
    NeuronDynamics,
    RecallResult,
    associate,
    classify,
    recall,
    resources,
)
from qhopfield.circuits.common.later import snapshot
from qhopfield.circuits.models import Model
from qhopfield.circuits.patterns import corrupt, random_patterns

PATTERNS = random_patterns(4, 6, seed=2)
PROBES = corrupt(PATTERNS, flips=1, seed=3)
EXACT = "recall(exact=True) built and counted a circuit: 65.8 s instead of 10 ms at 4,000 patterns"
KIND = "work that nobody asked for"
LATE = ("energies", "converged", "classical_states", "classical_energies")
PAIRS = [
    (ModernHopfield(PATTERNS, 0.4), FilteredMemory()),
    (ModernHopfield(PATTERNS, 0.4), AmplifiedMemory()),
    (ModernHopfield(PATTERNS, 0.4), AtomizedMemory(FilteredMemory(), shards=2)),
    (ModernHopfield(PATTERNS, 0.4), DirectSoftmax()),
    (DenseAssociativeMemory(PATTERNS, Exponential(0.3)), FilteredMemory()),
    (Hopfield.store(PATTERNS), NeuronDynamics(register="reuse")),
]


def count_bills(monkeypatch, method):
    """Makes the method's class say how often it is asked for its circuits."""
    calls = []
    bill = type(method).bill

    def counted(self, model):
        calls.append(threading.get_ident())
        return bill(self, model)

    monkeypatch.setattr(type(method), "bill", counted)
    return calls


@pytest.mark.fault(EXACT, kind=KIND)
@pytest.mark.parametrize(("model", "method"), PAIRS, ids=lambda each: type(each).__name__)
def test_the_law_builds_no_circuit(monkeypatch, model, method):
    calls = count_bills(monkeypatch, method)
    ran = []
    monkeypatch.setattr(type(model), "recall", lambda *_, **__: ran.append(1))
    monkeypatch.setattr(type(model), "energy", lambda *_: ran.append(1))
    monkeypatch.setattr(type(model), "is_fixed_point", lambda *_: ran.append(1))
    result = recall(model, PROBES, method, exact=True)
    assert result.states.shape == PROBES.shape
    repr(result)
    assert not calls
    assert not ran
    assert result.resources.qubits == resources(model, method).qubits
    assert len(calls) == 2


@pytest.mark.fault("associate and classify count circuits with exact=True", kind=KIND)
def test_associations_build_no_circuit(monkeypatch):
    from qhopfield.circuits import association

    built = []
    template = association.filtered_template

    def counted(*arguments, **options):
        built.append(1)
        return template(*arguments, **options)

    monkeypatch.setattr(association, "filtered_template", counted)
    values = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    for found in (
        associate(PATTERNS, values, PROBES, ExpFilter(0.4), exact=True),
        classify(PATTERNS, ["a", "b", "a", "b"], PROBES, ExpFilter(0.4), exact=True),
    ):
        assert not built
        assert found.resources.qubits > 6
        assert found.resources is found.resources
        again = pickle.loads(pickle.dumps(found))
        assert repr(again.resources) == repr(found.resources)
        assert len(built) == 1
        built.clear()


@pytest.mark.parametrize(("model", "method"), PAIRS, ids=lambda each: type(each).__name__)
def test_late_fields_are_what_they_were(tmp_path, model, method):
    def made():
        return recall(model, PROBES, method, exact=True, seed=5)

    result = made()
    assert repr(result.resources) == repr(resources(model, method))
    np.testing.assert_array_equal(result.energies, model.energy(result.states))
    np.testing.assert_array_equal(result.converged, model.is_fixed_point(result.states))
    classical = model.recall(PROBES, seed=np.random.default_rng(5))
    np.testing.assert_array_equal(result.classical_states, classical.states)
    np.testing.assert_array_equal(result.classical_energies, classical.energies)
    for name in LATE:
        assert not getattr(result, name).flags.writeable
        assert getattr(result, name) is getattr(result, name)
    # Saved, sent and tabulated before anything was looked at.
    path = tmp_path / "late.npz"
    made().save(path)
    for other in (RecallResult.load(path), pickle.loads(pickle.dumps(made()))):
        for name in LATE:
            np.testing.assert_array_equal(getattr(other, name), getattr(result, name))
        assert repr(other.resources) == repr(result.resources)
        pd.testing.assert_frame_equal(other.to_dataframe(), made().to_dataframe())


class Mutable(Model):
    """A user's memory that keeps the array it was given."""

    def __init__(self, patterns, extra=None):
        self.patterns = patterns
        self.num_neurons = patterns.shape[1]
        self.extra = extra

    def energy(self, states):
        return -np.square(np.atleast_2d(states) @ self.patterns.T).sum(axis=1).astype(float)

    def local_field(self, states):
        return np.atleast_2d(states) @ (self.patterns.T @ self.patterns).astype(float)

    def field_bound(self):
        return float(np.abs(self.patterns).sum() * self.num_neurons)

    @property
    def integer_scale(self):
        return None

    def tracker(self, states):
        return Hopfield.store(self.patterns).tracker(states)


@pytest.mark.fault("a late field sees what was changed after the recall", kind="shared memory")
@pytest.mark.parametrize("extra", [None, threading.Lock()], ids=["copied", "not to be copied"])
def test_later_changes_do_not_reach_a_result(extra):
    patterns = PATTERNS.copy()
    model = Mutable(patterns, extra)
    assert (snapshot(model) is None) == (extra is not None)
    method = FilteredMemory(ExpFilter(0.4))
    probes = PROBES.copy()
    before = recall(model, probes, method, exact=True)
    expected = {name: getattr(before, name).copy() for name in (*LATE, "states", "patterns")}
    after = recall(model, probes, method, exact=True)
    qubits = before.resources.qubits
    patterns[:] = 1
    probes[:] = 1
    model.patterns = PATTERNS[:1, :1]
    for name, values in expected.items():
        np.testing.assert_array_equal(getattr(after, name), values, err_msg=name)
    assert after.resources.qubits == qubits


def test_a_changed_parameter_does_not_reach_a_result():
    model, method = ModernHopfield(PATTERNS, 0.4), FilteredMemory()
    result = recall(model, PROBES, method, exact=True)
    energies = recall(model, PROBES, method, exact=True).energies
    model.beta = 3.0
    np.testing.assert_array_equal(result.energies, energies)


def test_threads_compute_once(monkeypatch):
    model, method = PAIRS[0]
    result = recall(model, PROBES, method, exact=True)
    calls = count_bills(monkeypatch, method)
    gate = threading.Barrier(8)
    seen = []

    def look():
        gate.wait()
        seen.append((result.resources, result.energies, result.outcomes, result.classical_states))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(seen) == 8
    assert all(all(a is b for a, b in zip(seen[0], each, strict=True)) for each in seen)
    assert "_late" not in vars(result)  # what they were computed from is let go


def test_errors_of_a_first_look_are_not_kept(monkeypatch):
    model, method = PAIRS[0]
    result = recall(model, PROBES, method, exact=True)
    with monkeypatch.context() as patch:
        patch.setattr(type(method), "bill", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            _ = result.resources
    assert result.resources.qubits == resources(model, method).qubits
