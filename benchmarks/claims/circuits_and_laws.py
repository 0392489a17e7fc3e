"""Every circuit draws from its law: exactly where amplitudes are at hand, else by chi-square."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from qiskit_aer import AerSimulator
from scipy.stats import chi2

from qhopfield.circuits import (
    DenseAssociativeMemory,
    Hopfield,
    NeuronDynamics,
    Polynomial,
    RotationNeuron,
    RUSNeuron,
    ThresholdNeuron,
)
from qhopfield.circuits.blocks.neurons import Neuron
from qhopfield.circuits.execution import AerRunner
from qhopfield.circuits.methods import registers
from qhopfield.circuits.methods.template import Template
from qhopfield.circuits.models import Model
from qhopfield.circuits.patterns import all_states, random_patterns

from .record import Measured, claim, exactly

SOURCE = "This library's laws; Cao et al. 2017, arXiv:1711.11240, for the circuits"
NEURONS: dict[str, Neuron] = {
    "level-0": RotationNeuron(),
    "level-1": RUSNeuron(1),
    "level-2": RUSNeuron(2),
    "threshold": ThresholdNeuron(),
}
# Neurons of the exact comparisons: as many as leave at most some 20 qubits, all states run.
SIZES = {
    ("quadratic", "level-0"): 5,
    ("quadratic", "level-1"): 5,
    ("quadratic", "level-2"): 4,
    ("quadratic", "threshold"): 5,
    ("cubic", "level-0"): 5,
    ("cubic", "level-1"): 4,
    ("cubic", "level-2"): 3,
    ("cubic", "threshold"): 4,
}


def _memory(field: str, num_neurons: int, seed: int, name: str) -> Model:
    patterns = random_patterns(3, num_neurons, seed=seed)
    if field == "cubic":
        return DenseAssociativeMemory(patterns, separation=Polynomial(3))
    if name == "threshold":
        # Whole numbers and ties; rounded weights take a register of thirteen qubits.
        return Hopfield.store(patterns)
    # Real weights and a bias, so that no two fields agree by chance.
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.normal(size=(num_neurons, num_neurons)), 1)
    return Hopfield(weights + weights.T, rng.normal(size=num_neurons) / 2.0)


def _answers(template: Template, num_neurons: int) -> NDArray[np.float64]:
    """Accepted probability (2^N, 2^N) of every answer from every basis state, on Aer."""
    data = list(template.circuit.data)
    measured: dict[int, int] = {}
    while data and data[-1].operation.name == "measure":
        instruction = data.pop()
        bit = template.circuit.find_bit(instruction.clbits[0]).index
        measured[bit] = template.circuit.find_bit(instruction.qubits[0]).index
    if any(instruction.clbits for instruction in data):
        raise ValueError("The circuit measures before its end; it has no amplitudes to compare.")
    circuit = template.circuit.copy_empty_like()
    for instruction in data:
        circuit.append(instruction)
    circuit.save_probabilities([measured[bit] for bit in sorted(measured)], label="p")
    angles = registers.probe_angles(all_states(num_neurons).astype(float))
    binds = {each: angles[:, j].tolist() for j, each in enumerate(template.parameters)}
    simulator = AerSimulator(method="statevector")
    result = simulator.run(
        circuit, parameter_binds=[binds], runtime_parameter_bind_enable=True
    ).result()
    # Neurons are the lowest bits, failed blocks the higher ones; an accepted run has these at 0.
    return np.stack([each.data.p[: 2**num_neurons] for each in result.results])


def _exact(field: str, name: str, seed: int) -> Measured:
    num_neurons = SIZES[field, name]
    model = _memory(field, num_neurons, seed, name)
    method = NeuronDynamics(NEURONS[name], sweeps=1, register="coherent")
    plan = method.plan(model, np.random.default_rng(seed))
    template = method.template(model, plan)
    worst = 0.0
    answers = _answers(template, num_neurons)
    for state, answer in zip(all_states(num_neurons), answers, strict=True):
        law = method.law(model, state)
        gap = np.abs(answer - law.acceptance * law.as_vector()).max()
        worst = max(worst, float(gap))
    return exactly(worst, f"{template.circuit.num_qubits} qubits")


for _key, _size in SIZES.items():
    claim(
        f"law.exact.{_key[0]}.{_key[1]}",
        statement=f"Coherent circuit = law: {_key[0]} field, {_key[1]} neurons",
        source=SOURCE,
        setting=f"largest gap of any probability, n = {_size}, all {2**_size} inputs, one sweep",
        expected=0.0,
        tolerance=1e-10,
        by="circuits",
        quick=_size < 5 and _key[1] != "level-2",
    )(partial(_exact, *_key))


def _sampled(register: str, field: str, seed: int) -> Measured:
    """p-value of all inputs and neurons together."""
    num_neurons, shots = 3, 400
    statistic, freedom = 0.0, 0
    runner, rng = AerRunner(), np.random.default_rng(seed)
    states = all_states(num_neurons)
    for name, neuron in NEURONS.items():
        model = _memory(field, num_neurons, seed, name)
        method = NeuronDynamics(neuron, sweeps=1, register=register)
        samples = method.run(model, states, shots, runner, rng)
        for probe, state in enumerate(states):
            law = method.law(model, state)
            observed = np.array(
                [
                    samples.weights[probe][(samples.outcomes[probe] == other).all(axis=1)].sum()
                    for other in law.states
                ]
            )
            if observed.sum() != samples.weights[probe].sum():
                return exactly(0.0, "a state of probability 0 came")
            more, degrees = _chi_square(observed, law.probabilities * observed.sum())
            statistic, freedom = statistic + more, freedom + degrees
    p_value = float(chi2.sf(statistic, freedom))
    return exactly(p_value, f"chi-square {statistic:.1f}, {freedom} degrees of freedom")


def _chi_square(observed: NDArray[np.float64], expected: NDArray[np.float64]) -> tuple[float, int]:
    """Statistic and degrees of freedom, cells pooled, rarest first, to at least 5 expected."""
    cells: list[NDArray[np.float64]] = []
    pool = np.zeros(2)
    for index in np.argsort(expected):
        pool = pool + np.array([observed[index], expected[index]])
        if pool[1] >= 5.0:
            cells.append(pool)
            pool = np.zeros(2)
    if cells:
        cells[-1] = cells[-1] + pool
    if len(cells) < 2:
        return 0.0, 0
    seen, due = np.array(cells).T
    return float(((seen - due) ** 2 / due).sum()), len(cells) - 1


for _register in ("reuse", "feedforward"):
    for _field in ("quadratic", "cubic"):
        claim(
            f"law.sampled.{_register}.{_field}",
            statement=f"Register {_register!r} draws from the law: {_field} field",
            source=SOURCE,
            setting="p-value, n = 3, all inputs, levels 0 to 2 and threshold, 400 shots each",
            expected=1e-6,
            tolerance=0.0,
            relation=">=",
            by="circuits",
            quick=_register == "feedforward" and _field == "quadratic",
        )(partial(_sampled, _register, _field))
