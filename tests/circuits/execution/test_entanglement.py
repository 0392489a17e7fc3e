"""Circuits too wide for a state vector: advice that works, and what may not end is told."""

import re
import warnings

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2

from qhopfield.circuits import Hopfield, NeuronDynamics, RUSNeuron, ThresholdNeuron, recall
from qhopfield.circuits.execution import AerRunner, SamplerRunner
from qhopfield.circuits.patterns import random_patterns

MPS = "matrix_product_state"
PATTERNS = random_patterns(2, 12, seed=1)
MODEL = Hopfield.store(PATTERNS)


def advised(message):
    """The registers that a message names, with their widths."""
    found = re.findall(r"register='(\w+)' \((\d+) qubits", message)
    return {register: int(width) for register, width in found}


@pytest.mark.fault(
    "a coherent register of 84 qubits was sent to a matrix product state, whose run never ends",
    kind="advice that leads to a run that fails or never ends",
)
@pytest.mark.parametrize("neuron", [RUSNeuron(level=1), ThresholdNeuron()])
def test_what_a_wide_register_is_advised_runs(neuron):
    method = NeuronDynamics(neuron, register="coherent", sweeps=3)
    with pytest.raises(ValueError, match=r"qubits need .*\. Use register='feedforward'") as info:
        recall(MODEL, PATTERNS[:1], method, shots=5, seed=1)
    assert MPS not in str(info.value)
    ways = advised(str(info.value))
    assert "feedforward" in ways
    for register, width in ways.items():
        other = NeuronDynamics(neuron, register=register, sweeps=3)
        assert other.qubits(MODEL) == width
        result = recall(MODEL, PATTERNS[:1], other, shots=5, seed=1)
        assert result.run_on == "aer statevector"
        assert result.accepted.sum() > 0


def test_amplitudes_are_advised_another_register_first():
    method = NeuronDynamics(RUSNeuron(level=1), register="coherent", sweeps=3)
    state = Statevector.from_label("0" * 12)
    with pytest.raises(ValueError, match=r"Use register='reuse' \(14 qubits\), or a probe of spin"):
        recall(MODEL, state, method, shots=5, seed=1)
    other = NeuronDynamics(RUSNeuron(level=1), register="reuse", sweeps=1)
    assert recall(MODEL, state, other, shots=5, seed=1).shots == 5


def test_a_register_that_is_no_narrower_is_not_advised():
    model = Hopfield.store(random_patterns(2, 40, seed=1))
    method = NeuronDynamics(RUSNeuron(level=1), register="reuse", sweeps=1)
    with pytest.raises(ValueError, match="42 qubits need") as info:
        recall(model, np.ones((1, 40)), method, shots=5, seed=1)
    assert advised(str(info.value)) == {"feedforward": 2}


def simulator(**options):
    return AerSimulator(method=MPS, **options)


RUNNERS = {
    "backend": lambda **options: AerRunner(simulator(**options)),
    "Qiskit's sampler": lambda **options: SamplerRunner(
        BackendSamplerV2(backend=simulator(**options))
    ),
    "Aer's sampler": lambda **options: SamplerRunner(SamplerV2.from_backend(simulator(**options))),
}


def told(runner, width, rank=None, times=1):
    """Warnings of runs of a circuit of that width, which itself is quick."""
    circuit = QuantumCircuit(width, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    runner.admit(width, "Use something else.", rank=rank)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(times):
            runner.run(circuit, (), np.zeros((1, 0)), np.array([5]), np.random.default_rng(1))
    return [str(each.message) for each in caught]


@pytest.mark.fault(
    "a matrix product state of 84 qubits ran without end and without a word",
    kind="advice that leads to a run that fails or never ends",
)
@pytest.mark.parametrize("make", RUNNERS.values(), ids=RUNNERS)
def test_entanglement_without_bound_is_told_once(make):
    (message,) = told(make(), 84, times=3)
    assert re.search(
        r"84 qubits on a matrix product state: no bound .* rank 2\^42, one of its 2 operations "
        r"takes about \S+ years: the run may never end\. Use something else\.",
        message,
    )
    (message,) = told(make(), 3000)  # the greatest costs are numbers, too
    assert "years" in message


@pytest.mark.parametrize("make", RUNNERS.values(), ids=RUNNERS)
def test_entanglement_with_a_bound_is_not_told(make):
    assert told(make(), 84, rank=4) == []
    assert told(make(), 20) == []
    assert told(make(matrix_product_state_max_bond_dimension=8), 84) == []


def test_a_bounded_matrix_product_state_ends():
    method = NeuronDynamics(RUSNeuron(level=1), register="coherent", sweeps=3)
    bounded = simulator(matrix_product_state_max_bond_dimension=16)
    result = recall(MODEL, PATTERNS[:1], method, shots=5, seed=1, backend=bounded)
    assert result.run_on == f"aer {MPS}"
