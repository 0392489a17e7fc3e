"""The circuits of a network split into blocks of neurons."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.circuit import ParameterVector, Qubit

from ..blocks.control import branch
from ..blocks.fields import ConditionalField, SplitField
from ..blocks.neurons import Neuron, PreparedNeuron
from ..models import Hopfield
from .registers import Builder, prepare_and_measure, probe_angles
from .template import Template


def one_block(
    neuron: Neuron, prepared: PreparedNeuron, block: Sequence[int], count: bool = False
) -> Template:
    """One sweep of one block on n + k + 1 qubits; the rest of the network is open parameters.

    Args:
        neuron: the neuron.
        prepared: its law in the network.
        block: the block's n neurons; neuron ``block[k]`` is qubit and classical bit k.
        count: whether the circuit counts the level-1 blocks that it runs.

    Returns:
        The circuit; its parameters are the angles of the block's old spins (0 or pi), then what
        the rest adds to each neuron's field, see :class:`~..blocks.fields.SplitField`.
    """
    builder = Builder(neuron, prepared, len(block), count, answers=len(block))
    where = dict(zip(block, builder.neurons(None), strict=True))
    spare = builder.qubits("spare", 1)[0]
    ancillas = builder.qubits("block", neuron.ancillas)
    builder.scratch()
    rest = ParameterVector("rest", len(block))
    for i, value in zip(block, rest, strict=True):
        load = SplitField(
            _quadratic(prepared), i, prepared.gain, dict(where), None, value, builder.sums(i)
        )
        spare = _update_and_reset(builder, i, load, where, spare, ancillas)
    builder.circuit.measure([where[i] for i in block], builder.answer)
    builder.parameters += tuple(rest)
    return builder.template()


def known_block(
    neuron: Neuron, prepared: PreparedNeuron, block: Sequence[int], others: Mapping[int, int]
) -> Template:
    """One sweep of one block as in :func:`on_qubits`, gate for gate, the others' bits being known.

    Args:
        neuron: the neuron.
        prepared: its law in the network.
        block: the block's n neurons.
        others: the bit of every other neuron.

    Returns:
        The circuit, which counts the level-1 blocks that it runs; its parameters are the angles of
        the block's old spins (0 or pi).
    """
    builder = Builder(neuron, prepared, len(block), count=True, answers=len(block))
    where = dict(zip(block, builder.qubits("s", len(block)), strict=True))
    spare = builder.qubits("spare", 1)[0]
    ancillas = builder.qubits("block", neuron.ancillas)
    builder.scratch()
    builder.begin(builder.circuit.qubits)
    angles = ParameterVector("probe", len(block))
    for angle, qubit in zip(angles, where.values(), strict=True):
        builder.circuit.ry(angle, qubit)
        builder.circuit.barrier(qubit)
    for i in block:
        load = SplitField(
            _quadratic(prepared), i, prepared.gain, dict(where), others, None, builder.sums(i)
        )
        spare = _update_and_reset(builder, i, load, where, spare, ancillas)
    builder.circuit.measure([where[i] for i in block], builder.answer)
    builder.parameters = tuple(angles)
    return builder.template()


def one_block_values(
    prepared: PreparedNeuron, block: Sequence[int], states: NDArray[np.int8]
) -> NDArray[np.float64]:
    """What the parameters of :func:`one_block` are bound to.

    Args:
        prepared: the neuron's law in the network.
        block: the block's n neurons.
        states: the network when the sweep begins, (T, N).

    Returns:
        (T, 2 n): the angles of the block's spins, then what all others and the bias add to its
        fields, as an angle or, for a threshold neuron, as a whole number.
    """
    own = list(block)
    spins = states.astype(np.float64)
    angles, others = probe_angles(spins[:, own]), spins.copy()
    others[:, own] = 0.0
    if prepared.integers is not None:
        sums = [prepared.integers.sums[i] for i in own]
        steps = np.stack([each.coefficients for each in sums])
        constants = np.array([each.constant for each in sums], dtype=np.float64)
        return np.hstack([angles, constants + (others < 0.0).astype(np.float64) @ steps.T])
    network = _quadratic(prepared)
    fields = others @ network.weights[:, own] + network.bias[own]
    return np.hstack([angles, math.pi / 4.0 - prepared.gain * fields])


def on_bits(
    neuron: Neuron, prepared: PreparedNeuron, blocks: Sequence[Sequence[int]], sweeps: int
) -> Template:
    """All sweeps in one dynamic circuit, the neurons classical bits: k + 1 qubits a block.

    Two registers of N bits take turns: a block reads its own new spins from the one that the sweep
    writes, everything else from the one that the sweep before has written.
    """
    lanes = _lanes(neuron, prepared, blocks, sweeps)
    circuit, answer = lanes[0].circuit, lanes[0].answer
    following = answer
    if len(blocks) > 1:
        register = ClassicalRegister(len(answer), "next")
        circuit.add_register(register)
        following = list(register)
    # The last sweep ends in the answer.
    now, following = (following, answer) if sweeps % 2 else (answer, following)
    outputs = [lane.qubits("output", 1)[0] for lane in lanes]
    ancillas = [lane.qubits("block", neuron.ancillas) for lane in lanes]
    for lane in lanes:
        lane.scratch()
    angles = ParameterVector("probe", len(answer))
    for output, block in zip(outputs, blocks, strict=True):
        for i in block:
            prepare_and_measure(circuit, angles[i], output, now[i])
    for _ in range(sweeps):
        for step in range(max(map(len, blocks))):
            for lane, block, output, own in zip(lanes, blocks, outputs, ancillas, strict=True):
                if step >= len(block):
                    continue
                i, new = block[step], set(block[:step])
                bits = [following[j] if j in new else now[j] for j in range(len(answer))]
                load = ConditionalField(_quadratic(prepared), i, prepared.gain, bits, lane.sums(i))
                lane.fresh_update(i, load, output, own, following[i])
        now, following = following, now
    return _whole(lanes, angles)


def on_qubits(
    neuron: Neuron, prepared: PreparedNeuron, blocks: Sequence[Sequence[int]], sweeps: int
) -> Template:
    """All sweeps in one dynamic circuit, every block on n + k + 1 qubits of its own.

    The neurons are measured before the first sweep and after every one.  What was measured is what
    all blocks go on from: a block prepares its own neurons anew, and sees the others as bits.
    """
    lanes = _lanes(neuron, prepared, blocks, sweeps)
    circuit, answer = lanes[0].circuit, lanes[0].answer
    angles = ParameterVector("probe", len(answer))
    where: dict[int, Qubit] = {}
    spares, ancillas = [], []
    for lane, block in zip(lanes, blocks, strict=True):
        where.update(zip(block, lane.qubits("s", len(block)), strict=True))
        spares.append(lane.qubits("spare", 1)[0])
        ancillas.append(lane.qubits("block", neuron.ancillas))
        lane.scratch()
    for i, qubit in where.items():
        prepare_and_measure(circuit, angles[i], qubit, answer[i])
    for _ in range(sweeps):
        for index, (lane, block) in enumerate(zip(lanes, blocks, strict=True)):
            lane.begin(
                [*(where[i] for i in block), spares[index], *ancillas[index], *lane.scratched]
            )
            for i in block:
                up, down = (partial(_turn, where[i], angle) for angle in (0.0, math.pi))
                branch(circuit, answer[i], 1, down, up)
            others = {j: bit for j, bit in enumerate(answer) if j not in block}
            for i in block:
                qubits = {j: where[j] for j in block}
                load = SplitField(
                    _quadratic(prepared), i, prepared.gain, qubits, others, None, lane.sums(i)
                )
                spares[index] = _update_and_reset(
                    lane, i, load, where, spares[index], ancillas[index]
                )
        for i, qubit in where.items():
            circuit.measure(qubit, answer[i])
    return _whole(lanes, angles)


def _lanes(
    neuron: Neuron, prepared: PreparedNeuron, blocks: Sequence[Sequence[int]], sweeps: int
) -> list[Builder]:
    """A builder for every block, all of one circuit, each with ancillas and flags of its own."""
    lanes: list[Builder] = []
    for number, block in enumerate(blocks):
        lanes.append(
            Builder(
                neuron,
                prepared,
                sweeps * len(block),
                beside=lanes[0] if lanes else None,
                suffix=f"_{number}",
            )
        )
    return lanes


def _whole(lanes: Sequence[Builder], angles: ParameterVector) -> Template:
    """The finished circuit; a run that any block rejects does not count."""
    parts = [lane.template() for lane in lanes]
    rejecting = 0
    for part in parts:
        rejecting |= part.rejecting
    return Template(parts[0].circuit, tuple(angles), rejecting, counter=None)


def _update_and_reset(
    builder: Builder,
    i: int,
    load: SplitField,
    where: dict[int, Qubit],
    spare: Qubit,
    ancillas: Sequence[Qubit],
) -> Qubit:
    """Updates a neuron onto the spare qubit; its old one is reset and returned as the next."""
    builder.update(i, load, spare, _at(ancillas), builder.reject_if)
    old, where[i] = where[i], spare
    builder.circuit.reset(old)
    return old


def _turn(qubit: Qubit, angle: float, circuit: QuantumCircuit) -> None:
    """Turns a qubit."""
    circuit.ry(angle, qubit)


def _at(ancillas: Sequence[Qubit]) -> Callable[[int], Qubit]:
    """The ancilla of each level."""
    return lambda level: ancillas[level - 1]


def _quadratic(prepared: PreparedNeuron) -> Hopfield:
    assert isinstance(prepared.model, Hopfield)  # the method refuses others
    return prepared.model
