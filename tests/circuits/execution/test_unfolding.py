"""Measurements put off to the end: the same law, at the least cost."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qhopfield.circuits import ExpFilter, FilteredMemory, ModernHopfield, NeuronDynamics, RUSNeuron
from qhopfield.circuits.blocks import RotationNeuron
from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.execution.operations import measures_on_the_way
from qhopfield.circuits.execution.unfolding import unfolded
from qhopfield.circuits.execution.ways import cheapest
from qhopfield.circuits.patterns import random_patterns

PATTERNS = [[1, 1, 1, -1], [1, -1, 1, -1], [1, 1, -1, -1]]
MODEL = ModernHopfield(PATTERNS, beta=0.5)
PROBE = [1, 1, 1, -1]


def bits_read_twice():
    circuit = QuantumCircuit(2, 2)
    circuit.ry(1.1, 0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)  # goes on
    circuit.ry(0.7, 0)
    circuit.measure(1, 1)  # is read over by the next, and forgotten
    circuit.barrier()
    circuit.reset(1)
    circuit.cx(0, 1)
    circuit.measure(1, 1)
    circuit.reset(0)
    circuit.ry(0.4, 0)
    circuit.measure(0, 0)
    return circuit


def circuits(memory):
    network = memory("real", 3)
    yield "bits read twice", bits_read_twice()
    yield "filtered", FilteredMemory().circuit(MODEL, PROBE)
    for neuron in (RotationNeuron(), RUSNeuron(1, attempts=1)):
        method = NeuronDynamics(neuron, sweeps=1, register="reuse", order=[0, 2])
        yield repr(neuron), method.circuit(network, [1, 0, -1])


@pytest.mark.fault(
    "FilteredMemory() took 7.5 s for 100,000 shots on Aer where fresh=True took .18 s",
    kind="cost: shots that are evolved one by one without need",
)
def test_every_reading_keeps_its_probability(memory, exact):
    for name, circuit in circuits(memory):
        wide = unfolded(circuit)
        assert wide is not None, name
        assert not measures_on_the_way(wide), name
        assert "reset" not in wide.count_ops()
        assert wide.num_qubits > circuit.num_qubits
        wanted, found = exact.readings(circuit), exact.readings(wide)
        for reading in wanted.keys() | found.keys():
            one, two = (float(np.sum(each.get(reading, 0.0))) for each in (wanted, found))
            assert one == pytest.approx(two, abs=1e-10), (name, reading)


def test_what_cannot_or_need_not_be_put_off(memory):
    loop = NeuronDynamics(RUSNeuron(1), 1, register="reuse").circuit(memory("real", 3), [1, 1, 1])
    assert unfolded(loop) is None
    assert unfolded(FilteredMemory(fresh=True).circuit(MODEL, PROBE)) is None
    first = QuantumCircuit(1, 1)
    first.reset(0)  # of a qubit that is still 0
    first.h(0)
    first.measure(0, 0)
    assert unfolded(first) is None


class Watched(AerSimulator):
    """Remembers what ran."""

    ran: tuple[str, int] = ("", 0)

    def run(self, circuits, **options):
        method = options.get("method", self.options.method)
        Watched.ran = (method, max(each.num_qubits for each in circuits))
        return super().run(circuits, **options)


def watched(**options):
    return AerRunner(Watched(**options))


@pytest.mark.parametrize(
    "neurons, shots, method, late",
    [
        (4, 2, "automatic", False),  # two states of 5 qubits are nothing
        (4, 4000, "automatic", True),
        (9, 4000, "matrix_product_state", True),
        (9, 4000, "statevector", True),
        (12, 12, "statevector", False),  # 24 qubits cost more than 12 times 13
    ],
)
def test_the_law_on_both_sides_of_the_switch(neurons, shots, method, late, stats):
    patterns = random_patterns(3, neurons, seed=1)
    model = ModernHopfield(patterns, beta=1.0 / neurons)
    runner = watched(method=method)
    memory = FilteredMemory()
    probe = patterns[0] * np.where(np.arange(neurons) < 1, -1, 1)
    law = memory.law(model, probe)
    samples = memory.run(model, probe, shots, runner, np.random.default_rng(2))
    assert (Watched.ran[1] > neurons + 1) is late
    stats.binomial(int(samples.weights[0].sum()), shots, law.acceptance)
    counts = [
        sum(
            w
            for s, w in zip(samples.outcomes[0], samples.weights[0], strict=True)
            if (s == p).all()
        )
        for p in patterns
    ]
    stats.chi_square(np.array(counts), law.probabilities)


def test_the_cheapest_way_follows_width_rank_and_shots():
    circuit = FilteredMemory(ExpFilter(0.1)).circuit(
        ModernHopfield(random_patterns(2, 14, seed=0)), np.ones(14)
    )
    late = unfolded(circuit)
    both = ("statevector", "matrix_product_state")

    def way(methods, rank, rows, shots):
        found = cheapest(circuit, late, methods, rank=rank, rows=rows, shots=shots)
        return found.method, found.late

    assert way(both[:1], None, 1, 10**6) == ("statevector", False)  # 28 qubits are too many
    assert way(both, 2, 1, 10**5) == ("matrix_product_state", True)
    # A rank that is not known may be any.
    assert way(both, None, 1, 10**5) == ("statevector", False)
    assert way(both, 10**4, 1, 10**5) == ("statevector", False)
    assert way(both[1:], None, 1, 10**6) == ("matrix_product_state", False)


def test_noise_keeps_the_circuit_as_it_is(memory):
    from qhopfield.circuits.execution import make_noise

    runner = watched(noise_model=make_noise(two_qubit=0.01))
    FilteredMemory().run(MODEL, PROBE, 4000, runner, np.random.default_rng(0))
    assert Watched.ran[1] == 5
