"""Devices as they are: small, in parts, out of order; circuits made ready once."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2

from qhopfield.circuits.blocks import RotationNeuron
from qhopfield.circuits.execution import AerRunner, SamplerRunner, make_runner
from qhopfield.circuits.execution.kept import Kept
from qhopfield.circuits.methods import FilteredMemory, NeuronDynamics
from qhopfield.circuits.models import Hopfield, ModernHopfield

# A device without errors has no properties of its qubits, and Aer says so.
pytestmark = pytest.mark.filterwarnings("ignore:.*no QubitProperties:UserWarning")
MODEL = ModernHopfield([[1, 1, 1, -1], [1, -1, 1, -1], [1, 1, -1, -1]], beta=0.5)
PROBE = [1, 1, 1, -1]
EVERYTHING = ("measure", "reset", "delay", "cx", "sx", "x", "rz", "id")


def both_ways(pairs):
    return [[a, b] for a, b in pairs] + [[b, a] for a, b in pairs]


def without(width, lost, operations):
    """A line of qubits of which one has lost some operations."""
    line = [(i, i + 1) for i in range(width - 1)]
    device = GenericBackendV2(width, coupling_map=both_ways(line), seed=1)
    target = Target(
        num_qubits=width, dt=device.target.dt, qubit_properties=device.target.qubit_properties
    )
    for name in device.target.operation_names:
        kept = {
            place: properties
            for place, properties in device.target[name].items()
            if place is None or lost not in place or name not in operations
        }
        target.add_instruction(device.target.operation_from_name(name), kept, name=name)
    device._target = target
    return device


def run(method, runner, shots=20):
    return method.run(MODEL, PROBE, shots, runner, np.random.default_rng(0))


# Parts.


def in_two_halves():
    return GenericBackendV2(6, coupling_map=both_ways([(0, 1), (1, 2), (3, 4), (4, 5)]), seed=1)


@pytest.mark.parametrize(
    "make",
    [
        in_two_halves,
        lambda: AerSimulator.from_backend(in_two_halves()),
        lambda: without(6, 2, EVERYTHING),
    ],
    ids=["halves", "simulator", "broken qubit"],
)
def test_a_device_in_parts_is_refused_by_its_largest(make):
    runner = make_runner(backend=make())
    message = r"needs 5 connected qubits; .* has 6 qubits, and the largest part .* has 3\. Use exa"
    with pytest.raises(ValueError, match=message):
        run(FilteredMemory(), runner)
    # A circuit of one neuron at a time fits.
    network = Hopfield.store(MODEL.patterns)
    samples = NeuronDynamics(RotationNeuron(), 1).run(
        network, PROBE, 20, runner, np.random.default_rng(0)
    )
    assert samples.weights[0].sum() == 20


def test_qubits_that_are_out_of_order_are_left_out():
    for lost in (0, 5):
        runner = make_runner(backend=without(6, lost, EVERYTHING))
        assert 0 < run(FilteredMemory(), runner).weights[0].sum() <= 20


def test_a_layout_that_does_not_work_is_told():
    # Enough qubits are connected, and the transpiler does not see that one cannot be read.
    runner = make_runner(backend=without(9, 3, ("measure",)))
    with pytest.raises(ValueError, match=r"and the largest part .* has 3\."):
        run(FilteredMemory(), make_runner(backend=without(6, 2, ("measure",))))
    with pytest.raises(ValueError, match=r"No way was found to run.*measure.*initial_layout"):
        run(FilteredMemory(), runner)


def test_too_few_qubits():
    with pytest.raises(ValueError, match=r"needs 5 qubits and generic_backend_4q has 4\. Use exa"):
        run(FilteredMemory(), make_runner(backend=GenericBackendV2(4, seed=1)))


# Made ready once.


class Counting:
    def __init__(self):
        self.calls = 0

    def run(self, circuit):
        self.calls += 1
        return circuit.copy()


@pytest.mark.parametrize(
    "make", [AerRunner, lambda **options: SamplerRunner(SamplerV2(), **options)]
)
def test_several_circuits_are_transpiled_once_each(make):
    manager = Counting()
    runner = make(pass_manager=manager)
    circuits = []
    for width in (1, 2, 3):
        circuit = QuantumCircuit(width, 1)
        circuit.x(width - 1)
        circuit.measure(width - 1, 0)
        circuits.append(circuit)
    for _ in range(3):
        for circuit in circuits:
            rng = np.random.default_rng(0)
            assert runner.run(circuit, (), np.zeros((1, 0)), np.array([2]), rng) == [{1: 2}]
    assert manager.calls == 3


def test_what_is_kept_is_bounded_and_told_apart():
    kept, made = Kept(limit=2), []

    def make(circuit):
        made.append(circuit.num_qubits)
        return circuit.num_qubits

    one, two, three = (QuantumCircuit(width) for width in (1, 2, 3))
    assert [kept.get(each, make) for each in (one, two, one, three, one)] == [1, 2, 1, 3, 1]
    assert made == [1, 2, 3]
    assert kept.get(two, make) == 2  # used least recently, so it had gone
    assert made == [1, 2, 3, 2]
    # A circuit that is held cannot share its id with a new one.
    for width in range(1, 30):
        assert kept.get(QuantumCircuit(width), make) == width
    gc.collect()
