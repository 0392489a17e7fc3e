"""Any recall in pieces: the same answer in any number of processes, kept and resumed."""

import json
import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import dataclass, fields

import numpy as np
import pytest
from qiskit import generate_preset_pass_manager
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Statevector
from qiskit.transpiler import CouplingMap
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2

from qhopfield.circuits import (
    AtomizedMemory,
    DenseAssociativeMemory,
    ExpFilter,
    FilteredMemory,
    Hopfield,
    Mitigation,
    ModernHopfield,
    NeuronDynamics,
    Polynomial,
    RejectionSampling,
    RotationNeuron,
    RUSNeuron,
    make_noise,
    recall,
    softmax_recall,
)
from qhopfield.circuits.capacity import ModelSpec, capacity
from qhopfield.circuits.common import cluster, identity
from qhopfield.circuits.common.journal import _checksum
from qhopfield.circuits.distribution import _COLUMNS, RunnerRecipe, recall_journal
from qhopfield.circuits.methods import Samples
from qhopfield.circuits.models import SeparationFunction
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


@pytest.mark.fault(
    "a separation function with a handle in it was told apart by what it prints",
    kind="a journal takes another run's answers for its own",
)
def test_what_cannot_be_told_apart_is_no_journal(tmp_path):
    @dataclass(frozen=True)
    class Tabled(Polynomial):
        handle: object = None

        def __repr__(self):
            return "Tabled()"

    memory = DenseAssociativeMemory(
        random_patterns(2, 4, seed=1), separation=Tabled(handle=threading.Lock())
    )
    with pytest.raises(ValueError, match=r"model\.separation\.handle is a lock, which cannot be"):
        recall(memory, memory.patterns, RejectionSampling(), seed=1, journal=tmp_path / "j")
    assert not list(tmp_path.iterdir())


class Odd(SamplerV2):
    """A sampler of somebody's own, with one number more."""

    def __init__(self, bias):
        super().__init__(seed=1)
        self.bias = bias


def sharper(sharpness):
    memory = Sharp.store(random_patterns(2, 4, seed=1))
    memory.sharpness = sharpness
    return memory


class Sharp(Hopfield):
    sharpness = 1.0


@dataclass(frozen=True)
class Cosh(SeparationFunction):
    beta: float = 1.0

    @property
    def name(self):
        return f"cosh({self.beta:g} x)"

    def __call__(self, x):
        return np.cosh(self.beta * np.asarray(x, dtype=float))


def steeper(beta):
    return DenseAssociativeMemory(random_patterns(2, 4, seed=1), separation=Cosh(beta))


def optimised(level):
    noise = make_noise(two_qubit=0.01)
    return generate_preset_pass_manager(
        level, basis_gates=noise.basis_gates, coupling_map=CouplingMap.from_line(7)
    )


RUN = {
    "model": ModernHopfield(random_patterns(2, 4, seed=1)),
    "probes": random_patterns(2, 4, seed=1),
    "method": FilteredMemory(ExpFilter(0.3), fresh=True),
    "shots": 5,
    "seed": 1,
}
OTHERS = {
    "shots": ({"shots": 5}, {"shots": 6}),
    "seed": ({"seed": 1}, {"seed": 2}),
    "probes": ({}, {"probes": random_patterns(2, 4, seed=2)}),
    "method": ({}, {"method": FilteredMemory(ExpFilter(np.nextafter(0.3, 1)), fresh=True)}),
    "separation": ({"model": steeper(0.5)}, {"model": steeper(0.50000001)}),
    "attribute": ({"model": sharper(1.0)}, {"model": sharper(0.01)}),
    "mitigation": (
        {"mitigation": Mitigation(zero_noise=(1, 3))},
        {"mitigation": Mitigation(zero_noise=(1, 5))},
    ),
    "codewords": ({}, {"mitigation": Mitigation(codewords=True)}),
    "noise": (
        {"noise_model": make_noise(two_qubit=0.01)},
        {"noise_model": make_noise(two_qubit=0.01 + 1e-12)},
    ),
    "device": (
        {"backend": GenericBackendV2(8, seed=1)},
        {"backend": GenericBackendV2(8, seed=2)},
    ),
    "simulator": (
        {"backend": AerSimulator()},
        {"backend": AerSimulator(method="matrix_product_state")},
    ),
    "sampler": (
        {"sampler": SamplerV2(seed=1)},
        {
            "sampler": SamplerV2(
                seed=1, options={"backend_options": {"noise_model": make_noise(two_qubit=0.1)}}
            )
        },
    ),
    "own sampler": ({"sampler": Odd(0.1)}, {"sampler": Odd(0.2)}),
    "pass manager": ({"pass_manager": optimised(0)}, {"pass_manager": optimised(3)}),
}


@pytest.mark.fault(
    "journals told devices by name, pass managers by type, and models by what they print",
    kind="a journal takes another run's answers for its own",
)
@pytest.mark.parametrize("name", OTHERS)
def test_a_journal_knows_its_run(name, tmp_path):
    """Every setting that answers depend on is in the key, and the same run is known again."""
    first, second = OTHERS[name]

    def opened(options):
        run = {**RUN, **options}
        recipe = RunnerRecipe(
            **{key: run[key] for key in run.keys() & {f.name for f in fields(RunnerRecipe)}}
        )
        given = (run[key] for key in ("model", "method", "probes", "shots", "seed"))
        with recall_journal(tmp_path / "j", *given, recipe, False) as journal:
            return journal.settings

    settings = opened(first)
    assert opened(first) == settings
    with pytest.raises(ValueError, match="belongs to a run with other settings"):
        opened(second)


@pytest.mark.fault(
    "a journal of another version was gone on with",
    kind="a journal takes another run's answers for its own",
)
@pytest.mark.parametrize("package", ["qhopfield", "qiskit", "qiskit-aer", "numpy"])
def test_a_journal_is_of_one_version(package, tmp_path, monkeypatch):
    recall(**RUN, journal=tmp_path / "j", exact=False)
    sound = identity.version
    monkeypatch.setattr(identity, "version", lambda name: "0" if name == package else sound(name))
    with pytest.raises(ValueError, match=f"version of {package} is "):
        recall(**RUN, journal=tmp_path / "j")


def test_devices_are_known_again_after_they_ran(tmp_path):
    """What a device or a pass keeps of a run is no part of what it is."""
    device = GenericBackendV2(8, seed=1, noise_info=True)
    own = generate_preset_pass_manager(2, backend=device, seed_transpiler=1)
    options = {**RUN, "backend": device, "pass_manager": own, "journal": tmp_path / "j"}
    first = recall(**options)
    same(recall(**options), first)


@pytest.mark.fault(
    "journal content of the wrong kind raised KeyError or TypeError",
    kind="a file that a run goes on from is damaged",
)
@pytest.mark.parametrize(
    "change",
    [
        {"weights": [[-1.0], [1.0]]},
        {"weights": [[float("nan")], [1.0]]},
        {"weights": [["x"], [1.0]]},
        {"weights": None},
        {"outcomes": [["+*+-"], ["++++"]]},
        {"outcomes": [["+"], ["++++"]]},
        {"acceptance": [2.0, 0.5]},
        {"acceptance": [0.5]},
        {"acceptance": None},
        {"shots": "5"},
        {"shots": -1},
        {"trace": [1]},
        {"widths": {}},
    ],
)
def test_content_of_the_wrong_kind_is_refused(change, tmp_path):
    """Even with right checksums, such as those of a defect, nothing but results is taken."""
    recall(**RUN, journal=tmp_path / "j")
    database = sqlite3.connect(tmp_path / "j", isolation_level=None)
    key, value = database.execute("SELECT key, value FROM results").fetchone()
    for content in ({**json.loads(value), **change}, [], None, 3, {}):
        text = json.dumps(content)
        database.execute("UPDATE results SET value = ?, checksum = ?", (text, _checksum(key, text)))
        with pytest.raises(ValueError, match="j is a damaged journal: result"):
            recall(**RUN, journal=tmp_path / "j")
    database.close()


def test_journals_keep_all_of_samples():
    """A field of samples that is added one day must not get lost in a journal."""
    kept = {"outcomes", "weights", "shots", "ran_on", "trace", *_COLUMNS}
    # What submodules answered is put together after the pieces.
    assert {each.name for each in fields(Samples)} - {"parts"} == kept


@pytest.mark.fault(
    "recall(workers=6) started 6 processes for 1 piece of work",
    kind="as many processes as were asked for, whatever there is to do",
)
def test_never_more_processes_than_pieces(monkeypatch):
    started = []

    @contextmanager
    def start(workers):
        started.append(workers)
        yield None

    monkeypatch.setattr(cluster, "_local_client", start)
    recall(**{**RUN, "method": METHODS["classical"]}, workers=2)
    assert started == []  # one piece runs here
    with cluster.Processes(6) as processes:
        for jobs in (1, 2, 2, 4, 3, 9):
            processes.client_for(jobs)
    assert started == [2, 4, 6]
    started.clear()
    with cluster.Processes(6, apart=True) as processes:
        processes.client_for(1)  # what has a deadline must be able to be cut short
    assert started == [1]


@pytest.mark.fault(
    "workers=100,000,000 was not refused",
    kind="as many processes as were asked for, whatever there is to do",
)
def test_more_processes_than_the_machine_holds():
    message = "workers=100000000 processes take .* GiB .* use at most"
    with pytest.raises(ValueError, match=message):
        recall(**RUN, workers=10**8)
    with pytest.raises(ValueError, match=message):
        capacity(ModelSpec(), num_neurons=4, patterns=[1], trials=1, workers=10**8)
    with pytest.raises(ValueError, match=message):
        softmax_recall(RUN["probes"], RUN["probes"], workers=10**8)


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
