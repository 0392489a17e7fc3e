"""One quantum neuron whose inputs are product states."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ParameterVector, Qubit
from torch import Tensor

from ...circuits import laws
from ...circuits.blocks import Neuron, RotationNeuron, RUSNeuron
from ...circuits.blocks.fields import OpenField
from ...circuits.blocks.neurons import Workspace
from ...circuits.common.checks import check_count
from .base import Layout, Measured, Program, Wires, check_layout


@dataclass(frozen=True)
class NeuronProgram(Program):
    """A level-k neuron that reads product states and counts where every block succeeds at once.

    Input j is ``R_y(arccos z_j)|0>``, one RZZ a synapse loads the field ``h = b + sum_j W_j s_j``,
    and ``2^k - 1`` nested blocks, each tried once, sharpen it.  Outcome 0 is spin +1, outcome 1 is
    spin -1: ``N = E[p^m], E[(1-p)^m]`` with ``p = (1 + sin(2 gain h)) / 2`` and ``m = 2^k``.

    The neuron reads its inputs in Z only, so they can be measured after it, and are: with them a
    run's probability has a closed form, which the covariance rule needs.

    Layouts: ``coherent`` takes an ancilla a block and measures in the end; ``reuse`` measures each
    block when it is done and uses one ancilla a level, ``num_inputs + 1 + level`` qubits.

    Attributes:
        num_inputs: n, the neurons that it reads, >= 1.
        level: number of nested blocks, 0..4.

    Raises:
        TypeError: an attribute is no integer.
        ValueError: an attribute is out of range.

    Source: Cao, Guerreschi and Aspuru-Guzik 2017, arXiv:1711.11240.
    """

    num_inputs: int
    level: int = 1

    def __post_init__(self) -> None:
        check_count(self.num_inputs, "num_inputs", minimum=1)
        check_count(self.level, "level", maximum=laws.MAX_LEVEL)

    @property
    def num_angles(self) -> int:
        """See :attr:`Program.num_angles`: inputs, synapses, and the output's own rotation."""
        return 2 * self.num_inputs + 1

    @property
    def num_outcomes(self) -> int:
        """See :attr:`Program.num_outcomes`: +1 and -1."""
        return 2

    @property
    def frequencies(self) -> tuple[int, ...]:
        """See :attr:`Program.frequencies`: the field is loaded ``2^k`` times."""
        loads = int(2**self.level)
        return (1,) * self.num_inputs + (loads,) * (self.num_inputs + 1)

    @property
    def wires(self) -> Wires:
        """See :attr:`Program.wires`: inputs, output, ancillas."""
        n, total = self.num_inputs, self.num_qubits()
        return Wires(outcome=(n,), flags=tuple(range(n + 1, total)), total=total)

    @property
    def rank(self) -> int:
        """See :attr:`Program.rank`.

        The output and the ancillas, ``2^k`` qubits, depend on the inputs through ``2^k + 1``
        harmonics of the field.
        """
        block = int(2**self.level)
        inside = [min((block + 1) << left, 1 << block - left) for left in range(1, block)]
        return max(block + 1, *inside, 2)

    def num_qubits(self, layout: Layout = "coherent") -> int:
        """See :meth:`Program.num_qubits`."""
        ancillas = self.level if layout == "reuse" else int(2**self.level) - 1
        return self.num_inputs + 1 + ancillas

    def angles(self, means: Tensor, weights: Tensor, bias: Tensor, gain: Tensor | float) -> Tensor:
        """What a run binds, with gradients.

        The angle of an input has an infinite slope at ``z = +-1``, where its gradient is 0.

        Args:
            means: expectations z of the inputs, in [-1, 1] up to rounding.
            weights: the synapses W.
            bias: b.
            gain: angle in radians per unit of field.

        Shapes:
            means: (..., n)
            weights: (..., n)
            bias: (...)
            result: (..., num_angles)
        """
        inputs = laws.key_angles(means + (means.clamp(-1.0, 1.0) - means).detach())
        turns = -2.0 * gain * weights
        offset = (math.pi / 2.0 - 2.0 * gain * bias)[..., None]
        lead = torch.broadcast_shapes(inputs.shape[:-1], turns.shape[:-1], offset.shape[:-1])
        return torch.cat([part.expand(*lead, -1) for part in (inputs, turns, offset)], dim=-1)

    def circuit(self, layout: Layout = "coherent") -> Measured:
        """See :meth:`Program.circuit`."""
        check_layout(layout)
        n, blocks, alone = self.num_inputs, int(2**self.level) - 1, layout == "reuse"
        inputs, output = QuantumRegister(n, "input"), QuantumRegister(1, "output")
        ancillas = QuantumRegister(self.level if alone else blocks, "block")
        spin, rejected = ClassicalRegister(1, "spin"), ClassicalRegister(blocks, "rejected")
        read = ClassicalRegister(n, "read")
        circuit = QuantumCircuit(inputs, output, ancillas, spin, rejected, read, name="neuron")
        angles = ParameterVector("t", self.num_angles)
        for j in range(n):
            circuit.ry(angles[j], inputs[j])
        flags = iter(rejected)
        fresh = iter(ancillas)

        def ancilla(level: int) -> Qubit:
            return ancillas[level - 1] if alone else next(fresh)

        def postselect(qubit: Qubit) -> None:
            # It reads 0 in a run that counts, so that the next block finds it ready.
            if alone:
                circuit.measure(qubit, next(flags))

        self._neuron.append(
            circuit,
            OpenField(angles[n : 2 * n], angles[2 * n], list(inputs)),
            output[0],
            Workspace(block_ancilla=ancilla, postselect=postselect, final=True),
        )
        if not alone and blocks:
            circuit.measure(ancillas, rejected)
        circuit.measure(output, spin)
        circuit.measure(inputs, read)
        return Measured(
            circuit=circuit,
            parameters=tuple(angles),
            outcome=(0,),
            flags=tuple(range(1, 1 + blocks)),
            records=tuple(range(1 + blocks, 1 + blocks + n)),
        )

    def apply(self, angles: Any) -> None:
        """See :meth:`Program.apply`."""
        import pennylane as qml

        from ..templates import RotationNeuron as Rotation
        from ..templates import RUSNeuron as Repeated

        n = self.num_inputs
        for j in range(n):
            qml.RY(angles[..., j], wires=j)
        turns, offset, inputs = angles[..., n : 2 * n], angles[..., 2 * n], list(range(n))
        if self.level == 0:
            Rotation(turns, offset, neurons=inputs, output=n)
            return
        ancillas = list(self.wires.flags)
        Repeated(turns, offset, neurons=inputs, output=n, ancillas=ancillas, level=self.level)

    def log_probability(
        self, outcomes: Tensor, spins: Tensor, means: Tensor, field_angles: Tensor
    ) -> Tensor:
        """Logarithm of the chance that a run counts and shows an outcome and these inputs.

        ``sum_j log (1 + s_j z_j) / 2 + m log (1 + o sin u) / 2`` with ``u = 2 gain h(s)`` and the
        output's spin o: what the covariance rule differentiates.

        Args:
            outcomes: 0 for spin +1, 1 for spin -1.
            spins: the inputs as they were measured, +-1.
            means: z.
            field_angles: u.

        Shapes:
            outcomes: (R,)
            spins: (R, n)
            means: (R, n)
            field_angles: (R,)
            result: (R,)
        """
        least = torch.finfo(means.dtype).eps  # readings that only noise makes possible
        read = ((1.0 + spins * means) / 2.0).clamp(min=least).log().sum(-1)
        signs = 1.0 - 2.0 * outcomes.to(means.dtype)
        response = ((1.0 + signs * torch.sin(field_angles)) / 2.0).clamp(min=least).log()
        return read + 2.0**self.level * response

    @property
    def _neuron(self) -> Neuron:
        return RUSNeuron(self.level, attempts=1) if self.level else RotationNeuron()
