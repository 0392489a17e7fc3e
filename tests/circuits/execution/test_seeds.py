"""Seeds reach what runs the circuits, or a warning says that they do not."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2, BaseSamplerV2, StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2

from qhopfield.circuits import (
    ExpFilter,
    FilteredMemory,
    Mitigation,
    ModernHopfield,
    associate,
    classify,
    recall,
)
from qhopfield.circuits.execution import AerRunner, make_noise, make_runner, settle_seed

# A device without errors has no properties of its qubits, and Aer says so.
pytestmark = pytest.mark.filterwarnings("ignore:.*no QubitProperties:UserWarning")
MODEL = ModernHopfield([[1, 1, 1, -1], [1, -1, 1, -1]], beta=0.5)
PROBE = [1, 1, 1, 1]
FRESH = FilteredMemory(fresh=True)

SEEDED = {
    "aer": lambda seed: {"backend": AerSimulator(seed_simulator=seed)},
    "aer sampler": lambda seed: {"sampler": SamplerV2(seed=seed)},
    "aer sampler, run options": lambda seed: {
        "sampler": SamplerV2(options={"run_options": {"seed_simulator": seed}})
    },
    "aer sampler, backend": lambda seed: {
        "sampler": SamplerV2.from_backend(AerSimulator(seed_simulator=seed))
    },
    "backend sampler": lambda seed: {
        "sampler": BackendSamplerV2(backend=AerSimulator(), options={"seed_simulator": seed})
    },
    "backend sampler, backend": lambda seed: {
        "sampler": BackendSamplerV2(backend=AerSimulator(seed_simulator=seed))
    },
    "statevector sampler": lambda seed: {"sampler": StatevectorSampler(seed=seed)},
}


def shares(*, method=FRESH, shots=400, **options):
    result = recall(MODEL, PROBE, method, shots=shots, **options)
    return result.expectations.tolist(), result.acceptance.tolist()


@pytest.mark.fault(
    "seed= with sampler= was accepted, printed in the result, and unused",
    kind="a seed without effect",
)
@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_has_effect(name):
    make = SEEDED[name]
    one, again = (shares(seed=1, **make(None)) for _ in range(2))
    assert one == again
    assert shares(seed=2, **make(None)) != one
    # A seed that is given replaces the one that the sampler was made with.
    assert shares(seed=1, **make(5)) == one


@pytest.mark.fault(
    "a backend's own seed was overridden when seed= was None", kind="a seed without effect"
)
@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_of_its_own_is_respected(name):
    make = SEEDED[name]
    assert shares(**make(5)) == shares(**make(5)) == shares(seed=5, **make(None))
    assert shares(**make(6)) != shares(**make(5))
    assert shares(**make(None)) != shares(**make(None))
    assert recall(MODEL, PROBE, FRESH, shots=5, **make(5)).seed == 5
    assert recall(MODEL, PROBE, FRESH, shots=5, **make(None)).seed is None


@pytest.mark.parametrize("name", SEEDED)
def test_runs_of_one_recall_do_not_share_their_numbers(name):
    # Two runs, and two rows of one run, of the same circuit: equal only by chance.
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    options = SEEDED[name](5)
    seed, effective = settle_seed(
        None, backend=options.get("backend"), sampler=options.get("sampler")
    )
    assert effective
    runner, rng = make_runner(**options), np.random.default_rng(seed)
    counts = [
        each.get(0, 0)
        for _ in range(4)
        for each in runner.run(circuit, (), np.zeros((4, 0)), np.full(4, 1000), rng)
    ]
    assert len(set(counts)) > 8


def test_the_seed_of_a_generator_goes_on():
    one, two = (np.random.default_rng(3) for _ in range(2))
    first, second = (shares(sampler=StatevectorSampler(seed=one)) for _ in range(2))
    assert first != second
    assert shares(sampler=StatevectorSampler(seed=two)) == first


@pytest.mark.parametrize("workers", [None, 1, 2])
def test_own_seeds_in_pieces(workers):
    options = {"sampler": SamplerV2(seed=5), "workers": workers}
    if workers is None:
        options["mitigation"] = Mitigation(zero_noise=(1, 3))
    assert shares(**options) == shares(**options)


def test_own_seeds_of_associations():
    given = ([[1, 1], [1, -1]], [[1], [-1]], [1, 1], ExpFilter(0.3))
    for options in ({"backend": AerSimulator(seed_simulator=5)}, {"sampler": SamplerV2(seed=5)}):
        one, two = (associate(*given, shots=300, **options).acceptance for _ in range(2))
        assert one == two
        one, two = (
            classify(given[0], ["a", "b"], given[2], given[3], shots=300, **options).acceptance
            for _ in range(2)
        )
        assert one == two


class Foreign(BaseSamplerV2):
    """A sampler of someone else's, which shows neither backend nor seed."""

    def __init__(self):
        self._inside = StatevectorSampler()

    def run(self, pubs, *, shots=None):
        return self._inside.run(pubs, shots=shots)


class Device(GenericBackendV2):
    """A device: no seed among its options."""

    def __init__(self):
        super().__init__(9, seed=1, noise_info=False)

    @classmethod
    def _default_options(cls):
        from qiskit.providers import Options

        return Options(shots=1000)

    def run(self, run_input, **options):
        assert "seed_simulator" not in options or options["seed_simulator"] is None
        return AerSimulator().run(run_input, **options)


@pytest.mark.fault(
    "the result of a sampler without seeds named a seed", kind="a seed without effect"
)
@pytest.mark.parametrize(
    "options",
    [
        lambda: {"sampler": Foreign()},
        lambda: {"backend": Device()},
        lambda: {"sampler": BackendSamplerV2(backend=Device())},
    ],
    ids=["sampler", "device", "device sampler"],
)
def test_what_takes_no_seed_says_so(options):
    with pytest.warns(UserWarning, match=r"takes no seed.*AerSimulator\(\)"):
        result = recall(MODEL, PROBE, FRESH, shots=20, seed=3, **options())
    assert result.seed is None
    assert recall(MODEL, PROBE, FRESH, shots=20, **options()).seed is None


def test_a_wrong_type_is_told_first():
    for options in ({"sampler": "aer"}, {"backend": 3}):
        with pytest.raises(TypeError, match="must be a"):
            recall(MODEL, PROBE, FRESH, shots=5, seed=1, **options)


@pytest.mark.parametrize("noise", [None, make_noise(two_qubit=0.05)], ids=["clean", "noisy"])
@pytest.mark.parametrize("method", [FilteredMemory(), FRESH], ids=["on the way", "at the end"])
def test_the_number_of_threads_changes_nothing(method, noise):
    answers = []
    for threads in (1, 2):
        runner = AerRunner(noise_model=noise)
        runner.backend.set_options(max_parallel_threads=threads)
        drawn = []
        for probes, shots in (([PROBE], 300), ([PROBE, [1, 1, 0, 1]], 3)):
            samples = method.run(MODEL, probes, shots, runner, np.random.default_rng(1))
            drawn.append([each.tolist() for each in samples.weights])
        answers.append(drawn)
    assert answers[0] == answers[1]


def test_samplers_of_ibm_are_seeded_on_a_recorded_device():
    executor = pytest.importorskip("qiskit_ibm_runtime.executor_sampler")
    sampler = executor.Sampler(mode=GenericBackendV2(8, seed=1))
    one, again, other = (shares(seed=seed, shots=100, sampler=sampler) for seed in (3, 3, 4))
    assert one == again != other
