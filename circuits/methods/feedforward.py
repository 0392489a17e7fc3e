"""Neurons in classical memory: small circuits run once for all trajectories with equal angles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..blocks.arithmetic import turned_places
from ..blocks.fields import conditional_angles
from ..blocks.neurons import Neuron, PreparedNeuron
from ..models import Hopfield
from ..patterns import check_probes
from .base import Probes, Runner
from .probes import refuse_trajectories
from .registers import known_neuron, probe_angles, single_neuron, single_spin
from .template import Template
from .trajectories import Draw, Updates


def draw_from_circuits(
    neuron: Neuron,
    prepared: PreparedNeuron,
    runner: Runner,
    rng: np.random.Generator,
    synapses: bool = False,
) -> Draw:
    """Draws new spins from the circuit of one neuron; equal fields share its runs.

    Args:
        neuron: the neuron.
        prepared: its law in the model.
        runner: runs the circuit.
        rng: seeds the runs.
        synapses: whether every synapse is a rotation of its own, as in the one dynamic circuit;
            else the field is summed first and enters as one. Without noise both give one law.
    """
    if synapses:
        return _draw_by_synapses(neuron, prepared, runner, rng)
    template = single_neuron(neuron, prepared)

    def draw(
        updates: Updates,
    ) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.float64]]:
        values = prepared.parameter(updates.neurons, updates.fields, updates.spins)
        new, accepted, blocks = run_grouped(template, values[:, None], 1, runner, rng)
        return new[:, 0], accepted, blocks

    return draw


def _draw_by_synapses(
    neuron: Neuron, prepared: PreparedNeuron, runner: Runner, rng: np.random.Generator
) -> Draw:
    """Draws new spins from the dynamic circuit's gates, cut where it resets its qubits."""
    known = KnownNeurons(neuron, prepared)

    def draw(
        updates: Updates,
    ) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.float64]]:
        seen = updates.seen()
        neurons = np.broadcast_to(np.asarray(updates.neurons), len(seen))
        rows, place = np.unique(
            np.column_stack([neurons, seen.astype(np.int64)]), axis=0, return_inverse=True
        )
        place = place.reshape(-1)
        made = [known.circuit(int(row[0]), row[1:]) for row in rows]
        new, accepted, blocks = run_known([made[row] for row in place], 1, runner, rng)
        return new[:, 0], accepted, blocks

    return draw


def run_known(
    made: Sequence[tuple[Template, list[float]]],
    answers: int,
    runner: Runner,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.float64]]:
    """Runs a circuit of its own for every trajectory, equal ones together.

    Args:
        made: for each of T trajectories its template, and what that is bound to.
        answers: how many of the first classical bits are the answer, A.
        runner: runs them.
        rng: as in :func:`run_grouped`.

    Returns:
        As :func:`run_grouped`.
    """
    new = np.empty((len(made), answers), dtype=np.int8)
    accepted, blocks = np.empty(len(made), dtype=np.bool_), np.empty(len(made))
    # A dictionary keeps its order, so that the seeds of the runs keep theirs.
    groups: dict[int, list[int]] = {}
    for row, (template, _) in enumerate(made):
        groups.setdefault(id(template), []).append(row)
    for mine in groups.values():
        values = np.array([made[row][1] for row in mine])
        new[mine], accepted[mine], blocks[mine] = run_grouped(
            made[mine[0]][0], values, answers, runner, rng
        )
    return new, accepted, blocks


class KnownNeurons:
    """Circuits of single updates whose neurons are known; those of equal shape share a template.

    Args:
        neuron: the neuron.
        prepared: its law in a Hopfield network.
    """

    def __init__(self, neuron: Neuron, prepared: PreparedNeuron) -> None:
        self._neuron, self._prepared = neuron, prepared
        self._templates: dict[tuple[object, ...], Template] = {}

    def circuit(self, index: int, spins: NDArray[np.int64]) -> tuple[Template, list[float]]:
        """The circuit that updates a neuron where it sees spins (N,), and what it is bound to."""
        prepared = self._prepared
        network = prepared.model
        assert isinstance(network, Hopfield)  # the method has looked
        if prepared.integers is None:
            first, steps = conditional_angles(network, index, prepared.gain)
            values = [first, *steps[(steps != 0.0) & (spins < 0)].tolist()]
            places, width, alone = None, 0, not steps.any()
        else:
            sums = prepared.integers.sums[index]
            added = sums.coefficients[(sums.coefficients != 0) & (spins < 0)].tolist()
            width, alone = sums.width, not sums.coefficients.any()
            places = tuple(turned_places(int(each), width) for each in (sums.constant, *added))
            values = [float(sums.constant), *map(float, added)]
        key = (len(values), width, places, alone)
        if key not in self._templates:
            self._templates[key] = known_neuron(
                self._neuron, prepared, index, len(values) - 1, places, alone
            )
        return self._templates[key], values


def measured_starts(
    probes: Probes,
    num_neurons: int,
    shots: int,
    runner: Runner,
    rng: np.random.Generator,
    synapses: bool = False,
) -> NDArray[np.int8]:
    """Measures every probe ``shots`` times, (P * shots, N).

    Without noise only undecided entries are run: a known one would come out as it is.

    Args:
        probes: spin expectations.
        num_neurons: N.
        shots: measurements of a probe.
        runner: runs the circuit of one entry.
        rng: seeds it.
        synapses: whether the qubit is reset first, as in the one dynamic circuit.
    """
    rows = check_probes(probes, num_neurons)
    refuse_trajectories(len(rows), shots, num_neurons)
    expectations = np.repeat(rows, shots, axis=0)
    starts = np.sign(expectations).astype(np.int8)
    unknown = (np.abs(expectations) < 1.0) | (not runner.ideal)
    if unknown.any():
        angles = probe_angles(expectations[unknown])
        template = single_spin(fresh=synapses and not runner.ideal)
        starts[unknown] = run_grouped(template, angles[:, None], 1, runner, rng)[0][:, 0]
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
