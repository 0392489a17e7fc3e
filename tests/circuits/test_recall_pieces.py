"""Any recall in pieces: the same answer in any number of processes, kept and resumed."""

import numpy as np
import pytest
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator

from qhopfield.circuits import (
    AtomizedMemory,
    ExpFilter,
    FilteredMemory,
    Hopfield,
    ModernHopfield,
    NeuronDynamics,
    RejectionSampling,
    RotationNeuron,
    RUSNeuron,
    make_noise,
    recall,
)
from qhopfield.circuits.patterns import all_states, corrupt, random_patterns

MEMORY = Hopfield.store(random_patterns(2, 6, seed=1))
PROBES = corrupt(np.repeat(MEMORY.patterns, 20, axis=0), flips=1, seed=2)  # 40: two pieces

METHODS = {
    "neurons": NeuronDynamics(RUSNeuron(level=1), sweeps=1),
    "register": NeuronDynamics(RotationNeuron(), sweeps=1, register="reuse"),
    "iterated": FilteredMemory(ExpFilter(0.3), iterations=2, fresh=True),
    "classical": RejectionSampling(),
}


def same(first, second):
    assert first.counts == second.counts
    assert np.array_equal(first.acceptance, second.acceptance)
    assert np.array_equal(first.attempts, second.attempts, equal_nan=True)
    assert (first.trace is None) == (second.trace is None)
    if first.trace is not None:
        assert np.array_equal(first.trace.overlaps, second.trace.overlaps)
        assert np.array_equal(first.trace.energies, second.trace.energies, equal_nan=True)


@pytest.mark.parametrize("name", METHODS)
def test_pieces_come_back_from_a_journal(name, tmp_path):
    once = recall(MEMORY, PROBES, METHODS[name], shots=20, seed=3, workers=1)
    kept = {"shots": 20, "seed": 3, "journal": tmp_path / "j"}
    same(recall(MEMORY, PROBES, METHODS[name], **kept), once)
    resumed = recall(MEMORY, PROBES, METHODS[name], **kept)
    same(resumed, once)
    assert resumed.run_on == once.run_on
    assert once.num_probes == 40


def test_two_processes_give_the_same():
    one, two = (
        recall(MEMORY, PROBES, METHODS["neurons"], shots=20, seed=3, workers=w) for w in (1, 2)
    )
    same(one, two)


def test_the_sampled_law_in_pieces():
    memory = Hopfield.store(random_patterns(3, 20, seed=1))
    probes = np.repeat(memory.patterns, 12, axis=0)
    law = {"shots": 10, "seed": 3, "exact": True}
    once = recall(memory, probes, METHODS["neurons"], **law, workers=1)
    assert once.run_on == "law, sampled"
    again = recall(memory, probes, METHODS["neurons"], **law, workers=1)
    same(again, once)


def test_probes_with_amplitudes_are_pieces_too():
    memory = Hopfield.store(random_patterns(1, 3, seed=1))
    states = [Statevector.from_int(index, 8) for index in (1, 5)]
    method = NeuronDynamics(RotationNeuron(), sweeps=1, register="coherent")
    basis = all_states(3)[[1, 5]]
    once = recall(memory, states, method, shots=400, seed=3, workers=1)
    exact = recall(memory, basis, method, exact=True)
    share = exact.probability_of(once.states)
    error = np.sqrt(np.maximum(share * (1 - share), 1e-3) / 400)
    assert (np.abs(once.probabilities - share) < 5.3 * error).all()
    alone = recall(memory, states[0], method, shots=50, seed=3, workers=1)
    assert alone.num_probes == 1


def test_what_a_file_cannot_name_is_no_journal(tmp_path):
    class Odd(FilteredMemory):
        def __repr__(self):
            return object.__repr__(self)

    with pytest.raises(ValueError, match="journal= needs a method that prints"):
        recall(MEMORY, PROBES, Odd(ExpFilter(0.3)), seed=1, journal=tmp_path / "j")


def test_a_twin_has_no_circuit():
    memory = ModernHopfield(random_patterns(4, 6, seed=1))
    cut = AtomizedMemory(RejectionSampling(), shards=2)
    with pytest.raises(ValueError, match="classical and has no circuit"):
        cut.circuit(memory, memory.patterns[0])
    assert recall(memory, memory.patterns, cut, shots=50, seed=1).resources.two_qubit_gates == 0


def test_wrong_things_to_recall():
    for given, error, message in (
        ({"model": "memory"}, TypeError, "model must be a memory"),
        ({"method": "filter"}, TypeError, "method must be a method"),
        ({"shots": 0}, ValueError, "shots must be >= 1"),
    ):
        options = {"model": MEMORY, "probes": PROBES, "method": METHODS["classical"]} | given
        with pytest.raises(error, match=message):
            recall(**options)


def test_late_coarse_answers_leave_the_choice_to_size(monkeypatch):
    """A coarse memory that is too late chooses nothing: the largest shards run."""
    from qhopfield.circuits.methods.atomized.submodule import SubmodulePiece

    memory = ModernHopfield(random_patterns(6, 6, seed=1), beta=0.5)
    method = FilteredMemory(ExpFilter(0.5), fresh=True)
    cut = AtomizedMemory(method, shards=[[0], [1, 2], [3, 4, 5]], keep=1)
    pieces = cut.pieces(memory, memory.patterns[:2], 50, np.random.default_rng(1), law=True)
    (coarse,) = next(pieces)
    assert isinstance(coarse, SubmodulePiece)
    todo = pieces.send([None])
    assert {len(piece.submodule.patterns) for piece in todo} == {3}


def test_a_journal_is_of_one_memory_and_one_simulator(tmp_path):
    """What prints alike is not the same: rounded numbers, a bias, amplitudes, options of Aer."""
    weights, basis = np.ones((2, 2)) - np.eye(2), np.eye(4)
    plus, minus = (Statevector((basis[0] + sign * basis[3]) / np.sqrt(2)) for sign in (1, -1))
    coherent = NeuronDynamics(RotationNeuron(), sweeps=1, register="coherent")
    patterns = random_patterns(3, 4, seed=1)
    filtered = FilteredMemory(ExpFilter(0.3), fresh=True)
    noisy = [AerSimulator(noise_model=make_noise(two_qubit=p)) for p in (0.01, 0.02)]
    pairs = {
        "bias": [(Hopfield(weights, bias), [1, 1], coherent, {}) for bias in ([0, 0], [0, 0.5])],
        "beta": [
            (ModernHopfield(patterns, beta), patterns, RejectionSampling(), {})
            for beta in (0.3, 0.3 + 1e-9)
        ],
        "state": [(Hopfield(weights), state, coherent, {}) for state in (plus, minus)],
        "noise": [
            (ModernHopfield(patterns), patterns, filtered, {"backend": each}) for each in noisy
        ],
    }
    for name, (first, second) in pairs.items():
        for number, (model, probes, method, options) in enumerate((first, second)):
            given = {"shots": 5, "seed": 1, "journal": tmp_path / name, **options}
            if not number:
                recall(model, probes, method, **given)
                continue
            with pytest.raises(ValueError, match="other settings"):
                recall(model, probes, method, **given)
