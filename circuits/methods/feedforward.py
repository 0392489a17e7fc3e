"""Neurons in classical memory: small circuits run once for all trajectories with equal angles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..blocks.neurons import Neuron, PreparedNeuron
from ..patterns import check_probes
from .base import Probes, Runner
from .registers import probe_angles, single_neuron, single_spin
from .template import Template
from .trajectories import Draw


def draw_from_circuits(
    neuron: Neuron, prepared: PreparedNeuron, runner: Runner, rng: np.random.Generator
) -> Draw:
    """Draws new spins from the circuit of one neuron; equal fields share its runs."""
    template = single_neuron(neuron, prepared)

    def draw(
        neurons: int | NDArray[np.int64], fields: NDArray[np.float64], spins: NDArray[np.int8]
    ) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.float64]]:
        values = prepared.parameter(neurons, fields, spins)
        new, accepted, blocks = run_grouped(template, values[:, None], 1, runner, rng)
        return new[:, 0], accepted, blocks

    return draw


def measured_starts(
    probes: Probes, num_neurons: int, shots: int, runner: Runner, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Measures every probe ``shots`` times, (P * shots, N): undecided entries are run as qubits.

    Args:
        probes: spin expectations.
        num_neurons: N.
        shots: measurements of a probe.
        runner: runs the circuit of one undecided entry.
        rng: seeds it.
    """
    expectations = np.repeat(check_probes(probes, num_neurons), shots, axis=0)
    starts = np.sign(expectations).astype(np.int8)
    undecided = np.abs(expectations) < 1.0
    if undecided.any():
        angles = probe_angles(expectations[undecided])
        starts[undecided] = run_grouped(single_spin(), angles[:, None], 1, runner, rng)[0][:, 0]
    return starts


def run_grouped(
    template: Template,
    values: NDArray[np.float64],
    answers: int,
    runner: Runner,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.float64]]:
    """Runs a circuit once for every row of ``values``, equal ones together.

    Args:
        template: the circuit.
        values: what its parameters are bound to, (T, parameters).
        answers: how many of its first classical bits are the answer, A.
        runner: runs it.
        rng: deals the readings of a group out to its rows, and seeds the runs.

    Returns:
        The answers (T, A) as spins, which rows were accepted (T,) and the level-1 blocks that
        each took (T,).
    """
    # Adding 0 turns -0 into 0, which would be another row.
    rounded = values.round(12) + 0.0
    if rounded.shape[1] == 1:
        distinct, group, sizes = np.unique(rounded[:, 0], return_inverse=True, return_counts=True)
        distinct = distinct[:, None]
    else:
        distinct, group, sizes = np.unique(rounded, axis=0, return_inverse=True, return_counts=True)
    counted = runner.run(template.circuit, template.parameters, distinct, sizes, rng)
    keys: list[int] = []
    times: list[int] = []
    for counts in counted:
        # Sorted: the order of a simulator's counts depends on its number of threads.
        for key, count in sorted(counts.items()):
            keys.append(key)
            times.append(count)
    spins = np.array(
        [[1 - 2 * (key >> bit & 1) for bit in range(answers)] for key in keys], dtype=np.int8
    )
    accepted = np.array([not key & template.rejecting for key in keys], dtype=np.bool_)
    blocks = np.array([template.blocks(key) for key in keys], dtype=np.float64)
    readings = np.repeat(np.arange(len(keys)), times)
    # Readings come group by group; within a group they go to its rows in random order.
    order = np.lexsort((rng.random(len(values)), group.reshape(-1)))
    taken = np.empty(len(values), dtype=np.int64)
    taken[order] = readings
    return spins[taken], accepted[taken], blocks[taken]
